-- Lists of devices and groups (store/list_batch.c): software, patches, members of groups. As in inventory.sql, whose `begin` comes first,
-- nothing but look-ups by key is left to the planner.
--
-- Each kind has a `merge`. Lists whose hash differs → their rows. What a list lacks is gone at once where there is no run; in a run it is
-- noted until the run has proven it (`settle`). A list may come in several groups in a run: what one of them had is not gone.
-- $1 tenant, $2 integration, $3 run (0: none), $4 dry run, $5 kind; lists: $6 ids text[], $7 parts int[], $8 hashes bigint[], $9 more may
-- follow bool[], $10 rows were refused bool[], $11 observed timestamptz[]; rows: $12 which list int[], $13 items bigint[], then the kind's.
-- Gives: created, updated, removed.

-- fragment: lists
lists as materialized (
    select g.place, g.external_id, g.observed_at, g.open, g.broken, l.list_id, s.list_id is not null as is_seen,
           (l.list_id is not null or $4::boolean) and (l.observed_at is null or g.observed_at is null or l.observed_at <= g.observed_at)
           and (l.hash is distinct from g.hash or l.missing_since is not null or coalesce(s.is_staged, false)) as is_touched
    from unnest($6::text[], $7::int[], $8::bigint[], $9::boolean[], $10::boolean[], $11::timestamptz[]) with ordinality
        as g(external_id, part, hash, open, broken, observed_at, place)
    left join lateral (select l.list_id, l.hash, l.missing_since, l.observed_at from source_lists l
                       where l.tenant_id = $1 and l.integration_id = $2::bigint and l.kind = $5::int and l.external_id = g.external_id
                         and l.part = g.part limit 1) l on true
    left join lateral (select s.list_id, s.gone is not null as is_staged from sync_run_lists s
                       where s.tenant_id = $1 and s.run_id = $3::bigint and s.list_id = l.list_id limit 1) s on true
)

-- fragment: touched
-- Which list a row `r` belongs to; 0: one that is not touched, -1: one that a dry run did not make.
(select (array(select case when is_touched then coalesce(list_id, -1) else 0 end from lists order by place))[r.place] as list_id)

-- fragment: per_list
per_list as materialized (
    select list_id, place, count(item) as n, count(*) filter (where is_fresh) as n_fresh, coalesce(bool_or(is_changed), false) as is_changed,
           coalesce(array_agg(item) filter (where item is not null), '{}') as items
    from (select list_id, place, item, is_fresh, is_changed from rows
          union all select list_id, place, null, null, null from lists where is_touched) x
    where list_id > 0 and not $4
    group by list_id, place
)

-- fragment: settled
-- `there`: the current rows of a list before this statement.
settled as materialized (
    select p.*, l.hash as known, l.missing_since is not null as is_missing, ($6)[p.place] as external_id, ($7)[p.place] as part,
           ($9)[p.place] as open, ($10)[p.place] as broken, coalesce(($11)[p.place], now()) as observed_at, gone.items as gone,
           case when cardinality(p.there) + p.n_fresh - cardinality(gone.items) = p.n then ($8)[p.place] end as hash
    from current p
    cross join lateral (select l.hash, l.missing_since from source_lists l
                        where l.tenant_id = $1 and l.list_id = p.list_id limit 1) l
    left join lateral (select true as is_seen, s.gone from sync_run_lists s
                       where s.tenant_id = $1 and s.run_id = $3 and s.list_id = p.list_id limit 1) s on true
    cross join lateral (select array(select item from unnest(s.gone) as before(item)
                                     union all
                                     select item from unnest(p.there) as now(item) where s.is_seen is null
                                     except select unnest(p.items)) as items offset 0) gone -- once a list
), lists_written as (
    insert into source_lists as l (tenant_id, integration_id, kind, external_id, part, hash, observed_at)
    select $1, $2, $5, s.external_id, s.part, x.hash, s.observed_at
    from settled s
    cross join lateral (select coalesce(case when s.gone = '{}' and not s.open or $3 = 0 and not s.broken then s.hash end,
                                        case when not s.is_changed then s.known end) as hash) x
    where x.hash is distinct from s.known or s.is_missing -- a row that a conflict finds and does not update is locked all the same
    on conflict (tenant_id, integration_id, kind, external_id, part) do update
    set hash = excluded.hash, observed_at = excluded.observed_at, seen_at = now(), missing_since = null
), marked as (
    insert into sync_run_lists as s (tenant_id, run_id, list_id, kind, gone, hash, broken, observed_at)
    select $1, $3, list_id, $5, null, null, broken, coalesce(observed_at, now()) from lists
    where $3 > 0 and not $4 and not is_touched and (broken or not is_seen) and list_id is not null
    union all
    select $1, $3, list_id, $5, case when gone <> '{}' or open then gone end, hash, broken, observed_at from settled where $3 > 0
    on conflict (tenant_id, run_id, list_id) do update
    set gone = excluded.gone, hash = excluded.hash, broken = s.broken or excluded.broken, observed_at = excluded.observed_at
)

