/* store/inventory_batch.c - collects records into what will be rows.
 * Owns:   an arena with copies of everything, a table by key.
 *
 * Rows of a list facet (processors, volumes, …). A report gives one row a record, a device's rows next to each other as a
 * rule, and the stored value is the list. What may come in between, and what holds it together:
 *   1. Rows next to each other within their facet are one group; the group is the value, equal rows included.
 *   2. A page that was cut is read again, and products shuffle: a second group of the same device in a batch is laid over
 *      the first, each element as often as in the group where it stands more often. Reading twice adds nothing.
 *   3. A batch ends within a group: the next one goes on with a copy of it (inventory_batch_follow), so that it still sees
 *      the group whole and replaces what the former stored.
 *   4. A run is taken over at a checkpoint within a group: groups open at a checkpoint are stored with the run's id even if
 *      nothing changed, and what the same run brings later is laid over it by rule 2, in SQL. */
#include "store/inventory_internal.h"

#include "base/crypto.h"
#include "base/json_write.h"
#include "base/machine_key.h"
#include "base/utf8.h"

#include <stdlib.h>

#define MAX_ID   512u /* an index row must fit a third of a page */
#define MAX_NAME 4096u
#define MAX_JSON (256u << 10)
#define MAX_LIST 2048u /* rows of one list */

struct inventory_batch *inventory_batch_new(int64_t tenant_id, int64_t integration_id)
{
    struct inventory_batch *b = NEW(struct inventory_batch);
    b->tenant_id = tenant_id;
    b->integration_id = integration_id;
    b->arena = arena_new();
    b->observed = USEC_NONE;
    crypto_random(&b->seed, sizeof(b->seed));
    return b;
}

void inventory_batch_free(struct inventory_batch *b)
{
    if (!b)
        return;
    HASH_CLEAR(hh, b->by_key);
    arena_free(b->arena);
    free(b);
}

void inventory_batch_observed(struct inventory_batch *b, usec_t observed)
{
    b->observed = observed;
}

size_t inventory_batch_count(const struct inventory_batch *b)
{
    return HASH_COUNT(b->by_key);
}

size_t inventory_batch_bytes(const struct inventory_batch *b)
{
    return arena_used(b->arena);
}

static struct slice keep(struct inventory_batch *b, struct slice s)
{
    return s.p ? slice_of(arena_strndup(b->arena, s.p, s.n), s.n) : SLICE_NONE;
}

/* A storable copy of a text that travels outside JSON (in which the writer repairs). */
static struct slice keep_text(struct inventory_batch *b, struct slice s)
{
    if (!s.p || utf8_storable(s))
        return keep(b, s);
    char *repaired = arena_alloc(b->arena, 3 * s.n + 1);
    return slice_of(repaired, utf8_repair(s, repaired));
}

/* An entry's key: a byte for kind and facet, and the id. */
struct key {
    char p[MAX_ID + 1];
    size_t n;
    unsigned hash;
};

static struct key key_of(const struct inventory_batch *b, enum record_kind kind, enum facet facet, struct slice id)
{
    struct key k = {.n = id.n + 1};
    k.p[0] = (char)(kind == RECORD_FACET ? 0x40 + (int)facet : (int)kind);
    memcpy(k.p + 1, id.p, id.n);
    k.hash = (unsigned)crypto_hash64(b->seed, slice_of(k.p, k.n));
    return k;
}

/* The entry with this key, made when there is none (then *ret_new). */
static struct entry *entry_of(struct inventory_batch *b, enum record_kind kind, enum facet facet, struct slice id,
                              bool *ret_new)
{
    struct key k = key_of(b, kind, facet, id);
    struct entry *e;
    HASH_FIND_BYHASHVALUE(hh, b->by_key, k.p, k.n, k.hash, e);
    *ret_new = !e;
    if (!e) {
        e = arena_alloc(b->arena, sizeof(*e));
        const char *kept = arena_strndup(b->arena, k.p, k.n);
        e->kind = kind;
        e->facet = facet;
        e->id = slice_of(kept + 1, id.n);
        HASH_ADD_KEYPTR_BYHASHVALUE(hh, b->by_key, kept, k.n, k.hash, e);
        b->n[kind]++;
    }
    e->observed = b->observed;
    return e;
}

static void entry_drop(struct inventory_batch *b, enum record_kind kind, struct slice id)
{
    struct key k = key_of(b, kind, FACET_OS, id);
    struct entry *e;
    HASH_FIND_BYHASHVALUE(hh, b->by_key, k.p, k.n, k.hash, e);
    if (e) {
        HASH_DEL(b->by_key, e);
        b->n[kind]--;
    }
}

