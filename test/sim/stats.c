/* stats.c - see stats.h. */
#include "stats.h"
#include "base/json_write.h"
#include "base/mem.h"
#include <stdlib.h>

void stats_begin(struct stats *s)
{
    s->open++;
    s->max_open = MAX(s->max_open, s->open);
}

static struct stats_route *route_of(struct stats *s, const char *method, const char *route)
{
    struct stats_route *x;
    char *key = mem_printf("%s %s", method, route);
    HASH_FIND_STR(s->routes, key, x);
    if (x) {
        free(key);
        return x;
    }
    x = NEW(struct stats_route);
    x->key = key;
    HASH_ADD_KEYPTR(hh, s->routes, x->key, strlen(x->key), x);
    return x;
}

static void refusal_release(struct stats_refusal *x)
{
    free(x->call);
    free(x->reason);
    *x = (struct stats_refusal){0};
}

void stats_end(struct stats *s, const char *method, const char *route, struct slice path, int status, size_t bytes,
               bool played, const char *reason, usec_t at)
{
    struct stats_route *x = route_of(s, method, route);
    s->open--;
    s->calls++;
    s->bytes += bytes;
    s->faults += played;
    x->calls++;
    x->bytes += bytes;
    if (status >= 0 && status < 600)
        x->by_class[status / 100]++;
    if (status < 400 || played)
        return;
    if (!reason) {
        s->gone++;
        return;
    }
    struct stats_refusal *slot = &s->refusals[s->refused++ % STATS_MAX_REFUSALS];
    refusal_release(slot);
    *slot = (struct stats_refusal){.status = status, .at = at, .reason = mem_strdup(reason)};
    slot->call = mem_printf("%s %.*s", method, SLICE_FMT(path));
}

void stats_clear(struct stats *s)
{
    struct stats_route *x, *next;
    HASH_ITER(hh, s->routes, x, next)
    {
        HASH_DEL(s->routes, x);
        free(x->key);
        free(x);
    }
    for (size_t k = 0; k < STATS_MAX_REFUSALS; k++)
        refusal_release(&s->refusals[k]);
    unsigned open = s->open;
    *s = (struct stats){.open = open, .max_open = open};
}

void stats_write(const struct stats *s, struct jw *w)
{
    static const char *const classes[] = {"none", "1xx", "2xx", "3xx", "4xx", "5xx"};
    const struct stats_route *x;
    jw_key_i64(w, "calls", (int64_t)s->calls);
    jw_key_i64(w, "bytes", (int64_t)s->bytes);
    jw_key_i64(w, "open", s->open);
    jw_key_i64(w, "max_open", s->max_open);
    jw_key_i64(w, "faults", (int64_t)s->faults);
    jw_key_i64(w, "gone", (int64_t)s->gone);
    jw_key_i64(w, "refused", (int64_t)s->refused);
    jw_key(w, "routes");
    jw_object(w);
    for (x = s->routes; x; x = x->hh.next) {
        jw_key(w, x->key);
        jw_object(w);
        jw_key_i64(w, "calls", (int64_t)x->calls);
        jw_key_i64(w, "bytes", (int64_t)x->bytes);
        for (size_t k = 0; k < ARRAY_LEN(classes); k++) {
            if (x->by_class[k])
                jw_key_i64(w, classes[k], (int64_t)x->by_class[k]);
        }
        jw_end(w);
    }
    jw_end(w);
    jw_key(w, "refusals");
    jw_array(w);
    size_t n = MIN(s->refused, (uint64_t)STATS_MAX_REFUSALS);
    for (size_t k = 0; k < n; k++) {
        const struct stats_refusal *f = &s->refusals[(s->refused - n + k) % STATS_MAX_REFUSALS];
        jw_object(w);
        jw_key_str(w, "call", f->call);
        jw_key_i64(w, "status", f->status);
        jw_key_str(w, "reason", f->reason);
        jw_key_time(w, "at", f->at);
        jw_end(w);
    }
    jw_end(w);
}
