/* hub/oidc.c - see oidc.h.
 * Begin:  PROVIDERS (up to date?) -> ISSUER (its addresses) -> seal the flow -> callback.
 * Return: OPEN the cookie -> PROVIDERS -> ISSUER -> EXCHANGE the code -> JUDGE the ID token (an unknown key: ISSUER once more) -> ARRIVE
 *         (spend the state, find or make the user: one transaction) -> SESSION -> callback. Each step may end it, with a reason.
 * Owns:   an op a beginning or a return; copies of what the browser sent, in an arena that is wiped. */
#include "hub/oidc_internal.h"

#include "base/json_write.h"
#include "base/utf8.h"
#include "store/oidc.h"
#include "store/user.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>

#define LEEWAY SECONDS(60)

LIST_HEAD(arrivals, arrival);

struct oidcs {
    struct hub *h;
    unsigned returning;
    struct arrivals arrivals; /* those of `returning` */
    struct metric *opened, *refused, *failed;
};

/* --- beginning --- */

struct begin {
    struct hub *h;
    struct oidc_flow flow;
    char *tenant, *provider;
    struct identity_provider *p; /* a reference */
    oidc_begun_cb *cb;
    void *arg;
};

static void begin_end(struct begin *b, const char *location, const char *cookie, const struct err *e)
{
    oidc_begun_cb *cb = b->cb;
    void *arg = b->arg;
    identity_provider_unref(b->p);
    free(b->tenant);
    free(b->provider);
    crypto_wipe(b, sizeof *b);
    free(b);
    cb(arg, location, cookie, e);
}

static void begin_fail(struct begin *b, enum err_code code, const char *why)
{
    struct err e = {0};
    err_set(&e, code, "%s", why);
    begin_end(b, NULL, NULL, &e);
}

static void on_begin_issuer(void *arg, struct issuer *is, const struct err *e)
{
    struct begin *b = arg;
    struct err bad = {0};
    _cleanup_(str_release) struct str location = {0}, cookie = {0};
    if (e) {
        begin_end(b, NULL, NULL, e);
    } else if (!is->authorization_endpoint || !is->token_endpoint) {
        begin_fail(b, ERR_PROTOCOL, "the issuer's metadata has no authorization_endpoint or no token_endpoint");
    } else if (!oidc_flow_seal(b->h, &b->flow, &cookie, &bad)) {
        begin_end(b, NULL, NULL, &bad);
    } else {
        oidc_flow_location(&b->flow, b->p, is, &location);
        begin_end(b, location.p, cookie.p, NULL);
    }
}

/* NUL-terminated for issuers_get. */
static void ask_issuer(struct hub *h, const struct identity_provider *p, issuer_cb *cb, void *arg)
{
    char *url = mem_strndup(p->issuer.p, p->issuer.n);
    issuers_get(h->issuers, url, cb, arg);
    free(url);
}

static void on_begin_providers(void *arg, const struct err *e)
{
    struct begin *b = arg;
    if (e) {
        begin_end(b, NULL, NULL, e);
        return;
    }
    struct identity_provider *p =
        identity_provider_by_name(b->h->identity_providers, slice_cstr(b->tenant), slice_cstr(b->provider));
    if (!p || !p->sign_in) {
        begin_fail(b, ERR_NOT_FOUND, "there is no such sign-in");
    } else if (p->secret_unusable) {
        begin_fail(b, ERR_CONFIG,
                   "the identity provider's client_secret cannot be opened with the keys of this hub; give it again");
    } else {
        b->p = identity_provider_ref(p);
        b->flow.tenant_id = p->tenant_id;
        b->flow.provider_id = p->id;
        ask_issuer(b->h, p, on_begin_issuer, b);
    }
}

static void put_text(char *to, size_t size, struct slice text)
{
    snprintf(to, size, "%.*s", SLICE_FMT(text));
}

