/* sync.h - inside Tactical RMM's sync: what its files share. */
#ifndef MSPHUB_PROVIDER_TACTICALRMM_SYNC_H
#define MSPHUB_PROVIDER_TACTICALRMM_SYNC_H

#include "provider/tacticalrmm/tacticalrmm.h"

/* A list by page number, with a total. */
struct tac_pages {
    struct task task;
    enum record_kind kind;
    int64_t page;             /* the next to ask for, from 1 */
    int64_t count;            /* as announced by the first page; -1 before */
    int64_t rows;             /* of the pages before */
    int64_t last, page_start; /* largest id so far; as this page began */
    int64_t page_rows;
    char doubt[160];
    bool doubtful; /* told to the sink */
    bool whole;    /* read to its end, and nothing speaks against it */
};
extern const struct map tac_pages_head;
void tac_pages_init(struct tac_pages *p, enum record_kind kind);
void tac_pages_ask(struct tac_pages *p, struct str *path, const char *resource, int size);
/* The next id; false: the row is not to be emitted. `key` is the id that its record would have. */
bool tac_pages_take(struct tac_pages *p, struct slice id, struct slice key, const char *fault);
enum task_verdict tac_pages_page(struct tac_pages *p, const void *head);
/* 404 "Invalid page." while paging is the end. */
enum task_verdict tac_pages_past_end(struct tac_pages *p);
void tac_pages_again(struct tac_pages *p);

#define TAC_PLACES_MAX 20000
#define TAC_IDS_MAX    200000

/* Sites by id and by their names, for lists that name them one way or the other. */
struct tac_place {
    char *site, *client, *site_name, *client_name;
};
struct tac_places {
    struct tac_place *v;
    size_t n, cap;
};
void tac_places_add(struct tac_places *p, struct slice site, struct slice client, struct slice site_name,
                    struct slice client_name);
void tac_places_clear(struct tac_places *p);
const struct tac_place *tac_places_by_site(struct tac_places *p, struct slice site);
const struct tac_place *tac_places_by_name(struct tac_places *p, struct slice client_name, struct slice site_name);

/* agent_id ↔ number. Without the beta API it doubles as the proof that /agents/ was whole. */
#define TAC_ID_MAX 48
struct tac_id {
    char agent_id[TAC_ID_MAX];
    int64_t id;
    bool seen;
};
enum tac_order { TAC_UNSORTED, TAC_BY_AGENT_ID, TAC_BY_NUMBER };
struct tac_ids {
    struct tac_id *v;
    size_t n, cap, seen, rejected;
    enum tac_order order;
};
bool tac_ids_add(struct tac_ids *p, struct slice agent_id, struct slice id);
struct tac_id *tac_ids_find(struct tac_ids *p, struct slice agent_id);
const struct tac_id *tac_ids_number(struct tac_ids *p, struct slice number);
void tac_ids_clear(struct tac_ids *p);

enum tac_stage {
    TAC_STAGE_PLACES, /* and the names of custom fields */
    TAC_STAGE_AGENTS,
    TAC_STAGE_IDS,
    TAC_STAGE_PLAIN,
    TAC_STAGE_SOFTWARE,
    TAC_STAGE_ALERTS,
    TAC_STAGE_RECENT
};

struct tac_sync {
    struct machine m;
    struct task clients, fields, ids, plain, software, alerts, recent;
    struct tac_pages agents;
    bool beta; /* way 1 */
    struct str dashboard;
    struct tac_places places;
    struct tac_names names;
    bool names_known;
    struct tac_ids known;
    bool known_whole;    /* of all agents */
    size_t known_before; /* as this page began */
    int64_t emitted, emitted_before;
    size_t nameless; /* rows without an id, of the list that is read now and has no total */
    bool alerts_whole;
    int64_t nalerts;
};

static inline struct tac_sync *tac_sync_of(struct task *t)
{
    return container_of(t->machine, struct tac_sync, m);
}
static inline bool tac_wants(const struct machine *m, enum record_kind kind)
{
    return (m->in->kinds & SYNC_KIND(kind)) != 0;
}
/* The server's clock, as this answer began. */
static inline usec_t tac_server_now(const struct task *t)
{
    return t->date != USEC_NONE ? t->date : t->machine->in->now;
}
/* Of lists that come whole in one answer: a row that cannot be used, and its end. */
void tac_list_begin(struct task *t);
void tac_list_reject(struct task *t, enum record_kind kind, struct slice id, const char *fault);
void tac_list_whole(struct task *t, enum record_kind kind, int64_t rows);
/* A list that is lost costs its own kind, not the run. */
enum task_verdict tac_list_failed(struct task *t, enum record_kind kind, const struct machine_reply *r, struct err *e);

extern const struct task_kind tac_agents_kind, tac_ids_kind, tac_plain_kind;
void tac_agents_checkpoint(struct tac_sync *x);
void tac_agents_resume(struct tac_sync *x, struct slice json);
extern const struct task_kind tac_software_kind, tac_alerts_kind, tac_recent_kind;

#endif
