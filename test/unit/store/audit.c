/* audit.c - the audit log is written by the change itself: whoever changes something, with whatever statement, leaves a row; nobody takes
 * it back; and no secret is in it. */
#include "store/audit.h"

#include "base/mem.h"
#include "pgtest.h"
#include "queries.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define SEALED "v1:k1:AAAAAAAAAAAAAAAAAAAA"
#define DAY    SECONDS(86400)

static struct pgtest *cluster;

struct world {
    struct metrics *metrics;
    struct log *log;
    struct loop *loop;
    struct pg_pool *db;
    int64_t tenant;
    char name[24]; /* of the tenant in the setting */
};

static int group_setup(void **state)
{
    cluster = pgtest_start();
    pgtest_migrate(cluster);
    return 0;
}

static int group_teardown(void **state)
{
    pgtest_stop(cluster);
    return 0;
}

static int setup(void **state)
{
    struct world *w = NEW(struct world);
    w->metrics = metrics_new();
    w->log = log_new(2, LOG_NONE, LOG_LOGFMT);
    w->loop = loop_new(w->log, w->metrics);
    w->db = pg_pool_new(w->loop, &(struct pg_options){.conninfo = pgtest_conninfo(cluster)}, w->metrics);
    pgtest_sql(cluster, "truncate tenants cascade; insert into tenants (slug, name) values ('one', 'One')");
    w->tenant = pgtest_count(cluster, "select tenant_id from tenants");
    snprintf(w->name, sizeof(w->name), "%lld", (long long)w->tenant);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    pg_pool_free(w->db);
    loop_free(w->loop);
    log_free(w->log);
    metrics_free(w->metrics);
    free(w);
    return 0;
}

/* Gives `wanted`, as the application's role. */
#define AS(w, wanted, ...)                                                                                             \
    do {                                                                                                               \
        _cleanup_(mem_freep) char *got_ = pgtest_as(cluster, (w)->name, __VA_ARGS__);                                  \
        assert_string_equal(got_, wanted);                                                                             \
    } while (0)

/* The newest row as "action target before after". */
#define LAST(wanted)                                                                                                   \
    do {                                                                                                               \
        _cleanup_(mem_freep) char *got_ = pgtest_value(                                                                \
            cluster, "select concat_ws(' ', action, target, coalesce(before::text, '-'), coalesce(after::text, '-')) " \
                     "from audit_logs order by audit_id desc limit 1");                                                \
        assert_string_equal(got_, wanted);                                                                             \
    } while (0)

static long long rows(void)
{
    return pgtest_count(cluster, "select count(*) from audit_logs");
}

#define INTEGRATION                                                                                                    \
    "insert into integration_configurations (tenant_id, provider, hook, hook_secret, settings) values "                \
    "(current_setting('msphub.tenant')::bigint, 'fake', 'h', '" SEALED "', "                                           \
    "'{\"region\": \"eu\", \"client_secret\": \"" SEALED "\", \"list\": [\"" SEALED "\"]}') returning ''"

/* --- what is told --- */

static void integrations(void **state)
{
    struct world *w = *state;
    AS(w, "", INTEGRATION);
    LAST("integration.created fake - {\"name\": \"\", \"enabled\": true, \"provider\": \"fake\", \"settings\": "
         "{\"list\": [\"***\"], "
         "\"region\": \"eu\", "
         "\"client_secret\": \"***\"}, \"hook_secret\": \"***\"}");
    AS(w, "",
       "update integration_configurations set settings = settings || '{\"region\": \"us\"}', version = version + 1");
    LAST("integration.updated fake {\"settings\": {\"region\": \"eu\"}} {\"settings\": {\"region\": \"us\"}}");
    AS(w, "",
       "update integration_configurations set settings = settings || '{\"client_secret\": "
       "\"v1:k1:BBBBBBBBBBBBBBBB\"}'");
    LAST("integration.updated fake {\"settings\": {\"client_secret\": \"***\"}} {\"settings\": {\"client_secret\": "
         "\"***\"}}");
    AS(w, "", "update integration_configurations set hook_secret = 'v1:k1:CCCCCCCCCCCCCCCC', enabled = false");
    LAST("integration.updated fake {\"enabled\": true, \"hook_secret\": \"***\"} {\"enabled\": false, \"hook_secret\": "
         "\"***\"}");
    AS(w, "", "delete from integration_configurations");
    _cleanup_(mem_freep) char *action =
        pgtest_value(cluster, "select action from audit_logs where after is null order by audit_id desc limit 1");
    assert_string_equal(action, "integration.deleted");
    assert_int_equal(
        pgtest_count(cluster, "select count(*) from audit_logs where concat(before, after) like '%%v1:k1%%'"), 0);
}

