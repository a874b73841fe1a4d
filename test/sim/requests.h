/* requests.h - what a product was asked, request by request: for tests that hold a client to the product's own description.
 * Always: the first REQUESTS_MAX are kept; those past it, and a body past REQUEST_MAX_BODY, are counted, so that a test can tell
 *         that it has not seen all. */
#ifndef SIM_REQUESTS_H
#define SIM_REQUESTS_H

#include "sim.h"

#define REQUESTS_MAX     10000
#define REQUEST_MAX_BODY 65536

struct requests {
    struct request_kept {
        enum http_method method;
        char *target; /* path and query, as sent */
        char *type;   /* Content-Type; NULL: none */
        struct str body;
    } * v;
    size_t n, cap;
    uint64_t dropped; /* not kept, or not whole */
};

void requests_add(struct requests *s, const struct ask *a);
void requests_clear(struct requests *s);
struct jw;
void requests_write(const struct requests *s, struct jw *w); /* {"requests":[…],"dropped"} */

#endif
