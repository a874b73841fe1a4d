/* store/api_key.h - API keys: "msp_<8 characters>_<32 characters>_<6 hex digits>".
 * Why:    the prefix tells scanners and people what it is and names the key in lists and logs; the checksum refuses a
 *         mistyped or invented key without a query; the 32 characters are the secret (190 bits).
 * Always: the database holds the SHA-256 of the whole text, never the text. */
#ifndef MSPHUB_STORE_API_KEY_H
#define MSPHUB_STORE_API_KEY_H

#include "base/crypto.h"
#include "store/audit.h"

#define API_KEY_PREFIX_LEN    8
#define API_KEY_NETWORKS_MAX  32           /* the table's check */
#define API_KEY_OVERLAP_MAX_S (30 * 86400) /* api_key_overlap's ceiling */
#define API_KEY_LEN           (4 + API_KEY_PREFIX_LEN + 1 + 32 + 1 + 6)

/* `prefix`: of the key that this is a new secret of; SLICE_NONE: a random one. */
void api_key_make(struct slice prefix, char text[API_KEY_LEN + 1]);
bool api_key_well_formed(struct slice text); /* form and checksum; not: known */

/* What can be set. Borrowed. */
struct api_key_settings {
    struct slice name;
    struct slice role;      /* "viewer", "operator", "admin" or "platform"; of create only, it stays */
    struct slice scopes;    /* names with commas; SLICE_NONE: all that the role may */
    struct slice addresses; /* canonical networks with commas; SLICE_NONE: from anywhere */
    usec_t expires_at;      /* USEC_NONE: never */
};
struct api_key_made {
    int64_t id, version;
    struct slice json; /* the key as a list shows it */
    struct slice text; /* the key itself, shown once and kept nowhere; SLICE_NONE when no secret was made */
};
/* Borrowed in the callback, whose maker wipes the text. `by` (NULL: the hub itself) is copied. */
typedef void api_key_made_cb(void *arg, const struct api_key_made *made, const struct err *e);
void api_key_create(struct pg_pool *db, const struct audit_actor *by, int64_t tenant_id,
                    const struct api_key_settings *settings, api_key_made_cb *cb, void *arg);

struct api_key { /* borrows from the reply */
    struct api_key_settings settings;
    int64_t version;
    struct slice prefix;
    bool revoked, expired;
    struct slice json;
};
typedef void api_key_get_cb(void *arg, const struct api_key *key, const struct err *e); /* ERR_NOT_FOUND */
void api_key_get(struct pg_pool *db, int64_t tenant_id, int64_t api_key_id, api_key_get_cb *cb, void *arg);
void api_key_list(struct pg_pool *db, const struct page_request *q, page_cb *cb, void *arg);
/* Of the version that was read; ERR_CONFLICT: it is another one by now, or is revoked. */
void api_key_update(struct pg_pool *db, const struct audit_actor *by, int64_t tenant_id, int64_t api_key_id,
                    int64_t version, const struct api_key_settings *settings, api_key_made_cb *cb, void *arg);
/* A new secret behind the same prefix (as read); the old one stays valid for `overlap`, the one before that ends. ERR_CONFLICT as
 * above, or it has expired. */
void api_key_rotate(struct pg_pool *db, const struct audit_actor *by, int64_t tenant_id, int64_t api_key_id,
                    int64_t version, struct slice prefix, usec_t overlap, api_key_made_cb *cb, void *arg);
/* Every process refuses it from then on. Again is no error; ERR_NOT_FOUND. */
typedef void api_key_cb(void *arg, const struct err *e);
void api_key_revoke(struct pg_pool *db, const struct audit_actor *by, int64_t tenant_id, int64_t api_key_id,
                    api_key_cb *cb, void *arg);

/* For hub/access.c, in segments that see all tenants. */
struct api_key_row { /* borrows from the reply */
    int64_t tenant_id, api_key_id;
    struct slice role, prefix, scopes, addresses; /* as in the settings */
    usec_t expires_at;                            /* of this secret */
};
unsigned api_key_add_find(struct pg_seg *s, const uint8_t hash[SHA256_LEN]); /* no row: unknown, expired, revoked … */
void api_key_read(const struct pg_reply *r, unsigned stmt, struct api_key_row *ret);
/* INT8, INT8, TIMESTAMPTZ, TEXT */
unsigned api_key_add_touch(struct pg_seg *s, const struct pg_array *tenant, const struct pg_array *key,
                           const struct pg_array *used_at, const struct pg_array *address);

#endif
