/* api/api_keys.c - /api/v1/api-keys: keys for programs; made, narrowed, rotated, revoked.
 * Always: nobody makes or changes a key that may more than they may themselves, and what is narrowed stays narrowed: a key that is
 *         made by a key without a list of scopes, addresses or an end gets its maker's. A key's text is in the answer that made it, and
 *         nowhere else. */
#include "api/api.h"
#include "base/cidr.h"
#include "base/utf8.h"
#include "store/api_key.h"

#include <stdio.h>

#define NAME_LENGTH_MAX 100 /* characters */

/* --- what is sent --- */

struct wanted {
    struct api_key_settings settings;
    struct str scopes, addresses;
    uint64_t scope_bits;
    enum access_role role;
};

static void wanted_release(struct wanted *w)
{
    str_release(&w->scopes);
    str_release(&w->addresses);
}

static void read_name(struct api_call *c, struct wanted *w, struct api_faults *f)
{
    struct slice name = slice_trim(json_get_text(c->body, "name"));
    if (name.n == 0 || utf8_length(name) > NAME_LENGTH_MAX)
        api_fault(f, "/name", "must be a text of 1 to %d characters that says what the key is for", NAME_LENGTH_MAX);
    w->settings.name = name;
}

static void read_role(struct api_call *c, struct wanted *w, struct api_faults *f)
{
    struct slice name = json_get_text(c->body, "role");
    w->role = access_role_read(name);
    if (w->role == ACCESS_PUBLIC)
        api_fault(f, "/role", "must be viewer, operator, admin or platform");
    w->settings.role = name;
}

static void read_expires(struct api_call *c, struct wanted *w, struct api_faults *f)
{
    const struct json *j = json_get(c->body, "expires_at");
    usec_t at = USEC_NONE;
    if (!j)
        return;
    if (j->type != JSON_NULL && (j->type != JSON_STRING || !clock_parse_iso(j->text, &at)))
        api_fault(f, "/expires_at", "must be a time such as 2027-01-31T10:00:00Z, or null for never");
    else if (at != USEC_NONE && at <= loop_wall(c->hub->loop))
        api_fault(f, "/expires_at", "has passed; DELETE revokes a key");
    w->settings.expires_at = at;
}

static void scopes_write(uint64_t bits, struct str *out)
{
    for (int i = SCOPE_SELF + 1; i < SCOPE_NSCOPES_; i++)
        if (bits >> i & 1)
            str_addf(out, "%s%s", out->n ? "," : "", access_scope_names[i]);
}

/* A list of names, or null for all. */
static void read_scopes(struct api_call *c, struct wanted *w, struct api_faults *f)
{
    const struct json *j = json_get(c->body, "scopes");
    if (!j)
        return;
    w->scope_bits = ACCESS_ALL_SCOPES;
    w->settings.scopes = SLICE_NONE;
    if (j->type == JSON_NULL)
        return;
    w->scope_bits = 0;
    unsigned i = 0;
    for (const struct json *k = j->type == JSON_ARRAY ? j->child : NULL; k; k = k->next, i++) {
        uint64_t bit = k->type == JSON_STRING ? access_scope_bit(k->text) : 0;
        char pointer[32];
        snprintf(pointer, sizeof(pointer), "/scopes/%u", i);
        if (!bit)
            api_fault(f, pointer, "is no scope; they are named like \"assets:read\"");
        w->scope_bits |= bit;
    }
    scopes_write(w->scope_bits, &w->scopes);
    if (j->type != JSON_ARRAY || !j->child)
        api_fault(f, "/scopes", "must be a list of scopes such as \"assets:read\", or null for all that the role may");
    else if (!w->scopes.n && !f->n)
        api_fault(f, "/scopes", "\"self\" alone opens nothing");
    w->settings.scopes = str_slice(&w->scopes);
}

