-- How far a run is, and errors of runs that are tried again.
alter table integration_sync_history
    -- {"kind": what is being read, "read": {kind: records so far}, "totals": {kind: as the product tells}}
    add column progress jsonb not null default '{}';
-- Finished runs are looked through for those that are too old; without it the whole history would be, each time.
create index sync_finished on integration_sync_history (finished_at) where finished_at is not null;

alter table sync_run_errors
    add column retry_run bigint,            -- a single run of the device it is about
    add column resolved_at timestamptz;     -- when such a run succeeded
create index sync_error_retry on sync_run_errors (tenant_id, retry_run) where retry_run is not null;
