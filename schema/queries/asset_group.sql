-- Groups of devices or people (store/asset_group.c).

-- name: merge
-- One row each, said as a whole. Parameters as in store/flat_batch.h. Gives: created, updated.
with given as (
    select * from unnest($5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::boolean[])
        as g(external_id, name, description, url, site, member_kind, smart)
), changed as materialized (
    select g.*, o.external_id is null as is_new
    from given g
    left join lateral (select * from asset_groups o
                       where o.tenant_id = $1 and o.integration_id = $2::bigint and o.external_id = g.external_id limit 1) o on true
    where o.external_id is null or o.missing_since is not null
       or (o.name, o.description, o.url, o.site, o.member_kind, o.smart)
          is distinct from (g.name, g.description, g.url, g.site, g.member_kind, g.smart)
), written as (
    insert into asset_groups as o
        (tenant_id, integration_id, external_id, name, description, url, site, member_kind, smart)
    select $1, $2, external_id, name, description, url, site, member_kind, smart
    from changed where not $4::boolean
    on conflict (tenant_id, integration_id, external_id) do update
    set name = excluded.name, description = excluded.description, url = excluded.url, site = excluded.site, member_kind =
        excluded.member_kind, smart = excluded.smart, missing_since = null, updated_at = now()
)
select created, updated, msphub_run_count($1, $3::bigint, 'groups', (select count(*) from given), created, updated, 0)
from (select count(*) filter (where is_new) as created, count(*) filter (where not is_new) as updated from changed) c;

-- name: absent
-- Marks those that a complete list lacks; an empty list marks nothing. $1 tenant, $2 integration, $3 run
with missing as (
    update asset_groups o set missing_since = now(), updated_at = now()
    where o.tenant_id = $1 and o.integration_id = $2::bigint and o.missing_since is null
      and exists (select from sync_run_seen n where n.tenant_id = $1 and n.run_id = $3::bigint and n.kind = 11)
      and (select true from sync_run_seen n where n.tenant_id = $1 and n.run_id = $3 and n.kind = 11
                                              and n.external_id = o.external_id limit 1) is null
    returning 1
)
select msphub_run_count($1, $3, 'groups', 0, 0, 0, count(*)) from missing having count(*) > 0;

-- fragment: members
g.group_id as id, g.integration_id, g.external_id, g.name, g.description, g.url, g.site, g.member_kind, g.smart,
       g.missing_since, g.first_seen, g.updated_at

-- fragment: known
-- How many members it has; null: the product does not tell them.
(select case when l.list_id is not null then (select count(*) from asset_group_members m
                                              where m.tenant_id = $1 and m.list_id = l.list_id) end
 from (values (1)) one
 left join lateral (select l.list_id from source_lists l
                    where l.tenant_id = $1 and l.integration_id = g.integration_id and l.kind = 12 and l.external_id = g.external_id
                      and l.part = 0 limit 1) l on true) as members

-- name: list
-- In order of name. $1 tenant, $2 integration (null: any), $3 kind of members, $4 smart, $5 missing (each null: both), $6 text in the name
-- (a like pattern or null), $7 and $8 behind this name key and id (null: first page), $9 rows.
select {members}, {known}, g.name_key, g.group_id
from asset_groups g
where g.tenant_id = $1 and g.name_key is not null
  and ($2::bigint is null or g.integration_id = $2)
  and ($3::text is null or g.member_kind = $3)
  and ($4::boolean is null or coalesce(g.smart, false) = $4)
  and ($5::boolean is null or (g.missing_since is not null) = $5)
  and ($6::text is null or g.name_key like (select lower($6)))
  and ($7::text is null or (g.name_key, g.group_id) > ($7 collate "C", $8::bigint))
order by g.name_key, g.group_id limit $9::bigint;

-- name: get
-- $1 tenant, $2 group.
select {members}, {known} from asset_groups g where g.tenant_id = $1 and g.group_id = $2::bigint and g.group_id > 0;

-- name: exists
-- $1 tenant, $2 group.
select 1 from asset_groups g where g.tenant_id = $1 and g.group_id = $2::bigint and g.group_id > 0;

-- name: member_list
-- In order of their ids. $1 tenant, $2 group, $3 behind this id of a member (null: first page), $4 rows.
select m.member_external_id as external_id, s.asset_id, a.name as asset, p.person_id, p.name as person, m.added_at,
       m.member_external_id, 0::bigint
from asset_groups g
cross join lateral (select l.list_id from source_lists l
                    where l.tenant_id = $1 and l.integration_id = g.integration_id and l.kind = 12 and l.external_id = g.external_id
                      and l.part = 0 limit 1) l
cross join lateral (select * from asset_group_members m where m.tenant_id = $1 and m.list_id = l.list_id offset 0) m
left join lateral (select s.asset_id from asset_sources s
                   where g.member_kind = 'devices' and s.tenant_id = $1 and s.integration_id = g.integration_id
                     and s.external_id = m.member_external_id limit 1) s on true
left join lateral (select a.name from assets a where a.tenant_id = $1 and a.asset_id = s.asset_id limit 1) a on true
left join lateral (select p.person_id, p.name from people p
                   where g.member_kind = 'people' and p.tenant_id = $1 and p.integration_id = g.integration_id
                     and p.external_id = m.member_external_id limit 1) p on true
where g.tenant_id = $1 and g.group_id = $2::bigint and g.group_id > 0 and ($3::text is null or m.member_external_id > $3 collate "C")
order by m.member_external_id collate "C" limit $4::bigint;

-- name: of_asset
-- The groups that any source of an asset is a member of, in order of name. $1 tenant, $2 asset, $3 and $4 behind this name key and id
-- (null: first page), $5 rows.
select {members}, {known}, g.name_key, g.group_id
from (select s.integration_id, s.external_id from asset_sources s where s.tenant_id = $1 and s.asset_id = $2::bigint offset 0) s
cross join lateral (select m.list_id from asset_group_members m
                    where m.tenant_id = $1 and m.member_external_id = s.external_id and m.member_external_id <> '' offset 0) m
cross join lateral (select l.integration_id, l.external_id from source_lists l
                    where l.tenant_id = $1 and l.list_id = m.list_id limit 1) l
cross join lateral (select * from asset_groups g
                    where g.tenant_id = $1 and g.integration_id = l.integration_id and g.external_id = l.external_id limit 1) g
where l.integration_id = s.integration_id and g.member_kind = 'devices'
  and ($3::text is null or (g.name_key, g.group_id) > ($3 collate "C", $4::bigint))
order by g.name_key, g.group_id limit $5::bigint;
