-- Sealing anew. The statements of each place come from store/sealed.def.

-- name: next_tenant
-- One tenant after the other, by id. $1 after this tenant.
select tenant_id, slug from tenants where tenant_id > $1::bigint order by tenant_id limit 1;
