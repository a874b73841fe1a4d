-- Identity providers: whom a tenant trusts to say who somebody is, for sign-in (OpenID Connect) and for bearer tokens (JWT). Both
-- need nothing but what the issuer publishes; the client's secret is for sign-in alone.

create table identity_providers (
    tenant_id bigint not null references tenants on delete cascade,
    identity_provider_id bigint generated always as identity,
    name text not null check (name ~ '^[a-z0-9][a-z0-9-]{0,62}$'), -- part of the sign-in's address
    display_name text not null,
    issuer text not null,                   -- exactly as in its tokens
    client_id text,                         -- ours at the issuer, for sign-in
    client_secret text,                     -- sealed; null: a public client
    scopes text[] not null,                 -- asked for at sign-in
    audiences text[] not null,              -- of bearer tokens
    role_claim text not null,               -- a claim's name, or a JSON pointer into the claims
    role_map jsonb not null check (not jsonb_path_exists(role_map, '$.* ? (!(@ == "viewer" || @ == "operator" || @ == "admin"))')),
    default_role text check (default_role in ('viewer', 'operator', 'admin')), -- null: without a mapped role there is no way in
    email_domains text[] not null,          -- of who signs in; empty: any
    sign_in boolean not null,
    bearer boolean not null,
    enabled boolean not null,
    version bigint not null default 1,      -- counts edits; the ETag
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    primary key (tenant_id, identity_provider_id),
    unique (tenant_id, name),
    check (client_id is not null or not sign_in)
);

-- A bearer token says its issuer and its audience, and nothing else tells whose it is. So no two providers that take tokens share
-- both, over all tenants. Kept by the trigger below.
create table identity_provider_audiences (
    tenant_id bigint not null,
    identity_provider_id bigint not null,
    issuer text not null,
    audience text not null,
    primary key (tenant_id, identity_provider_id, audience),
    foreign key (tenant_id, identity_provider_id) references identity_providers on delete cascade,
    constraint identity_provider_audience_taken unique (issuer, audience)
);

alter table identity_providers enable row level security;
alter table identity_providers force row level security;
create policy tenant on identity_providers
    using (msphub_tenant_visible(tenant_id)) with check (msphub_tenant_visible(tenant_id));
alter table identity_provider_audiences enable row level security;
alter table identity_provider_audiences force row level security;
create policy tenant on identity_provider_audiences
    using (msphub_tenant_visible(tenant_id)) with check (msphub_tenant_visible(tenant_id));

create function msphub_identity_provider_audiences() returns trigger language plpgsql as $$
begin
    delete from identity_provider_audiences a
    where a.tenant_id = new.tenant_id and a.identity_provider_id = new.identity_provider_id;
    insert into identity_provider_audiences (tenant_id, identity_provider_id, issuer, audience)
    select distinct new.tenant_id, new.identity_provider_id, new.issuer, a from unnest(new.audiences) as a
    where new.enabled and new.bearer;
    return null;
end $$;
create trigger audiences after insert or update of issuer, audiences, enabled, bearer on identity_providers
    for each row execute function msphub_identity_provider_audiences();

-- Every process keeps the providers of tenants that are active, and forgets them when it hears of a change.
create function msphub_identity_provider_notify() returns trigger language plpgsql as $$
begin
    perform pg_notify('msphub_identity_provider', '');
    return null;
end $$;
create trigger notify after insert or update or delete on identity_providers
    for each statement execute function msphub_identity_provider_notify();
create trigger identity_provider_notify after update of status, slug on tenants
    for each statement execute function msphub_identity_provider_notify();

create trigger audit after insert or delete
    or update of display_name, issuer, client_id, client_secret, scopes, audiences, role_claim, role_map, default_role, email_domains,
                 sign_in, bearer, enabled on identity_providers for each row
    execute function msphub_audit_row('identity_provider', 'identity_provider_id', 'name',
                                      'name,display_name,issuer,client_id,client_secret,scopes,audiences,role_claim,role_map,'
                                      'default_role,email_domains,sign_in,bearer,enabled', 'client_secret');

-- Who signs in through a provider is a user of the tenant, known by the provider and its subject (never by an address, which an issuer
-- may give to another person). A provider that goes leaves its users behind, without a way in until they are given a password.
alter table users add constraint users_identity_provider foreign key (tenant_id, identity_provider_id)
    references identity_providers (tenant_id, identity_provider_id);

-- A provider that is switched off or removed ends the sessions that it opened.
create function msphub_identity_provider_sessions() returns trigger language plpgsql as $$
declare
    who record;
begin
    if tg_op = 'DELETE' or not (new.enabled and new.sign_in) then
        for who in
            with ended as (
                delete from sessions s using users u
                where s.tenant_id = old.tenant_id and s.method = 'oidc' and u.tenant_id = s.tenant_id and u.user_id = s.user_id
                  and u.identity_provider_id = old.identity_provider_id
                returning s.tenant_id, s.user_id
            )
            select distinct tenant_id, user_id from ended
        loop
            perform pg_notify('msphub_session', who.tenant_id || '/' || who.user_id);
        end loop;
    end if;
    if tg_op = 'DELETE' then
        update users set identity_provider_id = null, external_subject = null
        where tenant_id = old.tenant_id and identity_provider_id = old.identity_provider_id;
        return old;
    end if;
    return new;
end $$;
create trigger sessions before delete or update of enabled, sign_in on identity_providers
    for each row execute function msphub_identity_provider_sessions();

-- A sign-in under way lives in the browser, sealed; what it must not do twice is remembered here, by SHA-256 of its state, until it
-- would have expired anyway.
create table oidc_states_used (
    tenant_id bigint not null references tenants on delete cascade,
    hash bytea not null,
    expires_at timestamptz not null,
    primary key (tenant_id, hash)
);
create index oidc_states_used_by_end on oidc_states_used (tenant_id, expires_at);
alter table oidc_states_used enable row level security;
alter table oidc_states_used force row level security;
create policy tenant on oidc_states_used
    using (msphub_tenant_visible(tenant_id)) with check (msphub_tenant_visible(tenant_id));
