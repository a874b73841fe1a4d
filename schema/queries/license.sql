-- Licences (store/license.c).

-- name: merge
-- One row each, said as a whole but for its organization: null leaves it as it is, an empty one is none. Parameters as in
-- store/flat_batch.h. Gives: created, updated.
with given as (
    select * from unnest($5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[], $12::boolean[],
                         $13::boolean[], $14::timestamptz[])
        as g(external_id, number, type, computer, device_external_id, account, organization_external_id, taken, trial,
             expires_at)
), changed as materialized (
    select g.*, o.external_id is null as is_new,
           case when g.organization_external_id is null then o.organization_external_id else nullif(g.organization_external_id, '') end as kept
    from given g
    left join lateral (select * from licenses o
                       where o.tenant_id = $1 and o.integration_id = $2::bigint and o.external_id = g.external_id limit 1) o on true
    where o.external_id is null or o.missing_since is not null
       or (g.organization_external_id is not null and o.organization_external_id is distinct from nullif(g.organization_external_id, ''))
       or (o.number, o.type, o.computer, o.device_external_id, o.account, o.taken, o.trial, o.expires_at)
          is distinct from (g.number, g.type, g.computer, g.device_external_id, g.account, g.taken, g.trial, g.expires_at)
), written as (
    insert into licenses as o
        (tenant_id, integration_id, external_id, number, type, computer, device_external_id, account, organization_external_id,
         taken, trial, expires_at)
    select $1, $2, external_id, number, type, computer, device_external_id, account, kept, taken, trial, expires_at
    from changed where not $4::boolean
    on conflict (tenant_id, integration_id, external_id) do update
    set number = excluded.number, type = excluded.type, computer = excluded.computer, device_external_id =
        excluded.device_external_id, account = excluded.account, organization_external_id = excluded.organization_external_id,
        taken = excluded.taken, trial = excluded.trial, expires_at = excluded.expires_at, missing_since = null, updated_at =
        now()
)
select created, updated, msphub_run_count($1, $3::bigint, 'licenses', (select count(*) from given), created, updated, 0)
from (select count(*) filter (where is_new) as created, count(*) filter (where not is_new) as updated from changed) c;

-- name: absent
-- Marks those that a complete list lacks; an empty list marks nothing. $1 tenant, $2 integration, $3 run
with missing as (
    update licenses o set missing_since = now(), updated_at = now()
    where o.tenant_id = $1 and o.integration_id = $2::bigint and o.missing_since is null
      and exists (select from sync_run_seen n where n.tenant_id = $1 and n.run_id = $3::bigint and n.kind = 13)
      and (select true from sync_run_seen n where n.tenant_id = $1 and n.run_id = $3 and n.kind = 13
                                              and n.external_id = o.external_id limit 1) is null
    returning 1
)
select msphub_run_count($1, $3, 'licenses', 0, 0, 0, count(*)) from missing having count(*) > 0;

-- name: list
-- In the order in which they became known. $1 tenant, $2 integration, $3 taken (each null: any), $4 expiring before this (null: whenever),
-- $5 missing (null: both), $6 after this id (0: from the first), $7 rows.
select l.license_id as id, l.integration_id, l.external_id, l.number, l.type, l.computer, l.device_external_id, s.asset_id, l.account,
       l.organization_external_id, o.organization_id, l.taken, l.trial, l.expires_at, l.missing_since, l.first_seen, l.updated_at,
       '' as key, l.license_id
from licenses l
left join lateral (select s.asset_id from asset_sources s
                   where s.tenant_id = $1 and s.integration_id = l.integration_id and s.external_id = l.device_external_id
                   limit 1) s on true
left join lateral (select o.organization_id from organization_mappings o
                   where o.tenant_id = $1 and o.integration_id = l.integration_id and o.external_id = l.organization_external_id
                   limit 1) o on true
where l.tenant_id = $1 and l.license_id > greatest($6::bigint, 0) and l.license_id > 0
  and ($2::bigint is null or l.integration_id = $2)
  and ($3::boolean is null or l.taken = $3)
  and ($4::timestamptz is null or l.expires_at < $4)
  and ($5::boolean is null or (l.missing_since is not null) = $5)
order by l.license_id limit $7::bigint;