void oidc_begin(struct hub *h, const struct oidc_beginning *in, oidc_begun_cb *cb, void *arg)
{
    struct begin *b = NEW(struct begin);
    *b = (struct begin){.h = h, .cb = cb, .arg = arg};
    b->tenant = mem_strndup(in->tenant.p ? in->tenant.p : "", in->tenant.n);
    b->provider = mem_strndup(in->provider.p ? in->provider.p : "", in->provider.n);
    oidc_flow_begin(&b->flow, loop_wall(h->loop));
    put_text(b->flow.return_to, sizeof b->flow.return_to, in->return_to);
    put_text(b->flow.redirect_uri, sizeof b->flow.redirect_uri, in->redirect_uri);
    identity_providers_ready(h->identity_providers, on_begin_providers, b);
}

/* --- returning --- */

struct arrival {
    struct hub *h;
    struct arena *arena;
    struct oidc_answer in; /* copied into the arena */
    struct oidc_flow flow;
    struct err err;              /* of OPEN */
    struct identity_provider *p; /* a reference */
    struct issuer *is;           /* a reference */
    struct jwt *token;
    struct slice access_token;
    bool again;     /* newer keys were asked for */
    bool exchanged; /* the issuer vouches for somebody: a refusal is worth an audit row */
    struct slice subject, email, name;
    enum access_role role;
    oidc_returned_cb *cb;
    void *arg;
    LIST_ENTRY(arrival) link;
};

static void arrival_end(struct arrival *a, const struct oidc_outcome *o, const struct err *e)
{
    oidc_returned_cb *cb = a->cb;
    void *arg = a->arg;
    char return_to[sizeof a->flow.return_to];
    struct oidc_outcome told = *o;
    memcpy(return_to, a->flow.return_to, sizeof return_to);
    told.return_to = return_to;
    a->h->oidcs->returning--;
    LIST_REMOVE(a, link);
    identity_provider_unref(a->p);
    issuer_unref(a->is);
    arena_wipe(a->arena);
    arena_free(a->arena);
    crypto_wipe(a, sizeof *a);
    free(a);
    cb(arg, &told, e);
}

static void on_audited(void *arg, const struct pg_reply *r)
{
    struct hub *h = arg;
    const struct err *e = pg_reply_err(r);
    if (e && e->code != ERR_CANCELED)
        log_warn(h->log, "oidc.audit_failed", F_ERR(e));
}

static struct audit_actor actor_of(const struct arrival *a)
{
    return (struct audit_actor){
        .kind = "system", .name = a->p->name, .address = a->in.address, .request_id = a->in.request_id};
}

static void audit_refusal(const struct arrival *a, const char *reason)
{
    _cleanup_(str_release) struct str after = {0};
    struct jw w;
    jw_init(&w, &after);
    jw_object(&w);
    jw_key_str(&w, "method", "oidc");
    jw_key_str(&w, "reason", reason);
    jw_key_slice(&w, "subject", a->subject);
    jw_key_slice(&w, "email", a->email);
    jw_end(&w);
    jw_done(&w);
    const struct audit_actor by = actor_of(a);
    struct pg_seg *s = pg_seg_new(a->h->db, a->flow.tenant_id);
    audit_by(s, &by);
    audit_add(s, &(struct audit_entry){
                     .tenant_id = a->flow.tenant_id,
                     .action = "session.refused",
                     .target_type = "identity_provider",
                     .target = a->p->name,
                     .target_id = a->p->id,
                     .after = str_slice(&after),
                 });
    pg_submit(s, on_audited, a->h);
}

/* Ours or the issuer's to mend: a failure; the person's: a refusal. */
static void arrival_refuse(struct arrival *a, const char *reason, const struct err *e)
{
    struct err copy = *e;
    bool refusal = e->code == ERR_AUTH || e->code == ERR_FORBIDDEN || e->code == ERR_INPUT || e->code == ERR_CONFLICT;
    (refusal ? a->h->oidcs->refused : a->h->oidcs->failed)->value++;
    log_info(a->h->log, "oidc.refused", F_STR("reason", reason), F_I64("tenant", a->flow.tenant_id),
             F_SLICE("provider", a->p ? a->p->name : SLICE("")), F_SLICE("request_id", a->in.request_id), F_ERR(e));
    if (a->exchanged && e->code != ERR_CANCELED) /* the hub ends, maybe without its database by now */
        audit_refusal(a, reason);
    arrival_end(a, &(struct oidc_outcome){.reason = reason}, &copy);
}

