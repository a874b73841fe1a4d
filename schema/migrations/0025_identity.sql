-- One asset a machine, whichever products know it. What a source says of its machine's identity stands with it as keys (base/machine_key.h),
-- those that are looked up also in asset_identifiers. msphub_identify joins the assets of sources that are the same machine.
--
-- Assets and the asset of a source are written under the tenant's lock (store/inventory.h), so that two integrations that meet the same
-- machine at once do so one after the other: the second finds what the first has made.

alter table asset_sources add column keys text[];
alter table asset_source_facets add column keys text[];

-- Who says which key. A row may outlive what it says: whoever finds it looks at the source's own keys, and clears it away.
create table asset_identifiers (
    tenant_id bigint not null,
    value text collate "C" not null,
    integration_id bigint not null,
    external_id text not null,
    primary key (tenant_id, value, integration_id, external_id)
);
select msphub_protect('asset_identifiers');

-- Assets to be merged again, whatever their sources did: written and cleared under the tenant's lock.
create table asset_dirty (
    tenant_id bigint not null,
    asset_id bigint not null,
    primary key (tenant_id, asset_id)
);
select msphub_protect('asset_dirty');

-- What a person said of two sources: that they are one machine, or that they are not. Each pair stands here both ways round.
create table asset_source_decisions (
    tenant_id bigint not null,
    integration_id bigint not null,
    external_id text not null,
    other_integration_id bigint not null,
    other_external_id text not null,
    decision text not null check (decision in ('same', 'apart')),
    decided_at timestamptz not null default now(),
    primary key (tenant_id, integration_id, external_id, other_integration_id, other_external_id)
);
select msphub_protect('asset_source_decisions');

-- An asset that became a part of another one, for whoever still has its id.
create table asset_aliases (
    tenant_id bigint not null,
    asset_id bigint not null,
    into_id bigint not null,
    since timestamptz not null default now(),
    primary key (tenant_id, asset_id)
);
create index asset_alias_into on asset_aliases (tenant_id, into_id);
select msphub_protect('asset_aliases');

-- What no source may overwrite: the person's value.
create table asset_field_locks (
    tenant_id bigint not null,
    asset_id bigint not null,
    field text not null,
    value jsonb not null,
    locked_by text not null,
    locked_at timestamptz not null default now(),
    primary key (tenant_id, asset_id, field),
    foreign key (tenant_id, asset_id) references assets on delete cascade
);
select msphub_protect('asset_field_locks');

-- What waits for a person. field: a source says other than the person did. candidate: two assets have a key in common, and something
-- speaks against their being one. clone: two devices of one integration, both alive, with the same keys.
create table sync_conflicts (
    tenant_id bigint not null,
    conflict_id bigint generated always as identity,
    kind text not null check (kind in ('field', 'candidate', 'clone')),
    status text not null default 'open' check (status in ('open', 'resolved')),
    resolution text check (resolution in ('ours', 'merged', 'apart')),
    asset_id bigint,                        -- of a field; the others follow their sources
    field text,
    ours jsonb,
    theirs jsonb,
    integration_id bigint,                  -- who says so; of a pair the source with the lesser key
    external_id text,
    other_integration_id bigint,
    other_external_id text,
    reason text not null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    resolved_at timestamptz,
    resolved_by text,
    primary key (tenant_id, conflict_id),
    foreign key (tenant_id, asset_id) references assets on delete cascade,
    check ((kind = 'field') = (asset_id is not null and field is not null)),
    check ((kind = 'field') = (other_external_id is null)),
    check ((status = 'resolved') = (resolution is not null))
);
create unique index conflict_of_field on sync_conflicts (tenant_id, asset_id, field) where kind = 'field';
create unique index conflict_of_pair on sync_conflicts (tenant_id, integration_id, external_id, other_integration_id, other_external_id)
    where kind <> 'field';
