/* hub/import_mspbackups.c - see import_mspbackups.h.
 * Owns:   the rows and the opened values, in an arena that is wiped at the end. */
#include "hub/import_mspbackups.h"

#include "hub/configure.h"
#include "hub/former_shape.h"
#include "store/former_pgp.h"
#include "store/tenant.h"

#include <inttypes.h>
#include <stdlib.h>

struct takeover {
    struct takeover_input in;
    const struct provider *provider;
    struct arena *arena;
    struct former_table table;
    struct former_partner *partners;
    struct takeover_line *lines;
    int64_t *tenants; /* a partner each; 0: none */
    size_t n, at;     /* `at`: whose turn it is */
    struct integration *existing;
    struct takeover_report report;
};

static void step_tenant(struct takeover *t);
static void step_existing(struct takeover *t);
static void step_verify(struct takeover *t);

static void finish(struct takeover *t, const struct err *e)
{
    t->report.lines = t->lines;
    t->report.n = t->n;
    t->in.done(t->in.arg, &t->report, e);
    for (size_t i = 0; i < t->n; i++)
        free(t->lines[i].why);
    free(t->lines);
    free(t->tenants);
    integration_unref(t->existing);
    arena_wipe(t->arena);
    arena_free(t->arena);
    free(t);
}

PRINTF_LIKE(3, 4)
static void judge(struct takeover_line *l, enum takeover_outcome outcome, const char *fmt, ...)
{
    struct str why = {0};
    va_list ap;
    va_start(ap, fmt);
    str_addv(&why, fmt, ap);
    va_end(ap);
    free(l->why);
    l->why = str_take(&why);
    l->outcome = outcome;
}

/* --- what the source says --- */

static struct slice wanted(const struct takeover *t, size_t i, enum former_field f)
{
    struct slice v = t->partners[i].values[f];
    for (size_t k = 0; !v.p && k < t->provider->nfields; k++)
        if (strcmp(t->provider->fields[k].key, former_field_names[f]) == 0)
            v = slice_cstr(t->provider->fields[k].fallback);
    return v;
}

/* False: it says neither yes nor no. */
static bool wanted_enabled(const struct takeover *t, size_t i, enum tri *ret)
{
    static const char *const words[][6] = {{"false", "no", "0", "f", "off", "n"}, {"true", "yes", "1", "t", "on", "y"}};
    struct slice v = t->partners[i].values[FORMER_ENABLED];
    *ret = TRI_UNKNOWN;
    for (size_t k = 0; v.p && k < ARRAY_LEN(words[0]); k++)
        if (slice_ieq(v, slice_cstr(words[0][k])) || slice_ieq(v, slice_cstr(words[1][k])))
            *ret = slice_ieq(v, slice_cstr(words[1][k])) ? TRI_YES : TRI_NO;
    return !v.p || *ret != TRI_UNKNOWN;
}

static void check_source(struct takeover *t, size_t i)
{
    const struct former_partner *p = &t->partners[i];
    struct takeover_line *l = &t->lines[i];
    enum tri enabled;
    if (p->problem)
        judge(l, TAKEOVER_REFUSED, "%s", p->problem);
    else if (!p->values[FORMER_LOGIN].p || !p->values[FORMER_PASSWORD].p)
        judge(l, TAKEOVER_REFUSED, "there is no %s",
              former_field_names[p->values[FORMER_LOGIN].p ? FORMER_PASSWORD : FORMER_LOGIN]);
    else if (secret_is_mask(p->values[FORMER_PASSWORD]))
        judge(l, TAKEOVER_REFUSED, "api_password is a mask, not the password");
    else if (!wanted_enabled(t, i, &enabled))
        judge(l, TAKEOVER_REFUSED, "enabled is neither yes nor no");
}

/* --- what is there now --- */

