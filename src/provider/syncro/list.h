/* list.h - Syncro's lists in numbered pages, and the proof that one was read to its end.
 * Why:    pages have no order that is promised, and rows move from page to page while the list is walked. A list counts as whole
 *         when its pages came as asked for and either the product's own total equals the different rows that were seen, or it is one
 *         page, or two walks in a row saw the same rows.
 * Always: after a page failed, or a row without an id, or another page than was asked for, nothing is proven. */
#ifndef MSPHUB_PROVIDER_SYNCRO_LIST_H
#define MSPHUB_PROVIDER_SYNCRO_LIST_H

#include "provider/syncro/syncro.h"

/* Numbers that were seen; at most SYN_IDS_MAX. */
#define SYN_IDS_MAX 1000000
struct syn_ids {
    int64_t *v; /* open addressing; 0: free */
    size_t n, mask;
};
bool syn_ids_add(struct syn_ids *s, int64_t id); /* false: it was there, or there are too many */
bool syn_ids_has(const struct syn_ids *s, int64_t id);
void syn_ids_clear(struct syn_ids *s);

struct syn_list {
    struct task task;
    enum record_kind kind;
    bool proves;                 /* absence from this list means something */
    int64_t page, pages, total;  /* page: to be asked for, from 1; the others as told, -1 unknown */
    int64_t undo;                /* rows of this page that were new: forgotten when it comes again */
    unsigned walk;               /* from 1 */
    struct syn_ids seen, before; /* of this walk, of the one before */
    bool moved;                  /* this walk saw a row that the one before did not */
    char doubt[160];
    int64_t *page_ids; /* of this page, new ones */
    size_t page_cap;
};
extern const struct map syn_list_head;
void syn_list_init(struct syn_list *l, enum record_kind kind, bool proves);
void syn_list_release(struct syn_list *l);
void syn_list_ask(struct syn_list *l, struct str *path, const char *resource,
                  const char *more); /* more: "&status=all", "" */
/* The next row; false: it is not to be emitted (it was rejected). */
bool syn_list_take(struct syn_list *l, struct slice id, const char *fault);
void syn_list_again(struct syn_list *l);
enum task_verdict syn_list_page(struct syn_list *l, const void *head);
void syn_list_failed(struct syn_list *l, const char *why);

#endif
