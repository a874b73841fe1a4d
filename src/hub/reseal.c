/* hub/reseal.c - see reseal.h.
 * States: (TENANT -> READ -> WRITE -> READ … -> TENANT)* -> PAUSE -> TENANT (the next pass) … -> done
 * Owns:   the changes of one batch, the report. Plain text lives in a struct secret for the length of one call. */
#include "hub/reseal.h"

#include "base/json_read.h"
#include "base/json_write.h"
#include "base/mem.h"
#include "hub/integration.h"
#include "store/sealed.h"

#include <stdlib.h>

#define BATCH      200 /* rows of each place in one transaction */
#define MAX_PASSES 10  /* the last one only looks */
#define PAUSE      SECONDS(1)

struct reseal {
    struct reseal_input in;
    unsigned pass;
    uint64_t changed, missed; /* in this pass: rows written, rows that were no longer as read */
    int64_t tenant;
    char *slug;
    uint64_t tenant_resealed;
    struct {
        bool more;
        int64_t after;
        struct sealed_changes changes;
        unsigned stmt;
    } at[SEALED_MAX_PLACES];
    struct timer pause;
    bool stopping;
    struct reseal_report report;
};

static void step_tenant(struct reseal *r);
static void step_read(struct reseal *r);

/* --- the report --- */

static void report_clear(struct reseal_report *p)
{
    for (size_t i = 0; i < p->nkeys; i++)
        free(p->keys[i].id);
    for (size_t i = 0; i < MIN(p->nunopened, RESEAL_MAX_SHOWN); i++) {
        free(p->unopened[i].tenant);
        free(p->unopened[i].what);
        free(p->unopened[i].field);
        free(p->unopened[i].why);
    }
    free(p->keys);
    free(p->unopened);
    *p = (struct reseal_report){.resealed = p->resealed, .interrupted = p->interrupted};
}

static void count_key(struct reseal *r, struct slice id)
{
    struct reseal_report *p = &r->report;
    p->old += !slice_is(id, keyring_current_id(r->in.keyring));
    for (size_t i = 0; i < p->nkeys; i++)
        if (slice_is(id, p->keys[i].id)) {
            p->keys[i].n++;
            return;
        }
    p->keys = mem_realloc_array(p->keys, p->nkeys + 1, sizeof *p->keys);
    p->keys[p->nkeys++] = (struct reseal_key){mem_strndup(id.p, id.n), 1};
}

static void note_unopened(struct reseal *r, const struct sealed_row *row, struct slice field, const struct err *why)
{
    struct reseal_report *p = &r->report;
    if (p->nunopened++ >= RESEAL_MAX_SHOWN)
        return;
    p->unopened = mem_realloc_array(p->unopened, p->nunopened, sizeof *p->unopened);
    p->unopened[p->nunopened - 1] = (struct reseal_unopened){
        mem_strdup(r->slug),
        mem_strndup(row->label.p ? row->label.p : "", row->label.n),
        mem_strndup(field.p, field.n),
        mem_strdup(why->what),
    };
}

static void finish(struct reseal *r, const struct err *e)
{
    r->in.done(r->in.arg, &r->report, e);
}

/* --- values --- */

static bool is_writing(const struct reseal *r)
{
    return !r->in.dry_run && r->pass < MAX_PASSES;
}

/* True: *ret is to be stored in its place. */
static bool visit_value(struct reseal *r, const struct sealed_row *row, struct slice field, struct slice sealed,
                        struct str *ret)
{
    _cleanup_(secret_freep) struct secret *plain = NULL;
    _cleanup_(str_release) struct str context = {0};
    struct err e = {0};
    str_addf(&context, "%lld/%lld/%.*s", (long long)r->tenant, (long long)row->id, SLICE_FMT(field));
    if (!unseal(r->in.keyring, sealed, str_slice(&context), &plain, &e)) {
        note_unopened(r, row, field, &e);
        return false;
    }
    struct slice id = sealed_key_id(sealed);
    count_key(r, id);
    if (!is_writing(r) || slice_is(id, keyring_current_id(r->in.keyring)))
        return false;
    return seal(r->in.keyring, secret_text(plain), str_slice(&context), ret, &e);
}