/* Of the values that the source has; *ret_n: how many those are. */
static size_t count_equal(const struct takeover *t, size_t i, const struct integration *it, size_t *ret_n)
{
    size_t n = 0, equal = 0;
    enum tri enabled;
    for (size_t f = 0; f < FORMER_ENABLED; f++)
        if (t->partners[i].values[f].p) {
            n++;
            equal += it && it->settings &&
                     slice_eq(settings_text(it->settings, former_field_names[f]), t->partners[i].values[f]);
        }
    if (wanted_enabled(t, i, &enabled) && enabled != TRI_UNKNOWN) {
        n++;
        equal += it && it->enabled == (enabled == TRI_YES);
    }
    *ret_n = n;
    return equal;
}

static bool is_same(const struct takeover *t, size_t i, const struct integration *it)
{
    size_t n;
    return it->settings && !it->unusable && count_equal(t, i, it, &n) == n &&
           slice_eq(settings_text(it->settings, former_field_names[FORMER_BASE_URL]), wanted(t, i, FORMER_BASE_URL));
}

static struct integration *read_existing(const struct takeover *t, const struct pg_reply *r)
{
    struct integration_row row;
    if (pg_nrows(r, 0) == 0)
        return NULL;
    integration_row_read(r, 0, 0, &row);
    return integration_from_row(t->in.h, &row);
}

static void submit_existing(struct takeover *t, pg_cb *cb)
{
    int64_t tenant = t->tenants[t->at];
    struct pg_seg *s = pg_seg_new(t->in.h->db, tenant);
    integration_add_by_key(s, tenant, slice_cstr(t->provider->key), SLICE(""));
    pg_submit(s, cb, t);
}

/* --- VERIFY --- */

static void on_verified(void *arg, const struct pg_reply *r)
{
    struct takeover *t = arg;
    size_t n = 0;
    if (pg_reply_err(r)) {
        finish(t, pg_reply_err(r));
        return;
    }
    struct integration *it = read_existing(t, r);
    size_t equal = count_equal(t, t->at, it, &n);
    integration_unref(it);
    t->report.values += n;
    t->report.equal += equal;
    if (equal != n)
        judge(&t->lines[t->at], t->lines[t->at].outcome, "%zu of its %zu values are stored otherwise", n - equal, n);
    t->at++;
    step_verify(t);
}

static void step_verify(struct takeover *t)
{
    while (t->at < t->n && t->lines[t->at].outcome < TAKEOVER_IMPORTED)
        t->at++;
    if (t->at == t->n || t->in.dry_run)
        finish(t, NULL);
    else
        submit_existing(t, on_verified);
}

/* --- CONFIGURE --- */

static void next_existing(struct takeover *t)
{
    integration_unref(TAKE(t->existing));
    t->at++;
    step_existing(t);
}

static void refuse(struct takeover_line *l, const struct configure_faults *faults, const struct err *e)
{
    _cleanup_(str_release) struct str why = {0};
    for (size_t i = 0; faults && i < faults->n; i++)
        str_addf(&why, "%s%s %s", i ? "; " : "", faults->v[i].pointer + (*faults->v[i].pointer == '/'),
                 faults->v[i].detail);
    judge(l, TAKEOVER_REFUSED, "%s", why.n ? why.p : e->what);
}

static void on_configured(void *arg, struct integration *it, bool created, const struct configure_faults *faults,
                          const struct err *e)
{
    struct takeover *t = arg;
    struct takeover_line *l = &t->lines[t->at];
    if (e && e->code != ERR_INPUT && e->code != ERR_CONFLICT) {
        judge(l, TAKEOVER_REFUSED, "%s", e->what);
        finish(t, e);
        return;
    }
    if (e)
        refuse(l, faults, e);
    else
        l->outcome = t->existing ? TAKEOVER_REPLACED : TAKEOVER_IMPORTED;
    next_existing(t);
}

static bool is_ours(struct slice key)
{
    for (size_t f = 0; f < FORMER_ENABLED; f++)
        if (slice_is(key, former_field_names[f]))
            return true;
    return false;
}

