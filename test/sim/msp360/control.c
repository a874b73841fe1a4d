/* msp360/control.c - the control API for MSP360: companies, computers that come and go, plans whose next run ends otherwise. */
#include "../control.h"
#include "msp360.h"
#include <stdlib.h>

static bool path_computer(struct msp *m, struct ask *a, struct answer *r, struct m_computer *ret)
{
    int64_t id;
    if (slice_i64(a->params[0], &id) && m_computer(m, id, ret))
        return true;
    control_refuse(r, 404, "no computer %.*s", SLICE_FMT(a->params[0]));
    return false;
}

static void write_computer(struct jw *w, const struct msp *m, const struct m_computer *c)
{
    const char *company = m_company_name(m, c);
    jw_object(w);
    jw_key_i64(w, "id", c->id);
    jw_key_str(w, "hid", c->hid);
    jw_key_str(w, "name", c->name);
    jw_key_str(w, "company", company);
    jw_key_i64(w, "plans", c->nplans);
    jw_end(w);
}

static void computer_get(void *self, struct ask *a, struct answer *r)
{
    struct m_computer c;
    if (!path_computer(self, a, r, &c))
        return;
    struct jw w = control_json(r, 200);
    write_computer(&w, self, &c);
}

static void computers_post(void *self, struct ask *a, struct answer *r)
{
    static const char *const known[] = {"count", NULL};
    struct msp *m = self;
    int64_t count = 1;
    const struct json *o = control_body(a, r, known);
    if (!o)
        return;
    json_get_i64(o, "count", &count);
    if (count < 1 || count > 100000) {
        control_refuse(r, 400, "count is 1 to 100000");
        return;
    }
    struct jw w = control_json(r, 201);
    jw_object(&w);
    jw_key(&w, "ids");
    jw_array(&w);
    while (count--)
        jw_i64(&w, ++m->ncomputers);
    jw_end(&w);
    jw_end(&w);
}

static void computer_patch(void *self, struct ask *a, struct answer *r)
{
    static const char *const known[] = {"name", "company", "online", NULL};
    struct m_computer c;
    const struct json *o = path_computer(self, a, r, &c) ? control_body(a, r, known) : NULL;
    if (!o)
        return;
    struct m_change *x = m_change(self, c.id);
    control_take_text(o, "name", &x->name);
    control_take_text(o, "company", &x->company);
    if (json_get(o, "online"))
        x->online = json_get_bool(o, "online", false);
    control_done(r);
}

static void computer_delete(void *self, struct ask *a, struct answer *r)
{
    struct m_computer c;
    if (!path_computer(self, a, r, &c))
        return;
    m_change(self, c.id)->deleted = true;
    control_done(r);
}

static void companies_post(void *self, struct ask *a, struct answer *r)
{
    static const char *const known[] = {"name", NULL};
    struct msp *m = self;
    const struct json *o = control_body(a, r, known);
    if (!o)
        return;
    struct slice name = json_get_text(o, "name");
    if (!name.n) {
        control_refuse(r, 400, "a name");
        return;
    }
    size_t i = m_add_company(m, name);
    struct jw w = control_json(r, 201);
    jw_object(&w);
    jw_key_str(&w, "id", m->companies[i].id);
    jw_end(&w);
}

static void company_delete(void *self, struct ask *a, struct answer *r)
{
    struct msp *m = self;
    for (size_t i = m->nbase; i < m->ncompanies; i++)
        if (slice_is(a->params[0], m->companies[i].id)) {
            free(m->companies[i].name);
            memmove(&m->companies[i], &m->companies[i + 1], (--m->ncompanies - i) * sizeof(*m->companies));
            control_done(r);
            return;
        }
    control_refuse(r, 404, "no company %.*s that was added", SLICE_FMT(a->params[0]));
}

/* --- plans --- */

static bool path_plan(struct msp *m, struct ask *a, struct answer *r, struct m_computer *c, struct m_plan *ret)
{
    int64_t slot;
    if (!path_computer(m, a, r, c))
        return false;
    if (!slice_i64(a->params[1], &slot) || slot < 0 || slot >= c->nplans) {
        control_refuse(r, 404, "computer %lld has no plan %.*s", (long long)c->id, SLICE_FMT(a->params[1]));
        return false;
    }
    m_plan(m, c, (unsigned)slot, ret);
    return true;
}

static void plan_get(void *self, struct ask *a, struct answer *r)
{
    struct m_computer c;
    struct m_plan p;
    if (!path_plan(self, a, r, &c, &p))
        return;
    struct jw w = control_json(r, 200);
    jw_object(&w);
    jw_key_str(&w, "computer", c.name);
    jw_key_str(&w, "name", p.name);
    jw_key_str(&w, "id", *p.id ? p.id : NULL);
    jw_key_i64(&w, "status", p.status);
    jw_key_time(&w, "last_start", p.last_start);
    jw_key_time(&w, "next_start", p.next_start);
    jw_key_bool(&w, "hidden", p.hidden);
    jw_end(&w);
}

