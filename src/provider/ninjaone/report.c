/* report.c - NinjaOne's reports: one list over all devices, or over those that have changed, instead of calls per device.
 * Why:    cursors have a life of their own. Progress is judged by rows, never by the cursor's name (whether it
 *         changes is not documented); the end is an empty page, a missing cursor or as many rows as announced; fewer
 *         or more rows than announced is told.
 *         The page is as large as the product takes: with the volumes' encryption it is known to lose rows of small
 *         pages, which then shows in the count. */
#include "provider/ninjaone/sync.h"

#include <stdio.h>

#define REPORT_PAGE      10000
#define REPORT_MAX_PAGES 20000

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
    nin_row_cb *emit;
    enum record_kind kind;
    enum nin_part part;
    const char *option; /* ends the address; NULL: none */
    bool history;       /* of what was done: only from a day on */
};

static struct nin_report *report_of(struct task *t)
{
    return container_of(t, struct nin_report, task);
}

static void ask(struct task *t, struct str *path, struct str *body)
{
    struct nin_report *r = report_of(t);

    str_addf(path, "/v2/queries/%s?pageSize=%d", t->kind->what, REPORT_PAGE);
    if (r->kind->option)
        str_addf(path, "&%s", r->kind->option);
    if (r->kind->history) {
        str_addc(path, '&');
        nin_add_installed_after(path, t->machine->in);
    }
    if (r->changes) {
        str_addc(path, '&');
        nin_changes_df(r->changes, r->kind->part, r->chunk, path);
    }
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
        sink->reject(sink->arg, r->kind->kind, known(device_id), fault ? fault : "deviceId is missing");
    else
        r->kind->emit(r->context, device_id, row, sink);
}

static void tell(struct nin_report *r, const char *why)
{
    const struct sink *sink = r->task.machine->sink;
    char text[512];

    snprintf(text, sizeof(text), "NinjaOne, report %s: %s", r->task.kind->what, why);
    sink->incomplete(sink->arg, r->kind->kind, text);
    r->doubtful = true;
}

static void begin(struct nin_report *r)
{
    str_clear(&r->cursor);
    r->collected = 0;
    r->previous = 0;
    r->pages = 0;
}

static enum task_verdict end(struct nin_report *r, int64_t count)
{
    char why[128];

    if (count >= 0 && count != r->collected) {
        snprintf(why, sizeof(why), "%lld rows were announced and %lld were given", (long long)count,
                 (long long)r->collected);
        tell(r, why);
    }
    r->rows += r->collected;
    if (r->changes && nin_changes_count(r->changes, r->kind->part) > (r->chunk + 1) * NIN_DF_IDS) {
        r->chunk++;
        begin(r);
        return TASK_AGAIN;
    }
    r->proven = !r->doubtful;
    return TASK_DONE;
}

static enum task_verdict page(struct task *t, const void *head, const struct machine_reply *reply, struct err *e)
{
    const struct report_head *h = head;
    struct nin_report *r = report_of(t);
    int64_t count = h && h->count != I64_NONE ? h->count : -1;

    r->collected += t->page_rows;
    r->pages++;
    if (t->page_rows == 0)
        return end(r, count);
    if (!h || !h->cursor.n) {
        if (count < 0 && t->page_rows >= REPORT_PAGE)
            tell(r, "a full page came without a cursor to go on with");
        return end(r, count);
    }
    if (count >= 0 && r->collected >= count)
        return end(r, count);
    if (r->previous == t->page_hash || r->pages == REPORT_MAX_PAGES) {
        tell(r, "the cursor does not move: a page came twice");
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
        begin(r);
        return TASK_AGAIN;
    }
    r->lost = e->code != ERR_NOT_FOUND && e->code != ERR_FORBIDDEN;
    tell(r, e->what);
    return TASK_DONE;
}

#define REPORT(WHAT, MAP, EMIT, KIND, PART, OPTION, HISTORY)                                                           \
    {                                                                                                                  \
        .task = {.what = WHAT,                                                                                         \
                 .list = true,                                                                                         \
                 .doc = &(const struct map_doc){.rows = "results[]", .row = &(MAP), .head = &head_map},                \
                 .ask = ask,                                                                                           \
                 .row = on_row,                                                                                        \
                 .page = page,                                                                                         \
                 .failed = failed},                                                                                    \
        .emit = EMIT, .kind = RECORD_##KIND, .part = PART_##PART, .option = (OPTION), .history = (HISTORY)             \
    }

