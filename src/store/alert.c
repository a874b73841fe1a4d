/* store/alert.c - see alert.h.
 * Why:    deliveries, polls and retries reach the database in any order, from several processes at once. Instead of
 * locking and deciding, each field of an alert carries a stamp, and a merge keeps the value with the greater stamp;
 * that is commutative, associative and idempotent, so order and repetition cannot matter. How:    a stamp is text that
 * compares by bytes: when the state was reached (microseconds, 20 digits), the change id (numbers as length and
 * digits), the state; behind it, for all fields but the state itself, a hash of the value, so that two messages that
 * claim the same moment and disagree still have one winner. The empty stamp is "never said". The same rule runs twice:
 * here for messages of one batch, in alert.sql against the stored row. Owns:   copies of the messages, in an arena. */
#include "store/alert.h"

#include "base/crypto.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "queries.h"
#include "store/plan.h"

#include <inttypes.h>
#include <stdlib.h>

#define MAX_SERIES    500
#define MAX_CHANGE_ID 200
#define MAX_ID        500
#define MAX_SHORT     1024
#define MAX_MESSAGE   65536
#define MAX_TRIGGERS  256 /* as in alert.sql */
#define STAMP_GLUE    '\x1f'

/* The order of rmm_alerts.stamps. */
enum field { STATE, SEVERITY, TYPE, SUBJECT, MESSAGE, SOURCE, TRIGGERED, DEVICE, ORGANIZATION, NFIELDS };

struct message {
    struct slice series, change_id;
    struct slice stamp[NFIELDS];
    struct slice text[NFIELDS]; /* not of TRIGGERED */
    usec_t changed_at, triggered_at, received;
};

struct alert_batch {
    int64_t tenant_id, integration_id;
    struct arena *arena;
    struct message **v;
    size_t n, cap;
    struct message **closers; /* of messages that make no alert */
    size_t nclosers, closers_cap;
};

struct alert_batch *alert_batch_new(int64_t tenant_id, int64_t integration_id)
{
    struct alert_batch *b = NEW(struct alert_batch);
    b->tenant_id = tenant_id;
    b->integration_id = integration_id;
    b->arena = arena_new();
    return b;
}

void alert_batch_free(struct alert_batch *b)
{
    if (!b)
        return;
    arena_free(b->arena);
    free(b->v);
    free(b->closers);
    free(b);
}

size_t alert_batch_count(const struct alert_batch *b)
{
    return b->n + b->nclosers;
}

size_t alert_batch_bytes(const struct alert_batch *b)
{
    return arena_used(b->arena);
}

/* A storable copy, cut at `max` bytes. Empty text says nothing. */
static struct slice keep(struct arena *a, struct slice text, size_t max)
{
    if (text.n == 0)
        return SLICE_NONE;
    if (!utf8_storable(text)) {
        char *repaired = arena_alloc(a, 3 * text.n);
        text = slice_of(repaired, utf8_repair(text, repaired));
    }
    text = utf8_cut(text, max);
    return slice_of(arena_strndup(a, text.p, text.n), text.n);
}

static bool is_digits(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    return s.n > 0;
}

static void stamp_start(struct str *out, usec_t changed_at, struct slice change_id, enum alert_state state)
{
    str_addf(out, "%020" PRId64 "/", MAX(changed_at, 0));
    if (is_digits(change_id)) {
        while (change_id.n > 1 && *change_id.p == '0')
            change_id = slice_of(change_id.p + 1, change_id.n - 1);
        str_addf(out, "%03zu", change_id.n);
        str_add(out, change_id);
    } else if (change_id.n) {
        str_addc(out, 't'); /* behind all numbers */
        for (size_t i = 0; i < change_id.n; i++)
            str_addc(out, change_id.p[i] == STAMP_GLUE ? '?' : change_id.p[i]);
    } else {
        str_addc(out, '-'); /* before all numbers */
    }
    str_addf(out, "/%d", (int)state);
}

static struct slice stamp_of(struct arena *a, struct slice start, struct slice value)
{
    uint64_t hash = crypto_hash64(0, value);
    return slice_cstr(arena_printf(a, "%.*s/%016" PRIx64, SLICE_FMT(start), hash));
}

static bool check(const struct record_alert *a, struct err *e)
{
    if (a->series.n == 0)
        return err_set(e, ERR_DATA, "an alert without a series cannot be stored");
    if (slice_starts(a->series, SLICE("msphub:")))
        return err_set(e, ERR_DATA, "an alert's series begins with \"msphub:\", which names the hub's own alerts");
    if (a->series.n > MAX_SERIES)
        return err_set(e, ERR_DATA, "an alert's series is %zu bytes long, at most %d are stored", a->series.n,
                       MAX_SERIES);
    if (a->change_id.n > MAX_CHANGE_ID)
        return err_set(e, ERR_DATA, "an alert's change id is %zu bytes long, at most %d are stored", a->change_id.n,
                       MAX_CHANGE_ID);
    if (a->device_id.n > MAX_ID || a->organization_id.n > MAX_ID)
        return err_set(e, ERR_DATA, "an alert's device or organization id is longer than %d bytes", MAX_ID);
    return true;
}

