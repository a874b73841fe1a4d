/* tenant.c - tenants are kept apart by the database itself. The catalog is asked, so that a table that is added later is held to it too;
 * queries of ours are run without their `where tenant_id = $1`; and a tenant that is deleted is gone from every table. */
#include "store/tenant.h"

#include "base/mem.h"
#include "pgtest.h"
#include "queries.h"
#include "store/tenant_export.h"

#include <libpq-fe.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct pgtest *cluster;

struct world {
    struct metrics *metrics;
    struct log *log;
    struct loop *loop;
    struct pg_pool *db;
    int64_t ours, theirs;
    char our[24], their[24]; /* the same as text */
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

/* Some of everything, with the tenant's slug in its names. */
static const char some[] =
    "do $$ declare t record; i bigint; a bigint; begin for t in select * from tenants where not is_platform loop"
    " insert into integration_configurations (tenant_id, provider, hook, settings) values (t.tenant_id, 'fake', "
    "'hook-' || t.slug,"
    "  jsonb_build_object('site', 'site-' || t.slug)) returning integration_id into i;"
    " insert into api_keys (tenant_id, name, prefix, hash, role) values (t.tenant_id, 'key-' || t.slug, t.slug, "
    "t.slug::bytea, 'viewer');"
    " insert into users (tenant_id, email, display_name, role) values (t.tenant_id, t.slug || '@example.org', t.slug, "
    "'viewer');"
    " insert into assets (tenant_id, name) values (t.tenant_id, 'asset-' || t.slug) returning asset_id into a;"
    " insert into asset_sources (tenant_id, integration_id, external_id, asset_id, hash, attributes, observed_at)"
    "  values (t.tenant_id, i, 'source-' || t.slug, a, 1, '{}', now());"
    " insert into asset_source_facets (tenant_id, integration_id, external_id, facet, hash, observed_at, body)"
    "  values (t.tenant_id, i, 'source-' || t.slug, 1, 1, now(), '{}');"
    " insert into rmm_alerts (tenant_id, integration_id, series, state, changed_at, triggers, first_received_at, "
    "stamps, subject)"
    "  values (t.tenant_id, i, 's', 'triggered', now(), '{1}', now(), '{}', 'alert-' || t.slug);"
    " insert into integration_sync_history (tenant_id, integration_id, mode, kinds, trigger, notes)"
    "  values (t.tenant_id, i, 'full', 1, 'api', array['run-' || t.slug]);"
    " insert into webhook_deliveries (tenant_id, integration_id, received_at, next_attempt_at, received_on, provider, "
    "dedupe_key, type, body)"
    "  values (t.tenant_id, i, now(), now(), (now() at time zone 'utc')::date, 'fake', 'delivery-' || t.slug, 'x', "
    "'{}');"
    " insert into organization_mappings (tenant_id, integration_id, external_id, name) values (t.tenant_id, i, 'o', "
    "'org-' || t.slug);"
    " insert into clients (tenant_id, name) values (t.tenant_id, 'client-' || t.slug);"
    " insert into audit_logs (tenant_id, actor_kind, actor, action, target_type, target) values (t.tenant_id, "
    "'system', 'by-' || t.slug,"
    "  'a.b', 'a', '');"
    " end loop; end $$";

static int setup(void **state)
{
    struct world *w = NEW(struct world);
    w->metrics = metrics_new();
    w->log = log_new(2, LOG_NONE, LOG_LOGFMT);
    w->loop = loop_new(w->log, w->metrics);
    w->db = pg_pool_new(w->loop, &(struct pg_options){.conninfo = pgtest_conninfo(cluster)}, w->metrics);
    pgtest_sql(cluster, "truncate tenants, webhook_deliveries, assets, asset_source_facets cascade;"
                        "insert into tenants (slug, name) values ('platform', 'P'), ('ours', 'O'), ('theirs', 'T')");
    pgtest_sql(cluster, "%s", some);
    w->ours = pgtest_count(cluster, "select tenant_id from tenants where slug = 'ours'");
    w->theirs = pgtest_count(cluster, "select tenant_id from tenants where slug = 'theirs'");
    snprintf(w->our, sizeof(w->our), "%lld", (long long)w->ours);
    snprintf(w->their, sizeof(w->their), "%lld", (long long)w->theirs);
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

/* --- the catalog --- */

#define TENANT_TABLES                                                                                                  \
    "(select c.* from pg_class c where c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace and "       \
    "exists "                                                                                                          \
    "(select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped))"

/* As msphub_protect makes it. */
#define MINE                                                                                                           \
    "'(( SELECT msphub_all_tenants() AS msphub_all_tenants) OR (tenant_id = ( SELECT msphub_tenant() AS "              \
    "msphub_tenant)))'"

/* Each gives what breaks the rule, by name. */
static const struct rule {
    const char *name, *sql;
} rules[] = {
    {"tenant_id is first in the primary key, and never null",
     "select string_agg(c.relname, ' ' order by 1) from " TENANT_TABLES
     " c where not exists (select from pg_index i join pg_attribute a "
     "on a.attrelid = c.oid and a.attnum = i.indkey[0] where i.indrelid = c.oid and i.indisprimary and a.attname = "
     "'tenant_id' "
     "and a.attnotnull)"},
    {"row-level security is enabled and forced", "select string_agg(c.relname, ' ' order by 1) from " TENANT_TABLES
                                                 " c where not (c.relrowsecurity and c.relforcerowsecurity)"},
    {"one policy, for all commands and roles, of the tenant's rows alone",
     "select string_agg(c.relname, ' ' order by 1) from " TENANT_TABLES
     " c where (select count(*) from pg_policy p where p.polrelid = c.oid) "
     "<> 1 or not exists (select from pg_policy p where p.polrelid = c.oid and p.polcmd = '*' and p.polroles = '{0}' "
     "and "
     "pg_get_expr(p.polqual, p.polrelid) = " MINE " and pg_get_expr(p.polwithcheck, p.polrelid) = " MINE ")"},
    {"foreign keys between them carry tenant_id, each to the other's",
     "select string_agg(f.conname, ' ' order by 1) from pg_constraint f join " TENANT_TABLES
     " c on c.oid = f.conrelid join " TENANT_TABLES
     " r on r.oid = f.confrelid where f.contype = 'f' and not exists (select from unnest(f.conkey, f.confkey) k(a, b) "
     "join pg_attribute x on x.attrelid = f.conrelid and x.attnum = k.a join pg_attribute y on y.attrelid = "
     "f.confrelid and y.attnum = k.b "
     "where x.attname = 'tenant_id' and y.attname = 'tenant_id')"},
    {"every other table is known to hold nothing of a tenant",
     "select string_agg(c.relname, ' ' order by 1) from pg_class c where c.relkind in ('r', 'p', 'm', 'f') and "
     "c.relnamespace = "
     "'public'::regnamespace and c.oid not in (select oid from " TENANT_TABLES
     " t) and c.relname not in ('schema_migrations')"},
    {"views look with the eyes of who asks", "select string_agg(c.relname, ' ' order by 1) from pg_class c where "
                                             "c.relkind = 'v' and c.relnamespace = 'public'::regnamespace "
                                             "and not coalesce(c.reloptions @> '{security_invoker=true}', false)"},
    {"functions run as who calls them", "select string_agg(p.proname, ' ' order by 1) from pg_proc p where "
                                        "p.pronamespace = 'public'::regnamespace and p.prosecdef"},
};

static void every_table_keeps_tenants_apart(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        _cleanup_(mem_freep) char *broken = pgtest_value(cluster, "%s", rules[i].sql);
        if (*broken)
            fail_msg("%s: not so for %s", rules[i].name, broken);
    }
    assert_true(pgtest_count(cluster, "select count(*) from " TENANT_TABLES " c") > 20);
}

/* What the rules are there to find, they find. */
static void a_careless_table_is_found(void **state)
{
    static const struct {
        size_t rule;
        const char *sql, *name;
    } careless[] = {
        {0, "create table careless (id bigint primary key, tenant_id bigint)", "careless"},
        {1, "create table careless (tenant_id bigint primary key)", "careless"},
        {1, "create table careless (tenant_id bigint primary key); alter table careless enable row level security",
         "careless"},
        {2, "create table careless (tenant_id bigint primary key); create policy p on careless using (true)",
         "careless"},
        {2,
         "create table careless (tenant_id bigint primary key); create policy p on careless using "
         "(tenant_id = msphub_tenant()) "
         "with check (true)",
         "careless"},
        {3,
         "create table careless (tenant_id bigint, asset_id bigint, other bigint, primary key (tenant_id, asset_id), "
         "constraint stray "
         "foreign key (other, asset_id) references assets)",
         "stray"},
        {4, "create table careless (id bigint)", "careless"},
        {5, "create view careless as select 1 as x", "careless"},
        {6, "create function careless() returns int language sql security definer as 'select 1'", "careless"},
    };
    for (size_t i = 0; i < ARRAY_LEN(careless); i++) {
        _cleanup_(mem_freep) char *found =
            pgtest_value(cluster, "begin; %s; %s", careless[i].sql, rules[careless[i].rule].sql);
        pgtest_sql(cluster, "rollback");
        assert_string_equal(found, careless[i].name);
    }
}

/* --- queries without their where --- */

/* $1 is the other tenant in each of them; further parameters as listed. */
static const struct {
    const struct pg_query *q;
    const char *params[15];
    const char *ours; /* what the answer holds of ours */
} queries[] = {
    {&Q_API_KEY_LIST, {NULL, "100"}, "key-ours"},
    {&Q_INTEGRATION_BY_TENANT, {NULL}, "site-ours"},
    {&Q_ALERT_LIST, {NULL, NULL, NULL, NULL, NULL, "100"}, "alert-ours"},
    {&Q_DELIVERY_LIST, {NULL, NULL, NULL, NULL, "100"}, "delivery-ours"},
    {&Q_AUDIT_LIST, {NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, "100"}, "by-ours"},
    {&Q_RUN_LIST, {"0", "100", "0", NULL}, "run-ours"},
    {&Q_TENANT_GET, {NULL}, "\"ours\""},
};

/* The statement with every comparison of tenant_id with $1 made true. */
static void without_where(const char *sql, struct str *out)
{
    static const char compared[] = "tenant_id = $1";
    for (const char *p; (p = strstr(sql, compared)); sql = p + strlen(compared)) {
        const char *start = p;
        while (start > sql && start[-1] != ' ' && start[-1] != '(')
            start--;
        str_add(out, slice_of(sql, (size_t)(start - sql)));
        str_adds(out, "$1::bigint is not null");
    }
    str_adds(out, sql);
}

static PGconn *connect_as_app(const char *tenant)
{
    PGconn *c = PQconnectdb(pgtest_conninfo(cluster));
    assert_int_equal(PQstatus(c), CONNECTION_OK);
    if (tenant)
        PQclear(PQexecParams(c, "select set_config('msphub.tenant', $1, false)", 1, NULL, &tenant, NULL, NULL, 0));
    return c;
}

static void run_query(PGconn *c, const char *sql, size_t n, const char *first, const char *const *rest, struct str *out)
{
    const char *params[16] = {first};
    for (size_t i = 1; i < n; i++)
        params[i] = rest[i - 1];
    PGresult *r = PQexecParams(c, sql, (int)n, NULL, params, NULL, NULL, 0);
    if (PQresultStatus(r) != PGRES_TUPLES_OK)
        fail_msg("%s\n%s", PQerrorMessage(c), sql);
    for (int row = 0; row < PQntuples(r); row++)
        for (int col = 0; col < PQnfields(r); col++)
            str_adds(out, PQgetvalue(r, row, col));
    PQclear(r);
}

static void queries_without_their_where_see_no_other_tenant(void **state)
{
    struct world *w = *state;
    const char *const settings[] = {w->our, NULL, "", "*"};
    for (size_t i = 0; i < ARRAY_LEN(queries) * ARRAY_LEN(settings); i++) {
        size_t q = i / ARRAY_LEN(settings), set = i % ARRAY_LEN(settings);
        _cleanup_(str_release) struct str sql = {0}, seen = {0};
        without_where(queries[q].q->sql, &sql);
        assert_string_not_equal(sql.p, queries[q].q->sql);
        PGconn *c = connect_as_app(settings[set]);
        run_query(c, sql.p, queries[q].q->nparams, w->their, queries[q].params, &seen);
        PQfinish(c);
        bool ours = seen.p && strstr(seen.p, queries[q].ours), theirs = seen.p && strstr(seen.p, "theirs");
        if (ours != (set == 0 || set == 3) || theirs != (set == 3))
            fail_msg("%s under \"%s\" sees %s", queries[q].q->name, settings[set] ? settings[set] : "nothing",
                     seen.p ? seen.p : "nothing");
    }
}

#define AS(tenant, wanted, ...)                                                                                        \
    do {                                                                                                               \
        _cleanup_(mem_freep) char *got_ = pgtest_as(cluster, tenant, __VA_ARGS__);                                     \
        assert_string_equal(got_, wanted);                                                                             \
    } while (0)

static void nothing_is_written_for_another_tenant(void **state)
{
    struct world *w = *state;
    AS(w->our, "ERROR 42501", "insert into assets (tenant_id, name) values (%s, 'x')", w->their);
    AS(w->our, "ERROR 42501", "update assets set tenant_id = %s", w->their);
    AS(w->our, "ERROR 42501",
       "insert into audit_logs (tenant_id, actor_kind, actor, action, target_type, target) values (%s, 'system', "
       "'x', 'a.b', 'a', '')",
       w->their);
    AS(NULL, "ERROR 42501", "insert into clients (tenant_id, name) values (%s, 'x')", w->our);
    AS(w->our, "", "update clients set name = 'ours alone'");
    AS(w->our, "", "delete from assets");
    AS(NULL, "", "delete from organization_mappings");
    assert_int_equal(pgtest_count(cluster, "select count(*) from assets where tenant_id = %s", w->their), 1);
    assert_int_equal(pgtest_count(cluster, "select count(*) from organization_mappings"), 2);
    assert_int_equal(pgtest_count(cluster, "select count(*) from clients where name = 'client-theirs'"), 1);
    /* Of the tenants it knows itself. */
    AS(w->our, "ours", "select string_agg(slug, ' ') from tenants");
    AS(NULL, "", "select string_agg(slug, ' ') from tenants");
    AS(w->our, "", "update tenants set name = 'mine' returning ''");
    assert_int_equal(pgtest_count(cluster, "select count(*) from tenants where name = 'mine'"), 1);
}

/* --- the platform --- */

static void the_role_platform_is_the_first_tenants(void **state)
{
    struct world *w = *state;
    assert_int_equal(pgtest_count(cluster, "select count(*) from tenants where is_platform and slug = 'platform'"), 1);
    AS(w->our, "ERROR 23514",
       "insert into api_keys (tenant_id, name, prefix, hash, role) values (%s, 'x', 'x', 'x', 'platform')", w->our);
    AS(w->our, "ERROR 23514", "update users set role = 'platform'");
    AS("*", "",
       "insert into api_keys (tenant_id, name, prefix, hash, role) select tenant_id, 'x', 'x', 'x', 'platform' from "
       "tenants "
       "where is_platform");
    AS("*", "ERROR 23514", "update api_keys set tenant_id = %s where role = 'platform'", w->our);
    AS("*", "ERROR 23514", "update tenants set is_platform = true where tenant_id = %s", w->our);
    AS("*", "ERROR 23514", "update tenants set status = 'suspended' where is_platform");
}

struct asked {
    bool done;
    enum err_code code;
    int64_t id;
};

static bool asked_done(void *arg)
{
    return ((struct asked *)arg)->done;
}

static void on_asked(void *arg, int64_t id, const struct err *e)
{
    *(struct asked *)arg = (struct asked){true, e ? e->code : ERR_NONE, id};
}

static void on_item(void *arg, const struct row *row, const struct err *e)
{
    on_asked(arg, row ? row->id : 0, e);
}

#define WAIT(w, a)                                                                                                     \
    do {                                                                                                               \
        assert_true(loop_run_until((w)->loop, asked_done, &(a), SECONDS(20)));                                         \
        (a).done = false;                                                                                              \
    } while (0)

static void a_role_above_row_level_security_is_told(void **state)
{
    struct world *w = *state;
    struct asked a = {0};
    tenant_check_role(w->db, on_asked, &a);
    WAIT(w, a);
    assert_int_equal(a.code, ERR_NONE);
    static const char *const powers[] = {"bypassrls", "superuser"};
    for (size_t i = 0; i < ARRAY_LEN(powers); i++) {
        pgtest_sql(cluster, "alter role msphub %s", powers[i]);
        tenant_check_role(w->db, on_asked, &a);
        WAIT(w, a);
        pgtest_sql(cluster, "alter role msphub no%s", powers[i]);
        assert_int_equal(a.code, ERR_CONFIG);
    }
}

/* --- the life of one --- */

static void suspended_resumed_and_named_anew(void **state)
{
    struct world *w = *state;
    struct asked a = {0};
    int64_t platform = pgtest_count(cluster, "select tenant_id from tenants where is_platform");
    tenant_suspend(w->db, platform, NULL, on_item, &a);
    WAIT(w, a);
    assert_int_equal(a.code, ERR_FORBIDDEN);
    for (int again = 0; again < 2; again++) {
        tenant_suspend(w->db, w->ours, NULL, on_item, &a);
        WAIT(w, a);
        assert_int_equal(a.code, ERR_NONE);
    }
    assert_int_equal(pgtest_count(cluster, "select version from tenants where slug = 'ours'"), 2);
    tenant_rename(w->db, w->ours, 1, SLICE("Late"), NULL, on_item, &a);
    WAIT(w, a);
    assert_int_equal(a.code, ERR_CONFLICT);
    tenant_rename(w->db, w->ours, 2, SLICE("New"), NULL, on_item, &a);
    WAIT(w, a);
    assert_int_equal(a.code, ERR_NONE);
    pgtest_sql(cluster,
               "update integration_configurations set next_sync_at = now() - interval '1 day', sync_interval_s = 60");
    for (int again = 0; again < 2; again++) {
        tenant_resume(w->db, w->ours, NULL, on_item, &a);
        WAIT(w, a);
        assert_int_equal(a.code, ERR_NONE);
        assert_int_equal(a.id, w->ours);
    }
    assert_int_equal(
        pgtest_count(cluster,
                     "select count(*) from integration_configurations where tenant_id = %s and next_sync_at between "
                     "now() - interval '20 seconds' and now() + interval '60 seconds'",
                     w->our),
        1);
    assert_int_equal(
        pgtest_count(cluster,
                     "select count(*) from integration_configurations where next_sync_at < now() - interval '1 hour'"),
        1);
}

static enum tenant_step one_step(struct world *w, int64_t rows, int64_t *ret_deleted);

struct stepped {
    bool done;
    enum tenant_step next;
    int64_t tenant, deleted;
};

static void on_step(void *arg, const struct pg_reply *r)
{
    struct stepped *s = arg;
    if (pg_reply_err(r))
        fail_msg("%s", pg_reply_err(r)->what);
    s->next = tenant_read_step(r, 0, &s->tenant, &s->deleted);
    s->done = true;
}

static bool stepped_done(void *arg)
{
    return ((struct stepped *)arg)->done;
}

static enum tenant_step one_step(struct world *w, int64_t rows, int64_t *ret_deleted)
{
    struct stepped s = {0};
    struct pg_seg *seg = pg_seg_new(w->db, PG_ALL_TENANTS);
    tenant_add_step(seg, 0, rows);
    pg_submit(seg, on_step, &s);
    assert_true(loop_run_until(w->loop, stepped_done, &s, SECONDS(20)));
    *ret_deleted = s.deleted;
    return s.next;
}

static enum err_code remove_it(struct world *w, int64_t tenant, const char *slug)
{
    struct asked a = {0};
    const struct audit_actor ada = {.kind = "cli", .name = SLICE("ada")};
    tenant_remove(w->db, tenant, slice_cstr(slug), &ada, on_asked, &a);
    WAIT(w, a);
    return a.code;
}

/* Rows of a tenant in all tables there are. */
static long long rows_of(const char *tenant)
{
    return pgtest_count(
        cluster,
        "select sum((xpath('/row/c/text()', query_to_xml(format('select count(*) as c from %%I where tenant_id = %s', "
        "c.relname), false, true, '')))[1]::text::bigint) from " TENANT_TABLES " c where not c.relispartition",
        tenant);
}

static void only_what_is_meant_is_deleted(void **state)
{
    struct world *w = *state;
    int64_t deleted, platform = pgtest_count(cluster, "select tenant_id from tenants where is_platform");
    assert_int_equal(remove_it(w, w->ours, "ours"), ERR_CONFLICT);
    assert_int_equal(remove_it(w, platform, "platform"), ERR_FORBIDDEN);
    assert_int_equal(remove_it(w, 1 << 30, "ours"), ERR_NOT_FOUND);
    pgtest_sql(cluster, "update tenants set status = 'suspended' where slug = 'ours'");
    assert_int_equal(remove_it(w, w->ours, "theirs"), ERR_INPUT);
    assert_int_equal(one_step(w, 100, &deleted), TENANT_STEP_NONE);
    long long beside = rows_of(w->their);
    assert_int_equal(remove_it(w, w->ours, "ours"), ERR_NONE);
    assert_int_equal(remove_it(w, w->ours, "ours"), ERR_NONE);
    AS("*", "ERROR 23514", "update tenants set status = 'active' where slug = 'ours'");
    /* Steps are as small as they were asked to be, and each is a transaction. */
    long long left = rows_of(w->our);
    assert_true(left > 12);
    enum tenant_step next;
    while ((next = one_step(w, 3, &deleted)) == TENANT_STEP_MORE) {
        assert_in_range(deleted, 1, 3);
        assert_true(rows_of(w->our) <= left - deleted);
        left = rows_of(w->our);
    }
    while (next == TENANT_STEP_WAITING) /* another connection of this very test may still be at it */
        next = one_step(w, 3, &deleted);
    assert_int_equal(next, TENANT_STEP_GONE);
    assert_int_equal(rows_of(w->our), 0);
    assert_int_equal(rows_of(w->their), beside);
    _cleanup_(mem_freep) char *told =
        pgtest_value(cluster, "select concat_ws(' ', actor_kind, actor, target, before ->> 'name', after -> 'rows' ->> "
                              "'assets', after -> 'rows' ->> "
                              "'webhook_deliveries') from audit_logs a join tenants using (tenant_id) where "
                              "is_platform and action = 'tenant.deleted'");
    assert_string_equal(told, "cli ada ours O 1 1");
}

/* A transaction that began before the mark may write after all tables were found empty. */
static void nobody_writes_behind_the_last_step(void **state)
{
    struct world *w = *state;
    int64_t deleted;
    PGconn *late = connect_as_app("*");
    PQclear(PQexec(late, "begin"));
    PQclear(PQexec(late, "select msphub_tenant_writable(tenant_id) from tenants"));
    pgtest_sql(cluster, "update tenants set status = 'suspended' where slug = 'ours'");
    assert_int_equal(remove_it(w, w->ours, "ours"), ERR_NONE);
    while (one_step(w, 1000, &deleted) == TENANT_STEP_MORE)
        ;
    assert_int_equal(one_step(w, 1000, &deleted), TENANT_STEP_WAITING);
    _cleanup_(str_release) struct str sql = {0};
    str_addf(&sql, "insert into asset_source_dirty values (%s, 1, 'late')", w->our);
    PGresult *r = PQexec(late, sql.p);
    assert_int_equal(PQresultStatus(r), PGRES_COMMAND_OK);
    PQclear(r);
    PQclear(PQexec(late, "commit"));
    PQfinish(late);
    assert_int_equal(one_step(w, 1000, &deleted), TENANT_STEP_MORE);
    assert_int_equal(deleted, 1);
    enum tenant_step next;
    while ((next = one_step(w, 1000, &deleted)) == TENANT_STEP_WAITING)
        ;
    assert_int_equal(next, TENANT_STEP_GONE);
    assert_int_equal(rows_of(w->our), 0);
    /* And who comes later is refused, or not kept. */
    AS("*", "ERROR MS003", "select msphub_tenant_writable(%s)", w->our);
}

/* --- export --- */

static void what_opens_something_is_masked(void **state)
{
    struct world *w = *state;
    /* Every sealed column there is, and every hash. */
    static const char *const columns[] = {
#define COLUMN(table, id, column, ...) #column,
#define MEMBERS(...)
#include "store/sealed.def"
#undef COLUMN
#undef MEMBERS
        "hash", "previous_hash", "password_hash", "csrf_token", "hook", "access_token", "refresh_token",
    };
    for (size_t i = 0; i < ARRAY_LEN(columns); i++)
        AS(w->our, "***", "select msphub_export_row('{\"%s\": \"opens\"}') ->> '%s'", columns[i], columns[i]);
    AS(w->our, "[\"***\", {\"deep\": \"***\"}]",
       "select msphub_export_row('{\"x\": [\"v1:k1:AAAA\", {\"deep\": \"v2:k:BBBB\"}]}') -> 'x'");
    /* A column of bytes is a secret's hash, or shown on purpose. */
    _cleanup_(mem_freep) char *bytes =
        pgtest_value(cluster, "select string_agg(c.relname || '.' || a.attname, ' ' order by 1) from " TENANT_TABLES
                              " c join pg_attribute a on a.attrelid "
                              "= c.oid where a.atttypid = 'bytea'::regtype and not c.relispartition and a.attnum > 0 "
                              "and not a.attisdropped and "
                              "msphub_export_row(jsonb_build_object(a.attname, 'x')) ->> a.attname <> '***'");
    assert_string_equal(bytes, "webhook_deliveries.body");
}

struct exported {
    bool done;
    enum err_code code;
    struct str text;
    struct tenant_export *x;
    size_t pieces, largest;
};

static void on_lines(void *arg, struct slice lines, bool last, const struct err *e)
{
    struct exported *x = arg;
    str_add(&x->text, lines);
    x->pieces++;
    x->largest = MAX(x->largest, lines.n);
    if (e)
        print_error("%s\n", e->what);
    x->code = e ? e->code : ERR_NONE;
    x->done = last || e;
    if (!x->done)
        tenant_export_next(x->x, on_lines, x);
}

static bool exported_done(void *arg)
{
    return ((struct exported *)arg)->done;
}

/* memmem: the sanitizer's strstr measures the whole text each time. */
static size_t count(const struct str *text, const char *what)
{
    size_t n = 0;
    const char *p = text->p, *end = text->p + text->n;
    for (; (p = memmem(p, (size_t)(end - p), what, strlen(what))); p += strlen(what))
        n++;
    return n;
}

static void an_export_is_whole_and_in_pieces(void **state)
{
    struct world *w = *state;
    const struct audit_actor ada = {.kind = "cli", .name = SLICE("ada")};
    pgtest_sql(cluster,
               "insert into assets (tenant_id, name, description) select %s, 'filled ' || n, repeat('d', 1000) from "
               "generate_series(1, 3000) n",
               w->our);
    pgtest_sql(cluster,
               "insert into webhook_deliveries (tenant_id, integration_id, received_at, next_attempt_at, received_on, "
               "provider, "
               "dedupe_key, type, body) select %s, 1, now(), now(), (now() at time zone 'utc')::date + n %% 2, 'fake', "
               "'n' || n, 'x', "
               "decode(repeat('00', 300000), 'hex') from generate_series(1, 8) n",
               w->our);
    long long rows = rows_of(w->our);
    struct exported x = {.x = tenant_export_new(w->db, w->ours, &ada)};
    tenant_export_next(x.x, on_lines, &x);
    assert_true(loop_run_until(w->loop, exported_done, &x, SECONDS(60)));
    assert_int_equal(x.code, ERR_NONE);
    assert_int_equal(tenant_export_rows(x.x), rows);
    tenant_export_free(x.x);
    assert_int_equal(count(&x.text, "\n"), rows + 2);
    assert_int_equal(count(&x.text, "{\"table\" : \"assets\""), 3001);
    assert_int_equal(count(&x.text, "\"name\": \"filled 2999\""), 1);
    assert_int_equal(count(&x.text, "\"dedupe_key\": \"n8\""), 1);
    assert_int_equal(count(&x.text, "theirs"), 0);
    assert_true(x.pieces > 5 && x.largest < 2 * TENANT_EXPORT_PIECE);
    str_release(&x.text);
    /* Given up in the middle, and of nobody. */
    struct tenant_export *left = tenant_export_new(w->db, w->ours, &ada);
    tenant_export_next(left, on_lines, NULL);
    tenant_export_free(left);
    struct exported none = {.x = tenant_export_new(w->db, 1 << 30, &ada)};
    tenant_export_next(none.x, on_lines, &none);
    assert_true(loop_run_until(w->loop, exported_done, &none, SECONDS(20)));
    assert_int_equal(none.code, ERR_NOT_FOUND);
    tenant_export_free(none.x);
    str_release(&none.text);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_table_keeps_tenants_apart),
        TEST(a_careless_table_is_found),
        TEST(queries_without_their_where_see_no_other_tenant),
        TEST(nothing_is_written_for_another_tenant),
        TEST(the_role_platform_is_the_first_tenants),
        TEST(a_role_above_row_level_security_is_told),
        TEST(suspended_resumed_and_named_anew),
        TEST(only_what_is_meant_is_deleted),
        TEST(nobody_writes_behind_the_last_step),
        TEST(what_opens_something_is_masked),
        TEST(an_export_is_whole_and_in_pieces),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
