/* api/api.h - the REST API: resources, authentication, errors.
 * How:    each resource file gives a table of http_route rows whose `extra` is a struct api_op: who may, and what runs.
 * One entry (api.c) authenticates, checks the role, then runs the operation. Always: the tenant comes from the
 * credential, never from path or body; every error is problem details; an operation replies exactly once through
 * api_reply* or api_problem*, after which its api_call is gone. */
#ifndef MSPHUB_API_API_H
#define MSPHUB_API_API_H

#include "base/json_read.h"
#include "base/json_write.h"
#include "base/mem.h"
#include "hub/access.h"
#include "hub/hub.h"
#include "hub/integration.h"
#include "msphub/record.h"
#include "reactor/http_server.h"
#include "store/page.h"

struct api;
struct api *api_new(struct hub *h, struct http_server *server); /* adds all routes; before listening */
void api_free(struct api *a);

struct api_call;
typedef void api_with_integration_fn(struct api_call *c, struct integration *it);

struct api_call {
    struct hub *hub;
    struct http_request *req;
    struct arena *arena; /* lives as long as the call */
    struct access_identity who;
    const struct json *body; /* of operations that take one */
    api_with_integration_fn *then;
    int status; /* of a reply that ends in another operation's; 0: that one's own */
};

struct api_op {
    enum access_role role; /* the least that may; ACCESS_PUBLIC: no credential */
    void (*run)(struct api_call *c);
    bool takes_body; /* a JSON object is read into c->body before run; an empty body is {} */
};

/* Table rows: API_ROUTE(HTTP_GET, "/api/v1/assets", ACCESS_VIEWER, assets_list). */
#define API_ROUTE(method_, pattern_, role_, run_)                                                                      \
    {                                                                                                                  \
        .method = (method_), .pattern = (pattern_), .handler = api_enter, .extra = &(const struct api_op)              \
        {                                                                                                              \
            .role = (role_), .run = (run_)                                                                             \
        }                                                                                                              \
    }
#define API_ROUTE_BODY(method_, pattern_, role_, run_)                                                                 \
    {                                                                                                                  \
        .method = (method_), .pattern = (pattern_), .handler = api_enter, .extra = &(const struct api_op)              \
        {                                                                                                              \
            .role = (role_), .run = (run_), .takes_body = true                                                         \
        }                                                                                                              \
    }
void api_enter(struct http_request *r, void *arg);

struct api_routes {
    const struct http_route *routes;
    size_t n;
};
extern const struct api_routes api_alerts, api_assets, api_deliveries, api_health, api_integrations, api_organizations,
    api_runs;

/* --- replies: each ends the call --- */
void api_reply(struct api_call *c, int status, const struct str *json);
void api_reply_none(struct api_call *c); /* 204 */
/* `code`: snake_case, becomes the type "/problems/<code>"; the sentence says what, where and how to mend it. */
void api_problem(struct api_call *c, int status, const char *code, const char *fmt, ...) PRINTF_LIKE(4, 5);
/* With one more member that names what is in the way. */
void api_problem_about(struct api_call *c, int status, const char *code, const char *member, int64_t id,
                       const char *detail);
/* By the error's code: INPUT 400, NOT_FOUND 404, CONFLICT 409, LIMIT and UNAVAILABLE 503 with Retry-After, TIMEOUT 504
 * … */
void api_problem_err(struct api_call *c, const struct err *e);

/* Wrong fields, gathered before one 422 answer with "errors": [{"pointer", "detail"}]. */
struct api_faults {
    struct str json;
    unsigned n;
};
void api_fault(struct api_faults *f, const char *pointer, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* True when there were none; else it has replied. Releases f. */
bool api_faults_none(struct api_call *c, struct api_faults *f);

/* --- arguments --- */
/* Path parameter as a positive number; false: it has replied 404 (such an id names nothing). */
bool api_id(struct api_call *c, const char *param, int64_t *ret);
/* Faults for query arguments that the operation does not know; names ends with NULL. limit and after are always known.
 */
void api_known_args(struct api_call *c, const char *const *names, struct api_faults *f);
struct slice api_arg(struct api_call *c, const char *name); /* SLICE_NONE when absent or empty */
void api_arg_i64(struct api_call *c, const char *name, int64_t *ret, struct api_faults *f);  /* absent: untouched */
void api_arg_time(struct api_call *c, const char *name, usec_t *ret, struct api_faults *f);  /* ISO 8601 */
void api_arg_tri(struct api_call *c, const char *name, enum tri *ret, struct api_faults *f); /* true, false */
/* One of names[first…]; *ret is its index, untouched when absent. `names` ends with NULL. */
void api_arg_enum(struct api_call *c, const char *name, const char *const *names, int *ret, struct api_faults *f);

/* Members of the body; names ends with NULL. */
void api_known_members(struct api_call *c, const char *const *names, struct api_faults *f);
bool api_member_bool(struct api_call *c, const char *name, bool fallback, struct api_faults *f);

/* --- pages: keyset cursors bound to the filter they were made for --- */
#define API_LIMIT_DEFAULT 100
#define API_LIMIT_MAX     500
struct api_page {
    int64_t limit;
    struct slice key; /* text of the last row's key; SLICE_NONE on the first page */
    int64_t id;       /* and its id */
};
void api_page_read(struct api_call *c, struct api_page *ret, struct api_faults *f);
struct page_request api_page_request(const struct api_call *c, const struct api_page *page);
/* Callbacks for the store's reads, `arg` is the call. A page becomes {"items": […], "next": cursor or null} with a Link header. */
void api_reply_page(void *arg, const struct page *page, const struct err *e);
void api_reply_item(void *arg, struct slice json, const struct err *e);

/* --- the integration that {key} names --- */
/* Runs `then` with it (borrowed for that call), or has replied 404. */
void api_with_integration(struct api_call *c, api_with_integration_fn *then);

#endif
