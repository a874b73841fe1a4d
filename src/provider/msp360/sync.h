/* sync.h - MSP360's sync in parts: sync.c (its life, companies), computers.c, plans.c, accounts.c (users, licences).
 * Companies come first: all others name theirs by its name. */
#ifndef MSPHUB_PROVIDER_MSP360_SYNC_H
#define MSPHUB_PROVIDER_MSP360_SYNC_H

#include "provider/common_seen.h"
#include "provider/msp360/msp360.h"

struct msp_sync {
    struct machine m;
    struct task companies, users, computers, computer, plans, licenses;
    struct msp_names company_ids, computer_ids; /* the latter by user and name */
    bool companies_unread;
    size_t nameless; /* rows without an id, of the list that is read now */
    bool warnings;
    int64_t stale_days;
    struct str key;

    /* the list of computers */
    struct seen seen;
    size_t before;         /* of `seen`, as this page began */
    int64_t offset;        /* of the page */
    uint64_t anchor, last; /* the last row of the page before; of this one so far */
    bool first, fresh;     /* no row of this page was read yet; one of them is new */
    int64_t count;         /* as the page before told; -1: none did */
    bool counts_all;       /* a page's Count was not its number of rows */
    char doubt[192];
};

extern const struct task_kind msp_computers_kind, msp_computer_kind, msp_plans_kind, msp_users_kind, msp_licenses_kind;

struct msp_sync *msp_sync_of(struct machine *m);
bool msp_wants(const struct machine *m, enum record_kind kind);
usec_t msp_server_now(const struct task *t);
/* To the sink, if the kind is wanted; a record without an id keeps its list from being whole. */
void msp_reject(struct task *t, enum record_kind kind, struct slice id, const char *fault);
void msp_incomplete(struct task *t, enum record_kind kind, const char *why);
/* A list that came whole in one answer. */
void msp_tell_whole(struct task *t, enum record_kind kind);
/* A list that came whole begins (again): `again` and `ask` of such tasks. */
void msp_list_begins(struct task *t);
/* The organization that a row names: SLICE_NONE when the list of companies could not be read (what is known stays), text of no
 * length when there is none, or more than one, of this name. */
struct slice msp_organization_of(struct msp_sync *x, struct slice company);

#endif
