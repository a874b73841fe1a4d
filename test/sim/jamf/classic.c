/* jamf/classic.c - what is played of the Classic API: users and computer groups. JSON when it is asked for (labelled text/plain),
 * else XML; ids are numbers, what is unset is an empty text; users come in the byte order of their names. */
#include "jamf.h"
#include <stdlib.h>

static bool wants_json(const struct ask *a)
{
    struct slice accept = ask_header(a, "Accept");
    return accept.n && memmem(accept.p, accept.n, "application/json", 16);
}

/* Clients of ours ask for JSON: what is XML need only be XML. */
static bool xml(struct ask *a, struct answer *r, const char *root)
{
    if (wants_json(a))
        return false;
    struct str *out = answer_begin(r, 200, "text/xml;charset=UTF-8");
    str_addf(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?><%s><size>0</size></%s>", root, root);
    answer_because(r, "XML: the request does not accept application/json");
    return true;
}

static struct jw begin(struct answer *r)
{
    struct jw w;
    jw_init(&w, answer_begin(r, 200, "text/plain;charset=UTF-8"));
    return w;
}

static int by_name(const void *x, const void *y)
{
    const struct j_user *const *a = x, *const *b = y;
    return strcmp((*a)->username, (*b)->username);
}

void j_classic_users(void *self, struct ask *a, struct answer *r)
{
    struct jamf *j = self;
    if (xml(a, r, "users"))
        return;
    const struct j_user **sorted = mem_realloc_array(NULL, j->nusers + 1, sizeof(struct j_user *));
    size_t n = 0;
    for (size_t k = 0; k < j->nusers; k++)
        if (!j->users[k].deleted)
            sorted[n++] = &j->users[k];
    qsort(sorted, n, sizeof(struct j_user *), by_name);
    struct jw w = begin(r);
    jw_object(&w);
    jw_key(&w, "users");
    jw_array(&w);
    for (size_t k = 0; k < n; k++) {
        if (a->fault == FAULT_OMIT_ROWS && k % 10 == 9)
            continue;
        jw_object(&w);
        jw_key_i64(&w, "id", sorted[k]->id);
        jw_key_str(&w, "name", sorted[k]->username);
        jw_end(&w);
    }
    jw_end(&w);
    jw_end(&w);
    free(sorted);
}

void j_classic_user(void *self, struct ask *a, struct answer *r)
{
    struct jamf *j = self;
    int64_t id;
    const struct j_user *u = slice_i64(a->params[0], &id) ? j_user(j, id) : NULL;
    if (!u) {
        j_classic_error(r, 404);
        return;
    }
    if (xml(a, r, "user"))
        return;
    struct jw w = begin(r);
    jw_object(&w);
    jw_key(&w, "user");
    jw_object(&w);
    jw_key_i64(&w, "id", u->id);
    jw_key_str(&w, "name", u->username);
    jw_key_str(&w, "full_name", u->realname);
    jw_key_str(&w, "email", u->email);
    jw_key_str(&w, "email_address", u->email);
    jw_key_str(&w, "phone_number", u->phone);
    jw_key_str(&w, "position", u->position);
    jw_key_str(&w, "managed_apple_id", "");
    jw_end(&w);
    jw_end(&w);
}

void j_classic_groups(void *self, struct ask *a, struct answer *r)
{
    struct jamf *j = self;
    if (xml(a, r, "computer_groups"))
        return;
    struct jw w = begin(r);
    jw_object(&w);
    jw_key(&w, "computer_groups");
    jw_array(&w);
    for (size_t k = 0; k < j->ngroups; k++) {
        if (j->groups[k].deleted)
            continue;
        jw_object(&w);
        jw_key_i64(&w, "id", j->groups[k].id);
        jw_key_str(&w, "name", j->groups[k].name);
        jw_key_bool(&w, "is_smart", j->groups[k].smart);
        jw_end(&w);
    }
    jw_end(&w);
    jw_end(&w);
}

static void write_member(struct jw *w, const struct j_computer *c)
{
    static const struct {
        const char *key;
        enum j_field field;
    } keys[] = {
        {"name", JF_NAME}, {"mac_address", JF_MAC}, {"alt_mac_address", JF_ALT_MAC}, {"serial_number", JF_SERIAL}};
    jw_object(w);
    jw_key_i64(w, "id", c->id);
    for (size_t k = 0; k < ARRAY_LEN(keys); k++)
        jw_key_str(w, keys[k].key, c->v[keys[k].field] ? c->v[keys[k].field] : "");
    jw_end(w);
}

void j_classic_group(void *self, struct ask *a, struct answer *r)
{
    struct jamf *j = self;
    int64_t id;
    struct j_computer *c = arena_alloc(a->arena, sizeof(*c));
    const struct j_group *g = slice_i64(a->params[0], &id) ? j_group(j, id) : NULL;
    if (!g) {
        j_classic_error(r, 404);
        return;
    }
    if (xml(a, r, "computer_group"))
        return;
    struct jw w = begin(r);
    jw_object(&w);
    jw_key(&w, "computer_group");
    jw_object(&w);
    jw_key_i64(&w, "id", g->id);
    jw_key_str(&w, "name", g->name);
    jw_key_bool(&w, "is_smart", g->smart);
    jw_key(&w, "computers");
    jw_array(&w);
    for (int64_t n = 1; n <= j->ncomputers; n++)
        if (j_computer(j, n, c) && j_member(c, j, (size_t)(g - j->groups)))
            write_member(&w, c);
    jw_end(&w);
    jw_end(&w);
    jw_end(&w);
}
