/* report.c - NinjaOne's reports: one list over all devices instead of calls per device.
 * Why:    cursors have a life of their own. Progress is judged by rows, never by the cursor's name (whether it
 *         changes is not documented); the end is an empty page, a missing cursor or as many rows as announced; fewer
 *         or more rows than announced is told. */
#include "provider/ninjaone/sync.h"

#include <stdio.h>

#define REPORT_PAGE 10000

struct report_head {
    struct slice cursor;
    int64_t count;
};

static const struct map_field head_fields[] = {
    {"cursor.name", MAP_LOOSE_TEXT, offsetof(struct report_head, cursor)},
    {"cursor.count", MAP_I64, offsetof(struct report_head, count)},
};
static const struct map head_map = {sizeof(struct report_head), head_fields, ARRAY_LEN(head_fields)};

struct nin_report_kind {
    struct task_kind task;
    nin_facet_cb *emit;
};

static struct nin_report *report_of(struct task *t)
{
    return container_of(t, struct nin_report, task);
}

static void ask(struct task *t, struct str *path, struct str *body)
{
    struct nin_report *r = report_of(t);

    str_addf(path, "/v2/queries/%s?pageSize=%d", t->kind->what, REPORT_PAGE);
    if (r->cursor.n) {
        str_adds(path, "&cursor=");
        str_add_url(path, str_slice(&r->cursor));
    }
}

static void on_row(struct task *t, const void *row, const char *fault)
{
    const struct nin_report *r = report_of(t);
    const struct sink *sink = t->machine->sink;
    struct slice device_id = *(const struct slice *)row; /* the first member of every report's row */

    if (fault || !device_id.n)
        sink->reject(sink->arg, RECORD_FACET, known(device_id), fault ? fault : "deviceId is missing");
    else
        r->kind->emit(device_id, row, sink);
}

static void tell(struct task *t, const char *why)
{
    const struct sink *sink = t->machine->sink;
    char text[512];

    snprintf(text, sizeof(text), "NinjaOne, report %s: %s", t->kind->what, why);
    sink->incomplete(sink->arg, RECORD_FACET, text);
}

static enum task_verdict end(struct nin_report *r, int64_t count)
{
    char why[128];

    if (count >= 0 && count != r->collected) {
        snprintf(why, sizeof(why), "%lld rows were announced and %lld were given", (long long)count,
                 (long long)r->collected);
        tell(&r->task, why);
    }
    return TASK_DONE;
}

static enum task_verdict page(struct task *t, const void *head, const struct machine_reply *reply, struct err *e)
{
    const struct report_head *h = head;
    struct nin_report *r = report_of(t);
    int64_t count = h && h->count != I64_NONE ? h->count : -1;

    r->collected += t->page_rows;
    if (t->page_rows == 0)
        return end(r, count);
    if (!h || !h->cursor.n) {
        if (count < 0 && t->page_rows >= REPORT_PAGE)
            tell(t, "a full page came without a cursor to go on with");
        return end(r, count);
    }
    if (count >= 0 && r->collected >= count)
        return end(r, count);
    if (r->previous == t->page_hash) {
        tell(t, "the cursor does not move: a page came twice");
        return TASK_DONE;
    }
    r->previous = t->page_hash;
    str_clear(&r->cursor);
    str_add(&r->cursor, h->cursor);
    return TASK_AGAIN;
}

static enum task_verdict failed(struct task *t, const struct machine_reply *reply, struct err *e)
{
    struct nin_report *r = report_of(t);

    if (nin_is_fatal(t, reply, e))
        return TASK_FATAL;
    if (r->cursor.n && !r->restarted && reply->status >= 400 && reply->status < 500) {
        r->restarted = true; /* cursors expire, and how that is said is not documented */
        str_clear(&r->cursor);
        r->collected = 0;
        r->previous = 0;
        return TASK_AGAIN;
    }
    tell(t, e->what);
    return TASK_DONE;
}

#define REPORT(WHAT, MAP, EMIT)                                                                                        \
    {                                                                                                                  \
        .task = {.what = WHAT,                                                                                         \
                 .list = true,                                                                                         \
                 .doc = &(const struct map_doc){.rows = "results[]", .row = &(MAP), .head = &head_map},                \
                 .ask = ask,                                                                                           \
                 .row = on_row,                                                                                        \
                 .page = page,                                                                                         \
                 .failed = failed},                                                                                    \
        .emit = EMIT                                                                                                   \
    }

static const struct nin_report_kind kinds[NIN_NREPORTS] = {
    REPORT("operating-systems", nin_os_map, nin_emit_os),
    REPORT("computer-systems", nin_system_map, nin_emit_system),
    REPORT("processors", nin_processor_map, nin_emit_processor),
    REPORT("volumes", nin_volume_map, nin_emit_volume),
    REPORT("network-interfaces", nin_interface_map, nin_emit_interface),
    REPORT("antivirus-status", nin_antivirus_map, nin_emit_antivirus),
    REPORT("logged-on-users", nin_user_map, nin_emit_user),
};

_Static_assert(offsetof(struct nin_os, device_id) == 0 && offsetof(struct nin_system, device_id) == 0 &&
                   offsetof(struct nin_processor, device_id) == 0 && offsetof(struct nin_volume, device_id) == 0 &&
                   offsetof(struct nin_interface, device_id) == 0 && offsetof(struct nin_antivirus, device_id) == 0 &&
                   offsetof(struct nin_user, device_id) == 0,
               "on_row reads the device's id at the row's beginning");

void nin_reports_add(struct machine *m, struct nin_report reports[NIN_NREPORTS])
{
    for (size_t i = 0; i < NIN_NREPORTS; i++) {
        reports[i].kind = &kinds[i];
        machine_add(m, &reports[i].task, &kinds[i].task, STAGE_LISTS);
    }
}

void nin_reports_release(struct nin_report reports[NIN_NREPORTS])
{
    for (size_t i = 0; i < NIN_NREPORTS; i++)
        str_release(&reports[i].cursor);
}