/* Work of the hub that people did not ask for. */
static void what_is_no_change_leaves_no_row(void **state)
{
    struct world *w = *state;
    AS(w, "", INTEGRATION);
    long long before = rows();
    AS(w, "",
       "update integration_configurations set last_health_check = now(), access_token_expires_at = now(), "
       "sync_cursor = '{}', next_sync_at = now(), access_token = 'x', token_lease_owner = 'p', last_success_at = "
       "now()");
    AS(w, "", "update integration_configurations set settings = settings, enabled = enabled");
    AS(w, "", "update tenants set exported_at = now(), removal = null, name = name");
    assert_int_equal(rows(), before);
}

static void keys_tenants_and_mappings(void **state)
{
    struct world *w = *state;
    AS(w, "", "insert into api_keys (tenant_id, name, prefix, hash, role) values (%s, 'robot', 'ab12', 'h', 'viewer')",
       w->name);
    _cleanup_(mem_freep) char *made =
        pgtest_value(cluster, "select after::text from audit_logs where action = 'api_key.created'");
    assert_non_null(strstr(made, "\"prefix\": \"ab12\""));
    assert_null(strstr(made, "hash"));
    long long before = rows();
    AS(w, "", "update api_keys set last_used_at = now()");
    assert_int_equal(rows(), before);
    AS(w, "", "update api_keys set revoked_at = now() where revoked_at is null");
    _cleanup_(mem_freep) char *target =
        pgtest_value(cluster, "select target from audit_logs order by audit_id desc limit 1");
    assert_string_equal(target, "ab12");
    AS(w, "", "update tenants set name = 'Uno'");
    LAST("tenant.updated one {\"name\": \"One\"} {\"name\": \"Uno\"}");
    AS(w, "", INTEGRATION);
    AS(w, "",
       "insert into organization_mappings (tenant_id, integration_id, external_id, name) select tenant_id, "
       "integration_id, "
       "'7', 'Branch' from integration_configurations");
    before = rows();
    AS(w, "", "update organization_mappings set missing_since = now(), name = 'Branch office'");
    assert_int_equal(rows(), before);
    AS(w, "", "update organization_mappings set decision = 'ignored'");
    LAST("organization.updated Branch office {\"decision\": \"unmapped\"} {\"decision\": \"ignored\"}");
}

static bool is_done(void *arg)
{
    return *(bool *)arg;
}

static void on_written(void *arg, const struct pg_reply *r)
{
    assert_null(pg_reply_err(r));
    *(bool *)arg = true;
}

