/* probe.c - "test connection": is it the API's host, is the credential good, is the beta API on, can alerts be listed? */
#include "provider/common_scan.h"
#include "provider/tacticalrmm/tacticalrmm.h"

struct probe_machine {
    struct machine m;
    struct task root, version, clients, agents, alerts;
    char build[32];
    int64_t nclients, nsites;
    bool beta;
};

static struct probe_machine *probe_of(struct task *t)
{
    return container_of(t->machine, struct probe_machine, m);
}

struct root_row {
    struct slice status;
};
static const struct map_field root_fields[] = {{"status", MAP_LOOSE_TEXT, offsetof(struct root_row, status)}};
static const struct map root_map = {sizeof(struct root_row), root_fields, ARRAY_LEN(root_fields)};
static const struct map_doc root_doc = {.rows = "", .row = &root_map};

struct count_head {
    int64_t count;
};
static const struct map_field count_fields[] = {
    {"count", MAP_I64, offsetof(struct count_head, count), .required = true}};
static const struct map count_map = {sizeof(struct count_head), count_fields, ARRAY_LEN(count_fields)};
static const struct map_doc agents_doc = {.rows = "results[]", .row = &tac_agent_id_map, .head = &count_map};
static const struct map_doc clients_doc = {.rows = "[]", .row = &tac_client_map};
static const struct map_doc alerts_doc = {.rows = "alerts[]", .row = &tac_alert_map};

static void ask_root(struct task *t, struct str *path, struct str *body)
{
    str_adds(path, "/");
}

static void ask_version(struct task *t, struct str *path, struct str *body)
{
    str_adds(path, "/core/version/");
}

static void ask_agents(struct task *t, struct str *path, struct str *body)
{
    str_adds(path, "/beta/v1/agent/?page_size=1");
}

static void ask_clients(struct task *t, struct str *path, struct str *body)
{
    str_adds(path, "/clients/");
}

static void ask_alerts(struct task *t, struct str *path, struct str *body)
{
    str_adds(path, "/alerts/");
    str_adds(body, "{\"top\":1}");
}

static void on_row(struct task *t, const void *row, const char *fault)
{
}

static void root_row(struct task *t, const void *row, const char *fault)
{
    if (fault || !slice_is(((const struct root_row *)row)->status, "ok"))
        err_set(&t->machine->err, ERR_CONFIG,
                "the host answers, but not as Tactical RMM's API does ({\"status\":\"ok\"}): base_url must be the "
                "API's host, as a rule "
                "https://api.<your domain>");
}

static void clients_row(struct task *t, const void *row, const char *fault)
{
    probe_of(t)->nclients++;
    probe_of(t)->nsites += (int64_t)((const struct tac_client *)row)->sites.n;
}

static enum task_verdict done(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    return TASK_DONE;
}

static enum task_verdict version_page(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    struct slice build = scan_plain(slice_trim(str_slice(&t->text)));

    if (build.n >= sizeof(probe_of(t)->build))
        build.n = 0;
    memcpy(probe_of(t)->build, build.n ? build.p : "", build.n);
    return TASK_DONE;
}

static void clients_again(struct task *t)
{
    probe_of(t)->nclients = probe_of(t)->nsites = 0;
}

static enum task_verdict agents_page(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    probe_of(t)->beta = true;
    return TASK_DONE;
}

static enum task_verdict agents_failed(struct task *t, const struct machine_reply *r, struct err *e)
{
    return tac_is_beta_off(r) ? TASK_DONE : TASK_FATAL;
}

static const struct task_kind root_kind = {
    .what = "status", .anonymous = true, .doc = &root_doc, .ask = ask_root, .row = root_row, .page = done};
static const struct task_kind version_kind = {.what = "version", .ask = ask_version, .page = version_page};
static const struct task_kind clients_kind = {.what = "clients",
                                              .doc = &clients_doc,
                                              .ask = ask_clients,
                                              .row = clients_row,
                                              .page = done,
                                              .again = clients_again};
static const struct task_kind agents_kind = {.what = "agents",
                                             .doc = &agents_doc,
                                             .ask = ask_agents,
                                             .row = on_row,
                                             .page = agents_page,
                                             .failed = agents_failed};
static const struct task_kind alerts_kind = {.what = "alerts",
                                             .method = "PATCH",
                                             .content_type = "application/json",
                                             .doc = &alerts_doc,
                                             .ask = ask_alerts,
                                             .row = on_row,
                                             .page = done};

static void finish(struct machine *m)
{
    struct probe_machine *x = container_of(m, struct probe_machine, m);
    _cleanup_(str_release) struct str url = {0}, text = {0};

    (void)!tac_base_url(m->in->settings, &url, NULL);
    str_addf(
        &text, "Tactical RMM at %.*s, dashboard build %s, %lld clients with %lld sites; %s",
        SLICE_FMT(url_host(str_slice(&url))), x->build[0] ? x->build : "unknown", (long long)x->nclients,
        (long long)x->nsites,
        x->beta
            ? "the beta API is on"
            : "the beta API is off, so hardware is read in less detail: set BETA_API_ENABLED = True in the server's "
              "local_settings.py for all of it");
    m->sink->remark(m->sink->arg, text.p);
}

static struct machine *start(const struct machine_input *in, const struct sink *sink, struct err *e)
{
    struct probe_machine *x = NEW(struct probe_machine);

    machine_init(&x->m, in, sink, tac_explain);
    x->m.finish = finish;
    machine_add(&x->m, &x->root, &root_kind, 0);
    machine_add(&x->m, &x->version, &version_kind, 1);
    machine_add(&x->m, &x->clients, &clients_kind, 2);
    machine_add(&x->m, &x->agents, &agents_kind, 3);
    machine_add(&x->m, &x->alerts, &alerts_kind, 4);
    return &x->m;
}

const struct machine_ops tac_probe_ops = {
    .name = "probe",
    .start = start,
    MACHINE_TASKS_OPS,
};
