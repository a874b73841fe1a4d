-- Batches of records → tables. The statements of one batch run in one transaction, in the order of this file.
--
-- How they stay fast whatever the size of the tables: each looks its rows up by primary key, compares by hash, and only what
-- differs is parsed and written. A plan made while the tables were empty must still be right at a million rows, so none is left to
-- the planner's guess: `begin` leaves only nested loops over indexes, a look-up is a lateral subquery that cannot be turned
-- round (limit 1, offset 0), and an update by key is written as an insert whose conflict updates. Keys are plain columns,
-- not expressions, because row-level security lets nothing else into an index condition.

-- fragment: name
-- What an asset is called, from its attributes `a`.
left(coalesce(nullif(a->>'name', ''), nullif(a->>'hostname', ''), nullif(a->>'dns_name', ''), external_id), 1000)

-- fragment: said
-- What the source `s` says, as msphub_source_said has it: written out, since a function would be started for each.
s.attributes || (select msphub_overlay(
                    case f.facet when 1 then f.body
                                 when 12 then jsonb_build_object('assignment', f.body)
                                              || case when f.body ? 'room' then jsonb_build_object('room', f.body->'room') else '{}' end
                                 else jsonb_build_object(msphub_facet_name(f.facet), f.body) end)
                 from (select x.facet, x.body from asset_source_facets x
                       where x.tenant_id = $1 and x.integration_id = s.integration_id and x.external_id = s.external_id
                         and x.facet in (0, 1, 2, 6, 10, 12) offset 0) f)

-- name: begin
-- One writer an integration at a time: no deadlocks, and what a statement found absent stays absent until it inserts.
-- $1 tenant, $2 integration
select msphub_tenant_writable($1::bigint), pg_advisory_xact_lock(hashint8extended($1, $2::bigint)),
       set_config('plan_cache_mode', 'force_generic_plan', true), set_config('jit', 'off', true),
       set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true),
       set_config('enable_mergejoin', 'off', true), set_config('enable_material', 'off', true),
       set_config('enable_memoize', 'off', true), set_config('enable_bitmapscan', 'off', true);

-- name: begin_assets
-- Behind `begin`, never before it: one writer of a tenant's assets at a time, since an asset has sources of several integrations.
-- $1 tenant
select pg_advisory_xact_lock(hashint8extended($1::bigint, 0));

-- name: organizations
-- $1 tenant, $2 integration, $3 run (0: none), ids text[], names text[], descriptions text[]
-- Gives: created, updated.
with given as (
    select * from unnest($4::text[], $5::text[], $6::text[]) as g(external_id, name, description)
), changed as materialized (
    select g.*, o.external_id is null as is_new
    from given g
    left join lateral (select * from organization_mappings o
                       where o.tenant_id = $1 and o.integration_id = $2 and o.external_id = g.external_id limit 1) o on true
    where o.external_id is null or o.missing_since is not null or o.name <> g.name
       or (g.description is not null and o.description is distinct from g.description)
), written as (
    insert into organization_mappings as o (tenant_id, integration_id, external_id, name, description)
    select $1, $2, external_id, name, description from changed
    on conflict (tenant_id, integration_id, external_id) do update
    set renamed_from = case when o.name <> excluded.name and o.decision = 'mapped' then coalesce(o.renamed_from, o.name)
                            else o.renamed_from end,
        name = excluded.name, description = coalesce(excluded.description, o.description),
        missing_since = null, updated_at = now()
), seen as (
    insert into sync_run_seen select $1, $3, 0, external_id from given where $3::bigint > 0 on conflict do nothing
)
select count(*) filter (where is_new), count(*) filter (where not is_new) from changed;

-- name: organizations_named
-- Organizations that devices name and no list has told us yet: known by their id until it does.
-- $1 tenant, $2 integration, $3 ids text[] without doubles
insert into organization_mappings (tenant_id, integration_id, external_id, name)
select $1, $2, g.id, g.id
from unnest($3::text[]) as g(id)
where (select true from organization_mappings o
       where o.tenant_id = $1 and o.integration_id = $2 and o.external_id = g.id limit 1) is null
on conflict do nothing;

