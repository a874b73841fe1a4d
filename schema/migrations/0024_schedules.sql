-- Schedules of an integration: intervals and cron expressions with a time zone, by groups of kinds.
-- When a schedule comes next is reckoned here, not in C: the database has the time zones (one set for all processes, renewed with its
-- tzdata) and may take its time, while C could only ask glibc, whose zone is the whole process's. C reads the expressions
-- (src/base/cron.c); what arrives here are numbers.

alter table integration_configurations
    add column schedules jsonb,                 -- as people gave them; null: one full sync of everything each sync_interval_s
    -- Made of them, one an element: {"name", "mode", "kinds": bits, "every": seconds | "cron": [minutes, hours, days, months, weekdays, flags]
    -- as bits, "zone", "splay": seconds}.
    add column schedule_plans jsonb,
    add column schedule_next timestamptz[],     -- when each is due; next_sync_at is the least
    add column sync_patience_s bigint,          -- so long without a full sync of devices is too long; null: three intervals, 0: never
    -- Where the next incremental run of these kinds (bits, as text) starts; that of all kinds is sync_cursor.
    add column sync_cursors jsonb not null default '{}';

alter table integration_sync_history
    add column schedule text;                   -- the name of the one that it is a run of

-- The first instant at which the clocks of a zone show this time, or a later one where it is skipped.
create function msphub_wall_first(wall timestamp, zone text) returns timestamptz language plpgsql stable parallel safe as $$
declare
    t timestamptz := wall at time zone zone;    -- of two the second; of a skipped one what it had been without the change
    skipped interval := (t at time zone zone) - wall;
    before timestamptz;
    middle timestamptz;
begin
    if skipped > interval '0' then              -- the change lies between these two: find it
        before := t - skipped;
        while t - before > interval '1 second' loop
            middle := before + (t - before) / 2;
            if middle at time zone zone > wall then t := middle; else before := middle; end if;
        end loop;
        return date_trunc('second', t);
    end if;
    middle := t - interval '12 hours';
    before := (wall - ((middle at time zone zone) - (middle at time zone 'UTC'))) at time zone 'UTC';
    return case when before < t and before at time zone zone = wall then before else t end;
end $$;

create function msphub_cron_day(cron bigint[], day date) returns boolean language sql immutable parallel safe as $$
    select (cron[4] >> extract(month from day)::int) & 1 = 1
           and case when cron[6] & 1 = 1 then ((cron[3] >> extract(day from day)::int) | (cron[5] >> extract(dow from day)::int)) & 1 = 1
                    else (cron[3] >> extract(day from day)::int) & (cron[5] >> extract(dow from day)::int) & 1 = 1 end
$$;

-- The next time behind `after`; null: none in forty years. flags: 1 a day of month or of week, 2 any hour.
-- A time that is skipped when clocks go forward comes at the instant of the change; one that comes twice when they go back, the first
-- time only. With any hour (`*`, `*/2`) an expression follows the clock: what is skipped is skipped, what comes twice comes twice.
create function msphub_cron_next(cron bigint[], zone text, after timestamptz) returns timestamptz
    language plpgsql stable parallel safe as $$
declare
    day date := (after at time zone zone)::date;
    last_day date := day + 14610;
    t timestamptz := date_trunc('minute', after) + interval '1 minute';
    wall timestamp := after at time zone zone;
begin
    loop
        while day <= last_day and not msphub_cron_day(cron, day) loop
            day := day + 1;
        end loop;
        if day > last_day then
            return null;
        end if;
        if cron[6] & 2 = 0 then
            for wall in
                select w from (select day + make_interval(hours => h, mins => m) as w
                               from generate_series(0, 23) as h, generate_series(0, 59) as m
                               where (cron[2] >> h) & (cron[1] >> m) & 1 = 1) times
                where w > wall order by w
            loop
                t := msphub_wall_first(wall, zone);
                if t > after then
                    return t;
                end if;
            end loop;
            wall := day + time '23:59:59';
            day := day + 1;
        else
            t := greatest(t, msphub_wall_first(day::timestamp, zone));
            loop
                wall := t at time zone zone;
                exit when wall::date <> day;
                if (cron[2] >> extract(hour from wall)::int) & 1 = 0 then
                    t := t + make_interval(mins => 60 - extract(minute from wall)::int);
                elsif (cron[1] >> extract(minute from wall)::int) & 1 = 0 then
                    t := t + interval '1 minute';
                else
                    return t;
                end if;
            end loop;
            day := greatest(day + 1, wall::date);
        end if;
    end loop;