create index conflict_of_other on sync_conflicts (tenant_id, other_integration_id, other_external_id) where kind <> 'field';
select msphub_protect('sync_conflicts');

-- What became of an asset: fields that changed their value, joins and splits, a person's edits. What is filled in for the first time
-- is no change; status, addresses and the like, which change all the time, are not kept.
create table asset_history (
    tenant_id bigint not null,
    history_id bigint generated always as identity,
    asset_id bigint not null,
    at timestamptz not null default now(),
    action text not null check (action in ('changed', 'edited', 'unlocked', 'joined', 'reenrolled', 'merged', 'split', 'separated')),
    actor text,                             -- the person; null: a source did it
    integration_id bigint,                  -- the source that brought it
    details jsonb not null,                 -- fields: {name: {from, to}}; of a join: the asset, its name, its sources, why
    primary key (tenant_id, history_id)
);
create index history_of_asset on asset_history (tenant_id, asset_id, history_id) where asset_id > 0;
select msphub_protect('asset_history');

-- A tenant's own order for a group of fields; where there is none: msphub_precedence_default.
create table field_precedence (
    tenant_id bigint not null references tenants on delete cascade,
    field_group text not null,
    providers text[] not null,
    updated_at timestamptz not null default now(),
    primary key (tenant_id, field_group)
);
select msphub_protect('field_precedence');
create trigger audit after insert or delete or update of providers on field_precedence for each row
    execute function msphub_audit_row('precedence', 'tenant_id', 'field_group', 'providers');

alter table assets
    add column room text,
    add column asset_tag text,
    add column barcodes jsonb,
    add column assigned_user text,
    add column assigned_email text,
    add column client_id bigint,            -- a person's; null: the organization's
    add column version bigint not null default 1, -- counts persons' edits; the ETag
    add foreign key (tenant_id, client_id) references clients on delete set null (client_id);
create index asset_by_client on assets (tenant_id, client_id) where client_id is not null;
alter table assets drop column provenance; -- it is found when it is asked for: msphub_asset_said

-- --- whose word counts ---

-- Each group with its default order: products from the most trusted on; behind 'ours' stand those that fill what is empty, and
-- never replace what is there.
create function msphub_precedence_default() returns table (field_group text, providers text[]) language sql immutable parallel safe as $$
    values ('name', array['ninjaone', 'tacticalrmm', 'jamf', 'syncro', 'ours', 'msp360']),
           ('client', array['ninjaone', 'tacticalrmm', 'syncro', 'jamf', 'msp360']),
           ('location', array['ninjaone', 'tacticalrmm', 'syncro', 'ours', 'jamf', 'msp360']),
           ('identity', array['jamf', 'ninjaone', 'tacticalrmm', 'syncro', 'msp360']),
           ('hardware', array['jamf', 'ninjaone', 'tacticalrmm', 'syncro', 'msp360']),
           ('os', array['ninjaone', 'tacticalrmm', 'jamf', 'syncro', 'msp360']),
           ('network', array['ninjaone', 'tacticalrmm', 'jamf', 'syncro', 'msp360']),
           ('status', array['ninjaone', 'tacticalrmm', 'syncro', 'jamf', 'msp360']),
           ('tags', array['ninjaone', 'tacticalrmm', 'syncro', 'ours', 'jamf', 'msp360']),
           ('assignment', array['jamf', 'syncro', 'ninjaone', 'tacticalrmm', 'msp360'])
$$;

