-- Installed software (store/software.c).

-- name: catalog
-- Names that are new to the tenant, sorted by key. $1 tenant, $2 keys bigint[], $3 names text[], $4 publishers text[]
insert into software_catalog (tenant_id, key, name, publisher)
select $1, g.key, coalesce(g.name, ''), g.publisher
from unnest($2::bigint[], $3::text[], $4::text[]) as g(key, name, publisher)
where (select true from software_catalog c where c.tenant_id = $1 and c.key = g.key limit 1) is null
on conflict do nothing;

-- name: merge
-- Lists whose hash differs → their rows. What a list lacks is gone at once where there is no run; in a run it is noted until the run has
-- proven it (settle). A list may come in several groups in a run: what one of them had is not gone.
-- $1 tenant, $2 integration, $3 run (0: none), $4 dry run; lists: $5 ids text[], $6 parts int[], $7 hashes bigint[], $8 more may follow
-- bool[], $9 rows were refused bool[], $10 observed timestamptz[]; rows: $11 which list int[], $12 items bigint[], $13 catalog keys
-- bigint[], $14 versions, $15 product codes, $16 paths text[], $17 installed timestamptz[], $18 sizes bigint[], $19 system boolean[]
-- Gives: created, updated, removed.
with lists as materialized (
    select g.place, g.observed_at, g.open, g.broken, l.list_id, s.list_id is not null as is_seen,
           (l.list_id is not null or $4::boolean) and (l.observed_at is null or g.observed_at is null or l.observed_at <= g.observed_at)
           and (l.hash is distinct from g.hash or l.missing_since is not null or coalesce(s.is_staged, false)) as is_touched
    from unnest($5::text[], $6::int[], $7::bigint[], $8::boolean[], $9::boolean[], $10::timestamptz[]) with ordinality
        as g(external_id, part, hash, open, broken, observed_at, place)
    left join lateral (select l.list_id, l.hash, l.missing_since, l.observed_at from source_lists l
                       where l.tenant_id = $1 and l.integration_id = $2::bigint and l.kind = 8 and l.external_id = g.external_id
                         and l.part = g.part limit 1) l on true
    left join lateral (select s.list_id, s.gone is not null as is_staged from sync_run_lists s
                       where s.tenant_id = $1 and s.run_id = $3::bigint and s.list_id = l.list_id limit 1) s on true
), rows as materialized (
    select t.list_id, r.*, c.software_id, o.item is null as is_new, o.removed_at is not null as is_back,
           (o.installed_at, o.size_bytes, o.system_component)
           is distinct from (r.installed_at, r.size_bytes, r.system_component) as differs
    from unnest($11::int[], $12::bigint[], $13::bigint[], $14::text[], $15::text[], $16::text[], $17::timestamptz[], $18::bigint[],
                $19::boolean[]) as r(place, item, key, version, product_code, path, installed_at, size_bytes, system_component)
    -- 0: not touched, -1: a list that a dry run did not make
    cross join lateral (select (array(select case when is_touched then coalesce(list_id, -1) else 0 end
                                      from lists order by place))[r.place] as list_id) t
    left join lateral (select c.software_id from software_catalog c where c.tenant_id = $1 and c.key = r.key limit 1) c on true
    left join lateral (select * from asset_software o
                       where o.tenant_id = $1 and o.list_id = t.list_id and o.item = r.item limit 1) o on true
    where t.list_id <> 0
), written as (
    insert into asset_software as o (tenant_id, list_id, item, software_id, version, product_code, path, installed_at, size_bytes,
                                     system_component)
    select $1, list_id, item, software_id, version, product_code, path, installed_at, size_bytes, system_component
    from rows where (is_new or is_back or differs) and not $4
    on conflict (tenant_id, list_id, item) do update
    set installed_at = excluded.installed_at, size_bytes = excluded.size_bytes, system_component = excluded.system_component,
        removed_at = null, last_seen = null
), per_list as materialized (
    select list_id, place, count(item) as n, count(*) filter (where is_new or is_back) as n_fresh,
           coalesce(bool_or(is_new or is_back or differs), false) as is_changed,
           coalesce(array_agg(item) filter (where item is not null), '{}') as items
    from (select list_id, place, item, is_new, is_back, differs from rows
          union all select list_id, place, null, null, null, null from lists where is_touched) x
    where list_id > 0 and not $4
    group by list_id, place
), settled as materialized (
    select p.*, l.hash as known, l.missing_since is not null as is_missing, ($5)[p.place] as external_id, ($6)[p.place] as part,
           ($8)[p.place] as open, ($9)[p.place] as broken, coalesce(($10)[p.place], now()) as observed_at, gone.items as gone,
           case when there.n + p.n_fresh - cardinality(gone.items) = p.n then ($7)[p.place] end as hash
    from per_list p
    cross join lateral (select l.hash, l.missing_since from source_lists l
                        where l.tenant_id = $1 and l.list_id = p.list_id limit 1) l
    left join lateral (select true as is_seen, s.gone from sync_run_lists s
                       where s.tenant_id = $1 and s.run_id = $3 and s.list_id = p.list_id limit 1) s on true
    cross join lateral (select count(*) as n from asset_software o
                        where o.tenant_id = $1 and o.list_id = p.list_id and o.removed_at is null) there
    cross join lateral (select array(select item from unnest(s.gone) as before(item)
                                     union all
                                     select o.item from asset_software o
                                     where s.is_seen is null and o.tenant_id = $1 and o.list_id = p.list_id and o.removed_at is null
                                     except select unnest(p.items)) as items) gone
), lists_written as (
    insert into source_lists as l (tenant_id, integration_id, kind, external_id, part, hash, observed_at)
    select $1, $2, 8, s.external_id, s.part, x.hash, s.observed_at
    from settled s
    cross join lateral (select coalesce(case when s.gone = '{}' and not s.open or $3 = 0 and not s.broken then s.hash end,
                                        case when not s.is_changed then s.known end) as hash) x
    where x.hash is distinct from s.known or s.is_missing -- a row that a conflict finds and does not update is locked all the same
    on conflict (tenant_id, integration_id, kind, external_id, part) do update
    set hash = excluded.hash, observed_at = excluded.observed_at, seen_at = now(), missing_since = null
), marked as (
    insert into sync_run_lists as s (tenant_id, run_id, list_id, kind, gone, hash, broken, observed_at)
    select $1, $3, list_id, 8, null, null, broken, coalesce(observed_at, now()) from lists
    where $3 > 0 and not $4 and not is_touched and (broken or not is_seen) and list_id is not null
    union all
    select $1, $3, list_id, 8, case when gone <> '{}' or open then gone end, hash, broken, observed_at from settled where $3 > 0
    on conflict (tenant_id, run_id, list_id) do update
    set gone = excluded.gone, hash = excluded.hash, broken = s.broken or excluded.broken, observed_at = excluded.observed_at
), removed as (
    update asset_software r
    set removed_at = now(), last_seen = (select msphub_list_seen(l) from source_lists l
                                         where l.tenant_id = r.tenant_id and l.list_id = r.list_id)
    where r.ctid = any (array(
        select o.at from settled s cross join lateral unnest(s.gone) as g(item)
        cross join lateral (select o.ctid as at from asset_software o
                            where o.tenant_id = $1 and o.list_id = s.list_id and o.item = g.item limit 1) o
        where $3 = 0 and not s.broken))
    returning 1
), counts as (
    select count(*) filter (where is_new or is_back) as created, count(*) filter (where differs and not is_new and not is_back) as updated
    from rows
)
select created, updated, (select count(*) from removed),
       msphub_run_count($1, $3, 'software', coalesce(cardinality($12), 0), created, updated, 0)
