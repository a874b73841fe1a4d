/* log.h - structured logging: events with known fields, as JSON lines or logfmt.
 * Why:    a line is read by machines first. The message is an event's name ("sync.run.finished"), never a sentence with
 *         values in it; values are fields.
 * Owns:   a descriptor to write to (stderr), a level, a format. A struct log is shared by a whole hub.
 * Always: one write(2) a line; secrets cannot get in, for struct secret has no field macro but F_SECRET, which prints
 * ***; control characters and bad UTF-8 are escaped, so that a peer cannot forge lines. */
#ifndef MSPHUB_BASE_LOG_H
#define MSPHUB_BASE_LOG_H

#include "base/clock.h"
#include "base/err.h"
#include "base/slice.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_NONE };
enum log_format { LOG_LOGFMT, LOG_JSON };

enum log_kind { LOG_K_STR, LOG_K_I64, LOG_K_USEC, LOG_K_BOOL, LOG_K_SECRET };

struct log_field {
    const char *key; /* snake_case */
    enum log_kind kind;
    struct slice str;
    int64_t i64;
};

#define F_STR(k, s)   ((struct log_field){.key = (k), .kind = LOG_K_STR, .str = slice_cstr(s)})
#define F_SLICE(k, s) ((struct log_field){.key = (k), .kind = LOG_K_STR, .str = (s)})
#define F_I64(k, v)   ((struct log_field){.key = (k), .kind = LOG_K_I64, .i64 = (int64_t)(v)})
#define F_USEC(k, v)  ((struct log_field){.key = (k), .kind = LOG_K_USEC, .i64 = (v)}) /* printed as seconds */
#define F_BOOL(k, v)  ((struct log_field){.key = (k), .kind = LOG_K_BOOL, .i64 = (v)})
#define F_ERR(e)      ((struct log_field){.key = "error", .kind = LOG_K_STR, .str = slice_cstr((e)->what)})
#define F_SECRET(k)   ((struct log_field){.key = (k), .kind = LOG_K_SECRET})

struct log;
/* `fd` is borrowed; a line that it does not take at once is dropped and counted. `ts` is the system's wall clock. */
struct log *log_new(int fd, enum log_level level, enum log_format format);
void log_free(struct log *l);
void log_set_level(struct log *l, enum log_level level);
void log_set_format(struct log *l, enum log_format format);
bool log_wants(const struct log *l, enum log_level level); /* l == NULL: false; all log calls accept NULL */
bool log_level_parse(struct slice name, enum log_level *ret);
bool log_format_parse(struct slice name, enum log_format *ret);

void log_write(struct log *l, enum log_level level, const char *event, const struct log_field *fields, size_t n);

/* log_info(log, "sync.run.finished", F_I64("rows", n), …): the event, then any number of fields, or none. */
#define LOG_(l, level, event, ...)                                                                                     \
    do {                                                                                                               \
        if (log_wants((l), (level)))                                                                                   \
            log_write((l), (level), (event), (const struct log_field[]){__VA_ARGS__},                                  \
                      sizeof((const struct log_field[]){__VA_ARGS__}) / sizeof(struct log_field) - 1);                 \
    } while (0)
#define LOG_END_          ((struct log_field){.key = NULL}) /* ISO C has no empty list */
#define log_debug(l, ...) LOG_(l, LOG_DEBUG, __VA_ARGS__, LOG_END_)
#define log_info(l, ...)  LOG_(l, LOG_INFO, __VA_ARGS__, LOG_END_)
#define log_warn(l, ...)  LOG_(l, LOG_WARN, __VA_ARGS__, LOG_END_)
#define log_error(l, ...) LOG_(l, LOG_ERROR, __VA_ARGS__, LOG_END_)

#endif
