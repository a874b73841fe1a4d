/* api/identity_provider_fields.c - see identity_provider_fields.h.
 * How:    each member comes from the body, else from what is stored, else from its default; then it is checked by itself, and last what
 *         several of them mean together. */
#include "api/identity_provider_fields.h"

#include "base/utf8.h"
#include "hub/issuer.h"

#include <stdio.h>

#define TEXT_MAX  256
#define MAX_LIST  20
#define MAX_ROLES 100

static const char *const members[] = {"name",          "display_name", "issuer",     "client_id", "client_secret",
                                      "scopes",        "audiences",    "role_claim", "role_map",  "default_role",
                                      "email_domains", "sign_in",      "bearer",     "enabled",   NULL};

struct reading {
    struct api_call *c;
    const struct json *stored;
    struct api_faults *f;
};

static const struct json *pick(const struct reading *r, const char *name)
{
    const struct json *given = json_get(r->c->body, name);
    return given || !r->stored ? given : json_get(r->stored, name);
}

static void fault(const struct reading *r, const char *name, const char *detail)
{
    char pointer[80];
    snprintf(pointer, sizeof pointer, "/%s", name);
    api_fault(r->f, pointer, "%s", detail);
}

static bool printable(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7F)
            return false;
    return true;
}

/* 1 to TEXT_MAX bytes, no control characters; absent, null and "" are `fallback`. */
static struct slice read_text(const struct reading *r, const char *name, struct slice fallback)
{
    const struct json *j = pick(r, name);
    if (!j || j->type == JSON_NULL || (j->type == JSON_STRING && !j->text.n))
        return fallback;
    if (j->type == JSON_STRING && j->text.n <= TEXT_MAX && printable(j->text))
        return j->text;
    fault(r, name, "must be a text of at most 256 bytes without control characters");
    return fallback;
}

static bool read_bool(const struct reading *r, const char *name, bool fallback)
{
    const struct json *j = pick(r, name);
    if (!j)
        return fallback;
    if (j->type == JSON_BOOL)
        return j->boolean;
    fault(r, name, "must be true or false");
    return fallback;
}

/* `good` checks one; `wanted` says what it wants. */
static void read_list(const struct reading *r, const char *name, bool (*good)(struct slice), const char *wanted,
                      struct pg_array *ret)
{
    const struct json *j = pick(r, name);
    if (!j || j->type == JSON_NULL)
        return;
    bool fits = j->type == JSON_ARRAY;
    for (const struct json *one = fits ? j->child : NULL; one && fits; one = one->next) {
        fits =
            one->type == JSON_STRING && one->text.n && one->text.n <= TEXT_MAX && good(one->text) && ret->n < MAX_LIST;
        if (fits)
            pg_array_text(ret, one->text);
    }
    if (!fits)
        fault(r, name, wanted);
}

/* RFC 6749: no blanks, quotes or backslashes. */
static bool scope_good(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < 0x21 || s.p[i] > 0x7E || s.p[i] == '"' || s.p[i] == '\\')
            return false;
    return true;
}

static bool domain_good(struct slice s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.'))
            return false;
    }
    return s.p[0] != '.' && s.p[s.n - 1] != '.' && memchr(s.p, '.', s.n);
}

static bool mappable(struct slice role)
{
    return slice_is(role, "viewer") || slice_is(role, "operator") || slice_is(role, "admin");
}

static void read_role_map(const struct reading *r, struct str *ret)
{
    const struct json *j = pick(r, "role_map");
    size_t n = 0;
    if (!j || j->type == JSON_NULL) {
        str_adds(ret, "{}");
        return;
    }
    if (j->type != JSON_OBJECT)
        fault(r, "role_map", "must be an object from values of the role claim to viewer, operator or admin");
    for (const struct json *one = j->child; j->type == JSON_OBJECT && one; one = one->next) {
        if (one->type != JSON_STRING || !mappable(one->text)) {
            fault(r, "role_map", "a value can be mapped to viewer, operator or admin, and to nothing above");
            break;
        }
        if (!one->key.n || one->key.n > TEXT_MAX || ++n > MAX_ROLES) {
            fault(r, "role_map", "at most 100 values of 1 to 256 bytes");
            break;
        }
    }
    json_write(j, ret);
}

static void read_issuer(const struct reading *r, struct slice *ret)
{
    struct err e = {0};
    *ret = read_text(r, "issuer", SLICE(""));
    if (!issuer_url_allowed(*ret, r->c->hub->egress, &e))
        fault(r, "issuer", e.what);
}

static void read_name(const struct reading *r, struct slice *ret)
{
    struct slice was = r->stored ? json_get_text(r->stored, "name") : SLICE_NONE;
    *ret = read_text(r, "name", SLICE(""));
    bool good = ret->n && ret->n <= 63 && *ret->p != '-';
    for (size_t i = 0; i < ret->n; i++)
        good = good &&
               ((ret->p[i] >= 'a' && ret->p[i] <= 'z') || (ret->p[i] >= '0' && ret->p[i] <= '9') || ret->p[i] == '-');
    if (!good)
        fault(r, "name", "must be 1 to 63 of a-z, 0-9 and '-', and begin with no '-'");
    else if (was.p && !slice_eq(was, *ret))
        fault(r, "name", "cannot be changed: it is part of the sign-in's address");
}