-- What a source says (its attributes, the members of its facet `system`, the other facets whole) → the group that decides.
create function msphub_said_groups() returns table (said text, field_group text) language sql immutable parallel safe as $$
    values ('name', 'name'), ('description', 'name'), ('organization_id', 'client'), ('location_id', 'location'),
           ('room', 'location'), ('manufacturer', 'identity'), ('model', 'identity'), ('serial', 'identity'),
           ('bios_serial', 'identity'), ('uuid', 'identity'), ('type', 'hardware'), ('product_class', 'hardware'),
           ('chassis', 'hardware'), ('memory_bytes', 'hardware'), ('virtual_machine', 'hardware'), ('processors', 'hardware'),
           ('os', 'os'), ('hostname', 'os'), ('domain', 'os'), ('dns_name', 'network'), ('public_ip', 'network'),
           ('ips', 'network'), ('macs', 'network'), ('agent_version', 'status'), ('approved', 'status'),
           ('maintenance', 'status'), ('last_user', 'status'), ('management', 'tags'), ('assignment', 'assignment')
$$;

-- Of each integration of a tenant: what it may say → its place, 1000 and more behind 'ours'; and a list of the latter.
create function msphub_ranks(tenant bigint) returns table (integration_id bigint, ranks jsonb, fills jsonb) language sql stable as $$
    select i.integration_id, jsonb_object_agg(s.said, r.place),
           coalesce(jsonb_agg(s.said) filter (where r.place >= 1000), '[]')
    from integration_configurations i
    cross join (select d.field_group, coalesce((select p.providers from field_precedence p
                                                where p.tenant_id = tenant and p.field_group = d.field_group), d.providers) as providers
                from msphub_precedence_default() d) g
    join msphub_said_groups() s on s.field_group = g.field_group
    cross join lateral (select coalesce(array_position(g.providers, i.provider), 900) as place) p
    cross join lateral (select case when p.place > array_position(g.providers, 'ours') then p.place + 1000 else p.place end as place) r
    where i.tenant_id = tenant
    group by i.integration_id
$$;

-- What one source says, as one object.
create function msphub_source_said(tenant bigint, integration bigint, external text, attributes jsonb) returns jsonb
    language sql stable as $$
    select attributes
           || case when f.body ? 'assignment' and f.body->'assignment' ? 'room'
                   then jsonb_build_object('room', f.body->'assignment'->'room') else '{}' end
           || coalesce(f.body->'system', '{}') || (f.body - 'system')
    from (select coalesce(jsonb_object_agg(msphub_facet_name(x.facet), x.body), '{}') as body
          from (select f.facet, f.body from asset_source_facets f
                where f.tenant_id = tenant and f.integration_id = integration and f.external_id = external
                  and f.facet in (0, 1, 2, 6, 10, 12) offset 0) x) f
$$;

-- Of an asset with several sources: each thing that is said, by whom it counts, and that one's place. Live sources come before retired
-- ones, then the tenant's order, then the integration that was configured first, of one integration the device that was seen last.
create function msphub_asset_said(tenant bigint, asset bigint, ranks jsonb)
    returns table (said text, value jsonb, integration_id bigint, rank integer) language sql stable as $$
    select distinct on (e.key) e.key, e.value, e.integration_id, e.rank
    from (select said.key, said.value, s.integration_id, s.external_id, s.is_retired, s.last_seen,
                 coalesce((s.ranks ->> said.key)::integer, 900) as rank
          from (select x.integration_id, x.external_id, x.retired_at is not null as is_retired, x.last_seen,
                       ranks -> x.integration_id::text as ranks,
                       msphub_source_said(tenant, x.integration_id, x.external_id, x.attributes) as said
                from asset_sources x where x.tenant_id = tenant and x.asset_id = asset offset 0) s
          cross join lateral jsonb_each(s.said) said
          where said.value not in ('""', 'null', '[]', '{}')
          offset 0) e
    order by e.key, e.is_retired, e.rank, e.integration_id, e.last_seen desc nulls last, e.external_id
$$;

-- --- who is the same machine ---

create function msphub_source_keys(tenant bigint, integration bigint, external text, own text[]) returns text[] language sql stable as $$
    select array(select unnest(own)
                 union select unnest(f.keys) from (select keys from asset_source_facets f
                                                   where f.tenant_id = tenant and f.integration_id = integration
                                                     and f.external_id = external and f.facet in (1, 4) offset 0) f)
