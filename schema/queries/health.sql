-- The health of integrations: findings, checks, what the hub watches over.

-- name: found
-- What a probe or a run found. $1 tenant, $2 integration, $3 version that was tried: of another one by now it says nothing,
-- $4 it is good, $5 it is a run's own (good: all is; else: what the product gave is not, which a probe does not see), $6 the reason
-- will not pass by itself, $7 failures in a row that are an error, $8 message. Not an edit: the version stays.
-- Gives: status before, status now; no row when it is gone or was edited.
with old as (
    select tenant_id, integration_id, status, connection_failures, run_failures from integration_configurations
    where tenant_id = $1 and integration_id = $2::bigint and version = $3::bigint
    for no key update
), counted as (
    select *,
           case when $4::boolean then 0 when $5::boolean then connection_failures
                else greatest(connection_failures + 1, case when $6::boolean then $7::bigint else 0 end) end as connections,
           case when $4 and $5 then 0 when $4 or not $5 then run_failures
                else greatest(run_failures + 1, case when $6 then $7 else 0 end) end as runs
    from old
)
update integration_configurations i
set connection_failures = least(c.connections, 1000000), run_failures = least(c.runs, 1000000), last_health_check = now(),
    status = case when greatest(c.connections, c.runs) >= $7 then 'error' when $4 then 'active' else i.status end,
    error_message = case when $4 and c.runs > 0 then i.error_message else $8::text end
from counted c
where i.tenant_id = c.tenant_id and i.integration_id = c.integration_id
returning c.status, i.status;

-- name: claim
-- Integrations whose check is due; whoever claims one has it for the lease. All tenants. $1 lease in microseconds, $2 at most
with due as (
    select i.tenant_id, i.integration_id from integration_configurations i join tenants t using (tenant_id)
    where i.enabled and i.next_check_at <= now() and t.status = 'active'
    order by i.next_check_at limit $2::bigint
    for no key update of i skip locked
)
update integration_configurations i set next_check_at = now() + $1::bigint * interval '1 microsecond'
from due d where i.tenant_id = d.tenant_id and i.integration_id = d.integration_id
returning i.tenant_id, i.integration_id;

-- name: checked
-- The check is over: the next is at its place in the interval. One that was edited meanwhile is due at once, and stays so.
-- $1 tenant, $2 integration, $3 version that was checked, $4 interval in microseconds
update integration_configurations set next_check_at = msphub_check_slot(integration_id, $4::bigint, now())
where tenant_id = $1 and integration_id = $2::bigint and version = $3::bigint;

-- name: heard
-- A webhook came. $1 tenant, $2 integration, $3 when it was received. To the minute, so that a storm does not write the row anew.
update integration_configurations set last_delivery_at = $3::timestamptz
where tenant_id = $1 and integration_id = $2::bigint
  and (last_delivery_at is null or last_delivery_at < $3 - interval '1 minute');

