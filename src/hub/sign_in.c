/* hub/sign_in.c - see sign_in.h.
 * States: COUNT (the attempt, in the database) -> HASH (worker) -> OPEN (the session) | TAKE BACK (a code is needed, or something
 *         broke) | WAIT (refused: until the next tick); the callback ends each.
 * Owns:   the ops under way, the failures of addresses and of signed-in users. */
#include "hub/sign_in.h"

#include "base/bucket.h"
#include "base/cidr.h"
#include "base/json_write.h"
#include "base/mem.h"
#include "base/totp.h"
#include "base/utf8.h"
#include "hub/hashing.h"
#include "store/user.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define TICK         MILLIS(250) /* refusals are told on it, so that their time tells nothing */
#define WINDOW       SECONDS(600)
#define TRIES        10    /* of a signed-in user, in the window */
#define MAX_PLACES   20000 /* addresses and users with failures; past it the one used longest ago is forgotten */
#define PASSWORD_FIT (4 * PASSWORD_MAX) /* bytes: a longer one is nobody's */

struct op {
    struct sign_ins *all;
    usec_t started;
    /* as given */
    char *tenant, *user_agent, *address, *request_id, *code;
    uint64_t place; /* the address, as the failures are counted */
    struct secret *password;
    uint8_t device_hash[SHA256_LEN];
    bool has_device;
    /* as found */
    int64_t tenant_id, user_id; /* 0: nobody */
    char email[USER_EMAIL_MAX + 1];
    char *password_hash;
    struct secret *totp_key;
    bool device_known, admitted, enabled, asks_code;
    int64_t totp_last_step;
    usec_t locked_until;
    /* as checked */
    char *fresh_hash;
    int64_t totp_step;
    uint8_t recovery_hash[SHA256_LEN];
    bool by_recovery;
    struct sign_in_result result;
    sign_in_cb *cb;
    void *arg;
    struct timer tick;
    struct deferred later;
    LIST_ENTRY(op) link;
};
LIST_HEAD(ops, op);

struct sign_ins {
    struct hub *h;
    struct buckets *failures;
    uint64_t seed;
    struct ops waiting; /* for their tick, or to be deferred */
    bool stopped;
    struct metric *counts[SIGN_IN_LATER + 1];
};

/* --- the end of an op --- */

static void op_free(struct op *op)
{
    timer_cancel(&op->tick);
    loop_undefer(op->all->h->loop, &op->later);
    if (op->code)
        crypto_wipe(op->code, strlen(op->code));
    free(op->tenant);
    free(op->user_agent);
    free(op->address);
    free(op->request_id);
    free(op->code);
    free(op->password_hash);
    free(op->fresh_hash);
    secret_free(op->password);
    secret_free(op->totp_key);
    crypto_wipe(op, sizeof(*op));
    free(op);
}

/* Takes the op. `session` is the result's when it was opened. */
static void op_end(struct op *op, const struct session *session, const struct err *e)
{
    sign_in_cb *cb = op->cb;
    void *arg = op->arg;
    struct sign_in_result r = op->result;
    r.session = session;
    if (!e)
        op->all->counts[r.outcome]->value++;
    op_free(op);
    cb(arg, e ? NULL : &r, e);
    crypto_wipe(&r, sizeof(r));
}

static void on_later(void *arg)
{
    struct op *op = arg;
    LIST_REMOVE(op, link);
    op_end(op, NULL, NULL);
}

static void on_tick(void *arg)
{
    on_later(arg);
}

/* --- failures, counted here --- */

static void give_back(struct op *op)
{
    buckets_give_back(op->all->failures, op->place, op->all->h->options->sign_in_per_address);
}

/* Whoever has one address of IPv6 has all of its /64. */
static uint64_t place_of(const struct sign_ins *s, struct slice address)
{
    struct ip ip;
    if (ip_parse(address, &ip))
        address = slice_of((const char *)ip.bytes, ip_is_v4(&ip) ? sizeof(ip.bytes) : 8);
    return crypto_hash64(s->seed, address);
}

static uint64_t user_place(const struct sign_ins *s, int64_t tenant_id, int64_t user_id)
{
    const int64_t who[] = {tenant_id, user_id};
    return crypto_hash64(s->seed + 1, slice_of((const char *)who, sizeof(who)));
}

bool sign_in_try(struct hub *h, int64_t tenant_id, int64_t user_id)
{
    struct sign_ins *s = h->sign_ins;
    return buckets_take(s->failures, user_place(s, tenant_id, user_id), TRIES, loop_now(h->loop)).ok;
}

