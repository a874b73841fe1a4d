/* probe.c - "test connection" and health: is the token good, can computers and companies be read? Bounded: never the lists
 * of plans or users. */
#include "provider/msp360/msp360.h"

struct probe_machine {
    struct machine m;
    struct task versions, computers, companies;
    int64_t ncompanies;
};

static struct probe_machine *probe_of(struct task *t)
{
    return container_of(t->machine, struct probe_machine, m);
}

struct version_row {
    struct slice version;
};
static const struct map_field version_fields[] = {{"Version", MAP_LOOSE_TEXT, offsetof(struct version_row, version)}};
static const struct map version_map = {sizeof(struct version_row), version_fields, ARRAY_LEN(version_fields)};
static const struct map_doc versions_doc = {.rows = "[]", .row = &version_map, .any_case = true};
static const struct map_doc computers_doc = {.rows = "Computers[]", .row = &msp_computer_map, .any_case = true};
static const struct map_doc companies_doc = {.rows = "[]", .row = &msp_company_map, .any_case = true};

static void ask_versions(struct task *t, struct str *path, struct str *body)
{
    str_adds(path, "/api/Builds/AvailableVersions");
}

static void ask_computers(struct task *t, struct str *path, struct str *body)
{
    str_adds(path, "/api/Computers/0/1");
}

static void ask_companies(struct task *t, struct str *path, struct str *body)
{
    str_adds(path, "/api/Companies");
}

static void on_row(struct task *t, const void *row, const char *fault)
{
}

static enum task_verdict done(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    return TASK_DONE;
}

static enum task_verdict companies_page(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    probe_of(t)->ncompanies = t->page_rows;
    return TASK_DONE;
}

static const struct task_kind versions_kind = {
    .what = "versions", .list = true, .doc = &versions_doc, .ask = ask_versions, .row = on_row, .page = done};
static const struct task_kind computers_kind = {
    .what = "computers", .list = true, .doc = &computers_doc, .ask = ask_computers, .row = on_row, .page = done};
static const struct task_kind companies_kind = {.what = "companies",
                                                .list = true,
                                                .doc = &companies_doc,
                                                .ask = ask_companies,
                                                .row = on_row,
                                                .page = companies_page};

static void finish(struct machine *m)
{
    struct probe_machine *x = container_of(m, struct probe_machine, m);
    _cleanup_(str_release) struct str url = {0}, text = {0};

    (void)!msp_base_url(m->in->settings, &url, NULL);
    str_addf(&text, "MSP360 at %.*s: %lld companies, computers can be read%s", SLICE_FMT(url_host(str_slice(&url))),
             (long long)x->ncompanies, x->computers.page_rows ? "" : " but there are none");
    m->sink->remark(m->sink->arg, text.p);
}

static struct machine *start(const struct machine_input *in, const struct sink *sink, struct err *e)
{
    struct probe_machine *x = NEW(struct probe_machine);

    machine_init(&x->m, in, sink, msp_explain);
    x->m.finish = finish;
    machine_add(&x->m, &x->versions, &versions_kind, 0);
    machine_add(&x->m, &x->computers, &computers_kind, 1);
    machine_add(&x->m, &x->companies, &companies_kind, 2);
    return &x->m;
}

const struct machine_ops msp_probe_ops = {
    .name = "probe",
    .start = start,
    MACHINE_TASKS_OPS,
};