static void arrival_refuse_with(struct arrival *a, const char *reason, enum err_code code, const char *why)
{
    struct err e = {0};
    err_set(&e, code, "%s", why);
    arrival_refuse(a, reason, &e);
}

static void on_session(void *arg, const struct session *session, const struct err *e)
{
    struct arrival *a = arg;
    if (e) {
        arrival_refuse(a, e->code == ERR_AUTH ? "user" : "failed", e);
        return;
    }
    a->h->oidcs->opened->value++;
    arrival_end(a, &(struct oidc_outcome){.session = session}, NULL);
}

static void on_arrived(void *arg, const struct pg_reply *r)
{
    struct arrival *a = arg;
    struct oidc_user user;
    if (pg_reply_err(r)) {
        arrival_refuse(a, "failed", pg_reply_err(r));
        return;
    }
    oidc_arrival_read(r, &user);
    if (user.state_was_used) {
        arrival_refuse_with(a, "state", ERR_INPUT, "this sign-in was completed before; begin another one");
        return;
    }
    if (!user.user_id) {
        arrival_refuse_with(
            a, "email_taken", ERR_CONFLICT,
            "another user of this tenant has this e-mail address already, and signs in another way; an admin can "
            "delete that user, or give this person another address at the issuer");
        return;
    }
    session_open(a->h,
                 &(struct session_opening){
                     .tenant_id = a->flow.tenant_id,
                     .user_id = user.user_id,
                     .email = user.email,
                     .method = "oidc",
                     .address = a->in.address,
                     .user_agent = a->in.user_agent,
                     .request_id = a->in.request_id,
                 },
                 on_session, a);
}

static void arrive(struct arrival *a)
{
    uint8_t hash[SHA256_LEN];
    crypto_sha256(slice_cstr(a->flow.state), hash);
    const struct audit_actor by = actor_of(a);
    struct pg_seg *s = pg_seg_new(a->h->db, a->flow.tenant_id);
    audit_by(s, &by);
    oidc_add_arrival(s, &(struct oidc_arrival){
                            .tenant_id = a->flow.tenant_id,
                            .identity_provider_id = a->flow.provider_id,
                            .state_hash = hash,
                            .state_expires_at = a->flow.expires_at,
                            .subject = a->subject,
                            .email = a->email,
                            .display_name = a->name,
                            .role = slice_cstr(access_role_names[a->role]),
                        });
    pg_submit(s, on_arrived, a);
}

/* --- who it is --- */

static bool said_false(const struct json *j)
{
    return j && ((j->type == JSON_BOOL && !j->boolean) || (j->type == JSON_STRING && slice_is(j->text, "false")));
}

/* The address names the user to people; who they are is the subject's matter. */
static const char *take_person(struct arrival *a, const struct jwt_claims *claims, struct err *e)
{
    struct slice email = json_get_text(claims->all, "email"), name = json_get_text(claims->all, "name");
    char folded[USER_EMAIL_MAX + 1];
    a->subject = claims->subject;
    if (email.n && said_false(json_get(claims->all, "email_verified"))) {
        err_set(e, ERR_FORBIDDEN, "the issuer has not verified this person's e-mail address");
        return "email";
    }
    if (!email.n && a->p->nemail_domains == 0) /* some name people by an address only there */
        email = json_get_text(claims->all, "preferred_username");
    if (!email.n || !user_email_fold(email, folded, NULL)) {
        err_set(e, ERR_FORBIDDEN,
                "the issuer tells no usable e-mail address of this person; is email among the scopes?");
        return "email";
    }
    a->email = slice_of(arena_strndup(a->arena, folded, strlen(folded)), strlen(folded));
    if (!identity_provider_takes_email(a->p, a->email)) {
        err_set(e, ERR_FORBIDDEN, "people with addresses of this domain cannot sign in here (email_domains)");
        return "email_domain";
    }
    a->name = name.n ? utf8_cut(name, USER_NAME_MAX) : utf8_cut(a->email, USER_NAME_MAX);
    a->role = identity_provider_role(a->p, claims->all);
    if (a->role == ACCESS_PUBLIC) {
        err_set(e, ERR_FORBIDDEN, "this person is known, but has no role here: the claim \"%.*s\" maps to none",
                SLICE_FMT(a->p->role_claim));
        return "no_role";
    }
    return NULL;
}