/* A list of addresses and networks, or null (or none) for anywhere. */
static void read_addresses(struct api_call *c, struct wanted *w, struct api_faults *f)
{
    const struct json *j = json_get(c->body, "addresses");
    if (!j)
        return;
    w->settings.addresses = SLICE_NONE;
    if (j->type == JSON_NULL)
        return;
    unsigned i = 0;
    for (const struct json *k = j->type == JSON_ARRAY ? j->child : NULL; k; k = k->next, i++) {
        struct cidr net;
        struct err e = {0};
        char pointer[32], text[CIDR_TEXT_MAX];
        snprintf(pointer, sizeof(pointer), "/addresses/%u", i);
        if (k->type != JSON_STRING)
            api_fault(f, pointer, "must be a text such as \"192.0.2.0/24\"");
        else if (!cidr_parse(slice_trim(k->text), &net, &e))
            api_fault(f, pointer, "%s", e.what);
        else
            str_addf(&w->addresses, "%s%s", w->addresses.n ? "," : "", cidr_text(&net, text));
    }
    if (j->type != JSON_ARRAY || i > API_KEY_NETWORKS_MAX)
        api_fault(f, "/addresses", "must be a list of at most %d addresses and networks, or null for anywhere",
                  API_KEY_NETWORKS_MAX);
    if (w->addresses.n)
        w->settings.addresses = str_slice(&w->addresses);
}

/* --- who may --- */

/* What narrows the key that asks, beside its scopes; nothing when it is none. In c->args. */
struct maker {
    struct slice addresses; /* as in the settings */
    usec_t expires_at;
    void (*then)(struct api_call *c);
};

static void on_maker(void *arg, const struct api_key *key, const struct err *e)
{
    struct api_call *c = arg;
    struct maker *m = c->args;
    if (e) {
        api_problem_err(c, e);
        return;
    }
    m->expires_at = key->settings.expires_at;
    struct slice from = key->settings.addresses;
    m->addresses = from.n ? slice_of(arena_strndup(c->arena, from.p, from.n), from.n) : SLICE_NONE;
    m->then(c);
}

static void find_maker(struct api_call *c, void (*then)(struct api_call *c))
{
    struct maker *m = arena_alloc(c->arena, sizeof(*m));
    *m = (struct maker){.expires_at = USEC_NONE, .then = then};
    c->args = m;
    if (c->who.kind == ACCESS_BY_KEY)
        api_key_get(c->hub->db, c->who.home_id, c->who.key_id, on_maker, c);
    else
        then(c);
}

/* Texts as in the settings. */
static bool covers(struct slice outer, struct slice inner)
{
    struct cidr_list out = {0}, in = {0};
    bool all = !outer.n || (inner.n && cidr_list_parse(outer, API_KEY_NETWORKS_MAX, &out, NULL) &&
                            cidr_list_parse(inner, API_KEY_NETWORKS_MAX, &in, NULL) && cidr_list_covers(&out, &in));
    cidr_list_release(&out);
    cidr_list_release(&in);
    return all;
}

/* False when it has replied: such a key may be used for longer, or from elsewhere, than the one that asks. */
static bool within_bounds(struct api_call *c, const struct api_key_settings *s)
{
    const struct maker *m = c->args;
    if (m->expires_at != USEC_NONE && (s->expires_at == USEC_NONE || s->expires_at > m->expires_at))
        api_problem(c, 403, "forbidden", "%s ends before the key would.", c->who.label);
    else if (!covers(m->addresses, s->addresses))
        api_problem(c, 403, "forbidden", "The key could be used from where %s may not.", c->who.label);
    else
        return true;
    return false;
}

/* False when it has replied: such a key may more than whoever asks. */
static bool within_reach(struct api_call *c, enum access_role role, uint64_t scopes)
{
    const struct access_identity *who = &c->who;
    if (role > who->role)
        api_problem(c, 403, "forbidden", "%s has the role %s; a key of the role %s is above it.", who->label,
                    access_role_names[who->role], access_role_names[role]);
    else if (role == ACCESS_PLATFORM && who->tenant_id != who->home_id)
        api_problem(c, 403, "forbidden",
                    "Keys of the role platform are made and changed in the platform's own tenant.");
    else if (scopes & ~(who->scopes | UINT64_C(1) << SCOPE_SELF))
        api_problem(c, 403, "insufficient_scope", "The key has scopes that %s was not given.", who->label);
    else
        return true;
    return false;
}

static bool key_within_reach(struct api_call *c, const struct api_key *key)
{
    enum access_role role = access_role_read(key->settings.role);
    return within_reach(c, role == ACCESS_PUBLIC ? ACCESS_PLATFORM : role, access_scopes_read(key->settings.scopes));
}

/* --- answers --- */

