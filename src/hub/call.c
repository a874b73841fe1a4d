/* call.c - see call.h. The states, and an attempt up to its sending; what comes back is in call_answer.c. */
#include "hub/call_internal.h"

#include "base/mem.h"
#include <assert.h>
#include <stdlib.h>

#define MAX_HEADERS_ (MACHINE_MAX_HEADERS + 4)

static const struct {
    const char *name;
    unsigned to;
} call_states[CALL_NSTATES_] = {
    [CALL_NEW] = {"new", BIT(CALL_TOKEN) | BIT(CALL_CIRCUIT) | BIT(CALL_ENDING) | BIT(CALL_ENDED)},
    [CALL_TOKEN] = {"token", BIT(CALL_CIRCUIT) | BIT(CALL_ENDING) | BIT(CALL_ENDED)},
    [CALL_CIRCUIT] = {"circuit", BIT(CALL_BUDGET) | BIT(CALL_ENDING) | BIT(CALL_ENDED)},
    [CALL_BUDGET] = {"budget", BIT(CALL_OPEN) | BIT(CALL_HELD) | BIT(CALL_TOKEN) | BIT(CALL_ENDING) | BIT(CALL_ENDED)},
    [CALL_HELD] = {"held", BIT(CALL_TOKEN) | BIT(CALL_CIRCUIT) | BIT(CALL_ENDED)},
    [CALL_OPEN] = {"open", BIT(CALL_TOKEN) | BIT(CALL_BACKOFF) | BIT(CALL_ENDING) | BIT(CALL_ENDED)},
    [CALL_BACKOFF] = {"backoff", BIT(CALL_TOKEN) | BIT(CALL_CIRCUIT) | BIT(CALL_ENDED)},
    [CALL_ENDING] = {"ending", BIT(CALL_ENDED)},
    [CALL_ENDED] = {"ended", 0},
};

void call_metrics_init(struct call_metrics *cm, struct metrics *m)
{
    cm->calls = metric_family(m, METRIC_COUNTER, "msphub_provider_calls_total", "Calls sent to products, each attempt",
                              "provider,call,status_class", NULL, 0);
    cm->duration = metric_family(m, METRIC_HISTOGRAM, "msphub_provider_call_duration_seconds",
                                 "From sending a call to the end of its answer", "provider", METRICS_LATENCY);
    cm->retries = metric_family(m, METRIC_COUNTER, "msphub_provider_retries_total", "Calls sent again",
                                "provider,reason", NULL, 0);
    cm->throttled = metric_family(m, METRIC_COUNTER, "msphub_provider_throttled_total",
                                  "Answers by which a product asked to slow down", "provider", NULL, 0);
}

void call_enter(struct call *c, enum call_state to)
{
    assert(call_states[c->state].to & BIT(to));
    log_debug(call_log(c), "provider.call.state", F_STR("call", c->mc.what), F_I64("id", c->mc.id),
              F_STR("from", call_states[c->state].name), F_STR("to", call_states[to].name));
    c->state = to;
}

static void call_clear_attempt(struct call *c)
{
    c->body = BODY_UNSEEN;
    c->class = REPLY_FAILED;
    c->first = 0;
    c->status = 0;
    c->date = c->retry_after = USEC_NONE;
    str_clear(&c->content_type);
    str_clear(&c->location);
    str_clear(&c->error_body);
}

/* --- the end --- */

struct machine_reply call_reply(const struct call *c, const struct err *e)
{
    return (struct machine_reply){
        .status = c->status,
        .err = e,
        .content_type = c->content_type.p ? c->content_type.p : "",
        .error_body = str_slice(&c->error_body),
        .date = c->date,
        .retry_after = c->retry_after,
    };
}

static void call_deliver(void *arg)
{
    struct call *c = arg;
    struct call_env *env = c->env;
    struct machine_reply r = call_reply(c, c->failed ? &c->err : NULL);

    call_enter(c, CALL_ENDED);
    env->ops->on_end(env->machine, c->mc.id, &r);
    env->on_ended(env, c);
}

