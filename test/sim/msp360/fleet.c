/* msp360/fleet.c - companies, users, computers and plans from a seed. See msp360.h. */
#include "msp360.h"
#include <stdlib.h>

enum salt { S_COMPANY = 3001, S_USER, S_HID, S_PLAN, S_ONLINE, S_SEEN, S_NAME };

#define DAY 86400

static const char *const company_names[] = {
    "Finch Ltd",        "Müller & Söhne GmbH",  "O'Brien Dental",
    " Trailing Space ", "Zebra \"Quoted\" LLC", "東京サポート株式会社",
};

size_t m_add_company(struct msp *m, struct slice name)
{
    size_t i = m->ncompanies++;
    m->companies = mem_realloc_array(m->companies, m->ncompanies, sizeof(*m->companies));
    struct m_company *c = &m->companies[i];
    *c = (struct m_company){.name = mem_strndup(name.p, name.n)};
    uint64_t n = ++m->company_serial;
    rng_uuid(m->seed, n, S_COMPANY, c->id);
    rng_uuid(m->seed, n, S_USER, c->user);
    snprintf(c->login, sizeof(c->login), "backup%llu@client.example", (unsigned long long)n);
    return i;
}

void m_fleet_init(struct msp *m, const struct sim_options *o)
{
    m->seed = o->seed;
    m->epoch = o->epoch;
    m->token_life = o->token_life;
    m->ncomputers = o->msp_computers;
    m->login_status = 403;
    m->page_cap = 1000;
    for (int64_t i = 0; i < MAX(o->msp_companies, 1); i++) {
        char numbered[MSP_TEXT];
        snprintf(numbered, sizeof(numbered), "Client %lld", (long long)i + 1);
        m_add_company(m, slice_cstr(i < (int64_t)ARRAY_LEN(company_names) ? company_names[i] : numbered));
    }
    m->nbase = m->ncompanies;
}

static void change_free(struct m_change *c)
{
    free(c->name);
    free(c->company);
    for (size_t k = 0; k < MSP_MAX_PLANS; k++)
        free(c->plans[k].error);
    free(c);
}

void m_fleet_release(struct msp *m)
{
    struct m_change *c, *next;
    HASH_ITER(hh, m->changes, c, next)
    {
        HASH_DEL(m->changes, c);
        change_free(c);
    }
    for (size_t i = 0; i < m->ncompanies; i++)
        free(m->companies[i].name);
    free(m->companies);
}

static const struct m_change *change_of(const struct msp *m, int64_t id)
{
    struct m_change *c;
    HASH_FIND(hh, m->changes, &id, sizeof(id), c);
    return c;
}

struct m_change *m_change(struct msp *m, int64_t id)
{
    struct m_change *c;
    HASH_FIND(hh, m->changes, &id, sizeof(id), c);
    if (!c) {
        c = NEW(struct m_change);
        c->id = id;
        c->online = -1;
        for (size_t k = 0; k < MSP_MAX_PLANS; k++)
            c->plans[k].status = -1;
        HASH_ADD(hh, m->changes, id, sizeof(c->id), c);
    }
    return c;
}

/* --- computers --- */

static void put_hid(const struct msp *m, struct m_computer *c)
{
    char uuid[UUID_MAX];
    rng_uuid(m->seed, (uint64_t)c->id, S_HID, uuid);
    c->braces = c->id % 7 == 3;
    for (char *p = uuid; c->braces && *p; p++)
        *p = (char)(*p >= 'a' && *p <= 'f' ? *p - 0x20 : *p);
    snprintf(c->hid, sizeof(c->hid), c->braces ? "{%s}" : "%s", uuid);
}

bool m_computer(const struct msp *m, int64_t id, struct m_computer *c)
{
    static const char *const odd[] = {"ÜBER-server", "kasse \"1\"", "SAME-NAME", "SAME-NAME"};
    const struct m_change *change = change_of(m, id);
    uint64_t n = (uint64_t)id;
    if (id < 1 || id > m->ncomputers || (change && change->deleted))
        return false;
    *c = (struct m_computer){.id = id, .company = (size_t)id % m->nbase, .without_company = id % 11 == 5};
    put_hid(m, c);
    c->windows = id % 4 != 2;
    c->nplans = 1 + (unsigned)(id % MSP_MAX_PLANS);
    c->online = rng_below(m->seed, n, S_ONLINE, 4) != 0;
    c->last_activity = id % 29 == 4 ? USEC_NONE : m->epoch - MILLIS(rng_below(m->seed, n, S_SEEN, 3600000));
    if (id % 9 == 8)
        snprintf(c->name, sizeof(c->name), "%s", odd[id / 9 % (int64_t)ARRAY_LEN(odd)]);
    else
        snprintf(c->name, sizeof(c->name), "BKP-%03lld", (long long)id);
    if (id % 6 == 1)
        snprintf(c->display, sizeof(c->display), "Backup of %.60s", c->name);
    if (change && change->name)
        snprintf(c->name, sizeof(c->name), "%s", change->name);
    if (change && change->online >= 0)
        c->online = change->online > 0;
    return true;
}

