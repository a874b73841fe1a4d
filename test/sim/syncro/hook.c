/* syncro/hook.c - what the Notification Center sends: four members, no name of the event, no id, no time, no signature. What happened
 * can only be told from the link and the attributes. */
#include "../hooks.h"
#include "syncro.h"
#include <stdlib.h>

#define SITE "https://" SYNCRO_SUBDOMAIN ".syncromsp.com"

static struct jw begin(struct str *out, const char *text, const char *kind, int64_t id)
{
    struct jw w;
    _cleanup_(str_release) struct str s = {0};
    jw_init(&w, out);
    jw_object(&w);
    jw_key_str(&w, "text", text);
    str_addf(&s, "<p>%s</p>", text);
    jw_key_slice(&w, "html", str_slice(&s));
    str_clear(&s);
    str_addf(&s, SITE "/%s/%lld", kind, (long long)id);
    jw_key_slice(&w, "link", str_slice(&s));
    jw_key(&w, "attributes");
    return w;
}

/* An automatic clear is a new event whose words say so, while `resolved` is still false. */
static void write_alert(struct str *out, const struct syncro *s, const struct s_alert *x, bool cleared)
{
    const struct s_customer *c = s_customer(s, x->customer_id);
    char name[2 * S_TEXT];
    _cleanup_(str_release) struct str description = {0};
    struct jw w = begin(out, "RMM Alert created", "rmm_alerts", x->id);
    jw_object(&w);
    jw_key_i64(&w, "id", x->id);
    jw_key_str(&w, "computer_name", x->computer);
    if (x->id % 2)
        jw_key_bool(&w, "resolved", !cleared && x->resolved);
    else
        jw_key_str(&w, "resolved", !cleared && x->resolved ? "true" : "false");
    jw_key_str(&w, "formatted_output", x->output);
    jw_key(&w, "properties");
    jw_object(&w);
    jw_key_str(&w, "trigger", x->trigger);
    str_addf(&description, "%s%s", x->description, cleared ? " (auto resolved)" : "");
    jw_key_slice(&w, "description", str_slice(&description));
    jw_end(&w);
    jw_key(&w, "customer");
    if (c) {
        jw_object(&w);
        jw_key_i64(&w, "id", c->id);
        jw_key_str(&w, "business_name", s_customer_name(c, name));
        jw_end(&w);
    } else {
        jw_null(&w);
    }
    s_key_time(&w, "updated_at", x->updated);
    jw_end(&w);
    jw_end(&w);
}

static void send(struct syncro *s, struct hook_message *m)
{
    m->url = mem_strdup(s->hook);
    hook_message_header(m, SLICE("Content-Type"), SLICE("application/json"));
    hook_message_header(m, SLICE("User-Agent"), SLICE("rest-client/2.1.0"));
    sim_send_hook(s->sim, &syncro_product, m);
}

void s_send_alert(struct syncro *s, const struct s_alert *x, bool cleared)
{
    struct hook_message m = {0};
    if (!s->hook)
        return;
    write_alert(&m.body, s, x, cleared);
    send(s, &m);
}

void s_send_ticket(struct syncro *s, const struct s_ticket *t, const char *text)
{
    struct hook_message m = {0};
    if (!s->hook)
        return;
    struct jw w = begin(&m.body, text, "tickets", t->id);
    s_write_ticket(&w, s, t, false);
    jw_end(&w);
    send(s, &m);
}

/* Links to its ticket. */
void s_send_comment(struct syncro *s, const struct s_ticket *t, const struct s_comment *c)
{
    struct hook_message m = {0};
    if (!s->hook)
        return;
    struct jw w = begin(&m.body, "A comment was added", "tickets", t->id);
    s_write_comment(&w, t, c);
    jw_end(&w);
    send(s, &m);
}

bool s_subscribe(void *self, struct slice text, const char **why)
{
    struct syncro *s = self;
    _cleanup_(arena_freep) struct arena *a = arena_new();
    struct json *o;
    struct err e;
    *why = "{\"url\":\"…\"}, and nothing else: no header can be set";
    if (!json_parse(a, text, &o, &e) || !o->child || o->child->next || !json_get_text(o, "url").n)
        return false;
    s_unsubscribe(s);
    struct slice url = json_get_text(o, "url");
    s->hook = mem_strndup(url.p, url.n);
    return true;
}

void s_unsubscribe(void *self)
{
    struct syncro *s = self;
    free(TAKE(s->hook));
}

bool s_burst(void *self, const char *event, uint64_t n, struct hook_message *ret, const char **why)
{
    struct syncro *s = self;
    *why = "event is alert or ticket";
    if (strcmp(event, "alert") == 0) {
        int64_t asset = S_ASSET_BASE + 1 + (int64_t)(n % (uint64_t)MAX(s->nassets, 1));
        struct s_alert *x = s_raise(s, S_CUSTOMER_BASE + 1, asset, "ps_monitor", "Burst", "");
        *why = "too many alerts";
        if (x)
            write_alert(&ret->body, s, x, false);
        return x != NULL;
    }
    if (strcmp(event, "ticket") == 0 && s->ntickets) {
        const struct s_ticket *t = &s->tickets[n % s->ntickets];
        struct jw w = begin(&ret->body, "Ticket was updated", "tickets", t->id);
        s_write_ticket(&w, s, t, false);
        jw_end(&w);
        return true;
    }
    return false;
}
