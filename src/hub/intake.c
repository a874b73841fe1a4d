/* hub/intake.c - see intake.h.
 * Life of a request: on_head (known hook? secret? room? database?) -> body -> [look-up of an unknown hook] -> JSON check and
 *         keys in one pass -> a row of the open batch -> commit -> 202.
 * Batches: OPEN (gathers) -> READY (full, waits for its turn) -> SENT -> ANSWERING -> reused. One is in flight; a second one
 *         only when it is full, so that the disk's latency does not limit large load. A batch has options.intake_timeout
 *         from its first delivery to its commit, waiting for its turn included: senders get their 503 while they still listen.
 * Always: a request is in one batch or one look-up, and replied to once; after intake_free neither is touched again. */
#include "hub/intake.h"

#include "base/mem.h"
#include "base/utf8.h"
#include "hub/applier.h"
#include "hub/intake_metrics.h"
#include "hub/integration.h"
#include "store/delivery.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define MAX_LOOKUPS   32 /* hooks asked of the database at once; past it 503 */
#define MAX_INFLIGHT  2
#define BATCH_BYTES   (8 << 20) /* a batch is full at this size, too */
#define SPARE_BATCHES 4
#define SPARE_BYTES   (1 << 20) /* a larger one is not kept */
#define ANSWERS       256       /* replies in one turn of the loop */
#define MAX_KEY       200

struct batch {
    struct intake *in; /* NULL: intake is gone */
    struct delivery_rows rows;
    struct http_request **requests;
    int64_t *ids; /* by place: the delivery's id; 0: it was there already */
    size_t n, answered, bytes;
    bool failed, wakes;
    usec_t give_up_at;    /* loop_now; the batch is committed by then, or refused */
    struct timer give_up; /* while it is open or ready */
    struct deferred answer;
    TAILQ_ENTRY(batch) link;
};
TAILQ_HEAD(batches, batch);

struct lookup {
    struct intake *in;
    struct http_request *r;
    TAILQ_ENTRY(lookup) link;
};
TAILQ_HEAD(lookups, lookup);

struct intake {
    struct hub *h;
    struct http_route route;
    struct batch *open;
    struct batches ready, sent, answering, spare;
    unsigned inflight, nspare, nlookups;
    size_t waiting, waiting_bytes;
    struct lookups lookups;
    struct deferred flush;
    struct intake_keys keys; /* scratch: no allocation a request */
    struct delivery_metrics *counts;
    struct histogram *batch_size;
    struct metric *waiting_gauge;
};

/* --- replies --- */

static void refuse(struct intake *in, struct http_request *r, const struct provider *p, const char *why)
{
    delivery_metrics_add(in->counts, p, DELIVERY_REFUSED, 1);
    http_reply_header(r, "Retry-After", "2");
    http_reply_problem(r, 503, why);
}

static void reply_unknown(struct http_request *r)
{
    http_reply_problem(r, 404,
                       "No such webhook: this address belongs to no integration. Copy the address anew from the "
                       "integration's webhook page.");
}

/* --- batches --- */

static struct batch *batch_new(struct intake *in)
{
    struct batch *b = TAILQ_FIRST(&in->spare);
    if (b) {
        TAILQ_REMOVE(&in->spare, b, link);
        in->nspare--;
        return b;
    }
    size_t cap = (size_t)in->h->options->intake_batch;
    b = NEW(struct batch);
    b->in = in;
    b->requests = mem_realloc_array(NULL, cap, sizeof *b->requests);
    b->ids = mem_realloc_array(NULL, cap, sizeof *b->ids);
    delivery_rows_init(&b->rows);
    return b;
}

static void batch_free(struct batch *b)
{
    if (!b)
        return;
    timer_cancel(&b->give_up);
    delivery_rows_release(&b->rows);
    free(b->requests);
    free(b->ids);
    free(b);
}

static void batch_recycle(struct intake *in, struct batch *b)
{
    if (in->nspare == SPARE_BATCHES || b->bytes > SPARE_BYTES) {
        batch_free(b);
        return;
    }
    delivery_rows_clear(&b->rows);
    b->n = b->answered = b->bytes = 0;
    b->failed = b->wakes = false;
    TAILQ_INSERT_HEAD(&in->spare, b, link);
    in->nspare++;
}

static void set_waiting(struct intake *in, size_t n, size_t bytes)
{
    in->waiting = n;
    in->waiting_bytes = bytes;
    in->waiting_gauge->value = (double)n;
}

