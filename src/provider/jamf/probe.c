/* probe.c - "test connection" and health: is the sign-in good, which version is it, can computers be read? Two or three calls. */
#include "provider/jamf/pages.h"

#include <stdio.h>

struct jamf_probe {
    struct machine m;
    struct task version, computers;
    unsigned inventory;
    int64_t total;
    char server[32];
};

static struct jamf_probe *probe_of(struct machine *m)
{
    return container_of(m, struct jamf_probe, m);
}

struct version_row {
    struct slice version;
};
static const struct map_field version_fields[] = {
    {"version", MAP_LOOSE_TEXT, offsetof(struct version_row, version), .required = true}};
static const struct map version_map = {sizeof(struct version_row), version_fields, ARRAY_LEN(version_fields)};
static const struct map_doc version_doc = {.rows = "", .row = &version_map};
static const struct map_doc computers_doc = {
    .rows = "results[]", .row = &jamf_computer_map, .head = &jamf_pages_head_map};

static void ask_version(struct task *t, struct str *path, struct str *body)
{
    str_adds(path, "/api/v1/jamf-pro-version");
}

static void version_row(struct task *t, const void *row, const char *fault)
{
    struct jamf_probe *x = probe_of(t->machine);
    struct slice version = ((const struct version_row *)row)->version, rest = version;

    if (fault) {
        err_set(
            &t->machine->err, ERR_CONFIG,
            "the server answers, but not as Jamf Pro does (%s): base_url is the address of Jamf Pro itself, such as "
            "https://example.jamfcloud.com",
            fault);
        return;
    }
    x->inventory = jamf_inventory_version(version);
    version = slice_cut(&rest, '-'); /* behind it stands when it was built */
    snprintf(x->server, sizeof(x->server), "%.*s", (int)MIN(version.n, sizeof(x->server) - 1), version.p);
}

static void ask_computers(struct task *t, struct str *path, struct str *body)
{
    str_addf(path, "/api/v%u/computers-inventory?section=GENERAL&page=0&page-size=1&sort=id:asc",
             probe_of(t->machine)->inventory);
}

static void on_row(struct task *t, const void *row, const char *fault)
{
}

static enum task_verdict done(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    return TASK_DONE;
}

static enum task_verdict computers_page(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    probe_of(t->machine)->total = ((const struct jamf_pages_head *)head)->total;
    return TASK_DONE;
}

static enum task_verdict computers_failed(struct task *t, const struct machine_reply *r, struct err *e)
{
    struct jamf_probe *x = probe_of(t->machine);

    if (r->status != 404 || r->err || !jamf_inventory_before(x->inventory))
        return TASK_FATAL;
    x->inventory = jamf_inventory_before(x->inventory);
    return TASK_AGAIN;
}

static const struct task_kind version_kind = {
    .what = "version", .doc = &version_doc, .ask = ask_version, .row = version_row, .page = done};
static const struct task_kind computers_kind = {.what = "computers",
                                                .list = true,
                                                .doc = &computers_doc,
                                                .ask = ask_computers,
                                                .row = on_row,
                                                .page = computers_page,
                                                .failed = computers_failed};

static void finish(struct machine *m)
{
    struct jamf_probe *x = probe_of(m);
    _cleanup_(str_release) struct str url = {0}, text = {0};

    (void)!jamf_base_url(m->in->settings, &url, NULL);
    str_addf(&text, "Jamf Pro %s at %.*s: %lld computers, read by version %u of the inventory", x->server,
             SLICE_FMT(url_host(str_slice(&url))), (long long)x->total, x->inventory);
    m->sink->remark(m->sink->arg, text.p);
}

static struct machine *start(const struct machine_input *in, const struct sink *sink, struct err *e)
{
    struct jamf_probe *x = NEW(struct jamf_probe);

    machine_init(&x->m, in, sink, jamf_explain);
    x->m.finish = finish;
    x->inventory = jamf_inventory_version(SLICE(""));
    machine_add(&x->m, &x->version, &version_kind, 0);
    machine_add(&x->m, &x->computers, &computers_kind, 1);
    return &x->m;
}

const struct machine_ops jamf_probe_ops = {
    .name = "probe",
    .start = start,
    MACHINE_TASKS_OPS,
};