-- name: locations
-- $1 tenant, $2 integration, $3 run, ids text[], organizations text[], names text[], addresses text[]
with given as (
    select * from unnest($4::text[], $5::text[], $6::text[], $7::text[]) as g(external_id, organization, name, address)
), written as (
    insert into provider_locations as l (tenant_id, integration_id, external_id, organization_external_id, name, address)
    select $1, $2, g.external_id, g.organization, g.name, g.address
    from given g
    left join lateral (select * from provider_locations l
                       where l.tenant_id = $1 and l.integration_id = $2 and l.external_id = g.external_id limit 1) l on true
    where l.external_id is null or l.missing_since is not null or l.name <> g.name
       or (g.organization is not null and l.organization_external_id is distinct from g.organization)
       or (g.address is not null and l.address is distinct from g.address)
    on conflict (tenant_id, integration_id, external_id) do update
    set organization_external_id = coalesce(excluded.organization_external_id, l.organization_external_id),
        name = excluded.name, address = coalesce(excluded.address, l.address), missing_since = null, updated_at = now()
), seen as (
    insert into sync_run_seen select $1, $3, 1, external_id from given where $3::bigint > 0 on conflict do nothing
)
select count(*) from given;

-- name: devices
-- Sources of devices; a new one gets its asset at once. What a message does not say (null; status 'unknown') stays as it is. A
-- source that was missing or retired is back. Where more than presence changed, the asset is marked for `merge`.
-- $1 tenant, $2 integration, $3 run, ids text[], alternate ids text[], attributes text[] (JSON objects), hashes bigint[],
-- statuses text[], last seen timestamptz[], observed timestamptz[], keys text[] (base/machine_key.h, one a line)
-- Gives: processed, created, updated, unchanged, restored.
with given as (
    select external_id, alternate_id, attributes, hash, agent_status, last_seen, observed_at, string_to_array(lines, E'\n') as keys
    from unnest($4::text[], $5::text[], $6::text[], $7::bigint[], $8::text[], $9::timestamptz[], $10::timestamptz[], $11::text[])
        as g(external_id, alternate_id, attributes, hash, agent_status, last_seen, observed_at, lines)
), known as materialized (
    select g.*, s.asset_id, s.agent_status as was_status, s.last_seen as was_seen,
           s.asset_id is null as is_new, s.retired_at is not null as was_retired,
           s.asset_id is not null and s.observed_at > g.observed_at as is_late,
           s.asset_id is not null and (
               (s.hash <> g.hash and s.attributes || g.attributes::jsonb <> s.attributes)
               or (g.alternate_id is not null and s.alternate_id is distinct from g.alternate_id)) as differs,
           s.missing_count > 0
               or (g.agent_status <> 'unknown' and s.agent_status <> g.agent_status)
               or (g.last_seen is not null and s.last_seen is distinct from g.last_seen) as appears
    from given g
    left join lateral (select * from asset_sources s
                       where s.tenant_id = $1 and s.integration_id = $2 and s.external_id = g.external_id limit 1) s on true
), changed as materialized (
    select *, not (is_new or differs or was_retired)
              and (select count(*) filter (where o.integration_id = $2) from (
                       select integration_id from asset_sources x where x.tenant_id = $1 and x.asset_id = known.asset_id offset 0) o) = 1
                  as presence_only
    from known
    where is_new or (not is_late and (differs or was_retired or appears))
), written as (
    insert into asset_sources as s (tenant_id, integration_id, external_id, asset_id, alternate_id, hash, attributes,
                                    agent_status, last_seen, observed_at, name_key, keys)
    select $1, $2, external_id, coalesce(asset_id, nextval('asset_ids')), alternate_id, hash, attributes::jsonb,
           agent_status, last_seen, observed_at, lower(left({name}, 200)), keys
    from (select *, case when is_new then attributes::jsonb end as a from changed) changed
    on conflict (tenant_id, integration_id, external_id) do update
    set alternate_id = coalesce(excluded.alternate_id, s.alternate_id),
        attributes = case when s.hash = excluded.hash then s.attributes else s.attributes || excluded.attributes end,
        hash = excluded.hash,
        keys = case when s.hash = excluded.hash or excluded.keys is null then s.keys
                    else excluded.keys || array(select k from unnest(s.keys) as k -- a kind of key that is not said stays
                                                where left(k, 1) <> all (array(select left(n, 1) from unnest(excluded.keys) as n))) end,
        agent_status = case when excluded.agent_status = 'unknown' then s.agent_status else excluded.agent_status end,
        last_seen = coalesce(excluded.last_seen, s.last_seen), observed_at = excluded.observed_at,
        missing_count = 0, missing_since = null, retired_at = null, retire_reason = null, retired_run = null
    returning external_id, asset_id, attributes as a, attributes->>'organization_id' as organization, agent_status, last_seen,
              xmax = 0 as is_created
), born as (
    insert into assets (tenant_id, asset_id, name, hostname, dns_name, asset_type, product_class, organization_id, location,
                        description, agent_status, agent_version, last_seen, public_ip, ips, macs, approved, maintenance)
    select $1, asset_id, {name}, a->>'hostname',
           a->>'dns_name', coalesce(a->>'type', 'unknown'), a->>'product_class',
           (select organization_id from organization_mappings o
            where o.tenant_id = $1 and o.integration_id = $2 and o.external_id = written.organization),
           a->>'location_id', a->>'description', agent_status, a->>'agent_version', last_seen, a->>'public_ip', a->'ips',
           a->'macs', (a->>'approved')::boolean, (a->>'maintenance')::boolean
    from written where is_created
), known_by as (
    insert into asset_identifiers
    select distinct $1, k, $2, external_id from changed cross join unnest(keys) as k
    where (is_new or differs) and left(k, 1) in ('s', 'u', 'm')
    on conflict do nothing
), present as ( -- as `merge` would have it, of all the asset's sources
    insert into assets as a (tenant_id, asset_id, name, agent_status, last_seen)
    select $1, c.asset_id, '', latest.agent_status, latest.last_seen
    from changed c
    cross join lateral (
        select (array_agg(o.agent_status order by o.is_retired, o.last_seen desc nulls last))[1] as agent_status,
               max(o.last_seen) as last_seen
        from (select coalesce(nullif(c.agent_status, 'unknown'), c.was_status) as agent_status,
                     coalesce(c.last_seen, c.was_seen) as last_seen, false as is_retired
              union all
              (select x.agent_status, x.last_seen, x.retired_at is not null from asset_sources x
               where x.tenant_id = $1 and x.asset_id = c.asset_id and x.integration_id <> $2 offset 0)) o) latest
    cross join lateral (select * from assets x where x.tenant_id = $1 and x.asset_id = c.asset_id limit 1) now
    where c.presence_only and (now.agent_status, now.last_seen) is distinct from (latest.agent_status, latest.last_seen)
    on conflict (tenant_id, asset_id) do update set agent_status = excluded.agent_status, last_seen = excluded.last_seen
), dirty as (
    insert into asset_source_dirty
    select $1, $2, external_id from changed
    where case when is_new then (select true from asset_source_facets f
                                 where f.tenant_id = $1 and f.integration_id = $2 and f.external_id = changed.external_id limit 1)
               else not presence_only end
    on conflict do nothing
), seen as (
    insert into sync_run_seen select $1, $3, 2, external_id from given where $3::bigint > 0 on conflict do nothing
), counts as (
    select count(*) as processed, count(*) filter (where is_new) as created,
           count(*) filter (where differs and not is_late) as updated,
           count(*) filter (where not is_new and (is_late or not differs)) as unchanged,
           count(*) filter (where was_retired and not is_late) as restored
    from known
)
select processed, created, updated, unchanged, restored,
       msphub_run_tally($1, $3, processed, created, updated, unchanged, 0, restored)
