-- A provider that a group's order does not name comes last among those that decide; only those that are named behind 'ours' do no more
-- than fill what is empty.
create or replace function msphub_ranks(tenant bigint) returns table (integration_id bigint, ranks jsonb, fills jsonb) language sql stable as $$
    select i.integration_id, jsonb_object_agg(s.said, r.place),
           coalesce(jsonb_agg(s.said) filter (where r.place >= 1000), '[]')
    from integration_configurations i
    cross join (select d.field_group, coalesce((select p.providers from field_precedence p
                                                where p.tenant_id = tenant and p.field_group = d.field_group), d.providers) as providers
                from msphub_precedence_default() d) g
    join msphub_said_groups() s on s.field_group = g.field_group
    cross join lateral (select array_position(g.providers, i.provider) as place) p
    cross join lateral (select case when p.place > array_position(g.providers, 'ours') then p.place + 1000 else coalesce(p.place, 900) end
                                   as place) r
    where i.tenant_id = tenant
    group by i.integration_id
$$;
