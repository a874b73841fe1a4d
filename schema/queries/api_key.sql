-- API keys: only their hashes are kept.

-- name: create
-- $1 tenant, $2 name, $3 prefix, $4 SHA-256, $5 role, $6 expires at (null: never), $7 scopes and $8 addresses, each a text with
-- commas (null: not narrowed).
insert into api_keys (tenant_id, name, prefix, hash, role, expires_at, scopes, addresses)
values ($1, $2::text, $3::text, $4::bytea, $5::text, $6::timestamptz, string_to_array($7::text, ','),
        string_to_array($8::text, ',')::cidr[])
returning api_key_id, version, msphub_api_key_json(api_keys)::text;

-- name: find
-- $1 SHA-256 of what was sent. Only secrets that are valid now; the time of one that was rotated ends with the overlap. Whether the
-- tenant is suspended is not asked here: that is told (403), unlike why a key is not good.
select k.tenant_id, k.api_key_id, k.role, k.prefix, k.until, array_to_string(k.scopes, ','), array_to_string(k.addresses, ',')
from (select tenant_id, api_key_id, role, prefix, scopes, addresses, expires_at as until
      from api_keys where hash = $1::bytea and revoked_at is null
      union all
      select tenant_id, api_key_id, role, prefix, scopes, addresses, least(expires_at, previous_until)
      from api_keys where previous_hash = $1::bytea and revoked_at is null) as k
where k.until is null or k.until > now();

-- name: list
-- Newest first. $1 tenant, $2 after this id (null: first page), $3 rows.
select msphub_api_key_json(k)::text, api_key_id::text, api_key_id
from api_keys k
where tenant_id = $1 and ($2::bigint is null or api_key_id < $2)
order by k.api_key_id desc limit $3::bigint;

-- name: get
-- $1 tenant, $2 key.
select k.version, k.name, k.prefix, k.role, k.expires_at, array_to_string(k.scopes, ','), array_to_string(k.addresses, ','),
       k.revoked_at is not null, k.expires_at is not null and k.expires_at <= now(), msphub_api_key_json(k)::text
from api_keys k where tenant_id = $1 and api_key_id = $2;

-- name: update
-- $1 tenant, $2 key, $3 the version that was read, $4 name, $5 expires at, $6 scopes, $7 addresses as for create. No row: it has
-- another version by now, was revoked, or is gone. Every process forgets it.
with changed as (
    update api_keys set name = $4::text, expires_at = $5::timestamptz, scopes = string_to_array($6::text, ','),
                        addresses = string_to_array($7::text, ',')::cidr[], version = version + 1
    where tenant_id = $1 and api_key_id = $2 and version = $3 and revoked_at is null
    returning api_key_id, version, prefix, msphub_api_key_json(api_keys)::text as item
)
select api_key_id, version, item, pg_notify('msphub_api_key', prefix) from changed;

-- name: rotate
-- $1 tenant, $2 key, $3 the version that was read, $4 SHA-256 of the new secret, $5 seconds that the old one stays valid. No row:
-- as for update, or it has expired. Every process forgets it, since the old secret's time is another one now.
with changed as (
    update api_keys set previous_hash = case when $5::bigint > 0 then hash end,
                        previous_until = case when $5 > 0 then now() + $5 * interval '1 second' end,
                        hash = $4::bytea, rotated_at = now(), version = version + 1
    where tenant_id = $1 and api_key_id = $2 and version = $3 and revoked_at is null and (expires_at is null or expires_at > now())
    returning api_key_id, version, prefix, msphub_api_key_json(api_keys)::text as item
)
select api_key_id, version, item, pg_notify('msphub_api_key', prefix) from changed;

-- name: revoke
-- $1 tenant, $2 key. Gives the key's id; no row when there is none. Every process forgets it.
with revoked as (
    update api_keys set revoked_at = coalesce(revoked_at, now()), previous_hash = null, previous_until = null,
                        version = version + (revoked_at is null)::int
    where tenant_id = $1 and api_key_id = $2
    returning api_key_id, prefix
)
select api_key_id, pg_notify('msphub_api_key', prefix) from revoked;

-- name: touch
-- Arrays: $1 tenant, $2 key, $3 used at, $4 from which address. A key is written at most once a minute.
update api_keys k set last_used_at = u.at, last_used_address = nullif(u.address, '')::inet
from (select distinct on (tenant_id, api_key_id) * from unnest($1::bigint[], $2::bigint[], $3::timestamptz[], $4::text[])
          as u (tenant_id, api_key_id, at, address) order by tenant_id, api_key_id, at desc) as u
where k.tenant_id = u.tenant_id and k.api_key_id = u.api_key_id
  and (k.last_used_at is null or k.last_used_at < u.at - interval '1 minute');
