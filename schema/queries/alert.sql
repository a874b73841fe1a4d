-- Alerts: merged by series. A field's stamp decides whose value stays; see store/alert.c for how stamps are made.

-- name: merge
-- Merges one row a series. $1 tenant, $2 integration, arrays sorted by series: $3 series, $4 state, $5 changed_at,
-- $6 change_id, $7 severity, $8 type, $9 subject, $10 message, $11 source, $12 triggered_at, $13 device, $14 organization,
-- $15 stamps joined by chr(31), $16 triggers joined by ',', $17 received; $18 messages merged into these rows.
-- Gives one row: processed, rows, created, updated, resolved.
with input as (
    select u.*, coalesce(s.asset_id, t.asset_id) as asset_id, string_to_array(u.stamp_text, chr(31)) as stamps,
           string_to_array(u.trigger_text, ',')::bigint[] as triggers
    from unnest($3::text[], $4::text[], $5::timestamptz[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[],
                $11::text[], $12::timestamptz[], $13::text[], $14::text[], $15::text[], $16::text[], $17::timestamptz[])
         with ordinality as u (series, state, changed_at, change_id, severity, type, subject, message, source, triggered_at,
                               device, organization, stamp_text, trigger_text, received, n)
    left join asset_sources s on s.tenant_id = $1 and s.integration_id = $2 and s.external_id = u.device
    left join lateral (
        select min(x.asset_id) as asset_id from asset_sources x
        where x.tenant_id = $1 and x.integration_id = $2 and x.alternate_id = u.device
    ) t on s.asset_id is null
), merged as (
    insert into rmm_alerts as a (tenant_id, integration_id, series, asset_id, device_external_id, organization_external_id, state,
                                 severity, type, subject, message, source, triggered_at, changed_at, change_id, triggers,
                                 first_received_at, stamps)
    select $1, $2, i.series, i.asset_id, i.device, i.organization, i.state, coalesce(i.severity, 'none'), i.type, i.subject,
           i.message, i.source, i.triggered_at, i.changed_at, i.change_id, i.triggers, i.received, i.stamps
    from input i order by i.n
    on conflict (tenant_id, integration_id, series) where series <> '' do update set
        previous_state = a.state,
        state = case when excluded.stamps[1] > a.stamps[1] or msphub_alert_is_back(a.absent_at, excluded.state, excluded.first_received_at)
                     then excluded.state else a.state end,
        changed_at = case when excluded.stamps[1] > a.stamps[1] or msphub_alert_is_back(a.absent_at, excluded.state, excluded.first_received_at)
                          then excluded.changed_at else a.changed_at end,
        change_id = case when excluded.stamps[1] > a.stamps[1] or msphub_alert_is_back(a.absent_at, excluded.state, excluded.first_received_at)
                         then excluded.change_id else a.change_id end,
        absent_at = case when excluded.stamps[1] > a.stamps[1] or msphub_alert_is_back(a.absent_at, excluded.state, excluded.first_received_at)
                         then null else a.absent_at end,
        severity = case when excluded.stamps[2] > a.stamps[2] then excluded.severity else a.severity end,
        type = case when excluded.stamps[3] > a.stamps[3] then excluded.type else a.type end,
        subject = case when excluded.stamps[4] > a.stamps[4] then excluded.subject else a.subject end,
        message = case when excluded.stamps[5] > a.stamps[5] then excluded.message else a.message end,
        source = case when excluded.stamps[6] > a.stamps[6] then excluded.source else a.source end,
        triggered_at = case when excluded.stamps[7] > a.stamps[7] then excluded.triggered_at else a.triggered_at end,
        device_external_id = case when excluded.stamps[8] > a.stamps[8] then excluded.device_external_id
                                  else a.device_external_id end,
        asset_id = case when excluded.device_external_id is not distinct from a.device_external_id
                             then coalesce(excluded.asset_id, a.asset_id)
                        when excluded.stamps[8] > a.stamps[8] then excluded.asset_id
                        else a.asset_id end,
        organization_external_id = case when excluded.stamps[9] > a.stamps[9] then excluded.organization_external_id
                                        else a.organization_external_id end,
        triggers = case when excluded.triggers <@ a.triggers then a.triggers
                        else array(select distinct x from unnest(a.triggers || excluded.triggers) x order by x desc limit 256)
                   end,
        first_received_at = least(a.first_received_at, excluded.first_received_at),
        stamps = array[case when msphub_alert_is_back(a.absent_at, excluded.state, excluded.first_received_at)
                            then excluded.stamps[1] else greatest(a.stamps[1], excluded.stamps[1]) end,
                       greatest(a.stamps[2], excluded.stamps[2]),
                       greatest(a.stamps[3], excluded.stamps[3]), greatest(a.stamps[4], excluded.stamps[4]),
                       greatest(a.stamps[5], excluded.stamps[5]), greatest(a.stamps[6], excluded.stamps[6]),
                       greatest(a.stamps[7], excluded.stamps[7]), greatest(a.stamps[8], excluded.stamps[8]),
                       greatest(a.stamps[9], excluded.stamps[9])]
    where excluded.stamps[1] > a.stamps[1] or excluded.stamps[2] > a.stamps[2] or excluded.stamps[3] > a.stamps[3]
       or excluded.stamps[4] > a.stamps[4] or excluded.stamps[5] > a.stamps[5] or excluded.stamps[6] > a.stamps[6]
       or excluded.stamps[7] > a.stamps[7] or excluded.stamps[8] > a.stamps[8] or excluded.stamps[9] > a.stamps[9]
       or not excluded.triggers <@ a.triggers or excluded.first_received_at < a.first_received_at
       or (a.asset_id is null and excluded.asset_id is not null
           and excluded.device_external_id is not distinct from a.device_external_id)
       or msphub_alert_is_back(a.absent_at, excluded.state, excluded.first_received_at)
    returning a.xmax = 0 as created, a.state = 'resolved' and a.previous_state is distinct from 'resolved' as resolves
)
select $18::bigint, cardinality($3::text[])::bigint, count(*) filter (where created), count(*) filter (where not created),
       count(*) filter (where resolves)
from merged;

-- name: close
-- Resolves what is open, by messages that make no alert of their own. $1 tenant, $2 integration, arrays sorted by series: $3
-- series, $4 changed_at, $5 change_id, $6 the state's stamp; $7 messages. Columns as of merge.
with given as (
    select * from unnest($3::text[], $4::timestamptz[], $5::text[], $6::text[]) as g(series, changed_at, change_id, stamp)
), closed as (
    update rmm_alerts a
    set state = 'resolved', previous_state = a.state, changed_at = g.changed_at, change_id = g.change_id, absent_at = null,
        stamps = g.stamp || a.stamps[2:]
    from given g
    cross join lateral (
        select x.tenant_id, x.alert_id from rmm_alerts x
        where x.tenant_id = $1 and x.integration_id = $2 and x.series = g.series and x.series <> '' -- always; opens the index
          and x.state <> 'resolved' and x.stamps[1] < g.stamp collate "C" limit 1
    ) w
    where a.tenant_id = w.tenant_id and a.alert_id = w.alert_id
    returning 1
)
select $7::bigint, cardinality($3::text[])::bigint, 0::bigint, count(*), count(*) from closed;

-- name: absent
-- Resolves what a complete list no longer names. $1 tenant, $2 integration, $3 series in the list, $4 listed at, $5 the
-- stamp of "resolved" at that time. The hub's own ('msphub:…') are in no list. That is weak knowledge: the stamps stay, and whatever names the alert later opens it again.
-- Columns as of merge.
with gone as (
    update rmm_alerts a set state = 'resolved', previous_state = a.state, changed_at = $4::timestamptz, change_id = null,
        absent_at = $4
    where a.tenant_id = $1 and a.integration_id = $2 and a.state <> 'resolved' and a.changed_at <= $4
      and a.stamps[1] < $5::text collate "C" and a.series <> all ($3::text[]) and a.series not like 'msphub:%'
    returning 1
)
select 0::bigint, count(*), 0::bigint, count(*), count(*) from gone;

-- name: reset
-- The product has taken a reset: what is open of the series is resolved. Weak knowledge as in absent, until the product says so itself.
-- $1 tenant, $2 integration, $3 series, $4 when. Columns as of merge.
with gone as (
    update rmm_alerts a set previous_state = a.state, state = 'resolved', changed_at = greatest(a.changed_at, $4::timestamptz),
        change_id = null, absent_at = $4
    where a.tenant_id = $1 and a.integration_id = $2 and a.series = $3::text and a.series <> '' and a.state <> 'resolved'
    returning 1
)
select 0::bigint, count(*), 0::bigint, count(*), count(*) from gone;

-- name: link
-- Alerts that came before their device. $1 tenant, $2 integration. (The collation is that of the indexes of asset_sources, which
-- another one could not use. Here and below, materialized steps and `offset 0` keep
-- the planner to one look-up a row: about tables that just filled it knows nothing, and a guess would cost minutes.)
with found as materialized (
    select w.tenant_id, w.alert_id, coalesce(s.asset_id, t.asset_id) as asset_id
    from rmm_alerts w
    left join lateral (
        select x.asset_id from asset_sources x
        where x.tenant_id = $1 and x.integration_id = $2 and x.external_id = w.device_external_id collate "default" offset 0
    ) s on true
    left join lateral (
        select min(x.asset_id) as asset_id from asset_sources x
        where x.tenant_id = $1 and x.integration_id = $2 and x.alternate_id = w.device_external_id collate "default"
    ) t on s.asset_id is null
    where w.tenant_id = $1 and w.integration_id = $2 and w.asset_id is null and w.device_external_id is not null
)
update rmm_alerts a set asset_id = found.asset_id
from found
where a.tenant_id = found.tenant_id and a.alert_id = found.alert_id and found.asset_id is not null;

-- name: link_devices
-- The same for some devices. $1 tenant, $2 integration, $3 their external ids.
with found as materialized (
    select w.tenant_id, w.alert_id, s.asset_id
    from unnest($3::text[]) as u (external_id)
    cross join lateral (
        select x.external_id, x.alternate_id, x.asset_id from asset_sources x
        where x.tenant_id = $1 and x.integration_id = $2 and x.external_id = u.external_id offset 0
    ) s
    cross join lateral (
        select x.tenant_id, x.alert_id from rmm_alerts x
        where x.tenant_id = $1 and x.integration_id = $2 and x.asset_id is null and x.device_external_id = s.external_id
        union all
        select x.tenant_id, x.alert_id from rmm_alerts x
        where x.tenant_id = $1 and x.integration_id = $2 and x.asset_id is null and x.device_external_id = s.alternate_id
    ) w
)
update rmm_alerts a set asset_id = found.asset_id
from found
where a.tenant_id = found.tenant_id and a.alert_id = found.alert_id;

-- name: list
-- Newest first. $1 tenant, $2 state, $3 severities, $4 integration, $5 asset (each null: any), $6 after this id (null: first
-- page), $7 rows.
select msphub_alert_json(a)::text, a.alert_id::text, a.alert_id
from rmm_alerts a
where a.tenant_id = $1
  and ($2::text is null or a.state = $2 or ($2 = 'open' and a.state <> 'resolved'))
  and ($3::text is null or a.severity = $3)
  and ($4::bigint is null or a.integration_id = $4)
  and ($5::bigint is null or a.asset_id = $5)
  and ($6::bigint is null or a.alert_id < $6)
order by a.alert_id desc limit $7::bigint;

-- name: get
-- $1 tenant, $2 alert.
select msphub_alert_json(a)::text from rmm_alerts a where a.tenant_id = $1 and a.alert_id = $2;
