/* tactical/write.c - Tactical RMM's JSON of clients, sites, alerts, software and updates; agents are in agent.c.
 * Always: null is printed, but for the keys that the server leaves out (the names of an alert without agent). */
#include "tactical.h"

void tw_created(struct jw *w, usec_t t)
{
    jw_key_str(w, "created_by", NULL);
    jw_key_time(w, "created_time", t);
    jw_key_str(w, "modified_by", NULL);
    jw_key_time(w, "modified_time", t + 4);
}

void tw_number(struct jw *w, const char *key, bool null, int64_t v)
{
    jw_key(w, key);
    if (null)
        jw_null(w);
    else
        jw_i64(w, v);
}

void tw_list_of_one(struct jw *w, const char *key, const char *text)
{
    jw_key(w, key);
    jw_array(w);
    jw_str(w, text);
    jw_end(w);
}

static void failing(struct jw *w)
{
    jw_key(w, "failing_checks");
    jw_object(w);
    jw_key_bool(w, "error", false);
    jw_key_bool(w, "warning", false);
    jw_end(w);
}

static void no_policies(struct jw *w)
{
    jw_key_str(w, "workstation_policy", NULL);
    jw_key_str(w, "server_policy", NULL);
    jw_key_str(w, "alert_template", NULL);
}

void tw_client(struct jw *w, const struct t_client *c, usec_t at)
{
    jw_object(w);
    jw_key_i64(w, "id", c->id);
    tw_created(w, at + c->id * 1937);
    jw_key_str(w, "name", c->name);
    jw_key_bool(w, "block_policy_inheritance", false);
    failing(w);
    no_policies(w);
    jw_end(w);
}

void tw_site(struct jw *w, const struct t_site *s, usec_t at)
{
    jw_object(w);
    jw_key_i64(w, "id", s->id);
    tw_created(w, at + s->id * 1737);
    jw_key_str(w, "name", s->name);
    jw_key_bool(w, "block_policy_inheritance", false);
    failing(w);
    jw_key_i64(w, "client", s->client);
    no_policies(w);
    jw_end(w);
}

/* --- alerts --- */

static void write_action(struct jw *w, const char *prefix, const struct t_action *x)
{
    bool ran = x->run != USEC_NONE;
    char key[40];
#define KEY(name) (snprintf(key, sizeof(key), "%s" name, prefix), key)
    jw_key_time(w, KEY("run"), x->run);
    jw_key_str(w, KEY("stdout"), ran ? "ok" : NULL);
    jw_key_str(w, KEY("stderr"), ran ? "" : NULL);
    tw_number(w, KEY("retcode"), !ran, x->status ? x->status : 500);
    jw_key_str(w, KEY("execution_time"), ran ? "0.0000" : NULL);
#undef KEY
}

void tw_alert(struct jw *w, const struct tactical *t, const struct t_alert *x)
{
    static const char *const unsent[] = {"email_sent", "resolved_email_sent", "sms_sent", "resolved_sms_sent"};
    struct t_agent a;
    bool agent = x->agent && t_agent(t, x->agent, &a);
    jw_object(w);
    jw_key_i64(w, "id", x->id);
    if (agent) {
        jw_key_str(w, "hostname", a.hostname);
        jw_key_str(w, "agent_id", a.agent_id);
        jw_key_str(w, "client", t_client(t, a.client)->name);
        jw_key_str(w, "site", t_site(t, a.site)->name);
    }
    jw_key_time(w, "alert_time", x->at);
    jw_key_str(w, "alert_type", x->type);
    jw_key_str(w, "message", x->message);
    jw_key_bool(w, "snoozed", x->snoozed);
    jw_key_time(w, "snooze_until", x->snooze_until);
    jw_key_bool(w, "resolved", x->resolved);
    jw_key_time(w, "resolved_on", x->resolved_on);
    jw_key_str(w, "severity", x->severity);
    for (size_t k = 0; k < ARRAY_LEN(unsent); k++)
        jw_key_str(w, unsent[k], NULL);
    jw_key_bool(w, "hidden", x->hidden);
    write_action(w, "action_", &x->action);
    write_action(w, "resolved_action_", &x->resolved_action);
    tw_number(w, "agent", !agent, x->agent);
    tw_number(w, "assigned_check", strcmp(x->type, "check") != 0, 5);
    tw_number(w, "assigned_task", strcmp(x->type, "task") != 0, 1);
    jw_end(w);
}

/* --- software and updates --- */

