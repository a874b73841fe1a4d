/* tactical/fleet.c - clients, sites, agents from a seed, and alerts. See tactical.h. */
#include "tactical.h"
#include <stdlib.h>

enum salt {
    S_SITE = 2001,
    S_PLAT,
    S_STATUS,
    S_TIMES,
    S_SERVER,
    S_MISC,
    S_OS,
    S_CPU,
    S_MODEL,
    S_RAM,
    S_SERIAL,
    S_IP,
    S_UUID,
    S_USER,
    S_NAME,
    S_SEEN,
    S_AGENT_ID = 2100,
    S_MESH = 2200
};

static const char *const client_names[] = {
    "Acme Manufacturing",   "Contoso Ltd",
    "Müller & Söhne GmbH",  "O'Brien Dental",
    "Zebra \"Quoted\" LLC", "Trailing Space ",
    "東京サポート株式会社", "Hôtel Étoile",
    "Emoji 🚀 Co",           "Long name name name name name name name name name name name name name Inc",
    "No Agents Corp",
};
static const char *const site_names[] = {"Main", "Branch – North", "Data Centre / DC1"};

int64_t t_add_client(struct tactical *t, struct slice name, unsigned sites)
{
    t->clients = mem_realloc_array(t->clients, t->nclients + 1, sizeof(*t->clients));
    t->sites = mem_realloc_array(t->sites, t->nsites + sites, sizeof(*t->sites));
    struct t_client *c = &t->clients[t->nclients];
    *c = (struct t_client){.id = 1 + (int64_t)t->nclients, .name = mem_strndup(name.p, name.n)};
    t->nclients++;
    for (unsigned k = 0; k < sites; k++) {
        struct t_site *s = &t->sites[t->nsites];
        *s = (struct t_site){.id = 1 + (int64_t)t->nsites, .client = c->id};
        s->name = k < ARRAY_LEN(site_names) ? mem_strdup(site_names[k]) : mem_printf("Site %u", k + 1);
        t->nsites++;
    }
    return c->id;
}

const struct t_client *t_client(const struct tactical *t, int64_t id)
{
    return id >= 1 && id <= (int64_t)t->nclients ? &t->clients[id - 1] : NULL;
}

const struct t_site *t_site(const struct tactical *t, int64_t id)
{
    return id >= 1 && id <= (int64_t)t->nsites ? &t->sites[id - 1] : NULL;
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(const struct t_client *const *)a)->name, (*(const struct t_client *const *)b)->name);
}

const struct t_client **t_clients_by_name(const struct tactical *t)
{
    const struct t_client **v = mem_realloc_array(NULL, t->nclients, sizeof(*v));
    for (size_t k = 0; k < t->nclients; k++)
        v[k] = &t->clients[k];
    qsort(v, t->nclients, sizeof(const struct t_client *), by_name);
    return v;
}

/* --- agents --- */

static usec_t seen_at(const struct tactical *t, const struct t_agent *a)
{
    usec_t now = sim_wall(t->sim);
    uint64_t id = (uint64_t)a->id;
    switch (a->status) {
    case T_ONLINE:
        return now - SECONDS(5 + rng_below(t->seed, id, S_SEEN, 50)) - 446757;
    case T_OFFLINE: /* past offline_time, not yet past overdue_time */
        return now - SECONDS(60 * a->offline_time + 30);
    case T_OVERDUE:
        return t->epoch -
               SECONDS(60 * MAX(a->overdue_time, a->offline_time) + 3600 + rng_below(t->seed, id, S_SEEN, 2000000)) -
               (usec_t)id;
    case T_NEVER:
        break;
    }
    return USEC_NONE;
}

static void put_address(char *out, size_t size, unsigned a, unsigned b, uint64_t x)
{
    snprintf(out, size, "%u.%u.%u.%u", a, b, (unsigned)(x >> 8) & 255u, 1 + (unsigned)x % 254);
}

