-- Lists of assets by one filter in order of name, without reading what the filter leaves out. As in 0002, each index is partial by a
-- condition that its queries name and a look-up by primary key does not imply.
drop index asset_by_organization;
create index asset_by_organization on assets (tenant_id, organization_id, name_key, asset_id) where organization_id is not null;
create index asset_by_type on assets (tenant_id, asset_type, name_key, asset_id) where asset_type <> '';
create index asset_by_status on assets (tenant_id, agent_status, name_key, asset_id) where agent_status <> '';
create index asset_retired on assets (tenant_id, name_key, asset_id) where retired_at is not null;

-- What a search looks through. Of all the operators for "contains" none is leakproof, so under row-level security no index of
-- theirs may be used; one comparison of bytes in lower case is what makes the scan cheap.
alter table assets add column search text collate "C"
    generated always as (lower(name || E'\n' || coalesce(hostname, '') || E'\n' || coalesce(serial, ''))) stored;

-- The items are put together by the hub (pg_row_json).
drop function msphub_asset_json(assets);

-- Row-level security whose setting is read once a statement instead of once a row, and which the planner takes for what it is, a
-- comparison with the tenant. '' is what a setting is after the transaction that made it.
create function msphub_tenant() returns bigint language sql stable parallel safe as
$$ select nullif(nullif(current_setting('msphub.tenant', true), '*'), '')::bigint $$;

create function msphub_all_tenants() returns boolean language sql stable parallel safe as
$$ select coalesce(current_setting('msphub.tenant', true) = '*', false) $$;

-- Every table of tenants goes through this: nobody sees or writes rows but of the tenant that the transaction names.
create function msphub_protect(t regclass) returns void language plpgsql as $$
declare
    mine constant text := '((select msphub_all_tenants()) or tenant_id = (select msphub_tenant()))';
begin
    execute format('alter table %s enable row level security', t);
    execute format('alter table %s force row level security', t);
    execute format('drop policy if exists tenant on %s', t);
    execute format('create policy tenant on %s using %s with check %s', t, mine, mine);
end $$;

do $$ begin
    perform msphub_protect(format('%I.%I', schemaname, tablename)::regclass)
    from pg_policies where schemaname = current_schema() and policyname = 'tenant';
end $$;

create or replace function msphub_deliveries_prepare(today date, ahead int) returns int language plpgsql as $$
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
        perform msphub_protect(part::regclass);
        lock table webhook_deliveries_default in access exclusive mode;
        execute format('with moved as (delete from webhook_deliveries_default where received_on = $1 returning *) '
                       'insert into %I select * from moved', part) using today + i;
        execute format('alter table webhook_deliveries attach partition %I for values from (%L) to (%L)', part, today + i,
                       today + i + 1);
        made := made + 1;
    end loop;
    return made;
end $$;
