/* harness.h - plays a product to a machine: scripted replies, bodies cut anywhere, calls answered in any order;
 * collects what the machine says as text lines. It does to a machine what the engine does, without time and sockets. */
#ifndef MSPHUB_TEST_UNIT_PROVIDER_HARNESS_H
#define MSPHUB_TEST_UNIT_PROVIDER_HARNESS_H

#include "base/str.h"
#include "msphub/provider.h"

/* How bodies arrive: at once; in single bytes; in pieces of 1..n bytes drawn from the seed, turn by turn over all
 * open calls. */
struct play_cut {
    size_t most; /* 0: at once */
    uint32_t seed;
};

struct play;
struct play *play_new(const struct provider *p, const struct machine_ops *ops, const char *settings_json);
void play_free(struct play *p);
struct machine_input *play_input(struct play *p);

/* Scripts are consumed in the order given, by method and path ("GET /v2/alerts"). A call without a script fails the
 * test, as does a script that nobody asked for. */
struct play_reply {
    int status;               /* 0: 200 */
    const char *content_type; /* NULL: application/json */
    const char *body;
    const char *body_wants;  /* the request's body must contain this */
    enum err_code transport; /* no (whole) answer came */
    bool cut_once;           /* half of the body, then again from the start */
    usec_t date;             /* 0: none */
};
void play_on(struct play *p, const char *call, struct play_reply r);
void play_json(struct play *p, const char *call, const char *body); /* status 200 */
void play_status(struct play *p, const char *call, int status, const char *body);

void play_lenient(struct play *p); /* scripts may be left over */

/* Starts the machine, serves it to its end; false with why it failed. Everything said is in play_log(). */
bool play_run(struct play *p, struct play_cut cut, struct err *e);
/* For machines whose result does not depend on cuts: runs the script whole and cut in several ways, and compares the
 * logs. `script` adds the replies. Returns the log (to be freed). */
char *play_all_cuts(const struct provider *prov, const struct machine_ops *ops, const char *settings_json,
                    void (*script)(struct play *p));
const char *play_log(const struct play *p);
const char *play_calls(const struct play *p); /* "GET /v2/alerts\n" … */

/* A sink that writes lines, for decode and the like. */
void lines_sink(struct sink *ret, struct str *lines);
char *fixture(const char *name); /* test/unit/fixtures/NAME, to be freed */

/* `want` is a line of the log: prints the log when it is absent. */
#define assert_line(log, want)    check_line((log), (want), true, __FILE__, __LINE__)
#define assert_no_line(log, want) check_line((log), (want), false, __FILE__, __LINE__)
/* Here `want` is any part of the log. */
#define assert_says(log, want) check_says((log), (want), __FILE__, __LINE__)
void check_line(const char *log, const char *want, bool there, const char *file, int line);
void check_says(const char *log, const char *want, const char *file, int line);
size_t count_says(const char *log, const char *part);

#endif