end $$;

-- When one of an integration's plans is due next. Each integration has its own place in an interval, and its own delay, up to the
-- splay, behind a cron expression: the same in every round, so that not all start at once.
create function msphub_plan_next(integration bigint, place bigint, plan jsonb, after timestamptz) returns timestamptz
    language plpgsql stable parallel safe as $$
declare
    every bigint := (plan ->> 'every')::bigint;
    splay bigint := (plan ->> 'splay')::bigint;
    delay interval;
begin
    if every is not null then -- not again before half an interval has gone by: it may just have run because it was edited
        return msphub_check_slot(integration * 64 + place, every * 1000000, after + make_interval(secs => every / 2.0));
    end if;
    delay := make_interval(secs => mod(hashint8extended(integration * 64 + place, 0) & 9007199254740991, splay + 1));
    return msphub_cron_next(array(select n::bigint from jsonb_array_elements_text(plan -> 'cron') as n), plan ->> 'zone', after - delay) + delay;
end $$;

-- When each of new plans is due first; null when there are none.
create function msphub_plans_next(integration bigint, plans jsonb) returns timestamptz[] language sql stable parallel safe as $$
    select array_agg(msphub_plan_next(integration, place, p, now()) order by place)
    from jsonb_array_elements(plans) with ordinality as l(p, place)
$$;

-- So long without a full sync of devices is too long: three times the wait between two. 0: there is none to wait for.
-- devices: the bit of that kind.
create function msphub_plans_patience(integration bigint, plans jsonb, nexts timestamptz[], devices bigint) returns bigint
    language sql stable parallel safe as $$
    select case when plans is not null then coalesce(min(3 * coalesce((p ->> 'every')::bigint,
                                     extract(epoch from msphub_plan_next(integration, place, p, nexts[place]) - nexts[place])::bigint)), 0) end
    from jsonb_array_elements(plans) with ordinality as l(p, place)
    where p ->> 'mode' = 'full' and (p ->> 'kinds')::bigint & devices <> 0 and nexts[place] is not null
$$;

-- Which plan runs next: the one that has been due longest; when none is due (the integration was edited) the first full one.
create function msphub_schedule_pick(plans jsonb, nexts timestamptz[]) returns bigint language sql stable parallel safe as $$
    select place from jsonb_array_elements(plans) with ordinality as l(p, place)
    order by coalesce(nexts[place] <= now(), false) desc, case when nexts[place] <= now() then nexts[place] end,
             p ->> 'mode' = 'full' desc, place
    limit 1
$$;

-- A run is on its way: what was due and is done by it (the picked plan; those that ask for less) is planned anew.
-- default_every: seconds, of integrations that name neither interval nor schedules.
create function msphub_schedule_ran(tenant bigint, integration bigint, ran_mode text, ran_kinds bigint, default_every bigint)
    returns boolean language plpgsql as $$
declare
    i record;
    chosen bigint;
    done boolean[];
    nexts timestamptz[];
