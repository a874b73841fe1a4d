-- Organizations as the products tell them, and which client a person says they are.

-- name: list
-- In order of id. $1 tenant, $2 integration, $3 status (null: any), $4 behind this id (null: first page), $5 rows.
select msphub_organization_json(o)::text, '', o.organization_id
from organization_mappings o
where o.tenant_id = $1 and o.integration_id = $2::bigint
  and ($3::text is null or o.status = $3)
  and ($4::bigint is null or o.organization_id > $4)
order by o.organization_id limit $5::bigint;

-- name: get
-- $1 tenant, $2 integration, $3 organization.
select organization_id, version, msphub_organization_json(o)::text
from organization_mappings o where tenant_id = $1 and integration_id = $2::bigint and organization_id = $3::bigint;

-- name: change
-- $1 tenant, $2 integration, $3 organization, $4 the version that was read (0: any), $5 decision (null: stays), $6 its client (null:
-- none), $7 auto-sync (null: stays), $8 whether the default contact is set, $9 to whom (null: nobody). No row: another version by now,
-- or none. A rename is settled by deciding.
update organization_mappings
set decision = coalesce($5::text, decision), client_id = case when $5 is null then client_id else $6::bigint end,
    renamed_from = case when $5 is null then renamed_from end, auto_sync = coalesce($7::boolean, auto_sync),
    default_contact_id = case when $8::boolean then $9::bigint else default_contact_id end, version = version + 1, updated_at = now()
where tenant_id = $1 and integration_id = $2::bigint and organization_id = $3::bigint and ($4::bigint = 0 or version = $4)
returning organization_id, version, msphub_organization_json(organization_mappings)::text;

-- name: suggest
-- Undecided organizations with the clients they may be, in order of id. $1 tenant, $2 integration, $3 behind this id (null: first
-- page), $4 rows.
with found as materialized (
    select * from msphub_mapping_candidates($1, $2::bigint, coalesce($3::bigint, 0), $4::bigint)
)
select json_build_object(
           'organization_id', o.organization_id, 'external_id', o.external_id, 'name', o.name, 'version', o.version,
           'suggestions', (select coalesce(json_agg(json_build_object('client_id', f.client_id, 'client', f.client, 'score', f.score,
                                                                      'sure', f.sure, 'reasons', f.reasons)
                                                    order by f.score desc, f.client_id), '[]')
                           from found f where f.organization_id = o.organization_id))::text, '', o.organization_id
from organization_mappings o
where o.tenant_id = $1 and o.integration_id = $2 and o.decision = 'unmapped' and o.missing_since is null
  and o.organization_id > coalesce($3, 0)
order by o.organization_id limit $4;

-- name: auto_map
-- Accepts what is sure and scores enough; with $5 makes a client of each organization that resembles none. $1 tenant, $2 integration,
-- $3 least score in per cent, $4 organizations looked at, $5 make clients, $6 do nothing, only tell. Gives JSON.
with found as materialized (
    select * from msphub_mapping_candidates($1, $2::bigint, 0, $4::bigint)
), looked_at as materialized (
    select o.organization_id, o.name, lower(left(btrim(o.name), 200)) as key from organization_mappings o
    where o.tenant_id = $1 and o.integration_id = $2 and o.decision = 'unmapped' and o.missing_since is null
    order by o.organization_id limit $4
), accepted as (
    select l.organization_id, l.name, f.client_id, f.client, f.score, f.reasons
    from looked_at l join found f using (organization_id) where f.sure and f.score >= $3::bigint
), lonely as materialized ( -- like nobody: a new client, one for all of the same name
    select l.*, first_value(l.organization_id) over (partition by l.key order by l.organization_id) = l.organization_id as is_first
    from looked_at l where $5::boolean and l.key <> '' and not exists (select from found f where f.organization_id = l.organization_id)
), made as (
    insert into clients (tenant_id, name)
    select $1, left(btrim(name), 200) from lonely where is_first and not $6::boolean
    on conflict do nothing
    returning client_id, name, name_key
), chosen as materialized (
    select organization_id, name, client_id, client, score, reasons, false as created from accepted
    union all
    select l.organization_id, l.name, m.client_id, coalesce(m.name, left(btrim(l.name), 200)), null, array['it resembles no client'], true
    from lonely l left join made m on m.name_key = l.key where $6 or m.client_id is not null
), mapped as (
    update organization_mappings o
    set decision = 'mapped', client_id = c.client_id, renamed_from = null, version = o.version + 1, updated_at = now()
    from chosen c
    where o.tenant_id = $1 and o.integration_id = $2 and o.organization_id = c.organization_id and o.decision = 'unmapped' and not $6
    returning 1
)
select json_build_object(
           'dry_run', $6, 'threshold', $3, 'mapped', count(*) filter (where not created), 'created', count(distinct client) filter (where created),
           'undecided', (select count(*) from organization_mappings o where o.tenant_id = $1 and o.integration_id = $2 and o.decision = 'unmapped'
                                                                        and o.missing_since is null) - count(*),
           'items', coalesce(json_agg(json_build_object('organization_id', organization_id, 'name', name, 'client_id', client_id,
                                                        'client', client, 'score', score, 'created', created, 'reasons', reasons)
                                      order by organization_id), '[]'))::text
from chosen;

-- name: make_client
-- A client called as an organization. $1 tenant, $2 integration, $3 organization, $4 the client's name (null: the organization's).
insert into clients (tenant_id, name)
select $1, coalesce($4::text, left(btrim(o.name), 200)) from organization_mappings o
where o.tenant_id = $1 and o.integration_id = $2::bigint and o.organization_id = $3::bigint;

-- name: map_to_named
-- The organization becomes that client's. Parameters as of make_client. No row: there is no such organization.
update organization_mappings o
set decision = 'mapped', client_id = c.client_id, renamed_from = null, version = o.version + 1, updated_at = now()
from clients c
where o.tenant_id = $1 and o.integration_id = $2::bigint and o.organization_id = $3::bigint
  and c.tenant_id = $1 and c.name_key = lower(coalesce($4::text, left(btrim(o.name), 200)))
returning o.organization_id, o.version, msphub_organization_json(o)::text;

-- name: devices
-- Of these organizations, as far as they are stored. $1 tenant, $2 integration, $3 external ids text[].
select s.external_id from asset_sources s
where s.tenant_id = $1 and s.integration_id = $2::bigint and s.attributes ->> 'organization_id' = any($3::text[]);
