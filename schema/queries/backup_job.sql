-- Backup plans and their latest runs (store/backup_job.c).

-- name: merge
-- One row a plan, each said as a whole but for its links: null leaves device and organization as they are, an empty
-- organization is none. $1 tenant, $2 integration, $3 run or 0, $4 dry run; arrays sorted by id: $5 ids, $6 devices, $7 organizations, $8 computers,
-- $9 plans, $10 plan ids, $11 types, $12 accounts, $13 storages, $14 agent versions, $15 statuses, $16 status words, $17 last
-- starts, $18 next starts, $19 durations, $20 total, $21 selected, $22 copied bytes, $23 files scanned, $24 selected, $25 copied,
-- $26 failed, $27 messages, $28 days until stale.
-- Gives: created, updated.
with given as (
    select * from unnest($5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[],
                         $13::text[], $14::text[], $15::text[], $16::text[], $17::timestamptz[], $18::timestamptz[],
                         $19::text[], $20::bigint[], $21::bigint[], $22::bigint[], $23::bigint[], $24::bigint[], $25::bigint[],
                         $26::bigint[], $27::text[], $28::bigint[])
        as g(external_id, device, organization, computer, plan, plan_id, plan_type, account, storage, agent_version, status,
             status_word, last_start, next_start, duration, total_bytes, selected_bytes, copied_bytes, files_scanned,
             files_selected, files_copied, files_failed, message, stale_days)
), changed as materialized (
    select g.*, b.external_id is null as is_new
    from given g
    left join lateral (select * from backup_jobs b
                       where b.tenant_id = $1 and b.integration_id = $2 and b.external_id = g.external_id limit 1) b on true
    where b.external_id is null or b.missing_since is not null
       or (g.device is not null and b.device_external_id is distinct from g.device)
       or (g.organization is not null and b.organization_external_id is distinct from nullif(g.organization, ''))
       or (b.computer, b.plan, b.plan_external_id, b.plan_type, b.account, b.storage, b.agent_version, b.status, b.status_word,
           b.last_start, b.next_start, b.duration, b.total_bytes, b.selected_bytes, b.copied_bytes, b.files_scanned,
           b.files_selected, b.files_copied, b.files_failed, b.message, b.stale_days)
          is distinct from
          (g.computer, g.plan, g.plan_id, g.plan_type, g.account, g.storage, g.agent_version, g.status, g.status_word,
           g.last_start, g.next_start, g.duration, g.total_bytes, g.selected_bytes, g.copied_bytes, g.files_scanned,
           g.files_selected, g.files_copied, g.files_failed, g.message, g.stale_days)
), written as (
    insert into backup_jobs as b
        (tenant_id, integration_id, external_id, device_external_id, organization_external_id, computer, plan,
         plan_external_id, plan_type, account, storage, agent_version, status, status_word, last_result, last_start, next_start,
         duration, total_bytes, selected_bytes, copied_bytes, files_scanned, files_selected, files_copied, files_failed, message,
         stale_days)
    select $1, $2, external_id, device, organization, computer, plan, plan_id, plan_type, account, storage, agent_version,
           status, status_word, case when status not in ('running', 'unknown') then status end, last_start, next_start,
           duration, total_bytes, selected_bytes, copied_bytes, files_scanned, files_selected, files_copied, files_failed,
           message, stale_days
    from changed where not $4::boolean
    on conflict (tenant_id, integration_id, external_id) do update
    set device_external_id = coalesce(excluded.device_external_id, b.device_external_id),
        organization_external_id = nullif(coalesce(excluded.organization_external_id, b.organization_external_id), ''),
        last_result = coalesce(excluded.last_result, b.last_result), missing_since = null, updated_at = now(),
        (computer, plan, plan_external_id, plan_type, account, storage, agent_version, status, status_word, last_start,
         next_start, duration, total_bytes, selected_bytes, copied_bytes, files_scanned, files_selected, files_copied,
         files_failed, message, stale_days) =
        (excluded.computer, excluded.plan, excluded.plan_external_id, excluded.plan_type, excluded.account, excluded.storage,
         excluded.agent_version, excluded.status, excluded.status_word, excluded.last_start, excluded.next_start,
         excluded.duration, excluded.total_bytes, excluded.selected_bytes, excluded.copied_bytes, excluded.files_scanned,
         excluded.files_selected, excluded.files_copied, excluded.files_failed, excluded.message, excluded.stale_days)
)
select created, updated, msphub_run_count($1, $3::bigint, 'backups', (select count(*) from given), created, updated, 0)
from (select count(*) filter (where is_new) as created, count(*) filter (where not is_new) as updated from changed) c;

-- name: absent
-- Marks those that a complete list lacks; nothing is deleted, and an empty list marks nothing. $1 tenant, $2 integration, $3 run
with missing as (
    update backup_jobs b set missing_since = now(), updated_at = now()
    where b.tenant_id = $1 and b.integration_id = $2::bigint and b.missing_since is null
      and exists (select from sync_run_seen n where n.tenant_id = $1 and n.run_id = $3::bigint and n.kind = 7)
      and (select true from sync_run_seen n where n.tenant_id = $1 and n.run_id = $3 and n.kind = 7
                                              and n.external_id = b.external_id limit 1) is null
    returning 1
)
select msphub_run_count($1, $3, 'backups', 0, 0, 0, count(*)) from missing having count(*) > 0;

-- name: list
-- In the order in which they became known. $1 tenant, $2 status, $3 integration, $4 whether stale (each null: any), $5 after this
-- id (0: from the first), $6 rows. Gives a page (store/page.h).
select b.item::text, '', b.backup_job_id
from backup_job_items b
where b.tenant_id = $1 and b.backup_job_id > greatest($5::bigint, 0) and b.backup_job_id > 0 -- the latter opens the index
  and ($2::text is null or b.status = $2)
  and ($3::bigint is null or b.integration_id = $3)
  and ($4::boolean is null or b.stale = $4)
order by b.backup_job_id limit $6::bigint;

-- name: of_asset
-- All plans of one asset, whichever source they come by, in one object; no row when there is no such asset. $1 tenant, $2 asset,
-- $3 at most so many plans
select json_build_object('items', (
        select coalesce(json_agg(x.item order by x.backup_job_id), '[]')
        from (select b.item, b.backup_job_id
              from asset_sources s
              join backup_job_items b on b.tenant_id = $1 and b.integration_id = s.integration_id
                                     and b.device_external_id = s.external_id
              where s.tenant_id = $1 and s.asset_id = a.asset_id
              order by b.backup_job_id limit $3::bigint) x), 'next', null)::text
from assets a where a.tenant_id = $1 and a.asset_id = $2::bigint;
