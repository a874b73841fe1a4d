-- Clients of a tenant.

-- name: list
-- In order of name. $1 tenant, $2 text in name or reference (a like pattern or null), $3 and $4 behind this name key and id (null:
-- first page), $5 rows.
select msphub_client_json(c)::text, c.name_key, c.client_id
from clients c
where c.tenant_id = $1 and c.name_key <> ''
  and ($2::text is null or c.name_key like (select lower($2)) or lower(c.reference) like (select lower($2)))
  and ($3::text is null or (c.name_key, c.client_id) > ($3 collate "C", $4::bigint))
order by c.name_key, c.client_id limit $5::bigint;

-- name: get
-- $1 tenant, $2 client.
select client_id, version, msphub_client_json(c)::text from clients c where tenant_id = $1 and client_id = $2::bigint;

-- name: create
-- $1 tenant, $2 name, $3 reference.
insert into clients (tenant_id, name, reference) values ($1, $2::text, $3::text)
returning client_id, version, msphub_client_json(clients)::text;

-- name: update
-- $1 tenant, $2 client, $3 the version that was read (0: any), $4 name (null: stays), $5 whether the reference is set, $6 to what. No
-- row: another version by now, or none.
update clients set name = coalesce($4::text, name), reference = case when $5::boolean then $6::text else reference end,
                   version = version + 1, updated_at = now()
where tenant_id = $1 and client_id = $2::bigint and ($3::bigint = 0 or version = $3)
returning client_id, version, msphub_client_json(clients)::text;

-- name: delete
-- $1 tenant, $2 client, $3 the version that was read (0: any).
delete from clients where tenant_id = $1 and client_id = $2::bigint and ($3::bigint = 0 or version = $3)
returning client_id, version, ''::text;
