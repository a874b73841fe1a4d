/* ninja/df.c - the device filter: clauses joined by AND, no OR, parentheses only around lists.
 * What the product does not understand it refuses; `location = n` it accepts and ignores (clients were bitten by that). */
#include "ninja.h"
#include <stdlib.h>

#define DF_MAX_CLAUSES 8
#define DF_MAX_VALUES  200

enum df_key {
    DF_ORG,
    DF_LOC,
    DF_ROLE,
    DF_ID,
    DF_CLASS,
    DF_STATUS,
    DF_ONLINE,
    DF_OFFLINE,
    DF_CREATED,
    DF_TAG,
    DF_IGNORED
};
enum df_op { OP_IN, OP_NOT_IN, OP_BEFORE, OP_AFTER };

struct df_clause {
    enum df_key key;
    enum df_op op;
    unsigned n;
    int64_t values[DF_MAX_VALUES]; /* ids; for class the row, for status an index */
};

struct ninja_filter {
    bool names_status; /* else only APPROVED devices are shown */
    unsigned n;
    struct df_clause clauses[DF_MAX_CLAUSES];
};

static const struct {
    const char *word;
    enum df_key key;
} keys[] = {{"org", DF_ORG},          {"organization", DF_ORG}, {"loc", DF_LOC},
            {"location", DF_IGNORED}, {"role", DF_ROLE},        {"id", DF_ID},
            {"class", DF_CLASS},      {"status", DF_STATUS},    {"online", DF_ONLINE},
            {"offline", DF_OFFLINE},  {"created", DF_CREATED},  {"tagId", DF_TAG}};

static const struct {
    const char *word;
    enum df_op op;
    bool list, time_only;
} ops[] = {{"!=", OP_NOT_IN, false, false},   {"<>", OP_NOT_IN, false, false},  {"=", OP_IN, false, false},
           {"<", OP_BEFORE, false, true},     {">", OP_AFTER, false, true},     {"!in", OP_NOT_IN, true, false},
           {"eq", OP_IN, false, false},       {"neq", OP_NOT_IN, false, false}, {"in", OP_IN, true, false},
           {"notin", OP_NOT_IN, true, false}, {"nin", OP_NOT_IN, true, false},  {"before", OP_BEFORE, false, true},
           {"after", OP_AFTER, false, true}};

static const char *const approvals[] = {"APPROVED", "PENDING"};

static void skip_blanks(struct slice *s)
{
    while (s->n && (*s->p == ' ' || *s->p == '\t'))
        *s = slice_of(s->p + 1, s->n - 1);
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           c == ':' || c == '.';
}

/* A word, an operator's signs, or one of "(),"; empty at the end. */
static struct slice token(struct slice *s)
{
    skip_blanks(s);
    size_t n = 0;
    if (s->n && (*s->p == '(' || *s->p == ')' || *s->p == ','))
        n = 1;
    else if (s->n && is_word(*s->p))
        while (n < s->n && is_word(s->p[n]))
            n++;
    else if (s->n >= 3 && memcmp(s->p, "!in", 3) == 0)
        n = 3;
    else
        while (n < s->n && strchr("=!<>&", s->p[n]))
            n++;
    struct slice ret = slice_of(s->p, n);
    *s = slice_of(s->p + n, s->n - n);
    return ret;
}

static bool value_of(enum df_key key, struct slice text, int64_t *ret)
{
    usec_t t;
    const struct ninja_class *class;
    switch (key) {
    case DF_CLASS:
        class = ninja_class_named(text);
        *ret = class ? class - ninja_classes : 0;
        return class != NULL;
    case DF_STATUS:
        for (size_t k = 0; k < ARRAY_LEN(approvals); k++) {
            *ret = (int64_t)k;
            if (slice_is(text, approvals[k]))
                return true;
        }
        return false;
    case DF_CREATED: {
        char iso[11];
        if (text.n == 8) { /* yyyyMMdd */
            snprintf(iso, sizeof(iso), "%.4s-%.2s-%.2s", text.p, text.p + 4, text.p + 6);
            text = slice_of(iso, 10);
        }
        if (!clock_parse_iso(text, &t))
            return false;
        *ret = t;
        return true;
    }
    case DF_ORG:
    case DF_LOC:
    case DF_ROLE:
    case DF_ID:
    case DF_TAG:
    case DF_IGNORED:
    case DF_ONLINE:
    case DF_OFFLINE:
        break;
    }
    return slice_i64(text, ret);
}

