/* map_reader.c - walks a document along the trie of a mapping table and calls back with each finished row.
 * Owns:   a json_reader, the row's struct, an arena for what the row points to (emptied after each row), one for the
 * head. Always: `at` is the node of the value that comes next, NULL when nobody wants it; an unwanted container only
 * counts brackets (`skip`). A fault belongs to the row in which it stands; the first one is told. */
#include "base/map_plan.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define MAX_TEXT  ((size_t)1 << 20)
#define FAULT_MAX 256

struct frame { /* a container we are in */
    const struct map_node *node;
    const struct map_scope *scope; /* ends with it; NULL: none */
    bool array;
};

struct map_reader {
    struct json_reader *json;
    map_row_cb *on_row;
    void *arg;
    size_t max_text;
    struct arena *plan_arena, *head_arena, *row_arena;
    bool keep_rows; /* map_read: the row's arena is the caller's */
    const struct map_plan *plan;
    const char *rows_path;

    const struct map_node *at;
    unsigned depth, skip;
    struct frame frames[JSON_MAX_DEPTH + 1];

    void *base[MAP_LEVELS]; /* the structs being filled */
    uint64_t seen[MAP_LEVELS][MAP_FIELDS_MAX / 64];
    bool rows_found, stopped; /* stopped: by the callback */
    char fault[FAULT_MAX], head_fault[FAULT_MAX];
    size_t rows;
};

/* --- faults --- */

static const char *type_name(enum json_type type)
{
    static const char *const names[] = {
        [JSON_NULL] = "null",   [JSON_BOOL] = "a boolean", [JSON_NUMBER] = "the number",
        [JSON_STRING] = "text", [JSON_ARRAY] = "a list",   [JSON_OBJECT] = "an object",
    };
    return names[type];
}

static void add_fault(struct map_reader *r, unsigned level, const char *path, const char *wanted,
                      const struct map_value *v)
{
    char *fault = level == 0 ? r->head_fault : r->fault;
    if (*fault)
        return;
    const char *sep = *path ? ": " : "";
    bool quote = v->type == JSON_STRING || v->type == JSON_NUMBER;
    int n = snprintf(fault, FAULT_MAX, "%s%sexpected %s, found %s", path, sep, wanted, type_name(v->type));
    if (quote && n > 0 && n < FAULT_MAX) {
        const char *mark = v->type == JSON_STRING ? "\"" : "";
        struct slice shown = slice_of(v->text.p, MIN(v->text.n, 40));
        while (shown.n && shown.n < v->text.n && ((uint8_t)v->text.p[shown.n] & 0xC0) == 0x80)
            shown.n--; /* no character cut in two */
        snprintf(fault + n, (size_t)(FAULT_MAX - n), " %s%.*s%s", mark, SLICE_FMT(shown), mark);
    }
}

/* --- scopes: head, row, item --- */

static bool seen(const struct map_reader *r, const struct map_target *t)
{
    return r->seen[t->of->level][t->index / 64] >> (t->index % 64) & 1;
}

static void mark_seen(struct map_reader *r, const struct map_target *t)
{
    r->seen[t->of->level][t->index / 64] |= (uint64_t)1 << (t->index % 64);
}

static void begin_struct(struct map_reader *r, const struct map_scope *s, void *base)
{
    r->base[s->level] = base;
    memset(r->seen[s->level], 0, sizeof(r->seen[s->level]));
    if (s->map->size)
        memcpy(base, s->blank, s->map->size);
}

static void *push_item(struct map_reader *r, const struct map_scope *s)
{
    struct map_list *list = (void *)((char *)r->base[s->level - 1] + s->list->field->offset);
    list->v = map_grow(r->row_arena, list->v, list->n, s->map->size);
    return (char *)list->v + list->n++ * s->map->size;
}

static void open_scope(struct map_reader *r, const struct map_scope *s)
{
    if (s->list) {
        begin_struct(r, s, push_item(r, s));
        return;
    }
    r->fault[0] = '\0';
    begin_struct(r, s, r->base[s->level]);
}

static void check_required(struct map_reader *r, const struct map_scope *s)
{
    char *fault = s->level == 0 ? r->head_fault : r->fault;
    for (unsigned i = 0; i < s->nrequired && !*fault; i++)
        if (!seen(r, s->required[i]))
            snprintf(fault, FAULT_MAX, "%s: missing", s->required[i]->path);
}

static bool close_scope(struct map_reader *r, const struct map_scope *s)
{
    check_required(r, s);
    if (s->list)
        return true;
    struct err e = {0};
    r->rows++;
    bool go_on = r->on_row(r->arg, r->base[s->level], *r->fault ? r->fault : NULL, &e);
    if (!r->keep_rows)
        arena_reset(r->row_arena);
    if (go_on)
        return true;
    r->stopped = true;
    return json_reader_fail(r->json, e.code ? e.code : ERR_CANCELED, "%s", e.code ? e.what : "stopped");
}