/* "2026-05-03T22:00:07", null, or absent. False: it is no time. */
static bool take_time(const struct json *o, const char *key, bool *has, usec_t *ret)
{
    const struct json *v = json_get(o, key);
    if (!v)
        return true;
    *has = true;
    *ret = USEC_NONE;
    return v->type == JSON_NULL || (v->type == JSON_STRING && clock_parse_iso(v->text, ret));
}

/* A status that a run ends with, or Running, is a new run: it began now. Overdue and Unknown leave the last start alone. */
static void begin_run(struct m_plan_change *x, usec_t now)
{
    if (x->status == M_OVERDUE || x->status == M_UNKNOWN)
        return;
    x->has_start = true;
    x->last_start = now;
}

static void plan_patch(void *self, struct ask *a, struct answer *r)
{
    static const char *const known[] = {"status", "error", "last_start", "next_start", "hidden", NULL};
    struct msp *m = self;
    struct m_computer c;
    struct m_plan p;
    int64_t status;
    const struct json *o = path_plan(m, a, r, &c, &p) ? control_body(a, r, known) : NULL;
    if (!o)
        return;
    struct m_plan_change *x = &m_change(m, c.id)->plans[p.slot];
    if (json_get_i64(o, "status", &status)) {
        bool running = x->status == M_RUNNING; /* ends the run that began then */
        x->status = MAX(status, 0);
        free(TAKE(x->error));
        if (!running)
            begin_run(x, sim_wall(m->sim));
    }
    control_take_text(o, "error", &x->error);
    if (!take_time(o, "last_start", &x->has_start, &x->last_start) ||
        !take_time(o, "next_start", &x->has_next, &x->next_start)) {
        control_refuse(r, 400, "last_start and next_start are ISO times or null");
        return;
    }
    x->hidden = json_get_bool(o, "hidden", x->hidden);
    control_done(r);
}

/* --- settings, summary --- */

static void settings_patch(void *self, struct ask *a, struct answer *r)
{
    static const char *const known[] = {"login_status", "token_key", "token_life", "page_cap", "count_is_total", NULL};
    struct msp *m = self;
    int64_t life = m->token_life / USEC_PER_S;
    const struct json *o = control_body(a, r, known);
    if (!o)
        return;
    json_get_i64(o, "login_status", &m->login_status);
    json_get_i64(o, "token_life", &life);
    json_get_i64(o, "page_cap", &m->page_cap);
    m->token_key = json_get_bool(o, "token_key", m->token_key);
    m->count_is_total = json_get_bool(o, "count_is_total", m->count_is_total);
    if ((m->login_status != 400 && m->login_status != 401 && m->login_status != 403) || life < 1 || m->page_cap < 2) {
        control_refuse(r, 400, "login_status is 400, 401 or 403; token_life and page_cap are numbers from 1, and 2");
        return;
    }
    m->token_life = SECONDS(life);
    control_done(r);
}

static void summary_get(void *self, struct ask *a, struct answer *r)
{
    struct msp *m = self;
    struct m_computer c;
    struct m_plan p;
    int64_t computers = 0, plans = 0, hidden = 0, alerts = 0, old = 0;
    for (int64_t id = 1; id <= m->ncomputers; id++) {
        if (!m_computer(m, id, &c))
            continue;
        computers++;
        for (unsigned slot = 0; slot < c.nplans; slot++) {
            m_plan(m, &c, slot, &p);
            plans++;
            hidden += p.hidden;
            old += p.old_server;
            alerts += !p.hidden && (p.status == M_OVERDUE || p.status == M_ERROR || p.status == M_INTERRUPTED ||
                                    p.status == M_CLOSED || p.status == M_WARNING);
        }
    }
    struct jw w = control_json(r, 200);
    jw_object(&w);
    jw_key_i64(&w, "companies", (int64_t)m->ncompanies);
    jw_key_i64(&w, "computers", computers);
    jw_key_i64(&w, "plans", plans);
    jw_key_i64(&w, "hidden", hidden);
    jw_key_i64(&w, "without_ids", old);
    jw_key_i64(&w, "failing", alerts);
    jw_end(&w);
}

static const struct route routes[] = {
    {HTTP_GET, "/control/msp360/summary", summary_get},
    {HTTP_POST, "/control/msp360/companies", companies_post},
    {HTTP_DELETE, "/control/msp360/companies/{}", company_delete},
    {HTTP_POST, "/control/msp360/computers", computers_post},
    {HTTP_GET, "/control/msp360/computers/{}", computer_get},
    {HTTP_PATCH, "/control/msp360/computers/{}", computer_patch},
    {HTTP_DELETE, "/control/msp360/computers/{}", computer_delete},
    {HTTP_GET, "/control/msp360/computers/{}/plans/{}", plan_get},
    {HTTP_PATCH, "/control/msp360/computers/{}/plans/{}", plan_patch},
    {HTTP_PATCH, "/control/msp360/settings", settings_patch},
};
const struct routes msp_controls = {routes, ARRAY_LEN(routes)};
