/* hub/ticket.c - see ticket.h.
 * States of a push: LOOKUP (the integration) -> ACT (the product's action) -> TELL (what came of it, to the database) -> gone. */
#include "hub/ticket.h"

#include "base/mem.h"
#include "hub/action.h"

#include <stdlib.h>

#define AT_ONCE    8
#define LEASE      SECONDS(900) /* longer than any action may take */
#define POLL_EVERY SECONDS(5)   /* what another process has written down, what is due again */

static const struct {
    const char *kind, *action;
} actions[] = {{"create", "create_ticket"}, {"comment", "comment_ticket"}, {"status", "set_ticket_status"}};

struct push {
    struct ticket_desk *desk;
    int64_t tenant_id, push_id, ticket_id, integration_id;
    const char *action;
    struct str external_id, args;
    struct err refused; /* why the arguments cannot be used */
    TAILQ_ENTRY(push) link;
};

struct ticket_desk {
    struct hub *hub;
    struct timer poll;
    struct deferred soon;
    bool started, polling, again;
    unsigned claim_stmt, nrunning;
    TAILQ_HEAD(, push) running;
    struct metric_family *outcomes;
};

static void poll_now(void *arg);

static void wake(struct ticket_desk *d)
{
    if (d->started)
        loop_defer(d->hub->loop, &d->soon, poll_now, d);
}

bool ticket_possible(const struct provider *p)
{
    return p && action_find(p, SLICE("create_ticket")) != NULL;
}

/* --- one push --- */

static void push_free(struct push *p)
{
    TAILQ_REMOVE(&p->desk->running, p, link);
    p->desk->nrunning--;
    str_release(&p->external_id);
    str_release(&p->args);
    free(p);
}

static void on_told(void *arg, const struct pg_reply *r)
{
    struct push *p = arg;
    struct ticket_desk *d = p->desk;
    const struct err *e = pg_reply_err(r);
    if (e && e->code != ERR_CANCELED) /* it comes due again, and is found by its marker */
        log_warn(d->hub->log, "ticket.push.not_told", F_I64("ticket", p->ticket_id), F_ERR(e));
    push_free(p);
    if (!e)
        wake(d); /* the ticket's next one */
}

/* e NULL: done. `id`: the product's, of what was made. */
static void push_tell(struct push *p, struct slice id, const struct err *e, bool again)
{
    struct ticket_desk *d = p->desk;
    struct pg_seg *s = pg_seg_new(d->hub->db, p->tenant_id);
    metric_with(d->outcomes, METRIC_L(p->action, !e ? "done" : again ? "later" : "refused"))->value++;
    if (e)
        log_info(d->hub->log, "ticket.push.failed", F_I64("tenant", p->tenant_id), F_I64("ticket", p->ticket_id),
                 F_STR("action", p->action), F_BOOL("again", again), F_ERR(e));
    if (e)
        ticket_add_failed(s, p->tenant_id, p->push_id, e->what, again);
    else
        ticket_add_done(s, p->tenant_id, p->push_id, id);
    pg_submit(s, on_told, p);
}

/* What will not be otherwise tomorrow. A credential or a permission may be mended. */
static bool is_final(const struct err *e)
{
    return e->code == ERR_INPUT || e->code == ERR_NOT_FOUND || e->code == ERR_CONFIG;
}

static void on_acted(void *arg, const struct action_answer *answer, bool unknown, const struct err *e)
{
    struct push *p = arg;
    if (e && e->code == ERR_CANCELED) {
        push_free(p); /* the hub shuts down: the lease ends, and it is tried again */
        return;
    }
    _cleanup_(arena_freep) struct arena *a = arena_new();
    struct json *said = NULL;
    struct err unread;
    if (!e && !json_parse(a, answer->json, &said, &unread))
        said = NULL;
    push_tell(p, said ? json_get_text(said, "id") : SLICE_NONE, e, e && (unknown || !is_final(e)));
}

static void on_fault(void *arg, const char *pointer, const char *detail)
{
    struct push *p = arg;
    if (p->refused.code == ERR_NONE)
        err_set(&p->refused, ERR_INPUT, "%s: %s", pointer, detail);
}

static void push_act(struct push *p, struct integration *it)
{
    _cleanup_(arena_freep) struct arena *a = arena_new();
    const struct provider_action *action = it->provider ? action_find(it->provider, slice_cstr(p->action)) : NULL;
    struct json *given = NULL;
    struct settings *args = NULL;
    if (!action)
        err_set(&p->refused, ERR_INPUT, "%s has no action %s", it->key, p->action);
    else if (json_parse(a, str_slice(&p->args), &given, &p->refused))
        args = action_args(action, given, on_fault, p);
    if (!args) {
        push_tell(p, SLICE_NONE, &p->refused, false);
        return;
    }
    const struct action_ask ask = {
        .integration = it, .action = action, .args = args, .target_id = str_slice(&p->external_id), .fresh = true};
    action_start(p->desk->hub, &ask, on_acted, p);
}

