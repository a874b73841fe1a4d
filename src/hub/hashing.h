/* hub/hashing.h - passwords verified and hashed on the worker thread, at the cost that the options name.
 * Always: one callback, in a later turn; the plain text is copied and wiped; a full queue is ERR_LIMIT. Verifying costs the same
 *         when there is nothing to verify against. */
#ifndef MSPHUB_HUB_HASHING_H
#define MSPHUB_HUB_HASHING_H

#include "base/password.h"
#include "hub/hub.h"

struct hashing_result {
    bool right; /* of a verification */
    struct slice
        fresh; /* a hash at today's cost: of hashing_make; of a verification that was right, when the stored one is of
                           another cost; else SLICE_NONE. Lives in the callback. */
};
typedef void hashing_cb(void *arg, const struct hashing_result *r, const struct err *e); /* r is NULL with an error */
/* `hash` SLICE_NONE: the answer is wrong, after the same work. */
void hashing_verify(struct hub *h, struct slice password, struct slice hash, hashing_cb *cb, void *arg);
void hashing_make(struct hub *h, struct slice password, hashing_cb *cb, void *arg);

struct password_cost hashing_cost(const struct options *o);

#endif
