/* syncro/fleet.c - customers, assets, alerts and tickets from a seed. See syncro.h. */
#include "syncro.h"
#include <stdlib.h>

enum salt { S_SERIAL = 4001, S_SEEN, S_OFFLINE };

const char *const s_statuses[] = {"New",       "In Progress",       "Resolved",
                                  "Invoiced",  "Waiting for Parts", "Waiting on Customer",
                                  "Scheduled", "Customer Reply",    NULL};
const char *const s_problems[] = {"Virus", "TuneUp", "Hardware", "Software", "Other", NULL};
const char *const s_priorities[] = {"", "0 Urgent", "1 High", "2 Normal", "3 Low", NULL};

bool s_listed(const char *const *list, struct slice text)
{
    for (; *list; list++)
        if (slice_is(text, *list))
            return true;
    return false;
}

static char *copy(struct slice text)
{
    return mem_strndup(text.p ? text.p : "", text.n);
}

/* --- customers --- */

static const char *const names[] = {
    "Finch Ltd",
    "Müller & Söhne GmbH",
    "O'Brien Dental",
    " Trailing Space ",
    "Zebra \"Quoted\" LLC",
    NULL, /* a person */
    "東京サポート株式会社 \xf0\x9f\x9a\x80",
};

struct s_customer *s_add_customer(struct syncro *s, struct slice name)
{
    int64_t n = (int64_t)s->ncustomers + 1;
    s->customers = mem_realloc_array(s->customers, ++s->ncustomers, sizeof(*s->customers));
    struct s_customer *c = &s->customers[n - 1];
    *c = (struct s_customer){.id = S_CUSTOMER_BASE + n,
                             .business = name.p ? copy(name) : NULL,
                             .disabled = n % 10 == 9,
                             .updated = s->epoch - SECONDS(3600 * n)};
    snprintf(c->first, sizeof(c->first), n % 2 ? "Ana" : "Björn");
    snprintf(c->last, sizeof(c->last), "Client%lld", (long long)n);
    return c;
}

struct s_customer *s_customer(const struct syncro *s, int64_t id)
{
    int64_t n = id - S_CUSTOMER_BASE;
    return n >= 1 && n <= (int64_t)s->ncustomers ? &s->customers[n - 1] : NULL;
}

const char *s_customer_name(const struct s_customer *c, char buf[2 * S_TEXT])
{
    if (c->business)
        return c->business;
    snprintf(buf, (size_t)2 * S_TEXT, "%s %s", c->first, c->last);
    return buf;
}

/* --- assets --- */

static struct s_change *change_of(const struct syncro *s, int64_t n)
{
    struct s_change *c;
    HASH_FIND(hh, s->changes, &n, sizeof(n), c);
    return c;
}

struct s_change *s_change(struct syncro *s, int64_t id)
{
    int64_t n = id - S_ASSET_BASE;
    struct s_change *c = change_of(s, n);
    if (!c) {
        c = NEW(struct s_change);
        *c = (struct s_change){.n = n, .customer_id = -1, .offline = -1};
        HASH_ADD(hh, s->changes, n, sizeof(c->n), c);
    }
    c->touched = sim_wall(s->sim);
    return c;
}

static void name_asset(const struct syncro *s, struct s_asset *x)
{
    static const char *const odd[] = {"ÜBER-server", "kasse \"1\"", "SAME-NAME", "SAME-NAME"};
    if (x->n % 9 == 8)
        snprintf(x->name, sizeof(x->name), "%s", odd[x->n / 9 % (int64_t)ARRAY_LEN(odd)]);
    else
        snprintf(x->name, sizeof(x->name), "SYN-%03lld", (long long)x->n);
    if (x->n % 13 == 6)
        snprintf(x->serial, sizeof(x->serial), "To be filled by O.E.M.");
    else if (x->n % 13 != 7) {
        char digits[9];
        rng_text(s->seed, (uint64_t)x->n, S_SERIAL, "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ", 34, digits, 8);
        snprintf(x->serial, sizeof(x->serial), "5CG%s", digits);
    }
}

static void apply_change(struct s_asset *x, const struct s_change *c)
{
    if (c->name)
        snprintf(x->name, sizeof(x->name), "%s", c->name);
    if (c->serial)
        snprintf(x->serial, sizeof(x->serial), "%s", c->serial);
    if (c->customer_id >= 0)
        x->customer_id = c->customer_id;
    if (c->offline >= 0) {
        x->offline = c->offline > 0;
        if (x->agent && x->synced != USEC_NONE && !x->offline)
            x->synced = c->touched;
    }
    x->updated = c->touched;
}

