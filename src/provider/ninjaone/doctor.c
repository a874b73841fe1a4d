/* doctor.c - what is wrong with a NinjaOne integration, and what to do about it.
 * Order:  the host (without a credential) → the credential → each right by a call that needs it and changes nothing.
 * How:    a token by client credentials is asked for here, since its refusal tells most; a person's grant is not
 *         refreshed, for that would use its refresh token up: what the hub's own refresh says is told.
 * Always: what was found is the answer, so the machine succeeds; when one step finds nothing to go on with, the next are
 *         left out. */
#include "provider/ninjaone/ninjaone.h"

#include <stdarg.h>
#include <stdio.h>

#define CLOCK_OFF SECONDS(120)

enum stage { STAGE_HOST, STAGE_TOKEN, STAGE_ORGANIZATIONS, STAGE_RIGHTS };

#define NRIGHTS 5
struct doctor {
    struct machine m;
    struct task host, token, organizations, rights[NRIGHTS];
    bool lacking;
};

static struct doctor *doctor_of(struct task *t)
{
    return container_of(t->machine, struct doctor, m);
}

static void find(struct task *t, enum finding_level level, const char *code, const char *mend, const char *fmt, ...)
    PRINTF_LIKE(5, 6);
static void find(struct task *t, enum finding_level level, const char *code, const char *mend, const char *fmt, ...)
{
    const struct sink *sink = t->machine->sink;
    char what[512];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(what, sizeof(what), fmt, ap);
    va_end(ap);
    sink->finding(sink->arg, &(struct finding){level, code, what, mend});
}

/* Nothing behind it can tell more. */
static enum task_verdict stop(struct task *t)
{
    struct machine *m = t->machine;

    for (size_t i = 0; i < m->ntasks; i++)
        if (m->tasks[i] != t && m->tasks[i]->state == TASK_READY)
            task_switch(m->tasks[i], TASK_OFF);
    return TASK_DONE;
}

static void no_row(struct task *t, const void *row, const char *fault)
{
}

static bool by_person(struct task *t)
{
    return slice_is(settings_text(t->machine->in->settings, "grant"), "authorization_code");
}

#define MEND_REGION                                                                                                    \
    "choose the region in which your console runs (the address bar tells: eu.ninjarmm.com is eu), or set base_url"
#define MEND_RECONNECT "connect the integration again: a person signs in to NinjaOne and grants access"
#define MEND_SCOPE                                                                                                     \
    "tick the scope for the API application in NinjaOne (Administration, Apps, API) and name it in the integration's " \
    "scope setting"

/* --- the host --- */

static void ask_host(struct task *t, struct str *path, struct str *body)
{
    str_adds(path, "/v2/organizations?pageSize=1");
}

static void find_clock(struct task *t, usec_t server)
{
    usec_t off = server == USEC_NONE ? 0 : server - t->machine->in->now;

    if (off > CLOCK_OFF || off < -CLOCK_OFF)
        find(t, FINDING_WARNING, "clock_off", "set the hub's clock by NTP",
             "NinjaOne's clock is %lld s %s the hub's: tokens are renewed at the wrong time",
             (long long)(off < 0 ? -off : off) / USEC_PER_S, off > 0 ? "ahead of" : "behind");
    else if (server != USEC_NONE)
        find(t, FINDING_OK, "clock", NULL, "NinjaOne's clock and the hub's agree");
}

static void find_plain_http(struct task *t)
{
    _cleanup_(str_release) struct str url = {0};

    if (nin_base_url(t->machine->in->settings, &url, NULL) && slice_starts(str_slice(&url), SLICE("http://")))
        find(t, FINDING_WARNING, "http_not_https", "set base_url to the https address",
             "the client secret travels in the open: base_url begins with http://");
}

/* NinjaOne refuses a call without a credential in words of its own: 400 missing_header, or 401. */
static enum task_verdict host_failed(struct task *t, const struct machine_reply *r, struct err *e)
{
    _cleanup_(arena_freep) struct arena *a = arena_new();
    struct nin_error said = {SLICE_NONE, SLICE_NONE, SLICE_NONE};

