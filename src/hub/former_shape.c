/* hub/former_shape.c - see former_shape.h. */
#include "hub/former_shape.h"

#include "base/utf8.h"

#include <ctype.h>

#define NONE      (-1)
#define AMBIGUOUS (-2)
#define MAX_NAME  64

const char *const former_field_names[] = {
    [FORMER_LOGIN] = "api_login", [FORMER_PASSWORD] = "api_password", [FORMER_BASE_URL] = "base_url",
    [FORMER_ENABLED] = "enabled", [FORMER_PARTNER] = "partner",       [FORMER_KEY] = "key",
    [FORMER_VALUE] = "value",     [FORMER_SETTINGS] = "settings",
};

/* What a field is called elsewhere, without case, '_' and "encrypted". The first name wins over the others; of those, two in one
 * table are ambiguous. */
static const char *const aliases[FORMER_NFIELDS][12] = {
    [FORMER_LOGIN] = {"apilogin", "login", "apiuser", "apiusername", "username", "user", "mbslogin", "mspbackupslogin"},
    [FORMER_PASSWORD] = {"apipassword", "password", "apisecret", "secret", "apikey", "apipass", "mbspassword",
                         "mspbackupspassword"},
    [FORMER_BASE_URL] = {"baseurl", "apiurl", "url", "endpoint", "apibaseurl", "apiendpoint"},
    [FORMER_ENABLED] = {"enabled", "isenabled", "active", "isactive"},
    [FORMER_PARTNER] = {"partnerid", "partner", "tenantid", "tenant", "mspid", "msp", "companyid", "company"},
    [FORMER_KEY] = {"key", "name", "settingkey", "settingname", "setting", "configkey"},
    [FORMER_VALUE] = {"value", "settingvalue", "configvalue"},
    [FORMER_SETTINGS] = {"settings", "config", "data", "credentials", "configuration", "fields"},
};

/* --- names --- */

static struct slice normalise(struct slice name, char buf[MAX_NAME])
{
    const struct slice word = SLICE("encrypted");
    struct slice s = slice_of(buf, 0);
    for (size_t i = 0; i < name.n && s.n < MAX_NAME; i++)
        if (isalnum((unsigned char)name.p[i]))
            buf[s.n++] = (char)tolower((unsigned char)name.p[i]);
    if (s.n > word.n && slice_starts(s, word))
        return slice_of(s.p + word.n, s.n - word.n);
    if (s.n > word.n && slice_ends(s, word))
        s.n -= word.n;
    return s;
}

/* How good a name is for the field: 0 not at all, 2 the first of its names. */
static unsigned fits(enum former_field f, struct slice name)
{
    char buf[MAX_NAME];
    struct slice plain = normalise(name, buf);
    for (size_t i = 0; i < ARRAY_LEN(aliases[f]) && aliases[f][i]; i++)
        if (slice_is(plain, aliases[f][i]))
            return i == 0 ? 2 : 1;
    return 0;
}

static void consider(int *best, unsigned *best_fit, int at, unsigned fit)
{
    if (fit == 0 || fit < *best_fit)
        return;
    *best = fit == *best_fit ? AMBIGUOUS : at;
    *best_fit = fit;
}

static bool is_json(const struct former_column *c)
{
    return slice_is(c->type, "json") || slice_is(c->type, "jsonb");
}

static int find_column(const struct former_table *t, enum former_field f)
{
    int best = NONE;
    unsigned best_fit = 0;
    for (size_t i = 0; i < t->ncolumns; i++)
        if (f != FORMER_SETTINGS || is_json(&t->columns[i]))
            consider(&best, &best_fit, (int)i, fits(f, t->columns[i].name));
    return best;
}

/* --- the shape --- */

static bool wrong(const struct former_table *t, const char *what, enum former_field f, struct err *e)
{
    _cleanup_(str_release) struct str names = {0};
    for (size_t i = 0; i < t->ncolumns; i++)
        str_addf(&names, "%s%.*s", i ? ", " : "", SLICE_FMT(t->columns[i].name));
    return err_set(e, ERR_INPUT, "%s %s; say which by --column %s=COLUMN. There are: %s", what, former_field_names[f],
                   former_field_names[f], names.p ? names.p : "");
}

static bool choose(const struct former_table *t, struct slice pair, struct former_shape *s, struct err *e)
{
    struct slice theirs = pair, ours = slice_trim(slice_cut(&theirs, '='));
    theirs = slice_trim(theirs);
    size_t f = 0, i = 0;
    while (f < FORMER_NFIELDS && !slice_is(ours, former_field_names[f]))
        f++;
    if (f == FORMER_NFIELDS)
        return err_set(e, ERR_INPUT,
                       "--column: \"%.*s\" is none of partner, api_login, api_password, base_url, enabled, key, value, "
                       "settings",
                       SLICE_FMT(ours));
    while (i < t->ncolumns && !slice_eq(theirs, t->columns[i].name))
        i++;
    if (i == t->ncolumns)
        return wrong(t, "--column names a column that is not there for", (enum former_field)f, e);
    s->column[f] = (int)i;
    return true;
}

