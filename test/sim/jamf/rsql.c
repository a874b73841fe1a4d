/* jamf/rsql.c - the filter of the inventory: comparisons with == != < <= > >= =lt= =le= =gt= =ge= =in= =out=, `*` in texts, joined
 * by ';' or " and ", ',' or " or ", grouped by parentheses. Whatever else stands there is a 400 of the caller's. */
#include "jamf.h"
#include <ctype.h>

#define MAX_VALUES 64

enum op { OP_EQ, OP_NE, OP_LT, OP_LE, OP_GT, OP_GE, OP_IN, OP_OUT };
static const struct {
    const char *text;
    enum op op;
} ops[] = {{"=lt=", OP_LT}, {"=le=", OP_LE}, {"=gt=", OP_GT}, {"=ge=", OP_GE}, {"=in=", OP_IN}, {"=out=", OP_OUT},
           {"==", OP_EQ},   {"!=", OP_NE},   {"<=", OP_LE},   {">=", OP_GE},   {"<", OP_LT},    {">", OP_GT}};

struct rsql {
    struct slice rest;
    const struct j_computer *c;
    unsigned version;
    const char *bad;
};

struct value { /* of a field of the computer */
    enum { V_TEXT, V_NUMBER, V_TIME, V_BOOL } kind;
    const char *text; /* NULL: null */
    int64_t number;   /* NUMBER, BOOL */
    usec_t time;      /* USEC_NONE: null */
};

static bool field_value(const struct rsql *q, struct slice name, struct value *ret)
{
    static const struct {
        const char *name;
        enum j_field field;
    } texts[] = {{"udid", JF_UDID},
                 {"general.name", JF_NAME},
                 {"general.assetTag", JF_ASSET_TAG},
                 {"general.managementId", JF_MANAGEMENT_ID},
                 {"hardware.serialNumber", JF_SERIAL},
                 {"hardware.macAddress", JF_MAC},
                 {"hardware.model", JF_MODEL},
                 {"operatingSystem.version", JF_OS_VERSION},
                 {"operatingSystem.fileVault2Status", JF_FILEVAULT},
                 {"userAndLocation.email", JF_EMAIL},
                 {"userAndLocation.username", JF_USERNAME},
                 {"userAndLocation.buildingId", JF_BUILDING},
                 {"userAndLocation.departmentId", JF_DEPARTMENT}};
    const struct j_computer *c = q->c;
    const char *contact = q->version >= 4 ? "general.lastContact" : "general.lastContactTime";
    for (size_t k = 0; k < ARRAY_LEN(texts); k++)
        if (slice_is(name, texts[k].name)) {
            *ret = (struct value){.kind = V_TEXT, .text = c->v[texts[k].field]};
            return true;
        }
    if (slice_is(name, "id"))
        *ret = (struct value){.kind = V_NUMBER, .number = c->id};
    else if (slice_is(name, "general.reportDate"))
        *ret = (struct value){.kind = V_TIME, .time = c->reported};
    else if (slice_is(name, contact))
        *ret = (struct value){.kind = V_TIME, .time = c->contact};
    else if (q->version >= 4 && slice_is(name, "general.lastCheckIn"))
        *ret = (struct value){.kind = V_TIME, .time = c->check_in};
    else if (slice_is(name, "general.remoteManagement.managed"))
        *ret = (struct value){.kind = V_BOOL, .number = c->managed};
    else
        return false;
    return true;
}

static bool fail(struct rsql *q, const char *why)
{
    if (!q->bad)
        q->bad = why;
    return false;
}

static bool like(struct slice pattern, struct slice text)
{
    while (pattern.n && *pattern.p != '*') {
        if (!text.n || tolower((unsigned char)*pattern.p) != tolower((unsigned char)*text.p))
            return false;
        pattern = slice_of(pattern.p + 1, pattern.n - 1);
        text = slice_of(text.p + 1, text.n - 1);
    }
    if (!pattern.n)
        return !text.n;
    pattern = slice_of(pattern.p + 1, pattern.n - 1);
    for (size_t skip = 0; skip <= text.n; skip++)
        if (like(pattern, slice_of(text.p + skip, text.n - skip)))
            return true;
    return false;
}

static int order(int64_t a, int64_t b)
{
    return a < b ? -1 : a > b;
}

