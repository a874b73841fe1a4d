/* software.c - lists of installed software into PostgreSQL, as a run stores them: batch by batch, one transaction at a time.
 *   bench-software CONNINFO TENANT INTEGRATION DEVICES ITEMS BATCH CHANGED RUN
 * Each CHANGED-th device (0: none) has another version of one program. Prints the seconds of it all, the end of the run included. */
#include "base/mem.h"
#include "store/record_set.h"

#include <stdio.h>
#include <stdlib.h>

struct bench {
    struct loop *loop;
    struct pg_pool *db;
    struct run_key key;
    struct record_set *set;
    size_t batch;
    bool done;
};

static bool is_done(void *arg)
{
    return ((struct bench *)arg)->done;
}

static void on_reply(void *arg, const struct pg_reply *r)
{
    struct bench *b = arg;
    b->done = true;
    if (pg_reply_err(r)) {
        fprintf(stderr, "%s\n", pg_reply_err(r)->what);
        exit(1);
    }
}

static void submit(struct bench *b, struct pg_seg *s)
{
    b->done = false;
    pg_submit(s, on_reply, b);
    loop_run_until(b->loop, is_done, b, SECONDS(600));
}

static void store(struct bench *b)
{
    struct record_set *set = TAKE(b->set);
    struct pg_seg *s = pg_seg_new(b->db, b->key.tenant_id);
    b->set = record_set_new(b->key.tenant_id, b->key.integration_id);
    record_set_follow(b->set, set);
    record_set_put(s, set, &(struct record_put){.run_id = b->key.run_id, .observed = USEC_NONE});
    if (pg_seg_length(s) > 0)
        submit(b, s);
    else
        pg_seg_free(s);
    record_set_free(set);
}

static void add(struct bench *b, long device, long item, bool changed)
{
    char id[32], name[64], version[32];
    struct err e = {0};
    /* half of the programs are everywhere, the others on one device in fifty */
    long kind = item % 2 ? item : item + 1000 * (device % 50 + 1);
    snprintf(id, sizeof(id), "device-%06ld", device);
    snprintf(name, sizeof(name), "Program %ld of a certain length", kind);
    snprintf(version, sizeof(version), "%ld.%ld.%d", kind % 30, kind % 7, changed);
    const struct record r = {.kind = RECORD_SOFTWARE,
                             .software = {.device_id = slice_cstr(id),
                                          .name = slice_cstr(name),
                                          .publisher = SLICE("Zebra Software Incorporated"),
                                          .version = slice_cstr(version),
                                          .installed = SECONDS(1700000000) + SECONDS(86400) * (kind % 700),
                                          .size_bytes = kind << 20}};
    if (!record_set_add(b->set, &r, &e)) {
        fprintf(stderr, "%s\n", e.what);
        exit(1);
    }
}

int main(int argc, char **argv)
{
    if (argc != 9) {
        fprintf(stderr, "usage: %s CONNINFO TENANT INTEGRATION DEVICES ITEMS BATCH CHANGED RUN\n", argv[0]);
        return 2;
    }
    long n[7];
    for (size_t i = 0; i < ARRAY_LEN(n); i++)
        n[i] = atol(argv[2 + i]);
    struct metrics *metrics = metrics_new();
    struct bench b = {.key = {n[0], n[1], n[6]}, .batch = (size_t)n[4]};
    b.loop = loop_new(NULL, metrics);
    b.db = pg_pool_new(b.loop, &(struct pg_options){.conninfo = argv[1], .connections = 1, .timeout = SECONDS(600)},
                       metrics);
    b.set = record_set_new(b.key.tenant_id, b.key.integration_id);
    usec_t began = clock_mono();
    size_t rows = 0;
    for (long device = 0; device < n[2]; device++)
        for (long item = 0; item < n[3]; item++) {
            add(&b, device, item, n[5] && device % n[5] == 0 && item == 0);
            if (++rows % b.batch == 0)
                store(&b);
        }
    store(&b);
    struct pg_seg *s = pg_seg_new(b.db, b.key.tenant_id);
    const struct record_proof proof = {SYNC_KIND(RECORD_SOFTWARE), SYNC_KIND(RECORD_SOFTWARE)};
    record_set_finish(s, &b.key, &proof);
    submit(&b, s);
    printf("%.3f\n", (double)(clock_mono() - began) / USEC_PER_S);
    record_set_free(b.set);
    pg_pool_free(b.db);
    loop_free(b.loop);
    metrics_free(metrics);
    return 0;
}
