/* webhook.c - what NinjaOne posts: one activity an object; wrapped as {"activity": …} or {"activities": […]} by some
 * relays. */
#include "provider/common_scan.h"
#include "provider/ninjaone/ninjaone.h"

struct envelope {
    struct slice id, type, status;     /* of a flat activity */
    struct slice activity, activities; /* raw JSON */
};

static void on_member(void *arg, struct slice key, struct slice value)
{
    static const struct {
        const char *key;
        size_t at;
    } members[] = {
        {"id", offsetof(struct envelope, id)},
        {"activityType", offsetof(struct envelope, type)},
        {"statusCode", offsetof(struct envelope, status)},
        {"activity", offsetof(struct envelope, activity)},
        {"activities", offsetof(struct envelope, activities)},
    };

    for (size_t i = 0; i < ARRAY_LEN(members); i++)
        if (slice_is(key, members[i].key))
            *(struct slice *)(void *)((char *)arg + members[i].at) = value;
}

static bool is_object(struct slice json)
{
    return json.n && json.p[0] == '{';
}

static bool is_array(struct slice json)
{
    return json.n && json.p[0] == '[';
}

static void take_keys(const struct envelope *env, struct intake_keys *ret)
{
    struct slice type = scan_plain(env->type), status = scan_plain(env->status);

    str_add(&ret->dedupe, scan_plain(env->id));
    if (type.n && type.n + status.n < 120) {
        str_add(&ret->type, type);
        str_addc(&ret->type, '.');
        str_add(&ret->type, status);
    }
}

bool nin_intake(struct slice body, struct intake_keys *ret, struct err *e)
{
    struct envelope env = {0}, inner = {0};

    if (!scan_json(body, on_member, &env, e))
        return false;
    if (is_object(env.activity) && !env.type.n) {
        if (!scan_json(env.activity, on_member, &inner, e))
            return false;
        env = inner;
    } else if (is_array(env.activities) && !env.type.n) {
        str_adds(&ret->type, "activities"); /* several: only the whole body tells two deliveries apart */
        return true;
    }
    take_keys(&env, ret);
    return true;
}

struct several {
    const struct sink *sink;
    struct arena *arena;
    bool applied, unknown, failed;
    struct err *e;
};

static enum decode_result decode_one(struct slice json, struct arena *a, const struct sink *sink, struct err *e)
{
    struct nin_activity activity = {0};

    if (!is_object(json)) {
        err_set(e, ERR_DATA, "a NinjaOne activity is a JSON object, this body is not");
        return DECODE_FAILED;
    }
    if (!map_read(&nin_activity_map, json, a, &activity, e)) {
        err_wrap(e, "NinjaOne activity");
        return DECODE_FAILED;
    }
    if (!activity.type.n) {
        err_set(e, ERR_DATA, "activityType is missing: this is no NinjaOne activity");
        return DECODE_FAILED;
    }
    return nin_activity_emit(&activity, sink, e);
}

static void on_element(void *arg, struct slice key, struct slice value)
{
    struct several *s = arg;

    switch (decode_one(value, s->arena, s->sink, s->e)) {
    case DECODE_APPLIED:
        s->applied = true;
        break;
    case DECODE_IGNORED:
        break;
    case DECODE_UNKNOWN:
        s->unknown = true;
        break;
    case DECODE_FAILED:
        s->failed = true;
        break;
    }
}

/* One bad activity must show, its neighbours still count: applying is idempotent, so a later replay does no harm. */
static enum decode_result decode_several(struct slice json, struct arena *a, const struct sink *sink, struct err *e)
{
    struct several s = {.sink = sink, .arena = a, .e = e};

    if (!scan_json(json, on_element, &s, e) || s.failed)
        return DECODE_FAILED;
    if (s.applied)
        return DECODE_APPLIED;
    return s.unknown ? DECODE_UNKNOWN : DECODE_IGNORED;
}

enum decode_result nin_decode(struct slice body, usec_t received, const struct sink *sink, struct err *e)
{
    _cleanup_(arena_freep) struct arena *a = arena_new();
    struct envelope env = {0};

    if (!scan_json(body, on_member, &env, e))
        return DECODE_FAILED;
    if (!env.type.n && is_object(env.activity))
        return decode_one(env.activity, a, sink, e);
    if (!env.type.n && is_array(env.activities))
        return decode_several(env.activities, a, sink, e);
    return decode_one(slice_trim(body), a, sink, e);
}