static void who_acts_is_told(void **state)
{
    struct world *w = *state;
    const struct audit_actor ada = {.kind = "session",
                                    .id = 42,
                                    .name = SLICE("ada@example.org"),
                                    .address = SLICE("192.0.2.9"),
                                    .request_id = SLICE("r-1")};
    bool done = false;
    AS(w, "", INTEGRATION);
    _cleanup_(mem_freep) char *nobody =
        pgtest_value(cluster, "select actor_kind || ' ' || actor from audit_logs order by audit_id desc limit 1");
    assert_string_equal(nobody, "system msphub");
    struct pg_seg *s = pg_seg_new(w->db, w->tenant);
    audit_by(s, &ada);
    audit_add(s, &(struct audit_entry){.tenant_id = w->tenant,
                                       .action = "session.opened",
                                       .target_type = "user",
                                       .target = SLICE("ada"),
                                       .after = SLICE("{\"a\": 1}")});
    pg_submit(s, on_written, &done);
    assert_true(loop_run_until(w->loop, is_done, &done, SECONDS(20)));
    LAST("session.opened ada - {\"a\": 1}");
    _cleanup_(mem_freep) char *who =
        pgtest_value(cluster, "select concat_ws(' ', actor_kind, actor_id, actor, address, request_id) from audit_logs "
                              "order by audit_id desc limit 1");
    assert_string_equal(who, "session 42 ada@example.org 192.0.2.9 r-1");
    /* The next transaction of the same connection is nobody's again. */
    done = false;
    s = pg_seg_new(w->db, w->tenant);
    audit_add(s, &(struct audit_entry){.tenant_id = w->tenant, .action = "a.b", .target_type = "x"});
    pg_submit(s, on_written, &done);
    assert_true(loop_run_until(w->loop, is_done, &done, SECONDS(20)));
    _cleanup_(mem_freep) char *next =
        pgtest_value(cluster, "select actor_kind from audit_logs order by audit_id desc limit 1");
    assert_string_equal(next, "system");
}

/* --- what stays --- */

static void nobody_takes_it_back(void **state)
{
    struct world *w = *state;
    AS(w, "", INTEGRATION);
    long long before = rows();
    static const char *const attempts[] = {
        "update audit_logs set actor = 'somebody else'",
        "delete from audit_logs",
        "truncate audit_logs",
        "truncate tenants cascade",
        "set local msphub.audit = 'off'; update audit_logs set actor = 'somebody else'",
    };
    for (size_t i = 0; i < ARRAY_LEN(attempts); i++)
        AS(w, "ERROR 42501", "%s", attempts[i]);
    /* A change that is taken back has not been. */
    AS(w, "ERROR 22012", "update integration_configurations set enabled = false; select 1 / 0");
    assert_int_equal(rows(), before);
}

struct retired {
    bool done;
    int64_t n;
};

static void on_retired(void *arg, const struct pg_reply *r)
{
    assert_null(pg_reply_err(r));
    *(struct retired *)arg = (struct retired){true, pg_affected(r, 1)};
}

static bool retired_done(void *arg)
{
    return ((struct retired *)arg)->done;
}

static int64_t retire(struct world *w, usec_t before, int64_t limit)
{
    struct retired x = {0};
    struct pg_seg *s = pg_seg_new(w->db, PG_ALL_TENANTS);
    audit_add_retire(s, before, limit);
    pg_submit(s, on_retired, &x);
    assert_true(loop_run_until(w->loop, retired_done, &x, SECONDS(20)));
    return x.n;
}

static void old_rows_leave_in_batches(void **state)
{
    struct world *w = *state;
    pgtest_sql(cluster, "delete from audit_logs; insert into tenants (slug, name) values ('two', 'Two')");
    pgtest_sql(
        cluster,
        "insert into audit_logs (tenant_id, at, actor_kind, actor, action, target_type, target) select tenant_id, "
        "now() - make_interval(days => n), 'system', 'x', 'a.b', 'a', '' from tenants, generate_series(1, 30) n");
    usec_t ten_days_ago = clock_wall() - 10 * DAY;
    assert_int_equal(retire(w, ten_days_ago, 12), 24); /* of each tenant, the oldest */
    assert_int_equal(
        pgtest_count(cluster, "select count(*) from audit_logs where at < now() - interval '18 days 1 hour'"), 0);
    assert_int_equal(retire(w, ten_days_ago, 12), 18);
    assert_int_equal(retire(w, ten_days_ago, 12), 0);
    assert_int_equal(rows(), 18);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(integrations),
        TEST(what_is_no_change_leaves_no_row),
        TEST(keys_tenants_and_mappings),
        TEST(who_acts_is_told),
        TEST(nobody_takes_it_back),
        TEST(old_rows_leave_in_batches),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