from counts;

-- name: facets
-- A list that grew across batches of one run: later rows join those that this run wrote before (msphub_list_union).
-- $1 tenant, $2 integration, $3 run, ids text[], facets int[], bodies text[] (JSON), hashes bigint[], open boolean[] (noted for this
-- run even when it says nothing new, since more may follow), observed timestamptz[], keys text[] as of `devices`
-- Gives: processed, changed.
with given as (
    select external_id, number::smallint as facet, body, hash, is_open, observed_at, string_to_array(lines, E'\n') as keys
    from unnest($4::text[], $5::int[], $6::text[], $7::bigint[], $8::boolean[], $9::timestamptz[], $10::text[])
        as g(external_id, number, body, hash, is_open, observed_at, lines)
), changed as materialized (
    select g.*, f.hash is null as is_new, f.keys as old_keys
    from given g
    left join lateral (select * from asset_source_facets f
                       where f.tenant_id = $1 and f.integration_id = $2 and f.external_id = g.external_id
                         and f.facet = g.facet limit 1) f on true
    where f.hash is null
       or (f.observed_at <= g.observed_at and (f.hash <> g.hash or (g.is_open and f.run_id is distinct from nullif($3, 0))))
), added as (
    insert into asset_source_facets (tenant_id, integration_id, external_id, facet, hash, run_id, observed_at, body, keys)
    select $1, $2, external_id, facet, hash, nullif($3::bigint, 0), observed_at, body::jsonb, keys from changed where is_new
), altered as (
    insert into asset_source_facets as f (tenant_id, integration_id, external_id, facet, hash, run_id, observed_at, body, keys)
    select $1, $2, external_id, facet, hash, nullif($3::bigint, 0), observed_at, body::jsonb, keys from changed where not is_new
    on conflict (tenant_id, integration_id, external_id, facet) do update
    set body = case when f.run_id = excluded.run_id then msphub_list_union(f.body, excluded.body) else excluded.body end,
        keys = case when f.run_id = excluded.run_id
                    then array(select unnest(f.keys) union select unnest(excluded.keys)) else excluded.keys end,
        hash = excluded.hash, run_id = excluded.run_id, observed_at = excluded.observed_at
), known_by as (
    insert into asset_identifiers
    select distinct $1, k, $2, external_id from changed cross join unnest(keys) as k
    where left(k, 1) in ('s', 'u', 'm') and k <> all (coalesce(old_keys, '{}'))
    on conflict do nothing
), dirty as ( -- the others are no part of an asset's row, interfaces only tell who it is
    insert into asset_source_dirty select distinct $1::bigint, $2::bigint, external_id from changed
    where facet in (0, 1, 2, 6, 10, 12) or (facet = 4 and keys is distinct from old_keys)
    on conflict do nothing
)
select (select count(*) from given), (select count(*) from changed);

