-- Tenants. The table has no row-level security: its rows are the tenants.

-- name: create
-- $1 slug, $2 name. Gives the id; no row when the slug is taken.
insert into tenants (slug, name) values ($1::text, $2::text) on conflict (slug) do nothing returning tenant_id;

-- name: list
-- By slug. $1 after this slug (null: first page), $2 rows.
select json_build_object('id', tenant_id, 'slug', slug, 'name', name, 'status', status,
                         'created_at', msphub_iso(created_at))::text, slug, tenant_id
from tenants where $1::text is null or slug > $1 order by slug limit $2::bigint;

-- name: by_slug
-- $1 slug.
select tenant_id, name, status from tenants where slug = $1::text;

-- name: get
-- $1 tenant.
select json_build_object('id', tenant_id, 'slug', slug, 'name', name, 'status', status,
                         'created_at', msphub_iso(created_at))::text
from tenants where tenant_id = $1;

-- name: set_status
-- $1 tenant, $2 'active' or 'suspended'. Every process hears of it, since snapshots and cached keys carry it.
with changed as (
    update tenants set status = $2::text where tenant_id = $1 and status <> $2 returning tenant_id
)
select tenant_id, pg_notify('msphub_integration', tenant_id::text || '/'), pg_notify('msphub_api_key', '') from changed;
