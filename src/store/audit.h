/* store/audit.h - the audit log: who, what, before → after, from where.
 * How:    triggers on the audited tables write the rows (schema/migrations/0005_audit.sql), each in its change's transaction, so
 *         none can be forgotten. A segment that changes something says who acts; what is no change of a row (a sign-in,
 *         an export, a remote session) is added by audit_add.
 * Always: append-only; no secret in it, sealed or not. */
#ifndef MSPHUB_STORE_AUDIT_H
#define MSPHUB_STORE_AUDIT_H

#include "base/clock.h"
#include "store/page.h"

struct audit_actor {
    const char *kind;        /* "api_key", "session", "token", "cli" or "system" */
    int64_t id;              /* of the key or the user; 0: none */
    struct slice name;       /* "msp_ab12cd34", "ada@example.org", the account's name on the command line */
    struct slice address;    /* the client's; SLICE_NONE: none */
    struct slice request_id; /* SLICE_NONE: none */
    const char *action;      /* instead of "integration.updated" and the like; NULL: by what is done to the row */
};

/* Who makes the changes of this segment. Right after pg_seg_new, before the first statement. NULL: the hub itself. */
void audit_by(struct pg_seg *s, const struct audit_actor *who);
/* The same as text, for work that a later transaction ends in this one's name. */
void audit_write_actor(const struct audit_actor *who, struct str *out);

struct audit_entry {
    int64_t tenant_id;
    const char *action;         /* "session.opened": a thing, a dot, what was done to it */
    const char *target_type;    /* "user" */
    struct slice target;        /* as people name it */
    int64_t target_id;          /* 0: none */
    int64_t integration_id;     /* 0: none */
    struct slice before, after; /* JSON objects without secrets; SLICE_NONE: none */
};
/* A row by itself. Who: as said by audit_by. */
unsigned audit_add(struct pg_seg *s, const struct audit_entry *e);
/* The triggers write nothing from here to the end of the segment, and audit_logs may be deleted from: for work that changes no
 * meaning, and that adds a row of its own. */
void audit_off(struct pg_seg *s);

/* --- reading --- */
struct audit_filter {                                /* SLICE_NONE and 0: any */
    struct slice actor, action, target_type, target; /* equal to */
    struct slice text;                               /* part of actor, action or target */
    int64_t integration_id;
    usec_t since, until; /* USEC_NONE: any; until is not included */
};
/* Newest first. */
void audit_list(struct pg_pool *db, const struct audit_filter *f, const struct page_request *q, page_cb *cb, void *arg);
void audit_get(struct pg_pool *db, int64_t tenant_id, int64_t audit_id, item_cb *cb, void *arg);
/* The same list as text for a file. Result rows are (line, key, id); fewer than q->limit: there are no more. */
unsigned audit_add_lines(struct pg_seg *s, const struct audit_filter *f, const struct page_request *q, bool csv);
#define AUDIT_CSV_HEAD                                                                                                 \
    "id,at,actor_kind,actor_id,actor,action,target_type,target_id,target,integration_id,before,after,address,"         \
    "request_id\r\n"

/* --- housekeeping; for segments of PG_ALL_TENANTS --- */
/* Deletes what is older than `before`, at most `limit` rows a tenant; pg_affected tells how many. */
unsigned audit_add_retire(struct pg_seg *s, usec_t before, int64_t limit);

#endif
