/* json_tree.c - a small tree for small documents of ours.
 * Why:    request bodies and settings are read by name, in any order; a doubled key there is an attack or a mistake.
 * Owns:   while it parses, a hash table of (object, key) pairs; keyed, for the keys come from strangers.
 * Always: everything of the tree lives in the caller's arena. */
#include "base/json_read.h"

#include "base/crypto.h"
#include "base/json_write.h"
#include "base/mem.h"
#include "base/utf8.h"
#include <stdlib.h>

struct member { /* NULL object: free slot */
    const struct json *object, *value;
};

struct builder {
    struct arena *arena;
    struct json_reader *reader;
    struct json *root;
    struct slice key;
    struct json *open[JSON_MAX_DEPTH + 1],
        *last[JSON_MAX_DEPTH + 1]; /* the containers we are in, and their newest child */
    unsigned depth;
    struct member *seen;
    size_t nseen, cap; /* cap is a power of two */
    uint64_t seed;
};

static size_t slot_of(const struct builder *b, const struct json *object, struct slice key)
{
    return crypto_hash64(b->seed ^ (uint64_t)(uintptr_t)object, key) & (b->cap - 1);
}

/* The slot with this member, or the free one where it belongs. */
static struct member *member_slot(struct builder *b, const struct json *object, struct slice key)
{
    size_t i = slot_of(b, object, key);
    while (b->seen[i].object && !(b->seen[i].object == object && slice_eq(b->seen[i].value->key, key)))
        i = (i + 1) & (b->cap - 1);
    return &b->seen[i];
}

static void grow_seen(struct builder *b)
{
    struct member *old = b->seen;
    size_t n = b->cap;
    b->cap = n ? n * 2 : 64;
    b->seen = mem_zalloc(b->cap * sizeof(*b->seen));
    for (size_t i = 0; i < n; i++)
        if (old[i].object)
            *member_slot(b, old[i].object, old[i].value->key) = old[i];
    free(old);
}

static bool remember_key(struct builder *b, const struct json *object, const struct json *value)
{
    if (b->nseen * 2 >= b->cap)
        grow_seen(b);
    struct member *m = member_slot(b, object, value->key);
    if (m->object)
        return json_reader_fail(b->reader, ERR_INPUT, "\"%.*s\" stands twice in one object", SLICE_FMT(value->key));
    *m = (struct member){object, value};
    b->nseen++;
    return true;
}

static struct slice keep(struct builder *b, struct slice s)
{
    return slice_of(arena_strndup(b->arena, s.p, s.n), s.n);
}

static struct json *add(struct builder *b, enum json_type type)
{
    struct json *j = arena_alloc(b->arena, sizeof(*j));
    j->type = type;
    if (b->depth == 0) {
        b->root = j;
        return j;
    }
    struct json *in = b->open[b->depth];
    if (in->type == JSON_OBJECT) {
        j->key = b->key;
        if (!remember_key(b, in, j))
            return NULL;
    }
    if (b->last[b->depth])
        b->last[b->depth]->next = j;
    else
        in->child = j;
    b->last[b->depth] = j;
    return j;
}

static bool open_container(struct builder *b, enum json_type type)
{
    struct json *j = add(b, type);
    if (!j)
        return false;
    b->depth++;
    b->open[b->depth] = j;
    b->last[b->depth] = NULL;
    return true;
}

static bool tree_object_start(void *arg)
{
    return open_container(arg, JSON_OBJECT);
}

static bool tree_array_start(void *arg)
{
    return open_container(arg, JSON_ARRAY);
}

static bool tree_end(void *arg)
{
    ((struct builder *)arg)->depth--;
    return true;
}

static bool tree_key(void *arg, struct slice key)
{
    struct builder *b = arg;
    b->key = keep(b, key);
    return true;
}

static bool add_text(struct builder *b, enum json_type type, struct slice text)
{
    struct json *j = add(b, type);
    if (j)
        j->text = keep(b, text);
    return j != NULL;
}

static bool tree_string(void *arg, struct slice text)
{
    return add_text(arg, JSON_STRING, text);
}

static bool tree_number(void *arg, struct slice text)
{
    return add_text(arg, JSON_NUMBER, text);
}

static bool tree_boolean(void *arg, bool v)
{
    struct json *j = add(arg, JSON_BOOL);
    if (j)
        j->boolean = v;
    return j != NULL;
}

static bool tree_null(void *arg)
{
    return add(arg, JSON_NULL) != NULL;
}

static const struct json_handler tree_handler = {
    .object_start = tree_object_start,
    .object_key = tree_key,
    .object_end = tree_end,
    .array_start = tree_array_start,
    .array_end = tree_end,
    .string = tree_string,
    .number = tree_number,
    .boolean = tree_boolean,
    .null = tree_null,
};

bool json_parse(struct arena *a, struct slice text, struct json **ret, struct err *e)
{
    struct builder b = {.arena = a};
    crypto_random(&b.seed, sizeof(b.seed));
    b.reader = json_reader_new(&tree_handler, &b, JSON_MAX_DEPTH);
    bool ok = json_reader_feed(b.reader, text, e) && json_reader_finish(b.reader, e);
    json_reader_free(b.reader);
    free(b.seen);
    if (ok)
        *ret = b.root;
    return ok;
}

const struct json *json_get(const struct json *object, const char *key)
{
    if (!object || object->type != JSON_OBJECT)
        return NULL;
    for (const struct json *j = object->child; j; j = j->next)
        if (slice_is(j->key, key))
            return j;
    return NULL;
}

struct slice json_get_text(const struct json *object, const char *key)
{
    const struct json *j = json_get(object, key);
    return j && j->type == JSON_STRING ? j->text : SLICE_NONE;
}

bool json_get_i64(const struct json *object, const char *key, int64_t *ret)
{
    const struct json *j = json_get(object, key);
    return j && j->type == JSON_NUMBER && slice_i64(j->text, ret);
}

bool json_get_bool(const struct json *object, const char *key, bool fallback)
{
    const struct json *j = json_get(object, key);
    return j && j->type == JSON_BOOL ? j->boolean : fallback;
}

static void write_value(const struct json *j, struct jw *w) /* no deeper than JSON_MAX_DEPTH */
{
    switch (j->type) {
    case JSON_NULL:
        jw_null(w);
        break;
    case JSON_BOOL:
        jw_bool(w, j->boolean);
        break;
    case JSON_NUMBER:
        jw_raw(w, j->text);
        break;
    case JSON_STRING:
        jw_slice(w, j->text);
        break;
    case JSON_ARRAY:
    case JSON_OBJECT:
        if (j->type == JSON_OBJECT)
            jw_object(w);
        else
            jw_array(w);
        for (const struct json *c = j->child; c; c = c->next) {
            if (j->type == JSON_OBJECT)
                jw_key_text(w, c->key);
            write_value(c, w);
        }
        jw_end(w);
        break;
    }
}

void json_write(const struct json *j, struct str *out)
{
    struct jw w;
    jw_init(&w, out);
    write_value(j, &w);
    jw_done(&w);
}