/* --- values --- */

static void after_value(struct map_reader *r)
{
    const struct frame *f = &r->frames[r->depth];
    r->at = r->depth && f->array ? f->node->elem : NULL;
}

static void put_scalar(struct map_reader *r, const struct map_target *t, const struct map_value *v)
{
    unsigned level = t->of->level;
    bool gathers = t->field->kind == MAP_TEXTS;
    if (!gathers && seen(r, t)) /* the first value wins */
        return;
    struct arena *a = level == 0 ? r->head_arena : r->row_arena;
    switch (map_convert(t, v, r->base[level], a, r->max_text)) {
    case MAP_SET:
        mark_seen(r, t);
        break;
    case MAP_ABSENT:
        break;
    case MAP_WRONG:
        mark_seen(r, t); /* "missing" would be a second word on the same fault */
        add_fault(r, level, t->path, map_kind_name(t->field->kind), v);
        break;
    }
}

static bool scalar(struct map_reader *r, enum json_type type, struct slice text)
{
    const struct map_node *n = r->at;
    if (r->skip || !n)
        return true;
    const struct map_scope *opens = n->opens;
    struct map_value v = {type, text};
    bool ok = true;
    if (opens && !opens->list) { /* a row that is no object */
        open_scope(r, opens);
        if (n->ntargets == 0)
            add_fault(r, 1, "", "an object", &v);
    } else if (opens && type != JSON_NULL) {
        add_fault(r, opens->level - 1, opens->path, "an object", &v);
    }
    for (unsigned i = 0; i < n->ntargets && type != JSON_NULL; i++)
        put_scalar(r, n->targets[i], &v);
    if (opens && !opens->list)
        ok = close_scope(r, opens);
    after_value(r);
    return ok;
}

/* A list or an object stands where fields may have wanted something else. */
static void put_container(struct map_reader *r, const struct map_node *n, const struct map_target *t, bool array)
{
    struct map_value v = {.type = array ? JSON_ARRAY : JSON_OBJECT};
    enum map_kind kind = t->field->kind;
    if (kind == MAP_LOOSE_TEXT || t->item ||
        (array ? kind != MAP_LIST && kind != MAP_TEXTS && n->elem : n->slots != NULL))
        return;
    bool list_wanted = kind == MAP_LIST || kind == MAP_TEXTS;
    if (!array || !list_wanted) {
        if (!seen(r, t))
            add_fault(r, t->of->level, t->path, map_kind_name(kind), &v);
        mark_seen(r, t);
        return;
    }
    /* Present, if perhaps empty: v is not NULL. texts and map_list begin alike. */
    struct map_list *list = (void *)((char *)r->base[t->of->level] + t->field->offset);
    if (!list->v)
        list->v = arena_alloc(t->of->level == 0 ? r->head_arena : r->row_arena, 0);
    mark_seen(r, t);
}

static bool open_container(struct map_reader *r, bool array)
{
    const struct map_node *n = r->at;
    if (r->skip || !n) {
        r->skip++;
        return true;
    }
    const struct map_scope *opens = n->opens;
    if (opens && array && !n->elem) { /* a list where a row or an item should be */
        struct map_value v = {.type = JSON_ARRAY};
        if (!opens->list)
            open_scope(r, opens);
        add_fault(r, opens->list ? opens->level - 1 : 1, opens->path, "an object", &v);
        if (!opens->list && !close_scope(r, opens))
            return false;
        after_value(r);
        r->skip++;
        return true;
    }
    r->rows_found |= n->is_rows && array;
    if (opens)
        open_scope(r, opens);
    for (unsigned i = 0; i < n->ntargets; i++)
        put_container(r, n, n->targets[i], array);
    r->frames[++r->depth] = (struct frame){.node = n, .scope = opens, .array = array};
    r->at = array ? n->elem : NULL;
    return true;
}

static bool close_container(struct map_reader *r)
{
    if (r->skip) {
        r->skip--;
        return true;
    }
    const struct map_scope *s = r->frames[r->depth--].scope;
    after_value(r);
    return !s || close_scope(r, s);
}

/* --- the reader's handler --- */

static bool on_key(void *arg, struct slice key)
{
    struct map_reader *r = arg;
    if (!r->skip)
        r->at = map_node_key(r->frames[r->depth].node, key);
    return true;
}

static bool on_object_start(void *arg)
{
    return open_container(arg, false);
}

static bool on_array_start(void *arg)
{
    return open_container(arg, true);
}

