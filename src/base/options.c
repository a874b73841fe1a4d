/* options.c - the configuration as one struct, made from options.def.
 * Why:    one table is the truth: a row there is a member, a parser, a range, a reload rule, a line of help and of the
 *         example file. An operator's mistake is answered with what, where and how to mend it.
 * Always: a value is taken whole or not at all; a file is read here and not by libinih, which cuts lines at 200
 *         characters and tells no line numbers to its handler. */
#include "base/options.h"

#include "base/decimal.h"
#include "base/mem.h"
#include <assert.h>
#include <stdlib.h>

enum option_type { TEXT, INT, BYTES, DURATION, BOOL, PERCENT };
enum reload { START, LIVE };

struct option {
    const char *section; /* a heading, and nothing else; NULL: an option */
    enum option_type type;
    const char *name;
    size_t offset;
    const char *fallback;
    int64_t min, max;
    enum reload reload;
    const char *help;
};

static const struct option table[] = {
#define SECTION(title) {.section = title},
#define ROW(type, name, fallback, min, max, reload, help)                                                              \
    {NULL, type, #name, offsetof(struct options, name), fallback, min, max, reload, help},
#include "base/options.def"
#undef ROW
#undef SECTION
};

struct unit {
    const char *name;
    int64_t factor;
};
/* The largest first: it is what a value is written in when it divides evenly. */
static const struct unit byte_units[] = {{"g", 1 << 30}, {"m", 1 << 20}, {"k", 1 << 10}, {"", 1}};
static const struct unit duration_units[] = {{"d", 86400 * USEC_PER_S}, {"h", 3600 * USEC_PER_S},
                                             {"m", 60 * USEC_PER_S},    {"s", USEC_PER_S},
                                             {"ms", USEC_PER_MS},       {"us", 1}};

static void *member(struct options *o, const struct option *opt)
{
    return (char *)o + opt->offset;
}

static const void *const_member(const struct options *o, const struct option *opt)
{
    return (const char *)o + opt->offset;
}

static int64_t number_of(const struct options *o, const struct option *opt)
{
    if (opt->type == BOOL)
        return *(const bool *)const_member(o, opt);
    return *(const int64_t *)const_member(o, opt);
}

static const char *text_of(const struct options *o, const struct option *opt)
{
    return *(char *const *)const_member(o, opt);
}

static const struct option *find(struct slice name)
{
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (!table[i].section && slice_is(name, table[i].name))
            return &table[i];
    return NULL;
}

/* --- the nearest name --- */

/* Insertions, deletions and exchanges that make b of a (Levenshtein). */
static unsigned distance(struct slice a, const char *b)
{
    enum { MOST = 48 };
    unsigned row[MOST + 1]; /* the last row of the table, overwritten from the left by the next */
    size_t m = strlen(b);
    if (a.n > MOST || m > MOST)
        return MOST;
    for (unsigned j = 0; j <= m; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.n; i++) {
        unsigned diagonal = row[0]++;
        for (size_t j = 1; j <= m; j++) {
            unsigned change = diagonal + (a.p[i - 1] != b[j - 1]);
            diagonal = row[j];
            row[j] = MIN(change, MIN(row[j], row[j - 1]) + 1);
        }
    }
    return row[m];
}

static bool unknown_option(struct slice name, struct err *e)
{
    const struct option *nearest = NULL;
    unsigned best = (unsigned)name.n / 3 + 1; /* further away it would be a guess */
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        unsigned d = table[i].section ? UINT32_MAX : distance(name, table[i].name);
        if (d <= best && (!nearest || d < best)) {
            best = d;
            nearest = &table[i];
        }
    }
    struct slice shown = slice_of(name.p, MIN(name.n, 64));
    if (nearest)
        return err_set(e, ERR_CONFIG, "unknown option \"%.*s\"; did you mean \"%s\"?", SLICE_FMT(shown), nearest->name);
    return err_set(e, ERR_CONFIG, "unknown option \"%.*s\"; `msphub serve --help` lists them", SLICE_FMT(shown));
}

/* --- values as text --- */

static void add_with_unit(struct str *out, int64_t v, const struct unit *units)
{
    while (units->factor > 1 && (v == 0 || v % units->factor != 0))
        units++;
    str_addf(out, "%lld%s", (long long)(v / units->factor), units->name);
}

