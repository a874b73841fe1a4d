/* api/api.h - the REST API: resources, authentication, errors.
 * How:    routes.def is the table of all operations; each resource file has the functions op_NAME of some. A request goes through
 *         the stages of api.c (who, may they, what do they send, which integration …), then its operation runs.
 * Always: the tenant comes from the credential, never from path or body; every error is problem details; an operation replies
 *         exactly once through api_reply* or api_problem*, after which its api_call is gone. */
#ifndef MSPHUB_API_API_H
#define MSPHUB_API_API_H

#include "base/json_read.h"
#include "base/json_write.h"
#include "base/mem.h"
#include "hub/access.h"
#include "hub/hub.h"
#include "hub/integration.h"
#include "hub/session.h"
#include "msphub/record.h"
#include "reactor/http_server.h"
#include "store/audit.h"
#include "store/page.h"

struct api;
struct api *api_new(struct hub *h, struct http_server *server); /* adds all routes; before listening */
void api_free(struct api *a);

enum api_flags {
    API_BODY = 1,        /* a JSON object is read into c->body before; an empty body is {} */
    API_INTEGRATION = 2, /* {key} names an integration of the tenant, found before as c->integration */
    API_CREATES = 4,     /* takes an Idempotency-Key */
    API_GUARDED = 8,     /* needs If-Match */
    API_SECRETS = 16,    /* the body holds secrets: it is wiped */
    API_KNOWN = 32,      /* with INTEGRATION: this build has its provider */
};

struct api_call;
struct api_once; /* api/idempotency.h */
struct api_op {
    const char *name;
    enum access_role role; /* the least that may; ACCESS_PUBLIC: no credential */
    enum access_scope scope;
    unsigned flags; /* enum api_flags */
    void (*run)(struct api_call *c);
};

struct api_call {
    struct api *api;
    struct hub *hub;
    const struct api_op *op;
    struct http_request *req;
    struct arena *arena; /* lives as long as the call */
    unsigned stage;      /* the next one */
    struct access_identity who;
    struct session *session;          /* when it is a session's; NULL: another credential */
    const struct json *body;          /* of operations with API_BODY */
    int64_t if_match;                 /* of operations with API_GUARDED: the version that the caller has seen; 0: any */
    struct integration *integration;  /* of operations with API_INTEGRATION; held by the call */
    void (*then)(struct api_call *c); /* of api_find_integration */
    void *args;                       /* the operation's own, in the arena */
    void (*on_end)(void *arg);        /* when the call is over, however; NULL: nobody is told */
    void *end_arg;
    int status;            /* of a reply that ends in another operation's; 0: that one's own */
    struct api_once *once; /* it has an Idempotency-Key, and its answer is kept */
    bool may_be_done;      /* it fails, and may have been carried out: sent again with its key it is not tried again */
    struct timer hold;     /* of api_hold, with what comes then */
    void (*held)(void *call);
};

#define ROUTE(method, pattern, role, scope, operation, flags) void op_##operation(struct api_call *c);
#include "api/routes.def"
#undef ROUTE
extern const struct http_route api_routes[]; /* `extra` is the struct api_op */
extern const size_t api_nroutes;
void api_enter(struct http_request *r, void *arg);

/* A stage of api.c has let the call pass: on with the next. The call may be gone after it. */
void api_next(struct api_call *c);
/* c->integration from {key}, then `then`; or it has replied 404. For operations where only some calls need one. */
void api_find_integration(struct api_call *c, void (*then)(struct api_call *c));
/* `then` after a while; false: `most` calls are held back already. */
bool api_hold(struct api_call *c, usec_t wait, unsigned most, void (*then)(void *call));
struct api_limits *api_limits_of(struct api *a); /* api/limits.h */
/* The stage that finds out who asks (authenticate.c). */
void api_authenticate(struct api_call *c);
/* The stage that finds out whose data it is about, and whether that tenant is suspended (tenant_scope.c). */
void api_tenant_scope(struct api_call *c);
/* Who makes the changes of this call, for store/audit.h; lives as long as the call. */
struct audit_actor api_actor(const struct api_call *c);

