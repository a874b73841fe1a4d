/* api/schedules.c - see schedules.h. */
#include "api/schedules.h"

#include <stdio.h>

#define INTERVAL_MIN  60
#define INTERVAL_MAX  (30 * 86400)
#define SPLAY_MAX     3600
#define SPLAY_DEFAULT 300
#define NAME_MAX_     64
#define ZONE_MAX      64

/* --- kinds --- */

void api_kinds_read(const struct json *j, const struct provider *p, const char *pointer, uint64_t *ret,
                    struct api_faults *f)
{
    uint64_t bits = 0;
    _cleanup_(str_release) struct str can = {0};
    if (!j || j->type == JSON_NULL)
        return;
    sync_kinds_list(p->kinds, &can);
    if (j->type != JSON_ARRAY || !j->child) {
        api_fault(f, pointer, "must be a list of what %s can be asked for: %s", p->name, can.p);
        return;
    }
    for (const struct json *k = j->child; k; k = k->next) {
        uint64_t bit = k->type == JSON_STRING ? sync_kind_named(k->text) : 0;
        if (!(bit & p->kinds)) {
            api_fault(f, pointer, "%s can be asked for %s; not for \"%.*s\"", p->name, can.p, (int)MIN(k->text.n, 40),
                      k->text.p ? k->text.p : "");
            return;
        }
        bits |= bit;
    }
    *ret = bits;
}

/* --- schedules --- */

struct at { /* one of them, for its faults */
    struct api_call *call;
    struct api_faults *faults;
    const struct json *json;
    size_t i;
};

static void fault(const struct at *at, const char *member, const char *detail)
{
    api_fault(at->faults, arena_printf(at->call->arena, "/schedules/%zu%s", at->i, member), "%s", detail);
}

static void check_members(const struct at *at)
{
    static const char *const known[] = {"name", "mode", "kinds", "interval", "cron", "time_zone", "splay", "next_at"};
    for (const struct json *j = at->json->child; j; j = j->next) {
        bool is_known = false;
        for (size_t i = 0; i < ARRAY_LEN(known); i++)
            is_known |= slice_is(j->key, known[i]);
        if (!is_known) {
            fault(at, "", "known members are name, mode, kinds, interval, cron, time_zone, splay");
            return;
        }
    }
}

static bool is_given(const struct at *at, const char *member)
{
    const struct json *j = json_get(at->json, member);
    return j && j->type != JSON_NULL;
}

static void read_seconds(const struct at *at, const char *member, int64_t min, int64_t max, usec_t *ret)
{
    int64_t seconds;
    if (json_get_i64(at->json, member, &seconds) && seconds >= min && seconds <= max)
        *ret = SECONDS(seconds);
    else
        fault(at, arena_printf(at->call->arena, "/%s", member),
              arena_printf(at->call->arena, "must be %lld to %lld seconds", (long long)min, (long long)max));
}

static void read_name(const struct at *at, const struct schedule *before, struct schedule *s)
{
    s->name = json_get_text(at->json, "name");
    if (!s->name.n || s->name.n > NAME_MAX_)
        fault(at, "/name", "must be a text of 1 to 64 bytes, by which its runs are known");
    for (size_t i = 0; i < at->i; i++)
        if (slice_eq(before[i].name, s->name))
            fault(at, "/name", "is another one's as well");
}

static void read_mode(const struct at *at, struct schedule *s)
{
    struct slice mode = json_get_text(at->json, "mode");
    s->mode = slice_is(mode, "incremental") ? SYNC_INCREMENTAL : SYNC_FULL;
    if (s->mode == SYNC_FULL && is_given(at, "mode") && !slice_is(mode, "full"))
        fault(at, "/mode", "must be full or incremental");
}

static void read_cron(const struct at *at, struct schedule *s)
{
    struct err e;
    s->cron = slice_trim(json_get_text(at->json, "cron"));
    s->time_zone = is_given(at, "time_zone") ? json_get_text(at->json, "time_zone") : SLICE("UTC");
    s->splay = SECONDS(SPLAY_DEFAULT);
    if (!cron_parse(s->cron, &s->when, &e))
        fault(at, "/cron", e.what);
    if (!s->time_zone.n || s->time_zone.n > ZONE_MAX)
        fault(at, "/time_zone", "must be a name of the IANA database, such as Europe/Berlin");
    if (is_given(at, "splay"))
        read_seconds(at, "splay", 0, SPLAY_MAX, &s->splay);
}

