/* store/record_set.c - see record_set.h; and the table of the stores, with rows for those whose batches are older than the table.
 * Owns: the batches, each made with its first record. */
#include "store/record_set.h"

#include "base/mem.h"
#include "store/alert.h"
#include "store/asset_group.h"
#include "store/backup_job.h"
#include "store/license.h"
#include "store/location.h"
#include "store/patch.h"
#include "store/person.h"
#include "store/software.h"
#include "store/ticket.h"

#include <stdlib.h>

/* --- inventory --- */
struct inventory_part {
    struct record_batch base;
    struct inventory_batch *inv;
    struct pg_array devices; /* whose alerts may have waited for them */
    unsigned first;
};

static struct inventory_part *inventory_part(struct record_batch *b)
{
    return container_of(b, struct inventory_part, base);
}

static const struct inventory_part *inventory_seen(const struct record_batch *b)
{
    return container_of_const(b, struct inventory_part, base);
}

static struct record_batch *inventory_part_of(const struct record_batch *like, const struct record_store *store,
                                              struct inventory_batch *inv)
{
    struct inventory_part *p = NEW(struct inventory_part);
    record_batch_init(&p->base, store, like->tenant_id, like->integration_id);
    p->inv = inv;
    pg_array_init(&p->devices, PG_TEXT);
    return &p->base;
}

static struct record_batch *inventory_open(const struct record_store *store, int64_t tenant_id, int64_t integration_id)
{
    const struct record_batch like = {.tenant_id = tenant_id, .integration_id = integration_id};
    return inventory_part_of(&like, store, inventory_batch_new(tenant_id, integration_id));
}

static void inventory_free(struct record_batch *b)
{
    struct inventory_part *p = inventory_part(b);
    inventory_batch_free(p->inv);
    pg_array_release(&p->devices);
    free(p);
}

static bool inventory_add_record(struct record_batch *b, const struct record *r, usec_t observed, struct err *e)
{
    struct inventory_part *p = inventory_part(b);
    inventory_batch_observed(p->inv, observed);
    if (!inventory_batch_add(p->inv, r, e))
        return false;
    if (r->kind == RECORD_DEVICE)
        pg_array_text(&p->devices, r->device.id);
    return true;
}

static size_t inventory_count(const struct record_batch *b)
{
    return inventory_batch_count(inventory_seen(b)->inv);
}

static size_t inventory_bytes(const struct record_batch *b)
{
    return inventory_batch_bytes(inventory_seen(b)->inv);
}

static void inventory_checkpoint(struct record_batch *b)
{
    inventory_batch_checkpoint(inventory_part(b)->inv);
}

static void inventory_follow(struct record_batch *b, const struct record_batch *previous)
{
    inventory_batch_follow(inventory_part(b)->inv, inventory_seen(previous)->inv);
}

static bool inventory_split(const struct record_batch *b, struct record_batch **left, struct record_batch **right,
                            enum record_kind *kind, struct slice *id)
{
    struct inventory_batch *parts[2];
    if (!inventory_batch_split(inventory_seen(b)->inv, &parts[0], &parts[1], kind, id))
        return false;
    *left = inventory_part_of(b, b->store, parts[0]);
    *right = inventory_part_of(b, b->store, parts[1]);
    return true;
}

static void inventory_put(struct pg_seg *s, struct record_batch *b, const struct record_put *o)
{
    struct inventory_part *p = inventory_part(b);
    const struct inventory_options options = {o->run_id, o->dry_run, o->observed};
    inventory_add(s, p->inv, &options, &p->first);
}

static void inventory_read(const struct pg_reply *r, const struct record_batch *b, struct inventory_counts *devices)
{
    inventory_result(r, inventory_seen(b)->first, devices);
}

static const struct record_store inventory_store = {
    .name = "devices",
    .kinds = SYNC_KIND(RECORD_ORGANIZATION) | SYNC_KIND(RECORD_LOCATION) | SYNC_KIND(RECORD_DEVICE) |
             SYNC_KIND(RECORD_FACET) | SYNC_KIND(RECORD_DEVICE_GONE),
    .absence = SYNC_KIND(RECORD_ORGANIZATION) | SYNC_KIND(RECORD_LOCATION) | SYNC_KIND(RECORD_DEVICE),
    .marks = true,
    .diffs = true,
    .open = inventory_open,
    .free = inventory_free,
    .add = inventory_add_record,
    .count = inventory_count,
    .bytes = inventory_bytes,
    .checkpoint = inventory_checkpoint,
    .follow = inventory_follow,
    .split = inventory_split,
    .put = inventory_put,
    .result = inventory_read,
};

