-- Idempotency keys: one request at a time works on each.

-- name: take
-- Makes the request the key's holder, if nobody has it, if it is over, or if its holder died over the same request.
-- $1 tenant, $2 owner, $3 key, $4 SHA-256 of the request, $5 holder, $6 lease and $7 lifetime in µs.
insert into idempotency_keys as k (tenant_id, owner, key, request_hash, holder, lease_until, expires_at)
values ($1, $2::text, $3::text, $4::bytea, $5::text, now() + $6::bigint * interval '1 microsecond',
        now() + $7::bigint * interval '1 microsecond')
on conflict (tenant_id, owner, key) do update
set request_hash = excluded.request_hash, holder = excluded.holder, lease_until = excluded.lease_until, status = null, etag = null,
    location = null, answer = null, sealed = null, withheld = false, created_at = now(), expires_at = excluded.expires_at
where k.expires_at <= now() or (k.lease_until <= now() and k.request_hash = excluded.request_hash);

-- name: look
-- What holds then. $1 tenant, $2 owner, $3 key, $4 SHA-256 of the request, $5 holder.
select idempotency_id, holder = $5::text, request_hash = $4::bytea, lease_until, status, etag, location, answer, sealed, withheld
from idempotency_keys where tenant_id = $1 and owner = $2::text and key = $3::text;

-- name: answer
-- $1 tenant, $2 owner, $3 key, $4 holder, $5 status, $6 ETag, $7 Location, $8 the answer, $9 sealed, $10 withheld.
update idempotency_keys set lease_until = null, status = $5::bigint, etag = $6::text, location = $7::text, answer = $8::text,
                            sealed = $9::text, withheld = $10
where tenant_id = $1 and owner = $2::text and key = $3::text and holder = $4::text and lease_until is not null;

-- name: drop
-- The request failed inside and changed nothing: it may be sent again. $1 tenant, $2 owner, $3 key, $4 holder.
delete from idempotency_keys
where tenant_id = $1 and owner = $2::text and key = $3::text and holder = $4::text and lease_until is not null;

-- name: purge
-- Those whose time is over. $1 rows at most.
delete from idempotency_keys where (tenant_id, owner, key) in (
    select tenant_id, owner, key from idempotency_keys where expires_at <= now() limit $1::bigint for update skip locked);

-- name: trim
-- The oldest answered ones of tenants that have more than $1.
delete from idempotency_keys k
using (select o.tenant_id, (select i.created_at from idempotency_keys i where i.tenant_id = o.tenant_id
                            order by i.created_at desc offset $1::bigint limit 1) as before
       from (select tenant_id from idempotency_keys group by tenant_id having count(*) > $1) as o) as cut
where k.tenant_id = cut.tenant_id and k.created_at <= cut.before and k.lease_until is null;
