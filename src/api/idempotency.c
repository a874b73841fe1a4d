/* api/idempotency.c - see idempotency.h.
 * Owns:   of a call, who holds the key, and a copy of its answer while that is stored.
 * How:    an answer with Cache-Control: no-store is one that shows a secret. */
#include "api/idempotency.h"
#include "base/crypto.h"
#include "store/idempotency.h"

#include <stdio.h>
#include <stdlib.h>

#define KEY_MAX     255
#define ANSWER_MAX  65536 /* larger ones are not kept */
#define PURGE_EVERY SECONDS(60)
#define PURGE_ROWS  10000

struct api_once {
    struct api_call *call;
    char owner[ACCESS_LABEL_MAX + 16];
    char holder[IDEMPOTENCY_HOLDER_LEN + 1];
    int64_t id;
    int status;
    const char *type;
    struct str body;
};

void api_once_free(struct api_once *o)
{
    if (!o)
        return;
    if (o->body.p)
        crypto_wipe(o->body.p, o->body.cap);
    str_release(&o->body);
    free(o);
}

static struct idempotency_name name_of(const struct api_once *o)
{
    return (struct idempotency_name){
        .tenant_id = o->call->who.tenant_id,
        .owner = slice_cstr(o->owner),
        .key = http_request_header(o->call->req, "Idempotency-Key"),
        .holder = slice_cstr(o->holder),
    };
}

/* --- the key is taken, or was before --- */

static bool key_good(struct slice key)
{
    if (key.n == 0 || key.n > KEY_MAX)
        return false;
    for (size_t i = 0; i < key.n; i++)
        if (key.p[i] < ' ' || key.p[i] > '~')
            return false;
    return true;
}

static void request_hash(const struct api_call *c, uint8_t out[SHA256_LEN])
{
    _cleanup_(str_release) struct str text = {0};
    struct slice body = http_request_body(c->req);
    uint8_t of_body[SHA256_LEN];
    crypto_sha256(body, of_body);
    str_addf(&text, "%s %.*s?%.*s ", http_method_name(http_request_method(c->req)),
             SLICE_FMT(http_request_path(c->req)), SLICE_FMT(http_request_query(c->req)));
    str_add_hex(&text, slice_of((const char *)of_body, sizeof(of_body)));
    crypto_sha256(str_slice(&text), out);
}

static void refuse_other(struct api_call *c)
{
    struct api_faults faults = {0};
    api_fault(&faults, "",
              "the Idempotency-Key was sent before with another method, path or body; a new request needs a new key");
    api_faults_none(c, &faults);
}

static void refuse_in_work(struct api_call *c, usec_t lease_until)
{
    usec_t left = lease_until - loop_wall(c->hub->loop);
    http_reply_header(c->req, "Retry-After", "1");
    api_problem(
        c, 409, "request_in_progress",
        "A request with this Idempotency-Key is being worked on. Should whoever works on it have died, it can be sent "
        "again in %lld s.",
        (long long)(MAX(left, 0) / USEC_PER_S + 1));
}

static void replay(struct api_call *c, const struct idempotency_row *row)
{
    struct secret *plain = NULL;
    char buf[INTEGRATION_CONTEXT_MAX];
    struct slice body = row->answer;
    if (row->sealed.p) {
        struct slice context = integration_context(buf, c->who.tenant_id, row->id, IDEMPOTENCY_FIELD);
        if (unseal(c->hub->keyring, row->sealed, context, &plain, NULL))
            body = secret_text(plain);
    }
    if (row->withheld || (row->sealed.p && !plain)) {
        api_problem(c, 409, "answer_not_kept",
                    "This request was carried out before, and answered %d. The answer showed a secret or was large, "
                    "and was not "
                    "kept; it is not carried out again.",
                    row->status);
        return;
    }
    if (row->etag.p)
        http_reply_header(c->req, "ETag", row->etag.p);
    if (row->location.p)
        http_reply_header(c->req, "Location", row->location.p);
    if (plain)
        http_reply_header(c->req, "Cache-Control", "no-store");
    else if (row->etag.p)
        http_reply_header(c->req, "Cache-Control", "private, no-cache"); /* as api_reply_tagged */
    http_reply_header(c->req, "Idempotency-Replayed", "true");
    http_reply(c->req, row->status,
               !body.p              ? NULL
               : row->status >= 400 ? "application/problem+json"
                                    : "application/json",
               body);
    secret_free(plain);
}

static void on_taken(void *arg, const struct pg_reply *r)
{
    struct api_once *o = arg;
    struct api_call *c = o->call;
    struct idempotency_row row;
    if (pg_reply_err(r)) {
        api_once_free(o);
        api_problem_err(c, pg_reply_err(r));
        return;
    }
    idempotency_read(r, 1, &row);
    if (row.mine) {
        o->id = row.id;
        c->once = o;
        api_next(c);
        return;
    }
    api_once_free(o);
    if (!row.same)
        refuse_other(c);
    else if (!row.answered)
        refuse_in_work(c, row.lease_until);
    else
        replay(c, &row);
}

