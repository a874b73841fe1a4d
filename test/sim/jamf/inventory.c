/* jamf/inventory.c - computers-inventory v1 to v4: pages, sections, sorting, filters; one computer; its detail. */
#include "jamf.h"
#include <stdlib.h>

bool j_page(struct jamf *j, struct ask *a, struct answer *r, int64_t max, struct j_page *ret)
{
    static const char *const sizes[] = {"page-size", "size", "pagesize"};
    struct slice text;
    *ret = (struct j_page){.page = 0, .size = 100};
    if (ask_arg(a, "page", &text) && (!slice_i64(text, &ret->page) || ret->page < 0)) {
        j_error(r, 400, "INVALID_FIELD", "page", "page must be a number, and not negative");
        return false;
    }
    for (size_t k = 0; k < ARRAY_LEN(sizes); k++)
        if (ask_arg(a, sizes[k], &text)) {
            if (!slice_i64(text, &ret->size) || ret->size < 1) {
                j_error(r, 400, "INVALID_FIELD", "page-size", "page-size must be a number of 1 or more");
                return false;
            }
            break;
        }
    ret->size = MIN(ret->size, max);
    if (a->fault == FAULT_STUCK_CURSOR)
        ret->page = 0;
    if (a->fault == FAULT_REPEAT_PAGE)
        ret->page = MAX(ret->page - 1, 0);
    return true;
}

static unsigned version_of(const struct ask *a)
{
    return (unsigned)(a->route->pattern[6] - '0'); /* "/api/v" */
}

/* --- what is asked for --- */

static bool one_section(struct answer *r, struct slice name, unsigned version, unsigned *io)
{
    enum j_section s;
    if (!j_section(name, version, &s)) {
        j_error(r, 400, "INVALID_FIELD", "section", "No section %.*s", SLICE_FMT(name));
        return false;
    }
    *io |= 1u << s;
    return true;
}

/* Repeated, and joined by commas as well. */
static bool sections_of(struct ask *a, struct answer *r, unsigned version, unsigned *ret)
{
    unsigned sections = 0;
    for (size_t k = 0; k < a->nargs; k++) {
        struct slice rest = a->args[k].value;
        if (!slice_is(a->args[k].name, "section"))
            continue;
        do {
            if (!one_section(r, slice_cut(&rest, ','), version, &sections))
                return false;
        } while (rest.n);
    }
    *ret = sections ? sections : 1u << JS_GENERAL;
    return true;
}

struct row {
    int64_t id;
    usec_t time;
    char name[J_TEXT];
    bool by_name, by_time;
};

static int by_key(const void *x, const void *y)
{
    const struct row *a = x, *b = y;
    int order = a->by_name ? strcmp(a->name, b->name) : 0;
    if (a->by_time)
        order = a->time < b->time ? -1 : a->time > b->time;
    if (order)
        return order;
    return a->id < b->id ? -1 : a->id > b->id;
}

struct wanted {
    unsigned version, sections;
    struct j_page page;
    struct slice filter;
    bool by_name, by_time, descending;
};

static bool sort_of(struct ask *a, struct answer *r, struct wanted *ret)
{
    struct slice text = SLICE("general.name:asc"), key, way;
    ask_arg(a, "sort", &text);
    way = text;
    key = slice_cut(&way, ':');
    ret->descending = slice_ieq(way, SLICE("desc"));
    ret->by_name = slice_is(key, "general.name");
    ret->by_time = slice_is(key, "general.reportDate");
    if ((ret->by_name || ret->by_time || slice_is(key, "id")) &&
        (!way.n || ret->descending || slice_ieq(way, SLICE("asc"))))
        return true;
    j_error(r, 400, "INVALID_FIELD", "sort", "Cannot sort by %.*s", SLICE_FMT(text));
    return false;
}

static bool wanted_of(struct jamf *j, struct ask *a, struct answer *r, struct wanted *ret)
{
    static const struct j_computer nobody;
    const char *bad = NULL;
    *ret = (struct wanted){.version = version_of(a)};
    if (!j_page(j, a, r, J_PAGE_MAX, &ret->page) || !sections_of(a, r, ret->version, &ret->sections) ||
        !sort_of(a, r, ret))
        return false;
    if (!ask_arg(a, "filter", &ret->filter) || !ret->filter.n)
        return true;
    j_rsql(ret->filter, &nobody, ret->version, &bad);
    if (!bad)
        return true;
    j_error(r, 400, "INVALID_FIELD", "filter", "Cannot read the filter %.*s: %s", (int)MIN(ret->filter.n, 80),
            ret->filter.p, bad);
    return false;
}

