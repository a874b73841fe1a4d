/* store/page.h - what a list read gives: the rows as JSON, and where the next page starts.
 * Every list query is ordered by (key, id) and gives limit + 1 rows: the last one only tells that there is more. $1 is the tenant; a
 * page begins behind ($key, $id). Its columns are (item json text, key text, id bigint), or the item's members one by one and then
 * key and id: that is several times as fast. */
#ifndef MSPHUB_STORE_PAGE_H
#define MSPHUB_STORE_PAGE_H

#include "base/str.h"
#include "msphub/record.h"
#include "reactor/pg.h"

struct page_request {
    int64_t tenant_id;
    int64_t limit;    /* 1..500 */
    struct slice key; /* of the last row seen; .p == NULL: first page */
    int64_t id;
};

struct page {
    struct str items; /* a JSON array */
    bool more;
    struct str last_key; /* of the last item */
    int64_t last_id;
};
/* From statement `stmt` of a reply with columns as above. */
void page_read(const struct pg_reply *r, unsigned stmt, int64_t limit, struct page *ret);
void page_release(struct page *p);

/* `page` is borrowed in the callback; NULL with an error. */
typedef void page_cb(void *arg, const struct page *page, const struct err *e);
/* One object as JSON text; ERR_NOT_FOUND when there is none of that tenant. The statement gives one row: the JSON, or the members. */
typedef void item_cb(void *arg, struct slice json, const struct err *e);

/* Submits a segment whose statement `stmt` is such a list (or gives one row with one JSON column). */
void page_submit(struct pg_seg *s, unsigned stmt, int64_t limit, page_cb *cb, void *arg);
/* The list belongs to something that the statement `owner` finds; when it gives no row: ERR_NOT_FOUND, there is no such `what`. */
void page_submit_of(struct pg_seg *s, unsigned owner, const char *what, unsigned stmt, int64_t limit, page_cb *cb,
                    void *arg);
void item_submit(struct pg_seg *s, unsigned stmt, const char *what, item_cb *cb, void *arg);

/* One thing that edits count: its statement gives (id, version, json text), or the members, id first, and then the version. */
struct row {
    int64_t id, version;
    struct slice json; /* borrowed in the callback */
};
/* From a reply; `json` holds the members' text. False: there is none. */
bool row_read(const struct pg_reply *r, unsigned stmt, struct str *json, struct row *ret);
/* NULL with an error: ERR_NOT_FOUND, there is none (of the version that was named); ERR_CONFLICT, its name is taken. */
typedef void row_cb(void *arg, const struct row *row, const struct err *e);
void row_submit(struct pg_seg *s, unsigned stmt, const char *what, row_cb *cb, void *arg);

/* Parameters of filters: 0, TRI_UNKNOWN: null. */
void page_p_id(struct pg_seg *s, int64_t id);
void page_p_tri(struct pg_seg *s, enum tri v);
/* Parameter of an `ilike`: texts that contain this one, for what people type is text, not a pattern. .p == NULL: null. */
void page_p_contains(struct pg_seg *s, struct slice text);

#endif