/* --- alerts --- */
struct alert_part {
    struct record_batch base;
    struct alert_batch *alerts;
};

static struct alert_batch *alerts_of(const struct record_batch *b)
{
    return container_of_const(b, struct alert_part, base)->alerts;
}

static struct record_batch *alert_open(const struct record_store *store, int64_t tenant_id, int64_t integration_id)
{
    struct alert_part *p = NEW(struct alert_part);
    record_batch_init(&p->base, store, tenant_id, integration_id);
    p->alerts = alert_batch_new(tenant_id, integration_id);
    return &p->base;
}

static void alert_free(struct record_batch *b)
{
    alert_batch_free(alerts_of(b));
    free(container_of(b, struct alert_part, base));
}

static bool alert_add_record(struct record_batch *b, const struct record *r, usec_t observed, struct err *e)
{
    return alert_batch_add(alerts_of(b), &r->alert, observed, e);
}

static size_t alert_count(const struct record_batch *b)
{
    return alert_batch_count(alerts_of(b));
}

static size_t alert_bytes(const struct record_batch *b)
{
    return alert_batch_bytes(alerts_of(b));
}

static void alert_put(struct pg_seg *s, struct record_batch *b, const struct record_put *o)
{
    unsigned first;
    alert_add(s, alerts_of(b), &first);
}

static const struct record_store alert_store = {
    .name = "alerts",
    .kinds = SYNC_KIND(RECORD_ALERT),
    .absence = SYNC_KIND(RECORD_ALERT),
    .open = alert_open,
    .free = alert_free,
    .add = alert_add_record,
    .count = alert_count,
    .bytes = alert_bytes,
    .put = alert_put,
};

/* --- the table --- */
const struct record_store *const record_stores[] = {
    &inventory_store,
    &room_kind.store,
    &person_kind.store,
    &asset_group_kind.store,
    &group_member_kind.store,
    &software_kind.store,
    &patch_kind.store,
    &license_kind.store,
    &backup_job_kind.store,
    &alert_store,
    &ticket_kind.store,
    &ticket_comment_kind.store,
    NULL,
};
#define NSTORES (ARRAY_LEN(record_stores) - 1)

static size_t place_of(enum record_kind kind)
{
    size_t i = 0;
    while (i < NSTORES && !(record_stores[i]->kinds & SYNC_KIND(kind)))
        i++;
    return i;
}

const struct record_store *record_store_of(enum record_kind kind)
{
    return record_stores[place_of(kind)];
}

void record_batch_init(struct record_batch *b, const struct record_store *store, int64_t tenant_id,
                       int64_t integration_id)
{
    b->store = store;
    b->tenant_id = tenant_id;
    b->integration_id = integration_id;
}

/* --- sets --- */
struct record_set {
    int64_t tenant_id, integration_id;
    usec_t observed;
    struct record_batch *v[NSTORES];    /* as record_stores */
    struct record_batch *left[NSTORES]; /* left out: what was made from it may borrow from it */
};

struct record_set *record_set_new(int64_t tenant_id, int64_t integration_id)
{
    struct record_set *set = NEW(struct record_set);
    set->tenant_id = tenant_id;
    set->integration_id = integration_id;
    set->observed = USEC_NONE;
    return set;
}

void record_set_free(struct record_set *set)
{
    if (!set)
        return;
    for (size_t i = 0; i < NSTORES; i++) {
        if (set->v[i])
            record_stores[i]->free(set->v[i]);
        if (set->left[i])
            record_stores[i]->free(set->left[i]);
    }
    free(set);
}

void record_set_observed(struct record_set *set, usec_t observed)
{
    set->observed = observed;
}

static struct record_batch *batch_at(struct record_set *set, size_t place)
{
    if (!set->v[place])
        set->v[place] = record_stores[place]->open(record_stores[place], set->tenant_id, set->integration_id);
    return set->v[place];
}

