/* jamf/paged.h - a page of the Pro API: {"totalCount":…,"results":[…]}, cut out of rows that are counted as they go by. */
#ifndef SIM_JAMF_PAGED_H
#define SIM_JAMF_PAGED_H

#include "jamf.h"

struct paged {
    struct jw w;
    struct j_page page;
    int64_t n; /* rows seen so far */
    const struct ask *ask;
};

/* The object is open behind it, for more members; false: it has answered. */
bool paged_begin(struct paged *p, struct jamf *j, struct ask *a, struct answer *r, int64_t max, int64_t total);
void paged_rows(struct paged *p);
bool paged_in(struct paged *p); /* the next row: is it on this page? */
void paged_end(struct paged *p);

void j_key_id(struct jw *w, const char *key, int64_t id); /* ids are texts here */

#endif
