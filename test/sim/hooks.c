/* hooks.c - see hooks.h. */
#include "hooks.h"
#include "base/json_write.h"
#include "reactor/http_client.h"
#include "reactor/loop.h"
#include <stdlib.h>

#define PACE          MILLIS(2)
#define HOOK_TIMEOUT  SECONDS(8)
#define HOOK_STATUSES 600

struct counters {
    uint64_t sent, acked, failed, dropped;
    uint64_t by_status[HOOK_STATUSES]; /* 0: no answer */
};

/* Latency in buckets of one sixteenth of a power of two. */
#define BUCKETS 512
struct latency {
    uint64_t n, bucket[BUCKETS];
    usec_t max;
};

struct queued {
    STAILQ_ENTRY(queued) link;
    unsigned product;
    struct hook_message message;
};

struct burst {
    LIST_ENTRY(burst) link;
    struct hooks *owner;
    unsigned id;
    struct hook_burst what;
    char *event;
    struct hook_message pattern;
    struct str body; /* of the message that is being repeated */
    uint64_t made, sent;
    int64_t repeats_left;
    unsigned in_flight;
    usec_t started, ended;
    struct counters counters;
    struct latency latency;
    struct timer pace;
};

struct call {
    LIST_ENTRY(call) link;
    struct hooks *owner;
    struct burst *burst; /* NULL: caused by a change */
    unsigned product;
    usec_t started;
    int status;
    void (*done)(void *self, int64_t tag, int status);
    void *self;
    int64_t tag;
};

struct hooks {
    struct loop *loop;
    struct http_client *client;
    bool closing;
    unsigned in_flight, nqueued, last_burst;
    STAILQ_HEAD(, queued) queue;
    LIST_HEAD(, burst) bursts;
    LIST_HEAD(, call) calls;
    struct counters *products; /* in the order of sim_products */
};

void hook_message_release(struct hook_message *m)
{
    free(m->url);
    for (size_t k = 0; k < m->nheaders; k++) {
        free(m->headers[k].name);
        free(m->headers[k].value);
    }
    str_release(&m->body);
    *m = (struct hook_message){0};
}

void hook_message_header(struct hook_message *m, struct slice name, struct slice value)
{
    if (m->nheaders == HOOK_MAX_HEADERS)
        return;
    struct hook_header *h = &m->headers[m->nheaders++];
    h->name = mem_strndup(name.p ? name.p : "", name.n);
    h->value = mem_strndup(value.p ? value.p : "", value.n);
}

static unsigned product_row(const char *key)
{
    unsigned k = 0;
    while (k + 1 < sim_nproducts && strcmp(sim_products[k]->key, key) != 0)
        k++;
    return k;
}

/* --- latency --- */

static unsigned bucket_of(usec_t us)
{
    if (us < 16)
        return us < 0 ? 0 : (unsigned)us;
    unsigned log2 = 63u - (unsigned)__builtin_clzll((unsigned long long)us);
    unsigned k = 16 * (log2 - 3) + (unsigned)((us >> (log2 - 4)) & 15);
    return MIN(k, BUCKETS - 1u);
}

static usec_t bucket_value(unsigned k)
{
    return k < 16 ? (usec_t)k : (usec_t)(16 + k % 16) << (k / 16 - 1);
}

static double percentile_ms(const struct latency *l, double share)
{
    uint64_t want = (uint64_t)((double)l->n * share), seen = 0;
    for (unsigned k = 0; k < BUCKETS; k++) {
        seen += l->bucket[k];
        if (l->n && seen > want)
            return (double)MIN(bucket_value(k), l->max) / (double)USEC_PER_MS;
    }
    return (double)l->max / (double)USEC_PER_MS;
}

/* --- sending --- */

static void pump_queue(struct hooks *h);
static void burst_pump(struct burst *b);

static void count(struct counters *c, int status)
{
    bool good = status >= 200 && status < 300;
    c->acked += good;
    c->failed += !good;
    c->by_status[status > 0 && status < HOOK_STATUSES ? status : 0]++;
}

static void on_head(void *arg, const struct http_reply_head *head)
{
    struct call *c = arg;
    c->status = head->status;
}

static void on_end(void *arg, const struct err *err)
{
    struct call *c = arg;
    struct hooks *h = c->owner;
    struct burst *b = c->burst;
    int status = err ? 0 : c->status;
    count(&h->products[c->product], status);
    if (c->done)
        c->done(c->self, c->tag, status);
    if (b) {
        usec_t took = loop_now(h->loop) - c->started;
        count(&b->counters, status);
        b->latency.bucket[bucket_of(took)]++;
        b->latency.n++;
        b->latency.max = MAX(b->latency.max, took);
        b->in_flight--;
    } else {
        h->in_flight--;
    }
    LIST_REMOVE(c, link);
    free(c);
    if (h->closing)
        return;
    if (b)
        burst_pump(b);
    else
        pump_queue(h);
}

