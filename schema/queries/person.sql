-- People: contacts and end users (store/person.c).

-- name: merge
-- One row each, said as a whole but for its organization: null leaves it as it is, an empty one is none. Parameters as in
-- store/flat_batch.h. Gives: created, updated.
with given as (
    select * from unnest($5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[],
                         $13::text[])
        as g(external_id, organization_external_id, name, username, email, phone, mobile, title, url)
), changed as materialized (
    select g.*, o.external_id is null as is_new,
           case when g.organization_external_id is null then o.organization_external_id else nullif(g.organization_external_id, '') end as kept
    from given g
    left join lateral (select * from people o
                       where o.tenant_id = $1 and o.integration_id = $2::bigint and o.external_id = g.external_id limit 1) o on true
    where o.external_id is null or o.missing_since is not null
       or (g.organization_external_id is not null and o.organization_external_id is distinct from nullif(g.organization_external_id, ''))
       or (o.name, o.username, o.email, o.phone, o.mobile, o.title, o.url)
          is distinct from (g.name, g.username, g.email, g.phone, g.mobile, g.title, g.url)
), written as (
    insert into people as o
        (tenant_id, integration_id, external_id, organization_external_id, name, username, email, phone, mobile, title, url)
    select $1, $2, external_id, kept, name, username, email, phone, mobile, title, url
    from changed where not $4::boolean
    on conflict (tenant_id, integration_id, external_id) do update
    set organization_external_id = excluded.organization_external_id, name = excluded.name, username = excluded.username, email
        = excluded.email, phone = excluded.phone, mobile = excluded.mobile, title = excluded.title, url = excluded.url,
        missing_since = null, updated_at = now()
)
select created, updated, msphub_run_count($1, $3::bigint, 'people', (select count(*) from given), created, updated, 0)
from (select count(*) filter (where is_new) as created, count(*) filter (where not is_new) as updated from changed) c;

-- name: absent
-- Marks those that a complete list lacks; an empty list marks nothing. $1 tenant, $2 integration, $3 run
with missing as (
    update people o set missing_since = now(), updated_at = now()
    where o.tenant_id = $1 and o.integration_id = $2::bigint and o.missing_since is null
      and exists (select from sync_run_seen n where n.tenant_id = $1 and n.run_id = $3::bigint and n.kind = 10)
      and (select true from sync_run_seen n where n.tenant_id = $1 and n.run_id = $3 and n.kind = 10
                                              and n.external_id = o.external_id limit 1) is null
    returning 1
)
select msphub_run_count($1, $3, 'people', 0, 0, 0, count(*)) from missing having count(*) > 0;

-- fragment: members
p.person_id as id, p.integration_id, p.external_id, p.name, p.username, p.email, p.phone, p.mobile, p.title, p.url,
       o.organization_id, o.name as organization, o.client_id, c.name as client, p.missing_since, p.first_seen, p.updated_at

-- fragment: placed
left join lateral (select o.organization_id, o.name, o.client_id from organization_mappings o
                   where o.tenant_id = $1 and o.integration_id = p.integration_id and o.external_id = p.organization_external_id
                   limit 1) o on true
left join lateral (select c.name from clients c where c.tenant_id = $1 and c.client_id = o.client_id limit 1) c on true

-- name: list
-- In order of name; a person whom several sources of one client know by the same e-mail address once, as the oldest of them has it.
-- Organizations are mapped to clients, and mapped anew, so this is found out when somebody asks. $1 tenant, $2 client, $3 integration
-- (each null: any), $4 text in name, e-mail or user name (a like pattern or null), $5 whether missing (null: both), $6 and $7 behind this
-- name key and id (null: first page), $8 rows.
select {members}, p.name_key, p.person_id
from people p {placed}
where p.tenant_id = $1 and p.name_key is not null
  and ($2::bigint is null or o.client_id = $2)
  and ($3::bigint is null or p.integration_id = $3)
  and ($4::text is null or p.search like (select lower($4)))
  and ($5::boolean is null or (p.missing_since is not null) = $5)
  and ($3 is not null or p.email_key is null or o.client_id is null or not exists (
        select from (select * from people x where x.tenant_id = $1 and x.email_key = p.email_key offset 0) x
        cross join lateral (select y.client_id from organization_mappings y
                            where y.tenant_id = $1 and y.integration_id = x.integration_id
                              and y.external_id = x.organization_external_id limit 1) y
        where y.client_id = o.client_id and x.person_id < p.person_id
          and ($5 is null or (x.missing_since is not null) = $5) offset 0))
  and ($6::text is null or (p.name_key, p.person_id) > ($6 collate "C", $7::bigint))
order by p.name_key, p.person_id limit $8::bigint;

-- name: get
-- With the rows of other sources that are the same person: of the same client, by e-mail address. $1 tenant, $2 person.
select {members}, (
    select coalesce(json_agg(json_build_object(
               'id', x.person_id, 'integration_id', x.integration_id, 'external_id', x.external_id, 'name', x.name,
               'username', x.username, 'email', x.email, 'phone', x.phone, 'mobile', x.mobile, 'title', x.title, 'url', x.url,
               'missing_since', msphub_iso(x.missing_since)) order by x.person_id), '[]')
    from (select * from people x where x.tenant_id = $1 and x.email_key = p.email_key offset 0) x
    cross join lateral (select y.client_id from organization_mappings y
                        where y.tenant_id = $1 and y.integration_id = x.integration_id
                          and y.external_id = x.organization_external_id limit 1) y
    where y.client_id = o.client_id and x.person_id <> p.person_id) as also
from people p {placed}
where p.tenant_id = $1 and p.person_id = $2::bigint and p.person_id > 0;