$$;

-- What the keys of two sources say: 'same …' (they are one machine), 'candidate …' (a person must look), null (nothing).
create function msphub_verdict(a text[], b text[]) returns text language sql immutable parallel safe as $$
    with kinds as (
        select left(key, 1) as kind, count(*) filter (where in_a and in_b) as both_say,
               count(*) filter (where in_a) as a_says, count(*) filter (where in_b) as b_says
        from (select key, bool_or(side = 'a') as in_a, bool_or(side = 'b') as in_b
              from (select unnest(a) as key, 'a' as side union all select unnest(b), 'b') k group by key) k
        group by left(key, 1)
    ), x as (
        select coalesce(max(both_say) filter (where kind = 's'), 0) > 0 as serial,
               coalesce(max(both_say) filter (where kind = 'u'), 0) > 0 as uuid,
               coalesce(max(both_say) filter (where kind = 'm'), 0) as macs,
               coalesce(bool_or(both_say = least(a_says, b_says)) filter (where kind = 'm'), false) as all_macs,
               coalesce(array_agg(kind) filter (where both_say = 0 and a_says > 0 and b_says > 0), '{}') as differ
        from kinds
    )
    select case when (serial or uuid) and 't' = any (differ) then 'candidate: same ' || what || ', another type of device'
                when (serial or uuid) and 'v' = any (differ) then 'candidate: same ' || what || ', another manufacturer'
                when serial and uuid then 'same serial and hardware UUID'
                when serial and 'u' = any (differ) then 'candidate: same serial, another hardware UUID'
                when serial then 'same serial'
                when uuid and 's' = any (differ) then 'candidate: same hardware UUID, another serial'
                when uuid then 'same hardware UUID'
                when macs = 0 or not all_macs or differ && array['s', 'u', 't'] then null
                when macs > 1 or not 'h' = any (differ) then 'same MAC addresses'
                else 'candidate: one MAC address in common, another host name' end
    from x cross join lateral (select case when serial and uuid then 'serial and hardware UUID' when serial then 'serial'
                                           else 'hardware UUID' end as what) w
$$;

-- How present a source is: 0 gone (retired, or missing from the last list), 1 silent, 2 alive.
create function msphub_presence(retired_at timestamptz, missing_count integer, agent_status text) returns integer
    language sql immutable parallel safe as $$
    select case when retired_at is not null or missing_count > 0 then 0 when agent_status in ('offline', 'overdue') then 1 else 2 end
$$;

-- Two sources of one integration with the same keys: are they one device that was enrolled again? The older record must be gone, or
-- silent since before the newer one was heard.
create function msphub_reenrolled(a asset_sources, b asset_sources) returns boolean language sql immutable parallel safe as $$
    select least(pa, pb) = 0
           or (pa = 1 and pb = 2 and coalesce(a.last_seen <= b.last_seen, true))
           or (pa = 2 and pb = 1 and coalesce(b.last_seen <= a.last_seen, true))
    from (select msphub_presence(a.retired_at, a.missing_count, a.agent_status) as pa,
                 msphub_presence(b.retired_at, b.missing_count, b.agent_status) as pb) p
$$;