static void push(struct message ***v, size_t *n, size_t *cap, struct message *m)
{
    if (*n == *cap) {
        *cap = *cap ? 2 * *cap : 16;
        *v = mem_realloc_array(*v, *cap, sizeof **v);
    }
    (*v)[(*n)++] = m;
}

bool alert_batch_add(struct alert_batch *b, const struct record_alert *a, usec_t observed, struct err *e)
{
    if (!check(a, e))
        return false;
    struct message *m = arena_alloc(b->arena, sizeof *m);
    m->series = keep(b->arena, a->series, MAX_SERIES);
    m->change_id = keep(b->arena, a->change_id, MAX_CHANGE_ID);
    m->changed_at = a->changed_at == USEC_NONE ? observed : a->changed_at;
    m->received = observed;
    m->triggered_at = a->triggered_at;
    if (m->triggered_at == USEC_NONE && a->state == ALERT_TRIGGERED)
        m->triggered_at = m->changed_at;
    m->text[STATE] = slice_cstr(alert_state_names[a->state]);
    if (a->severity_known && a->severity != SEVERITY_NONE)
        m->text[SEVERITY] = slice_cstr(severity_names[a->severity]);
    m->text[TYPE] = keep(b->arena, a->type, MAX_SHORT);
    m->text[SUBJECT] = keep(b->arena, a->subject, MAX_SHORT);
    m->text[MESSAGE] = keep(b->arena, a->message, MAX_MESSAGE);
    m->text[SOURCE] = keep(b->arena, a->source, MAX_SHORT);
    m->text[DEVICE] = keep(b->arena, a->device_id, MAX_ID);
    m->text[ORGANIZATION] = keep(b->arena, a->organization_id, MAX_ID);

    _cleanup_(str_release) struct str start = {0};
    stamp_start(&start, m->changed_at, m->change_id, a->state);
    m->stamp[STATE] = slice_of(arena_strndup(b->arena, start.p, start.n), start.n);
    for (unsigned f = SEVERITY; f < NFIELDS; f++)
        if (m->text[f].p)
            m->stamp[f] = stamp_of(b->arena, m->stamp[STATE], m->text[f]);
    if (m->triggered_at != USEC_NONE) {
        struct slice value = slice_of((const char *)&m->triggered_at, sizeof m->triggered_at);
        m->stamp[TRIGGERED] = stamp_of(b->arena, m->stamp[STATE], value);
    }

    if (a->closes_only && a->state == ALERT_RESOLVED)
        push(&b->closers, &b->nclosers, &b->closers_cap, m);
    else
        push(&b->v, &b->n, &b->cap, m);
    return true;
}

static int compare(struct slice a, struct slice b)
{
    int c = memcmp(a.n ? a.p : "", b.n ? b.p : "", MIN(a.n, b.n));
    return c ? c : (a.n > b.n) - (a.n < b.n);
}

static int by_series(const void *a, const void *b)
{
    const struct message *const *x = a, *const *y = b;
    return compare((*x)->series, (*y)->series);
}

static int newest_first(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;
    return (*x < *y) - (*x > *y);
}

/* Keeps of each field what was said last. */
static void fold(struct message *into, const struct message *m)
{
    for (unsigned f = 0; f < NFIELDS; f++) {
        if (compare(m->stamp[f], into->stamp[f]) <= 0)
            continue;
        into->stamp[f] = m->stamp[f];
        into->text[f] = m->text[f];
        if (f == STATE) {
            into->changed_at = m->changed_at;
            into->change_id = m->change_id;
        } else if (f == TRIGGERED) {
            into->triggered_at = m->triggered_at;
        }
    }
    into->received = MIN(into->received, m->received);
}

static void write_triggers(int64_t *seconds, size_t n, struct str *out)
{
    qsort(seconds, n, sizeof *seconds, newest_first);
    size_t written = 0;
    for (size_t i = 0; i < n && written < MAX_TRIGGERS; i++)
        if (i == 0 || seconds[i] != seconds[i - 1])
            str_addf(out, written++ ? ",%" PRId64 : "%" PRId64, seconds[i]);
}

