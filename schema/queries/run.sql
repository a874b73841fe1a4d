-- Sync runs: schedule, lease, progress, what is missing at the end; and how they are read.
-- Absence is asked for row by row, with a subquery by key (limit 1): an anti-join may be planned to read the whole other table
-- for each row, as long as both look empty to the planner.

-- name: schedule
-- Queues a run for each integration that is due, and plans the next. One whose run is still on its way stays due until that is over.
-- All tenants. $1 at most, $2 interval in seconds of those that name none, $3 all kinds
-- Gives: queued.
with due as materialized (
    select i.tenant_id, i.integration_id, i.schedule_plans as plans, i.schedule_next as nexts
    from integration_configurations i join tenants t using (tenant_id)
    where i.enabled and i.next_sync_at <= now() and t.status = 'active'
      and (select true from integration_sync_history h
           where h.tenant_id = i.tenant_id and h.integration_id = i.integration_id and h.status in ('queued', 'running')
             and h.mode <> 'single' limit 1) is null
    order by i.next_sync_at limit $1::bigint
    for no key update of i skip locked
), picked as (
    select tenant_id, integration_id, plans -> (msphub_schedule_pick(plans, nexts) - 1)::int as plan from due
), queued as (
    insert into integration_sync_history (tenant_id, integration_id, mode, kinds, trigger, schedule)
    select tenant_id, integration_id, coalesce(plan ->> 'mode', 'full'), coalesce((plan ->> 'kinds')::bigint, $3::bigint),
           'schedule', plan ->> 'name'
    from picked
    on conflict do nothing
    returning tenant_id, integration_id, mode, kinds
)
select count(*) from queued where msphub_schedule_ran(tenant_id, integration_id, mode, kinds, $2::bigint) is not null;

-- name: claim
-- Takes queued runs, and those whose process has let its lease run out. All tenants; those of a suspended one wait.
-- $1 owner, $2 lease in microseconds, $3 at most
with taken as (
    select h.tenant_id, h.run_id from integration_sync_history h join tenants t using (tenant_id)
    where h.status in ('queued', 'running') and (h.status = 'queued' or h.lease_until < now()) and t.status = 'active'
    order by h.created_at limit $3::bigint
    for no key update of h skip locked
)
update integration_sync_history h
set status = 'running', lease_owner = $1::text, lease_until = now() + $2::bigint * interval '1 microsecond',
    started_at = coalesce(started_at, now()), attempts = attempts + 1,
    phase = case when phase = 'waiting' then 'reading' else phase end
from taken t, integration_configurations i
where h.tenant_id = t.tenant_id and h.run_id = t.run_id and i.tenant_id = h.tenant_id and i.integration_id = h.integration_id
returning h.tenant_id, h.run_id, h.integration_id, h.mode, h.kinds, h.device_id, h.dry_run, h.attempts, h.batch,
          h.phase = 'merging', h.checkpoint::text,
          case when h.mode = 'incremental' then msphub_cursor_for(i.sync_cursor, i.sync_cursors, h.kinds)::text end, h.complete_kinds, h.failed, h.cancel_requested,
          h.started_at, cardinality(h.notes), h.calls, h.progress::text;

-- name: heartbeat
-- Keeps leases; a run that is not in the answer is lost. All tenants.
-- $1 owner, $2 lease in microseconds, $3 tenants bigint[], $4 runs bigint[], $5 calls so far bigint[], $6 kinds being read text[]
-- Gives: run, whether somebody wants it to stop, whether its tenant is suspended: then it is given back, with its checkpoint.
update integration_sync_history h
set lease_until = now() + $2::bigint * interval '1 microsecond', calls = greatest(h.calls, r.calls),
    progress = h.progress || jsonb_build_object('kind', r.reading)
from unnest($3::bigint[], $4::bigint[], $5::bigint[], $6::text[]) as r(tenant_id, run_id, calls, reading) join tenants t using (tenant_id)
where h.tenant_id = r.tenant_id and h.run_id = r.run_id and h.status = 'running' and h.lease_owner = $1::text
returning h.run_id, h.cancel_requested, t.status <> 'active';

-- name: fence
-- $1 tenant, $2 run, $3 owner, $4 batches that it has stored. Fails with MS001: not held; MS002: this batch is stored.
select msphub_run_fence($1::bigint, $2::bigint, $3::text, $4::bigint);

