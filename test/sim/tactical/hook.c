/* tactical/hook.c - the alert template's URL actions: what arrives at a receiver.
 * Why:    the server fills `{{…}}` in as plain text, parses the result as JSON and sends it again as ASCII; a quote in any value
 *         spoils that, and then the whole text is sent as ONE JSON string. A receiver must live with both.
 * Always: one failure hook and one resolved hook per alert, none for agents in maintenance or for `info`; never a retry. */
#include "base/utf8.h"
#include "tactical.h"
#include <stdlib.h>
#include <time.h>

#define BODY(event)                                                                                                    \
    "{\"agent_id\": \"{{agent.agent_id}}\", \"hostname\": \"{{agent.hostname}}\", \"client\": "                        \
    "\"{{agent.client.name}}\", "                                                                                      \
    "\"site\": \"{{agent.site.name}}\", \"alert_id\": \"{{alert.id}}\", \"severity\": \"{{alert.severity}}\", "        \
    "\"message\": \"{{alert.message}}\", \"alert_time\": \"{{alert.alert_time}}\", \"alert_type\": "                   \
    "\"{{alert.alert_type}}\", "                                                                                       \
    "\"stderr\": \"{{alert.get_result.stderr}}\", \"event\": \"" event "\"}"

static const char *const default_body[2] = {BODY("trigger"), BODY("resolve")};

/* --- values, as Python prints them --- */

static void python_time(struct str *out, usec_t t)
{
    time_t s = (time_t)(t / USEC_PER_S);
    struct tm tm;
    gmtime_r(&s, &tm);
    str_addf(out, "%04d-%02d-%02d %02d:%02d:%02d", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
             tm.tm_sec);
    if (t % USEC_PER_S)
        str_addf(out, ".%06d", (int)(t % USEC_PER_S));
    str_adds(out, "+00:00");
}

/* null, false, 0 and empty all become None. */
static void python_text(struct str *out, const char *text)
{
    str_adds(out, text && *text ? text : "None");
}

static void agent_value(const struct tactical *t, struct str *out, struct slice name, const struct t_agent *a)
{
    if (slice_is(name, "agent_id"))
        str_adds(out, a->agent_id);
    else if (slice_is(name, "id") || slice_is(name, "pk"))
        str_addf(out, "%lld", (long long)a->id);
    else if (slice_is(name, "client.name") || slice_is(name, "client"))
        str_adds(out, t_client(t, a->client)->name);
    else if (slice_is(name, "client.id"))
        str_addf(out, "%lld", (long long)a->client);
    else if (slice_is(name, "site.name") || slice_is(name, "site"))
        str_adds(out, t_site(t, a->site)->name);
    else if (slice_is(name, "site.id"))
        str_addf(out, "%lld", (long long)a->site);
    else if (slice_is(name, "description"))
        python_text(out, a->description);
    else if (slice_is(name, "public_ip"))
        python_text(out, a->status == T_NEVER ? NULL : a->public_ip);
    else if (slice_is(name, "maintenance_mode"))
        python_text(out, a->maintenance ? "True" : NULL);
    else if (slice_is(name, "last_seen") && a->last_seen != USEC_NONE)
        python_time(out, a->last_seen);
    else /* the hostname itself, and what an unknown property yields */
        str_adds(out, a->hostname);
}

static void alert_value(struct str *out, struct slice name, const struct t_alert *x)
{
    if (slice_is(name, "id") || slice_is(name, "pk"))
        str_addf(out, "%lld", (long long)x->id);
    else if (slice_is(name, "severity"))
        str_adds(out, x->severity);
    else if (slice_is(name, "message"))
        python_text(out, x->message);
    else if (slice_is(name, "alert_time"))
        python_time(out, x->at);
    else if (slice_is(name, "alert_type"))
        str_adds(out, x->type);
    else if (slice_is(name, "resolved"))
        python_text(out, x->resolved ? "True" : NULL);
    else if (slice_is(name, "get_result.stderr"))
        python_text(out, x->stderr_text);
    else
        str_addf(out, "%s - %s", x->type, x->message);
}

/* False: not a variable, it stays as it is. */
static bool value_of(const struct tactical *t, struct str *out, struct slice name, const struct t_alert *x)
{
    struct t_agent a;
    struct slice rest = name, head = slice_cut(&rest, '.');
    if (!rest.n)
        return false;
    if (slice_is(head, "alert")) {
        alert_value(out, rest, x);
    } else if (slice_is(head, "global")) {
        char *key = mem_strndup(rest.p, rest.n);
        str_add(out, json_get_text(t->hook.globals, key));
        free(key);
    } else if (!x->agent || !t_agent(t, x->agent, &a)) {
        return false;
    } else if (slice_is(head, "agent")) {
        agent_value(t, out, rest, &a);
    } else if (slice_is(head, "client")) {
        str_adds(out, t_client(t, a.client)->name);
    } else if (slice_is(head, "site")) {
        str_adds(out, t_site(t, a.site)->name);
    } else {
        return false;
    }
    return true;
}