bool s_asset(const struct syncro *s, int64_t id, struct s_asset *x)
{
    static const char *const others[] = {"Printer", "Server", "Router", "Mobile Phone", "Other"};
    int64_t n = id - S_ASSET_BASE;
    const struct s_change *change = change_of(s, n);
    if (n < 1 || n > s->nassets || (change && change->deleted))
        return false;
    *x = (struct s_asset){.id = id, .n = n, .odd = (unsigned)(n % 17), .agent = n % 7 != 4};
    x->customer_id = n % 31 == 12 ? 0 : s->customers[n % (int64_t)s->nbase].id;
    x->type = x->agent ? "Syncro Device" : others[n / 7 % (int64_t)ARRAY_LEN(others)];
    x->offline = rng_below(s->seed, (uint64_t)n, S_OFFLINE, 5) == 0;
    x->offline_bool = n % 19 == 3;
    x->synced = s->epoch - MILLIS(rng_below(s->seed, (uint64_t)n, S_SEEN, 240000)) - (x->offline ? SECONDS(86400) : 0);
    if (x->odd == 13)
        x->synced = USEC_NONE;
    x->updated = s->epoch - SECONDS(60 * (n % 5000));
    name_asset(s, x);
    if (change)
        apply_change(x, change);
    return true;
}

bool s_asset_was(const struct syncro *s, int64_t id)
{
    const struct s_change *c = change_of(s, id - S_ASSET_BASE);
    return c && c->deleted;
}

/* --- alerts --- */

struct s_alert *s_alert(const struct syncro *s, int64_t id)
{
    int64_t n = id - S_ALERT_BASE;
    return n >= 1 && n <= (int64_t)s->nalerts ? &s->alerts[n - 1] : NULL;
}

struct s_alert *s_raise(struct syncro *s, int64_t customer_id, int64_t asset_id, const char *trigger,
                        const char *description, const char *output)
{
    struct s_asset asset;
    usec_t now = sim_wall(s->sim);
    if (s->nalerts >= S_MAX_ROWS)
        return NULL;
    s->alerts = mem_realloc_array(s->alerts, ++s->nalerts, sizeof(*s->alerts));
    struct s_alert *x = &s->alerts[s->nalerts - 1];
    bool has = asset_id && s_asset(s, asset_id, &asset);
    *x = (struct s_alert){.id = S_ALERT_BASE + (int64_t)s->nalerts,
                          .customer_id = has ? asset.customer_id : customer_id,
                          .asset_id = has ? asset_id : 0,
                          .computer = has ? mem_strdup(asset.name) : NULL,
                          .trigger = trigger ? mem_strdup(trigger) : NULL,
                          .description = mem_strdup(description ? description : ""),
                          .output = mem_strdup(output ? output : ""),
                          .created = now,
                          .updated = now};
    return x;
}

static void seed_alerts(struct syncro *s)
{
    static const struct {
        const char *trigger, *description, *output;
    } kinds[] = {{"agent_offline_trigger", "Agent Offline", "The agent has not checked in"},
                 {"low_hd_space_trigger", "Low Hard Drive Space", "C: 4.1% free"},
                 {"ps_monitor", "Script \"Backup\" says: übel", "exit code 3"},
                 {"CPU Monitoring", "CPU at 100%", "for 15 minutes"},
                 {NULL, "Made by hand", ""}};
    struct s_asset x;
    for (int64_t n = 1; n <= s->nassets; n++) {
        if (n % 6 != 2 || !s_asset(s, S_ASSET_BASE + n, &x))
            continue;
        size_t k = (size_t)(n / 6) % ARRAY_LEN(kinds);
        struct s_alert *a = s_raise(s, x.customer_id, x.id, kinds[k].trigger, kinds[k].description, kinds[k].output);
        if (!a)
            return;
        a->created = a->updated = s->epoch - SECONDS(60 * n);
        a->resolved = n % 4 == 0;
    }
    s_raise(s, S_CUSTOMER_BASE + 1, 0, "ps_monitor", "Of a customer, of no asset", "");
}

/* --- tickets --- */

struct s_ticket *s_ticket(const struct syncro *s, int64_t id)
{
    int64_t n = id - S_TICKET_BASE;
    return n >= 1 && n <= (int64_t)s->ntickets ? &s->tickets[n - 1] : NULL;
}

struct s_ticket *s_ticket_add(struct syncro *s, int64_t customer_id, struct slice subject)
{
    usec_t now = sim_wall(s->sim);
    if (s->ntickets >= S_MAX_ROWS)
        return NULL;
    s->tickets = mem_realloc_array(s->tickets, ++s->ntickets, sizeof(*s->tickets));
    struct s_ticket *t = &s->tickets[s->ntickets - 1];
    *t = (struct s_ticket){.id = S_TICKET_BASE + (int64_t)s->ntickets,
                           .number = S_NUMBER_BASE + (int64_t)s->ntickets,
                           .customer_id = customer_id,
                           .subject = copy(subject),
                           .status = mem_strdup("New"),
                           .problem = mem_strdup("Other"),
                           .due = now + SECONDS(86400),
                           .created = now,
                           .updated = now,
                           .resolved = USEC_NONE};
    return t;
}

