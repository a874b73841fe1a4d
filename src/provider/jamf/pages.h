/* pages.h - a list of Jamf Pro in pages, and the proof that it was read to its end.
 * Why:    pages are cut by offset (page × page-size), so that a list which changes meanwhile may lose a row; and a single page may fail
 *         for good with a 500, as a rule for one damaged record, while its neighbours work.
 * Proof:  the end was seen, as many different rows came as the last page announced, and the total never shrank.
 * Failing page: it is read in smaller pages (sizes divide each other, so that no row is left out), without the engine's repetitions, down to
 *         single records. One that fails by itself is asked for with nothing but its GENERAL section, to learn its id; then it counts as
 *         failed. Its list is whole only when the id is known. */
#ifndef MSPHUB_PROVIDER_JAMF_PAGES_H
#define MSPHUB_PROVIDER_JAMF_PAGES_H

#include "provider/common_seen.h"
#include "provider/jamf/jamf.h"

#define JAMF_LIST_MAX  1000000 /* rows of one list */
#define JAMF_FAIL_MAX  20      /* records that fail by themselves; more, and it is the server that fails */
#define JAMF_NLADDER   6
#define JAMF_PAGE      500
#define JAMF_PAGE_FULL 200 /* with applications: a page of more makes servers stumble */

struct jamf_pages {
    struct task task;
    enum record_kind kind;
    const char *name; /* in checkpoints; NULL: not part of them */
    /* What a page is asked with when it is a part of one that failed: not to be repeated. NULL: failing pages are not cut up. */
    const struct task_kind *whole_kind, *part_kind;
    unsigned full;    /* rows of a page */
    unsigned size;    /* of the next page; divides `full` */
    int64_t offset;   /* of the next page; a multiple of `size` */
    int64_t rows;     /* different ones, of all pages before */
    int64_t total;    /* as announced by the page before; -1: none */
    int64_t lost;     /* records that came and could not be taken */
    unsigned failing; /* of them, those that fail by themselves */
    bool careful;     /* a part failed for another reason than a 500: it is asked for again, with repetitions */
    bool basic;       /* the one record is asked for with its GENERAL section only */
    bool ended, proven, doubtful;
    char doubt[160];
    struct seen seen;
    size_t before; /* of `seen`, as this page began */
};

struct jamf_pages_head {
    int64_t total;
};
extern const struct map jamf_pages_head_map; /* totalCount, which is required */

void jamf_pages_add(struct machine *m, struct jamf_pages *p, const struct task_kind *whole,
                    const struct task_kind *part, unsigned stage, enum record_kind kind, unsigned full);
void jamf_pages_release(struct jamf_pages *p);
static inline struct jamf_pages *jamf_pages_of(struct task *t)
{
    return container_of(t, struct jamf_pages, task);
}

/* "page=2&page-size=200&sort=id:asc"; begins the page. */
void jamf_pages_ask(struct jamf_pages *p, const char *sort, struct str *path);
/* False: the row is not to be used: it came before, or is bad, which was told. */
bool jamf_pages_take(struct jamf_pages *p, struct slice id, const char *fault);
enum task_verdict jamf_pages_page(struct jamf_pages *p, const struct jamf_pages_head *h);
void jamf_pages_again(struct jamf_pages *p);
/* A page failed: TASK_AGAIN when it is to be read in another way; TASK_FATAL: it is lost, *e says why. */
enum task_verdict jamf_pages_failed(struct jamf_pages *p, const struct machine_reply *r, struct err *e);

struct jw;
struct json;
void jamf_pages_write(const struct jamf_pages *p, struct jw *w);
void jamf_pages_read(struct jamf_pages *p, const struct json *root);

#endif
