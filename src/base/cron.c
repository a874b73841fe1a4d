/* cron.c - see cron.h. */
#include "base/cron.h"

#include <ctype.h>

#define SUNDAY_TOO 7 /* as a day of week */

static const struct part {
    const char *name;
    int64_t min, max;
    const char *const *names; /* the first is min */
    size_t nnames;
} parts[CRON_NPARTS_] = {
    [CRON_MINUTE] = {"minute", 0, 59, NULL, 0},
    [CRON_HOUR] = {"hour", 0, 23, NULL, 0},
    [CRON_DAY] = {"day of month", 1, 31, NULL, 0},
    [CRON_MONTH] = {"month", 1, 12,
                    (const char *const[]){"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov",
                                          "dec"},
                    12},
    [CRON_WEEKDAY] = {"day of week", 0, 7, (const char *const[]){"sun", "mon", "tue", "wed", "thu", "fri", "sat"}, 7},
};

static const struct {
    const char *name, *means;
} forms[] = {
    {"@hourly", "0 * * * *"},  {"@daily", "0 0 * * *"},  {"@midnight", "0 0 * * *"}, {"@weekly", "0 0 * * 0"},
    {"@monthly", "0 0 1 * *"}, {"@yearly", "0 0 1 1 *"}, {"@annually", "0 0 1 1 *"},
};

static bool all_digits(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!isdigit((unsigned char)s.p[i]))
            return false;
    return s.n > 0;
}

static bool read_number(const struct part *p, struct slice text, int64_t *ret, struct err *e)
{
    for (size_t i = 0; i < p->nnames; i++)
        if (slice_ieq(text, slice_cstr(p->names[i]))) {
            *ret = p->min + (int64_t)i;
            return true;
        }
    int64_t n;
    if (!all_digits(text) || !slice_i64(text, &n))
        return err_set(e, ERR_INPUT, "the %s \"%.*s\" is no number%s", p->name, (int)MIN(text.n, 40), text.p,
                       p->nnames ? " and no name such as mon or jan" : "");
    if (n < p->min || n > p->max)
        return err_set(e, ERR_INPUT, "the %s %.*s is not from %lld to %lld", p->name, (int)MIN(text.n, 40), text.p,
                       (long long)p->min, (long long)p->max);
    *ret = n;
    return true;
}

static bool read_step(const struct part *p, struct slice text, int64_t *ret, struct err *e)
{
    if (all_digits(text) && slice_i64(text, ret) && *ret >= 1 && *ret <= p->max)
        return true;
    return err_set(e, ERR_INPUT, "the step \"/%.*s\" of the %s must be a number from 1 to %lld", (int)MIN(text.n, 40),
                   text.p ? text.p : "", p->name, (long long)p->max);
}

static bool contains(struct slice text, char c)
{
    return text.n && memchr(text.p, c, text.n);
}

/* `*`, a number or a range, perhaps with a step. */
static bool read_item(enum cron_part part, struct slice item, uint64_t *bits, struct err *e)
{
    const struct part *p = &parts[part];
    int64_t first = p->min, last = part == CRON_WEEKDAY ? SUNDAY_TOO - 1 : p->max, step = 1;
    bool steps = contains(item, '/');
    struct slice rest = item, range = slice_cut(&rest, '/');
    if (steps && !read_step(p, rest, &step, e))
        return false;
    if (!slice_is(range, "*")) {
        bool ranges = contains(range, '-');
        struct slice to = range, from = slice_cut(&to, '-');
        if (!read_number(p, from, &first, e) || (ranges && !read_number(p, to, &last, e)))
            return false;
        if (part == CRON_WEEKDAY && ranges && last == 0 && first > 0)
            last = SUNDAY_TOO; /* fri-sun */
        if (!ranges && !steps)
            last = first;
        if (last < first)
            return err_set(e, ERR_INPUT, "the range %.*s of the %s runs backwards; write it as two, with a comma",
                           (int)MIN(range.n, 40), range.p, p->name);
    }
    for (int64_t n = first; n <= last; n += step)
        *bits |= UINT64_C(1) << n;
    return true;
}

static bool read_part(enum cron_part part, struct slice text, uint64_t *bits, struct err *e)
{
    while (text.p) {
        bool more = contains(text, ',');
        struct slice item = slice_cut(&text, ',');
        if (!item.n)
            return err_set(e, ERR_INPUT, "the %s has an empty item in its list", parts[part].name);
        if (!read_item(part, item, bits, e))
            return false;
        if (!more)
            break;
    }
    return true;
}

static struct slice next_word(struct slice *rest)
{
    *rest = slice_trim(*rest);
    size_t n = 0;
    while (n < rest->n && rest->p[n] != ' ' && rest->p[n] != '\t')
        n++;
    struct slice word = slice_of(rest->p, n);
    *rest = slice_of(rest->p + n, rest->n - n);
    return word;
}

/* By the day of month alone some dates never come: 30 February, 31 April. */
static bool comes_round(const struct cron *c)
{
    static const unsigned char days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (c->either_day)
        return true;
    for (unsigned month = 1; month <= 12; month++)
        for (unsigned day = 1; (c->in[CRON_MONTH] >> month & 1) && day <= days[month - 1]; day++)
            if (c->in[CRON_DAY] >> day & 1)
                return true;
    return false;
}

static bool expand(struct slice *text, struct err *e)
{
    for (size_t i = 0; i < ARRAY_LEN(forms); i++)
        if (slice_ieq(*text, slice_cstr(forms[i].name))) {
            *text = slice_cstr(forms[i].means);
            return true;
        }
    return err_set(e, ERR_INPUT, "\"%.*s\" is not known; known are @hourly, @daily, @weekly, @monthly and @yearly",
                   (int)MIN(text->n, 40), text->p);
}

bool cron_parse(struct slice text, struct cron *ret, struct err *e)
{
    struct cron c = {0};
    bool star[CRON_NPARTS_];
    text = slice_trim(text);
    if (text.n > CRON_TEXT_MAX)
        return err_set(e, ERR_INPUT, "a cron expression has at most %d characters", CRON_TEXT_MAX);
    if (text.n && text.p[0] == '@' && !expand(&text, e))
        return false;
    for (enum cron_part part = 0; part < CRON_NPARTS_; part++) {
        struct slice word = next_word(&text);
        if (!word.n)
            return err_set(e, ERR_INPUT,
                           "a cron expression has five fields (minute, hour, day of month, month, day of week); the %s "
                           "is missing",
                           parts[part].name);
        star[part] = word.p[0] == '*';
        if (!read_part(part, word, &c.in[part], e))
            return false;
    }
    if (next_word(&text).n)
        return err_set(e, ERR_INPUT, "a cron expression has five fields; there is a sixth");
    c.in[CRON_WEEKDAY] = (c.in[CRON_WEEKDAY] | c.in[CRON_WEEKDAY] >> SUNDAY_TOO) & 0x7f;
    c.either_day = !star[CRON_DAY] && !star[CRON_WEEKDAY];
    c.any_hour = star[CRON_HOUR];
    if (!comes_round(&c))
        return err_set(e, ERR_INPUT, "none of its months has such a day of month");
    *ret = c;
    return true;
}
