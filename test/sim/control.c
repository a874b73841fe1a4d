/* control.c - the control API: faults, statistics, latency, webhooks, and each product's own table under /control/<alias>/. */
#include "control.h"
#include "simulator.h"
#include <stdarg.h>
#include <stdlib.h>

struct jw control_json(struct answer *r, int status)
{
    struct jw w;
    jw_init(&w, answer_begin(r, status, "application/json"));
    return w;
}

void control_refuse(struct answer *r, int status, const char *fmt, ...)
{
    _cleanup_(str_release) struct str text = {0};
    va_list ap;
    va_start(ap, fmt);
    str_addv(&text, fmt, ap);
    va_end(ap);
    struct jw w = control_json(r, status);
    jw_object(&w);
    jw_key_slice(&w, "error", str_slice(&text));
    jw_end(&w);
    answer_because(r, "%.*s", (int)MIN(text.n, (size_t)90), text.p ? text.p : "");
}

void control_done(struct answer *r)
{
    answer_text(r, 200, "application/json", "{\"ok\":true}");
}

bool control_take_text(const struct json *o, const char *key, char **io)
{
    struct slice s = json_get_text(o, key);
    if (!s.p)
        return false;
    free(*io);
    *io = mem_strndup(s.p, s.n);
    return true;
}

const struct json *control_body(struct ask *a, struct answer *r, const char *const *known)
{
    struct json *body;
    struct err e;
    struct slice text = a->body.n ? a->body : SLICE("{}");
    if (!json_parse(a->arena, text, &body, &e)) {
        control_refuse(r, 400, "%s", e.what);
        return NULL;
    }
    if (body->type != JSON_OBJECT) {
        control_refuse(r, 400, "the body is not an object");
        return NULL;
    }
    for (const struct json *m = body->child; m; m = m->next) {
        size_t k = 0;
        while (known[k] && !slice_is(m->key, known[k]))
            k++;
        if (!known[k]) {
            control_refuse(r, 400, "no field %.*s", SLICE_FMT(m->key));
            return NULL;
        }
    }
    return body;
}

/* --- faults --- */

static void faults_post(void *self, struct ask *a, struct answer *r)
{
    static const char *const known[] = {"product", "path", "kind", "count", "after", "ms", NULL};
    struct sim *s = self;
    const char *why = "";
    const struct json *o = control_body(a, r, known);
    if (!o)
        return;
    struct slice name = json_get_text(o, "product");
    const struct product *p = product_find(name);
    if (name.p && !slice_is(name, "*") && !p) {
        control_refuse(r, 400, "no product %.*s", SLICE_FMT(name));
        return;
    }
    const struct fault *f = faults_arm(&s->faults, o, p ? p->key : "*", &why);
    if (!f) {
        control_refuse(r, 400, "%s", why);
        return;
    }
    struct jw w = control_json(r, 201);
    jw_object(&w);
    jw_key_i64(&w, "id", f->id);
    jw_end(&w);
}

static void faults_get(void *self, struct ask *a, struct answer *r)
{
    struct sim *s = self;
    struct jw w = control_json(r, 200);
    faults_write(&s->faults, &w);
}

static void faults_delete(void *self, struct ask *a, struct answer *r)
{
    struct sim *s = self;
    faults_clear(&s->faults);
    control_done(r);
}

/* --- statistics, requests, latency --- */

static void stats_get(void *self, struct ask *a, struct answer *r)
{
    struct sim *s = self;
    struct jw w = control_json(r, 200);
    jw_object(&w);
    for (size_t k = 0; k < sim_nproducts; k++) {
        jw_key(&w, sim_products[k]->key);
        jw_object(&w);
        stats_write(&s->instances[k].stats, &w);
        if (s->hooks) {
            jw_key(&w, "webhooks");
            hooks_write(s->hooks, sim_products[k]->key, &w);
        }
        jw_end(&w);
    }
    jw_key(&w, "faults_played");
    jw_object(&w);
    for (unsigned k = 1; k < FAULT_NKINDS_; k++) {
        if (s->faults.played[k])
            jw_key_i64(&w, fault_name((enum fault_kind)k), (int64_t)s->faults.played[k]);
    }
    jw_end(&w);
    jw_end(&w);
}

static void stats_delete(void *self, struct ask *a, struct answer *r)
{
    struct sim *s = self;
    for (size_t k = 0; k < sim_nproducts; k++)
        stats_clear(&s->instances[k].stats);
    memset(s->faults.played, 0, sizeof(s->faults.played));
    control_done(r);
}

static struct instance *path_product(struct sim *s, struct ask *a, struct answer *r)
{
    const struct product *p = product_find(a->params[0]);
    if (!p)
        control_refuse(r, 404, "no product %.*s", SLICE_FMT(a->params[0]));
    return p ? sim_instance(s, p) : NULL;
}

static void requests_get(void *self, struct ask *a, struct answer *r)
{
    struct instance *i = path_product(self, a, r);
    if (!i)
        return;
    struct jw w = control_json(r, 200);
    requests_write(&i->requests, &w);
}

