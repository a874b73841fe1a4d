/* hub/connect.c - see connect.h.
 * Return: OPEN the cookie -> SPEND the state -> SETTINGS (the same as before?) -> EXCHANGE the code -> STORE the grant -> RELOAD ->
 *         REGISTER the webhook -> callback. Each step may end it, with a reason. */
#include "hub/connect_internal.h"

#include "base/base64url.h"
#include "base/mem.h"
#include "hub/engine.h"
#include "hub/oidc.h"
#include "hub/token_store.h"
#include "hub/webhook.h"
#include "store/connect.h"
#include "store/oidc.h"

#include <stdio.h>
#include <stdlib.h>

struct connects {
    struct hub *h;
    unsigned returning;
    struct metric_family *total;
};

/* --- beginning --- */

bool connect_wanted(const struct integration *it)
{
    const struct provider_connect *c = it->provider ? it->provider->connect : NULL;
    return c && it->settings && (!c->wanted || c->wanted(it->settings));
}

bool connect_redirect_uri(const struct hub *h, const struct provider *p, struct str *ret, struct err *e)
{
    struct slice base = webhook_public_url(h);
    if (!base.p)
        return err_set(e, ERR_CONFIG,
                       "the option public_url is not set: the product could not send the browser back here");
    str_add(ret, base);
    str_addf(ret, "/oauth/%s/callback", p->key);
    return ret->n <= CONNECT_REDIRECT_MAX || err_set(e, ERR_CONFIG, "the option public_url is too long");
}

static void put_text(char *to, size_t size, struct slice text)
{
    snprintf(to, size, "%.*s", SLICE_FMT(text));
}

static bool may_begin(const struct hub *h, const struct integration *it, struct err *e)
{
    if (it->unusable)
        return err_set(e, ERR_CONFIG, "the settings of %s cannot be used: %s", it->key, it->unusable);
    if (!it->provider->connect)
        return err_set(e, ERR_CONFLICT, "%s is not connected in the browser; its credentials are among its settings",
                       it->provider->name);
    if (!connect_wanted(it))
        return err_set(e, ERR_CONFLICT,
                       "the settings of %s do not connect that way; look at its settings about the grant", it->key);
    return h->keyring ||
           err_set(e, ERR_CONFIG, "no sealing key is configured (option key_file): the grant could not be stored");
}

static bool location_of(const struct integration *it, const struct connect_flow *f, struct str *ret, struct err *e)
{
    _cleanup_(str_release) struct str challenge = {0};
    uint8_t hash[SHA256_LEN];
    crypto_sha256(slice_cstr(f->verifier), hash);
    str_add_base64url(&challenge, slice_of((const char *)hash, sizeof hash));
    return it->provider->connect->authorize_url(it->settings,
                                                &(struct connect_request){
                                                    .redirect_uri = slice_cstr(f->redirect_uri),
                                                    .state = slice_cstr(f->state),
                                                    .code_challenge = str_slice(&challenge),
                                                },
                                                ret, e);
}

bool connect_begin(struct hub *h, const struct connect_beginning *b, struct str *ret_location, struct str *ret_cookie,
                   usec_t *ret_expires, struct err *e)
{
    const struct integration *it = b->integration;
    _cleanup_(str_release) struct str redirect = {0};
    if (!may_begin(h, it, e) || !connect_redirect_uri(h, it->provider, &redirect, e))
        return false;
    struct connect_flow f = {
        .tenant_id = it->tenant_id,
        .integration_id = it->id,
        .version = it->version,
        .user_id = b->user_id,
        .session_id = b->session_id,
        .expires_at = loop_wall(h->loop) + CONNECT_LIFETIME,
    };
    crypto_token(f.state, CONNECT_RANDOM_LEN);
    crypto_token(f.verifier, CONNECT_RANDOM_LEN);
    put_text(f.return_to, sizeof f.return_to, b->return_to);
    put_text(f.redirect_uri, sizeof f.redirect_uri, str_slice(&redirect));
    *ret_expires = f.expires_at;
    bool good = location_of(it, &f, ret_location, e) && connect_flow_seal(h, &f, ret_cookie, e);
    crypto_wipe(&f, sizeof f);
    return good;
}

/* --- returning --- */

struct arrival {
    struct hub *h;
    struct arena *arena;
    struct connect_answer in; /* copied into the arena */
    struct connect_flow flow;
    struct session session;
    struct integration *it; /* a reference */
    struct machine_connect connect;
    struct ref job;
    struct timer deadline;
    bool expired;
    struct secret *access, *refresh;
    usec_t expires_at, life;
    struct audit_actor by;
    unsigned stmt;
    connect_cb *cb;
    void *arg;
};