static void start_call(struct hooks *h, struct burst *b, unsigned product, const struct hook_message *m,
                       struct slice body)
{
    struct call *c = NEW(struct call);
    *c = (struct call){.owner = h,
                       .burst = b,
                       .product = product,
                       .started = loop_now(h->loop),
                       .done = m->done,
                       .self = m->self,
                       .tag = m->tag};
    LIST_INSERT_HEAD(&h->calls, c, link);
    struct http_header headers[HOOK_MAX_HEADERS];
    for (size_t k = 0; k < m->nheaders; k++)
        headers[k] = (struct http_header){m->headers[k].name, m->headers[k].value};
    struct http_call call = {.method = m->method ? m->method : HTTP_POST,
                             .url = m->url,
                             .headers = headers,
                             .nheaders = m->nheaders,
                             .body = body,
                             .timeout = HOOK_TIMEOUT,
                             .no_gzip = true,
                             .on_head = on_head,
                             .on_end = on_end,
                             .arg = c};
    h->products[product].sent++;
    http_call_start(h->client, &call);
}

static void pump_queue(struct hooks *h)
{
    struct queued *q;
    while (h->in_flight < HOOK_IN_FLIGHT && (q = STAILQ_FIRST(&h->queue))) {
        STAILQ_REMOVE_HEAD(&h->queue, link);
        h->nqueued--;
        h->in_flight++;
        start_call(h, NULL, q->product, &q->message, str_slice(&q->message.body));
        hook_message_release(&q->message);
        free(q);
    }
}

void hooks_send(struct hooks *h, const char *product, struct hook_message *m)
{
    unsigned row = product_row(product);
    if (h->nqueued >= HOOK_MAX_QUEUE) {
        h->products[row].dropped++;
        hook_message_release(m);
        return;
    }
    struct queued *q = NEW(struct queued);
    q->product = row;
    q->message = *m;
    *m = (struct hook_message){0};
    STAILQ_INSERT_TAIL(&h->queue, q, link);
    h->nqueued++;
    pump_queue(h);
}

/* --- bursts --- */

static uint64_t burst_total(const struct burst *b)
{
    return (uint64_t)(b->what.count * b->what.repeat);
}

static bool burst_ready(struct burst *b)
{
    const char *why;
    if (b->repeats_left > 0)
        return true;
    struct hook_message m = {0};
    if (!b->what.product->burst(b->what.self, b->event, b->made, &m, &why))
        return false;
    b->made++;
    b->repeats_left = b->what.repeat;
    str_release(&b->body);
    b->body = m.body;
    m.body = (struct str){0};
    hook_message_release(&m);
    return true;
}

static void on_pace(void *arg)
{
    burst_pump(arg);
}

static void burst_pump(struct burst *b)
{
    struct hooks *h = b->owner;
    uint64_t total = burst_total(b), due = total;
    if (b->what.rate)
        due = MIN(total, (uint64_t)((loop_now(h->loop) - b->started) * b->what.rate / USEC_PER_S) + 1);
    while (b->sent < due && b->in_flight < b->what.parallel) {
        if (!burst_ready(b)) {
            b->what.count = (int64_t)b->made; /* nothing more to say */
            total = due = b->sent;
            break;
        }
        b->repeats_left--;
        b->sent++;
        b->in_flight++;
        b->counters.sent++;
        start_call(h, b, product_row(b->what.product->key), &b->pattern, str_slice(&b->body));
    }
    if (b->sent >= total && !b->in_flight && b->ended == USEC_NONE)
        b->ended = loop_now(h->loop);
    else if (b->what.rate && b->sent < total && !timer_armed(&b->pace))
        timer_set(&b->pace, h->loop, PACE, on_pace, b);
}

static void copy_pattern(struct hook_message *to, const struct hook_message *from)
{
    *to = (struct hook_message){.method = from->method, .url = mem_strdup(from->url)};
    for (size_t k = 0; k < from->nheaders; k++)
        hook_message_header(to, slice_cstr(from->headers[k].name), slice_cstr(from->headers[k].value));
}

