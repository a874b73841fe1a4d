-- Tenants. What serves them all runs with PG_ALL_TENANTS; under a tenant's own setting it sees its own row alone.

-- name: create
-- $1 slug, $2 name. The first one becomes the platform's. Gives (id, JSON); no row when the slug is taken.
insert into tenants as t (slug, name) values ($1::text, $2::text) on conflict (slug) do nothing
returning t.tenant_id, t.version, msphub_tenant_json(t)::text;

-- name: list
-- By slug. $1 status (null: any), $2 after this slug (null: first page), $3 rows.
select msphub_tenant_json(t)::text, t.slug, t.tenant_id
from tenants t
where ($1::text is null or t.status = $1) and t.slug > coalesce($2::text, '')
order by t.slug limit $3::bigint;

-- name: find
-- What the hub keeps of a tenant. $1 id (null: by slug), $2 slug.
select tenant_id, slug, status, is_platform from tenants where tenant_id = $1::bigint or ($1 is null and slug = $2::text);

-- name: get
-- $1 tenant.
select t.tenant_id, t.version, msphub_tenant_json(t)::text from tenants t where t.tenant_id = $1;

-- name: rename
-- $1 tenant, $2 version that was edited (0: any), $3 name. Gives (id, version, JSON); no row when it is another version by now.
update tenants t set name = $3::text
where t.tenant_id = $1 and ($2::bigint = 0 or t.version = $2) and t.status <> 'deleting'
returning t.tenant_id, t.version, msphub_tenant_json(t)::text;

-- name: suspend
-- $1 tenant. Gives as of get. Processes hear of it from the table's trigger; they give running syncs back with their checkpoints, and
-- nobody takes them until it is resumed.
update tenants t set status = 'suspended' where t.tenant_id = $1 and t.status in ('active', 'suspended')
returning t.tenant_id, t.version, msphub_tenant_json(t)::text;

-- name: resume
-- $1 tenant. Gives as of get. Syncs that came due meanwhile are spread over ten minutes.
with back as (
    update tenants t set status = 'active' where t.tenant_id = $1 and t.status = 'suspended' returning t.tenant_id, t.version, t as r
), spread as (
    update integration_configurations i
    set next_sync_at = now() + random() * least(interval '10 minutes', make_interval(secs => coalesce(i.sync_interval_s, 3600)))
    from back b
    where i.tenant_id = b.tenant_id and i.next_sync_at < now()
)
select tenant_id, version, msphub_tenant_json(r)::text from back
union all
select t.tenant_id, t.version, msphub_tenant_json(t)::text from tenants t where t.tenant_id = $1 and t.status = 'active';

-- name: export_head
-- The first line of an export. $1 tenant, $2 the schema's version.
select json_build_object('export', 1, 'tenant', slug, 'name', name, 'status', status, 'at', msphub_iso(now()),
                         'schema', $2::bigint)::text
from tenants where tenant_id = $1;

-- name: export
-- $1 tenant, $2 table, $3 behind the row with this key (null: from the first), $4 bytes. Gives (table, key, line).
select line_source, line_key, line from msphub_export($1, $2::text, $3::jsonb, $4::bigint);

-- name: exported
-- $1 tenant, $2 SHA-256 of the lines in hex, $3 rows.
with done as (
    update tenants set exported_at = now(), export_sha256 = $2::text where tenant_id = $1 returning tenant_id, slug
)
select msphub_audit_write(tenant_id, 'tenant.exported', 'tenant', slug, tenant_id, null, null,
                          jsonb_build_object('sha256', $2, 'rows', $3::bigint))
from done;

-- name: remove
-- Begins the deletion of a suspended tenant. $1 tenant, $2 its slug, $3 who, as audit_by writes it (null: the hub). Gives
-- (status, platform's, slug is right) as they were; no row when there is none.
with t as materialized (
    select tenant_id, slug, status, is_platform, slug = $2::text as named from tenants where tenant_id = $1 for no key update
), begun as (
    update tenants x set status = 'deleting', removal = jsonb_build_object('by', $3::jsonb)
    from t where x.tenant_id = t.tenant_id and t.status = 'suspended' and t.named
    returning x.tenant_id, x.slug
)
select t.status, t.is_platform, t.named,
       (select msphub_audit_write(p.tenant_id, 'tenant.deletion_requested', 'tenant', b.slug, b.tenant_id, null, null, null)
        from begun b, tenants p where p.is_platform)
from t;

-- name: remove_step
-- $1 tenant (null: any), $2 rows. Gives (tenant, rows deleted, next), see msphub_tenant_remove.
select tenant_id, deleted, next from msphub_tenant_remove($1::bigint, $2::bigint);

-- name: role
-- Whether row-level security does not hold for whom we are, and our name.
select rolsuper or rolbypassrls, rolname::text from pg_roles where rolname = current_user;
