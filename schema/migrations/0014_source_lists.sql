-- Assets of one integration or provider in order of name, when it has few of many: the source knows its asset's name key.
alter table asset_sources add column name_key text collate "C";
update asset_sources s set name_key = a.name_key from assets a where a.tenant_id = s.tenant_id and a.asset_id = s.asset_id;
create index asset_source_by_name on asset_sources (tenant_id, integration_id, name_key, asset_id) where name_key <> '';

create function msphub_source_named() returns trigger language plpgsql as $$
begin
    new.name_key := coalesce((select a.name_key from assets a where a.tenant_id = new.tenant_id and a.asset_id = new.asset_id), '');
    return new;
end $$;
-- The set-based insert of new devices brings the key along, for their assets are made by the same statement.
create trigger source_named before insert on asset_sources for each row when (new.name_key is null)
    execute function msphub_source_named();
create trigger source_moved before update of asset_id on asset_sources for each row when (old.asset_id <> new.asset_id)
    execute function msphub_source_named();

create function msphub_asset_renamed() returns trigger language plpgsql as $$
begin
    update asset_sources s set name_key = new.name_key where s.tenant_id = new.tenant_id and s.asset_id = new.asset_id;
    return null;
end $$;
create trigger asset_renamed after update of name on assets for each row when (old.name_key <> new.name_key)
    execute function msphub_asset_renamed();
