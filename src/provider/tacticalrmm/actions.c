/* actions.c - what a person or a rule has Tactical RMM do, one call each; scripts are in action_script.c.
 * Why:    answers of commands are bare JSON strings, good and bad alike: "ok", "timeout", "natsdown". Each is told for what it
 *         is.
 * Always: what acts is sent once. A remote link logs a person in: it is told and never kept here. */
#include "provider/tacticalrmm/actions.h"
#include "base/crypto.h"
#include "base/json_read.h"
#include "provider/tacticalrmm/single.h"

static struct slice device_id(const struct task *t)
{
    return t->machine->in->device_id; /* letters and digits: tac_is_agent_id */
}

void tac_act_path(struct task *t, struct str *path, const char *what)
{
    str_addf(path, "/agents/%.*s/%s", SLICE_FMT(device_id(t)), what);
}

void tac_act_tell(struct task *t, const struct str *json)
{
    const struct sink *sink = t->machine->sink;

    sink->result(sink->arg, str_slice(json));
}

static enum task_verdict no_row_page(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    return TASK_DONE;
}

struct slice tac_act_said(const struct task *t, struct arena *a)
{
    struct slice body = slice_trim(str_slice(&t->text));
    struct json *value = NULL;

    return json_parse(a, body, &value, NULL) && value->type == JSON_STRING ? value->text : body;
}

enum task_verdict tac_act_failed(struct task *t, const struct machine_reply *r, struct err *e)
{
    _cleanup_(arena_freep) struct arena *a = arena_new();
    struct slice said = r->err ? SLICE_NONE : tac_detail(r, a);

    if (slice_is(said, "Unable to contact the agent"))
        err_set(e, ERR_UNAVAILABLE,
                "Tactical RMM cannot reach the agent: it is switched off, away from the network, or its service has "
                "stopped");
    else if (slice_is(said, "No Script matches the given query."))
        err_set(e, ERR_INPUT, "Tactical RMM has no such script: take a number or a name of the action list_scripts");
    else if (tac_is_entity_missing(r))
        err_set(e, ERR_NOT_FOUND, "Tactical RMM has no such agent any more");
    return TASK_FATAL;
}

/* --- reboot --- */

static void ask_reboot(struct task *t, struct str *path, struct str *body)
{
    tac_act_path(t, path, "reboot/");
    str_adds(body, "{}");
}

static enum task_verdict reboot_page(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    _cleanup_(arena_freep) struct arena *a = arena_new();
    _cleanup_(str_release) struct str json = {0};
    struct slice said = tac_act_said(t, a);

    if (!slice_is(said, "ok"))
        return err_set(e, ERR_PROTOCOL, "Tactical RMM answered the reboot with \"%.*s\"", (int)MIN(said.n, 100),
                       said.p),
               TASK_FATAL;
    str_adds(&json, "{\"rebooting\":true}");
    tac_act_tell(t, &json);
    return TASK_DONE;
}

/* --- maintenance --- */

static void ask_maintenance(struct task *t, struct str *path, bool on, struct str *body)
{
    tac_act_path(t, path, "");
    str_addf(body, "{\"maintenance_mode\":%s}", on ? "true" : "false");
}

static void ask_maintenance_on(struct task *t, struct str *path, struct str *body)
{
    ask_maintenance(t, path, true, body);
}

static void ask_maintenance_off(struct task *t, struct str *path, struct str *body)
{
    ask_maintenance(t, path, false, body);
}

static enum task_verdict maintenance_page(struct task *t, const void *head, const struct machine_reply *r,
                                          struct err *e)
{
    const struct sink *sink = t->machine->sink;
    bool on = t->kind->ask == ask_maintenance_on;
    _cleanup_(str_release) struct str json = {0};
    struct record rec = {
        .kind = RECORD_DEVICE,
        .device = {
            .id = device_id(t), .maintenance = on ? TRI_YES : TRI_NO, .created = USEC_NONE, .last_seen = USEC_NONE}};

    sink->record(sink->arg, &rec);
    str_addf(&json, "{\"maintenance\":%s}", on ? "true" : "false");
    tac_act_tell(t, &json);
    return TASK_DONE;
}

/* --- remote link --- */

struct mesh_row {
    struct slice control, terminal, file, status;
};
static const struct map_field mesh_fields[] = {
    {"control", MAP_LOOSE_TEXT, offsetof(struct mesh_row, control)},
    {"terminal", MAP_LOOSE_TEXT, offsetof(struct mesh_row, terminal)},
    {"file", MAP_LOOSE_TEXT, offsetof(struct mesh_row, file)},
    {"status", MAP_LOOSE_TEXT, offsetof(struct mesh_row, status)},
};
static const struct map mesh_map = {sizeof(struct mesh_row), mesh_fields, ARRAY_LEN(mesh_fields)};
static const struct map_doc mesh_doc = {.rows = "", .row = &mesh_map};