/* <0, 0, >0; *ret_like: they are equal as patterns go. False: the operand has not the field's type. */
static bool compare(struct rsql *q, const struct value *v, struct slice operand, int *ret)
{
    usec_t t;
    int64_t n;
    switch (v->kind) {
    case V_TIME:
        if (!clock_parse_iso(operand, &t))
            return fail(q, "a date is expected");
        *ret = order(v->time - v->time % USEC_PER_MS, t);
        return true;
    case V_NUMBER:
        if (!slice_i64(operand, &n))
            return fail(q, "a number is expected");
        *ret = order(v->number, n);
        return true;
    case V_BOOL:
        if (!slice_is(operand, "true") && !slice_is(operand, "false"))
            return fail(q, "true or false is expected");
        *ret = order(v->number, slice_is(operand, "true"));
        return true;
    default:
        *ret = !v->text || !like(operand, slice_cstr(v->text));
        return true;
    }
}

static bool judge(struct rsql *q, const struct value *v, enum op op, const struct slice *operands, size_t n)
{
    bool null = v->kind == V_TEXT ? !v->text : v->kind == V_TIME && v->time == USEC_NONE, any = false;
    int o = 0;
    if (v->kind == V_TEXT && op >= OP_LT && op <= OP_GE)
        return fail(q, "texts are not ordered");
    for (size_t k = 0; k < n; k++) {
        if (!compare(q, v, operands[k], &o))
            return false;
        any |= o == 0;
    }
    switch (op) {
    case OP_EQ:
    case OP_IN:
        return !null && any;
    case OP_NE:
    case OP_OUT:
        return null || !any;
    case OP_LT:
        return !null && o < 0;
    case OP_LE:
        return !null && o <= 0;
    case OP_GT:
        return !null && o > 0;
    default:
        return !null && o >= 0;
    }
}

/* --- reading --- */

static void skip(struct rsql *q, size_t n)
{
    q->rest = slice_of(q->rest.p + n, q->rest.n - n);
}

static void skip_blanks(struct rsql *q)
{
    while (q->rest.n && *q->rest.p == ' ')
        skip(q, 1);
}

static bool take(struct rsql *q, const char *text)
{
    if (!slice_starts(q->rest, slice_cstr(text)))
        return false;
    skip(q, strlen(text));
    return true;
}

static bool operand(struct rsql *q, struct slice *ret)
{
    size_t n = 0;
    if (q->rest.n && (*q->rest.p == '"' || *q->rest.p == '\'')) {
        const char *end = memchr(q->rest.p + 1, *q->rest.p, q->rest.n - 1);
        if (!end)
            return fail(q, "a quote is not closed");
        *ret = slice_of(q->rest.p + 1, (size_t)(end - q->rest.p) - 1);
        skip(q, ret->n + 2);
        return true;
    }
    while (n < q->rest.n && !strchr("\"'();,=!~<> ", q->rest.p[n]))
        n++;
    *ret = slice_of(q->rest.p, n);
    skip(q, n);
    return n > 0 || fail(q, "a value is missing");
}

static bool operands(struct rsql *q, enum op op, struct slice *v, size_t *n)
{
    bool list = op == OP_IN || op == OP_OUT;
    *n = 0;
    if (list && !take(q, "("))
        return fail(q, "a list is expected");
    do {
        if (*n == MAX_VALUES || !operand(q, &v[*n]))
            return fail(q, "too many values");
        (*n)++;
    } while (list && take(q, ","));
    return !list || take(q, ")") || fail(q, "a list is not closed");
}

static bool any_of(struct rsql *q);

static bool term(struct rsql *q)
{
    struct slice v[MAX_VALUES], name;
    struct value value;
    size_t n = 0, k = 0;
    skip_blanks(q);
    if (take(q, "(")) {
        bool r = any_of(q);
        skip_blanks(q);
        return take(q, ")") ? r : fail(q, "a parenthesis is not closed");
    }
    while (n < q->rest.n && (isalnum((unsigned char)q->rest.p[n]) || q->rest.p[n] == '.'))
        n++;
    name = slice_of(q->rest.p, n);
    skip(q, n);
    while (k < ARRAY_LEN(ops) && !take(q, ops[k].text))
        k++;
    if (k == ARRAY_LEN(ops))
        return fail(q, "no comparison");
    if (!field_value(q, name, &value))
        return fail(q, "no such field");
    return operands(q, ops[k].op, v, &n) && judge(q, &value, ops[k].op, v, n);
}

static bool all_of(struct rsql *q)
{
    bool r = term(q);
    while (!q->bad && (take(q, ";") || take(q, " and ")))
        r &= term(q);
    return r;
}

static bool any_of(struct rsql *q)
{
    bool r = all_of(q);
    while (!q->bad && (take(q, ",") || take(q, " or ")))
        r |= all_of(q);
    return r;
}

bool j_rsql(struct slice filter, const struct j_computer *c, unsigned version, const char **bad)
{
    struct rsql q = {.rest = filter, .c = c, .version = version};
    bool r = any_of(&q);
    skip_blanks(&q);
    if (q.rest.n)
        fail(&q, "text after the end");
    *bad = q.bad;
    return !q.bad && r;
}
