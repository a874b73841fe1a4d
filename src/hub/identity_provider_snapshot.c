/* hub/identity_provider_snapshot.c - a row of the database → an immutable snapshot; and what its mapping makes of claims. */
#include "hub/identity_provider.h"

#include "base/mem.h"
#include "hub/integration.h"
#include "store/identity_provider.h"

#include <stdlib.h>

static struct slice keep(struct arena *a, struct slice s)
{
    return s.p ? slice_of(arena_strndup(a, s.p, s.n), s.n) : SLICE_NONE;
}

/* Of a JSON array of texts. */
static const struct slice *read_texts(struct arena *a, struct slice json, size_t *ret_n)
{
    struct json *list = NULL;
    size_t n = 0;
    if (!json_parse(a, json, &list, NULL) || list->type != JSON_ARRAY)
        return NULL;
    for (const struct json *j = list->child; j; j = j->next)
        n++;
    struct slice *v = arena_alloc(a, MAX(n, 1) * sizeof *v);
    *ret_n = n;
    n = 0;
    for (const struct json *j = list->child; j; j = j->next)
        v[n++] = j->type == JSON_STRING ? j->text : SLICE("");
    return v;
}

/* Of those that can be mapped to. */
static enum access_role role_of(struct slice name)
{
    enum access_role role = access_role_read(name);
    return role <= ACCESS_ADMIN ? role : ACCESS_PUBLIC;
}

struct identity_provider *identity_provider_from_row(const struct hub *h, const struct identity_provider_row *row)
{
    struct arena *a = arena_new();
    struct identity_provider *p = NEW(struct identity_provider);
    struct json *map = NULL;
    *p = (struct identity_provider){
        .tenant_id = row->tenant_id,
        .id = row->id,
        .tenant_slug = keep(a, row->tenant_slug),
        .name = keep(a, row->name),
        .display_name = keep(a, row->display_name),
        .issuer = keep(a, row->issuer),
        .client_id = keep(a, row->client_id),
        .role_claim = keep(a, row->role_claim),
        .default_role = role_of(row->default_role),
        .sign_in = row->sign_in,
        .bearer = row->bearer,
        .arena = a,
        .refs = 1,
    };
    p->scopes = read_texts(a, row->scopes, &p->nscopes);
    p->audiences = read_texts(a, row->audiences, &p->naudiences);
    p->email_domains = read_texts(a, row->email_domains, &p->nemail_domains);
    if (json_parse(a, row->role_map, &map, NULL))
        p->role_map = map;
    if (row->sealed_secret.p) {
        char buf[INTEGRATION_CONTEXT_MAX];
        struct slice context = integration_context(buf, p->tenant_id, p->id, IDENTITY_PROVIDER_SECRET);
        p->secret_unusable = !unseal(h->keyring, row->sealed_secret, context, &p->client_secret, NULL);
    }
    return p;
}

struct identity_provider *identity_provider_ref(struct identity_provider *p)
{
    p->refs++;
    return p;
}

void identity_provider_unref(struct identity_provider *p)
{
    if (!p || --p->refs)
        return;
    secret_free(p->client_secret);
    arena_free(p->arena);
    free(p);
}

/* --- claims --- */

static const struct json *member(const struct json *object, struct slice name)
{
    for (const struct json *j = object->type == JSON_OBJECT ? object->child : NULL; j; j = j->next)
        if (slice_eq(j->key, name))
            return j;
    return NULL;
}

/* One step of a pointer: "~1" is '/', "~0" is '~'. */
static const struct json *pointer_step(const struct json *at, struct slice token)
{
    char name[256];
    size_t n = 0;
    for (size_t i = 0; i < token.n && n < sizeof name; i++) {
        char c = token.p[i];
        if (c == '~' && i + 1 < token.n && (token.p[i + 1] == '0' || token.p[i + 1] == '1'))
            c = token.p[++i] == '0' ? '~' : '/';
        name[n++] = c;
    }
    return member(at, slice_of(name, n));
}

const struct json *identity_claim(const struct json *claims, struct slice name)
{
    if (!slice_starts(name, SLICE("/")))
        return member(claims, name);
    struct slice rest = slice_of(name.p + 1, name.n - 1);
    const struct json *at = claims;
    bool more = true;
    while (at && more) {
        more = rest.n && memchr(rest.p, '/', rest.n) != NULL;
        at = pointer_step(at, slice_cut(&rest, '/'));
    }
    return at;
}

static enum access_role mapped(const struct identity_provider *p, const struct json *value)
{
    const struct json *role = value->type == JSON_STRING && p->role_map ? member(p->role_map, value->text) : NULL;
    return role && role->type == JSON_STRING ? role_of(role->text) : ACCESS_PUBLIC;
}

enum access_role identity_provider_role(const struct identity_provider *p, const struct json *claims)
{
    const struct json *claim = identity_claim(claims, p->role_claim);
    enum access_role best = ACCESS_PUBLIC;
    if (claim && claim->type == JSON_ARRAY)
        for (const struct json *one = claim->child; one; one = one->next)
            best = MAX(best, mapped(p, one));
    else if (claim)
        best = mapped(p, claim);
    return best == ACCESS_PUBLIC ? p->default_role : best;
}

bool identity_provider_takes_email(const struct identity_provider *p, struct slice email)
{
    const char *at = email.n ? memrchr(email.p, '@', email.n) : NULL;
    if (!at)
        return false;
    struct slice domain = slice_of(at + 1, email.n - (size_t)(at + 1 - email.p));
    for (size_t i = 0; i < p->nemail_domains; i++)
        if (slice_ieq(domain, p->email_domains[i]))
            return true;
    return p->nemail_domains == 0;
}
