/* errors.c - Syncro's refusals, in words a person can act on.
 * Bodies have no common form: {"error":…}, {"message":…}, {"errors":…}, each a text, a list of texts or an object of lists; a bare
 * object of lists; a page; a plain word. A 401 is a bad token or a missing permission: only GET /me tells which. */
#include "base/json_read.h"
#include "provider/syncro/syncro.h"

static const struct {
    const char *what, *permission;
} permissions[] = {
    {"customers", "Customers - List/Search"},
    {"customer", "Customers - View Detail"},
    {"contacts", "Customers - View Detail"},
    {"assets", "Assets - List/Search"},
    {"asset", "Assets - View Details"},
    {"alerts", "RMM Alerts - List"},
    {"alert", "RMM Alerts - List"},
    {"resolved-alerts", "RMM Alerts - List"},
    {"alert-delete", "RMM Alerts - Delete"},
    {"tickets", "Tickets - List/Search"},
    {"ticket-search", "Tickets - List/Search"},
    {"ticket", "Tickets - View Details"},
    {"comments", "Tickets - View Details"},
    {"ticket-create", "Tickets - Create"},
    {"ticket-status", "Tickets - Edit"},
    {"comment-create", "Tickets - Edit"},
};

const char *syn_permission(const char *what)
{
    for (size_t i = 0; i < ARRAY_LEN(permissions); i++)
        if (strcmp(permissions[i].what, what) == 0)
            return permissions[i].permission;
    return NULL;
}

/* The first text in it, however deep. A list's texts are joined. */
static void gather(const struct json *j, struct str *out)
{
    for (const struct json *c = j->type == JSON_ARRAY || j->type == JSON_OBJECT ? j->child : NULL; c; c = c->next) {
        if (c->type == JSON_OBJECT || c->type == JSON_ARRAY) {
            if (c->key.n)
                str_addf(out, "%s%.*s: ", out->n ? "; " : "", SLICE_FMT(c->key));
            gather(c, out);
        } else if (c->type == JSON_STRING) {
            bool fresh = !out->n || slice_ends(str_slice(out), SLICE(": "));
            str_addf(out, "%s%.*s", fresh ? "" : ", ", SLICE_FMT(c->text));
        }
        if (out->n > 300)
            return;
    }
    if (j->type == JSON_STRING)
        str_add(out, j->text);
}

struct slice syn_error_text(const struct machine_reply *r, struct arena *a)
{
    static const char *const names[] = {"error", "message", "errors"};
    struct slice body = slice_trim(r->error_body);
    _cleanup_(str_release) struct str text = {0};
    struct json *root = NULL;
    struct err e;

    if (!body.n || (body.p[0] != '{' && body.p[0] != '[') || !json_parse(a, body, &root, &e)) {
        body = body.n && body.p[0] != '<' && body.n <= 80 ? body : SLICE_NONE; /* "Disabled" */
        return body;
    }
    for (size_t i = 0; i < ARRAY_LEN(names) && !text.n; i++) {
        const struct json *said = json_get(root, names[i]);
        if (said)
            gather(said, &text);
    }
    if (!text.n)
        gather(root, &text);
    return text.n ? slice_of(arena_strndup(a, text.p, text.n), text.n) : SLICE_NONE;
}

static enum err_code code_of(int status)
{
    switch (status) {
    case 401:
    case 403:
        return ERR_FORBIDDEN; /* until /me says otherwise */
    case 404:
        return ERR_NOT_FOUND;
    case 422:
    case 400:
        return ERR_INPUT;
    case 429:
        return ERR_THROTTLED;
    default:
        return status >= 500 || status == 408 ? ERR_UNAVAILABLE : ERR_PROTOCOL;
    }
}

static const char *mend_of(int status)
{
    switch (status) {
    case 404:
        return "there is none, or the token's user may not see it";
    case 429:
        return "more than 180 calls a minute came from this hub's address; the next run reads it again";
    default:
        return status >= 500 ? "Syncro has a fault; the next run reads it again" : NULL;
    }
}

static void explain_refused(const struct task *t, const struct machine_reply *r, struct slice said, struct err *e)
{
    const char *permission = syn_permission(t->kind->what);
    _cleanup_(str_release) struct str mend = {0};

    if (permission)
        str_addf(&mend, "give the token the permission \"%s\", in Syncro, Admin, API, API Tokens", permission);
    else
        str_adds(&mend, "the token is not valid or has expired: make a new one in Syncro, Admin, API, API Tokens");
    explain_status(r, SYNCRO, t->kind->what, said, permission ? ERR_FORBIDDEN : ERR_AUTH, mend.p, e);
}

void syn_explain(const struct task *t, const struct machine_reply *r, struct err *e)
{
    _cleanup_(arena_freep) struct arena *a = arena_new();

    if (r->status && reply_is_html(r) && r->status / 100 == 2) {
        explain_status(r, SYNCRO, t->kind->what, SLICE("an HTML page"), ERR_PROTOCOL,
                       "a page where data was due: is the subdomain right, and is the account active?", e);
        return;
    }
    if (explain_transport(r, SYNCRO, e))
        return;
    struct slice said = reply_is_html(r) ? SLICE("an HTML page") : syn_error_text(r, a);
    if (r->status == 401 || r->status == 403)
        explain_refused(t, r, said, e);
    else
        explain_status(r, SYNCRO, t->kind->what, said, code_of(r->status), mend_of(r->status), e);
}

bool syn_is_fatal(const struct task *t, const struct machine_reply *r, const struct err *e)
{
    if (t->broken.code != ERR_NONE)
        return false; /* this list is garbled, others need not be */
    return r->err || e->code == ERR_AUTH || e->code == ERR_THROTTLED || e->code == ERR_UNAVAILABLE;
}