static void arrival_end(struct arrival *a, const struct connect_outcome *o, const struct err *e)
{
    connect_cb *cb = a->cb;
    void *arg = a->arg;
    struct integration *it = a->it;
    char return_to[sizeof a->flow.return_to];
    struct connect_outcome told = *o;
    memcpy(return_to, a->flow.return_to, sizeof return_to);
    told.return_to = return_to;
    told.integration = it;
    a->h->connects->returning--;
    metric_with(a->h->connects->total,
                METRIC_L(it ? it->provider->key : "unknown", o->reason ? o->reason : "connected"))
        ->value++;
    timer_cancel(&a->deadline);
    secret_free(a->access);
    secret_free(a->refresh);
    arena_wipe(a->arena);
    arena_free(a->arena);
    crypto_wipe(a, sizeof *a);
    free(a);
    cb(arg, &told, e);
    integration_unref(it);
}

static void arrival_refuse(struct arrival *a, const char *reason, const struct err *e)
{
    struct err copy = *e;
    log_info(a->h->log, "connect.refused", F_STR("reason", reason), F_I64("tenant", a->session.who.tenant_id),
             F_STR("integration", a->it ? a->it->key : ""), F_SLICE("request_id", a->in.request_id), F_ERR(e));
    arrival_end(a, &(struct connect_outcome){.reason = reason}, &copy);
}

static void arrival_refuse_with(struct arrival *a, const char *reason, enum err_code code, const char *why)
{
    struct err e = {0};
    err_set(&e, code, "%s", why);
    arrival_refuse(a, reason, &e);
}

static void on_registered(void *arg, const struct err *err)
{
    arrival_end(arg, &(struct connect_outcome){.registers = true, .registration = err}, NULL);
}

static void on_reloaded(void *arg, struct integration *it, const struct err *e)
{
    struct arrival *a = arg;
    if (e) {
        arrival_refuse(a, "failed", e);
        return;
    }
    integration_unref(a->it);
    a->it = integration_ref(it);
    if (it->provider->webhook_register)
        webhook_register(a->h, it, &a->by, on_registered, a);
    else
        arrival_end(a, &(struct connect_outcome){0}, NULL);
}

static void on_stored(void *arg, const struct pg_reply *r)
{
    struct arrival *a = arg;
    if (pg_reply_err(r)) {
        arrival_refuse(a, "failed", pg_reply_err(r));
        return;
    }
    if (pg_nrows(r, a->stmt) == 0) {
        arrival_refuse_with(a, "settings", ERR_CONFLICT, "the settings were changed meanwhile; connect again");
        return;
    }
    log_info(a->h->log, "connect.connected", F_I64("tenant", a->it->tenant_id), F_STR("integration", a->it->key),
             F_SLICE("by", a->by.name));
    integrations_reload(a->h->integrations, a->it->tenant_id, a->it->id, on_reloaded, a);
}

/* Access tokens are sealed with the version of the settings that they belong to: the one that storing makes. */
static bool seal_grant(struct arrival *a, struct str *access, struct str *refresh, struct err *e)
{
    _cleanup_(str_release) struct str context = {0};
    struct integration next = *a->it;
    next.version++;
    struct token *t = token_new(secret_text(a->access), a->expires_at, a->life);
    bool good = token_seal(a->h, &next, t, access, e);
    token_unref(t);
    if (!good || !a->refresh)
        return good;
    token_context(a->it, INTEGRATION_FIELD_REFRESH_TOKEN, &context);
    return seal(a->h->keyring, secret_text(a->refresh), str_slice(&context), refresh, e);
}

static void store(struct arrival *a)
{
    _cleanup_(str_release) struct str access = {0}, refresh = {0};
    struct err e = {0};
    if (!seal_grant(a, &access, &refresh, &e)) {
        arrival_refuse(a, "failed", &e);
        return;
    }
    struct pg_seg *s = pg_seg_new(a->h->db, a->it->tenant_id);
    audit_by(s, &a->by);
    a->stmt = connect_add_connect(s, &(struct connect_grant){
                                         .tenant_id = a->it->tenant_id,
                                         .integration_id = a->it->id,
                                         .version = a->it->version,
                                         .access_token = str_slice(&access),
                                         .refresh = refresh.n ? str_slice(&refresh) : SLICE_NONE,
                                         .expires_at = a->expires_at,
                                         .by = a->by.name,
                                     });
    audit_add(s, &(struct audit_entry){
                     .tenant_id = a->it->tenant_id,
                     .action = "integration.connected",
                     .target_type = "integration",
                     .target = slice_cstr(a->it->key),
                     .target_id = a->it->id,
                     .integration_id = a->it->id,
                 });
    pg_submit(s, on_stored, a);
}

/* --- the exchange --- */

