-- Clients: the customer companies of a tenant. An organization of a product is mapped to one of them by a person.

create table clients (
    tenant_id bigint not null references tenants on delete cascade,
    client_id bigint generated always as identity,
    name text not null check (name <> '' and name = btrim(name) and length(name) <= 200),
    name_key text collate "C" not null generated always as (lower(name)) stored, -- order and cursor of lists
    reference text check (reference <> '' and length(reference) <= 200), -- what another system calls it
    version bigint not null default 1,      -- counts edits; the ETag
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    primary key (tenant_id, client_id)
);
create unique index client_by_name on clients (tenant_id, name_key) where name_key <> '';
create unique index client_by_reference on clients (tenant_id, reference) where reference <> '';
select msphub_protect('clients');

alter table organization_mappings
    add column client_id bigint,
    add column version bigint not null default 1,
    add foreign key (tenant_id, client_id) references clients,
    add check ((decision = 'mapped') = (client_id is not null));
create index organization_by_client on organization_mappings (tenant_id, client_id) where client_id is not null;

-- A client that goes leaves its organizations unmapped.
create function msphub_client_removed() returns trigger language plpgsql as $$
begin
    update organization_mappings set client_id = null, decision = 'unmapped', renamed_from = null, version = version + 1
    where tenant_id = old.tenant_id and client_id = old.client_id;
    return old;
end $$;
create trigger client_removed before delete on clients for each row execute function msphub_client_removed();

create trigger audit after insert or delete or update of name, reference on clients for each row
    execute function msphub_audit_row('client', 'client_id', 'name', 'name,reference');
drop trigger audit on organization_mappings;
create trigger audit after update of decision, client_id, renamed_from on organization_mappings for each row
    execute function msphub_audit_row('organization', 'organization_id', 'name', 'decision,client_id,renamed_from');

create function msphub_client_json(c clients) returns json language sql stable as $$
    select json_build_object(
        'id', c.client_id, 'name', c.name, 'reference', c.reference,
        'organizations', (select count(*) from organization_mappings o
                          where o.tenant_id = c.tenant_id and o.client_id = c.client_id),
        'created_at', msphub_iso(c.created_at), 'updated_at', msphub_iso(c.updated_at), 'version', c.version) $$;

create function msphub_organization_json(o organization_mappings) returns json language sql stable as $$
    select json_build_object(
        'id', o.organization_id, 'external_id', o.external_id, 'name', o.name, 'description', o.description, 'status', o.status,
        'client_id', o.client_id,
        'client', (select c.name from clients c where c.tenant_id = o.tenant_id and c.client_id = o.client_id),
        'renamed_from', o.renamed_from, 'missing_since', msphub_iso(o.missing_since), 'created_at', msphub_iso(o.created_at),
        'assets', (select count(*) from assets a
                   where a.tenant_id = o.tenant_id and a.organization_id = o.organization_id and a.retired_at is null),
        'version', o.version) $$;