-- name: progress
-- $1 tenant, $2 run, $3 lease in microseconds, $4 checkpoint or null, $5 cursor or null, $6 kinds found complete,
-- $7 notes text[], $8 failed records, $9 calls so far, $10 the reading is over, $11 progress or null
update integration_sync_history
set batch = batch + 1, lease_until = now() + $3::bigint * interval '1 microsecond',
    checkpoint = coalesce($4::jsonb, checkpoint), cursor = coalesce($5::jsonb, cursor),
    complete_kinds = complete_kinds | $6::bigint,
    notes = notes || array(select n from unnest($7::text[]) as n where n <> all (notes) limit 20 - least(20, cardinality(notes))),
    failed = failed + $8::bigint, calls = greatest(calls, $9::bigint), phase = case when $10::boolean then 'merging' else phase end,
    progress = coalesce($11::jsonb, progress)
where tenant_id = $1 and run_id = $2::bigint;

-- name: errors
-- $1 tenant, $2 run, $3 kinds int[], $4 ids text[], $5 reasons text[], $6 so many are kept
insert into sync_run_errors (tenant_id, run_id, kind, external_id, reason)
select $1, $2::bigint, kind, id, reason
from unnest($3::int[], $4::text[], $5::text[]) with ordinality as e(kind, id, reason, place)
where place <= $6::bigint - (select count(*) from sync_run_errors where tenant_id = $1 and run_id = $2);

-- name: release
-- Gives the lease back: the run goes on elsewhere, or here later. $1 tenant, $2 run, $3 owner
update integration_sync_history
set status = 'queued', lease_owner = null, lease_until = null, attempts = attempts - 1
where tenant_id = $1 and run_id = $2::bigint and lease_owner = $3::text and status = 'running'
returning pg_notify('msphub_run', '');

-- name: request
-- $1 tenant, $2 integration, $3 mode, $4 kinds, $5 device or null, $6 dry run, $7 trigger, $8 interval in seconds of those that name
-- none: what is due and done by this run as well is planned anew. The audit log is told when the transaction names an actor (audit_by);
-- likewise below.
-- Gives: the new run or null, whether the integration may be synchronised.
with known as (
    select i.tenant_id, i.integration_id, i.enabled and t.status = 'active' as usable
    from integration_configurations i join tenants t using (tenant_id)
    where i.tenant_id = $1 and i.integration_id = $2::bigint
), made as (
    insert into integration_sync_history (tenant_id, integration_id, mode, kinds, device_id, dry_run, trigger)
    select tenant_id, integration_id, $3::text, $4::bigint, $5::text, $6::boolean, $7::text from known where usable
    on conflict do nothing
    returning run_id
), planned as (
    select msphub_schedule_ran($1, $2, $3, $4, $8::bigint) as did from made where not $6
)
select (select run_id from made), k.usable, (select bool_or(did) from planned), pg_notify('msphub_run', ''),
       (select msphub_audit_write($1, 'run.requested', 'run', run_id::text, run_id, $2, null,
                                  jsonb_strip_nulls(jsonb_build_object('mode', $3, 'device_id', $5, 'dry_run', $6)))
        from made where current_setting('msphub.actor', true) <> '')
from known k;

-- name: in_the_way
-- The run that is queued or running. A statement by itself, behind request: what stood in its way may have been committed after that
-- one had begun, and is seen by a later one alone. $1 tenant, $2 integration
select run_id from integration_sync_history
where tenant_id = $1 and integration_id = $2::bigint and status in ('queued', 'running') and mode <> 'single' limit 1;

-- name: cancel
-- One that is queued ends at once, one that runs is asked to. $1 tenant, $2 run
-- Gives: its status before; no row when there is no such run.
with run as (
    select tenant_id, run_id, integration_id, status, cancel_requested from integration_sync_history
    where tenant_id = $1 and run_id = $2::bigint for no key update
), done as (
    update integration_sync_history h
    set cancel_requested = true, status = case when h.status = 'queued' then 'canceled' else h.status end,
        finished_at = case when h.status = 'queued' then now() end,
        phase = case when h.status = 'queued' then 'finished' else h.phase end
    from run r where h.tenant_id = $1 and h.run_id = r.run_id and h.status in ('queued', 'running')
)
select status, pg_notify('msphub_run', 'cancel'),
       case when status in ('queued', 'running') and not cancel_requested and current_setting('msphub.actor', true) <> ''
            then msphub_audit_write($1, 'run.canceled', 'run', run_id::text, run_id, integration_id, null, null) end
