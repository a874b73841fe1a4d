/* api/args.c - path and query arguments, checked; and the cursors of pages.
 * A cursor is base64url of {"f": hash of the filter, "k": last key, "i": last id}: opaque to clients, refused with
 * another filter. */
#include "api/api.h"
#include "base/crypto.h"
#include "base/utf8.h"

#include <stdio.h>

#define CURSOR_MAX 4096
#define NAME_TOLD  80 /* bytes of a stranger's name that an answer repeats */

bool api_id(struct api_call *c, const char *param, int64_t *ret)
{
    int64_t id = 0;
    if (slice_i64(http_request_param(c->req, param), &id) && id > 0) {
        *ret = id;
        return true;
    }
    api_problem(c, 404, "not_found", "\"%.*s\" names nothing here: ids are positive numbers.",
                SLICE_FMT(http_request_param(c->req, param)));
    return false;
}

struct slice api_arg(struct api_call *c, const char *name)
{
    struct slice value;
    return http_request_arg(c->req, name, &value) && value.n ? value : SLICE_NONE;
}

static bool name_listed(struct slice name, const char *const *names)
{
    for (; *names; names++)
        if (slice_is(name, *names))
            return true;
    return false;
}

static bool arg_known(struct slice name, const char *const *names)
{
    return slice_is(name, "limit") || slice_is(name, "after") || name_listed(name, names);
}

/* The second of its name: which of two values counts should not depend on who reads them. */
static bool arg_repeated(struct api_call *c, size_t i, struct slice name)
{
    struct slice other, value;
    size_t before = 0;
    while (i-- && before < 2) /* from the end, so that a thousand of them cost no more than two */
        before += http_request_arg_at(c->req, i, &other, &value) && slice_eq(other, name);
    return before == 1;
}

void api_known_args(struct api_call *c, const char *const *names, struct api_faults *f)
{
    for (size_t i = 0; i < http_request_nargs(c->req); i++) {
        struct slice name, value;
        if (!http_request_arg_at(c->req, i, &name, &value))
            continue;
        if (arg_known(name, names)) {
            char pointer[80];
            snprintf(pointer, sizeof(pointer), "?%.*s", SLICE_FMT(name));
            if (arg_repeated(c, i, name))
                api_fault(f, pointer, "is given more than once");
            continue;
        }
        _cleanup_(str_release) struct str known = {0};
        for (const char *const *n = names; *n; n++)
            str_addf(&known, "%s, ", *n);
        api_fault(f, "", "there is no query argument \"%.*s\"; known are %slimit, after", SLICE_FMT(name),
                  known.p ? known.p : "");
    }
}

static void arg_fault(struct api_faults *f, const char *name, const char *wanted, struct slice got)
{
    char pointer[80];
    snprintf(pointer, sizeof(pointer), "?%s", name);
    api_fault(f, pointer, "must be %s, got \"%.*s\"", wanted, (int)MIN(got.n, 80), got.p);
}

void api_arg_id(struct api_call *c, const char *name, int64_t *ret, struct api_faults *f)
{
    struct slice value = api_arg(c, name);
    int64_t id = 0;
    if (value.p && slice_i64(value, &id) && id > 0)
        *ret = id;
    else if (value.p)
        arg_fault(f, name, "an id, a whole number from 1 up", value);
}

void api_arg_time(struct api_call *c, const char *name, usec_t *ret, struct api_faults *f)
{
    struct slice value = api_arg(c, name);
    if (value.p && !clock_parse_iso(value, ret))
        arg_fault(f, name, "a time such as 2026-01-31T10:00:00Z", value);
}

void api_arg_tri(struct api_call *c, const char *name, enum tri *ret, struct api_faults *f)
{
    struct slice value = api_arg(c, name);
    if (!value.p)
        return;
    if (slice_is(value, "true"))
        *ret = TRI_YES;
    else if (slice_is(value, "false"))
        *ret = TRI_NO;
    else
        arg_fault(f, name, "true or false", value);
}

void api_arg_enum(struct api_call *c, const char *name, const char *const *names, int *ret, struct api_faults *f)
{
    struct slice value = api_arg(c, name);
    if (!value.p)
        return;
    _cleanup_(str_release) struct str known = {0};
    str_adds(&known, "one of ");
    for (int i = 0; names[i]; i++) {
        if (slice_is(value, names[i])) {
            *ret = i;
            return;
        }
        str_addf(&known, "%s%s", i ? ", " : "", names[i]);
    }
    arg_fault(f, name, known.p, value);
}

struct slice api_arg_word(struct api_call *c, const char *name, const char *const *names, struct api_faults *f)
{
    int i = -1;
    api_arg_enum(c, name, names, &i, f);
    return i < 0 ? SLICE_NONE : slice_cstr(names[i]);
}

/* As RFC 6901 writes a member's name. */
static void add_pointer(struct str *out, struct slice name)
{
    str_addc(out, '/');
    for (size_t i = 0; i < name.n; i++) {
        if (name.p[i] == '~')
            str_adds(out, "~0");
        else if (name.p[i] == '/')
            str_adds(out, "~1");
        else
            str_addc(out, name.p[i]);
    }
}

void api_known_members(struct api_call *c, const char *const *names, struct api_faults *f)
{
    for (const struct json *j = c->body->child; j && f->n <= API_FAULTS_MAX; j = j->next) {
        if (name_listed(j->key, names))
            continue;
        _cleanup_(str_release) struct str pointer = {0}, known = {0};
        add_pointer(&pointer, utf8_cut(j->key, NAME_TOLD));
        for (const char *const *n = names; *n; n++)
            str_addf(&known, "%s%s", known.n ? ", " : "", *n);
        api_fault(f, pointer.p, "is not known here; known are %s", known.n ? known.p : "none");
    }
}

