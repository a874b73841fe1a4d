/* feed.c - NinjaOne's activity feed, read without gaps.
 * Why:    webhooks are lossy; the feed is not. It is newest first, and which end of a long backlog `newerThan` gives
 *         first is not documented, so it is walked down with `olderThan` until an id is reached that the last run has
 *         seen. Both take ids, not times.
 * Always: the floor moves only when the walk has reached it (the cursor is stored at the end of the run); a feed that
 *         no longer knows our floor, or a walk that would be longer than a full sync, gives way to a full sync
 *         (`behind`). */
#include "provider/ninjaone/sync.h"

#include "base/crypto.h"

#define FEED_PAGE      1000
#define FEED_PAGE_HEAD 10 /* the smallest the product takes */
#define FEED_MAX_PAGES 200

const struct map_doc nin_feed_doc = {.rows = "activities[]", .row = &nin_activity_map};

static struct nin_feed *feed_of(struct task *t)
{
    return container_of(t, struct nin_feed, task);
}

void nin_feed_ask(struct task *t, struct str *path, struct str *body)
{
    const struct nin_feed *f = feed_of(t);

    str_addf(path, "/v2/activities?pageSize=%d", f->walk ? FEED_PAGE : FEED_PAGE_HEAD);
    if (f->older)
        str_addf(path, "&olderThan=%lld", (long long)f->older);
}

/* True the first time a device is named: the feed is newest first, so what follows is older news of the same device. */
static bool first_seen(struct nin_feed *f, struct slice device_id)
{
    uint64_t h = crypto_hash64(1, device_id) | 1;
    uint64_t *slot = &f->seen[h % NIN_SEEN];

    if (*slot == h)
        return false;
    *slot = h;
    return true;
}

static bool is_about_device(enum nin_action a)
{
    return a == NIN_UPSERT || a == NIN_REFRESH || a == NIN_GONE;
}

void nin_feed_row(struct task *t, const void *row, const char *fault)
{
    const struct nin_activity *a = row;
    struct nin_feed *f = feed_of(t);
    const struct sink *sink = t->machine->sink;
    enum nin_action action;
    struct err e = {0};
    int64_t id;

    if (!slice_i64(a->id, &id) || id <= 0) {
        sink->reject(sink->arg, RECORD_REFRESH, known(a->id), fault ? fault : "id: expected a positive number");
        return;
    }
    f->top = MAX(f->top, id);
    f->lowest = f->lowest ? MIN(f->lowest, id) : id;
    if (!f->walk || id <= f->floor)
        return;
    if (fault) {
        sink->reject(sink->arg, RECORD_REFRESH, a->id, fault);
        return;
    }
    action = nin_activity_action(a->type, a->status);
    if (action == NIN_STRUCTURE)
        f->structure = true;
    if (is_about_device(action) && a->device_id.n && !first_seen(f, a->device_id))
        return;
    if (nin_activity_emit(a, sink, &e) == DECODE_FAILED)
        sink->reject(sink->arg, RECORD_REFRESH, a->id, e.what);
}

enum task_verdict nin_feed_page(struct nin_feed *f)
{
    int64_t lowest = f->lowest;

    f->lowest = 0;
    f->pages++;
    if (!f->walk || f->task.page_rows == 0)
        return TASK_DONE; /* the walk has passed the beginning of the feed */
    if (f->top < f->floor || (f->older && lowest >= f->older) || lowest == 0 || f->pages > FEED_MAX_PAGES)
        f->behind = true;
    if (f->behind || lowest <= f->floor)
        return TASK_DONE;
    f->older = lowest;
    return TASK_AGAIN;
}

void nin_feed_again(struct task *t)
{
    struct nin_feed *f = feed_of(t);

    f->lowest = 0;
    memset(f->seen, 0, sizeof(f->seen)); /* what was emitted of this page is void */
}

enum task_verdict nin_feed_lost(struct nin_feed *f)
{
    f->behind = f->walk; /* without the feed only a full list tells what changed, */
    f->top = 0;          /* for the next run as well */
    return TASK_DONE;
}
