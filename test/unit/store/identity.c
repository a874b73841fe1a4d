/* Which devices are one machine: against a real PostgreSQL, as a role for which row-level security is in force. */
#include "base/mem.h"
#include "base/metrics.h"
#include "pgtest.h"
#include "store/asset_edit.h"
#include "store/inventory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct pgtest *pg;

struct world {
    struct loop *loop;
    struct metrics *metrics;
    struct pg_pool *pool;
    int64_t tenant, other_tenant;
    int64_t ninja, tactical, jamf, msp360, theirs; /* integrations; the last of the other tenant */
    usec_t now;
    unsigned done;
    struct err err;
};

static int group_setup(void **state)
{
    pg = pgtest_start();
    pgtest_migrate(pg);
    return 0;
}

static int group_teardown(void **state)
{
    pgtest_stop(pg);
    return 0;
}

static int64_t new_integration(int64_t tenant, const char *provider)
{
    return pgtest_count(pg,
                        "insert into integration_configurations (tenant_id, provider, hook) "
                        "values (%lld, '%s', '%s-%lld') returning integration_id",
                        (long long)tenant, provider, provider, (long long)tenant);
}

static int setup(void **state)
{
    struct world *w = NEW(struct world);
    pgtest_sql(pg, "delete from tenants; truncate assets, asset_source_facets, asset_source_dirty, sync_run_seen, "
                   "asset_identifiers, asset_dirty, asset_history, asset_aliases, asset_source_decisions, "
                   "sync_conflicts cascade");
    w->tenant = pgtest_count(pg, "insert into tenants (slug, name) values ('one', 'One') returning tenant_id");
    w->other_tenant = pgtest_count(pg, "insert into tenants (slug, name) values ('two', 'Two') returning tenant_id");
    w->ninja = new_integration(w->tenant, "ninjaone");
    w->tactical = new_integration(w->tenant, "tacticalrmm");
    w->jamf = new_integration(w->tenant, "jamf");
    w->msp360 = new_integration(w->tenant, "msp360");
    w->theirs = new_integration(w->other_tenant, "tacticalrmm");
    w->metrics = metrics_new();
    w->loop = loop_new(NULL, w->metrics);
    w->pool = pg_pool_new(w->loop, &(struct pg_options){.conninfo = pgtest_conninfo(pg), .connections = 3}, w->metrics);
    w->now = clock_wall();
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    pg_pool_free(w->pool);
    loop_free(w->loop);
    metrics_free(w->metrics);
    free(w);
    return 0;
}

/* --- what a product says --- */
struct said {
    const char *id, *name, *serial, *uuid, *mac, *mac2, *maker, *tag;
    enum asset_type type;     /* 0: unknown */
    enum agent_status status; /* 0: online */
    usec_t seen;              /* 0: now */
    const char *organization;
};

static struct slice text(const char *s)
{
    return s ? slice_cstr(s) : SLICE_NONE;
}

static void add(struct inventory_batch *b, const struct record *r)
{
    struct err e = {0};
    if (!inventory_batch_add(b, r, &e))
        fail_msg("%s", e.what);
}

static void add_said(struct world *w, struct inventory_batch *b, const struct said *d, bool device, bool parts)
{
    struct slice macs[2] = {text(d->mac), text(d->mac2)};
    struct record r = {.kind = RECORD_DEVICE,
                       .device = {.id = text(d->id),
                                  .name = text(d->name ? d->name : d->id),
                                  .hostname = text(d->name),
                                  .organization_id = text(d->organization),
                                  .type = d->type,
                                  .status = d->status ? d->status : AGENT_ONLINE,
                                  .created = USEC_NONE,
                                  .last_seen = d->seen ? d->seen : w->now}};
    if (d->mac)
        r.device.macs = (struct texts){macs, d->mac2 ? 2 : 1};
    if (device)
        add(b, &r);
    r = (struct record){.kind = RECORD_FACET,
                        .facet = {.device_id = text(d->id),
                                  .facet = FACET_SYSTEM,
                                  .system = {.manufacturer = text(d->maker),
                                             .serial = text(d->serial),
                                             .uuid = text(d->uuid),
                                             .memory_bytes = I64_NONE}}};
    if (parts && (d->serial || d->uuid || d->maker))
        add(b, &r);
    r = (struct record){.kind = RECORD_FACET,
                        .facet = {.device_id = text(d->id),
                                  .facet = FACET_MANAGEMENT,
                                  .management = {.asset_tag = text(d->tag),
                                                 .enrolled = USEC_NONE,
                                                 .last_inventory = USEC_NONE,
                                                 .mdm_profile_expires = USEC_NONE}}};
    if (parts && d->tag)
        add(b, &r);
}

