-- Tickets, their comments, and what is to be done in products (store/ticket.c).

-- name: merge
-- One row a ticket. A message without number and subject tells of a state only, and leaves the rest. What was made here is known by its
-- marker in the subject. Older messages change nothing. $1 tenant, $2 integration, $3 run or 0, $4 dry run; arrays sorted by id: $5 ids,
-- $6 numbers, $7 organizations, $8 contacts, $9 subjects, $10 types, $11 priorities, $12 status words, $13 assignees, $14 URLs,
-- $15 statuses, $16 device ids (JSON; null: not said), $17 opened, $18 changed, $19 resolved, $20 due. Gives: created, updated.
with given as materialized (
    select g.*, g.number is not null or g.subject is not null as whole
    from unnest($5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[],
                $14::text[], $15::text[], $16::text[], $17::timestamptz[], $18::timestamptz[], $19::timestamptz[], $20::timestamptz[])
        as g(external_id, number, organization, contact, subject, type, priority, status_word, assignee, url, status, devices, opened,
             changed, resolved, due)
), known as materialized (
    select g.*, coalesce(t.ticket_id, made.ticket_id) as ticket_id, t.ticket_id is null and made.ticket_id is not null as is_ours
    from given g
    left join lateral (select t.ticket_id from tickets t
                       where t.tenant_id = $1 and t.integration_id = $2::bigint and t.external_id = g.external_id limit 1) t on true
    left join lateral (select p.ticket_id from ticket_pushes p
                       where t.ticket_id is null and p.tenant_id = $1 and p.integration_id = $2 and p.kind = 'create'
                         and strpos(g.subject, p.marker) > 0 limit 1) made on true
), fresh as materialized (
    select k.*, t.ticket_id is null as is_new
    from known k
    left join lateral (select * from tickets t where t.tenant_id = $1 and t.ticket_id = k.ticket_id limit 1) t on true
    where t.ticket_id is null or k.is_ours
       or ((k.changed is null or t.changed_at is null or k.changed >= t.changed_at)
           and ((t.status, t.status_word, coalesce(k.changed, t.changed_at), coalesce(k.resolved, t.resolved_at))
                is distinct from (k.status, k.status_word, t.changed_at, t.resolved_at)
                or (k.whole and (t.number, t.organization_external_id, t.contact_external_id, t.subject, t.type, t.priority, t.assignee, t.url,
                                 t.opened_at, t.resolved_at, t.due_at)
                    is distinct from (k.number, nullif(k.organization, ''), k.contact, k.subject, k.type, k.priority, k.assignee, k.url,
                                      k.opened, k.resolved, k.due))))
), inserted as (
    insert into tickets (tenant_id, integration_id, external_id, number, organization_external_id, contact_external_id, subject, type,
                         priority, status, status_word, assignee, url, origin, opened_at, changed_at, resolved_at, due_at)
    select $1, $2, external_id, number, nullif(organization, ''), contact, subject, type, priority, status, status_word, assignee, url,
           'product', opened, changed, resolved, due
    from fresh where is_new and not $4::boolean
    on conflict (tenant_id, integration_id, external_id) where external_id is not null do nothing
    returning ticket_id, external_id
), updated as (
    update tickets t
    set external_id = f.external_id, status = f.status, status_word = coalesce(f.status_word, t.status_word),
        changed_at = coalesce(f.changed, t.changed_at),
        number = case when f.whole then f.number else t.number end,
        organization_external_id = case when f.whole then nullif(f.organization, '') else t.organization_external_id end,
        contact_external_id = case when f.whole then f.contact else t.contact_external_id end,
        subject = case when f.whole then f.subject else t.subject end,
        type = case when f.whole then f.type else t.type end,
        priority = case when f.whole then f.priority else t.priority end,
        assignee = case when f.whole then f.assignee else t.assignee end,
        url = case when f.whole then f.url else t.url end,
        opened_at = case when f.whole then f.opened else t.opened_at end,
        resolved_at = case when f.whole then f.resolved else coalesce(f.resolved, t.resolved_at) end,
        due_at = case when f.whole then f.due else t.due_at end,
        updated_at = now()
    from fresh f
    where not f.is_new and not $4 and t.tenant_id = $1 and t.ticket_id = f.ticket_id
), told as (
    select coalesce(k.ticket_id, i.ticket_id) as ticket_id, k.devices::jsonb as devices
    from known k left join inserted i using (external_id)
    where k.devices is not null and not $4 and coalesce(k.ticket_id, i.ticket_id) is not null
), wanted as (
    select distinct t.ticket_id, d.external_id from told t, jsonb_array_elements_text(t.devices) as d(external_id)
), unlinked as (
    delete from asset_ticket_associations l using told t
    where l.tenant_id = $1 and l.ticket_id = t.ticket_id and l.integration_id = $2
      and not exists (select from wanted w where w.ticket_id = l.ticket_id and w.external_id = l.external_id)
), linked as (
    insert into asset_ticket_associations (tenant_id, ticket_id, integration_id, external_id)
    select $1, ticket_id, $2, external_id from wanted on conflict do nothing
)
select created, updated, msphub_run_count($1, $3::bigint, 'tickets', (select count(*) from given), created, updated, 0)
from (select count(*) filter (where is_new) as created, count(*) filter (where not is_new) as updated from fresh) c;

