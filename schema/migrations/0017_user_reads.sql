-- What REST shows of a user, in lists and alone; and how failed sign-ins add up.

create function msphub_user_json(u users) returns json language sql stable as $$
    select json_build_object(
        'id', u.user_id, 'email', u.email, 'display_name', u.display_name, 'role', u.role, 'disabled', u.disabled_at is not null,
        'disabled_at', msphub_iso(u.disabled_at), 'locked_until', case when u.locked_until > now() then msphub_iso(u.locked_until) end,
        'password', u.password_hash is not null, 'must_change_password', u.must_change_password,
        'password_changed_at', msphub_iso(u.password_changed_at), 'totp', u.totp_confirmed_at is not null,
        'identity_provider_id', u.identity_provider_id, 'last_sign_in_at', msphub_iso(u.last_sign_in_at),
        'created_at', msphub_iso(u.created_at), 'updated_at', msphub_iso(u.updated_at), 'version', u.version) $$;

-- The number of this attempt. A day without one makes the next the first.
create function msphub_attempt(attempts bigint, last_at timestamptz) returns bigint language sql stable as $$
    select case when last_at > now() - interval '1 day' then attempts + 1 else 1 end $$;

-- Until when nobody is let in if this attempt fails: null below the number allowed, then doubling with each.
create function msphub_lock(attempt bigint, allowed bigint, first_us bigint, most_us bigint) returns timestamptz language sql stable as $$
    select case when attempt >= allowed
           then now() + least(first_us * power(2, least(attempt - allowed, 30)), most_us) * interval '1 microsecond' end $$;
