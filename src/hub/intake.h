/* hub/intake.h - webhooks in: POST /webhooks/{provider}/{hook}.
 * Why:    a 202 means committed (law 2), and a commit each would cost more than all the rest. So requests gather in an
 *         open batch while the previous one commits; throughput grows with load, and an idle hub answers at once.
 * Owns:   the batches, whose requests wait for their commit; look-ups of hooks that the cache does not know.
 * Secret: in the provider's header; of a product that can send none, in the URL (INTAKE_SECRET_ARG). Either is compared in constant
 *         time, with the former ones while they are valid.
 * Always: 202 after the commit, 503 with Retry-After for anything that may work later; the body is read only of a sender that
 *         knows the secret, or whose hook is not known here yet; a batch's rows are stored together or not at all. */
#ifndef MSPHUB_HUB_INTAKE_H
#define MSPHUB_HUB_INTAKE_H

#include "hub/hub.h"
#include "reactor/http_server.h"

/* The query argument that holds the secret, of providers that can send no header (webhook_secret_header is NULL). */
#define INTAKE_SECRET_ARG "secret"

struct intake *intake_new(struct hub *h);
/* When the loop runs no more, before the database pool. Who waits for a commit is not answered: the server cuts them off. */
void intake_free(struct intake *in);
void intake_add_routes(struct intake *in, struct http_server *server); /* once, before listening */
size_t intake_waiting(const struct intake *in);                        /* requests that wait for their commit */
bool intake_full(const struct intake *in);                             /* at a ceiling: what comes is refused */

#endif
