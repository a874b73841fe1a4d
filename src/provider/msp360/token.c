/* token.c - MSP360's login: user and password of the API for a token of 14 days. There is no refresh call; one logs in
 * again. Several tokens may live at once, so a login may be repeated. */
#include "base/json_write.h"
#include "provider/msp360/msp360.h"

#define EARLY SECONDS(3600) /* a new one is fetched when less than this is left */

struct token_machine {
    struct machine m;
    struct task task;
};

struct token_row {
    struct slice access_token, token;
    int64_t expires_in;
};

static const struct map_field token_fields[] = {
    {"access_token", MAP_LOOSE_TEXT, offsetof(struct token_row, access_token)},
    {"Token", MAP_LOOSE_TEXT, offsetof(struct token_row, token)},
    {"expires_in", MAP_I64, offsetof(struct token_row, expires_in)}, /* a number, or its digits */
};
static const struct map token_map = {sizeof(struct token_row), token_fields, ARRAY_LEN(token_fields)};
static const struct map_doc token_doc = {.rows = "", .row = &token_map, .any_case = true};

static void ask(struct task *t, struct str *path, struct str *body)
{
    const struct settings *s = t->machine->in->settings;
    struct slice login = settings_text(s, "api_login"), password = settings_text(s, "api_password");
    struct jw w;

    str_adds(path, "/api/Provider/Login");
    str_reserve(body, 6 * (login.n + password.n) + 64); /* holds a secret: it must not move and leave copies behind */
    jw_init(&w, body);
    jw_object(&w);
    jw_key_slice(&w, "UserName", login);
    jw_key_slice(&w, "Password", password);
    jw_end(&w);
}

static usec_t life_of(int64_t expires_in)
{
    if (expires_in <= 0 || expires_in > INT32_MAX)
        return USEC_NONE;
    usec_t life = SECONDS(expires_in);
    return life > 2 * EARLY ? life - EARLY : life; /* the engine renews ahead of what it is told */
}

static void row(struct task *t, const void *r, const char *fault)
{
    const struct token_row *x = r;
    const struct sink *sink = t->machine->sink;
    struct slice token = x->access_token.n ? x->access_token : x->token;

    if (fault || !token.n) {
        err_set(&t->machine->err, ERR_PROTOCOL, "MSP360's login gave no usable token (%s): check base_url",
                fault ? fault : "neither access_token nor Token");
        return;
    }
    sink->credential(sink->arg, token, life_of(x->expires_in), SLICE_NONE);
}

static enum task_verdict page(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    return TASK_DONE;
}

/* The same refusal was a 400 for years and is a 403 now; 401 would be no surprise. A page with 403 is a firewall's or the
 * server's filter of addresses: that may pass without new settings. */
static enum task_verdict failed(struct task *t, const struct machine_reply *r, struct err *e)
{
    _cleanup_(arena_freep) struct arena *a = arena_new();
    struct msp_error said;

    if (t->broken.code != ERR_NONE || r->err)
        return TASK_FATAL; /* *e has it */
    msp_error_read(r, a, &said);
    if (r->status == 401 || r->status == 403 || (r->status == 400 && slice_is(said.code, "invalid_grant")))
        explain_status(
            r, MSP360, "the login", reply_is_html(r) ? SLICE("an HTML page") : said.message,
            reply_is_html(r) ? ERR_FORBIDDEN : ERR_AUTH,
            "credentials refused, or API access or this hub's address is: api_login and api_password are made "
            "in the MSP360 console, Settings, General (no console login; making new ones ends the old)",
            e);
    return TASK_FATAL;
}

static const struct task_kind login_kind = {.what = "token",
                                            .method = "POST",
                                            .anonymous = true,
                                            .secret = true,
                                            .content_type = "application/json",
                                            .doc = &token_doc,
                                            .ask = ask,
                                            .row = row,
                                            .page = page,
                                            .failed = failed};

static struct machine *start(const struct machine_input *in, const struct sink *sink, struct err *e)
{
    struct token_machine *x = NEW(struct token_machine);

    machine_init(&x->m, in, sink, msp_explain);
    machine_add(&x->m, &x->task, &login_kind, 0);
    return &x->m;
}

const struct machine_ops msp_authenticate_ops = {
    .name = "authenticate",
    .start = start,
    MACHINE_TASKS_OPS,
};