/* Absent or masked: the stored one stays. null: none, a public client. */
static void read_secret(const struct reading *r, struct slice sealed, struct identity_provider_fields *v)
{
    const struct json *j = json_get(r->c->body, "client_secret");
    if (!j || (j->type == JSON_STRING && secret_is_mask(j->text) && sealed.p))
        v->edit.sealed_secret = sealed;
    else if (j->type == JSON_STRING && secret_is_mask(j->text))
        fault(r, "client_secret", "is a mask, and no secret is stored that it could stand for");
    else if (j->type == JSON_STRING && j->text.n <= 1024 && printable(j->text))
        v->secret = j->text.n ? j->text : SLICE_NONE;
    else if (j->type != JSON_NULL)
        fault(r, "client_secret", "must be a text of at most 1024 bytes, or null for a public client");
    if (v->secret.p && !r->c->hub->keyring)
        fault(r, "client_secret", "cannot be stored: no sealing key is configured (key_file)");
}

static bool lists_openid(const struct pg_array *scopes, const struct json *j)
{
    for (const struct json *one = j && j->type == JSON_ARRAY ? j->child : NULL; one; one = one->next)
        if (one->type == JSON_STRING && slice_is(one->text, "openid"))
            return true;
    return scopes->n == 0;
}

static void read_scopes(const struct reading *r, struct pg_array *ret)
{
    read_list(r, "scopes", scope_good, "must be a list of at most 20 scopes", ret);
    if (!lists_openid(ret, pick(r, "scopes")))
        fault(r, "scopes", "must contain openid: without it there is no ID token");
    if (ret->n == 0) {
        pg_array_text(ret, SLICE("openid"));
        pg_array_text(ret, SLICE("profile"));
        pg_array_text(ret, SLICE("email"));
    }
}

static void check_together(const struct reading *r, const struct identity_provider_fields *v)
{
    const struct identity_provider_edit *e = &v->edit;
    /* Else whoever may edit, but not read it, could have it sent to an issuer of their own. */
    if (r->stored && e->sealed_secret.p && !slice_eq(e->issuer, json_get_text(r->stored, "issuer")))
        fault(r, "client_secret", "must be given again (or null), since the issuer is another one");
    if (e->sign_in && !e->client_id.n)
        fault(r, "client_id", "is needed for sign_in");
    if (e->bearer && !v->audiences.n)
        fault(r, "audiences", "bearer needs at least one: it tells whose a token is");
    if (!e->default_role.p && slice_is(str_slice(&v->role_map), "{}"))
        fault(r, "role_map", "is empty and there is no default_role: nobody could get in");
}

void identity_provider_fields_read(struct api_call *c, const struct json *stored, struct slice sealed_secret,
                                   struct identity_provider_fields *v, struct api_faults *f)
{
    const struct reading r = {c, stored, f};
    *v = (struct identity_provider_fields){0};
    pg_array_init(&v->scopes, PG_TEXT);
    pg_array_init(&v->audiences, PG_TEXT);
    pg_array_init(&v->email_domains, PG_TEXT);
    struct identity_provider_edit *e = &v->edit;
    api_known_members(c, members, f);
    read_name(&r, &e->name);
    e->display_name = read_text(&r, "display_name", e->name);
    read_issuer(&r, &e->issuer);
    e->client_id = read_text(&r, "client_id", SLICE_NONE);
    read_secret(&r, sealed_secret, v);
    read_scopes(&r, &v->scopes);
    read_list(&r, "audiences", printable, "must be a list of at most 20 texts of 1 to 256 bytes", &v->audiences);
    e->role_claim = read_text(&r, "role_claim", SLICE("roles"));
    read_role_map(&r, &v->role_map);
    e->default_role = read_text(&r, "default_role", SLICE_NONE);
    if (e->default_role.p && !mappable(e->default_role))
        fault(&r, "default_role", "must be viewer, operator, admin, or null for none");
    read_list(&r, "email_domains", domain_good, "must be a list of at most 20 domains in lower case",
              &v->email_domains);
    e->sign_in = read_bool(&r, "sign_in", false);
    e->bearer = read_bool(&r, "bearer", false);
    e->enabled = read_bool(&r, "enabled", true);
    check_together(&r, v);
    e->scopes = &v->scopes;
    e->audiences = &v->audiences;
    e->email_domains = &v->email_domains;
    e->role_map = str_slice(&v->role_map);
}

void identity_provider_fields_release(struct identity_provider_fields *v)
{
    pg_array_release(&v->scopes);
    pg_array_release(&v->audiences);
    pg_array_release(&v->email_domains);
    str_release(&v->role_map);
}
