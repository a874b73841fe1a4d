/* doctor.c - what is wrong with a Tactical RMM integration, and what to do about it.
 * Order:  the host (without a credential) → the credential → each right by a call that needs it and changes nothing.
 * Always: what was found is the answer, so the machine succeeds; when one step finds nothing to go on with, the next are
 *         left out. */
#include "provider/tacticalrmm/tacticalrmm.h"

#include <stdarg.h>
#include <stdio.h>

#define CLOCK_OFF SECONDS(120)

struct doctor {
    struct machine m;
    struct task root, version, clients, site, pages, ids, fields, software, checks, updates, scripts, alerts;
    char agent_id[64], site_id[24];
    unsigned lacking;
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

static enum task_verdict done(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    return TASK_DONE;
}

static void no_row(struct task *t, const void *row, const char *fault)
{
}

/* --- the host --- */

struct root_row {
    struct slice status;
};
static const struct map_field root_fields[] = {{"status", MAP_LOOSE_TEXT, offsetof(struct root_row, status)}};
static const struct map root_map = {sizeof(struct root_row), root_fields, ARRAY_LEN(root_fields)};
static const struct map_doc root_doc = {.rows = "", .row = &root_map};

static void ask_root(struct task *t, struct str *path, struct str *body)
{
    str_adds(path, "/");
}

static void find_wrong_host(struct task *t, const char *what)
{
    _cleanup_(str_release) struct str guess = {0}, mend = {0};

    if (tac_guess_api(t->machine->in->settings, &guess))
        str_addf(&mend, "set base_url to the API's host, as the installer names it %s", guess.p);
    else
        str_adds(&mend, "set base_url to the API's host, as a rule https://api.<your domain>");
    find(t, FINDING_ERROR, "wrong_host", mend.p, "%s", what);
}

static bool is_plain_http(struct task *t)
{
    _cleanup_(str_release) struct str url = {0};

    return tac_base_url(t->machine->in->settings, &url, NULL) && slice_starts(str_slice(&url), SLICE("http://"));
}

static void find_clock(struct task *t, usec_t server)
{
    usec_t off = server == USEC_NONE ? 0 : server - t->machine->in->now;
    bool totp = tac_uses_login(t->machine->in->settings) && settings_text(t->machine->in->settings, "totp_secret").n;

    if (off > CLOCK_OFF || off < -CLOCK_OFF)
        find(t, FINDING_WARNING, "clock_off", "set the clocks of both machines by NTP",
             "the server's clock is %lld s %s the hub's%s", (long long)(off < 0 ? -off : off) / USEC_PER_S,
             off > 0 ? "ahead of" : "behind",
             totp ? "; the login's codes are made for the server's clock, so they fit all the same" : "");
    else if (server != USEC_NONE)
        find(t, FINDING_OK, "clock", NULL, "the server's clock and the hub's agree");
}

static void root_row(struct task *t, const void *row, const char *fault)
{
    if (fault || !slice_is(((const struct root_row *)row)->status, "ok")) {
        find_wrong_host(t, "the host answers, but not as Tactical RMM's API does ({\"status\":\"ok\"})");
        stop(t);
        return;
    }
    find(t, FINDING_OK, "host", NULL, "the API answers");
    find_clock(t, t->date);
    if (is_plain_http(t))
        find(t, FINDING_WARNING, "http_not_https", "set base_url to the https address",
             "the credential travels in the open: base_url begins with http://");
}

static enum task_verdict root_failed(struct task *t, const struct machine_reply *r, struct err *e)
{
    if (r->status / 100 == 3)
        find(t, FINDING_ERROR, is_plain_http(t) ? "http_not_https" : "redirect",
             is_plain_http(t) ? "set base_url to the https address"
                              : "set base_url to the address that the server itself uses",
             "the address only redirects (%d); redirects are not followed, for the credential would go to another host",
             r->status);
    else if (r->status && reply_is_html(r) && r->status == 400)
        find(t, FINDING_ERROR, "wrong_host_name", "set base_url to the name under which the API was installed",
             "the server does not serve this host name");
    else if (r->status && r->status < 500 && (reply_is_html(r) || r->status / 100 != 2))
        find_wrong_host(
            t, "the host answers with a page where the API would answer with data: it is the dashboard (rmm.…), or "
               "another server");
    else if (r->status)
        find(t, FINDING_ERROR, "server_fault", "look at the server: its services, its disk, its log", "%s", e->what);
    else
        find(t, FINDING_ERROR, "unreachable", "check the address, the server, and what lies between", "%s", e->what);
    return stop(t);
}

/* --- the credential --- */

static void ask_version(struct task *t, struct str *path, struct str *body)
{
    str_adds(path, "/core/version/");
}

static enum task_verdict version_page(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    find(t, FINDING_OK, "credential", NULL, "signed in with %s",
         tac_uses_login(t->machine->in->settings) ? "user and password" : "the API key");
    return TASK_DONE;
}

static enum task_verdict version_failed(struct task *t, const struct machine_reply *r, struct err *e)
{
    bool refused = e->code == ERR_AUTH;

