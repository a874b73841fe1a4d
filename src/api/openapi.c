/* api/openapi.c - GET /api/v1/openapi.yaml and …/openapi.json: doc/openapi.yaml of this build.
 * Always: compressed at build time; it is too large to be compressed anew in a turn of the loop. */
#include "api/api.h"
#include "openapi_document.h"
#include "reactor/http_gate.h"

static void reply_document(struct api_call *c, const struct document *d)
{
    http_reply_header(c->req, "ETag", d->etag);
    struct slice known = http_request_header(c->req, "If-None-Match");
    if (known.n && api_etag_listed(known, slice_cstr(d->etag + strlen("W/")))) {
        http_reply(c->req, 304, NULL, SLICE_NONE);
    } else if (http_accepts_gzip(http_request_header(c->req, "Accept-Encoding"))) {
        http_reply_header(c->req, "Vary", "Accept-Encoding");
        http_reply_header(c->req, "Content-Encoding", "gzip");
        http_reply(c->req, 200, d->type, d->gzip);
    } else {
        http_reply(c->req, 200, d->type, d->text);
    }
}

void op_openapi_yaml(struct api_call *c)
{
    reply_document(c, &openapi_yaml);
}

void op_openapi_json(struct api_call *c)
{
    reply_document(c, &openapi_json);
}