static bool check_id(struct slice id, const char *what, struct err *e)
{
    if (!id.n)
        return err_set(e, ERR_DATA, "%s without an id", what);
    if (id.n > MAX_ID)
        return err_set(e, ERR_DATA, "%s: its id has %zu bytes, at most %u are stored", what, id.n, MAX_ID);
    if (!utf8_storable(id))
        return err_set(e, ERR_DATA, "%s: its id is not UTF-8 text", what);
    return true;
}

static bool check_name(struct slice name, const char *what, struct slice id, struct err *e)
{
    if (name.n > MAX_NAME)
        return err_set(e, ERR_DATA, "%s %.*s: its name has %zu bytes, at most %u are stored", what, SLICE_FMT(id),
                       name.n, MAX_NAME);
    return true;
}

static bool check_json(size_t n, const char *what, struct slice id, struct err *e)
{
    if (n > MAX_JSON)
        return err_set(e, ERR_DATA, "%s %.*s: its texts make %zu bytes, at most %u are stored", what, SLICE_FMT(id), n,
                       MAX_JSON);
    return true;
}

/* --- organizations and locations --- */
static bool add_place(struct inventory_batch *b, enum record_kind kind, struct slice id, struct slice name,
                      struct slice detail, struct slice organization, struct err *err)
{
    const char *what = kind == RECORD_ORGANIZATION ? "organization" : "location";
    if (!check_id(id, what, err) || !check_name(name, what, id, err) || !check_json(detail.n, what, id, err))
        return false;
    bool is_new;
    struct entry *e = entry_of(b, kind, FACET_OS, id, &is_new);
    if (name.n || is_new)
        e->place.name = name.n ? keep_text(b, name) : e->id;
    if (detail.p)
        e->place.detail = keep_text(b, detail);
    if (organization.p)
        e->place.organization = keep_text(b, organization);
    return true;
}

/* --- devices --- */
static struct texts keep_texts(struct inventory_batch *b, const struct texts *t)
{
    struct texts kept = {arena_alloc(b->arena, (t->n + 1) * sizeof(*t->v)), t->n};
    for (size_t i = 0; i < t->n; i++)
        kept.v[i] = keep(b, t->v[i]);
    return kept;
}

_Static_assert(USEC_NONE == I64_NONE, "one test tells of numbers and times that are not known");

/* Lays one field of `from` over `to` if it says anything. */
static void overlay(struct inventory_batch *b, const struct record_field *f, void *to, const void *from)
{
    switch (f->kind) {
    case FIELD_TEXT: {
        const struct slice *s = from;
        if (s->p)
            *(struct slice *)to = keep(b, *s);
        break;
    }
    case FIELD_TEXTS: {
        const struct texts *t = from;
        if (t->v)
            *(struct texts *)to = keep_texts(b, t);
        break;
    }
    case FIELD_I64:
    case FIELD_TIME:
        if (*(const int64_t *)from != I64_NONE)
            *(int64_t *)to = *(const int64_t *)from;
        break;
    case FIELD_TRI:
    case FIELD_ENUM:
        if (*(const int *)from)
            *(int *)to = *(const int *)from;
        break;
    }
}

/* The attributes as stored: without what changes all the time, which has columns of its own. */
static void write_attributes(struct record_device d, struct str *out)
{
    d.status = AGENT_UNKNOWN;
    d.last_seen = USEC_NONE;
    struct jw w;
    jw_init(&w, out);
    record_write(&record_device_shape, &d, &w);
    jw_done(&w);
}

static size_t device_size(const struct record_device *d)
{
    size_t n = 0;
    for (size_t i = 0; i < record_device_shape.n; i++) {
        const struct record_field *f = &record_device_shape.fields[i];
        const void *at = (const char *)d + f->offset;
        if (f->kind == FIELD_TEXT)
            n += ((const struct slice *)at)->n;
        if (f->kind == FIELD_TEXTS)
            for (size_t j = 0; j < ((const struct texts *)at)->n; j++)
                n += ((const struct texts *)at)->v[j].n + 3;
    }
    return n;
}

/* --- keys --- */
static void keep_keys(struct inventory_batch *b, struct entry *e, const struct str *keys)
{
    if (!slice_eq(e->keys, str_slice(keys)))
        e->keys = keep(b, str_slice(keys));
}