/* The parameters of alert.merge, $3 to $17. */
static const struct column {
    enum pg_type type;
    int field; /* of text; -1: filled by hand */
} columns[] = {
    {PG_TEXT, -1},     {PG_TEXT, STATE},        {PG_TIMESTAMPTZ, -1}, {PG_TEXT, -1},     {PG_TEXT, SEVERITY},
    {PG_TEXT, TYPE},   {PG_TEXT, SUBJECT},      {PG_TEXT, MESSAGE},   {PG_TEXT, SOURCE}, {PG_TIMESTAMPTZ, -1},
    {PG_TEXT, DEVICE}, {PG_TEXT, ORGANIZATION}, {PG_TEXT, -1},        {PG_TEXT, -1},     {PG_TIMESTAMPTZ, -1},
};
enum { C_SERIES = 0, C_CHANGED = 2, C_CHANGE_ID = 3, C_TRIGGERED = 9, C_STAMPS = 12, C_TRIGGERS = 13, C_RECEIVED = 14 };

static void add_row(struct pg_array *cols, const struct message *row, struct slice triggers, struct str *scratch)
{
    for (size_t c = 0; c < ARRAY_LEN(columns); c++)
        if (columns[c].field >= 0)
            pg_array_text(&cols[c], row->text[columns[c].field]);
    pg_array_text(&cols[C_SERIES], row->series);
    pg_array_time(&cols[C_CHANGED], row->changed_at);
    pg_array_text(&cols[C_CHANGE_ID], row->change_id);
    pg_array_time(&cols[C_TRIGGERED], row->triggered_at);
    pg_array_time(&cols[C_RECEIVED], row->received);
    pg_array_text(&cols[C_TRIGGERS], triggers);
    str_clear(scratch);
    for (unsigned f = 0; f < NFIELDS; f++) {
        if (f)
            str_addc(scratch, STAMP_GLUE);
        str_add(scratch, row->stamp[f]);
    }
    pg_array_text(&cols[C_STAMPS], str_slice(scratch));
}

static int by_series_and_stamp(const void *a, const void *b)
{
    const struct message *const *x = a, *const *y = b;
    int c = compare((*x)->series, (*y)->series);
    return c ? c : compare((*x)->stamp[STATE], (*y)->stamp[STATE]);
}

/* Of several about one series the last. */
static unsigned add_close(struct pg_seg *s, const struct alert_batch *b)
{
    enum { SERIES, CHANGED, CHANGE_ID, STAMP, NCOLS };
    static const enum pg_type types[NCOLS] = {PG_TEXT, PG_TIMESTAMPTZ, PG_TEXT, PG_TEXT};
    struct pg_array cols[NCOLS];
    for (size_t c = 0; c < NCOLS; c++)
        pg_array_init(&cols[c], types[c]);
    qsort(b->closers, b->nclosers, sizeof *b->closers, by_series_and_stamp);
    for (size_t i = 0; i < b->nclosers; i++) {
        const struct message *m = b->closers[i];
        if (i + 1 < b->nclosers && slice_eq(m->series, b->closers[i + 1]->series))
            continue;
        pg_array_text(&cols[SERIES], m->series);
        pg_array_time(&cols[CHANGED], m->changed_at);
        pg_array_text(&cols[CHANGE_ID], m->change_id);
        pg_array_text(&cols[STAMP], m->stamp[STATE]);
    }
    unsigned stmt = pg_add(s, &Q_ALERT_CLOSE);
    pg_p_i64(s, b->tenant_id);
    pg_p_i64(s, b->integration_id);
    for (size_t c = 0; c < NCOLS; c++) {
        pg_p_array(s, &cols[c]);
        pg_array_release(&cols[c]);
    }
    pg_p_i64(s, (int64_t)b->nclosers);
    return stmt;
}

static unsigned add_merge(struct pg_seg *s, const struct alert_batch *b)
{
    struct message **sorted = mem_realloc_array(NULL, b->n + 1, sizeof *sorted);
    int64_t *seconds = mem_realloc_array(NULL, b->n + 1, sizeof *seconds);
    _cleanup_(str_release) struct str scratch = {0}, triggers = {0};
    struct pg_array cols[ARRAY_LEN(columns)];
    for (size_t c = 0; c < ARRAY_LEN(columns); c++)
        pg_array_init(&cols[c], columns[c].type);

    if (b->n)
        memcpy(sorted, b->v, b->n * sizeof *sorted);
    qsort(sorted, b->n, sizeof *sorted, by_series);
    for (size_t i = 0, next; i < b->n; i = next) {
        struct message row = *sorted[i];
        size_t nseconds = 0;
        for (next = i; next < b->n && slice_eq(sorted[next]->series, row.series); next++) {
            fold(&row, sorted[next]);
            if (sorted[next]->triggered_at != USEC_NONE)
                seconds[nseconds++] = sorted[next]->triggered_at / USEC_PER_S;
        }
        str_clear(&triggers);
        write_triggers(seconds, nseconds, &triggers);
        add_row(cols, &row, nseconds ? str_slice(&triggers) : SLICE(""), &scratch);
    }

    unsigned stmt = pg_add(s, &Q_ALERT_MERGE);
    pg_p_i64(s, b->tenant_id);
    pg_p_i64(s, b->integration_id);
    for (size_t c = 0; c < ARRAY_LEN(columns); c++) {
        pg_p_array(s, &cols[c]);
        pg_array_release(&cols[c]);
    }
    pg_p_i64(s, (int64_t)b->n);
    free(seconds);
    free(sorted);
    return stmt;
}

