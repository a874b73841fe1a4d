/* doctor.c - what an integration with Jamf Pro lacks: one small call a list, so that each missing privilege is named by itself, and the
 * server's version, on which depends what can be read. */
#include "provider/jamf/pages.h"

#include <stdio.h>

#define NCHECKS 8

struct jamf_doctor {
    struct machine m;
    struct task tasks[NCHECKS];
    unsigned inventory;
    int minor; /* of version 11; 99: newer, -1: not known */
};

static struct jamf_doctor *doctor_of(struct machine *m)
{
    return container_of(m, struct jamf_doctor, m);
}

enum check {
    CHECK_VERSION,
    CHECK_COMPUTERS,
    CHECK_SITES,
    CHECK_GROUPS,
    CHECK_USERS,
    CHECK_DEPARTMENTS,
    CHECK_BUILDINGS,
    CHECK_MOBILES
};

static enum check check_of(const struct task *t)
{
    return (enum check)(t - doctor_of(t->machine)->tasks);
}

static void find(struct machine *m, enum finding_level level, const char *code, const char *what, const char *mend)
{
    const struct finding f = {level, code, what, mend};

    m->sink->finding(m->sink->arg, &f);
}

static void ask(struct task *t, struct str *path, struct str *body)
{
    static const char *const paths[NCHECKS] = {
        [CHECK_VERSION] = "/api/v1/jamf-pro-version",
        [CHECK_SITES] = "/api/v1/sites",
        [CHECK_GROUPS] = "/api/v1/computer-groups",
        [CHECK_USERS] = "/api/v1/users?page=0&page-size=1",
        [CHECK_DEPARTMENTS] = "/api/v1/departments?page=0&page-size=1",
        [CHECK_BUILDINGS] = "/api/v1/buildings?page=0&page-size=1",
        [CHECK_MOBILES] = "/api/v2/mobile-devices/detail?section=GENERAL&page=0&page-size=1",
    };

    if (check_of(t) == CHECK_COMPUTERS)
        str_addf(path, "/api/v%u/computers-inventory?section=GENERAL&page=0&page-size=1",
                 doctor_of(t->machine)->inventory);
    else
        str_adds(path, paths[check_of(t)]);
}

struct version_row {
    struct slice version;
};
static const struct map_field version_fields[] = {{"version", MAP_LOOSE_TEXT, offsetof(struct version_row, version)}};
static const struct map version_map = {sizeof(struct version_row), version_fields, ARRAY_LEN(version_fields)};

static void version_row(struct task *t, const void *row, const char *fault)
{
    struct jamf_doctor *x = doctor_of(t->machine);
    struct slice version = ((const struct version_row *)row)->version, rest = version, major = slice_cut(&rest, '.');
    int64_t a, b;

    x->inventory = jamf_inventory_version(version);
    if (slice_i64(major, &a) && slice_i64(slice_cut(&rest, '.'), &b))
        x->minor = a > 11 ? 99 : a == 11 ? (int)MIN(b, 98) : 0;
}

static void on_row(struct task *t, const void *row, const char *fault)
{
}

static enum task_verdict version_page(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    struct jamf_doctor *x = doctor_of(t->machine);

    if (x->minor < 0)
        find(t->machine, FINDING_ERROR, "wrong_host",
             "The server answers, but not as Jamf Pro does: it tells no version.",
             "Set base_url to the address of Jamf Pro itself, such as https://example.jamfcloud.com.");
    else if (x->minor < 26)
        find(t->machine, FINDING_WARNING, "old_server",
             "The server is older than 11.26: it has users in the Classic API only, so a user's contact data is taken "
             "from "
             "the user's computers.",
             "Update Jamf Pro to 11.26 or newer to have the contact data of all users.");
    else
        find(t->machine, FINDING_OK, "version", "The server's version has all that is read.", NULL);
    return TASK_DONE;
}

