/* session.c - sessions: opened, known by their token alone, exchanged, renewed, ended; and what never becomes one. */
#include "testhub.h"

#include "store/user.h"

#include <stdio.h>

#define COUNT(t, ...) ((int)pgtest_count((t)->pg, __VA_ARGS__))

struct got {
    bool done;
    enum err_code code;
    struct session session;
};

static void on_session(void *arg, const struct session *session, const struct err *e)
{
    struct got *g = arg;
    assert_false(g->done);
    g->done = true;
    g->code = e ? e->code : ERR_NONE;
    if (session)
        g->session = *session;
}

static bool got_done(void *arg)
{
    return ((struct got *)arg)->done;
}

static int64_t user(struct testhub *t, const char *email, const char *role)
{
    return pgtest_count(t->pg,
                        "insert into users (tenant_id, email, display_name, role) values (%lld, '%s', 'A', '%s') "
                        "returning user_id",
                        (long long)t->tenant, email, role);
}

static struct session_opening opening(struct testhub *t, int64_t user_id)
{
    return (struct session_opening){
        .tenant_id = t->tenant,
        .user_id = user_id,
        .email = SLICE("ada@example.org"),
        .method = "password",
        .address = SLICE("192.0.2.7"),
        .user_agent = SLICE("Test/1 \377\000x"),
        .request_id = SLICE("r-1"),
        .totp_step = -1,
    };
}

static struct got open_as(struct testhub *t, const struct session_opening *o)
{
    struct got g = {0};
    session_open(&t->h, o, on_session, &g);
    assert_false(g.done); /* in a later turn */
    testhub_until(t, got_done, &g);
    return g;
}

static struct got open_for(struct testhub *t, int64_t user_id)
{
    struct session_opening o = opening(t, user_id);
    struct got g = open_as(t, &o);
    assert_int_equal(g.code, ERR_NONE);
    return g;
}

static struct got check(struct testhub *t, const char *token)
{
    struct got g = {0};
    session_check(&t->h, slice_cstr(token), on_session, &g);
    assert_false(g.done);
    testhub_until(t, got_done, &g);
    return g;
}

static bool cached(struct testhub *t, const char *token)
{
    struct session s;
    return session_cached(&t->h, slice_cstr(token), &s);
}

static void a_token_opens_its_users_tenant(void **state)
{
    struct testhub *t = *state;
    int64_t ada = user(t, "ada@example.org", "operator");
    struct got opened = open_for(t, ada);
    assert_int_equal(strlen(opened.session.fresh), SESSION_TOKEN_LEN);
    assert_int_equal(opened.session.who.role, ACCESS_OPERATOR);
    struct got g = check(t, opened.session.fresh);
    assert_int_equal(g.code, ERR_NONE);
    assert_int_equal(g.session.who.tenant_id, t->tenant);
    assert_int_equal(g.session.who.user_id, ada);
    assert_int_equal(g.session.who.kind, ACCESS_BY_SESSION);
    assert_int_equal(g.session.who.role, ACCESS_OPERATOR);
    assert_string_equal(g.session.who.label, "ada@example.org");
    assert_int_equal(g.session.session_id, opened.session.session_id);
    assert_string_equal(g.session.csrf, opened.session.csrf);
    assert_string_equal(g.session.fresh, "");
    if (!cached(t, opened.session.fresh))
        check(t, opened.session.fresh); /* the cache forgets all once, when its LISTEN comes into force */
    assert_true(cached(t, opened.session.fresh));
    assert_int_equal(
        COUNT(t,
              "select count(*) from session_tokens k, sessions s where k::text like '%%%s%%' or s::text like '%%%s%%'",
              opened.session.fresh, opened.session.fresh),
        0);
    assert_int_equal(COUNT(t,
                           "select count(*) from audit_logs where action = 'session.opened' and actor_id = %lld and "
                           "address = '192.0.2.7' and request_id = 'r-1' and after ->> 'method' = 'password'",
                           (long long)ada),
                     1);
    assert_int_equal(COUNT(t, "select count(*) from users where last_sign_in_at is not null"), 1);
}

