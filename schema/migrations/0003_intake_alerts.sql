-- The inbox of webhooks, and alerts.

-- "2026-01-09T10:11:12.345678Z": how REST writes a point in time, whatever the session's time zone.
create function msphub_iso(at timestamptz) returns text language sql immutable parallel safe as
$$ select to_char(at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') $$;

-- One row a webhook as it came. Partitioned by the day of reception (UTC), so that retention drops a day instead of deleting
-- rows. No foreign key to the integration: a deleted one must not fail the batch that its last webhooks share with
-- others, and what was received stays as evidence until retention takes it.
create sequence webhook_delivery_id as bigint;
create table webhook_deliveries (
    tenant_id bigint not null,
    delivery_id bigint not null default nextval('webhook_delivery_id'),
    integration_id bigint not null,
    received_at timestamptz not null,
    next_attempt_at timestamptz not null,
    claimed_until timestamptz,              -- a worker's lease
    applied_at timestamptz,
    received_on date not null,
    attempts int not null default 0,        -- claims since it was received or replayed
    status text not null default 'pending' check (status in ('pending', 'held', 'done', 'ignored', 'dead')),
    provider text not null,
    dedupe_key text not null collate "C",   -- equal deliveries have equal keys
    type text not null,
    claimed_by text,                        -- the process that holds the lease
    error text,                             -- why it is dead, or what the last attempt said
    body bytea not null,
    primary key (tenant_id, delivery_id, received_on)
) partition by range (received_on);
-- Partial by a condition that always holds: a day begins empty, and there the planner cannot tell this index from the primary
-- key, for both begin with the tenant; so it must not be usable for a look-up by primary key.
create unique index webhook_delivery_once on webhook_deliveries (tenant_id, integration_id, dedupe_key, received_on)
    where dedupe_key <> '';
alter sequence webhook_delivery_id owned by webhook_deliveries.delivery_id;
-- 'held' is what came for a disabled integration or a suspended tenant: kept, and out of the claimers' way.
create index webhook_delivery_pending on webhook_deliveries (next_attempt_at, delivery_id) where status = 'pending';
create index webhook_delivery_held on webhook_deliveries (tenant_id, integration_id) where status = 'held';
create index webhook_delivery_dead on webhook_deliveries (tenant_id, delivery_id) where status = 'dead';
create table webhook_deliveries_default partition of webhook_deliveries default;

alter table webhook_deliveries enable row level security;
alter table webhook_deliveries force row level security;
create policy tenant on webhook_deliveries
    using (msphub_tenant_visible(tenant_id)) with check (msphub_tenant_visible(tenant_id));
alter table webhook_deliveries_default enable row level security;
alter table webhook_deliveries_default force row level security;
create policy tenant on webhook_deliveries_default
    using (msphub_tenant_visible(tenant_id)) with check (msphub_tenant_visible(tenant_id));

-- Makes the partitions of `today` and `ahead` more days. What the default partition holds of such a day (the hub slept past
-- midnight) moves. ATTACH is used because, other than CREATE … PARTITION OF, it lets inserts go on.
create function msphub_deliveries_prepare(today date, ahead int) returns int language plpgsql as $$
declare
    part text;
    made int := 0;
begin
    if not pg_try_advisory_xact_lock(hashtext('msphub_deliveries')) then
        return 0; -- another process is at it
    end if;
    perform set_config('lock_timeout', '2s', true);
    for i in 0 .. ahead loop
        part := 'webhook_deliveries_' || to_char(today + i, 'YYYYMMDD');
        continue when to_regclass(part) is not null;
        execute format('create table %I (like webhook_deliveries including defaults including constraints)', part);
        execute format('alter table %I enable row level security', part);
        execute format('alter table %I force row level security', part);
        execute format('create policy tenant on %I using (msphub_tenant_visible(tenant_id)) '
                       'with check (msphub_tenant_visible(tenant_id))', part);
        lock table webhook_deliveries_default in access exclusive mode;
        execute format('with moved as (delete from webhook_deliveries_default where received_on = $1 returning *) '
                       'insert into %I select * from moved', part) using today + i;
        execute format('alter table webhook_deliveries attach partition %I for values from (%L) to (%L)', part, today + i,
                       today + i + 1);
        made := made + 1;
    end loop;
    return made;
end $$;

-- Drops the days before `before`. What is not finished moves to the default partition first and stays until it is.
create function msphub_deliveries_retire(before date) returns int language plpgsql as $$
declare
    part text;
    day date;
    dropped int := 0;
begin
    if not pg_try_advisory_xact_lock(hashtext('msphub_deliveries')) then
        return 0;
    end if;
    perform set_config('lock_timeout', '2s', true);
    for part in
        select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
        where i.inhparent = 'webhook_deliveries'::regclass and c.relname ~ '^webhook_deliveries_\d{8}$' order by 1
    loop
        day := to_date(right(part, 8), 'YYYYMMDD');
        exit when day >= before;
        lock table webhook_deliveries in access exclusive mode;
        execute format('alter table webhook_deliveries detach partition %I', part);
        execute format('insert into webhook_deliveries_default select * from %I '
                       'where status in (''pending'', ''held'', ''dead'')', part);
        execute format('drop table %I', part);
        dropped := dropped + 1;
    end loop;
    delete from webhook_deliveries_default where received_on < before and status in ('done', 'ignored');
    return dropped;
end $$;

-- A body for reading: the JSON it is; what PostgreSQL cannot read as such (bad UTF-8) as {"base64": …}.
create function msphub_delivery_body(body bytea) returns json language plpgsql immutable as $$
begin
    return convert_from(body, 'UTF8')::json;
exception when others then
    return json_build_object('base64', encode(body, 'base64'));
end $$;

do $$ begin
    perform set_config('msphub.tenant', '*', true);
    perform msphub_deliveries_prepare((now() at time zone 'utc')::date, 7);
end $$;

-- One row an alert, by the provider's series. Messages about it come in any order and any number of times; each field keeps
-- the value of the latest message that named it. `stamps` orders them: one text a field (store/alert.c makes them), the
-- greater one wins, '' is "never said". So merging is commutative and idempotent.
create table rmm_alerts (
    tenant_id bigint not null,
    alert_id bigint generated always as identity,
    integration_id bigint not null,
    series text not null,
    asset_id bigint,                        -- null until the device is known
    device_external_id text collate "C",    -- as the message named it: external or alternate id
    organization_external_id text,
    state text not null check (state in ('triggered', 'acknowledged', 'resolved')),
    previous_state text,                    -- before the last write
    severity text not null default 'none' check (severity in ('none', 'minor', 'moderate', 'major', 'critical')),
    type text,
    subject text,
    message text,
    source text,
    triggered_at timestamptz,
    changed_at timestamptz not null,        -- when `state` was reached
    change_id text,
    absent_at timestamptz,                  -- it is resolved only because the list of this time no longer named it
    resolved_at timestamptz generated always as (case when state = 'resolved' then changed_at end) stored,
    triggers bigint[] not null,             -- seconds since 1970 at which it fired: distinct, newest first, the last 256
    occurrences int generated always as (cardinality(triggers)) stored,
    first_received_at timestamptz not null,
    stamps text[] collate "C" not null,
    primary key (tenant_id, alert_id),
    foreign key (tenant_id, integration_id) references integration_configurations on delete cascade,
    foreign key (tenant_id, asset_id) references assets on delete set null (asset_id)
);
create unique index rmm_alert_series on rmm_alerts (tenant_id, integration_id, series) where series <> ''; -- as above
create index rmm_alert_open on rmm_alerts (tenant_id, integration_id, alert_id) where state <> 'resolved';
create index rmm_alert_asset on rmm_alerts (tenant_id, asset_id) where asset_id is not null;
create index rmm_alert_unlinked on rmm_alerts (tenant_id, integration_id, device_external_id)
    where asset_id is null and device_external_id is not null;

alter table rmm_alerts enable row level security;
alter table rmm_alerts force row level security;
create policy tenant on rmm_alerts using (msphub_tenant_visible(tenant_id)) with check (msphub_tenant_visible(tenant_id));

-- Absence from a list is weak knowledge: whatever names the alert as open, and was observed after that list, opens it again.
create function msphub_alert_is_back(absent_at timestamptz, state text, observed timestamptz) returns boolean
    language sql immutable parallel safe as
$$ select absent_at is not null and state <> 'resolved' and observed > absent_at $$;

create function msphub_alert_json(a rmm_alerts) returns json language sql stable as $$
    select json_build_object(
        'id', a.alert_id, 'integration_id', a.integration_id, 'series', a.series, 'state', a.state, 'severity', a.severity,
        'type', a.type, 'subject', a.subject, 'message', a.message, 'source', a.source, 'asset_id', a.asset_id,
        'device_external_id', a.device_external_id, 'organization_external_id', a.organization_external_id,
        'triggered_at', msphub_iso(a.triggered_at), 'changed_at', msphub_iso(a.changed_at),
        'resolved_at', msphub_iso(a.resolved_at), 'resolved_by_absence', a.absent_at is not null, 'occurrences', a.occurrences,
        'first_received_at', msphub_iso(a.first_received_at)) $$;
