-- What people do to assets (migration asset_edits): each under the tenant's lock, and followed by inventory.merge without ids.

-- name: edit
-- $1 tenant, $2 asset, $3 the version that was read (0: any), $4 changes (JSON). Gives how it went, as all below.
select msphub_asset_edit($1::bigint, $2::bigint, $3::bigint, $4::jsonb);

-- name: unlock
-- $1 tenant, $2 asset, $3 field.
select msphub_asset_unlock($1::bigint, $2::bigint, $3::text);

-- name: merge
-- $1 tenant, $2 asset, $3 version, $4 the asset that becomes a part of it.
select msphub_asset_merge($1::bigint, $2::bigint, $3::bigint, $4::bigint);

-- name: split
-- $1 tenant, $2 asset, $3 version, $4 integration, $5 external id. Gives the new asset's id.
select msphub_asset_split($1::bigint, $2::bigint, $3::bigint, $4::bigint, $5::text);

-- name: resolve
-- $1 tenant, $2 conflict, $3 resolution.
select msphub_conflict_resolve($1::bigint, $2::bigint, $3::text);

-- name: conflict
-- $1 tenant, $2 conflict.
select c.conflict_id, 0::bigint, msphub_conflict_json(c)::text from sync_conflicts c where c.tenant_id = $1 and c.conflict_id = $2::bigint;

-- name: conflicts
-- Newest first. $1 tenant, $2 kind, $3 status, $4 asset (each null: any), $5 below this id (null: first page), $6 rows.
select msphub_conflict_json(c)::text, '', c.conflict_id
from sync_conflicts c
where c.tenant_id = $1 and c.conflict_id > 0
  and ($2::text is null or c.kind = $2)
  and ($3::text is null or c.status = $3)
  and ($4::bigint is null or c.asset_id = $4 or exists (
        select from asset_sources s
        where s.tenant_id = $1 and s.asset_id = $4
          and (s.integration_id, s.external_id) in ((c.integration_id, c.external_id), (c.other_integration_id, c.other_external_id))
          and c.kind <> 'field'))
  and ($5::bigint is null or c.conflict_id < $5)
order by c.conflict_id desc limit $6::bigint;

-- name: history
-- Newest first. $1 tenant, $2 asset, $3 below this id (null: first page), $4 rows.
select json_build_object('id', h.history_id, 'at', msphub_iso(h.at), 'action', h.action, 'actor', h.actor,
                         'integration_id', h.integration_id, 'details', h.details)::text, '', h.history_id
from asset_history h
where h.tenant_id = $1 and h.asset_id = $2::bigint and h.asset_id > 0 and ($3::bigint is null or h.history_id < $3)
order by h.history_id desc limit $4::bigint;

-- name: exists
-- $1 tenant, $2 asset.
select asset_id from assets where tenant_id = $1 and asset_id = $2::bigint;

-- name: alias
-- $1 tenant, $2 asset that is no more. Gives the one that it became a part of.
select into_id from asset_aliases where tenant_id = $1 and asset_id = $2::bigint;

-- name: precedence
-- $1 tenant. Gives one row: a JSON list.
select coalesce(json_agg(json_build_object('group', p.field_group, 'providers', p.providers, 'is_default', p.is_default,
                                           'fields', p.fields, 'takes_ours', p.ours) order by p.field_group), '[]')::text
from msphub_precedence($1::bigint) p;

-- name: precedence_set
-- $1 tenant, $2 group, $3 providers text[].
insert into field_precedence (tenant_id, field_group, providers)
select $1, d.field_group, $3::text[] from msphub_precedence_default() d where d.field_group = $2::text
on conflict (tenant_id, field_group) do update set providers = excluded.providers, updated_at = now()
where field_precedence.providers <> excluded.providers;

-- name: precedence_unset
-- $1 tenant, $2 group.
delete from field_precedence where tenant_id = $1 and field_group = $2::text;

-- name: waiting
-- Of all tenants: one that has assets to be merged.
select tenant_id from asset_dirty order by tenant_id limit 1;

-- name: upkeep
-- Of all tenants: history and aliases older than $1 go, at most $2 rows each; conflicts that are none any more, as many; alerts that were
-- written while their asset was joined with another one follow it. Gives the counts.
with old as (
    delete from asset_history where ctid = any (array(select ctid from asset_history where at < $1::timestamptz limit $2::bigint)) returning 1
), forgotten as (
    delete from asset_aliases
    where ctid = any (array(select ctid from asset_aliases where since < $1 and asset_id > 0 order by since limit $2)) returning 1
)
select (select count(*) from old), (select count(*) from forgotten), msphub_conflicts_settle($2),
       msphub_aliases_settle(now() - interval '10 minutes');
