-- Tickets and their comments, as products keep them, and what waits to be told to a product.
-- A ticket that is made here has its row before the product hears of it; what the product says of it later is the same row.
create table tickets (
    tenant_id bigint not null,
    ticket_id bigint generated always as identity,
    integration_id bigint not null,
    external_id text,                       -- null: the product has none yet
    number text,                            -- what people call it
    organization_external_id text,
    contact_external_id text,
    subject text,
    type text,
    priority text,
    status text not null check (status in ('unknown', 'open', 'in_progress', 'waiting', 'resolved', 'closed')),
    status_word text,                       -- the product's own
    assignee text,
    url text,
    origin text not null check (origin in ('product', 'hub')),
    body text,                              -- of those made here: what was described; in the product it is a comment
    author text,                            -- who made it here
    asset_id bigint,                        -- of those made here: what it is about
    opened_at timestamptz,                  -- as the product says; likewise the next three
    changed_at timestamptz,
    resolved_at timestamptz,
    due_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    primary key (tenant_id, ticket_id),
    foreign key (tenant_id, integration_id) references integration_configurations on delete cascade,
    foreign key (tenant_id, asset_id) references assets on delete set null (asset_id)
) with (fillfactor = 85);
create unique index ticket_by_external on tickets (tenant_id, integration_id, external_id) where external_id is not null;
create index ticket_by_organization on tickets (tenant_id, integration_id, organization_external_id)
    where organization_external_id is not null;
create index ticket_by_asset on tickets (tenant_id, asset_id) where asset_id is not null;

create table ticket_comments (
    tenant_id bigint not null,
    comment_id bigint generated always as identity,
    ticket_id bigint not null,
    integration_id bigint not null,
    external_id text,                       -- null: the product has none yet
    author text,
    subject text,
    body text,
    hidden boolean,                         -- not shown to the customer
    from_customer boolean,
    origin text not null check (origin in ('product', 'hub')),
    written_at timestamptz,
    changed_at timestamptz,
    created_at timestamptz not null default now(),
    primary key (tenant_id, comment_id),
    foreign key (tenant_id, ticket_id) references tickets on delete cascade
);
create unique index ticket_comment_by_external on ticket_comments (tenant_id, integration_id, external_id)
    where external_id is not null;
create index ticket_comment_by_ticket on ticket_comments (tenant_id, ticket_id, comment_id) where comment_id > 0;

-- The devices that a ticket is about, by their ids in the product: an asset may become known later.
create table asset_ticket_associations (
    tenant_id bigint not null,
    ticket_id bigint not null,
    integration_id bigint not null,
    external_id text not null,
    primary key (tenant_id, ticket_id, integration_id, external_id),
    foreign key (tenant_id, ticket_id) references tickets on delete cascade
);
create index asset_ticket_by_device on asset_ticket_associations (tenant_id, integration_id, external_id) where external_id <> '';

-- What is to be done in a product, in order of push_id within a ticket; gone when it is done.
create table ticket_pushes (
    tenant_id bigint not null,
    push_id bigint generated always as identity,
    ticket_id bigint not null,
    integration_id bigint not null,
    comment_id bigint,
    kind text not null check (kind in ('create', 'comment', 'status')),
    marker text not null,                   -- in the subject of what is made: by it the product's answer is known as ours
    args jsonb not null,                    -- the action's
    attempts bigint not null default 0,
    due_at timestamptz default now(),       -- null: given up, a person may have it tried again
    error text,
    created_at timestamptz not null default now(),
    primary key (tenant_id, push_id),
    foreign key (tenant_id, ticket_id) references tickets on delete cascade,
    foreign key (tenant_id, comment_id) references ticket_comments on delete cascade
);
create index ticket_push_due on ticket_pushes (due_at) where due_at is not null;
create index ticket_push_by_ticket on ticket_pushes (tenant_id, ticket_id, push_id) where push_id > 0;
create index ticket_push_by_integration on ticket_pushes (tenant_id, integration_id) where kind <> '';

select msphub_protect('tickets');
select msphub_protect('ticket_comments');
select msphub_protect('asset_ticket_associations');
select msphub_protect('ticket_pushes');

create function msphub_ticket_marker() returns text language sql volatile as $$
    select '[msphub:' || left(replace(gen_random_uuid()::text, '-', ''), 12) || ']'
$$;

-- What REST shows. The organization is the product's; the client is the one that it is mapped to.
create function msphub_ticket_json(t tickets) returns jsonb language sql stable as $$
    select jsonb_build_object(
        'id', t.ticket_id, 'integration_id', t.integration_id,
        'integration', (select i.provider || case when i.name = '' then '' else ':' || i.name end from integration_configurations i
                        where i.tenant_id = t.tenant_id and i.integration_id = t.integration_id),
        'external_id', t.external_id, 'number', t.number, 'url', t.url, 'origin', t.origin,
        'organization_id', o.organization_id, 'organization', o.name, 'client_id', o.client_id,
        'client', (select c.name from clients c where c.tenant_id = t.tenant_id and c.client_id = o.client_id),
        'contact_external_id', t.contact_external_id, 'subject', t.subject, 'type', t.type, 'priority', t.priority, 'status', t.status,
        'status_word', t.status_word, 'assignee', t.assignee, 'author', t.author, 'body', t.body,
        'assets', coalesce((
            select jsonb_agg(jsonb_build_object('id', a.asset_id, 'name', a.name) order by a.asset_id)
            from assets a where a.tenant_id = t.tenant_id and a.asset_id in (
                select t.asset_id where t.asset_id is not null
                union
                select s.asset_id from asset_ticket_associations l join asset_sources s
                    on s.tenant_id = l.tenant_id and s.integration_id = l.integration_id and s.external_id = l.external_id
                where l.tenant_id = t.tenant_id and l.ticket_id = t.ticket_id)), '[]'),
        'opened_at', msphub_iso(t.opened_at), 'changed_at', msphub_iso(t.changed_at), 'resolved_at', msphub_iso(t.resolved_at),
        'due_at', msphub_iso(t.due_at), 'created_at', msphub_iso(t.created_at), 'updated_at', msphub_iso(t.updated_at),
        'pending', coalesce((
            select jsonb_agg(jsonb_build_object('kind', p.kind, 'status', p.args ->> 'status', 'attempts', p.attempts, 'error', p.error,
                                                'given_up', p.due_at is null) order by p.push_id)
            from ticket_pushes p where p.tenant_id = t.tenant_id and p.ticket_id = t.ticket_id and p.push_id > 0), '[]'))
    from (select 1) one
    left join organization_mappings o on o.tenant_id = t.tenant_id and o.integration_id = t.integration_id
                                     and o.external_id = t.organization_external_id
$$;
