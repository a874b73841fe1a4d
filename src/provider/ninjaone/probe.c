/* probe.c - "test connection": can organizations and devices be read with these settings? */
#include "provider/ninjaone/ninjaone.h"

struct probe_machine {
    struct machine m;
    struct task organizations, devices;
    int64_t norganizations, ndevices;
};

static struct probe_machine *probe_of(struct task *t)
{
    return container_of(t->machine, struct probe_machine, m);
}

static const struct map_doc organizations_doc = {.rows = "[]", .row = &nin_organization_map};
static const struct map_doc devices_doc = {.rows = "[]", .row = &nin_device_map};
#define PROBE_PAGE 100

static void ask_organizations(struct task *t, struct str *path, struct str *body)
{
    str_addf(path, "/v2/organizations?pageSize=%d", PROBE_PAGE);
}

static void ask_devices(struct task *t, struct str *path, struct str *body)
{
    str_adds(path, "/v2/devices?pageSize=1");
}

static void on_row(struct task *t, const void *row, const char *fault)
{
}

static enum task_verdict organizations_page(struct task *t, const void *head, const struct machine_reply *r,
                                            struct err *e)
{
    probe_of(t)->norganizations = t->page_rows;
    return TASK_DONE;
}

static enum task_verdict devices_page(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    probe_of(t)->ndevices = t->page_rows;
    return TASK_DONE;
}

static const struct task_kind organizations_kind = {.what = "organizations",
                                                    .doc = &organizations_doc,
                                                    .ask = ask_organizations,
                                                    .row = on_row,
                                                    .page = organizations_page};
static const struct task_kind devices_kind = {
    .what = "devices", .doc = &devices_doc, .ask = ask_devices, .row = on_row, .page = devices_page};

static void finish(struct machine *m)
{
    struct probe_machine *x = container_of(m, struct probe_machine, m);
    _cleanup_(str_release) struct str url = {0}, text = {0};

    (void)!nin_base_url(m->in->settings, &url, NULL);
    str_addf(&text, "NinjaOne at %.*s: %lld%s organizations, devices can be read%s",
             SLICE_FMT(url_host(str_slice(&url))), (long long)x->norganizations,
             x->norganizations == PROBE_PAGE ? " or more" : "", x->ndevices ? "" : " but there are none");
    m->sink->remark(m->sink->arg, text.p);
}

static struct machine *start(const struct machine_input *in, const struct sink *sink, struct err *e)
{
    struct probe_machine *x = NEW(struct probe_machine);

    machine_init(&x->m, in, sink, nin_explain);
    x->m.finish = finish;
    machine_add(&x->m, &x->organizations, &organizations_kind, 0);
    machine_add(&x->m, &x->devices, &devices_kind, 1);
    return &x->m;
}

const struct machine_ops nin_probe_ops = {
    .name = "probe",
    .start = start,
    MACHINE_TASKS_OPS,
};
