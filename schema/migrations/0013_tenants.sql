-- Tenants: which of them is the platform's, who may see them, suspending, exporting, removing them.

alter table tenants
    add column is_platform boolean not null default false, -- the operator's own: the first one, for good
    add column version bigint not null default 1,          -- counts edits; the ETag
    add column updated_at timestamptz not null default now(),
    add column exported_at timestamptz,
    add column export_sha256 text,
    add column removal jsonb,                              -- while it is being deleted: by whom, rows deleted so far, since when
    drop constraint tenants_status_check,
    add constraint tenants_status check (status in ('active', 'suspended', 'deleting')),
    add constraint platform_stays check (not is_platform or status = 'active');

select set_config('msphub.tenant', '*', true);
update tenants set is_platform = true where tenant_id = (select min(tenant_id) from tenants);
update api_keys set role = 'admin'
where role = 'platform' and tenant_id not in (select tenant_id from tenants where is_platform);
create unique index tenants_platform on tenants (is_platform) where is_platform;

-- A tenant sees itself, and none of the others.
select msphub_protect('tenants');

create function msphub_tenant_guard() returns trigger language plpgsql as $$
begin
    if tg_op = 'INSERT' then
        new.is_platform := not exists (select from tenants where is_platform);
        return new;
    end if;
    if new.is_platform <> old.is_platform then
        raise exception 'the platform''s tenant stays what it is' using errcode = 'check_violation', constraint = 'platform_stays';
    end if;
    if old.status = 'deleting' and new.status <> 'deleting' then
        raise exception 'a tenant that is being deleted does not come back' using errcode = 'check_violation', constraint = 'tenants_status';
    end if;
    if (new.slug, new.name, new.status) is distinct from (old.slug, old.name, old.status) then
        new.version := old.version + 1;
        new.updated_at := now();
    end if;
    return new;
end $$;
create trigger guard before insert or update on tenants for each row execute function msphub_tenant_guard();

-- Every process hears of it: snapshots of integrations, credentials and runs depend on a tenant's status.
create function msphub_tenant_changed() returns trigger language plpgsql as $$
begin
    perform pg_notify('msphub_tenant', old.tenant_id::text);
    if tg_op = 'DELETE' or new.status <> old.status then
        perform pg_notify('msphub_integration', old.tenant_id || '/'), pg_notify('msphub_api_key', ''),
                pg_notify('msphub_run', case when tg_op = 'UPDATE' and new.status = 'active' then '' else 'cancel' end);
    end if;
    return null;
end $$;
create trigger changed after delete or update of slug, name, status on tenants for each row execute function msphub_tenant_changed();

-- The role platform opens every tenant, so only the platform's own tenant may give it.
create function msphub_platform_role() returns trigger language plpgsql as $$
begin
    if new.role = 'platform' and not exists (select from tenants t where t.tenant_id = new.tenant_id and t.is_platform) then
        raise exception 'the role platform is for the platform''s own tenant'
            using errcode = 'check_violation', constraint = 'platform_role', table = tg_table_name;
    end if;
    return new;
end $$;
create trigger platform_role before insert or update of tenant_id, role on api_keys
    for each row execute function msphub_platform_role();
create trigger platform_role before insert or update of tenant_id, role on users
    for each row execute function msphub_platform_role();

create function msphub_tenant_json(t tenants) returns json language sql stable as $$
    select json_build_object('id', t.tenant_id, 'slug', t.slug, 'name', t.name, 'status', t.status, 'platform', t.is_platform,
                             'created_at', msphub_iso(t.created_at), 'updated_at', msphub_iso(t.updated_at),
                             'exported_at', msphub_iso(t.exported_at), 'export_sha256', t.export_sha256) $$;

-- As 0005 had it, and into lists as well.
create or replace function msphub_audit_masked(v jsonb) returns jsonb language sql immutable parallel safe as $$
    select case jsonb_typeof(v)
           when 'string' then case when v #>> '{}' ~ '^v[0-9]+:[^:]+:[A-Za-z0-9+/=]+$' then '"***"'::jsonb else v end
           when 'object' then (select coalesce(jsonb_object_agg(k, msphub_audit_masked(x)), '{}') from jsonb_each(v) as e(k, x))
           when 'array' then (select coalesce(jsonb_agg(msphub_audit_masked(x) order by i), '[]')
                              from jsonb_array_elements(v) with ordinality as e(x, i))
           else v end
$$;

-- --- export ---

-- A row as the export shows it: what opens something is "***", told by the column's name or by its being sealed.
create function msphub_export_row(r jsonb) returns jsonb language sql immutable parallel safe as $$
    select jsonb_object_agg(k, case when k ~ '(secret|password|token|hash|totp|hook)' and k !~ '_(at|until|step|owner|on)$'
                                         and jsonb_typeof(v) = 'string' then '"***"'
                                    else msphub_audit_masked(v) end)
    from jsonb_each(r) as e(k, v)
$$;

-- The tables that hold a tenant's rows, partitions as one, with the primary key behind tenant_id: its columns, and the same taken
-- from $3, a JSON list.
create function msphub_export_tables() returns table (name text, key text, bound text) language sql stable as $$
    select c.relname::text, string_agg(quote_ident(a.attname), ', ' order by k.place),
           string_agg(format('($3 ->> %s)::%s', k.place - 2, format_type(a.atttypid, a.atttypmod)), ', ' order by k.place)
    from pg_class c
    join pg_index i on i.indrelid = c.oid and i.indisprimary
    cross join unnest(i.indkey::int[]) with ordinality as k(number, place)
    join pg_attribute a on a.attrelid = c.oid and a.attnum = k.number
    where c.relnamespace = (select relnamespace from pg_class where oid = 'tenants'::regclass) and not c.relispartition
      and exists (select from pg_attribute t where t.attrelid = c.oid and t.attname = 'tenant_id' and t.attnum = i.indkey[0])
      and (k.place > 1 or i.indnkeyatts = 1)
    group by c.relname
    order by c.relname::text collate "C"