static void fill(const struct tactical *t, const char *template, const struct t_alert *x, struct str *out)
{
    const char *open, *close;
    while ((open = strstr(template, "{{")) && (close = strstr(open, "}}"))) {
        str_add(out, slice_of(template, (size_t)(open - template)));
        struct slice name = slice_trim(slice_of(open + 2, (size_t)(close - open) - 2));
        if (!value_of(t, out, name, x))
            str_add(out, slice_of(open, (size_t)(close + 2 - open)));
        template = close + 2;
    }
    str_adds(out, template);
}

/* --- parsed, and sent again --- */

/* Backslashes that do not start \n \r \t \\ are doubled; control characters but tab, CR and LF become blanks. */
static void repair(struct slice text, struct str *out)
{
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c == '\\' && i + 1 < text.n && strchr("nrt\\", text.p[i + 1])) {
            str_addc(out, c);
            str_addc(out, text.p[++i]);
        } else if (c == '\\') {
            str_adds(out, "\\\\");
        } else {
            str_addc(out, (unsigned char)c < 32 && c != '\t' && c != '\r' && c != '\n' ? ' ' : c);
        }
    }
}

/* Python reads raw tabs and line ends inside strings (strict=False); our parser does not. */
static void escape_inside_strings(struct slice text, struct str *out)
{
    bool inside = false;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c == '\\' && inside && i + 1 < text.n) {
            str_addc(out, c);
            str_addc(out, text.p[++i]);
            continue;
        }
        inside ^= c == '"';
        if (inside && (c == '\n' || c == '\r' || c == '\t'))
            str_adds(out, c == '\n' ? "\\n" : c == '\r' ? "\\r" : "\\t");
        else
            str_addc(out, c);
    }
}

static uint32_t next_point(const char **p, const char *end)
{
    const unsigned char *s = (const unsigned char *)*p;
    unsigned more = *s < 0x80 ? 0 : *s < 0xe0 ? 1 : *s < 0xf0 ? 2 : 3;
    uint32_t v = more ? *s & (0x3fu >> more) : *s;
    (*p)++;
    while (more-- && *p < end)
        v = v << 6 | ((unsigned char)*(*p)++ & 0x3fu);
    return v;
}