static void add_number(struct str *out, const struct option *opt, int64_t v)
{
    switch (opt->type) {
    case BYTES:
        add_with_unit(out, v, byte_units);
        break;
    case DURATION:
        if (v == 0)
            str_adds(out, "0s");
        else
            add_with_unit(out, v, duration_units);
        break;
    case BOOL:
        str_adds(out, v ? "yes" : "no");
        break;
    case PERCENT:
        str_addf(out, "%lld%%", (long long)v);
        break;
    case INT:
    case TEXT:
        str_addf(out, "%lld", (long long)v);
        break;
    }
}

static void add_value(struct str *out, const struct option *opt, const struct options *o)
{
    if (opt->type == TEXT)
        str_adds(out, text_of(o, opt));
    else
        add_number(out, opt, number_of(o, opt));
}

/* --- values from text --- */

static bool parse_with_unit(struct slice text, const struct unit *units, size_t n, int64_t *ret)
{
    size_t digits = 0;
    while (digits < text.n && ((text.p[digits] >= '0' && text.p[digits] <= '9') || text.p[digits] == '.'))
        digits++;
    struct slice unit = slice_trim(slice_of(text.p + digits, text.n - digits));
    struct decimal d;
    bool exact;
    if (!decimal_parse(slice_of(text.p, digits), &d))
        return false;
    for (size_t i = 0; i < n; i++)
        if (slice_ieq(unit, slice_cstr(units[i].name)))
            return decimal_scale(&d, units[i].factor, ret, &exact) && exact;
    *ret = 0;
    return unit.n == 0 && d.digits == 0; /* zero needs no unit */
}

static bool parse_bool(struct slice text, int64_t *ret)
{
    static const char *const words[] = {"no", "yes", "false", "true", "off", "on", "0", "1"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (slice_ieq(text, slice_cstr(words[i]))) {
            *ret = i % 2;
            return true;
        }
    return false;
}

static bool parse_number(const struct option *opt, struct slice text, int64_t *ret)
{
    switch (opt->type) {
    case INT:
        return slice_i64(text, ret);
    case BYTES:
        return parse_with_unit(text, byte_units, ARRAY_LEN(byte_units), ret);
    case DURATION:
        return parse_with_unit(text, duration_units, ARRAY_LEN(duration_units), ret);
    case BOOL:
        return parse_bool(text, ret);
    case PERCENT:
        if (slice_ends(text, SLICE("%")))
            text.n--;
        return slice_i64(slice_trim(text), ret);
    case TEXT:
        break;
    }
    return false;
}

static bool refuse(const struct option *opt, struct slice text, struct err *e)
{
    static const char *const expected[] = {
        [INT] = "a whole number",
        [BYTES] = "a size such as 512, 64k, 1m or 2g",
        [DURATION] = "a duration with its unit, such as 500ms, 10s, 5m, 1h or 7d",
        [BOOL] = "yes or no",
        [PERCENT] = "a percentage such as 10",
    };
    struct slice shown = slice_of(text.p, MIN(text.n, 64));
    return err_set(e, ERR_CONFIG, "%s = %.*s: expected %s", opt->name, SLICE_FMT(shown), expected[opt->type]);
}

static bool out_of_range(const struct option *opt, struct slice text, struct err *e)
{
    _cleanup_(str_release) struct str range = {0};
    struct slice shown = slice_of(text.p, MIN(text.n, 64));
    add_number(&range, opt, opt->min);
    str_adds(&range, " to ");
    add_number(&range, opt, opt->max);
    return err_set(e, ERR_CONFIG, "%s = %.*s: must be from %s", opt->name, SLICE_FMT(shown), range.p);
}

static bool set_text(struct options *o, const struct option *opt, struct slice text, struct err *e)
{
    for (size_t i = 0; i < text.n; i++)
        if ((uint8_t)text.p[i] < 0x20 || text.p[i] == 0x7F)
            return err_set(e, ERR_CONFIG, "%s: the value holds a control character", opt->name);
    char **to = member(o, opt);
    free(*to);
    *to = mem_strndup(text.p, text.n);
    return true;
}

static bool set_value(struct options *o, const struct option *opt, struct slice text, struct err *e)
{
    text = slice_trim(text);
    if (opt->type == TEXT)
        return set_text(o, opt, text, e);
    int64_t v;
    if (!parse_number(opt, text, &v))
        return refuse(opt, text, e);
    if (v < opt->min || v > opt->max)
        return out_of_range(opt, text, e);
    if (opt->type == BOOL)
        *(bool *)member(o, opt) = v != 0;
    else
        *(int64_t *)member(o, opt) = v;
    return true;
}

bool options_set(struct options *o, const char *name, const char *value, struct err *e)
{
    const struct option *opt = find(slice_cstr(name));
    return opt ? set_value(o, opt, slice_cstr(value), e) : unknown_option(slice_cstr(name), e);
}

bool options_is_text(struct slice name)
{
    const struct option *opt = find(name);
    return opt && opt->type == TEXT;
}

void options_init(struct options *o)
{
    *o = (struct options){0};
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct err e;
        bool ok = table[i].section || set_value(o, &table[i], slice_cstr(table[i].fallback), &e);
        assert(ok);
        (void)ok;
    }
}

