/* api/idempotency.h - Idempotency-Key: a request that is sent again does nothing twice and is answered as before.
 * States: of a key: unknown → in work (by a lease) → answered → over (idempotency_retention). One whose holder died is in work until
 *         its lease ends, and may then be sent again; one that failed inside (5xx) may be sent again at once.
 * Always: another credential's key is another key, and so is another tenant's. What shows a secret is kept sealed, or, without
 *         sealing keys, not kept: sending it again is then refused and says so. */
#ifndef MSPHUB_API_IDEMPOTENCY_H
#define MSPHUB_API_IDEMPOTENCY_H

#include "api/api.h"

struct api_idempotency; /* the timer that clears up */
struct api_idempotency *api_idempotency_new(struct hub *h);
void api_idempotency_free(struct api_idempotency *i);

/* The last stage before the operation. */
void api_once(struct api_call *c);
/* Of a call with c->once: keeps the answer, then sends it. Headers are set before. */
void api_once_reply(struct api_call *c, int status, const char *type, struct slice body);
/* When the call ends. */
void api_once_free(struct api_once *o);

#endif