/* What is remembered of the statements: the first one, and whether a second follows. */
#define REMEMBER(stmt, two) ((stmt) << 1 | (two))

void alert_add(struct pg_seg *s, const struct alert_batch *b, unsigned *ret_first)
{
    plan_by_key(s);
    unsigned stmt = b->n || !b->nclosers ? add_merge(s, b) : add_close(s, b);
    bool two = b->n && b->nclosers;
    if (two)
        add_close(s, b); /* behind what opens: of both in one batch the stamps decide */
    *ret_first = REMEMBER(stmt, two);
}

static void add_counts(const struct pg_reply *r, unsigned stmt, struct alert_counts *add_to)
{
    int64_t rows = pg_i64(r, stmt, 0, 1), created = pg_i64(r, stmt, 0, 2), updated = pg_i64(r, stmt, 0, 3);
    add_to->processed += pg_i64(r, stmt, 0, 0);
    add_to->created += created;
    add_to->updated += updated;
    add_to->unchanged += rows - created - updated;
    add_to->resolved += pg_i64(r, stmt, 0, 4);
}

void alert_result(const struct pg_reply *r, unsigned first, struct alert_counts *add_to)
{
    add_counts(r, first >> 1, add_to);
    if (first & 1)
        add_counts(r, (first >> 1) + 1, add_to);
}

void alert_add_absent(struct pg_seg *s, int64_t tenant_id, int64_t integration_id, const struct pg_array *series,
                      usec_t listed_at, unsigned *ret_first)
{
    _cleanup_(str_release) struct str stamp = {0};
    stamp_start(&stamp, listed_at, SLICE_NONE, ALERT_RESOLVED);
    *ret_first = REMEMBER(pg_add(s, &Q_ALERT_ABSENT), false);
    pg_p_i64(s, tenant_id);
    pg_p_i64(s, integration_id);
    pg_p_array(s, series);
    pg_p_time(s, listed_at);
    pg_p_text(s, str_slice(&stamp));
}

void alert_add_reset(struct pg_seg *s, int64_t tenant_id, int64_t integration_id, struct slice series, usec_t at)
{
    pg_add(s, &Q_ALERT_RESET);
    pg_p_i64(s, tenant_id);
    pg_p_i64(s, integration_id);
    pg_p_text(s, series);
    pg_p_time(s, at);
}

void alert_add_link(struct pg_seg *s, int64_t tenant_id, int64_t integration_id)
{
    plan_by_key(s);
    pg_add(s, &Q_ALERT_LINK);
    pg_p_i64(s, tenant_id);
    pg_p_i64(s, integration_id);
}

void alert_add_link_devices(struct pg_seg *s, int64_t tenant_id, int64_t integration_id, const struct pg_array *devices)
{
    plan_by_key(s);
    pg_add(s, &Q_ALERT_LINK_DEVICES);
    pg_p_i64(s, tenant_id);
    pg_p_i64(s, integration_id);
    pg_p_array(s, devices);
}

/* --- reads --- */

static void add_id(struct pg_seg *s, int64_t id)
{
    if (id)
        pg_p_i64(s, id);
    else
        pg_p_null(s);
}

void alert_list(struct pg_pool *db, const struct alert_filter *f, const struct page_request *q, page_cb *cb, void *arg)
{
    struct pg_seg *s = pg_seg_new(db, q->tenant_id);
    unsigned stmt = pg_add(s, &Q_ALERT_LIST);
    pg_p_i64(s, q->tenant_id);
    pg_p_text(s, f->state);
    pg_p_text(s, f->severity);
    add_id(s, f->integration_id);
    add_id(s, f->asset_id);
    add_id(s, q->key.p ? q->id : 0);
    pg_p_i64(s, q->limit + 1);
    page_submit(s, stmt, q->limit, cb, arg);
}

void alert_get(struct pg_pool *db, int64_t tenant_id, int64_t alert_id, item_cb *cb, void *arg)
{
    struct pg_seg *s = pg_seg_new(db, tenant_id);
    unsigned stmt = pg_add(s, &Q_ALERT_GET);
    pg_p_i64(s, tenant_id);
    pg_p_i64(s, alert_id);
    item_submit(s, stmt, "alert", cb, arg);
}
