/* engine.c - see engine.h. What one call goes through is in call.c; this file drives the machine that asks for them.
 * Why deferred: a machine may be entered only when nothing else of it is on the stack; so whoever wants it to go on
 * queues a step, and
 *         the step alone asks it for calls, ends the job and frees it. */
#include "hub/engine.h"

#include "base/mem.h"
#include "hub/call.h"
#include <assert.h>
#include <stdlib.h>

enum job_state { JOB_START, JOB_TOKEN, JOB_RUN, JOB_CANCEL, JOB_DONE, JOB_NSTATES_ };
static const struct {
    const char *name;
    unsigned to;
} job_states[JOB_NSTATES_] = {
    [JOB_START] = {"start", BIT(JOB_TOKEN) | BIT(JOB_RUN) | BIT(JOB_CANCEL) | BIT(JOB_DONE)},
    [JOB_TOKEN] = {"token", BIT(JOB_RUN) | BIT(JOB_CANCEL) | BIT(JOB_DONE)},
    [JOB_RUN] = {"run", BIT(JOB_CANCEL) | BIT(JOB_DONE)},
    [JOB_CANCEL] = {"cancel", BIT(JOB_DONE)},
    [JOB_DONE] = {"done", 0},
};

struct job {
    struct engine *engine;
    struct ref ref;
    enum job_state state;
    struct call_env env;
    struct sink sink;
    struct machine_input input; /* its texts are the four below and the secret */
    struct str cursor, checkpoint, device_id, target_id;
    struct secret *refresh_token;
    void (*on_done)(void *arg, const struct engine_counts *counts, const struct err *err);
    void *arg;
    struct token_wait token_wait;
    struct deferred step;
    struct call **calls; /* open ones */
    unsigned ncalls, max;
    TAILQ_ENTRY(job) link;
};

struct engine {
    struct hub *hub;
    struct budgets *budgets;
    struct circuits *circuits;
    struct tokens *tokens;
    struct call_metrics metrics;
    struct ref_table *refs;
    TAILQ_HEAD(, job) jobs;
};

static void engine_enter(struct job *j, enum job_state to)
{
    assert(job_states[j->state].to & BIT(to));
    log_debug(j->engine->hub->log, "engine.state", F_STR("integration", j->env.it->key),
              F_STR("machine", j->env.ops->name), F_STR("from", job_states[j->state].name),
              F_STR("to", job_states[to].name));
    j->state = to;
}

static void job_step(void *arg);

static void job_wake(struct job *j)
{
    loop_defer(j->engine->hub->loop, &j->step, job_step, j);
}

/* Everything that could still call back lets go. The calls are freed later: one of them may be on the stack. */
static void job_let_go(struct job *j)
{
    token_leave(&j->token_wait);
    for (unsigned i = 0; i < j->ncalls; i++)
        call_drop(j->calls[i]);
}

static void job_free(struct job *j)
{
    job_let_go(j);
    loop_undefer(j->engine->hub->loop, &j->step);
    for (unsigned i = 0; i < j->ncalls; i++)
        call_free(j->calls[i]);
    if (j->env.machine)
        j->env.ops->free(j->env.machine);
    token_source_put(j->env.tokens);
    budget_put(j->env.budget);
    circuit_put(j->env.circuit);
    secret_free(j->refresh_token);
    str_release(&j->cursor);
    str_release(&j->checkpoint);
    str_release(&j->device_id);
    str_release(&j->target_id);
    ref_drop(j->engine->refs, j->ref);
    TAILQ_REMOVE(&j->engine->jobs, j, link);
    integration_unref(j->env.it);
    free(j->calls);
    free(j);
}

/* e == NULL: it succeeded. */
static void job_finish(struct job *j, const struct err *e)
{
    void (*on_done)(void *, const struct engine_counts *, const struct err *) = j->on_done;
    struct engine_counts counts;
    void *arg = j->arg;
    struct err err;

    if (e)
        err = *e; /* it may live in the job */
    engine_enter(j, JOB_DONE);
    job_let_go(j);
    counts = j->env.counts;
    job_free(j);
    on_done(arg, &counts, e ? &err : NULL);
}