begin
    select next_sync_at, sync_interval_s, schedule_plans, schedule_next into i from integration_configurations
    where tenant_id = tenant and integration_id = integration for no key update;
    if not found or ran_mode = 'single' or i.next_sync_at is null or i.next_sync_at > now() then
        return false;
    end if;
    if i.schedule_plans is null then
        if ran_mode = 'full' and ran_kinds = 4294967295 then
            update integration_configurations
            set next_sync_at = msphub_plan_next(integration, 0, jsonb_build_object('every', coalesce(i.sync_interval_s, default_every)), now())
            where tenant_id = tenant and integration_id = integration;
        end if;
        return found;
    end if;
    chosen := msphub_schedule_pick(i.schedule_plans, i.schedule_next);
    done := array(
        select (place = chosen or coalesce(i.schedule_next[place] <= now(), false))
               and (ran_mode = 'full' or p ->> 'mode' = 'incremental') and (p ->> 'kinds')::bigint & ~ran_kinds = 0
        from jsonb_array_elements(i.schedule_plans) with ordinality as l(p, place) order by place);
    if true <> all (done) then
        return false;
    end if;
    nexts := array(
        select case when done[place] then msphub_plan_next(integration, place, p, now()) else i.schedule_next[place] end
        from jsonb_array_elements(i.schedule_plans) with ordinality as l(p, place) order by place);
    update integration_configurations
    set schedule_next = nexts, next_sync_at = (select min(n) from unnest(nexts) as n),
        sync_patience_s = msphub_plans_patience(integration, schedule_plans, nexts, 4)
    where tenant_id = tenant and integration_id = integration;
    return true;
end $$;

-- enum record_kind: what one of them is called, and what can be asked for by bits (null: all).
create function msphub_kind_name(kind int) returns text language sql immutable parallel safe as $$
    select (array['organization', 'location', 'device', 'facet', 'device', 'alert', 'device', 'backup', 'software', 'patch', 'person',
                  'group', 'group_member', 'license', 'ticket', 'ticket_comment', 'room'])[kind + 1]
$$;
create function msphub_kind_names(kinds bigint) returns jsonb language sql immutable parallel safe as $$
    select case when kinds <> 4294967295
                then coalesce(jsonb_agg(name order by place) filter (where (kinds >> kind) & 1 = 1), '[]') end
    from unnest(array[0, 1, 2, 5, 7, 8, 9, 10, 11, 13, 14],
                array['organizations', 'locations', 'devices', 'alerts', 'backups', 'software', 'patches', 'people', 'groups', 'licenses',
                      'tickets']) with ordinality as k(kind, name, place)
$$;

-- The cursor for an incremental run of these kinds: their own, else one of more kinds.
create function msphub_cursor_for(whole jsonb, others jsonb, kinds bigint) returns jsonb language sql immutable parallel safe as $$
    select coalesce((select v from jsonb_each(others) as o(k, v) where k::bigint & kinds = kinds order by k::bigint <> kinds limit 1), whole)
$$;

-- The cursors after a run: its own, and those of the kinds among its own that are kept.
create function msphub_cursors_after(others jsonb, kinds bigint, keeps boolean, cursor jsonb) returns jsonb
    language sql immutable parallel safe as $$
    select others || coalesce((select jsonb_object_agg(k, cursor) from jsonb_object_keys(others) as k where k::bigint & ~kinds = 0), '{}')
           || case when keeps then jsonb_build_object(kinds::text, cursor) else '{}' end
$$;

drop trigger audit on integration_configurations;
create trigger audit after insert or delete or update of settings, enabled, sync_interval_s, schedules, hook, hook_secret
    on integration_configurations for each row
    execute function msphub_audit_row('integration', 'integration_id', 'provider,name',
                                      'provider,name,settings,enabled,sync_interval_s,schedules,hook_secret', 'hook_secret');

-- Names that are none of the IANA database, each with what may be meant.
create function msphub_unknown_zones(names text[]) returns table (place bigint, meant text) language sql stable as $$
    with zones as materialized (
        select z.name from pg_timezone_names z
        where z.name !~ '^(posix|right)/' and z.name not in ('localtime', 'posixrules', 'Factory')
    )
    select n.place, (select z.name from zones z
                     where lower(z.name) = lower(n.name) or lower(z.name) like '%/' || replace(lower(n.name), ' ', '\_')
                     order by z.name limit 1)
    from unnest(names) with ordinality as n(name, place)
    where not exists (select from zones z where z.name = n.name)
    order by n.place
$$;
