/* pages.c - Tactical RMM's lists by page number, and what is kept beside them.
 * Why:    pages are cut by offset: an agent deleted between two pages shifts the rest, and one is missed without a
 *         sign. So a list counts as whole only when as many rows came as were announced, the announcement did not
 *         change, ids ascended, and every row could be named. */
#include "provider/tacticalrmm/sync.h"

#include <stdio.h>
#include <stdlib.h>

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
    const struct sink *sink = p->task.machine->sink;

    if (p->count >= 0 && p->rows != p->count) {
        char why[128];
        snprintf(why, sizeof(why), "%lld rows were announced and %lld were given", (long long)p->count,
                 (long long)p->rows);
        doubt(p, why);
    }
    tell(p);
    if (!p->doubtful)
        sink->complete(sink->arg, p->kind, p->rows);
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

/* --- places --- */

void tac_places_add(struct tac_places *p, struct slice site, struct slice client, struct slice site_name,
                    struct slice client_name)
{
    if (p->n == TAC_PLACES_MAX)
        return; /* agents of sites beyond keep the organization they have */
    if (p->n == p->cap) {
        p->cap = p->cap ? p->cap * 2 : 64;
        p->v = mem_realloc_array(p->v, p->cap, sizeof(*p->v));
    }
    p->v[p->n++] = (struct tac_place){
        .site = mem_strndup(site.n ? site.p : "", site.n),
        .client = mem_strndup(client.n ? client.p : "", client.n),
        .site_name = mem_strndup(site_name.n ? site_name.p : "", site_name.n),
        .client_name = mem_strndup(client_name.n ? client_name.p : "", client_name.n),
    };
}

void tac_places_clear(struct tac_places *p)
{
    for (size_t i = 0; i < p->n; i++) {
        free(p->v[i].site);
        free(p->v[i].client);
        free(p->v[i].site_name);
        free(p->v[i].client_name);
    }
    free(p->v);
    *p = (struct tac_places){NULL, 0, 0};
}

/* Linear: an MSP has some hundred sites. */
const struct tac_place *tac_places_by_site(struct tac_places *p, struct slice site)
{
    for (size_t i = 0; i < p->n; i++)
        if (slice_is(site, p->v[i].site))
            return &p->v[i];
    return NULL;
}

const struct tac_place *tac_places_by_name(struct tac_places *p, struct slice client_name, struct slice site_name)
{
    for (size_t i = 0; i < p->n; i++)
        if (slice_is(site_name, p->v[i].site_name) && slice_is(client_name, p->v[i].client_name))
            return &p->v[i];
    return NULL;
}

/* --- ids --- */

bool tac_ids_add(struct tac_ids *p, struct slice agent_id, struct slice id)
{
    struct tac_id *e;
    int64_t n;

    if (!agent_id.n || agent_id.n >= TAC_ID_MAX || p->n == TAC_IDS_MAX || !slice_i64(id, &n))
        return false;
    if (p->n == p->cap) {
        p->cap = p->cap ? p->cap * 2 : 256;
        p->v = mem_realloc_array(p->v, p->cap, sizeof(*p->v));
    }
    e = &p->v[p->n++];
    *e = (struct tac_id){.id = n};
    memcpy(e->agent_id, agent_id.p, agent_id.n);
    p->sorted = false;
    return true;
}

static int by_agent_id(const void *a, const void *b)
{
    return strcmp(((const struct tac_id *)a)->agent_id, ((const struct tac_id *)b)->agent_id);
}

struct tac_id *tac_ids_find(struct tac_ids *p, struct slice agent_id)
{
    struct tac_id key = {.id = 0};

    if (!agent_id.n || agent_id.n >= TAC_ID_MAX || !p->n)
        return NULL;
    if (!p->sorted)
        qsort(p->v, p->n, sizeof(*p->v), by_agent_id);
    p->sorted = true;
    memcpy(key.agent_id, agent_id.p, agent_id.n);
    return bsearch(&key, p->v, p->n, sizeof(*p->v), by_agent_id);
}

void tac_ids_clear(struct tac_ids *p)
{
    free(p->v);
    *p = (struct tac_ids){.v = NULL};
}
