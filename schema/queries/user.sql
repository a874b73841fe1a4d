-- Users: sign-in, their own account, and what admins do with them.

-- name: attempt
-- A sign-in begins. It is counted before the password is looked at, so that many at once cannot outrun the lock; what turns out well
-- takes its count back. Browsers that are known have a count of their own. All tenants.
-- $1 the tenant's slug (null: the only tenant), $2 e-mail, $3 SHA-256 of the browser's mark (null: none), $4 attempts allowed,
-- $5 first wait in µs, $6 longest wait
-- No row: no such user. admitted: no wait is in force. locked_until: begins with this attempt.
with found as (
    select u.tenant_id, u.user_id, d.hash is not null as known
    from users u join tenants t using (tenant_id)
         left join user_devices d on d.tenant_id = u.tenant_id and d.user_id = u.user_id and d.hash = $3::bytea
    where u.email = $2::text
      and (t.slug = $1::text or ($1::text is null and not exists (select 1 from tenants o where o.tenant_id <> t.tenant_id)))
), stranger as (
    update users u set failed_attempts = msphub_attempt(u.failed_attempts, u.failed_at), failed_at = now(),
        locked_until = msphub_lock(msphub_attempt(u.failed_attempts, u.failed_at), $4::bigint, $5::bigint, $6::bigint)
    from found f
    where u.tenant_id = f.tenant_id and u.user_id = f.user_id and not f.known and (u.locked_until is null or u.locked_until <= now())
    returning u.locked_until
), familiar as (
    update user_devices d set failed_attempts = msphub_attempt(d.failed_attempts, d.failed_at), failed_at = now(),
        locked_until = msphub_lock(msphub_attempt(d.failed_attempts, d.failed_at), $4::bigint, $5::bigint, $6::bigint)
    from found f
    where d.tenant_id = f.tenant_id and d.user_id = f.user_id and d.hash = $3::bytea and f.known
      and (d.locked_until is null or d.locked_until <= now())
    returning d.locked_until
), counted as (
    select locked_until from stranger union all select locked_until from familiar
)
select u.tenant_id, u.user_id, u.email, u.password_hash, case when u.totp_confirmed_at is not null then u.totp_secret end,
       u.totp_last_step, f.known, exists (select 1 from counted), (select locked_until from counted),
       u.disabled_at is null and t.status = 'active'
from found f join users u using (tenant_id, user_id) join tenants t using (tenant_id);

-- name: take_back
-- An attempt that was no failure. $1 tenant, $2 user, $3 SHA-256 of the browser's mark by which it was known (null: it was not)
with familiar as (
    update user_devices set failed_attempts = greatest(failed_attempts - 1, 0), locked_until = null
    where tenant_id = $1 and user_id = $2 and hash = $3::bytea
)
update users set failed_attempts = greatest(failed_attempts - 1, 0), locked_until = null
where tenant_id = $1 and user_id = $2 and $3::bytea is null;

-- name: rehash
-- The same password at another cost. $1 tenant, $2 user, $3 the hash that was verified, $4 the new one
update users set password_hash = $4::text where tenant_id = $1 and user_id = $2 and password_hash = $3::text;

-- name: account
-- What the user's own operations need. $1 tenant, $2 user
select email, password_hash, totp_secret, totp_confirmed_at is not null, totp_last_step
from users where tenant_id = $1 and user_id = $2 and disabled_at is null;

-- name: set_password
-- By the user. $1 tenant, $2 user, $3 the hash that was verified, $4 the new one
update users set password_hash = $4::text, password_changed_at = now(), must_change_password = false,
                 version = version + 1, updated_at = now()
where tenant_id = $1 and user_id = $2 and password_hash = $3::text;

-- name: totp_begin
-- A secret that is not asked for yet; no change when a confirmed one is there. $1 tenant, $2 user, $3 sealed secret
update users set totp_secret = $3::text, totp_last_step = -1
where tenant_id = $1 and user_id = $2 and totp_confirmed_at is null;

-- name: totp_confirm
-- From now on sign-in asks for a code. No row: it was begun anew meanwhile. $1 tenant, $2 user, $3 the sealed secret that was
-- verified, $4 step of the code, $5 recovery codes as SHA-256 bytea[]
with changed as (
    update users set totp_confirmed_at = now(), totp_last_step = $4::bigint, version = version + 1, updated_at = now()
    where tenant_id = $1 and user_id = $2 and totp_secret = $3::text and totp_confirmed_at is null
    returning tenant_id, user_id
), codes as (
    insert into user_recovery_codes (tenant_id, user_id, hash) select tenant_id, user_id, unnest($5::bytea[]) from changed
)
select user_id from changed;

