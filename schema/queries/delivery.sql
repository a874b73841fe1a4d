-- The inbox of webhooks (webhook_deliveries). Workers and intake serve all tenants (PG_ALL_TENANTS).

-- name: insert
-- One batch of intake. Arrays: $1 tenant, $2 integration, $3 provider, $4 dedupe key, $5 type, $6 body, $7 received at,
-- $8 held. Gives (place in the arrays from 1, delivery) of what is new; what is missing was there already. Sorted by key,
-- so that two processes that were sent the same webhooks wait for each other instead of blocking each other. A hub whose
-- clock is ahead of the database's must not make its deliveries wait. What comes for a tenant that is being deleted is not kept.
with input as materialized (
    select nextval('webhook_delivery_id') as delivery_id, u.*
    from unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::bytea[], $7::timestamptz[], $8::boolean[])
         with ordinality as u (tenant_id, integration_id, provider, dedupe_key, type, body, received_at, held, place)
), added as (
    insert into webhook_deliveries (tenant_id, delivery_id, integration_id, received_at, next_attempt_at, received_on, status,
                                    provider, dedupe_key, type, body)
    select tenant_id, delivery_id, integration_id, received_at, least(received_at, now()), (received_at at time zone 'utc')::date,
           case when held then 'held' else 'pending' end, provider, dedupe_key, type, body
    from input
    where tenant_id in (select t.tenant_id from tenants t where t.tenant_id = any ($1) and t.status <> 'deleting')
    order by integration_id, dedupe_key collate "C"
    on conflict do nothing
    returning delivery_id
)
select i.place, i.delivery_id from added join input i using (delivery_id);

-- name: claim
-- Leases the oldest due deliveries. $1 process, $2 lease in microseconds, $3 how many. Each claim is an attempt, so that a
-- delivery that ends its worker does not come back for ever.
with due as (
    select tenant_id, delivery_id, received_on from webhook_deliveries
    where status = 'pending' and next_attempt_at <= now() and (claimed_until is null or claimed_until < now())
    order by next_attempt_at, delivery_id limit $3::bigint
    for update skip locked
), claimed as (
    update webhook_deliveries d
    set claimed_by = $1::text, claimed_until = now() + $2::bigint * interval '1 microsecond', attempts = d.attempts + 1
    from due
    where d.tenant_id = due.tenant_id and d.delivery_id = due.delivery_id and d.received_on = due.received_on
    returning d.tenant_id, d.integration_id, d.delivery_id, d.received_at, d.attempts, d.provider, d.type, d.body
)
select * from claimed order by tenant_id, integration_id, received_at, delivery_id;

-- name: finish
-- Ends attempts. Arrays: $1 tenant, $2 delivery, $3 received at, $4 status, $5 error, $6 next attempt at (pending only).
-- $7 process. One whose lease went to another process is left to that one. The tenant comes from the array as well, and the
-- status is not asked for (only a pending one is claimed): each row can then be found by the whole primary key alone.
update webhook_deliveries d
set status = u.status, error = u.error, claimed_by = null, claimed_until = null,
    next_attempt_at = coalesce(u.next_attempt_at, d.next_attempt_at),
    applied_at = case when u.status in ('done', 'ignored') then now() end
from unnest($1::bigint[], $2::bigint[], $3::timestamptz[], $4::text[], $5::text[], $6::timestamptz[])
     as u (tenant_id, delivery_id, received_at, status, error, next_attempt_at)
where d.tenant_id = u.tenant_id and d.delivery_id = u.delivery_id
  and d.received_on = (u.received_at at time zone 'utc')::date and d.claimed_by = $7::text;

-- name: release
-- What was held for an integration or tenant that is active again becomes pending, the oldest first. $1 at most.
with free as materialized (
    select d.tenant_id, d.delivery_id, d.received_on
    from integration_configurations i join tenants t using (tenant_id)
    cross join lateral (
        select x.tenant_id, x.delivery_id, x.received_on from webhook_deliveries x
        where x.status = 'held' and x.tenant_id = i.tenant_id and x.integration_id = i.integration_id
        order by x.delivery_id limit $1::bigint
    ) d
    where i.enabled and t.status = 'active'
    limit $1
)
update webhook_deliveries d set status = 'pending', next_attempt_at = now(), attempts = 0
from free
where d.tenant_id = free.tenant_id and d.delivery_id = free.delivery_id and d.received_on = free.received_on and d.status = 'held';

