-- Who opened which machine by remote access, and when. A row is written before the product is asked, so that none is missing, and told
-- afterwards what came of it. Like the audit log it outlives what it names: no foreign keys.
create table remote_access_log (
    tenant_id bigint not null references tenants on delete cascade,
    access_id bigint generated always as identity,
    at timestamptz not null default now(),
    actor_kind text not null,
    actor_id bigint,                        -- of the key or the user
    actor text not null,                    -- as it was named then
    address text,
    request_id text,
    asset_id bigint not null,
    asset text not null,                    -- its name then
    integration_id bigint not null,
    integration text not null,              -- its key then
    external_id text not null,
    action text not null,
    outcome text not null default 'asked' check (outcome in ('asked', 'granted', 'failed', 'unknown')),
    error text,
    primary key (tenant_id, access_id)
);
create index remote_access_by_id on remote_access_log (tenant_id, access_id desc) where access_id > 0;
create index remote_access_by_asset on remote_access_log (tenant_id, asset_id, access_id desc) where access_id > 0;
create index remote_access_by_time on remote_access_log (at) where access_id > 0;
select msphub_protect('remote_access_log');