static void name_agent(const struct tactical *t, struct t_agent *a)
{
    static const char *const prefixes[] = {"WEB", "LAP", "FILE", "DB", "HV", "WKS"};
    static const char *const odd[] = {"ÜBER-server", "hv-102.corp.example.com", "ts 01", "KASSE\"1\""};
    uint64_t id = (uint64_t)a->id;
    if (id % 31 == 8)
        snprintf(a->hostname, sizeof(a->hostname), "%s", odd[id / 31 % ARRAY_LEN(odd)]);
    else if (id % 37 == 20)
        snprintf(a->hostname, sizeof(a->hostname), "SAME-NAME");
    else
        snprintf(a->hostname, sizeof(a->hostname), "%s-%03u",
                 prefixes[rng_below(t->seed, id, S_NAME, ARRAY_LEN(prefixes))], (unsigned)id);
}

static void platform(const struct tactical *t, struct t_agent *a)
{
    static const int64_t times[][2] = {{4, 30}, {10, 60}, {30, 4}, {4, 30}};
    uint64_t id = (uint64_t)a->id;
    unsigned dice = rng_below(t->seed, id, S_PLAT, 20);
    a->plat = dice < 16 ? T_WINDOWS : dice < 18 ? T_LINUX : T_DARWIN;
    unsigned k = rng_below(t->seed, id, S_TIMES, ARRAY_LEN(times));
    a->offline_time = times[k][0];
    a->overdue_time = times[k][1];
    dice = rng_below(t->seed, id, S_STATUS, 20);
    a->status = id % 29 == 4                                     ? T_NEVER
                : dice < 14                                      ? T_ONLINE
                : dice < 17 && a->offline_time < a->overdue_time ? T_OFFLINE
                                                                 : T_OVERDUE;
    a->server = rng_below(t->seed, id, S_SERVER, 3) == 0;
}

static void apply_change(const struct tactical *t, struct t_agent *a)
{
    const struct t_change *c = a->change;
    if (c->hostname)
        snprintf(a->hostname, sizeof(a->hostname), "%s", c->hostname);
    if (c->description)
        a->description = c->description;
    if (c->user)
        a->user = c->user;
    if (c->public_ip)
        snprintf(a->public_ip, sizeof(a->public_ip), "%s", c->public_ip);
    if (c->status >= 0)
        a->status = (enum t_status)c->status;
    if (c->site) {
        a->site = c->site;
        a->client = t_site(t, c->site)->client;
    }
    if (c->maintenance >= 0)
        a->maintenance = c->maintenance;
    if (c->needs_reboot >= 0)
        a->needs_reboot = c->needs_reboot;
}

static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

static const char *agent_id_of(const struct tactical *t, int64_t id, char buf[TACTICAL_ID + 1])
{
    return rng_text(t->seed, (uint64_t)id, S_AGENT_ID, letters, 52, buf, TACTICAL_ID);
}

bool t_agent(const struct tactical *t, int64_t id, struct t_agent *a)
{
    if (id < 1 || id >= t->next_agent)
        return false;
    struct t_change *c = NULL;
    if (t->changes)
        HASH_FIND(hh, t->changes, &id, sizeof(id), c);
    if (c && c->deleted)
        return false;
    static const char *const users[] = {"jdoe", "müller", "None", "CORP\\admin"};
    uint64_t u = (uint64_t)id, seed = t->seed, x = rng(seed, u, S_IP);
    *a = (struct t_agent){.id = id, .change = c};
    /* The last of the generated clients stays empty. */
    size_t busy = t->base_clients > 2 ? t->base_sites - 1 : t->base_sites;
    a->site = t->sites[rng_below(seed, u, S_SITE, (unsigned)busy)].id;
    a->client = t_site(t, a->site)->client;
    agent_id_of(t, id, a->agent_id);
    name_agent(t, a);
    platform(t, a);
    a->description = u % 5 == 0 ? "Empfang, \"links\"" : u % 5 == 1 ? "" : NULL;
    a->maintenance = u % 23 == 7;
    a->needs_reboot = rng_below(seed, u, S_MISC, 5) == 0 && a->plat == T_WINDOWS;
    a->choco = a->plat == T_WINDOWS;
    a->os = rng_below(seed, u, S_OS, 1000);
    a->cpu = rng_below(seed, u, S_CPU, 1000);
    a->model = rng_below(seed, u, S_MODEL, 1000);
    a->ram = 4 << rng_below(seed, u, S_RAM, 5);
    rng_text(seed, u, S_SERIAL, letters + 26, 26, a->serial, 8);
    snprintf(a->public_ip, sizeof(a->public_ip), "203.0.113.%u", (unsigned)(x >> 40) % 254 + 1);
    put_address(a->local_ip, sizeof(a->local_ip), 10, (unsigned)(x >> 32) & 255u, x);
    snprintf(a->mac, sizeof(a->mac), "FA:80:1A:%02X:%02X:%02X", (unsigned)(u >> 16) & 255u, (unsigned)(u >> 8) & 255u,
             (unsigned)u & 255u);
    rng_uuid(seed, u, S_UUID, a->uuid);
    rng_text(seed, u, S_MESH, "0123456789abcdef", 16, a->mesh, 96);
    a->user = users[rng_below(seed, u, S_USER, ARRAY_LEN(users))];
    a->policy = u % 40 == 1;
    a->alert_template = u % 24 == 1;
    if (c)
        apply_change(t, a);
    a->last_seen = seen_at(t, a);
    return true;
}

