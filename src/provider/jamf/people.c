/* people.c - Jamf Pro's users. Servers before 11.26 have them in the Classic API only, where each takes a call of its own: there their list
 * is read, and what there is to know of them is taken from their computers. */
#include "base/json_read.h"
#include "base/json_write.h"
#include "provider/jamf/sync.h"

/* --- users --- */

/* With sites nobody says whose a user is. */
static struct slice organization_of_users(const struct jamf_sync *x)
{
    return x->nsites ? SLICE_NONE : SLICE(JAMF_NO_SITE);
}

static void ask_users(struct task *t, struct str *path, struct str *body)
{
    str_adds(path, "/api/v1/users?");
    jamf_pages_ask(&jamf_sync_of(t->machine)->users, "id:asc", path);
}

static void user_row(struct task *t, const void *row, const char *fault)
{
    struct jamf_sync *x = jamf_sync_of(t->machine);
    const struct jamf_user *u = row;

    if (jamf_pages_take(&x->users, u->id, fault))
        jamf_emit_user(u, organization_of_users(x), x->base_url.p, x->m.sink);
}

static enum task_verdict users_page(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    struct jamf_pages *p = jamf_pages_of(t);
    enum task_verdict v = jamf_pages_page(p, head);

    if (p->proven)
        t->machine->sink->complete(t->machine->sink->arg, RECORD_PERSON, p->rows);
    return v;
}

static enum task_verdict users_failed(struct task *t, const struct machine_reply *r, struct err *e)
{
    struct jamf_sync *x = jamf_sync_of(t->machine);

    if (r->status == 404 && !r->err) {
        x->collects = true;
        task_switch(&x->classic, TASK_READY);
        jamf_sync_need_computers(x);
        return TASK_DONE;
    }
    if (jamf_is_fatal(t, r, e))
        return TASK_FATAL;
    jamf_incomplete(t, RECORD_PERSON, e->what);
    return TASK_DONE;
}

static void fold(struct slice s, struct str *out)
{
    str_clear(out);
    s = slice_trim(s);
    for (size_t i = 0; i < s.n; i++)
        str_addc(out, (char)(s.p[i] >= 'A' && s.p[i] <= 'Z' ? s.p[i] | 0x20 : s.p[i]));
}

void jamf_sync_contact(struct jamf_sync *x, const struct jamf_computer *c)
{
    _cleanup_(str_release) struct str json = {0};
    struct jw w;

    if (!x->collects || !c->username.n || c->username.n >= JAMF_ID_MAX)
        return;
    fold(c->username, &x->key);
    jw_init(&w, &json);
    jw_object(&w);
    jw_key_slice(&w, "realname", c->realname);
    jw_key_slice(&w, "email", c->email);
    jw_key_slice(&w, "phone", c->phone);
    jw_key_slice(&w, "position", c->position);
    jw_end(&w);
    jamf_names_add(&x->contacts, str_slice(&x->key), str_slice(&json));
}

static void ask_classic(struct task *t, struct str *path, struct str *body)
{
    jamf_sync_of(t->machine)->classic_nameless = false;
    str_adds(path, "/JSSResource/users");
}

static void classic_row(struct task *t, const void *row, const char *fault)
{
    struct jamf_sync *x = jamf_sync_of(t->machine);
    struct jamf_user u = *(const struct jamf_user *)row;
    _cleanup_(arena_freep) struct arena *a = arena_new();
    struct json *contact = NULL;

    if (fault || !u.id.n) {
        x->classic_nameless |= !u.id.n;
        jamf_reject(t, RECORD_PERSON, u.id, fault ? fault : "id is empty");
        return;
    }
    fold(u.username, &x->key);
    struct slice json = jamf_names_find(&x->contacts, str_slice(&x->key));
    if (json.n && json_parse(a, json, &contact, NULL)) {
        u.realname = json_get_text(contact, "realname");
        u.email = json_get_text(contact, "email");
        u.phone = json_get_text(contact, "phone");
        u.position = json_get_text(contact, "position");
    }
    jamf_emit_user(&u, organization_of_users(x), x->base_url.p, x->m.sink);
}

static enum task_verdict classic_page(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    if (jamf_sync_of(t->machine)->classic_nameless)
        jamf_incomplete(t, RECORD_PERSON, "Jamf Pro, users: a row without an id, so nothing is taken as missing");
    else
        t->machine->sink->complete(t->machine->sink->arg, RECORD_PERSON, t->page_rows);
    return TASK_DONE;
}

static enum task_verdict classic_failed(struct task *t, const struct machine_reply *r, struct err *e)
{
    if (jamf_is_fatal(t, r, e))
        return TASK_FATAL;
    jamf_incomplete(t, RECORD_PERSON, e->what);
    return TASK_DONE;
}

static const struct map_doc users_doc = {.rows = "results[]", .row = &jamf_user_map, .head = &jamf_pages_head_map};
const struct task_kind jamf_users_kind = {.what = "users",
                                          .list = true,
                                          .doc = &users_doc,
                                          .ask = ask_users,
                                          .row = user_row,
                                          .page = users_page,
                                          .failed = users_failed,
                                          .again = jamf_sync_again};
static const struct map_doc classic_doc = {.rows = "users[]", .row = &jamf_classic_user_map};
const struct task_kind jamf_classic_kind = {.what = "classic-users",
                                            .list = true,
                                            .doc = &classic_doc,
                                            .ask = ask_classic,
                                            .row = classic_row,
                                            .page = classic_page,
                                            .failed = classic_failed};
