-- What the doctor wants to know.

-- name: known
-- $1 tenant, $2 integration, $3 the interval of syncs that name none, in seconds.
select i.status, i.error_message, coalesce(i.token_dead_version = i.version, false), i.credential_expires_at, i.last_delivery_at,
       i.webhook_registered_at, i.webhook_registered_url, i.webhook_registration_error,
       r.status, r.error,
       coalesce(i.sync_patience_s > 0, true) and coalesce(i.last_success_at, i.created_at)
           < now() - make_interval(secs => coalesce(nullif(i.sync_patience_s, 0), 3 * coalesce(i.sync_interval_s, $3::bigint))),
       (select count(*) from organization_mappings o
        where o.tenant_id = $1 and o.integration_id = $2 and o.decision = 'unmapped' and o.missing_since is null),
       (select count(*) from webhook_deliveries d where d.tenant_id = $1 and d.integration_id = $2 and d.status = 'dead')
from integration_configurations i
left join lateral (
    select h.status, h.error from integration_sync_history h
    where h.tenant_id = $1 and h.integration_id = $2 and h.mode <> 'single' and h.finished_at is not null
    order by h.run_id desc limit 1
) r on true
where i.tenant_id = $1 and i.integration_id = $2::bigint;

-- name: list
-- Integrations to be looked at. $1 the tenant's slug, $2 the integration's key (each null: any). All tenants.
select t.tenant_id, t.slug, i.integration_id, msphub_integration_key(i.provider, i.name)
from tenants t join integration_configurations i using (tenant_id)
where ($1::text is null or t.slug = $1) and ($2::text is null or msphub_integration_key(i.provider, i.name) = $2)
  and t.status <> 'deleting'
order by t.slug, i.provider, i.name;