-- Why two assets must not be joined by themselves: 'apart' (a person said so, or a clone was found before), 'clone' with the two
-- devices of one integration; no row: nothing speaks against it.
create function msphub_asset_obstacle(tenant bigint, a bigint, b bigint)
    returns table (obstacle text, integration_id bigint, external_id text, other_external_id text) language sql stable as $$
    select case when d.decision = 'apart' or c.status is not null then 'apart' else 'clone' end, p.integration_id, p.external_id,
           q.external_id
    from (select * from asset_sources s where s.tenant_id = tenant and s.asset_id = a offset 0) p
    cross join (select * from asset_sources s where s.tenant_id = tenant and s.asset_id = b offset 0) q
    left join lateral (select x.decision from asset_source_decisions x
                       where x.tenant_id = tenant and x.integration_id = p.integration_id and x.external_id = p.external_id
                         and x.other_integration_id = q.integration_id and x.other_external_id = q.external_id limit 1) d on true
    left join lateral (select x.status from sync_conflicts x
                       where x.tenant_id = tenant and x.kind = 'clone' and x.kind <> 'field' and x.integration_id = p.integration_id
                         and x.external_id = least(p.external_id, q.external_id) and x.other_integration_id = q.integration_id
                         and x.other_external_id = greatest(p.external_id, q.external_id) limit 1) c
        on p.integration_id = q.integration_id and d.decision is null
           and msphub_presence(p.retired_at, p.missing_count, p.agent_status) > 0
           and msphub_presence(q.retired_at, q.missing_count, q.agent_status) > 0
    where d.decision = 'apart' or c.status is not null
       or (d.decision is null and p.integration_id = q.integration_id and not msphub_reenrolled(p, q))
    order by 1, 2, 3, 4 limit 1
$$;

-- Makes assets one: gone[i] becomes a part of kept[i], with its sources, alerts, locks and history. No asset stands in both lists.
create function msphub_assets_join(tenant bigint, kept bigint[], gone bigint[], what text[], integration bigint, reasons text[])
    returns void language plpgsql as $$
begin
    insert into asset_history (tenant_id, asset_id, action, actor, integration_id, details)
    select tenant, j.kept, j.action, nullif(current_setting('msphub.actor', true), '')::jsonb ->> 'name', nullif(integration, 0),
           jsonb_build_object('asset_id', j.gone, 'name', a.name, 'reason', j.reason, 'sources', (
               select jsonb_agg(jsonb_build_object('integration_id', s.integration_id, 'external_id', s.external_id))
               from (select * from asset_sources r where r.tenant_id = tenant and r.asset_id = j.gone offset 0) s))
    from unnest(kept, gone, what, reasons) with ordinality as j(kept, gone, action, reason, place)
    cross join lateral (select name from assets a where a.tenant_id = tenant and a.asset_id = j.gone limit 1) a
    order by j.place;
    -- Rows are found one asset at a time and changed by their place: a join could be planned to read all of them.
    update asset_sources s set asset_id = kept[array_position(gone, s.asset_id)]
    where s.ctid = any (array(select x.ctid from unnest(gone) as g(id) cross join lateral (
        select ctid from asset_sources r where r.tenant_id = tenant and r.asset_id = g.id offset 0) x));
    update rmm_alerts w set asset_id = kept[array_position(gone, w.asset_id)]
    where w.ctid = any (array(select x.ctid from unnest(gone) as g(id) cross join lateral (
        select ctid from rmm_alerts r where r.tenant_id = tenant and r.asset_id = g.id offset 0) x));
    update asset_history h set asset_id = kept[array_position(gone, h.asset_id)]
    where h.ctid = any (array(select x.ctid from unnest(gone) as g(id) cross join lateral (
        select ctid from asset_history r where r.tenant_id = tenant and r.asset_id = g.id and r.asset_id > 0 offset 0) x));
    insert into asset_field_locks
    select l.tenant_id, j.kept, l.field, l.value, l.locked_by, l.locked_at
    from unnest(kept, gone) as j(kept, gone)
    cross join lateral (select * from asset_field_locks r where r.tenant_id = tenant and r.asset_id = j.gone offset 0) l
    on conflict do nothing;
    update asset_aliases a set into_id = kept[array_position(gone, a.into_id)]
    where a.ctid = any (array(select x.ctid from unnest(gone) as g(id) cross join lateral (
        select ctid from asset_aliases r where r.tenant_id = tenant and r.into_id = g.id offset 0) x));
    insert into asset_aliases (tenant_id, asset_id, into_id) select tenant, j.gone, j.kept from unnest(kept, gone) as j(kept, gone);
    delete from assets a
    where a.ctid = any (array(select x.ctid from unnest(gone) as g(id) cross join lateral (
        select ctid from assets r where r.tenant_id = tenant and r.asset_id = g.id limit 1) x));
    delete from asset_dirty d where d.tenant_id = tenant and d.asset_id = any (gone);
    insert into asset_dirty select distinct tenant, k from unnest(kept) as k on conflict do nothing;
