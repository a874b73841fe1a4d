-- Reads of the inventory for REST. Lists are (members …, key, id) as store/page.h says.

-- fragment: page
-- The assets of a page: $1 tenant, $2 organization, $3 type, $4 agent status, $5 provider, $6 integration (each null: any), $7 retired
-- (null: both), $8 text in name, host name or serial (a like pattern in lower case, or null), $9 last seen before, $10 last seen after,
-- $11 and $12 behind this name key and id (null: first page), $13 rows.
select * from assets a
where a.tenant_id = $1
  and ($2::bigint is null or a.organization_id = $2)
  and ($3::text is null or a.asset_type = $3)
  and ($4::text is null or a.agent_status = $4)
  and (($5::text is null and $6::bigint is null) or exists (
        select from asset_sources s join integration_configurations i using (tenant_id, integration_id)
        where s.tenant_id = $1 and s.asset_id = a.asset_id and ($5 is null or i.provider = $5)
          and ($6 is null or s.integration_id = $6) offset 0)) -- row by row: a page needs few
  and ($7::boolean is null or (a.retired_at is not null) = $7)
  and ($8::text is null or a.search like (select lower($8)))
  and ($9::timestamptz is null or a.last_seen < $9)
  and ($10::timestamptz is null or a.last_seen >= $10)

-- fragment: after_name
  and ($11::text is null or (a.name_key, a.asset_id) > ($11 collate "C", $12::bigint))
order by a.name_key, a.asset_id limit $13::bigint

-- fragment: members
a.asset_id as id, a.name, a.hostname, a.dns_name, a.asset_type, a.product_class, a.organization_id, o.name as organization,
       coalesce(a.client_id, o.client_id) as client_id, c.name as client,
       a.location, a.room, a.description, a.agent_status, a.agent_version, a.last_seen, a.public_ip, a.ips, a.macs, a.manufacturer,
       a.model, a.serial, a.uuid, a.domain, a.memory_bytes, a.virtual_machine, a.os_name, a.os_version, a.os_build,
       a.os_architecture, a.processor, a.last_user, a.asset_tag, a.barcodes, a.assigned_user, a.assigned_email, a.approved, a.maintenance, a.created_at, a.updated_at, a.retired_at,
       a.retire_reason

-- fragment: named
left join organization_mappings o on o.tenant_id = $1 and o.organization_id = a.organization_id
left join clients c on c.tenant_id = $1 and c.client_id = coalesce(a.client_id, o.client_id)
order by a.name_key, a.asset_id

-- name: by_name
-- In order of name; parameters as of the fragment `page`. The conditions that always hold open the index of this order.
select {members}, a.name_key, a.asset_id
from ({page} and a.name_key is not null {after_name}) a {named};

-- name: by_name_of_organization
-- The same where $2 is given: over the index of organizations.
select {members}, a.name_key, a.asset_id
from ({page} and a.organization_id = $2 {after_name}) a {named};

-- name: by_name_of_type
-- The same where $3 is given.
select {members}, a.name_key, a.asset_id
from ({page} and a.asset_type = $3 and a.asset_type <> '' {after_name}) a {named};

-- name: by_name_of_status
-- The same where $4 is given.
select {members}, a.name_key, a.asset_id
from ({page} and a.agent_status = $4 and a.agent_status <> '' {after_name}) a {named};

-- name: by_name_retired
-- The same where $7 is true.
select {members}, a.name_key, a.asset_id
from ({page} and a.retired_at is not null {after_name}) a {named};

-- name: by_name_of_source
-- The same where $5 or $6 is given: of each integration that is meant the next ones by name.
select {members}, a.name_key, a.asset_id
from (select distinct on (x.name_key, x.asset_id) x.*
      from integration_configurations i
      cross join lateral (
          select distinct on (s.name_key, s.asset_id) a.*
          from asset_sources s
          cross join lateral ({page} and a.asset_id = s.asset_id limit 1) a
          where s.tenant_id = $1 and s.integration_id = i.integration_id and s.name_key <> ''
            and ($11::text is null or (s.name_key, s.asset_id) > ($11 collate "C", $12::bigint))
          order by s.name_key, s.asset_id limit $13::bigint) x
      where i.tenant_id = $1 and ($5::text is null or i.provider = $5) and ($6::bigint is null or i.integration_id = $6)
      order by x.name_key, x.asset_id limit $13::bigint) a {named};

-- name: by_id
-- In order of id, oldest first; parameters as of the fragment `page` ($11 is only looked at for null).
select {members}, '' as key, a.asset_id
from ({page} and ($11::text is null or a.asset_id > $12::bigint) order by a.asset_id limit $13::bigint) a
left join organization_mappings o on o.tenant_id = $1 and o.organization_id = a.organization_id
left join clients c on c.tenant_id = $1 and c.client_id = coalesce(a.client_id, o.client_id)
order by a.asset_id;

-- fragment: provenance
(select coalesce(jsonb_object_agg(p.part, p.integration_id), '{}')
     from (with said as (
               select g.field_group, m.said, m.integration_id, m.rank
               from msphub_asset_said($1, a.asset_id, (select jsonb_object_agg(integration_id, ranks) from msphub_ranks($1))) m
               join msphub_said_groups() g using (said)
           ), main as (
               select distinct on (field_group) field_group, integration_id from said order by field_group, rank, integration_id
           )
           select field_group as part, integration_id from main
           union all
           select s.field_group || '.' || s.said, s.integration_id from said s join main m using (field_group)
           where s.integration_id <> m.integration_id) p)

-- fragment: sources
(
    select coalesce(jsonb_agg(jsonb_build_object(
            'integration_id', s.integration_id, 'integration', i.provider || case when i.name = '' then '' else ':' || i.name end,
            'external_id', s.external_id, 'alternate_id', s.alternate_id, 'attributes', s.attributes,
            'agent_status', s.agent_status, 'last_seen', msphub_iso(s.last_seen), 'first_seen', msphub_iso(s.first_seen),
            'missing_since', msphub_iso(s.missing_since), 'retired_at', msphub_iso(s.retired_at),
            'retire_reason', s.retire_reason,
            'facets', (select coalesce(jsonb_object_agg(msphub_facet_name(f.facet), f.body), '{}')
                       from asset_source_facets f
                       where f.tenant_id = $1 and f.integration_id = s.integration_id and f.external_id = s.external_id))
            order by s.integration_id, s.external_id), '[]')
        from asset_sources s join integration_configurations i using (tenant_id, integration_id)
        where s.tenant_id = $1 and s.asset_id = a.asset_id)

-- name: get
-- One with all that its sources say. $1 tenant, $2 asset.
select {members}, {provenance} as provenance, (
    select coalesce(jsonb_object_agg(l.field, jsonb_build_object('by', l.locked_by, 'at', msphub_iso(l.locked_at))), '{}')
    from asset_field_locks l where l.tenant_id = $1 and l.asset_id = a.asset_id) as locks, {sources} as sources, a.version
from assets a
left join organization_mappings o on o.tenant_id = $1 and o.organization_id = a.organization_id
left join clients c on c.tenant_id = $1 and c.client_id = coalesce(a.client_id, o.client_id)
where a.tenant_id = $1 and a.asset_id = $2::bigint;

-- name: sources
-- $1 tenant, $2 asset. Gives one JSON object.
select json_build_object('items', {sources}, 'next', null)::text from assets a where a.tenant_id = $1 and a.asset_id = $2::bigint;

-- name: exists
-- $1 tenant, $2 asset. A row when there is one.
select 1 from assets where tenant_id = $1 and asset_id = $2::bigint;
