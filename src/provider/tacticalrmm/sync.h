/* sync.h - inside Tactical RMM's sync. */
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

/* agent_id → numeric id, for servers without the beta API; doubles as the proof that /agents/ was whole. */
#define TAC_ID_MAX 48
struct tac_id {
    char agent_id[TAC_ID_MAX];
    int64_t id;
    bool seen;
};
struct tac_ids {
    struct tac_id *v;
    size_t n, cap, seen, rejected;
    bool sorted;
};
bool tac_ids_add(struct tac_ids *p, struct slice agent_id, struct slice id);
struct tac_id *tac_ids_find(struct tac_ids *p, struct slice agent_id);
void tac_ids_clear(struct tac_ids *p);

#endif