-- name: merge_comments
-- One row a comment, of tickets that are known. $1 tenant, $2 integration, $3 run or 0, $4 dry run; arrays sorted by id: $5 ids, $6 tickets'
-- ids, $7 authors, $8 subjects, $9 bodies, $10 hidden, $11 from the customer, $12 written, $13 changed. Gives: created, updated.
with given as materialized (
    select g.*, t.ticket_id
    from unnest($5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::boolean[], $11::boolean[], $12::timestamptz[],
                $13::timestamptz[])
        as g(external_id, ticket, author, subject, body, hidden, from_customer, written, changed)
    join lateral (select t.ticket_id from tickets t
                  where t.tenant_id = $1 and t.integration_id = $2::bigint and t.external_id = g.ticket limit 1) t on true
), known as materialized (
    select g.*, coalesce(c.comment_id, made.comment_id) as comment_id, c.comment_id is null and made.comment_id is not null as is_ours
    from given g
    left join lateral (select c.comment_id from ticket_comments c
                       where c.tenant_id = $1 and c.integration_id = $2 and c.external_id = g.external_id limit 1) c on true
    left join lateral (select p.comment_id from ticket_pushes p
                       where c.comment_id is null and p.tenant_id = $1 and p.ticket_id = g.ticket_id and p.push_id > 0 and p.kind = 'comment'
                         and strpos(g.subject, p.marker) > 0 limit 1) made on true
), fresh as materialized (
    select k.*, c.comment_id is null as is_new
    from known k
    left join lateral (select * from ticket_comments c where c.tenant_id = $1 and c.comment_id = k.comment_id limit 1) c on true
    where c.comment_id is null or k.is_ours
       or (c.author, c.subject, c.body, c.hidden, c.from_customer, c.written_at, c.changed_at)
          is distinct from (k.author, k.subject, k.body, k.hidden, k.from_customer, k.written, coalesce(k.changed, c.changed_at))
), inserted as (
    insert into ticket_comments (tenant_id, ticket_id, integration_id, external_id, author, subject, body, hidden, from_customer, origin,
                                 written_at, changed_at)
    select $1, ticket_id, $2, external_id, author, subject, body, hidden, from_customer, 'product', written, changed
    from fresh where is_new and not $4::boolean
    on conflict (tenant_id, integration_id, external_id) where external_id is not null do nothing
), updated as (
    update ticket_comments c
    set external_id = f.external_id, author = f.author, subject = f.subject, body = f.body, hidden = f.hidden,
        from_customer = f.from_customer, written_at = f.written, changed_at = coalesce(f.changed, c.changed_at)
    from fresh f
    where not f.is_new and not $4 and c.tenant_id = $1 and c.comment_id = f.comment_id
)
select created, updated, msphub_run_count($1, $3::bigint, 'ticket comments', (select count(*) from given), created, updated, 0)
from (select count(*) filter (where is_new) as created, count(*) filter (where not is_new) as updated from fresh) c;

-- name: list
-- Newest first. $1 tenant, $2 client, $3 status, $4 integration, $5 updated since (each null: any), $6 before this id (0: from the newest),
-- $7 rows. Gives a page (store/page.h).
select msphub_ticket_json(t)::text, '', t.ticket_id
from tickets t
where t.tenant_id = $1 and ($6::bigint = 0 or t.ticket_id < $6)
  and ($2::bigint is null or exists (
        select from organization_mappings o
        where o.tenant_id = $1 and o.integration_id = t.integration_id and o.external_id = t.organization_external_id and o.client_id = $2
        offset 0))
  and ($3::text is null or t.status = $3)
  and ($4::bigint is null or t.integration_id = $4)
  and ($5::timestamptz is null or t.updated_at >= $5)
order by t.ticket_id desc limit $7::bigint;

-- name: get
-- $1 tenant, $2 ticket, $3 at most so many comments, the oldest first. Gives one JSON object.
select (msphub_ticket_json(t) || jsonb_build_object('comments', coalesce((
        select jsonb_agg(x.item order by x.comment_id)
        from (select c.comment_id, jsonb_build_object(
                         'id', c.comment_id, 'external_id', c.external_id, 'author', c.author, 'subject', c.subject, 'body', c.body,
                         'hidden', c.hidden, 'from_customer', c.from_customer, 'origin', c.origin,
                         'written_at', msphub_iso(coalesce(c.written_at, c.created_at))) as item
              from ticket_comments c where c.tenant_id = $1 and c.ticket_id = t.ticket_id and c.comment_id > 0
              order by c.comment_id limit $3::bigint) x), '[]')))::text