static enum task_verdict page(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    static const char *const said[NCHECKS] = {
        [CHECK_COMPUTERS] = "Computers can be read.",     [CHECK_SITES] = "Sites can be read.",
        [CHECK_GROUPS] = "Computer groups can be read.",  [CHECK_USERS] = "Users can be read.",
        [CHECK_DEPARTMENTS] = "Departments can be read.", [CHECK_BUILDINGS] = "Buildings can be read.",
        [CHECK_MOBILES] = "Mobile devices can be read.",
    };

    find(t->machine, FINDING_OK, t->kind->what, said[check_of(t)], NULL);
    return TASK_DONE;
}

static enum task_verdict failed(struct task *t, const struct machine_reply *r, struct err *e)
{
    struct jamf_doctor *x = doctor_of(t->machine);
    bool main = check_of(t) <= CHECK_COMPUTERS;

    if (jamf_is_fatal(t, r, e))
        return TASK_FATAL; /* the sign-in or the way there: *e says it all */
    if (check_of(t) == CHECK_COMPUTERS && e->code == ERR_NOT_FOUND && jamf_inventory_before(x->inventory)) {
        x->inventory = jamf_inventory_before(x->inventory);
        return TASK_AGAIN;
    }
    if (check_of(t) == CHECK_USERS && e->code == ERR_NOT_FOUND)
        return TASK_DONE; /* told by its version */
    const char *code = e->code == ERR_FORBIDDEN                                 ? "missing_privilege"
                       : main && (e->code == ERR_NOT_FOUND || reply_is_html(r)) ? "wrong_host"
                                                                                : "failed";
    const char *mend = strstr(e->what, ": ");
    find(t->machine, main ? FINDING_ERROR : FINDING_WARNING, code, e->what,
         mend ? mend + 2 : "Look into the server's log (JAMFSoftwareServer.log).");
    return TASK_DONE;
}

static const struct map_doc version_doc = {.rows = "", .row = &version_map};
static const struct map_doc named_doc = {.rows = "results[]", .row = &jamf_named_map};
static const struct map_doc bare_doc = {.rows = "[]", .row = &jamf_named_map};
static const struct map_doc mobile_doc = {.rows = "results[]", .row = &jamf_mobile_map};

#define CHECK(name, d)                                                                                                 \
    {                                                                                                                  \
        .what = name, .list = true, .doc = d, .ask = ask, .row = on_row, .page = page, .failed = failed                \
    }
static const struct task_kind kinds[NCHECKS] = {
    [CHECK_VERSION] = {.what = "version",
                       .doc = &version_doc,
                       .ask = ask,
                       .row = version_row,
                       .page = version_page,
                       .failed = failed},
    [CHECK_COMPUTERS] = CHECK("computers", &named_doc),
    [CHECK_SITES] = CHECK("sites", &bare_doc),
    [CHECK_GROUPS] = CHECK("groups", &bare_doc),
    [CHECK_USERS] = CHECK("users", &named_doc),
    [CHECK_DEPARTMENTS] = CHECK("departments", &named_doc),
    [CHECK_BUILDINGS] = CHECK("buildings", &named_doc),
    [CHECK_MOBILES] = CHECK("mobile-devices", &mobile_doc),
};

static struct machine *start(const struct machine_input *in, const struct sink *sink, struct err *e)
{
    struct jamf_doctor *x = NEW(struct jamf_doctor);

    machine_init(&x->m, in, sink, jamf_explain);
    x->inventory = jamf_inventory_version(SLICE(""));
    x->minor = -1;
    for (size_t i = 0; i < NCHECKS; i++)
        machine_add(&x->m, &x->tasks[i], &kinds[i], i == CHECK_VERSION ? 0 : 1);
    if (!settings_bool(in->settings, "mobile_devices"))
        task_switch(&x->tasks[CHECK_MOBILES], TASK_OFF);
    return &x->m;
}

const struct machine_ops jamf_doctor_ops = {
    .name = "doctor",
    .start = start,
    MACHINE_TASKS_OPS,
};
