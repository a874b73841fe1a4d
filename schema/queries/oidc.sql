-- Sign-in by OpenID Connect.

-- name: spend_state
-- A state is good once, over all processes. No row: it was used before. $1 tenant, $2 SHA-256 of the state, $3 when it expires anyway.
with old as (
    delete from oidc_states_used where tenant_id = $1 and expires_at < now()
)
insert into oidc_states_used (tenant_id, hash, expires_at) values ($1, $2::bytea, $3::timestamptz)
on conflict (tenant_id, hash) do nothing
returning 1;

-- name: user
-- The user that this subject of this provider is, made at the first sign-in; the role follows the mapping each time. No row: the
-- e-mail address belongs to another user, or this very user is being made by a sign-in beside this one (ask again). Nothing is done
-- unless the state has just been spent by this transaction.
-- $1 tenant, $2 provider, $3 subject, $4 e-mail, $5 display name, $6 role, $7 SHA-256 of the state.
with this as (
    select 1 from oidc_states_used where tenant_id = $1 and hash = $7::bytea and xmin = pg_current_xact_id()::xid
), found as (
    select u.tenant_id, u.user_id, u.email from users u, this
    where u.tenant_id = $1 and u.identity_provider_id = $2::bigint and u.external_subject = $3::text
), changed as (
    update users u set role = $6::text, version = version + 1, updated_at = now()
    from found f where u.tenant_id = f.tenant_id and u.user_id = f.user_id and u.role <> $6::text
    returning u.tenant_id, u.user_id
), made as (
    insert into users (tenant_id, email, display_name, role, identity_provider_id, external_subject)
    select $1, $4::text, $5::text, $6::text, $2::bigint, $3::text from this where not exists (select 1 from found)
    on conflict do nothing
    returning user_id, email
)
select user_id, email, (select count(pg_notify('msphub_session', tenant_id || '/' || user_id)) from changed) from found
union all
select user_id, email, 0 from made;
