/* trace.h - W3C trace context: the header traceparent.
 * Always: what is taken from a stranger is exactly of the form that the recommendation gives, or not taken at all. */
#ifndef MSPHUB_BASE_TRACE_H
#define MSPHUB_BASE_TRACE_H

#include "base/slice.h"

#define TRACE_ID_LEN     32
#define TRACE_SPAN_LEN   16
#define TRACE_PARENT_LEN 55 /* "00-<32>-<16>-<2>" */

struct trace {
    char id[TRACE_ID_LEN + 1];     /* lower-case hex, not all zero */
    char span[TRACE_SPAN_LEN + 1]; /* the sender's when it was read; ours when it is passed on */
    bool sampled;
};
bool trace_parse(struct slice traceparent, struct trace *ret);
/* From random bytes: the id of two numbers, the span of one; 0 is made 1. */
void trace_set_id(struct trace *t, uint64_t high, uint64_t low);
void trace_set_span(struct trace *t, uint64_t span);
/* As a header's value; returns buf. */
char *trace_text(const struct trace *t, char buf[TRACE_PARENT_LEN + 1]);

#endif
