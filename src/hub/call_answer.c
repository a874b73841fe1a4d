/* call_answer.c - what came back, and what follows from it: the machine is fed, the attempt repeated, or the call
 * ended. */
#include "hub/call_internal.h"

#include "hub/call_reply.h"
#include "hub/hide.h"
#include <stdio.h>
#include <stdlib.h>

#define BACKOFF_MAX SECONDS(60)

static void call_decide(struct call *c, const struct err *transport);

/* --- what an attempt tells everybody --- */

static void call_count(struct call *c, usec_t took)
{
    const struct call_metrics *m = c->env->metrics;
    const char *provider = call_provider(c)->key;

    metric_with(m->calls, METRIC_L(provider, c->mc.what, reply_status_class(c->status)))->value++;
    histogram_observe(histogram_with(m->duration, METRIC_L(provider)), (double)took / (double)USEC_PER_S);
    if (c->class == REPLY_THROTTLED) {
        c->env->counts.throttled++;
        metric_with(m->throttled, METRIC_L(provider))->value++;
    }
}

static bool call_may_repeat(const struct call *c)
{
    if (c->attempts >= (unsigned)call_options(c)->call_attempts)
        return false;
    return c->mc.repeatable || c->status == 429; /* 429: refused before it was carried out */
}

static void call_report_circuit(struct call *c, const struct err *transport)
{
    bool silent = transport && c->status == 0 && c->class == REPLY_UNAVAILABLE;

    if (silent && !c->probing && call_may_repeat(c))
        return; /* one failure a call, not one an attempt */
    if (transport && c->status == 0 && !silent)
        return; /* ours, not the origin's: call_end abandons the probe */
    c->probing = false;
    circuit_report(c->env->circuit, silent ? transport : NULL);
}

/* --- the answer --- */

static void call_let_go(struct call *c)
{
    if (!c->exchange)
        return;
    c->exchange->call = NULL;
    c->exchange = NULL;
    budget_return(c->env->budget);
}

/* We know enough: the rest of the answer is not read. */
void call_cut(struct call *c)
{
    struct ref r = c->http;

    call_let_go(c);
    http_call_cancel(c->env->hub->client, r);
}

static enum reply_class call_classify(const struct call *c)
{
    const struct provider *p = call_provider(c);
    struct machine_reply r = call_reply(c, NULL);

    return p->classify ? p->classify(&c->mc, &r, c->first) : reply_classify(&c->mc, &r, c->first);
}

static const char *rate_header(const struct http_reply_head *h, const char *name)
{
    static const char *const families[] = {"RateLimit-", "X-RateLimit-", "X-Rate-Limit-"};
    char full[40];

    for (size_t i = 0; i < ARRAY_LEN(families); i++) {
        snprintf(full, sizeof(full), "%s%s", families[i], name);
        const char *v = http_reply_head_get(h, full);
        if (v)
            return v;
    }
    return NULL;
}

/* What it says is left is not overdrawn by anybody who shares the budget. */
static void call_take_rate(struct call *c, const struct http_reply_head *h)
{
    const struct rate_headers headers = {.combined = http_reply_head_get(h, "RateLimit"),
                                         .limit = rate_header(h, "Limit"),
                                         .remaining = rate_header(h, "Remaining"),
                                         .reset = rate_header(h, "Reset")};
    struct rate_hint hint;

    if (reply_parse_rate(&headers, c->date, loop_wall(c->env->hub->loop), &hint))
        budget_told(c->env->budget, &hint);
}

void call_on_head(void *arg, const struct http_reply_head *h)
{
    struct exchange *x = arg;
    struct call *c = x->call;
    const char *v;

    if (!c)
        return;
    c->status = h->status;
    c->body = h->status / 100 == 2 ? BODY_UNSEEN : BODY_ERROR;
    if ((v = http_reply_head_get(h, "Content-Type")))
        str_adds(&c->content_type, v);
    if ((v = http_reply_head_get(h, "Location"))) /* what follows may hold anything, and helps nobody */
        str_add(&c->location, slice_of(v, strcspn(v, "?#")));
    if ((v = http_reply_head_get(h, "Date")))
        (void)reply_parse_date(v, &c->date);
    if (c->date != USEC_NONE)
        c->env->counts.skew = c->date - loop_wall(c->env->hub->loop);
    c->retry_after =
        reply_parse_retry_after(http_reply_head_get(h, "Retry-After"), c->date, loop_wall(c->env->hub->loop));
    call_take_rate(c, h);
}

static struct slice skip_blanks(struct slice s)
{
    while (s.n && (*s.p == ' ' || *s.p == '\t' || *s.p == '\r' || *s.p == '\n')) {
        s.p++;
        s.n--;
    }
    return s;
}

static void call_collect(struct call *c, struct slice piece)
{
    size_t room = CALL_ERROR_BODY - c->error_body.n;

    str_add(&c->error_body, slice_of(piece.p, MIN(piece.n, room)));
    if (piece.n < room)
        return;
    call_cut(c);
    call_decide(c, NULL);
}

