-- Integrations. Of a tenant that is being deleted there is none; a suspended one's say so. What makes a snapshot (hub/integration.h) has
-- the same columns in every query: store/integration.c reads them.

-- fragment: snapshot
-- The columns of a snapshot.
i.tenant_id, i.integration_id, i.version, i.provider, i.name, i.settings, i.hook, i.hook_secret,
       i.enabled, t.status <> 'active', i.sync_interval_s, i.hook_secret_previous, i.hook_secret_previous_until,
       i.hook_secret_previous_2, i.hook_secret_previous_2_until, i.hook_secret_previous_3, i.hook_secret_previous_3_until,
       i.hook_secret_previous_4, i.hook_secret_previous_4_until,
       (select json_agg(o.external_id)::text from organization_mappings o
        where o.tenant_id = i.tenant_id and o.integration_id = i.integration_id and not o.auto_sync)

-- name: load
-- Snapshots of all tenants, a thousand at a time. $1, $2: after this tenant and integration.
select {snapshot}
from integration_configurations i join tenants t using (tenant_id)
where (i.tenant_id, i.integration_id) > ($1::bigint, $2::bigint) and t.status <> 'deleting'
order by i.tenant_id, i.integration_id limit 1000;

-- name: by_id
-- $1 tenant, $2 integration.
select {snapshot}
from integration_configurations i join tenants t using (tenant_id)
where i.tenant_id = $1 and i.integration_id = $2::bigint and t.status <> 'deleting';

-- name: by_key
-- $1 tenant, $2 provider, $3 name.
select {snapshot}
from integration_configurations i join tenants t using (tenant_id)
where i.tenant_id = $1 and i.provider = $2::text and i.name = $3::text;

-- name: by_hook
-- $1 hook. For intake, before any tenant is known.
select {snapshot}
from integration_configurations i join tenants t using (tenant_id)
where i.hook = $1::text and t.status <> 'deleting';

-- name: by_tenant
-- All of a tenant, by key. $1 tenant.
select {snapshot},
       i.status, i.error_message, i.last_health_check, i.last_success_at, i.next_sync_at, i.created_at, i.updated_at,
       i.status_since, i.last_delivery_at, i.credential_expires_at,
       (select jsonb_agg(s || jsonb_build_object('next_at', msphub_iso(i.schedule_next[place])) order by place)
        from jsonb_array_elements(i.schedules) with ordinality as l(s, place))::text
from integration_configurations i join tenants t using (tenant_id)
where i.tenant_id = $1
order by i.provider, i.name;

-- name: next_id
-- An id ahead of its row, since sealed values are bound to it.
select nextval(pg_get_serial_sequence('integration_configurations', 'integration_id'));

-- name: create
-- $1 tenant, $2 integration, $3 provider, $4 name, $5 settings, $6 enabled, $7 hook, $8 sealed hook secret,
-- $9 sync interval in seconds, $10 the credential ends at, $11 schedules, $12 their plans. Gives the version; no row when that key exists. It is due at once.
with made as (
    insert into integration_configurations (tenant_id, integration_id, provider, name, settings, enabled, hook, hook_secret,
                                            sync_interval_s, next_sync_at, credential_expires_at, schedules, schedule_plans,
                                            schedule_next, sync_patience_s)
    overriding system value
    select $1, $2::bigint, $3::text, $4::text, $5::jsonb, $6::boolean, $7::text, $8::text, $9::bigint, now(), $10::timestamptz,
           $11::jsonb, $12::jsonb, nexts, msphub_plans_patience($2, $12, nexts, 4)
    from msphub_plans_next($2, $12) as nexts
    on conflict (tenant_id, provider, name) do nothing
    returning tenant_id, integration_id, version
)
select version, pg_notify('msphub_integration', tenant_id || '/' || integration_id) from made;

-- name: update
-- $1 tenant, $2 integration, $3 version that was edited, $4 settings, $5 enabled, $6 sync interval in seconds, $7 the
-- credential changed: tokens got with the old one are forgotten; $8 when the credential ends becomes $9; $10 the schedules become $11,
-- their plans $12. It is checked and due at once.
-- Gives the version; no row when it is another by now.
with edited as (
    update integration_configurations
    set settings = $4::jsonb, enabled = $5::boolean, sync_interval_s = $6::bigint, version = version + 1, updated_at = now(),
        status = 'configured', error_message = null,
        access_token = case when $7::boolean then null else access_token end,
        access_token_expires_at = case when $7 then null else access_token_expires_at end,
        refresh_token = case when $7 then null else refresh_token end,
        next_sync_at = case when enabled then least(next_sync_at, now()) else now() end,
        next_check_at = now(), connection_failures = 0, run_failures = 0,
        watched_since = case when enabled then watched_since else now() end,
        credential_expires_at = case when $8::boolean then $9::timestamptz else credential_expires_at end,
        schedules = case when $10::boolean then $11::jsonb else schedules end,
        schedule_plans = case when $10 then $12::jsonb else schedule_plans end,
        schedule_next = case when $10 then nexts else schedule_next end,
        sync_patience_s = case when $10 then msphub_plans_patience($2, $12, nexts, 4) else sync_patience_s end,
        sync_cursors = case when $10 then '{}' else sync_cursors end
    from msphub_plans_next($2, $12) as nexts
    where tenant_id = $1 and integration_id = $2::bigint and version = $3::bigint
    returning tenant_id, integration_id, version
)
select version, pg_notify('msphub_integration', tenant_id || '/' || integration_id) from edited;

-- name: rotate
-- A new webhook secret; four former ones are kept. $1 tenant, $2 integration, $3 sealed secret, $4 the previous one is valid until. Gives the version.
with edited as (
    update integration_configurations
    set hook_secret = $3::text, hook_secret_previous = hook_secret, hook_secret_previous_until = $4::timestamptz,
        hook_secret_previous_2 = hook_secret_previous, hook_secret_previous_2_until = hook_secret_previous_until,
        hook_secret_previous_3 = hook_secret_previous_2, hook_secret_previous_3_until = hook_secret_previous_2_until,
        hook_secret_previous_4 = hook_secret_previous_3, hook_secret_previous_4_until = hook_secret_previous_3_until,
        version = version + 1, updated_at = now()
    where tenant_id = $1 and integration_id = $2::bigint
    returning tenant_id, integration_id, version
)
select version, pg_notify('msphub_integration', tenant_id || '/' || integration_id) from edited;

-- name: delete
-- $1 tenant, $2 integration, $3 version (null: any). Gives its id; no row when there is none of that version.
with gone as (
    delete from integration_configurations
    where tenant_id = $1 and integration_id = $2::bigint and ($3::bigint is null or version = $3)
    returning tenant_id, integration_id
)
select integration_id, pg_notify('msphub_integration', tenant_id || '/' || integration_id) from gone;

-- name: unknown_zones
-- $1 names of time zones text[]. Gives (place, what may be meant or null) of those that are none.
select place, meant from msphub_unknown_zones($1::text[]);
