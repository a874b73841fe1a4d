/* common_tasks.h - a machine made of tasks; what every provider's machine shares.
 * Why:    a sync reads some ten lists, each page by page, several at once, in an order. What differs between products
 *         is what a page's path looks like, what a row means and when a list has ended; the rest is here.
 * Words:  a task reads one list, one call at a time. Tasks of one stage run side by side; a stage begins when all
 *         tasks of the stages before it have ended.
 * States: TASK_OFF -> TASK_READY -> TASK_OPEN -> (TASK_READY | TASK_ENDED)                          [task_enter]
 * Always: a task has at most one call open; its path and body live until that call has ended; a body that breaks its
 *         contract is asked for once more if the call is repeatable; after a fatal failure no call is begun and open
 *         ones are ended.
 * Use:    a provider's machine embeds `struct machine` as its first member and its tasks beside it; machine_ops takes
 *         start from the provider and the rest from here (MACHINE_TASKS_OPS). */
#ifndef MSPHUB_PROVIDER_COMMON_TASKS_H
#define MSPHUB_PROVIDER_COMMON_TASKS_H

#include "msphub/provider.h"

struct task;

enum task_verdict {
    TASK_AGAIN, /* ask once more: the next page, or this one in another way */
    TASK_DONE,  /* the list has ended, well or with what was told to the sink */
    TASK_FATAL  /* *e says why the whole machine fails */
};

enum task_state { TASK_OFF, TASK_READY, TASK_OPEN, TASK_ENDED };

struct task_kind {
    const char *what;   /* low cardinality: "devices" */
    const char *method; /* NULL: GET */
    bool acting;        /* must not be sent twice */
    bool anonymous;
    bool secret; /* the body holds a secret: wiped when the call has ended */
    bool list;   /* an answer without a body (204) is no empty list: the call has failed */
    const char *content_type;
    const struct map_doc *doc; /* NULL: the body is kept as text */
    size_t text_max;           /* of such a text; 0: 4 KiB */
    /* Writes the path and, where the method wants one, the body of the next call. Both are empty. */
    void (*ask)(struct task *t, struct str *path, struct str *body);
    void (*row)(struct task *t, const void *row, const char *fault);
    /* The body was whole. `head` as in map_reader_head; NULL for a 204 or without a doc. */
    enum task_verdict (*page)(struct task *t, const void *head, const struct machine_reply *r, struct err *e);
    /* The call failed; *e already says why (machine.explain). NULL: fatal. */
    enum task_verdict (*failed)(struct task *t, const struct machine_reply *r, struct err *e);
    /* What was read of this page is void. NULL: nothing was kept. */
    void (*again)(struct task *t);
};

struct task {
    const struct task_kind *kind;
    struct machine *machine;
    enum task_state state;
    unsigned stage;
    unsigned call; /* id of the open call */
    struct str path, body;
    struct map_reader *reader;
    struct str text;    /* of a body without a doc */
    struct err broken;  /* why the body was refused */
    bool asked_again;   /* this page was already asked for a second time */
    uint64_t page_hash; /* over all rows of this page: equal pages have equal hashes */
    int64_t page_rows;
    usec_t date; /* the server's clock as this answer began; USEC_NONE */
};

#define MACHINE_MAX_TASKS 32
struct machine {
    const struct machine_input *in;
    const struct sink *sink;
    struct task *tasks[MACHINE_MAX_TASKS];
    size_t ntasks;
    unsigned last_call;
    bool settled; /* the last task has ended, `finish` was called */
    struct err err;
    /* Why a call failed, as a sentence with its mend: from a non-2xx reply or a transport failure. */
    void (*explain)(const struct task *t, const struct machine_reply *r, struct err *e);
    void (*release)(struct machine *m); /* may be NULL; frees what the provider's part owns */
    void (*finish)(struct machine *m);  /* may be NULL; once, when all tasks have ended and nothing failed */
};

void machine_init(struct machine *m, const struct machine_input *in, const struct sink *sink,
                  void (*explain)(const struct task *t, const struct machine_reply *r, struct err *e));
/* A task begins ready; `stage` orders it. The task is embedded in the provider's machine. */
void machine_add(struct machine *m, struct task *t, const struct task_kind *kind, unsigned stage);
void task_switch(struct task *t, enum task_state to); /* OFF, READY or ENDED; not while a call is open */

enum machine_want machine_tasks_next(struct machine *m, struct machine_call *ret);
void machine_tasks_on_head(struct machine *m, unsigned call, const struct machine_reply *head);
bool machine_tasks_on_body(struct machine *m, unsigned call, struct slice piece);
void machine_tasks_on_again(struct machine *m, unsigned call);
void machine_tasks_on_end(struct machine *m, unsigned call, const struct machine_reply *r);
bool machine_tasks_result(const struct machine *m, struct err *e);
void machine_tasks_free(struct machine *m);

#define MACHINE_TASKS_OPS                                                                                              \
    .next = machine_tasks_next, .on_head = machine_tasks_on_head, .on_body = machine_tasks_on_body,                    \
    .on_again = machine_tasks_on_again, .on_end = machine_tasks_on_end, .result = machine_tasks_result,                \
    .free = machine_tasks_free

#endif