/* The key as a list shows it; with its text, when one was made. */
static void reply_key(struct api_call *c, int status, const struct api_key_made *made)
{
    if (!made->text.p) {
        api_reply_tagged(c, status, made->version, made->json);
        return;
    }
    _cleanup_(str_release) struct str out = {0};
    str_reserve(&out, made->text.n + made->json.n + 16);
    str_addf(&out, "{\"key\":\"%.*s\",", SLICE_FMT(made->text));
    str_add(&out, slice_of(made->json.p + 1, made->json.n - 1)); /* its members, and the brace */
    api_location(c, "/api/v1/api-keys", made->id);
    api_reply_secret(c, status, str_slice(&out));
    crypto_wipe(out.p, out.cap);
}

/* --- operations --- */

void op_api_keys_list(struct api_call *c)
{
    struct api_faults faults = {0};
    struct api_page page;
    api_known_args(c, (const char *const[]){NULL}, &faults);
    api_page_read(c, &page, &faults);
    if (!api_faults_none(c, &faults))
        return;
    struct page_request request = api_page_request(c, &page);
    api_key_list(c->hub->db, &request, api_reply_page, c);
}

static void on_shown(void *arg, const struct api_key *key, const struct err *e)
{
    struct api_call *c = arg;
    if (e)
        api_problem_err(c, e);
    else
        api_reply_tagged(c, 200, key->version, key->json);
}

void op_api_keys_get(struct api_call *c)
{
    int64_t id;
    if (api_id(c, "id", &id))
        api_key_get(c->hub->db, c->who.tenant_id, id, on_shown, c);
}

static void on_created(void *arg, const struct api_key_made *made, const struct err *e)
{
    struct api_call *c = arg;
    if (e)
        api_problem_err(c, e);
    else
        reply_key(c, 201, made);
}

static void create(struct api_call *c)
{
    const struct maker *m = c->args;
    struct api_faults faults = {0};
    _cleanup_(wanted_release) struct wanted w = {
        .settings.expires_at = m->expires_at, .settings.addresses = m->addresses, .scope_bits = c->who.scopes};
    if (c->who.scopes != ACCESS_ALL_SCOPES) {
        scopes_write(c->who.scopes, &w.scopes);
        w.settings.scopes = str_slice(&w.scopes);
    }
    if (json_get(c->body, "scopes"))
        str_clear(&w.scopes);
    api_known_members(c, (const char *const[]){"name", "role", "scopes", "addresses", "expires_at", NULL}, &faults);
    read_name(c, &w, &faults);
    read_role(c, &w, &faults);
    read_scopes(c, &w, &faults);
    read_addresses(c, &w, &faults);
    read_expires(c, &w, &faults);
    if (!api_faults_none(c, &faults) || !within_reach(c, w.role, w.scope_bits) || !within_bounds(c, &w.settings))
        return;
    struct audit_actor by = api_actor(c);
    api_key_create(c->hub->db, &by, c->who.tenant_id, &w.settings, on_created, c);
}

void op_api_keys_create(struct api_call *c)
{
    find_maker(c, create);
}

/* What is changed is read before, since it decides who may. */
struct change {
    struct api_call *call;
    int64_t id;
    usec_t overlap;
    struct slice prefix; /* once it was read */
};

static struct change *change_new(struct api_call *c)
{
    int64_t id;
    if (!api_id(c, "id", &id))
        return NULL;
    struct change *ch = arena_alloc(c->arena, sizeof(*ch));
    *ch = (struct change){.call = c, .id = id};
    return ch;
}

/* False when it has replied. */
static bool change_may(struct change *ch, const struct api_key *key, const struct err *e)
{
    struct api_call *c = ch->call;
    if (key)
        ch->prefix = slice_of(arena_strndup(c->arena, key->prefix.p, key->prefix.n), key->prefix.n);
    if (e)
        api_problem_err(c, e);
    else if (key_within_reach(c, key))
        return true;
    return false;
}

static void on_updated(void *arg, const struct api_key_made *made, const struct err *e)
{
    struct change *ch = arg;
    struct api_call *c = ch->call;
    access_forget(c->hub->access, ch->prefix);
    if (e && e->code == ERR_CONFLICT)
        api_problem_changed(c);
    else if (e)
        api_problem_err(c, e);
    else
        reply_key(c, 200, made);
}

