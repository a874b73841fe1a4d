/* ninja/queries.c - reports: {"cursor":{name,offset,count,expires},"results":[…]}.
 * Why:    a cursor is state of the server: a client sends back its name only, and how the name behaves is not documented. Here
 *         it stays the same from page to page unless the control API asks for new ones.
 * Always: `count` is the total of the report, not of the page; `offset` counts the rows before this page; after the last page
 *         the cursor still answers, with empty results; a page that does not arrive whole does not move the cursor. */
#include "ninja.h"
#include <stdlib.h>

#define QUERY_DEFAULT_PAGE 1000
#define QUERY_MAX_PAGE     10000
#define CURSOR_LIFE        SECONDS(600)

struct row {
    int64_t device;
    unsigned row;
};

/* The next devices that match, from c->device on. */
static bool next_device(const struct ninja *n, const struct ninja_cursor *c, int64_t *io_id, struct ninja_core *core)
{
    for (; *io_id < n->fleet->next_device; ++*io_id) {
        if (ninja_core(n->fleet, *io_id, core) && ninja_filter_match(c->filter, core))
            return true;
    }
    return false;
}

/* Which of a device's rows the query is about. */
static bool row_matches(const struct ninja *n, const struct ninja_cursor *c, const struct ninja_core *core,
                        unsigned row)
{
    struct ninja_device d;
    if (c->installed_after == USEC_NONE)
        return true;
    ninja_device(n->fleet, core, &d);
    return c->report->installed(&d, row) >= c->installed_after;
}

static int64_t count_rows(const struct ninja *n, const struct ninja_cursor *c)
{
    struct ninja_core core;
    int64_t total = 0;
    for (int64_t id = NINJA_FIRST_ID; next_device(n, c, &id, &core); id++) {
        unsigned rows = c->report->rows(n->fleet, &core);
        if (c->installed_after == USEC_NONE)
            total += rows;
        for (unsigned row = 0; c->installed_after != USEC_NONE && row < rows; row++)
            total += row_matches(n, c, &core, row);
    }
    return total;
}

static void cursor_name(struct ninja *n, struct ninja_cursor *c)
{
    char uid[UUID_MAX];
    rng_uuid(n->fleet->seed, ++n->token_serial, 9300, uid);
    snprintf(c->name, sizeof(c->name), "%.13s-%.20s", uid, c->report->name);
}

static struct ninja_cursor *cursor_open(struct ninja *n, const struct ninja_report *report,
                                        const struct ninja_filter *filter, usec_t installed_after)
{
    struct ninja_cursor *c = &n->cursors[n->next_cursor++ % NINJA_MAX_CURSORS];
    free(c->filter);
    *c = (struct ninja_cursor){.report = report, .device = NINJA_FIRST_ID, .installed_after = installed_after};
    c->filter = ninja_filter_copy(filter);
    c->count = count_rows(n, c);
    cursor_name(n, c);
    return c;
}

static struct ninja_cursor *cursor_find(struct ninja *n, const struct ninja_report *report, struct slice name,
                                        usec_t now)
{
    for (size_t k = 0; name.n && k < NINJA_MAX_CURSORS; k++) {
        struct ninja_cursor *c = &n->cursors[k];
        if (slice_is(name, c->name) && c->report == report && c->expires > now)
            return c;
    }
    return NULL;
}

/* Takes up to `size` rows (or rows of `size` devices) and moves `at` behind them. */
static size_t take_rows(const struct ninja *n, struct ninja_cursor *at, int64_t size, struct row **ret)
{
    struct row *v = NULL;
    size_t rows = 0, cap = 0;
    int64_t left = size;
    struct ninja_core core;
    while (left > 0 && next_device(n, at, &at->device, &core)) {
        unsigned has = at->report->rows(n->fleet, &core);
        for (; at->row < has && left > 0; at->row++) {
            if (!row_matches(n, at, &core, at->row))
                continue;
            left -= !at->report->pages_of_devices;
            if (rows == cap)
                v = mem_realloc_array(v, cap = cap ? cap * 2 : 256, sizeof(*v));
            v[rows++] = (struct row){.device = at->device, .row = at->row};
        }
        if (at->row < has)
            break;
        left -= at->report->pages_of_devices && has;
        at->device++;
        at->row = 0;
    }
    at->offset += (int64_t)rows;
    *ret = v;
    return rows;
}

