/* actions.c - what can be done in NinjaOne: the table, and the actions of one call.
 * Always: a call that acts is sent once; what it takes is checked before anything is sent; bodies hold only members that
 *         the product knows, for it refuses others. */
#include "provider/ninjaone/actions.h"

#include "base/json_read.h"
#include "base/json_write.h"

#include <ctype.h>

struct nin_act *nin_act_of(struct machine *m)
{
    return container_of(m, struct nin_act, m);
}

void nin_act_release(struct machine *m)
{
    nin_context_release(&nin_act_of(m)->context);
}

enum task_verdict nin_act_done(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    return TASK_DONE;
}

struct slice nin_arg(const struct task *t, const char *key)
{
    const struct settings *args = t->machine->in->args;

    return args ? known(slice_trim(settings_text(args, key))) : SLICE_NONE;
}

bool nin_act_init(struct nin_act *x, const struct machine_input *in, const struct sink *sink,
                  const struct task_kind *act, const struct task_kind *read, struct err *e)
{
    if (!nin_device_number(in->device_id, &x->device, e))
        return false;
    machine_init(&x->m, in, sink, nin_explain);
    x->m.release = nin_act_release;
    nin_context_init(&x->context, in);
    machine_add(&x->m, &x->act, act, 0);
    if (read)
        machine_add(&x->m, &x->read, read, 1);
    return true;
}

static struct machine *start_on_device(const struct machine_input *in, const struct sink *sink,
                                       const struct task_kind *act, void (*finish)(struct machine *m), struct err *e)
{
    struct nin_act *x = NEW(struct nin_act);

    if (!nin_act_init(x, in, sink, act, NULL, e)) {
        mem_freep(&x);
        return NULL;
    }
    x->m.finish = finish;
    return &x->m;
}

static void tell(struct machine *m, const struct str *json)
{
    m->sink->result(m->sink->arg, str_slice(json));
}

/* --- reset an alert --- */

struct reset {
    struct machine m;
    struct task act;
    bool already;
};

static void ask_reset(struct task *t, struct str *path, struct str *body)
{
    str_adds(path, "/v2/alert/");
    str_add_url(path, t->machine->in->target_id);
    str_adds(path, "/reset");
    str_adds(body, "{}");
}

/* Somebody was faster; that is what was wanted. */
static enum task_verdict reset_failed(struct task *t, const struct machine_reply *r, struct err *e)
{
    if (!nin_is_entity_missing(r))
        return TASK_FATAL;
    container_of(t->machine, struct reset, m)->already = true;
    return TASK_DONE;
}

static void finish_reset(struct machine *m)
{
    const struct sink *sink = m->sink;
    struct record r = {.kind = RECORD_ALERT,
                       .alert = {.series = m->in->target_id,
                                 .state = ALERT_RESOLVED,
                                 .triggered_at = USEC_NONE,
                                 .changed_at = m->in->now,
                                 .closes_only = true}};
    _cleanup_(str_release) struct str json = {0};

    sink->record(sink->arg, &r);
    str_addf(&json, "{\"reset\":true,\"already\":%s}", container_of(m, struct reset, m)->already ? "true" : "false");
    tell(m, &json);
}

static const struct task_kind reset_kind = {.what = "alert-reset",
                                            .method = "POST",
                                            NIN_ACT_JSON,
                                            .ask = ask_reset,
                                            .page = nin_act_done,
                                            .failed = reset_failed};

static bool is_uid(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!isxdigit((unsigned char)s.p[i]) && s.p[i] != '-')
            return false;
    return s.n > 0;
}

static struct machine *start_reset(const struct machine_input *in, const struct sink *sink, struct err *e)
{
    if (!is_uid(in->target_id))
        return err_set(e, ERR_INPUT, "\"%.*s\" is no alert of NinjaOne", (int)MIN(in->target_id.n, 60),
                       in->target_id.p ? in->target_id.p : ""),
               NULL;
    struct reset *x = NEW(struct reset);
    machine_init(&x->m, in, sink, nin_explain);
    x->m.finish = finish_reset;
    machine_add(&x->m, &x->act, &reset_kind, 0);
    return &x->m;
}

