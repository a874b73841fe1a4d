/* map_plan.c - compiles a mapping table to its trie.
 * Always: two fields may want the same place (a product's class gives our type and is kept as well), so a node has a
 * list of targets; a path is walked once, here. */
#include "base/map_plan.h"

#include <assert.h>

struct map_edge { /* a key below a node, while the trie is built */
    struct slice key;
    struct map_node *node;
    struct map_edge *next;
};

struct compiler {
    struct arena *a;
    bool any_case;
};

#define FOLDED_MAX 64 /* of a key in a table that compares without case */

static struct slice key_fold(struct slice key, char buf[FOLDED_MAX])
{
    for (size_t i = 0; i < key.n; i++)
        buf[i] = (char)(key.p[i] >= 'A' && key.p[i] <= 'Z' ? key.p[i] | 0x20 : key.p[i]);
    return slice_of(buf, key.n);
}

static struct map_node *node_new(struct compiler *c)
{
    struct map_node *n = arena_alloc(c->a, sizeof(*n));
    n->any_case = c->any_case;
    return n;
}

static struct map_node *node_child(struct compiler *c, struct map_node *n, struct slice key)
{
    char buf[FOLDED_MAX];
    if (c->any_case) {
        assert(key.n <= FOLDED_MAX);
        key = key_fold(key, buf);
        key.p = arena_strndup(c->a, key.p, key.n);
    }
    for (struct map_edge *e = n->edges; e; e = e->next)
        if (slice_eq(e->key, key))
            return e->node;
    struct map_edge *e = arena_alloc(c->a, sizeof(*e));
    *e = (struct map_edge){.key = key, .node = node_new(c), .next = n->edges};
    n->edges = e;
    return e->node;
}

static struct map_node *node_elem(struct compiler *c, struct map_node *n)
{
    if (!n->elem)
        n->elem = node_new(c);
    return n->elem;
}

/* Walks "a.b[][].c" from n on, making what is not there. */
static struct map_node *node_at(struct compiler *c, struct map_node *n, const char *path)
{
    const char *p = path;
    while (*p) {
        if (p[0] == '[') {
            assert(p[1] == ']');
            n = node_elem(c, n);
            p += 2;
        } else {
            size_t len = strcspn(p, ".[");
            assert(len > 0);
            n = node_child(c, n, slice_of(p, len));
            p += len;
        }
        if (*p == '.') {
            p++;
            assert(*p && *p != '.');
        }
    }
    return n;
}

static void node_add(struct compiler *c, struct map_node *n, const struct map_target *t)
{
    const struct map_target **all = arena_alloc(c->a, (n->ntargets + 1) * sizeof(*all));
    if (n->ntargets)
        memcpy(all, n->targets, n->ntargets * sizeof(*all));
    all[n->ntargets++] = t;
    n->targets = all;
}

/* --- structs --- */

static size_t field_size(enum map_kind kind)
{
    switch (kind) {
    case MAP_TEXT:
    case MAP_ID:
    case MAP_LOOSE_TEXT:
        return sizeof(struct slice);
    case MAP_I64:
    case MAP_SIZE:
    case MAP_EPOCH:
    case MAP_ISO:
    case MAP_TIME:
        return sizeof(int64_t);
    case MAP_TRI:
    case MAP_ENUM:
        return sizeof(int);
    case MAP_TEXTS:
        return sizeof(struct texts);
    case MAP_LIST:
        return sizeof(struct map_list);
    }
    return 0;
}

/* All zero but numbers and times: SLICE_NONE, TRI_UNKNOWN, enum 0 and empty lists are zeros. */
static const void *blank_of(struct compiler *c, const struct map *m)
{
    _Static_assert(I64_NONE == USEC_NONE, "one pattern stands for an unknown number and an unknown time");
    char *blank = arena_alloc(c->a, m->size);
    for (size_t i = 0; i < m->n; i++) {
        const struct map_field *f = &m->fields[i];
        assert(f->offset + field_size(f->kind) <= m->size);
        if (field_size(f->kind) == sizeof(int64_t)) {
            int64_t none = I64_NONE;
            memcpy(blank + f->offset, &none, sizeof(none));
        }
    }
    return blank;
}

static const struct map_scope *add_scope(struct compiler *c, struct map_node *at, const struct map *m, unsigned level,
                                         const struct map_target *list, const char *path);