-- fragment: staged
-- What did not come in a run that lost no row. $1 tenant, $2 integration, $3 run, $4 kind
staged as materialized (
    select s.list_id, s.gone, s.hash, l.external_id, l.part, l.hash as known
    from sync_run_lists s
    cross join lateral (select * from source_lists l where l.tenant_id = $1 and l.list_id = s.list_id limit 1) l
    where s.tenant_id = $1 and s.run_id = $3::bigint and s.kind = $4::int and s.gone is not null and not s.broken
      and l.observed_at <= s.observed_at
)

-- fragment: known
known as (
    insert into source_lists as l (tenant_id, integration_id, kind, external_id, part, hash, observed_at)
    select $1, $2::bigint, $4, external_id, part, hash, now() from staged where hash is distinct from known
    on conflict (tenant_id, integration_id, kind, external_id, part) do update set hash = excluded.hash, seen_at = now()
)

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
-- Lists that the complete reading did not name, and when it was. $1 tenant, $2 integration, $3 run, $4 kind
with missing as (
    insert into source_lists as l (tenant_id, list_id, integration_id, kind, external_id, part, observed_at, seen_at, missing_since)
    select l.tenant_id, l.list_id, l.integration_id, l.kind, l.external_id, l.part, l.observed_at, msphub_list_seen(l), now()
    from source_lists l
    where l.tenant_id = $1 and l.integration_id = $2::bigint and l.kind = $4::int and l.missing_since is null
      and exists (select from sync_run_lists s where s.tenant_id = $1 and s.run_id = $3::bigint and s.kind = $4)
      and l.observed_at < (select started_at from integration_sync_history where tenant_id = $1 and run_id = $3)
      and (select true from sync_run_lists s where s.tenant_id = $1 and s.run_id = $3 and s.list_id = l.list_id limit 1) is null
    on conflict (tenant_id, list_id) do update set missing_since = excluded.missing_since, seen_at = excluded.seen_at
)
insert into source_list_readings as r (tenant_id, integration_id, kind, read_at)
select $1, $2, $4, started_at from integration_sync_history where tenant_id = $1 and run_id = $3
on conflict (tenant_id, integration_id, kind) do update set read_at = greatest(r.read_at, excluded.read_at);

-- name: forget
-- $1 tenant, $2 run, $3 kind
delete from sync_run_lists where tenant_id = $1 and run_id = $2::bigint and kind = $3::int;

-- name: software_catalog
-- Names that are new to the tenant, sorted by key. $1 tenant, $2 keys bigint[], $3 names text[], $4 publishers text[]
insert into software_catalog (tenant_id, key, name, publisher)
select $1, g.key, coalesce(g.name, ''), g.publisher
from unnest($2::bigint[], $3::text[], $4::text[]) as g(key, name, publisher)
where (select true from software_catalog c where c.tenant_id = $1 and c.key = g.key limit 1) is null
on conflict do nothing;