    if (r->status && !reply_is_html(r))
        nin_error_read(r, a, &said);
    if ((r->status == 400 || r->status == 401) && said.code.n) {
        find(t, FINDING_OK, "host", NULL, "NinjaOne's API answers");
        find_clock(t, r->date);
        find_plain_http(t);
        return TASK_DONE;
    }
    if (r->status && reply_is_html(r) && r->status < 300)
        find(t, FINDING_ERROR, "html_with_200", "wait some minutes; if it stays, base_url does not name the API's host",
             "the host answers 200 with an HTML page: NinjaOne throttles in this way, or it is another server");
    else if (r->status / 100 == 3)
        find(t, FINDING_ERROR, "wrong_host", "set base_url to the address that the console itself uses",
             "the address only redirects (%d); redirects are not followed", r->status);
    else if (r->status == 429)
        find(t, FINDING_ERROR, "throttled", "wait some minutes, and see what else uses this API application",
             "NinjaOne asks for fewer calls (429)");
    else if (r->status >= 500)
        find(t, FINDING_ERROR, "server_fault", "see status.ninjaone.com; msphub goes on by itself", "%s", e->what);
    else if (r->status)
        find(t, FINDING_ERROR, "wrong_host", "set the region, or base_url to the host of your console",
             "the host answers %d, and not as NinjaOne's API does", r->status);
    else
        find(t, FINDING_ERROR, "unreachable", "check base_url, the name service and the way out of this network", "%s",
             e->what);
    return stop(t);
}

static enum task_verdict host_page(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    find(t, FINDING_ERROR, "wrong_host", "set the region, or base_url to the host of your console",
         "the host answers without asking for a credential: it is not NinjaOne's API");
    return stop(t);
}

/* --- the credential --- */

struct token_row {
    struct slice access_token, scope;
};
static const struct map_field token_fields[] = {
    {"access_token", MAP_TEXT, offsetof(struct token_row, access_token)},
    {"scope", MAP_LOOSE_TEXT, offsetof(struct token_row, scope)},
};
static const struct map token_map = {sizeof(struct token_row), token_fields, ARRAY_LEN(token_fields)};
static const struct map_doc token_doc = {.rows = "", .row = &token_map};

static bool has_word(struct slice words, const char *word)
{
    while (words.n)
        if (slice_is(slice_cut(&words, ' '), word))
            return true;
    return false;
}

static void find_scopes(struct task *t, struct slice scope)
{
    static const struct {
        const char *scope, *without;
        enum finding_level level;
    } scopes[] = {
        {"monitoring", "nothing can be read", FINDING_ERROR},
        {"management", "resets, reboots, scripts, maintenance and custom fields cannot be written", FINDING_WARNING},
        {"control", "remote access from NinjaOne's links may be refused", FINDING_WARNING},
    };

    for (size_t i = 0; i < ARRAY_LEN(scopes); i++) {
        if (has_word(scope, scopes[i].scope))
            find(t, FINDING_OK, "scope", NULL, "the scope %s is granted", scopes[i].scope);
        else
            find(t, scopes[i].level, "missing_scope", MEND_SCOPE, "the scope %s is not granted: %s", scopes[i].scope,
                 scopes[i].without);
    }
}

static void token_row(struct task *t, const void *row, const char *fault)
{
    const struct token_row *token = row;

    if (fault || !token->access_token.n) {
        find(t, FINDING_ERROR, "wrong_host", MEND_REGION, "the token endpoint gives no token: %s",
             fault ? fault : "access_token is missing");
        stop(t);
        return;
    }
    find(t, FINDING_OK, "credential", NULL, "NinjaOne takes the client id and secret");
    if (token->scope.n)
        find_scopes(t, token->scope);
    find(t, FINDING_OK, "no_user_context", NULL,
         "client credentials carry no person: NinjaOne may refuse scripts and the webhook's registration; connect with "
         "a "
         "person's grant where they are needed");
}