static void on_reply(void *arg, const struct pg_reply *r)
{
    struct world *w = arg;
    if (pg_reply_err(r))
        w->err = *pg_reply_err(r);
    w->done++; /* of what wait_for has taken off */
}

static bool all_done(void *arg)
{
    return ((struct world *)arg)->done == 0;
}

static void start(struct world *w, const struct inventory_batch *b, int64_t tenant, int64_t run)
{
    struct pg_seg *s = pg_seg_new(w->pool, tenant);
    unsigned first;
    inventory_add(s, b, &(struct inventory_options){.run_id = run, .observed = w->now}, &first);
    pg_submit(s, on_reply, w);
}

static void wait_for(struct world *w, unsigned n)
{
    w->done -= n; /* 0 again when all have answered */
    assert_true(loop_run_until(w->loop, all_done, w, SECONDS(60)));
    if (w->err.code)
        fail_msg("%s", w->err.what);
}

static void tell_of(struct world *w, int64_t tenant, int64_t integration, const struct said *d)
{
    struct inventory_batch *b = inventory_batch_new(tenant, integration);
    w->now += SECONDS(1);
    add_said(w, b, d, true, true);
    start(w, b, tenant, 0);
    wait_for(w, 1);
    inventory_batch_free(b);
}

#define tell(w, integration, ...) tell_of(w, (w)->tenant, integration, &(const struct said){__VA_ARGS__})

/* A value from the one row that `where` leaves. */
#define assert_value(expected, ...)                                                                                    \
    do {                                                                                                               \
        char *value_ = pgtest_value(pg, __VA_ARGS__);                                                                  \
        assert_string_equal(expected, value_);                                                                         \
        free(value_);                                                                                                  \
    } while (0)

#define assert_assets(n) assert_value(n, "select count(*) from assets where tenant_id = %lld", (long long)w->tenant)
#define assert_conflicts(s)                                                                                            \
    assert_value(                                                                                                      \
        s, "select coalesce(string_agg(kind || ' ' || status, ', ' order by conflict_id), '') from sync_conflicts")

#define UUID     "4c4c4544-0051-5810-8032-b7c04f423033"
#define SWAPPED  "44454C4C-5100-1058-8032-B7C04F423033"
#define OTHER_ID "77777777-0051-5810-8032-b7c04f423033"

/* --- tests --- */
static void any_key_joins(void **state)
{
    struct world *w = *state;
    tell(w, w->ninja, .id = "1", .name = "pc", .serial = "7XQ2B03", .uuid = UUID, .mac = "a4:83:e7:00:00:01",
         .maker = "Dell Inc.");
    tell(w, w->tactical, .id = "by-serial", .name = "pc", .serial = " 7xq2b03", .maker = "DELL");
    tell(w, w->jamf, .id = "by-uuid", .name = "pc", .uuid = SWAPPED);
    tell(w, w->msp360, .id = "by-mac", .name = "PC.example.org", .mac = "A4-83-E7-00-00-01");
    assert_assets("1");
    assert_value(
        "4", "select count(distinct integration_id) from asset_sources where asset_id = (select asset_id from assets)");
    assert_value("3", "select count(*) from asset_aliases");
    assert_value("3", "select count(*) from asset_history where action = 'joined' and integration_id is not null");
    assert_conflicts("");
}

static void tenants_are_apart(void **state)
{
    struct world *w = *state;
    const struct said pc = {.id = "1", .serial = "7XQ2B03", .uuid = UUID, .organization = "13"};
    tell_of(w, w->tenant, w->tactical, &pc);
    tell_of(w, w->other_tenant, w->theirs, &pc);
    assert_value("2", "select count(*) from assets");
    assert_value("0", "select count(*) from asset_history");
    assert_value("2", "select count(distinct organization_id) from assets");
}

