-- Organizations as the products tell them, and which client a person says they are.

-- name: list
-- In order of id. $1 tenant, $2 integration, $3 status (null: any), $4 behind this id (null: first page), $5 rows.
select msphub_organization_json(o)::text, '', o.organization_id
from organization_mappings o
where o.tenant_id = $1 and o.integration_id = $2::bigint
  and ($3::text is null or o.status = $3)
  and ($4::bigint is null or o.organization_id > $4)
order by o.organization_id limit $5::bigint;

-- name: get
-- $1 tenant, $2 integration, $3 organization.
select organization_id, version, msphub_organization_json(o)::text
from organization_mappings o where tenant_id = $1 and integration_id = $2::bigint and organization_id = $3::bigint;

-- name: decide
-- $1 tenant, $2 integration, $3 organization, $4 the version that was read (0: any), $5 decision, $6 client (null: none). No row:
-- another version by now, or none. A rename is settled by deciding.
update organization_mappings
set decision = $5::text, client_id = $6::bigint, renamed_from = null, version = version + 1, updated_at = now()
where tenant_id = $1 and integration_id = $2::bigint and organization_id = $3::bigint and ($4::bigint = 0 or version = $4)
returning organization_id, version, msphub_organization_json(organization_mappings)::text;
