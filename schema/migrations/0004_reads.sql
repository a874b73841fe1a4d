-- What REST shows of an asset, in lists and alone.
create function msphub_asset_json(a assets) returns json language sql stable as $$
    select json_build_object(
        'id', a.asset_id, 'name', a.name, 'hostname', a.hostname, 'dns_name', a.dns_name, 'asset_type', a.asset_type,
        'product_class', a.product_class, 'organization_id', a.organization_id,
        'organization', (select o.name from organization_mappings o
                         where o.tenant_id = a.tenant_id and o.organization_id = a.organization_id),
        'location', a.location, 'description', a.description, 'agent_status', a.agent_status, 'agent_version', a.agent_version,
        'last_seen', msphub_iso(a.last_seen), 'public_ip', a.public_ip, 'ips', a.ips, 'macs', a.macs,
        'manufacturer', a.manufacturer, 'model', a.model, 'serial', a.serial, 'uuid', a.uuid, 'domain', a.domain,
        'memory_bytes', a.memory_bytes, 'virtual_machine', a.virtual_machine, 'os_name', a.os_name, 'os_version', a.os_version,
        'os_build', a.os_build, 'os_architecture', a.os_architecture, 'processor', a.processor, 'last_user', a.last_user,
        'approved', a.approved, 'maintenance', a.maintenance, 'created_at', msphub_iso(a.created_at),
        'updated_at', msphub_iso(a.updated_at), 'retired_at', msphub_iso(a.retired_at), 'retire_reason', a.retire_reason) $$;