-- name: totp_remove
-- By the user, with a code, which is spent with it: $4 its step, or $5 SHA-256 of a recovery code. $1 tenant, $2 user, $3 the
-- sealed secret. No row: it is gone, or the code was spent.
with changed as (
    update users u set totp_secret = null, totp_confirmed_at = null, totp_last_step = -1, version = version + 1, updated_at = now()
    where tenant_id = $1 and user_id = $2 and totp_secret = $3::text
      and ($4::bigint is null or totp_last_step < $4::bigint)
      and ($5::bytea is null or exists (select 1 from user_recovery_codes c
                                        where c.tenant_id = $1 and c.user_id = $2 and c.hash = $5::bytea and c.used_at is null))
    returning tenant_id, user_id
), codes as (
    delete from user_recovery_codes c using changed u where c.tenant_id = u.tenant_id and c.user_id = u.user_id
)
select user_id from changed;

-- name: lock_tenant
-- One at a time edits the users of a tenant, so that no two remove each other's last admin. $1 tenant
select tenant_id from tenants where tenant_id = $1 for no key update;

-- name: create
-- $1 tenant, $2 e-mail, $3 display name, $4 role, $5 password hash (null: none), $6 must change it. No row: the e-mail is taken.
insert into users as u (tenant_id, email, display_name, role, password_hash, password_changed_at, must_change_password)
values ($1, $2::text, $3::text, $4::text, $5::text, case when $5::text is not null then now() end, $6)
on conflict (tenant_id, email) do nothing
returning u.user_id, msphub_user_json(u)::text;

-- name: list
-- By e-mail. $1 tenant, $2 after this e-mail (null: first page), $3 rows
select msphub_user_json(u)::text, u.email, u.user_id
from users u where u.tenant_id = $1 and ($2::text is null or u.email > $2::text) order by u.email limit $3::bigint;

-- name: get
-- $1 tenant, $2 user
select u.user_id, u.version, msphub_user_json(u)::text from users u where u.tenant_id = $1 and u.user_id = $2;

-- name: by_email
-- $1 tenant, $2 e-mail
select user_id from users where tenant_id = $1 and email = $2::text;

-- name: update
-- By an admin; after lock_tenant. null: stays as it is.
-- $1 tenant, $2 user, $3 version that is edited (0: any), $4 display name, $5 role, $6 disabled, $7 lift the lock, $8 who acts (a
-- user of this tenant; 0: none), $9 acts as platform
-- Gives a verdict ('ok', 'version', 'platform', 'self', 'last_admin') and the user's JSON; no row: no such user.
with target as (
    select u.user_id, u.version, u.role, u.disabled_at is null and u.role in ('admin', 'platform') as administers,
           exists (select 1 from users o where o.tenant_id = $1 and o.user_id <> $2 and o.role in ('admin', 'platform')
                   and o.disabled_at is null) as others, u.locked_until > now() as locked
    from users u where u.tenant_id = $1 and u.user_id = $2
), verdict as (
    select t.role, t.locked, case
        when $3::bigint <> 0 and version <> $3::bigint then 'version'
        when not $9 and (role = 'platform' or $5::text = 'platform') then 'platform'
        when $6::boolean and user_id = $8::bigint then 'self'
        when administers and not others and not $9
             and ($6::boolean is true or coalesce($5::text, role) not in ('admin', 'platform')) then 'last_admin'
        else 'ok' end as verdict
    from target t
), changed as (
    update users u set display_name = coalesce($4::text, display_name), role = coalesce($5::text, u.role),
        disabled_at = case when $6::boolean is null then disabled_at when $6::boolean then coalesce(disabled_at, now()) end,
        failed_attempts = case when $7 then 0 else failed_attempts end, locked_until = case when $7 then null else locked_until end,
        version = version + 1, updated_at = now()
    from verdict v where v.verdict = 'ok' and u.tenant_id = $1 and u.user_id = $2
    returning u.tenant_id, u.user_id, u.email, u.disabled_at, u.role, msphub_user_json(u)::text as item
), closed as (
    delete from sessions s using changed c where s.tenant_id = c.tenant_id and s.user_id = c.user_id and c.disabled_at is not null
), due as ( -- another role: each session exchanges its token with its next request
    update session_tokens k set made_at = 'epoch' from sessions s, changed c, verdict v
    where c.role <> v.role and s.tenant_id = c.tenant_id and s.user_id = c.user_id and k.tenant_id = s.tenant_id
      and k.session_id = s.session_id
)
select v.verdict, c.item, case when c.user_id is not null then pg_notify('msphub_session', c.tenant_id || '/' || c.user_id)::text end,
       case when $7 and v.locked and c.user_id is not null
            then msphub_audit_write(c.tenant_id, 'user.unlocked', 'user', c.email, c.user_id, null, null, null)::text end