    find(t, FINDING_ERROR,
         refused                    ? "credential_refused"
         : e->code == ERR_THROTTLED ? "login_throttled"
                                    : "call_failed",
         refused                    ? "give another credential, or mend this one in Tactical RMM, and save the settings"
         : e->code == ERR_THROTTLED ? "wait; fewer tests of the connection, fewer integrations of one server"
                                    : "look at the server's log",
         "%s", e->what);
    return stop(t);
}

/* --- rights --- */

static enum task_verdict refused(struct task *t, const struct machine_reply *r, struct err *e, enum finding_level level,
                                 const char *loses)
{
    _cleanup_(str_release) struct str mend = {0};

    if (t->broken.code == ERR_NONE && !r->err && r->status == 403) {
        doctor_of(t)->lacking++;
        str_addf(&mend, "give the user's role the right %s", tac_right_for(t->kind->what));
        find(t, level, "missing_right", mend.p, "the role may not read %s: %s", t->kind->what, loses);
    } else {
        find(t, FINDING_WARNING, "call_failed", "look at the server's log", "%s", e->what);
    }
    return TASK_DONE;
}

static enum task_verdict needed_failed(struct task *t, const struct machine_reply *r, struct err *e)
{
    return refused(t, r, e, FINDING_ERROR, "a sync fails or is partial");
}

static enum task_verdict part_failed(struct task *t, const struct machine_reply *r, struct err *e)
{
    return refused(t, r, e, FINDING_WARNING, "that part is left out");
}

static void ask_clients(struct task *t, struct str *path, struct str *body)
{
    str_adds(path, "/clients/");
}

static void client_row(struct task *t, const void *row, const char *fault)
{
    const struct tac_client *c = row;
    const struct tac_site *sites = c->sites.v;
    struct doctor *x = doctor_of(t);
    int64_t n;

    if (fault || *x->site_id || !c->sites.n || !slice_i64(sites[0].id, &n) || n <= 0)
        return;
    snprintf(x->site_id, sizeof(x->site_id), "%lld", (long long)n);
    task_switch(&x->site, TASK_READY);
}

static void ask_site(struct task *t, struct str *path, struct str *body)
{
    str_addf(path, "/clients/sites/%s/", doctor_of(t)->site_id);
}

struct pages_head {
    int64_t count;
};
static const struct map_field pages_fields[] = {
    {"count", MAP_I64, offsetof(struct pages_head, count), .required = true}};
static const struct map pages_map = {sizeof(struct pages_head), pages_fields, ARRAY_LEN(pages_fields)};

static void ask_pages(struct task *t, struct str *path, struct str *body)
{
    str_adds(path, "/beta/v1/agent/?page_size=1");
}

static enum task_verdict pages_page(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    find(t, FINDING_OK, "beta_api", NULL, "the beta API is on: hardware is read in full");
    return TASK_DONE;
}

static enum task_verdict pages_failed(struct task *t, const struct machine_reply *r, struct err *e)
{
    if (!tac_is_beta_off(r))
        return needed_failed(t, r, e);
    find(t, FINDING_WARNING, "beta_api_off",
         "set BETA_API_ENABLED = True in the server's local_settings.py and restart it",
         "the beta API is off: MAC addresses, disks, memory and interfaces are not read");
    return TASK_DONE;
}

static void ask_ids(struct task *t, struct str *path, struct str *body)
{
    str_adds(path, "/agents/?detail=false");
}

/* The first one will do, to ask for what is listed for one agent alone. */
static void id_row(struct task *t, const void *row, const char *fault)
{
    const struct tac_agent *a = row;
    struct doctor *x = doctor_of(t);

    if (fault || *x->agent_id || !tac_is_agent_id(a->agent_id) || a->agent_id.n >= sizeof(x->agent_id))
        return;
    memcpy(x->agent_id, a->agent_id.p, a->agent_id.n);
    task_switch(&x->software, TASK_READY);
    task_switch(&x->checks, TASK_READY);
    task_switch(&x->updates, TASK_READY);
}

static void ask_software(struct task *t, struct str *path, struct str *body)
{
    str_addf(path, "/software/%s/", doctor_of(t)->agent_id);
}

static void ask_checks(struct task *t, struct str *path, struct str *body)
{
    str_addf(path, "/agents/%s/checks/", doctor_of(t)->agent_id);
}

static void ask_updates(struct task *t, struct str *path, struct str *body)
{
    str_addf(path, "/winupdate/%s/", doctor_of(t)->agent_id);
}

static void ask_fields(struct task *t, struct str *path, struct str *body)
{
    str_adds(path, "/core/customfields/");
}

static void ask_scripts(struct task *t, struct str *path, struct str *body)
{
    str_adds(path, "/scripts/");
}

static void ask_alerts(struct task *t, struct str *path, struct str *body)
{
    str_adds(path, "/alerts/");
    str_adds(body, "{\"top\":1}");
}

/* --- tables --- */

static const struct map_doc clients_doc = {.rows = "[]", .row = &tac_client_map};
static const struct map_doc site_doc = {.rows = "", .row = &tac_site_map};
static const struct map_doc pages_doc = {.rows = "results[]", .row = &tac_agent_id_map, .head = &pages_map};
static const struct map_doc ids_doc = {.rows = "[]", .row = &tac_agent_id_map};
static const struct map_doc fields_doc = {.rows = "[]", .row = &tac_custom_field_map};
static const struct map_doc software_doc = {.rows = "", .row = &tac_software_map};
static const struct map_doc checks_doc = {.rows = "[]", .row = &tac_check_map};
static const struct map_doc updates_doc = {.rows = "[]", .row = &tac_update_map};
static const struct map_doc alerts_doc = {.rows = "alerts[]", .row = &tac_alert_map};

#define CALL(word, doc_, ask_, failed_) .what = (word), .doc = (doc_), .ask = (ask_), .page = done, .failed = (failed_)
static const struct task_kind root_kind = {.what = "status",
                                           .anonymous = true,
                                           .doc = &root_doc,
                                           .ask = ask_root,
                                           .row = root_row,
                                           .page = done,
                                           .failed = root_failed};
static const struct task_kind version_kind = {
    .what = "version", .ask = ask_version, .page = version_page, .failed = version_failed};
static const struct task_kind clients_kind = {CALL("clients", &clients_doc, ask_clients, needed_failed),
                                              .row = client_row};
static const struct task_kind site_kind = {CALL("site", &site_doc, ask_site, needed_failed), .row = no_row};
static const struct task_kind pages_kind = {.what = "agent-pages",
                                            .doc = &pages_doc,
                                            .ask = ask_pages,
                                            .row = no_row,
                                            .page = pages_page,
                                            .failed = pages_failed};
static const struct task_kind ids_kind = {CALL("agent-ids", &ids_doc, ask_ids, needed_failed), .row = id_row};
static const struct task_kind alerts_kind = {.method = "PATCH",
                                             .content_type = "application/json",
                                             CALL("alerts", &alerts_doc, ask_alerts, needed_failed),
                                             .row = no_row};
static const struct task_kind fields_kind = {CALL("custom-fields", &fields_doc, ask_fields, part_failed),
                                             .row = no_row};
static const struct task_kind software_kind = {CALL("software", &software_doc, ask_software, part_failed),
                                               .row = no_row};
static const struct task_kind checks_kind = {CALL("checks", &checks_doc, ask_checks, part_failed), .row = no_row};
static const struct task_kind updates_kind = {CALL("updates", &updates_doc, ask_updates, part_failed), .row = no_row};
static const struct task_kind scripts_kind = {CALL("scripts", &checks_doc, ask_scripts, part_failed), .row = no_row};

static void finish(struct machine *m)
{
    struct doctor *x = container_of(m, struct doctor, m);

    /* Only when all that asks for a right was reached. */
    if (!x->lacking && x->alerts.state == TASK_ENDED)
        find(&x->alerts, FINDING_OK, "rights", NULL, "the role may read all that is read");
}

static struct machine *start(const struct machine_input *in, const struct sink *sink, struct err *e)
{
    struct doctor *x = NEW(struct doctor);
    const struct {
        struct task *task;
        const struct task_kind *kind;
        bool later; /* until there is something to ask it about */
    } tasks[] = {
        {&x->root, &root_kind, false},        {&x->version, &version_kind, false}, {&x->clients, &clients_kind, false},
        {&x->site, &site_kind, true},         {&x->pages, &pages_kind, false},     {&x->ids, &ids_kind, false},
        {&x->software, &software_kind, true}, {&x->checks, &checks_kind, true},    {&x->updates, &updates_kind, true},
        {&x->fields, &fields_kind, false},    {&x->scripts, &scripts_kind, false}, {&x->alerts, &alerts_kind, false}};

    machine_init(&x->m, in, sink, tac_explain);
    x->m.finish = finish;
    for (size_t i = 0; i < ARRAY_LEN(tasks); i++) {
        machine_add(&x->m, tasks[i].task, tasks[i].kind, (unsigned)i);
        if (tasks[i].later)
            task_switch(tasks[i].task, TASK_OFF);
    }
    return &x->m;
}

const struct machine_ops tac_doctor_ops = {
    .name = "doctor",
    .start = start,
    MACHINE_TASKS_OPS,
};