static void read_when(const struct at *at, struct schedule *s)
{
    if (is_given(at, "interval") == is_given(at, "cron")) {
        fault(at, "", "needs either interval (seconds) or cron (an expression)");
    } else if (is_given(at, "cron")) {
        read_cron(at, s);
    } else {
        read_seconds(at, "interval", INTERVAL_MIN, INTERVAL_MAX, &s->interval);
        if (is_given(at, "time_zone") || is_given(at, "splay"))
            fault(at, "", "time_zone and splay go with cron only; an interval has its own place for each integration");
    }
}

static void read_one(const struct at *at, const struct provider *p, const struct schedule *before, struct schedule *s)
{
    *s = (struct schedule){.kinds = SYNC_KINDS_ALL};
    if (at->json->type != JSON_OBJECT) {
        fault(at, "", "must be an object");
        return;
    }
    check_members(at);
    read_name(at, before, s);
    read_mode(at, s);
    api_kinds_read(json_get(at->json, "kinds"), p, arena_printf(at->call->arena, "/schedules/%zu/kinds", at->i),
                   &s->kinds, at->faults);
    read_when(at, s);
}

static struct slice keep(struct api_call *c, const struct str *text)
{
    return slice_of(arena_strndup(c->arena, text->p, text->n), text->n);
}

void api_schedules_read(struct api_call *c, const struct provider *p, struct api_schedules *ret, struct api_faults *f)
{
    const struct json *j = json_get(c->body, "schedules");
    *ret = (struct api_schedules){.given = j != NULL};
    if (!j || j->type == JSON_NULL)
        return;
    if (j->type != JSON_ARRAY || !j->child) {
        api_fault(f, "/schedules",
                  "must be a list of schedules, or null for one full sync of everything each sync_interval");
        return;
    }
    for (const struct json *one = j->child; one; one = one->next) {
        if (ret->n == SCHEDULES_MAX) {
            api_fault(f, "/schedules", "are at most %d", SCHEDULES_MAX);
            return;
        }
        const struct at at = {.call = c, .faults = f, .json = one, .i = ret->n};
        read_one(&at, p, ret->v, &ret->v[ret->n]);
        ret->n++;
    }
    _cleanup_(str_release) struct str shown = {0}, plans = {0};
    if (f->n)
        return;
    schedules_write(ret->v, ret->n, &shown, &plans);
    ret->shown = keep(c, &shown);
    ret->plans = keep(c, &plans);
}

/* --- time zones --- */

struct check {
    struct api_call *call;
    const struct api_schedules *schedules;
    void (*then)(struct api_call *c);
};

static void on_zones(void *arg, const struct pg_reply *r)
{
    struct check *k = arg;
    struct api_faults faults = {0};
    if (pg_reply_err(r)) {
        api_problem_err(k->call, pg_reply_err(r));
        return;
    }
    for (size_t row = 0; row < pg_nrows(r, 0); row++) {
        size_t i = (size_t)pg_i64(r, 0, row, 0) - 1;
        struct slice meant = pg_text(r, 0, row, 1);
        const struct at at = {.call = k->call, .faults = &faults, .i = i};
        fault(&at, "/time_zone",
              meant.p ? arena_printf(k->call->arena, "is no name of the IANA database; did you mean %.*s?",
                                     SLICE_FMT(meant))
                      : "is no name of the IANA database; one is Europe/Berlin");
    }
    if (api_faults_none(k->call, &faults))
        k->then(k->call);
}

void api_schedules_check(struct api_call *c, const struct api_schedules *s, void (*then)(struct api_call *c))
{
    struct pg_array zones;
    bool any = false;
    pg_array_init(&zones, PG_TEXT);
    for (size_t i = 0; i < s->n; i++) {
        any |= s->v[i].interval == 0;
        pg_array_text(&zones, s->v[i].interval ? SLICE("UTC") : s->v[i].time_zone);
    }
    if (any) {
        struct check *k = arena_alloc(c->arena, sizeof(*k));
        *k = (struct check){c, s, then};
        struct pg_seg *seg = pg_seg_new(c->hub->db, c->who.tenant_id);
        schedule_add_unknown_zones(seg, &zones);
        pg_submit(seg, on_zones, k);
    } else {
        then(c);
    }
    pg_array_release(&zones);
}
