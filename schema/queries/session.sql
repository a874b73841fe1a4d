-- Sessions. Every process forgets what it has cached when it hears msphub_session: "tenant/user" or "tenant/user/session".

-- name: open
-- Opens a session of a user who may sign in at this moment, spends the code that was given, and forgets failures. No row: they
-- may not, or the code is spent.
-- $1 tenant, $2 user, $3 method, $4 SHA-256 of the token, $5 CSRF token, $6 address, $7 user agent, $8 lifetime in µs,
-- $9 step of the TOTP code (null: none), $10 SHA-256 of a recovery code (null: none), $11 sessions of a user at most,
-- $12 SHA-256 of the browser's mark (null: a sign-in that counts no failures), $13 the browser was known by it before
with spent as (
    update user_recovery_codes set used_at = now()
    where tenant_id = $1 and user_id = $2 and hash = $10::bytea and used_at is null
    returning 1
), who as (
    update users u set last_sign_in_at = now(), totp_last_step = coalesce($9::bigint, totp_last_step),
        failed_attempts = case when $13 then failed_attempts else 0 end,
        failed_at = case when $13 then failed_at end,
        locked_until = case when $13 then locked_until end
    from tenants t
    where u.tenant_id = $1 and u.user_id = $2 and u.disabled_at is null and t.tenant_id = $1 and t.status = 'active'
      and ($9::bigint is null or u.totp_last_step < $9::bigint) and ($10::bytea is null or exists (select 1 from spent))
    returning u.tenant_id, u.user_id, u.email, u.role, u.must_change_password
), device as (
    insert into user_devices (tenant_id, user_id, hash) select tenant_id, user_id, $12::bytea from who where $12::bytea is not null
    on conflict (tenant_id, user_id, hash) do update
    set last_used_at = now(), failed_attempts = 0, failed_at = null, locked_until = null
), forgotten as (
    delete from user_devices d using who w
    where d.tenant_id = w.tenant_id and d.user_id = w.user_id and d.hash in (
        select o.hash from user_devices o where o.tenant_id = $1 and o.user_id = $2 and o.hash is distinct from $12::bytea
        order by o.last_used_at desc offset 19)
), opened as (
    insert into sessions (tenant_id, user_id, method, csrf_token, address, user_agent, expires_at)
    select tenant_id, user_id, $3::text, $5::text, $6::text, $7::text, now() + $8::bigint * interval '1 microsecond' from who
    returning tenant_id, session_id, user_id, expires_at
), token as (
    insert into session_tokens (tenant_id, hash, session_id, used_at) select tenant_id, $4::bytea, session_id, now() from opened
), surplus as (
    delete from sessions s using who w
    where s.tenant_id = w.tenant_id and s.session_id in (
        select o.session_id from sessions o where o.tenant_id = $1 and o.user_id = $2
        order by o.session_id desc offset greatest($11::bigint - 1, 0))
    returning s.tenant_id, s.user_id
)
select o.session_id, o.expires_at, w.email, w.role, w.must_change_password,
       msphub_audit_write(o.tenant_id, 'session.opened', 'user', w.email, w.user_id, null, null,
                          jsonb_strip_nulls(jsonb_build_object('method', $3::text, 'session', o.session_id, 'user_agent', $7::text,
                              'second_factor', case when $9::bigint is not null then 'totp'
                                                    when $10::bytea is not null then 'recovery code' end)))::text,
       (select count(pg_notify('msphub_session', tenant_id || '/' || user_id)) from (select distinct tenant_id, user_id from surplus) s)
from opened o join who w using (tenant_id, user_id);

-- name: find
-- $1 SHA-256 of the token, $2 idle time in µs. A session that is good now, of a user who is. All tenants.
select s.tenant_id, s.session_id, s.user_id, u.role, u.email, u.must_change_password, s.csrf_token, s.expires_at, s.last_seen_at,
       k.made_at, k.valid_until, k.used_at is null
from session_tokens k
     join sessions s on s.tenant_id = k.tenant_id and s.session_id = k.session_id
     join users u on u.tenant_id = s.tenant_id and u.user_id = s.user_id
where k.hash = $1::bytea and (k.valid_until is null or k.valid_until > now()) and s.expires_at > now()
  and s.last_seen_at > now() - $2::bigint * interval '1 microsecond' and u.disabled_at is null;

-- name: settle
-- A token was presented for the first time: those before it end after the grace. All tenants. $1 its SHA-256, $2 grace in µs
with this as (
    update session_tokens set used_at = now() where hash = $1::bytea and used_at is null returning tenant_id, session_id, made_at
)
update session_tokens k set valid_until = now() + $2::bigint * interval '1 microsecond'
from this
where k.tenant_id = this.tenant_id and k.session_id = this.session_id and k.made_at < this.made_at and k.valid_until is null;

