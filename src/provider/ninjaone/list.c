/* list.c - NinjaOne's lists by ascending id, and the proof that one was read to its end.
 * Why:    the lists tell no total. A list counts as whole only when an empty page was seen (a short one may be a
 *         lower page size than asked for), every id was larger than the one before, and every row had an id. */
#include "provider/ninjaone/sync.h"

#include <stdio.h>

static void doubt(struct nin_list *l, const char *why)
{
    if (!l->doubt[0])
        snprintf(l->doubt, sizeof(l->doubt), "%s", why);
}

bool nin_list_take(struct nin_list *l, struct slice id, const char *fault)
{
    const struct sink *sink = l->task.machine->sink;
    int64_t n = 0;

    if (!slice_i64(id, &n) || n <= 0) {
        sink->reject(sink->arg, l->kind, known(id), fault ? fault : "id: expected a positive number");
        doubt(l, "a row without a usable id");
        return false;
    }
    if (n <= l->after) { /* was on a page before */
        doubt(l, "rows of an earlier page came again");
        return false;
    }
    if (n <= l->last)
        doubt(l, "the ids of the list do not ascend");
    l->last = MAX(l->last, n);
    l->page_rows++;
    if (fault) /* it is there all the same: no reason to doubt the list */
        sink->reject(sink->arg, l->kind, id, fault);
    return !fault;
}

void nin_list_again(struct nin_list *l)
{
    l->page_rows = 0;
    l->last = l->after;
    l->doubt[0] = '\0';
}

static void tell_doubt(struct nin_list *l)
{
    const struct sink *sink = l->task.machine->sink;
    char why[256];

    if (!l->doubt[0])
        return;
    snprintf(why, sizeof(why), "NinjaOne, %s after id %lld: %s, so nothing is taken as missing", l->task.kind->what,
             (long long)l->after, l->doubt);
    if (!l->doubtful)
        sink->incomplete(sink->arg, l->kind, why);
    l->doubtful = true;
    l->doubt[0] = '\0';
}

enum task_verdict nin_list_page(struct nin_list *l)
{
    bool empty = l->task.page_rows == 0, stuck = !empty && l->last == l->after;

    if (stuck)
        doubt(l, "the page repeats and the list does not move on");
    tell_doubt(l);
    l->rows += l->page_rows;
    l->page_rows = 0;
    if (empty || stuck) {
        l->proven = !l->doubtful;
        l->ended = true;
        return TASK_DONE;
    }
    l->after = l->last;
    return TASK_AGAIN;
}