static int64_t id_of(const struct tactical *t, struct slice agent_id)
{
    char text[TACTICAL_ID + 1];
    for (int64_t id = 1; agent_id.n == TACTICAL_ID && id < t->next_agent; id++) {
        if (memcmp(agent_id.p, agent_id_of(t, id, text), TACTICAL_ID) == 0)
            return id;
    }
    return 0;
}

bool t_agent_named(const struct tactical *t, struct slice agent_id, struct t_agent *ret)
{
    return t_agent(t, id_of(t, agent_id), ret);
}

bool t_agent_was(const struct tactical *t, struct slice agent_id)
{
    struct t_agent a;
    int64_t id = id_of(t, agent_id);
    return id && !t_agent(t, id, &a);
}

const char *t_status_text(const struct t_agent *a, usec_t now)
{
    if (a->last_seen == USEC_NONE)
        return "offline";
    usec_t away = now - a->last_seen;
    if (away > SECONDS(60 * a->offline_time) && away < SECONDS(60 * a->overdue_time))
        return "offline";
    return away > SECONDS(60 * a->offline_time) && away > SECONDS(60 * a->overdue_time) ? "overdue" : "online";
}

struct t_change *t_change(struct tactical *t, int64_t id)
{
    struct t_change *c;
    HASH_FIND(hh, t->changes, &id, sizeof(id), c);
    if (!c) {
        c = NEW(struct t_change);
        c->id = id;
        c->status = c->maintenance = c->needs_reboot = -1;
        LIST_INIT(&c->software);
        HASH_ADD(hh, t->changes, id, sizeof(c->id), c);
    }
    c->touched = ++t->touches;
    return c;
}

static int by_touch(const void *a, const void *b)
{
    const struct t_change *x = *(const struct t_change *const *)a, *y = *(const struct t_change *const *)b;
    return (x->touched > y->touched) - (x->touched < y->touched);
}

int64_t *t_order(const struct tactical *t, size_t *ret_n)
{
    size_t n = 0, changed = 0;
    int64_t *ids = mem_realloc_array(NULL, (size_t)t->next_agent, sizeof(*ids));
    const struct t_change **late = mem_realloc_array(NULL, HASH_COUNT(t->changes) + 1, sizeof(*late));
    for (int64_t id = 1; id < t->next_agent; id++) {
        const struct t_change *c = NULL;
        if (t->changes)
            HASH_FIND(hh, t->changes, &id, sizeof(id), c);
        if (!c)
            ids[n++] = id;
        else if (!c->deleted)
            late[changed++] = c;
    }
    qsort(late, changed, sizeof(const struct t_change *), by_touch);
    for (size_t k = 0; k < changed; k++)
        ids[n++] = late[k]->id;
    free(late);
    *ret_n = n;
    return ids;
}

/* --- alerts --- */

struct t_alert *t_alert(struct tactical *t, int64_t id)
{
    if (id < 1 || id > (int64_t)t->nalerts || t->alerts[id - 1].deleted)
        return NULL;
    return &t->alerts[id - 1];
}