-- name: rotate
-- A further token; no row when one was handed out within the grace (by a request beside this one), or the session is gone.
-- $1 tenant, $2 session, $3 SHA-256 of the new token, $4 grace in µs
with this as (
    select tenant_id, session_id from sessions where tenant_id = $1 and session_id = $2
), gone as (
    delete from session_tokens where tenant_id = $1 and session_id = $2 and valid_until < now()
)
insert into session_tokens (tenant_id, hash, session_id)
select tenant_id, $3::bytea, session_id from this
where not exists (select 1 from session_tokens k where k.tenant_id = $1 and k.session_id = $2
                  and k.made_at > now() - $4::bigint * interval '1 microsecond')
returning 1;

-- name: touch
-- Arrays: $1 tenant, $2 session, $3 seen at.
update sessions s set last_seen_at = u.at
from unnest($1::bigint[], $2::bigint[], $3::timestamptz[]) as u (tenant_id, session_id, at)
where s.tenant_id = u.tenant_id and s.session_id = u.session_id and s.last_seen_at < u.at;

-- name: renew
-- What a session is worth has changed (a password, a second factor): all its tokens die, it goes on under a new one, and the
-- user's other sessions end. Only when this very transaction has changed the user: else the change before it found something else
-- than it expected. $1 tenant, $2 user, $3 session, $4 SHA-256 of the new token, $5 CSRF token
with renewed as (
    update sessions s set csrf_token = $5::text from users u
    where s.tenant_id = $1 and s.user_id = $2 and s.session_id = $3
      and u.tenant_id = s.tenant_id and u.user_id = s.user_id and u.updated_at = now()
    returning s.tenant_id, s.session_id, s.user_id
), old as (
    delete from session_tokens k using renewed r where k.tenant_id = r.tenant_id and k.session_id = r.session_id
), token as (
    insert into session_tokens (tenant_id, hash, session_id, used_at) select tenant_id, $4::bytea, session_id, now() from renewed
), others as (
    delete from sessions s using renewed r where s.tenant_id = r.tenant_id and s.user_id = r.user_id and s.session_id <> r.session_id
)
select pg_notify('msphub_session', tenant_id || '/' || user_id)::text from renewed;

-- name: close
-- Ends one of a user's sessions; no row when there is none. $1 tenant, $2 user, $3 session
with closed as (
    delete from sessions where tenant_id = $1 and user_id = $2 and session_id = $3
    returning tenant_id, session_id, user_id
)
select c.session_id,
       msphub_audit_write(c.tenant_id, 'session.closed', 'user', u.email, u.user_id, null,
                          jsonb_build_object('session', c.session_id), null)::text,
       pg_notify('msphub_session', c.tenant_id || '/' || c.user_id || '/' || c.session_id)::text
from closed c join users u on u.tenant_id = c.tenant_id and u.user_id = c.user_id;

-- name: close_all
-- Ends all of a user's sessions but one. $1 tenant, $2 user, $3 the one that stays (0: none)
with closed as (
    delete from sessions where tenant_id = $1 and user_id = $2 and session_id <> $3
    returning tenant_id, user_id, session_id
), n as (
    select count(*) as n from closed
)
select n.n,
       msphub_audit_write(u.tenant_id, 'session.closed', 'user', u.email, u.user_id, null, jsonb_build_object('sessions', n.n), null)::text,
       pg_notify('msphub_session', u.tenant_id || '/' || u.user_id)::text
from n, users u where n.n > 0 and u.tenant_id = $1 and u.user_id = $2;

-- name: list
-- A user's own, newest first. $1 tenant, $2 user, $3 the asking one, $4 idle time in µs, $5 after this id (null: first page), $6 rows
select json_build_object('id', session_id, 'current', session_id = $3, 'method', method, 'address', address, 'user_agent', user_agent,
                         'created_at', msphub_iso(created_at), 'last_seen_at', msphub_iso(last_seen_at),
                         'expires_at', msphub_iso(expires_at))::text, session_id::text, session_id
from sessions s
where tenant_id = $1 and user_id = $2 and ($5::bigint is null or session_id < $5)
  and (session_id = $3 or (expires_at > now() and last_seen_at > now() - $4::bigint * interval '1 microsecond'))
order by s.session_id desc limit $6::bigint;

-- name: who
-- $1 the tenant worked on, $2 the user's tenant, $3 user (0: none). All tenants.
select json_build_object('id', t.tenant_id, 'slug', t.slug, 'name', t.name)::text,
       (select msphub_user_json(u)::text from users u where u.tenant_id = $2 and u.user_id = $3)
from tenants t where t.tenant_id = $1;

-- name: purge
-- What has expired, at most $2 at once. All tenants. $1 idle time in µs.
delete from sessions where (tenant_id, session_id) in (
    select tenant_id, session_id from sessions
    where expires_at < now() or last_seen_at < now() - $1::bigint * interval '1 microsecond' limit $2::bigint);