static const struct machine_ops reset_ops = {.name = "reset_alert", .start = start_reset, MACHINE_TASKS_OPS};

/* --- remote link --- */

struct link_row {
    struct slice url;
    usec_t expires;
};
static const struct map_field link_fields[] = {
    {"url", MAP_TEXT, offsetof(struct link_row, url)},
    {"expires", MAP_TIME, offsetof(struct link_row, expires)},
};
static const struct map link_map = {sizeof(struct link_row), link_fields, ARRAY_LEN(link_fields)};
static const struct map_doc link_doc = {.rows = "", .row = &link_map};

static void ask_link(struct task *t, struct str *path, struct str *body)
{
    str_addf(path, "/v2/device/%lld/dashboard-url", (long long)nin_act_of(t->machine)->device);
}

static void tell_link(struct machine *m, struct slice url, usec_t expires)
{
    _cleanup_(str_release) struct str json = {0};
    struct jw w;

    jw_init(&w, &json);
    jw_object(&w);
    jw_key_slice(&w, "url", url);
    if (expires != USEC_NONE)
        jw_key_time(&w, "expires_at", expires);
    jw_end(&w);
    jw_done(&w);
    tell(m, &json);
}

static void link_row(struct task *t, const void *row, const char *fault)
{
    const struct link_row *l = row;

    if (fault || !(slice_starts(l->url, SLICE("https://")) || slice_starts(l->url, SLICE("http://"))))
        err_set(&t->machine->err, ERR_PROTOCOL, "NinjaOne gave no link to the device: %s",
                fault ? fault : "no address");
    else
        tell_link(t->machine, l->url, l->expires);
}

/* Older instances do not know the call; the console's own address of a device has always been this one. */
static enum task_verdict link_failed(struct task *t, const struct machine_reply *r, struct err *e)
{
    struct nin_act *x = nin_act_of(t->machine);
    _cleanup_(str_release) struct str url = {0};

    if (r->err || r->status != 404 || reply_is_html(r) || nin_is_entity_missing(r))
        return TASK_FATAL;
    nin_add_console_url(&url, str_slice(&x->context.console), t->machine->in->device_id);
    tell_link(t->machine, str_slice(&url), USEC_NONE);
    return TASK_DONE;
}

static const struct task_kind link_kind = {.what = "device-dashboard-url",
                                           .list = true,
                                           .doc = &link_doc,
                                           .ask = ask_link,
                                           .row = link_row,
                                           .page = nin_act_done,
                                           .failed = link_failed};

static struct machine *start_link(const struct machine_input *in, const struct sink *sink, struct err *e)
{
    return start_on_device(in, sink, &link_kind, NULL, e);
}

static const struct machine_ops link_ops = {.name = "remote_link", .start = start_link, MACHINE_TASKS_OPS};

/* --- reboot --- */

static void add_member(struct jw *w, const struct task *t, const char *key, const char *argument)
{
    struct slice v = nin_arg(t, argument);

    if (v.n)
        jw_key_slice(w, key, v);
}

static void ask_reboot(struct task *t, struct str *path, struct str *body)
{
    struct jw w;

    str_addf(path, "/v2/device/%lld/reboot/%.*s", (long long)nin_act_of(t->machine)->device,
             SLICE_FMT(nin_arg(t, "mode")));
    jw_init(&w, body);
    jw_object(&w);
    add_member(&w, t, "reason", "reason");
    jw_end(&w);
    jw_done(&w);
}

static void finish_reboot(struct machine *m)
{
    _cleanup_(str_release) struct str json = {0};

    str_addf(&json, "{\"requested\":true,\"mode\":\"%.*s\"}", SLICE_FMT(settings_text(m->in->args, "mode")));
    tell(m, &json);
}

