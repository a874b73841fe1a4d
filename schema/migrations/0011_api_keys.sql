-- API keys are narrowed (scopes, addresses), edited by version, and rotated with an overlap in which both secrets are good.

alter table api_keys
    add column scopes text[] check (cardinality(scopes) between 1 and 64),        -- null: all that its role may
    add column addresses cidr[] check (cardinality(addresses) between 1 and 32),  -- null: from anywhere
    add column previous_hash bytea,
    add column previous_until timestamptz,
    add column rotated_at timestamptz,
    add column last_used_address inet,
    add column version bigint not null default 1,                                 -- counts edits; the ETag
    add check ((previous_hash is null) = (previous_until is null));
create unique index api_keys_by_previous on api_keys (previous_hash) where previous_hash is not null;
create index api_keys_newest on api_keys (tenant_id, api_key_id desc);

-- Neither secret, nor its hash. The overlap is shown while it lasts.
create function msphub_api_key_json(k api_keys) returns json language sql stable as $$
    select json_build_object(
        'id', k.api_key_id, 'name', k.name, 'prefix', k.prefix, 'role', k.role, 'scopes', k.scopes,
        'addresses', coalesce(k.addresses::text[], '{}'), 'created_at', msphub_iso(k.created_at),
        'expires_at', msphub_iso(k.expires_at), 'revoked_at', msphub_iso(k.revoked_at), 'rotated_at', msphub_iso(k.rotated_at),
        'previous_valid_until', msphub_iso(case when k.previous_until > now() and k.revoked_at is null then k.previous_until end),
        'last_used_at', msphub_iso(k.last_used_at), 'last_used_address', host(k.last_used_address), 'version', k.version) $$;

drop trigger audit on api_keys;
create trigger audit after insert or delete
    or update of name, role, scopes, addresses, expires_at, revoked_at, rotated_at, previous_until on api_keys for each row
    execute function msphub_audit_row('api_key', 'api_key_id', 'prefix',
                                      'name,prefix,role,scopes,addresses,expires_at,revoked_at,rotated_at,previous_until');
