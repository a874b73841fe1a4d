-- The health of integrations: what is found of them, when they are checked, which alerts the hub raises by itself; and more than one
-- former webhook secret.

alter table integration_configurations
    -- In a row, and failing for reasons that may pass: calls to the product (a probe that succeeds ends them), and runs for what the
    -- product gave (only a run ends them: a probe does not see it).
    add column connection_failures int not null default 0,
    add column run_failures int not null default 0,
    add column status_since timestamptz not null default now(),
    add column next_check_at timestamptz not null default now(),
    add column last_delivery_at timestamptz,        -- of the newest webhook that was worked on, to the minute
    add column watched_since timestamptz not null default now(), -- silence before does not count: it was off, or its tenant was
    add column credential_expires_at timestamptz,   -- as the product's console says
    -- Former secrets, the newest first: hook_secret_previous, then these.
    add column hook_secret_previous_2 text,
    add column hook_secret_previous_2_until timestamptz,
    add column hook_secret_previous_3 text,
    add column hook_secret_previous_3_until timestamptz,
    add column hook_secret_previous_4 text,
    add column hook_secret_previous_4_until timestamptz;
create index integration_check_due on integration_configurations (next_check_at) where enabled;
-- Counts of an integration's devices.
create index asset_source_live on asset_sources (tenant_id, integration_id) where retired_at is null;

-- When an integration is checked next: each has its own place in the interval, the same in every round.
create function msphub_check_slot(integration bigint, interval_us bigint, from_time timestamptz) returns timestamptz
    language sql immutable parallel safe as $$
    select from_time + make_interval(secs => (interval_us
               - ((extract(epoch from from_time) * 1000000)::bigint - mod(hashint8extended(integration, 0) & 9007199254740991, interval_us))
                 % interval_us) / 1e6)
$$;
do $$ begin -- what is there already does not start all at once
    perform set_config('msphub.tenant', '*', true);
    update integration_configurations set next_check_at = msphub_check_slot(integration_id, 900000000, now());
end $$;

-- An alert of the hub's own: about an integration, not about a device. Its series begins with 'msphub:', which no list of a product
-- resolves and no message of a product may name. True: something changed.
create function msphub_own_alert(tenant bigint, integration bigint, own_series text, opens boolean, how_severe text, kind text,
                                 title text, why text) returns boolean language plpgsql as $$
begin
    if not opens then
        update rmm_alerts a set previous_state = a.state, state = 'resolved', changed_at = now()
        where a.tenant_id = tenant and a.integration_id = integration and a.series = own_series and a.series <> ''
          and a.state <> 'resolved';
        return found;
    end if;
    insert into rmm_alerts as a (tenant_id, integration_id, series, state, severity, type, subject, message, source, triggered_at,
                                 changed_at, triggers, first_received_at, stamps)
    values (tenant, integration, own_series, 'triggered', how_severe, kind, title, why, 'msphub', now(), now(),
            array[extract(epoch from now())::bigint], now(), array_fill(''::text, array[9]))
    on conflict (tenant_id, integration_id, series) where series <> '' do update set
        previous_state = a.state,
        state = case a.state when 'resolved' then 'triggered' else a.state end,
        changed_at = case a.state when 'resolved' then now() else a.changed_at end,
        triggered_at = case a.state when 'resolved' then now() else a.triggered_at end,
        triggers = case a.state when 'resolved' then (excluded.triggers || a.triggers)[1:256] else a.triggers end,
        severity = excluded.severity, subject = excluded.subject, message = excluded.message
    where a.state = 'resolved' or (a.severity, a.message) is distinct from (excluded.severity, excluded.message);
    return found;
end $$;

-- Whoever moves the status, however: its time, an audit row, and the alert, in the same transaction.
create function msphub_status_moves() returns trigger language plpgsql as $$
begin
    new.status_since := now();
    return new;
end $$;
create trigger status_moves before update of status on integration_configurations for each row
    when (old.status is distinct from new.status) execute function msphub_status_moves();

create function msphub_integration_key(provider text, name text) returns text language sql immutable parallel safe as
$$ select provider || case name when '' then '' else ':' || name end $$;

create function msphub_status_moved() returns trigger language plpgsql as $$
declare
    key text := msphub_integration_key(new.provider, new.name);
begin
    if old.status is distinct from new.status then
        perform msphub_audit_write(new.tenant_id, 'integration.status_changed', 'integration', key, new.integration_id,
                                   new.integration_id,
                                   jsonb_build_object('status', old.status, 'message', old.error_message),
                                   jsonb_build_object('status', new.status, 'message', new.error_message));
    end if;
    if new.status = 'error' and new.enabled then
        perform msphub_own_alert(new.tenant_id, new.integration_id, 'msphub:health', true, 'major', 'integration_error',
                                 'Integration ' || key || ' is in error', new.error_message);
    elsif new.status = 'active' and old.status <> 'active' then
        perform msphub_own_alert(new.tenant_id, new.integration_id, 'msphub:health', false, null, null, null, null);
    end if;
    return null;
end $$;
create trigger status_moved after update of status, error_message on integration_configurations for each row
    when (old.status is distinct from new.status or (new.status = 'error' and old.error_message is distinct from new.error_message))
    execute function msphub_status_moved();

-- A tenant that was suspended was not watched.
create function msphub_tenant_resumed() returns trigger language plpgsql as $$
begin
    update integration_configurations set watched_since = now() where tenant_id = new.tenant_id;
    return null;
end $$;
create trigger tenant_resumed after update of status on tenants for each row
    when (old.status <> 'active' and new.status = 'active') execute function msphub_tenant_resumed();
