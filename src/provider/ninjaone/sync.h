/* sync.h - inside NinjaOne's full and incremental sync: lists by identifier, reports by cursor, alerts, the activity feed. */
#ifndef MSPHUB_PROVIDER_NINJAONE_SYNC_H
#define MSPHUB_PROVIDER_NINJAONE_SYNC_H

#include "base/json_read.h"
#include "provider/ninjaone/ninjaone.h"

/* The order of the work. Feed first: its newest id is where the next incremental run starts, so nothing that happens
 * while the lists are read is missed. The types of custom fields, without which their values cannot be told. Then all lists and reports side by side: each is a chain of pages, and the longest decides how long a run takes; records
 * may come in any order. Devices that wait for approval and the alerts last, when their devices are known. */
enum nin_stage { STAGE_FEED, STAGE_TYPES, STAGE_LISTS, STAGE_PENDING, STAGE_SEVERITIES };

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

/* The devices that an incremental run reads again. Past the maximum it is no longer worth it. */
#define NIN_CHANGES_MAX 1000
#define NIN_DF_IDS      200 /* in one filter: an address must stay below 8 KiB */
struct nin_changes {
    struct nin_changed {
        int64_t device;
        unsigned parts; /* enum nin_part */
    } * v;
    size_t n, cap;
};
bool nin_changes_add(struct nin_changes *c, int64_t device, unsigned parts); /* false: there is no room */
unsigned nin_changes_of(const struct nin_changes *c, int64_t device);
size_t nin_changes_count(const struct nin_changes *c, unsigned parts);
/* Adds "df=id in (…)": the chunk'th NIN_DF_IDS devices of which one of the parts has changed; gives how many. */
size_t nin_changes_df(const struct nin_changes *c, unsigned parts, size_t chunk, struct str *path);
void nin_changes_release(struct nin_changes *c);

/* A report in pages by cursor. */
#define NIN_NREPORTS 11
struct nin_report {
    struct task task;
    const struct nin_report_kind *kind;
    const struct nin_context *context;
    const struct nin_changes *changes; /* NULL: of all devices */
    size_t chunk;                      /* of the changes */
    struct str cursor;                 /* the name to send back; empty on the first page */
    int64_t collected;                 /* rows of the pages before this one */
    int64_t rows;                      /* in all */
    uint64_t previous;                 /* hash of the page before */
    unsigned pages;
    bool restarted; /* the cursor had expired */
    bool doubtful;  /* told to the sink */
    bool lost;      /* it failed, and may not the next time */
    bool proven;    /* read to its end */
};
void nin_reports_add(struct machine *m, struct nin_report reports[NIN_NREPORTS], const struct nin_context *c);
/* Of all devices when `changes` is NULL; those that are not wanted, or of which nothing has changed, are off. */
void nin_reports_switch(struct nin_report reports[NIN_NREPORTS], const struct nin_changes *changes);
bool nin_reports_lost(const struct nin_report reports[NIN_NREPORTS]);
/* All rows of this kind were read, of the reports that were asked for. */
bool nin_reports_proven(const struct nin_report reports[NIN_NREPORTS], enum record_kind kind, int64_t *ret_rows);
void nin_reports_release(struct nin_report reports[NIN_NREPORTS]);

/* The severities of alerts, from the activities that triggered them: older instances leave them out of the list. */
struct nin_severities {
    struct nin_severity {
        uint64_t series; /* hash; 0: free */
        int severity;    /* enum severity + 1; 0: wanted */
    } * v;
    size_t n, cap;
    size_t wanted; /* alerts of the list without one */
};
void nin_severities_learn(struct nin_severities *s, const struct nin_activity *a);
int nin_severities_of(const struct nin_severities *s, struct slice series); /* 0: not known */
void nin_severities_want(struct nin_severities *s, struct slice series);
/* An older activity: is it that of a wanted one? */
bool nin_severities_take(struct nin_severities *s, const struct nin_activity *a);
void nin_severities_release(struct nin_severities *s);

/* The activity feed, newest first: its newest id, or all of it down to what the last run has seen. */
struct nin_feed {
    struct task task;
    bool walk;      /* false: only its newest id is wanted, */
    bool triggers;  /* and with it the latest alerts' beginnings */
    int64_t floor;  /* everything up to this id is known */
    int64_t top;    /* newest id, the next run's floor; 0 unknown */
    int64_t older;  /* the next page holds ids below this one; 0: the first page */
    int64_t lowest; /* of this page */
    int64_t oldest; /* of the alerts' beginnings; 0: none were read */
    unsigned pages;
    bool ended;
    bool structure; /* organizations or locations changed */
    bool approvals; /* devices came, or were approved */
    bool behind;    /* too far behind, or the feed does not know our floor: only a full list helps */
    struct nin_changes changes;
    struct nin_severities severities;
};
extern const struct map_doc nin_feed_doc;
#define NIN_TRIGGERS "type=CONDITION&status=TRIGGERED"
void nin_feed_ask(struct task *t, struct str *path, struct str *body);
void nin_feed_row(struct task *t, const void *row, const char *fault);
void nin_feed_again(struct task *t);
enum task_verdict nin_feed_page(struct nin_feed *f, const void *head);
enum task_verdict nin_feed_lost(struct nin_feed *f); /* it cannot be read */
void nin_feed_release(struct nin_feed *f);

struct nin_sync {
    struct machine m;
    struct nin_context context;
    struct nin_feed feed;
    struct task types;
    struct nin_list organizations, devices, pending;
    struct task changed; /* in place of devices: those that the feed names */
    size_t changed_chunk;
    int64_t changed_after, changed_last, changed_rows;
    struct nin_report reports[NIN_NREPORTS];
    struct task alerts, severities;
    int64_t alerts_nameless, severities_older, severities_lowest;
    unsigned severities_pages;
    int64_t locations; /* rows */
    bool full;
};
struct nin_sync *nin_sync_of(struct machine *m);
void nin_sync_switch_full(struct nin_sync *x);
void nin_sync_feed_ended(struct nin_sync *x);

/* alerts.c */
void nin_alerts_add(struct nin_sync *x);
/* checkpoint.c: after each page, what a later run needs to go on. */
void nin_sync_checkpoint(struct machine *m);
void nin_sync_resume(struct nin_sync *x, const struct json *root);

#endif
