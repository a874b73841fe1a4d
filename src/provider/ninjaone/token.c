/* token.c - NinjaOne's token endpoint: client credentials, or the refresh of a person's grant.
 * Always: a refresh is an acting call (refresh tokens rotate and a second use ends the grant), so it is never sent
 *         twice; only the answers that mean "dead" end the grant, never a 429, a 5xx or a web page. */
#include "provider/ninjaone/oauth.h"

struct token_machine {
    struct machine m;
    struct task task;
};

static const struct map_field token_fields[] = {
    {"access_token", MAP_TEXT, offsetof(struct nin_token_row, access_token), .required = true},
    {"refresh_token", MAP_TEXT, offsetof(struct nin_token_row, refresh_token)},
    {"expires_in", MAP_I64, offsetof(struct nin_token_row, expires_in)},
};
static const struct map token_map = {sizeof(struct nin_token_row), token_fields, ARRAY_LEN(token_fields)};
const struct map_doc nin_token_doc = {.rows = "", .row = &token_map};

static bool uses_refresh(const struct machine_input *in)
{
    return slice_is(settings_text(in->settings, "grant"), "authorization_code");
}

static struct slice refresh_token(const struct machine_input *in)
{
    return in->refresh_token.n ? in->refresh_token : settings_text(in->settings, "refresh_token");
}

void nin_add_parameter(struct str *to, const char *name, struct slice value)
{
    if (!value.n)
        return;
    str_addf(to, "%s%s=", to->n ? "&" : "", name);
    str_add_url(to, value);
}

void nin_token_ask(struct task *t, struct str *path, struct str *body)
{
    const struct machine_input *in = t->machine->in;
    bool refresh = uses_refresh(in);

    str_adds(path, NIN_TOKEN_PATH);
    str_reserve(body, NIN_FORM_SIZE);
    nin_add_parameter(body, "grant_type", refresh ? SLICE("refresh_token") : SLICE("client_credentials"));
    nin_add_parameter(body, "client_id", settings_text(in->settings, "client_id"));
    nin_add_parameter(body, "client_secret", settings_text(in->settings, "client_secret"));
    if (refresh)
        nin_add_parameter(body, "refresh_token", refresh_token(in)); /* no scope: a refresh keeps the grant's */
    else
        nin_add_parameter(body, "scope", settings_text(in->settings, "scope"));
}

void nin_take_token(struct task *t, const struct nin_token_row *token, const char *fault)
{
    const struct sink *sink = t->machine->sink;
    usec_t expires = USEC_NONE;

    if (fault || !token->access_token.n) {
        err_set(&t->machine->err, ERR_PROTOCOL,
                "NinjaOne's token endpoint gave no usable token (%s): check region or base_url",
                fault ? fault : "access_token is empty");
        return;
    }
    if (token->expires_in > 0 && token->expires_in < INT32_MAX)
        expires = SECONDS(token->expires_in);
    sink->credential(sink->arg, token->access_token, expires, known(token->refresh_token));
}

static void row(struct task *t, const void *r, const char *fault)
{
    nin_take_token(t, r, fault);
}

static enum task_verdict page(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    return TASK_DONE;
}

static bool is_one_of(struct slice s, const char *const *names)
{
    for (; *names; names++)
        if (slice_is(s, *names))
            return true;
    return false;
}

static enum task_verdict failed(struct task *t, const struct machine_reply *r, struct err *e)
{
    static const char *const dead[] = {"invalid_token", "invalid_grant", "expired_token", NULL};
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
    else if (r->status == 400 && uses_refresh(t->machine->in) && is_one_of(said.code, dead))
        err_set(
            e, ERR_AUTH,
            "reconnect required: NinjaOne has ended this grant (%.*s); sign in again and store the new refresh token",
            SLICE_FMT(said.code));
    else if (slice_is(said.code, "invalid_client"))
        err_set(e, ERR_AUTH, "NinjaOne refuses the client secret (invalid_client): check client_id and client_secret");
    else if (slice_is(said.code, "unauthorized_client"))
        err_set(e, ERR_AUTH,
                "the API application may not use this grant (unauthorized_client): tick %s for it in NinjaOne, or "
                "choose the other grant",
                uses_refresh(t->machine->in) ? "\"Refresh Token\"" : "\"Client Credentials\"");
    else if (slice_is(said.code, "invalid_scope"))
        err_set(
            e, ERR_AUTH,
            "the API application does not have the scope \"%.*s\" (invalid_scope): tick it in NinjaOne or change scope",
            SLICE_FMT(settings_text(t->machine->in->settings, "scope")));
    else if (r->status == 401)
        err_wrap(e, "check client_id and client_secret");
    return TASK_FATAL;
}

#define TOKEN_KIND                                                                                                     \
    .what = "token", .method = "POST", .anonymous = true, .secret = true, .content_type = NIN_FORM,                    \
    .doc = &nin_token_doc, .ask = nin_token_ask, .row = row, .page = page, .failed = failed

static const struct task_kind credentials_kind = {TOKEN_KIND};
static const struct task_kind refresh_kind = {TOKEN_KIND, .acting = true};

static struct machine *start(const struct machine_input *in, const struct sink *sink, struct err *e)
{
    bool refresh = uses_refresh(in);

    if (!refresh && !settings_text(in->settings, "client_secret").n)
        return err_set(e, ERR_INPUT, "client_secret is empty: the client_credentials grant needs it"), NULL;
    if (refresh && !refresh_token(in).n)
        return err_set(e, ERR_AUTH, "reconnect required: no refresh token is stored; sign in and store one"), NULL;

    struct token_machine *x = NEW(struct token_machine);
    machine_init(&x->m, in, sink, nin_explain);
    machine_add(&x->m, &x->task, refresh ? &refresh_kind : &credentials_kind, 0);
    return &x->m;
}

const struct machine_ops nin_authenticate_ops = {
    .name = "authenticate",
    .start = start,
    MACHINE_TASKS_OPS,
};