-- name: software_merge
-- Rows: $14 catalog keys bigint[], $15 versions, $16 product codes, $17 paths text[], $18 installed timestamptz[], $19 sizes bigint[],
-- $20 system boolean[]
with {lists}, rows as materialized (
    select t.list_id, r.*, c.software_id, o.item is null as is_new, o.item is null or o.removed_at is not null as is_fresh,
           o.item is null or o.removed_at is not null
           or (o.installed_at, o.size_bytes, o.system_component)
              is distinct from (r.installed_at, r.size_bytes, r.system_component) as is_changed
    from unnest($12::int[], $13::bigint[], $14::bigint[], $15::text[], $16::text[], $17::text[], $18::timestamptz[], $19::bigint[],
                $20::boolean[]) as r(place, item, key, version, product_code, path, installed_at, size_bytes, system_component)
    cross join lateral {touched} t
    left join lateral (select c.software_id from software_catalog c where c.tenant_id = $1 and c.key = r.key limit 1) c on true
    left join lateral (select * from asset_software o
                       where o.tenant_id = $1 and o.list_id = t.list_id and o.item = r.item limit 1) o on true
    where t.list_id <> 0
), written as (
    insert into asset_software as o (tenant_id, list_id, item, software_id, version, product_code, path, installed_at, size_bytes,
                                     system_component)
    select $1, list_id, item, software_id, version, product_code, path, installed_at, size_bytes, system_component
    from rows where is_changed and not $4
    on conflict (tenant_id, list_id, item) do update
    set installed_at = excluded.installed_at, size_bytes = excluded.size_bytes, system_component = excluded.system_component,
        removed_at = null, last_seen = null
), {per_list}, current as materialized (
    -- by the primary key: what is asked of removed_at inside would open an index that does not begin with the list
    select p.*, array(select o.item from (select o.item, o.removed_at from asset_software o
                                          where o.tenant_id = $1 and o.list_id = p.list_id offset 0) o
                      where o.removed_at is null) as there
    from per_list p
), {settled}, removed as (
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
    select count(*) filter (where is_fresh) as created, count(*) filter (where is_changed and not is_fresh) as updated from rows
)
select created, updated, (select count(*) from removed),
       msphub_run_count($1, $3, 'software', coalesce(cardinality($13), 0), created, updated, 0)
from counts;

-- name: software_settle
with {staged}, removed as (
    update asset_software r
    set removed_at = now(), last_seen = (select msphub_list_seen(l) from source_lists l
                                         where l.tenant_id = r.tenant_id and l.list_id = r.list_id)
    where r.ctid = any (array(
        select o.at from staged s cross join lateral unnest(s.gone) as g(item)
        cross join lateral (select o.ctid as at, o.removed_at from asset_software o
                            where o.tenant_id = $1 and o.list_id = s.list_id and o.item = g.item limit 1) o
        where o.removed_at is null))
    returning 1
), {known}
select msphub_run_count($1, $3, 'software', 0, 0, 0, n) from (select count(*) as n from removed) x where n > 0;