-- name: backlog
-- Pending deliveries, counted up to 100,000, and when the oldest of them came.
select count(*), min(received_at) from (
    select received_at from webhook_deliveries where status = 'pending' order by next_attempt_at, delivery_id limit 100000
) as p;

-- name: prepare
-- Partitions of $1 (any time of the first day) and $2 more days.
select msphub_deliveries_prepare(($1::timestamptz at time zone 'utc')::date, $2::bigint::int)::bigint;

-- name: retire
-- Drops the days before $1, but not what is unfinished.
select msphub_deliveries_retire(($1::timestamptz at time zone 'utc')::date)::bigint;

-- name: list
-- Newest first. $1 tenant, $2 status, $3 integration, $4 type (each null: any), $5 after this id (null: first page), $6 rows.
select json_build_object(
           'id', d.delivery_id, 'integration_id', d.integration_id, 'provider', d.provider, 'type', d.type,
           'status', d.status, 'attempts', d.attempts, 'error', d.error, 'dedupe_key', d.dedupe_key,
           'bytes', octet_length(d.body), 'received_at', msphub_iso(d.received_at), 'applied_at', msphub_iso(d.applied_at),
           'next_attempt_at', case when d.status = 'pending' then msphub_iso(d.next_attempt_at) end)::text,
       d.delivery_id::text, d.delivery_id
from webhook_deliveries d
where d.tenant_id = $1
  and ($2::text is null or d.status = $2)
  and ($3::bigint is null or d.integration_id = $3)
  and ($4::text is null or d.type = $4)
  and ($5::bigint is null or d.delivery_id < $5)
order by d.delivery_id desc limit $6::bigint;

-- name: get
-- One with its body. $1 tenant, $2 delivery.
select json_build_object(
           'id', d.delivery_id, 'integration_id', d.integration_id, 'provider', d.provider, 'type', d.type,
           'status', d.status, 'attempts', d.attempts, 'error', d.error, 'dedupe_key', d.dedupe_key,
           'bytes', octet_length(d.body), 'received_at', msphub_iso(d.received_at), 'applied_at', msphub_iso(d.applied_at),
           'next_attempt_at', case when d.status = 'pending' then msphub_iso(d.next_attempt_at) end,
           'body', msphub_delivery_body(d.body))::text
from webhook_deliveries d where d.tenant_id = $1 and d.delivery_id = $2;

-- name: replay
-- Has one delivery applied again, whatever became of it. $1 tenant, $2 delivery. Gives its id; no row when there is none. A
-- worker that holds it just now loses its lease: it will be applied once more, which is harmless.
with again as (
    update webhook_deliveries
    set status = 'pending', attempts = 0, next_attempt_at = now(), claimed_by = null, claimed_until = null, error = null,
        applied_at = null
    where tenant_id = $1 and delivery_id = $2
    returning delivery_id, integration_id
)
select delivery_id, case when current_setting('msphub.actor', true) <> ''
                         then msphub_audit_write($1, 'delivery.replayed', 'delivery', delivery_id::text, delivery_id,
                                                 integration_id, null, null) end
from again;

-- name: replay_dead
-- Has dead deliveries applied again, at most 10,000 a call. $1 tenant, $2 integration (null: all). Gives how many.
with dead as (
    select delivery_id, received_on from webhook_deliveries
    where tenant_id = $1 and status = 'dead' and ($2::bigint is null or integration_id = $2)
    order by delivery_id limit 10000
    for update skip locked
), again as (
    update webhook_deliveries d
    set status = 'pending', attempts = 0, next_attempt_at = now(), claimed_by = null, claimed_until = null, error = null,
        applied_at = null
    from dead
    where d.tenant_id = $1 and d.delivery_id = dead.delivery_id and d.received_on = dead.received_on
    returning 1
)
select n, case when n > 0 and current_setting('msphub.actor', true) <> ''
               then msphub_audit_write($1, 'delivery.replayed', 'delivery', 'dead ones', null, $2, null,
                                       jsonb_build_object('replayed', n)) end
from (select count(*) as n from again) as counted;
