/* token.c - Tactical RMM's login, in two steps: the password is checked, then, for users who have a second factor, name,
 * password and code give a token.
 * Why:    a user without a second factor gets the token from the first step, and the second would be a fault of the server.
 *         Ten logins a minute and 300 a day are allowed to an address, good and bad alike: each step is sent once, whatever
 *         comes back, and a refusal ends the credential until the settings change.
 * Always: the code is made for the server's own clock (the Date of the first answer), so ours need not be right. The token
 *         lives five hours from its last use: no expiry is told, it is renewed when it is refused. */
#include "base/crypto.h"
#include "base/json_write.h"
#include "base/totp.h"
#include "provider/tacticalrmm/tacticalrmm.h"

struct token_machine {
    struct machine m;
    struct task creds, login;
    usec_t server_now; /* as the first answer began */
};

struct token_row {
    struct slice token;
    enum tri totp;
};

static const struct map_field token_fields[] = {
    {"token", MAP_TEXT, offsetof(struct token_row, token)},
    {"totp", MAP_TRI, offsetof(struct token_row, totp)},
};
static const struct map token_map = {sizeof(struct token_row), token_fields, ARRAY_LEN(token_fields)};
static const struct map_doc token_doc = {.rows = "", .row = &token_map};

static struct token_machine *token_of(struct task *t)
{
    return container_of(t->machine, struct token_machine, m);
}

static struct slice setting(const struct task *t, const char *key)
{
    return settings_text(t->machine->in->settings, key);
}

/* --- what is asked --- */

static void write_login(struct task *t, const char *code, struct str *body)
{
    struct slice user = setting(t, "username"), password = setting(t, "password");
    struct jw w;

    str_reserve(body, 6 * (user.n + password.n) + 96); /* holds secrets: it must not move and leave copies behind */
    jw_init(&w, body);
    jw_object(&w);
    jw_key_slice(&w, "username", user);
    jw_key_slice(&w, "password", password);
    if (code)
        jw_key_str(&w, "twofactor", code); /* as text: a number would lose its leading zero */
    jw_end(&w);
}

static void ask_creds(struct task *t, struct str *path, struct str *body)
{
    str_adds(path, "/v2/checkcreds/");
    write_login(t, NULL, body);
}

static void ask_login(struct task *t, struct str *path, struct str *body)
{
    _cleanup_(str_release) struct str key = {0};
    char code[TOTP_DIGITS + 1];

    str_adds(path, "/v2/login/");
    (void)!str_add_from_base32(&key, setting(t, "totp_secret")); /* tac_check saw that it can be read */
    totp_code(str_slice(&key), totp_step(token_of(t)->server_now), code);
    write_login(t, code, body);
    crypto_wipe(key.p, key.cap);
    crypto_wipe(code, sizeof(code));
}

/* --- what comes back --- */

static void give(struct task *t, struct slice token)
{
    const struct sink *sink = t->machine->sink;

    sink->credential(sink->arg, token, USEC_NONE, SLICE_NONE);
}

static void unusable(struct task *t, const char *fault)
{
    err_set(
        &t->machine->err, ERR_PROTOCOL,
        "Tactical RMM's login gave no usable token (%s): is base_url the API's host, and the server's version 1.0 or "
        "later?",
        fault);
}

static void creds_row(struct task *t, const void *row, const char *fault)
{
    const struct token_row *r = row;
    struct token_machine *x = token_of(t);

    x->server_now = t->date != USEC_NONE ? t->date : t->machine->in->now;
    if (fault || (r->totp != TRI_YES && !r->token.n))
        unusable(t, fault ? fault : "neither a token nor the question for a second factor");
    else if (r->totp != TRI_YES)
        give(t, r->token);
    else if (setting(t, "totp_secret").n)
        task_switch(&x->login, TASK_READY);
    else
        err_set(
            &t->machine->err, ERR_AUTH,
            "the password is right, but this user has a second factor: give totp_secret, the setup key that was shown "
            "below its QR code, or use an API key");
}

static void login_row(struct task *t, const void *row, const char *fault)
{
    const struct token_row *r = row;

    if (fault || !r->token.n)
        unusable(t, fault ? fault : "token is missing");
    else
        give(t, r->token);
}

static enum task_verdict page(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    return TASK_DONE;
}

static void explain_throttle(const struct machine_reply *r, struct err *e)
{
    if (r->status == 429)
        err_wrap(
            e, "Tactical RMM allows ten logins a minute and 300 a day to one address; the login is tried again later");
}

static enum task_verdict creds_failed(struct task *t, const struct machine_reply *r, struct err *e)
{
    if (r->status == 400 && !reply_is_html(r) && !r->err)
        explain_status(
            r, TACTICAL, "the check of user and password", SLICE("Bad credentials"), ERR_AUTH,
            "the password is wrong, there is no such user, the user may not sign in to the dashboard (Block Dashboard "
            "Login), or signs in by SSO: check username and password, or use an API key",
            e);
    explain_throttle(r, e);
    return TASK_FATAL;
}

/* The password has just been found right: what is refused now is the code. */
static enum task_verdict login_failed(struct task *t, const struct machine_reply *r, struct err *e)
{
    _cleanup_(arena_freep) struct arena *a = arena_new();

    if (r->status == 400 && !reply_is_html(r) && !r->err) {
        struct slice said = tac_detail(r, a);
        bool code = slice_is(said, "Bad credentials");
        explain_status(
            r, TACTICAL, "the login", said, ERR_AUTH,
            code ? "the password is right and the code is not: totp_secret must be this user's present setup key "
                   "(resetting the second factor makes a new one), and the server's clock within five minutes of the "
                   "time that it tells in its Date header"
                 : "the password was right a moment ago and no longer is: check username and password",
            e);
    }
    explain_throttle(r, e);
    return TASK_FATAL;
}

#define LOGIN_KIND                                                                                                     \
    .method = "POST", .acting = true, .anonymous = true, .secret = true, .content_type = "application/json",           \
    .doc = &token_doc, .page = page

static const struct task_kind creds_kind = {
    .what = "credentials", LOGIN_KIND, .ask = ask_creds, .row = creds_row, .failed = creds_failed};
static const struct task_kind login_kind = {
    .what = "login", LOGIN_KIND, .ask = ask_login, .row = login_row, .failed = login_failed};

static struct machine *start(const struct machine_input *in, const struct sink *sink, struct err *e)
{
    const char *field;
    struct token_machine *x;

    if (!tac_check(in->settings, &field, e)) /* stored by something else than the form: a name left out is a 500 */
        return err_wrap(e, "%s", field), NULL;
    x = NEW(struct token_machine);
    machine_init(&x->m, in, sink, tac_explain);
    machine_add(&x->m, &x->creds, &creds_kind, 0);
    machine_add(&x->m, &x->login, &login_kind, 1);
    task_switch(&x->login, TASK_OFF);
    return &x->m;
}

const struct machine_ops tac_authenticate_ops = {
    .name = "authenticate",
    .start = start,
    MACHINE_TASKS_OPS,
};
