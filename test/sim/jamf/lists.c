/* jamf/lists.c - groups, users, places and mobile devices of the Pro API. Some lists are pages of `results`, some bare arrays;
 * users have a richer envelope and a smaller page. */
#include "paged.h"

/* --- groups --- */

void j_computer_groups(void *self, struct ask *a, struct answer *r)
{
    struct jamf *j = self;
    struct jw w = j_json(r, 200);
    jw_array(&w);
    for (size_t k = 0; k < j->ngroups; k++) {
        const struct j_group *g = &j->groups[k];
        if (g->deleted || (a->fault == FAULT_OMIT_ROWS && k % 10 == 9))
            continue;
        jw_object(&w);
        j_key_id(&w, "id", g->id);
        jw_key_str(&w, "name", g->name);
        if (j->minor >= 28)
            jw_key_str(&w, "description", g->description);
        jw_key_bool(&w, "smartGroup", g->smart);
        jw_end(&w);
    }
    jw_end(&w);
}

static int64_t members_of(const struct jamf *j, size_t group, struct j_computer *c)
{
    int64_t n = 0;
    for (int64_t id = 1; id <= j->ncomputers; id++)
        n += j_computer(j, id, c) && j_member(c, j, group);
    return n;
}

static void groups_of(struct jamf *j, struct ask *a, struct answer *r, bool smart)
{
    struct j_computer *c = arena_alloc(a->arena, sizeof(*c));
    struct paged p;
    int64_t total = 0;
    for (size_t k = 0; k < j->ngroups; k++)
        total += !j->groups[k].deleted && j->groups[k].smart == smart;
    if (!paged_begin(&p, j, a, r, J_PAGE_MAX, total))
        return;
    paged_rows(&p);
    for (size_t k = 0; k < j->ngroups; k++) {
        const struct j_group *g = &j->groups[k];
        if (g->deleted || g->smart != smart || !paged_in(&p))
            continue;
        jw_object(&p.w);
        j_key_id(&p.w, "id", g->id);
        jw_key_str(&p.w, "name", g->name);
        jw_key_str(&p.w, "description", g->description);
        jw_key_str(&p.w, "siteId", "-1");
        jw_key_i64(&p.w, smart ? "membershipCount" : "count", members_of(j, k, c));
        jw_end(&p.w);
    }
    paged_end(&p);
}

void j_static_groups(void *self, struct ask *a, struct answer *r)
{
    groups_of(self, a, r, false);
}

void j_smart_groups(void *self, struct ask *a, struct answer *r)
{
    groups_of(self, a, r, true);
}

static const struct j_group *path_group(struct jamf *j, struct ask *a, struct answer *r, bool smart)
{
    int64_t id;
    const struct j_group *g = slice_i64(a->params[0], &id) ? j_group(j, id) : NULL;
    if (!g || g->smart != smart)
        j_not_found(j, r, "Group not found");
    return g && g->smart == smart ? g : NULL;
}

/* Without members: the schema has none. */
void j_static_group(void *self, struct ask *a, struct answer *r)
{
    const struct j_group *g = path_group(self, a, r, false);
    if (!g)
        return;
    struct jw w = j_json(r, 200);
    jw_object(&w);
    j_key_id(&w, "id", g->id);
    jw_key_str(&w, "name", g->name);
    jw_key_str(&w, "description", g->description);
    jw_key_str(&w, "siteId", "-1");
    jw_end(&w);
}

void j_smart_membership(void *self, struct ask *a, struct answer *r)
{
    struct jamf *j = self;
    const struct j_group *g = path_group(j, a, r, true);
    struct j_computer *c = arena_alloc(a->arena, sizeof(*c));
    if (!g)
        return;
    struct jw w = j_json(r, 200);
    jw_object(&w);
    jw_key(&w, "members");
    jw_array(&w);
    for (int64_t id = 1; id <= j->ncomputers; id++)
        if (j_computer(j, id, c) && j_member(c, j, (size_t)(g - j->groups)))
            jw_i64(&w, id);
    jw_end(&w);
    jw_end(&w);
}

/* --- places --- */

void j_list_departments(void *self, struct ask *a, struct answer *r)
{
    struct paged p;
    if (!paged_begin(&p, self, a, r, J_PAGE_MAX, (int64_t)j_ndepartments))
        return;
    paged_rows(&p);
    for (size_t k = 0; k < j_ndepartments; k++) {
        if (!paged_in(&p))
            continue;
        jw_object(&p.w);
        j_key_id(&p.w, "id", j_departments[k].id);
        jw_key_str(&p.w, "name", j_departments[k].name);
        jw_end(&p.w);
    }
    paged_end(&p);
}