static void on_credential(void *arg, struct slice access, usec_t expires_in, struct slice refresh)
{
    struct arrival *a = arg;
    secret_free(a->access);
    secret_free(a->refresh);
    a->access = secret_new(access);
    a->refresh = refresh.n ? secret_new(refresh) : NULL;
    a->life = expires_in > 0 ? expires_in : USEC_NONE;
    a->expires_at = a->life == USEC_NONE ? USEC_NONE : loop_wall(a->h->loop) + a->life;
}

static void no_record(void *arg, const struct record *r)
{
}

static void no_reject(void *arg, enum record_kind kind, struct slice id, const char *reason)
{
}

static void no_json(void *arg, struct slice json)
{
}

static void on_exchanged(void *arg, const struct engine_counts *counts, const struct err *err)
{
    struct arrival *a = arg;
    timer_cancel(&a->deadline);
    if (a->expired)
        arrival_refuse_with(a, "product", ERR_TIMEOUT, "the product did not answer in time; begin again");
    else if (err)
        arrival_refuse(a, "product", err);
    else if (!a->access)
        arrival_refuse_with(a, "product", ERR_PROTOCOL, "the product's answer held no access token");
    else
        store(a);
}

static void on_deadline(void *arg)
{
    struct arrival *a = arg;
    a->expired = true;
    engine_cancel(a->h->engine, a->job);
}

static void exchange(struct arrival *a)
{
    a->connect = (struct machine_connect){
        .code = a->in.code,
        .redirect_uri = slice_cstr(a->flow.redirect_uri),
        .code_verifier = slice_cstr(a->flow.verifier),
    };
    timer_set(&a->deadline, a->h->loop, a->h->options->action_timeout, on_deadline, a);
    a->job = engine_start(a->h->engine, &(struct engine_job){
                                            .ops = a->it->provider->connect->exchange,
                                            .integration = a->it,
                                            .connect = &a->connect,
                                            .urgent = true,
                                            .sink = {.arg = a,
                                                     .record = no_record,
                                                     .reject = no_reject,
                                                     .result = no_json,
                                                     .credential = on_credential},
                                            .on_done = on_exchanged,
                                            .arg = a,
                                        });
}

/* --- the way there --- */

static void on_integration(void *arg, struct integration *it, const struct err *e)
{
    struct arrival *a = arg;
    struct err refused = {0};
    if (e) {
        arrival_refuse(a, e->code == ERR_NOT_FOUND ? "integration" : "failed", e);
        return;
    }
    a->it = integration_ref(it);
    if (!it->provider || !slice_is(a->in.provider, it->provider->key)) {
        arrival_refuse_with(a, "state", ERR_INPUT, "this is the answer of another product than was asked");
    } else if (it->tenant_suspended || it->version != a->flow.version || !connect_wanted(it)) {
        arrival_refuse_with(a, "settings", ERR_CONFLICT, "the settings were changed meanwhile; connect again");
    } else if (a->in.error.n) {
        err_set(&refused, ERR_AUTH, "%s refused: %.*s%s%.*s", it->provider->name, (int)MIN(a->in.error.n, 60),
                a->in.error.p, a->in.error_description.n ? ", " : "", (int)MIN(a->in.error_description.n, 200),
                a->in.error_description.p ? a->in.error_description.p : "");
        arrival_refuse(a, "product", &refused);
    } else if (!a->in.code.n) {
        arrival_refuse_with(a, "state", ERR_INPUT, "the answer has no code");
    } else {
        exchange(a);
    }
}

static void on_spent(void *arg, const struct pg_reply *r)
{
    struct arrival *a = arg;
    if (pg_reply_err(r))
        arrival_refuse(a, "failed", pg_reply_err(r));
    else if (pg_nrows(r, a->stmt) == 0)
        arrival_refuse_with(a, "state", ERR_INPUT, "this answer was used before; begin again if it is not connected");
    else
        integrations_reload(a->h->integrations, a->flow.tenant_id, a->flow.integration_id, on_integration, a);
}

static void on_refused(void *arg, const struct pg_reply *r)
{
    struct arrival *a = arg;
    struct err e = {0};
    struct connect_flow ignored;
    if (a->h->connects->returning > CONNECT_MAX_RETURNS) {
        err_set(&e, ERR_LIMIT, "%d connections are being worked on already; try again", CONNECT_MAX_RETURNS);
        arrival_refuse(a, "busy", &e);
        return;
    }
    (void)connect_flow_open(a->h, a->in.cookie, a->in.state, &a->session, &ignored, &e);
    crypto_wipe(&ignored, sizeof ignored);
    a->flow.return_to[0] = '\0';
    arrival_refuse(a, "state", &e);
}

static struct slice keep(struct arena *a, struct slice s)
{
    return s.p ? slice_of(arena_strndup(a, s.p, s.n), s.n) : SLICE_NONE;
}

