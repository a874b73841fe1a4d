/* store/user.h - users: what sign-in needs, their own account, and what admins do with them.
 * Always: an edit by an admin tells its verdict in words that a person can use; none of them leaves a tenant without an enabled
 *         admin, or touches a user of the platform, unless the platform itself acts. The audit row is the table's trigger's. */
#ifndef MSPHUB_STORE_USER_H
#define MSPHUB_STORE_USER_H

#include "base/crypto.h"
#include "store/audit.h"
#include "store/page.h"

#define USER_EMAIL_MAX 254
#define USER_NAME_MAX  128

/* One spelling of an address: ASCII letters in lower case. ERR_INPUT: it is no e-mail address. */
bool user_email_fold(struct slice given, char ret[USER_EMAIL_MAX + 1], struct err *e);
/* What a user's sealed TOTP secret is bound to (store/sealed.def). */
#define USER_TOTP_CONTEXT_MAX 64
struct slice user_totp_context(char buf[USER_TOTP_CONTEXT_MAX], int64_t tenant_id, int64_t user_id);

/* --- sign-in, in segments that see all tenants --- */
struct user_attempt {
    struct slice tenant;        /* slug; SLICE_NONE: the only tenant */
    struct slice email;         /* folded */
    const uint8_t *device_hash; /* NULL: none */
    int64_t allowed;
    usec_t first_wait, longest_wait;
};
unsigned user_add_attempt(struct pg_seg *s, const struct user_attempt *a); /* no row: no such user */
struct user_attempt_row {                                                  /* borrows from the reply */
    int64_t tenant_id, user_id;
    struct slice email;
    struct slice password_hash; /* SLICE_NONE: no password opens it */
    struct slice totp_secret;   /* sealed; SLICE_NONE: no code is asked for */
    int64_t totp_last_step;
    bool device_known;
    bool admitted;       /* no wait is in force, and this attempt is counted */
    usec_t locked_until; /* if it fails; USEC_NONE: not yet */
    bool enabled;        /* the user and the tenant */
};
void user_attempt_read(const struct pg_reply *r, unsigned stmt, struct user_attempt_row *ret);
/* The attempt was no failure. device_hash: when it was known by it, else NULL. */
unsigned user_add_take_back(struct pg_seg *s, int64_t tenant_id, int64_t user_id, const uint8_t *device_hash);
unsigned user_add_rehash(struct pg_seg *s, int64_t tenant_id, int64_t user_id, struct slice old, struct slice fresh);

/* --- a user's own account --- */
unsigned user_add_account(struct pg_seg *s, int64_t tenant_id, int64_t user_id); /* no row: gone or disabled */
struct user_account {                                                            /* borrows from the reply */
    struct slice email, password_hash, totp_secret;
    bool totp_confirmed;
    int64_t totp_last_step;
};
void user_account_read(const struct pg_reply *r, unsigned stmt, struct user_account *ret);
/* Each changes nothing when what was read before is no longer so; session_add_renew behind it does nothing then, either. */
unsigned user_add_set_password(struct pg_seg *s, int64_t tenant_id, int64_t user_id, struct slice old,
                               struct slice fresh);
unsigned user_add_totp_begin(struct pg_seg *s, int64_t tenant_id, int64_t user_id, struct slice sealed);
unsigned user_add_totp_confirm(struct pg_seg *s, int64_t tenant_id, int64_t user_id, struct slice sealed, int64_t step,
                               const struct pg_array *code_hashes);
/* `step` -1: by a recovery code, whose hash it is. */
unsigned user_add_totp_remove(struct pg_seg *s, int64_t tenant_id, int64_t user_id, struct slice sealed, int64_t step,
                              const uint8_t *recovery_hash);

/* --- by an admin --- */
enum user_verdict {
    USER_DONE,
    USER_NONE,       /* there is no such user */
    USER_TAKEN,      /* the e-mail belongs to another one */
    USER_CHANGED,    /* another version by now */
    USER_PLATFORM,   /* of the platform, and who acts is not */
    USER_SELF,       /* nobody disables or deletes themselves */
    USER_LAST_ADMIN, /* the tenant would be without an enabled admin */
};
const char *user_verdict_text(enum user_verdict v); /* a sentence for the person */

struct user_actor {
    const struct audit_actor *by; /* borrowed for the call */
    int64_t user_id;              /* of the same tenant; 0: none */
    bool platform;
};
/* Once, in a later turn. `json` is the user as it is now (create, update, resets). With an error the verdict means nothing. */
typedef void user_cb(void *arg, enum user_verdict verdict, struct slice json, const struct err *e);

struct user_new {
    int64_t tenant_id;
    struct slice email, display_name, role; /* e-mail folded */
    struct slice password_hash;             /* SLICE_NONE: none */
    bool must_change_password;
};
void user_create(struct pg_pool *db, const struct user_new *n, const struct user_actor *actor, user_cb *cb, void *arg);

enum user_flag { USER_STAYS, USER_YES, USER_NO };
struct user_edit {
    int64_t tenant_id, user_id;
    int64_t version;                 /* that is edited; 0: any */
    struct slice display_name, role; /* SLICE_NONE: stays */
    enum user_flag disabled;
    bool unlock;
};
void user_update(struct pg_pool *db, const struct user_edit *u, const struct user_actor *actor, user_cb *cb, void *arg);
void user_delete(struct pg_pool *db, int64_t tenant_id, int64_t user_id, int64_t version,
                 const struct user_actor *actor, user_cb *cb, void *arg);
void user_reset_password(struct pg_pool *db, int64_t tenant_id, int64_t user_id, struct slice hash, bool must_change,
                         const struct user_actor *actor, user_cb *cb, void *arg);
void user_reset_totp(struct pg_pool *db, int64_t tenant_id, int64_t user_id, const struct user_actor *actor,
                     user_cb *cb, void *arg);

void user_list(struct pg_pool *db, const struct page_request *q, page_cb *cb, void *arg);
void user_get(struct pg_pool *db, int64_t tenant_id, int64_t user_id, row_cb *cb, void *arg);
typedef void user_id_cb(void *arg, int64_t user_id, const struct err *e); /* ERR_NOT_FOUND */
void user_by_email(struct pg_pool *db, int64_t tenant_id, struct slice email, user_id_cb *cb, void *arg);

#endif
