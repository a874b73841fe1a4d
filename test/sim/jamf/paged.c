/* jamf/paged.c - see paged.h. */
#include "paged.h"

void j_key_id(struct jw *w, const char *key, int64_t id)
{
    char text[24];
    snprintf(text, sizeof(text), "%lld", (long long)id);
    jw_key_str(w, key, text);
}

static bool omits(const struct ask *a, int64_t n)
{
    return a->fault == FAULT_OMIT_ROWS && n % 10 == 9;
}

bool paged_begin(struct paged *p, struct jamf *j, struct ask *a, struct answer *r, int64_t max, int64_t total)
{
    *p = (struct paged){.ask = a};
    if (!j_page(j, a, r, max, &p->page))
        return false;
    p->w = j_json(r, 200);
    jw_object(&p->w);
    jw_key_i64(&p->w, "totalCount", total + (a->fault == FAULT_WRONG_TOTAL ? 7 : 0));
    return true;
}

void paged_rows(struct paged *p)
{
    jw_key(&p->w, "results");
    jw_array(&p->w);
}

bool paged_in(struct paged *p)
{
    int64_t n = p->n++;
    return n / p->page.size == p->page.page && !omits(p->ask, n % p->page.size);
}

void paged_end(struct paged *p)
{
    jw_end(&p->w);
    jw_end(&p->w);
}
