/* tactical/commands.c - what is done on an agent: checks that ran, scripts, a reboot; and the names of custom fields.
 * Always: a command reaches an agent that is online; for any other the answers are the recorded ones, without the wait. */
#include "tactical.h"

/* --- checks --- */

static const struct {
    const char *type, *description, *info;
} checks[] = {{"winsvc", "Service Check: Print Spooler", NULL},
              {"memory", "Memory Check -  Warning Threshold: 80% Error Threshold: 90%", "Average Memory Usage: 41%"}};

int64_t tw_checks(const struct t_agent *a)
{
    return a->id % 3;
}

int64_t tw_failing(const struct t_agent *a)
{
    return a->id % 3 && a->id % 4 == 0 && !t_never(a);
}

static void write_result(struct jw *w, const struct t_agent *a, int64_t k, usec_t now)
{
    jw_key(w, "check_result");
    jw_object(w);
    if (!t_never(a)) { /* before the first run: an empty object */
        jw_key_i64(w, "id", a->id * 2 + k);
        jw_key_str(w, "status", k < tw_failing(a) ? "failing" : "passing");
        jw_key_str(w, "alert_severity", "error");
        jw_key_str(w, "more_info", checks[k].info);
        jw_key_time(w, "last_run", now - SECONDS(120));
        jw_key_i64(w, "fail_count", k < tw_failing(a) ? 3 : 0);
        jw_key_str(w, "stdout", NULL);
        jw_key_str(w, "stderr", NULL);
        jw_key_str(w, "retcode", NULL);
        jw_key_str(w, "execution_time", "0.4213");
        jw_key_i64(w, "agent", a->id);
        jw_key_i64(w, "assigned_check", a->id * 2 + k);
    }
    jw_end(w);
}

void t_agent_checks(void *self, struct ask *a, struct answer *r)
{
    struct tactical *t = self;
    struct t_agent x;
    if (!t_my_agent(t, a, r, &x))
        return;
    struct jw w = t_json(r, 200);
    jw_array(&w);
    for (int64_t k = 0; k < tw_checks(&x); k++) {
        jw_object(&w);
        jw_key_i64(&w, "id", x.id * 2 + k);
        jw_key_str(&w, "readable_desc", checks[k].description);
        write_result(&w, &x, k, a->wall);
        jw_key_str(&w, "name", NULL);
        jw_key_str(&w, "check_type", checks[k].type);
        jw_key_str(&w, "alert_severity", "error");
        jw_key_i64(&w, "error_threshold", 90);
        jw_key_i64(&w, "warning_threshold", 80);
        jw_key_i64(&w, "agent", x.id);
        jw_key_str(&w, "policy", NULL);
        jw_end(&w);
    }
    jw_end(&w);
}

/* --- scripts --- */

static const struct script {
    int64_t id;
    const char *name, *shell, *category;
} scripts[] = {{1, "Restart spooler", "powershell", "TRMM (Win):Printing"},
               {2, "Uptime", "shell", NULL},
               {3, "Much output", "python", NULL},
               {4, "Uptime", "powershell", "of somebody else"},
               {5, "Größe “x” \"y\" ", "cmd", NULL}};

void t_scripts(void *self, struct ask *a, struct answer *r)
{
    struct jw w = t_json(r, 200);
    jw_array(&w);
    for (size_t k = 0; k < ARRAY_LEN(scripts); k++) {
        jw_object(&w);
        jw_key_i64(&w, "id", scripts[k].id);
        jw_key_str(&w, "name", scripts[k].name);
        jw_key_str(&w, "description", "");
        jw_key_str(&w, "script_type", "userdefined");
        jw_key_str(&w, "shell", scripts[k].shell);
        jw_key_raw(&w, "args", SLICE("[]"));
        jw_key_str(&w, "category", scripts[k].category);
        jw_key_bool(&w, "favorite", false);
        jw_key_i64(&w, "default_timeout", 90);
        jw_key_str(&w, "syntax", NULL);
        jw_key_str(&w, "filename", NULL);
        jw_key_bool(&w, "hidden", false);
        jw_key_raw(&w, "supported_platforms", SLICE("[]"));
        jw_key_bool(&w, "run_as_user", false);
        jw_key_raw(&w, "env_vars", SLICE("[]"));
        jw_end(&w);
    }
    jw_end(&w);
}