end $$;

-- Opens (or renews) what a person must look at: pairs of sources, the lesser one first.
create function msphub_pair_conflict(tenant bigint, kind text, integration bigint, external text, other_integration bigint,
                                     other_external text, reason text) returns void language sql as $$
    insert into sync_conflicts as c (tenant_id, kind, integration_id, external_id, other_integration_id, other_external_id, reason)
    select tenant, kind, case when lesser then integration else other_integration end, case when lesser then external else other_external end,
           case when lesser then other_integration else integration end, case when lesser then other_external else external end, reason
    from (select (integration, external) < (other_integration, other_external) as lesser) o
    on conflict (tenant_id, integration_id, external_id, other_integration_id, other_external_id) where c.kind <> 'field' do update
    set kind = excluded.kind, reason = excluded.reason, updated_at = now()
    where (c.kind, c.reason) is distinct from (excluded.kind, excluded.reason) and c.status = 'open'
$$;

-- Moves one source to an asset of its own, of which it gives the name until the merge.
create function msphub_source_split(tenant bigint, integration bigint, external text, action text, reason text) returns bigint
    language plpgsql as $$
declare
    made bigint := nextval('asset_ids');
    was asset_sources;
    who text := nullif(current_setting('msphub.actor', true), '')::jsonb ->> 'name';
    part jsonb := jsonb_build_object('reason', reason, 'sources', jsonb_build_array(
                      jsonb_build_object('integration_id', integration, 'external_id', external)));
begin
    select * into strict was from asset_sources s
    where s.tenant_id = tenant and s.integration_id = integration and s.external_id = external;
    insert into assets (tenant_id, asset_id, name)
    values (tenant, made, left(coalesce(nullif(was.attributes ->> 'name', ''), nullif(was.attributes ->> 'hostname', ''), external), 1000));
    update asset_sources s set asset_id = made
    where s.tenant_id = tenant and s.integration_id = integration and s.external_id = external;
    update rmm_alerts w set asset_id = made
    where w.tenant_id = tenant and w.asset_id = was.asset_id and w.integration_id = integration
      and w.device_external_id in (external, was.alternate_id);
    insert into asset_history (tenant_id, asset_id, action, actor, integration_id, details)
    values (tenant, was.asset_id, action, who, integration, part || jsonb_build_object('asset_id', made)),
           (tenant, made, action, who, integration, part || jsonb_build_object('asset_id', was.asset_id));
    insert into asset_dirty values (tenant, was.asset_id), (tenant, made) on conflict do nothing;
    return made;
end $$;

-- Joins the assets of an integration's sources with those that are the same machine: of sources that are marked to be merged, and of
-- those that this transaction has made. Only the ids given, or up to `most` marked ones. Under the tenant's lock, before the merge of
-- the same sources. Gives how many assets became parts of others.
create function msphub_identify(tenant bigint, integration bigint, ids text[], most bigint) returns bigint language plpgsql as $$
declare
    shared constant int := 12;              -- a key that more sources have is no key
    twice constant text := 'two devices with the same identity are online at once';
    marked text[];
    pair record;
    kept bigint[];
    gone bigint[];
    actions text[];
    reasons text[];
    waits bigint;
    joined bigint := 0;