-- name: gone
-- The product says that these devices exist no more.
-- $1 tenant, $2 integration, $3 run, ids text[], when timestamptz[], observed timestamptz[]
-- Gives: retired.
with left_us as (
    update asset_sources s
    set retired_at = coalesce(($5::timestamptz[])[array_position($4::text[], s.external_id)],
                              ($6::timestamptz[])[array_position($4::text[], s.external_id)]),
        observed_at = ($6::timestamptz[])[array_position($4::text[], s.external_id)],
        retire_reason = 'deleted upstream', retired_run = nullif($3::bigint, 0)
    where s.tenant_id = $1 and s.integration_id = $2 and s.external_id = any($4) and s.retired_at is null
      and s.observed_at <= ($6::timestamptz[])[array_position($4::text[], s.external_id)]
      and (select true from organization_mappings o -- whose auto-sync is off
           where o.tenant_id = $1 and o.integration_id = $2 and not o.auto_sync
             and o.external_id = s.attributes ->> 'organization_id' limit 1) is null
    returning s.external_id
), dirty as (
    insert into asset_source_dirty select $1, $2, external_id from left_us on conflict do nothing
), counts as (
    select count(*) as retired from left_us
)
select retired, msphub_run_tally($1, $3, 0, 0, 0, 0, retired, 0) from counts;

-- name: seen
-- Records that are there although they could not be stored: they are not missing.
-- $1 tenant, $2 run, kinds int[], ids text[]
insert into sync_run_seen
select distinct $1::bigint, $2::bigint, kind::smallint, id from unnest($3::int[], $4::text[]) as g(kind, id)
on conflict do nothing;

-- name: identify
-- Joins assets that are one machine; before `merge`, with the same ids. See msphub_identify.
-- $1 tenant, $2 integration, $3 ids text[] (null: any that are marked), $4 at most so many of them
-- Gives: assets that became parts of others.
select msphub_identify($1::bigint, $2::bigint, $3::text[], $4::bigint);

