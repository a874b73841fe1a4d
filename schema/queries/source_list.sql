-- Lists of devices and groups (store/list_batch.c), for all kinds alike. What a kind does with its rows is in the kind's own file.
-- As in inventory.sql, whose `begin` comes first: nothing but look-ups by key is left to the planner.

-- name: make
-- Lists that are new and not empty. $1 tenant, $2 integration, $3 kind, $4 ids text[], $5 parts int[], $6 whether there is anything
-- bool[], $7 observed timestamptz[]
insert into source_lists (tenant_id, integration_id, kind, external_id, part, observed_at)
select $1, $2, $3::int, g.external_id, g.part, coalesce(g.observed_at, now())
from unnest($4::text[], $5::int[], $6::boolean[], $7::timestamptz[]) as g(external_id, part, is_some, observed_at)
where g.is_some and (select true from source_lists l
                     where l.tenant_id = $1 and l.integration_id = $2::bigint and l.kind = $3::int and l.external_id = g.external_id
                       and l.part = g.part limit 1) is null
on conflict do nothing;

-- name: missing
-- Lists that the complete reading did not name, and when it was. $1 tenant, $2 integration, $3 kind, $4 run
with missing as (
    insert into source_lists as l (tenant_id, list_id, integration_id, kind, external_id, part, observed_at, seen_at, missing_since)
    select l.tenant_id, l.list_id, l.integration_id, l.kind, l.external_id, l.part, l.observed_at, msphub_list_seen(l), now()
    from source_lists l
    where l.tenant_id = $1 and l.integration_id = $2::bigint and l.kind = $3::int and l.missing_since is null
      and exists (select from sync_run_lists s where s.tenant_id = $1 and s.run_id = $4::bigint and s.kind = $3)
      and l.observed_at < (select started_at from integration_sync_history where tenant_id = $1 and run_id = $4)
      and (select true from sync_run_lists s where s.tenant_id = $1 and s.run_id = $4 and s.list_id = l.list_id limit 1) is null
    on conflict (tenant_id, list_id) do update set missing_since = excluded.missing_since, seen_at = excluded.seen_at
)
insert into source_list_readings as r (tenant_id, integration_id, kind, read_at)
select $1, $2, $3, started_at from integration_sync_history where tenant_id = $1 and run_id = $4
on conflict (tenant_id, integration_id, kind) do update set read_at = greatest(r.read_at, excluded.read_at);

-- name: forget
-- $1 tenant, $2 run, $3 kind
delete from sync_run_lists where tenant_id = $1 and run_id = $2::bigint and kind = $3::int;
