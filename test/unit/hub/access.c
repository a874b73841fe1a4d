/* access.c - API keys: made once, known by hash, forgotten everywhere when revoked. */
#include "testhub.h"

#include "store/api_key.h"
#include "store/tenant.h"
#include <stdio.h>

struct made {
    bool done;
    int64_t id;
    enum err_code code;
    char text[API_KEY_LEN + 1];
};

static void on_made(void *arg, int64_t id, struct slice text, const struct err *e)
{
    struct made *m = arg;
    m->done = true;
    m->id = id;
    m->code = e ? e->code : ERR_NONE;
    snprintf(m->text, sizeof m->text, "%.*s", SLICE_FMT(text));
}

static bool made_done(void *arg)
{
    return ((struct made *)arg)->done;
}

static struct made make(struct testhub *t, const char *role, usec_t expires_at)
{
    struct made m = {0};
    api_key_create(t->h.db, t->tenant, SLICE("test"), slice_cstr(role), expires_at, on_made, &m);
    testhub_until(t, made_done, &m);
    return m;
}

struct checked {
    bool done;
    enum err_code code;
    struct access_identity who;
};

static void on_checked(void *arg, const struct access_identity *who, const struct err *e)
{
    struct checked *c = arg;
    assert_false(c->done);
    c->done = true;
    c->code = e ? e->code : ERR_NONE;
    if (who)
        c->who = *who;
}

static bool checked_done(void *arg)
{
    return ((struct checked *)arg)->done;
}

static struct checked check(struct testhub *t, const char *text)
{
    struct checked c = {0};
    access_check(t->h.access, slice_cstr(text), on_checked, &c);
    assert_false(c.done); /* in a later turn */
    testhub_until(t, checked_done, &c);
    return c;
}

static void a_key_opens_its_tenant_with_its_role(void **state)
{
    struct testhub *t = *state;
    struct made m = make(t, "operator", USEC_NONE);
    struct access_identity who;
    assert_int_equal(m.code, ERR_NONE);
    assert_int_equal(strlen(m.text), API_KEY_LEN);
    assert_false(access_cached(t->h.access, slice_cstr(m.text), &who));
    struct checked c = check(t, m.text);
    assert_int_equal(c.code, ERR_NONE);
    assert_int_equal(c.who.tenant_id, t->tenant);
    assert_int_equal(c.who.role, ACCESS_OPERATOR);
    assert_memory_equal(c.who.label, m.text, 4 + API_KEY_PREFIX_LEN);
    if (!access_cached(t->h.access, slice_cstr(m.text), &who))
        check(t, m.text); /* the cache forgets all once, when its LISTEN comes into force */
    assert_true(access_cached(t->h.access, slice_cstr(m.text), &who));
    assert_int_equal(who.key_id, m.id);
    assert_int_equal(check(t, m.text).code, ERR_NONE);
    /* The text itself is nowhere. */
    assert_int_equal(pgtest_count(t->pg, "select count(*) from api_keys k where k::text like '%%%s%%'", m.text + 13),
                     0);
    assert_int_equal(make(t, "king", USEC_NONE).code, ERR_INPUT);
}

static void what_is_unknown_mistyped_expired_or_revoked_is_the_same(void **state)
{
    struct testhub *t = *state;
    struct made m = make(t, "viewer", USEC_NONE), old = make(t, "viewer", clock_wall() - SECONDS(1));
    char unknown[API_KEY_LEN + 1];
    api_key_make(unknown);
    assert_true(api_key_well_formed(slice_cstr(unknown)));
    assert_int_equal(check(t, unknown).code, ERR_AUTH);
    unknown[20] ^= 1;
    assert_false(api_key_well_formed(slice_cstr(unknown)));
    assert_int_equal(check(t, unknown).code, ERR_AUTH);
    assert_int_equal(check(t, "").code, ERR_AUTH);
    assert_int_equal(check(t, old.text).code, ERR_AUTH);
    assert_int_equal(check(t, m.text).code, ERR_NONE);
}

static void on_revoked(void *arg, const struct err *e)
{
    on_checked(arg, NULL, e);
}

static bool is_forgotten(void *arg)
{
    struct {
        struct testhub *t;
        const char *text;
    } *x = arg;
    struct access_identity who;
    return !access_cached(x->t->h.access, slice_cstr(x->text), &who);
}

