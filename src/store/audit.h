/* store/audit.h - the audit log: who, what, before → after, from where.
 * How:    triggers on the audited tables write the rows (schema/migrations/0005_audit.sql), each in its change's transaction, so
 *         none can be forgotten. A segment that changes something says who acts; what is no change of a row (a sign-in,
 *         an export, a remote session) is added by audit_add.
 * Always: append-only; no secret in it, sealed or not. */
#ifndef MSPHUB_STORE_AUDIT_H
#define MSPHUB_STORE_AUDIT_H

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

#endif
