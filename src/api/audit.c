/* api/audit.c - /api/v1/audit: who changed what. The log itself is written by the database (store/audit.h). */
#include "store/audit.h"
#include "api/stream.h"

#include <stdio.h>

#define FILTERS "actor", "action", "target_type", "target", "q", "since", "until"

static void read_filter(struct api_call *c, struct audit_filter *ret, struct api_faults *faults)
{
    *ret = (struct audit_filter){
        .actor = api_arg(c, "actor"),
        .action = api_arg(c, "action"),
        .target_type = api_arg(c, "target_type"),
        .target = api_arg(c, "target"),
        .text = api_arg(c, "q"),
        .since = USEC_NONE,
        .until = USEC_NONE,
    };
    api_arg_id(c, "integration_id", &ret->integration_id, faults);
    api_arg_time(c, "since", &ret->since, faults);
    api_arg_time(c, "until", &ret->until, faults);
}

static void list(struct api_call *c, const char *const *known)
{
    struct api_faults faults = {0};
    struct api_page page;
    struct audit_filter filter;
    api_known_args(c, known, &faults);
    api_page_read(c, &page, &faults);
    read_filter(c, &filter, &faults);
    usec_t at;
    if (page.key.p && !clock_parse_iso(page.key, &at))
        api_page_fault(&faults);
    if (!api_faults_none(c, &faults))
        return;
    if (c->integration)
        filter.integration_id = c->integration->id;
    struct page_request request = api_page_request(c, &page);
    audit_list(c->hub->db, &filter, &request, api_reply_page, c);
}

void op_audit_list(struct api_call *c)
{
    list(c, (const char *const[]){FILTERS, "integration_id", NULL});
}

void op_integrations_audit(struct api_call *c)
{
    list(c, (const char *const[]){FILTERS, NULL});
}

void op_audit_get(struct api_call *c)
{
    int64_t id;
    if (api_id(c, "id", &id))
        audit_get(c->hub->db, c->who.tenant_id, id, api_reply_item, c);
}

/* --- export --- */

struct export
{
    struct api_call *call;
    struct api_stream *stream;
    struct audit_filter filter; /* texts live as long as the request */
    struct page_request page;
    char key[64];
    bool csv;
    unsigned stmt;
};

static void on_lines(void *arg, const struct pg_reply *r)
{
    struct export *x = arg;
    if (pg_reply_err(r)) {
        api_stream_fail(x->stream, pg_reply_err(r));
        return;
    }
    _cleanup_(str_release) struct str piece = {0};
    size_t n = pg_nrows(r, x->stmt);
    if (x->csv && !x->page.key.p)
        str_adds(&piece, AUDIT_CSV_HEAD);
    for (size_t i = 0; i < n; i++)
        str_add(&piece, pg_text(r, x->stmt, i, 0));
    if (n < (size_t)x->page.limit) {
        api_stream_end(x->stream, str_slice(&piece));
        return;
    }
    snprintf(x->key, sizeof(x->key), "%s", pg_text(r, x->stmt, n - 1, 1).p);
    x->page.key = slice_cstr(x->key);
    x->page.id = pg_i64(r, x->stmt, n - 1, 2);
    api_stream_put(x->stream, str_slice(&piece));
}

/* That the log was taken away is told in it, with the first piece. */
static void add_row(struct export *x, struct pg_seg *s)
{
    const struct audit_entry entry = {
        .tenant_id = x->page.tenant_id,
        .action = "audit.exported",
        .target_type = "audit",
        .after = x->csv ? SLICE("{\"format\": \"csv\"}") : SLICE("{\"format\": \"ndjson\"}"),
    };
    audit_add(s, &entry);
}

static void next_lines(struct api_stream *stream, void *arg)
{
    struct export *x = arg;
    struct audit_actor actor = api_actor(x->call);
    struct pg_seg *s = pg_seg_new(x->call->hub->db, x->page.tenant_id);
    x->stream = stream;
    audit_by(s, &actor);
    x->stmt = audit_add_lines(s, &x->filter, &x->page, x->csv);
    if (!x->page.key.p)
        add_row(x, s);
    pg_submit(s, on_lines, x);
}

void op_audit_export(struct api_call *c)
{
    static const char *const formats[] = {"ndjson", "csv", NULL};
    struct api_faults faults = {0};
    struct export *x = arena_alloc(c->arena, sizeof(*x));
    int format = 0;
    api_known_args(c, (const char *const[]){FILTERS, "integration_id", "format", NULL}, &faults);
    read_filter(c, &x->filter, &faults);
    api_arg_enum(c, "format", formats, &format, &faults);
    if (!api_faults_none(c, &faults))
        return;
    x->call = c;
    x->csv = format == 1;
    x->page = (struct page_request){.tenant_id = c->who.tenant_id, .limit = API_STREAM_ROWS};
    http_reply_header(c->req, "Content-Disposition",
                      x->csv ? "attachment; filename=\"audit.csv\"" : "attachment; filename=\"audit.ndjson\"");
    api_stream_start(c, x->csv ? "text/csv; charset=utf-8" : "application/x-ndjson", next_lines, x);
}