-- name: merge
-- Writes the assets of marked sources again, and those of asset_dirty, from all their sources and facets; what comes out the same is not
-- written. Whose word counts of several sources is what msphub_asset_said tells, written out. What a person has locked stays, and who stands behind 'ours'
-- fills only what is empty; where a source says other than the person, that is a conflict, until it agrees. Changes go to the history.
-- $1 tenant, $2 integration (0: none), $3 ids text[] (null: any), $4 at most so many
-- Gives: marks taken, assets written, rows of asset_dirty taken.
with marked as materialized (
    select d.place
    from unnest($3::text[]) as g(external_id)
    cross join lateral (select d.ctid as place from asset_source_dirty d
                        where d.tenant_id = $1 and d.integration_id = $2 and d.external_id = g.external_id limit 1) d
    union all
    (select ctid from asset_source_dirty where tenant_id = $1 and integration_id = $2 and $3::text[] is null order by external_id limit $4)
), taken as (
    delete from asset_source_dirty where ctid = any(array(select place from marked)) returning external_id
), waiting as (
    delete from asset_dirty where ctid = any(array(select ctid from asset_dirty where tenant_id = $1 order by asset_id
                                                          limit least(greatest($4, 1000), 2000)))
    returning asset_id
), touched as materialized (
    select s.asset_id
    from taken t
    cross join lateral (select asset_id from asset_sources s
                        where s.tenant_id = $1 and s.integration_id = $2 and s.external_id = t.external_id limit 1) s
    union
    select asset_id from waiting
), places as materialized (
    select coalesce(jsonb_object_agg(integration_id, ranks), '{}') as ranks, jsonb_object_agg(integration_id, fills) as fills
    from msphub_ranks($1)
), sums as materialized (
    select t.asset_id, d.agent_status, d.last_seen, d.retired_at, d.retire_reason, d.external_id, said.a, said.filling, l.locks,
           (select o from organization_mappings o
            where o.tenant_id = $1 and o.integration_id = said.client_of and o.external_id = said.a->>'organization_id') as organization
    from touched t
    cross join lateral (
        select count(*) as sources, (array_agg(s.attributes))[1] as attributes,
               (array_agg(s.integration_id order by s.retired_at is not null, s.integration_id, s.external_id))[1] as integration_id,
               (array_agg(s.external_id order by s.retired_at is not null, s.integration_id, s.external_id))[1] as external_id,
               (array_agg(s.agent_status order by s.retired_at is not null, s.last_seen desc nulls last))[1] as agent_status,
               max(s.last_seen) as last_seen,
               case when bool_and(s.retired_at is not null) then max(s.retired_at) end as retired_at,
               case when bool_and(s.retired_at is not null) then max(s.retire_reason) end as retire_reason
        from (select * from asset_sources x where x.tenant_id = $1 and x.asset_id = t.asset_id offset 0) s) d
    cross join lateral (
        select {said} as a, s.integration_id as client_of,
               (select array(select jsonb_array_elements_text(fills->s.integration_id::text)) from places
                where fills->s.integration_id::text <> '[]') as filling
        from (select d.integration_id, d.external_id, d.attributes) s
        where d.sources = 1
        union all
        select jsonb_object_agg(m.key, m.value), max(m.integration_id) filter (where m.key = 'organization_id'),
               array_agg(m.key) filter (where m.rank >= 1000)
        from (select distinct on (e.key collate "C") e.*
              from (select k.key, k.value, o.integration_id, o.external_id, o.is_retired, o.last_seen,
                           coalesce((o.ranks->>k.key)::integer, 900) as rank
                    from (select s.integration_id, s.external_id, s.retired_at is not null as is_retired, s.last_seen,
                                 (select ranks from places)->s.integration_id::text as ranks, {said} as said
                          from (select * from asset_sources x where x.tenant_id = $1 and x.asset_id = t.asset_id offset 0) s
                          where d.sources > 1 offset 0) o
                    cross join lateral jsonb_each(o.said) k
                    where k.value not in ('""', 'null', '[]', '{}') offset 0) e
              order by e.key collate "C", e.is_retired, e.rank, e.integration_id, e.last_seen desc nulls last, e.external_id) m
        having d.sources > 1) said
    left join lateral (select jsonb_object_agg(k.field, k.value) as locks from asset_field_locks k
                       where k.tenant_id = $1 and k.asset_id = t.asset_id) l on true
    where d.sources > 0
), said as materialized (
    select asset_id, external_id, {name} as name,
           a->>'hostname' as hostname, a->>'dns_name' as dns_name, coalesce(a->>'type', 'unknown') as asset_type,
           a->>'product_class' as product_class, (organization).organization_id as organization_id, (organization).client_id as its_client,
           a->>'location_id' as location, a->>'room' as room, a->>'description' as description, agent_status,
           a->>'agent_version' as agent_version, last_seen, a->>'public_ip' as public_ip, a->'ips' as ips, a->'macs' as macs,
           (a->>'approved')::boolean as approved, (a->>'maintenance')::boolean as maintenance, a->>'manufacturer' as manufacturer,
           a->>'model' as model, coalesce(a->>'serial', a->>'bios_serial') as serial, a->>'uuid' as uuid, a->>'domain' as domain,
           (a->>'memory_bytes')::bigint as memory_bytes, (a->>'virtual_machine')::boolean as virtual_machine,
           a->'os'->>'name' as os_name, a->'os'->>'version' as os_version, a->'os'->>'build' as os_build,
           a->'os'->>'architecture' as os_architecture, a->'processors'->0->>'name' as processor, a->'last_user'->>'name' as last_user,
           a->'management'->>'asset_tag' as asset_tag,
           nullif(jsonb_path_query_array(a->'management', '$.keyvalue() ? (@.key like_regex "^barcode").value'), '[]') as barcodes,
           coalesce(a->'assignment'->>'name', a->'assignment'->>'username') as assigned_user,
           a->'assignment'->>'email' as assigned_email, retired_at, retire_reason, filling, locks
    from sums
), compared as materialized (
    select n.*, x as was,
           -- What stays whatever the sources say: locked, or there already and not theirs to replace.
           case when n.locks is null and n.filling is null then null
                else jsonb_strip_nulls(jsonb_build_object(
                         'name', case when 'name' = any (n.filling) then nullif(nullif(x.name, ''), n.external_id) end,
                         'description', case when 'description' = any (n.filling) then x.description end,
                         'location', case when 'location_id' = any (n.filling) then x.location end,
                         'room', case when 'room' = any (n.filling) then x.room end,
                         'asset_tag', case when 'management' = any (n.filling) then x.asset_tag end,
                         'assigned_user', case when 'assignment' = any (n.filling) then x.assigned_user end,
                         'assigned_email', case when 'assignment' = any (n.filling) then x.assigned_email end))
                     || coalesce(n.locks, '{}') end as ours
    from said n
    cross join lateral (select * from assets x where x.tenant_id = $1 and x.asset_id = n.asset_id limit 1) x
), fresh as materialized (
    select was, asset_id, case when ours ? 'name' then ours->>'name' else name end as name, hostname, dns_name,
           case when ours ? 'asset_type' then ours->>'asset_type' else asset_type end as asset_type, product_class, organization_id,
           case when ours ? 'location' then ours->>'location' else location end as location,
           case when ours ? 'room' then ours->>'room' else room end as room,
           case when ours ? 'description' then ours->>'description' else description end as description,
           agent_status, agent_version, last_seen, public_ip, ips, macs, approved, maintenance, manufacturer, model, serial, uuid,
           domain, memory_bytes, virtual_machine, os_name, os_version, os_build, os_architecture, processor, last_user,
           case when ours ? 'asset_tag' then ours->>'asset_tag' else asset_tag end as asset_tag,
           case when 'management' = any (filling) then coalesce((was).barcodes, barcodes) else barcodes end as barcodes,
           case when ours ? 'assigned_user' then ours->>'assigned_user' else assigned_user end as assigned_user,
           case when ours ? 'assigned_email' then ours->>'assigned_email' else assigned_email end as assigned_email,
           (select c.client_id from clients c
            where c.tenant_id = $1 and c.client_id = (ours->>'client_id')::bigint limit 1) as client_id, retired_at, retire_reason
    from compared
), written as (
    insert into assets as w
        (tenant_id, asset_id, name, hostname, dns_name, asset_type, product_class, organization_id, location, room, description, agent_status,
         agent_version, last_seen, public_ip, ips, macs, approved, maintenance, manufacturer, model, serial, uuid, domain,
         memory_bytes, virtual_machine, os_name, os_version, os_build, os_architecture, processor, last_user, asset_tag,
         barcodes, assigned_user, assigned_email, client_id, retired_at, retire_reason)
    select $1, n.asset_id, n.name, n.hostname, n.dns_name, n.asset_type, n.product_class, n.organization_id, n.location, n.room, n.description,
           n.agent_status, n.agent_version, n.last_seen, n.public_ip, n.ips, n.macs, n.approved, n.maintenance, n.manufacturer,
           n.model, n.serial, n.uuid, n.domain, n.memory_bytes, n.virtual_machine, n.os_name, n.os_version, n.os_build,
           n.os_architecture, n.processor, n.last_user, n.asset_tag, n.barcodes, n.assigned_user, n.assigned_email, n.client_id,
           n.retired_at, n.retire_reason
    from fresh n
    where ((n.was).name, (n.was).hostname, (n.was).dns_name, (n.was).asset_type, (n.was).product_class, (n.was).organization_id,
           (n.was).location, (n.was).room, (n.was).description, (n.was).agent_status, (n.was).agent_version, (n.was).last_seen,
           (n.was).public_ip, (n.was).ips, (n.was).macs, (n.was).approved, (n.was).maintenance, (n.was).manufacturer,
           (n.was).model, (n.was).serial, (n.was).uuid, (n.was).domain, (n.was).memory_bytes, (n.was).virtual_machine,
           (n.was).os_name, (n.was).os_version, (n.was).os_build, (n.was).os_architecture, (n.was).processor, (n.was).last_user,
           (n.was).asset_tag, (n.was).barcodes, (n.was).assigned_user, (n.was).assigned_email, (n.was).client_id,
           (n.was).retired_at, (n.was).retire_reason)
          is distinct from
          (n.name, n.hostname, n.dns_name, n.asset_type, n.product_class, n.organization_id, n.location, n.room, n.description,
           n.agent_status, n.agent_version, n.last_seen, n.public_ip, n.ips, n.macs, n.approved, n.maintenance, n.manufacturer,
           n.model, n.serial, n.uuid, n.domain, n.memory_bytes, n.virtual_machine, n.os_name, n.os_version, n.os_build,
           n.os_architecture, n.processor, n.last_user, n.asset_tag, n.barcodes, n.assigned_user, n.assigned_email, n.client_id,
           n.retired_at, n.retire_reason)
    on conflict (tenant_id, asset_id) do update
    set (name, hostname, dns_name, asset_type, product_class, organization_id, location, room, description, agent_status,
         agent_version, last_seen, public_ip, ips, macs, approved, maintenance, manufacturer, model, serial, uuid, domain,
         memory_bytes, virtual_machine, os_name, os_version, os_build, os_architecture, processor, last_user, asset_tag,
         barcodes, assigned_user, assigned_email, client_id, retired_at, retire_reason, updated_at) =
        (excluded.name, excluded.hostname, excluded.dns_name, excluded.asset_type, excluded.product_class,
         excluded.organization_id, excluded.location, excluded.room, excluded.description, excluded.agent_status,
         excluded.agent_version, excluded.last_seen, excluded.public_ip, excluded.ips, excluded.macs, excluded.approved,
         excluded.maintenance, excluded.manufacturer, excluded.model, excluded.serial, excluded.uuid, excluded.domain,
         excluded.memory_bytes, excluded.virtual_machine, excluded.os_name, excluded.os_version, excluded.os_build,
         excluded.os_architecture, excluded.processor, excluded.last_user, excluded.asset_tag, excluded.barcodes,
         excluded.assigned_user, excluded.assigned_email, excluded.client_id, excluded.retired_at, excluded.retire_reason, now())
    returning w.asset_id
), told as (
    insert into asset_history (tenant_id, asset_id, action, integration_id, details)
    select $1, n.asset_id, 'changed', nullif($2::bigint, 0), jsonb_build_object('fields', c.fields)
    from fresh n
    cross join lateral (
        select jsonb_object_agg(v.field, jsonb_build_object('from', v.was, 'to', v.becomes)) as fields
        from (select (n.was).*) x
        cross join lateral (values ('name', to_jsonb(x.name), to_jsonb(n.name)), ('hostname', to_jsonb(x.hostname), to_jsonb(n.hostname)), ('dns_name', to_jsonb(x.dns_name), to_jsonb(n.dns_name)),
            ('asset_type', to_jsonb(x.asset_type), to_jsonb(n.asset_type)), ('organization_id', to_jsonb(x.organization_id), to_jsonb(n.organization_id)), ('client_id', to_jsonb(x.client_id), to_jsonb(n.client_id)),
            ('location', to_jsonb(x.location), to_jsonb(n.location)), ('room', to_jsonb(x.room), to_jsonb(n.room)), ('description', to_jsonb(x.description), to_jsonb(n.description)),
            ('manufacturer', to_jsonb(x.manufacturer), to_jsonb(n.manufacturer)), ('model', to_jsonb(x.model), to_jsonb(n.model)), ('serial', to_jsonb(x.serial), to_jsonb(n.serial)),
            ('uuid', to_jsonb(x.uuid), to_jsonb(n.uuid)), ('domain', to_jsonb(x.domain), to_jsonb(n.domain)), ('memory_bytes', to_jsonb(x.memory_bytes), to_jsonb(n.memory_bytes)),
            ('os_name', to_jsonb(x.os_name), to_jsonb(n.os_name)), ('os_version', to_jsonb(x.os_version), to_jsonb(n.os_version)), ('os_build', to_jsonb(x.os_build), to_jsonb(n.os_build)),
            ('processor', to_jsonb(x.processor), to_jsonb(n.processor)), ('asset_tag', to_jsonb(x.asset_tag), to_jsonb(n.asset_tag)), ('barcodes', to_jsonb(x.barcodes), to_jsonb(n.barcodes)),
            ('assigned_user', to_jsonb(x.assigned_user), to_jsonb(n.assigned_user)), ('assigned_email', to_jsonb(x.assigned_email), to_jsonb(n.assigned_email)), ('retired_at', to_jsonb(x.retired_at), to_jsonb(n.retired_at))) v(field, was, becomes)
        where v.was is distinct from v.becomes
          and (v.field = 'retired_at' or (v.was <> '""' and (v.field, v.was) <> ('asset_type', '"unknown"')))) c
    where (n.was).updated_at > (n.was).created_at and c.fields is not null
), differing as materialized (
    select c.asset_id, v.field, v.ours, v.theirs
    from compared c
    cross join lateral (select key as field, value as ours, case key when 'name' then to_jsonb(c.name) when 'description' then to_jsonb(c.description) when 'asset_type' then
        to_jsonb(c.asset_type) when 'location' then to_jsonb(c.location) when 'room' then to_jsonb(c.room) when 'asset_tag' then
        to_jsonb(c.asset_tag) when 'assigned_user' then to_jsonb(c.assigned_user) when 'assigned_email' then
        to_jsonb(c.assigned_email) when 'client_id' then to_jsonb(c.its_client) end as theirs from jsonb_each(c.locks)) v
    where c.locks is not null
), agreed as (
    delete from sync_conflicts f using differing d
    where f.tenant_id = $1 and f.asset_id = d.asset_id and f.field = d.field and f.kind = 'field'
      and (d.theirs is null or d.theirs = d.ours)
), disputed as (
    insert into sync_conflicts as f (tenant_id, kind, asset_id, field, ours, theirs, integration_id, reason)
    select $1, 'field', d.asset_id, d.field, d.ours, d.theirs, m.integration_id, 'a source says other than was set by hand'
    from differing d
    left join lateral msphub_asset_said($1, d.asset_id, (select ranks from places)) m on m.said = (case d.field when 'asset_type' then 'type' when 'location' then 'location_id' when 'asset_tag' then 'management' when 'client_id' then 'organization_id'
        when 'assigned_user' then 'assignment' when 'assigned_email' then 'assignment' else d.field end)
    where d.theirs is not null and d.theirs <> d.ours
    on conflict (tenant_id, asset_id, field) where f.kind = 'field' do update
    set ours = excluded.ours, theirs = excluded.theirs, integration_id = excluded.integration_id, updated_at = now(),
        status = 'open', resolution = null, resolved_at = null, resolved_by = null
    where (f.ours, f.theirs, f.integration_id) is distinct from (excluded.ours, excluded.theirs, excluded.integration_id)
)
select (select count(*) from taken), (select count(*) from written), (select count(*) from waiting);