static void python_string(struct str *out, struct slice text)
{
    static const char plain[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
    const char *p = text.p, *end = text.p + text.n;
    str_addc(out, '"');
    while (p < end) {
        uint32_t v = next_point(&p, end);
        const char *at = v && v < 128 ? strchr(plain, (int)v) : NULL;
        if (at)
            str_addf(out, "\\%c", letters[at - plain]);
        else if (v >= 32 && v < 127)
            str_addc(out, (char)v);
        else if (v < 0x10000)
            str_addf(out, "\\u%04x", v);
        else
            str_addf(out, "\\u%04x\\u%04x", 0xd800 + ((v - 0x10000) >> 10), 0xdc00 + ((v - 0x10000) & 0x3ff));
    }
    str_addc(out, '"');
}

static void python_dump(struct str *out, const struct json *v)
{
    switch (v->type) {
    case JSON_NULL:
        str_adds(out, "null");
        return;
    case JSON_BOOL:
        str_adds(out, v->boolean ? "true" : "false");
        return;
    case JSON_NUMBER:
        str_add(out, v->text);
        return;
    case JSON_STRING:
        python_string(out, v->text);
        return;
    case JSON_ARRAY:
    case JSON_OBJECT:
        break;
    }
    bool object = v->type == JSON_OBJECT;
    str_addc(out, object ? '{' : '[');
    for (const struct json *m = v->child; m; m = m->next) {
        if (m != v->child)
            str_adds(out, ", ");
        if (object) {
            python_string(out, m->key);
            str_adds(out, ": ");
        }
        python_dump(out, m);
    }
    str_addc(out, object ? '}' : ']');
}

void t_render_body(const struct tactical *t, const char *template, const struct t_alert *x, struct str *out)
{
    _cleanup_(str_release) struct str filled = {0}, repaired = {0}, text = {0};
    _cleanup_(arena_freep) struct arena *arena = arena_new();
    struct json *parsed;
    struct err e;
    fill(t, template, x, &filled);
    repair(str_slice(&filled), &repaired);
    escape_inside_strings(str_slice(&repaired), &text);
    if (text.n && json_parse(arena, str_slice(&text), &parsed, &e))
        python_dump(out, parsed);
    else
        python_string(out, repaired.p ? str_slice(&repaired) : SLICE(""));
}

/* --- configuration --- */

void t_unsubscribe(void *self)
{
    struct tactical *t = self;
    struct t_action_config *both[] = {&t->hook.failure, &t->hook.resolved};
    for (size_t k = 0; k < ARRAY_LEN(both); k++) {
        free(both[k]->url);
        free(both[k]->body);
        *both[k] = (struct t_action_config){.url = NULL};
    }
    arena_free(t->hook.arena);
    t->hook.arena = NULL;
    t->hook.globals = NULL;
}

static bool action_config(struct t_action_config *c, const struct json *o, const char *fallback)
{
    static const struct {
        const char *name;
        enum http_method method;
    } methods[] = {
        {"post", HTTP_POST}, {"put", HTTP_PUT}, {"patch", HTTP_PATCH}, {"get", HTTP_GET}, {"delete", HTTP_DELETE}};
    struct slice url = json_get_text(o, "url"), body = json_get_text(o, "body"), method = json_get_text(o, "method");
    if (!o)
        return true;
    if (!url.n)
        return false;
    c->url = mem_strndup(url.p, url.n);
    c->body = body.p ? mem_strndup(body.p, body.n) : mem_strdup(fallback);
    c->headers = json_get(o, "headers");
    c->method = HTTP_POST;
    for (size_t k = 0; k < ARRAY_LEN(methods); k++)
        c->method = slice_is(method, methods[k].name) ? methods[k].method : c->method;
    return true;
}

bool t_subscribe(void *self, struct slice text, const char **why)
{
    struct tactical *t = self;
    struct json *o;
    struct err e;
    t_unsubscribe(t);
    t->hook.arena = arena_new();
    *why = "an object with failure and resolved, each with a url; globals";
    struct slice kept = slice_of(arena_strndup(t->hook.arena, text.p ? text.p : "", text.n), text.n);
    if (!json_parse(t->hook.arena, kept, &o, &e) || o->type != JSON_OBJECT ||
        !action_config(&t->hook.failure, json_get(o, "failure"), default_body[0]) ||
        !action_config(&t->hook.resolved, json_get(o, "resolved"), default_body[1])) {
        t_unsubscribe(t);
        return false;
    }
    t->hook.globals = json_get(o, "globals");
    return true;
}

/* --- sending --- */

static void on_done(void *self, int64_t tag, int status)
{
    struct tactical *t = self;
    struct t_alert *x = t_alert(t, tag / 2);
    if (!x)
        return;
    struct t_action *action = tag % 2 ? &x->resolved_action : &x->action;
    action->run = sim_wall(t->sim);
    action->status = status ? status : 500;
}

void t_send_alert(struct tactical *t, struct t_alert *x, bool resolved)
{
    const struct t_action_config *c = resolved ? &t->hook.resolved : &t->hook.failure;
    struct t_agent a;
    if (!t->hook.arena || !c->url || strcmp(x->severity, "info") == 0)
        return;
    if ((resolved ? x->resolved_action : x->action).run != USEC_NONE ||
        (x->agent && t_agent(t, x->agent, &a) && a.maintenance))
        return;
    struct hook_message m = {.method = c->method, .done = on_done, .self = t, .tag = x->id * 2 + resolved};
    struct str url = {0};
    fill(t, c->url, x, &url);
    m.url = str_take(&url);
    t_render_body(t, c->body, x, &m.body);
    hook_message_header(&m, SLICE("User-Agent"), SLICE("python-requests/2.28.1"));
    hook_message_header(&m, SLICE("Accept"), SLICE("*/*"));
    for (const struct json *h = c->headers ? c->headers->child : NULL; h; h = h->next) {
        char *template = mem_strndup(h->text.p, h->text.n);
        struct str value = {0};
        fill(t, template, x, &value);
        hook_message_header(&m, h->key, str_slice(&value));
        str_release(&value);
        free(template);
    }
    sim_send_hook(t->sim, &tactical_product, &m);
}

bool t_burst(void *self, const char *event, uint64_t n, struct hook_message *ret, const char **why)
{
    struct tactical *t = self;
    bool resolved = strcmp(event, "alert") == 0 && n % 2;
    struct t_alert *x = resolved ? t_alert(t, t->burst_alert) : NULL;
    *why = "event is alert or trigger";
    if (strcmp(event, "alert") != 0 && strcmp(event, "trigger") != 0)
        return false;
    if (x) {
        x->resolved = true;
        x->resolved_on = sim_wall(t->sim);
    } else {
        struct t_agent a;
        int64_t agent = 1 + (int64_t)(n * 7 % (uint64_t)MAX(t->next_agent - 1, 1));
        *why = "the fleet has no agent, or too many alerts";
        x = t_agent(t, agent, &a) ? t_raise(t, agent, "availability", "error", sim_wall(t->sim)) : NULL;
        if (!x)
            return false;
        t->burst_alert = x->id;
    }
    const struct t_action_config *c = resolved ? &t->hook.resolved : &t->hook.failure;
    t_render_body(t, c->body ? c->body : default_body[resolved], x, &ret->body);
    return true;
}
