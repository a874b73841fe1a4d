-- Sealing anew. The statements of each place come from store/sealed.def.

-- name: next_tenant
-- One tenant after the other, by id. $1 after this tenant.
select tenant_id, slug from tenants where tenant_id > $1::bigint order by tenant_id limit 1;

-- name: quiet
-- For the rest of the transaction no audit row a changed row: what is sealed anew means what it meant.
select set_config('msphub.audit', 'off', true);