/* The provider's fields tell; what this build does not know is told by its form. */
static bool is_secret(const struct provider *p, const struct json *member)
{
    if (member->type != JSON_STRING || member->text.n == 0)
        return false;
    for (size_t i = 0; p && i < p->nfields; i++)
        if (slice_is(member->key, p->fields[i].key))
            return p->fields[i].kind == FIELD_INPUT_SECRET;
    return sealed_key_id(member->text).p != NULL;
}

static void add_member(struct jw *w, struct slice key, struct slice text)
{
    jw_key_text(w, key);
    jw_slice(w, text);
}

static void visit_members(struct reseal *r, const struct sealed_row *row, struct sealed_changes *changes)
{
    _cleanup_(arena_freep) struct arena *a = arena_new();
    _cleanup_(str_release) struct str old = {0}, fresh = {0}, sealed = {0};
    struct jw w_old, w_fresh;
    struct json *tree;
    struct err e = {0};
    size_t values = 0;
    const struct provider *p = provider_find(row->provider);
    if (!json_parse(a, row->value, &tree, &e)) {
        note_unopened(r, row, SLICE("settings"), &e);
        return;
    }
    jw_init(&w_old, &old);
    jw_init(&w_fresh, &fresh);
    jw_object(&w_old);
    jw_object(&w_fresh);
    for (const struct json *m = tree->child; m; m = m->next) {
        str_clear(&sealed);
        if (!is_secret(p, m) || !visit_value(r, row, m->key, m->text, &sealed))
            continue;
        add_member(&w_old, m->key, m->text);
        add_member(&w_fresh, m->key, str_slice(&sealed));
        values++;
    }
    jw_end(&w_old);
    jw_end(&w_fresh);
    if (values)
        sealed_changes_add(changes, row->id, str_slice(&old), str_slice(&fresh), values);
}

static void visit_row(struct reseal *r, size_t place, const struct sealed_row *row)
{
    _cleanup_(str_release) struct str sealed = {0};
    const char *field = sealed_places[place].field;
    if (!field)
        visit_members(r, row, &r->at[place].changes);
    else if (visit_value(r, row, slice_cstr(field), row->value, &sealed))
        sealed_changes_add(&r->at[place].changes, row->id, row->value, str_slice(&sealed), 1);
}

/* --- a batch --- */

static void on_written(void *arg, const struct pg_reply *reply)
{
    struct reseal *r = arg;
    const struct err *e = pg_reply_err(reply);
    for (size_t i = 0; i < sealed_nplaces; i++) {
        struct sealed_changes *c = &r->at[i].changes;
        if (!e && c->values) {
            uint64_t rows = (uint64_t)pg_affected(reply, r->at[i].stmt);
            r->changed += rows;
            r->missed += c->ids.n - rows;
            r->tenant_resealed += rows == c->ids.n ? c->values : rows;
        }
        sealed_changes_release(c);
    }
    if (e)
        finish(r, e);
    else
        step_read(r);
}

static void add_audit(const struct reseal *r, struct pg_seg *s, size_t values)
{
    _cleanup_(str_release) struct str after = {0};
    struct jw w;
    jw_init(&w, &after);
    jw_object(&w);
    jw_key_str(&w, "key", keyring_current_id(r->in.keyring));
    jw_key_i64(&w, "values", (int64_t)values);
    jw_end(&w);
    audit_add(s, &(struct audit_entry){.tenant_id = r->tenant,
                                       .action = "secrets.resealed",
                                       .target_type = "tenant",
                                       .target = slice_cstr(r->slug),
                                       .target_id = r->tenant,
                                       .after = str_slice(&after)});
}

static void step_write(struct reseal *r)
{
    struct pg_seg *s = pg_seg_new(r->in.db, r->tenant);
    size_t values = 0;
    audit_by(s, r->in.who);
    audit_off(s);
    for (size_t i = 0; i < sealed_nplaces; i++)
        if (r->at[i].changes.values) {
            r->at[i].stmt = sealed_add_put(s, &sealed_places[i], r->tenant, &r->at[i].changes);
            values += r->at[i].changes.values;
        }
    add_audit(r, s, values);
    pg_submit(s, on_written, r);
}

