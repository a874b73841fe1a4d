/* token.c - Jamf Pro's tokens. An API client's lives as long as the client says (seconds, one short), a user's some thirty minutes (a
 * time, of which the zeros at the end are dropped).
 * Why no keep-alive: it kills the token that other processes of ours still use, and a client has none. One signs in again. */
#include "base/crypto.h"
#include "provider/jamf/jamf.h"

struct token_machine {
    struct machine m;
    struct task task;
    struct str basic; /* a user's header */
};

struct token_row {
    struct slice access_token, token;
    int64_t expires_in;
    usec_t expires;
};

static const struct map_field token_fields[] = {
    {"access_token", MAP_LOOSE_TEXT, offsetof(struct token_row, access_token)},
    {"expires_in", MAP_I64, offsetof(struct token_row, expires_in)},
    {"token", MAP_LOOSE_TEXT, offsetof(struct token_row, token)},
    {"expires", MAP_ISO, offsetof(struct token_row, expires)},
};
static const struct map token_map = {sizeof(struct token_row), token_fields, ARRAY_LEN(token_fields)};
static const struct map_doc token_doc = {.rows = "", .row = &token_map};

static struct token_machine *token_of(struct machine *m)
{
    return container_of(m, struct token_machine, m);
}

static void ask_user(struct task *t, struct str *path, struct str *body)
{
    str_adds(path, "/api/v1/auth/token");
}

static void add_field(struct str *body, const char *name, struct slice value)
{
    str_addf(body, "%s%s=", body->n ? "&" : "", name);
    str_add_url(body, value);
}

static void ask_client(struct task *t, struct str *path, struct str *body)
{
    const struct settings *s = t->machine->in->settings;
    struct slice id = settings_text(s, "client_id"), secret = settings_text(s, "client_secret");

    str_adds(path, "/api/v1/oauth/token");
    str_reserve(body, 3 * (id.n + secret.n) + 96); /* holds a secret: it must not move and leave copies behind */
    add_field(body, "grant_type", SLICE("client_credentials"));
    add_field(body, "client_id", id);
    add_field(body, "client_secret", secret);
}

/* The product's clock may differ from ours: its own Date stands beside the end that it tells. */
static usec_t life_of(const struct task *t, const struct token_row *x)
{
    usec_t now = t->date != USEC_NONE ? t->date : t->machine->in->now;

    if (x->expires_in > 0 && x->expires_in < INT32_MAX)
        return SECONDS(x->expires_in);
    if (x->expires == USEC_NONE || x->expires <= now || x->expires - now > SECONDS(INT32_MAX))
        return USEC_NONE;
    return x->expires - now;
}

static void row(struct task *t, const void *r, const char *fault)
{
    const struct token_row *x = r;
    const struct sink *sink = t->machine->sink;
    struct slice token = x->access_token.n ? x->access_token : x->token;

    if (fault || !token.n) {
        err_set(&t->machine->err, ERR_PROTOCOL, "Jamf Pro gave no usable token (%s): check base_url",
                fault ? fault : "neither access_token nor token");
        return;
    }
    sink->credential(sink->arg, token, life_of(t, x), SLICE_NONE);
}

static enum task_verdict page(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    return TASK_DONE;
}

/* The schema says 400 for a client's bad credentials, servers say 401. */
static enum task_verdict failed(struct task *t, const struct machine_reply *r, struct err *e)
{
    _cleanup_(arena_freep) struct arena *a = arena_new();
    bool client = jamf_is_client(t->machine->in->settings);

    if (t->broken.code != ERR_NONE || r->err || reply_is_html(r))
        return TASK_FATAL; /* *e has it */
    struct slice said = jamf_error_read(r, a);
    if (slice_starts(said, SLICE("USER_EXPIRED_PASSWORD")))
        explain_status(r, JAMF, "the sign-in", said, ERR_AUTH,
                       "the password has expired: choose a new one in Jamf Pro and store it here", e);
    else if (r->status == 401 || (r->status == 400 && slice_starts(said, SLICE("invalid_client"))))
        explain_status(r, JAMF, "the sign-in", said, ERR_AUTH,
                       client ? "client_id or client_secret is refused: Settings, System, API roles and clients; the "
                                "client must be enabled"
                              : "username or password is refused; an account that signs in by SSO cannot use the API: "
                                "make a local one, or an API client",
                       e);
    else if (r->status == 404 && client)
        explain_status(r, JAMF, "the sign-in", said, ERR_NOT_FOUND,
                       "this server knows no API clients (they came with 10.49), or base_url is not its address", e);
    return TASK_FATAL;
}

static const struct task_kind client_kind = {.what = "token",
                                             .method = "POST",
                                             .anonymous = true,
                                             .secret = true,
                                             .content_type = "application/x-www-form-urlencoded",
                                             .doc = &token_doc,
                                             .ask = ask_client,
                                             .row = row,
                                             .page = page,
                                             .failed = failed};
static const struct task_kind user_kind = {.what = "token",
                                           .method = "POST",
                                           .anonymous = true,
                                           .doc = &token_doc,
                                           .ask = ask_user,
                                           .row = row,
                                           .page = page,
                                           .failed = failed};

static enum machine_want next(struct machine *m, struct machine_call *ret)
{
    enum machine_want want = machine_tasks_next(m, ret);

    if (want == MACHINE_CALL && token_of(m)->basic.n)
        ret->headers[0] = (struct machine_header){"Authorization", token_of(m)->basic.p};
    return want;
}

static void release(struct machine *m)
{
    struct token_machine *x = token_of(m);

    crypto_wipe(x->basic.p, x->basic.cap);
    str_release(&x->basic);
}

static void make_basic(struct token_machine *x, struct slice user, struct slice password)
{
    struct str plain = {0};

    str_reserve(&plain, user.n + password.n + 2);
    str_reserve(&x->basic, 2 * (user.n + password.n) + 16);
    str_add(&plain, user);
    str_addc(&plain, ':');
    str_add(&plain, password);
    str_adds(&x->basic, "Basic ");
    str_add_base64(&x->basic, str_slice(&plain));
    crypto_wipe(plain.p, plain.cap);
    str_release(&plain);
}

static bool needs(const struct settings *s, const char *a, const char *b, struct err *e)
{
    if (settings_text(s, a).n && settings_text(s, b).n)
        return true;
    return err_set(e, ERR_INPUT, "%s is empty: this way to sign in needs %s and %s", settings_text(s, a).n ? b : a, a,
                   b);
}

static struct machine *start(const struct machine_input *in, const struct sink *sink, struct err *e)
{
    bool client = jamf_is_client(in->settings);
    struct slice user = settings_text(in->settings, "username");

    if (!needs(in->settings, client ? "client_id" : "username", client ? "client_secret" : "password", e))
        return NULL;
    if (!client && memchr(user.p, ':', user.n))
        return err_set(e, ERR_INPUT, "username: a colon cannot stand in it"), NULL;
    struct token_machine *x = NEW(struct token_machine);
    machine_init(&x->m, in, sink, jamf_explain);
    x->m.release = release;
    machine_add(&x->m, &x->task, client ? &client_kind : &user_kind, 0);
    if (!client)
        make_basic(x, user, settings_text(in->settings, "password"));
    return &x->m;
}

const struct machine_ops jamf_authenticate_ops = {
    .name = "authenticate",
    .start = start,
    .next = next,
    .on_head = machine_tasks_on_head,
    .on_body = machine_tasks_on_body,
    .on_again = machine_tasks_on_again,
    .on_end = machine_tasks_on_end,
    .result = machine_tasks_result,
    .free = machine_tasks_free,
};