static void junk_joins_nothing(void **state)
{
    struct world *w = *state;
    tell(w, w->ninja, .id = "1", .name = "a", .serial = "To be filled by O.E.M.",
         .uuid = "03000200-0400-0500-0006-000700080009", .mac = "00:50:56:c0:00:01");
    tell(w, w->tactical, .id = "1", .name = "b", .serial = "To Be Filled By O.E.M.",
         .uuid = "03000200-0400-0500-0006-000700080009", .mac = "00:50:56:c0:00:01");
    assert_assets("2");
    assert_value("0", "select count(*) from asset_identifiers");
    assert_conflicts("");
}

/* Keys that many have are no keys, whatever list they stand in. */
static void what_many_share_joins_nothing(void **state)
{
    struct world *w = *state;
    struct inventory_batch *b = inventory_batch_new(w->tenant, w->ninja);
    char ids[40][8];
    for (int i = 0; i < 40; i++) {
        snprintf(ids[i], sizeof(ids[i]), "%d", i);
        add_said(w, b, &(struct said){.id = ids[i], .name = ids[i], .serial = "GHOST-IMAGE", .uuid = UUID}, true, true);
    }
    start(w, b, w->tenant, 0);
    wait_for(w, 1);
    inventory_batch_free(b);
    tell(w, w->tactical, .id = "x", .name = "7", .serial = "GHOST-IMAGE");
    assert_assets("41");
    assert_conflicts("");
}

static void what_contradicts_is_a_candidate(void **state)
{
    struct world *w = *state;
    tell(w, w->ninja, .id = "1", .serial = "SN100001", .maker = "Dell Inc.");
    tell(w, w->tactical, .id = "1", .serial = "SN100001", .maker = "LENOVO");
    tell(w, w->ninja, .id = "2", .serial = "SN100002", .uuid = UUID);
    tell(w, w->tactical, .id = "2", .serial = "SN100002", .uuid = OTHER_ID);
    tell(w, w->ninja, .id = "3", .serial = "SN100003", .type = ASSET_PRINTER);
    tell(w, w->tactical, .id = "3", .serial = "SN100003", .type = ASSET_SERVER);
    assert_assets("6");
    assert_conflicts("candidate open, candidate open, candidate open");
    assert_value(
        "same serial, another manufacturer; same serial, another hardware UUID; same serial, another type of device",
        "select string_agg(reason, '; ' order by conflict_id) from sync_conflicts");
    /* told again it is no news; when it is mended, it is one machine */
    tell(w, w->tactical, .id = "2", .name = "renamed", .serial = "SN100002", .uuid = OTHER_ID);
    assert_conflicts("candidate open, candidate open, candidate open");
    tell(w, w->tactical, .id = "2", .serial = "SN100002", .uuid = UUID);
    assert_assets("5");
    assert_conflicts("candidate open, candidate open");
}

static void a_dock_is_no_machine(void **state)
{
    struct world *w = *state;
    tell(w, w->ninja, .id = "1", .name = "lap-1", .serial = "SN100001", .mac = "a4:83:e7:00:00:01",
         .mac2 = "a4:83:e7:00:00:99");
    tell(w, w->tactical, .id = "2", .name = "lap-2", .serial = "SN100002", .mac = "a4:83:e7:00:00:02",
         .mac2 = "a4:83:e7:00:00:99");
    tell(w, w->jamf, .id = "3", .name = "lap-3", .mac = "a4:83:e7:00:00:03",
         .mac2 = "a4:83:e7:00:00:99"); /* no subset */
    assert_assets("3");
    assert_conflicts("");
    tell(w, w->msp360, .id = "4", .name = "lap-4", .mac = "a4:83:e7:00:00:01"); /* one address, another name */
    assert_assets("4");
    assert_conflicts("candidate open");
    tell(w, w->msp360, .id = "4", .name = "lap-1", .mac = "a4:83:e7:00:00:01");
    assert_assets("3");
    assert_conflicts("");
}