static void call_feed(struct call *c, struct slice piece)
{
    struct call_env *env = c->env;
    usec_t took = loop_now(env->hub->loop) - c->opened;
    struct err e;

    if (!c->fed_before && env->ops->on_head) {
        struct machine_reply head = call_reply(c, NULL);
        env->ops->on_head(env->machine, c->mc.id, &head);
    }
    c->fed_before = true;
    if (env->ops->on_body(env->machine, c->mc.id, piece) || c->state != CALL_OPEN)
        return;
    call_cut(c);
    c->class = REPLY_FAILED;
    c->env->counts.unknown += !c->mc.repeatable;
    call_count(c, took);
    call_report_circuit(c, NULL);
    err_set(&e, ERR_PROTOCOL, "%s: the answer is not what the product's contract says", c->mc.what);
    call_log_failed(c, took, &e);
    call_end(c, &e);
}

void call_on_body(void *arg, struct slice piece)
{
    struct exchange *x = arg;
    struct call *c = x->call;

    if (!c)
        return;
    c->env->counts.bytes += piece.n;
    if (!c->first) {
        piece = skip_blanks(piece);
        if (!piece.n)
            return;
        c->first = *piece.p;
        if (c->body == BODY_UNSEEN)
            c->body = (c->class = call_classify(c)) == REPLY_OK ? BODY_FED : BODY_ERROR;
    }
    if (c->body == BODY_FED)
        call_feed(c, piece);
    else
        call_collect(c, piece);
}

void call_on_end(void *arg, const struct err *err)
{
    struct exchange *x = arg;
    struct call *c = x->call;

    free(x);
    if (!c)
        return;
    c->exchange = NULL;
    budget_return(c->env->budget);
    /* A status that is an error decides, whether its body came whole or not. */
    call_decide(c, c->status && c->body == BODY_ERROR ? NULL : err);
}

/* What we sent as a secret, and a product may repeat. */
static void hide_header(struct str *text, struct slice value)
{
    struct slice credential = value;

    hide_secret(text, value);
    (void)slice_cut(&credential, ' '); /* "Basic …" */
    hide_secret(text, credential);
}

static void hide_in(const struct call *c, struct str *text)
{
    const struct provider *p = call_provider(c);
    struct slice lines = str_slice(&c->credential);

    for (size_t i = 0; i < p->nfields; i++)
        if (p->fields[i].kind == FIELD_INPUT_SECRET)
            hide_secret(text, settings_text(c->env->it->settings, p->fields[i].key));
    const struct machine_input *in = c->env->input;
    hide_secret(text, in->refresh_token);
    if (in->connect) {
        hide_secret(text, in->connect->code);
        hide_secret(text, in->connect->code_verifier);
    }
    if (in->webhook)
        hide_secret(text, in->webhook->secret);
    if (c->token)
        hide_secret(text, secret_text(c->token->access));
    while (lines.n)
        hide_header(text, slice_cut(&lines, '\n'));
    for (size_t i = 0; i < MACHINE_MAX_HEADERS && c->mc.headers[i].name; i++) /* a sign-in's own */
        if (strcmp(c->mc.headers[i].name, "Authorization") == 0)
            hide_header(text, slice_cstr(c->mc.headers[i].value));
}

static void call_hide_secrets(struct call *c)
{
    hide_in(c, &c->error_body);
    hide_in(c, &c->location);
    hide_in(c, &c->content_type);
}

/* --- what follows from it --- */

/* Half to all of the step, so that calls which failed together do not come back together. */
static usec_t call_backoff(const struct call *c)
{
    usec_t step = call_options(c)->call_backoff, most = MIN(BACKOFF_MAX, call_options(c)->call_max_wait);
    uint32_t dice;

    for (unsigned i = 1; i < c->attempts && step < most; i++)
        step *= 2;
    step = MIN(step, most);
    crypto_random(&dice, sizeof(dice));
    return step / 2 + (usec_t)dice % (step / 2 + 1);
}

static void on_backoff(void *arg)
{
    call_begin(arg);
}

static void call_again(struct call *c, const char *reason)
{
    struct call_env *env = c->env;

    env->counts.retries++;
    metric_with(env->metrics->retries, METRIC_L(call_provider(c)->key, reason))->value++;
    if (c->fed_before) {
        c->fed_before = false;
        env->ops->on_again(env->machine, c->mc.id);
    }
}

/* Sent, not repeatable, and no answer that says whether it was carried out. */
static bool call_outcome_unknown(const struct call *c)
{
    return !c->mc.repeatable && (c->class == REPLY_UNAVAILABLE || (c->class == REPLY_THROTTLED && c->status != 429));
}

/* The client says AUTH when it does not trust the server's certificate. To who reads the outcome of a call, AUTH says
 * that the product refuses our credential; a grant would be given up for a broken certificate. */