bool record_set_add(struct record_set *set, const struct record *r, struct err *e)
{
    size_t place = place_of(r->kind);
    if (place == NSTORES)
        return err_set(e, ERR_INTERNAL, "%s are not stored by this build", record_kind_words[r->kind]);
    const struct record_store *store = record_stores[place];
    struct record implied;
    return store->add(batch_at(set, place), r, set->observed, e) &&
           (!store->implies || !store->implies(r, &implied) || record_set_add(set, &implied, e));
}

void record_set_broken(struct record_set *set, enum record_kind kind, struct slice id)
{
    size_t place = place_of(kind);
    if (place < NSTORES && record_stores[place]->broken)
        record_stores[place]->broken(batch_at(set, place), id);
}

size_t record_set_count(const struct record_set *set)
{
    size_t n = 0;
    for (size_t i = 0; i < NSTORES; i++)
        n += set->v[i] ? record_stores[i]->count(set->v[i]) : 0;
    return n;
}

size_t record_set_bytes(const struct record_set *set)
{
    size_t n = 0;
    for (size_t i = 0; i < NSTORES; i++)
        n += set->v[i] ? record_stores[i]->bytes(set->v[i]) : 0;
    return n;
}

void record_set_checkpoint(struct record_set *set)
{
    for (size_t i = 0; i < NSTORES; i++)
        if (set->v[i] && record_stores[i]->checkpoint)
            record_stores[i]->checkpoint(set->v[i]);
}

void record_set_follow(struct record_set *set, const struct record_set *previous)
{
    for (size_t i = 0; i < NSTORES; i++)
        if (previous->v[i] && record_stores[i]->follow)
            record_stores[i]->follow(batch_at(set, i), previous->v[i]);
}

/* Alerts that came before their device. A run may have brought any part of a device, and looks at all that wait. */
static void add_links(struct pg_seg *s, const struct record_batch *b, const struct record_put *o)
{
    const struct pg_array *devices = &inventory_seen(b)->devices;
    if (o->run_id)
        alert_add_link(s, b->tenant_id, b->integration_id);
    else if (devices->n)
        alert_add_link_devices(s, b->tenant_id, b->integration_id, devices);
}

void record_set_put(struct pg_seg *s, struct record_set *set, const struct record_put *o)
{
    for (size_t i = 0; i < NSTORES; i++) {
        struct record_batch *b = set->v[i];
        if (!b)
            continue;
        b->first = b->end = pg_seg_length(s);
        if (record_stores[i]->count(b) == 0)
            continue;
        record_stores[i]->put(s, b, o);
        b->end = pg_seg_length(s);
    }
    struct record_batch *inventory = set->v[place_of(RECORD_DEVICE)];
    if (inventory && inventory->end > inventory->first && !o->dry_run)
        add_links(s, inventory, o);
}

void record_set_result(const struct pg_reply *r, const struct record_set *set, struct inventory_counts *devices)
{
    for (size_t i = 0; i < NSTORES; i++)
        if (set->v[i] && set->v[i]->end > set->v[i]->first && record_stores[i]->result)
            record_stores[i]->result(r, set->v[i], devices);
}

void record_set_finish(struct pg_seg *s, const struct run_key *k, const struct record_proof *proof)
{
    for (size_t i = 0; i < NSTORES; i++)
        if (record_stores[i]->finish)
            record_stores[i]->finish(record_stores[i], s, k, proof);
}

struct record_batch *record_set_blame(const struct record_set *set, unsigned statement)
{
    for (size_t i = 0; i < NSTORES; i++)
        if (set->v[i] && statement >= set->v[i]->first && statement < set->v[i]->end)
            return set->v[i];
    return NULL;
}

void record_set_leave_out(struct record_set *set, struct record_batch *b)
{
    for (size_t i = 0; i < NSTORES; i++)
        if (set->v[i] == b)
            set->left[i] = TAKE(set->v[i]);
}

struct record_set *record_set_of(struct record_batch *b)
{
    struct record_set *set = record_set_new(b->tenant_id, b->integration_id);
    for (size_t i = 0; i < NSTORES; i++)
        if (record_stores[i] == b->store)
            set->v[i] = b;
    return set;
}