static const struct nin_report_kind kinds[NIN_NREPORTS] = {
    /* the longest first: it decides how long a run takes */
    REPORT("software", nin_software_map, nin_emit_software, SOFTWARE, SOFTWARE, NULL, false),
    REPORT("volumes", nin_volume_map, nin_emit_volume, FACET, VOLUMES, "include=bl", false),
    REPORT("network-interfaces", nin_interface_map, nin_emit_interface, FACET, INTERFACES, NULL, false),
    REPORT("antivirus-status", nin_antivirus_map, nin_emit_antivirus, FACET, ANTIVIRUS, NULL, false),
    REPORT("logged-on-users", nin_user_map, nin_emit_user, FACET, USER, NULL, false),
    REPORT("device-health", nin_health_map, nin_emit_health, FACET, HEALTH, NULL, false),
    REPORT("custom-fields-detailed", nin_custom_fields_map, nin_emit_custom_fields, FACET, FIELDS, NULL, false),
    REPORT("os-patches", nin_patch_map, nin_emit_os_patch, PATCH, OS_PATCHES, NULL, false),
    REPORT("software-patches", nin_patch_map, nin_emit_software_patch, PATCH, SOFTWARE_PATCHES, NULL, false),
    REPORT("os-patch-installs", nin_patch_map, nin_emit_os_patch, PATCH, OS_PATCHES, NULL, true),
    REPORT("software-patch-installs", nin_patch_map, nin_emit_software_patch, PATCH, SOFTWARE_PATCHES, NULL, true),
};

#define BEGINS_WITH_DEVICE(T) (offsetof(struct T, device_id) == 0)
_Static_assert(BEGINS_WITH_DEVICE(nin_volume) && BEGINS_WITH_DEVICE(nin_interface) &&
                   BEGINS_WITH_DEVICE(nin_antivirus) && BEGINS_WITH_DEVICE(nin_user) &&
                   BEGINS_WITH_DEVICE(nin_health) && BEGINS_WITH_DEVICE(nin_custom_fields) &&
                   BEGINS_WITH_DEVICE(nin_software) && BEGINS_WITH_DEVICE(nin_patch),
               "on_row reads the device's id at the row's beginning");

void nin_reports_add(struct machine *m, struct nin_report reports[NIN_NREPORTS], const struct nin_context *c)
{
    for (size_t i = 0; i < NIN_NREPORTS; i++) {
        reports[i].kind = &kinds[i];
        reports[i].context = c;
        machine_add(m, &reports[i].task, &kinds[i].task, STAGE_LISTS);
    }
}

void nin_reports_switch(struct nin_report reports[NIN_NREPORTS], const struct nin_changes *changes)
{
    for (size_t i = 0; i < NIN_NREPORTS; i++) {
        struct nin_report *r = &reports[i];
        bool on = nin_wants(r->context, r->kind->kind) && (!changes || nin_changes_count(changes, r->kind->part));

        r->changes = changes;
        task_switch(&r->task, on ? TASK_READY : TASK_OFF);
    }
}

bool nin_reports_proven(const struct nin_report reports[NIN_NREPORTS], enum record_kind kind, int64_t *ret_rows)
{
    bool any = false;

    *ret_rows = 0;
    for (size_t i = 0; i < NIN_NREPORTS; i++) {
        if (reports[i].kind->kind != kind || reports[i].task.state == TASK_OFF)
            continue;
        if (!reports[i].proven)
            return false;
        any = true;
        *ret_rows += reports[i].rows;
    }
    return any;
}

bool nin_reports_lost(const struct nin_report reports[NIN_NREPORTS])
{
    for (size_t i = 0; i < NIN_NREPORTS; i++)
        if (reports[i].lost)
            return true;
    return false;
}

void nin_reports_release(struct nin_report reports[NIN_NREPORTS])
{
    for (size_t i = 0; i < NIN_NREPORTS; i++)
        str_release(&reports[i].cursor);
}