static void on_call_ended(struct call_env *env, struct call *c)
{
    struct job *j = container_of(env, struct job, env);

    for (unsigned i = 0; i < j->ncalls; i++)
        if (j->calls[i] == c) {
            j->calls[i] = j->calls[--j->ncalls];
            break;
        }
    call_free(c);
    job_wake(j);
}

static void job_result(struct job *j)
{
    struct err e = {0};
    bool ok = j->env.ops->result(j->env.machine, &e);

    job_finish(j, ok ? NULL : &e);
}

static void job_pump(struct job *j)
{
    struct machine_call mc;
    struct err e;

    while (j->state == JOB_RUN && !j->env.paused && j->ncalls < j->max) {
        mc = (struct machine_call){0};
        switch (j->env.ops->next(j->env.machine, &mc)) {
        case MACHINE_CALL:
            if (j->state == JOB_RUN) /* else it was cancelled by what the machine emitted */
                j->calls[j->ncalls++] = call_start(&j->env, &mc);
            break;
        case MACHINE_WAIT:
            if (j->ncalls == 0 && j->state == JOB_RUN) {
                err_set(&e, ERR_INTERNAL, "the machine %s of %s waits with no call open", j->env.ops->name,
                        j->env.it->provider->key);
                job_finish(j, &e);
            }
            return;
        case MACHINE_DONE:
            if (j->state == JOB_RUN)
                job_result(j);
            return;
        }
    }
}

static void job_run(struct job *j)
{
    struct err e = {0};

    j->env.machine = j->env.ops->start(&j->input, &j->sink, &e);
    if (!j->env.machine) {
        job_finish(j, &e);
        return;
    }
    if (j->state == JOB_CANCEL) /* by what the start emitted; the step that ends it is queued */
        return;
    engine_enter(j, JOB_RUN);
    job_pump(j);
}

static void on_job_token(void *arg, struct token *t, const struct err *e)
{
    struct job *j = arg;

    if (e)
        job_finish(j, e);
    else
        job_run(j);
}

static bool job_check(const struct job *j, struct err *e)
{
    const struct integration *it = j->env.it;

    if (!it->base_url)
        return err_set(e, ERR_CONFIG, "%s", it->unusable ? it->unusable : "the integration has no address");
    if (egress_url_allowed(j->engine->hub->egress, it->base_url, e))
        return true;
    e->code = ERR_CONFIG;
    return false;
}

static bool job_needs_token(const struct job *j)
{
    const struct provider *p = j->env.it->provider;

    /* Those two are how a credential is had. */
    if (!p->authenticate || j->env.ops == p->authenticate || (p->connect && j->env.ops == p->connect->exchange))
        return false;
    return !p->needs_token || p->needs_token(j->env.it->settings);
}

static void job_begin(struct job *j)
{
    struct engine *e = j->engine;
    const struct provider *p = j->env.it->provider;
    _cleanup_(str_release) struct str key = {0};
    struct err err;

    if (!job_check(j, &err)) {
        job_finish(j, &err);
        return;
    }
    budget_key(p, j->env.it->tenant_id, j->env.it->id, j->env.it->base_url, &key);
    j->env.budget = budget_get(e->budgets, str_slice(&key), &p->limits);
    j->env.circuit = circuit_get(e->circuits, p->key, j->env.it->base_url);
    if (!job_needs_token(j)) {
        job_run(j);
        return;
    }
    j->env.tokens = token_source_get(e->tokens, j->env.it);
    if (j->env.ops == p->doctor) { /* whose calls without a credential tell most when there is none to be had */
        job_run(j);
        return;
    }
    engine_enter(j, JOB_TOKEN);
    token_ask(j->env.tokens, NULL, &j->token_wait, on_job_token, j);
}

static void job_step(void *arg)
{
    static const struct err canceled = {ERR_CANCELED, "canceled"};
    struct job *j = arg;

    switch (j->state) {
    case JOB_START:
        job_begin(j);
        break;
    case JOB_RUN:
        job_pump(j);
        break;
    case JOB_CANCEL:
        job_finish(j, &canceled);
        break;
    default:
        break;
    }
}