void options_release(struct options *o)
{
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (!table[i].section && table[i].type == TEXT)
            free(*(char **)member(o, &table[i]));
    *o = (struct options){0};
}

/* --- sources --- */

/* No comments behind a value: a connection string or a URL may hold any mark. */
static bool read_line(struct options *o, struct slice line, unsigned number, unsigned *lines, struct err *e)
{
    if (line.n == 0 || line.p[0] == '#' || line.p[0] == ';')
        return true;
    if (line.p[0] == '[')
        return err_set(e, ERR_CONFIG, "this file has no sections; expected `name = value`");
    struct slice value = line, name = slice_trim(slice_cut(&value, '='));
    if (name.n == line.n)
        return err_set(e, ERR_CONFIG, "expected `name = value`");
    const struct option *opt = find(name);
    if (!opt)
        return unknown_option(name, e);
    unsigned *before = &lines[opt - table];
    if (*before)
        return err_set(e, ERR_CONFIG, "%s stands twice, first in line %u", opt->name, *before);
    *before = number;
    return set_value(o, opt, value, e);
}

bool options_read(struct options *o, const char *file, struct slice text, struct err *e)
{
    unsigned lines[ARRAY_LEN(table)] = {0};
    for (unsigned n = 1; text.n; n++)
        if (!read_line(o, slice_trim(slice_cut(&text, '\n')), n, lines, e))
            return err_wrap(e, "%s:%u", file, n);
    return true;
}

/* Kubernetes sets these in every container beside a service called msphub. */
static bool from_kubernetes(struct slice name)
{
    return slice_is(name, "PORT") || slice_starts(name, SLICE("PORT_")) || slice_starts(name, SLICE("SERVICE_"));
}

bool options_env(struct options *o, const char *const *envp, struct err *e)
{
    static const char prefix[] = "MSPHUB_";
    for (; *envp; envp++) {
        struct slice value = slice_cstr(*envp), name = slice_cut(&value, '=');
        if (!slice_starts(name, slice_cstr(prefix)))
            continue;
        name = slice_of(name.p + strlen(prefix), name.n - strlen(prefix));
        if (from_kubernetes(name))
            continue;
        _cleanup_(mem_freep) char *snake = mem_strndup(name.p, name.n);
        for (char *p = snake; *p; p++)
            if (*p >= 'A' && *p <= 'Z')
                *p = (char)(*p | 0x20);
        const struct option *opt = find(slice_cstr(snake));
        if (!(opt ? set_value(o, opt, value, e) : unknown_option(slice_cstr(snake), e)))
            return err_wrap(e, "environment variable %s%.*s", prefix, SLICE_FMT(name));
    }
    return true;
}

void options_reload(struct options *o, const struct options *fresh, struct str *restart)
{
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        const struct option *opt = &table[i];
        if (opt->section)
            continue;
        bool same = opt->type == TEXT ? strcmp(text_of(o, opt), text_of(fresh, opt)) == 0
                                      : number_of(o, opt) == number_of(fresh, opt);
        if (same)
            continue;
        if (opt->reload == START) {
            str_addf(restart, "%s%s", restart->n ? "," : "", opt->name);
        } else if (opt->type == TEXT) {
            char **to = member(o, opt);
            free(*to);
            *to = mem_strdup(text_of(fresh, opt));
        } else if (opt->type == BOOL) {
            *(bool *)member(o, opt) = number_of(fresh, opt) != 0;
        } else {
            *(int64_t *)member(o, opt) = number_of(fresh, opt);
        }
    }
}