struct s_comment *s_comment_add(struct syncro *s, struct s_ticket *t, struct slice subject, struct slice body,
                                struct slice tech)
{
    t->comments = mem_realloc_array(t->comments, ++t->ncomments, sizeof(*t->comments));
    struct s_comment *c = &t->comments[t->ncomments - 1];
    t->updated = sim_wall(s->sim);
    *c = (struct s_comment){.id = ++s->last_comment,
                            .subject = copy(subject),
                            .body = copy(body),
                            .tech = tech.n ? copy(tech) : NULL,
                            .created = t->updated};
    return c;
}

void s_set_status(struct syncro *s, struct s_ticket *t, struct slice status)
{
    bool done = slice_is(status, "Resolved") || slice_is(status, "Invoiced");
    free(t->status);
    t->status = copy(status);
    t->updated = sim_wall(s->sim);
    t->resolved = !done ? USEC_NONE : t->resolved != USEC_NONE ? t->resolved : t->updated;
}

static void seed_tickets(struct syncro *s, int64_t count)
{
    static const char *const subjects[] = {"Printer prints \"?\"", "Disk C: is full", "Kann nicht drucken – übel",
                                           "New starter \xf0\x9f\x8e\x89", "  blanks at both ends  "};
    for (int64_t n = 1; n <= count; n++) {
        int64_t customer = s->customers[n % (int64_t)s->nbase].id;
        struct s_ticket *t = s_ticket_add(s, customer, slice_cstr(subjects[n % (int64_t)ARRAY_LEN(subjects)]));
        if (!t)
            return;
        s_set_status(s, t, slice_cstr(s_statuses[n % 8]));
        if (n % 3)
            t->priority = mem_strdup(s_priorities[1 + n % 4]);
        if (n % 2 && s->nassets) {
            t->assets[0] = S_ASSET_BASE + 1 + n % s->nassets;
            t->nassets = 1;
        }
        t->contact_id = n % 4 ? 0 : S_CONTACT_BASE + 1;
        t->user_id = n % 5 ? 4411 : 0;
        for (int64_t k = 0; k <= n % 13; k++) { /* more than a page of comments among them */
            struct s_comment *c = s_comment_add(s, t, k ? SLICE("Update") : SLICE("Initial Issue"),
                                                slice_cstr(k ? "Looked at it.\nStill the same." : "It does not work."),
                                                k % 2 ? SLICE("Jo Tech") : SLICE_NONE);
            c->user_id = k % 2 ? 4411 : 0;
            c->hidden = k % 4 == 3;
            c->created = s->epoch - SECONDS(7200 * n - 60 * k);
        }
        t->created = s->epoch - SECONDS(7200 * n);
        t->updated = s->epoch - SECONDS(3600 * n);
        t->resolved = t->resolved == USEC_NONE ? USEC_NONE : t->updated;
        t->due = n % 4 ? t->created + SECONDS(86400) : USEC_NONE;
    }
}

/* --- life --- */

void s_fleet_init(struct syncro *s, const struct sim_options *o)
{
    s->seed = o->seed;
    s->epoch = o->epoch;
    s->per_minute = 180;
    s->window = SECONDS(60);
    for (int64_t n = 0; n < MAX(o->syncro_customers, 1); n++) {
        char numbered[S_TEXT];
        snprintf(numbered, sizeof(numbered), "Customer %lld", (long long)n + 1);
        s_add_customer(s, slice_cstr(n < (int64_t)ARRAY_LEN(names) ? names[n] : numbered));
    }
    s->nbase = s->ncustomers;
    s->nassets = o->syncro_assets;
    seed_alerts(s);
    seed_tickets(s, o->syncro_tickets);
}

static void ticket_release(struct s_ticket *t)
{
    for (size_t k = 0; k < t->ncomments; k++) {
        free(t->comments[k].subject);
        free(t->comments[k].body);
        free(t->comments[k].tech);
    }
    free(t->comments);
    free(t->subject);
    free(t->status);
    free(t->problem);
    free(t->priority);
}

void s_fleet_release(struct syncro *s)
{
    struct s_change *c, *next;
    HASH_ITER(hh, s->changes, c, next)
    {
        HASH_DEL(s->changes, c);
        free(c->name);
        free(c->serial);
        free(c);
    }
    for (size_t k = 0; k < s->ncustomers; k++)
        free(s->customers[k].business);
    for (size_t k = 0; k < s->nalerts; k++) {
        free(s->alerts[k].computer);
        free(s->alerts[k].trigger);
        free(s->alerts[k].description);
        free(s->alerts[k].output);
    }
    for (size_t k = 0; k < s->ntickets; k++)
        ticket_release(&s->tickets[k]);
    free(s->customers);
    free(s->alerts);
    free(s->tickets);
}