from tickets t where t.tenant_id = $1 and t.ticket_id = $2::bigint;

-- name: of_asset
-- The newest of one asset in one object; no row when there is no such asset. $1 tenant, $2 asset, $3 at most so many.
select json_build_object('items', (
        select coalesce(json_agg(x.item order by x.ticket_id desc), '[]')
        from (select msphub_ticket_json(t) as item, t.ticket_id
              from tickets t
              where t.tenant_id = $1 and t.ticket_id in (
                    select l.ticket_id from asset_sources s join asset_ticket_associations l
                        on l.tenant_id = $1 and l.integration_id = s.integration_id and l.external_id = s.external_id
                    where s.tenant_id = $1 and s.asset_id = a.asset_id
                    union
                    select b.ticket_id from tickets b where b.tenant_id = $1 and b.asset_id = a.asset_id)
              order by t.ticket_id desc limit $3::bigint) x), 'next', null)::text
from assets a where a.tenant_id = $1 and a.asset_id = $2::bigint;

-- name: create
-- A ticket, and its making in the product. Of a client or an asset the product's organization is found here.
-- $1 tenant, $2 integration, $3 asset, $4 client, $5 organization (each null: none), $6 subject, $7 body, $8 type, $9 priority, $10 hidden,
-- $11 notify the customer, $12 author. Gives (id, 1, ''); no row: asset, client or organization is not there, or names none.
with about as materialized (
    select (select s.external_id from asset_sources s
            where s.tenant_id = $1 and s.integration_id = $2::bigint and s.asset_id = $3::bigint and s.retired_at is null
            order by s.external_id limit 1) as device,
           coalesce(
               (select o.external_id from organization_mappings o
                where o.tenant_id = $1 and o.integration_id = $2 and o.organization_id = $5::bigint),
               (select o.external_id from organization_mappings o
                where o.tenant_id = $1 and o.integration_id = $2 and o.client_id = $4::bigint order by o.organization_id limit 1),
               (select o.external_id from assets a join organization_mappings o on o.tenant_id = $1 and o.organization_id = a.organization_id
                where a.tenant_id = $1 and a.asset_id = $3 and o.integration_id = $2),
               (select o.external_id from assets a
                join organization_mappings theirs on theirs.tenant_id = $1 and theirs.organization_id = a.organization_id
                join organization_mappings o on o.tenant_id = $1 and o.integration_id = $2 and o.client_id = theirs.client_id
                where a.tenant_id = $1 and a.asset_id = $3 order by o.organization_id limit 1)) as organization
), made as (
    insert into tickets (tenant_id, integration_id, organization_external_id, subject, body, type, priority, status, origin, author, asset_id)
    select $1, $2, organization, $6::text, $7::text, $8::text, $9::text, 'open', 'hub', $12::text, $3
    from about
    where ($3 is null or exists (select from assets a where a.tenant_id = $1 and a.asset_id = $3))
      and (($4 is null and $5 is null) or organization is not null)
    returning *
), linked as (
    insert into asset_ticket_associations (tenant_id, ticket_id, integration_id, external_id)
    select $1, m.ticket_id, $2, a.device from made m, about a where a.device is not null
), pushed as (
    insert into ticket_pushes (tenant_id, ticket_id, integration_id, kind, marker, args)
    select $1, m.ticket_id, $2, 'create', msphub_ticket_marker(),
           jsonb_strip_nulls(jsonb_build_object('organization_id', a.organization, 'device_id', a.device, 'subject', $6, 'body', $7, 'type', $8,
                                                'priority', $9, 'hidden', $10::boolean, 'notify_customer', $11::boolean, 'author', $12))
    from made m, about a
)
select m.ticket_id, 1::bigint, coalesce(case when current_setting('msphub.actor', true) <> ''
    then msphub_audit_write($1, 'ticket.created', 'ticket', m.subject, m.ticket_id, $2, null, null)::text end, '')
from made m;

