/* log.c - one event, one line, one write(2).
 * Why:    values come from products and strangers. Whatever could end a line, start an escape sequence on a terminal or
 *         look like another field is escaped here, in one place for both formats.
 * Always: a line that cannot be written (a full pipe, a broken one) is counted, never waited for; the next line that
 *         goes out says how many were lost. */
#include "base/log.h"

#include "base/json_write.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/utf8.h"
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#define TEXT_MAX 4096 /* a longer value is cut; a line stays readable and its cost bounded */

struct log {
    int fd;
    enum log_level level;
    enum log_format format;
    atomic_llong lost;
    atomic_bool torn; /* the last write ended inside a line */
};

static const char *const level_names[] = {
    [LOG_DEBUG] = "debug", [LOG_INFO] = "info", [LOG_WARN] = "warn", [LOG_ERROR] = "error", [LOG_NONE] = "none"};

struct log *log_new(int fd, enum log_level level, enum log_format format)
{
    struct log *l = NEW(struct log);
    l->fd = fd;
    l->level = level;
    l->format = format;
    return l;
}

void log_free(struct log *l)
{
    free(l);
}

void log_set_level(struct log *l, enum log_level level)
{
    l->level = level;
}

void log_set_format(struct log *l, enum log_format format)
{
    l->format = format;
}

bool log_wants(const struct log *l, enum log_level level)
{
    return l && level >= l->level && level < LOG_NONE;
}

bool log_level_parse(struct slice name, enum log_level *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(level_names); i++)
        if (slice_is(name, level_names[i])) {
            *ret = (enum log_level)i;
            return true;
        }
    return false;
}

bool log_format_parse(struct slice name, enum log_format *ret)
{
    if (!slice_is(name, "logfmt") && !slice_is(name, "json"))
        return false;
    *ret = slice_is(name, "json") ? LOG_JSON : LOG_LOGFMT;
    return true;
}

/* --- logfmt --- */

/* Of valid UTF-8: C0, DEL, C1 (a terminal's 8-bit escapes) and the separators and direction marks by which text can
 * pretend to be where it is not. Returns the length of the sequence to be escaped, 0 for plain text. */
static size_t hostile(const uint8_t *p, size_t n)
{
    if (p[0] < 0x20 || p[0] == 0x7F)
        return 1;
    if (p[0] == 0xC2 && n > 1 && p[1] < 0xA0)
        return 2;
    if (p[0] == 0xE2 && n > 2 && p[1] == 0x80 && p[2] >= 0xA8 && p[2] <= 0xAE) /* U+2028 … U+202E */
        return 3;
    if (p[0] == 0xE2 && n > 2 && p[1] == 0x81 && p[2] >= 0xA6 && p[2] <= 0xA9) /* U+2066 … U+2069 */
        return 3;
    return 0;
}

static bool needs_quotes(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] == ' ' || s.p[i] == '=' || s.p[i] == '"' || s.p[i] == '\\' ||
            hostile((const uint8_t *)s.p + i, s.n - i))
            return true;
    return s.n == 0;
}

static void add_code_point(struct str *out, const uint8_t *p, size_t n)
{
    unsigned c = p[0];
    if (n == 2)
        c = (p[0] & 0x1Fu) << 6 | (p[1] & 0x3Fu);
    else if (n == 3)
        c = (p[0] & 0x0Fu) << 12 | (p[1] & 0x3Fu) << 6 | (p[2] & 0x3Fu);
    if (c == '\n' || c == '\r' || c == '\t')
        str_addf(out, "\\%c", c == '\n' ? 'n' : c == '\r' ? 'r' : 't');
    else
        str_addf(out, "\\u%04x", c);
}

static void add_quoted(struct str *out, struct slice s)
{
    str_addc(out, '"');
    for (size_t i = 0; i < s.n;) {
        const uint8_t *p = (const uint8_t *)s.p + i;
        size_t n = hostile(p, s.n - i);
        if (n) {
            add_code_point(out, p, n);
            i += n;
            continue;
        }
        if (s.p[i] == '"' || s.p[i] == '\\')
            str_addc(out, '\\');
        str_addc(out, s.p[i++]);
    }
    str_addc(out, '"');
}

/* --- both --- */

