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

-- name: begin
-- One writer an integration at a time: no deadlocks, and what a statement found absent stays absent until it inserts.
-- $1 tenant, $2 integration
select msphub_tenant_writable($1::bigint), pg_advisory_xact_lock(hashint8extended($1, $2::bigint)),
       set_config('plan_cache_mode', 'force_generic_plan', true), set_config('jit', 'off', true),
       set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true),
       set_config('enable_mergejoin', 'off', true), set_config('enable_material', 'off', true),
       set_config('enable_memoize', 'off', true), set_config('enable_bitmapscan', 'off', true);

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
-- statuses text[], last seen timestamptz[], observed timestamptz[]
-- Gives: processed, created, updated, unchanged, restored.
with given as (
    select * from unnest($4::text[], $5::text[], $6::text[], $7::bigint[], $8::text[], $9::timestamptz[], $10::timestamptz[])
        as g(external_id, alternate_id, attributes, hash, agent_status, last_seen, observed_at)
), known as materialized (
    select g.*, s.asset_id, s.asset_id is null as is_new, s.retired_at is not null as was_retired,
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
              and (select count(*) from asset_sources o where o.tenant_id = $1 and o.asset_id = known.asset_id) = 1 as presence_only
    from known
    where is_new or (not is_late and (differs or was_retired or appears))
), written as (
    insert into asset_sources as s (tenant_id, integration_id, external_id, asset_id, alternate_id, hash, attributes,
                                    agent_status, last_seen, observed_at, name_key)
    select $1, $2, external_id, coalesce(asset_id, nextval('asset_ids')), alternate_id, hash, attributes::jsonb,
           agent_status, last_seen, observed_at, lower(left({name}, 200))
    from (select *, case when is_new then attributes::jsonb end as a from changed) changed
    on conflict (tenant_id, integration_id, external_id) do update
    set alternate_id = coalesce(excluded.alternate_id, s.alternate_id),
        attributes = case when s.hash = excluded.hash then s.attributes else s.attributes || excluded.attributes end,
        hash = excluded.hash,
        agent_status = case when excluded.agent_status = 'unknown' then s.agent_status else excluded.agent_status end,
        last_seen = coalesce(excluded.last_seen, s.last_seen), observed_at = excluded.observed_at,
        missing_count = 0, missing_since = null, retired_at = null, retire_reason = null, retired_run = null
    returning external_id, asset_id, attributes as a, attributes->>'organization_id' as organization, agent_status, last_seen,
              xmax = 0 as is_created
), born as (
    insert into assets (tenant_id, asset_id, name, hostname, dns_name, asset_type, product_class, organization_id, location,
                        description, agent_status, agent_version, last_seen, public_ip, ips, macs, approved, maintenance,
                        provenance)
    select $1, asset_id, {name}, a->>'hostname',
           a->>'dns_name', coalesce(a->>'type', 'unknown'), a->>'product_class',
           (select organization_id from organization_mappings o
            where o.tenant_id = $1 and o.integration_id = $2 and o.external_id = written.organization),
           a->>'location_id', a->>'description', agent_status, a->>'agent_version', last_seen, a->>'public_ip', a->'ips',
           a->'macs', (a->>'approved')::boolean, (a->>'maintenance')::boolean, jsonb_build_object('device', $2::bigint)
    from written where is_created
), present as (
    insert into assets as a (tenant_id, asset_id, name, agent_status, last_seen)
    select $1, c.asset_id, '', case when c.agent_status = 'unknown' then now.agent_status else c.agent_status end,
           coalesce(c.last_seen, now.last_seen)
    from changed c
    cross join lateral (select * from assets x where x.tenant_id = $1 and x.asset_id = c.asset_id limit 1) now
    where c.presence_only
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
-- run even when it says nothing new, since more may follow), observed timestamptz[]
-- Gives: processed, changed.
with given as (
    select external_id, number::smallint as facet, body, hash, is_open, observed_at
    from unnest($4::text[], $5::int[], $6::text[], $7::bigint[], $8::boolean[], $9::timestamptz[])
        as g(external_id, number, body, hash, is_open, observed_at)
), changed as materialized (
    select g.*, f.hash is null as is_new
    from given g
    left join lateral (select * from asset_source_facets f
                       where f.tenant_id = $1 and f.integration_id = $2 and f.external_id = g.external_id
                         and f.facet = g.facet limit 1) f on true
    where f.hash is null
       or (f.observed_at <= g.observed_at and (f.hash <> g.hash or (g.is_open and f.run_id is distinct from nullif($3, 0))))
), added as (
    insert into asset_source_facets (tenant_id, integration_id, external_id, facet, hash, run_id, observed_at, body)
    select $1, $2, external_id, facet, hash, nullif($3::bigint, 0), observed_at, body::jsonb from changed where is_new
), altered as (
    insert into asset_source_facets as f (tenant_id, integration_id, external_id, facet, hash, run_id, observed_at, body)
    select $1, $2, external_id, facet, hash, nullif($3::bigint, 0), observed_at, body::jsonb from changed where not is_new
    on conflict (tenant_id, integration_id, external_id, facet) do update
    set body = case when f.run_id = excluded.run_id then msphub_list_union(f.body, excluded.body) else excluded.body end,
        hash = excluded.hash, run_id = excluded.run_id, observed_at = excluded.observed_at
), dirty as ( -- the others are no part of an asset's row
    insert into asset_source_dirty select distinct $1::bigint, $2::bigint, external_id from changed where facet in (0, 1, 2, 6)
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

-- name: merge
-- Writes the assets of marked sources again, from all their sources and facets; what comes out the same is not written. The
-- integration that was configured first and still has the device wins, per field of the device and per facet.
-- $1 tenant, $2 integration, $3 ids text[] (null: any), $4 at most so many
-- Gives: marks taken, assets written.
with marked as materialized (
    select d.place
    from unnest($3::text[]) as g(external_id)
    cross join lateral (select d.ctid as place from asset_source_dirty d
                        where d.tenant_id = $1 and d.integration_id = $2 and d.external_id = g.external_id limit 1) d
    union all
    (select ctid from asset_source_dirty where tenant_id = $1 and integration_id = $2 and $3::text[] is null limit $4)
), taken as (
    delete from asset_source_dirty where ctid = any(array(select place from marked)) returning external_id
), touched as materialized (
    select distinct s.asset_id
    from taken t
    cross join lateral (select asset_id from asset_sources s
                        where s.tenant_id = $1 and s.integration_id = $2 and s.external_id = t.external_id limit 1) s
), sums as materialized (
    select t.asset_id, d.*, jsonb_build_object('device', d.integration_id) || coalesce(f.said_by, '{}') as provenance,
           coalesce(f.f, '{}') as f, coalesce(f.f->'system', '{}') as sys, coalesce(f.f->'os', '{}') as os,
           (select organization_id from organization_mappings o
            where o.tenant_id = $1 and o.integration_id = d.integration_id and o.external_id = d.organization)
               as organization_id
    from touched t
    cross join lateral (
        select msphub_overlay(s.attributes order by s.retired_at is null, s.integration_id desc, s.external_id desc) as a,
               msphub_overlay(s.attributes order by s.retired_at is null, s.integration_id desc, s.external_id desc)
                   ->>'organization_id' as organization,
               (array_agg(s.integration_id order by s.retired_at is not null, s.integration_id, s.external_id))[1] as integration_id,
               (array_agg(s.external_id order by s.retired_at is not null, s.integration_id, s.external_id))[1] as external_id,
               (array_agg(s.agent_status order by s.retired_at is not null, s.last_seen desc nulls last))[1] as agent_status,
               max(s.last_seen) as last_seen,
               case when bool_and(s.retired_at is not null) then max(s.retired_at) end as retired_at,
               case when bool_and(s.retired_at is not null) then max(s.retire_reason) end as retire_reason
        from asset_sources s where s.tenant_id = $1 and s.asset_id = t.asset_id) d
    cross join lateral (
        select jsonb_object_agg(msphub_facet_name(facet), body) as f,
               jsonb_object_agg(msphub_facet_name(facet), integration_id) as said_by
        from (select f.facet, f.body, s.integration_id
              from asset_sources s
              cross join lateral (
                  select f.facet, f.body from asset_source_facets f
                  where f.tenant_id = $1 and f.integration_id = s.integration_id and f.external_id = s.external_id
                    and f.facet in (0, 1, 2, 6) offset 0) f
              where s.tenant_id = $1 and s.asset_id = t.asset_id
              order by s.retired_at is null, s.integration_id desc, s.external_id desc) weakest_first) f
), fresh as materialized (
    select asset_id, {name} as name,
           a->>'hostname' as hostname, a->>'dns_name' as dns_name, coalesce(a->>'type', 'unknown') as asset_type,
           a->>'product_class' as product_class, organization_id, a->>'location_id' as location,
           a->>'description' as description, agent_status, a->>'agent_version' as agent_version, last_seen,
           a->>'public_ip' as public_ip, a->'ips' as ips, a->'macs' as macs, (a->>'approved')::boolean as approved,
           (a->>'maintenance')::boolean as maintenance, sys->>'manufacturer' as manufacturer, sys->>'model' as model,
           coalesce(sys->>'serial', sys->>'bios_serial') as serial, sys->>'uuid' as uuid, sys->>'domain' as domain,
           (sys->>'memory_bytes')::bigint as memory_bytes, (sys->>'virtual_machine')::boolean as virtual_machine,
           os->>'name' as os_name, os->>'version' as os_version, os->>'build' as os_build,
           os->>'architecture' as os_architecture, f->'processors'->0->>'name' as processor,
           f->'last_user'->>'name' as last_user, provenance, retired_at, retire_reason
    from sums
), written as (
    insert into assets as w
        (tenant_id, asset_id, name, hostname, dns_name, asset_type, product_class, organization_id, location, description, agent_status,
         agent_version, last_seen, public_ip, ips, macs, approved, maintenance, manufacturer, model, serial, uuid, domain,
         memory_bytes, virtual_machine, os_name, os_version, os_build, os_architecture, processor, last_user, provenance,
         retired_at, retire_reason)
    select $1, n.asset_id,
           n.name, n.hostname, n.dns_name, n.asset_type, n.product_class, n.organization_id, n.location, n.description,
           n.agent_status, n.agent_version, n.last_seen, n.public_ip, n.ips, n.macs, n.approved, n.maintenance,
           n.manufacturer, n.model, n.serial, n.uuid, n.domain, n.memory_bytes, n.virtual_machine, n.os_name,
           n.os_version, n.os_build, n.os_architecture, n.processor, n.last_user, n.provenance, n.retired_at,
           n.retire_reason
    from fresh n
    cross join lateral (select * from assets x where x.tenant_id = $1 and x.asset_id = n.asset_id limit 1) o
    where (o.name, o.hostname, o.dns_name, o.asset_type, o.product_class, o.organization_id, o.location, o.description,
           o.agent_status, o.agent_version, o.last_seen, o.public_ip, o.ips, o.macs, o.approved, o.maintenance,
           o.manufacturer, o.model, o.serial, o.uuid, o.domain, o.memory_bytes, o.virtual_machine, o.os_name,
           o.os_version, o.os_build, o.os_architecture, o.processor, o.last_user, o.provenance, o.retired_at,
           o.retire_reason)
          is distinct from
          (n.name, n.hostname, n.dns_name, n.asset_type, n.product_class, n.organization_id, n.location, n.description,
           n.agent_status, n.agent_version, n.last_seen, n.public_ip, n.ips, n.macs, n.approved, n.maintenance,
           n.manufacturer, n.model, n.serial, n.uuid, n.domain, n.memory_bytes, n.virtual_machine, n.os_name,
           n.os_version, n.os_build, n.os_architecture, n.processor, n.last_user, n.provenance, n.retired_at,
           n.retire_reason)
    on conflict (tenant_id, asset_id) do update
    set (name, hostname, dns_name, asset_type, product_class, organization_id, location, description, agent_status,
         agent_version, last_seen, public_ip, ips, macs, approved, maintenance, manufacturer, model, serial, uuid, domain,
         memory_bytes, virtual_machine, os_name, os_version, os_build, os_architecture, processor, last_user, provenance,
         retired_at, retire_reason,
         updated_at) =
        (excluded.name, excluded.hostname, excluded.dns_name, excluded.asset_type, excluded.product_class,
         excluded.organization_id, excluded.location, excluded.description, excluded.agent_status, excluded.agent_version,
         excluded.last_seen, excluded.public_ip, excluded.ips, excluded.macs, excluded.approved, excluded.maintenance,
         excluded.manufacturer, excluded.model, excluded.serial, excluded.uuid, excluded.domain, excluded.memory_bytes,
         excluded.virtual_machine, excluded.os_name, excluded.os_version, excluded.os_build, excluded.os_architecture,
         excluded.processor, excluded.last_user, excluded.provenance, excluded.retired_at, excluded.retire_reason,
         now())
    returning w.asset_id
)
select (select count(*) from taken), (select count(*) from written);

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