from counts;

-- name: settle
-- What did not come in a run that lost no row. $1 tenant, $2 integration, $3 run
with staged as materialized (
    select s.list_id, s.gone, s.hash, l.external_id, l.hash as known
    from sync_run_lists s
    cross join lateral (select * from source_lists l where l.tenant_id = $1 and l.list_id = s.list_id limit 1) l
    where s.tenant_id = $1 and s.run_id = $3::bigint and s.kind = 8 and s.gone is not null and not s.broken
      and l.observed_at <= s.observed_at
), removed as (
    update asset_software r
    set removed_at = now(), last_seen = (select msphub_list_seen(l) from source_lists l
                                         where l.tenant_id = r.tenant_id and l.list_id = r.list_id)
    where r.ctid = any (array(
        select o.at from staged s cross join lateral unnest(s.gone) as g(item)
        cross join lateral (select o.ctid as at from asset_software o
                            where o.tenant_id = $1 and o.list_id = s.list_id and o.item = g.item and o.removed_at is null limit 1) o))
    returning 1
), known as (
    insert into source_lists as l (tenant_id, integration_id, kind, external_id, hash, observed_at)
    select $1, $2::bigint, 8, external_id, hash, now() from staged where hash is distinct from known
    on conflict (tenant_id, integration_id, kind, external_id, part) do update set hash = excluded.hash, seen_at = now()
)
select msphub_run_count($1, $3, 'software', 0, 0, 0, n) from (select count(*) as n from removed) x where n > 0;
