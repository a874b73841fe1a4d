-- People who sign in, what they sign in with, and their sessions. Tokens, device marks and recovery codes are kept as SHA-256 of
-- random text; passwords as argon2id.

create table users (
    tenant_id bigint not null references tenants on delete cascade,
    user_id bigint generated always as identity,
    email text not null check (email ~ '^[^@\s]+@[^@\s]+$' and length(email) <= 254), -- ASCII letters in lower case: one spelling
    display_name text not null,
    role text not null check (role in ('viewer', 'operator', 'admin', 'platform')),
    password_hash text,                     -- null: no password opens this account
    password_changed_at timestamptz,
    must_change_password boolean not null default false, -- it was made for them: until then a session may do nothing else
    identity_provider_id bigint,            -- signs in through it, as this subject
    external_subject text,
    totp_secret text,                       -- sealed, bound to tenant, user and @totp_secret
    totp_confirmed_at timestamptz,          -- null: enrolment was begun, sign-in does not ask for a code
    totp_last_step bigint not null default -1, -- of the code used last: none is good twice
    failed_attempts bigint not null default 0, -- from browsers that never signed this user in; see user_devices
    failed_at timestamptz,
    locked_until timestamptz,
    disabled_at timestamptz,
    last_sign_in_at timestamptz,
    version bigint not null default 1,      -- counts edits; the ETag
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    primary key (tenant_id, user_id),
    unique (tenant_id, email),
    check ((identity_provider_id is null) = (external_subject is null))
);
create unique index users_by_subject on users (tenant_id, identity_provider_id, external_subject)
    where identity_provider_id is not null;

create table user_recovery_codes (
    tenant_id bigint not null,
    user_id bigint not null,
    hash bytea not null,
    used_at timestamptz,
    primary key (tenant_id, user_id, hash),
    foreign key (tenant_id, user_id) references users on delete cascade
);

-- Browsers in which this user has signed in before, known by a cookie of its own. They have their own count of failures, so that
-- strangers who try passwords lock strangers out, not the user.
create table user_devices (
    tenant_id bigint not null,
    user_id bigint not null,
    hash bytea not null,
    failed_attempts bigint not null default 0,
    failed_at timestamptz,
    locked_until timestamptz,
    created_at timestamptz not null default now(),
    last_used_at timestamptz not null default now(),
    primary key (tenant_id, user_id, hash),
    foreign key (tenant_id, user_id) references users on delete cascade
);

create table sessions (
    tenant_id bigint not null,
    session_id bigint generated always as identity,
    user_id bigint not null,
    method text not null check (method in ('password', 'oidc')),
    csrf_token text not null,               -- worth nothing without the cookie
    address text,
    user_agent text,
    created_at timestamptz not null default now(),
    last_seen_at timestamptz not null default now(), -- to within a tenth of the idle time
    expires_at timestamptz not null,
    primary key (tenant_id, session_id),
    foreign key (tenant_id, user_id) references users on delete cascade
);
create index sessions_by_user on sessions (tenant_id, user_id, session_id);
create index sessions_by_end on sessions (expires_at);

-- A session's token is exchanged now and then. The one before stays good until its successor was used, and a little longer, for
-- requests under way; so an answer that got lost signs nobody out.
create table session_tokens (
    tenant_id bigint not null,
    hash bytea not null unique,
    session_id bigint not null,
    made_at timestamptz not null default now(),
    used_at timestamptz,                    -- first; null: handed out, not seen yet
    valid_until timestamptz,                -- null: as long as its session
    primary key (tenant_id, hash),
    foreign key (tenant_id, session_id) references sessions on delete cascade
);
create index session_tokens_by_session on session_tokens (tenant_id, session_id);

alter table users enable row level security;
alter table users force row level security;
create policy tenant on users using (msphub_tenant_visible(tenant_id)) with check (msphub_tenant_visible(tenant_id));
alter table user_recovery_codes enable row level security;
alter table user_recovery_codes force row level security;
create policy tenant on user_recovery_codes
    using (msphub_tenant_visible(tenant_id)) with check (msphub_tenant_visible(tenant_id));
alter table user_devices enable row level security;
alter table user_devices force row level security;
create policy tenant on user_devices using (msphub_tenant_visible(tenant_id)) with check (msphub_tenant_visible(tenant_id));
alter table sessions enable row level security;
alter table sessions force row level security;
create policy tenant on sessions using (msphub_tenant_visible(tenant_id)) with check (msphub_tenant_visible(tenant_id));
alter table session_tokens enable row level security;
alter table session_tokens force row level security;
create policy tenant on session_tokens using (msphub_tenant_visible(tenant_id)) with check (msphub_tenant_visible(tenant_id));

-- A password's hash made anew at another cost is no change of the password: the time of its change is what is audited.
create trigger audit after insert or delete
    or update of email, display_name, role, password_changed_at, must_change_password, totp_confirmed_at, disabled_at,
                 identity_provider_id, external_subject on users for each row
    execute function msphub_audit_row('user', 'user_id', 'email',
                                      'email,display_name,role,password_changed_at,must_change_password,totp_confirmed_at,'
                                      'disabled_at,identity_provider_id,external_subject');
