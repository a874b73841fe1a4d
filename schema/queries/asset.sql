-- Reads of the inventory for REST. Items are JSON written here; lists are (item, key, id) as store/page.h says.

-- name: by_name
-- In order of name. $1 tenant, $2 organization, $3 type, $4 agent status, $5 provider, $6 integration (each null: any), $7 retired
-- (null: both), $8 text in name, host name or serial (an ilike pattern or null), $9 last seen before, $10 last seen after,
-- $11 and $12 behind this name key and id (null: first page), $13 rows.
select msphub_asset_json(a)::text, a.name_key, a.asset_id
from assets a
where a.tenant_id = $1 and a.name_key is not null -- always; opens the index
  and ($2::bigint is null or a.organization_id = $2)
  and ($3::text is null or a.asset_type = $3)
  and ($4::text is null or a.agent_status = $4)
  and (($5::text is null and $6::bigint is null) or exists (
        select from asset_sources s join integration_configurations i using (tenant_id, integration_id)
        where s.tenant_id = $1 and s.asset_id = a.asset_id and ($5 is null or i.provider = $5)
          and ($6 is null or s.integration_id = $6)))
  and ($7::boolean is null or (a.retired_at is not null) = $7)
  and ($8::text is null or a.name ilike $8 or a.hostname ilike $8 or a.serial ilike $8)
  and ($9::timestamptz is null or a.last_seen < $9)
  and ($10::timestamptz is null or a.last_seen >= $10)
  and ($11::text is null or (a.name_key, a.asset_id) > ($11 collate "C", $12::bigint))
order by a.name_key, a.asset_id limit $13::bigint;

-- name: by_id
-- In order of id, oldest first; parameters as of by_name ($11 is only looked at for null).
select msphub_asset_json(a)::text, '', a.asset_id
from assets a
where a.tenant_id = $1
  and ($2::bigint is null or a.organization_id = $2)
  and ($3::text is null or a.asset_type = $3)
  and ($4::text is null or a.agent_status = $4)
  and (($5::text is null and $6::bigint is null) or exists (
        select from asset_sources s join integration_configurations i using (tenant_id, integration_id)
        where s.tenant_id = $1 and s.asset_id = a.asset_id and ($5 is null or i.provider = $5)
          and ($6 is null or s.integration_id = $6)))
  and ($7::boolean is null or (a.retired_at is not null) = $7)
  and ($8::text is null or a.name ilike $8 or a.hostname ilike $8 or a.serial ilike $8)
  and ($9::timestamptz is null or a.last_seen < $9)
  and ($10::timestamptz is null or a.last_seen >= $10)
  and ($11::text is null or a.asset_id > $12::bigint)
order by a.asset_id limit $13::bigint;

-- name: get
-- One with all that its sources say. $1 tenant, $2 asset.
select (to_jsonb(msphub_asset_json(a)) || jsonb_build_object(
    'provenance', a.provenance,
    'sources', (select coalesce(jsonb_agg(jsonb_build_object(
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
        where s.tenant_id = $1 and s.asset_id = a.asset_id)))::text
from assets a where a.tenant_id = $1 and a.asset_id = $2::bigint;
