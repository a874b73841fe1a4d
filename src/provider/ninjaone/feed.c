/* feed.c - NinjaOne's activity feed, read without gaps.
 * Why:    webhooks are lossy; the feed is not. It is newest first, and which end of a long backlog `newerThan` gives
 *         first is not documented, so it is walked down with `olderThan` until an id is reached that the last run has
 *         seen. Both take ids, not times.
 *         A full run wants only the newest id; it takes the latest alerts' beginnings along, which the alerts' list
 *         may need (alerts.c). An id lower than the newest is harmless there: the next walk is longer.
 * Always: the floor moves only when the walk has reached it (the cursor is stored at the end of the run); a feed that
 *         no longer knows our floor, or a walk that would be longer than a full sync, gives way to a full sync
 *         (`behind`). */
#include "provider/ninjaone/sync.h"

#define FEED_PAGE      1000
#define FEED_PAGE_HEAD 10 /* the smallest the product takes */
#define FEED_MAX_PAGES 200

struct feed_head {
    int64_t last;
};
static const struct map_field head_fields[] = {{"lastActivityId", MAP_I64, offsetof(struct feed_head, last)}};
static const struct map head_map = {sizeof(struct feed_head), head_fields, ARRAY_LEN(head_fields)};
const struct map_doc nin_feed_doc = {.rows = "activities[]", .row = &nin_activity_map, .head = &head_map};

static struct nin_feed *feed_of(struct task *t)
{
    return container_of(t, struct nin_feed, task);
}

void nin_feed_ask(struct task *t, struct str *path, struct str *body)
{
    const struct nin_feed *f = feed_of(t);

    if (f->triggers)
        str_addf(path, "/v2/activities?" NIN_TRIGGERS "&pageSize=%d", FEED_PAGE);
    else
        str_addf(path, "/v2/activities?pageSize=%d", f->walk ? FEED_PAGE : FEED_PAGE_HEAD);
    if (f->older)
        str_addf(path, "&olderThan=%lld", (long long)f->older);
}

/* Newest first: what follows about a device that has been made anew is older than that. */
static bool is_superseded(const struct nin_feed *f, enum nin_action action, int64_t device)
{
    return action == NIN_GONE && (nin_changes_of(&f->changes, device) & PART_DEVICE);
}

static void take_activity(struct nin_feed *f, const struct nin_activity *a)
{
    const struct sink *sink = f->task.machine->sink;
    unsigned parts;
    enum nin_action action = nin_activity_action(a->type, a->status, &parts);
    int64_t device = 0;
    struct err e = {0};

    (void)!slice_i64(a->device_id, &device);
    f->structure |= action == NIN_STRUCTURE;
    f->approvals |= action == NIN_UPSERT;
    if (is_superseded(f, action, device))
        return;
    if (parts && device > 0 && action != NIN_GONE && !nin_changes_add(&f->changes, device, parts))
        f->behind = true;
    if (action == NIN_UPSERT || action == NIN_REFRESH)
        return;
    if (nin_activity_emit(a, sink, &e) == DECODE_FAILED)
        sink->reject(sink->arg, RECORD_REFRESH, a->id, e.what);
}

void nin_feed_row(struct task *t, const void *row, const char *fault)
{
    const struct nin_activity *a = row;
    struct nin_feed *f = feed_of(t);
    const struct sink *sink = t->machine->sink;
    int64_t id;

    if (!slice_i64(a->id, &id) || id <= 0) {
        sink->reject(sink->arg, RECORD_REFRESH, known(a->id), fault ? fault : "id: expected a positive number");
        return;
    }
    f->top = MAX(f->top, id);
    f->lowest = f->lowest ? MIN(f->lowest, id) : id;
    if (f->triggers && !fault)
        nin_severities_learn(&f->severities, a);
    if (!f->walk || id <= f->floor)
        return;
    if (fault)
        sink->reject(sink->arg, RECORD_REFRESH, a->id, fault);
    else
        take_activity(f, a);
}

/* No alert has ever begun, and the feed does not say what its newest id is. */
static bool asks_plainly(struct nin_feed *f, const struct feed_head *h)
{
    if (!f->triggers)
        return false;
    if (h && h->last != I64_NONE)
        f->top = MAX(f->top, h->last);
    return f->top <= 0;
}

enum task_verdict nin_feed_page(struct nin_feed *f, const void *head)
{
    int64_t lowest = f->lowest;

    f->lowest = 0;
    f->pages++;
    if (asks_plainly(f, head)) {
        f->triggers = false;
        return TASK_AGAIN;
    }
    if (f->triggers)
        f->oldest = lowest;
    if (!f->walk || f->task.page_rows == 0)
        return TASK_DONE; /* the walk has passed the beginning of the feed */
    if (f->top < f->floor || (f->older && lowest >= f->older) || lowest == 0 || f->pages > FEED_MAX_PAGES)
        f->behind = true;
    if (f->behind || lowest <= f->floor)
        return TASK_DONE;
    f->older = lowest;
    return TASK_AGAIN;
}

/* What was read of this page is read again; that it is noted already does no harm. */
void nin_feed_again(struct task *t)
{
    feed_of(t)->lowest = 0;
}

enum task_verdict nin_feed_lost(struct nin_feed *f)
{
    if (f->triggers) { /* an instance that does not know these filters */
        f->triggers = false;
        return TASK_AGAIN;
    }
    f->behind = f->walk; /* without the feed only a full list tells what changed, */
    f->top = 0;          /* for the next run as well */
    return TASK_DONE;
}

void nin_feed_release(struct nin_feed *f)
{
    nin_changes_release(&f->changes);
    nin_severities_release(&f->severities);
}