static const struct task_kind reboot_kind = {
    .what = "device-reboot", .method = "POST", NIN_ACT_JSON, .ask = ask_reboot, .page = nin_act_done};

static struct machine *start_reboot(const struct machine_input *in, const struct sink *sink, struct err *e)
{
    return start_on_device(in, sink, &reboot_kind, finish_reboot, e);
}

static const struct machine_ops reboot_ops = {.name = "reboot", .start = start_reboot, MACHINE_TASKS_OPS};

/* --- run a script --- */

static void ask_script(struct task *t, struct str *path, struct str *body)
{
    bool action = nin_arg(t, "action_uid").n != 0;
    struct jw w;

    str_addf(path, "/v2/device/%lld/script/run", (long long)nin_act_of(t->machine)->device);
    jw_init(&w, body);
    jw_object(&w);
    jw_key_str(&w, "type", action ? "ACTION" : "SCRIPT");
    if (action)
        add_member(&w, t, "uid", "action_uid");
    else
        jw_key_i64(&w, "id", settings_i64(t->machine->in->args, "script_id", 0));
    add_member(&w, t, "parameters", "parameters");
    add_member(&w, t, "runAs", "run_as");
    jw_end(&w);
    jw_done(&w);
}

/* Nothing, a number, a text or an object with the job's id: the reply is not documented, and passed on. */
static enum task_verdict script_page(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    struct slice said = slice_trim(str_slice(&t->text));
    _cleanup_(str_release) struct str json = {0};

    str_adds(&json, "{\"requested\":true");
    if (said.n && json_valid(said, NULL))
        str_addf(&json, ",\"job\":%.*s", SLICE_FMT(said));
    str_addc(&json, '}');
    tell(t->machine, &json);
    return TASK_DONE;
}

static const struct task_kind script_kind = {
    .what = "device-script-run", .method = "POST", NIN_ACT_JSON, .ask = ask_script, .page = script_page};

static struct machine *start_script(const struct machine_input *in, const struct sink *sink, struct err *e)
{
    bool script = settings_i64(in->args, "script_id", 0) > 0;
    bool action = slice_trim(settings_text(in->args, "action_uid")).n != 0;

    if (script == action)
        return err_set(e, ERR_INPUT, "give either script_id, of a script of the library, or action_uid, of an action"),
               NULL;
    return start_on_device(in, sink, &script_kind, NULL, e);
}

static const struct machine_ops script_ops = {.name = "run_script", .start = start_script, MACHINE_TASKS_OPS};

/* --- the table --- */

static const char *const reboot_modes[] = {"NORMAL", "FORCED", NULL};
static const struct provider_field reboot_fields[] = {
    {.key = "mode",
     .label = "Mode",
     .kind = FIELD_INPUT_SELECT,
     .fallback = "NORMAL",
     .options = reboot_modes,
     .help = "FORCED does not wait for programs to end."},
    {.key = "reason", .label = "Reason", .kind = FIELD_INPUT_TEXT, .help = "Shown in NinjaOne's activities."},
};

static const struct provider_field script_fields[] = {
    {.key = "script_id",
     .label = "Script",
     .kind = FIELD_INPUT_NUMBER,
     .min = 1,
     .max = INT32_MAX,
     .help = "The id of a script of the automation library."},
    {.key = "action_uid",
     .label = "Action",
     .kind = FIELD_INPUT_TEXT,
     .help = "In place of a script: the uid of a built-in action."},
    {.key = "parameters", .label = "Parameters", .kind = FIELD_INPUT_TEXT, .help = "Passed on as they are."},
    {.key = "run_as",
     .label = "Run as",
     .kind = FIELD_INPUT_TEXT,
     .fallback = "system",
     .help =
         "system, loggedonuser, SR_LOCAL_ADMINISTRATOR, SR_DOMAIN_ADMINISTRATOR, SR_MAC_SCRIPT, SR_LINUX_SCRIPT, or "
         "the id of a credential."},
};

