/* live.c - the answer of the action "live": the agent as the server has it now, its checks one by one, its updates. */
#include "provider/tacticalrmm/single.h"

#include <stdlib.h>

struct tac_live *tac_live_new(void)
{
    return NEW(struct tac_live);
}

void tac_live_free(struct tac_live *live)
{
    if (!live)
        return;
    str_release(&live->agent);
    str_release(&live->checks);
    str_release(&live->updates);
    str_release(&live->lacking);
    free(live);
}

static void key_text(struct jw *w, const char *key, struct slice value)
{
    jw_key_slice(w, key, tac_known(value));
}

static void key_tri(struct jw *w, const char *key, enum tri v)
{
    jw_key(w, key);
    if (v == TRI_UNKNOWN)
        jw_null(w);
    else
        jw_bool(w, v == TRI_YES);
}

static void key_i64(struct jw *w, const char *key, int64_t v)
{
    jw_key(w, key);
    if (v == I64_NONE)
        jw_null(w);
    else
        jw_i64(w, v);
}

static void write_disks(struct jw *w, const struct tac_agent *a)
{
    const struct tac_disk *disks = a->disks.v;

    jw_key(w, "disks");
    jw_array(w);
    for (size_t i = 0; i < a->disks.n; i++) {
        jw_object(w);
        key_text(w, "name", disks[i].device);
        key_text(w, "file_system", disks[i].fstype);
        key_i64(w, "capacity_bytes", disks[i].total);
        key_i64(w, "free_bytes", disks[i].free);
        jw_end(w);
    }
    jw_end(w);
}

void tac_live_agent(struct tac_live *live, const struct tac_agent *a, const struct tac_context *c)
{
    struct jw w;

    str_clear(&live->agent);
    jw_init(&w, &live->agent);
    jw_object(&w);
    jw_key_time(&w, "as_of", c->now);
    key_text(&w, "hostname", a->hostname);
    key_text(&w, "status", a->status);
    jw_key_time(&w, "last_seen", a->last_seen);
    jw_key_time(&w, "last_boot", a->boot);
    key_text(&w, "user", a->user_now);
    key_text(&w, "last_user", a->user);
    key_text(&w, "operating_system", a->os);
    key_text(&w, "agent_version", a->version);
    key_text(&w, "public_ip", a->public_ip);
    key_text(&w, "local_ips", a->local_ips);
    key_tri(&w, "needs_reboot", a->needs_reboot);
    key_tri(&w, "maintenance", a->maintenance);
    key_i64(&w, "checks_total", a->checks.total);
    key_i64(&w, "checks_failing", a->checks.failing);
    write_disks(&w, a);
    jw_end(&w);
}

static struct jw element(struct str *list)
{
    struct jw w;

    if (list->n)
        str_addc(list, ',');
    jw_init(&w, list);
    jw_object(&w);
    return w;
}

void tac_live_check(struct tac_live *live, const struct tac_check *check)
{
    struct jw w = element(&live->checks);

    key_text(&w, "name", check->name.n ? check->name : check->description);
    key_text(&w, "description", check->description);
    key_text(&w, "type", check->type);
    key_text(&w, "status", check->status); /* null: it has not run yet */
    key_text(&w, "severity", check->severity);
    key_text(&w, "info", check->info);
    jw_key_time(&w, "last_run", check->last_run);
    jw_end(&w);
}

void tac_live_update(struct tac_live *live, const struct tac_update *u)
{
    struct jw w = element(&live->updates);

    key_text(&w, "title", u->title);
    key_text(&w, "kb", u->kb);
    key_text(&w, "severity", u->severity);
    jw_key_str(&w, "status", patch_status_names[tac_patch_status(u)]);
    jw_key_time(&w, "installed_at", u->installed == TRI_YES ? tac_parse_installed(u->date_installed) : USEC_NONE);
    key_tri(&w, "downloaded", u->downloaded);
    jw_end(&w);
}

void tac_live_lacks(struct tac_live *live, const char *what, const char *why)
{
    struct jw w = element(&live->lacking);

    jw_key_str(&w, "what", what);
    jw_key_str(&w, "why", why);
    jw_end(&w);
}

static void add_list(struct str *out, const char *key, const struct str *list)
{
    str_addf(out, ",\"%s\":[", key);
    str_add(out, str_slice(list));
    str_addc(out, ']');
}

void tac_live_result(const struct tac_live *live, const struct sink *sink)
{
    _cleanup_(str_release) struct str out = {0};

    if (!live->agent.n)
        return;                                                /* it was rejected */
    str_add(&out, slice_of(live->agent.p, live->agent.n - 1)); /* its closing brace goes behind the lists */
    add_list(&out, "checks", &live->checks);
    add_list(&out, "updates", &live->updates);
    add_list(&out, "not_available", &live->lacking);
    str_addc(&out, '}');
    sink->result(sink->arg, str_slice(&out));
}
