/* api/etag.c - ETag, If-Match and If-None-Match (RFC 9110).
 * How:    a tag is "VERSION-HASH" or "HASH". The hash is of the answer's text, so that If-None-Match is never answered 304 when
 *         something changed that no version counts (a status, a time of last use). If-Match compares the version alone, so that an
 *         edit is refused when another edit came between, and not because a device was seen meanwhile. */
#include "api/api.h"
#include "base/crypto.h"

#include <stdio.h>

#define TAG_MAX 48

/* --- making --- */

static void tag_make(int64_t version, struct slice json, char out[TAG_MAX])
{
    unsigned long long hash = crypto_hash64(0, json);
    if (version)
        snprintf(out, TAG_MAX, "\"%lld-%016llx\"", (long long)version, hash);
    else
        snprintf(out, TAG_MAX, "\"%016llx\"", hash);
}

/* --- lists of tags --- */

enum next { TAG_END, TAG_STRONG, TAG_WEAK, TAG_BAD };

/* The next of `"a", W/"b"`, with its quotation marks. */
static enum next tag_next(struct slice *rest, struct slice *ret)
{
    while (rest->n && (*rest->p == ' ' || *rest->p == '\t' || *rest->p == ','))
        *rest = slice_of(rest->p + 1, rest->n - 1);
    if (!rest->n)
        return TAG_END;
    bool weak = slice_starts(*rest, SLICE("W/"));
    struct slice in = weak ? slice_of(rest->p + 2, rest->n - 2) : *rest;
    const char *end = in.n > 1 && *in.p == '"' ? memchr(in.p + 1, '"', in.n - 1) : NULL;
    if (!end)
        return TAG_BAD;
    size_t n = (size_t)(end - in.p) + 1;
    *ret = slice_of(in.p, n);
    *rest = slice_of(in.p + n, in.n - n);
    if (rest->n && *rest->p != ',' && *rest->p != ' ' && *rest->p != '\t')
        return TAG_BAD;
    return weak ? TAG_WEAK : TAG_STRONG;
}

static bool tag_version(struct slice tag, int64_t *ret)
{
    struct slice hash = slice_of(tag.p + 1, tag.n - 2);
    struct slice version = slice_cut(&hash, '-');
    return slice_i64(version, ret) && *ret > 0;
}

/* --- If-None-Match --- */

bool api_etag_listed(struct slice list, struct slice etag)
{
    list = slice_trim(list);
    if (slice_is(list, "*"))
        return true;
    struct slice tag;
    for (enum next t; (t = tag_next(&list, &tag)) == TAG_STRONG || t == TAG_WEAK;)
        if (slice_eq(tag, etag))
            return true;
    return false;
}

void api_reply_tagged(struct api_call *c, int status, int64_t version, struct slice json)
{
    char etag[TAG_MAX];
    enum http_method method = http_request_method(c->req);
    struct slice known = http_request_header(c->req, "If-None-Match");
    tag_make(version, json, etag);
    http_reply_header(c->req, "ETag", etag);
    http_reply_header(c->req, "Cache-Control", "private, no-cache"); /* ask again, with If-None-Match */
    bool reads = method == HTTP_GET || method == HTTP_HEAD;
    if (reads && status == 200 && known.n && api_etag_listed(known, slice_cstr(etag)))
        http_reply(c->req, 304, NULL, SLICE_NONE);
    else
        api_reply_json(c, status, json);
}

/* --- If-Match --- */

enum api_match api_match_read(struct slice list, int64_t *ret_version)
{
    struct slice tag, more;
    *ret_version = 0;
    list = slice_trim(list);
    if (!list.n)
        return API_MATCH_NONE;
    if (slice_is(list, "*"))
        return API_MATCH_ANY;
    if (tag_next(&list, &tag) != TAG_STRONG || !tag_version(tag, ret_version) || tag_next(&list, &more) != TAG_END)
        return API_MATCH_BAD;
    return API_MATCH_VERSION;
}

bool api_if_match(struct api_call *c, int64_t *ret_version)
{
    switch (api_match_read(http_request_header(c->req, "If-Match"), ret_version)) {
    case API_MATCH_NONE:
        api_problem(
            c, 428, "precondition_required",
            "Send If-Match with the ETag that a GET of this gave, so that nobody's change is overwritten unseen; "
            "`If-Match: *` overwrites whatever is there.");
        return false;
    case API_MATCH_BAD:
        api_problem_changed(c);
        return false;
    case API_MATCH_ANY:
    case API_MATCH_VERSION:
        break;
    }
    return true;
}

void api_problem_changed(struct api_call *c)
{
    api_problem(
        c, 412, "precondition_failed",
        "If-Match is not the ETag that this has now: it was changed meanwhile. Read it again, and repeat what still "
        "applies with its new ETag.");
}
