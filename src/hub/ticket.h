/* hub/ticket.h - tickets made, commented on and moved from here, and told to the product that keeps them.
 * Why:    a ticket that a person or a rule wishes for must not be lost when the product, the hub or the way between them fails, and must
 *         not be made twice when an answer is.
 * How:    a wish is a row (store/ticket.h), committed before its caller hears of it. This carries wishes out through the product's actions,
 *         in order within a ticket, again and again until the product has taken them or refuses for good. The action's marker makes a
 *         second try find what the first one made.
 * Owns:   the pushes that run in this process, a timer.
 * Always: a push is claimed with a lease, so that one process works at it, and another takes it over when that one dies. */
#ifndef MSPHUB_HUB_TICKET_H
#define MSPHUB_HUB_TICKET_H

#include "hub/hub.h"
#include "hub/integration.h"
#include "store/ticket.h"

struct ticket_desk;
struct ticket_desk *ticket_desk_new(struct hub *h);
void ticket_desk_free(
    struct ticket_desk *d); /* after actions, engine and database pool, whose callbacks it serves; NULL is allowed */
void ticket_desk_start(struct ticket_desk *d);
void ticket_desk_stop(struct ticket_desk *d); /* takes no more; what runs may end */

/* Does this product keep tickets that can be made from here? */
bool ticket_possible(const struct provider *p);

/* Each: the wish is committed, then the callback (row_cb gives the ticket's id), then the product is told. w->integration_id must be one
 * that keeps tickets (ticket_possible). For rules as for people. */
void ticket_create(struct hub *h, const struct ticket_wish *w, row_cb *cb, void *arg);
void ticket_comment(struct hub *h, int64_t ticket_id, const struct ticket_wish *w, row_cb *cb, void *arg);
void ticket_set_status(struct hub *h, const struct audit_actor *by, int64_t tenant_id, int64_t ticket_id,
                       struct slice status, row_cb *cb, void *arg);
void ticket_try_again(struct hub *h, int64_t tenant_id, int64_t ticket_id, row_cb *cb, void *arg);

#endif