unsigned hooks_burst(struct hooks *h, const struct hook_burst *what, const char **why)
{
    struct burst *b = NEW(struct burst);
    b->owner = h;
    b->what = *what;
    b->event = mem_strdup(what->event);
    copy_pattern(&b->pattern, what->pattern);
    b->started = loop_now(h->loop);
    b->ended = USEC_NONE;
    b->id = h->last_burst + 1;
    if (!what->product->burst || what->count < 1 || what->repeat < 1 || what->parallel < 1 ||
        what->parallel > HOOK_MAX_PARALLEL || what->rate < 0) {
        *why = "count and repeat are at least 1, parallel is 1 to 64, rate is not negative";
    } else {
        struct hook_message m = {0};
        if (what->product->burst(what->self, b->event, 0, &m, why)) {
            b->made = 1;
            b->body = m.body;
            b->repeats_left = what->repeat;
            m.body = (struct str){0};
            hook_message_release(&m);
            LIST_INSERT_HEAD(&h->bursts, b, link);
            h->last_burst = b->id;
            burst_pump(b);
            return b->id;
        }
    }
    hook_message_release(&b->pattern);
    free(b->event);
    free(b);
    return 0;
}

static void write_counters(struct jw *w, const struct counters *c)
{
    char key[16];
    jw_key_i64(w, "sent", (int64_t)c->sent);
    jw_key_i64(w, "acked", (int64_t)c->acked);
    jw_key_i64(w, "failed", (int64_t)c->failed);
    jw_key_i64(w, "dropped", (int64_t)c->dropped);
    jw_key(w, "by_status");
    jw_object(w);
    for (unsigned k = 0; k < HOOK_STATUSES; k++) {
        if (!c->by_status[k])
            continue;
        snprintf(key, sizeof(key), "%u", k);
        jw_key_i64(w, key, (int64_t)c->by_status[k]);
    }
    jw_end(w);
}

bool hooks_burst_write(const struct hooks *h, unsigned id, struct jw *w)
{
    const struct burst *b;
    LIST_FOREACH (b, &h->bursts, link) {
        if (b->id != id)
            continue;
        usec_t took = (b->ended == USEC_NONE ? loop_now(h->loop) : b->ended) - b->started;
        jw_object(w);
        jw_key_i64(w, "id", b->id);
        jw_key_bool(w, "done", b->ended != USEC_NONE);
        write_counters(w, &b->counters);
        jw_key(w, "seconds");
        jw_double(w, (double)took / (double)USEC_PER_S);
        jw_key(w, "per_second");
        jw_double(w, took ? (double)b->latency.n * (double)USEC_PER_S / (double)took : 0);
        jw_key(w, "p50_ms");
        jw_double(w, percentile_ms(&b->latency, 0.5));
        jw_key(w, "p99_ms");
        jw_double(w, percentile_ms(&b->latency, 0.99));
        jw_key(w, "max_ms");
        jw_double(w, percentile_ms(&b->latency, 1));
        jw_end(w);
        return true;
    }
    return false;
}

void hooks_write(const struct hooks *h, const char *product, struct jw *w)
{
    jw_object(w);
    write_counters(w, &h->products[product_row(product)]);
    jw_key_i64(w, "queued", h->nqueued);
    jw_key_i64(w, "in_flight", h->in_flight);
    jw_end(w);
}

/* --- life --- */

struct hooks *hooks_new(struct loop *l, struct metrics *m, struct err *e)
{
    struct http_client_options o = {.per_origin = HOOK_MAX_PARALLEL, .egress = &egress_everything};
    struct http_client *client = http_client_new(l, &o, m, e);
    if (!client)
        return NULL;
    struct hooks *h = NEW(struct hooks);
    h->loop = l;
    h->client = client;
    STAILQ_INIT(&h->queue);
    LIST_INIT(&h->bursts);
    LIST_INIT(&h->calls);
    h->products = mem_zalloc(sim_nproducts * sizeof(*h->products));
    return h;
}

static void burst_free(struct burst *b)
{
    LIST_REMOVE(b, link);
    timer_cancel(&b->pace);
    hook_message_release(&b->pattern);
    str_release(&b->body);
    free(b->event);
    free(b);
}

void hooks_free(struct hooks *h)
{
    if (!h)
        return;
    struct queued *q;
    struct burst *b;
    h->closing = true;
    http_client_free(h->client); /* ends every call */
    while ((q = STAILQ_FIRST(&h->queue))) {
        STAILQ_REMOVE_HEAD(&h->queue, link);
        hook_message_release(&q->message);
        free(q);
    }
    while ((b = LIST_FIRST(&h->bursts)))
        burst_free(b);
    free(h->products);
    free(h);
}