/* --- the list --- */

/* All that the filter takes, in order; `c` is scratch. */
static struct row *rows_of(const struct jamf *j, const struct wanted *x, struct j_computer *c, size_t *ret_n)
{
    struct row *rows = mem_realloc_array(NULL, (size_t)j->ncomputers + 1, sizeof(*rows));
    const char *bad;
    size_t n = 0;
    bool plain = !x->filter.n && !x->by_name && !x->by_time;
    for (int64_t id = 1; id <= j->ncomputers; id++) {
        if (plain ? !j_computer_is(j, id) : !j_computer(j, id, c))
            continue;
        if (x->filter.n && !j_rsql(x->filter, c, x->version, &bad))
            continue;
        struct row *r = &rows[n++];
        r->id = id;
        r->by_name = x->by_name;
        r->by_time = x->by_time;
        r->time = plain ? 0 : c->reported;
        snprintf(r->name, sizeof(r->name), "%s", !plain && c->v[JF_NAME] ? c->v[JF_NAME] : "");
    }
    if (!plain)
        qsort(rows, n, sizeof(*rows), by_key);
    for (size_t k = 0; x->descending && k < n / 2; k++) {
        struct row swap = rows[k];
        rows[k] = rows[n - 1 - k];
        rows[n - 1 - k] = swap;
    }
    *ret_n = n;
    return rows;
}

void j_computers(void *self, struct ask *a, struct answer *r)
{
    struct jamf *j = self;
    struct wanted x;
    size_t total = 0;
    if (!wanted_of(j, a, r, &x))
        return;
    struct j_computer *c = arena_alloc(a->arena, sizeof(*c));
    struct row *rows = rows_of(j, &x, c, &total);
    size_t from = x.page.page > (int64_t)total ? total : MIN((size_t)(x.page.page * x.page.size), total);
    size_t n = MIN((size_t)x.page.size, total - from);
    struct jw w = j_json(r, 200);
    jw_object(&w);
    jw_key_i64(&w, "totalCount", (int64_t)total + (a->fault == FAULT_WRONG_TOTAL ? 7 : 0));
    jw_key(&w, "results");
    jw_array(&w);
    bool damaged = false;
    for (size_t k = 0; k < n && !damaged; k++) {
        if (a->fault == FAULT_OMIT_ROWS && k % 10 == 9)
            continue;
        if (!j_computer(j, rows[from + (a->fault == FAULT_SHUFFLE ? n - 1 - k : k)].id, c))
            continue;
        damaged = c->damaged || (c->spoiled && x.sections != 1u << JS_GENERAL);
        j_write_computer(&w, j, c, x.version, x.sections);
    }
    if (damaged) {
        j_error(r, 500, NULL, NULL, "a damaged record");
    } else {
        jw_end(&w);
        jw_end(&w);
    }
    free(rows);
}

static bool path_computer(struct jamf *j, struct ask *a, struct answer *r, struct j_computer *c)
{
    int64_t id;
    if (!slice_i64(a->params[0], &id) || !j_computer(j, id, c)) {
        j_not_found(j, r, "Computer record not found");
        r->gone = slice_i64(a->params[0], &id) && id >= 1 && id <= j->ncomputers;
        return false;
    }
    if (c->damaged)
        j_error(r, 500, NULL, NULL, "a damaged record");
    return !c->damaged;
}

void j_computer_one(void *self, struct ask *a, struct answer *r)
{
    struct jamf *j = self;
    struct j_computer *c = arena_alloc(a->arena, sizeof(*c));
    unsigned sections;
    if (!sections_of(a, r, version_of(a), &sections) || !path_computer(j, a, r, c))
        return;
    struct jw w = j_json(r, 200);
    j_write_computer(&w, j, c, version_of(a), sections);
}

void j_computer_detail(void *self, struct ask *a, struct answer *r)
{
    struct jamf *j = self;
    struct j_computer *c = arena_alloc(a->arena, sizeof(*c));
    if (!path_computer(j, a, r, c))
        return;
    struct jw w = j_json(r, 200);
    j_write_computer(&w, j, c, version_of(a), J_ALL_SECTIONS);
}
