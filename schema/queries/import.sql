-- Mappings from a former system, a file at once. Each import first looks for lines that cannot be followed, with the same fragment that it
-- then writes by, under a lock that holds off syncs of nothing but these rows.

-- fragment: organizations
-- $1 tenant, then arrays: $2 line, $3 integration, $4 the product's id (null: by name), $5 name (null: by id), $6 client,
-- $7 the client's reference (null: none)
given as materialized (
    select *, lower(client) as client_key
    from unnest($2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[])
        as g(line, integration, external_id, name, client, reference)
), resolved as materialized (
    select g.*, i.integration_id, o.n, o.organization_id
    from given g
    left join integration_configurations i
        on i.tenant_id = $1 and i.provider || case when i.name = '' then '' else ':' || i.name end = g.integration
    left join lateral (
        select count(*) as n, min(o.organization_id) as organization_id from organization_mappings o
        where o.tenant_id = $1 and o.integration_id = i.integration_id
          and (g.external_id is null or o.external_id = g.external_id)
          and (g.name is null or lower(o.name) = lower(g.name))) o on true
)

-- name: check_organizations
-- Parameters as of the fragment `organizations`. Gives (line, what is wrong), by line.
with {organizations}, problems as (
    select line, case
        when integration_id is null then format('there is no integration "%s"', integration)
        when n = 0 and external_id is not null and name is not null
            then format('%s has no organization with the id "%s" and the name "%s"', integration, external_id, name)
        when n = 0 then format('%s has no organization %s; synchronise it first', integration,
                               coalesce('with the id "' || external_id || '"', '"' || name || '"'))
        when n > 1 then format('%s has %s organizations "%s"; name the one by its id', integration, n, name) end as what
    from resolved
    union all
    select r.line, format('the same organization as line %s, with another client', f.line)
    from resolved r
    join lateral (select * from resolved f where f.organization_id = r.organization_id order by f.line limit 1) f
        on (f.client_key, f.reference) is distinct from (r.client_key, r.reference)
    where r.n = 1
    union all
    select g.line, format('line %s gives the client "%s" another reference', f.line, g.client)
    from given g
    join lateral (select * from given f where f.client_key = g.client_key and f.reference is not null order by f.line limit 1) f
        on f.reference <> g.reference
    union all
    select g.line, format('line %s gives the reference "%s" to the client "%s"', f.line, g.reference, f.client)
    from given g
    join lateral (select * from given f where f.reference = g.reference order by f.line limit 1) f on f.client_key <> g.client_key
    union all
    select g.line, format('the client "%s" has the reference "%s" here', c.name, c.reference)
    from given g join clients c on c.tenant_id = $1 and c.name_key = g.client_key collate "C" and c.reference <> g.reference
    union all
    select g.line, format('the reference "%s" is of the client "%s" here', c.reference, c.name)
    from given g join clients c on c.tenant_id = $1 and c.reference = g.reference and c.name_key <> g.client_key collate "C"
)
select line, what from problems where what is not null order by line, what limit 1000;

-- name: add_clients
-- The clients that are named and not there yet; one that is there without a reference gets it. Parameters as of the fragment
-- `organizations`. Gives: made, changed.
with {organizations}, named as (
    select client_key, min(client) as client, max(reference) as reference from given group by client_key
), changed as (
    update clients c set reference = n.reference, version = c.version + 1, updated_at = now()
    from named n
    where c.tenant_id = $1 and c.name_key = n.client_key collate "C" and c.reference is null and n.reference is not null
    returning c.client_id
), made as (
    insert into clients (tenant_id, name, reference)
    select $1, client, reference from named n
    where not exists (select from clients c where c.tenant_id = $1 and c.name_key = n.client_key collate "C")
    order by client_key
    returning client_id
)
select (select count(*) from made), (select count(*) from changed);

-- name: map_organizations
-- Behind add_clients, in the same transaction; parameters as of the fragment `organizations`. Gives: lines, mapped anew.
with {organizations}, mapped as (
    update organization_mappings o
    set decision = 'mapped', client_id = c.client_id, renamed_from = null, version = o.version + 1, updated_at = now()
    from (select distinct organization_id, client_key from resolved) r
    join clients c on c.tenant_id = $1 and c.name_key = r.client_key collate "C"
    where o.tenant_id = $1 and o.organization_id = r.organization_id
      and (o.decision, o.client_id) is distinct from ('mapped', c.client_id)
    returning o.organization_id
)
select (select count(*) from given), (select count(*) from mapped);

-- fragment: devices
-- $1 tenant, then arrays: $2 line, $3 machine (lines with the same are one), $4 integration, $5 the product's id, $6 name (null: its id)
given as materialized (
    select * from unnest($2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[])
        as g(line, machine, integration, external_id, name)
), resolved as materialized (
    select g.*, i.integration_id, s.asset_id, s.name_key
    from given g
    left join integration_configurations i
        on i.tenant_id = $1 and i.provider || case when i.name = '' then '' else ':' || i.name end = g.integration
    left join lateral (select * from asset_sources s
                       where s.tenant_id = $1 and s.integration_id = i.integration_id and s.external_id = g.external_id limit 1) s on true
), survivors as materialized (
    -- Of each machine the asset that most of its devices are of already, else the oldest; a new one when there is none.
    select machine, name, coalesce(asset_id, nextval('asset_ids')) as asset_id, asset_id is null as is_new
    from (select distinct on (m.machine) m.machine, m.name, c.asset_id
          from (select machine, (array_agg(coalesce(name, external_id) order by name is null, line))[1] as name
                from resolved group by machine) m
          left join (select machine, asset_id, count(*) as n from resolved where asset_id is not null group by machine, asset_id) c
              using (machine)
          order by m.machine, c.n desc nulls last, c.asset_id) chosen
)