/* The reply is about something that was made: it is found at `collection` and its id. Before the reply. */
void api_location(struct api_call *c, const char *collection, int64_t id);
/* --- replies: each ends the call --- */
void api_reply(struct api_call *c, int status, const struct str *json);
void api_reply_json(struct api_call *c, int status, struct slice json);
void api_reply_none(struct api_call *c); /* 204 */
/* JSON that shows a secret, this once: no cache keeps it. The caller wipes its text. */
void api_reply_secret(struct api_call *c, int status, struct slice json);
/* `code`: snake_case, becomes the type "/problems/<code>"; the sentence says what, where and how to mend it. */
void api_problem(struct api_call *c, int status, const char *code, const char *fmt, ...) PRINTF_LIKE(4, 5);
/* With one more member that names what is in the way. */
void api_problem_about(struct api_call *c, int status, const char *code, const char *member, int64_t id,
                       const char *detail);
/* By the error's code: INPUT 400, NOT_FOUND 404, CONFLICT 409, LIMIT and UNAVAILABLE 503 with Retry-After, TIMEOUT 504
 * … */
void api_problem_err(struct api_call *c, const struct err *e);

/* --- ETag, If-Match, If-None-Match (etag.c) --- */
/* The JSON of one thing with its ETag, which holds `version` (0: it has none) and a hash of the text. A GET whose If-None-Match
 * names it is answered 304. */
void api_reply_tagged(struct api_call *c, int status, int64_t version, struct slice json);
/* Of an operation with API_GUARDED a stage has seen to If-Match before: c->if_match is the version it names, 0 for `*`. The
 * store is given it and tells ERR_CONFLICT when it is another one by now: then api_problem_changed, 412. */
void api_problem_changed(struct api_call *c);
/* The same for an operation that only some calls guard: false when it has replied 428 (none) or 412 (not an ETag of ours). */
bool api_if_match(struct api_call *c, int64_t *ret_version);
/* What api_if_match and the tests stand on. Several tags, weak ones and foreign ones are BAD. */
enum api_match { API_MATCH_NONE, API_MATCH_ANY, API_MATCH_VERSION, API_MATCH_BAD };
enum api_match api_match_read(struct slice if_match, int64_t *ret_version);
bool api_etag_listed(struct slice if_none_match, struct slice etag); /* `etag` with its quotation marks */

/* Wrong fields, gathered before one 422 answer with "errors": [{"pointer", "detail"}]. */
#define API_FAULTS_MAX 100 /* are told; what else is wrong shows when these are mended */
struct api_faults {
    struct str json;
    unsigned n; /* found */
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
void api_arg_id(struct api_call *c, const char *name, int64_t *ret, struct api_faults *f);   /* absent: untouched */
void api_arg_time(struct api_call *c, const char *name, usec_t *ret, struct api_faults *f);  /* ISO 8601 */
void api_arg_tri(struct api_call *c, const char *name, enum tri *ret, struct api_faults *f); /* true, false */
/* One of `names`, which ends with NULL; *ret is its index, untouched when absent. */
void api_arg_enum(struct api_call *c, const char *name, const char *const *names, int *ret, struct api_faults *f);
/* The same where the word is wanted; SLICE_NONE when absent. */
struct slice api_arg_word(struct api_call *c, const char *name, const char *const *names, struct api_faults *f);

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
void api_page_fault(struct api_faults *f); /* the cursor's key is none of this list: somebody made it up */
struct page_request api_page_request(const struct api_call *c, const struct api_page *page);
/* Callbacks for the store's reads, `arg` is the call. A page becomes {"items": […], "next": cursor or null} with a Link header. */
void api_reply_page(void *arg, const struct page *page, const struct err *e);
/* The page that `read` gives, for this call and every equal one (tenant, path, query) that comes before the read begins. `read` starts
 * the read with what is in `c`, which lives until it has started, and passes cb and arg on. (share.c) */
typedef void api_read_fn(struct api_call *c, page_cb *cb, void *arg);
void api_share_page(struct api_call *c, api_read_fn *read);
struct api_shares;
struct api_shares *api_shares_new(void);
void api_shares_free(struct api_shares *s);
struct api_shares *api_shares_of(struct api *a);
struct api_turns; /* stream.c */
struct api_turns *api_turns_new(struct hub *h);
void api_turns_free(struct api_turns *t);
struct api_turns *api_turns_of(struct api *a);
void api_reply_item(void *arg, struct slice json, const struct err *e);
void api_reply_row(void *arg, const struct row *row, const struct err *e); /* 200, with its ETag */

#endif
