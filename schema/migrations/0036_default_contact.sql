-- Whom an organization's tickets are about when nobody else is named.

alter table people add unique (tenant_id, person_id);
drop index person_by_id;

alter table organization_mappings
    add column default_contact_id bigint,
    add foreign key (tenant_id, default_contact_id) references people (tenant_id, person_id) on delete set null (default_contact_id);
create index organization_by_contact on organization_mappings (tenant_id, default_contact_id) where default_contact_id is not null;

drop trigger audit on organization_mappings;
create trigger audit after update of decision, client_id, renamed_from, auto_sync, default_contact_id on organization_mappings for each row
    execute function msphub_audit_row('organization', 'organization_id', 'name',
                                      'decision,client_id,renamed_from,auto_sync,default_contact_id');

create or replace function msphub_organization_json(o organization_mappings) returns json language sql stable as $$
    select json_build_object(
        'id', o.organization_id, 'external_id', o.external_id, 'name', o.name, 'description', o.description, 'status', o.status,
        'client_id', o.client_id,
        'client', (select c.name from clients c where c.tenant_id = o.tenant_id and c.client_id = o.client_id),
        'auto_sync', o.auto_sync, 'default_contact_id', o.default_contact_id,
        'renamed_from', o.renamed_from, 'missing_since', msphub_iso(o.missing_since), 'created_at', msphub_iso(o.created_at),
        'assets', (select count(*) from assets a
                   where a.tenant_id = o.tenant_id and a.organization_id = o.organization_id and a.retired_at is null),
        'version', o.version) $$;