static void device_keys(struct inventory_batch *b, struct entry *e)
{
    const struct record_device *d = &e->device.record;
    _cleanup_(str_release) struct str keys = {0};
    for (size_t i = 0; i < d->macs.n; i++)
        machine_key_add(KEY_MAC, d->macs.v[i], &keys);
    machine_key_add(KEY_HOST, d->hostname.n ? d->hostname : d->dns_name, &keys);
    machine_key_add(KEY_TYPE, slice_cstr(asset_type_names[d->type]), &keys);
    keep_keys(b, e, &keys);
}

/* Of a list the keys of all its rows. */
static void facet_keys(struct inventory_batch *b, struct entry *e, const struct record_facet *f)
{
    _cleanup_(str_release) struct str keys = {0};
    if (f->facet == FACET_SYSTEM && !f->none) {
        machine_key_add(KEY_SERIAL, f->system.serial, &keys);
        machine_key_add(KEY_SERIAL, f->system.bios_serial, &keys);
        machine_key_add(KEY_UUID, f->system.uuid, &keys);
        machine_key_add(KEY_VENDOR, f->system.manufacturer, &keys);
    } else if (f->facet == FACET_INTERFACES && !f->none) {
        str_add(&keys, e->keys);
        for (size_t i = 0; i < f->interface.macs.n; i++)
            machine_key_add(KEY_MAC, f->interface.macs.v[i], &keys);
    } else {
        return;
    }
    keep_keys(b, e, &keys);
}

static bool add_device(struct inventory_batch *b, const struct record_device *d, struct err *err)
{
    if (!check_id(d->id, "device", err) || !check_name(d->name, "device", d->id, err) ||
        !check_json(device_size(d), "device", d->id, err) ||
        (d->organization_id.n && !check_id(d->organization_id, "a device's organization", err)) ||
        (d->alternate_id.n && !check_id(d->alternate_id, "a device's other name", err)))
        return false;
    entry_drop(b, RECORD_DEVICE_GONE, d->id); /* it is back */
    bool is_new;
    struct entry *e = entry_of(b, RECORD_DEVICE, FACET_OS, d->id, &is_new);
    if (is_new)
        e->device.record = (struct record_device){.created = USEC_NONE, .last_seen = USEC_NONE};
    for (size_t i = 0; i < record_device_shape.n; i++) {
        const struct record_field *f = &record_device_shape.fields[i];
        overlay(b, f, (char *)&e->device.record + f->offset, (const char *)d + f->offset);
    }
    _cleanup_(str_release) struct str json = {0};
    write_attributes(e->device.record, &json);
    e->device.json = keep(b, str_slice(&json));
    e->device.hash = crypto_hash64(INVENTORY_HASH_SEED, e->device.json);
    device_keys(b, e);
    return true;
}

static bool add_gone(struct inventory_batch *b, const struct record_ref *r, struct err *err)
{
    if (!check_id(r->device_id, "device", err))
        return false;
    bool is_new;
    entry_of(b, RECORD_DEVICE_GONE, FACET_OS, r->device_id, &is_new)->gone.at = r->at;
    return true;
}

/* --- facets --- */
static void list_push(struct inventory_batch *b, struct entry *e, struct slice json)
{
    if (e->part.n == e->part.cap) { /* doubles within the arena: what is left behind goes with the batch */
        size_t cap = e->part.cap ? 2 * e->part.cap : 4;
        struct element *v = arena_alloc(b->arena, cap * sizeof(*v));
        if (e->part.n)
            memcpy(v, e->part.v, e->part.n * sizeof(*v));
        e->part.v = v;
        e->part.cap = cap;
    }
    e->part.v[e->part.n++] = (struct element){json, true};
}

/* Rule 2: a row that equals one of the former group which no row of this group has matched yet is that one. */
static bool list_match(struct entry *e, struct slice json)
{
    if (!e->part.reopened)
        return false;
    for (size_t i = 0; i < e->part.n; i++)
        if (!e->part.v[i].matched && slice_eq(e->part.v[i].json, json))
            return e->part.v[i].matched = true;
    return false;
}

static void list_copy(struct inventory_batch *b, struct entry *to, const struct entry *from)
{
    for (size_t i = 0; i < from->part.n; i++)
        list_push(b, to, keep(b, from->part.v[i].json));
    to->keys = keep(b, from->keys);
}

