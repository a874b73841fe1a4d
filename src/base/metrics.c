/* metrics.c - counters, gauges and histograms in Prometheus' model, and their text.
 * Owns:   families in the order of their registration, series in the order of their first use, so that two scrapes
 * compare line by line. Always: a family holds at most SERIES_MAX series and one more, whose labels are all "other". */
#include "base/metrics.h"

#include "base/mem.h"
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <uthash.h>

#define LABELS_MAX 4
#define SERIES_MAX 1000 /* per family: keeps a scrape small when a label's values come from outside */

struct histogram {
    const struct metric_family *family;
    double sum;
    uint64_t count;
    uint64_t buckets[]; /* not cumulative; the last is +Inf */
};

struct series {
    char *key;    /* the label values, each ended by NUL */
    char *labels; /* name="value",… as it is written */
    struct metric metric;
    struct histogram *histogram; /* HISTOGRAM only */
    UT_hash_handle hh;
};

struct metric_family {
    enum metric_type type;
    char *name, *help;
    char *labels[LABELS_MAX];
    size_t nlabels;
    double *bounds;
    size_t nbounds;
    struct series *series; /* uthash keeps the order of insertion */
    STAILQ_ENTRY(metric_family) link;
};

struct collector {
    void (*cb)(void *arg);
    void *arg;
    STAILQ_ENTRY(collector) link;
};

struct metrics {
    STAILQ_HEAD(, metric_family) families;
    STAILQ_HEAD(, collector) collectors;
};

const double metrics_latency_bounds[14] = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                           0.1,    0.25,  0.5,    1,     5,    15,    60};

struct metrics *metrics_new(void)
{
    struct metrics *m = NEW(struct metrics);
    STAILQ_INIT(&m->families);
    STAILQ_INIT(&m->collectors);
    return m;
}

static void family_free(struct metric_family *f)
{
    struct series *s, *next;
    HASH_ITER(hh, f->series, s, next)
    {
        HASH_DEL(f->series, s);
        free(s->key);
        free(s->labels);
        free(s->histogram);
        free(s);
    }
    for (size_t i = 0; i < f->nlabels; i++)
        free(f->labels[i]);
    free(f->name);
    free(f->help);
    free(f->bounds);
    free(f);
}

void metrics_free(struct metrics *m)
{
    if (!m)
        return;
    while (!STAILQ_EMPTY(&m->families)) {
        struct metric_family *f = STAILQ_FIRST(&m->families);
        STAILQ_REMOVE_HEAD(&m->families, link);
        family_free(f);
    }
    while (!STAILQ_EMPTY(&m->collectors)) {
        struct collector *c = STAILQ_FIRST(&m->collectors);
        STAILQ_REMOVE_HEAD(&m->collectors, link);
        free(c);
    }
    free(m);
}

void metrics_on_collect(struct metrics *m, void (*cb)(void *arg), void *arg)
{
    struct collector *c = NEW(struct collector);
    c->cb = cb;
    c->arg = arg;
    STAILQ_INSERT_TAIL(&m->collectors, c, link);
}

static void split_labels(struct metric_family *f, const char *labels)
{
    struct slice rest = slice_cstr(labels);
    while (rest.n) {
        assert(f->nlabels < LABELS_MAX);
        struct slice name = slice_trim(slice_cut(&rest, ','));
        assert(name.n && !slice_is(name, "le"));
        f->labels[f->nlabels++] = mem_strndup(name.p, name.n);
    }
}

struct metric_family *metric_family(struct metrics *m, enum metric_type type, const char *name, const char *help,
                                    const char *labels, const double *bounds, size_t nbounds)
{
    struct metric_family *f;
    STAILQ_FOREACH (f, &m->families, link) {
        if (strcmp(f->name, name) == 0) {
            assert(f->type == type);
            return f;
        }
    }
    /* OpenMetrics takes _total off a counter's family; one without it would change its name between the two formats. */
    assert((type == METRIC_COUNTER) == slice_ends(slice_cstr(name), SLICE("_total")));
    f = NEW(struct metric_family);
    f->type = type;
    f->name = mem_strdup(name);
    f->help = mem_strdup(help);
    split_labels(f, labels);
    if (nbounds) {
        f->bounds = mem_realloc_array(NULL, nbounds, sizeof(*bounds));
        memcpy(f->bounds, bounds, nbounds * sizeof(*bounds));
        f->nbounds = nbounds;
    }
    for (size_t i = 1; i < nbounds; i++)
        assert(bounds[i - 1] < bounds[i]);
    STAILQ_INSERT_TAIL(&m->families, f, link);
    return f;
}

/* --- series --- */

static void add_escaped(struct str *out, const char *text, bool quotes)
{
    for (; *text; text++) {
        if (*text == '\n')
            str_adds(out, "\\n");
        else if (*text == '\\' || (quotes && *text == '"'))
            str_addf(out, "\\%c", *text);
        else
            str_addc(out, *text);
    }
}

static struct series *series_new(struct metric_family *f, struct str *key, const char *const *values)
{
    struct series *s = NEW(struct series);
    struct str labels = {0};
    for (size_t i = 0; i < f->nlabels; i++) {
        str_addf(&labels, "%s%s=\"", i ? "," : "", f->labels[i]);
        add_escaped(&labels, values[i], true);
        str_addc(&labels, '"');
    }
    s->labels = str_take(&labels);
    if (f->type == METRIC_HISTOGRAM) {
        s->histogram = mem_zalloc(sizeof(*s->histogram) + (f->nbounds + 1) * sizeof(uint64_t));
        s->histogram->family = f;
    }
    size_t n = key->n;
    s->key = str_take(key);
    HASH_ADD_KEYPTR(hh, f->series, s->key, n, s);
    return s;
}