/* Others wait for what the probe finds: it must not keep them waiting for anything else. */
static void give_up_probe(struct call *c)
{
    if (!c->probing)
        return;
    c->probing = false;
    circuit_abandon(c->env->circuit);
}

void call_log_failed(const struct call *c, usec_t took, const struct err *e)
{
    log_info(call_log(c), "provider.call.failed", F_STR("integration", c->env->it->key), F_STR("call", c->mc.what),
             F_I64("status", c->status), F_I64("attempts", c->attempts), F_USEC("took", took), F_ERR(e));
}

/* e == NULL: the answer speaks for itself. */
void call_end(struct call *c, const struct err *e)
{
    give_up_probe(c);
    c->failed = e != NULL;
    if (e)
        c->err = *e;
    call_enter(c, CALL_ENDING);
    loop_defer(c->env->hub->loop, &c->ending, call_deliver, c);
}

/* It could not be sent (again). */
static void call_fail(struct call *c, const struct err *why)
{
    struct err e = *why;

    call_clear_attempt(c);
    err_wrap(&e, "%s", c->mc.what);
    call_log_failed(c, 0, &e);
    call_end(c, &e);
}

/* --- an attempt, step by step --- */

static enum http_method method_of(const char *name)
{
    static const enum http_method all[] = {HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_PUT, HTTP_PATCH, HTTP_DELETE};

    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        if (strcmp(http_method_name(all[i]), name) == 0)
            return all[i];
    return 0;
}

static size_t call_headers(const struct call_env *env, const struct machine_call *mc,
                           struct http_header v[MAX_HEADERS_])
{
    size_t n = 0;

    v[n++] = (struct http_header){"Accept", "application/json"};
    v[n++] = (struct http_header){"User-Agent", "msphub"};
    if (*env->traceparent)
        v[n++] = (struct http_header){"traceparent", env->traceparent};
    if (mc->content_type)
        v[n++] = (struct http_header){"Content-Type", mc->content_type};
    for (size_t i = 0; i < MACHINE_MAX_HEADERS && mc->headers[i].name; i++)
        v[n++] = (struct http_header){mc->headers[i].name, mc->headers[i].value};
    return n;
}

/* The headers that authorize has added. */
static void call_note_credential(struct call *c, const struct machine_call *mc)
{
    crypto_wipe(c->credential.p, c->credential.cap);
    str_clear(&c->credential);
    for (size_t i = 0; i < MACHINE_MAX_HEADERS && mc->headers[i].name; i++)
        if (!c->mc.headers[i].name)
            str_addf(&c->credential, "%s\n", mc->headers[i].value);
}

static void call_send(struct call *c)
{
    struct call_env *env = c->env;
    const struct provider *p = call_provider(c);
    _cleanup_(arena_freep) struct arena *a = arena_new();
    struct machine_call mc = c->mc;
    struct http_header headers[MAX_HEADERS_];
    size_t nheaders;

    call_clear_attempt(c);
    c->attempts++;
    c->asked = false;
    env->counts.calls++;
    if (!mc.anonymous && p->authorize) {
        p->authorize(env->it->settings, c->token ? secret_text(c->token->access) : SLICE_NONE, a, &mc);
        call_note_credential(c, &mc);
    }
    nheaders = call_headers(env, &mc, headers);
    const char *root = mc.path[0] == '/' ? "" : "/"; /* else it would go on with the host's name */
    c->opened = loop_now(env->hub->loop);
    c->exchange = NEW(struct exchange);
    c->exchange->call = c;
    c->http = http_call_start(env->hub->client, &(struct http_call){
                                                    .method = method_of(mc.method),
                                                    .url = arena_printf(a, "%s%s%s", env->it->base_url, root, mc.path),
                                                    .headers = headers,
                                                    .nheaders = nheaders,
                                                    .body = mc.body,
                                                    .timeout = call_options(c)->call_timeout,
                                                    .max_body = (size_t)call_options(c)->call_max_body,
                                                    .idempotent = mc.repeatable,
                                                    .on_head = call_on_head,
                                                    .on_body = call_on_body,
                                                    .on_end = call_on_end,
                                                    .arg = c->exchange,
                                                });
}

static void call_hold(struct call *c)
{
    give_up_probe(c);
    call_enter(c, CALL_HELD);
}

