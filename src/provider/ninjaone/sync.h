/* sync.h - inside NinjaOne's full and incremental sync: lists by identifier, reports by cursor, the activity feed. */
#ifndef MSPHUB_PROVIDER_NINJAONE_SYNC_H
#define MSPHUB_PROVIDER_NINJAONE_SYNC_H

#include "provider/ninjaone/ninjaone.h"

/* The order of the work. Feed first: its newest id is where the next incremental run starts, so nothing that happens
 * while the lists are read is missed. Then all lists and reports side by side: each is a chain of pages, and the
 * longest decides how long a run takes; records may come in any order. Devices that wait for approval and the alerts
 * last, when their devices are known. */
enum nin_stage { STAGE_FEED, STAGE_LISTS, STAGE_PENDING };

/* A list in pages of ascending ids: "after the largest so far" (doc/provider-ninjaone.md, Paging). */
struct nin_list {
    struct task task;
    enum record_kind kind;
    const char *name; /* in checkpoints */
    int64_t after;    /* largest id of the pages before this one */
    int64_t last;     /* largest id so far */
    int64_t rows, page_rows;
    bool ended;
    bool proven;     /* read to its end, and nothing speaks against it */
    bool doubtful;   /* told to the sink: it cannot be proven */
    char doubt[160]; /* what speaks against it, of this page */
};
/* The next id of the page; false: the row is not to be emitted. */
bool nin_list_take(struct nin_list *l, struct slice id, const char *fault);
enum task_verdict nin_list_page(struct nin_list *l);
void nin_list_again(struct nin_list *l);

/* A report in pages by cursor. */
#define NIN_NREPORTS 7
struct nin_report {
    struct task task;
    const struct nin_report_kind *kind;
    struct str cursor; /* the name to send back; empty on the first page */
    int64_t collected; /* rows of the pages before this one */
    uint64_t previous; /* hash of the page before */
    bool restarted;    /* the cursor had expired */
};
void nin_reports_add(struct machine *m, struct nin_report reports[NIN_NREPORTS]);
void nin_reports_release(struct nin_report reports[NIN_NREPORTS]);

/* The activity feed, newest first, read down to what the last run has seen. */
#define NIN_SEEN 1024
struct nin_feed {
    struct task task;
    bool walk;      /* false: only its newest id is wanted */
    int64_t floor;  /* everything up to this id is known */
    int64_t top;    /* newest id, the next run's floor; 0 unknown */
    int64_t older;  /* the next page holds ids below this one; 0: the first page */
    int64_t lowest; /* of this page */
    unsigned pages;
    bool ended;
    bool structure;          /* organizations or locations changed */
    bool behind;             /* too far behind, or the feed does not know our floor: only a full list helps */
    uint64_t seen[NIN_SEEN]; /* devices already named by a newer activity; a lost entry costs one needless refresh */
};
extern const struct map_doc nin_feed_doc;
void nin_feed_ask(struct task *t, struct str *path, struct str *body);
void nin_feed_row(struct task *t, const void *row, const char *fault);
void nin_feed_again(struct task *t);
enum task_verdict nin_feed_page(struct nin_feed *f);
enum task_verdict nin_feed_lost(struct nin_feed *f); /* it cannot be read */

/* After each page: what a later run needs to go on. */
void nin_sync_checkpoint(struct machine *m);

#endif
