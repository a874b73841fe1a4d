-- How the audit log is read: by time, filtered, shown and exported.

-- In place of the one by id: lists go by time, since ids are given before their transaction's time is known to others.
drop index audit_by_integration;
create index audit_by_integration on audit_logs (tenant_id, integration_id, at, audit_id) where integration_id is not null;

create function msphub_audit_json(a audit_logs) returns json language sql stable as $$
    select json_build_object(
        'id', a.audit_id, 'at', msphub_iso(a.at),
        'actor', json_build_object('kind', a.actor_kind, 'id', a.actor_id, 'name', a.actor),
        'action', a.action,
        'target', json_build_object('type', a.target_type, 'id', a.target_id, 'name', a.target),
        'integration_id', a.integration_id, 'before', a.before, 'after', a.after, 'address', a.address,
        'request_id', a.request_id) $$;

-- A line of CSV (RFC 4180). A spreadsheet runs a cell that begins like a formula; an apostrophe before it keeps it text.
create function msphub_csv(variadic cells text[]) returns text language sql immutable parallel safe as $$
    select string_agg('"' || case when c ~ '^[-=+@\t\r\n＝＋－＠]' then '''' else '' end || replace(coalesce(c, ''), '"', '""') || '"',
                      ',' order by i) || E'\r\n'
    from unnest(cells) with ordinality as u(c, i) $$;