/* A request is worked on within a few transactions and at most one action; whoever needs longer than this has died. */
static usec_t lease(const struct hub *h)
{
    return 6 * h->options->database_timeout + h->options->action_timeout;
}

void api_once(struct api_call *c)
{
    struct slice key = http_request_header(c->req, "Idempotency-Key");
    if (!(c->op->flags & API_CREATES) || c->op->role == ACCESS_PUBLIC || !key.p) {
        api_next(c);
        return;
    }
    if (!key_good(key)) {
        api_problem(c, 400, "bad_idempotency_key", "An Idempotency-Key is 1 to %d printable characters of ASCII.",
                    KEY_MAX);
        return;
    }
    struct api_once *o = NEW(struct api_once);
    struct audit_actor actor = api_actor(c);
    o->call = c;
    if (actor.id)
        snprintf(o->owner, sizeof(o->owner), "%s:%lld", actor.kind, (long long)actor.id);
    else
        snprintf(o->owner, sizeof(o->owner), "%s:%s", actor.kind, c->who.label);
    crypto_token(o->holder, IDEMPOTENCY_HOLDER_LEN);
    uint8_t hash[SHA256_LEN];
    request_hash(c, hash);
    struct idempotency_name name = name_of(o);
    struct pg_seg *s = pg_seg_new(c->hub->db, c->who.tenant_id);
    idempotency_add_take(s, &name, hash, lease(c->hub), c->hub->options->idempotency_retention);
    pg_submit(s, on_taken, o);
}

/* --- the answer is kept --- */

/* That it could not be kept is no reason to hide it: the request was carried out. */
static void on_kept(void *arg, const struct pg_reply *r)
{
    struct api_call *c = arg;
    struct api_once *o = TAKE(c->once);
    const struct err *e = pg_reply_err(r);
    if (e || pg_affected(r, 0) == 0)
        log_warn(c->hub->log, "api.idempotency.not_kept", F_STR("request_id", http_request_id(c->req)),
                 F_STR("error", e ? e->what : "the lease had ended"));
    http_reply(c->req, o->status, o->type, str_slice(&o->body));
    api_once_free(o);
}

static bool seal_answer(struct api_once *o, struct str *sealed)
{
    const struct hub *h = o->call->hub;
    char buf[INTEGRATION_CONTEXT_MAX];
    return h->keyring && seal(h->keyring, str_slice(&o->body),
                              integration_context(buf, o->call->who.tenant_id, o->id, IDEMPOTENCY_FIELD), sealed, NULL);
}

static void keep(struct api_once *o, struct pg_seg *s, const struct idempotency_name *name)
{
    const struct http_request *req = o->call->req;
    _cleanup_(str_release) struct str sealed = {0};
    bool secret = slice_is(http_reply_header_get(req, "Cache-Control"), "no-store");
    struct idempotency_answer a = {
        .status = o->status,
        .etag = http_reply_header_get(req, "ETag"),
        .location = http_reply_header_get(req, "Location"),
    };
    if (o->body.n > ANSWER_MAX)
        a.withheld = true;
    else if (!secret)
        a.answer = o->type ? str_slice(&o->body) : SLICE_NONE;
    else if (seal_answer(o, &sealed))
        a.sealed = str_slice(&sealed);
    else
        a.withheld = true;
    idempotency_add_answer(s, name, &a);
}

void api_once_reply(struct api_call *c, int status, const char *type, struct slice body)
{
    struct api_once *o = c->once;
    struct idempotency_name name = name_of(o);
    o->status = status;
    o->type = type;
    str_reserve(&o->body, body.n);
    str_add(&o->body, body);
    struct pg_seg *s = pg_seg_new(c->hub->db, c->who.tenant_id);
    if (status >= 500 && !c->may_be_done)
        idempotency_add_drop(s, &name);
    else
        keep(o, s, &name);
    pg_submit(s, on_kept, c);
}

/* --- clearing up --- */

struct api_idempotency {
    struct hub *h;
    struct timer purge;
};

static void on_purged(void *arg, const struct pg_reply *r)
{
    struct hub *h = arg; /* the timer's owner may be gone */
    const struct err *e = pg_reply_err(r);
    if (e && e->code != ERR_CANCELED)
        log_warn(h->log, "api.idempotency.purge_failed", F_ERR(e));
}

static void on_purge(void *arg)
{
    struct api_idempotency *i = arg;
    struct pg_seg *s = pg_seg_new(i->h->db, PG_ALL_TENANTS);
    idempotency_add_purge(s, PURGE_ROWS, i->h->options->idempotency_max_keys);
    pg_submit(s, on_purged, i->h);
    timer_set(&i->purge, i->h->loop, PURGE_EVERY, on_purge, i);
}

struct api_idempotency *api_idempotency_new(struct hub *h)
{
    struct api_idempotency *i = NEW(struct api_idempotency);
    i->h = h;
    timer_set(&i->purge, h->loop, PURGE_EVERY, on_purge, i);
    return i;
}

void api_idempotency_free(struct api_idempotency *i)
{
    if (!i)
        return;
    timer_cancel(&i->purge);
    free(i);
}