/* Settings that the source knows nothing of stay as they are. */
static void write_kept(struct takeover *t, struct jw *w)
{
    _cleanup_(str_release) struct str text = {0}, value = {0};
    struct jw all;
    struct json *tree;
    struct err e = {0};
    if (!t->existing || !t->existing->settings)
        return;
    jw_init(&all, &text);
    configure_write_settings(t->existing, &all);
    jw_done(&all);
    if (!json_parse(t->arena, str_slice(&text), &tree, &e))
        return; /* cannot be: it was written just now */
    for (const struct json *m = tree->child; m; m = m->next) {
        if (is_ours(m->key))
            continue;
        str_clear(&value);
        json_write(m, &value);
        jw_key_text(w, m->key);
        jw_raw(w, str_slice(&value));
    }
}

static bool write_settings(struct takeover *t, struct json **ret, struct err *e)
{
    const struct former_partner *p = &t->partners[t->at];
    struct str text = {0};
    struct jw w;
    size_t room = 4096;
    for (size_t f = 0; f < FORMER_ENABLED; f++)
        room += 6 * p->values[f].n; /* never moves: no copy of a secret stays behind */
    str_reserve(&text, room);
    jw_init(&w, &text);
    jw_object(&w);
    for (size_t f = 0; f < FORMER_ENABLED; f++)
        if (p->values[f].p)
            jw_key_slice(&w, former_field_names[f], p->values[f]);
    write_kept(t, &w);
    jw_end(&w);
    jw_done(&w);
    bool good = json_parse(t->arena, str_slice(&text), ret, e);
    crypto_wipe(text.p, text.cap);
    str_release(&text);
    return good;
}

static void step_configure(struct takeover *t)
{
    struct takeover_line *l = &t->lines[t->at];
    struct configure_input in = {
        .tenant_id = t->tenants[t->at],
        .provider = t->provider,
        .name = SLICE(""),
        .mode = t->in.dry_run ? CONFIGURE_TRY
                : t->existing ? CONFIGURE_UPDATE
                              : CONFIGURE_CREATE,
        .version = t->existing ? t->existing->version : 0,
        .by = t->in.who,
    };
    struct json *settings = NULL;
    struct err e = {0};
    wanted_enabled(t, t->at, &in.enabled);
    if (!write_settings(t, &settings, &e)) {
        judge(l, TAKEOVER_REFUSED, "%s", e.what);
        next_existing(t);
        return;
    }
    in.settings = settings;
    configure(t->in.h, &in, on_configured, t);
}

/* --- EXISTING --- */

static void on_existing(void *arg, const struct pg_reply *r)
{
    struct takeover *t = arg;
    struct takeover_line *l = &t->lines[t->at];
    if (pg_reply_err(r)) {
        finish(t, pg_reply_err(r));
        return;
    }
    t->existing = read_existing(t, r);
    if (t->existing && is_same(t, t->at, t->existing)) {
        l->outcome = TAKEOVER_UNCHANGED;
        next_existing(t);
    } else if (t->existing && !t->in.replace) {
        judge(l, TAKEOVER_REFUSED, "the tenant has an integration %s with other values; --replace overwrites them",
              t->existing->key);
        next_existing(t);
    } else {
        step_configure(t);
    }
}

static void step_existing(struct takeover *t)
{
    while (t->at < t->n && (t->lines[t->at].why || !t->tenants[t->at]))
        t->at++;
    if (t->at < t->n) {
        submit_existing(t, on_existing);
        return;
    }
    t->at = 0;
    step_verify(t);
}

/* --- TENANT --- */

static struct slice tenant_name(const struct takeover *t, size_t i)
{
    struct slice partner = t->partners[i].partner;
    if (t->in.tenant.p)
        return t->in.tenant;
    if (!t->in.mapped)
        return partner;
    for (size_t k = 0; k < t->in.nmap; k++)
        if (slice_eq(t->in.map[k].partner, partner))
            return t->in.map[k].tenant;
    return SLICE_NONE;
}

