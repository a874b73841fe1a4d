/* common_scan.c - see common_scan.h. Recursive descent; the depth is bounded by JSON_MAX_DEPTH. */
#include "provider/common_scan.h"

#include "base/json_read.h"

struct scan {
    const char *p, *end, *start;
    scan_cb *cb;
    void *arg;
    const char *fault;
};

static bool fail(struct scan *s, const char *what)
{
    if (!s->fault)
        s->fault = what;
    return false;
}

static void skip_blanks(struct scan *s)
{
    while (s->p < s->end && (*s->p == ' ' || *s->p == '\n' || *s->p == '\r' || *s->p == '\t'))
        s->p++;
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

static bool escape(struct scan *s)
{
    if (++s->p == s->end)
        return fail(s, "the text ends inside an escape");
    if (*s->p == 'u') {
        if (s->end - s->p < 5)
            return fail(s, "the text ends inside an escape");
        for (int i = 1; i <= 4; i++)
            if (!is_hex(s->p[i]))
                return fail(s, "bad \\u escape");
        s->p += 5;
        return true;
    }
    if (!memchr("\"\\/bfnrt", *s->p, 8))
        return fail(s, "unknown escape");
    s->p++;
    return true;
}

static bool string(struct scan *s)
{
    for (s->p++; s->p < s->end;) {
        unsigned char c = (unsigned char)*s->p;
        if (c == '"') {
            s->p++;
            return true;
        }
        if (c < 0x20)
            return fail(s, "control character inside a string");
        if (c != '\\')
            s->p++;
        else if (!escape(s))
            return false;
    }
    return fail(s, "the text ends inside a string");
}

static bool digits(struct scan *s)
{
    const char *from = s->p;

    while (s->p < s->end && *s->p >= '0' && *s->p <= '9')
        s->p++;
    return s->p > from || fail(s, "a digit was expected");
}

static bool number(struct scan *s)
{
    if (*s->p == '-')
        s->p++;
    if (s->p < s->end && *s->p == '0')
        s->p++;
    else if (!digits(s))
        return false;
    if (s->p < s->end && *s->p == '.') {
        s->p++;
        if (!digits(s))
            return false;
    }
    if (s->p < s->end && (*s->p | 0x20) == 'e') {
        s->p++;
        if (s->p < s->end && (*s->p == '+' || *s->p == '-'))
            s->p++;
        return digits(s);
    }
    return true;
}

static bool word(struct scan *s, const char *w, size_t n)
{
    if ((size_t)(s->end - s->p) < n || memcmp(s->p, w, n) != 0)
        return fail(s, "unknown word");
    s->p += n;
    return true;
}

static bool value(struct scan *s, unsigned depth);

static bool member(struct scan *s, unsigned depth, bool object)
{
    struct slice key = SLICE_NONE;
    const char *from;

    if (object) {
        if (s->p == s->end || *s->p != '"')
            return fail(s, "a key was expected");
        from = s->p + 1;
        if (!string(s))
            return false;
        key = slice_of(from, (size_t)(s->p - from - 1));
        skip_blanks(s);
        if (s->p == s->end || *s->p != ':')
            return fail(s, "a colon was expected");
        s->p++;
        skip_blanks(s);
    }
    from = s->p;
    if (!value(s, depth))
        return false;
    if (depth == 1 && s->cb)
        s->cb(s->arg, key, slice_of(from, (size_t)(s->p - from)));
    return true;
}

static bool container(struct scan *s, unsigned depth, bool object)
{
    const char close = object ? '}' : ']';

    if (depth > JSON_MAX_DEPTH)
        return fail(s, "nested too deeply");
    s->p++;
    skip_blanks(s);
    if (s->p < s->end && *s->p == close) {
        s->p++;
        return true;
    }
    for (;;) {
        if (!member(s, depth, object))
            return false;
        skip_blanks(s);
        if (s->p < s->end && *s->p == close) {
            s->p++;
            return true;
        }
        if (s->p == s->end || *s->p != ',')
            return fail(s, "a comma or the end of a list was expected");
        s->p++;
        skip_blanks(s);
    }
}

static bool value(struct scan *s, unsigned depth)
{
    if (s->p == s->end)
        return fail(s, "the text ends where a value was expected");
    switch (*s->p) {
    case '{':
        return container(s, depth + 1, true);
    case '[':
        return container(s, depth + 1, false);
    case '"':
        return string(s);
    case 't':
        return word(s, "true", 4);
    case 'f':
        return word(s, "false", 5);
    case 'n':
        return word(s, "null", 4);
    default:
        if (*s->p == '-' || (*s->p >= '0' && *s->p <= '9'))
            return number(s);
        return fail(s, "a value was expected");
    }
}

bool scan_json(struct slice text, scan_cb *cb, void *arg, struct err *e)
{
    struct scan s = {.p = text.p, .start = text.p, .end = text.p + text.n, .cb = cb, .arg = arg};

    skip_blanks(&s);
    if (value(&s, 0)) {
        skip_blanks(&s);
        if (s.p == s.end)
            return true;
        fail(&s, "more follows after the value");
    }
    return err_set(e, ERR_INPUT, "the body is not JSON: %s at byte %zu", s.fault, (size_t)(s.p - s.start));
}

struct slice scan_plain(struct slice v)
{
    if (v.n >= 2 && v.p[0] == '"')
        return memchr(v.p, '\\', v.n) ? SLICE_NONE : slice_of(v.p + 1, v.n - 2);
    for (size_t i = 0; i < v.n; i++)
        if (v.p[i] < '0' || v.p[i] > '9')
            return SLICE_NONE;
    return v.n ? v : SLICE_NONE;
}
