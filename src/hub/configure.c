/* hub/configure.c - see configure.h.
 * Steps of an edit: READ (the stored row, and the id of a new one) -> merge and seal (configure_fields.c) -> WRITE (guarded by the
 *         version) -> RELOAD (so that the next read in this process sees it) -> callback. A trial ends after the merge.
 * Owns:   one op an edit: the given settings in an arena that is wiped, since they hold secrets in plain text. */
#include "hub/configure_internal.h"

#include "store/integration.h"

#include <inttypes.h>
#include <stdlib.h>

#define HOOK_LEN   32
#define SECRET_LEN 40

struct op {
    struct hub *h;
    int64_t tenant_id, id, version;
    const struct provider *provider;
    char *name;
    enum configure_mode mode;
    struct json *settings; /* in the arena */
    struct arena *arena;
    enum tri enabled;
    bool sets_interval, sets_expiry, sets_schedules;
    usec_t sync_interval, credential_expires_at;
    struct slice schedules, schedule_plans; /* in the arena */
    struct audit_actor by;                  /* kind NULL: the hub itself */
    bool created, deletes;
    configure_cb *cb;
    void *arg;
};

static void op_end(struct op *op, struct integration *it, const struct configure_faults *faults, const struct err *e)
{
    configure_cb *cb = op->cb;
    void *arg = op->arg;
    bool created = op->created;
    if (op->arena) {
        arena_wipe(op->arena);
        arena_free(op->arena);
    }
    free(op->name);
    free(op);
    cb(arg, it, created, faults, e);
}

static void op_fail(struct op *op, enum err_code code, const char *why)
{
    struct err e = {0};
    err_set(&e, code, "%s", why);
    op_end(op, NULL, NULL, &e);
}

/* --- last steps --- */

static void on_reloaded(void *arg, struct integration *it, const struct err *e)
{
    struct op *op = arg;
    if (op->deletes && e && e->code == ERR_NOT_FOUND)
        op_end(op, NULL, NULL, NULL);
    else
        op_end(op, it, NULL, e);
}

static void on_written(void *arg, const struct pg_reply *r)
{
    struct op *op = arg;
    if (pg_reply_err(r))
        op_end(op, NULL, NULL, pg_reply_err(r));
    else if (pg_nrows(r, 0) == 0 && op->created)
        op_fail(op, ERR_CONFLICT, "an integration of this provider and name exists");
    else if (pg_nrows(r, 0) == 0 && op->version)
        op_fail(op, ERR_CONFLICT, "it was edited or removed meanwhile; read it again");
    else if (pg_nrows(r, 0) == 0)
        op_fail(op, ERR_NOT_FOUND, "there is no such integration");
    else
        integrations_reload(op->h->integrations, op->tenant_id, op->id, on_reloaded, op);
}

static bool seal_hook(const struct op *op, struct str *ret, struct err *e)
{
    char secret[SECRET_LEN + 1], buf[INTEGRATION_CONTEXT_MAX];
    crypto_token(secret, SECRET_LEN);
    struct slice context = integration_context(buf, op->tenant_id, op->id, INTEGRATION_FIELD_HOOK);
    bool good = seal(op->h->keyring, slice_of(secret, SECRET_LEN), context, ret, e);
    crypto_wipe(secret, sizeof secret);
    return good;
}

static bool have_key(const struct hub *h, struct err *e)
{
    return h->keyring ||
           err_set(e, ERR_CONFIG,
                   "secrets cannot be stored: no sealing key is configured. Make one with "
                   "`echo \"k1:$(openssl rand -hex 32)\" > /etc/msphub/key`, readable by msphub alone, name that file "
                   "in the option key_file, and start msphub again");
}

/* --- the edit --- */

static struct pg_seg *begin(const struct op *op)
{
    struct pg_seg *s = pg_seg_new(op->h->db, op->tenant_id);
    audit_by(s, op->by.kind ? &op->by : NULL);
    return s;
}

static void submit_create(struct op *op, struct integration_edit *edit)
{
    char hook[HOOK_LEN + 1];
    struct err e = {0};
    _cleanup_(str_release) struct str secret = {0};
    crypto_token(hook, HOOK_LEN);
    if (!seal_hook(op, &secret, &e)) {
        op_end(op, NULL, NULL, &e);
        return;
    }
    op->created = true;
    struct pg_seg *s = begin(op);
    integration_add_create(s, edit, slice_cstr(op->provider->key), slice_cstr(op->name), slice_of(hook, HOOK_LEN),
                           str_slice(&secret));
    pg_submit(s, on_written, op);
}

