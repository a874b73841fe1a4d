/* listkit.h - runs of one integration against a real database, for tests of stores whose records are rows of lists.
 * Owns: a pool on the test's cluster, a tenant, an integration, the run that is open. */
#ifndef MSPHUB_TEST_LISTKIT_H
#define MSPHUB_TEST_LISTKIT_H

#include "pgtest.h"
#include "store/record_set.h"

struct listkit {
    struct pgtest *pg;
    struct metrics *metrics;
    struct loop *loop;
    struct pg_pool *db;
    int64_t tenant, integration, run;
    struct record_set *set; /* what is being collected */
    struct str page;        /* what the last read gave */
    bool done;
};

struct listkit *listkit_new(struct pgtest *pg); /* truncates the tenants */
void listkit_free(struct listkit *k);

void listkit_run(struct listkit *k);  /* a run begins */
void listkit_hook(struct listkit *k); /* what comes now comes by webhook */
void listkit_add(struct listkit *k, const struct record *r);
/* The batch is stored. `goes_on`: the run's next one follows it; else the next is another process'. */
void listkit_store(struct listkit *k, bool dry_run, bool goes_on);
/* Stores what is left; the run ends, having proven this (SYNC_KIND bits). */
void listkit_end(struct listkit *k, uint64_t whole, uint64_t absent);
void listkit_page(void *arg, const struct page *page, const struct err *e); /* a page_cb, `arg` is the kit: → page */
void listkit_item(void *arg, struct slice json, const struct err *e);       /* an item_cb */
void listkit_wait(struct listkit *k);

#endif