static void what_is_no_session_is_all_the_same(void **state)
{
    struct testhub *t = *state;
    int64_t ada = user(t, "ada@example.org", "viewer");
    struct got a = open_for(t, ada);
    char invented[SESSION_TOKEN_LEN + 1], longer[SESSION_TOKEN_LEN + 2];
    crypto_token(invented, SESSION_TOKEN_LEN);
    assert_int_equal(check(t, invented).code, ERR_AUTH);
    assert_int_equal(check(t, "").code, ERR_AUTH);
    snprintf(longer, sizeof longer, "%sx", a.session.fresh);
    assert_int_equal(check(t, longer).code, ERR_AUTH);
    longer[SESSION_TOKEN_LEN - 1] = '\'';
    longer[SESSION_TOKEN_LEN] = '\0';
    assert_int_equal(check(t, longer).code, ERR_AUTH);
    pgtest_sql(t->pg, "update sessions set expires_at = now()");
    assert_int_equal(check(t, a.session.fresh).code, ERR_AUTH); /* old age */
    struct got b = open_for(t, ada);
    pgtest_sql(t->pg, "update sessions set last_seen_at = now() - interval '61 minutes'");
    assert_int_equal(check(t, b.session.fresh).code, ERR_AUTH); /* idle */
    pgtest_sql(t->pg, "update sessions set last_seen_at = now() - interval '59 minutes'");
    assert_int_equal(check(t, b.session.fresh).code, ERR_NONE);
}

static void use_keeps_a_session_alive(void **state)
{
    struct testhub *t = *state;
    struct got a = open_for(t, user(t, "ada@example.org", "viewer"));
    t->options.session_idle = SECONDS(1); /* its note is written 20 times in that time */
    testhub_stop(t);
    testhub_start(t);
    pgtest_sql(t->pg, "update sessions set last_seen_at = now() - interval '0.9 s'");
    assert_int_equal(check(t, a.session.fresh).code, ERR_NONE);
    testhub_until_sql(t, "select last_seen_at > now() - interval '0.5 s' from sessions");
}

static struct got until_noted(struct testhub *t, const char *token)
{
    struct got g = check(t, token);
    assert_int_equal(g.code, ERR_NONE);
    return g;
}

static void a_token_is_exchanged_and_the_old_one_dies_after_the_new_was_used(void **state)
{
    struct testhub *t = *state;
    struct got a = open_for(t, user(t, "ada@example.org", "viewer"));
    const char *old = a.session.fresh;
    pgtest_sql(t->pg, "update session_tokens set made_at = now() - interval '16 minutes'");
    struct got g = until_noted(t, old);
    const char *fresh = g.session.fresh;
    assert_int_equal(strlen(fresh), SESSION_TOKEN_LEN);
    assert_string_not_equal(fresh, old);
    assert_string_equal(g.session.csrf, a.session.csrf);
    /* A request beside it, and one much later whose answer with the new token never came: the old one is good, and within the
     * grace there is no further token. */
    g.session.csrf[0] = '\0';
    struct got beside = until_noted(t, old);
    assert_string_equal(beside.session.fresh, "");
    testhub_stop(t); /* nor from another process, which does not know of the exchange */
    testhub_start(t);
    assert_string_equal(until_noted(t, old).session.fresh, "");
    assert_int_equal(COUNT(t, "select count(*) from session_tokens where valid_until is not null"), 0);
    /* It was received: the old one has the grace left. */
    assert_string_equal(until_noted(t, fresh).session.fresh, "");
    testhub_until_sql(
        t, "select count(*) = 1 from session_tokens where valid_until between now() and now() + interval '1 minute'");
    assert_int_equal(check(t, old).code, ERR_NONE);
    pgtest_sql(t->pg, "update session_tokens set valid_until = now() where valid_until is not null");
    testhub_stop(t); /* a process that has it cached lets go of it within a minute */
    testhub_start(t);
    assert_int_equal(check(t, old).code, ERR_AUTH);
    assert_int_equal(check(t, fresh).code, ERR_NONE);
}

static void on_closed(void *arg, const struct err *e)
{
    on_session(arg, NULL, e);
}