void connect_return(struct hub *h, const struct connect_answer *in, connect_cb *cb, void *arg)
{
    struct arrival *a = NEW(struct arrival);
    struct err e = {0};
    *a = (struct arrival){.h = h, .arena = arena_new(), .session = *in->session, .cb = cb, .arg = arg};
    a->in = (struct connect_answer){
        .provider = keep(a->arena, in->provider),
        .cookie = keep(a->arena, in->cookie),
        .state = keep(a->arena, in->state),
        .code = keep(a->arena, in->code),
        .error = keep(a->arena, in->error),
        .error_description = keep(a->arena, in->error_description),
        .address = keep(a->arena, in->address),
        .request_id = keep(a->arena, in->request_id),
    };
    a->by = (struct audit_actor){
        .kind = "session",
        .id = a->session.who.user_id,
        .name = slice_cstr(a->session.who.label),
        .address = a->in.address,
        .request_id = a->in.request_id,
    };
    h->connects->returning++;
    struct pg_seg *s = pg_seg_new(h->db, in->session->who.tenant_id);
    if (h->connects->returning > CONNECT_MAX_RETURNS ||
        !connect_flow_open(h, in->cookie, in->state, in->session, &a->flow, &e)) {
        connect_add_get(s, in->session->who.tenant_id, 0); /* so that the callback comes later, whatever happens */
        pg_submit(s, on_refused, a);
        return;
    }
    uint8_t hash[SHA256_LEN];
    crypto_sha256(slice_cstr(a->flow.state), hash);
    a->stmt = oidc_add_spend_state(s, a->flow.tenant_id, hash, a->flow.expires_at);
    pg_submit(s, on_spent, a);
}

/* --- disconnecting --- */

struct ending {
    struct hub *h;
    struct integration *it; /* a reference */
    const struct audit_actor *by;
    unsigned stmt;
    bool removed;
    struct err why;
    disconnect_cb *cb;
    void *arg;
};

static void ending_end(struct ending *x, const struct err *e)
{
    struct ending done = *x;
    free(x);
    done.cb(done.arg, done.removed, done.why.code ? &done.why : NULL, e);
    integration_unref(done.it);
}

static void on_forgotten(void *arg, struct integration *it, const struct err *e)
{
    ending_end(arg, e);
}

static void on_disconnected(void *arg, const struct pg_reply *r)
{
    struct ending *x = arg;
    if (pg_reply_err(r))
        ending_end(x, pg_reply_err(r));
    else
        integrations_reload(x->h->integrations, x->it->tenant_id, x->it->id, on_forgotten, x);
}

static void forget(struct ending *x)
{
    struct pg_seg *s = pg_seg_new(x->h->db, x->it->tenant_id);
    audit_by(s, x->by);
    connect_add_disconnect(s, x->it->tenant_id, x->it->id);
    audit_add(s, &(struct audit_entry){
                     .tenant_id = x->it->tenant_id,
                     .action = "integration.disconnected",
                     .target_type = "integration",
                     .target = slice_cstr(x->it->key),
                     .target_id = x->it->id,
                     .integration_id = x->it->id,
                 });
    pg_submit(s, on_disconnected, x);
}

static void on_removed(void *arg, const struct err *err)
{
    struct ending *x = arg;
    x->removed = !err;
    if (err)
        x->why = *err;
    forget(x);
}

static void on_looked(void *arg, const struct pg_reply *r)
{
    struct ending *x = arg;
    struct connect_row row;
    if (pg_reply_err(r))
        ending_end(x, pg_reply_err(r));
    else if (connect_read(r, x->stmt, &row) && row.registered_at != USEC_NONE && x->it->provider->webhook_remove)
        webhook_remove(x->h, x->it, x->by, on_removed, x);
    else
        forget(x);
}

void connect_end(struct hub *h, struct integration *it, const struct audit_actor *by, disconnect_cb *cb, void *arg)
{
    struct ending *x = NEW(struct ending);
    *x = (struct ending){.h = h, .it = integration_ref(it), .by = by, .cb = cb, .arg = arg};
    struct pg_seg *s = pg_seg_new(h->db, it->tenant_id);
    x->stmt = connect_add_get(s, it->tenant_id, it->id);
    pg_submit(s, on_looked, x);
}

/* --- life --- */

struct connects *connects_new(struct hub *h)
{
    struct connects *c = NEW(struct connects);
    c->h = h;
    c->total = metric_family(h->metrics, METRIC_COUNTER, "msphub_connects_total",
                             "Answers of products to people who connect an account, by what came of them.",
                             "provider,outcome", NULL, 0);
    return c;
}

void connects_free(struct connects *c)
{
    free(c);
}
