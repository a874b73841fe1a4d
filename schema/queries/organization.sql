-- Organizations as the products tell them, for REST.

-- name: list
-- In order of id. $1 tenant, $2 integration, $3 status (null: any), $4 behind this id (null: first page), $5 rows.
select json_build_object('id', o.organization_id, 'external_id', o.external_id, 'name', o.name, 'description', o.description,
           'status', o.status, 'missing_since', msphub_iso(o.missing_since), 'created_at', msphub_iso(o.created_at),
           'assets', (select count(*) from assets a
                      where a.tenant_id = $1 and a.organization_id = o.organization_id and a.retired_at is null))::text,
       '', o.organization_id
from organization_mappings o
where o.tenant_id = $1 and o.integration_id = $2::bigint
  and ($3::text is null or o.status = $3)
  and ($4::bigint is null or o.organization_id > $4)
order by o.organization_id limit $5::bigint;