/* The serial comes in a report of its own, after the device, and in a run: what was made first becomes a part of the older asset. */
static void keys_that_come_later_join(void **state)
{
    struct world *w = *state;
    const struct said late = {.id = "late", .name = "pc", .serial = "SN100001"};
    tell(w, w->ninja, .id = "1", .name = "pc", .serial = "SN100001");
    long long run =
        pgtest_count(pg,
                     "insert into integration_sync_history (tenant_id, integration_id, mode, kinds, trigger) "
                     "values (%lld, %lld, 'full', 4, 'test') returning run_id",
                     (long long)w->tenant, (long long)w->tactical);
    struct inventory_batch *b = inventory_batch_new(w->tenant, w->tactical);
    add_said(w, b, &late, true, false);
    start(w, b, w->tenant, run);
    wait_for(w, 1);
    inventory_batch_free(b);
    assert_assets("2");
    pgtest_sql(
        pg,
        "insert into rmm_alerts (tenant_id, integration_id, series, state, changed_at, triggers, first_received_at, "
        "stamps, "
        "device_external_id, asset_id) select tenant_id, integration_id, 's', 'triggered', now(), '{1}', now(), '{}', "
        "external_id, asset_id from asset_sources where external_id = 'late'");
    pgtest_sql(
        pg,
        "insert into remote_access_log (tenant_id, actor_kind, actor, asset_id, asset, integration_id, integration, "
        "external_id, action) select tenant_id, 'session', 'ada', asset_id, 'pc', integration_id, 'x', external_id, "
        "'open' from asset_sources where external_id = 'late'");
    b = inventory_batch_new(w->tenant, w->tactical);
    add_said(w, b, &late, false, true);
    start(w, b, w->tenant, run);
    wait_for(w, 1);
    inventory_batch_free(b);
    assert_assets("2"); /* in a run all parts are awaited */
    struct pg_seg *s = pg_seg_new(w->pool, w->tenant);
    inventory_add_merge(s, w->tenant, w->tactical, 100);
    pg_submit(s, on_reply, w);
    wait_for(w, 1);
    assert_assets("1");
    assert_value("t", "select asset_id = (select asset_id from assets) from rmm_alerts");
    assert_value("t", "select into_id = (select asset_id from assets) from asset_aliases");
    assert_value("t", "select asset_id = (select asset_id from assets) from remote_access_log");
    assert_value("0", "select count(*) from asset_dirty");
}

/* Two integrations meet the same machines at the same time, in opposite orders, for the first time. */
static void both_at_once_make_one(void **state)
{
    struct world *w = *state;
    enum { N = 300, ROUNDS = 4 };
    static char ids[N][8], serials[N][16];
    for (int i = 0; i < N; i++) {
        snprintf(ids[i], sizeof(ids[i]), "%d", i);
        snprintf(serials[i], sizeof(serials[i]), "SERIAL-%d", i);
    }
    for (int round = 0; round < ROUNDS; round++) {
        struct inventory_batch *b[3];
        const int64_t integrations[] = {w->ninja, w->tactical, w->jamf};
        w->now += SECONDS(1);
        for (size_t k = 0; k < ARRAY_LEN(b); k++) {
            b[k] = inventory_batch_new(w->tenant, integrations[k]);
            for (int i = 0; i < N / ROUNDS; i++) {
                int at = round * (N / ROUNDS) + (k % 2 ? N / ROUNDS - 1 - i : i);
                add_said(w, b[k], &(struct said){.id = ids[(at + (int)k) % N], .name = ids[at], .serial = serials[at]},
                         true, true);
            }
        }
        for (size_t k = 0; k < ARRAY_LEN(b); k++)
            start(w, b[k], w->tenant, 0);
        wait_for(w, ARRAY_LEN(b));
        for (size_t k = 0; k < ARRAY_LEN(b); k++)
            inventory_batch_free(b[k]);
    }
    assert_assets("300");
    assert_value("3", "select max(n) from (select count(*) as n from asset_sources group by asset_id) x");
    assert_value("3", "select min(n) from (select count(*) as n from asset_sources group by asset_id) x");
    assert_conflicts("");
}

/* An alert that was written while its asset became a part of another one. */
static void a_late_alert_follows(void **state)
{
    struct world *w = *state;
    tell(w, w->ninja, .id = "1", .serial = "SN100001");
    tell(w, w->tactical, .id = "2", .serial = "SN100001");
    pgtest_sql(pg,
               "insert into rmm_alerts (tenant_id, integration_id, series, state, changed_at, triggers, "
               "first_received_at, stamps, asset_id) select tenant_id, %lld, 's', 'triggered', now(), '{1}', now(), "
               "'{}', asset_id from asset_aliases",
               (long long)w->tactical);
    assert_value("f", "select asset_id = (select asset_id from assets) from rmm_alerts");
    struct pg_seg *s = pg_seg_new(w->pool, PG_ALL_TENANTS);
    asset_add_upkeep(s, 0, 100);
    pg_submit(s, on_reply, w);
    wait_for(w, 1);
    assert_value("t", "select asset_id = (select asset_id from assets) from rmm_alerts");
}

