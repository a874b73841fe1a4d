-- Tenants, API keys, integrations. Every tenant table: tenant_id first in the primary key, foreign keys carry it, row-level
-- security forced. The setting msphub.tenant names the tenant of a transaction; '*' is for workers that serve them all.

create function msphub_tenant_visible(tenant bigint) returns boolean language sql stable parallel safe as
$$ select current_setting('msphub.tenant', true) in (tenant::text, '*') $$;

create table tenants (
    tenant_id bigint generated always as identity primary key,
    slug text not null unique check (slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    name text not null,
    status text not null default 'active' check (status in ('active', 'suspended')),
    created_at timestamptz not null default now()
);

create table api_keys (
    tenant_id bigint not null references tenants on delete cascade,
    api_key_id bigint generated always as identity,
    name text not null,
    prefix text not null unique,            -- shown in lists and logs
    hash bytea not null unique,             -- SHA-256 of the whole key
    role text not null check (role in ('viewer', 'operator', 'admin', 'platform')),
    created_at timestamptz not null default now(),
    expires_at timestamptz,
    revoked_at timestamptz,
    last_used_at timestamptz,
    primary key (tenant_id, api_key_id)
);

create table integration_configurations (
    tenant_id bigint not null references tenants on delete cascade,
    integration_id bigint generated always as identity,
    provider text not null,
    name text not null default '',          -- '' is the provider's first instance; further ones are provider:name
    settings jsonb not null default '{}',   -- secrets as sealed text, bound to tenant, integration and field
    status text not null default 'configured' check (status in ('not_configured', 'configured', 'active', 'error')),
    enabled boolean not null default true,
    error_message text,
    last_health_check timestamptz,
    hook text not null unique,              -- unguessable part of the webhook's address
    hook_secret text,                       -- sealed
    hook_secret_previous text,              -- sealed; valid until hook_secret_previous_until
    hook_secret_previous_until timestamptz,
    sync_interval_s bigint,                 -- null: the option's
    next_sync_at timestamptz,               -- due when in the past; null: no schedule
    sync_cursor jsonb,                      -- where the next incremental run starts
    last_success_at timestamptz,            -- of a full sync
    access_token text,                      -- sealed
    access_token_expires_at timestamptz,
    refresh_token text,                     -- sealed; rotated ones are stored before the access token is used
    token_lease_owner text,                 -- one refresh at a time across all processes
    token_lease_until timestamptz,
    token_dead_version bigint,              -- the product refused the grant of this version: no attempt until an edit
    version bigint not null default 1,      -- counts edits; the ETag
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    primary key (tenant_id, integration_id),
    unique (tenant_id, provider, name)
);
create index integration_due on integration_configurations (next_sync_at) where enabled and next_sync_at is not null;

alter table api_keys enable row level security;
alter table api_keys force row level security;
create policy tenant on api_keys using (msphub_tenant_visible(tenant_id)) with check (msphub_tenant_visible(tenant_id));
alter table integration_configurations enable row level security;
alter table integration_configurations force row level security;
create policy tenant on integration_configurations
    using (msphub_tenant_visible(tenant_id)) with check (msphub_tenant_visible(tenant_id));
