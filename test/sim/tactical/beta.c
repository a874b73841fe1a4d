/* tactical/beta.c - /beta/v1: clients (never paged), sites and agents (paged by number, 100 by default, at most 1000).
 * Always: unknown parameters are ignored; a bad page is a 404 and a bad page_size silently the default; `next` is absolute and made from
 *         the request's Host. */
#include "tactical.h"
#include <stdlib.h>
#include <strings.h>

#define PAGE_DEFAULT 100
#define PAGE_MAX     1000

struct page {
    int64_t number, size, count, pages;
    size_t first, last; /* of the rows that are on it: [first, last) */
};

static bool page_of(struct ask *a, struct answer *r, size_t rows, struct page *ret)
{
    struct slice text;
    int64_t v;
    *ret = (struct page){.number = 1, .size = PAGE_DEFAULT, .count = (int64_t)rows};
    if (ask_arg(a, "page_size", &text) && slice_i64(text, &v) && v > 0)
        ret->size = MIN(v, PAGE_MAX);
    ret->pages = MAX((ret->count + ret->size - 1) / ret->size, 1);
    if (ask_arg(a, "page", &text)) {
        if (slice_is(text, "last"))
            ret->number = ret->pages;
        else if (!slice_i64(text, &ret->number) || ret->number < 1 || ret->number > ret->pages) {
            t_detail(r, 404, "Invalid page.");
            return false;
        }
    }
    int64_t shown = ret->number;
    if (a->fault == FAULT_STUCK_CURSOR)
        shown = 1;
    if (a->fault == FAULT_REPEAT_PAGE)
        shown = MAX(ret->number - 1, 1);
    ret->first = (size_t)((shown - 1) * ret->size);
    ret->last = MIN(ret->first + (size_t)ret->size, rows);
    return true;
}

/* Django's replace_query_param: the others keep their order, `page` is replaced or appended (page 1: taken out). */
static void page_link(struct jw *w, const char *key, struct ask *a, int64_t number)
{
    _cleanup_(str_release) struct str url = {0};
    struct slice host = ask_header(a, "Host"), rest = a->query;
    bool placed = number == 1;
    str_addf(&url, "http://%.*s%.*s", SLICE_FMT(host), SLICE_FMT(a->path));
    char joint = '?';
    if (!placed) { /* sorted by name, and `page` comes before `page_size` */
        str_addf(&url, "?page=%lld", (long long)number);
        joint = '&';
    }
    while (rest.n) {
        struct slice pair = slice_cut(&rest, '&');
        if (!pair.n || slice_starts(pair, SLICE("page=")))
            continue;
        str_addc(&url, joint);
        str_add(&url, pair);
        joint = '&';
    }
    jw_key_slice(w, key, str_slice(&url));
}

static struct jw page_open(struct ask *a, struct answer *r, const struct page *p)
{
    struct jw w = t_json(r, 200);
    jw_object(&w);
    jw_key_i64(&w, "count", p->count + (a->fault == FAULT_WRONG_TOTAL ? 7 : 0));
    if (p->number < p->pages || a->fault == FAULT_STUCK_CURSOR)
        page_link(&w, "next", a, a->fault == FAULT_STUCK_CURSOR ? p->number : p->number + 1);
    else
        jw_key_str(&w, "next", NULL);
    if (p->number > 1)
        page_link(&w, "previous", a, p->number - 1);
    else
        jw_key_str(&w, "previous", NULL);
    jw_key(&w, "results");
    jw_array(&w);
    return w;
}

static void page_close(struct jw *w)
{
    jw_end(w);
    jw_end(w);
}

static bool omitted(const struct ask *a, size_t i)
{
    return a->fault == FAULT_OMIT_ROWS && i % 10 == 3;
}

static void shuffle(const struct ask *a, int64_t *v, size_t n)
{
    if (a->fault != FAULT_SHUFFLE)
        return;
    for (size_t i = n; i > 1; i--) {
        size_t k = rng_below(n, i, 79, (unsigned)i);
        int64_t t = v[k];
        v[k] = v[i - 1];
        v[i - 1] = t;
    }
}

/* --- clients --- */

void t_beta_clients(void *self, struct ask *a, struct answer *r)
{
    struct tactical *t = self;
    const struct t_client **v = t_clients_by_name(t);
    struct jw w = t_json(r, 200);
    jw_array(&w);
    for (size_t k = 0; k < t->nclients; k++) {
        if (!omitted(a, k))
            tw_client(&w, v[k], t->epoch - SECONDS(86400));
    }
    jw_end(&w);
    free(v);
}

static bool path_id(struct ask *a, struct answer *r, int64_t *ret)
{
    if (slice_i64(a->params[0], ret))
        return true;
    t_detail(r, 404, "Not found.");
    return false;
}

