/* syncro/lists.c - pages, customers, contacts, and the assets' list. Each list has its own page size, whatever the documents say,
 * and only some tell how many rows there are. */
#include "syncro.h"
#include <stdlib.h>

#define CUSTOMERS_PAGE 100
#define CONTACTS_PAGE  50
#define ASSETS_PAGE    50
#define CONTACTS_EACH  2 /* of a customer */

/* --- pages --- */

bool s_page(const struct syncro *s, const struct ask *a, struct answer *r, int64_t size, int64_t total, bool totals,
            struct s_page *p)
{
    struct slice text;
    *p = (struct s_page){.page = 1, .size = s->page_size ? s->page_size : size, .total = total, .totals = totals};
    if (ask_arg(a, "page", &text) && (!slice_i64(text, &p->page) || p->page < 1)) {
        s_error(r, 500, "Internal Server Error"); /* what the real one makes of it is not known */
        return false;
    }
    p->pages = MAX((total + p->size - 1) / p->size, 1);
    if (a->fault == FAULT_STUCK_CURSOR)
        p->page = 1;
    if (a->fault == FAULT_REPEAT_PAGE)
        p->page = MAX(p->page - 1, 1);
    if (a->fault == FAULT_WRONG_TOTAL)
        p->total += 7;
    p->omit = a->fault == FAULT_OMIT_ROWS;
    p->reverse = a->fault == FAULT_SHUFFLE;
    p->first = MIN((p->page - 1) * p->size, total);
    p->last = MIN(p->page * p->size, total);
    return true;
}

int64_t s_page_row(const struct s_page *p, int64_t k)
{
    if (p->omit && k % 10 == 9)
        return -1;
    return p->reverse ? p->last - 1 - k : p->first + k;
}

void s_write_meta(struct jw *w, const struct s_page *p)
{
    jw_key(w, "meta");
    jw_object(w);
    jw_key_i64(w, "total_pages", p->pages);
    if (p->totals) {
        jw_key_i64(w, "total_entries", p->total);
        jw_key_i64(w, "per_page", p->size);
    }
    jw_key_i64(w, "page", p->page);
    jw_end(w);
}

/* A number among the arguments; 0 when it is not there. */
static int64_t number_of(const struct ask *a, const char *name)
{
    struct slice text;
    int64_t v = 0;
    return ask_arg(a, name, &text) && slice_i64(text, &v) ? v : 0;
}

/* --- customers --- */

static void write_customer(struct jw *w, const struct s_customer *c)
{
    char name[2 * S_TEXT], text[2 * S_TEXT + 40];
    jw_object(w);
    jw_key_i64(w, "id", c->id);
    jw_key_str(w, "firstname", c->first);
    jw_key_str(w, "lastname", c->last);
    snprintf(text, sizeof(text), "%s %s", c->first, c->last);
    jw_key_str(w, "fullname", text);
    jw_key_str(w, "business_name", c->business);
    snprintf(text, sizeof(text), "c%lld@client.example", (long long)c->id);
    jw_key_str(w, "email", text);
    jw_key_str(w, "phone", "2025550100");
    jw_key_str(w, "mobile", NULL);
    s_key_time(w, "created_at", c->updated - SECONDS(86400));
    s_key_time(w, "updated_at", c->updated);
    jw_key_str(w, "address", "1 Example Street");
    jw_key_str(w, "city", c->id % 3 ? "Tuanside" : NULL);
    jw_key_str(w, "notes", NULL);
    jw_key_bool(w, "get_sms", false);
    jw_key_bool(w, "opt_out", false);
    jw_key_bool(w, "disabled", c->disabled);
    jw_key_bool(w, "no_email", false);
    jw_key_str(w, "location_name", NULL);
    jw_key(w, "properties");
    jw_object(w);
    jw_end(w);
    jw_key_str(w, "online_profile_url",
               "https://" SYNCRO_SUBDOMAIN ".syncromsp.com/my_profile/v2/index?portal_key="
               "CONFIDENTIAL-PORTAL-KEY");
    jw_key_str(w, "business_and_full_name", s_customer_name(c, name));
    jw_key_str(w, "business_then_name", s_customer_name(c, name));
    jw_key(w, "contacts");
    jw_array(w);
    jw_end(w);
    jw_end(w);
}

static bool shown_customer(const struct ask *a, const struct s_customer *c)
{
    struct slice text;
    bool disabled = ask_arg(a, "include_disabled", &text) && slice_is(text, "true");
    return s_sees(a, c->id) && (!c->disabled || disabled);
}

void s_customers(void *self, struct ask *a, struct answer *r)
{
    struct syncro *s = self;
    size_t *rows = mem_realloc_array(NULL, s->ncustomers, sizeof(*rows)), n = 0;
    struct s_page p;
    for (size_t k = 0; k < s->ncustomers; k++)
        if (shown_customer(a, &s->customers[k]))
            rows[n++] = k;
    if (s_page(s, a, r, CUSTOMERS_PAGE, (int64_t)n, true, &p)) {
        struct jw w = s_json(r, 200);
        jw_object(&w);
        jw_key(&w, "customers");
        jw_array(&w);
        for (int64_t k = 0; k < p.last - p.first; k++)
            if (s_page_row(&p, k) >= 0)
                write_customer(&w, &s->customers[rows[s_page_row(&p, k)]]);
        jw_end(&w);
        s_write_meta(&w, &p);
        jw_end(&w);
    }
    free(rows);
}