begin
    if ids is null then
        marked := array(select d.external_id from asset_source_dirty d
                        where d.tenant_id = tenant and d.integration_id = integration order by d.external_id limit most);
    else
        marked := array(
            select distinct g.id from unnest(ids) as g(id)
            cross join lateral (select s.first_seen from asset_sources s
                                where s.tenant_id = tenant and s.integration_id = integration and s.external_id = g.id limit 1) s
            where s.first_seen = now()
               or (select true from asset_source_dirty d
                   where d.tenant_id = tenant and d.integration_id = integration and d.external_id = g.id limit 1));
    end if;
    -- Two devices of one integration in one asset, both online: they were taken for one that had been enrolled again. The later one leaves.
    for pair in
        select distinct case when later then s.external_id else o.external_id end as leaves,
               case when later then o.external_id else s.external_id end as stays
        from unnest(marked) as m(id)
        cross join lateral (select * from asset_sources s
                            where s.tenant_id = tenant and s.integration_id = integration and s.external_id = m.id limit 1) s
        cross join lateral (select * from asset_sources o where o.tenant_id = tenant and o.asset_id = s.asset_id offset 0) o
        cross join lateral (select (s.first_seen, s.external_id) > (o.first_seen, o.external_id) as later) l
        where o.integration_id = integration and o.external_id <> s.external_id
          and s.agent_status = 'online' and o.agent_status = 'online'
          and least(msphub_presence(s.retired_at, s.missing_count, s.agent_status),
                    msphub_presence(o.retired_at, o.missing_count, o.agent_status)) = 2
          and not exists (select from asset_source_decisions d
                          where d.tenant_id = tenant and d.integration_id = integration and d.external_id = s.external_id
                            and d.other_integration_id = integration and d.other_external_id = o.external_id)
        order by 1, 2
    loop
        perform msphub_pair_conflict(tenant, 'clone', integration, pair.stays, integration, pair.leaves, twice);
        -- a pair before this one may have moved it
        continue when (select count(distinct x.asset_id) from asset_sources x
                       where x.tenant_id = tenant and x.integration_id = integration
                         and x.external_id in (pair.leaves, pair.stays)) > 1;
        perform msphub_source_split(tenant, integration, pair.leaves, 'separated', twice);
    end loop;
    for round in 1 .. 8 loop
        exit when marked = '{}';
        kept := '{}'; gone := '{}'; actions := '{}'; reasons := '{}'; waits := 0;
        for pair in
            with mine as materialized (
                select s.external_id, s.asset_id, msphub_source_keys(tenant, integration, s.external_id, s.keys) as keys
                from unnest(marked) as m(id)
                cross join lateral (select * from asset_sources s
                                    where s.tenant_id = tenant and s.integration_id = integration and s.external_id = m.id limit 1) s
            ), met as materialized (
                select m.external_id, m.asset_id, m.keys, k.key, o.integration_id as other_integration, o.external_id as other,
                       count(*) over (partition by m.external_id, k.key) as n
                from mine m
                cross join unnest(m.keys) as k(key)
                cross join lateral (select i.integration_id, i.external_id from asset_identifiers i
                                    where i.tenant_id = tenant and i.value = k.key collate "C" limit shared + 1) o
                where left(k.key, 1) in ('s', 'u', 'm')
            ), others as materialized (
                select distinct external_id, asset_id, keys, other_integration, other
                from met where n <= shared and (other_integration, other) <> (integration, external_id)
            ), judged as materialized (
                select m.external_id, m.asset_id, m.other_integration, m.other, o.asset_id as other_asset,
                       msphub_verdict(m.keys, msphub_source_keys(tenant, m.other_integration, m.other, o.keys)) as verdict
                from others m
                cross join lateral (select * from asset_sources o
                                    where o.tenant_id = tenant and o.integration_id = m.other_integration
                                      and o.external_id = m.other limit 1) o
                where o.asset_id <> m.asset_id
            ), assets_that_meet as materialized (
                select distinct on (least(asset_id, other_asset), greatest(asset_id, other_asset))
                       least(asset_id, other_asset) as keeps, greatest(asset_id, other_asset) as goes, external_id, other_integration,
                       other, verdict
                from judged where verdict is not null
                order by 1, 2, verdict like 'candidate%', verdict desc, external_id, other_integration, other
            )
            select p.*, h.obstacle, h.integration_id as clone_integration, h.external_id as clone, h.other_external_id as clone_other
            from assets_that_meet p
            left join lateral msphub_asset_obstacle(tenant, p.keeps, p.goes) h on true
            order by p.keeps, p.goes
        loop
            if pair.verdict like 'candidate: %' then
                if not exists (select from asset_source_decisions d
                               where d.tenant_id = tenant and d.integration_id = integration and d.external_id = pair.external_id
                                 and d.other_integration_id = pair.other_integration and d.other_external_id = pair.other) then
                    perform msphub_pair_conflict(tenant, 'candidate', integration, pair.external_id, pair.other_integration, pair.other,
                                                 substr(pair.verdict, 12));
                end if;
            elsif pair.obstacle = 'clone' then
                perform msphub_pair_conflict(tenant, 'clone', pair.clone_integration, pair.clone, pair.clone_integration,
                                             pair.clone_other, pair.verdict);
            elsif pair.obstacle is null then
                if pair.keeps = any (kept || gone) or pair.goes = any (kept || gone) then
                    waits := waits + 1; -- one join an asset a round: what it was joined with may speak against the next
                else
                    kept := kept || pair.keeps;
                    gone := gone || pair.goes;
                    actions := actions || case when pair.other_integration = integration then 'reenrolled' else 'joined' end;
                    reasons := reasons || pair.verdict;
                end if;
            end if;
        end loop;
        exit when kept = '{}';
        perform msphub_assets_join(tenant, kept, gone, actions, integration, reasons);
        joined := joined + cardinality(kept);
        exit when waits = 0;
    end loop;
    -- What a person was asked about, and is one asset by now.
    if joined > 0 then
        delete from sync_conflicts c using unnest(marked) as m(id)
        where c.tenant_id = tenant and c.kind <> 'field' and c.status = 'open'
          and ((c.integration_id = integration and c.external_id = m.id) or (c.other_integration_id = integration and c.other_external_id = m.id))
          and (select asset_id from asset_sources s where s.tenant_id = tenant and s.integration_id = c.integration_id
                                                      and s.external_id = c.external_id)
              = (select asset_id from asset_sources s where s.tenant_id = tenant and s.integration_id = c.other_integration_id
                                                        and s.external_id = c.other_external_id);
    end if;
    return joined;