const char *m_company_name(const struct msp *m, const struct m_computer *c)
{
    const struct m_change *change = change_of(m, c->id);
    if (change && change->company)
        return *change->company ? change->company : NULL;
    return c->without_company ? NULL : m->companies[c->company].name;
}

static struct slice bare(struct slice hid)
{
    if (hid.n > 2 && hid.p[0] == '{')
        return slice_of(hid.p + 1, hid.n - 2);
    return hid;
}

bool m_computer_hid(const struct msp *m, struct slice hid, struct m_computer *ret)
{
    for (int64_t id = 1; id <= m->ncomputers; id++)
        if (m_computer(m, id, ret) && slice_ieq(bare(slice_cstr(ret->hid)), bare(hid)))
            return true;
    return false;
}

bool m_computer_was(const struct msp *m, struct slice hid)
{
    for (const struct m_change *c = m->changes; c; c = c->hh.next) {
        struct m_computer x = {.id = c->id};
        put_hid(m, &x);
        if (c->deleted && slice_ieq(bare(slice_cstr(x.hid)), bare(hid)))
            return true;
    }
    return false;
}

/* --- plans --- */

/* Mostly well; the odd ones are spread so that a small fleet has each of them. */
static int64_t status_of(int64_t id, unsigned slot)
{
    static const struct {
        int64_t every, at, status;
    } odd[] = {{13, 6, M_ERROR},    {17, 8, M_WARNING},      {19, 10, M_OVERDUE}, {23, 12, M_RUNNING},
               {29, 14, M_UNKNOWN}, {31, 16, M_INTERRUPTED}, {37, 18, M_CLOSED},  {41, 20, 99}};
    for (size_t k = 0; slot == 0 && k < ARRAY_LEN(odd); k++)
        if (id % odd[k].every == odd[k].at)
            return odd[k].status;
    return M_SUCCESS;
}

void m_plan(const struct msp *m, const struct m_computer *c, unsigned slot, struct m_plan *p)
{
    static const char *const names[MSP_MAX_PLANS] = {"Nightly image", "Files / täglich", "SQL \"main\""};
    static const int64_t types[MSP_MAX_PLANS] = {11, 3, 7};
    const struct m_change *change = change_of(m, c->id);
    *p = (struct m_plan){.computer = c->id,
                         .slot = slot,
                         .name = names[slot],
                         .old_server = c->id % 5 == 4,
                         .status = status_of(c->id, slot),
                         .type = c->id % 43 == 21 ? 99 : types[slot],
                         .last_start = m->epoch - SECONDS(3600 * (1 + c->id % 20)),
                         .next_start = c->id % 8 == 2 ? USEC_NONE : m->epoch + SECONDS(DAY - 3600 * (1 + c->id % 20))};
    if (!p->old_server) /* two computers may have a plan of one id: it was copied */
        rng_uuid(m->seed, (uint64_t)(c->id % 10 == 0 ? c->id / 2 : c->id) * 4 + slot, S_PLAN, p->id);
    if (p->status == M_ERROR)
        p->error = "Bucket quota exceeded";
    if (p->status == M_WARNING)
        p->error = "2 files were skipped";
    if (p->status == M_OVERDUE)
        p->next_start = m->epoch - SECONDS(DAY);
    if (p->status == M_OVERDUE && c->id % 2 == 0) /* never ran */
        p->last_start = USEC_NONE;
    if (!change)
        return;
    const struct m_plan_change *x = &change->plans[slot];
    if (x->status >= 0) {
        p->status = x->status;
        p->error = x->error;
    }
    if (x->has_start)
        p->last_start = x->last_start;
    if (x->has_next)
        p->next_start = x->next_start;
    p->hidden = x->hidden;
}
