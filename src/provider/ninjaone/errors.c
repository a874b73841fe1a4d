/* errors.c - NinjaOne's refusals, in words a person can act on. */
#include "provider/ninjaone/ninjaone.h"

/* Five families of error bodies; any key may be a text or, in some, an object with `code`. */
struct error_row {
    struct slice error, result_code, error_code, error_message, error_message_code, description, message, incident;
};

#define AT(member) offsetof(struct error_row, member)
static const struct map_field error_fields[] = {
    {"error", MAP_LOOSE_TEXT, AT(error)},
    {"resultCode", MAP_LOOSE_TEXT, AT(result_code)},
    {"errorCode", MAP_LOOSE_TEXT, AT(error_code)},
    {"errorMessage", MAP_LOOSE_TEXT, AT(error_message)},
    {"errorMessage.code", MAP_LOOSE_TEXT, AT(error_message_code)},
    {"error_description", MAP_LOOSE_TEXT, AT(description)},
    {"message", MAP_LOOSE_TEXT, AT(message)},
    {"incidentId", MAP_LOOSE_TEXT, AT(incident)},
};
static const struct map error_map = {sizeof(struct error_row), error_fields, ARRAY_LEN(error_fields)};

static struct slice first(const struct slice *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (v[i].n)
            return v[i];
    return SLICE_NONE;
}

void nin_error_read(const struct machine_reply *r, struct arena *a, struct nin_error *ret)
{
    struct error_row row = {0};
    struct slice body = slice_trim(r->error_body);

    *ret = (struct nin_error){SLICE_NONE, SLICE_NONE, SLICE_NONE};
    if (!body.n || body.p[0] != '{' || !map_read(&error_map, body, a, &row, NULL))
        return; /* a bare text, an HTML page, a cut object: the status alone must do */
    ret->code = first((struct slice[]){row.error, row.result_code, row.error_code}, 3);
    ret->message = first((struct slice[]){row.description, row.error_message, row.error_message_code, row.message}, 4);
    ret->incident = known(row.incident);
}

bool nin_is_entity_missing(const struct machine_reply *r)
{
    _cleanup_(arena_freep) struct arena *a = arena_new();
    struct nin_error said;

    if (r->err || r->status != 404)
        return false;
    nin_error_read(r, a,
                   &said); /* a wrong route says FAILURE, "HTTP 404 Not Found": that proves nothing about the entity */
    return slice_ieq(said.code, SLICE("NOT_FOUND")) || slice_ends(said.code, SLICE("_not_found")) ||
           slice_ends(said.code, SLICE("_NOT_FOUND"));
}

static enum err_code code_of(int status)
{
    if (status == 401)
        return ERR_AUTH;
    if (status == 403)
        return ERR_FORBIDDEN;
    if (status == 404)
        return ERR_NOT_FOUND;
    if (status == 429)
        return ERR_THROTTLED;
    return status >= 500 ? ERR_UNAVAILABLE : ERR_PROTOCOL;
}

static const char *mend_of(int status, struct slice code, bool acting)
{
    if (slice_is(code, "user_context_required"))
        return "this call needs a person's grant: configure the integration with the authorization code grant";
    switch (status) {
    case 400:
        return "the request was refused as malformed; if it speaks of the Authorization header, a proxy between has "
               "changed it";
    case 401:
        return "the access token is refused even after a renewal: check that the API application still exists and is "
               "active";
    case 403:
        if (acting)
            return "the API application lacks a right: give it the scope \"management\" in NinjaOne, Administration, "
                   "Apps, API, and in the integration's settings";
        return "the API application lacks a right: give it the scope \"monitoring\" in NinjaOne, Administration, Apps, "
               "API";
    case 404:
        return "this instance does not know the address: check region or base_url; older instances lack some calls";
    case 429:
        return "too many calls; the next run goes on from here";
    default:
        return status >= 500 ? "NinjaOne has a fault; the next run goes on from here" : NULL;
    }
}

void nin_explain(const struct task *t, const struct machine_reply *r, struct err *e)
{
    _cleanup_(arena_freep) struct arena *a = arena_new();
    _cleanup_(str_release) struct str said = {0};
    struct nin_error error;

    if (r->status && reply_is_html(r)) {
        bool absent = r->status == 404;
        explain_status(r, NINJAONE, t->kind->what, SLICE("an HTML page"), absent ? ERR_NOT_FOUND : ERR_THROTTLED,
                       absent ? "this host does not serve the API: check region or base_url"
                              : "NinjaOne sends such pages when it is called too often; if it stays, base_url does not "
                                "name the API's host",
                       e);
        return;
    }
    if (explain_transport(r, NINJAONE, e))
        return;
    nin_error_read(r, a, &error);
    str_add(&said, error.code);
    if (error.message.n)
        str_addf(&said, "%s%.*s", said.n ? ", " : "", SLICE_FMT(error.message));
    if (error.incident.n)
        str_addf(&said, "%s%.*s", said.n ? ", " : "", SLICE_FMT(error.incident));
    explain_status(r, NINJAONE, t->kind->what, str_slice(&said), code_of(r->status),
                   mend_of(r->status, error.code, t->kind->acting), e);
}

bool nin_is_fatal(const struct task *t, const struct machine_reply *r, const struct err *e)
{
    if (t->broken.code != ERR_NONE)
        return false; /* this list is garbled, others need not be */
    return r->err || e->code == ERR_AUTH || e->code == ERR_THROTTLED;
}