static void a_closed_session_is_over_at_once(void **state)
{
    struct testhub *t = *state;
    int64_t ada = user(t, "ada@example.org", "viewer"), bob = user(t, "bob@example.org", "viewer");
    struct got a = open_for(t, ada), b = open_for(t, bob), a2 = open_for(t, ada);
    check(t, a.session.fresh), check(t, b.session.fresh), check(t, a2.session.fresh);
    struct got closed = {0}, foreign = {0}, others = {0};
    session_close(&t->h, NULL, t->tenant, bob, a.session.session_id, on_closed, &foreign); /* not bob's */
    testhub_until(t, got_done, &foreign);
    assert_int_equal(foreign.code, ERR_NOT_FOUND);
    session_close(&t->h, NULL, t->tenant, ada, a.session.session_id, on_closed, &closed);
    testhub_until(t, got_done, &closed);
    assert_int_equal(closed.code, ERR_NONE);
    assert_false(cached(t, a.session.fresh));
    assert_int_equal(check(t, a.session.fresh).code, ERR_AUTH);
    assert_int_equal(check(t, b.session.fresh).code, ERR_NONE);
    struct got a3 = open_for(t, ada);
    session_close_others(&t->h, NULL, t->tenant, ada, a3.session.session_id, on_closed, &others);
    testhub_until(t, got_done, &others);
    assert_int_equal(others.code, ERR_NONE);
    assert_int_equal(check(t, a2.session.fresh).code, ERR_AUTH);
    assert_int_equal(check(t, a3.session.fresh).code, ERR_NONE);
    assert_int_equal(COUNT(t, "select count(*) from audit_logs where action = 'session.closed'"), 2);
}

struct watched {
    struct testhub *t;
    const char *token;
};

static bool is_forgotten(void *arg)
{
    struct watched *w = arg;
    return !cached(w->t, w->token);
}

/* A suspended tenant's sessions stay known, and the API refuses what they ask (403); new ones are not opened. */
static void whoever_is_disabled_or_suspended_opens_none(void **state)
{
    struct testhub *t = *state;
    int64_t ada = user(t, "ada@example.org", "viewer");
    struct got a = open_for(t, ada);
    check(t, a.session.fresh);
    pgtest_sql(t->pg, "update tenants set status = 'suspended' where slug = 'msp'");
    assert_int_equal(check(t, a.session.fresh).code, ERR_NONE); /* known; that it may nothing, tenant_scope.c says */
    struct session_opening o = opening(t, ada);
    assert_int_equal(open_as(t, &o).code, ERR_AUTH);
    pgtest_sql(t->pg,
               "update tenants set status = 'active'; update users set disabled_at = now();"
               "select pg_notify('msphub_session', '%lld/%lld')",
               (long long)t->tenant, (long long)ada);
    testhub_until(t, is_forgotten, &(struct watched){t, a.session.fresh});
    assert_int_equal(check(t, a.session.fresh).code, ERR_AUTH);
    assert_int_equal(open_as(t, &o).code, ERR_AUTH);
    assert_int_equal(COUNT(t, "select count(*) from audit_logs where action = 'session.opened'"), 1);
}

static void a_renewed_session_has_another_token_and_no_siblings(void **state)
{
    struct testhub *t = *state;
    int64_t ada = user(t, "ada@example.org", "viewer");
    struct got a = open_for(t, ada), sibling = open_for(t, ada);
    struct session s = a.session, none = a.session;
    pgtest_sql(t->pg, "update users set password_hash = 'old'");
    /* A transaction that found another password than it expected renews nothing. */
    struct pg_seg *seg = pg_seg_new(t->h.db, t->tenant);
    user_add_set_password(seg, t->tenant, ada, SLICE("older"), SLICE("new"));
    session_add_renewal(seg, &none);
    pg_submit(seg, NULL, NULL);
    assert_int_equal(check(t, a.session.fresh).code, ERR_NONE);
    seg = pg_seg_new(t->h.db, t->tenant);
    user_add_set_password(seg, t->tenant, ada, SLICE("old"), SLICE("new"));
    session_add_renewal(seg, &s);
    pg_submit(seg, NULL, NULL);
    assert_string_not_equal(s.fresh, a.session.fresh);
    assert_string_not_equal(s.csrf, a.session.csrf);
    testhub_until_sql(t, "select count(*) = 1 from sessions");
    assert_int_equal(check(t, none.fresh).code, ERR_AUTH);
    testhub_until(t, is_forgotten, &(struct watched){t, a.session.fresh}); /* by its NOTIFY */
    assert_int_equal(check(t, a.session.fresh).code, ERR_AUTH);
    assert_int_equal(check(t, sibling.session.fresh).code, ERR_AUTH);
    struct got g = check(t, s.fresh);
    assert_int_equal(g.code, ERR_NONE);
    assert_int_equal(g.session.session_id, a.session.session_id);
    assert_string_equal(g.session.csrf, s.csrf);
}

