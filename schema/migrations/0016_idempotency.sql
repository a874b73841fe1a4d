-- Requests that were sent with an Idempotency-Key, and what they were answered: sending one again does nothing twice.

create table idempotency_keys (
    tenant_id bigint not null references tenants on delete cascade,
    idempotency_id bigint generated always as identity,
    owner text not null,                    -- whose credential: "api_key:12", "session:7"
    key text not null check (length(key) between 1 and 255),
    request_hash bytea not null,            -- SHA-256 of method, target and body
    holder text not null,                   -- whoever works on it: random, a request each
    lease_until timestamptz,                -- null: answered; past: whoever worked on it died
    status int,
    etag text,
    location text,
    answer text,                            -- JSON; null: none, or sealed, or not kept
    sealed text,                            -- one that shows a secret; bound to tenant, id and @idempotent_answer
    withheld boolean not null default false, -- it showed a secret and there was no key to seal it with, or is too large
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    primary key (tenant_id, owner, key),
    unique (tenant_id, idempotency_id),
    check (lease_until is not null or status is not null)
);
create index idempotency_by_age on idempotency_keys (tenant_id, created_at);
create index idempotency_by_end on idempotency_keys (expires_at);

alter table idempotency_keys enable row level security;
alter table idempotency_keys force row level security;
create policy tenant on idempotency_keys using (msphub_tenant_visible(tenant_id)) with check (msphub_tenant_visible(tenant_id));