/* A person placed it at a client that is no more: that must not stand in the way of every sync from then on. */
static void a_client_that_goes_unlocks(void **state)
{
    struct world *w = *state;
    tell(w, w->ninja, .id = "1", .name = "a", .serial = "SN100001");
    pgtest_sql(pg, "insert into clients (tenant_id, name) values (%lld, 'c')", (long long)w->tenant);
    pgtest_sql(pg, "insert into asset_field_locks select a.tenant_id, asset_id, 'client_id', "
                   "to_jsonb(clients.client_id), 'ada' from "
                   "assets a join clients using (tenant_id)");
    tell(w, w->ninja, .id = "1", .name = "b", .serial = "SN100001");
    assert_value("t", "select a.client_id is not null from assets a");
    pgtest_sql(pg, "delete from clients");
    tell(w, w->ninja, .id = "1", .name = "c", .serial = "SN100001");
    assert_value("t", "select a.client_id is null and name = 'c' from assets a");
    assert_value("0", "select count(*) from asset_field_locks");
}

static void one_source_ties_two_assets(void **state)
{
    struct world *w = *state;
    tell(w, w->ninja, .id = "1", .serial = "SN100001");
    tell(w, w->jamf, .id = "2", .uuid = UUID);
    assert_assets("2");
    tell(w, w->tactical, .id = "3", .serial = "SN100001", .uuid = UUID);
    assert_assets("1");
    assert_value("t", "select min(into_id) = max(into_id) and count(*) = 2 from asset_aliases");
}

static void clones_stay_two(void **state)
{
    struct world *w = *state;
    tell(w, w->ninja, .id = "1", .name = "vm-1", .serial = "SN100001", .uuid = UUID);
    tell(w, w->ninja, .id = "2", .name = "vm-2", .serial = "SN100001", .uuid = UUID);
    assert_assets("2");
    assert_conflicts("clone open");
    /* that one of them sleeps makes them no more one; that it is gone does */
    tell(w, w->ninja, .id = "1", .name = "vm-1b", .serial = "SN100001", .uuid = UUID, .status = AGENT_OFFLINE,
         .seen = SECONDS(1));
    assert_assets("2");
    struct inventory_batch *b = inventory_batch_new(w->tenant, w->ninja);
    add(b, &(struct record){.kind = RECORD_DEVICE_GONE, .ref = {SLICE("1"), USEC_NONE}});
    w->now += SECONDS(1);
    start(w, b, w->tenant, 0);
    wait_for(w, 1);
    inventory_batch_free(b);
    assert_assets("1");
    assert_conflicts("");
    assert_value("f", "select retired_at is not null from assets");
    assert_value("vm-2", "select name from assets");
}

static void enrolled_again_is_the_same(void **state)
{
    struct world *w = *state;
    tell(w, w->ninja, .id = "old", .name = "pc", .serial = "SN100001", .status = AGENT_OFFLINE,
         .seen = w->now - SECONDS(9999));
    char *before = pgtest_value(pg, "select asset_id from assets");
    tell(w, w->ninja, .id = "new", .name = "pc-again", .serial = "SN100001");
    assert_assets("1");
    assert_value(before, "select asset_id from assets");
    free(before);
    assert_value("reenrolled", "select action from asset_history where details ? 'sources'");
    assert_value("pc-again", "select name from assets");
    assert_value("online", "select agent_status from assets");
    /* silence of the new one changes nothing; the old one's return tells that they were two */
    tell(w, w->ninja, .id = "new", .name = "pc-again", .serial = "SN100001", .status = AGENT_OFFLINE);
    assert_assets("1");
    tell(w, w->ninja, .id = "new", .name = "pc-again", .serial = "SN100001");
    tell(w, w->ninja, .id = "old", .name = "pc", .serial = "SN100001");
    assert_assets("2");
    assert_conflicts("clone open");
    assert_value("2", "select count(*) from asset_history where action = 'separated'");
    assert_value("pc, pc-again", "select string_agg(name, ', ' order by name) from assets");
}

