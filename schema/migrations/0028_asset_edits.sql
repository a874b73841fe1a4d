-- What people do to assets: edit fields, which locks them; join and part assets for good; settle conflicts. All under the tenant's lock
-- (store/inventory.h), and followed by the merge of asset_dirty. Who acts is the setting msphub.actor, as for the audit log.

alter table sync_conflicts drop constraint sync_conflicts_resolution_check,
    add constraint sync_conflicts_resolution_check check (resolution in ('ours', 'theirs', 'merged', 'apart'));
create index conflict_by_id on sync_conflicts (tenant_id, status, conflict_id) where conflict_id > 0;

-- A lock that follows its asset into another one is no one's deed.
create trigger audit_made after insert or update of value on asset_field_locks for each row
    when (current_setting('msphub.actor', true) <> '')
    execute function msphub_audit_row('asset_lock', 'asset_id', 'field', 'field,value');
create trigger audit_gone after delete on asset_field_locks for each row
    when (current_setting('msphub.actor', true) <> '')
    execute function msphub_audit_row('asset_lock', 'asset_id', 'field', 'field,value');

create function msphub_actor_name() returns text language sql stable as $$
    select coalesce(nullif(current_setting('msphub.actor', true), '')::jsonb ->> 'name', 'msphub')
$$;

-- Each gives how it went: 'done', 'none' (there is no such asset), 'changed' (another version by now), or what is said at it.

-- changes: {field: value}; null clears a field for good, but of client_id, where it gives the asset back to its organization's client.
create function msphub_asset_edit(tenant bigint, asset bigint, expected bigint, changes jsonb) returns text language plpgsql as $$
declare
    was assets;
    becomes assets;
    fields jsonb;
begin
    select * into was from assets a where a.tenant_id = tenant and a.asset_id = asset;
    if not found then
        return 'none';
    elsif expected <> 0 and expected <> was.version then
        return 'changed';
    elsif changes ->> 'client_id' is not null and not exists (
            select from clients c where c.tenant_id = tenant and c.client_id = (changes ->> 'client_id')::bigint) then
        return 'no client';
    end if;
    becomes := jsonb_populate_record(was, changes);
    insert into asset_field_locks as l (tenant_id, asset_id, field, value, locked_by)
    select tenant, asset, key, value, msphub_actor_name() from jsonb_each(changes) where (key, value) <> ('client_id', 'null')
    on conflict (tenant_id, asset_id, field) do update
    set value = excluded.value, locked_by = excluded.locked_by, locked_at = now() where l.value <> excluded.value;
    if changes -> 'client_id' = 'null' then
        delete from asset_field_locks l where l.tenant_id = tenant and l.asset_id = asset and l.field = 'client_id';
        delete from sync_conflicts c where c.tenant_id = tenant and c.asset_id = asset and c.kind = 'field' and c.field = 'client_id';
    end if;
    select jsonb_object_agg(k, jsonb_build_object('from', to_jsonb(was) -> k, 'to', to_jsonb(becomes) -> k)) into fields
    from jsonb_object_keys(changes) as k where to_jsonb(was) -> k is distinct from to_jsonb(becomes) -> k;
    if fields is not null then
        insert into asset_history (tenant_id, asset_id, action, actor, details)
        values (tenant, asset, 'edited', msphub_actor_name(), jsonb_build_object('fields', fields));
    end if;
    update assets a
    set name = becomes.name, description = becomes.description, asset_type = becomes.asset_type, client_id = becomes.client_id,
        location = becomes.location, room = becomes.room, asset_tag = becomes.asset_tag, assigned_user = becomes.assigned_user,
        assigned_email = becomes.assigned_email, version = a.version + 1, updated_at = now()
    where a.tenant_id = tenant and a.asset_id = asset;
    insert into asset_dirty values (tenant, asset) on conflict do nothing;
    return 'done';
end $$;

-- Gives a field back to the sources; the merge that follows fills it.
create function msphub_asset_unlock(tenant bigint, asset bigint, field_name text) returns text language plpgsql as $$
declare
    held jsonb;
