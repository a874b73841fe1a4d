-- Identity providers. What people read has the same object in every query. Changes notify msphub_identity_provider by a trigger.

-- name: list
-- By name. $1 tenant, $2 after this name (null: first page), $3 rows.
select json_build_object('id', identity_provider_id, 'name', name, 'display_name', display_name, 'issuer', issuer, 'client_id', client_id,
                         'client_secret', case when client_secret is not null then '****' end, 'scopes', scopes,
                         'audiences', audiences, 'role_claim', role_claim, 'role_map', role_map, 'default_role', default_role,
                         'email_domains', email_domains, 'sign_in', sign_in, 'bearer', bearer, 'enabled', enabled, 'version', version,
                         'created_at', msphub_iso(created_at), 'updated_at', msphub_iso(updated_at))::text, name, identity_provider_id
from identity_providers where tenant_id = $1 and ($2::text is null or name > $2) order by name limit $3::bigint;

-- name: get
-- $1 tenant, $2 provider. With its version and its sealed secret.
select json_build_object('id', identity_provider_id, 'name', name, 'display_name', display_name, 'issuer', issuer, 'client_id', client_id,
                         'client_secret', case when client_secret is not null then '****' end, 'scopes', scopes,
                         'audiences', audiences, 'role_claim', role_claim, 'role_map', role_map, 'default_role', default_role,
                         'email_domains', email_domains, 'sign_in', sign_in, 'bearer', bearer, 'enabled', enabled, 'version', version,
                         'created_at', msphub_iso(created_at), 'updated_at', msphub_iso(updated_at))::text, version, client_secret
from identity_providers where tenant_id = $1 and identity_provider_id = $2::bigint;

-- name: load
-- What may be used now, of all tenants, a page at a time. $1, $2 after this tenant and provider, $3 rows.
select p.tenant_id, p.identity_provider_id, t.slug, p.name, p.display_name, p.issuer, p.client_id, p.client_secret,
       to_json(p.scopes)::text, to_json(p.audiences)::text, p.role_claim, p.role_map::text, p.default_role,
       to_json(p.email_domains)::text, p.sign_in, p.bearer
from identity_providers p join tenants t using (tenant_id)
where p.enabled and t.status = 'active' and (p.tenant_id, p.identity_provider_id) > ($1::bigint, $2::bigint)
order by p.tenant_id, p.identity_provider_id limit $3::bigint;

-- name: next_id
-- An id ahead of its row, since the sealed secret is bound to it; and how many the tenant has. $1 tenant.
select nextval(pg_get_serial_sequence('identity_providers', 'identity_provider_id')),
       (select count(*) from identity_providers where tenant_id = $1);

-- name: create
-- $1 tenant, $2 provider, $3 name, $4 display name, $5 issuer, $6 client id, $7 sealed secret, $8 scopes, $9 audiences, $10 role claim,
-- $11 role map, $12 default role, $13 e-mail domains, $14 sign-in, $15 bearer, $16 enabled. No row: the name is taken.
insert into identity_providers (tenant_id, identity_provider_id, name, display_name, issuer, client_id, client_secret, scopes, audiences,
                                role_claim, role_map, default_role, email_domains, sign_in, bearer, enabled)
overriding system value
values ($1, $2::bigint, $3::text, $4::text, $5::text, $6::text, $7::text, $8::text[], $9::text[], $10::text, $11::jsonb, $12::text,
        $13::text[], $14::boolean, $15::boolean, $16::boolean)
on conflict (tenant_id, name) do nothing
returning version;

-- name: update
-- $1 tenant, $2 provider, $3 the version that was edited, then as in create from $4 on. No row: it has another version by now.
update identity_providers
set display_name = $4::text, issuer = $5::text, client_id = $6::text, client_secret = $7::text, scopes = $8::text[],
    audiences = $9::text[], role_claim = $10::text, role_map = $11::jsonb, default_role = $12::text, email_domains = $13::text[],
    sign_in = $14::boolean, bearer = $15::boolean, enabled = $16::boolean, version = version + 1, updated_at = now()
where tenant_id = $1 and identity_provider_id = $2::bigint and version = $3::bigint
returning version;

-- name: delete
-- $1 tenant, $2 provider, $3 version (0: any). No row: there is none of that version.
delete from identity_providers where tenant_id = $1 and identity_provider_id = $2::bigint and ($3::bigint = 0 or version = $3)
returning identity_provider_id;