-- name: patch_merge
-- A list is what of one family has one status. A patch stands in one of them: where it moves from is to be looked at again. Installed
-- ones are history, of which a product gives what it likes: none of them is ever gone.
-- Rows: $14 families, $15 ids, $16 titles, $17 KB numbers, $18 statuses, $19 severities, $20 types text[], $21 installed, $22 detected
-- timestamptz[]
with {lists}, rows as materialized (
    select t.list_id, d.external_id as device, r.*, o.list_id as was_in, o.item is null as is_new,
           r.status = 'installed' or o.item is null or o.closed_at is not null or o.list_id <> t.list_id as is_fresh,
           o.item is null or o.closed_at is not null or o.list_id <> t.list_id
           or (coalesce(r.title, o.title), coalesce(r.kb, o.kb), coalesce(r.severity, o.severity), coalesce(r.type, o.type),
               coalesce(r.installed_at, o.installed_at), coalesce(r.detected_at, o.detected_at))
              is distinct from (o.title, o.kb, o.severity, o.type, o.installed_at, o.detected_at) as is_changed
    from unnest($12::int[], $13::bigint[], $14::text[], $15::text[], $16::text[], $17::text[], $18::text[], $19::text[], $20::text[],
                $21::timestamptz[], $22::timestamptz[])
        as r(place, item, family, id, title, kb, status, severity, type, installed_at, detected_at)
    cross join lateral {touched} t
    cross join lateral (select ($6::text[])[r.place] as external_id) d
    left join lateral (select * from asset_patches o
                       where o.tenant_id = $1 and o.integration_id = $2 and o.device_external_id = d.external_id and o.item = r.item
                       limit 1) o on true
    where t.list_id <> 0
), written as (
    insert into asset_patches as o (tenant_id, integration_id, device_external_id, item, list_id, family, external_id, title, kb, status,
                                    severity, type, installed_at, detected_at)
    select $1, $2, device, item, list_id, family, coalesce(id, ''), title, kb, status, severity, type, installed_at, detected_at
    from rows where is_changed and not $4
    on conflict (tenant_id, integration_id, device_external_id, item) do update
    set list_id = excluded.list_id, status = excluded.status, closed_at = null, updated_at = now(),
        title = coalesce(excluded.title, o.title), kb = coalesce(excluded.kb, o.kb),
        severity = coalesce(excluded.severity, o.severity), type = coalesce(excluded.type, o.type),
        installed_at = coalesce(excluded.installed_at, o.installed_at), detected_at = coalesce(excluded.detected_at, o.detected_at)
), {per_list}, current as materialized (
    select p.*, array(select o.item from asset_patches o
                      where o.tenant_id = $1 and o.list_id = p.list_id and o.closed_at is null and o.status <> 'installed') as there
    from per_list p
), {settled}, left_behind as (
    update source_lists l set hash = null
    where l.ctid = any (array(
        select x.at from (select distinct was_in from rows where was_in <> list_id and not $4) w
        cross join lateral (select l.ctid as at from source_lists l
                            where l.tenant_id = $1 and l.list_id = w.was_in and l.hash is not null limit 1) x
        where w.was_in <> all (array(select list_id from settled))))
), removed as (
    update asset_patches r set closed_at = now(), updated_at = now()
    where r.ctid = any (array(
        select o.at from settled s cross join lateral unnest(s.gone) as g(item)
        cross join lateral (select o.ctid as at from asset_patches o
                            where o.tenant_id = $1 and o.integration_id = $2 and o.device_external_id = s.external_id
                              and o.item = g.item and o.list_id = s.list_id limit 1) o
        where $3 = 0 and not s.broken
          and (select true from rows w where w.device = s.external_id and w.item = g.item limit 1) is null))
    returning 1
), counts as (
    select count(*) filter (where is_new) as created, count(*) filter (where is_changed and not is_new) as updated from rows
)
select created, updated, (select count(*) from removed),
       msphub_run_count($1, $3, 'patches', coalesce(cardinality($13), 0), created, updated, 0)
from counts;

-- name: patch_settle
-- A patch that moved to another list is not gone, and neither is one whose record, or one of whose device, was refused.
with {staged}, removed as (
    update asset_patches r set closed_at = now(), updated_at = now()
    where r.ctid = any (array(
        select o.at from staged s cross join lateral unnest(s.gone) as g(item)
        cross join lateral (select o.ctid as at, o.external_id, o.list_id, o.closed_at from asset_patches o
                            where o.tenant_id = $1 and o.integration_id = $2 and o.device_external_id = s.external_id
                              and o.item = g.item limit 1) o
        where o.list_id = s.list_id and o.closed_at is null and (select true from sync_run_seen n where n.tenant_id = $1 and n.run_id = $3 and n.kind = $4
                                                  and n.external_id in (o.external_id, s.external_id) limit 1) is null))
    returning 1
), known as ( -- looked at again next time: what moved away meanwhile is not told apart here
    insert into source_lists as l (tenant_id, integration_id, kind, external_id, part, observed_at)
    select $1, $2::bigint, $4, external_id, part, now() from staged where known is not null
    on conflict (tenant_id, integration_id, kind, external_id, part) do update set hash = null, seen_at = now()
)
select msphub_run_count($1, $3, 'patches', 0, 0, 0, n) from (select count(*) as n from removed) x where n > 0;