begin
    if not exists (select from assets a where a.tenant_id = tenant and a.asset_id = asset) then
        return 'none';
    end if;
    delete from asset_field_locks l where l.tenant_id = tenant and l.asset_id = asset and l.field = field_name returning l.value into held;
    if not found then
        return 'not locked';
    end if;
    delete from sync_conflicts c
    where c.tenant_id = tenant and c.asset_id = asset and c.kind = 'field' and c.field = field_name and c.status = 'open';
    insert into asset_history (tenant_id, asset_id, action, actor, details)
    values (tenant, asset, 'unlocked', msphub_actor_name(), jsonb_build_object('fields', jsonb_build_object(field_name, jsonb_build_object('from', held))));
    update assets a
    set name = case field_name when 'name' then '' else name end, description = case field_name when 'description' then null else description end,
        asset_type = case field_name when 'asset_type' then 'unknown' else asset_type end,
        client_id = case field_name when 'client_id' then null else client_id end,
        location = case field_name when 'location' then null else location end, room = case field_name when 'room' then null else room end,
        asset_tag = case field_name when 'asset_tag' then null else asset_tag end,
        assigned_user = case field_name when 'assigned_user' then null else assigned_user end,
        assigned_email = case field_name when 'assigned_email' then null else assigned_email end,
        version = version + 1, updated_at = now()
    where a.tenant_id = tenant and a.asset_id = asset;
    insert into asset_dirty values (tenant, asset) on conflict do nothing;
    return 'done';
end $$;

-- What a person says of two assets is kept of all their sources, since assets come and go.
create function msphub_assets_decide(tenant bigint, a bigint, b bigint, word text) returns void language sql as $$
    insert into asset_source_decisions as d
        (tenant_id, integration_id, external_id, other_integration_id, other_external_id, decision)
    select tenant, p.integration_id, p.external_id, q.integration_id, q.external_id, word
    from (select x.*, y.asset_id as other_asset
          from (select * from asset_sources s where s.tenant_id = tenant and s.asset_id in (a, b)) x
          cross join (values (a), (b)) y(asset_id) where y.asset_id <> x.asset_id) p
    cross join lateral (select * from asset_sources s where s.tenant_id = tenant and s.asset_id = p.other_asset offset 0) q
    on conflict (tenant_id, integration_id, external_id, other_integration_id, other_external_id) do update
    set decision = excluded.decision, decided_at = now()
$$;

-- Settles what was asked about the two: pairs whose sources are theirs.
create function msphub_assets_settle(tenant bigint, a bigint, b bigint, word text) returns void language sql as $$
    update sync_conflicts c set status = 'resolved', resolution = word, resolved_at = now(), resolved_by = msphub_actor_name(), updated_at = now()
    from asset_sources p
    cross join lateral (select c.conflict_id from sync_conflicts c
                        where c.tenant_id = tenant and c.kind <> 'field' and c.status = 'open' and c.integration_id = p.integration_id
                          and c.external_id = p.external_id) k
    where p.tenant_id = tenant and p.asset_id in (a, b) and c.tenant_id = tenant and c.conflict_id = k.conflict_id
      and (select q.asset_id from asset_sources q
           where q.tenant_id = tenant and q.integration_id = c.other_integration_id and q.external_id = c.other_external_id) in (a, b)
$$;

create function msphub_asset_merge(tenant bigint, asset bigint, expected bigint, other bigint) returns text language plpgsql as $$
declare
    was assets;
    gone assets;
begin
    select * into was from assets a where a.tenant_id = tenant and a.asset_id = asset;
    if not found then
        return 'none';
    elsif expected <> 0 and expected <> was.version then
        return 'changed';
    end if;
    select * into gone from assets a where a.tenant_id = tenant and a.asset_id = other and a.asset_id <> asset;
    if not found then
        return 'no other';
    end if;
    perform msphub_assets_decide(tenant, asset, other, 'same');
    perform msphub_assets_settle(tenant, asset, other, 'merged');
    perform msphub_assets_join(tenant, array[asset], array[other], array['merged'], 0, array['by hand']);
    update assets a set version = version + 1, updated_at = now() where a.tenant_id = tenant and a.asset_id = asset;
    perform msphub_audit_write(tenant, 'asset.merged', 'asset', was.name, asset, null, null,
                               jsonb_build_object('other_id', other, 'other', gone.name));
    return 'done';