static void judge(struct arrival *a);

static void on_newer(void *arg, struct issuer *is, const struct err *e)
{
    struct arrival *a = arg;
    if (e) {
        arrival_refuse(a, "issuer", e);
        return;
    }
    issuer_unref(a->is);
    a->is = issuer_ref(is);
    judge(a);
}

static void judge(struct arrival *a)
{
    struct jwt_claims claims = {0};
    struct err e = {0};
    const struct jwt_rules rules = {
        .issuer = a->p->issuer,
        .audiences = &a->p->client_id,
        .naudiences = 1,
        .now = loop_wall(a->h->loop),
        .leeway = LEEWAY,
        .id_token = true,
    };
    if (!jwt_accept(a->token, a->is->keys, &rules, &claims, &e)) {
        if (e.code == ERR_NOT_FOUND && !a->again) {
            a->again = true;
            issuers_get_newer(a->h->issuers, a->is, on_newer, a);
            return;
        }
        e.code = ERR_AUTH;
        arrival_refuse(a, "token", &e);
        return;
    }
    a->subject = claims.subject;
    if (!oidc_claims_good(&a->flow, a->p, a->token, &claims, a->access_token, &e)) {
        arrival_refuse(a, "token", &e);
        return;
    }
    const char *reason = take_person(a, &claims, &e);
    if (reason)
        arrival_refuse(a, reason, &e);
    else
        arrive(a);
}

/* --- the way there --- */

static struct slice keep(struct arena *a, struct slice s)
{
    return s.p ? slice_of(arena_strndup(a, s.p, s.n), s.n) : SLICE_NONE;
}

static void on_exchanged(void *arg, const struct oidc_tokens *t, const struct err *e)
{
    struct arrival *a = arg;
    struct err bad = {0};
    if (e) {
        arrival_refuse(a, "issuer", e);
        return;
    }
    a->exchanged = true;
    a->access_token = keep(a->arena, t->access_token);
    if (jwt_read(a->arena, keep(a->arena, t->id_token), &a->token, &bad)) {
        judge(a);
        return;
    }
    bad.code = ERR_AUTH;
    arrival_refuse(a, "token", &bad);
}

/* Whose answer is it? (RFC 9207: another issuer's could be slipped in.) */
static bool issuer_right(const struct arrival *a)
{
    return a->in.issuer.p ? slice_eq(a->in.issuer, a->p->issuer) : !a->is->names_itself;
}

static void on_issuer(void *arg, struct issuer *is, const struct err *e)
{
    struct arrival *a = arg;
    if (e) {
        arrival_refuse(a, "issuer", e);
        return;
    }
    a->is = issuer_ref(is);
    if (!issuer_right(a))
        arrival_refuse_with(a, "issuer", ERR_AUTH, "the answer is of another issuer than was asked (iss)");
    else if (!is->token_endpoint)
        arrival_refuse_with(a, "issuer", ERR_PROTOCOL, "the issuer's metadata has no token_endpoint");
    else
        oidc_exchange(a->h, &a->flow, a->p, is, a->in.code, on_exchanged, a);
}