from verdict v left join changed c on true;

-- name: delete
-- By an admin; after lock_tenant. $1 tenant, $2 user, $3 version (0: any), $4 who acts (0: none), $5 acts as platform
-- Gives a verdict, as update.
with target as (
    select u.user_id, u.version, u.role, u.disabled_at is null and u.role in ('admin', 'platform') as administers,
           exists (select 1 from users o where o.tenant_id = $1 and o.user_id <> $2 and o.role in ('admin', 'platform')
                   and o.disabled_at is null) as others
    from users u where u.tenant_id = $1 and u.user_id = $2
), verdict as (
    select case
        when $3::bigint <> 0 and version <> $3::bigint then 'version'
        when not $5 and role = 'platform' then 'platform'
        when user_id = $4::bigint then 'self'
        when administers and not others and not $5 then 'last_admin'
        else 'ok' end as verdict
    from target
), gone as (
    delete from users u using verdict v where v.verdict = 'ok' and u.tenant_id = $1 and u.user_id = $2
    returning u.tenant_id, u.user_id
)
select v.verdict, null::text, case when g.user_id is not null then pg_notify('msphub_session', g.tenant_id || '/' || g.user_id)::text end
from verdict v left join gone g on true;

-- name: reset_password
-- By an admin: ends all sessions, forgets known browsers and failures. $1 tenant, $2 user, $3 password hash, $4 must change it,
-- $5 acts as platform. Gives a verdict, as update.
with verdict as (
    select case when not $5 and role = 'platform' then 'platform' else 'ok' end as verdict
    from users where tenant_id = $1 and user_id = $2
), changed as (
    update users u set password_hash = $3::text, password_changed_at = now(), must_change_password = $4, failed_attempts = 0,
        locked_until = null, version = version + 1, updated_at = now()
    from verdict v where v.verdict = 'ok' and u.tenant_id = $1 and u.user_id = $2
    returning u.tenant_id, u.user_id, msphub_user_json(u)::text as item
), closed as (
    delete from sessions s using changed c where s.tenant_id = c.tenant_id and s.user_id = c.user_id
), forgotten as (
    delete from user_devices d using changed c where d.tenant_id = c.tenant_id and d.user_id = c.user_id
)
select v.verdict, c.item, case when c.user_id is not null then pg_notify('msphub_session', c.tenant_id || '/' || c.user_id)::text end
from verdict v left join changed c on true;

-- name: reset_totp
-- By an admin: sign-in asks for no code until the user enrols again; ends all sessions. $1 tenant, $2 user, $3 acts as platform.
-- Gives a verdict, as update.
with verdict as (
    select case when not $3 and role = 'platform' then 'platform' else 'ok' end as verdict
    from users where tenant_id = $1 and user_id = $2
), changed as (
    update users u set totp_secret = null, totp_confirmed_at = null, totp_last_step = -1, version = version + 1, updated_at = now()
    from verdict v where v.verdict = 'ok' and u.tenant_id = $1 and u.user_id = $2
    returning u.tenant_id, u.user_id, msphub_user_json(u)::text as item
), codes as (
    delete from user_recovery_codes r using changed c where r.tenant_id = c.tenant_id and r.user_id = c.user_id
), closed as (
    delete from sessions s using changed c where s.tenant_id = c.tenant_id and s.user_id = c.user_id
)
select v.verdict, c.item, case when c.user_id is not null then pg_notify('msphub_session', c.tenant_id || '/' || c.user_id)::text end
from verdict v left join changed c on true;
