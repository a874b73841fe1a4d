/* metrics.h - counters, gauges and histograms in Prometheus' model, and their text.
 * Owns:   every family and series; handles stay valid until metrics_free.
 * Always: updating is an addition on a number the caller holds, no lookup; a scrape never does I/O. Families have a
 * ceiling of series; past it new label values go to the series "other". Base units (seconds, bytes). */
#ifndef MSPHUB_BASE_METRICS_H
#define MSPHUB_BASE_METRICS_H

#include "base/slice.h"
#include "base/str.h"

struct metrics;
struct metric_family;
struct metric { /* one counter or gauge */
    double value;
};
struct histogram;

struct metrics *metrics_new(void);
void metrics_free(struct metrics *m);

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };
/* `labels`: up to 4 comma-separated label names, or "". `bounds`: upper bounds for histograms, ascending, without +Inf.
 * Registering the same name again returns the same family. */
struct metric_family *metric_family(struct metrics *m, enum metric_type type, const char *name, const char *help,
                                    const char *labels, const double *bounds, size_t nbounds);
/* The series with these label values (as many as the family has labels). */
struct metric *metric_with(struct metric_family *f, const char *const *values);
struct histogram *histogram_with(struct metric_family *f, const char *const *values);
void histogram_observe(struct histogram *h, double v);

/* Shorthand for a family without labels. */
struct metric *metric_counter(struct metrics *m, const char *name, const char *help);
struct metric *metric_gauge(struct metrics *m, const char *name, const char *help);
struct histogram *metric_histogram(struct metrics *m, const char *name, const char *help, const double *bounds,
                                   size_t n);
#define METRIC_L(...) ((const char *const[]){__VA_ARGS__})

/* Called before each exposition, to bring gauges up to date. */
void metrics_on_collect(struct metrics *m, void (*cb)(void *arg), void *arg);

extern const double metrics_latency_bounds[14]; /* 0.5 ms … 60 s */
#define METRICS_LATENCY metrics_latency_bounds, 14

enum metrics_text { METRICS_TEXT_004, METRICS_OPENMETRICS };
void metrics_write(struct metrics *m, enum metrics_text form, struct str *out);

#endif
