/* store/api_key.h - API keys: "msp_<8 characters>_<32 characters>_<6 hex digits>".
 * Why:    the prefix tells scanners and people what it is and names the key in lists and logs; the checksum refuses a
 *         mistyped or invented key without a query; the 32 characters are the secret (190 bits).
 * Always: the database holds the SHA-256 of the whole text, never the text. */
#ifndef MSPHUB_STORE_API_KEY_H
#define MSPHUB_STORE_API_KEY_H

#include "base/crypto.h"
#include "store/page.h"

#define API_KEY_PREFIX_LEN 8
#define API_KEY_LEN        (4 + API_KEY_PREFIX_LEN + 1 + 32 + 1 + 6)

void api_key_make(char text[API_KEY_LEN + 1]);
bool api_key_well_formed(struct slice text); /* form and checksum; not: known */

/* `text` is shown once and kept nowhere: wipe it. */
typedef void api_key_created_cb(void *arg, int64_t api_key_id, struct slice text, const struct err *e);
/* role: "viewer", "operator", "admin" or "platform" (ERR_INPUT); expires_at USEC_NONE: never. */
void api_key_create(struct pg_pool *db, int64_t tenant_id, struct slice name, struct slice role, usec_t expires_at,
                    api_key_created_cb *cb, void *arg);
void api_key_list(struct pg_pool *db, const struct page_request *q, page_cb *cb, void *arg);
/* Every process refuses it from then on. Again is no error; ERR_NOT_FOUND. */
typedef void api_key_cb(void *arg, const struct err *e);
void api_key_revoke(struct pg_pool *db, int64_t tenant_id, int64_t api_key_id, api_key_cb *cb, void *arg);

/* For hub/access.c, in segments that see all tenants. */
struct api_key_row { /* borrows from the reply */
    int64_t tenant_id, api_key_id;
    struct slice role, prefix;
    usec_t expires_at;
};
unsigned api_key_add_find(struct pg_seg *s, const uint8_t hash[SHA256_LEN]); /* no row: unknown, expired, revoked … */
void api_key_read(const struct pg_reply *r, unsigned stmt, struct api_key_row *ret);
/* INT8, INT8, TIMESTAMPTZ */
unsigned api_key_add_touch(struct pg_seg *s, const struct pg_array *tenant, const struct pg_array *key,
                           const struct pg_array *used_at);

#endif