static bool parse_list(struct slice *s, struct df_clause *c)
{
    if (!slice_is(token(s), "("))
        return false;
    for (;;) {
        if (c->n == DF_MAX_VALUES || !value_of(c->key, token(s), &c->values[c->n]))
            return false;
        c->n++;
        struct slice next = token(s);
        if (slice_is(next, ")"))
            return true;
        if (!slice_is(next, ","))
            return false;
    }
}

static bool parse_clause(struct slice *s, struct df_clause *c, const char **why)
{
    struct slice word = token(s);
    size_t k = 0;
    while (k < ARRAY_LEN(keys) && !slice_is(word, keys[k].word))
        k++;
    if (k == ARRAY_LEN(keys)) {
        *why = slice_is(word, "group") ? "no such group" : "unknown field";
        return false;
    }
    c->key = keys[k].key;
    if (c->key == DF_ONLINE || c->key == DF_OFFLINE)
        return true;
    word = token(s);
    size_t o = 0;
    while (o < ARRAY_LEN(ops) && !slice_is(word, ops[o].word))
        o++;
    if (o == ARRAY_LEN(ops) || (ops[o].time_only && c->key != DF_CREATED) || (c->key == DF_TAG && !ops[o].list)) {
        *why = "unknown operator for this field";
        return false;
    }
    c->op = ops[o].op;
    if (ops[o].list ? parse_list(s, c) : value_of(c->key, token(s), &c->values[c->n++]))
        return true;
    *why = "bad value";
    return false;
}

struct ninja_filter *ninja_filter_parse(struct arena *a, struct slice text, const char **why)
{
    struct ninja_filter *f = arena_alloc(a, sizeof(*f));
    if (!text.p)
        return f;
    for (;;) {
        if (f->n == DF_MAX_CLAUSES) {
            *why = "too many clauses";
            return NULL;
        }
        struct df_clause *c = &f->clauses[f->n++];
        if (!parse_clause(&text, c, why))
            return NULL;
        f->names_status |= c->key == DF_STATUS;
        struct slice join = token(&text);
        if (!join.n && !text.n)
            return f;
        if (!slice_is(join, "AND") && !slice_is(join, "and") && !slice_is(join, "&&")) {
            *why = "clauses are joined by AND";
            return NULL;
        }
    }
}

static bool clause_match(const struct df_clause *c, const struct ninja_core *d)
{
    int64_t have = 0;
    switch (c->key) {
    case DF_ONLINE:
        return !d->offline;
    case DF_OFFLINE:
        return d->offline;
    case DF_IGNORED:
        return true;
    case DF_CREATED:
        if (c->op == OP_BEFORE)
            return d->created < c->values[0];
        if (c->op == OP_AFTER)
            return d->created > c->values[0];
        return (d->created / SECONDS(86400) == c->values[0] / SECONDS(86400)) == (c->op == OP_IN);
    case DF_TAG: /* nobody has a tag with an id */
        return c->op == OP_NOT_IN;
    case DF_ORG:
        have = d->org;
        break;
    case DF_LOC:
        have = d->location;
        break;
    case DF_ROLE:
        have = d->role;
        break;
    case DF_ID:
        have = d->id;
        break;
    case DF_CLASS:
        have = d->class - ninja_classes;
        break;
    case DF_STATUS:
        have = strcmp(d->approval, "PENDING") == 0;
        break;
    }
    bool in = false;
    for (unsigned k = 0; k < c->n; k++)
        in |= c->values[k] == have;
    return in == (c->op == OP_IN);
}

bool ninja_filter_match(const struct ninja_filter *f, const struct ninja_core *c)
{
    if (!f->names_status && strcmp(c->approval, "APPROVED") != 0)
        return false;
    for (unsigned k = 0; k < f->n; k++) {
        if (!clause_match(&f->clauses[k], c))
            return false;
    }
    return true;
}

struct ninja_filter *ninja_filter_copy(const struct ninja_filter *f)
{
    struct ninja_filter *copy = NEW(struct ninja_filter);
    *copy = *f;
    return copy;
}

struct ninja_filter *ninja_df(struct ninja *n, struct ask *a, struct answer *r)
{
    struct slice text = SLICE_NONE;
    const char *why = "";
    ask_arg(a, "df", &text);
    struct ninja_filter *f = ninja_filter_parse(a->arena, text, &why);
    if (!f) {
        ninja_refuse(n, r, 400, "FAILURE", "Invalid device filter '%.*s': %s", SLICE_FMT(text), why);
    }
    return f;
}