static void submit_edit(struct op *op, const struct merge *m, const struct integration_row *row)
{
    struct integration_edit edit = {
        .tenant_id = op->tenant_id,
        .integration_id = op->id,
        .version = row ? row->version : 0,
        .settings = str_slice(&m->sealed),
        .enabled = op->enabled == TRI_UNKNOWN ? (!row || row->enabled) : op->enabled == TRI_YES,
        .sync_interval = op->sets_interval || !row ? op->sync_interval : row->sync_interval,
        .credential_changed = m->changed,
        .secret_changed = m->secret_changed,
        .sets_expiry = op->sets_expiry,
        .credential_expires_at = op->credential_expires_at,
        .sets_schedules = op->sets_schedules,
        .schedules = op->schedules,
        .schedule_plans = op->schedule_plans,
    };
    if (!row) {
        submit_create(op, &edit);
        return;
    }
    op->version = row->version;
    struct pg_seg *s = begin(op);
    integration_add_update(s, &edit);
    pg_submit(s, on_written, op);
}

/* A snapshot of settings that are nowhere stored. Takes them. */
static struct integration *trial(const struct op *op, struct merge *m)
{
    struct integration *it = NEW(struct integration);
    it->refs = 1;
    it->tenant_id = op->tenant_id;
    it->provider = op->provider;
    it->name = mem_strdup(op->name);
    it->key = *op->name ? mem_printf("%s:%s", op->provider->key, op->name) : mem_strdup(op->provider->key);
    it->hook = mem_strdup("");
    it->base_url = str_take(&m->base_url);
    it->settings = TAKE(m->settings);
    it->enabled = true;
    it->sync_interval = USEC_NONE;
    return it;
}

static bool name_good(struct slice name)
{
    if (name.n > 63)
        return false;
    for (size_t i = 0; i < name.n; i++)
        if (!((name.p[i] >= 'a' && name.p[i] <= 'z') || (name.p[i] >= '0' && name.p[i] <= '9') || name.p[i] == '-'))
            return false;
    return true;
}

static bool check_state(const struct op *op, const struct integration_row *row, struct err *e)
{
    if (!name_good(slice_cstr(op->name)))
        return err_set(e, ERR_INPUT, "an integration's name is at most 63 of a-z, 0-9 and '-'");
    if (row && op->mode == CONFIGURE_CREATE)
        return err_set(e, ERR_CONFLICT,
                       "an integration of this provider and name exists; give another name, or reconfigure it");
    if (!row && (op->mode == CONFIGURE_UPDATE || (op->version && op->mode == CONFIGURE_EITHER)))
        return err_set(e, ERR_NOT_FOUND, "there is no such integration");
    if (row && op->version && op->version != row->version && op->mode != CONFIGURE_TRY)
        return err_set(e, ERR_CONFLICT, "it has version %" PRId64 " by now, and %" PRId64 " was edited; read it again",
                       row->version, op->version);
    return op->mode == CONFIGURE_TRY || have_key(op->h, e);
}

static void on_read(void *arg, const struct pg_reply *r)
{
    struct op *op = arg;
    struct err e = {0};
    if (pg_reply_err(r)) {
        op_end(op, NULL, NULL, pg_reply_err(r));
        return;
    }
    struct integration_row found, *row = NULL;
    if (pg_nrows(r, 0)) {
        integration_row_read(r, 0, 0, &found);
        row = &found;
    }
    if (!check_state(op, row, &e)) {
        op_end(op, NULL, NULL, &e);
        return;
    }
    op->id = row ? row->integration_id : pg_i64(r, 1, 0, 0);
    struct json *stored = NULL;
    struct integration *old = NULL;
    if (row && json_parse(op->arena, row->settings, &stored, &e))
        old = integration_from_row(op->h, row);
    struct merge m = {
        .h = op->h,
        .provider = op->provider,
        .tenant_id = op->tenant_id,
        .id = op->mode == CONFIGURE_TRY ? 0 : op->id,
        .given = op->settings,
        .stored = stored,
        .old = old,
    };
    if (!configure_merge(&m, &e)) {
        op_end(op, NULL, &m.faults, &e);
    } else if (op->mode == CONFIGURE_TRY) {
        struct integration *it = trial(op, &m);
        op_end(op, it, NULL, NULL);
        integration_unref(it);
    } else {
        submit_edit(op, &m, row);
    }
    integration_unref(old);
    configure_merge_release(&m);
}

static struct json *copy_settings(struct arena *a, const struct json *settings)
{
    struct str text = {0};
    struct json *copy = NULL;
    struct err e = {0};
    json_write(settings, &text);
    if (!json_parse(a, str_slice(&text), &copy, &e))
        copy = NULL; /* cannot be: it was parsed before */
    crypto_wipe(text.p, text.cap);
    str_release(&text);
    return copy;
}

