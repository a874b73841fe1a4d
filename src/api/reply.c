/* api/reply.c - replies: JSON, problem details (RFC 9457) and pages. */
#include "api/api.h"
#include "api/idempotency.h"

#include <stdarg.h>
#include <stdio.h>

static void send_reply(struct api_call *c, int status, const char *type, struct slice body)
{
    if (c->once)
        api_once_reply(c, status, type, body);
    else
        http_reply(c->req, status, type, body);
}

void api_location(struct api_call *c, const char *collection, int64_t id)
{
    char location[80];
    snprintf(location, sizeof(location), "%s/%lld", collection, (long long)id);
    http_reply_header(c->req, "Location", location);
}

void api_reply_json(struct api_call *c, int status, struct slice json)
{
    send_reply(c, status, "application/json", json);
}

void api_reply(struct api_call *c, int status, const struct str *json)
{
    api_reply_json(c, status, str_slice(json));
}

void api_reply_none(struct api_call *c)
{
    send_reply(c, 204, NULL, SLICE_NONE);
}

void api_reply_secret(struct api_call *c, int status, struct slice json)
{
    http_reply_header(c->req, "Cache-Control", "no-store");
    api_reply_json(c, status, json);
}

struct member {
    const char *name;
    struct slice json;
};

static void problem_reply(struct api_call *c, int status, const char *code, const char *detail, struct member more)
{
    _cleanup_(str_release) struct str out = {0};
    char type[80];
    snprintf(type, sizeof(type), "/problems/%s", code);
    struct jw w;
    jw_init(&w, &out);
    jw_object(&w);
    jw_key_str(&w, "type", type);
    jw_key_str(&w, "title", http_status_text(status));
    jw_key_i64(&w, "status", status);
    jw_key_str(&w, "detail", detail);
    jw_key_slice(&w, "instance", http_request_path(c->req));
    jw_key_str(&w, "request_id", http_request_id(c->req));
    if (more.name)
        jw_key_raw(&w, more.name, more.json);
    jw_end(&w);
    jw_done(&w);
    send_reply(c, status, "application/problem+json", str_slice(&out));
}

void api_problem(struct api_call *c, int status, const char *code, const char *fmt, ...)
{
    _cleanup_(str_release) struct str detail = {0};
    va_list ap;
    va_start(ap, fmt);
    str_addv(&detail, fmt, ap);
    va_end(ap);
    problem_reply(c, status, code, detail.p, (struct member){NULL});
}

void api_problem_about(struct api_call *c, int status, const char *code, const char *member, int64_t id,
                       const char *detail)
{
    _cleanup_(str_release) struct str number = {0};
    str_addf(&number, "%lld", (long long)id);
    problem_reply(c, status, code, detail, (struct member){member, str_slice(&number)});
}

/* What the caller can do about it decides the status; what happened inside does not. */
static int status_of(enum err_code code)
{
    switch (code) {
    case ERR_INPUT:
    case ERR_CONFIG:
    case ERR_DATA:
        return 400;
    case ERR_AUTH:
        return 401;
    case ERR_FORBIDDEN:
        return 403;
    case ERR_NOT_FOUND:
        return 404;
    case ERR_CONFLICT:
        return 409;
    case ERR_TIMEOUT:
        return 504;
    case ERR_LIMIT:
    case ERR_THROTTLED:
    case ERR_UNAVAILABLE:
    case ERR_CANCELED:
        return 503;
    case ERR_PROTOCOL:
        return 502;
    default:
        return 500;
    }
}

void api_problem_err(struct api_call *c, const struct err *e)
{
    int status = status_of(e->code);
    if (status == 503)
        http_reply_header(c->req, "Retry-After", "2");
    /* What went wrong inside is for the log, not for whoever asks. */
    if (status == 500)
        log_error(c->hub->log, "api.internal", F_STR("request_id", http_request_id(c->req)), F_ERR(e));
    problem_reply(c, status, err_code_name(e->code),
                  status == 500 ? "Something failed inside; the log tells more under this request id." : e->what,
                  (struct member){NULL});
}

void api_fault(struct api_faults *f, const char *pointer, const char *fmt, ...)
{
    if (f->n++ >= API_FAULTS_MAX)
        return;
    _cleanup_(str_release) struct str detail = {0};
    va_list ap;
    va_start(ap, fmt);
    str_addv(&detail, fmt, ap);
    va_end(ap);
    str_addc(&f->json, f->n > 1 ? ',' : '[');
    struct jw w;
    jw_init(&w, &f->json);
    jw_object(&w);
    jw_key_str(&w, "pointer", pointer);
    jw_key_str(&w, "detail", detail.p);
    jw_end(&w);
    jw_done(&w);
}

bool api_faults_none(struct api_call *c, struct api_faults *f)
{
    bool none = f->n == 0;
    if (!none) {
        str_addc(&f->json, ']');
        problem_reply(c, 422, "invalid", "Some values are wrong; `errors` says which and why.",
                      (struct member){"errors", str_slice(&f->json)});
    }
    str_release(&f->json);
    f->n = 0;
    return none;
}
