-- Organizations whose devices are left as they are: auto-sync is off.

alter table organization_mappings add column auto_sync boolean not null default true;
create index organization_paused on organization_mappings (tenant_id, integration_id) where not auto_sync;

create function msphub_auto_sync_changed() returns trigger language plpgsql as $$
begin
    perform pg_notify('msphub_integration', new.tenant_id || '/' || new.integration_id);
    return null;
end $$;
create trigger auto_sync_changed after update of auto_sync on organization_mappings for each row
    when (old.auto_sync is distinct from new.auto_sync) execute function msphub_auto_sync_changed();

drop trigger audit on organization_mappings;
create trigger audit after update of decision, client_id, renamed_from, auto_sync on organization_mappings for each row
    execute function msphub_audit_row('organization', 'organization_id', 'name', 'decision,client_id,renamed_from,auto_sync');

create or replace function msphub_organization_json(o organization_mappings) returns json language sql stable as $$
    select json_build_object(
        'id', o.organization_id, 'external_id', o.external_id, 'name', o.name, 'description', o.description, 'status', o.status,
        'client_id', o.client_id,
        'client', (select c.name from clients c where c.tenant_id = o.tenant_id and c.client_id = o.client_id),
        'auto_sync', o.auto_sync,
        'renamed_from', o.renamed_from, 'missing_since', msphub_iso(o.missing_since), 'created_at', msphub_iso(o.created_at),
        'assets', (select count(*) from assets a
                   where a.tenant_id = o.tenant_id and a.organization_id = o.organization_id and a.retired_at is null),
        'version', o.version) $$;
