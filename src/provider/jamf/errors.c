/* errors.c - Jamf Pro's refusals, in words a person can act on. The Pro API says {"httpStatus","errors":[{"code","description"}]},
 * and the list may be empty; its token endpoint for clients speaks OAuth; Classic answers with a page, also for a missing
 * privilege, which it calls 401. */
#include "provider/jamf/jamf.h"

struct error_row {
    struct slice code, description, oauth, oauth_description;
};

#define AT(member) offsetof(struct error_row, member)
static const struct map_field error_fields[] = {
    {"errors[].code", MAP_LOOSE_TEXT, AT(code)},
    {"errors[].description", MAP_LOOSE_TEXT, AT(description)},
    {"error", MAP_LOOSE_TEXT, AT(oauth)},
    {"error_description", MAP_LOOSE_TEXT, AT(oauth_description)},
};
static const struct map error_map = {sizeof(struct error_row), error_fields, ARRAY_LEN(error_fields)};

struct slice jamf_error_read(const struct machine_reply *r, struct arena *a)
{
    struct error_row row = {0};
    struct slice body = slice_trim(r->error_body);

    if (!body.n || body.p[0] != '{' || !map_read(&error_map, body, a, &row, NULL))
        return SLICE_NONE;
    struct slice code = row.code.n ? row.code : row.oauth;
    struct slice text = row.description.n ? row.description : row.oauth_description;
    if (!code.n || !text.n)
        return known(code.n ? code : text);
    return slice_cstr(arena_printf(a, "%.*s, %.*s", SLICE_FMT(code), SLICE_FMT(text)));
}

/* What each list takes, by the words of its task. */
static const char *privilege_of(const char *what)
{
    static const struct {
        const char *what, *privilege;
    } rows[] = {
        {"computers", "Read Computers"},
        {"computer", "Read Computers"},
        {"groups", "Read Static Computer Groups and Read Smart Computer Groups"},
        {"users", "Read User"},
        {"classic-users", "Read User"},
        {"departments", "Read Departments"},
        {"department", "Read Departments"},
        {"buildings", "Read Buildings"},
        {"building", "Read Buildings"},
        {"sites", "Read Sites"},
        {"mobile-devices", "Read Mobile Devices"},
        {"mobile-device", "Read Mobile Devices"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (strcmp(what, rows[i].what) == 0)
            return rows[i].privilege;
    return NULL;
}

static bool is_classic(const struct task *t)
{
    return slice_starts(str_slice(&t->path), SLICE("/JSSResource/"));
}

static enum err_code code_of(const struct task *t, int status)
{
    switch (status) {
    case 401:
        return is_classic(t) ? ERR_FORBIDDEN : ERR_AUTH;
    case 403:
        return ERR_FORBIDDEN;
    case 404:
        return ERR_NOT_FOUND;
    case 429:
        return ERR_THROTTLED;
    default:
        return status >= 500 || status == 408 ? ERR_UNAVAILABLE : ERR_PROTOCOL;
    }
}

static void mend_of(const struct task *t, int status, enum err_code code, struct str *mend)
{
    const char *privilege = privilege_of(t->kind->what);

    if (code == ERR_FORBIDDEN && privilege)
        str_addf(mend, "give the account's privilege set, or the API client's role, the privilege %s", privilege);
    else if (code == ERR_FORBIDDEN)
        str_adds(mend, "the account, or the API client's role, lacks a privilege");
    else if (code == ERR_AUTH)
        str_adds(mend, "the token is refused even after a renewal: check that the account or API client is enabled");
    else if (code == ERR_NOT_FOUND)
        str_adds(mend, "this server does not know the call: check base_url; servers older than 10.49 are not served");
    else if (code == ERR_THROTTLED)
        str_adds(mend, "too many calls; the next run reads it again");
    else if (status == 500)
        str_adds(mend, "Jamf Pro has a fault: as a rule a damaged record; its log (JAMFSoftwareServer.log) names it");
    else if (code == ERR_UNAVAILABLE)
        str_adds(mend, "Jamf Pro is overloaded or being serviced; the next run reads it again");
}

void jamf_explain(const struct task *t, const struct machine_reply *r, struct err *e)
{
    _cleanup_(arena_freep) struct arena *a = arena_new();
    _cleanup_(str_release) struct str mend = {0};
    enum err_code code = code_of(t, r->status);

    if (r->status && reply_is_html(r) && !is_classic(t)) {
        bool fine = r->status / 100 == 2 || r->status == 404;
        mend_of(t, r->status, code, &mend);
        explain_status(r, JAMF, t->kind->what, SLICE("an HTML page"), code,
                       fine ? "a page where the API was due: base_url is the address of Jamf Pro itself, such as "
                              "https://example.jamfcloud.com, with its path if it has one"
                            : mend.p,
                       e);
        return;
    }
    if (explain_transport(r, JAMF, e))
        return;
    mend_of(t, r->status, code, &mend);
    explain_status(r, JAMF, t->kind->what, reply_is_html(r) ? SLICE_NONE : jamf_error_read(r, a), code, mend.p, e);
}

bool jamf_is_fatal(const struct task *t, const struct machine_reply *r, const struct err *e)
{
    if (t->broken.code != ERR_NONE)
        return false; /* this list is garbled, others need not be */
    return r->err || e->code == ERR_AUTH || e->code == ERR_THROTTLED;
}
