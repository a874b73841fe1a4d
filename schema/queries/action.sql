-- Actions: which sources of an asset could carry one out, what they act on, and the log of remote access.

-- name: sources
-- Of an asset, the one to be preferred first: it knows the machine, is switched on, and has heard of it last. One row without an integration
-- when it has none; no row when there is no such asset. $1 tenant, $2 asset.
select a.name, s.integration_id, i.provider, i.name, s.external_id, coalesce(i.enabled, false), s.retired_at is not null
from assets a
left join asset_sources s on s.tenant_id = a.tenant_id and s.asset_id = a.asset_id
left join integration_configurations i on i.tenant_id = s.tenant_id and i.integration_id = s.integration_id
where a.tenant_id = $1 and a.asset_id = $2::bigint
order by s.retired_at is not null, not i.enabled, s.agent_status <> 'online', s.last_seen desc nulls last, s.integration_id, s.external_id
limit 100;

-- name: alert
-- What an alert is to its product. $1 tenant, $2 alert.
select a.integration_id, a.series, a.state, a.device_external_id, a.asset_id
from rmm_alerts a where a.tenant_id = $1 and a.alert_id = $2::bigint;

-- name: last_sync
-- What is stored of one source, as an object. It is as old as the last full sync that saw it, or as what was said of it since.
-- $1 tenant, $2 integration, $3 device's external id. Gives the object and when that was so.
select jsonb_build_object('attributes', s.attributes, 'facets', (
           select coalesce(jsonb_object_agg(msphub_facet_name(f.facet), f.body), '{}') from asset_source_facets f
           where f.tenant_id = $1 and f.integration_id = s.integration_id and f.external_id = s.external_id))::text,
       greatest(s.observed_at, case when s.missing_since is null and s.retired_at is null then i.last_success_at end)
from asset_sources s join integration_configurations i using (tenant_id, integration_id)
where s.tenant_id = $1 and s.integration_id = $2::bigint and s.external_id = $3::text;

-- name: opened
-- Remote access is asked for; who by is the transaction's actor. $1 tenant, $2 asset, $3 its name, $4 integration, $5 its key,
-- $6 device's external id, $7 action. Gives the row's id.
insert into remote_access_log (tenant_id, actor_kind, actor_id, actor, address, request_id, asset_id, asset, integration_id, integration,
                               external_id, action)
select $1, w.who ->> 'kind', (w.who ->> 'id')::bigint, w.who ->> 'name', w.who ->> 'address', w.who ->> 'request_id', $2::bigint, $3::text,
       $4::bigint, $5::text, $6::text, $7::text
from (select coalesce(nullif(current_setting('msphub.actor', true), ''), '{"kind": "system", "name": "msphub"}')::jsonb as who) w
returning access_id;

-- name: closed
-- What came of it. $1 tenant, $2 row, $3 outcome, $4 error or null.
update remote_access_log set outcome = $3::text, error = $4::text where tenant_id = $1 and access_id = $2::bigint;

-- name: remote_list
-- Newest first. $1 tenant, $2 asset, $3 actor (each null: any), $4 behind this id (null: first page), $5 rows.
select json_build_object('id', r.access_id, 'at', msphub_iso(r.at), 'actor_kind', r.actor_kind, 'actor_id', r.actor_id, 'actor', r.actor,
                         'address', r.address, 'request_id', r.request_id, 'asset_id', r.asset_id, 'asset', r.asset,
                         'integration', r.integration, 'integration_id', r.integration_id, 'external_id', r.external_id,
                         'action', r.action, 'outcome', r.outcome, 'error', r.error)::text,
       r.access_id::text, r.access_id
from remote_access_log r
where r.tenant_id = $1 and r.access_id > 0 -- always; opens the index
  and ($2::bigint is null or r.asset_id = $2)
  and ($3::text is null or r.actor = $3)
  and ($4::bigint is null or r.access_id < $4)
order by r.access_id desc limit $5::bigint;

-- name: retire
-- Deletes what is older. $1 before, $2 at most so many rows. All tenants.
delete from remote_access_log r using (
    select x.tenant_id, x.access_id from remote_access_log x where x.access_id > 0 and x.at < $1::timestamptz order by x.at limit $2::bigint
) old
where r.tenant_id = old.tenant_id and r.access_id = old.access_id;
