-- What a run did to each kind of record, beside the devices that its own counters tell of.
alter table integration_sync_history add column record_counts jsonb not null default '{}';

-- Adds to them in the transaction that did the work; in a dry run, to what would be done. run 0: no run.
create function msphub_run_count(tenant bigint, run bigint, kind text, n_processed bigint, n_created bigint, n_updated bigint,
                                 n_removed bigint) returns void language sql as $$
    update integration_sync_history h
    set record_counts = h.record_counts || jsonb_build_object(kind, jsonb_build_object(
            'processed', coalesce((h.record_counts -> kind ->> 'processed')::bigint, 0) + n_processed,
            'created', coalesce((h.record_counts -> kind ->> 'created')::bigint, 0) + n_created,
            'updated', coalesce((h.record_counts -> kind ->> 'updated')::bigint, 0) + n_updated,
            'removed', coalesce((h.record_counts -> kind ->> 'removed')::bigint, 0) + n_removed))
    where h.tenant_id = tenant and h.run_id = run and run > 0
$$;