struct t_alert *t_raise(struct tactical *t, int64_t agent, const char *type, const char *severity, usec_t at)
{
    if (t->nalerts == TACTICAL_MAX_ALERTS)
        return NULL;
    if ((t->nalerts & (t->nalerts + 1)) == 0 || !t->alerts)
        t->alerts = mem_realloc_array(t->alerts, (t->nalerts + 1) * 2, sizeof(*t->alerts));
    struct t_alert *x = &t->alerts[t->nalerts++];
    *x = (struct t_alert){.id = (int64_t)t->nalerts,
                          .agent = agent,
                          .type = type,
                          .severity = severity,
                          .at = at,
                          .snooze_until = USEC_NONE,
                          .resolved_on = USEC_NONE,
                          .action.run = USEC_NONE,
                          .resolved_action.run = USEC_NONE};
    struct t_agent a;
    if (!agent || !t_agent(t, agent, &a))
        x->message = mem_strdup("Server disk space is low – not tied to an agent");
    else if (strcmp(type, "check") == 0)
        x->message = mem_printf("%s has a winsvc check: Service Check: Print Spooler that failed.", a.hostname);
    else if (strcmp(type, "task") == 0)
        x->message = mem_printf("%s has task: Nightly cleanup that failed.", a.hostname);
    else
        x->message =
            mem_printf("%s in %s, %s is overdue.", a.hostname, t_client(t, a.client)->name, t_site(t, a.site)->name);
    return x;
}

static void seed_alerts(struct tactical *t)
{
    static const char *const types[] = {"availability", "check", "task", "check"}, *const severities[] = {
                                                                                       "error", "warning", "info",
                                                                                       "error"};
    int64_t n = MIN(MAX((t->next_agent - 1) / 2, 8), 5000);
    for (int64_t i = 0; i < n; i++) {
        int64_t agent = 1 + i * 7 % MAX(t->next_agent - 1, 1);
        usec_t at = t->epoch - SECONDS((n - i) * 1800) - 197058;
        struct t_alert *x = i == n - 1 ? t_raise(t, 0, "custom", "info", at)
                                       : t_raise(t, agent, types[i % 4], severities[i / 4 % 4], at);
        if (i % 3 == 0) {
            x->resolved = true;
            x->resolved_on = at + SECONDS(900) + 1;
        }
        if (i % 11 == 5) {
            x->snoozed = true;
            x->snooze_until = t->epoch + SECONDS(3 * 86400);
        }
        x->hidden = i % 17 == 7;
        if (i % 5 == 2)
            x->action = (struct t_action){.run = at + SECONDS(3), .status = 200};
    }
}

/* --- life --- */

void t_fleet_init(struct tactical *t, const struct sim_options *o)
{
    t->seed = o->seed ^ 0x7461637469636c65ull;
    t->epoch = o->epoch;
    t->next_agent = 1 + o->tactical_agents;
    int64_t n = MAX(o->tactical_clients, 1);
    for (int64_t i = 0; i < n; i++) {
        _cleanup_(str_release) struct str name = {0};
        str_adds(&name, client_names[i % (int64_t)ARRAY_LEN(client_names)]);
        if (i >= (int64_t)ARRAY_LEN(client_names))
            str_addf(&name, " %lld", (long long)i);
        /* One site for the last: the empty client of t_agent. */
        t_add_client(t, str_slice(&name), i == n - 1 ? 1 : 1 + (unsigned)(i % 3));
    }
    t->base_clients = t->nclients;
    t->base_sites = t->nsites;
    seed_alerts(t);
}

static void change_free(struct t_change *c)
{
    struct t_software *s;
    while ((s = LIST_FIRST(&c->software))) {
        LIST_REMOVE(s, link);
        free(s->name);
        free(s->version);
        free(s);
    }
    free(c->hostname);
    free(c->description);
    free(c->user);
    free(c->public_ip);
    free(c);
}

void t_fleet_release(struct tactical *t)
{
    struct t_change *c, *next;
    HASH_ITER(hh, t->changes, c, next)
    {
        HASH_DEL(t->changes, c);
        change_free(c);
    }
    for (size_t k = 0; k < t->nalerts; k++) {
        free(t->alerts[k].message);
        free(t->alerts[k].stderr_text);
    }
    for (size_t k = 0; k < t->nclients; k++)
        free(t->clients[k].name);
    for (size_t k = 0; k < t->nsites; k++)
        free(t->sites[k].name);
    free(t->alerts);
    free(t->clients);
    free(t->sites);
}
