-- name: load
-- What is stored of an integration's credential. $1 tenant, $2 integration
select version, token_dead_version, error_message, access_token, access_token_expires_at, refresh_token
from integration_configurations
where tenant_id = $1 and integration_id = $2;

-- name: claim
-- The right to refresh, for a while; no row when another holds it. What is stored comes with it, since it may have changed while
-- we asked. $1 tenant, $2 integration, $3 owner, $4 microseconds
update integration_configurations
set token_lease_owner = $3, token_lease_until = now() + $4::bigint * interval '1 microsecond'
where tenant_id = $1 and integration_id = $2
  and (token_lease_until is null or token_lease_until < now() or token_lease_owner = $3)
returning version, token_dead_version, error_message, access_token, access_token_expires_at, refresh_token;

-- name: renew
-- The lease goes on. $1 tenant, $2 integration, $3 owner, $4 microseconds
update integration_configurations
set token_lease_until = now() + $4::bigint * interval '1 microsecond'
where tenant_id = $1 and integration_id = $2 and token_lease_owner = $3;

-- name: release
-- The lease is given back. $1 tenant, $2 integration, $3 owner
update integration_configurations
set token_lease_owner = null, token_lease_until = null
where tenant_id = $1 and integration_id = $2 and token_lease_owner = $3;

-- name: store
-- What a refresh brought. Only in place of the refresh token that was used (or again, when the first try's outcome was lost): a person
-- who connected anew meanwhile wins. Without a refresh token the settings must still be the ones that were used. A grant that works
-- is not dead. Gives: status before, status now. $1 tenant, $2 integration, $3 owner, $4 version, $5 access token, $6 expiry, $7 new refresh token or null, $8 the used one or null
update integration_configurations
set access_token = $5, access_token_expires_at = $6, refresh_token = coalesce($7, refresh_token),
    status = case when token_dead_version is not null and status = 'error' then 'configured' else status end,
    error_message = case when token_dead_version is not null then null else error_message end,
    token_dead_version = null,
    token_lease_until = case when token_lease_owner = $3 then null else token_lease_until end,
    token_lease_owner = nullif(token_lease_owner, $3)
where tenant_id = $1 and integration_id = $2
  and (refresh_token is not distinct from $8 or refresh_token = $7)
  and ($8 is not null or version = $4)
returning (select o.status from integration_configurations o where o.tenant_id = $1 and o.integration_id = $2), status;

-- name: dead
-- The product refuses the grant for good: nothing is tried until the settings change. Not when they have changed already, or when
-- the refused refresh token is no longer the stored one. Gives as store. $1 tenant, $2 integration, $3 owner, $4 version, $5 the used refresh token or null, $6 why
update integration_configurations
set status = 'error', error_message = $6, token_dead_version = version, access_token = null, access_token_expires_at = null,
    updated_at = now(),
    token_lease_until = case when token_lease_owner = $3 then null else token_lease_until end,
    token_lease_owner = nullif(token_lease_owner, $3)
where tenant_id = $1 and integration_id = $2 and version = $4 and refresh_token is not distinct from $5
returning (select o.status from integration_configurations o where o.tenant_id = $1 and o.integration_id = $2), status;