static void on_granted(void *arg, const struct err *e)
{
    struct call *c = arg;
    struct call_env *env = c->env;
    struct token *now = NULL;

    if (e) {
        call_fail(c, e);
        return;
    }
    if (env->paused) {
        budget_return(env->budget);
        call_hold(c);
        return;
    }
    if (env->tokens && !c->mc.anonymous) {
        now = token_now(env->tokens);
        if (!now && !c->asked) { /* it has expired while we stood in line */
            budget_return(env->budget);
            give_up_probe(c);
            call_begin(c);
            return;
        }
        if (now) {
            token_unref(c->token);
            c->token = now;
        }
    }
    call_enter(c, CALL_OPEN);
    call_send(c);
}

static void on_verdict(void *arg, enum circuit_verdict v, const struct err *e)
{
    struct call *c = arg;

    if (v == CIRCUIT_REFUSED) {
        call_fail(c, e);
        return;
    }
    c->probing = v == CIRCUIT_PROBE;
    call_enter(c, CALL_BUDGET);
    const struct budget_asker who = {
        .tenant_id = c->env->it->tenant_id, .integration_id = c->env->it->id, .person = c->env->urgent};
    budget_ask(c->env->budget, &c->budget_wait, &who, on_granted, c);
}

static void call_ask_circuit(struct call *c)
{
    call_enter(c, CALL_CIRCUIT);
    circuit_ask(c->env->circuit, &c->circuit_wait, on_verdict, c);
}

static void on_token(void *arg, struct token *t, const struct err *e)
{
    struct call *c = arg;

    if (e) {
        call_fail(c, e);
        return;
    }
    token_unref(c->token);
    c->token = token_ref(t);
    c->refused = false;
    call_ask_circuit(c);
}

void call_begin(struct call *c)
{
    struct token_source *s = c->mc.anonymous ? NULL : c->env->tokens;
    struct token *t = s && !c->refused ? token_now(s) : NULL;

    if (s && !t) {
        call_enter(c, CALL_TOKEN);
        c->asked = true;
        token_ask(s, c->refused ? c->token : NULL, &c->token_wait, on_token, c);
        return;
    }
    token_unref(c->token);
    c->token = t;
    if (c->state == CALL_OPEN || c->state == CALL_BUDGET)
        call_enter(c, CALL_TOKEN);
    call_ask_circuit(c);
}

/* --- for the job --- */

struct call *call_start(struct call_env *env, const struct machine_call *mc)
{
    struct call *c = NEW(struct call);
    struct err e;

    c->env = env;
    c->mc = *mc;
    call_clear_attempt(c);
    if (!mc->path || mc->path[0] != '/' || !method_of(mc->method)) {
        err_set(&e, ERR_INTERNAL, "the provider asks for a call that cannot be made: %s %s", mc->method,
                mc->path ? mc->path : "no path");
        call_fail(c, &e);
    } else {
        call_begin(c);
    }
    return c;
}

void call_pause(struct call *c)
{
    if (c->state == CALL_OPEN)
        http_call_pause(c->env->hub->client, c->http);
}

void call_resume(struct call *c)
{
    if (c->state == CALL_OPEN)
        http_call_resume(c->env->hub->client, c->http);
    else if (c->state == CALL_HELD)
        call_begin(c);
}

void call_drop(struct call *c)
{
    token_leave(&c->token_wait);
    circuit_leave(&c->circuit_wait);
    budget_leave(&c->budget_wait);
    timer_cancel(&c->timer);
    loop_undefer(c->env->hub->loop, &c->ending);
    if (c->exchange) {
        c->env->counts.unknown += !c->mc.repeatable;
        call_cut(c);
    }
    give_up_probe(c);
    if (c->state != CALL_ENDED)
        call_enter(c, CALL_ENDED);
}

void call_free(struct call *c)
{
    if (!c)
        return;
    call_drop(c);
    token_unref(c->token);
    str_release(&c->content_type);
    str_release(&c->location);
    str_release(&c->error_body);
    crypto_wipe(c->credential.p, c->credential.cap);
    str_release(&c->credential);
    free(c);
}