end $$;

-- Gives the new asset's id as text, or what is wrong.
create function msphub_asset_split(tenant bigint, asset bigint, expected bigint, integration bigint, external text) returns text
    language plpgsql as $$
declare
    was assets;
    made bigint;
begin
    select * into was from assets a where a.tenant_id = tenant and a.asset_id = asset;
    if not found then
        return 'none';
    elsif expected <> 0 and expected <> was.version then
        return 'changed';
    elsif not exists (select from asset_sources s where s.tenant_id = tenant and s.integration_id = integration
                                                    and s.external_id = external and s.asset_id = asset) then
        return 'no source';
    elsif (select count(*) from asset_sources s where s.tenant_id = tenant and s.asset_id = asset) = 1 then
        return 'only source';
    end if;
    made := msphub_source_split(tenant, integration, external, 'split', 'by hand');
    perform msphub_assets_decide(tenant, asset, made, 'apart');
    update assets a set version = version + 1, updated_at = now() where a.tenant_id = tenant and a.asset_id = asset;
    perform msphub_audit_write(tenant, 'asset.split', 'asset', was.name, asset, integration, null,
                               jsonb_build_object('asset_id', made, 'external_id', external));
    return made::text;
end $$;

create function msphub_conflict_resolve(tenant bigint, conflict bigint, word text) returns text language plpgsql as $$
declare
    c sync_conflicts;
    a bigint;
    b bigint;
    went text;
begin
    select * into c from sync_conflicts x where x.tenant_id = tenant and x.conflict_id = conflict;
    if not found then
        return 'none';
    elsif c.status = 'resolved' then
        return 'resolved';
    elsif (c.kind = 'field') <> (word in ('ours', 'theirs')) then
        return 'no such choice';
    end if;
    if c.kind = 'field' then
        if word = 'theirs' then
            update sync_conflicts x set status = 'resolved', resolution = word, resolved_at = now(), resolved_by = msphub_actor_name(),
                                        updated_at = now()
            where x.tenant_id = tenant and x.conflict_id = conflict;
            went := msphub_asset_unlock(tenant, c.asset_id, c.field);
        end if;
    else
        select s.asset_id into a from asset_sources s
        where s.tenant_id = tenant and s.integration_id = c.integration_id and s.external_id = c.external_id;
        select s.asset_id into b from asset_sources s
        where s.tenant_id = tenant and s.integration_id = c.other_integration_id and s.external_id = c.other_external_id;
        if a <> b and word = 'merged' then
            went := msphub_asset_merge(tenant, least(a, b), 0, greatest(a, b));
        elsif a <> b then
            perform msphub_assets_decide(tenant, a, b, 'apart');
            perform msphub_assets_settle(tenant, a, b, 'apart');
        end if;
    end if;
    update sync_conflicts x set status = 'resolved', resolution = word, resolved_at = now(), resolved_by = msphub_actor_name(), updated_at = now()
    where x.tenant_id = tenant and x.conflict_id = conflict and x.status = 'open';
    perform msphub_audit_write(tenant, 'conflict.resolved', 'conflict', coalesce(c.field, c.reason), conflict, c.integration_id, null,
                               jsonb_build_object('kind', c.kind, 'resolution', word, 'asset_id', coalesce(c.asset_id, a)));
    return 'done';
end $$;

