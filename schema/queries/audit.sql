-- name: add
-- A row that no change of a table makes. $1 tenant, $2 action, $3 target's type, $4 target, $5 its id, $6 integration, $7 before,
-- $8 after (jsonb)
select msphub_audit_write($1, $2::text, $3::text, $4::text, $5, $6, $7, $8)