/* Tells what it forgets, so that none is lost between two calls. */
static void requests_delete(void *self, struct ask *a, struct answer *r)
{
    struct instance *i = path_product(self, a, r);
    requests_get(self, a, r);
    if (i)
        requests_clear(&i->requests);
}

static void latency_post(void *self, struct ask *a, struct answer *r)
{
    static const char *const known[] = {"ms", NULL};
    struct sim *s = self;
    int64_t ms;
    const struct json *o = control_body(a, r, known);
    if (!o)
        return;
    if (!json_get_i64(o, "ms", &ms) || ms < 0 || ms > 600000) {
        control_refuse(r, 400, "ms is 0 to 600000");
        return;
    }
    s->latency = MILLIS(ms);
    control_done(r);
}

/* --- webhooks --- */

static void hook_put(void *self, struct ask *a, struct answer *r)
{
    struct instance *i = path_product(self, a, r);
    const char *why = "";
    if (!i)
        return;
    if (i->product->subscribe(i->self, a->body, &why))
        control_done(r);
    else
        control_refuse(r, 400, "%s", why);
}

static void hook_delete(void *self, struct ask *a, struct answer *r)
{
    struct instance *i = path_product(self, a, r);
    if (!i)
        return;
    i->product->unsubscribe(i->self);
    control_done(r);
}

static void hook_post(void *self, struct ask *a, struct answer *r)
{
    static const char *const known[] = {"url", "headers", "event", "repeat", "parallel", "rate", "count", NULL};
    struct sim *s = self;
    struct instance *i = path_product(s, a, r);
    const char *why = "";
    const struct json *o = i ? control_body(a, r, known) : NULL;
    if (!o)
        return;
    struct hook_message pattern = {0};
    struct hook_burst b = {
        .product = i->product, .self = i->self, .pattern = &pattern, .count = 1, .repeat = 1, .parallel = 1};
    struct slice url = json_get_text(o, "url"), event = json_get_text(o, "event");
    b.event = event.p ? arena_strndup(a->arena, event.p, event.n) : "alert";
    json_get_i64(o, "repeat", &b.repeat);
    json_get_i64(o, "parallel", &b.parallel);
    json_get_i64(o, "rate", &b.rate);
    json_get_i64(o, "count", &b.count);
    if (!url.n || !s->hooks) {
        control_refuse(r, 400, "a burst needs a url");
        return;
    }
    pattern.url = mem_strndup(url.p, url.n);
    hook_message_header(&pattern, SLICE("Content-Type"), SLICE("application/json"));
    const struct json *headers = json_get(o, "headers");
    for (const struct json *h = headers ? headers->child : NULL; h; h = h->next)
        hook_message_header(&pattern, h->key, h->text);
    unsigned id = hooks_burst(s->hooks, &b, &why);
    hook_message_release(&pattern);
    if (!id) {
        control_refuse(r, 400, "%s", why);
        return;
    }
    struct jw w = control_json(r, 202);
    jw_object(&w);
    jw_key_i64(&w, "id", id);
    jw_end(&w);
}

static void burst_get(void *self, struct ask *a, struct answer *r)
{
    struct sim *s = self;
    int64_t id = 0;
    struct jw w = control_json(r, 200);
    if (!slice_i64(a->params[0], &id) || !s->hooks || !hooks_burst_write(s->hooks, (unsigned)id, &w))
        control_refuse(r, 404, "no burst %.*s", SLICE_FMT(a->params[0]));
}

static const struct route routes[] = {
    {HTTP_POST, "/control/faults", faults_post},        {HTTP_GET, "/control/faults", faults_get},
    {HTTP_DELETE, "/control/faults", faults_delete},    {HTTP_GET, "/control/stats", stats_get},
    {HTTP_DELETE, "/control/stats", stats_delete},      {HTTP_POST, "/control/latency", latency_post},
    {HTTP_GET, "/control/requests/{}", requests_get},   {HTTP_DELETE, "/control/requests/{}", requests_delete},
    {HTTP_GET, "/control/bursts/{}", burst_get},        {HTTP_PUT, "/control/webhooks/{}", hook_put},
    {HTTP_DELETE, "/control/webhooks/{}", hook_delete}, {HTTP_POST, "/control/webhooks/{}", hook_post},
};
const struct routes control_routes = {routes, ARRAY_LEN(routes)};

void control_answer(struct sim *s, struct ask *a, struct answer *r)
{
    unsigned all;
    ask_parse_query(a);
    const struct route *route = route_find(control_routes.v, control_routes.n, a);
    all = a->allowed;
    if (route) {
        route->run(s, a, r);
        return;
    }
    for (size_t k = 0; k < sim_nproducts; k++) {
        route = route_find(sim_products[k]->controls->v, sim_products[k]->controls->n, a);
        all |= a->allowed;
        if (route) {
            route->run(s->instances[k].self, a, r);
            return;
        }
    }
    control_refuse(r, all ? 405 : 404, "no control call %s %.*s", http_method_name(a->method), SLICE_FMT(a->path));
}