static void ask_mesh(struct task *t, struct str *path, struct str *body)
{
    tac_act_path(t, path, "meshcentral/");
}

static bool says(struct slice url, const char *part)
{
    size_t n = strlen(part);

    for (size_t i = 0; i + n <= url.n; i++)
        if (memcmp(url.p + i, part, n) == 0)
            return true;
    return false;
}

/* It becomes a link that a person clicks. */
static bool check_link(struct slice url, struct err *e)
{
    if (!slice_starts(url, SLICE("https://")) && !slice_starts(url, SLICE("http://")))
        return err_set(e, ERR_PROTOCOL, "Tactical RMM gave no address for the remote session");
    if (says(url, "login=err"))
        return err_set(
            e, ERR_CONFIG,
            "Tactical RMM has no usable key of MeshCentral: check Global Settings, MeshCentral in its dashboard");
    if (says(url, "gotonode=None"))
        return err_set(e, ERR_UNAVAILABLE,
                       "this agent has never been connected to MeshCentral: its mesh agent is not installed, or must "
                       "be recovered");
    return true;
}

static void mesh_row(struct task *t, const void *row, const char *fault)
{
    const struct mesh_row *mesh = row;
    struct machine *m = t->machine;
    struct str json = {0};
    struct jw w;

    if (fault)
        err_set(&m->err, ERR_PROTOCOL, "Tactical RMM's remote link cannot be read: %s", fault);
    if (fault || !check_link(mesh->control, &m->err))
        return;
    str_reserve(&json,
                6 * (mesh->control.n + mesh->terminal.n + mesh->file.n + mesh->status.n) + 128); /* does not move */
    jw_init(&w, &json);
    jw_object(&w);
    jw_key_slice(&w, "url", mesh->control);
    jw_key_slice(&w, "terminal_url", known(mesh->terminal));
    jw_key_slice(&w, "files_url", known(mesh->file));
    jw_key_slice(&w, "agent_status", known(mesh->status)); /* a link is given for one that is away as well */
    jw_end(&w);
    tac_act_tell(t, &json);
    crypto_wipe(json.p, json.cap);
    str_release(&json);
}

/* --- alerts --- */

static void ask_resolve(struct task *t, struct str *path, struct str *body)
{
    str_addf(path, "/alerts/%.*s/", SLICE_FMT(t->machine->in->target_id)); /* digits: see start_resolve */
    str_adds(body, "{\"type\":\"resolve\"}");
}

static enum task_verdict resolve_page(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    _cleanup_(str_release) struct str json = {0};

    str_adds(&json, "{\"resolved\":true,\"was_gone\":false}");
    tac_act_tell(t, &json);
    return TASK_DONE;
}

/* It went with its agent, or was pruned: nothing is left to resolve. */
static enum task_verdict resolve_failed(struct task *t, const struct machine_reply *r, struct err *e)
{
    _cleanup_(str_release) struct str json = {0};

    if (!tac_is_entity_missing(r))
        return TASK_FATAL;
    str_adds(&json, "{\"resolved\":true,\"was_gone\":true}");
    tac_act_tell(t, &json);
    return TASK_DONE;
}

/* --- tables --- */

static const struct task_kind reboot_kind = {
    .what = "reboot", .method = "POST", .acting = true, TAC_COMMAND, .ask = ask_reboot, .page = reboot_page};
/* The same again does no harm. */
static const struct task_kind maintenance_on_kind = {
    .what = "maintenance", .method = "PUT", TAC_COMMAND, .ask = ask_maintenance_on, .page = maintenance_page};
static const struct task_kind maintenance_off_kind = {
    .what = "maintenance", .method = "PUT", TAC_COMMAND, .ask = ask_maintenance_off, .page = maintenance_page};
static const struct task_kind mesh_kind = {.what = "remote-link",
                                           .doc = &mesh_doc,
                                           .ask = ask_mesh,
                                           .row = mesh_row,
                                           .page = no_row_page,
                                           .failed = tac_act_failed};
static const struct task_kind resolve_kind = {.what = "resolve",
                                              .method = "PUT",
                                              .content_type = "application/json",
                                              .ask = ask_resolve,
                                              .page = resolve_page,
                                              .failed = resolve_failed};

/* --- life --- */

static void release(struct machine *m)
{
    str_release(&container_of(m, struct tac_act, m)->list);
}

struct tac_act *tac_act_new(const struct machine_input *in, const struct sink *sink, const struct task_kind *kind)
{
    struct tac_act *x = NEW(struct tac_act);