static bool is_reachable(const struct t_agent *x, usec_t now)
{
    return strcmp(t_status_text(x, now), "online") == 0;
}

static void script_output(const struct script *s, const struct t_agent *x, const struct json *args, struct answer *r)
{
    _cleanup_(str_release) struct str text = {0};
    str_addf(&text, "%s on %s", s->name, x->hostname);
    for (const struct json *m = args->child; m; m = m->next)
        str_addf(&text, " [%.*s]", SLICE_FMT(m->text));
    str_addc(&text, '\n');
    for (unsigned k = 0; s->id == 3 && k < 10000; k++)
        str_addf(&text, "line %u ä\n", k);
    struct jw w = t_json(r, 200);
    jw_slice(&w, str_slice(&text));
}

void t_run_script(void *self, struct ask *a, struct answer *r)
{
    static const char *const wanted[] = {"script", "output", "args", "env_vars", "run_as_user", "timeout"};
    struct tactical *t = self;
    const struct script *s = NULL;
    struct t_agent x;
    int64_t id;
    if (!t_my_agent(t, a, r, &x))
        return;
    const struct json *o = t_body(a, r);
    if (!o)
        return;
    for (size_t k = 0; k < ARRAY_LEN(wanted); k++)
        if (!json_get(o, wanted[k])) { /* a KeyError in the server */
            t_html(r, 500);
            return;
        }
    for (size_t k = 0; json_get_i64(o, "script", &id) && k < ARRAY_LEN(scripts); k++)
        s = scripts[k].id == id ? &scripts[k] : s;
    struct slice output = json_get_text(o, "output");
    if (!s) {
        t_detail(r, 404, "No Script matches the given query.");
    } else if (slice_is(output, "forget")) {
        _cleanup_(str_release) struct str text = {0};
        str_addf(&text, "%s will now be run on %s", s->name, x.hostname);
        t_string(r, 200, text.p);
    } else if (!slice_is(output, "wait")) {
        t_html(r, 500);
    } else if (is_reachable(&x, a->wall)) {
        script_output(s, &x, json_get(o, "args"), r);
    } else {
        t_string(r, 200, "timeout");
    }
}

void t_reboot(void *self, struct ask *a, struct answer *r)
{
    struct tactical *t = self;
    struct t_agent x;
    if (!t_my_agent(t, a, r, &x))
        return;
    if (is_reachable(&x, a->wall))
        t_string(r, 200, "ok");
    else
        t_string(r, 400, "Unable to contact the agent");
}

/* --- custom fields --- */

void t_custom_fields(void *self, struct ask *a, struct answer *r)
{
    static const struct {
        const char *model, *type, *name;
    } fields[] = {{"agent", "text", "AssetTag"},
                  {"agent", "checkbox", "Loaner"},
                  {"agent", "multiple", "Roles \"now\""},
                  {"client", "text", "Contract"}};
    struct jw w = t_json(r, 200);
    jw_array(&w);
    for (size_t k = 0; k < ARRAY_LEN(fields); k++) {
        jw_object(&w);
        jw_key_i64(&w, "id", (int64_t)k + 1);
        tw_created(&w, ((struct tactical *)self)->epoch);
        jw_key_i64(&w, "order", (int64_t)k + 1);
        jw_key_str(&w, "model", fields[k].model);
        jw_key_str(&w, "type", fields[k].type);
        jw_key_raw(&w, "options", SLICE("[]"));
        jw_key_str(&w, "name", fields[k].name);
        jw_key_bool(&w, "required", false);
        jw_key_str(&w, "default_value_string", NULL);
        jw_end(&w);
    }
    jw_end(&w);
}