static void on_integration(void *arg, struct integration *it, const struct err *e)
{
    struct push *p = arg;
    struct err off;
    if (e && e->code == ERR_CANCELED) {
        push_free(p);
        return;
    }
    if (it && !it->enabled) {
        err_set(&off, ERR_UNAVAILABLE, "the integration is switched off");
        e = &off;
    }
    if (e)
        push_tell(p, SLICE_NONE, e, e->code != ERR_NOT_FOUND);
    else
        push_act(p, it);
}

static void push_start(struct ticket_desk *d, const struct ticket_push *in)
{
    struct push *p = NEW(struct push);
    p->desk = d;
    p->tenant_id = in->tenant_id;
    p->push_id = in->push_id;
    p->ticket_id = in->ticket_id;
    p->integration_id = in->integration_id;
    for (size_t i = 0; i < ARRAY_LEN(actions); i++)
        if (slice_is(in->kind, actions[i].kind))
            p->action = actions[i].action;
    str_add(&p->external_id, in->external_id);
    str_add(&p->args, in->args);
    TAILQ_INSERT_TAIL(&d->running, p, link);
    d->nrunning++;
    integrations_get(d->hub->integrations, p->tenant_id, p->integration_id, on_integration, p);
}

/* --- taking them --- */

static void on_polled(void *arg, const struct pg_reply *r)
{
    struct ticket_desk *d = arg;
    struct ticket_push push;
    d->polling = false;
    if (pg_reply_err(r)) {
        if (pg_reply_err(r)->code == ERR_CANCELED)
            return;
        log_warn(d->hub->log, "ticket.poll.failed", F_ERR(pg_reply_err(r)));
    } else {
        for (size_t i = 0; i < pg_nrows(r, d->claim_stmt); i++) {
            ticket_read_push(r, d->claim_stmt, i, &push);
            push_start(d, &push);
        }
    }
    if (d->started)
        timer_set(&d->poll, d->hub->loop, POLL_EVERY, poll_now, d);
    if (d->again)
        wake(d);
}

static void poll_now(void *arg)
{
    struct ticket_desk *d = arg;
    d->again = d->polling;
    if (d->polling || !d->started)
        return;
    if (d->nrunning >= AT_ONCE) { /* the end of one wakes */
        timer_set(&d->poll, d->hub->loop, POLL_EVERY, poll_now, d);
        return;
    }
    d->polling = true;
    struct pg_seg *s = pg_seg_new(d->hub->db, PG_ALL_TENANTS);
    d->claim_stmt = ticket_add_claim(s, AT_ONCE - d->nrunning, LEASE);
    pg_submit(s, on_polled, d);
}

/* --- wishes --- */

struct wish {
    struct ticket_desk *desk;
    row_cb *cb;
    void *arg;
};

static void on_wished(void *arg, const struct row *row, const struct err *e)
{
    struct wish w = *(struct wish *)arg;
    free(arg);
    if (!e && w.desk)
        wake(w.desk);
    w.cb(w.arg, row, e);
}

static struct wish *wish_new(struct hub *h, row_cb *cb, void *arg)
{
    struct wish *w = NEW(struct wish);
    *w = (struct wish){h->tickets, cb, arg};
    return w;
}

void ticket_create(struct hub *h, const struct ticket_wish *w, row_cb *cb, void *arg)
{
    ticket_wish_create(h->db, w, on_wished, wish_new(h, cb, arg));
}

void ticket_comment(struct hub *h, int64_t ticket_id, const struct ticket_wish *w, row_cb *cb, void *arg)
{
    ticket_wish_comment(h->db, ticket_id, w, on_wished, wish_new(h, cb, arg));
}

void ticket_set_status(struct hub *h, const struct audit_actor *by, int64_t tenant_id, int64_t ticket_id,
                       struct slice status, row_cb *cb, void *arg)
{
    ticket_wish_status(h->db, by, tenant_id, ticket_id, status, on_wished, wish_new(h, cb, arg));
}

void ticket_try_again(struct hub *h, int64_t tenant_id, int64_t ticket_id, row_cb *cb, void *arg)
{
    ticket_retry(h->db, tenant_id, ticket_id, on_wished, wish_new(h, cb, arg));
}

/* --- life --- */

struct ticket_desk *ticket_desk_new(struct hub *h)
{
    struct ticket_desk *d = NEW(struct ticket_desk);
    d->hub = h;
    TAILQ_INIT(&d->running);
    d->outcomes = metric_family(h->metrics, METRIC_COUNTER, "msphub_ticket_pushes_total",
                                "Tickets, comments and statuses told to products, by what came of them.",
                                "action,outcome", NULL, 0);
    return d;
}

void ticket_desk_start(struct ticket_desk *d)
{
    d->started = true;
    wake(d);
}

void ticket_desk_stop(struct ticket_desk *d)
{
    d->started = false;
    timer_cancel(&d->poll);
    loop_undefer(d->hub->loop, &d->soon);
}

void ticket_desk_free(struct ticket_desk *d)
{
    struct push *p;
    if (!d)
        return;
    ticket_desk_stop(d);
    while ((p = TAILQ_FIRST(&d->running)))
        push_free(p);
    free(d);
}