static struct slice copy_text(struct str *to, struct slice text)
{
    if (!text.p)
        return SLICE_NONE;
    str_reserve(to, 1); /* an empty text is not "none" */
    str_add(to, text);
    return slice_of(to->p, to->n);
}

static void job_input(struct job *j, const struct engine_job *spec)
{
    if (spec->refresh_token.p)
        j->refresh_token = secret_new(spec->refresh_token);
    j->input = (struct machine_input){
        .settings = j->env.it->settings,
        .refresh_token = secret_text(j->refresh_token),
        .now = loop_wall(j->engine->hub->loop),
        .mode = spec->mode,
        .kinds = spec->kinds & spec->integration->provider->kinds,
        .cursor = copy_text(&j->cursor, spec->cursor),
        .checkpoint = copy_text(&j->checkpoint, spec->checkpoint),
        .device_id = copy_text(&j->device_id, spec->device_id),
        .target_id = copy_text(&j->target_id, spec->target_id),
        .args = spec->args,
        .connect = spec->connect,
        .webhook = spec->webhook,
    };
    j->env.input = &j->input;
}

struct ref engine_start(struct engine *e, const struct engine_job *spec)
{
    struct job *j = NEW(struct job);
    unsigned most = spec->integration->provider->limits.concurrency;

    j->engine = e;
    j->env = (struct call_env){
        .hub = e->hub,
        .it = integration_ref(spec->integration),
        .ops = spec->ops,
        .urgent = spec->urgent,
        .counts = {.skew = USEC_NONE},
        .metrics = &e->metrics,
        .on_ended = on_call_ended,
    };
    if (spec->trace)
        trace_text(spec->trace, j->env.traceparent);
    j->sink = spec->sink;
    j->on_done = spec->on_done;
    j->arg = spec->arg;
    j->max = most ? most : 1;
    j->calls = mem_realloc_array(NULL, j->max, sizeof(struct call *));
    job_input(j, spec);
    j->ref = ref_add(e->refs, j);
    TAILQ_INSERT_TAIL(&e->jobs, j, link);
    job_wake(j);
    return j->ref;
}

uint64_t engine_calls(struct engine *e, struct ref r)
{
    struct job *j = ref_get(e->refs, r);

    return j ? j->env.counts.calls : 0;
}

void engine_cancel(struct engine *e, struct ref r)
{
    struct job *j = ref_get(e->refs, r);

    if (!j || j->state == JOB_CANCEL || j->state == JOB_DONE)
        return;
    engine_enter(j, JOB_CANCEL);
    job_let_go(j);
    job_wake(j);
}

void engine_pause(struct engine *e, struct ref r)
{
    struct job *j = ref_get(e->refs, r);

    if (!j || j->env.paused)
        return;
    j->env.paused = true;
    for (unsigned i = 0; i < j->ncalls; i++)
        call_pause(j->calls[i]);
}

void engine_resume(struct engine *e, struct ref r)
{
    struct job *j = ref_get(e->refs, r);

    if (!j || !j->env.paused)
        return;
    j->env.paused = false;
    for (unsigned i = 0; i < j->ncalls; i++)
        call_resume(j->calls[i]);
    job_wake(j);
}

void engine_drain(struct engine *e, void (*done)(void *arg), void *arg)
{
    tokens_drain(e->tokens, done, arg);
}

struct engine *engine_new(struct hub *h)
{
    struct engine *e = NEW(struct engine);

    e->hub = h;
    e->budgets = budgets_new(h->loop, h->options, h->metrics);
    e->circuits = circuits_new(h->loop, h->options, h->metrics);
    e->tokens = tokens_new(h, e);
    e->refs = ref_table_new();
    call_metrics_init(&e->metrics, h->metrics);
    TAILQ_INIT(&e->jobs);
    return e;
}

void engine_free(struct engine *e)
{
    static const struct err canceled = {ERR_CANCELED, "canceled: the hub is shutting down"};

    if (!e)
        return;
    while (!TAILQ_EMPTY(&e->jobs))
        job_finish(TAILQ_FIRST(&e->jobs), &canceled);
    tokens_free(e->tokens);
    circuits_free(e->circuits);
    budgets_free(e->budgets);
    ref_table_free(e->refs);
    free(e);
}