static bool demand(const struct former_table *t, const struct former_shape *s, enum former_field f, struct err *e)
{
    if (s->column[f] == AMBIGUOUS)
        return wrong(t, "more than one column could be", f, e);
    return s->column[f] != NONE || wrong(t, "no column looks like", f, e);
}

bool former_shape_find(const struct former_table *t, struct slice choice, bool one_partner, struct former_shape *ret,
                       struct err *e)
{
    struct former_shape s = {0};
    for (size_t f = 0; f < FORMER_NFIELDS; f++)
        s.column[f] = NONE;
    while (choice.n)
        if (!choose(t, slice_cut(&choice, ','), &s, e))
            return false;
    for (size_t f = 0; f < FORMER_NFIELDS; f++)
        if (s.column[f] == NONE)
            s.column[f] = find_column(t, (enum former_field)f);

    bool credentials = s.column[FORMER_LOGIN] != NONE && s.column[FORMER_PASSWORD] != NONE;
    if (credentials)
        s.kind = FORMER_COLUMNS;
    else if (s.column[FORMER_SETTINGS] != NONE)
        s.kind = FORMER_JSON;
    else if (s.column[FORMER_KEY] != NONE && s.column[FORMER_VALUE] != NONE)
        s.kind = FORMER_ROWS;
    else
        return demand(t, &s, FORMER_LOGIN, e) && demand(t, &s, FORMER_PASSWORD, e);

    static const enum former_field needed[][2] = {
        [FORMER_COLUMNS] = {FORMER_LOGIN, FORMER_PASSWORD},
        [FORMER_ROWS] = {FORMER_KEY, FORMER_VALUE},
        [FORMER_JSON] = {FORMER_SETTINGS, FORMER_SETTINGS},
    };
    if (!demand(t, &s, needed[s.kind][0], e) || !demand(t, &s, needed[s.kind][1], e) ||
        ((!one_partner || s.column[FORMER_PARTNER] != NONE) && !demand(t, &s, FORMER_PARTNER, e)))
        return false;
    for (size_t f = FORMER_BASE_URL; f <= FORMER_ENABLED; f++)
        if (s.column[f] == AMBIGUOUS)
            return demand(t, &s, (enum former_field)f, e);
    *ret = s;
    return true;
}

/* --- values --- */

struct reading {
    const struct former_table *table;
    const struct former_shape *shape;
    const struct foreign_keys *keys;
    struct arena *arena;
    struct former_partner *partners;
    size_t n;
};

static void problem(struct reading *r, struct former_partner *p, const char *where, const char *what)
{
    p->problem = p->problem ? arena_printf(r->arena, "%s; %s %s", p->problem, where, what)
                            : arena_printf(r->arena, "%s %s", where, what);
}

static struct slice keep(struct reading *r, struct slice s)
{
    return slice_of(arena_strndup(r->arena, s.p, s.n), s.n);
}

/* False: there is none. to_jsonb() writes bytea as "\x…". */
static bool raw_value(struct reading *r, const struct json *j, bool bytes, struct slice *ret)
{
    if (!j || j->type == JSON_NULL)
        return false;
    if (j->type == JSON_BOOL)
        *ret = j->boolean ? SLICE("true") : SLICE("false");
    else
        *ret = j->text;
    if (bytes && slice_starts(*ret, SLICE("\\x"))) {
        struct str raw = {0};
        if (crypto_unhex(slice_of(ret->p + 2, ret->n - 2), &raw))
            *ret = keep(r, slice_of(raw.p ? raw.p : "", raw.n));
        crypto_wipe(raw.p, raw.cap);
        str_release(&raw);
    }
    return ret->n != 0;
}

static bool open_value(struct reading *r, struct former_partner *p, const char *where, struct slice *value)
{
    _cleanup_(secret_freep) struct secret *plain = NULL;
    struct err e = {0};
    if (!foreign_open(r->keys, *value, &plain, &e)) {
        problem(r, p, where, e.what);
        return false;
    }
    struct slice text = secret_text(plain);
    if (!utf8_valid(text) || memchr(text.p, 0, text.n)) {
        problem(r, p, where, "holds bytes that are no text");
        return false;
    }
    *value = keep(r, text);
    return true;
}

static void take_value(struct reading *r, struct former_partner *p, enum former_field f, const char *where,
                       const struct json *j, bool bytes)
{
    struct slice value;
    if (j && (j->type == JSON_OBJECT || j->type == JSON_ARRAY))
        problem(r, p, where, "is no single value");
    else if (raw_value(r, j, bytes, &value) && p->values[f].p)
        problem(r, p, where, "is there twice");
    else if (raw_value(r, j, bytes, &value) && open_value(r, p, where, &value))
        p->values[f] = value;
}

