/* checkpoint.c - where a full run of NinjaOne goes on after it was taken over.
 * How:    the position of each list by id. Reports and alerts start again: a report's cursor may have expired, and the
 *         alerts are one call. An incremental run has no checkpoint: it is short, and walking the feed again finds the
 *         same and what came since. */
#include "provider/ninjaone/sync.h"

#include "base/json_write.h"

static void write_list(struct jw *w, const struct nin_list *l)
{
    jw_key(w, l->name);
    jw_object(w);
    jw_key_i64(w, "after", l->after);
    jw_key_i64(w, "rows", l->rows);
    jw_key_bool(w, "ended", l->ended);
    jw_key_bool(w, "proven", l->proven);
    jw_key_bool(w, "doubtful", l->doubtful);
    jw_end(w);
}

void nin_sync_checkpoint(struct machine *m)
{
    struct nin_sync *x = nin_sync_of(m);
    _cleanup_(str_release) struct str json = {0};
    struct jw w;

    if (!x->full)
        return;
    jw_init(&w, &json);
    jw_object(&w);
    jw_key_i64(&w, "top", x->feed.top);
    jw_key_i64(&w, "locations", x->locations);
    write_list(&w, &x->organizations);
    write_list(&w, &x->devices);
    write_list(&w, &x->pending);
    jw_end(&w);
    jw_done(&w);
    m->sink->checkpoint(m->sink->arg, str_slice(&json));
}

static void read_list(const struct json *root, struct nin_list *l)
{
    const struct json *o = json_get(root, l->name);

    if (!o || !json_get_i64(o, "after", &l->after) || !json_get_i64(o, "rows", &l->rows))
        return;
    l->last = l->after;
    l->ended = json_get_bool(o, "ended", false);
    l->proven = json_get_bool(o, "proven", false);
    l->doubtful = json_get_bool(o, "doubtful", false);
    if (l->ended && l->task.state == TASK_READY)
        task_switch(&l->task, TASK_ENDED);
}

void nin_sync_resume(struct nin_sync *x, const struct json *root)
{
    struct nin_feed *f = &x->feed;

    if (!json_get_i64(root, "top", &f->top))
        return;
    f->walk = false;
    f->ended = true;
    if (f->task.state == TASK_READY)
        task_switch(&f->task, TASK_ENDED);
    (void)json_get_i64(root, "locations", &x->locations);
    nin_sync_switch_full(x);
    read_list(root, &x->organizations);
    read_list(root, &x->devices);
    read_list(root, &x->pending);
}