static struct slice copy_text(struct arena *a, struct slice text)
{
    return text.p ? slice_of(arena_strndup(a, text.p, text.n), text.n) : SLICE_NONE;
}

void configure(struct hub *h, const struct configure_input *in, configure_cb *cb, void *arg)
{
    struct op *op = NEW(struct op);
    *op = (struct op){
        .h = h,
        .tenant_id = in->tenant_id,
        .version = in->version,
        .provider = in->provider,
        .name = mem_strndup(in->name.p ? in->name.p : "", in->name.n),
        .mode = in->mode,
        .arena = arena_new(),
        .enabled = in->enabled,
        .sets_interval = in->sets_interval,
        .sync_interval = in->sets_interval ? in->sync_interval : USEC_NONE,
        .sets_expiry = in->sets_expiry,
        .credential_expires_at = in->credential_expires_at,
        .sets_schedules = in->sets_schedules,
        .by = in->by ? *in->by : (struct audit_actor){0},
        .cb = cb,
        .arg = arg,
    };
    if (in->settings)
        op->settings = copy_settings(op->arena, in->settings);
    op->schedules = copy_text(op->arena, in->schedules);
    op->schedule_plans = copy_text(op->arena, in->schedule_plans);
    struct pg_seg *s = pg_seg_new(h->db, op->tenant_id);
    integration_add_by_key(s, op->tenant_id, slice_cstr(op->provider->key), slice_cstr(op->name));
    integration_add_next_id(s);
    pg_submit(s, on_read, op);
}

/* --- other edits --- */

static struct op *op_simple(struct hub *h, int64_t tenant_id, int64_t id, const struct audit_actor *by,
                            configure_cb *cb, void *arg)
{
    struct op *op = NEW(struct op);
    *op = (struct op){.h = h, .tenant_id = tenant_id, .id = id, .cb = cb, .arg = arg};
    op->by = by ? *by : (struct audit_actor){.kind = "system", .name = SLICE("msphub")};
    return op;
}

static void on_no_key(void *arg, const struct pg_reply *r)
{
    struct err e = {0};
    have_key(((struct op *)arg)->h, &e);
    op_end(arg, NULL, NULL, &e);
}

void configure_rotate(struct hub *h, int64_t tenant_id, int64_t integration_id, const struct audit_actor *by,
                      configure_cb *cb, void *arg)
{
    struct op *op = op_simple(h, tenant_id, integration_id, by, cb, arg);
    _cleanup_(str_release) struct str secret = {0};
    op->by.action = "integration.webhook_rotated";
    struct pg_seg *s = begin(op);
    if (!seal_hook(op, &secret, NULL)) {
        integration_add_next_id(s);
        pg_submit(s, on_no_key, op);
        return;
    }
    integration_add_rotate(s, tenant_id, integration_id, str_slice(&secret),
                           loop_wall(h->loop) + h->options->webhook_secret_overlap);
    pg_submit(s, on_written, op);
}

void configure_delete(struct hub *h, int64_t tenant_id, int64_t integration_id, int64_t version,
                      const struct audit_actor *by, configure_cb *cb, void *arg)
{
    struct op *op = op_simple(h, tenant_id, integration_id, by, cb, arg);
    op->version = version;
    op->deletes = true;
    struct pg_seg *s = begin(op);
    integration_add_delete(s, tenant_id, integration_id, version);
    pg_submit(s, on_written, op);
}

void configure_write_settings(const struct integration *it, struct jw *w)
{
    jw_object(w);
    for (size_t i = 0; it->settings && i < it->provider->nfields; i++) {
        const struct provider_field *f = &it->provider->fields[i];
        struct slice text = settings_text(it->settings, f->key);
        int64_t number;
        if (!text.p)
            continue;
        if (f->kind == FIELD_INPUT_SECRET) {
            _cleanup_(str_release) struct str mask = {0};
            _cleanup_(secret_freep) struct secret *secret = secret_new(text);
            secret_mask(secret, &mask);
            jw_key_slice(w, f->key, str_slice(&mask));
        } else if (f->kind == FIELD_INPUT_BOOL) {
            jw_key_bool(w, f->key, slice_is(text, "true"));
        } else if (f->kind == FIELD_INPUT_NUMBER && slice_i64(text, &number)) {
            jw_key_i64(w, f->key, number);
        } else {
            jw_key_slice(w, f->key, text);
        }
    }
    jw_end(w);
}
