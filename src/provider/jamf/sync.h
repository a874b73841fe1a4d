/* sync.h - inside Jamf Pro's full and incremental sync. */
#ifndef MSPHUB_PROVIDER_JAMF_SYNC_H
#define MSPHUB_PROVIDER_JAMF_SYNC_H

#include "provider/jamf/pages.h"

enum jamf_stage { STAGE_VERSION, STAGE_LISTS, STAGE_DEVICES, STAGE_PEOPLE };

struct jamf_sync {
    struct machine m;
    struct task version, sites, departments, groups, classic;
    struct jamf_pages buildings, users, computers, mobiles;
    struct jamf_names building_names, department_names, static_groups;
    struct jamf_names contacts; /* users' e-mail, phone and position by their name, as computers tell them; JSON */
    struct jamf_links links;
    struct str base_url, key;
    struct seen rooms;
    unsigned inventory; /* its version */
    uint64_t device_kinds;
    bool full, collects; /* collects: contacts, for the older API's users */
    bool locations, groups_whole, classic_nameless;
    int64_t nsites, ngroups;
    usec_t began; /* by the server's clock; USEC_NONE: not known yet */
    char since[CLOCK_ISO_MAX];
};

static inline struct jamf_sync *jamf_sync_of(struct machine *m)
{
    return container_of(m, struct jamf_sync, m);
}

static inline bool jamf_wants(const struct machine *m, enum record_kind kind)
{
    return (m->in->kinds & SYNC_KIND(kind)) != 0;
}

static inline void jamf_reject(struct task *t, enum record_kind kind, struct slice id, const char *why)
{
    t->machine->sink->reject(t->machine->sink->arg, kind, known(id), why);
}

static inline void jamf_incomplete(struct task *t, enum record_kind kind, const char *why)
{
    if (jamf_wants(t->machine, kind))
        t->machine->sink->incomplete(t->machine->sink->arg, kind, why);
}

/* lists.c, people.c */
extern const struct task_kind jamf_sites_kind, jamf_departments_kind, jamf_buildings_kind, jamf_groups_kind,
    jamf_users_kind, jamf_classic_kind;
void jamf_sync_contact(struct jamf_sync *x, const struct jamf_computer *c); /* of the user that a computer names */
/* sync.c */
void jamf_sync_need_computers(struct jamf_sync *x);
void jamf_sync_again(struct task *t);

#endif