static const struct {
    const char *name, *version, *publisher, *date, *size, *location;
} software[] = {
    {"Mesh Agent background service", "", "", "0001-01-01 00:00:00 +0000 UTC", "0 B", "C:\\Program Files\\Mesh\\"},
    {"Büro-Paket “Pro”", "2024.1", "Müller & Söhne", "2019-06-09 00:00:00 +0000 UTC", "1.2 GB", ""},
    {"Notepad++ (64-bit x64)", "8.7.4", "Notepad++ Team", "2024-3-07", "17.2 MB", "C:\\Program Files\\Notepad++\\"},
    {"Mozilla Firefox (x64 de)", "133.0.3", "Mozilla", "01-1-01", "243.9 MB", "C:\\Program Files\\Mozilla\\"},
    {"7-Zip 24.08 (x64)", "24.08", "Igor Pavlov", "2024-11-30", "5.7 MB", "C:\\Program Files\\7-Zip\\"},
    {"Microsoft Visual C++ 2022 X64 Runtime", "14.42.34433", "Microsoft Corporation", "2025-1-09", "20.1 MB", ""},
    {"7-Zip 24.08 (x64)", "24.08", "Igor Pavlov", "2024-11-30", "5.7 MB", "C:\\Program Files\\7-Zip\\"},
};

bool tw_has_software(const struct t_agent *a)
{
    return a->plat == T_WINDOWS && !t_never(a);
}

static void write_item(struct jw *w, const char *name, const char *version, const char *publisher, const char *date,
                       const char *size, const char *location)
{
    jw_object(w);
    jw_key_str(w, "name", name);
    jw_key_str(w, "size", size);
    jw_key_str(w, "source", "");
    jw_key_str(w, "version", version);
    jw_key_str(w, "location", location);
    jw_key_str(w, "publisher", publisher);
    jw_key_str(w, "uninstall", "\"C:\\Program Files\\uninstall.exe\" /S");
    jw_key_str(w, "install_date", date);
    jw_end(w);
}

void tw_software(struct jw *w, const struct tactical *t, const struct t_agent *a)
{
    const struct t_software *x;
    jw_object(w);
    jw_key_i64(w, "id", a->id + 1000);
    jw_key(w, "software");
    jw_array(w);
    for (size_t k = 0; k < 4 + (size_t)a->id % 4; k++)
        write_item(w, software[k].name, software[k].version, software[k].publisher, software[k].date, software[k].size,
                   software[k].location);
    if (a->change)
        LIST_FOREACH (x, &a->change->software, link)
            write_item(w, x->name, x->version, "Example", "2026-1-15", "1.0 MB", "");
    jw_end(w);
    jw_key_i64(w, "agent", a->id);
    jw_end(w);
}

static int64_t count_updates(const struct t_agent *a)
{
    return a->plat == T_WINDOWS && !t_never(a) ? a->id % 4 : 0;
}

/* Every second one is approved and not installed. */
bool tw_patches_pending(const struct t_agent *a)
{
    return count_updates(a) >= 2;
}

void tw_updates(struct jw *w, const struct tactical *t, const struct t_agent *a)
{
    static const char *const severities[] = {"Critical", "Important", "Low", ""};
    char kb[16], title[80], number[12], url[64], guid[UUID_MAX];
    jw_array(w);
    for (int64_t k = count_updates(a); k > 0; k--) { /* newest id first */
        bool installed = k % 2;
        snprintf(number, sizeof(number), "50336%02d", (int)(90 + k));
        snprintf(kb, sizeof(kb), "KB%s", number);
        snprintf(title, sizeof(title), "2024-07 Cumulative Update for Windows (%s)", kb);
        snprintf(url, sizeof(url), "https://support.microsoft.com/help/%s", number);
        jw_object(w);
        jw_key_i64(w, "id", a->id * 4 + k);
        jw_key_str(w, "date_installed", installed ? "07 14 2024 03:12" : NULL);
        jw_key_str(w, "guid", rng_uuid(t->seed, (uint64_t)k, 3000, guid));
        jw_key_str(w, "kb", kb);
        jw_key_str(w, "title", title);
        jw_key_bool(w, "installed", installed);
        jw_key_bool(w, "downloaded", installed);
        jw_key_str(w, "description", "Install this update to resolve issues in Windows.");
        jw_key_str(w, "severity", severities[(a->id + k) % 4]);
        tw_list_of_one(w, "categories", "Security Updates");
        tw_list_of_one(w, "category_ids", "0fa1201d-4330-4fa8-8ae9-b877473b6441");
        tw_list_of_one(w, "kb_article_ids", number);
        tw_list_of_one(w, "more_info_urls", url);
        jw_key_str(w, "support_url", url);
        jw_key_i64(w, "revision_number", 200);
        jw_key_str(w, "action", installed ? "inherit" : "approve");
        jw_key_str(w, "result", installed ? "success" : "n/a");
        jw_key_i64(w, "agent", a->id);
        jw_end(w);
    }
    jw_end(w);
}