static enum err_code call_transport_code(const struct err *transport)
{
    return transport->code == ERR_AUTH ? ERR_UNAVAILABLE : transport->code;
}

static void call_explain_unknown(const struct call *c, const struct err *transport, struct err *e)
{
    char status[32];

    snprintf(status, sizeof(status), "status %d", c->status);
    err_set(e, transport ? call_transport_code(transport) : ERR_UNAVAILABLE,
            "%s: sent to %s, but it is not known whether it was carried out (%s): look there before it is tried again",
            c->mc.what, c->env->it->base_url, transport ? transport->what : status);
}

static void call_explain_transport(const struct call *c, const struct err *transport, struct err *e)
{
    err_set(e, call_transport_code(transport), "%s: no whole answer from %s after %u attempt%s: %s", c->mc.what,
            c->env->it->base_url, c->attempts, c->attempts == 1 ? "" : "s", transport->what);
}

/* The last attempt is over and was no success. */
static void call_finish(struct call *c, const struct err *transport, usec_t took)
{
    struct machine_reply r = call_reply(c, transport);
    struct err e = {0};
    bool explained = true;

    /* A page with status 200 tells as little, whatever it says. */
    c->env->counts.unknown += call_outcome_unknown(c) || (!c->mc.repeatable && c->status / 100 == 2);
    if (call_outcome_unknown(c))
        call_explain_unknown(c, transport, &e);
    else if (transport)
        call_explain_transport(c, transport, &e);
    else
        explained = reply_explain(&c->mc, &r, c->location.p ? c->location.p : "", c->first, &e);
    if (explained && c->class == REPLY_THROTTLED && c->mc.repeatable)
        e.code = ERR_THROTTLED;
    call_log_failed(c, took, &e);
    call_end(c, explained ? &e : NULL);
}

static void call_wait_too_long(struct call *c, usec_t took)
{
    struct err e;

    err_set(&e, ERR_THROTTLED, "%s: answered %d and asked to wait %lld s, longer than call_max_wait (%lld s)",
            c->mc.what, c->status, (long long)(c->retry_after / USEC_PER_S),
            (long long)(call_options(c)->call_max_wait / USEC_PER_S));
    call_log_failed(c, took, &e);
    call_end(c, &e);
}

/* THROTTLED or UNAVAILABLE. */
static void call_retry(struct call *c, const struct err *transport, usec_t took)
{
    const char *reason = transport && c->status ? "cut" : c->class == REPLY_THROTTLED ? "throttled" : "unavailable";
    usec_t wait = call_backoff(c);

    if (c->class == REPLY_THROTTLED)
        budget_throttled(c->env->budget, c->opened);
    if (c->retry_after != USEC_NONE)
        wait = MAX(c->retry_after, call_options(c)->call_backoff);
    if (c->retry_after != USEC_NONE || c->class == REPLY_THROTTLED)
        budget_pause(c->env->budget, wait);
    if (!call_may_repeat(c)) {
        call_finish(c, transport, took);
        return;
    }
    if (c->retry_after != USEC_NONE && wait > call_options(c)->call_max_wait) {
        call_wait_too_long(c, took);
        return;
    }
    log_debug(call_log(c), "provider.call.retry", F_STR("integration", c->env->it->key), F_STR("call", c->mc.what),
              F_STR("reason", reason), F_I64("status", c->status), F_I64("attempts", c->attempts), F_USEC("took", took),
              F_USEC("wait", wait), F_STR("error", transport ? transport->what : ""));
    call_enter(c, CALL_BACKOFF);
    timer_set(&c->timer, c->env->hub->loop, wait, on_backoff, c);
    call_again(c, reason);
}

static void call_decide(struct call *c, const struct err *transport)
{
    usec_t took = loop_now(c->env->hub->loop) - c->opened;

    call_hide_secrets(c);
    struct machine_reply r = call_reply(c, transport);

    if (transport)
        c->class = reply_classify(&c->mc, &r, c->first);
    else if (c->body != BODY_FED && !(c->status / 100 == 2 && c->body == BODY_ERROR))
        c->class = call_classify(c); /* now with the body; a refused 2xx was classified by its first byte */
    call_count(c, took);
    call_report_circuit(c, transport);
    switch (c->class) {
    case REPLY_OK:
        c->env->counts.acted += !c->mc.repeatable;
        budget_succeeded(c->env->budget);
        log_debug(call_log(c), "provider.call.done", F_STR("integration", c->env->it->key), F_STR("call", c->mc.what),
                  F_I64("status", c->status), F_USEC("took", took));
        call_end(c, NULL);
        break;
    case REPLY_THROTTLED:
    case REPLY_UNAVAILABLE:
        call_retry(c, transport, took);
        break;
    case REPLY_AUTH:
        if (c->token && !c->renewed) {
            c->renewed = c->refused = true;
            call_again(c, "auth");
            call_begin(c);
            break;
        }
        call_finish(c, transport, took);
        break;
    case REPLY_FAILED:
        call_finish(c, transport, took);
        break;
    }
}