/* Two assets that both know a live device of one integration are no one machine, whatever a third product says. */
static void clones_are_not_tied_by_others(void **state)
{
    struct world *w = *state;
    tell(w, w->ninja, .id = "1", .name = "a", .serial = "SN100001");
    tell(w, w->ninja, .id = "2", .name = "b", .uuid = UUID);
    tell(w, w->tactical, .id = "3", .name = "a", .serial = "SN100001", .uuid = UUID);
    assert_assets("2");
    assert_conflicts("clone open");
    assert_value("2", "select max(n) from (select count(*) as n from asset_sources group by asset_id) x");
}

static void a_key_that_was_given_up_joins_nothing(void **state)
{
    struct world *w = *state;
    tell(w, w->ninja, .id = "1", .name = "a", .serial = "SN100001");
    tell(w, w->ninja, .id = "1", .name = "a", .serial = "SN100002"); /* a new board */
    tell(w, w->tactical, .id = "1", .name = "b", .serial = "SN100001");
    assert_assets("2");
}

static void precedence_by_group(void **state)
{
    struct world *w = *state;
    tell(w, w->msp360, .id = "m", .name = "BACKUP-NAME", .mac = "a4:83:e7:00:00:01", .mac2 = "a4:83:e7:00:00:02");
    tell(w, w->jamf, .id = "j", .name = "Mac of Ada", .serial = "SN100001", .tag = "A-1", .maker = "Apple Inc.",
         .mac = "a4:83:e7:00:00:01", .mac2 = "a4:83:e7:00:00:02");
    tell(w, w->ninja, .id = "n", .name = "mac-7", .serial = "SN100001", .maker = "Apple");
    assert_assets("1");
    assert_value("mac-7 Apple Inc. A-1", "select name || ' ' || manufacturer || ' ' || asset_tag from assets");
    /* Jamf fills an empty tag, and does not replace one */
    tell(w, w->jamf, .id = "j", .name = "Mac of Ada", .serial = "SN100001", .tag = "A-2", .maker = "Apple Inc.",
         .mac = "a4:83:e7:00:00:01", .mac2 = "a4:83:e7:00:00:02");
    assert_value("A-1", "select asset_tag from assets");
    pgtest_sql(pg, "insert into field_precedence select tenant_id, 'name', array['jamf', 'ninjaone'] from tenants "
                   "where slug = 'one'");
    tell(w, w->msp360, .id = "elsewhere", .name = "other");
    assert_value("Mac of Ada", "select name from assets where manufacturer is not null");
    assert_value(
        "{\"name\": {\"to\": \"Mac of Ada\", \"from\": \"mac-7\"}}",
        "select details->>'fields' from asset_history where action = 'changed' order by history_id desc limit 1");
}

static void msp360_renames_nothing(void **state)
{
    struct world *w = *state;
    tell(w, w->msp360, .id = "m", .name = "first");
    assert_value("first", "select name from assets");
    tell(w, w->msp360, .id = "m", .name = "second");
    assert_value("first", "select name from assets");
    assert_value("second", "select attributes->>'name' from asset_sources");
}

static void a_lock_holds(void **state)
{
    struct world *w = *state;
    tell(w, w->ninja, .id = "n", .name = "from-ninja");
    pgtest_sql(pg,
               "insert into asset_field_locks select tenant_id, asset_id, 'name', '\"Reception\"', 'ada' from assets;"
               "update assets set name = 'Reception'");
    tell(w, w->ninja, .id = "n", .name = "renamed");
    assert_value("Reception", "select name from assets");
    assert_value("name \"Reception\" \"renamed\"", "select field || ' ' || ours || ' ' || theirs from sync_conflicts");
    tell(w, w->ninja, .id = "n", .name = "renamed again");
    assert_value("1 \"renamed again\"", "select count(*) || ' ' || min(theirs::text) from sync_conflicts");
    tell(w, w->ninja, .id = "n", .name = "Reception");
    assert_conflicts("");
    assert_value("0", "select count(*) from asset_history where details->'fields' ? 'name'");
}