void j_list_buildings(void *self, struct ask *a, struct answer *r)
{
    struct paged p;
    if (!paged_begin(&p, self, a, r, J_PAGE_MAX, (int64_t)j_nbuildings))
        return;
    paged_rows(&p);
    for (size_t k = 0; k < j_nbuildings; k++) {
        if (!paged_in(&p))
            continue;
        jw_object(&p.w);
        j_key_id(&p.w, "id", j_buildings[k].id);
        jw_key_str(&p.w, "name", j_buildings[k].name);
        jw_key_str(&p.w, "streetAddress1", j_buildings[k].street);
        jw_key_str(&p.w, "streetAddress2", NULL);
        jw_key_str(&p.w, "city", j_buildings[k].city);
        jw_key_str(&p.w, "stateProvince", NULL);
        jw_key_str(&p.w, "zipPostalCode", NULL);
        jw_key_str(&p.w, "country", j_buildings[k].country);
        jw_end(&p.w);
    }
    paged_end(&p);
}

static const struct j_place *path_place(struct jamf *j, struct ask *a, struct answer *r, const struct j_place *places,
                                        size_t n)
{
    int64_t id;
    for (size_t k = 0; slice_i64(a->params[0], &id) && k < n; k++)
        if (places[k].id == id)
            return &places[k];
    j_not_found(j, r, "Not found");
    return NULL;
}

static void write_place(struct answer *r, const struct j_place *p)
{
    if (!p)
        return;
    struct jw w = j_json(r, 200);
    jw_object(&w);
    j_key_id(&w, "id", p->id);
    jw_key_str(&w, "name", p->name);
    jw_end(&w);
}

void j_department(void *self, struct ask *a, struct answer *r)
{
    write_place(r, path_place(self, a, r, j_departments, j_ndepartments));
}

void j_building(void *self, struct ask *a, struct answer *r)
{
    write_place(r, path_place(self, a, r, j_buildings, j_nbuildings));
}

void j_list_sites(void *self, struct ask *a, struct answer *r)
{
    struct jw w = j_json(r, 200);
    jw_array(&w);
    for (size_t k = 0; k < j_nsites; k++) {
        jw_object(&w);
        j_key_id(&w, "id", j_sites[k].id);
        jw_key_str(&w, "name", j_sites[k].name);
        jw_key_str(&w, "divisionId", "-1");
        jw_end(&w);
    }
    jw_end(&w);
}

/* --- users --- */

static void write_user(struct jw *w, const struct j_user *u)
{
    jw_object(w);
    j_key_id(w, "id", u->id);
    jw_key_str(w, "username", u->username);
    jw_key_str(w, "realname", u->realname);
    jw_key_str(w, "email", u->email);
    jw_key_str(w, "phone", u->phone);
    jw_key_str(w, "position", u->position);
    jw_key_bool(w, "enableCustomPhotoUrl", false);
    jw_key_str(w, "customPhotoUrl", "");
    jw_key_str(w, "managedAppleId", "");
    jw_end(w);
}

void j_users(void *self, struct ask *a, struct answer *r)
{
    struct jamf *j = self;
    struct paged p;
    int64_t total = 0;
    for (size_t k = 0; k < j->nusers; k++)
        total += !j->users[k].deleted;
    if (!paged_begin(&p, j, a, r, J_USERS_PAGE_MAX, total))
        return;
    int64_t pages = (total + p.page.size - 1) / p.page.size;
    jw_key_i64(&p.w, "page", p.page.page);
    jw_key_i64(&p.w, "pageSize", p.page.size);
    jw_key_i64(&p.w, "totalPages", pages);
    jw_key_bool(&p.w, "hasNext", p.page.page + 1 < pages);
    jw_key_bool(&p.w, "hasPrevious", p.page.page > 0);
    paged_rows(&p);
    for (size_t k = 0; k < j->nusers; k++)
        if (!j->users[k].deleted && paged_in(&p))
            write_user(&p.w, &j->users[k]);
    paged_end(&p);
}

void j_user_one(void *self, struct ask *a, struct answer *r)
{
    struct jamf *j = self;
    int64_t id;
    const struct j_user *u = slice_i64(a->params[0], &id) ? j_user(j, id) : NULL;
    if (!u) {
        j_not_found(j, r, "User not found");
        return;
    }
    struct jw w = j_json(r, 200);
    write_user(&w, u);
}