$$;

-- The next lines of an export, behind the row of `source` whose key is `behind` (null: from its first), up to `most` bytes and one line.
-- No line: that was all.
create function msphub_export(tenant bigint, source text, behind jsonb, most bigint)
    returns table (line_source text, line_key text, line text) language plpgsql stable as $$
declare
    t record;
    bytes bigint := 0;
    n int;
begin
    for t in select x.* from msphub_export_tables() x where x.name collate "C" >= source loop
        continue when t.name = source and behind is not null and t.key = 'tenant_id'; -- one row a tenant
        n := 0;
        for line_key, line in execute format(
            'select jsonb_build_array(%1$s)::text, json_build_object(''table'', $2, ''row'', msphub_export_row(to_jsonb(x)))::text '
            'from %2$I x where tenant_id = $1 %3$s order by tenant_id, %1$s limit 500',
            t.key, t.name, case when t.name = source and behind is not null then format('and (%s) > (%s)', t.key, t.bound) else '' end)
            using tenant, t.name, behind
        loop
            line_source := t.name;
            return next;
            n := n + 1;
            bytes := bytes + octet_length(line);
            if bytes >= most then
                return;
            end if;
        end loop;
        if n = 500 then
            return;
        end if;
    end loop;
end $$;

-- --- removal ---

-- Tables with rows of tenants, partitions one by one; those that refer to others come before them.
create function msphub_removal_tables() returns table (part regclass, name text) language sql stable as $$
    with recursive t as (
        select c.oid, c.relname, c.relispartition from pg_class c
        where c.relkind = 'r' and c.oid <> 'tenants'::regclass
          and c.relnamespace = (select relnamespace from pg_class where oid = 'tenants'::regclass)
          and exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped)
    ), depths as (
        select oid, 0 as depth from t
        union
        select f.conrelid, d.depth + 1 from depths d join pg_constraint f on f.confrelid = d.oid and f.conrelid <> d.oid
        where f.contype = 'f' and d.depth < 32
    )
    select t.oid::regclass, coalesce((select i.inhparent::regclass::text from pg_inherits i where i.inhrelid = t.oid), t.relname::text)
    from t join depths d using (oid)
    group by t.oid, t.relname
    order by max(d.depth) desc, t.relname
$$;

-- Raises when no row of this tenant may be made any more. For statements that write tables without a foreign key to guard them.
create function msphub_tenant_writable(tenant bigint) returns boolean language plpgsql stable as $$
begin
    if not exists (select from tenants t where t.tenant_id = tenant and t.status <> 'deleting') then
        raise exception 'tenant % is gone or being deleted', tenant using errcode = 'MS003';
    end if;
    return true;
end $$;

-- Deletes up to `most` rows of a tenant (null: of any) that is being deleted. Gives no row when there is none, or when another process is
-- at it; else how many went and what is next: 'more', 'waiting' (all is empty, but a transaction from before runs on and may still
-- write), 'gone'. A step is a transaction: after a kill the next one goes on.
create function msphub_tenant_remove(tenant bigint, most bigint)
    returns table (tenant_id bigint, deleted bigint, next text) language plpgsql as $$
declare
    t tenants;
    part record;
    n bigint;
    rows jsonb;
    quiet boolean;
begin
    select * into t from tenants x
    where x.status = 'deleting' and (tenant is null or x.tenant_id = tenant) order by x.tenant_id limit 1 for no key update skip locked;
    if not found then
        return;
    end if;
    perform set_config('msphub.audit', 'off', true);
    -- Looked at before the tables are: who ends in between has written before they are found empty.
    quiet := t.removal ? 'since' and not exists (
        select from pg_stat_activity a where a.datname = current_database() and a.pid <> pg_backend_pid()
                                         and a.xact_start <= (t.removal ->> 'since')::timestamptz);
    tenant_id := t.tenant_id;
    deleted := 0;
    rows := coalesce(t.removal -> 'rows', '{}');
    for part in select * from msphub_removal_tables() loop
        execute format('delete from %1$s where ctid = any (array(select ctid from %1$s where tenant_id = $1 limit $2))', part.part)
            using t.tenant_id, most - deleted;
        get diagnostics n = row_count;
        continue when n = 0;
        deleted := deleted + n;
        rows := rows || jsonb_build_object(part.name, coalesce((rows ->> part.name)::bigint, 0) + n);
        exit when deleted >= most;
    end loop;
    t.removal := coalesce(t.removal, '{}') || jsonb_build_object('rows', rows, 'since', coalesce(t.removal ->> 'since', now()::text));
    next := case when deleted > 0 then 'more' when not quiet then 'waiting' else 'gone' end;
    if next <> 'gone' then
        update tenants x set removal = t.removal where x.tenant_id = t.tenant_id;
    else
        perform set_config('msphub.actor', coalesce(t.removal ->> 'by', ''), true);
        perform msphub_audit_write(p.tenant_id, 'tenant.deleted', 'tenant', t.slug, t.tenant_id, null,
                                   (msphub_tenant_json(t)::jsonb - 'id' - 'status' - 'platform'), jsonb_build_object('rows', rows))
        from tenants p where p.is_platform;
        delete from tenants x where x.tenant_id = t.tenant_id;
    end if;
    return next;
end $$;
