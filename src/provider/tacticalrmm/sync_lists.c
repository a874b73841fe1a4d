/* sync_lists.c - what a sync of Tactical RMM reads beside clients and agents: software, alerts. */
#include "provider/tacticalrmm/sync.h"

#include <stdio.h>

#define RECENT_DAYS 7

/* --- software: one object an agent, by the agent's number --- */

static void ask_software(struct task *t, struct str *path, struct str *body)
{
    tac_list_begin(t);
    str_adds(path, "/software/");
}

static void software_row(struct task *t, const void *row, const char *fault)
{
    struct tac_sync *x = tac_sync_of(t);
    const struct tac_software *s = row;
    const struct tac_id *id = tac_ids_number(&x->known, s->agent);

    if (fault)
        tac_list_reject(t, RECORD_SOFTWARE, id ? slice_cstr(id->agent_id) : SLICE_NONE, fault);
    else if (id) /* else it came or went since the agents were listed, or is none of the role's */
        tac_emit_software(slice_cstr(id->agent_id), s, x->m.sink);
}

static enum task_verdict software_page(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    tac_list_whole(t, RECORD_SOFTWARE, t->page_rows);
    return TASK_DONE;
}

static enum task_verdict software_failed(struct task *t, const struct machine_reply *r, struct err *e)
{
    return tac_list_failed(t, RECORD_SOFTWARE, r, e);
}

/* --- alerts --- */

static void ask_alerts(struct task *t, struct str *path, struct str *body)
{
    tac_list_begin(t);
    tac_sync_of(t)->alerts_whole = false;
    str_adds(path, "/alerts/");
    str_adds(
        body,
        "{\"resolvedFilter\":false,\"snoozedFilter\":true}"); /* true is "no filter": the snoozed ones are open too */
}

/* After the open ones: what was resolved in between is told by this list, later. */
static void ask_recent(struct task *t, struct str *path, struct str *body)
{
    tac_list_begin(t);
    str_adds(path, "/alerts/");
    str_addf(body, "{\"timeFilter\":%d}", RECENT_DAYS);
}

static void alert_row(struct task *t, const void *row, const char *fault)
{
    const struct tac_alert *a = row;

    if (fault)
        tac_list_reject(t, RECORD_ALERT, a->id, fault);
    else
        tac_emit_alert(a, tac_server_now(t), t->machine->sink);
}

static enum task_verdict alerts_page(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    struct tac_sync *x = tac_sync_of(t);
    const struct sink *sink = x->m.sink;

    x->alerts_whole = x->nameless == 0;
    x->nalerts = t->page_rows;
    if (!x->alerts_whole)
        sink->incomplete(sink->arg, RECORD_ALERT,
                         "Tactical RMM, alerts: a row without an id, so no alert is taken as resolved");
    return TASK_DONE;
}

static enum task_verdict recent_page(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    struct tac_sync *x = tac_sync_of(t);
    const struct sink *sink = x->m.sink;

    if (x->alerts_whole)
        sink->complete(sink->arg, RECORD_ALERT, x->nalerts);
    return TASK_DONE;
}

static enum task_verdict alerts_failed(struct task *t, const struct machine_reply *r, struct err *e)
{
    return tac_list_failed(t, RECORD_ALERT, r, e);
}

/* --- tables --- */

static const struct map_doc software_doc = {.rows = "[]", .row = &tac_software_map};
static const struct map_doc alerts_doc = {.rows = "[]", .row = &tac_alert_map};

const struct task_kind tac_software_kind = {.what = "software",
                                            .list = true,
                                            .doc = &software_doc,
                                            .ask = ask_software,
                                            .row = software_row,
                                            .page = software_page,
                                            .failed = software_failed,
                                            .again = tac_list_begin};

/* A PATCH that lists and changes nothing: it may be sent twice. */
#define ALERTS_KIND                                                                                                    \
    .method = "PATCH", .list = true, .content_type = "application/json", .doc = &alerts_doc, .row = alert_row,         \
    .failed = alerts_failed, .again = tac_list_begin
const struct task_kind tac_alerts_kind = {.what = "alerts", ALERTS_KIND, .ask = ask_alerts, .page = alerts_page};
const struct task_kind tac_recent_kind = {.what = "recent-alerts", ALERTS_KIND, .ask = ask_recent, .page = recent_page};