    machine_init(&x->m, in, sink, tac_explain);
    x->m.release = release;
    machine_add(&x->m, &x->task, kind, 1);
    return x;
}

static struct machine *on_agent(const struct machine_input *in, const struct sink *sink, const struct task_kind *kind,
                                struct err *e)
{
    return tac_check_agent_id(in->device_id, e) ? &tac_act_new(in, sink, kind)->m : NULL;
}

static struct machine *start_reboot(const struct machine_input *in, const struct sink *sink, struct err *e)
{
    return on_agent(in, sink, &reboot_kind, e);
}

static struct machine *start_maintenance_on(const struct machine_input *in, const struct sink *sink, struct err *e)
{
    return on_agent(in, sink, &maintenance_on_kind, e);
}

static struct machine *start_maintenance_off(const struct machine_input *in, const struct sink *sink, struct err *e)
{
    return on_agent(in, sink, &maintenance_off_kind, e);
}

static struct machine *start_remote_link(const struct machine_input *in, const struct sink *sink, struct err *e)
{
    return on_agent(in, sink, &mesh_kind, e);
}

static struct machine *start_live(const struct machine_input *in, const struct sink *sink, struct err *e)
{
    return tac_single_new(in, sink, tac_live_new(), e);
}

static struct machine *start_resolve(const struct machine_input *in, const struct sink *sink, struct err *e)
{
    int64_t number;

    if (!slice_i64(in->target_id, &number) || number <= 0)
        return err_set(e, ERR_INPUT, "\"%.*s\" is no alert of Tactical RMM: they have numbers",
                       (int)MIN(in->target_id.n, 48), in->target_id.p ? in->target_id.p : ""),
               NULL;
    return &tac_act_new(in, sink, &resolve_kind)->m;
}

#define OPS(word, begin)                                                                                               \
    {                                                                                                                  \
        .name = (word), .start = (begin), MACHINE_TASKS_OPS                                                            \
    }
static const struct machine_ops live_ops = OPS("live", start_live);
static const struct machine_ops remote_link_ops = OPS("remote_link", start_remote_link);
static const struct machine_ops reboot_ops = OPS("reboot", start_reboot);
static const struct machine_ops maintenance_on_ops = OPS("maintenance_start", start_maintenance_on);
static const struct machine_ops maintenance_off_ops = OPS("maintenance_end", start_maintenance_off);
static const struct machine_ops resolve_ops = OPS("reset_alert", start_resolve);

const struct provider_action tac_actions[TAC_NACTIONS] = {
    {.key = "live",
     .label = "Live details",
     .help = "The agent as the server has it now, its checks one by one, its updates.",
     .target = ACTION_ON_DEVICE,
     .flags = ACTION_READS,
     .cache = SECONDS(30),
     .stale_cache = SECONDS(86400),
     .ops = &live_ops},
    {.key = "remote_link",
     .label = "Remote control",
     .help = "A link that logs a person in to the machine's screen, terminal and files in MeshCentral.",
     .target = ACTION_ON_DEVICE,
     .flags = ACTION_READS | ACTION_REMOTE,
     .cache = SECONDS(300),
     .ops = &remote_link_ops},
    {.key = "reboot",
     .label = "Reboot",
     .help = "Restarts the machine now.",
     .target = ACTION_ON_DEVICE,
     .flags = ACTION_DISRUPTIVE,
     .ops = &reboot_ops},
    {.key = "maintenance_start",
     .label = "Begin maintenance",
     .help = "Tactical RMM raises no alerts of the agent until maintenance ends.",
     .target = ACTION_ON_DEVICE,
     .ops = &maintenance_on_ops},
    {.key = "maintenance_end",
     .label = "End maintenance",
     .help = "Alerts of the agent are raised again.",
     .target = ACTION_ON_DEVICE,
     .ops = &maintenance_off_ops},
    {.key = "run_script",
     .label = "Run a script",
     .help = "One of the server's scripts; no exit code is told.",
     .target = ACTION_ON_DEVICE,
     .flags = ACTION_DISRUPTIVE,
     .fields = tac_run_fields,
     .nfields = TAC_NRUN_FIELDS,
     .ops = &tac_run_script_ops},
    {.key = "list_scripts",
     .label = "Scripts",
     .help = "What run_script can run.",
     .target = ACTION_ON_INTEGRATION,
     .flags = ACTION_READS,
     .cache = SECONDS(60),
     .stale_cache = SECONDS(86400),
     .ops = &tac_list_scripts_ops},
    {.key = "reset_alert",
     .label = "Resolve the alert",
     .help = "While what it tells of goes on, the server raises a new one.",
     .target = ACTION_ON_ALERT,
     .ops = &resolve_ops},
};
