-- Rooms, and locations with them (store/location.c). Locations are written with the inventory.

-- name: merge
-- One row each, said as a whole. Parameters as in store/flat_batch.h. Gives: created, updated.
with given as (
    select * from unnest($5::text[], $6::text[], $7::text[])
        as g(external_id, location_external_id, name)
), changed as materialized (
    select g.*, o.external_id is null as is_new
    from given g
    left join lateral (select * from rooms o
                       where o.tenant_id = $1 and o.integration_id = $2::bigint and o.external_id = g.external_id limit 1) o on true
    where o.external_id is null or o.missing_since is not null
       or (o.location_external_id, o.name)
          is distinct from (g.location_external_id, g.name)
), written as (
    insert into rooms as o
        (tenant_id, integration_id, external_id, location_external_id, name)
    select $1, $2, external_id, location_external_id, name
    from changed where not $4::boolean
    on conflict (tenant_id, integration_id, external_id) do update
    set location_external_id = excluded.location_external_id, name = excluded.name, missing_since = null, updated_at = now()
)
select created, updated, msphub_run_count($1, $3::bigint, 'rooms', (select count(*) from given), created, updated, 0)
from (select count(*) filter (where is_new) as created, count(*) filter (where not is_new) as updated from changed) c;

-- name: absent
-- Marks those that a complete list lacks; an empty list marks nothing. $1 tenant, $2 integration, $3 run
with missing as (
    update rooms o set missing_since = now(), updated_at = now()
    where o.tenant_id = $1 and o.integration_id = $2::bigint and o.missing_since is null
      and exists (select from sync_run_seen n where n.tenant_id = $1 and n.run_id = $3::bigint and n.kind = 16)
      and (select true from sync_run_seen n where n.tenant_id = $1 and n.run_id = $3 and n.kind = 16
                                              and n.external_id = o.external_id limit 1) is null
    returning 1
)
select msphub_run_count($1, $3, 'rooms', 0, 0, 0, count(*)) from missing having count(*) > 0;

-- name: list
-- In order of the product's ids, each with its rooms. $1 tenant, $2 integration (null: any), $3 text in the name (a like pattern or null),
-- $4 and $5 behind this id and integration (null: first page), $6 rows.
select l.integration_id, l.external_id, l.name, l.address, l.organization_external_id, o.organization_id, l.missing_since, l.updated_at, (
           select coalesce(json_agg(json_build_object('external_id', r.external_id, 'name', r.name,
                                                      'missing_since', msphub_iso(r.missing_since)) order by r.name, r.external_id), '[]')
           from rooms r
           where r.tenant_id = $1 and r.integration_id = l.integration_id and r.location_external_id = l.external_id) as rooms,
       l.external_id, l.integration_id
from provider_locations l
left join lateral (select o.organization_id from organization_mappings o
                   where o.tenant_id = $1 and o.integration_id = l.integration_id and o.external_id = l.organization_external_id
                   limit 1) o on true
where l.tenant_id = $1 and ($2::bigint is null or l.integration_id = $2)
  and ($3::text is null or lower(l.name) like (select lower($3)))
  and ($4::text is null or (l.external_id collate "C", l.integration_id) > ($4 collate "C", $5::bigint))
order by l.external_id collate "C", l.integration_id limit $6::bigint;
