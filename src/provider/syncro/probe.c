/* probe.c - "test connection", health and doctor of Syncro.
 * Health:  GET /me alone: it needs no permission and names the account. With kinds to be read (a person tests, or the doctor) also page 1
 *          of each list, since a token may lack any permission, which shows as a 401 like a bad token.
 * Never:   user_token, which /me gives away. It is no field of the row. */
#include "provider/syncro/syncro.h"

#include <stdio.h>

enum { LIST_CUSTOMERS, LIST_CONTACTS, LIST_ASSETS, LIST_ALERTS, LIST_TICKETS, NLISTS };

struct syn_probe {
    struct machine m;
    struct task me, lists[NLISTS];
    bool doctor;
    char subdomain[80], user[80];
    bool named; /* /me told whom the token belongs to */
    struct err lacks[NLISTS];
    int64_t rows[NLISTS];
};

struct me_row {
    struct slice user_id, user_name, subdomain;
};
static const struct map_field me_fields[] = {
    {"user_id", MAP_ID, offsetof(struct me_row, user_id), .required = true},
    {"user_name", MAP_LOOSE_TEXT, offsetof(struct me_row, user_name)},
    {"subdomain", MAP_LOOSE_TEXT, offsetof(struct me_row, subdomain)},
};
static const struct map me_map = {sizeof(struct me_row), me_fields, ARRAY_LEN(me_fields)};

struct id_row {
    struct slice id;
};
static const struct map_field id_fields[] = {{"id", MAP_ID, offsetof(struct id_row, id)}};
static const struct map id_map = {sizeof(struct id_row), id_fields, ARRAY_LEN(id_fields)};

static struct syn_probe *probe_of(struct machine *m)
{
    return container_of(m, struct syn_probe, m);
}

static size_t place_of(const struct task *t)
{
    return (size_t)(t - probe_of(t->machine)->lists);
}

static void find(struct machine *m, enum finding_level level, const char *code, const char *what, const char *mend)
{
    const struct finding f = {.level = level, .code = code, .what = what, .mend = mend};

    m->sink->finding(m->sink->arg, &f);
}

/* --- who am I --- */

static void ask_me(struct task *t, struct str *path, struct str *body)
{
    str_adds(path, SYNCRO_API "/me");
}

static void me_row(struct task *t, const void *row, const char *fault)
{
    struct syn_probe *x = probe_of(t->machine);
    const struct me_row *me = row;

    x->named = !fault;
    snprintf(x->subdomain, sizeof(x->subdomain), "%.*s", (int)MIN(me->subdomain.n, 70),
             me->subdomain.n ? me->subdomain.p : "");
    snprintf(x->user, sizeof(x->user), "%.*s", (int)MIN(me->user_name.n, 70), me->user_name.n ? me->user_name.p : "");
}

static enum task_verdict me_page(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    struct syn_probe *x = probe_of(t->machine);
    _cleanup_(str_release) struct str wanted = {0};

    if (!x->named)
        return err_set(e, ERR_PROTOCOL, "Syncro, me: the answer names no user: is the subdomain right?"), TASK_FATAL;
    if (!syn_subdomain(t->machine->in->settings, &wanted, e))
        return TASK_FATAL;
    if (!*x->subdomain || slice_ieq(slice_cstr(x->subdomain), str_slice(&wanted)))
        return TASK_DONE;
    return err_set(e, ERR_CONFIG,
                   "Syncro: the token belongs to the account %s, the settings say %s: correct the subdomain, or use a "
                   "token of "
                   "that account",
                   x->subdomain, wanted.p),
           TASK_FATAL;
}

/* A doctor tells; a probe fails. */
static enum task_verdict me_failed(struct task *t, const struct machine_reply *r, struct err *e)
{
    struct syn_probe *x = probe_of(t->machine);

    if (!x->doctor || e->code == ERR_CANCELED)
        return TASK_FATAL;
    const bool page = r->status && reply_is_html(r), token = e->code == ERR_AUTH;
    find(t->machine, FINDING_ERROR,
         token                      ? "token_refused"
         : page                     ? "page_for_data"
         : e->code == ERR_THROTTLED ? "throttled"
         : e->code == ERR_NOT_FOUND ? "wrong_host"
                                    : "unreachable",
         e->what,
         token ? "Make a new API token in Syncro (Admin, API, API Tokens) and put it into the settings."
         : page || e->code == ERR_NOT_FOUND
             ? "Check the subdomain: it is the first part of the address at which you use Syncro."
         : e->code == ERR_THROTTLED
             ? "Syncro allows 180 calls a minute from one address; find what else calls it from here."
             : "Try again; if it stays, check status.syncromsp.com and this hub's way to the internet.");
    for (size_t i = 0; i < NLISTS; i++)
        task_switch(&x->lists[i], TASK_OFF);
    x->named = false;
    return TASK_DONE;
}

/* --- what may be read --- */

static const char *const resources[NLISTS] = {"customers", "contacts", "customer_assets", "rmm_alerts", "tickets"};

static void ask_list(struct task *t, struct str *path, struct str *body)
{
    str_addf(path, SYNCRO_API "/%s?page=1", resources[place_of(t)]);
}

static void list_row(struct task *t, const void *row, const char *fault)
{
}