-- name: watch
-- Opens and resolves the hub's own alerts by what time alone brings, for all tenants. $1 silence of webhooks that is too long (0: never),
-- $2 the interval of syncs that name none, $3 a credential is warned of so long before it ends, all in seconds.
-- One process at a time; gives how many alerts changed.
with turn as materialized (
    select pg_try_advisory_xact_lock(hashtext('msphub_watch')) as mine
), known as materialized (
    select i.*, msphub_integration_key(i.provider, i.name) as key,
           greatest(coalesce(i.last_success_at, i.created_at), i.watched_since) as synced,
           greatest(i.last_delivery_at, i.watched_since) as heard,
           make_interval(secs => coalesce(nullif(i.sync_patience_s, 0), 3 * coalesce(i.sync_interval_s, $2::bigint))) as patience,
           coalesce(i.sync_patience_s > 0, true) as is_synced,
           i.token_dead_version = i.version as dead
    from integration_configurations i join tenants t using (tenant_id)
    where t.status = 'active'
), causes as (
    select k.tenant_id, k.integration_id, c.*
    from known k cross join lateral (values
        ('msphub:health', case when not k.enabled then false when k.status = 'error' then true
                               when k.status = 'active' then false end,
         'major', 'integration_error', 'Integration ' || k.key || ' is in error', k.error_message),
        ('msphub:silent', k.enabled and $1::bigint > 0 and k.last_delivery_at is not null and k.heard < now() - make_interval(secs => $1::bigint),
         'moderate', 'integration_silent', 'No webhooks from ' || k.key,
         'The last webhook came at ' || msphub_iso(k.last_delivery_at)
         || '. Look whether the product still has the webhook''s address and secret (GET …/webhook shows them), and whether it can reach this hub.'),
        ('msphub:stale', k.enabled and k.is_synced and k.synced < now() - k.patience,
         'moderate', 'integration_stale', 'No successful sync of ' || k.key,
         case when k.last_success_at is null then 'No full sync has succeeded yet'
              else 'The last full sync that succeeded ended at ' || msphub_iso(k.last_success_at) end
         || '. The runs of the integration (GET …/runs) say why.'),
        ('msphub:credential', k.enabled and (coalesce(k.dead, false) or
                                             coalesce(k.credential_expires_at < now() + make_interval(secs => $3::bigint), false)),
         case when coalesce(k.dead, false) or k.credential_expires_at < now() then 'major' else 'moderate' end,
         'integration_credential',
         case when coalesce(k.dead, false) then 'The credential of ' || k.key || ' is refused'
              when k.credential_expires_at < now() then 'The credential of ' || k.key || ' has expired'
              else 'The credential of ' || k.key || ' expires' end,
         case when coalesce(k.dead, false) then coalesce(k.error_message, 'reconnect required')
              else 'It ends at ' || msphub_iso(k.credential_expires_at)
                   || '. Make a new one in the product, and reconfigure the integration with it and its new date.' end)
    ) as c (series, opens, severity, type, subject, message)
), changed as materialized (
    select msphub_own_alert(c.tenant_id, c.integration_id, c.series, c.opens, c.severity, c.type, c.subject, c.message) as did
    from causes c
    left join lateral (
        select a.state, a.severity, a.message from rmm_alerts a
        where a.tenant_id = c.tenant_id and a.integration_id = c.integration_id and a.series = c.series and a.series <> '' limit 1
    ) a on true
    where c.opens is not null
      and (c.opens is distinct from coalesce(a.state <> 'resolved', false)
           or (c.opens and (a.severity, a.message) is distinct from (c.severity, c.message)))
      and (select mine from turn)
)
select count(*) filter (where did) from changed;

-- name: counts
-- How many integrations of a provider have which status. All tenants.
select provider, status, count(*) from integration_configurations group by provider, status;

-- name: summary
-- $1 tenant, $2 integration, $3 pending deliveries are looked through up to. One JSON object. Of a backlog that is longer the count is
-- a lower bound, and said to be one.
with pending as materialized (
    select d.tenant_id, d.integration_id from webhook_deliveries d
    where d.status = 'pending' order by d.next_attempt_at, d.delivery_id limit $3::bigint
), last_run as (
    select h.* from integration_sync_history h
    where h.tenant_id = $1 and h.integration_id = $2::bigint and h.mode <> 'single' order by h.run_id desc limit 1
), alerts as (
    select a.severity, count(*) as n from rmm_alerts a
    where a.tenant_id = $1 and a.integration_id = $2 and a.state <> 'resolved' group by a.severity
)
select json_build_object(
           'integration', msphub_integration_key(i.provider, i.name), 'enabled', i.enabled, 'status', i.status,
           'status_since', msphub_iso(i.status_since), 'error_message', i.error_message,
           'last_health_check', msphub_iso(i.last_health_check),
           'devices', (select count(*) from asset_sources s
                       where s.tenant_id = $1 and s.integration_id = $2 and s.retired_at is null),
           'organizations', (select count(*) from organization_mappings o
                             where o.tenant_id = $1 and o.integration_id = $2 and o.missing_since is null),
           'open_alerts', json_build_object(
               'total', (select coalesce(sum(n), 0)::bigint from alerts),
               'by_severity', (select coalesce(json_object_agg(severity, n), '{}') from alerts)),
           'last_run', (select json_build_object('id', r.run_id, 'mode', r.mode, 'status', r.status, 'dry_run', r.dry_run,
                                                 'error', r.error, 'created_at', msphub_iso(r.created_at),
                                                 'finished_at', msphub_iso(r.finished_at)) from last_run r),
           'last_success_at', msphub_iso(i.last_success_at),
           'lag_seconds', case when i.last_success_at is not null
                               then greatest(0, extract(epoch from now() - i.last_success_at))::bigint end,
           'next_sync_at', msphub_iso(i.next_sync_at),
           'last_delivery_at', msphub_iso(i.last_delivery_at),
           'deliveries', json_build_object(
               'pending', (select count(*) from pending p where p.tenant_id = $1 and p.integration_id = $2),
               'pending_is_exact', (select count(*) from pending) < $3,
               'dead', (select count(*) from webhook_deliveries d
                        where d.tenant_id = $1 and d.integration_id = $2 and d.status = 'dead'),
               'held', (select count(*) from webhook_deliveries d
                        where d.tenant_id = $1 and d.integration_id = $2 and d.status = 'held')))::text
from integration_configurations i where i.tenant_id = $1 and i.integration_id = $2;
