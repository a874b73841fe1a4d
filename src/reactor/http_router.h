/* http_router.h - from a path to a route: a tree of segments.
 * Always: a literal segment wins over a parameter, a parameter over "{rest...}"; when the better one leads nowhere,
 *         the next is tried. Segments are compared percent-decoded, so no spelling of a path goes around a literal. */
#ifndef MSPHUB_REACTOR_HTTP_ROUTER_H
#define MSPHUB_REACTOR_HTTP_ROUTER_H

#include "base/mem.h"
#include "reactor/http_server.h"

#define ROUTE_MAX_PARAMS   8
#define ROUTE_MAX_SEGMENTS 32 /* a path with more matches only "{rest...}" */

struct http_router;
struct http_router *http_router_new(void);
void http_router_free(struct http_router *r);
/* `tag` travels with the route. Asserts that the pattern is well-formed and not there already with this method. */
void http_router_add(struct http_router *r, const struct http_route *route, void *tag);

struct route_match {
    const struct http_route *route; /* NULL: no such path, or not with this method */
    void *tag;
    unsigned allowed; /* methods of this path (GET brings HEAD); 0: no such path */
    unsigned nparams;
    struct {
        struct slice name, value; /* value decoded; lives in the arena or in the path */
    } params[ROUTE_MAX_PARAMS];
};
/* HEAD is answered by GET's route where it has none of its own. Allocates in *arena (made when NULL) only to decode. */
void http_router_find(const struct http_router *r, enum http_method method, struct slice path, struct arena **arena,
                      struct route_match *ret);

#endif