static void on_to_update(void *arg, const struct api_key *key, const struct err *e)
{
    struct change *ch = arg;
    struct api_call *c = ch->call;
    if (!change_may(ch, key, e) || !within_bounds(c, &key->settings))
        return;
    if (c->if_match && c->if_match != key->version) {
        api_problem_changed(c);
        return;
    }
    if (key->revoked) {
        api_problem(c, 409, "revoked", "The key was revoked; make another one.");
        return;
    }
    struct api_faults faults = {0};
    _cleanup_(wanted_release) struct wanted w = {.settings = key->settings,
                                                 .scope_bits = access_scopes_read(key->settings.scopes)};
    api_known_members(c, (const char *const[]){"name", "scopes", "addresses", "expires_at", NULL}, &faults);
    if (json_get(c->body, "name"))
        read_name(c, &w, &faults);
    read_scopes(c, &w, &faults);
    read_addresses(c, &w, &faults);
    read_expires(c, &w, &faults);
    if (!api_faults_none(c, &faults) || !within_reach(c, ACCESS_PUBLIC, w.scope_bits) || !within_bounds(c, &w.settings))
        return;
    struct audit_actor by = api_actor(c);
    api_key_update(c->hub->db, &by, c->who.tenant_id, ch->id, key->version, &w.settings, on_updated, ch);
}

static void update(struct api_call *c)
{
    struct change *ch = change_new(c);
    if (ch)
        api_key_get(c->hub->db, c->who.tenant_id, ch->id, on_to_update, ch);
}

void op_api_keys_update(struct api_call *c)
{
    find_maker(c, update);
}

static void on_rotated(void *arg, const struct api_key_made *made, const struct err *e)
{
    struct change *ch = arg;
    struct api_call *c = ch->call;
    access_forget(c->hub->access, ch->prefix);
    if (e)
        api_problem_err(c, e);
    else
        reply_key(c, 200, made);
}

static void on_to_rotate(void *arg, const struct api_key *key, const struct err *e)
{
    struct change *ch = arg;
    struct api_call *c = ch->call;
    if (!change_may(ch, key, e) || !within_bounds(c, &key->settings))
        return;
    if (key->revoked || key->expired) {
        api_problem(c, 409, key->revoked ? "revoked" : "expired", "The key is no longer valid; make another one.");
        return;
    }
    struct audit_actor by = api_actor(c);
    api_key_rotate(c->hub->db, &by, c->who.tenant_id, ch->id, key->version, key->prefix, ch->overlap, on_rotated, ch);
}

static void rotate(struct api_call *c)
{
    struct change *ch = change_new(c);
    if (!ch)
        return;
    struct api_faults faults = {0};
    int64_t seconds = c->hub->options->api_key_overlap / USEC_PER_S;
    api_known_members(c, (const char *const[]){"overlap", NULL}, &faults);
    if (json_get(c->body, "overlap") &&
        (!json_get_i64(c->body, "overlap", &seconds) || seconds < 0 || seconds > API_KEY_OVERLAP_MAX_S))
        api_fault(&faults, "/overlap", "must be 0 to %d seconds", API_KEY_OVERLAP_MAX_S);
    if (!api_faults_none(c, &faults))
        return;
    ch->overlap = SECONDS(seconds);
    api_key_get(c->hub->db, c->who.tenant_id, ch->id, on_to_rotate, ch);
}

void op_api_keys_rotate(struct api_call *c)
{
    find_maker(c, rotate);
}

static void on_revoked(void *arg, const struct err *e)
{
    struct change *ch = arg;
    struct api_call *c = ch->call;
    access_forget(c->hub->access, ch->prefix);
    if (e)
        api_problem_err(c, e);
    else
        api_reply_none(c);
}

static void on_to_revoke(void *arg, const struct api_key *key, const struct err *e)
{
    struct change *ch = arg;
    struct api_call *c = ch->call;
    if (!change_may(ch, key, e))
        return;
    struct audit_actor by = api_actor(c);
    api_key_revoke(c->hub->db, &by, c->who.tenant_id, ch->id, on_revoked, ch);
}

void op_api_keys_revoke(struct api_call *c)
{
    struct change *ch = change_new(c);
    if (ch)
        api_key_get(c->hub->db, c->who.tenant_id, ch->id, on_to_revoke, ch);
}