static void answer_one(struct intake *in, struct batch *b, size_t i)
{
    struct http_request *r = b->requests[i];
    const struct integration *it = http_request_data(r);
    if (b->failed) {
        refuse(in, r, it->provider,
               "The database did not confirm this delivery. Send it again; a double does no harm.");
        return;
    }
    char text[64];
    int n = b->ids[i] ? snprintf(text, sizeof text, "{\"delivery\":%" PRId64 ",\"duplicate\":false}", b->ids[i])
                      : snprintf(text, sizeof text, "{\"delivery\":null,\"duplicate\":true}");
    delivery_metrics_add(in->counts, it->provider, b->ids[i] ? DELIVERY_ACCEPTED : DELIVERY_DUPLICATE, 1);
    http_reply(r, 202, "application/json", slice_of(text, (size_t)n));
}

/* A slice of the batch a turn, so that a large one does not hold up the loop. */
static void answer(void *arg)
{
    struct batch *b = arg;
    struct intake *in = b->in;
    size_t end = MIN(b->n, b->answered + ANSWERS);
    while (b->answered < end)
        answer_one(in, b, b->answered++);
    if (b->answered < b->n) {
        loop_defer(in->h->loop, &b->answer, answer, b);
        return;
    }
    set_waiting(in, in->waiting - b->n, in->waiting_bytes - b->bytes);
    TAILQ_REMOVE(&in->answering, b, link);
    batch_recycle(in, b);
}

static void pump(struct intake *in);

static void on_committed(void *arg, const struct pg_reply *r)
{
    struct batch *b = arg;
    struct intake *in = b->in;
    if (!in) {
        batch_free(b);
        return;
    }
    const struct err *e = pg_reply_err(r);
    b->failed = e != NULL;
    if (e)
        log_warn(in->h->log, "intake.batch_failed", F_I64("deliveries", b->n), F_ERR(e));
    memset(b->ids, 0, b->n * sizeof *b->ids);
    for (size_t row = 0; !e && row < pg_nrows(r, 0); row++) {
        size_t place;
        int64_t id;
        delivery_added(r, 0, row, &place, &id);
        b->ids[place] = id;
    }
    TAILQ_REMOVE(&in->sent, b, link);
    TAILQ_INSERT_TAIL(&in->answering, b, link);
    in->inflight--;
    if (!e || e->code != ERR_CANCELED)
        pump(in); /* the database first: it works while we answer */
    if (!e && b->wakes && in->h->applier)
        applier_wake(in->h->applier);
    answer(b);
}

static void batch_send(struct intake *in, struct batch *b)
{
    timer_cancel(&b->give_up);
    TAILQ_INSERT_TAIL(&in->sent, b, link);
    in->inflight++;
    histogram_observe(in->batch_size, (double)b->n);
    struct pg_seg *s = pg_seg_new(in->h->db, PG_ALL_TENANTS);
    /* When it ends the outcome may be unknown: the sender tries again, and what was committed after all is a duplicate then. */
    pg_seg_timeout(s, MIN(in->h->options->database_timeout, MAX(MILLIS(1), b->give_up_at - loop_now(in->h->loop))));
    delivery_add_insert(s, &b->rows);
    pg_submit(s, on_committed, b);
}

/* Those before it are stuck, and nothing of it was sent. */
static void on_give_up(void *arg)
{
    struct batch *b = arg;
    struct intake *in = b->in;
    log_warn(in->h->log, "intake.batch_not_sent", F_I64("deliveries", b->n),
             F_USEC("limit", in->h->options->intake_timeout));
    b->failed = true;
    if (in->open == b)
        in->open = NULL;
    else
        TAILQ_REMOVE(&in->ready, b, link);
    TAILQ_INSERT_TAIL(&in->answering, b, link);
    answer(b);
}

static void pump(struct intake *in)
{
    struct batch *b;
    while (in->inflight < MAX_INFLIGHT && (b = TAILQ_FIRST(&in->ready))) {
        TAILQ_REMOVE(&in->ready, b, link);
        batch_send(in, b);
    }
    if (in->inflight == 0 && in->open)
        batch_send(in, TAKE(in->open));
}

static void on_flush(void *arg)
{
    pump(arg);
}

/* --- one delivery --- */

static struct slice hashed(char out[72], struct slice in)
{
    uint8_t hash[SHA256_LEN];
    crypto_sha256(in, hash);
    memcpy(out, "sha256:", 7);
    for (size_t i = 0; i < SHA256_LEN; i++)
        snprintf(out + 7 + 2 * i, 3, "%02x", hash[i]);
    return slice_of(out, 7 + 2 * SHA256_LEN);
}