static enum task_verdict token_failed(struct task *t, const struct machine_reply *r, struct err *e)
{
    static const struct {
        const char *said, *code, *what, *mend;
    } refusals[] = {
        {"invalid_client", "bad_client", "NinjaOne refuses the client secret",
         "check client_id and client_secret; the secret is shown once, when the application is made"},
        {"unauthorized_client", "grant_not_allowed", "the API application may not use client credentials",
         "tick \"Client Credentials\" for the application, whose type must be API Services (machine-to-machine)"},
        {"invalid_scope", "scope_not_allowed", "the API application does not have all scopes that the settings name",
         MEND_SCOPE},
    };
    _cleanup_(arena_freep) struct arena *a = arena_new();
    struct nin_error said = {SLICE_NONE, SLICE_NONE, SLICE_NONE};

    if (r->status && !reply_is_html(r))
        nin_error_read(r, a, &said);
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++)
        if (slice_is(said.code, refusals[i].said)) {
            find(t, FINDING_ERROR, refusals[i].code, refusals[i].mend, "%s", refusals[i].what);
            return stop(t);
        }
    if (r->status == 404)
        find(t, FINDING_ERROR, "wrong_region", MEND_REGION, "this region does not know the client id (%.*s)",
             SLICE_FMT(said.code.n ? said.code : SLICE("404")));
    else
        find(t, FINDING_ERROR, "no_token", "mend what NinjaOne says, or try later", "%s", e->what);
    return stop(t);
}

/* --- what may be read --- */

static void ask_organizations(struct task *t, struct str *path, struct str *body)
{
    str_adds(path, "/v2/organizations?pageSize=1");
}

static enum task_verdict organizations_page(struct task *t, const void *head, const struct machine_reply *r,
                                            struct err *e)
{
    if (by_person(t))
        find(t, FINDING_OK, "credential", NULL, "the grant is alive");
    find(t, FINDING_OK, "read", NULL, "organizations can be read%s", t->page_rows ? "" : ", but there are none");
    return TASK_DONE;
}

/* Of a person's grant: what the hub's own renewal has said. */
static bool find_dead_grant(struct task *t, const struct machine_reply *r, const struct err *e)
{
    if (!r->err || r->err->code != ERR_AUTH)
        return false;
    if (strstr(e->what, "wrong region"))
        find(t, FINDING_ERROR, "wrong_region", MEND_REGION, "%s", e->what);
    else if (by_person(t))
        find(t, FINDING_ERROR, "dead_grant", MEND_RECONNECT, "%s", e->what);
    else
        find(t, FINDING_ERROR, "bad_client", "check client_id, client_secret and the application's grants", "%s",
             e->what);
    return true;
}

static enum task_verdict organizations_failed(struct task *t, const struct machine_reply *r, struct err *e)
{
    if (find_dead_grant(t, r, e))
        return stop(t);
    if (r->status == 403)
        find(t, FINDING_ERROR, "missing_scope", MEND_SCOPE,
             "organizations may not be read: the scope monitoring is missing");
    else if (r->status == 401)
        find(t, FINDING_ERROR, "credential_refused", MEND_RECONNECT, "NinjaOne refuses the access token that it gave");
    else if (r->status && reply_is_html(r))
        find(t, FINDING_ERROR, "html_with_200", "wait some minutes, and see what else uses this API application", "%s",
             e->what);
    else
        find(t, FINDING_ERROR, "cannot_read", "mend what NinjaOne says, or try later", "%s", e->what);
    return stop(t);
}

struct right {
    struct task_kind task;
    const char *path, *without;
};

static const struct right *right_of(struct task *t);

static void ask_right(struct task *t, struct str *path, struct str *body)
{
    str_adds(path, right_of(t)->path);
}

static enum task_verdict right_page(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    return TASK_DONE;
}

static enum task_verdict right_failed(struct task *t, const struct machine_reply *r, struct err *e)
{
    doctor_of(t)->lacking = true;
    if (r->status == 403)
        find(t, FINDING_WARNING, "missing_right", MEND_SCOPE, "%s: %s", e->what, right_of(t)->without);
    else if (r->status == 404)
        find(t, FINDING_WARNING, "not_served", "nothing is to be done: this instance is older than the call", "%s: %s",
             t->kind->what, right_of(t)->without);
    else
        find(t, FINDING_WARNING, "cannot_read", "mend what NinjaOne says, or try later", "%s: %s", e->what,
             right_of(t)->without);
    return TASK_DONE;
}