void sign_in_try_back(struct hub *h, int64_t tenant_id, int64_t user_id)
{
    struct sign_ins *s = h->sign_ins;
    buckets_give_back(s->failures, user_place(s, tenant_id, user_id), TRIES);
}

/* --- writes that nobody waits for --- */

static void on_noted(void *arg, const struct pg_reply *r)
{
    struct hub *h = arg;
    const struct err *e = pg_reply_err(r);
    if (e && e->code != ERR_CANCELED)
        log_warn(h->log, "sign_in.note_failed", F_ERR(e));
}

/* It was no failure: neither the user nor the address shall pay for it. */
static void take_back(struct op *op)
{
    struct hub *h = op->all->h;
    give_back(op);
    if (!op->admitted)
        return;
    struct pg_seg *s = pg_seg_new(h->db, op->tenant_id);
    user_add_take_back(s, op->tenant_id, op->user_id, op->device_known ? op->device_hash : NULL);
    pg_submit(s, on_noted, h);
}

static void add_entry(struct pg_seg *s, const struct op *op, const char *action, const char *key, const char *text)
{
    _cleanup_(str_release) struct str json = {0};
    struct jw w;
    jw_init(&w, &json);
    jw_object(&w);
    jw_key_str(&w, key, text);
    jw_end(&w);
    jw_done(&w);
    audit_add(s, &(struct audit_entry){
                     .tenant_id = op->tenant_id,
                     .action = action,
                     .target_type = "user",
                     .target = slice_cstr(op->email),
                     .target_id = op->user_id,
                     .after = str_slice(&json),
                 });
}

/* In the audit log of the user's tenant. What a wait kept out is not written: it would let strangers fill the log. */
static void note_failure(struct op *op, const char *reason)
{
    struct hub *h = op->all->h;
    if (!op->admitted)
        return;
    const struct audit_actor by = {
        .kind = "system",
        .name = SLICE("sign-in"),
        .address = slice_cstr(op->address),
        .request_id = slice_cstr(op->request_id),
    };
    struct pg_seg *s = pg_seg_new(h->db, op->tenant_id);
    audit_by(s, &by);
    add_entry(s, op, "session.refused", "reason", reason);
    if (op->locked_until != USEC_NONE) {
        char until[CLOCK_ISO_MAX];
        add_entry(s, op, op->device_known ? "user.browser_locked" : "user.locked", "until",
                  clock_iso(op->locked_until, until));
    }
    pg_submit(s, on_noted, h);
}

/* --- the outcomes --- */

static void refuse(struct op *op, const char *reason)
{
    struct hub *h = op->all->h;
    log_info(h->log, "sign_in.refused", F_STR("reason", reason), F_I64("tenant", op->tenant_id),
             F_I64("user", op->user_id), F_STR("address", op->address), F_STR("request_id", op->request_id));
    note_failure(op, reason);
    op->result.outcome = SIGN_IN_REFUSED;
    usec_t took = loop_now(h->loop) - op->started;
    if (op->all->stopped) {
        op_end(op, NULL, NULL);
        return;
    }
    LIST_INSERT_HEAD(&op->all->waiting, op, link);
    timer_set(&op->tick, h->loop, TICK - took % TICK, on_tick, op);
}

static void on_opened(void *arg, const struct session *session, const struct err *e)
{
    struct op *op = arg;
    struct hub *h = op->all->h;
    if (e && e->code == ERR_AUTH) { /* another sign-in was faster with this code, or the user was disabled just now */
        refuse(op, "spent code");
        return;
    }
    if (e) {
        take_back(op);
        op_end(op, NULL, e);
        return;
    }
    give_back(op);
    if (op->fresh_hash) {
        struct pg_seg *s = pg_seg_new(h->db, op->tenant_id);
        user_add_rehash(s, op->tenant_id, op->user_id, slice_cstr(op->password_hash), slice_cstr(op->fresh_hash));
        pg_submit(s, on_noted, h);
    }
    op->result.outcome = SIGN_IN_OPENED;
    op_end(op, session, NULL);
}

