-- Alerts are written without the tenant's lock of its assets. One that is written while its asset becomes a part of another one must not
-- fail for it: a delivery would be given up for a reason that is gone a moment later. So the reference is no key; it is set right by
-- msphub_assets_join, and what that could not see yet by msphub_aliases_settle.
alter table rmm_alerts drop constraint rmm_alerts_tenant_id_asset_id_fkey;
create index asset_alias_since on asset_aliases (since) where asset_id > 0;

create function msphub_aliases_settle(since_at timestamptz) returns bigint language sql as $$
    with late as materialized (
        select w.place, x.into_id
        from asset_aliases x
        cross join lateral (select r.ctid as place from rmm_alerts r
                            where r.tenant_id = x.tenant_id and r.asset_id = x.asset_id offset 0) w
        where x.asset_id > 0 and x.since > since_at
    ), moved as (
        update rmm_alerts w set asset_id = l.into_id from late l where w.ctid = l.place returning 1
    )
    select count(*) from moved
$$;

-- A client that goes takes the placements by hand along.
create function msphub_client_unplaced() returns trigger language plpgsql as $$
begin
    delete from asset_field_locks
    where tenant_id = old.tenant_id and field = 'client_id' and value = to_jsonb(old.client_id);
    return old;
end $$;
create trigger client_unplaced before delete on clients for each row execute function msphub_client_unplaced();