from run;

-- name: measure
-- How many devices a complete list lacks. A device that somebody told us of while the run was on its way is not missing.
-- $1 tenant, $2 integration, $3 run, $4 complete lists without it that retire a device
-- Gives: live devices, missing, of these to be retired, devices seen.
select count(*), count(*) filter (where is_missing), count(*) filter (where is_missing and missing_count + 1 >= $4::bigint),
       (select count(*) from sync_run_seen x where x.tenant_id = $1 and x.run_id = $3 and x.kind = 2)
from (select s.missing_count,
             s.observed_at < (select started_at from integration_sync_history where tenant_id = $1 and run_id = $3::bigint)
             and (select true from sync_run_seen n where n.tenant_id = $1 and n.run_id = $3 and n.kind = 2
                                                     and n.external_id = s.external_id limit 1) is null as is_missing
      from asset_sources s
      where s.tenant_id = $1 and s.integration_id = $2::bigint and s.retired_at is null) live;

-- name: absent_devices
-- Counts the absence; retires what was absent often enough. $1 tenant, $2 integration, $3 run, $4 complete lists without it that
-- retire a device, $5 whether devices are retired at all
-- Gives: retired, missing.
with marked as (
    update asset_sources s
    set missing_count = s.missing_count + 1, missing_since = coalesce(s.missing_since, now()),
        retired_at = case when $5::boolean and s.missing_count + 1 >= $4::bigint then now() end,
        retire_reason = case when $5 and s.missing_count + 1 >= $4
                             then 'missing from ' || (s.missing_count + 1) || ' complete lists' end,
        retired_run = case when $5 and s.missing_count + 1 >= $4 then $3::bigint end
    where s.tenant_id = $1 and s.integration_id = $2::bigint and s.retired_at is null
      and s.observed_at < (select started_at from integration_sync_history where tenant_id = $1 and run_id = $3)
      and (select true from sync_run_seen n where n.tenant_id = $1 and n.run_id = $3 and n.kind = 2
                                              and n.external_id = s.external_id limit 1) is null
    returning s.external_id, s.retired_at
), dirty as (
    insert into asset_source_dirty select $1, $2, external_id from marked where retired_at is not null on conflict do nothing
), counts as (
    select count(*) filter (where retired_at is not null) as retired, count(*) as missing from marked
)
select retired, missing, msphub_run_tally($1, $3, 0, 0, 0, 0, retired, 0) from counts;

-- name: absent_organizations
-- Marks those that a complete list lacks; nothing is deleted, and an empty list marks nothing. $1 tenant, $2 integration, $3 run
update organization_mappings o set missing_since = now(), updated_at = now()
where o.tenant_id = $1 and o.integration_id = $2::bigint and o.missing_since is null
  and exists (select from sync_run_seen n where n.tenant_id = $1 and n.run_id = $3::bigint and n.kind = 0)
  and (select true from sync_run_seen n where n.tenant_id = $1 and n.run_id = $3 and n.kind = 0
                                          and n.external_id = o.external_id limit 1) is null;

-- name: absent_locations
-- $1 tenant, $2 integration, $3 run
update provider_locations l set missing_since = now(), updated_at = now()
where l.tenant_id = $1 and l.integration_id = $2::bigint and l.missing_since is null
  and exists (select from sync_run_seen n where n.tenant_id = $1 and n.run_id = $3::bigint and n.kind = 1)
  and (select true from sync_run_seen n where n.tenant_id = $1 and n.run_id = $3 and n.kind = 1
                                          and n.external_id = l.external_id limit 1) is null;

-- name: seen_alerts
-- $1 tenant, $2 run
select external_id from sync_run_seen where tenant_id = $1 and run_id = $2::bigint and kind = 5;

-- name: stray_facets
-- Parts of devices that the complete list did not name. $1 tenant, $2 integration
delete from asset_source_facets f
where f.tenant_id = $1 and f.integration_id = $2::bigint
  and (select true from asset_sources s where s.tenant_id = $1 and s.integration_id = $2
                                          and s.external_id = f.external_id limit 1) is null;

