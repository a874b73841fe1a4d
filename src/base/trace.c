/* trace.c - see trace.h. */
#include "base/trace.h"

#include <stdio.h>

static bool is_hex(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!((p[i] >= '0' && p[i] <= '9') || (p[i] >= 'a' && p[i] <= 'f')))
            return false;
    return true;
}

static bool is_zero(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i] != '0')
            return false;
    return true;
}

static unsigned digit(char c)
{
    return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
}

/* A later version may have more behind a dash; version ff is none. */
bool trace_parse(struct slice v, struct trace *ret)
{
    if (v.n < TRACE_PARENT_LEN || !is_hex(v.p, 2) || v.p[2] != '-' || v.p[35] != '-' || v.p[52] != '-')
        return false;
    bool first = v.p[0] == '0' && v.p[1] == '0', none = v.p[0] == 'f' && v.p[1] == 'f';
    if (none || (v.n > TRACE_PARENT_LEN && (first || v.p[TRACE_PARENT_LEN] != '-')))
        return false;
    if (!is_hex(v.p + 3, TRACE_ID_LEN) || is_zero(v.p + 3, TRACE_ID_LEN) || !is_hex(v.p + 36, TRACE_SPAN_LEN) ||
        is_zero(v.p + 36, TRACE_SPAN_LEN) || !is_hex(v.p + 53, 2))
        return false;
    struct trace t = {.sampled = digit(v.p[54]) & 1};
    memcpy(t.id, v.p + 3, TRACE_ID_LEN);
    memcpy(t.span, v.p + 36, TRACE_SPAN_LEN);
    *ret = t;
    return true;
}

static void add_hex(char *out, uint64_t v)
{
    static const char digits[] = "0123456789abcdef";
    for (int i = 15; i >= 0; i--, v >>= 4)
        out[i] = digits[v & 15];
    out[16] = 0;
}

void trace_set_id(struct trace *t, uint64_t high, uint64_t low)
{
    add_hex(t->id, high);
    add_hex(t->id + 16, low | (high == 0 && low == 0));
}

void trace_set_span(struct trace *t, uint64_t span)
{
    add_hex(t->span, span ? span : 1);
}

char *trace_text(const struct trace *t, char buf[TRACE_PARENT_LEN + 1])
{
    snprintf(buf, TRACE_PARENT_LEN + 1, "00-%s-%s-0%d", t->id, t->span, t->sampled);
    return buf;
}
