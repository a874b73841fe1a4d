/* connect.c - a person connects NinjaOne in the browser: where it is sent, and the code that it brings back → tokens.
 * Always: a code can be used once and is never sent twice; a grant without a refresh token is refused, since it would be over in an hour. */
#include "provider/ninjaone/connect.h"

#include "provider/ninjaone/oauth.h"

static bool wanted(const struct settings *s)
{
    return slice_is(settings_text(s, "grant"), "authorization_code");
}

/* What the settings name, and what a refresh token is given for. */
static void add_scope(const struct settings *s, struct str *ret)
{
    struct slice rest = settings_text(s, "scope");
    bool offline = false;

    while (rest.n) {
        struct slice word = slice_cut(&rest, ' ');
        if (!word.n)
            continue;
        offline |= slice_is(word, "offline_access");
        str_addf(ret, "%s%.*s", ret->n ? " " : "", SLICE_FMT(word));
    }
    if (!offline)
        str_addf(ret, "%soffline_access", ret->n ? " " : "");
}

static bool authorize_url(const struct settings *s, const struct connect_request *q, struct str *ret, struct err *e)
{
    _cleanup_(str_release) struct str scope = {0}, query = {0};

    if (!nin_base_url(s, ret, e))
        return false;
    add_scope(s, &scope);
    nin_add_parameter(&query, "response_type", SLICE("code"));
    nin_add_parameter(&query, "client_id", settings_text(s, "client_id"));
    nin_add_parameter(&query, "redirect_uri", q->redirect_uri);
    nin_add_parameter(&query, "scope", str_slice(&scope));
    nin_add_parameter(&query, "state", q->state);
    nin_add_parameter(&query, "code_challenge", q->code_challenge);
    if (q->code_challenge.n)
        nin_add_parameter(&query, "code_challenge_method", SLICE("S256"));
    str_addf(ret, "/ws/oauth/authorize?%s", query.p);
    return true;
}

/* --- the exchange --- */

struct exchange_machine {
    struct machine m;
    struct task task;
};

static void ask(struct task *t, struct str *path, struct str *body)
{
    const struct machine_input *in = t->machine->in;

    str_adds(path, NIN_TOKEN_PATH);
    str_reserve(body, NIN_FORM_SIZE);
    nin_add_parameter(body, "grant_type", SLICE("authorization_code"));
    nin_add_parameter(body, "client_id", settings_text(in->settings, "client_id"));
    nin_add_parameter(body, "client_secret", settings_text(in->settings, "client_secret"));
    nin_add_parameter(body, "code", in->connect->code);
    nin_add_parameter(body, "redirect_uri", in->connect->redirect_uri);
    nin_add_parameter(body, "code_verifier", in->connect->code_verifier);
}

static void row(struct task *t, const void *r, const char *fault)
{
    const struct nin_token_row *token = r;

    if (!fault && token->access_token.n && !token->refresh_token.n)
        err_set(
            &t->machine->err, ERR_PROTOCOL,
            "NinjaOne gave no refresh token, so the connection would be over in an hour: tick \"Refresh Token\" among "
            "the grants of the API application, and connect again");
    else
        nin_take_token(t, token, fault);
}

static enum task_verdict page(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    return TASK_DONE;
}

static enum task_verdict failed(struct task *t, const struct machine_reply *r, struct err *e)
{
    _cleanup_(arena_freep) struct arena *a = arena_new();
    struct nin_error said;

    if (r->err || t->broken.code != ERR_NONE || reply_is_html(r))
        return TASK_FATAL; /* *e has it */
    nin_error_read(r, a, &said);
    if (r->status == 404)
        err_set(e, ERR_AUTH,
                "wrong region: NinjaOne does not know this client_id here (%.*s); choose the region in which the API "
                "application was made",
                SLICE_FMT(said.code.n ? said.code : SLICE("404")));
    else if (slice_is(said.code, "invalid_grant"))
        err_set(e, ERR_AUTH,
                "NinjaOne refuses the code (invalid_grant): it is good once and for a minute, and only with the "
                "redirect URI "
                "of the API application, %.*s; begin again",
                SLICE_FMT(t->machine->in->connect->redirect_uri));
    else if (slice_is(said.code, "invalid_client"))
        err_set(e, ERR_AUTH, "NinjaOne refuses the client secret (invalid_client): check client_id and client_secret");
    else if (slice_is(said.code, "unauthorized_client"))
        err_set(e, ERR_AUTH,
                "the API application may not be connected in the browser (unauthorized_client): tick \"Authorization "
                "Code\" among its grants in NinjaOne");
    return TASK_FATAL;
}

static const struct task_kind exchange_kind = {.what = "token",
                                               .method = "POST",
                                               .acting = true,
                                               .anonymous = true,
                                               .secret = true,
                                               .content_type = NIN_FORM,
                                               .doc = &nin_token_doc,
                                               .ask = ask,
                                               .row = row,
                                               .page = page,
                                               .failed = failed};

static struct machine *start(const struct machine_input *in, const struct sink *sink, struct err *e)
{
    struct exchange_machine *x = NEW(struct exchange_machine);

    machine_init(&x->m, in, sink, nin_explain);
    machine_add(&x->m, &x->task, &exchange_kind, 0);
    return &x->m;
}

static const struct machine_ops exchange_ops = {
    .name = "connect",
    .start = start,
    MACHINE_TASKS_OPS,
};

const struct provider_connect nin_connect = {
    .authorize_url = authorize_url,
    .exchange = &exchange_ops,
    .wanted = wanted,
};
