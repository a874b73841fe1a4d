-- name: add
-- A row that no change of a table makes. $1 tenant, $2 action, $3 target's type, $4 target, $5 its id, $6 integration, $7 before,
-- $8 after (jsonb)
select msphub_audit_write($1, $2::text, $3::text, $4::text, $5, $6, $7, $8)

-- name: list
-- Newest first. $1 tenant, $2 actor's name, $3 action, $4 target's type, $5 target, $6 integration, $7 text in actor, action or
-- target (an ilike pattern), $8 since, $9 before (each null: any), $10 and $11 behind this time and id (null: first page), $12 rows.
select msphub_audit_json(a)::text, msphub_iso(a.at), a.audit_id
from audit_logs a
where a.tenant_id = $1 and a.audit_id > 0 -- always; opens the index
  and ($2::text is null or a.actor = $2)
  and ($3::text is null or a.action = $3)
  and ($4::text is null or a.target_type = $4)
  and ($5::text is null or a.target = $5)
  and ($6::bigint is null or a.integration_id = $6)
  and ($7::text is null or a.actor ilike $7 or a.action ilike $7 or a.target ilike $7)
  and a.at >= coalesce($8::timestamptz, '-infinity') and a.at < coalesce($9::timestamptz, 'infinity')
  and (a.at, a.audit_id) < (coalesce($10::timestamptz, 'infinity'), coalesce($11::bigint, 0))
order by a.at desc, a.audit_id desc limit $12::bigint;

-- name: lines
-- As of list, for a file: a row is a line of text. $13 as CSV, else as JSON.
select case when $13::boolean
            then msphub_csv(a.audit_id::text, msphub_iso(a.at), a.actor_kind, a.actor_id::text, a.actor, a.action, a.target_type,
                            a.target_id::text, a.target, a.integration_id::text, a.before::text, a.after::text, a.address,
                            a.request_id)
            else msphub_audit_json(a)::text || chr(10) end,
       msphub_iso(a.at), a.audit_id
from audit_logs a
where a.tenant_id = $1 and a.audit_id > 0
  and ($2::text is null or a.actor = $2)
  and ($3::text is null or a.action = $3)
  and ($4::text is null or a.target_type = $4)
  and ($5::text is null or a.target = $5)
  and ($6::bigint is null or a.integration_id = $6)
  and ($7::text is null or a.actor ilike $7 or a.action ilike $7 or a.target ilike $7)
  and a.at >= coalesce($8::timestamptz, '-infinity') and a.at < coalesce($9::timestamptz, 'infinity')
  and (a.at, a.audit_id) < (coalesce($10::timestamptz, 'infinity'), coalesce($11::bigint, 0))
order by a.at desc, a.audit_id desc limit $12::bigint;

-- name: get
-- $1 tenant, $2 row.
select msphub_audit_json(a)::text from audit_logs a where a.tenant_id = $1 and a.audit_id = $2;

-- name: off
-- No rows by triggers in this transaction, and audit_logs may be deleted from.
select set_config('msphub.audit', 'off', true);

-- name: retire
-- Deletes what is older. $1 before, $2 at most so many rows a tenant. All tenants.
with old as materialized (
    select x.tenant_id, x.audit_id
    from tenants t
    cross join lateral (select a.tenant_id, a.audit_id from audit_logs a
                        where a.tenant_id = t.tenant_id and a.audit_id > 0 and a.at < $1::timestamptz
                        order by a.at limit $2::bigint) x
)
delete from audit_logs a using old where a.tenant_id = old.tenant_id and a.audit_id = old.audit_id;