-- name: preview
-- What `devices` would do, without doing it (dry run): counts and the first changes go to the run, as do the seen marks.
-- $1 tenant, $2 integration, $3 run, ids text[], attributes text[], hashes bigint[], $7 changes that a report may hold
-- Gives: processed, created, updated, unchanged, restored.
with given as (
    select * from unnest($4::text[], $5::text[], $6::bigint[]) as g(external_id, attributes, hash)
), known as materialized (
    select g.*, s.hash is null as is_new, s.retired_at is not null as was_retired,
           s.hash is not null and s.hash <> g.hash and s.attributes || g.attributes::jsonb <> s.attributes as differs,
           coalesce(s.attributes, '{}') as before
    from given g
    left join lateral (select * from asset_sources s
                       where s.tenant_id = $1 and s.integration_id = $2 and s.external_id = g.external_id limit 1) s on true
), seen as (
    insert into sync_run_seen select $1, $3::bigint, 2, external_id from given on conflict do nothing
), changes as (
    select jsonb_build_object(
               'id', external_id, 'name', attributes::jsonb->>'name',
               'change', case when is_new then 'created' when was_retired then 'restored' else 'updated' end,
               'fields', (select coalesce(jsonb_agg(n.key order by n.key), '[]') from jsonb_each(attributes::jsonb) n
                          where not is_new and n.value is distinct from before->n.key)) as change
    from known where is_new or differs or was_retired limit $7
), counts as (
    select count(*) as processed, count(*) filter (where is_new) as created, count(*) filter (where differs) as updated,
           count(*) filter (where not is_new and not differs) as unchanged, count(*) filter (where was_retired) as restored
    from known
)
select processed, created, updated, unchanged, restored,
       msphub_run_tally($1, $3, processed, created, updated, unchanged, 0, restored),
       msphub_run_report($1, $3, (select jsonb_agg(change) from changes), $7)
from counts;