void s_customer_one(void *self, struct ask *a, struct answer *r)
{
    int64_t id;
    const struct s_customer *c = slice_i64(a->params[0], &id) ? s_customer(self, id) : NULL;
    if (!c || !s_sees(a, c->id)) {
        s_not_found(r, "customer", false);
        return;
    }
    struct jw w = s_json(r, 200);
    jw_object(&w);
    jw_key(&w, "customer");
    write_customer(&w, c);
    jw_end(&w);
}

/* --- contacts: two of each customer, the last of all belongs to a vendor --- */

static void write_contact(struct jw *w, const struct syncro *s, int64_t i)
{
    static const char *const names[] = {"Ana Müller", "Jo \"JJ\" O'Neill", "", " Zoë "};
    bool vendor = i == (int64_t)s->nbase * CONTACTS_EACH;
    int64_t customer = S_CUSTOMER_BASE + 1 + i / CONTACTS_EACH;
    char email[64];
    jw_object(w);
    jw_key_i64(w, "id", S_CONTACT_BASE + 1 + i);
    jw_key_str(w, "name", names[i % (int64_t)ARRAY_LEN(names)]);
    jw_key_str(w, "address1", NULL);
    snprintf(email, sizeof(email), "Contact%lld@Client.example", (long long)i + 1);
    jw_key_str(w, "email", i % 5 == 4 ? NULL : email);
    jw_key_str(w, "phone", i % 3 ? "657.325.3258 x330" : "");
    jw_key_str(w, "mobile", i % 4 ? NULL : "(133) 358-5295");
    jw_key(w, "latitude");
    jw_double(w, 67.92905002829);
    jw_key(w, "customer_id");
    if (vendor)
        jw_null(w);
    else
        jw_i64(w, customer);
    jw_key_i64(w, "account_id", 77);
    jw_key_str(w, "notes", NULL);
    s_key_time(w, "created_at", s->epoch - SECONDS(86400 * (i + 1)));
    s_key_time(w, "updated_at", s->epoch - SECONDS(3600 * (i + 1)));
    jw_key(w, "vendor_id");
    if (vendor)
        jw_i64(w, 5);
    else
        jw_null(w);
    jw_key(w, "properties");
    if (i % 6 == 5) {
        jw_null(w);
    } else {
        jw_object(w);
        if (i % 2 == 0)
            jw_key_str(w, "title", "Office manager");
        jw_end(w);
    }
    jw_key_bool(w, "opt_out", false);
    jw_key_str(w, "extension", NULL);
    jw_end(w);
}

void s_contacts(void *self, struct ask *a, struct answer *r)
{
    struct syncro *s = self;
    int64_t all = (int64_t)s->nbase * CONTACTS_EACH + 1, only = number_of(a, "customer_id"), n = 0;
    int64_t *rows = mem_realloc_array(NULL, (size_t)all, sizeof(*rows));
    struct s_page p;
    for (int64_t i = 0; i < all; i++) {
        int64_t customer = S_CUSTOMER_BASE + 1 + i / CONTACTS_EACH;
        if (s_sees(a, customer) && (!only || only == customer))
            rows[n++] = i;
    }
    if (s_page(s, a, r, CONTACTS_PAGE, n, true, &p)) {
        struct jw w = s_json(r, 200);
        jw_object(&w);
        jw_key(&w, "contacts");
        jw_array(&w);
        for (int64_t k = 0; k < p.last - p.first; k++)
            if (s_page_row(&p, k) >= 0)
                write_contact(&w, s, rows[s_page_row(&p, k)]);
        jw_end(&w);
        s_write_meta(&w, &p);
        jw_end(&w);
    }
    free(rows);
}

/* --- assets --- */

void s_assets(void *self, struct ask *a, struct answer *r)
{
    struct syncro *s = self;
    int64_t *ids = mem_realloc_array(NULL, (size_t)s->nassets + 1, sizeof(*ids)), n = 0;
    int64_t only = number_of(a, "customer_id");
    struct s_asset x;
    struct s_page p;
    for (int64_t k = 1; k <= s->nassets; k++)
        if (s_asset(s, S_ASSET_BASE + k, &x) && s_sees(a, x.customer_id) && (!only || only == x.customer_id))
            ids[n++] = x.id;
    if (s_page(s, a, r, ASSETS_PAGE, n, true, &p)) {
        struct jw w = s_json(r, 200);
        jw_object(&w);
        jw_key(&w, "assets");
        jw_array(&w);
        for (int64_t k = 0; k < p.last - p.first; k++)
            if (s_page_row(&p, k) >= 0 && s_asset(s, ids[s_page_row(&p, k)], &x))
                s_write_asset(&w, s, &x);
        jw_end(&w);
        if (!s->assets_without_meta)
            s_write_meta(&w, &p);
        jw_end(&w);
    }
    free(ids);
}

void s_asset_one(void *self, struct ask *a, struct answer *r)
{
    struct s_asset x;
    int64_t id = 0;
    if (!slice_i64(a->params[0], &id) || !s_asset(self, id, &x) || !s_sees(a, x.customer_id)) {
        s_not_found(r, "Asset", s_asset_was(self, id));
        return;
    }
    struct jw w = s_json(r, 200);
    jw_object(&w);
    jw_key(&w, "asset");
    s_write_asset(&w, self, &x);
    jw_end(&w);
}