static void add_field(struct compiler *c, struct map_node *at, const struct map_scope *of, unsigned index,
                      const struct map_target **ret)
{
    const struct map_field *f = &of->map->fields[index];
    struct map_target *t = arena_alloc(c->a, sizeof(*t));
    const char *dot = *of->path && *f->path && *f->path != '[' ? "." : "";
    *t = (struct map_target){.field = f, .of = of, .index = index};
    t->path = arena_printf(c->a, "%s%s%s", of->path, dot, f->path);
    *ret = t;
    assert((f->kind == MAP_ENUM) == (f->names != NULL) && (f->kind == MAP_LIST) == (f->item != NULL));
    struct map_node *n = node_at(c, at, f->path);
    node_add(c, n, t);
    if (f->kind == MAP_TEXTS) {
        struct map_target *item = arena_alloc(c->a, sizeof(*item));
        *item = *t;
        item->item = true;
        node_add(c, node_elem(c, n), item);
    } else if (f->kind == MAP_LIST) {
        struct map_node *elem = node_elem(c, n);
        assert(!elem->opens && of->level > 0); /* a head holds no lists of objects: it would grow with the document */
        elem->opens = add_scope(c, elem, f->item, of->level + 1, t, arena_printf(c->a, "%s[]", t->path));
    }
}

static const struct map_scope *add_scope(struct compiler *c, struct map_node *at, const struct map *m, unsigned level,
                                         const struct map_target *list, const char *path)
{
    assert(level < MAP_LEVELS && m->n <= MAP_FIELDS_MAX);
    struct map_scope *s = arena_alloc(c->a, sizeof(*s));
    *s = (struct map_scope){.map = m, .level = level, .list = list, .path = path, .blank = blank_of(c, m)};
    const struct map_target **required = arena_alloc(c->a, m->n * sizeof(*required));
    for (unsigned i = 0; i < m->n; i++) {
        const struct map_target *t;
        add_field(c, at, s, i, &t);
        if (t->field->required)
            required[s->nrequired++] = t;
    }
    s->required = required;
    return s;
}

/* --- lookup --- */

/* All the bytes of a short key, both ends of a longer one. Only keys of our own tables are in the hash, so an
 * outsider's choice of keys cannot make it slow. */
static inline uint32_t key_hash(struct slice k)
{
    uint64_t a = 0, b = 0;
    if (k.n >= 8) {
        memcpy(&a, k.p, 8);
        memcpy(&b, k.p + k.n - 8, 8);
    } else if (k.n >= 4) {
        memcpy(&a, k.p, 4);
        memcpy(&b, k.p + k.n - 4, 4);
    } else if (k.n > 0) {
        a = (uint64_t)(uint8_t)k.p[0] << 16 | (uint64_t)(uint8_t)k.p[k.n / 2] << 8 | (uint8_t)k.p[k.n - 1];
    }
    a = (a ^ (b << 23 | b >> 41) ^ k.n) * 0x9E3779B97F4A7C15u;
    return (uint32_t)(a >> 32);
}

const struct map_node *map_node_key(const struct map_node *n, struct slice key)
{
    char buf[FOLDED_MAX];
    if (!n->slots || (n->any_case && key.n > FOLDED_MAX))
        return NULL;
    if (n->any_case)
        key = key_fold(key, buf);
    for (unsigned i = key_hash(key) & n->mask; n->slots[i].node; i = (i + 1) & n->mask)
        if (slice_eq(n->slots[i].key, key))
            return n->slots[i].node;
    return NULL;
}

/* From the list of edges to a table that is at most half full, for the whole trie. */
static void freeze(struct compiler *c, struct map_node *n)
{
    unsigned count = 0, cap = 2;
    for (const struct map_edge *e = n->edges; e; e = e->next)
        count++;
    while (cap < count * 2)
        cap *= 2;
    if (count) {
        n->slots = arena_alloc(c->a, cap * sizeof(*n->slots));
        n->mask = cap - 1;
    }
    for (const struct map_edge *e = n->edges; e; e = e->next) {
        unsigned i = key_hash(e->key) & n->mask;
        while (n->slots[i].node)
            i = (i + 1) & n->mask;
        n->slots[i] = (struct map_slot){e->key, e->node};
        freeze(c, e->node);
    }
    if (n->elem)
        freeze(c, n->elem);
}

struct map_plan *map_plan_new(struct arena *a, const struct map_doc *doc)
{
    struct compiler c = {a, doc->any_case};
    struct map_plan *plan = arena_alloc(a, sizeof(*plan));
    plan->root = node_new(&c);
    if (doc->head)
        plan->head = add_scope(&c, plan->root, doc->head, 0, NULL, "");
    struct slice rows = slice_cstr(doc->rows);
    assert(rows.n == 0 || slice_ends(rows, SLICE("[]")));
    struct map_node *row = plan->root;
    if (rows.n) {
        struct map_node *list = node_at(&c, plan->root, arena_strndup(a, rows.p, rows.n - 2));
        list->is_rows = true;
        row = node_elem(&c, list);
    }
    assert(!row->opens);
    plan->row = row->opens = add_scope(&c, row, doc->row, 1, NULL, "");
    freeze(&c, plan->root);
    return plan;
}
