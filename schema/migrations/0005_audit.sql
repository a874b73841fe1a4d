-- The audit log: who changed what, from what to what. A trigger on each audited table writes it, so that no change can go by
-- without its row and the row is in the change's own transaction. Who acts is the setting msphub.actor of the transaction (a JSON
-- object, made by store/audit.c); without it the row says "system". msphub.audit = 'off' is for what changes no meaning: sealing
-- anew, deleting a tenant; such work writes a row of its own.

create table audit_logs (
    tenant_id bigint not null references tenants on delete cascade,
    audit_id bigint generated always as identity,
    at timestamptz not null default now(),
    actor_kind text not null check (actor_kind in ('api_key', 'session', 'token', 'cli', 'system')),
    actor_id bigint,                        -- of the key or the user
    actor text not null,                    -- as it was named then
    action text not null,                   -- thing.done: integration.updated
    target_type text not null,
    target text not null,                   -- as it was named then
    target_id bigint,
    integration_id bigint,                  -- no foreign key: the log outlives the integration
    before jsonb,                           -- what changed, secrets as "***"
    after jsonb,
    address text,
    request_id text,
    primary key (tenant_id, audit_id)
);
create index audit_by_integration on audit_logs (tenant_id, integration_id, audit_id) where integration_id is not null;
create index audit_by_time on audit_logs (tenant_id, at, audit_id) where audit_id > 0;

alter table audit_logs enable row level security;
alter table audit_logs force row level security;
create policy tenant on audit_logs using (msphub_tenant_visible(tenant_id)) with check (msphub_tenant_visible(tenant_id));

-- Append-only: a row is never changed, and leaves by retention or with its tenant alone, which say so.
create function msphub_audit_guard() returns trigger language plpgsql as $$
begin
    if tg_op <> 'UPDATE' and current_setting('msphub.audit', true) = 'off' then
        return case tg_op when 'DELETE' then old end;
    end if;
    raise exception 'audit_logs is append-only' using errcode = 'insufficient_privilege';
end $$;
create trigger audit_append_only before update or delete on audit_logs for each row execute function msphub_audit_guard();
create trigger audit_append_only_all before truncate on audit_logs execute function msphub_audit_guard();

-- A value as the log may show it: what is sealed is "***".
create function msphub_audit_masked(v jsonb) returns jsonb language sql immutable parallel safe as $$
    select case jsonb_typeof(v)
           when 'string' then case when v #>> '{}' ~ '^v[0-9]+:[^:]+:[A-Za-z0-9+/=]+$' then '"***"'::jsonb else v end
           when 'object' then (select coalesce(jsonb_object_agg(k, msphub_audit_masked(x)), '{}') from jsonb_each(v) as e(k, x))
           else v end
$$;

-- The part of `a` in which it differs from `b`: of objects the members, else all.
create function msphub_audit_part(a jsonb, b jsonb) returns jsonb language sql immutable parallel safe as $$
    select case when jsonb_typeof(a) = 'object' and jsonb_typeof(b) = 'object'
           then (select coalesce(jsonb_object_agg(k, x), '{}') from jsonb_each(a) as e(k, x) where x is distinct from b -> k)
           else a end
$$;

-- What of `a` the log shows: the columns named that differ from `b`; secret ones as "***".
create function msphub_audit_view(a jsonb, b jsonb, columns text[], secrets text[]) returns jsonb
    language sql immutable parallel safe as $$
    select jsonb_object_agg(c, case when c = any (secrets) and a -> c <> 'null' then '"***"'::jsonb
                               else msphub_audit_masked(msphub_audit_part(a -> c, b -> c)) end)
    from unnest(columns) as c
    where a is not null and (a -> c) is distinct from (b -> c) and (b is not null or a -> c <> 'null')
$$;

create function msphub_audit_write(tenant bigint, action text, target_type text, target text, target_id bigint, integration bigint,
                                   before jsonb, after jsonb) returns void language plpgsql as $$
declare
    who jsonb := coalesce(nullif(current_setting('msphub.actor', true), ''), '{"kind": "system", "name": "msphub"}')::jsonb;
begin
    insert into audit_logs (tenant_id, actor_kind, actor_id, actor, action, target_type, target, target_id, integration_id, before,
                            after, address, request_id)
    values (tenant, who ->> 'kind', (who ->> 'id')::bigint, who ->> 'name', coalesce(who ->> 'action', action), target_type, target,
            target_id, integration, before, after, who ->> 'address', who ->> 'request_id');
end $$;

-- create trigger audit after insert or delete or update of COLUMNS on TABLE for each row
--     execute function msphub_audit_row(TYPE, ID COLUMN, NAME COLUMNS joined by ':', AUDITED COLUMNS, SECRET ONES of them);
-- lists are separated by commas.
create function msphub_audit_row() returns trigger language plpgsql as $$
declare
    was jsonb := case when tg_op <> 'INSERT' then to_jsonb(old) end;
    becomes jsonb := case when tg_op <> 'DELETE' then to_jsonb(new) end;
    this jsonb := coalesce(becomes, was);
    tenant bigint := (this ->> 'tenant_id')::bigint;
    columns text[] := string_to_array(tg_argv[3], ',');
    secrets text[] := string_to_array(coalesce(tg_argv[4], ''), ',');
    before jsonb := msphub_audit_view(was, becomes, columns, secrets);
    after jsonb := msphub_audit_view(becomes, was, columns, secrets);
begin
    if current_setting('msphub.audit', true) = 'off' or (tg_op = 'UPDATE' and before is null and after is null) then
        return null;
    end if;
    if not exists (select 1 from tenants t where t.tenant_id = tenant) then
        return null; -- the tenant itself goes
    end if;
    perform msphub_audit_write(
        tenant, tg_argv[0] || case tg_op when 'INSERT' then '.created' when 'UPDATE' then '.updated' else '.deleted' end, tg_argv[0],
        (select coalesce(string_agg(this ->> c, ':' order by i), '')
         from unnest(string_to_array(tg_argv[2], ',')) with ordinality as n(c, i) where this ->> c <> ''),
        (this ->> tg_argv[1])::bigint, (this ->> 'integration_id')::bigint, before, after);
    return null;
end $$;

create trigger audit after insert or delete or update of settings, enabled, sync_interval_s, hook, hook_secret
    on integration_configurations for each row
    execute function msphub_audit_row('integration', 'integration_id', 'provider,name',
                                      'provider,name,settings,enabled,sync_interval_s,hook_secret', 'hook_secret');
create trigger audit after insert or delete or update of name, role, expires_at, revoked_at on api_keys for each row
    execute function msphub_audit_row('api_key', 'api_key_id', 'prefix', 'name,prefix,role,expires_at,revoked_at');
create trigger audit after insert or update of slug, name, status on tenants for each row
    execute function msphub_audit_row('tenant', 'tenant_id', 'slug', 'slug,name,status');
create trigger audit after update of decision, renamed_from on organization_mappings for each row
    execute function msphub_audit_row('organization', 'organization_id', 'name', 'decision,renamed_from');