/* The entry that a list's row belongs to. */
static struct entry *list_entry(struct inventory_batch *b, const struct record_facet *f)
{
    struct entry *e = b->last[f->facet];
    if (e && slice_eq(e->id, f->device_id))
        return e;
    bool is_new;
    e = entry_of(b, RECORD_FACET, f->facet, f->device_id, &is_new);
    e->part.list = true;
    const struct entry *before = b->carried[f->facet];
    if (is_new && !b->last[f->facet] && before && slice_eq(before->id, f->device_id)) /* rule 3 */
        list_copy(b, e, before);
    if (!is_new) {
        e->part.reopened = true;
        for (size_t i = 0; i < e->part.n; i++)
            e->part.v[i].matched = false;
    }
    return b->last[f->facet] = e;
}

static bool add_facet(struct inventory_batch *b, const struct record_facet *f, struct err *err)
{
    const struct record_shape *shape = &record_facet_shapes[f->facet];
    if (!check_id(f->device_id, shape->name, err))
        return false;
    _cleanup_(str_release) struct str json = {0};
    struct jw w;
    jw_init(&w, &json);
    if (f->none) {
        jw_object(&w);
        jw_end(&w);
    } else {
        record_write(shape, record_facet_body(f), &w);
    }
    if (!check_json(json.n, shape->name, f->device_id, err))
        return false;
    bool is_new;
    if (!shape->list) {
        struct entry *e = entry_of(b, RECORD_FACET, f->facet, f->device_id, &is_new);
        e->part.json = keep(b, str_slice(&json));
        facet_keys(b, e, f);
        return true;
    }
    struct entry *e = list_entry(b, f);
    facet_keys(b, e, f);
    if (f->none || list_match(e, str_slice(&json)))
        return true;
    if (e->part.n == MAX_LIST)
        return err_set(err, ERR_DATA, "%s of %.*s: more than %u rows", shape->name, SLICE_FMT(f->device_id), MAX_LIST);
    list_push(b, e, keep(b, str_slice(&json)));
    return true;
}

void inventory_batch_checkpoint(struct inventory_batch *b)
{
    for (int i = 0; i < FACET_N_; i++)
        if (b->last[i])
            b->last[i]->part.open = true;
}

void inventory_batch_follow(struct inventory_batch *b, const struct inventory_batch *previous)
{
    for (int i = 0; i < FACET_N_; i++) {
        const struct entry *from = previous->last[i] ? previous->last[i] : previous->carried[i];
        if (!from)
            continue;
        struct entry *e = b->carried[i] = arena_alloc(b->arena, sizeof(*e));
        e->id = keep(b, from->id);
        list_copy(b, e, from);
    }
}

bool inventory_batch_add(struct inventory_batch *b, const struct record *r, struct err *e)
{
    const struct record_organization *o = &r->organization;
    const struct record_location *l = &r->location;
    switch (r->kind) {
    case RECORD_ORGANIZATION:
        return add_place(b, r->kind, o->id, o->name, o->description, SLICE_NONE, e);
    case RECORD_LOCATION:
        return add_place(b, r->kind, l->id, l->name, l->address, l->organization_id, e);
    case RECORD_DEVICE:
        return add_device(b, &r->device, e);
    case RECORD_FACET:
        return add_facet(b, &r->facet, e);
    case RECORD_DEVICE_GONE:
        return add_gone(b, &r->ref, e);
    default:
        return err_set(e, ERR_INTERNAL, "%s are no part of a batch of the inventory", record_kind_words[r->kind]);
    }
}

/* --- halving --- */
static void entry_copy(struct inventory_batch *to, const struct entry *from)
{
    bool is_new;
    struct entry *e = entry_of(to, from->kind, from->facet, from->id, &is_new);
    UT_hash_handle hh = e->hh;
    struct slice id = e->id;
    *e = *from; /* texts stay in the old batch's arena, which outlives its halves */
    e->hh = hh;
    e->id = id;
}

bool inventory_batch_split(const struct inventory_batch *b, struct inventory_batch **left,
                           struct inventory_batch **right, enum record_kind *kind, struct slice *id)
{
    size_t n = inventory_batch_count(b), i = 0;
    if (n < 2) {
        *kind = b->by_key ? b->by_key->kind : RECORD_DEVICE;
        *id = b->by_key ? b->by_key->id : SLICE_NONE;
        return false;
    }
    *left = inventory_batch_new(b->tenant_id, b->integration_id);
    *right = inventory_batch_new(b->tenant_id, b->integration_id);
    for (const struct entry *e = b->by_key; e; e = e->hh.next)
        entry_copy(i++ < n / 2 ? *left : *right, e);
    return true;
}