static void shuffle_rows(struct row *v, size_t n)
{
    for (size_t i = n; i > 1; i--) {
        size_t k = rng_below(n, i, 78, (unsigned)i);
        struct row t = v[k];
        v[k] = v[i - 1];
        v[i - 1] = t;
    }
}

static void write_results(struct jw *w, const struct ninja *n, const struct ninja_cursor *c, const struct row *v,
                          size_t rows, const struct ask *a)
{
    struct ninja_core core;
    struct ninja_device d = {.core.id = 0};
    bool whole = (int64_t)rows == c->count;
    jw_key(w, "results");
    jw_array(w);
    for (size_t i = 0; i < rows; i++) {
        if (a->fault == FAULT_OMIT_ROWS && i % 10 == 3)
            continue;
        if (d.core.id != v[i].device) {
            if (!ninja_core(n->fleet, v[i].device, &core))
                continue;
            ninja_device(n->fleet, &core, &d);
        }
        /* The vendor's defect: with include=bl, small pages lose some of the rows that carry it. */
        if ((c->flags & NW_BITLOCKER) && !whole && d.bitlocker && v[i].device % 7 == 0)
            continue;
        jw_object(w);
        c->report->write(w, n->fleet, &d, v[i].row, c->flags);
        jw_end(w);
    }
    jw_end(w);
}

static void write_page(struct ninja *n, struct ask *a, struct answer *r, struct ninja_cursor *c, int64_t size)
{
    struct ninja_cursor at = *c;
    if (a->fault == FAULT_REPEAT_PAGE && c->offset)
        at = (struct ninja_cursor){.report = c->report,
                                   .filter = c->filter,
                                   .device = NINJA_FIRST_ID,
                                   .count = c->count,
                                   .flags = c->flags,
                                   .installed_after = c->installed_after};
    struct row *v;
    int64_t offset = at.offset;
    size_t rows = take_rows(n, &at, size, &v);
    if (a->fault == FAULT_SHUFFLE)
        shuffle_rows(v, rows);
    bool single = offset == 0 && at.offset >= c->count;
    bool moves = !a->damaged && a->fault != FAULT_STUCK_CURSOR && a->fault != FAULT_REPEAT_PAGE;
    c->expires = a->wall + CURSOR_LIFE;
    if (moves && n->new_cursor_names && c->offset)
        cursor_name(n, c);
    struct jw w = ninja_json(r);
    jw_object(&w);
    if (!(c->report->cursor_optional && single)) {
        jw_key(&w, "cursor");
        jw_object(&w);
        jw_key_str(&w, "name", c->name);
        jw_key_i64(&w, "offset", offset);
        jw_key_i64(&w, "count", c->count + (a->fault == FAULT_WRONG_TOTAL ? 7 : 0));
        nw_time(&w, "expires", c->expires, 0);
        jw_end(&w);
    }
    write_results(&w, n, c, v, rows, a);
    jw_end(&w);
    free(v);
    if (moves) {
        c->device = at.device;
        c->row = at.row;
        c->offset = at.offset;
    }
}

bool ninja_arg_installed_after(struct ninja *n, struct ask *a, struct answer *r, usec_t *ret)
{
    *ret = USEC_NONE;
    return ninja_arg_time(n, a, r, "installedAfter", ret);
}

void ninja_query(void *self, struct ask *a, struct answer *r)
{
    struct ninja *n = self;
    const struct ninja_report *report = ninja_report(a->params[0]);
    int64_t size = QUERY_DEFAULT_PAGE;
    struct slice name, include;
    if (!report) {
        ninja_refuse(n, r, 404, "FAILURE", "HTTP 404 Not Found");
        return;
    }
    struct ninja_filter *filter = ninja_df(n, a, r);
    if (!filter || !ninja_arg_i64(n, a, r, "pageSize", report->min_page, QUERY_MAX_PAGE, &size))
        return;
    usec_t installed_after = USEC_NONE;
    if (report->installed && !ninja_arg_installed_after(n, a, r, &installed_after))
        return;
    struct ninja_cursor *c;
    if (ask_arg(a, "cursor", &name)) {
        c = cursor_find(n, report, name, a->wall);
        if (!c) {
            ninja_refuse(n, r, 400, "INVALID_CURSOR", "Cursor '%.*s' is unknown or has expired", SLICE_FMT(name));
            return;
        }
    } else {
        c = cursor_open(n, report, filter, installed_after);
        c->flags = NW_REPORT | (ask_arg(a, "include", &include) && slice_is(include, "bl") ? NW_BITLOCKER : 0);
    }
    write_page(n, a, r, c, size);
}