struct nothing {
    struct slice id;
};
static const struct map_field nothing_fields[] = {{"id", MAP_LOOSE_TEXT, offsetof(struct nothing, id)}};
static const struct map nothing_map = {sizeof(struct nothing), nothing_fields, ARRAY_LEN(nothing_fields)};

#define RIGHT(WHAT, ROWS, PATH, WITHOUT)                                                                               \
    {                                                                                                                  \
        .task = {.what = WHAT,                                                                                         \
                 .list = true,                                                                                         \
                 .doc = &(const struct map_doc){.rows = ROWS, .row = &nothing_map},                                    \
                 .ask = ask_right,                                                                                     \
                 .row = no_row,                                                                                        \
                 .page = right_page,                                                                                   \
                 .failed = right_failed},                                                                              \
        .path = PATH, .without = WITHOUT                                                                               \
    }
static const struct right rights[NRIGHTS] = {
    RIGHT("devices", "[]", "/v2/devices?pageSize=1", "no device is read"),
    RIGHT("activities", "activities[]", "/v2/activities?pageSize=10", "every sync is a full one"),
    RIGHT("software", "results[]", "/v2/queries/software?pageSize=10", "no software is read"),
    RIGHT("os-patches", "results[]", "/v2/queries/os-patches?pageSize=10", "no patches are read"),
    RIGHT("device-custom-fields", "[]", "/v2/device-custom-fields", "custom fields have no types"),
};

static const struct right *right_of(struct task *t)
{
    return &rights[t - doctor_of(t)->rights];
}

/* --- the machine --- */

static void finish(struct machine *m)
{
    struct doctor *x = container_of(m, struct doctor, m);

    if (!x->lacking && x->rights[0].state == TASK_ENDED)
        find(&x->rights[0], FINDING_OK, "rights", NULL,
             "devices, activities, software, patches and custom fields can be read");
}

static const struct map_doc list_doc = {.rows = "[]", .row = &nothing_map};
static const struct task_kind host_kind = {.what = "host",
                                           .anonymous = true,
                                           .doc = &list_doc,
                                           .ask = ask_host,
                                           .row = no_row,
                                           .page = host_page,
                                           .failed = host_failed};
static const struct task_kind token_kind = {.what = "token",
                                            .method = "POST",
                                            .anonymous = true,
                                            .secret = true,
                                            .acting = true,
                                            .content_type = "application/x-www-form-urlencoded",
                                            .doc = &token_doc,
                                            .ask = nin_token_ask,
                                            .row = token_row,
                                            .page = right_page,
                                            .failed = token_failed};
static const struct task_kind organizations_kind = {.what = "organizations",
                                                    .list = true,
                                                    .doc = &list_doc,
                                                    .ask = ask_organizations,
                                                    .row = no_row,
                                                    .page = organizations_page,
                                                    .failed = organizations_failed};

static struct machine *start(const struct machine_input *in, const struct sink *sink, struct err *e)
{
    struct doctor *x = NEW(struct doctor);

    machine_init(&x->m, in, sink, nin_explain);
    x->m.finish = finish;
    machine_add(&x->m, &x->host, &host_kind, STAGE_HOST);
    machine_add(&x->m, &x->token, &token_kind, STAGE_TOKEN);
    machine_add(&x->m, &x->organizations, &organizations_kind, STAGE_ORGANIZATIONS);
    for (size_t i = 0; i < NRIGHTS; i++)
        machine_add(&x->m, &x->rights[i], &rights[i].task, STAGE_RIGHTS);
    if (by_person(&x->host))
        task_switch(&x->token, TASK_OFF);
    return &x->m;
}

const struct machine_ops nin_doctor_ops = {.name = "doctor", .start = start, MACHINE_TASKS_OPS};