static const struct provider_field maintenance_fields[] = {
    {.key = "minutes",
     .label = "Minutes",
     .kind = FIELD_INPUT_NUMBER,
     .required = true,
     .min = 5,
     .max = 60 * 24 * 31,
     .help = "From now on."},
    {.key = "features",
     .label = "Switched off",
     .kind = FIELD_INPUT_TEXT,
     .fallback = "ALERTS,PATCHING,AVSCANS,TASKS",
     .help = "What is off meanwhile, separated by commas: ALERTS, PATCHING, AVSCANS, TASKS."},
    {.key = "reason", .label = "Reason", .kind = FIELD_INPUT_TEXT, .help = "Shown in NinjaOne."},
};

static const struct provider_field custom_fields[] = {
    {.key = "name",
     .label = "Field",
     .kind = FIELD_INPUT_TEXT,
     .required = true,
     .help = "The field's name, as in the list of custom fields (not its label)."},
    {.key = "value",
     .label = "Value",
     .kind = FIELD_INPUT_TEXT,
     .help = "Empty clears the field. Dates as 2026-06-30, times with zone; choices by their ids, several separated by "
             "commas."},
};

const struct provider_action nin_actions[NIN_NACTIONS] = {
    {.key = "live",
     .label = "Live details",
     .help =
         "Reads the device now: its record, volumes, interfaces, antivirus, health, custom fields, last user, alerts.",
     .target = ACTION_ON_DEVICE,
     .flags = ACTION_READS,
     .cache = SECONDS(60),
     .stale_cache = SECONDS(86400),
     .ops = &nin_live_ops},
    {.key = "remote_link",
     .label = "Open in NinjaOne",
     .help = "The device's page in the console, from where it can be controlled.",
     .target = ACTION_ON_DEVICE,
     .flags = ACTION_READS | ACTION_REMOTE,
     .cache = SECONDS(300),
     .ops = &link_ops},
    {.key = "reset_alert",
     .label = "Reset alert",
     .help = "Resets the alert in NinjaOne as well.",
     .target = ACTION_ON_ALERT,
     .ops = &reset_ops},
    {.key = "reboot",
     .label = "Reboot",
     .help = "Needs the scope management.",
     .target = ACTION_ON_DEVICE,
     .flags = ACTION_DISRUPTIVE,
     .fields = reboot_fields,
     .nfields = ARRAY_LEN(reboot_fields),
     .ops = &reboot_ops},
    {.key = "run_script",
     .label = "Run script",
     .help =
         "Needs the scope management and a person's grant. Output is not available; the job shows in the activities.",
     .target = ACTION_ON_DEVICE,
     .flags = ACTION_DISRUPTIVE,
     .fields = script_fields,
     .nfields = ARRAY_LEN(script_fields),
     .ops = &script_ops},
    {.key = "maintenance_start",
     .label = "Start maintenance",
     .help = "Replaces a window that is set. Needs the scope management.",
     .target = ACTION_ON_DEVICE,
     .fields = maintenance_fields,
     .nfields = ARRAY_LEN(maintenance_fields),
     .ops = &nin_maintenance_start_ops},
    {.key = "maintenance_end",
     .label = "End maintenance",
     .help = "Needs the scope management.",
     .target = ACTION_ON_DEVICE,
     .ops = &nin_maintenance_end_ops},
    {.key = "set_custom_field",
     .label = "Set custom field",
     .help = "Writes one value and reads it back. Fields that keep secrets are left alone. Needs the scope management.",
     .target = ACTION_ON_DEVICE,
     .fields = custom_fields,
     .nfields = ARRAY_LEN(custom_fields),
     .ops = &nin_set_custom_field_ops},
};