static void enqueue(struct intake *in, struct http_request *r, const struct integration *it, struct slice body)
{
    char key[72];
    struct slice dedupe = str_slice(&in->keys.dedupe), type = str_slice(&in->keys.type);
    if (dedupe.n == 0)
        dedupe = hashed(key, body);
    else if (dedupe.n > MAX_KEY || !utf8_storable(dedupe))
        dedupe = hashed(key, dedupe);
    type = type.n && utf8_storable(type) ? utf8_cut(type, MAX_KEY) : SLICE("");

    struct batch *b = in->open;
    if (!b) {
        b = in->open = batch_new(in);
        b->give_up_at = loop_now(in->h->loop) + in->h->options->intake_timeout;
        timer_set(&b->give_up, in->h->loop, in->h->options->intake_timeout, on_give_up, b);
    }
    delivery_rows_add(&b->rows, &(struct delivery_in){
                                    .tenant_id = it->tenant_id,
                                    .integration_id = it->id,
                                    .provider = slice_cstr(it->provider->key),
                                    .dedupe_key = dedupe,
                                    .type = type,
                                    .body = body,
                                    .received_at = loop_wall(in->h->loop),
                                    .held = !it->enabled || it->tenant_suspended,
                                });
    b->wakes |= it->enabled && !it->tenant_suspended;
    b->requests[b->n++] = r;
    b->bytes += body.n;
    set_waiting(in, in->waiting + 1, in->waiting_bytes + body.n);
    if (b->n == (size_t)in->h->options->intake_batch || b->bytes >= BATCH_BYTES) {
        in->open = NULL;
        TAILQ_INSERT_TAIL(&in->ready, b, link);
    }
    /* At the end of the turn: all that this turn brings goes together. */
    loop_defer(in->h->loop, &in->flush, on_flush, in);
}

static bool overloaded(const struct intake *in)
{
    return in->waiting >= (size_t)in->h->options->intake_max_waiting ||
           in->waiting_bytes >= (size_t)in->h->options->intake_max_bytes;
}

/* Of a sender who was authenticated; `it` is the request's data. */
static void accept_body(struct intake *in, struct http_request *r, const struct integration *it)
{
    struct slice body = http_request_body(r);
    struct err e = {0};
    str_clear(&in->keys.dedupe);
    str_clear(&in->keys.type);
    if (!it->provider->intake(body, &in->keys, &e)) {
        delivery_metrics_add(in->counts, it->provider, DELIVERY_INVALID, 1);
        http_reply_problem(r, 400, e.what);
    } else if (overloaded(in)) {
        refuse(in, r, it->provider,
               "Too many deliveries wait for their commit (intake_max_waiting, intake_max_bytes).");
    } else if (!pg_pool_up(in->h->db)) {
        refuse(in, r, it->provider, "The database is away; nothing is accepted that cannot be kept.");
    } else {
        enqueue(in, r, it, body);
    }
}

/* --- who sends --- */

enum verdict { GOOD, WRONG_SECRET, NOT_HERE, NO_SECRET };

/* Where the product can send it: in a header of ours, or else in the URL, whose query is neither logged nor told. */
static struct slice given_secret(const struct http_request *r, const struct provider *p)
{
    struct slice text = SLICE_NONE;
    if (p->webhook_secret_header)
        return http_request_header(r, p->webhook_secret_header);
    http_request_arg(r, INTAKE_SECRET_ARG, &text);
    return text;
}

/* The same comparisons whatever the outcome. */
static enum verdict authenticate(struct intake *in, struct http_request *r, const struct integration *it)
{
    bool here =
        it && it->provider && it->provider->intake && slice_is(http_request_param(r, "provider"), it->provider->key);
    struct slice given = here ? given_secret(r, it->provider) : http_request_param(r, "hook");
    struct slice current = here && it->hook_secret ? secret_text(it->hook_secret) : SLICE("-");
    bool good = crypto_equal(given, current) && here && it->hook_secret;
    for (unsigned i = 0; i < INTEGRATION_FORMER_SECRETS; i++) {
        bool valid = here && it->former[i].secret && loop_wall(in->h->loop) < it->former[i].until;
        bool equal = crypto_equal(given, valid ? secret_text(it->former[i].secret) : SLICE("-"));
        good |= valid && equal;
    }
    if (!here)
        return NOT_HERE;
    if (!it->hook_secret)
        return NO_SECRET;
    return good ? GOOD : WRONG_SECRET;
}

/* True: go on. Else it has replied. */
static bool admit(struct intake *in, struct http_request *r, const struct integration *it)
{
    switch (authenticate(in, r, it)) {
    case GOOD:
        return true;
    case WRONG_SECRET:
        delivery_metrics_add(in->counts, it->provider, DELIVERY_UNAUTHORIZED, 1);
        http_reply_problem(r, 401,
                           it->provider->webhook_secret_header
                               ? "Wrong secret: the header with the webhook's secret is missing or wrong. Copy the "
                                 "secret anew from the "
                                 "integration's webhook page, or rotate it."
                               : "Wrong secret: the address lacks the webhook's secret, or has a wrong one. Copy the "
                                 "whole address anew from "
                                 "the integration's webhook page.");
        return false;
    case NO_SECRET:
        refuse(in, r, it->provider, "This hub cannot open the webhook's secret: its key_file lacks the key.");
        return false;
    case NOT_HERE:
        break;
    }
    reply_unknown(r);
    return false;
}

