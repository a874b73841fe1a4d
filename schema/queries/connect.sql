-- Connecting an account of a product, and the webhook that is registered there.

-- name: get
-- $1 tenant, $2 integration.
select connected_at, connected_by, refresh_token is not null, coalesce(token_dead_version = version, false), status, error_message,
       webhook_registered_at, webhook_registered_by, webhook_registered_url, webhook_registration_error, last_delivery_at
from integration_configurations where tenant_id = $1 and integration_id = $2::bigint;

-- name: connect
-- The grant that a person has given takes the place of what was there. It is checked and due at once; one that was disconnected is
-- switched on again. $1 tenant, $2 integration, $3 version of the settings that it was asked for with, $4 access token, $5 its expiry,
-- $6 refresh token, $7 who. Gives the version; no row when the settings are others by now.
with edited as (
    update integration_configurations
    set access_token = $4::text, access_token_expires_at = $5::timestamptz, refresh_token = $6::text, token_dead_version = null,
        connected_at = now(), connected_by = $7::text, version = version + 1, updated_at = now(),
        watched_since = case when enabled then watched_since else now() end,
        enabled = enabled or status = 'not_configured',
        status = 'configured', error_message = null, connection_failures = 0, next_check_at = now(),
        next_sync_at = least(next_sync_at, now())
    where tenant_id = $1 and integration_id = $2::bigint and version = $3::bigint
    returning tenant_id, integration_id, version
)
select version, pg_notify('msphub_integration', tenant_id || '/' || integration_id) from edited;

-- name: disconnect
-- Its tokens are forgotten, a refresh token among its settings as well, and it is switched off. $1 tenant, $2 integration. Gives the
-- version; no row when it is gone.
with edited as (
    update integration_configurations
    set access_token = null, access_token_expires_at = null, refresh_token = null, token_dead_version = null,
        settings = settings - 'refresh_token', connected_at = null, connected_by = null, enabled = false,
        status = 'not_configured', error_message = null, connection_failures = 0, run_failures = 0,
        version = version + 1, updated_at = now()
    where tenant_id = $1 and integration_id = $2::bigint
    returning tenant_id, integration_id, version
)
select version, pg_notify('msphub_integration', tenant_id || '/' || integration_id) from edited;

-- name: registered
-- The product has taken the webhook. $1 tenant, $2 integration, $3 version of what was told, $4 who, $5 its address. No row: the secret may
-- be another one by now.
update integration_configurations
set webhook_registered_at = now(), webhook_registered_by = $4::text, webhook_registered_url = $5::text, webhook_registration_error = null
where tenant_id = $1 and integration_id = $2::bigint and version = $3::bigint
returning 1;

-- name: removed
-- The product sends no more. $1 tenant, $2 integration.
update integration_configurations
set webhook_registered_at = null, webhook_registered_by = null, webhook_registered_url = null, webhook_registration_error = null
where tenant_id = $1 and integration_id = $2::bigint;

-- name: not_registered
-- A try has failed. $1 tenant, $2 integration, $3 why.
update integration_configurations set webhook_registration_error = $3::text where tenant_id = $1 and integration_id = $2::bigint;
