-- API keys: only their hashes are kept.

-- name: create
-- $1 tenant, $2 name, $3 prefix, $4 SHA-256, $5 role, $6 expires at (null: never).
insert into api_keys (tenant_id, name, prefix, hash, role, expires_at)
values ($1, $2::text, $3::text, $4::bytea, $5::text, $6::timestamptz)
returning api_key_id;

-- name: find
-- $1 SHA-256 of what was sent. Only keys that are valid now, of tenants that are active.
select k.tenant_id, k.api_key_id, k.role, k.prefix, k.expires_at
from api_keys k join tenants t using (tenant_id)
where k.hash = $1::bytea and k.revoked_at is null and (k.expires_at is null or k.expires_at > now()) and t.status = 'active';

-- name: list
-- Newest first. $1 tenant, $2 after this id (null: first page), $3 rows.
select json_build_object('id', api_key_id, 'name', name, 'prefix', prefix, 'role', role, 'created_at', msphub_iso(created_at),
                         'expires_at', msphub_iso(expires_at), 'revoked_at', msphub_iso(revoked_at),
                         'last_used_at', msphub_iso(last_used_at))::text, api_key_id::text, api_key_id
from api_keys k
where tenant_id = $1 and ($2::bigint is null or api_key_id < $2)
order by k.api_key_id desc limit $3::bigint;

-- name: revoke
-- $1 tenant, $2 key. Gives the key's id; no row when there is none. Every process forgets it.
with revoked as (
    update api_keys set revoked_at = coalesce(revoked_at, now()) where tenant_id = $1 and api_key_id = $2
    returning api_key_id, prefix
)
select api_key_id, pg_notify('msphub_api_key', prefix) from revoked;

-- name: touch
-- Arrays: $1 tenant, $2 key, $3 used at. A key is written at most once a minute.
update api_keys k set last_used_at = u.at
from unnest($1::bigint[], $2::bigint[], $3::timestamptz[]) as u (tenant_id, api_key_id, at)
where k.tenant_id = u.tenant_id and k.api_key_id = u.api_key_id
  and (k.last_used_at is null or k.last_used_at < u.at - interval '1 minute');