/* Where rows lie and who wrote or locked them. */
static char *fingerprint(void)
{
    return pgtest_value(pg,
                        "select md5(string_agg(x, ',' order by x)) from ("
                        "select 'a' || ctid || xmin || xmax x from assets union all "
                        "select 's' || ctid || xmin || xmax from asset_sources union all "
                        "select 'f' || ctid || xmin || xmax from asset_source_facets union all "
                        "select 'i' || ctid || xmin || xmax from asset_identifiers union all "
                        "select 'c' || ctid || xmin || xmax from sync_conflicts union all "
                        "select 'h' || ctid || xmin || xmax from asset_history union all "
                        "select 'd' || ctid from asset_source_dirty union all select 'e' || ctid from asset_dirty) t");
}

static void presence_of_one_of_several(void **state)
{
    struct world *w = *state;
    const struct said n = {
        .id = "n", .name = "pc", .serial = "SN100001", .status = AGENT_OFFLINE, .seen = SECONDS(1760000000)};
    const struct said t = {
        .id = "t", .name = "pc", .serial = "SN100001", .status = AGENT_ONLINE, .seen = SECONDS(1760000100)};
    tell_of(w, w->tenant, w->ninja, &n);
    tell_of(w, w->tenant, w->tactical, &t);
    assert_value("online", "select agent_status from assets");
    char *before = fingerprint();
    tell_of(w, w->tenant, w->ninja, &n);
    tell_of(w, w->tenant, w->tactical, &t);
    char *after = fingerprint();
    assert_string_equal(before, after);
    free(before);
    free(after);
    /* the one that was heard of last knows */
    tell(w, w->ninja, .id = "n", .name = "pc", .serial = "SN100001", .status = AGENT_OFFLINE,
         .seen = SECONDS(1760000200));
    assert_value("offline", "select agent_status from assets");
    assert_value("0", "select count(*) from asset_history where action = 'changed'");
}

static usec_t timed(struct world *w, int64_t integration, int page, const char *prefix)
{
    enum { N = 1000 };
    struct inventory_batch *b = inventory_batch_new(w->tenant, integration);
    static char ids[N][16], serials[N][24], macs[N][24];
    for (int i = 0; i < N; i++) {
        int at = page * N + i;
        snprintf(ids[i], sizeof(ids[i]), "%s%d", prefix, at);
        snprintf(serials[i], sizeof(serials[i]), "SERIAL-%d", at);
        snprintf(macs[i], sizeof(macs[i]), "a4:83:e7:%02x:%02x:%02x", at >> 16 & 0xff, at >> 8 & 0xff, at & 0xff);
        add_said(w, b, &(struct said){.id = ids[i], .name = ids[i], .serial = serials[i], .mac = macs[i]}, true, true);
    }
    usec_t began = clock_mono();
    start(w, b, w->tenant, 0);
    wait_for(w, 1);
    inventory_batch_free(b);
    return clock_mono() - began;
}

/* A page of a thousand that all join takes no longer when there are many; a plan that reads a table would. */
static void plans_stay_good(void **state)
{
    struct world *w = *state;
    usec_t first = 0, last = 0;
    for (int page = 0; page < 12; page++) {
        usec_t alone = timed(w, w->ninja, page, "n");
        last = timed(w, w->tactical, page, "t");
        if (getenv("SHOW"))
            print_message("%lld ms alone, %lld ms joining\n", (long long)alone / 1000, (long long)last / 1000);
        if (page == 1)
            first = last;
    }
    assert_assets("12000");
    assert_true(last < 4 * first);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(any_key_joins),
        TEST(tenants_are_apart),
        TEST(junk_joins_nothing),
        TEST(what_many_share_joins_nothing),
        TEST(what_contradicts_is_a_candidate),
        TEST(a_dock_is_no_machine),
        TEST(keys_that_come_later_join),
        TEST(both_at_once_make_one),
        TEST(a_late_alert_follows),
        TEST(a_client_that_goes_unlocks),
        TEST(one_source_ties_two_assets),
        TEST(clones_stay_two),
        TEST(enrolled_again_is_the_same),
        TEST(clones_are_not_tied_by_others),
        TEST(a_key_that_was_given_up_joins_nothing),
        TEST(precedence_by_group),
        TEST(msp360_renames_nothing),
        TEST(a_lock_holds),
        TEST(presence_of_one_of_several),
        TEST(plans_stay_good),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