static void on_providers(void *arg, const struct err *e)
{
    struct arrival *a = arg;
    if (a->err.code != ERR_NONE) {
        arrival_refuse(a, a->err.code == ERR_LIMIT ? "busy" : "state", &a->err);
        return;
    }
    if (e) {
        arrival_refuse(a, "failed", e);
        return;
    }
    struct identity_provider *p =
        identity_provider_by_id(a->h->identity_providers, a->flow.tenant_id, a->flow.provider_id);
    if (!p || !p->sign_in || p->secret_unusable) {
        arrival_refuse_with(a, "provider", ERR_FORBIDDEN, "this way to sign in was switched off meanwhile");
        return;
    }
    if (p != identity_provider_by_name(a->h->identity_providers, a->in.tenant, a->in.provider)) {
        arrival_refuse_with(a, "state", ERR_INPUT, "this is the answer to a sign-in with another identity provider");
        return;
    }
    a->p = identity_provider_ref(p);
    struct err refused = {0};
    if (a->in.error.n) {
        err_set(&refused, ERR_AUTH, "the issuer refused: %.*s%s%.*s", (int)MIN(a->in.error.n, 60), a->in.error.p,
                a->in.error_description.n ? ", " : "", (int)MIN(a->in.error_description.n, 200),
                a->in.error_description.p ? a->in.error_description.p : "");
        arrival_refuse(a, "issuer", &refused);
    } else if (!a->in.code.n) {
        arrival_refuse_with(a, "state", ERR_INPUT, "the answer has no code");
    } else {
        ask_issuer(a->h, p, on_issuer, a);
    }
}

/* Refused ones are on their way out and do not count. */
static bool tenant_is_busy(const struct oidcs *o, int64_t tenant_id)
{
    unsigned n = 0;
    const struct arrival *a;
    LIST_FOREACH (a, &o->arrivals, link)
        n += a->flow.tenant_id == tenant_id && a->err.code == ERR_NONE;
    return n >= OIDC_MAX_OF_TENANT;
}

void oidc_return(struct hub *h, const struct oidc_answer *in, oidc_returned_cb *cb, void *arg)
{
    struct arrival *a = NEW(struct arrival);
    *a = (struct arrival){.h = h, .arena = arena_new(), .cb = cb, .arg = arg};
    a->in = (struct oidc_answer){
        .tenant = keep(a->arena, in->tenant),
        .provider = keep(a->arena, in->provider),
        .code = keep(a->arena, in->code),
        .issuer = keep(a->arena, in->issuer),
        .error = keep(a->arena, in->error),
        .error_description = keep(a->arena, in->error_description),
        .address = keep(a->arena, in->address),
        .user_agent = keep(a->arena, in->user_agent),
        .request_id = keep(a->arena, in->request_id),
    };
    if (h->oidcs->returning++ >= OIDC_MAX_RETURNS)
        err_set(&a->err, ERR_LIMIT, "%d sign-ins are being worked on already; try again", OIDC_MAX_RETURNS);
    else if (oidc_flow_open(h, in->cookie, in->state, &a->flow, &a->err) && tenant_is_busy(h->oidcs, a->flow.tenant_id))
        err_set(&a->err, ERR_LIMIT, "%d sign-ins of this tenant are being worked on already; try again",
                OIDC_MAX_OF_TENANT);
    LIST_INSERT_HEAD(&h->oidcs->arrivals, a, link);
    identity_providers_ready(h->identity_providers, on_providers, a);
}

/* --- life --- */

struct oidcs *oidcs_new(struct hub *h)
{
    struct oidcs *o = NEW(struct oidcs);
    o->h = h;
    LIST_INIT(&o->arrivals);
    struct metric_family *f = metric_family(h->metrics, METRIC_COUNTER, "msphub_oidc_sign_ins_total",
                                            "Sign-ins by OpenID Connect that came back.", "outcome", NULL, 0);
    o->opened = metric_with(f, METRIC_L("opened"));
    o->refused = metric_with(f, METRIC_L("refused"));
    o->failed = metric_with(f, METRIC_L("failed"));
    return o;
}

void oidcs_free(struct oidcs *o)
{
    free(o);
}