end $$;

-- As 0020 had it; and what the integration knew of machines goes along, and the assets that others know too are merged without it.
create or replace function msphub_integration_removed() returns trigger language plpgsql as $$
begin
    delete from asset_source_facets where tenant_id = old.tenant_id and integration_id = old.integration_id;
    delete from asset_source_dirty where tenant_id = old.tenant_id and integration_id = old.integration_id;
    delete from asset_identifiers where tenant_id = old.tenant_id and integration_id = old.integration_id;
    delete from asset_source_decisions
    where tenant_id = old.tenant_id and (integration_id = old.integration_id or other_integration_id = old.integration_id);
    delete from sync_conflicts
    where tenant_id = old.tenant_id and (integration_id = old.integration_id or other_integration_id = old.integration_id);
    delete from sync_run_seen where tenant_id = old.tenant_id and run_id in (
        select run_id from integration_sync_history where tenant_id = old.tenant_id and integration_id = old.integration_id);
    insert into asset_dirty
    select distinct s.tenant_id, s.asset_id from asset_sources s
    where s.tenant_id = old.tenant_id and s.integration_id = old.integration_id
      and (select true from (select integration_id from asset_sources x where x.tenant_id = s.tenant_id and x.asset_id = s.asset_id offset 0) o
           where o.integration_id <> old.integration_id limit 1)
    on conflict do nothing;
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
