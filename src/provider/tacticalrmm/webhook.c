/* webhook.c - what Tactical RMM posts: the template that a person has filled in, with all its ways to go wrong.
 * Why:    values are put into the text without escaping, so one quote in a client's name makes the product send the
 *         whole text as one JSON string; null, false and 0 arrive as "None"; the dashboard's test runs against an
 *         object that is no alert.
 * Always: agent and alert are recovered where they can be; every delivery asks for its agent to be read again, and
 *         polling mends the rest. */
#include "base/json_read.h"
#include "provider/common_scan.h"
#include "provider/tacticalrmm/tacticalrmm.h"

struct hook {
    struct slice agent_id, alert_id, type, severity, message, event;
    usec_t alert_time, resolved_on;
};

static const char *const keys[] = {"agent_id", "alert_id", "alert_type", "severity",
                                   "message",  "event",    "alert_time", "resolved_on"};
enum key { K_AGENT_ID, K_ALERT_ID, K_TYPE, K_SEVERITY, K_MESSAGE, K_EVENT, K_ALERT_TIME, K_RESOLVED_ON, NKEYS };

struct raw {
    struct slice v[NKEYS]; /* JSON text of each member */
};

static void on_member(void *arg, struct slice key, struct slice value)
{
    struct raw *raw = arg;

    for (size_t i = 0; i < NKEYS; i++)
        if (slice_is(key, keys[i]))
            raw->v[i] = value;
}

bool tac_intake(struct slice body, struct intake_keys *ret, struct err *e)
{
    struct raw raw = {.v = {{0}}};
    struct slice type, event;

    if (!scan_json(body, on_member, &raw, e))
        return false;
    /* No delivery has a number of its own, and none is ever sent twice by the product: the body's hash is its key. */
    type = scan_plain(raw.v[K_TYPE]);
    event = scan_plain(raw.v[K_EVENT]);
    if (type.n + event.n > 0 && type.n + event.n < 100) {
        str_add(&ret->type, type);
        str_addc(&ret->type, '.');
        str_add(&ret->type, event);
    } else if (slice_starts(slice_trim(body), SLICE("\""))) {
        str_adds(&ret->type, "text");
    }
    return true;
}

/* --- from an object, or from what is left of one --- */

/* The value behind "key": in a text that was JSON before a quote broke it. Only characters that ids, words and times
 * are made of. */
static struct slice pick(struct slice text, const char *key)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 .:+-_";
    size_t n = strlen(key);

    for (size_t i = 0; i + n + 2 <= text.n; i++) {
        if (text.p[i] != '"' || text.p[i + n + 1] != '"' || memcmp(text.p + i + 1, key, n) != 0)
            continue;
        size_t at = i + n + 2, from;
        while (at < text.n && (text.p[at] == ' ' || text.p[at] == ':'))
            at++;
        if (at < text.n && text.p[at] == '"')
            at++;
        from = at;
        while (at < text.n && memchr(allowed, text.p[at], sizeof(allowed) - 1))
            at++;
        return slice_trim(slice_of(text.p + from, at - from));
    }
    return SLICE_NONE;
}

static struct slice unquote(struct slice json, struct arena *a)
{
    struct json *value = NULL;
    struct err e;

    if (!json.n || !json_parse(a, json, &value, &e))
        return SLICE_NONE;
    return value->type == JSON_STRING || value->type == JSON_NUMBER ? value->text : SLICE_NONE;
}

static usec_t parse_time(struct slice text)
{
    usec_t t;

    return clock_parse_iso(text, &t) ? t : USEC_NONE; /* "2026-01-09 10:11:12.345678+00:00" */
}

static void fill(struct hook *h, const struct slice v[NKEYS])
{
    *h = (struct hook){
        .agent_id = tac_known(v[K_AGENT_ID]),
        .alert_id = tac_known(v[K_ALERT_ID]),
        .type = tac_known(v[K_TYPE]),
        .severity = tac_known(v[K_SEVERITY]),
        .message = tac_known(v[K_MESSAGE]),
        .event = tac_known(v[K_EVENT]),
        .alert_time = parse_time(v[K_ALERT_TIME]),
        .resolved_on = parse_time(v[K_RESOLVED_ON]),
    };
}