static bool is_bytes(const struct reading *r, int column)
{
    return slice_is(r->table->columns[column].type, "bytea");
}

static const struct json *cell(const struct reading *r, const struct json *row, int column)
{
    const struct json *j = row->child;
    while (j && !slice_eq(j->key, r->table->columns[column].name))
        j = j->next;
    return j;
}

static void take_column(struct reading *r, struct former_partner *p, enum former_field f, const struct json *row)
{
    int c = r->shape->column[f];
    if (c >= 0)
        take_value(r, p, f, r->table->columns[c].name.p, cell(r, row, c), is_bytes(r, c));
}

/* --- rows of each shape --- */

static void read_columns(struct reading *r, struct former_partner *p, const struct json *row)
{
    for (size_t f = 0; f < FORMER_NVALUES; f++)
        take_column(r, p, (enum former_field)f, row);
}

static void read_setting(struct reading *r, struct former_partner *p, const struct json *row)
{
    struct slice key;
    int c = r->shape->column[FORMER_VALUE];
    if (!raw_value(r, cell(r, row, r->shape->column[FORMER_KEY]), false, &key))
        return;
    for (size_t f = 0; f < FORMER_NVALUES; f++)
        if (fits((enum former_field)f, key))
            take_value(r, p, (enum former_field)f, former_field_names[f], cell(r, row, c), is_bytes(r, c));
}

/* The object itself, or a text that is one, in plain or encrypted. */
static const struct json *settings_object(struct reading *r, struct former_partner *p, const struct json *row)
{
    int c = r->shape->column[FORMER_SETTINGS];
    const char *where = r->table->columns[c].name.p;
    const struct json *j = cell(r, row, c);
    struct slice text;
    struct json *parsed = NULL;
    if (j && j->type == JSON_STRING && raw_value(r, j, is_bytes(r, c), &text)) {
        if (!open_value(r, p, where, &text))
            return NULL;
        j = json_parse(r->arena, text, &parsed, NULL) ? parsed : NULL;
    }
    if (j && j->type == JSON_OBJECT)
        return j;
    problem(r, p, where, "is no JSON object");
    return NULL;
}

static void read_json(struct reading *r, struct former_partner *p, const struct json *row)
{
    const struct json *object = settings_object(r, p, row);
    for (size_t f = 0; object && f < FORMER_NVALUES; f++) {
        int best = NONE, at = 0;
        unsigned best_fit = 0;
        const struct json *found = NULL;
        for (const struct json *m = object->child; m; m = m->next, at++) {
            consider(&best, &best_fit, at, fits((enum former_field)f, m->key));
            found = best == at ? m : found;
        }
        if (best == AMBIGUOUS)
            problem(r, p, former_field_names[f], "could be more than one member");
        else if (best != NONE)
            take_value(r, p, (enum former_field)f, former_field_names[f], found, false);
    }
    for (size_t f = FORMER_BASE_URL; f <= FORMER_ENABLED; f++)
        if (!p->values[f].p)
            take_column(r, p, (enum former_field)f, row);
}

static struct former_partner *partner_of(struct reading *r, const struct json *row)
{
    struct slice name = SLICE("");
    int c = r->shape->column[FORMER_PARTNER];
    if (c >= 0 && !raw_value(r, cell(r, row, c), false, &name))
        name = SLICE("");
    for (size_t i = 0; i < r->n; i++)
        if (slice_eq(r->partners[i].partner, name))
            return &r->partners[i];
    r->partners[r->n] = (struct former_partner){.partner = name};
    return &r->partners[r->n++];
}

size_t former_partners_read(const struct former_table *t, const struct former_shape *shape,
                            const struct foreign_keys *keys, struct arena *a, struct former_partner **ret)
{
    static void (*const read[])(struct reading *, struct former_partner *, const struct json *) = {
        [FORMER_COLUMNS] = read_columns,
        [FORMER_ROWS] = read_setting,
        [FORMER_JSON] = read_json,
    };
    struct reading r = {t, shape, keys, a, arena_alloc(a, (t->nrows + 1) * sizeof *r.partners), 0};
    for (size_t i = 0; i < t->nrows; i++) {
        struct former_partner *p = partner_of(&r, t->rows[i]);
        if (++p->rows == 1 || shape->kind == FORMER_ROWS)
            read[shape->kind](&r, p, t->rows[i]);
        else if (p->rows == 2)
            problem(&r, p, "it", "has more than one row, and a tenant has one account");
    }
    for (size_t i = 0; i < r.n; i++)
        if (shape->column[FORMER_PARTNER] >= 0 && r.partners[i].partner.n == 0)
            problem(&r, &r.partners[i], "it", "is a row without a partner");
    *ret = r.partners;
    return r.n;
}
