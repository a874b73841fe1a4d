/* errors.c - Tactical RMM's refusals, in words a person can act on. An error body is a JSON object, a JSON string or
 * an HTML page. */
#include "provider/common_scan.h"
#include "provider/tacticalrmm/tacticalrmm.h"

struct error_row {
    struct slice detail;
    struct texts non_field_errors;
};

static const struct map_field error_fields[] = {
    {"detail", MAP_LOOSE_TEXT, offsetof(struct error_row, detail)},
    {"non_field_errors", MAP_TEXTS, offsetof(struct error_row, non_field_errors)},
};
static const struct map error_map = {sizeof(struct error_row), error_fields, ARRAY_LEN(error_fields)};

struct slice tac_detail(const struct machine_reply *r, struct arena *a)
{
    struct slice body = slice_trim(r->error_body);
    struct error_row row = {0};

    if (body.n && body.p[0] == '"')
        return scan_plain(body);
    if (!body.n || body.p[0] != '{' || !map_read(&error_map, body, a, &row, NULL))
        return SLICE_NONE;
    if (!row.detail.n && row.non_field_errors.n)
        return row.non_field_errors.v[0];
    return known(row.detail);
}

bool tac_is_beta_off(const struct machine_reply *r)
{
    return !r->err && r->status == 404 && reply_is_html(r);
}

bool tac_is_entity_missing(const struct machine_reply *r)
{
    _cleanup_(arena_freep) struct arena *a = arena_new();
    struct slice detail;

    if (r->err || r->status != 404)
        return false;
    detail = tac_detail(r, a);
    return slice_starts(detail, SLICE("No ")) && slice_ends(detail, SLICE(" matches the given query."));
}

bool tac_is_invalid_page(const struct machine_reply *r)
{
    _cleanup_(arena_freep) struct arena *a = arena_new();

    return !r->err && r->status == 404 && slice_is(tac_detail(r, a), "Invalid page.");
}

bool tac_is_fatal(const struct task *t, const struct machine_reply *r, const struct err *e)
{
    if (t->broken.code != ERR_NONE)
        return false; /* this list is garbled, others need not be */
    return r->err || e->code == ERR_AUTH || e->code == ERR_THROTTLED;
}

/* Each call needs a right of the role that the user has. */
const char *tac_right_for(const char *what)
{
    static const struct {
        const char *what, *right;
    } rights[] = {
        {"clients", "can_list_clients"},
        {"site", "can_list_sites, and the agent's client"},
        {"agent-pages", "can_list_agents"},
        {"agents", "can_list_agents"},
        {"agent-ids", "can_list_agents"},
        {"agent", "can_list_agents, and the agent's client"},
        {"custom-fields", "can_view_customfields"},
        {"software", "can_list_software"},
        {"updates", "can_manage_winupdates (there is none to read them alone)"},
        {"checks", "can_list_checks"},
        {"alerts", "can_list_alerts"},
        {"recent-alerts", "can_list_alerts"},
        {"scripts", "can_list_scripts"},
        {"run-script", "can_run_scripts, and the agent's client"},
        {"reboot", "can_reboot_agents, and the agent's client"},
        {"maintenance", "can_edit_agent, and the agent's client"},
        {"remote-link", "can_use_mesh, and the agent's client"},
        {"resolve", "can_manage_alerts"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rights); i++)
        if (strcmp(rights[i].what, what) == 0)
            return rights[i].right;
    return TAC_RIGHTS;
}

static void explain_right(const struct machine_reply *r, const char *what, struct slice detail, struct err *e)
{
    _cleanup_(str_release) struct str mend = {0};

    str_addf(&mend, "give the user's role the right %s", tac_right_for(what));
    explain_status(r, TACTICAL, what, detail, ERR_FORBIDDEN, mend.p, e);
}

static const char *mend_401(const struct settings *s, struct slice detail)
{
    if (slice_is(detail, "User inactive or deleted."))
        return "the user is disabled or deleted: enable it, or take another one";
    if (tac_uses_login(s))
        return "the server refuses the token that it has just given: does something end this user's sessions, or a "
               "proxy drop "
               "the header Authorization?";
    if (slice_is(detail, "The token has expired."))
        return "the API key has expired: make a new one in Settings, Global Settings, API Keys";
    if (slice_is(detail, "Invalid token."))
        return "the server does not know this API key: copy it again, capitals matter";
    return "the API key did not arrive: check api_key, and that no proxy drops the header X-API-KEY";
}

static void explain_html(const struct task *t, const struct machine_reply *r, struct err *e)
{
    const char *mend = "a page instead of data: check base_url";
    enum err_code code = ERR_PROTOCOL;

    if (r->status / 100 == 2 || r->status == 405)
        mend = "this is not the API: the dashboard (rmm.…) answers any path with its page; base_url must be the API's "
               "host, as a rule "
               "https://api.<your domain>";
    else if (r->status == 400)
        mend = "the server does not serve this host name: base_url must be the name under which the API was installed";
    else if (r->status == 404)
        mend = "this path does not exist there: base_url must be the API's host without anything behind it, as a rule "
               "https://api.<your domain>";
    else if (r->status >= 500) {
        mend = "the server has a fault or is restarting; the next run goes on from here";
        code = ERR_UNAVAILABLE;
    }
    if (r->status == 404)
        code = ERR_NOT_FOUND;
    explain_status(r, TACTICAL, t->kind->what, SLICE("an HTML page"), code, mend, e);
}

void tac_explain(const struct task *t, const struct machine_reply *r, struct err *e)
{
    _cleanup_(arena_freep) struct arena *a = arena_new();
    struct slice detail = SLICE_NONE;

    if (r->status / 100 ==
        3) { /* never followed: a redirected PATCH would become a GET, and the key would go to another host */
        explain_status(
            r, TACTICAL, t->kind->what, SLICE("a redirect"), ERR_PROTOCOL,
            "base_url must be the address that the server itself uses: https rather than http, the API's host, no path",
            e);
        return;
    }
    if (r->status && reply_is_html(r)) {
        explain_html(t, r, e);
        return;
    }
    if (explain_transport(r, TACTICAL, e))
        return;
    detail = tac_detail(r, a);
    if (r->status == 401)
        explain_status(r, TACTICAL, t->kind->what, detail, ERR_AUTH, mend_401(t->machine->in->settings, detail), e);
    else if (r->status == 403)
        explain_right(r, t->kind->what, detail, e);
    else if (r->status == 404)
        explain_status(r, TACTICAL, t->kind->what, detail, ERR_NOT_FOUND,
                       "check base_url, and the version of the server (1.0 or later)", e);
    else if (r->status == 429)
        explain_status(r, TACTICAL, t->kind->what, detail, ERR_THROTTLED,
                       "too many calls; the next run goes on from here", e);
    else
        explain_status(r, TACTICAL, t->kind->what, detail, r->status >= 500 ? ERR_UNAVAILABLE : ERR_PROTOCOL,
                       r->status >= 500 ? "the server has a fault or is restarting; the next run goes on from here"
                                        : "the server refuses the request: is its version older than 1.0?",
                       e);
}
