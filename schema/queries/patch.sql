-- Reads of patches (store/patch.c). They are written by source_list.sql.

-- fragment: members
p.patch_id as id, p.integration_id, p.device_external_id, s.asset_id, a.name as asset, o.organization_id, o.client_id, p.family,
       p.external_id, p.title, p.kb, p.status, p.severity, p.type, p.installed_at, p.detected_at, p.first_seen, p.closed_at, p.updated_at

-- fragment: placed
left join lateral (select s.asset_id from asset_sources s
                   where s.tenant_id = $1 and s.integration_id = p.integration_id and s.external_id = p.device_external_id
                   limit 1) s on true
left join lateral (select a.name, a.organization_id from assets a
                   where a.tenant_id = $1 and a.asset_id = s.asset_id limit 1) a on true
left join lateral (select o.organization_id, o.client_id from organization_mappings o
                   where o.tenant_id = $1 and o.organization_id = a.organization_id limit 1) o on true

-- name: list
-- Of one status, in the order in which they became known; closed ones are not among them. $1 tenant, $2 status, $3 family, $4 severity (the
-- product's word), $5 client, $6 integration (each null: any), $7 after this id (0: from the first), $8 rows.
select {members}, '' as key, p.patch_id
from asset_patches p {placed}
where p.tenant_id = $1 and p.status = $2::text and p.closed_at is null and p.patch_id > greatest($7::bigint, 0)
  and ($3::text is null or p.family = $3)
  and ($4::text is null or lower(p.severity) = (select lower($4)))
  and ($5::bigint is null or o.client_id = $5)
  and ($6::bigint is null or p.integration_id = $6)
order by p.patch_id limit $8::bigint;

-- name: of_asset
-- What all sources of an asset say. $1 tenant, $2 asset, $3 status, $4 family (each null: any), $5 closed (null: both), $6 after this id
-- (0: from the first), $7 rows.
select {members}, '' as key, p.patch_id
from (select p.*
      from (select s.integration_id, s.external_id from asset_sources s where s.tenant_id = $1 and s.asset_id = $2::bigint offset 0) s
      cross join lateral (select * from asset_patches p
                          where p.tenant_id = $1 and p.integration_id = s.integration_id and p.device_external_id = s.external_id
                          offset 0) p
      where p.patch_id > greatest($6::bigint, 0)
        and ($3::text is null or p.status = $3)
        and ($4::text is null or p.family = $4)
        and ($5::boolean is null or (p.closed_at is not null) = $5)
      order by p.patch_id limit $7::bigint) p {placed}
order by p.patch_id;

-- name: summary
-- How an asset stands: by family, how many have which status, and when a patch was installed last. $1 tenant, $2 asset. No row: no such
-- asset.
select coalesce(json_object_agg(f.family, json_build_object('pending', f.pending, 'approved', f.approved, 'rejected', f.rejected,
                                                            'failed', f.failed, 'installed', f.installed,
                                                            'last_installed_at', msphub_iso(f.last_installed_at)))
                filter (where f.family is not null), '{}') as families,
       coalesce(sum(f.pending + f.approved + f.failed), 0) = 0 as compliant
from assets a
left join lateral (
    select p.family, count(*) filter (where p.status = 'pending') as pending, count(*) filter (where p.status = 'approved') as approved,
           count(*) filter (where p.status = 'rejected') as rejected, count(*) filter (where p.status = 'failed') as failed,
           count(*) filter (where p.status = 'installed') as installed, max(p.installed_at) as last_installed_at
    from (select s.integration_id, s.external_id from asset_sources s where s.tenant_id = $1 and s.asset_id = a.asset_id offset 0) s
    cross join lateral (select * from asset_patches p
                        where p.tenant_id = $1 and p.integration_id = s.integration_id and p.device_external_id = s.external_id
                        offset 0) p
    where p.closed_at is null
    group by p.family) f on true
where a.tenant_id = $1 and a.asset_id = $2::bigint
group by a.asset_id;