create function msphub_conflict_json(c sync_conflicts) returns json language sql stable as $$
    select json_build_object(
        'id', c.conflict_id, 'kind', c.kind, 'status', c.status, 'reason', c.reason, 'asset_id', a.asset_id, 'asset', a.name,
        'field', c.field, 'ours', c.ours, 'theirs', c.theirs, 'integration_id', c.integration_id, 'external_id', c.external_id,
        'other_asset_id', b.asset_id, 'other_asset', b.name, 'other_integration_id', c.other_integration_id,
        'other_external_id', c.other_external_id, 'created_at', msphub_iso(c.created_at), 'updated_at', msphub_iso(c.updated_at),
        'resolution', c.resolution, 'resolved_at', msphub_iso(c.resolved_at), 'resolved_by', c.resolved_by)
    from (select 1) one
    left join assets a on a.tenant_id = c.tenant_id and a.asset_id = coalesce(c.asset_id, (
        select s.asset_id from asset_sources s
        where s.tenant_id = c.tenant_id and s.integration_id = c.integration_id and s.external_id = c.external_id))
    left join assets b on b.tenant_id = c.tenant_id and b.asset_id = (
        select s.asset_id from asset_sources s
        where s.tenant_id = c.tenant_id and s.integration_id = c.other_integration_id and s.external_id = c.other_external_id)
$$;

-- Pairs that no person need look at any more: what they had in common has changed, or they are one asset.
create function msphub_conflicts_settle(most bigint) returns bigint language sql as $$
    with over as materialized (
        select c.tenant_id, c.conflict_id
        from sync_conflicts c
        cross join lateral (select s.asset_id, msphub_source_keys(c.tenant_id, s.integration_id, s.external_id, s.keys) as keys
                            from asset_sources s where s.tenant_id = c.tenant_id and s.integration_id = c.integration_id
                                                   and s.external_id = c.external_id limit 1) a
        cross join lateral (select s.asset_id, msphub_source_keys(c.tenant_id, s.integration_id, s.external_id, s.keys) as keys
                            from asset_sources s where s.tenant_id = c.tenant_id and s.integration_id = c.other_integration_id
                                                   and s.external_id = c.other_external_id limit 1) b
        where c.status = 'open' and c.kind <> 'field'
          and (a.asset_id = b.asset_id or (c.kind = 'candidate' and msphub_verdict(a.keys, b.keys) is null))
        limit most
    ), gone as (
        delete from sync_conflicts c using over o where c.tenant_id = o.tenant_id and c.conflict_id = o.conflict_id and c.status = 'open'
        returning 1
    )
    select count(*) from gone
$$;

-- --- precedence ---

create function msphub_precedence(tenant bigint)
    returns table (field_group text, providers text[], is_default boolean, fields text[], ours boolean) language sql stable as $$
    select d.field_group, coalesce(p.providers, d.providers), p.providers is null,
           array(select s.said from msphub_said_groups() s where s.field_group = d.field_group order by 1),
           d.field_group in ('name', 'location', 'tags', 'assignment')
    from msphub_precedence_default() d
    left join field_precedence p on p.tenant_id = tenant and p.field_group = d.field_group
$$;

-- Every asset may come out otherwise: they are merged again in the background (hub/asset_upkeep.c).
create function msphub_precedence_changed() returns trigger language plpgsql as $$
begin
    insert into asset_dirty
    select a.tenant_id, a.asset_id from tenants t join assets a using (tenant_id)
    where t.tenant_id = coalesce(new.tenant_id, old.tenant_id) and t.status <> 'deleting'
    on conflict do nothing;
    perform pg_notify('msphub_assets', '');
    return null;
end $$;
create trigger changed after insert or update of providers on field_precedence for each row execute function msphub_precedence_changed();
create trigger unset after delete on field_precedence for each row execute function msphub_precedence_changed();

-- --- what names an asset beside its sources ---

-- A row of asset_aliases is the news that an asset became a part of another one, told before the former goes: who keeps an asset's id
-- follows it by a trigger here.
create function msphub_remote_access_follows() returns trigger language plpgsql as $$
begin
    update remote_access_log r set asset_id = new.into_id
    where r.tenant_id = new.tenant_id and r.asset_id = new.asset_id and r.access_id > 0;
    return null;
end $$;
create trigger remote_access_follows after insert on asset_aliases for each row execute function msphub_remote_access_follows();
