/* action_script.c - a script of the server, run on one agent.
 * Why:    a script has a number; people know its name, which another may have as well. And a server that waits for the output
 *         answers in the output's place when there is none: "timeout", "natsdown". No exit code is told either way.
 * Always: a script is sent once; a name that is not one script's own runs nothing. */
#include "base/json_read.h"
#include "base/json_write.h"
#include "base/utf8.h"
#include "provider/tacticalrmm/actions.h"

#define OUTPUT_BODY (1024 * 1024) /* the output as it arrives */
#define OUTPUT_MAX  (64 * 1024)   /* as it is told */

struct script_row {
    struct slice id, name, shell, category, description;
    struct texts platforms;
    int64_t timeout;
    enum tri hidden;
};
static const struct map_field script_fields[] = {
    {"id", MAP_ID, offsetof(struct script_row, id), .required = true},
    {"name", MAP_LOOSE_TEXT, offsetof(struct script_row, name)},
    {"shell", MAP_LOOSE_TEXT, offsetof(struct script_row, shell)},
    {"category", MAP_LOOSE_TEXT, offsetof(struct script_row, category)},
    {"description", MAP_LOOSE_TEXT, offsetof(struct script_row, description)},
    {"supported_platforms", MAP_TEXTS, offsetof(struct script_row, platforms)},
    {"default_timeout", MAP_I64, offsetof(struct script_row, timeout)},
    {"hidden", MAP_TRI, offsetof(struct script_row, hidden)},
};
static const struct map script_map = {sizeof(struct script_row), script_fields, ARRAY_LEN(script_fields)};
static const struct map_doc scripts_doc = {.rows = "[]", .row = &script_map};

static void ask_scripts(struct task *t, struct str *path, struct str *body)
{
    tac_act_of(t)->matches = 0;
    str_clear(&tac_act_of(t)->list);
    str_adds(path, "/scripts/");
}

static void scripts_again(struct task *t)
{
    tac_act_of(t)->matches = 0;
    str_clear(&tac_act_of(t)->list);
}

static void list_row(struct task *t, const void *row, const char *fault)
{
    const struct script_row *s = row;
    struct str *list = &tac_act_of(t)->list;
    struct jw w;

    if (fault || s->hidden == TRI_YES)
        return;
    if (list->n)
        str_addc(list, ',');
    jw_init(&w, list);
    jw_object(&w);
    jw_key_slice(&w, "id", s->id);
    jw_key_slice(&w, "name", s->name);
    jw_key_slice(&w, "shell", known(s->shell));
    jw_key_slice(&w, "category", known(s->category));
    jw_key_slice(&w, "description", known(s->description));
    jw_key(&w, "platforms");
    jw_array(&w);
    for (size_t i = 0; i < s->platforms.n; i++)
        jw_slice(&w, s->platforms.v[i]);
    jw_end(&w);
    jw_end(&w);
}

static enum task_verdict list_page(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    _cleanup_(str_release) struct str json = {0};

    str_adds(&json, "{\"scripts\":[");
    str_add(&json, str_slice(&tac_act_of(t)->list));
    str_adds(&json, "]}");
    tac_act_tell(t, &json);
    return TASK_DONE;
}

static struct slice argument(const struct task *t, const char *key)
{
    return settings_text(t->machine->in->args, key);
}

static void name_row(struct task *t, const void *row, const char *fault)
{
    const struct script_row *s = row;

    if (fault || !slice_eq(slice_trim(s->name), slice_trim(argument(t, "script"))) ||
        !slice_i64(s->id, &tac_act_of(t)->script))
        return;
    tac_act_of(t)->matches++;
}

static enum task_verdict name_page(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    struct slice name = argument(t, "script");

    if (tac_act_of(t)->matches == 1) {
        task_switch(&tac_act_of(t)->task, TASK_READY);
        return TASK_DONE;
    }
    err_set(e, ERR_INPUT, "script: %s in Tactical RMM is called \"%.*s\": give the number of one (action list_scripts)",
            tac_act_of(t)->matches ? "more than one script" : "no script", (int)MIN(name.n, 100), name.p);
    return TASK_FATAL;
}

static void write_lines(struct jw *w, const char *key, struct slice lines)
{
    jw_key(w, key);
    jw_array(w);
    while (lines.n) {
        struct slice line = slice_cut(&lines, '\n');
        if (line.n && line.p[line.n - 1] == '\r')
            line.n--;
        if (line.n)
            jw_slice(w, line);
    }
    jw_end(w);
}