-- name: check_devices
-- Parameters as of the fragment `devices`. Gives (line, what is wrong), by line.
with {devices}, problems as (
    select line, format('there is no integration "%s"', integration) as what from resolved where integration_id is null
    union all
    select r.line, format('the device "%s" of %s is another machine in line %s', r.external_id, r.integration, f.line)
    from resolved r
    join lateral (select * from given f where (f.integration, f.external_id) = (r.integration, r.external_id) order by f.line limit 1) f
        on f.machine <> r.machine
    union all
    select r.line, format('the same device as line %s', f.line)
    from resolved r
    join lateral (select * from given f where (f.integration, f.external_id) = (r.integration, r.external_id) order by f.line limit 1) f
        on f.machine = r.machine and f.line < r.line
    union all
    select r.line, format('it is one asset with the machine of line %s here (asset %s), and another machine in the file', f.line, r.asset_id)
    from resolved r
    join lateral (select * from resolved f where f.asset_id = r.asset_id order by f.line limit 1) f on f.machine <> r.machine
)
select line, what from problems order by line, what limit 1000;

-- name: bind_devices
-- Each device becomes a source of its machine's asset. One that no list has named yet gets an empty source, which the next sync finds
-- and fills, or misses and retires. What an asset lost all its sources by is kept, retired, and its alerts go along.
-- Parameters as of the fragment `devices`, and $7 the file's name, for the audit log. Gives: lines, assets made, devices bound before they
-- were seen, devices moved, assets retired.
with {devices}, made as (
    insert into assets (tenant_id, asset_id, name) select $1, asset_id, left(name, 1000) from survivors where is_new
    returning asset_id
), planned as (
    insert into asset_sources (tenant_id, integration_id, external_id, asset_id, hash, attributes, observed_at, name_key)
    select $1, r.integration_id, r.external_id, v.asset_id, 0,
           case when r.name is null then '{}' else jsonb_build_object('name', r.name) end, 'epoch',
           coalesce((select a.name_key from assets a where a.tenant_id = $1 and a.asset_id = v.asset_id),
                    lower(left(v.name, 200)))
    from resolved r join survivors v using (machine)
    where r.asset_id is null
    order by r.integration_id, r.external_id
    returning asset_id
), leaving as materialized (
    select distinct r.asset_id as left_id, v.asset_id as joined_id
    from resolved r join survivors v using (machine) where r.asset_id <> v.asset_id
), moved as (
    update asset_sources s set asset_id = v.asset_id
    from resolved r join survivors v using (machine)
    where s.tenant_id = $1 and s.integration_id = r.integration_id and s.external_id = r.external_id
      and s.asset_id <> v.asset_id
    returning s.external_id
), emptied as materialized (
    select l.* from leaving l
    where not exists (select from asset_sources s
                      where s.tenant_id = $1 and s.asset_id = l.left_id
                        and (s.integration_id, s.external_id) not in (select integration_id, external_id from resolved where asset_id is not null))
), retired as (
    update assets a set retired_at = now(), retire_reason = 'merged by import into asset ' || e.joined_id, updated_at = now()
    from emptied e where a.tenant_id = $1 and a.asset_id = e.left_id
    returning a.asset_id
), alerts as (
    update rmm_alerts l set asset_id = e.joined_id from emptied e where l.tenant_id = $1 and l.asset_id = e.left_id
), dirty as (
    insert into asset_source_dirty
    select $1, r.integration_id, r.external_id
    from resolved r join survivors v using (machine) where r.asset_id is distinct from v.asset_id and not v.is_new
    on conflict do nothing
), counts as (
    select (select count(*) from given) as lines, (select count(*) from made) as made, (select count(*) from planned) as planned,
           (select count(*) from moved) as moved, (select count(*) from retired) as retired
)
select lines, made, planned, moved, retired,
       msphub_audit_write($1, 'assets.imported', 'file', $7::text, null, null, null, to_jsonb(counts))
from counts;

-- name: pin_devices
-- Behind bind_devices, in the same transaction: two devices of one integration that the file calls one machine are not taken for clones.
-- Parameters as of the fragment `devices`.
with {devices}, pairs as (
    select a.integration_id, a.external_id, b.external_id as other
    from resolved a join resolved b on b.machine = a.machine and b.integration_id = a.integration_id and b.external_id <> a.external_id
)
insert into asset_source_decisions
select distinct $1, integration_id, external_id, integration_id, other, 'same' from pairs
on conflict (tenant_id, integration_id, external_id, other_integration_id, other_external_id) do update set decision = 'same', decided_at = now()
where asset_source_decisions.decision <> 'same';