static void data_free(void *data)
{
    integration_unref(data);
}

/* --- hooks that the cache does not know --- */

static void on_found(void *arg, struct integration *it, const struct err *e)
{
    struct lookup *l = arg;
    struct intake *in = l->in;
    struct http_request *r = l->r;
    if (in) {
        TAILQ_REMOVE(&in->lookups, l, link);
        in->nlookups--;
    }
    free(l);
    if (!in)
        return;
    if (e && e->code != ERR_NOT_FOUND) {
        refuse(in, r, NULL, "The database is away; this address cannot be looked up.");
    } else if (admit(in, r, it)) {
        http_request_set_data(r, integration_ref(it), data_free);
        accept_body(in, r, it);
    }
}

static void look_up(struct intake *in, struct http_request *r)
{
    if (in->nlookups >= MAX_LOOKUPS) {
        refuse(in, r, NULL, "Too many unknown addresses are being looked up.");
        return;
    }
    struct lookup *l = NEW(struct lookup);
    l->in = in;
    l->r = r;
    TAILQ_INSERT_TAIL(&in->lookups, l, link);
    in->nlookups++;
    integrations_get_by_hook(in->h->integrations, http_request_param(r, "hook"), on_found, l);
}

/* --- the route --- */

static bool on_head(struct http_request *r, void *arg)
{
    struct intake *in = arg;
    struct integration *it = integrations_by_hook(in->h->integrations, http_request_param(r, "hook"));
    const struct provider *p = it ? it->provider : NULL;
    if (!it && integrations_loaded(in->h->integrations) && pg_pool_up(in->h->db))
        return true; /* made in another process just now? The handler asks. */
    bool good = false;
    if (overloaded(in))
        refuse(in, r, p, "Too many deliveries wait for their commit (intake_max_waiting, intake_max_bytes).");
    else if (!it)
        refuse(in, r, NULL, "The database is away; this address cannot be looked up.");
    else if (!admit(in, r, it))
        good = false;
    else if (!pg_pool_up(in->h->db))
        refuse(in, r, p, "The database is away; nothing is accepted that cannot be kept.");
    else
        good = true;
    if (good)
        http_request_set_data(r, TAKE(it), data_free);
    integration_unref(it);
    return good;
}

static void handler(struct http_request *r, void *arg)
{
    struct intake *in = arg;
    struct integration *it = http_request_data(r);
    if (it)
        accept_body(in, r, it);
    else
        look_up(in, r);
}

/* --- life --- */

struct intake *intake_new(struct hub *h)
{
    static const double sizes[] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096};
    struct intake *in = NEW(struct intake);
    in->h = h;
    in->route = (struct http_route){
        .method = HTTP_POST,
        .pattern = "/webhooks/{provider}/{hook}",
        .handler = handler,
        .on_head = on_head,
        .max_body = (size_t)h->options->intake_max_body,
        .name = "webhook",
    };
    TAILQ_INIT(&in->ready);
    TAILQ_INIT(&in->sent);
    TAILQ_INIT(&in->answering);
    TAILQ_INIT(&in->spare);
    TAILQ_INIT(&in->lookups);
    in->counts = delivery_metrics_new(h->metrics);
    in->batch_size = metric_histogram(h->metrics, "msphub_intake_batch_size", "Deliveries committed together.", sizes,
                                      ARRAY_LEN(sizes));
    in->waiting_gauge = metric_gauge(h->metrics, "msphub_intake_waiting", "Deliveries waiting for their commit.");
    return in;
}

static void free_all(struct intake *in, struct batches *list)
{
    struct batch *b;
    while ((b = TAILQ_FIRST(list))) {
        TAILQ_REMOVE(list, b, link);
        loop_undefer(in->h->loop, &b->answer);
        batch_free(b);
    }
}

void intake_free(struct intake *in)
{
    if (!in)
        return;
    loop_undefer(in->h->loop, &in->flush);
    struct batch *b;
    struct lookup *l;
    TAILQ_FOREACH (b, &in->sent, link) /* their callbacks free them */
        b->in = NULL;
    TAILQ_FOREACH (l, &in->lookups, link)
        l->in = NULL;
    free_all(in, &in->ready);
    free_all(in, &in->answering);
    free_all(in, &in->spare);
    batch_free(in->open);
    str_release(&in->keys.dedupe);
    str_release(&in->keys.type);
    delivery_metrics_free(in->counts);
    free(in);
}

void intake_add_routes(struct intake *in, struct http_server *server)
{
    http_server_add(server, &in->route, 1, in);
}

size_t intake_waiting(const struct intake *in)
{
    return in->waiting;
}

bool intake_full(const struct intake *in)
{
    return overloaded(in);
}
