/* access.c - API keys: made once, known by hash, forgotten everywhere when revoked. */
#include "testhub.h"

#include "store/api_key.h"
#include "store/tenant.h"
#include <stdio.h>

#define HERE "192.0.2.7"

struct made {
    bool done;
    int64_t id, version;
    enum err_code code;
    char text[API_KEY_LEN + 1];
};

static void on_made(void *arg, const struct api_key_made *made, const struct err *e)
{
    struct made *m = arg;
    m->done = true;
    m->code = e ? e->code : ERR_NONE;
    if (!made)
        return;
    m->id = made->id;
    m->version = made->version;
    snprintf(m->text, sizeof m->text, "%.*s", SLICE_FMT(made->text));
}

static bool made_done(void *arg)
{
    return ((struct made *)arg)->done;
}

static struct made make_with(struct testhub *t, const struct api_key_settings *settings)
{
    struct made m = {0};
    api_key_create(t->h.db, NULL, t->tenant, settings, on_made, &m);
    testhub_until(t, made_done, &m);
    return m;
}

static struct made make(struct testhub *t, const char *role, usec_t expires_at)
{
    return make_with(
        t, &(struct api_key_settings){.name = SLICE("test"), .role = slice_cstr(role), .expires_at = expires_at});
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

static struct checked check_from(struct testhub *t, const char *text, const char *address)
{
    struct checked c = {0};
    access_check(t->h.access, slice_cstr(text), slice_cstr(address), on_checked, &c);
    assert_false(c.done); /* in a later turn */
    testhub_until(t, checked_done, &c);
    return c;
}

static struct checked check(struct testhub *t, const char *text)
{
    return check_from(t, text, HERE);
}

static bool cached(struct testhub *t, const char *text, struct access_identity *ret)
{
    return access_cached(t->h.access, slice_cstr(text), SLICE(HERE), ret);
}

static void a_key_opens_its_tenant_with_its_role(void **state)
{
    struct testhub *t = *state;
    struct made m = make(t, "operator", USEC_NONE);
    struct access_identity who;
    assert_int_equal(m.code, ERR_NONE);
    assert_int_equal(strlen(m.text), API_KEY_LEN);
    assert_false(cached(t, m.text, &who));
    struct checked c = check(t, m.text);
    assert_int_equal(c.code, ERR_NONE);
    assert_int_equal(c.who.tenant_id, t->tenant);
    assert_int_equal(c.who.role, ACCESS_OPERATOR);
    assert_memory_equal(c.who.label, m.text, 4 + API_KEY_PREFIX_LEN);
    assert_true(cached(t, m.text, &who));
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
    api_key_make(SLICE_NONE, unknown);
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

struct known {
    struct testhub *t;
    const char *text;
};

static bool is_forgotten(void *arg)
{
    struct known *x = arg;
    struct access_identity who;
    return !cached(x->t, x->text, &who);
}

static void a_revoked_key_is_forgotten_by_every_process(void **state)
{
    struct testhub *t = *state;
    struct made m = make(t, "admin", USEC_NONE), kept = make(t, "admin", USEC_NONE);
    check(t, m.text);
    check(t, kept.text);
    struct checked c = {0};
    api_key_revoke(t->h.db, NULL, t->tenant, m.id, on_revoked, &c);
    testhub_until(t, checked_done, &c);
    assert_int_equal(c.code, ERR_NONE);
    struct known x = {t, m.text};
    testhub_until(t, is_forgotten, &x); /* by its NOTIFY */
    assert_int_equal(check(t, m.text).code, ERR_AUTH);
    struct access_identity who;
    assert_true(cached(t, kept.text, &who));
    struct checked none = {0};
    api_key_revoke(t->h.db, NULL, t->tenant, m.id + 1000, on_revoked, &none);
    testhub_until(t, checked_done, &none);
    assert_int_equal(none.code, ERR_NOT_FOUND);
}

/* What the pool has run so far. */
static double statements(struct testhub *t)
{
    return testhub_metric(t, "\nmsphub_db_statements_total ");
}

static void a_known_key_costs_no_query(void **state)
{
    struct testhub *t = *state;
    struct made m = make(t, "viewer", USEC_NONE);
    check(t, m.text);
    double before = statements(t);
    assert_true(before > 0);
    struct access_identity who;
    for (int i = 0; i < 1000; i++)
        assert_true(cached(t, m.text, &who));
    for (int i = 0; i < 10; i++)
        assert_int_equal(check(t, m.text).code, ERR_NONE);
    assert_true(statements(t) == before);
    char unknown[API_KEY_LEN + 1];
    api_key_make(SLICE_NONE, unknown);
    check(t, unknown);
    assert_true(statements(t) > before); /* it is counted */
}

/* While revocations cannot be heard, nothing is answered from the cache. */
static void what_cannot_be_heard_of_is_asked(void **state)
{
    struct testhub *t = *state;
    struct made m = make(t, "viewer", USEC_NONE);
    struct access_identity who;
    check(t, m.text);
    assert_true(cached(t, m.text, &who));
    testhub_deafen(t, "msphub_api_key");
    assert_false(cached(t, m.text, &who));
    assert_int_equal(check(t, m.text).code, ERR_NONE);
    testhub_until_heard(t, "msphub_api_key");
    check(t, m.text);
    assert_true(cached(t, m.text, &who));
}

static void a_key_is_good_from_its_addresses_only(void **state)
{
    struct testhub *t = *state;
    struct made m = make_with(t, &(struct api_key_settings){.name = SLICE("narrow"),
                                                            .role = SLICE("viewer"),
                                                            .addresses = SLICE("192.0.2.0/29,2001:db8::/32"),
                                                            .expires_at = USEC_NONE});
    static const struct {
        const char *address;
        enum err_code code;
    } cases[] = {
        {HERE, ERR_NONE},
        {"192.0.2.8", ERR_FORBIDDEN},
        {"2001:db8::99", ERR_NONE},
        {"::ffff:192.0.2.7", ERR_NONE},
        {"2001:db9::1", ERR_FORBIDDEN},
        {"", ERR_FORBIDDEN},
        {HERE, ERR_NONE},
    };
    struct access_identity who;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(check_from(t, m.text, cases[i].address).code, cases[i].code);
        assert_int_equal(access_cached(t->h.access, slice_cstr(m.text), slice_cstr(cases[i].address), &who),
                         cases[i].code == ERR_NONE);
    }
    /* The log was told once, with where it came from. */
    testhub_until_sql(t, "select count(*) = 1 from audit_logs where action = 'api_key.address_refused'");
    assert_int_equal(pgtest_count(t->pg,
                                  "select count(*) from audit_logs where action = 'api_key.address_refused' and "
                                  "address = '192.0.2.8' and actor_kind = 'api_key' and target_id = %lld",
                                  (long long)m.id),
                     1);
    assert_int_equal(check(t, make_with(t, &(struct api_key_settings){.name = SLICE("bad"),
                                                                      .role = SLICE("viewer"),
                                                                      .addresses = SLICE("192.0.2.7/24"),
                                                                      .expires_at = USEC_NONE})
                                  .text)
                         .code,
                     ERR_AUTH); /* the table refuses what is no network */
}

static void a_key_has_the_scopes_it_was_given(void **state)
{
    struct testhub *t = *state;
    struct made m = make_with(t, &(struct api_key_settings){.name = SLICE("narrow"),
                                                            .role = SLICE("operator"),
                                                            .scopes = SLICE("assets:read,no:longer"),
                                                            .expires_at = USEC_NONE});
    struct checked c = check(t, m.text);
    assert_true(access_may(&c.who, ACCESS_VIEWER, SCOPE_ASSETS_READ));
    assert_true(access_may(&c.who, ACCESS_VIEWER, SCOPE_SELF));
    assert_false(access_may(&c.who, ACCESS_ADMIN, SCOPE_ASSETS_READ));
    for (int scope = SCOPE_SELF + 1; scope < SCOPE_NSCOPES_; scope++)
        assert_int_equal(access_may(&c.who, ACCESS_VIEWER, (enum access_scope)scope), scope == SCOPE_ASSETS_READ);
}

static struct made rotate(struct testhub *t, const struct made *of, usec_t overlap)
{
    struct made m = {0};
    api_key_rotate(t->h.db, NULL, t->tenant, of->id, of->version, slice_of(of->text + 4, API_KEY_PREFIX_LEN), overlap,
                   on_made, &m);
    testhub_until(t, made_done, &m);
    return m;
}

static void a_rotated_key_is_good_for_its_overlap(void **state)
{
    struct testhub *t = *state;
    struct made first = make(t, "admin", USEC_NONE);
    check(t, first.text);
    struct made second = rotate(t, &first, SECONDS(3600));
    assert_int_equal(second.code, ERR_NONE);
    assert_int_equal(second.id, first.id);
    assert_memory_equal(second.text, first.text, 4 + API_KEY_PREFIX_LEN); /* logs go on naming it so */
    assert_string_not_equal(second.text, first.text);
    assert_true(api_key_well_formed(slice_cstr(second.text)));
    assert_int_equal(check(t, first.text).code, ERR_NONE);
    assert_int_equal(check(t, second.text).code, ERR_NONE);
    assert_int_equal(rotate(t, &first, SECONDS(3600)).code, ERR_CONFLICT); /* of a version that was */
    struct made third = rotate(t, &second, SECONDS(3600));
    testhub_until(t, is_forgotten, &(struct known){t, first.text});
    assert_int_equal(check(t, first.text).code, ERR_AUTH); /* one former secret at a time */
    assert_int_equal(check(t, second.text).code, ERR_NONE);
    pgtest_sql(t->pg, "update api_keys set previous_until = now(); notify msphub_api_key");
    testhub_until(t, is_forgotten, &(struct known){t, second.text});
    assert_int_equal(check(t, second.text).code, ERR_AUTH);
    struct made fourth = rotate(t, &third, 0);
    testhub_until(t, is_forgotten, &(struct known){t, third.text});
    assert_int_equal(check(t, third.text).code, ERR_AUTH); /* at once */
    assert_int_equal(check(t, fourth.text).code, ERR_NONE);
}

static void on_tenant(void *arg, int64_t id, const struct err *e)
{
    struct made *m = arg;
    *m = (struct made){.done = true, .id = id, .code = e ? e->code : ERR_NONE};
}

static void on_tenant_item(void *arg, const struct row *row, const struct err *e)
{
    on_tenant(arg, row ? row->id : 0, e);
}

/* They stay known: the API tells (403). */
static void a_suspended_tenants_keys_are_asked_for_anew(void **state)
{
    struct testhub *t = *state;
    struct made m = make(t, "admin", USEC_NONE), done = {0};
    check(t, m.text);
    tenant_suspend(t->h.db, t->tenant, NULL, on_tenant_item, &done);
    testhub_until(t, made_done, &done);
    struct known x = {t, m.text};
    testhub_until(t, is_forgotten, &x);
    assert_int_equal(check(t, m.text).code, ERR_NONE);
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
        tenant_create(t->h.db, slice_cstr(cases[i].slug), SLICE("x"), NULL, on_tenant_item, &m);
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
        TEST(a_suspended_tenants_keys_are_asked_for_anew),
        TEST(a_known_key_costs_no_query),
        TEST(what_cannot_be_heard_of_is_asked),
        TEST(a_key_is_good_from_its_addresses_only),
        TEST(a_key_has_the_scopes_it_was_given),
        TEST(a_rotated_key_is_good_for_its_overlap),
        TEST(tenants_have_slugs_of_their_own),
        TEST(a_transaction_sees_its_tenant_alone),
    };
    return cmocka_run_group_tests(tests, testhub_group_setup, testhub_group_teardown);
}