/* A short, valid text for a peer's bytes; `own` holds it when it differs from s. */
static struct slice presentable(struct slice s, struct str *own)
{
    bool cut = s.n > TEXT_MAX;
    struct slice head = slice_of(s.p, MIN(s.n, TEXT_MAX));
    if (!cut && utf8_storable(head))
        return head;
    str_reserve(own, head.n * 3 + 3);
    own->n = utf8_repair(head, own->p);
    if (cut)
        str_adds(own, "…");
    return str_slice(own);
}

static void add_usec(struct str *out, usec_t t)
{
    uint64_t abs = t < 0 ? 0 - (uint64_t)t : (uint64_t)t;
    str_addf(out, "%s%llu.%06llu", t < 0 ? "-" : "", (unsigned long long)(abs / (uint64_t)USEC_PER_S),
             (unsigned long long)(abs % (uint64_t)USEC_PER_S));
}

static void add_text(struct str *out, enum log_format format, struct slice s)
{
    _cleanup_(str_release) struct str own = {0}, json = {0};
    struct slice text = presentable(s, &own);
    if (format == LOG_LOGFMT) {
        if (needs_quotes(text))
            add_quoted(out, text);
        else
            str_add(out, text);
        return;
    }
    struct jw w;
    jw_init(&w, &json);
    jw_slice(&w, text);
    for (size_t i = 0; i < json.n;) { /* what JSON allows raw and a terminal should not get */
        const uint8_t *p = (const uint8_t *)json.p + i;
        size_t n = hostile(p, json.n - i);
        if (n)
            add_code_point(out, p, n);
        else
            str_addc(out, json.p[i]);
        i += n ? n : 1;
    }
}

static void add_field(struct str *out, enum log_format format, const struct log_field *f)
{
    str_addf(out, format == LOG_JSON ? "\"%s\":" : "%s=", f->key);
    switch (f->kind) {
    case LOG_K_STR:
        if (!f->str.p && format == LOG_JSON)
            str_adds(out, "null");
        else
            add_text(out, format, f->str);
        break;
    case LOG_K_I64:
        str_addf(out, "%lld", (long long)f->i64);
        break;
    case LOG_K_USEC:
        if (f->i64 == USEC_NONE)
            str_adds(out, format == LOG_JSON ? "null" : "\"\"");
        else
            add_usec(out, f->i64);
        break;
    case LOG_K_BOOL:
        str_adds(out, f->i64 ? "true" : "false");
        break;
    case LOG_K_SECRET:
        str_adds(out, format == LOG_JSON ? "\"***\"" : "***");
        break;
    }
}

static void add_fields(struct str *out, enum log_format format, const struct log_field *fields, size_t n, bool first)
{
    for (size_t i = 0; i < n; i++) {
        if (i || !first)
            str_addc(out, format == LOG_JSON ? ',' : ' ');
        add_field(out, format, &fields[i]);
    }
}

/* False: not one byte of it went out. */
static bool write_line(struct log *l, struct slice line)
{
    size_t at = 0;
    while (at < line.n) {
        ssize_t n = write(l->fd, line.p + at, line.n - at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        at += (size_t)n;
    }
    if (at)
        atomic_store(&l->torn, at < line.n);
    return at > 0;
}

void log_write(struct log *l, enum log_level level, const char *event, const struct log_field *fields, size_t n)
{
    if (!log_wants(l, level))
        return;
    char ts[CLOCK_ISO_MAX];
    _cleanup_(str_release) struct str line = {0};
    long long lost = atomic_exchange(&l->lost, 0);
    const struct log_field head[] = {F_STR("ts", clock_iso(clock_wall(), ts)), F_STR("level", level_names[level]),
                                     F_STR("event", event), F_I64("log_lines_lost", lost)};
    enum log_format format = l->format;
    str_reserve(&line, 256);
    str_adds(&line, atomic_load(&l->torn) ? "\n" : "");
    str_adds(&line, format == LOG_JSON ? "{" : "");
    add_fields(&line, format, head, ARRAY_LEN(head) - (lost == 0), true);
    add_fields(&line, format, fields, n, false);
    str_adds(&line, format == LOG_JSON ? "}\n" : "\n");
    if (!write_line(l, str_slice(&line)))
        atomic_fetch_add(&l->lost, lost + 1);
}