struct pair {
    struct got a, b;
};

static bool both_done(void *arg)
{
    struct pair *p = arg;
    return p->a.done && p->b.done;
}

/* Two sign-ins with the same code at the same moment: one gets in. */
static void a_second_factor_is_spent_once(void **state)
{
    struct testhub *t = *state;
    int64_t ada = user(t, "ada@example.org", "viewer");
    uint8_t hash[SHA256_LEN];
    crypto_sha256(SLICE("abcd-efgh"), hash);
    _cleanup_(str_release) struct str hex = {0};
    str_add_hex(&hex, slice_of((char *)hash, sizeof hash));
    pgtest_sql(t->pg, "insert into user_recovery_codes (tenant_id, user_id, hash) values (%lld, %lld, '\\x%s')",
               (long long)t->tenant, (long long)ada, hex.p);
    struct session_opening o = opening(t, ada);
    o.second_factor = true;
    for (int way = 0; way < 2; way++) {
        o.totp_step = way ? -1 : 1000;
        o.recovery_hash = way ? hash : NULL;
        struct pair p = {0};
        session_open(&t->h, &o, on_session, &p.a);
        session_open(&t->h, &o, on_session, &p.b);
        testhub_until(t, both_done, &p);
        assert_int_equal((p.a.code == ERR_NONE) + (p.b.code == ERR_NONE), 1);
        assert_int_equal((p.a.code == ERR_AUTH) + (p.b.code == ERR_AUTH), 1);
        assert_int_equal(open_as(t, &o).code, ERR_AUTH);
        assert_int_equal(COUNT(t, "select count(*) from sessions"), way + 1);
    }
}

static void the_oldest_sessions_make_room(void **state)
{
    struct testhub *t = *state;
    int64_t ada = user(t, "ada@example.org", "viewer");
    t->options.session_max_per_user = 2;
    struct got a = open_for(t, ada), b = open_for(t, ada), c = open_for(t, ada);
    assert_int_equal(check(t, a.session.fresh).code, ERR_AUTH);
    assert_int_equal(check(t, b.session.fresh).code, ERR_NONE);
    assert_int_equal(check(t, c.session.fresh).code, ERR_NONE);
}

/* While a session's end cannot be heard of, nothing is answered from the cache. */
static void what_cannot_be_heard_of_is_asked(void **state)
{
    struct testhub *t = *state;
    testhub_until_heard(t, "msphub_session");
    struct got g = open_for(t, user(t, "ada@example.org", "viewer"));
    check(t, g.session.fresh);
    assert_true(cached(t, g.session.fresh));
    testhub_deafen(t, "msphub_session");
    assert_false(cached(t, g.session.fresh));
    pgtest_sql(t->pg, "delete from sessions");
    assert_int_equal(check(t, g.session.fresh).code, ERR_AUTH);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, testhub_setup, testhub_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_token_opens_its_users_tenant),
        TEST(what_is_no_session_is_all_the_same),
        TEST(use_keeps_a_session_alive),
        TEST(a_token_is_exchanged_and_the_old_one_dies_after_the_new_was_used),
        TEST(a_closed_session_is_over_at_once),
        TEST(whoever_is_disabled_or_suspended_opens_none),
        TEST(a_renewed_session_has_another_token_and_no_siblings),
        TEST(a_second_factor_is_spent_once),
        TEST(the_oldest_sessions_make_room),
        TEST(what_cannot_be_heard_of_is_asked),
    };
    return cmocka_run_group_tests(tests, testhub_group_setup, testhub_group_teardown);
}
