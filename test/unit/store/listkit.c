/* listkit.c - see listkit.h. */
#include "listkit.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

struct listkit *listkit_new(struct pgtest *pg)
{
    struct listkit *k = NEW(struct listkit);
    k->pg = pg;
    k->metrics = metrics_new();
    k->loop = loop_new(NULL, k->metrics);
    k->db = pg_pool_new(k->loop, &(struct pg_options){.conninfo = pgtest_conninfo(pg), .connections = 1}, k->metrics);
    pgtest_sql(pg, "truncate tenants, asset_software cascade");
    k->integration = pgtest_count(
        pg, "with t as (insert into tenants (slug, name) values ('one', 'x') returning tenant_id) insert into "
            "integration_configurations (tenant_id, provider, hook) select tenant_id, 'tacticalrmm', 'hook' from t "
            "returning integration_id");
    k->tenant = pgtest_count(pg, "select tenant_id from tenants");
    return k;
}

void listkit_free(struct listkit *k)
{
    record_set_free(k->set);
    pg_pool_free(k->db);
    loop_free(k->loop);
    metrics_free(k->metrics);
    str_release(&k->page);
    free(k);
}

static bool is_done(void *arg)
{
    return ((struct listkit *)arg)->done;
}

void listkit_wait(struct listkit *k)
{
    assert_true(loop_run_until(k->loop, is_done, k, SECONDS(60)));
    k->done = false;
}

static void on_reply(void *arg, const struct pg_reply *r)
{
    struct listkit *k = arg;
    k->done = true;
    if (pg_reply_err(r))
        fail_msg("%s (statement %u)", pg_reply_err(r)->what, pg_reply_failed(r));
}

static void begin(struct listkit *k)
{
    k->set = record_set_new(k->tenant, k->integration);
    record_set_observed(k->set,
                        pgtest_count(k->pg, "select (extract(epoch from clock_timestamp()) * 1000000)::bigint"));
}

void listkit_run(struct listkit *k)
{
    k->run = pgtest_count(
        k->pg,
        "insert into integration_sync_history (tenant_id, integration_id, mode, kinds, trigger, status, "
        "started_at) values (%lld, %lld, 'single', 0, 'test', 'running', clock_timestamp()) returning run_id",
        (long long)k->tenant, (long long)k->integration);
    begin(k);
}

void listkit_hook(struct listkit *k)
{
    k->run = 0;
    begin(k);
}

void listkit_add(struct listkit *k, const struct record *r)
{
    struct err e = {0};
    if (!record_set_add(k->set, r, &e))
        fail_msg("%s", e.what);
}

void listkit_store(struct listkit *k, bool dry_run, bool goes_on)
{
    struct record_set *set = TAKE(k->set);
    begin(k);
    if (goes_on)
        record_set_follow(k->set, set);
    struct pg_seg *s = pg_seg_new(k->db, k->tenant);
    record_set_put(s, set, &(struct record_put){.run_id = k->run, .dry_run = dry_run, .observed = USEC_NONE});
    if (pg_seg_length(s) > 0) {
        pg_submit(s, on_reply, k);
        listkit_wait(k);
    } else {
        pg_seg_free(s);
    }
    record_set_free(set);
}

void listkit_end(struct listkit *k, uint64_t whole, uint64_t absent)
{
    listkit_store(k, false, false);
    record_set_free(TAKE(k->set));
    if (!k->run)
        return;
    struct pg_seg *s = pg_seg_new(k->db, k->tenant);
    record_set_finish(s, &(struct run_key){k->tenant, k->integration, k->run},
                      &(struct record_proof){.whole = whole, .absent = absent});
    pg_submit(s, on_reply, k);
    listkit_wait(k);
    assert_int_equal(0, pgtest_count(k->pg, "select count(*) from sync_run_lists"));
}

void listkit_page(void *arg, const struct page *page, const struct err *e)
{
    struct listkit *k = arg;
    k->done = true;
    if (e)
        fail_msg("%s", e->what);
    str_clear(&k->page);
    str_add(&k->page, str_slice(&page->items));
}

void listkit_item(void *arg, struct slice json, const struct err *e)
{
    struct listkit *k = arg;
    k->done = true;
    str_clear(&k->page);
    str_add(&k->page, e ? slice_cstr(e->what) : json);
}
