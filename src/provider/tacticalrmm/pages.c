/* pages.c - a list of Tactical RMM's beta API, by page number.
 * Why:    pages are cut by offset: an agent deleted between two pages shifts the rest, and one is missed without a
 *         sign. So a list counts as whole only when as many rows came as were announced, the announcement did not
 *         change, ids ascended, and every row could be named. Who reads the list says what else must hold. */
#include "provider/tacticalrmm/sync.h"

#include <stdio.h>

struct pages_head {
    int64_t count;
    struct slice next;
};
static const struct map_field head_fields[] = {
    {"count", MAP_I64, offsetof(struct pages_head, count), .required = true},
    {"next", MAP_LOOSE_TEXT, offsetof(struct pages_head, next)}, /* only whether: its host may be an inner one */
};
const struct map tac_pages_head = {sizeof(struct pages_head), head_fields, ARRAY_LEN(head_fields)};

void tac_pages_init(struct tac_pages *p, enum record_kind kind)
{
    p->kind = kind;
    p->page = 1;
    p->count = -1;
}

void tac_pages_ask(struct tac_pages *p, struct str *path, const char *resource, int size)
{
    str_addf(path, "/beta/v1/%s/?page_size=%d&page=%lld", resource, size, (long long)p->page);
}

static void doubt(struct tac_pages *p, const char *why)
{
    if (!p->doubt[0])
        snprintf(p->doubt, sizeof(p->doubt), "%s", why);
}

bool tac_pages_take(struct tac_pages *p, struct slice id, struct slice key, const char *fault)
{
    const struct sink *sink = p->task.machine->sink;
    int64_t n;

    if (!slice_i64(id, &n) || n <= 0) {
        sink->reject(sink->arg, p->kind, known(key), fault ? fault : "id: expected a positive number");
        doubt(p, "a row has no usable id");
        return false;
    }
    if (n <= p->last) {
        doubt(p, "a row came twice, or the ids do not ascend");
        return false;
    }
    p->last = n;
    p->page_rows++;
    if (fault) /* it is there all the same: no reason to doubt the list, as long as it can be named */
        sink->reject(sink->arg, p->kind, known(key), fault);
    if (fault && !key.n)
        doubt(p, "a row cannot be named");
    return !fault;
}

void tac_pages_again(struct tac_pages *p)
{
    p->last = p->page_start;
    p->page_rows = 0;
    p->doubt[0] = '\0';
}

static void tell(struct tac_pages *p)
{
    const struct sink *sink = p->task.machine->sink;
    char why[256];

    if (!p->doubt[0] || p->doubtful)
        return;
    p->doubtful = true;
    snprintf(why, sizeof(why), "Tactical RMM, %s, page %lld: %s, so nothing is taken as missing", p->task.kind->what,
             (long long)p->page, p->doubt);
    sink->incomplete(sink->arg, p->kind, why);
}

static enum task_verdict end(struct tac_pages *p)
{
    if (p->count >= 0 && p->rows != p->count) {
        char why[128];
        snprintf(why, sizeof(why), "%lld rows were announced and %lld were given", (long long)p->count,
                 (long long)p->rows);
        doubt(p, why);
    }
    tell(p);
    p->whole = !p->doubtful;
    return TASK_DONE;
}

enum task_verdict tac_pages_page(struct tac_pages *p, const void *head)
{
    const struct pages_head *h = head;
    bool moved = p->page_rows > 0;

    if (!h)
        return end(p);
    if (p->count >= 0 && p->count != h->count)
        doubt(p, "the total changed between two pages");
    p->count = h->count;
    p->rows += p->page_rows;
    p->page_start = p->last;
    p->page_rows = 0;
    if (p->task.machine->sink->progress)
        p->task.machine->sink->progress(p->task.machine->sink->arg, p->kind, p->rows, p->count);
    if (!h->next.n || !moved)
        return end(p);
    tell(p);
    p->page++;
    return TASK_AGAIN;
}

enum task_verdict tac_pages_past_end(struct tac_pages *p)
{
    return end(p);
}