static void on_rows(void *arg, const struct pg_reply *reply)
{
    struct reseal *r = arg;
    size_t values = 0;
    if (pg_reply_err(reply)) {
        finish(r, pg_reply_err(reply));
        return;
    }
    for (size_t i = 0; i < sealed_nplaces; i++) {
        if (!r->at[i].more)
            continue;
        size_t n = pg_nrows(reply, r->at[i].stmt);
        sealed_changes_init(&r->at[i].changes);
        for (size_t k = 0; k < n; k++) {
            struct sealed_row row;
            sealed_row_read(reply, r->at[i].stmt, k, &row);
            visit_row(r, i, &row);
            r->at[i].after = row.id;
        }
        r->at[i].more = n == BATCH;
        values += r->at[i].changes.values;
    }
    if (values) {
        step_write(r);
        return;
    }
    for (size_t i = 0; i < sealed_nplaces; i++)
        sealed_changes_release(&r->at[i].changes);
    step_read(r);
}

static void step_read(struct reseal *r)
{
    bool any = false;
    for (size_t i = 0; i < sealed_nplaces; i++)
        any |= r->at[i].more;
    if (!any || r->stopping) {
        step_tenant(r);
        return;
    }
    struct pg_seg *s = pg_seg_new(r->in.db, r->tenant);
    for (size_t i = 0; i < sealed_nplaces; i++)
        if (r->at[i].more)
            r->at[i].stmt = sealed_add_list(s, &sealed_places[i], r->tenant, r->at[i].after, BATCH);
    pg_submit(s, on_rows, r);
}

/* --- tenants and passes --- */

static void pass_start(void *arg)
{
    struct reseal *r = arg;
    r->pass++;
    r->changed = r->missed = 0;
    r->tenant = 0;
    report_clear(&r->report);
    step_tenant(r);
}

static void pass_ended(struct reseal *r)
{
    if (r->changed == 0 && r->missed == 0)
        finish(r, NULL);
    else
        timer_set(&r->pause, r->in.loop, r->missed ? PAUSE : 0, pass_start, r);
}

static void on_tenant(void *arg, const struct pg_reply *reply)
{
    struct reseal *r = arg;
    struct slice slug;
    if (pg_reply_err(reply)) {
        finish(r, pg_reply_err(reply));
        return;
    }
    r->tenant = sealed_tenant_read(reply, 0, &slug);
    if (r->tenant == 0) {
        pass_ended(r);
        return;
    }
    r->slug = mem_strndup(slug.p, slug.n);
    for (size_t i = 0; i < sealed_nplaces; i++) {
        r->at[i].more = true;
        r->at[i].after = 0;
    }
    step_read(r);
}

/* Leaves the tenant, if there was one, for the next. */
static void step_tenant(struct reseal *r)
{
    if (r->slug && r->tenant_resealed && r->in.on_tenant)
        r->in.on_tenant(r->in.arg, r->slug, r->tenant_resealed);
    r->report.resealed += r->tenant_resealed;
    r->tenant_resealed = 0;
    free(r->slug);
    r->slug = NULL;
    if (r->stopping) {
        r->report.interrupted = true;
        finish(r, NULL);
        return;
    }
    struct pg_seg *s = pg_seg_new(r->in.db, PG_ALL_TENANTS);
    sealed_add_next_tenant(s, r->tenant);
    pg_submit(s, on_tenant, r);
}

/* --- life --- */

struct reseal *reseal_start(const struct reseal_input *in)
{
    struct reseal *r = NEW(struct reseal);
    r->in = *in;
    pass_start(r);
    return r;
}

void reseal_stop(struct reseal *r)
{
    r->stopping = true;
    if (timer_armed(&r->pause))
        timer_set(&r->pause, r->in.loop, 0, pass_start, r);
}

void reseal_free(struct reseal *r)
{
    if (!r)
        return;
    timer_cancel(&r->pause);
    for (size_t i = 0; i < sealed_nplaces; i++)
        sealed_changes_release(&r->at[i].changes);
    report_clear(&r->report);
    free(r->slug);
    free(r);
}