-- name: finish
-- $1 tenant, $2 run, $3 status, $4 error or null, $5 notes text[], $6 calls so far, $7 would be retired (dry run)
-- Gives: the counters.
update integration_sync_history
set status = $3::text, error = $4::text, notes = notes || $5::text[], calls = greatest(calls, $6::bigint), retired = retired + $7::bigint,
    phase = 'finished', finished_at = now(), lease_owner = null, lease_until = null, checkpoint = null
where tenant_id = $1 and run_id = $2::bigint
returning processed, created, updated, unchanged, retired, restored, failed, extract(epoch from now() - started_at)::float8;

-- name: forget_seen
-- $1 tenant, $2 run
delete from sync_run_seen where tenant_id = $1 and run_id = $2::bigint;

-- name: mended
-- A single run ended: if it succeeded, the errors that it was to mend are. $1 tenant, $2 run
update sync_run_errors e set resolved_at = now()
from integration_sync_history h
where e.tenant_id = $1 and e.retry_run = $2::bigint and e.resolved_at is null
  and h.tenant_id = $1 and h.run_id = $2 and h.status = 'success';

-- name: retry
-- Reads the device of an error again. $1 tenant, $2 run, $3 error, $4 kinds that are of a device int[], $5 all kinds
-- Gives: kind, its id, when it was mended, whether the integration may be synchronised, the retry that is on its way, the new run.
with error as (
    select e.*, h.integration_id, i.enabled and t.status = 'active' as usable,
           (select b.run_id from integration_sync_history b
            where b.tenant_id = $1 and b.run_id = e.retry_run and b.status in ('queued', 'running')) as busy
    from sync_run_errors e
    join integration_sync_history h on h.tenant_id = e.tenant_id and h.run_id = e.run_id
    join integration_configurations i on i.tenant_id = h.tenant_id and i.integration_id = h.integration_id
    join tenants t on t.tenant_id = e.tenant_id
    where e.tenant_id = $1 and e.run_id = $2::bigint and e.error_id = $3::bigint
    for no key update of e
), made as (
    insert into integration_sync_history (tenant_id, integration_id, mode, kinds, device_id, trigger)
    select tenant_id, integration_id, 'single', $5::bigint, external_id, 'retry' from error
    where usable and busy is null and resolved_at is null and external_id is not null and kind = any ($4::int[])
    returning run_id
), marked as (
    update sync_run_errors s set retry_run = m.run_id
    from made m, error e
    where s.tenant_id = $1 and s.run_id = $2 and s.external_id = e.external_id and s.kind = any ($4) and s.resolved_at is null
)
select e.kind, e.external_id, e.resolved_at, e.usable, e.busy, (select run_id from made), pg_notify('msphub_run', ''),
       (select msphub_audit_write($1, 'run.requested', 'run', run_id::text, run_id, e.integration_id, null,
                                  jsonb_build_object('mode', 'single', 'device_id', e.external_id, 'retry_of', $2))
        from made where current_setting('msphub.actor', true) <> '')
from error e;

-- name: integration
-- What a full or incremental run leaves with its integration. $1 tenant, $2 integration, $3 run, $4 a full list of devices was
-- read to its end, $5 the cursor may move, $6 all kinds
update integration_configurations i
set last_success_at = case when $4::boolean then now() else i.last_success_at end,
    sync_cursor = case when $5::boolean and h.kinds = $6::bigint then coalesce(h.cursor, i.sync_cursor) else i.sync_cursor end,
    sync_cursors = case when $5 and h.cursor is not null
                        then msphub_cursors_after(i.sync_cursors, h.kinds, h.kinds <> $6 and h.trigger = 'schedule', h.cursor)
                        else i.sync_cursors end
from integration_sync_history h
where i.tenant_id = $1 and i.integration_id = $2::bigint and h.tenant_id = $1 and h.run_id = $3::bigint;

-- name: restore
-- Undoes the retirements of a run. $1 tenant, $2 integration, $3 run
-- Gives: restored.
with back as (
    update asset_sources s
    set retired_at = null, retire_reason = null, retired_run = null, missing_count = 0, missing_since = null
    where s.tenant_id = $1 and s.integration_id = $2::bigint and s.retired_run = $3::bigint
    returning s.external_id
), dirty as (
    insert into asset_source_dirty select $1, $2, external_id from back on conflict do nothing
)
select n, case when current_setting('msphub.actor', true) <> ''
               then msphub_audit_write($1, 'run.undone', 'run', $3::text, $3, $2, null, jsonb_build_object('restored', n)) end