/* A member left out is a fault of the server. */
static void ask_run(struct task *t, struct str *path, struct str *body)
{
    const struct settings *args = t->machine->in->args;
    struct jw w;

    tac_act_path(t, path, "runscript/");
    jw_init(&w, body);
    jw_object(&w);
    jw_key_i64(&w, "script", tac_act_of(t)->script);
    jw_key_str(&w, "output", settings_bool(args, "wait") ? "wait" : "forget");
    write_lines(&w, "args", argument(t, "arguments"));
    write_lines(&w, "env_vars", SLICE_NONE);
    jw_key_bool(&w, "run_as_user", settings_bool(args, "run_as_user"));
    jw_key_i64(&w, "timeout", settings_i64(args, "timeout", 0));
    jw_end(&w);
}

static void tell_output(struct task *t, struct slice output)
{
    bool wait = settings_bool(t->machine->in->args, "wait");
    struct slice told = utf8_cut(output, OUTPUT_MAX);
    _cleanup_(str_release) struct str json = {0};
    struct jw w;

    jw_init(&w, &json);
    jw_object(&w);
    jw_key_i64(&w, "script_id", tac_act_of(t)->script);
    jw_key_bool(&w, "finished", wait);
    jw_key_slice(&w, wait ? "output" : "message", told);
    jw_key_bool(&w, "output_cut", told.n < output.n);
    jw_end(&w);
    tac_act_tell(t, &json);
}

/* No exit code is told either way; and what a script prints cannot be told from what the server says of it. */
static enum task_verdict run_page(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    _cleanup_(arena_freep) struct arena *a = arena_new();
    struct slice said = tac_act_said(t, a);
    bool wait = settings_bool(t->machine->in->args, "wait");

    if (wait && slice_is(said, "timeout"))
        return err_set(e, ERR_TIMEOUT,
                       "the agent gave no output within %lld s: it is away, or the script runs on; its History in "
                       "Tactical RMM tells",
                       (long long)settings_i64(t->machine->in->args, "timeout", 0)),
               TASK_FATAL;
    if (wait && slice_is(said, "natsdown"))
        return err_set(e, ERR_UNAVAILABLE,
                       "the script was not run: the message bus of the Tactical RMM server is down (service nats)"),
               TASK_FATAL;
    tell_output(t, said);
    return TASK_DONE;
}

static const struct task_kind list_kind = {.what = "scripts",
                                           .list = true,
                                           .doc = &scripts_doc,
                                           .ask = ask_scripts,
                                           .row = list_row,
                                           .page = list_page,
                                           .again = scripts_again};
static const struct task_kind name_kind = {.what = "scripts",
                                           .list = true,
                                           .doc = &scripts_doc,
                                           .ask = ask_scripts,
                                           .row = name_row,
                                           .page = name_page,
                                           .again = scripts_again};
static const struct task_kind run_kind = {.what = "run-script",
                                          .method = "POST",
                                          .acting = true,
                                          TAC_COMMAND,
                                          .text_max = OUTPUT_BODY,
                                          .ask = ask_run,
                                          .page = run_page};

static struct machine *start_list(const struct machine_input *in, const struct sink *sink, struct err *e)
{
    return &tac_act_new(in, sink, &list_kind)->m;
}

/* A number is one; anything else is a name. */
static struct machine *start_run(const struct machine_input *in, const struct sink *sink, struct err *e)
{
    struct tac_act *x;
    int64_t number;

    if (!tac_check_agent_id(in->device_id, e))
        return NULL;
    x = tac_act_new(in, sink, &run_kind);
    if (slice_i64(settings_text(in->args, "script"), &number) && number > 0) {
        x->script = number;
    } else {
        machine_add(&x->m, &x->lookup, &name_kind, 0);
        task_switch(&x->task, TASK_OFF);
    }
    return &x->m;
}

const struct provider_field tac_run_fields[TAC_NRUN_FIELDS] = {
    {.key = "script",
     .label = "Script",
     .kind = FIELD_INPUT_TEXT,
     .required = true,
     .help = "Its number, or its name when no other has it."},
    {.key = "arguments", .label = "Arguments", .kind = FIELD_INPUT_LINES, .help = "One a line."},
    {.key = "wait",
     .label = "Wait for its output",
     .kind = FIELD_INPUT_BOOL,
     .fallback = "true",
     .help = "No longer than the hub waits for actions (option action_timeout)."},
    {.key = "timeout",
     .label = "Time limit in seconds",
     .kind = FIELD_INPUT_NUMBER,
     .fallback = "20",
     .min = 1,
     .max = 86400,
     .help = "After which the agent ends the script."},
    {.key = "run_as_user", .label = "As the user who is logged in", .kind = FIELD_INPUT_BOOL, .fallback = "false"},
};

const struct machine_ops tac_run_script_ops = {
    .name = "run_script",
    .start = start_run,
    MACHINE_TASKS_OPS,
};
const struct machine_ops tac_list_scripts_ops = {
    .name = "list_scripts",
    .start = start_list,
    MACHINE_TASKS_OPS,
};