static bool on_end(void *arg)
{
    return close_container(arg);
}

static bool on_string(void *arg, struct slice text)
{
    return scalar(arg, JSON_STRING, text);
}

static bool on_number(void *arg, struct slice text)
{
    return scalar(arg, JSON_NUMBER, text);
}

static bool on_boolean(void *arg, bool v)
{
    return scalar(arg, JSON_BOOL, v ? SLICE("true") : SLICE("false"));
}

static bool on_null(void *arg)
{
    return scalar(arg, JSON_NULL, SLICE_NONE);
}

static const struct json_handler handler = {
    .object_start = on_object_start,
    .object_key = on_key,
    .object_end = on_end,
    .array_start = on_array_start,
    .array_end = on_end,
    .string = on_string,
    .number = on_number,
    .boolean = on_boolean,
    .null = on_null,
};

/* --- life --- */

static void to_the_start(struct map_reader *r)
{
    r->at = r->plan->root;
    r->depth = r->skip = 0;
    r->rows_found = r->stopped = false;
    r->fault[0] = r->head_fault[0] = '\0';
    r->rows = 0;
    if (r->plan->head)
        begin_struct(r, r->plan->head, r->base[0]);
}

static struct map_reader *reader_new(const struct map_doc *doc, map_row_cb *on_row, void *arg, size_t max_text,
                                     struct arena *rows)
{
    struct map_reader *r = NEW(struct map_reader);
    r->on_row = on_row;
    r->arg = arg;
    r->max_text = max_text ? max_text : MAX_TEXT;
    r->rows_path = doc->rows;
    r->plan_arena = arena_new();
    r->head_arena = arena_new();
    r->keep_rows = rows != NULL;
    r->row_arena = rows ? rows : arena_new();
    r->plan = map_plan_new(r->plan_arena, doc);
    r->base[0] = doc->head ? arena_alloc(r->plan_arena, doc->head->size) : NULL;
    r->base[1] = arena_alloc(r->plan_arena, doc->row->size);
    r->json = json_reader_new(&handler, r, JSON_MAX_DEPTH);
    to_the_start(r);
    return r;
}

struct map_reader *map_reader_new(const struct map_doc *doc, map_row_cb *on_row, void *arg, size_t max_text)
{
    return reader_new(doc, on_row, arg, max_text, NULL);
}

void map_reader_free(struct map_reader *r)
{
    if (!r)
        return;
    json_reader_free(r->json);
    if (!r->keep_rows)
        arena_free(r->row_arena);
    arena_free(r->head_arena);
    arena_free(r->plan_arena);
    free(r);
}

void map_reader_reset(struct map_reader *r)
{
    json_reader_reset(r->json);
    arena_reset(r->head_arena);
    if (!r->keep_rows)
        arena_reset(r->row_arena);
    to_the_start(r);
}

/* What is wrong with a product's document is the product's breach of contract; what the callback says stays its own. */
static bool settle(const struct map_reader *r, bool ok, struct err *e)
{
    if (!ok && e && !r->stopped)
        e->code = ERR_PROTOCOL;
    return ok;
}

bool map_reader_feed(struct map_reader *r, struct slice piece, struct err *e)
{
    return settle(r, json_reader_feed(r->json, piece, e), e);
}

bool map_reader_finish(struct map_reader *r, struct err *e)
{
    if (!json_reader_finish(r->json, e))
        return settle(r, false, e);
    if (*r->rows_path && !r->rows_found)
        return err_set(e, ERR_PROTOCOL, "the answer has no list at \"%s\"", r->rows_path);
    if (r->plan->head)
        check_required(r, r->plan->head);
    if (*r->head_fault)
        return err_set(e, ERR_PROTOCOL, "%s", r->head_fault);
    return true;
}

const void *map_reader_head(const struct map_reader *r)
{
    return r->base[0];
}

size_t map_reader_rows(const struct map_reader *r)
{
    return r->rows;
}

struct single {
    void *ret;
    size_t size;
};

static bool take_single(void *arg, const void *row, const char *fault, struct err *e)
{
    const struct single *s = arg;
    if (fault)
        return err_set(e, ERR_DATA, "%s", fault);
    memcpy(s->ret, row, s->size);
    return true;
}

bool map_read(const struct map *m, struct slice json, struct arena *a, void *ret, struct err *e)
{
    struct map_doc doc = {.rows = "", .row = m};
    struct single single = {arena_alloc(a, m->size), m->size};
    struct map_reader *r = reader_new(&doc, take_single, &single, 0, a);
    bool ok = json_reader_feed(r->json, json, e) && json_reader_finish(r->json, e);
    map_reader_free(r);
    if (ok && m->size)
        memcpy(ret, single.ret, m->size);
    return ok;
}