from (select count(*) as n from back) as counted;

-- name: integration_of
-- $1 tenant, $2 run
select integration_id from integration_sync_history where tenant_id = $1 and run_id = $2::bigint;

-- name: prune
-- $1 days, $2 at most. All tenants.
delete from integration_sync_history
where (tenant_id, run_id) in (
    select tenant_id, run_id from integration_sync_history
    where finished_at < now() - make_interval(days => $1::bigint::int) limit $2::bigint);

-- name: lag
-- The last success that is longest ago, per provider. All tenants.
select provider, min(coalesce(last_success_at, created_at)) from integration_configurations where enabled group by provider;

-- name: list
-- Newest first. $1 tenant, $2 before this run (0: from the newest), $3 limit + 1, $4 integration (0: all), $5 status or null
-- Gives a page (store/page.h).
select json_build_object(
           'id', h.run_id, 'integration', i.provider || case when i.name = '' then '' else ':' || i.name end, 'mode', h.mode,
           'kinds', msphub_kind_names(h.kinds), 'trigger', h.trigger, 'schedule', h.schedule, 'dry_run', h.dry_run, 'status', h.status, 'phase', h.phase,
           'counters', json_build_object('processed', h.processed, 'created', h.created, 'updated', h.updated,
                                         'unchanged', h.unchanged, 'retired', h.retired, 'restored', h.restored,
                                         'failed', h.failed),
           'calls', h.calls, 'notes', h.notes, 'error', h.error, 'created_at', msphub_iso(h.created_at), 'started_at', msphub_iso(h.started_at),
           'finished_at', msphub_iso(h.finished_at))::text,
       '', h.run_id
from integration_sync_history h join integration_configurations i using (tenant_id, integration_id)
where h.tenant_id = $1 and ($2::bigint = 0 or h.run_id < $2) and ($4::bigint = 0 or h.integration_id = $4)
  and ($5::text is null or h.status = $5)
order by h.run_id desc limit $3::bigint;

-- name: get
-- $1 tenant, $2 run. Gives one JSON object.
select json_build_object(
           'id', h.run_id, 'integration', i.provider || case when i.name = '' then '' else ':' || i.name end, 'mode', h.mode,
           'device_id', h.device_id, 'kinds', msphub_kind_names(h.kinds), 'trigger', h.trigger, 'schedule', h.schedule, 'dry_run', h.dry_run, 'status', h.status, 'phase', h.phase,
           'counters', json_build_object('processed', h.processed, 'created', h.created, 'updated', h.updated,
                                         'unchanged', h.unchanged, 'retired', h.retired, 'restored', h.restored,
                                         'failed', h.failed),
           'records', h.record_counts, 'calls', h.calls,
           'progress', jsonb_build_object('kind', null, 'read', '{}'::jsonb, 'totals', '{}'::jsonb) || h.progress
                       || case when h.phase = 'reading' and h.status = 'running' then '{}'::jsonb else '{"kind": null}' end,
           'batches', h.batch, 'cancel_requested', h.cancel_requested, 'notes', h.notes, 'error', h.error,
           'errors', (select count(*) from sync_run_errors e where e.tenant_id = $1 and e.run_id = h.run_id),
           'report', h.report, 'created_at', msphub_iso(h.created_at), 'started_at', msphub_iso(h.started_at), 'finished_at', msphub_iso(h.finished_at))::text
from integration_sync_history h join integration_configurations i using (tenant_id, integration_id)
where h.tenant_id = $1 and h.run_id = $2::bigint;

-- name: error_list
-- In the order they were met. $1 tenant, $2 run, $3 after this error (0: from the first), $4 limit + 1
-- Gives a page (store/page.h).
select json_build_object('error', error_id, 'kind', msphub_kind_name(kind), 'id', external_id, 'reason', reason,
                         'retry_run', retry_run, 'resolved_at', msphub_iso(resolved_at), 'created_at', msphub_iso(created_at))::text,
       '', error_id
from sync_run_errors
where tenant_id = $1 and run_id = $2::bigint and error_id > $3::bigint
order by error_id limit $4::bigint;
