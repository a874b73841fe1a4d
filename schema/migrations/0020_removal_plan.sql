-- Removing an integration looks the other sources of each asset up by the asset, whatever the planner believes of tables that nobody has
-- analysed yet: over the index that begins with the integration it read all sources of the integration for each asset. `offset 0` keeps
-- the look-up apart from the condition on the integration.
create or replace function msphub_integration_removed() returns trigger language plpgsql as $$
begin
    delete from asset_source_facets where tenant_id = old.tenant_id and integration_id = old.integration_id;
    delete from asset_source_dirty where tenant_id = old.tenant_id and integration_id = old.integration_id;
    delete from sync_run_seen where tenant_id = old.tenant_id and run_id in (
        select run_id from integration_sync_history where tenant_id = old.tenant_id and integration_id = old.integration_id);
    update assets a set organization_id = null
    where a.tenant_id = old.tenant_id and a.organization_id in (
        select organization_id from organization_mappings where tenant_id = old.tenant_id and integration_id = old.integration_id);
    update assets a set retired_at = now(), retire_reason = 'integration removed', updated_at = now()
    where a.tenant_id = old.tenant_id and a.retired_at is null
      and (select bool_or(s.integration_id = old.integration_id)
                  and not bool_or(s.integration_id <> old.integration_id and s.retired_at is null)
           from (select integration_id, retired_at from asset_sources s
                 where s.tenant_id = a.tenant_id and s.asset_id = a.asset_id offset 0) s);
    return old;
end
$$;