static enum task_verdict list_page(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    probe_of(t->machine)->rows[place_of(t)] = t->page_rows;
    return TASK_DONE;
}

static enum task_verdict list_failed(struct task *t, const struct machine_reply *r, struct err *e)
{
    struct syn_probe *x = probe_of(t->machine);

    if (!x->doctor && e->code != ERR_FORBIDDEN)
        return TASK_FATAL;
    x->lacks[place_of(t)] = *e;
    return TASK_DONE;
}

static const struct map_doc me_doc = {.rows = "", .row = &me_map};
static const struct map_doc list_docs[NLISTS] = {{.rows = "customers[]", .row = &id_map},
                                                 {.rows = "contacts[]", .row = &id_map},
                                                 {.rows = "assets[]", .row = &id_map},
                                                 {.rows = "rmm_alerts[]", .row = &id_map},
                                                 {.rows = "tickets[]", .row = &id_map}};

static const struct task_kind me_kind = {
    .what = "me", .doc = &me_doc, .ask = ask_me, .row = me_row, .page = me_page, .failed = me_failed};
#define LIST(name, place)                                                                                              \
    {                                                                                                                  \
        .what = name, .list = true, .doc = &list_docs[place], .ask = ask_list, .row = list_row, .page = list_page,     \
        .failed = list_failed                                                                                          \
    }
static const struct task_kind list_kinds[NLISTS] = {LIST("customers", LIST_CUSTOMERS), LIST("contacts", LIST_CONTACTS),
                                                    LIST("assets", LIST_ASSETS), LIST("alerts", LIST_ALERTS),
                                                    LIST("tickets", LIST_TICKETS)};

/* --- what it comes to --- */

static void remark(struct syn_probe *x)
{
    _cleanup_(str_release) struct str text = {0};
    bool lacks = false;

    str_addf(&text, "Syncro account %s as %s", x->subdomain, *x->user ? x->user : "a user without a name");
    for (size_t i = 0; i < NLISTS; i++) {
        if (x->lacks[i].code == ERR_NONE)
            continue;
        const char *permission = syn_permission(list_kinds[i].what);
        str_addf(&text, "%s\"%s\"", lacks ? ", " : "; the token lacks ", permission ? permission : list_kinds[i].what);
        lacks = true;
    }
    x->m.sink->remark(x->m.sink->arg, text.p);
}

static void finish_probe(struct machine *m)
{
    struct syn_probe *x = probe_of(m);

    /* Nothing to be had without these. */
    if (x->lacks[LIST_CUSTOMERS].code != ERR_NONE)
        m->err = x->lacks[LIST_CUSTOMERS];
    else if (x->lacks[LIST_ASSETS].code != ERR_NONE)
        m->err = x->lacks[LIST_ASSETS];
    else
        remark(x);
}

static void finish_doctor(struct machine *m)
{
    struct syn_probe *x = probe_of(m);
    bool lacks = false;
    char what[240];

    if (!x->named)
        return;
    for (size_t i = 0; i < NLISTS; i++) {
        const struct err *e = &x->lacks[i];
        if (e->code == ERR_NONE)
            continue;
        lacks = true;
        find(m, FINDING_ERROR, e->code == ERR_FORBIDDEN ? "missing_permission" : "list_unreadable", e->what,
             e->code == ERR_FORBIDDEN ? "Edit the API token in Syncro and tick the permission that is named."
                                      : "Try again; if it stays, ask Syncro's support about this call.");
    }
    if (!lacks)
        find(m, FINDING_OK, "permissions", "The token may read customers, contacts, assets, RMM alerts and tickets.",
             NULL);
    if (x->rows[LIST_CUSTOMERS] == 1)
        find(m, FINDING_WARNING, "one_customer", "The token sees one customer only.",
             "If the account has more, its user is limited to one customer (Single-Customer User): use a token of "
             "another user.");
    snprintf(what, sizeof(what), "The token belongs to %s in the account %s.", *x->user ? x->user : "a user",
             x->subdomain);
    find(m, FINDING_OK, "account", what, NULL);
}

static struct machine *start(const struct machine_input *in, const struct sink *sink, bool doctor)
{
    struct syn_probe *x = NEW(struct syn_probe);

    machine_init(&x->m, in, sink, syn_explain);
    x->doctor = doctor;
    x->m.finish = doctor ? finish_doctor : finish_probe;
    machine_add(&x->m, &x->me, &me_kind, 0);
    for (size_t i = 0; i < NLISTS; i++) {
        machine_add(&x->m, &x->lists[i], &list_kinds[i], 1);
        if (!doctor && !in->kinds)
            task_switch(&x->lists[i], TASK_OFF);
    }
    return &x->m;
}

static struct machine *start_probe(const struct machine_input *in, const struct sink *sink, struct err *e)
{
    return start(in, sink, false);
}

static struct machine *start_doctor(const struct machine_input *in, const struct sink *sink, struct err *e)
{
    return start(in, sink, true);
}

const struct machine_ops syn_probe_ops = {.name = "probe", .start = start_probe, MACHINE_TASKS_OPS};
const struct machine_ops syn_doctor_ops = {.name = "doctor", .start = start_doctor, MACHINE_TASKS_OPS};