-- name: comment
-- $1 tenant, $2 ticket, $3 body, $4 hidden, $5 notify the customer, $6 author. Gives (id, 1, ''); no row: no such ticket.
with t as (
    select * from tickets where tenant_id = $1 and ticket_id = $2::bigint
), made as (
    insert into ticket_comments (tenant_id, ticket_id, integration_id, author, body, hidden, from_customer, origin, written_at)
    select $1, t.ticket_id, t.integration_id, $6::text, $3::text, $4::boolean and not $5::boolean, false, 'hub', now() from t
    returning *
), pushed as (
    insert into ticket_pushes (tenant_id, ticket_id, integration_id, comment_id, kind, marker, args)
    select $1, ticket_id, integration_id, comment_id, 'comment', msphub_ticket_marker(),
           jsonb_strip_nulls(jsonb_build_object('body', $3, 'hidden', $4, 'notify_customer', $5, 'author', $6))
    from made
), touched as (
    update tickets u set updated_at = now() from made m where u.tenant_id = $1 and u.ticket_id = m.ticket_id
)
select m.ticket_id, 1::bigint, coalesce(case when current_setting('msphub.actor', true) <> ''
    then msphub_audit_write($1, 'ticket.commented', 'ticket', t.subject, t.ticket_id, t.integration_id, null, null)::text end, '')
from made m, t;

-- name: set_status
-- The last that was wished for counts. $1 tenant, $2 ticket, $3 status: a word. Gives (id, 1, ''); no row: no such ticket.
with t as (
    select * from tickets where tenant_id = $1 and ticket_id = $2::bigint
), dropped as (
    delete from ticket_pushes p using t where p.tenant_id = $1 and p.ticket_id = t.ticket_id and p.kind = 'status' and (p.attempts = 0 or p.due_at is null)
), pushed as (
    insert into ticket_pushes (tenant_id, ticket_id, integration_id, kind, marker, args)
    select $1, ticket_id, integration_id, 'status', msphub_ticket_marker(), jsonb_build_object('status', $3::text) from t
), touched as (
    update tickets u set updated_at = now() from t where u.tenant_id = $1 and u.ticket_id = t.ticket_id
)
select t.ticket_id, 1::bigint, coalesce(case when current_setting('msphub.actor', true) <> ''
    then msphub_audit_write($1, 'ticket.status_set', 'ticket', t.subject, t.ticket_id, t.integration_id,
                            jsonb_build_object('status', t.status_word), jsonb_build_object('status', $3))::text end, '')
from t;

-- name: retry
-- What was given up, or waits, is tried now. $1 tenant, $2 ticket. Gives (id, 1, ''); no row: no such ticket.
with t as (
    select * from tickets where tenant_id = $1 and ticket_id = $2::bigint
), due as (
    update ticket_pushes p set due_at = now() from t
    where p.tenant_id = $1 and p.ticket_id = t.ticket_id and p.push_id > 0 and (p.due_at is null or p.error is not null)
)
select t.ticket_id, 1::bigint, ''::text from t;

-- name: claim
-- Takes what is due, one a ticket: the first that was wished for. It comes due again when its process has not told what came of it.
-- All tenants. $1 at most, $2 until then, in microseconds.
with due as (
    select p.tenant_id, p.push_id from ticket_pushes p join tenants t using (tenant_id)
    where p.due_at <= now() and t.status = 'active'
      and not exists (select from ticket_pushes q
                      where q.tenant_id = p.tenant_id and q.ticket_id = p.ticket_id and q.push_id > 0 and q.push_id < p.push_id
                        and (q.due_at is not null or q.kind = 'create'))
    order by p.due_at limit $1::bigint
    for no key update of p skip locked
)
update ticket_pushes p
set due_at = now() + $2::bigint * interval '1 microsecond', attempts = attempts + 1, error = null -- no retry while it is in flight

from due d, tickets t
where p.tenant_id = d.tenant_id and p.push_id = d.push_id and t.tenant_id = p.tenant_id and t.ticket_id = p.ticket_id
returning p.tenant_id, p.push_id, p.ticket_id, p.integration_id, p.kind, t.external_id,
          (p.args || case when p.kind = 'status' then '{}' else jsonb_build_object('marker', p.marker, 'retry', p.attempts > 1) end)::text,
          p.attempts;

-- name: done
-- It was carried out. $1 tenant, $2 push, $3 the product's id of what was made, or null.
with gone as (
    delete from ticket_pushes where tenant_id = $1 and push_id = $2::bigint returning *
), ticket as (
    update tickets t set external_id = coalesce(t.external_id, $3::text), updated_at = now()
    from gone g where g.kind = 'create' and t.tenant_id = $1 and t.ticket_id = g.ticket_id and t.external_id is null
)
update ticket_comments c set external_id = coalesce(c.external_id, $3)
from gone g where g.kind = 'comment' and c.tenant_id = $1 and c.comment_id = g.comment_id and c.external_id is null;

-- name: failed
-- Again later, each time after twice as long up to an hour; or not at all. $1 tenant, $2 push, $3 why, $4 whether it is tried again.
update ticket_pushes
set error = $3::text,
    due_at = case when $4::boolean then now() + make_interval(secs => least(3600, 15 * power(2, least(attempts, 10) - 1))) end
where tenant_id = $1 and push_id = $2::bigint;