static void open_session(struct op *op)
{
    if (!op->device_known) {
        crypto_token(op->result.device, SIGN_IN_DEVICE_LEN);
        crypto_sha256(slice_of(op->result.device, SIGN_IN_DEVICE_LEN), op->device_hash);
    }
    session_open(op->all->h,
                 &(struct session_opening){
                     .tenant_id = op->tenant_id,
                     .user_id = op->user_id,
                     .email = slice_cstr(op->email),
                     .method = "password",
                     .address = slice_cstr(op->address),
                     .user_agent = slice_cstr(op->user_agent),
                     .request_id = slice_cstr(op->request_id),
                     .second_factor = op->asks_code,
                     .totp_step = op->by_recovery ? -1 : op->totp_step,
                     .recovery_hash = op->by_recovery ? op->recovery_hash : NULL,
                     .device_hash = op->device_hash,
                     .device_known = op->device_known,
                 },
                 on_opened, op);
}

static bool code_right(struct op *op)
{
    struct slice code = slice_trim(slice_cstr(op->code));
    op->by_recovery = sign_in_recovery_hash(code, op->recovery_hash); /* known to the database, or refused there */
    return op->by_recovery ||
           totp_check(secret_text(op->totp_key), code, loop_wall(op->all->h->loop), op->totp_last_step, &op->totp_step);
}

static void on_hashed(void *arg, const struct hashing_result *r, const struct err *e)
{
    struct op *op = arg;
    if (e) {
        take_back(op);
        op_end(op, NULL, e);
        return;
    }
    if (r->fresh.p)
        op->fresh_hash = mem_strndup(r->fresh.p, r->fresh.n);
    if (!op->user_id) {
        refuse(op, "unknown user");
    } else if (!op->admitted) {
        refuse(op, "locked");
    } else if (!r->right) {
        refuse(op, op->password_hash ? "wrong password" : "no password");
    } else if (!op->enabled) {
        refuse(op, "disabled");
    } else if (op->asks_code && !*op->code) {
        take_back(op);
        op->result.outcome = SIGN_IN_CODE_NEEDED;
        op_end(op, NULL, NULL);
    } else if (op->asks_code && !code_right(op)) {
        refuse(op, "wrong code");
    } else {
        open_session(op);
    }
}

/* --- the beginning --- */

static bool take_row(struct op *op, const struct pg_reply *r, struct err *e)
{
    struct user_attempt_row row;
    char context[USER_TOTP_CONTEXT_MAX];
    user_attempt_read(r, 0, &row);
    op->tenant_id = row.tenant_id;
    op->user_id = row.user_id;
    op->password_hash = row.password_hash.p ? mem_strndup(row.password_hash.p, row.password_hash.n) : NULL;
    op->device_known = row.device_known;
    op->admitted = row.admitted;
    op->enabled = row.enabled;
    op->locked_until = row.locked_until;
    op->totp_last_step = row.totp_last_step;
    op->asks_code = row.totp_secret.p != NULL;
    if (!op->asks_code)
        return true;
    struct err why = {0};
    if (unseal(op->all->h->keyring, row.totp_secret, user_totp_context(context, row.tenant_id, row.user_id),
               &op->totp_key, &why))
        return true;
    log_error(op->all->h->log, "sign_in.totp_unreadable", F_I64("tenant", row.tenant_id), F_I64("user", row.user_id),
              F_ERR(&why));
    return err_set(e, ERR_UNAVAILABLE, "codes cannot be checked now; the hub's log says why");
}

static void on_counted(void *arg, const struct pg_reply *r)
{
    struct op *op = arg;
    struct err e = {0};
    if (pg_reply_err(r)) {
        give_back(op);
        op_end(op, NULL, pg_reply_err(r));
        return;
    }
    if (pg_nrows(r, 0) && !take_row(op, r, &e)) {
        take_back(op);
        op_end(op, NULL, &e);
        return;
    }
    /* Whatever was found, the same work. */
    bool verifies = op->admitted && op->password_hash;
    hashing_verify(op->all->h, secret_text(op->password), verifies ? slice_cstr(op->password_hash) : SLICE_NONE,
                   on_hashed, op);
}

static char *copy(struct slice s)
{
    return mem_strndup(s.p ? s.p : "", s.n);
}

