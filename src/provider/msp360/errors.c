/* errors.c - MSP360's refusals, in words a person can act on. Bodies are {"Message":…}, {"message":…}, OAuth's
 * {"error":…,"error_description":…}, {"ErrorCode":…,"Message":…}, a JSON string, or an IIS page. */
#include "provider/common_scan.h"
#include "provider/msp360/msp360.h"

struct error_row {
    struct slice code, message;
};
static const struct map_field error_fields[] = {
    {"error", MAP_LOOSE_TEXT, offsetof(struct error_row, code)},
    {"ErrorCode", MAP_LOOSE_TEXT, offsetof(struct error_row, code)},
    {"error_description", MAP_LOOSE_TEXT, offsetof(struct error_row, message)},
    {"Message", MAP_LOOSE_TEXT, offsetof(struct error_row, message)},
    {"message", MAP_LOOSE_TEXT, offsetof(struct error_row, message)},
};
static const struct map error_map = {sizeof(struct error_row), error_fields, ARRAY_LEN(error_fields)};

void msp_error_read(const struct machine_reply *r, struct arena *a, struct msp_error *ret)
{
    struct slice body = slice_trim(r->error_body);
    struct error_row row = {0};

    *ret = (struct msp_error){SLICE_NONE, SLICE_NONE};
    if (body.n && body.p[0] == '"')
        ret->message = scan_plain(body);
    if (!body.n || body.p[0] != '{' || !map_read(&error_map, body, a, &row, NULL))
        return;
    ret->code = known(row.code);
    ret->message = known(row.message);
}

bool msp_is_missing(struct slice error_code)
{
    return slice_is(error_code, "-6");
}

static enum err_code code_of(int status)
{
    switch (status) {
    case 401:
        return ERR_AUTH;
    case 403:
        return ERR_FORBIDDEN;
    case 404:
        return ERR_NOT_FOUND;
    case 429:
        return ERR_THROTTLED;
    default:
        return status >= 500 || status == 408 ? ERR_UNAVAILABLE : ERR_PROTOCOL;
    }
}

static const char *mend_of(int status)
{
    switch (status) {
    case 401:
        return "the token is refused even after a new login: check api_login and api_password, and that API access is "
               "enabled";
    case 403:
        return "API access is not enabled for this account, or not from this hub's address: see Settings, General in "
               "the "
               "MSP360 console";
    case 404:
        return "this address is not the API's: base_url is https://api.mspbackups.com";
    case 429:
        return "too many calls; the next run reads it again";
    default:
        return status >= 500 ? "MSP360 has a fault or is being serviced; the next run reads it again" : NULL;
    }
}

void msp_explain(const struct task *t, const struct machine_reply *r, struct err *e)
{
    _cleanup_(arena_freep) struct arena *a = arena_new();
    struct msp_error said;

    if (r->status && reply_is_html(r)) {
        bool fine = r->status / 100 == 2;
        explain_status(r, MSP360, t->kind->what, SLICE("an HTML page"), code_of(r->status),
                       fine ? "a page where data was due: base_url is https://api.mspbackups.com" : mend_of(r->status),
                       e);
        return;
    }
    if (explain_transport(r, MSP360, e))
        return;
    msp_error_read(r, a, &said);
    explain_status(r, MSP360, t->kind->what, said.message.n ? said.message : said.code, code_of(r->status),
                   mend_of(r->status), e);
}

bool msp_is_fatal(const struct task *t, const struct machine_reply *r, const struct err *e)
{
    if (t->broken.code != ERR_NONE)
        return false; /* this list is garbled, others need not be */
    return r->err || e->code == ERR_AUTH || e->code == ERR_THROTTLED || e->code == ERR_UNAVAILABLE;
}