/* A tenant has one account: two partners of one tenant are both refused. */
static void check_doubles(struct takeover *t)
{
    for (size_t i = 0; i < t->n; i++)
        for (size_t k = 0; k < t->n; k++)
            if (i != k && t->tenants[i] && t->tenants[i] == t->tenants[k])
                judge(&t->lines[i], TAKEOVER_REFUSED, "the partner %.*s has the same tenant",
                      SLICE_FMT(t->partners[k].partner));
}

static void next_tenant(struct takeover *t)
{
    if (++t->at < t->n) {
        step_tenant(t);
        return;
    }
    for (size_t i = 0; i < t->n; i++)
        if (t->tenants[i])
            check_source(t, i);
    check_doubles(t);
    t->at = 0;
    step_existing(t);
}

static void on_tenant(void *arg, const struct pg_reply *r)
{
    struct takeover *t = arg;
    struct takeover_line *l = &t->lines[t->at];
    struct tenant_row found = {0};
    if (pg_reply_err(r)) {
        finish(t, pg_reply_err(r));
        return;
    }
    if (pg_nrows(r, 0))
        tenant_read(r, 0, &found);
    if (!found.tenant_id) {
        judge(l, TAKEOVER_SKIPPED, "no tenant has the slug \"%.*s\"; name its tenant in a file for --tenant-map",
              SLICE_FMT(tenant_name(t, t->at)));
    } else if (found.status == TENANT_DELETING) {
        judge(l, TAKEOVER_SKIPPED, "the tenant %s is being deleted", found.slug);
    } else {
        t->tenants[t->at] = found.tenant_id;
        snprintf(l->tenant, sizeof l->tenant, "%s", found.slug);
    }
    next_tenant(t);
}

static void step_tenant(struct takeover *t)
{
    struct slice name = tenant_name(t, t->at);
    if (!name.p) {
        judge(&t->lines[t->at], TAKEOVER_SKIPPED, "the map names no tenant for it");
        next_tenant(t);
        return;
    }
    struct pg_seg *s = pg_seg_new(t->in.h->db, PG_ALL_TENANTS);
    tenant_add_find(s, 0, name);
    pg_submit(s, on_tenant, t);
}

/* --- READ --- */

static bool take_rows(struct takeover *t, struct err *e)
{
    struct former_shape shape;
    if (!former_shape_find(&t->table, t->in.columns, t->in.tenant.p != NULL, &shape, e))
        return false;
    size_t n = former_partners_read(&t->table, &shape, t->in.keys, t->arena, &t->partners);
    if (n == 0)
        return err_set(e, ERR_INPUT, "the table %.*s is empty", SLICE_FMT(t->in.table));
    if (t->in.tenant.p && n > 1)
        return err_set(e, ERR_INPUT,
                       "the table has %zu partners, and --tenant is for one; name each one's tenant by --tenant-map",
                       n);
    t->n = n;
    t->lines = mem_realloc_array(NULL, n, sizeof *t->lines);
    t->tenants = mem_realloc_array(NULL, n, sizeof *t->tenants);
    for (size_t i = 0; i < n; i++) {
        t->lines[i] = (struct takeover_line){.partner = t->partners[i].partner};
        t->tenants[i] = 0;
    }
    return true;
}

static void on_opened(void *arg, const struct err *e)
{
    struct takeover *t = arg;
    struct err why = {0};
    if (!e && !take_rows(t, &why))
        e = &why;
    if (e)
        finish(t, e);
    else
        step_tenant(t);
}

static void on_rows(void *arg, const struct former_table *table, const struct err *e)
{
    struct takeover *t = arg;
    if (e) {
        finish(t, e);
        return;
    }
    t->table = *table;
    struct slice passphrase = secret_text(t->in.keys->passphrase);
    if (!passphrase.p || !former_pgp_open(t->in.source, &t->table, passphrase, t->arena, on_opened, t))
        on_opened(t, NULL);
}

void takeover_start(const struct takeover_input *in)
{
    struct takeover *t = NEW(struct takeover);
    t->in = *in;
    t->provider = provider_find(SLICE("msp360"));
    t->arena = arena_new();
    former_read(in->source, in->table, t->arena, on_rows, t);
}