/* PUT of the beta interface fails in the server itself. */
static bool not_get(struct ask *a, struct answer *r)
{
    if (a->method != HTTP_GET)
        t_html(r, 500);
    return a->method != HTTP_GET;
}

static bool foreign(const struct ask *a, struct answer *r, int64_t client)
{
    bool is = (t_rights(a) & RIGHT_LIMITED) && client != 2;
    if (is)
        t_detail(r, 403, "You do not have permission to perform this action.");
    return is;
}

void t_beta_client(void *self, struct ask *a, struct answer *r)
{
    struct tactical *t = self;
    int64_t id;
    if (not_get(a, r) || !path_id(a, r, &id))
        return;
    const struct t_client *c = t_client(t, id);
    if (!c) {
        t_detail(r, 404, "No Client matches the given query.");
        return;
    }
    if (foreign(a, r, c->id))
        return;
    struct jw w = t_json(r, 200);
    tw_client(&w, c, t->epoch - SECONDS(86400));
}

/* --- sites --- */

static bool contains(const char *text, struct slice part)
{
    for (; *text; text++) {
        if (strncasecmp(text, part.p, part.n) == 0)
            return true;
    }
    return part.n == 0;
}

void t_beta_sites(void *self, struct ask *a, struct answer *r)
{
    struct tactical *t = self;
    struct slice search = SLICE_NONE, ordering = SLICE_NONE;
    struct page p;
    size_t n = 0;
    ask_arg(a, "search", &search);
    ask_arg(a, "ordering", &ordering);
    int64_t *v = mem_realloc_array(NULL, t->nsites, sizeof(*v));
    for (size_t k = 0; k < t->nsites; k++) {
        const struct t_site *s = &t->sites[slice_is(ordering, "-id") ? t->nsites - 1 - k : k];
        if (!search.n || contains(s->name, search))
            v[n++] = s->id;
    }
    if (page_of(a, r, n, &p)) {
        struct jw w = page_open(a, r, &p);
        shuffle(a, v + p.first, p.last - p.first);
        for (size_t k = p.first; k < p.last; k++) {
            if (!omitted(a, k))
                tw_site(&w, t_site(t, v[k]), t->epoch - SECONDS(86400));
        }
        page_close(&w);
    }
    free(v);
}

void t_beta_site(void *self, struct ask *a, struct answer *r)
{
    struct tactical *t = self;
    int64_t id;
    if (not_get(a, r) || !path_id(a, r, &id))
        return;
    const struct t_site *s = t_site(t, id);
    if (!s) {
        t_detail(r, 404, "No Site matches the given query.");
        return;
    }
    if (foreign(a, r, s->client))
        return;
    struct jw w = t_json(r, 200);
    tw_site(&w, s, t->epoch - SECONDS(86400));
}

/* --- agents --- */

static bool bad_choice(struct answer *r, const char *field, struct slice value)
{
    _cleanup_(str_release) struct str text = {0};
    str_addf(&text, "Select a valid choice. %.*s is not one of the available choices.", SLICE_FMT(value));
    struct jw w = t_json(r, 400);
    jw_object(&w);
    jw_key(&w, field);
    jw_array(&w);
    jw_slice(&w, str_slice(&text));
    jw_end(&w);
    jw_end(&w);
    answer_because(r, "bad choice for %s", field);
    return false;
}

struct agent_query {
    struct slice hostname, search, plat, type, os, user;
    int64_t id, site, client, policy, alert_template, ram_min, ram_max; /* -1: any */
    int reboot;                                                         /* -1: any */
    usec_t seen_after, seen_before;                                     /* USEC_NONE: any */
    bool descending;
};

static bool number_filter(struct ask *a, struct answer *r, const char *name, int64_t *ret)
{
    struct slice text;
    *ret = -1;
    if (!ask_arg(a, name, &text) || !text.n || slice_i64(text, ret))
        return true;
    struct str *out = answer_begin(r, 400, "application/json");
    str_addf(out, "{\"%s\":[\"Enter a number.\"]}", name);
    answer_because(r, "%s is not a number", name);
    return false;
}