static struct op *op_new(struct hub *h, const struct sign_in_input *in, sign_in_cb *cb, void *arg)
{
    struct op *op = NEW(struct op);
    *op = (struct op){
        .all = h->sign_ins,
        .started = loop_now(h->loop),
        .tenant = copy(in->tenant),
        .user_agent = copy(in->user_agent),
        .address = copy(in->address),
        .request_id = copy(in->request_id),
        .code = copy(in->code),
        .password = secret_new(slice_of(in->password.p, MIN(in->password.n, PASSWORD_FIT + 1))),
        .locked_until = USEC_NONE,
        .cb = cb,
        .arg = arg,
    };
    op->place = place_of(op->all, in->address);
    op->has_device = in->device.n == SIGN_IN_DEVICE_LEN;
    if (op->has_device)
        crypto_sha256(in->device, op->device_hash);
    if (!user_email_fold(in->email, op->email, NULL))
        op->email[0] = '\0'; /* nobody's */
    return op;
}

void sign_in(struct hub *h, const struct sign_in_input *in, sign_in_cb *cb, void *arg)
{
    struct op *op = op_new(h, in, cb, arg);
    const struct options *o = h->options;
    struct bucket_answer left = buckets_take(op->all->failures, op->place, o->sign_in_per_address, op->started);
    if (!left.ok) {
        op->result.wait = left.next;
        log_info(h->log, "sign_in.address_braked", F_STR("address", op->address), F_STR("request_id", op->request_id));
        op->result.outcome = SIGN_IN_LATER;
        LIST_INSERT_HEAD(&op->all->waiting, op, link);
        loop_defer(h->loop, &op->later, on_later, op);
        return;
    }
    struct pg_seg *s = pg_seg_new(h->db, PG_ALL_TENANTS);
    user_add_attempt(s, &(struct user_attempt){
                            .tenant = *op->tenant ? slice_cstr(op->tenant) : SLICE_NONE,
                            .email = slice_cstr(op->email),
                            .device_hash = op->has_device ? op->device_hash : NULL,
                            .allowed = o->sign_in_failures,
                            .first_wait = o->sign_in_lock,
                            .longest_wait = o->sign_in_lock_max,
                        });
    pg_submit(s, on_counted, op);
}

/* --- recovery codes --- */

void sign_in_recovery_make(char text[SIGN_IN_RECOVERY_LEN + 1])
{
    uint8_t bytes[10];
    struct str letters = {0};
    crypto_random(bytes, sizeof(bytes));
    str_add_base32(&letters, slice_of((const char *)bytes, sizeof(bytes)));
    snprintf(text, SIGN_IN_RECOVERY_LEN + 1, "%.4s-%.4s-%.4s-%.4s", letters.p, letters.p + 4, letters.p + 8,
             letters.p + 12);
    crypto_wipe(bytes, sizeof(bytes));
    crypto_wipe(letters.p, letters.n);
    str_release(&letters);
}

bool sign_in_recovery_hash(struct slice text, uint8_t hash[SHA256_LEN])
{
    char letters[16];
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c == '-' || c == ' ')
            continue;
        if (c >= 'a' && c <= 'z')
            c = (char)(c - 32);
        if (n == sizeof(letters) || !((c >= 'A' && c <= 'Z') || (c >= '2' && c <= '7')))
            return false;
        letters[n++] = c;
    }
    if (n != sizeof(letters))
        return false;
    crypto_sha256(slice_of(letters, n), hash);
    crypto_wipe(letters, sizeof(letters));
    return true;
}

/* --- life --- */

struct sign_ins *sign_ins_new(struct hub *h)
{
    static const char *const outcomes[] = {"opened", "refused", "code_needed", "address_braked"};
    struct sign_ins *s = NEW(struct sign_ins);
    s->h = h;
    s->failures = buckets_new(MAX_PLACES, WINDOW);
    crypto_random(&s->seed, sizeof(s->seed));
    LIST_INIT(&s->waiting);
    struct metric_family *f = metric_family(h->metrics, METRIC_COUNTER, "msphub_sign_ins_total",
                                            "Sign-ins with a password by outcome.", "outcome", NULL, 0);
    for (size_t i = 0; i < ARRAY_LEN(outcomes); i++)
        s->counts[i] = metric_with(f, METRIC_L(outcomes[i]));
    return s;
}

void sign_ins_stop(struct sign_ins *s)
{
    if (!s)
        return;
    struct err e = {0};
    err_set(&e, ERR_CANCELED, "the hub is shutting down");
    s->stopped = true;
    struct op *op;
    while ((op = LIST_FIRST(&s->waiting))) {
        LIST_REMOVE(op, link);
        op_end(op, NULL, &e);
    }
}

void sign_ins_free(struct sign_ins *s)
{
    if (!s)
        return;
    sign_ins_stop(s);
    buckets_free(s->failures);
    free(s);
}