-- name: patch_vanished
-- Lists that the run did not name are empty: all of the integration after a complete reading ($5), else those of the devices that it
-- named.
with vanished as materialized (
    select l.list_id, l.external_id, l.part
    from source_lists l
    where l.tenant_id = $1 and l.integration_id = $2::bigint and l.kind = $4::int
      and (($5::boolean and exists (select from sync_run_lists s where s.tenant_id = $1 and s.run_id = $3::bigint and s.kind = $4))
           or l.external_id = any (array(select k.external_id from sync_run_lists s
                                         cross join lateral (select k.external_id from source_lists k
                                                             where k.tenant_id = $1 and k.list_id = s.list_id limit 1) k
                                         where s.tenant_id = $1 and s.run_id = $3 and s.kind = $4)))
      -- of such a device, in the families of which something was told that waits: a history alone says nothing of what waits
      and ($5 or (select true from source_lists k
                  where k.tenant_id = $1 and k.integration_id = $2 and k.kind = $4 and k.external_id = l.external_id
                    and k.part / 6 = l.part / 6 and k.part % 6 between 1 and 3
                    and (select true from sync_run_lists s
                         where s.tenant_id = $1 and s.run_id = $3 and s.list_id = k.list_id limit 1) limit 1))
      and l.observed_at < (select started_at from integration_sync_history where tenant_id = $1 and run_id = $3)
      and (select true from sync_run_lists s where s.tenant_id = $1 and s.run_id = $3 and s.list_id = l.list_id limit 1) is null
), removed as (
    update asset_patches r set closed_at = now(), updated_at = now()
    where r.ctid = any (array(
        select o.at from vanished s
        cross join lateral (select o.ctid as at, o.external_id from asset_patches o
                            where o.tenant_id = $1 and o.list_id = s.list_id and o.closed_at is null and o.status <> 'installed'
                            offset 0) o
        where (select true from sync_run_seen n where n.tenant_id = $1 and n.run_id = $3 and n.kind = $4
                                                  and n.external_id in (o.external_id, s.external_id) limit 1) is null))
    returning list_id
), known as (
    insert into source_lists as l (tenant_id, integration_id, kind, external_id, part, observed_at)
    select $1, $2, $4, external_id, part, now() from vanished where list_id = any (array(select list_id from removed))
    on conflict (tenant_id, integration_id, kind, external_id, part) do update set hash = null, seen_at = now()
)
select msphub_run_count($1, $3, 'patches', 0, 0, 0, n) from (select count(*) as n from removed) x where n > 0;

-- name: member_merge
-- Rows: $14 members' ids text[]
with {lists}, rows as materialized (
    select t.list_id, r.*, o.item is null as is_fresh, o.item is null as is_changed
    from unnest($12::int[], $13::bigint[], $14::text[]) as r(place, item, member_id)
    cross join lateral {touched} t
    left join lateral (select o.item from asset_group_members o
                       where o.tenant_id = $1 and o.list_id = t.list_id and o.item = r.item limit 1) o on true
    where t.list_id <> 0
), written as (
    insert into asset_group_members (tenant_id, list_id, item, member_external_id)
    select $1, list_id, item, coalesce(member_id, '') from rows where is_changed and not $4
    on conflict do nothing
), {per_list}, current as materialized (
    select p.*, array(select o.item from asset_group_members o where o.tenant_id = $1 and o.list_id = p.list_id) as there
    from per_list p
), {settled}, removed as (
    delete from asset_group_members r
    where r.ctid = any (array(
        select o.at from settled s cross join lateral unnest(s.gone) as g(item)
        cross join lateral (select o.ctid as at from asset_group_members o
                            where o.tenant_id = $1 and o.list_id = s.list_id and o.item = g.item limit 1) o
        where $3 = 0 and not s.broken))
    returning 1
), counts as (
    select count(*) filter (where is_fresh) as created from rows
)
select created, 0::bigint, (select count(*) from removed),
       msphub_run_count($1, $3, 'members', coalesce(cardinality($13), 0), created, 0, 0)
from counts;

-- name: member_settle
with {staged}, removed as (
    delete from asset_group_members r
    where r.ctid = any (array(
        select o.at from staged s cross join lateral unnest(s.gone) as g(item)
        cross join lateral (select o.ctid as at from asset_group_members o
                            where o.tenant_id = $1 and o.list_id = s.list_id and o.item = g.item limit 1) o))
    returning 1
), {known}
select msphub_run_count($1, $3, 'members', 0, 0, 0, n) from (select count(*) as n from removed) x where n > 0;