bool api_member_bool(struct api_call *c, const char *name, bool fallback, struct api_faults *f)
{
    const struct json *j = json_get(c->body, name);
    if (!j)
        return fallback;
    if (j->type == JSON_BOOL)
        return j->boolean;
    char pointer[80];
    snprintf(pointer, sizeof(pointer), "/%s", name);
    api_fault(f, pointer, "must be true or false");
    return fallback;
}

/* All arguments but the page's own: what a cursor is bound to. */
static int64_t filter_hash(struct api_call *c)
{
    struct slice path = http_request_path(c->req);
    uint64_t hash = crypto_hash64((uint64_t)c->who.tenant_id, path);
    for (size_t i = 0; i < http_request_nargs(c->req); i++) {
        struct slice name, value;
        if (!http_request_arg_at(c->req, i, &name, &value) || slice_is(name, "after") || slice_is(name, "limit"))
            continue;
        hash += crypto_hash64(crypto_hash64(1, name), value); /* a sum: their order does not matter */
    }
    return (int64_t)(hash >> 1);
}

static void replace_all(char *text, char from, char to)
{
    for (char *p = text; (p = strchr(p, from)); p++)
        *p = to;
}

static bool cursor_read(struct api_call *c, struct slice text, struct api_page *ret)
{
    _cleanup_(str_release) struct str json = {0};
    struct json *j = NULL;
    int64_t filter = 0;
    if (text.n > CURSOR_MAX)
        return false;
    char *base64 = arena_strndup(c->arena, text.p, text.n);
    replace_all(base64, '-', '+');
    replace_all(base64, '_', '/');
    if (!crypto_unbase64(slice_of(base64, text.n), &json) || !json_parse(c->arena, str_slice(&json), &j, NULL) ||
        !json_get_i64(j, "f", &filter) || filter != filter_hash(c) || !json_get_i64(j, "i", &ret->id))
        return false;
    ret->key = json_get_text(j, "k");
    if (!ret->key.p)
        return false;
    ret->key.p = arena_strndup(c->arena, ret->key.p, ret->key.n);
    return true;
}

void api_page_read(struct api_call *c, struct api_page *ret, struct api_faults *f)
{
    *ret = (struct api_page){.limit = API_LIMIT_DEFAULT};
    struct slice limit = api_arg(c, "limit");
    if (limit.p && (!slice_i64(limit, &ret->limit) || ret->limit < 1 || ret->limit > API_LIMIT_MAX)) {
        api_fault(f, "?limit", "must be 1 to %d", API_LIMIT_MAX);
        ret->limit = API_LIMIT_DEFAULT;
    }
    struct slice after = api_arg(c, "after");
    if (after.p && !cursor_read(c, after, ret))
        api_page_fault(f);
}

void api_page_fault(struct api_faults *f)
{
    api_fault(f, "?after", "is no cursor of this list with these filters; leave it out to begin anew");
}

static void cursor_write(struct api_call *c, struct slice key, int64_t id, struct str *out)
{
    _cleanup_(str_release) struct str json = {0};
    struct jw w;
    jw_init(&w, &json);
    jw_object(&w);
    jw_key_i64(&w, "f", filter_hash(c));
    jw_key_slice(&w, "k", key.p ? key : SLICE(""));
    jw_key_i64(&w, "i", id);
    jw_end(&w);
    jw_done(&w);
    str_add_base64(out, str_slice(&json));
    replace_all(out->p, '+', '-');
    replace_all(out->p, '/', '_');
}

/* The same request with another `after`. */
static void next_link(struct api_call *c, const struct str *cursor, struct str *out)
{
    str_adds(out, "<");
    str_add(out, http_request_path(c->req));
    str_adds(out, "?");
    for (size_t i = 0; i < http_request_nargs(c->req); i++) {
        struct slice name, value;
        if (!http_request_arg_at(c->req, i, &name, &value) || slice_is(name, "after"))
            continue;
        str_add_url(out, name);
        str_addc(out, '=');
        str_add_url(out, value);
        str_addc(out, '&');
    }
    str_adds(out, "after=");
    str_add_url(out, str_slice(cursor));
    str_adds(out, ">; rel=\"next\"");
}

struct page_request api_page_request(const struct api_call *c, const struct api_page *page)
{
    return (struct page_request){.tenant_id = c->who.tenant_id, .limit = page->limit, .key = page->key, .id = page->id};
}

void api_reply_page(void *arg, const struct page *page, const struct err *e)
{
    struct api_call *c = arg;
    if (e) {
        api_problem_err(c, e);
        return;
    }
    _cleanup_(str_release) struct str out = {0}, cursor = {0}, link = {0};
    if (page->more) {
        cursor_write(c, str_slice(&page->last_key), page->last_id, &cursor);
        next_link(c, &cursor, &link);
        http_reply_header(c->req, "Link", link.p);
    }
    struct jw w;
    jw_init(&w, &out);
    jw_object(&w);
    jw_key_raw(&w, "items", str_slice(&page->items));
    jw_key_slice(&w, "next", page->more ? str_slice(&cursor) : SLICE_NONE);
    jw_end(&w);
    jw_done(&w);
    api_reply(c, 200, &out);
}

void api_reply_item(void *arg, struct slice json, const struct err *e)
{
    struct api_call *c = arg;
    if (e)
        api_problem_err(c, e);
    else
        api_reply_tagged(c, 200, 0, json);
}

void api_reply_row(void *arg, const struct row *row, const struct err *e)
{
    struct api_call *c = arg;
    if (e)
        api_problem_err(c, e);
    else
        api_reply_tagged(c, 200, row->version, row->json);
}