static struct series *series_with(struct metric_family *f, const char *const *values)
{
    static const char *const other[LABELS_MAX] = {"other", "other", "other", "other"};
    _cleanup_(str_release) struct str key = {0};
    str_add(&key, SLICE_NONE);
    for (size_t i = 0; i < f->nlabels; i++)
        str_add(&key, slice_of(values[i], strlen(values[i]) + 1));
    struct series *s;
    HASH_FIND(hh, f->series, key.p, key.n, s);
    if (s)
        return s;
    if (HASH_COUNT(f->series) < SERIES_MAX || values == other)
        return series_new(f, &key, values);
    str_clear(&key);
    for (size_t i = 0; i < f->nlabels; i++)
        str_add(&key, slice_of("other", sizeof("other")));
    HASH_FIND(hh, f->series, key.p, key.n, s);
    return s ? s : series_new(f, &key, other);
}

struct metric *metric_with(struct metric_family *f, const char *const *values)
{
    assert(f->type != METRIC_HISTOGRAM);
    return &series_with(f, values)->metric;
}

struct histogram *histogram_with(struct metric_family *f, const char *const *values)
{
    assert(f->type == METRIC_HISTOGRAM);
    return series_with(f, values)->histogram;
}

void histogram_observe(struct histogram *h, double v)
{
    size_t i = 0;
    while (i < h->family->nbounds && !(v <= h->family->bounds[i]))
        i++;
    h->buckets[i]++;
    h->count++;
    h->sum += v;
}

struct metric *metric_counter(struct metrics *m, const char *name, const char *help)
{
    return metric_with(metric_family(m, METRIC_COUNTER, name, help, "", NULL, 0), NULL);
}

struct metric *metric_gauge(struct metrics *m, const char *name, const char *help)
{
    return metric_with(metric_family(m, METRIC_GAUGE, name, help, "", NULL, 0), NULL);
}

struct histogram *metric_histogram(struct metrics *m, const char *name, const char *help, const double *bounds,
                                   size_t n)
{
    return histogram_with(metric_family(m, METRIC_HISTOGRAM, name, help, "", bounds, n), NULL);
}

/* --- the text --- */

static void add_value(struct str *out, double v)
{
    if (isnan(v))
        str_adds(out, "NaN");
    else if (isinf(v))
        str_adds(out, v > 0 ? "+Inf" : "-Inf");
    else
        str_add_double(out, v);
}

/* name suffix{labels, le} value */
static void add_sample(struct str *out, const struct metric_family *f, const char *suffix, const char *labels,
                       const char *le, double v)
{
    str_addf(out, "%s%s", f->name, suffix);
    if (*labels || le) {
        str_addf(out, "{%s", labels);
        if (le)
            str_addf(out, "%sle=\"%s\"", *labels ? "," : "", le);
        str_addc(out, '}');
    }
    str_addc(out, ' ');
    add_value(out, v);
    str_addc(out, '\n');
}

static void add_histogram(struct str *out, const struct metric_family *f, const struct series *s,
                          enum metrics_text form)
{
    const struct histogram *h = s->histogram;
    _cleanup_(str_release) struct str le = {0};
    uint64_t below = 0;
    for (size_t i = 0; i <= f->nbounds; i++) {
        str_clear(&le);
        add_value(&le, i < f->nbounds ? f->bounds[i] : HUGE_VAL);
        if (form == METRICS_OPENMETRICS && i < f->nbounds && !strpbrk(le.p, ".e")) /* canonical numbers: 1.0, not 1 */
            str_adds(&le, ".0");
        below += h->buckets[i];
        add_sample(out, f, "_bucket", s->labels, le.p, (double)below);
    }
    add_sample(out, f, "_sum", s->labels, NULL, h->sum);
    add_sample(out, f, "_count", s->labels, NULL, (double)h->count);
}

static void add_family(struct str *out, const struct metric_family *f, enum metrics_text form)
{
    static const char *const types[] = {
        [METRIC_COUNTER] = "counter", [METRIC_GAUGE] = "gauge", [METRIC_HISTOGRAM] = "histogram"};
    if (!f->series)
        return;
    size_t n = strlen(f->name);
    if (form == METRICS_OPENMETRICS && f->type == METRIC_COUNTER)
        n -= strlen("_total");
    str_addf(out, "# HELP %.*s ", (int)n, f->name);
    add_escaped(out, f->help, form == METRICS_OPENMETRICS);
    str_addf(out, "\n# TYPE %.*s %s\n", (int)n, f->name, types[f->type]);
    for (const struct series *s = f->series; s; s = s->hh.next) {
        if (f->type == METRIC_HISTOGRAM)
            add_histogram(out, f, s, form);
        else
            add_sample(out, f, "", s->labels, NULL, s->metric.value);
    }
}

void metrics_write(struct metrics *m, enum metrics_text form, struct str *out)
{
    const struct collector *c;
    STAILQ_FOREACH (c, &m->collectors, link)
        c->cb(c->arg);
    const struct metric_family *f;
    STAILQ_FOREACH (f, &m->families, link)
        add_family(out, f, form);
    if (form == METRICS_OPENMETRICS)
        str_adds(out, "# EOF\n");
}