/* --- what people read --- */

static void add_facts(struct str *out, const struct option *opt)
{
    str_addf(out, "[%s", *opt->fallback ? opt->fallback : "empty");
    if (opt->type != TEXT && opt->type != BOOL) {
        str_adds(out, "; ");
        add_number(out, opt, opt->min);
        str_adds(out, " to ");
        add_number(out, opt, opt->max);
    }
    str_adds(out, opt->reload == LIVE ? "]" : "; needs a restart]");
}

void options_help(struct str *out)
{
    static const char *const words[] = {[TEXT] = "TEXT",         [INT] = "NUMBER",  [BYTES] = "SIZE",
                                        [DURATION] = "DURATION", [BOOL] = "yes|no", [PERCENT] = "%"};
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        const struct option *opt = &table[i];
        if (opt->section) {
            str_addf(out, "%s%s:\n", i ? "\n" : "", opt->section);
            continue;
        }
        str_addf(out, "  --%s=%s\n      %s\n      ", opt->name, words[opt->type], opt->help);
        add_facts(out, opt);
        str_addc(out, '\n');
    }
}

void options_example(struct str *out)
{
    str_adds(
        out,
        "# msphub.conf: `name = value` lines; what is commented out is the default. The environment (MSPHUB_NAME)\n"
        "# and flags (--name=value) come after this file and win. A comment has a line of its own.\n");
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        const struct option *opt = &table[i];
        if (opt->section) {
            str_addf(out, "\n# --- %s ---\n", opt->section);
            continue;
        }
        str_addf(out, "\n# %s ", opt->help);
        add_facts(out, opt);
        str_addf(out, "\n#%s = %s\n", opt->name, opt->fallback);
    }
}

static size_t value_end(const char *p, bool uri)
{
    if (uri)
        return strcspn(p, "&");
    if (*p != '\'')
        return strcspn(p, " \t");
    size_t n = 1;
    while (p[n] && p[n] != '\'')
        n += p[n] == '\\' && p[n + 1] ? 2 : 1;
    n += p[n] == '\'';
    /* A quote that was not escaped: what follows may still be the password. */
    return strchr(" \t", p[n]) ? n : strlen(p); /* strchr finds the end as well */
}

/* Whatever follows "password" and "=" in a libpq string (sslpassword as well), in either of its forms. */
static void add_passwords_masked(struct str *out, const char *p, bool uri)
{
    static const char word[] = "password";
    for (const char *hit; (hit = strstr(p, word));) {
        const char *value = hit + strlen(word);
        value += strspn(value, uri ? "" : " \t");
        if (*value == '=') {
            value++;
            value += strspn(value, uri ? "" : " \t");
            str_add(out, slice_of(p, (size_t)(value - p)));
            str_adds(out, "***");
            value += value_end(value, uri);
        } else {
            str_add(out, slice_of(p, (size_t)(value - p)));
        }
        p = value;
    }
    str_adds(out, p);
}

/* postgresql://user:password@host/…?password=…, or host=… password='…'. Rather too much is hidden than too little. */
static void add_database(struct str *out, const char *text)
{
    const char *scheme = strstr(text, "://"), *at = strrchr(text, '@');
    const char *colon = scheme ? strchr(scheme + 3, ':') : NULL;
    if (colon && at && colon < at) {
        str_add(out, slice_of(text, (size_t)(colon + 1 - text)));
        str_adds(out, "***");
        text = at;
    }
    add_passwords_masked(out, text, scheme != NULL);
}

void options_dump(const struct options *o, struct str *out)
{
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        const struct option *opt = &table[i];
        if (opt->section)
            continue;
        str_addf(out, "%s = ", opt->name);
        if (strcmp(opt->name, "database") == 0)
            add_database(out, o->database);
        else
            add_value(out, opt, o);
        str_addc(out, '\n');
    }
}
