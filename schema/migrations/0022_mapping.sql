-- Suggestions of which client an organization is.

-- A company's name without what people write differently: case, accents, punctuation, "and", legal forms. Never empty but for an empty name.
-- Umlauts become two letters, as they are written where a keyboard lacks them.
create function msphub_company_key(name text) returns text language sql immutable parallel safe as $$
    select coalesce(nullif(regexp_replace(regexp_replace(plain, '^the ', ''),
                        '( (co|comp|company|gmbh|mbh|ggmbh|ag|kg|kgaa|ohg|gbr|ug|haftungsbeschraenkt|se|ek|ev|eg|ltd|limited|inc|'
                        'incorporated|llc|llp|lp|plc|corp|corporation|pty|pte|bv|nv|sa|sas|sarl|srl|spa|ab|oy|as|aps|kft|sro|doo|zoo))+$',
                        ''), ''), plain)
    from (select regexp_replace(btrim(regexp_replace(translate(folded, '.''’`', ''), '[][\s!"#$%&()*+,/:;<=>?@\\^_{|}~–—-]+', ' ', 'g')), ' (and|und|et)(?= )', '', 'g') as plain
          from (select lower(translate(
                    replace(replace(replace(replace(replace(replace(replace(name, 'ä', 'ae'), 'Ä', 'ae'), 'ö', 'oe'), 'Ö', 'oe'),
                            'ü', 'ue'), 'Ü', 'ue'), 'ß', 'ss'),
                    'àáâãåÀÁÂÃÅçÇčČćĆèéêëěÈÉÊËĚìíîïÌÍÎÏłŁñÑňŇńŃòóôõøÒÓÔÕØřŘšŠśŚùúûůÙÚÛŮýÝžŽźŹżŻ',
                    'aaaaaaaaaacccccceeeeeeeeeeiiiiiiiillnnnnnnoooooooooorrssssuuuuuuuuyyzzzzzz')) as folded) f) p
$$;

-- Threes of neighbouring letters, each once: what two spellings of one name have in common.
create function msphub_trigrams(key text) returns text[] language sql immutable parallel safe as $$
    select array(select distinct substr('  ' || key || ' ', i, 3) from generate_series(1, length(key) + 1) as i)
$$;

alter table clients add column match_key text generated always as (msphub_company_key(name)) stored;
alter table organization_mappings add column match_key text generated always as (msphub_company_key(name)) stored;

-- Clients that undecided organizations of an integration may be, with a score in per cent and why. Up to three each, the best first.
-- Two clients that fit equally well are no answer: neither is `sure`.
create function msphub_mapping_candidates(tenant bigint, integration bigint, after bigint, most bigint)
    returns table (organization_id bigint, client_id bigint, client text, score integer, reasons text[], sure boolean)
    language sql stable as $$
    with o as materialized (
        select m.organization_id, m.external_id, m.name, m.match_key from organization_mappings m
        where m.tenant_id = tenant and m.integration_id = integration and m.decision = 'unmapped' and m.missing_since is null
          and m.organization_id > after
        order by m.organization_id limit most
    ), c as materialized (
        select k.client_id, k.name, k.match_key, msphub_trigrams(k.match_key) as trigrams from clients k where k.tenant_id = tenant
    ), letters as materialized (
        select c.client_id, cardinality(c.trigrams) as n, t from c cross join unnest(c.trigrams) as t
    ), spelled as (
        select o.organization_id, l.client_id, 2.0 * count(*) / (cardinality(msphub_trigrams(o.match_key)) + l.n) as alike
        from o cross join unnest(msphub_trigrams(o.match_key)) as t join letters l using (t)
        group by o.organization_id, o.match_key, l.client_id, l.n
    ), devices as materialized (
        select o.organization_id, s.asset_id
        from o join asset_sources s on s.tenant_id = tenant and s.integration_id = integration and s.retired_at is null
                                   and s.attributes ->> 'organization_id' = o.external_id
    ), shared as (
        select d.organization_id, m.client_id, count(distinct d.asset_id) as n,
               (select count(*) from devices x where x.organization_id = d.organization_id) as of_n
        from devices d
        join asset_sources s on s.tenant_id = tenant and s.asset_id = d.asset_id and s.integration_id <> integration
        join organization_mappings m on m.tenant_id = tenant and m.integration_id = s.integration_id
                                    and m.external_id = s.attributes ->> 'organization_id' and m.client_id is not null
        group by d.organization_id, m.client_id
    ), found as (
        select organization_id, c.client_id, 100 as score, 'the names are equal' as reason
        from o join c on lower(btrim(o.name)) = lower(c.name)
        union all
        select organization_id, c.client_id, 95, 'the names are equal but for their spelling or legal form'
        from o join c on o.match_key = c.match_key and lower(btrim(o.name)) <> lower(c.name) and o.match_key <> ''
        union all
        select distinct o.organization_id, m.client_id, 95, 'another integration''s organization of this name is mapped to it'
        from o join organization_mappings m on m.tenant_id = tenant and m.client_id is not null and m.match_key = o.match_key
                                           and m.organization_id <> o.organization_id and o.match_key <> ''
        union all
        select organization_id, s.client_id, least(99, 50 + 50 * s.n / s.of_n)::integer,
               format('%s of its %s devices are this client''s in another integration', s.n, s.of_n)
        from shared s where s.n >= 2 or s.n = s.of_n
        union all
        select organization_id, s.client_id, (90 * alike)::integer, format('the names are alike (%s %%)', round(100 * alike))
        from spelled s join o using (organization_id) join c using (client_id)
        where alike >= 0.5 and o.match_key <> c.match_key
    ), scored as (
        select f.organization_id, f.client_id, max(f.score) as score, array_agg(f.reason order by f.score desc, f.reason) as reasons
        from found f group by f.organization_id, f.client_id
    ), ranked as (
        select s.*, row_number() over w as place, lead(s.score) over w as next_score
        from scored s window w as (partition by s.organization_id order by s.score desc, s.client_id)
    )
    select r.organization_id, r.client_id, c.name, r.score, r.reasons, r.place = 1 and r.score > coalesce(r.next_score, 0)
    from ranked r join c using (client_id) where r.place <= 3
$$;