static bool agent_query(struct tactical *t, struct ask *a, struct answer *r, struct agent_query *q)
{
    struct slice text;
    *q = (struct agent_query){.reboot = -1, .site = -1, .seen_after = USEC_NONE, .seen_before = USEC_NONE};
    if (ask_arg(a, "agent_id", &text)) { /* a declared filter that fails in the server */
        t_html(r, 500);
        return false;
    }
    ask_arg(a, "hostname", &q->hostname);
    ask_arg(a, "search", &q->search);
    ask_arg(a, "operating_system", &q->os);
    ask_arg(a, "logged_in_username", &q->user);
    if (ask_arg(a, "plat", &q->plat) && !slice_is(q->plat, "windows") && !slice_is(q->plat, "linux") &&
        !slice_is(q->plat, "darwin"))
        return bad_choice(r, "plat", q->plat);
    if (ask_arg(a, "monitoring_type", &q->type) && !slice_is(q->type, "server") && !slice_is(q->type, "workstation"))
        return bad_choice(r, "monitoring_type", q->type);
    if (ask_arg(a, "site", &text) && (!slice_i64(text, &q->site) || !t_site(t, q->site))) {
        answer_text(r, 400, "application/json",
                    "{\"site\":[\"Select a valid choice. That choice is not one of the available choices.\"]}");
        answer_because(r, "unknown site");
        return false;
    }
    if (ask_arg(a, "needs_reboot", &text))
        q->reboot = slice_is(text, "true") || slice_is(text, "True")     ? 1
                    : slice_is(text, "false") || slice_is(text, "False") ? 0
                                                                         : -1;
    if (ask_arg(a, "last_seen_range_after", &text))
        clock_parse_iso(text, &q->seen_after);
    if (ask_arg(a, "last_seen_range_before", &text))
        clock_parse_iso(text, &q->seen_before);
    q->descending = ask_arg(a, "ordering", &text) && slice_is(text, "-id");
    return number_filter(a, r, "id", &q->id) && number_filter(a, r, "client_id", &q->client) &&
           number_filter(a, r, "policy", &q->policy) && number_filter(a, r, "alert_template", &q->alert_template) &&
           number_filter(a, r, "total_ram_range_min", &q->ram_min) &&
           number_filter(a, r, "total_ram_range_max", &q->ram_max);
}

static bool agent_match(const struct agent_query *q, const struct t_agent *x)
{
    static const char *const plats[] = {"windows", "linux", "darwin"};
    bool never = x->last_seen == USEC_NONE;
    if ((q->hostname.n && !slice_is(q->hostname, x->hostname)) || (q->search.n && !contains(x->hostname, q->search)))
        return false;
    if ((q->plat.n && !slice_is(q->plat, plats[x->plat])) || (q->type.n && slice_is(q->type, "server") != x->server))
        return false;
    if ((q->id >= 0 && q->id != x->id) || (q->site >= 0 && q->site != x->site) ||
        (q->client >= 0 && q->client != x->client))
        return false;
    if ((q->policy >= 0 && !(x->policy && q->policy == 1)) ||
        (q->alert_template >= 0 && !(x->alert_template && q->alert_template == 1)))
        return false;
    if ((q->ram_min >= 0 && (never || x->ram < q->ram_min)) || (q->ram_max >= 0 && (never || x->ram > q->ram_max)))
        return false;
    if ((q->seen_after != USEC_NONE && (never || x->last_seen < q->seen_after)) ||
        (q->seen_before != USEC_NONE && (never || x->last_seen > q->seen_before)))
        return false;
    if (q->user.n && !slice_is(q->user, x->user))
        return false;
    return q->reboot < 0 || q->reboot == x->needs_reboot;
}

void t_beta_agents(void *self, struct ask *a, struct answer *r)
{
    struct tactical *t = self;
    struct agent_query q;
    struct t_agent x;
    struct page p;
    size_t n = 0;
    if (!agent_query(t, a, r, &q))
        return;
    int64_t *v = mem_realloc_array(NULL, (size_t)t->next_agent, sizeof(*v));
    for (int64_t id = 1; id < t->next_agent; id++) {
        if (t_agent(t, q.descending ? t->next_agent - id : id, &x) && agent_match(&q, &x))
            v[n++] = x.id;
    }
    if (page_of(a, r, n, &p)) {
        struct jw w = page_open(a, r, &p);
        shuffle(a, v + p.first, p.last - p.first);
        for (size_t k = p.first; k < p.last; k++) {
            if (!omitted(a, k) && t_agent(t, v[k], &x))
                tw_agent_beta(&w, t, &x);
        }
        page_close(&w);
    }
    free(v);
}

void t_beta_agent(void *self, struct ask *a, struct answer *r)
{
    struct tactical *t = self;
    struct t_agent x;
    int64_t id;
    if (not_get(a, r) || !path_id(a, r, &id))
        return;
    if (!t_agent(t, id, &x)) {
        t_detail(r, 404, "No Agent matches the given query.");
        r->gone = id >= 1 && id < t->next_agent;
        return;
    }
    struct jw w = t_json(r, 200);
    tw_agent_detail(&w, t, &x, a->wall);
}
