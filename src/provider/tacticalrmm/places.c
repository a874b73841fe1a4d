/* places.c - what a sync of Tactical RMM keeps of the lists it has read: where sites are, and which agent has which number.
 * Why:    agents name their site by number in one list and by names in another, and a name is no key; software names its
 *         agent by number only. */
#include "provider/tacticalrmm/sync.h"

#include <stdlib.h>

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
    p->order = TAC_UNSORTED;
    return true;
}

static int by_agent_id(const void *a, const void *b)
{
    return strcmp(((const struct tac_id *)a)->agent_id, ((const struct tac_id *)b)->agent_id);
}

static int by_number(const void *a, const void *b)
{
    int64_t x = ((const struct tac_id *)a)->id, y = ((const struct tac_id *)b)->id;

    return (x > y) - (x < y);
}

static struct tac_id *search(struct tac_ids *p, const struct tac_id *key, enum tac_order order)
{
    int (*compare)(const void *, const void *) = order == TAC_BY_NUMBER ? by_number : by_agent_id;

    if (!p->n)
        return NULL;
    if (p->order != order)
        qsort(p->v, p->n, sizeof(*p->v), compare);
    p->order = order;
    return bsearch(key, p->v, p->n, sizeof(*p->v), compare);
}

struct tac_id *tac_ids_find(struct tac_ids *p, struct slice agent_id)
{
    struct tac_id key = {.id = 0};

    if (!agent_id.n || agent_id.n >= TAC_ID_MAX)
        return NULL;
    memcpy(key.agent_id, agent_id.p, agent_id.n);
    return search(p, &key, TAC_BY_AGENT_ID);
}

const struct tac_id *tac_ids_number(struct tac_ids *p, struct slice number)
{
    struct tac_id key = {.id = 0};

    return slice_i64(number, &key.id) ? search(p, &key, TAC_BY_NUMBER) : NULL;
}

void tac_ids_clear(struct tac_ids *p)
{
    free(p->v);
    *p = (struct tac_ids){.v = NULL};
}
