/* hub/run_progress.c - how far a run is, for people who look at it.
 * Why:    what was read is told with the batch that stores it, so that after a take-over it goes on from there; what is being read
 *         now, and the calls so far, also with each heartbeat. */
#include "hub/run_internal.h"

#include "base/json_read.h"
#include "base/json_write.h"
#include "base/mem.h"

#include <stdio.h>

/* "device parts" → "device_parts" */
static const char *key_of(int kind, char buf[32])
{
    snprintf(buf, 32, "%s", record_kind_words[kind]);
    for (char *p = buf; (p = strchr(p, ' '));)
        *p = '_';
    return buf;
}

void run_progress_read(struct run *r, enum record_kind kind)
{
    r->progress.read[kind]++;
    r->progress.kind = kind;
}

void run_progress_total(struct run *r, enum record_kind kind, int64_t total)
{
    r->progress.kind = kind;
    if (total > 0)
        r->progress.totals[kind] = total;
}

static void write_counts(struct jw *w, const char *name, const int64_t *counts)
{
    char key[32];
    jw_key(w, name);
    jw_object(w);
    for (int kind = 0; kind < RECORD_NKINDS_; kind++)
        if (counts[kind] && kind != RECORD_REFRESH && kind != RECORD_DEVICE_GONE)
            jw_key_i64(w, key_of(kind, key), counts[kind]);
    jw_end(w);
}

void run_progress_write(const struct run *r, struct str *out)
{
    char key[32];
    struct jw w;
    str_clear(out);
    jw_init(&w, out);
    jw_object(&w);
    jw_key_str(&w, "kind", r->progress.kind == RECORD_NKINDS_ ? NULL : key_of(r->progress.kind, key));
    write_counts(&w, "read", r->progress.read);
    write_counts(&w, "totals", r->progress.totals);
    jw_end(&w);
    jw_done(&w);
}

void run_progress_resume(struct run *r, struct slice json)
{
    _cleanup_(arena_freep) struct arena *a = arena_new();
    struct json *root = NULL;
    char key[32];
    r->progress.kind = RECORD_NKINDS_;
    if (!json.n || !json_parse(a, json, &root, NULL))
        return;
    for (int kind = 0; kind < RECORD_NKINDS_; kind++) {
        if (kind == RECORD_REFRESH || kind == RECORD_DEVICE_GONE)
            continue; /* their words are the devices' */
        (void)json_get_i64(json_get(root, "read"), key_of(kind, key), &r->progress.read[kind]);
        (void)json_get_i64(json_get(root, "totals"), key_of(kind, key), &r->progress.totals[kind]);
    }
}

int64_t run_calls(const struct run *r)
{
    return r->calls_before + (r->reading ? (int64_t)engine_calls(r->hub->engine, r->job) : r->calls);
}

struct slice run_reading(const struct run *r, char buf[32])
{
    bool reads = r->state == RUN_READING && r->progress.kind != RECORD_NKINDS_;
    return reads ? slice_cstr(key_of(r->progress.kind, buf)) : SLICE_NONE;
}
