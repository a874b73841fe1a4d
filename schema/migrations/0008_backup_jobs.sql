-- Backup plans, each with its latest run as the product last told it. Written by batches only; a row that says the same as
-- before is not written. A plan that a product no longer names is no news of it: the row stays, and shows as stale in time.
create table backup_jobs (
    tenant_id bigint not null,
    integration_id bigint not null,
    external_id text not null,              -- the plan's alerts have it as their series
    backup_job_id bigint generated always as identity,
    device_external_id text,                -- the source that it runs on; linked when read, for either may come first
    organization_external_id text,
    computer text,
    plan text,
    plan_external_id text,
    plan_type text,
    account text,
    storage text,
    agent_version text,
    status text not null
        check (status in ('unknown', 'success', 'warning', 'failed', 'interrupted', 'overdue', 'running')),
    status_word text,                       -- the product's own
    last_result text,                       -- the last status that was a verdict: stays while it runs
    last_start timestamptz,
    next_start timestamptz,
    duration text,                          -- as the product words it
    total_bytes bigint,
    selected_bytes bigint,
    copied_bytes bigint,
    files_scanned bigint,
    files_selected bigint,
    files_copied bigint,
    files_failed bigint,
    message text,
    stale_days bigint,
    missing_since timestamptz,              -- absent from a complete list
    first_seen timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    primary key (tenant_id, integration_id, external_id),
    foreign key (tenant_id, integration_id) references integration_configurations on delete cascade
) with (fillfactor = 85);
-- Partial by conditions that hold for all rows they are wanted for, as in 0002.
create index backup_job_by_id on backup_jobs (tenant_id, backup_job_id) where backup_job_id > 0;
create index backup_job_by_device on backup_jobs (tenant_id, integration_id, device_external_id)
    where device_external_id is not null;

alter table backup_jobs enable row level security;
alter table backup_jobs force row level security;
create policy tenant on backup_jobs using (msphub_tenant_visible(tenant_id)) with check (msphub_tenant_visible(tenant_id));

-- What REST shows. Stale is missing, or due and not started, for longer than its days; a plan without a schedule has no time by
-- which it should have run.
create view backup_job_items with (security_invoker = true) as
select b.tenant_id, b.integration_id, b.device_external_id, b.backup_job_id, b.status, s.stale,
       json_build_object(
           'id', b.backup_job_id, 'integration_id', b.integration_id, 'external_id', b.external_id,
           'asset_id', (select s.asset_id from asset_sources s
                        where s.tenant_id = b.tenant_id and s.integration_id = b.integration_id
                          and s.external_id = b.device_external_id),
           'device_external_id', b.device_external_id,
           'organization_id', (select o.organization_id from organization_mappings o
                               where o.tenant_id = b.tenant_id and o.integration_id = b.integration_id
                                 and o.external_id = b.organization_external_id),
           'organization_external_id', b.organization_external_id, 'computer', b.computer, 'plan', b.plan,
           'plan_external_id', b.plan_external_id, 'plan_type', b.plan_type, 'account', b.account, 'storage', b.storage,
           'agent_version', b.agent_version, 'status', b.status, 'status_word', b.status_word, 'last_result', b.last_result,
           'last_start', msphub_iso(b.last_start), 'next_start', msphub_iso(b.next_start), 'duration', b.duration,
           'total_bytes', b.total_bytes, 'selected_bytes', b.selected_bytes, 'copied_bytes', b.copied_bytes,
           'files_scanned', b.files_scanned, 'files_selected', b.files_selected, 'files_copied', b.files_copied,
           'files_failed', b.files_failed, 'message', b.message, 'stale', s.stale,
           'missing_since', msphub_iso(b.missing_since), 'first_seen', msphub_iso(b.first_seen),
           'updated_at', msphub_iso(b.updated_at)) as item
from backup_jobs b
cross join lateral (
    select coalesce(b.missing_since < x.border, false)
           or (b.next_start is not null and coalesce(greatest(b.next_start, b.last_start) < x.border, false)) as stale
    from (select now() - make_interval(days => b.stale_days::int) as border) x) s;