static void a_revoked_key_is_forgotten_by_every_process(void **state)
{
    struct testhub *t = *state;
    struct made m = make(t, "admin", USEC_NONE), kept = make(t, "admin", USEC_NONE);
    check(t, m.text);
    check(t, kept.text);
    struct checked c = {0};
    api_key_revoke(t->h.db, t->tenant, m.id, on_revoked, &c);
    testhub_until(t, checked_done, &c);
    assert_int_equal(c.code, ERR_NONE);
    struct {
        struct testhub *t;
        const char *text;
    } x = {t, m.text};
    testhub_until(t, is_forgotten, &x); /* by its NOTIFY */
    assert_int_equal(check(t, m.text).code, ERR_AUTH);
    struct access_identity who;
    assert_true(access_cached(t->h.access, slice_cstr(kept.text), &who));
    struct checked none = {0};
    api_key_revoke(t->h.db, t->tenant, m.id + 1000, on_revoked, &none);
    testhub_until(t, checked_done, &none);
    assert_int_equal(none.code, ERR_NOT_FOUND);
}

static void on_tenant(void *arg, int64_t id, const struct err *e)
{
    struct made *m = arg;
    *m = (struct made){.done = true, .id = id, .code = e ? e->code : ERR_NONE};
}

static void a_suspended_tenants_keys_are_refused(void **state)
{
    struct testhub *t = *state;
    struct made m = make(t, "admin", USEC_NONE), done = {0};
    check(t, m.text);
    tenant_set_suspended(t->h.db, t->tenant, true, on_tenant, &done);
    testhub_until(t, made_done, &done);
    struct {
        struct testhub *t;
        const char *text;
    } x = {t, m.text};
    testhub_until(t, is_forgotten, &x);
    assert_int_equal(check(t, m.text).code, ERR_AUTH);
}

static void tenants_have_slugs_of_their_own(void **state)
{
    struct testhub *t = *state;
    static const struct {
        const char *slug;
        enum err_code code;
    } cases[] = {
        {"acme", ERR_NONE}, {"acme", ERR_CONFLICT}, {"No Good", ERR_INPUT}, {"", ERR_INPUT}, {"-x", ERR_INPUT}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct made m = {0};
        tenant_create(t->h.db, slice_cstr(cases[i].slug), SLICE("x"), on_tenant, &m);
        testhub_until(t, made_done, &m);
        assert_int_equal(m.code, cases[i].code);
    }
    struct made m = {0};
    tenant_by_slug(t->h.db, SLICE("acme"), on_tenant, &m);
    testhub_until(t, made_done, &m);
    assert_true(m.id > 0);
    m.done = false;
    tenant_by_slug(t->h.db, SLICE("nobody"), on_tenant, &m);
    testhub_until(t, made_done, &m);
    assert_int_equal(m.code, ERR_NOT_FOUND);
}

/* Row-level security, below every query of ours: another tenant's rows are not there, and cannot be written. */
static void a_transaction_sees_its_tenant_alone(void **state)
{
    struct testhub *t = *state;
    make(t, "admin", USEC_NONE);
    struct integration *it = testhub_integration(t, "");
    assert_int_equal(testhub_post(t, it, "{\"id\":\"1\"}"), 202);
    static const char *const tables[] = {"api_keys", "integration_configurations", "webhook_deliveries"};
    for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
        assert_int_equal(
            pgtest_count(t->pg,
                         "begin; set local role msphub; set local msphub.tenant = '%lld'; select count(*) from %s",
                         (long long)t->tenant, tables[i]),
            1);
        assert_int_equal(
            pgtest_count(t->pg,
                         "begin; set local role msphub; set local msphub.tenant = '%lld'; select count(*) from %s",
                         (long long)t->tenant + 1, tables[i]),
            0);
        assert_int_equal(pgtest_count(t->pg, "begin; set local role msphub; select count(*) from %s", tables[i]), 0);
    }
    integration_unref(it);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, testhub_setup, testhub_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_key_opens_its_tenant_with_its_role),
        TEST(what_is_unknown_mistyped_expired_or_revoked_is_the_same),
        TEST(a_revoked_key_is_forgotten_by_every_process),
        TEST(a_suspended_tenants_keys_are_refused),
        TEST(tenants_have_slugs_of_their_own),
        TEST(a_transaction_sees_its_tenant_alone),
    };
    return cmocka_run_group_tests(tests, testhub_group_setup, testhub_group_teardown);
}
