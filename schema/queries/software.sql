-- Reads of installed software (store/software.c). It is written by source_list.sql. Look-ups are lateral with a limit, so that no plan can
-- turn them round.

-- fragment: seen
-- Until when a list `l` is known to have been what it is, as msphub_list_seen says it for one row.
case when l.missing_since is not null then l.seen_at else greatest(l.seen_at, rd.read_at) end

-- fragment: readings
left join lateral (select rd.read_at from source_list_readings rd
                   where rd.tenant_id = $1 and rd.integration_id = l.integration_id and rd.kind = l.kind limit 1) rd on true

-- name: of_asset
-- What all sources of an asset say, in order of name. $1 tenant, $2 asset, $3 removed (null: both), $4 text in name or publisher (a like
-- pattern or null), $5 and $6 behind this key and item (null: first page), $7 rows.
select x.* from (
    select r.software_id, c.name, c.publisher, r.version, r.product_code, r.path, r.installed_at, r.size_bytes, r.system_component,
           l.integration_id, r.first_seen, coalesce(r.last_seen, {seen}) as last_seen, r.removed_at,
           c.name_key || E'\x1f' || lpad(l.list_id::text, 19, '0') as key, r.item
    from (select s.integration_id, s.external_id from asset_sources s where s.tenant_id = $1 and s.asset_id = $2::bigint offset 0) s
    cross join lateral (select * from source_lists l
                        where l.tenant_id = $1 and l.integration_id = s.integration_id and l.kind = 8 and l.external_id = s.external_id
                          and l.part = 0 limit 1) l
    {readings}
    cross join lateral (select * from asset_software r where r.tenant_id = $1 and r.list_id = l.list_id offset 0) r
    cross join lateral (select * from software_catalog c where c.tenant_id = $1 and c.software_id = r.software_id limit 1) c
    where ($3::boolean is null or (r.removed_at is not null) = $3)
      and ($4::text is null or c.search like (select lower($4)))) x
where ($5::text is null or (x.key, x.item) > ($5 collate "C", $6::bigint))
order by x.key collate "C", x.item limit $7::bigint;

-- fragment: counts
-- Of assets that have it, and of its versions: exact up to so many installations, which bounds what a page costs.
cross join lateral (
    select count(distinct s.asset_id) as assets, count(distinct r.version) as versions, count(*) = 1000 as counts_are_minimum
    from (select r.list_id, r.version from asset_software r
          where r.tenant_id = $1 and r.software_id = c.software_id and r.removed_at is null limit 1000) r
    cross join lateral (select l.integration_id, l.external_id from source_lists l
                        where l.tenant_id = $1 and l.list_id = r.list_id limit 1) l
    left join lateral (select s.asset_id from asset_sources s
                       where s.tenant_id = $1 and s.integration_id = l.integration_id and s.external_id = l.external_id limit 1) s on true) n

-- name: list
-- The catalog in order of name. $1 tenant, $2 text in name or publisher (a like pattern or null), $3 and $4 behind this name key and id
-- (null: first page), $5 rows.
select c.software_id as id, c.name, c.publisher, c.first_seen, n.assets, n.versions, n.counts_are_minimum, c.name_key, c.software_id
from (select * from software_catalog c
      where c.tenant_id = $1 and c.name_key is not null and ($2::text is null or c.search like (select lower($2)))
        and ($3::text is null or (c.name_key, c.software_id) > ($3 collate "C", $4::bigint))
      order by c.name_key, c.software_id limit $5::bigint) c
{counts}
order by c.name_key, c.software_id;

-- name: get
-- With its versions, those that most have first; all counts are exact. $1 tenant, $2 software.
with installed as materialized (
    select r.version, s.asset_id
    from asset_software r
    cross join lateral (select l.integration_id, l.external_id from source_lists l
                        where l.tenant_id = $1 and l.list_id = r.list_id limit 1) l
    left join lateral (select s.asset_id from asset_sources s
                       where s.tenant_id = $1 and s.integration_id = l.integration_id and s.external_id = l.external_id limit 1) s on true
    where r.tenant_id = $1 and r.software_id = $2::bigint and r.removed_at is null
)
select c.software_id as id, c.name, c.publisher, c.first_seen, (select count(distinct asset_id) from installed) as assets,
       (select coalesce(json_agg(json_build_object('version', version, 'assets', assets) order by assets desc, version), '[]')
        from (select version, count(distinct asset_id) as assets from installed group by version
              order by 2 desc, 1 limit 200) v) as versions
from software_catalog c where c.tenant_id = $1 and c.software_id = $2;

-- name: exists
-- $1 tenant, $2 software. A row when there is one.
select 1 from software_catalog where tenant_id = $1 and software_id = $2::bigint;

-- name: assets
-- Where it is installed. $1 tenant, $2 software, $3 and $4 behind this list and item (null: first page), $5 rows.
select s.asset_id, a.name as asset, a.organization_id, r.version, r.path, r.installed_at, l.integration_id,
       l.external_id as device_external_id, r.first_seen, {seen} as last_seen, r.list_id::text as key, r.item
from (select * from asset_software r
      where r.tenant_id = $1 and r.software_id = $2::bigint and r.removed_at is null
        and ($3::bigint is null or (r.list_id, r.item) > ($3, $4::bigint))
      order by r.list_id, r.item limit $5::bigint) r
cross join lateral (select * from source_lists l where l.tenant_id = $1 and l.list_id = r.list_id limit 1) l
{readings}
left join lateral (select s.asset_id from asset_sources s
                   where s.tenant_id = $1 and s.integration_id = l.integration_id and s.external_id = l.external_id limit 1) s on true
left join lateral (select a.name, a.organization_id from assets a
                   where a.tenant_id = $1 and a.asset_id = s.asset_id limit 1) a on true
order by r.list_id, r.item;
