/* fault.h - faults armed by tests: which calls of which product go wrong, and how.
 * Always: a fault is used up by `count` matching calls after skipping `after` of them; the first armed one that matches wins. */
#ifndef SIM_FAULT_H
#define SIM_FAULT_H

#include "base/slice.h"
#include <sys/queue.h>

struct jw;
struct json;

#define FAULT_KINDS(X)                                                                                                 \
    X(NONE, "none")                                                                                                    \
    X(429, "429")                                                                                                      \
    X(429_BARE, "429_no_retry_after")                                                                                  \
    X(500, "500")                                                                                                      \
    X(503, "503")                                                                                                      \
    X(401, "401")                                                                                                      \
    X(403, "403")                                                                                                      \
    X(404, "404")                                                                                                      \
    X(EXPIRE_TOKEN, "expire_token")                                                                                    \
    X(HTML200, "html200")                                                                                              \
    X(TRUNCATE, "truncate")                                                                                            \
    X(MALFORMED, "malformed")                                                                                          \
    X(DROP, "drop")                                                                                                    \
    X(SILENCE, "silence")                                                                                              \
    X(SLOW_BODY, "slow_body")                                                                                          \
    X(WRONG_TOTAL, "wrong_total")                                                                                      \
    X(STUCK_CURSOR, "stuck_cursor")                                                                                    \
    X(REPEAT_PAGE, "repeat_page")                                                                                      \
    X(OMIT_ROWS, "omit_rows")                                                                                          \
    X(SHUFFLE, "shuffle")

enum fault_kind {
#define X(id, name) FAULT_##id,
    FAULT_KINDS(X)
#undef X
        FAULT_NKINDS_
};

struct fault {
    TAILQ_ENTRY(fault) link;
    unsigned id;
    enum fault_kind kind;
    char *product; /* key, or "*" */
    char *path;    /* prefix of the path, or "*" */
    int64_t after, count, used;
    int64_t ms; /* slow_body: pause between pieces; 429: Retry-After in seconds is ms / 1000, at least 1 */
};

struct faults {
    TAILQ_HEAD(, fault) armed;
    unsigned last_id;
    uint64_t played[FAULT_NKINDS_];
};

void faults_init(struct faults *f);
void faults_release(struct faults *f);
void faults_clear(struct faults *f);
/* From a control request's object, for the product with this key (or "*"); NULL with *why set when it is not understood. */
const struct fault *faults_arm(struct faults *f, const struct json *o, const char *product, const char **why);
/* The fault for this call, by value (kind NONE: none), counted. */
struct fault faults_take(struct faults *f, const char *product, struct slice path);
void faults_write(const struct faults *f, struct jw *w); /* an array of the armed, with what is left */
const char *fault_name(enum fault_kind k);
bool fault_parse(struct slice name, enum fault_kind *ret);
/* Is it one that the product plays in its data? */
bool fault_is_data(enum fault_kind k);
/* Does the answer fail to arrive whole? */
bool fault_damages(enum fault_kind k);

#endif