static bool read_hook(struct slice body, struct arena *a, struct hook *h, struct err *e)
{
    struct raw raw = {.v = {{0}}};
    struct slice v[NKEYS];

    body = slice_trim(body);
    if (!scan_json(body, on_member, &raw, e))
        return false;
    if (body.p[0] == '{') {
        for (size_t i = 0; i < NKEYS; i++)
            v[i] = unquote(raw.v[i], a);
        fill(h, v);
        return true;
    }
    if (body.p[0] == '"') {
        struct slice text = unquote(body, a);
        for (size_t i = 0; i < NKEYS; i++)
            v[i] = i == K_MESSAGE ? SLICE_NONE : pick(text, keys[i]); /* a message may be cut anywhere by the quote */
        fill(h, v);
        return true;
    }
    return err_set(
        e, ERR_DATA,
        "the body is neither a JSON object nor the text of one: is the action's body the one that this page gives?");
}

/* --- what it means --- */

static bool is_one_of(struct slice s, const char *const *words)
{
    for (; *words; words++)
        if (slice_ieq(s, slice_cstr(*words)))
            return true;
    return false;
}

static bool is_number(struct slice s)
{
    int64_t n;
    return slice_i64(s, &n) && n > 0;
}

/* The dashboard's "test" fills the alert's place with an agent, client or site: its severity is a name. */
static bool is_test_run(const struct hook *h)
{
    return (h->alert_id.n && !is_number(h->alert_id)) || (h->severity.n && tac_severity(h->severity) < 0);
}

static bool state_of(const struct hook *h, enum alert_state *ret)
{
    static const char *const trigger[] = {"trigger", "triggered", "failure", "failed", NULL};
    static const char *const resolve[] = {"resolve", "resolved", NULL};

    if (is_one_of(h->event, trigger))
        *ret = ALERT_TRIGGERED;
    else if (is_one_of(h->event, resolve))
        *ret = ALERT_RESOLVED;
    else
        return false;
    return true;
}

/* A recovery happens now, but never before its alert: the two clocks may differ. */
static usec_t resolved_at(const struct hook *h, usec_t received)
{
    usec_t at = h->resolved_on != USEC_NONE ? h->resolved_on : received;

    return h->alert_time != USEC_NONE && at <= h->alert_time ? h->alert_time + 1 : at;
}

static void emit_alert(const struct hook *h, enum alert_state state, usec_t received, const struct sink *sink)
{
    int severity = tac_severity(h->severity);
    struct record r = {
        .kind = RECORD_ALERT,
        .alert =
            {
                .series = h->alert_id,
                .device_id = tac_is_agent_id(h->agent_id) ? h->agent_id : SLICE_NONE,
                .state = state,
                .severity = severity >= 0 ? (enum severity)severity : SEVERITY_NONE,
                .severity_known = severity >= 0,
                .type = h->type,
                .message = h->message,
                .triggered_at = h->alert_time,
                .changed_at = state == ALERT_RESOLVED      ? resolved_at(h, received)
                              : h->alert_time != USEC_NONE ? h->alert_time
                                                           : received,
            },
    };
    sink->record(sink->arg, &r);
}

enum decode_result tac_decode(struct slice body, usec_t received, const struct sink *sink, struct err *e)
{
    _cleanup_(arena_freep) struct arena *a = arena_new();
    enum alert_state state;
    struct hook h;

    if (!read_hook(body, a, &h, e))
        return DECODE_FAILED;
    if (is_test_run(&h))
        return DECODE_IGNORED;
    bool alert = h.alert_id.n && state_of(&h, &state), agent = tac_is_agent_id(h.agent_id);
    if (!alert && !agent) {
        err_set(e, ERR_DATA,
                "neither an agent nor an alert can be made out (agent_id, alert_id and event are needed): is the "
                "action's body the "
                "one that this page gives?");
        return DECODE_FAILED;
    }
    if (alert)
        emit_alert(&h, state, received, sink);
    if (agent) {
        struct record r = {.kind = RECORD_REFRESH, .ref = {.device_id = h.agent_id, .at = received}};
        sink->record(sink->arg, &r);
    }
    return DECODE_APPLIED;
}
