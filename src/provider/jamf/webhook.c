/* webhook.c - what Jamf Pro posts: {"event":{…},"webhook":{"webhookEvent",…}}. A computer's members are flat in some events, under
 * `event.computer` in others, and `event.computer` is a boolean in those of groups; ids are numbers, jssID of things and jssid of groups.
 * Always: a delivery is a hint. What it names is read again; nothing of what it says is stored. */
#include "provider/common_scan.h"
#include "provider/jamf/jamf.h"

/* A group that moves more at once is left to the next sync. */
#define MOVED_MAX 100

struct envelope {
    struct slice event, webhook; /* JSON text */
};
struct event {
    struct slice id, inner, added, removed;
};

static void on_envelope(void *arg, struct slice key, struct slice value)
{
    struct envelope *x = arg;

    if (slice_is(key, "event"))
        x->event = value;
    else if (slice_is(key, "webhook"))
        x->webhook = value;
}

static void on_webhook(void *arg, struct slice key, struct slice value)
{
    if (slice_is(key, "webhookEvent"))
        *(struct slice *)arg = scan_plain(value);
}

static void on_event(void *arg, struct slice key, struct slice value)
{
    struct event *x = arg;

    if (slice_is(key, "jssID"))
        x->id = scan_plain(value);
    else if (slice_is(key, "computer") || slice_is(key, "mobileDevice"))
        x->inner = value;
    else if (slice_is(key, "groupAddedDevicesIds"))
        x->added = value;
    else if (slice_is(key, "groupRemovedDevicesIds"))
        x->removed = value;
}

static bool is_object(struct slice json)
{
    return json.n && json.p[0] == '{';
}

bool jamf_intake(struct slice body, struct intake_keys *ret, struct err *e)
{
    struct envelope env = {{NULL, 0}, {NULL, 0}};
    struct slice kind = SLICE_NONE;

    if (!scan_json(body, on_envelope, &env, e))
        return false;
    if (is_object(env.webhook) && scan_json(env.webhook, on_webhook, &kind, e) && kind.n < 100)
        str_add(&ret->type, kind);
    return true; /* the time of the event is in the body: its hash is its key */
}

enum named { NAMES_NOTHING, NAMES_COMPUTER, NAMES_MOBILE, NAMES_COMPUTERS, NAMES_MOBILES };
static const struct {
    const char *kind;
    enum named named;
} kinds[] = {
    {"ComputerAdded", NAMES_COMPUTER},
    {"ComputerCheckIn", NAMES_COMPUTER},
    {"ComputerInventoryCompleted", NAMES_COMPUTER},
    {"ComputerPushCapabilityChanged", NAMES_COMPUTER},
    {"MobileDeviceCheckIn", NAMES_MOBILE},
    {"MobileDeviceEnrolled", NAMES_MOBILE},
    {"MobileDeviceInventoryCompleted", NAMES_MOBILE},
    {"MobileDeviceUnEnrolled", NAMES_MOBILE},
    {"SmartGroupComputerMembershipChange", NAMES_COMPUTERS},
    {"SmartGroupMobileDeviceMembershipChange", NAMES_MOBILES},
    {"ComputerPatchPolicyCompleted", NAMES_NOTHING},
    {"ComputerPolicyFinished", NAMES_NOTHING},
    {"DeviceAddedToDEP", NAMES_NOTHING},
    {"JSSShutdown", NAMES_NOTHING},
    {"JSSStartup", NAMES_NOTHING},
    {"MobileDeviceCommandCompleted", NAMES_NOTHING},
    {"MobileDevicePushSent", NAMES_NOTHING},
    {"PatchSoftwareTitleUpdated", NAMES_NOTHING},
    {"PushSent", NAMES_NOTHING},
    {"RestAPIOperation", NAMES_NOTHING},
    {"SCEPChallenge", NAMES_NOTHING},
    {"SmartGroupUserMembershipChange", NAMES_NOTHING},
};

static bool is_number(struct slice id)
{
    int64_t n;

    return slice_i64(id, &n) && n > 0;
}

static void refresh(struct slice id, bool mobile, usec_t at, const struct sink *sink)
{
    char buf[JAMF_ID_MAX];
    struct record r = {.kind = RECORD_REFRESH, .ref = {.device_id = mobile ? jamf_mobile_id(id, buf) : id, .at = at}};

    sink->record(sink->arg, &r);
}

struct moved {
    struct slice ids[MOVED_MAX];
    size_t n;
    bool more;
};

static void on_moved(void *arg, struct slice key, struct slice value)
{
    struct moved *m = arg;
    struct slice id = scan_plain(value);

    if (!is_number(id))
        return;
    if (m->n < MOVED_MAX)
        m->ids[m->n++] = id;
    else
        m->more = true;
}

static bool is_array(struct slice json)
{
    return json.n && json.p[0] == '[';
}

static enum decode_result decode_group(const struct event *x, bool mobile, usec_t received, const struct sink *sink,
                                       struct err *e)
{
    struct moved m = {.n = 0};

    if ((is_array(x->added) && !scan_json(x->added, on_moved, &m, e)) ||
        (is_array(x->removed) && !scan_json(x->removed, on_moved, &m, e)))
        return DECODE_FAILED;
    if (m.more || !m.n)
        return DECODE_IGNORED;
    for (size_t i = 0; i < m.n; i++)
        refresh(m.ids[i], mobile, received, sink);
    return DECODE_APPLIED;
}

static enum decode_result decode_device(struct event *x, bool mobile, usec_t received, const struct sink *sink,
                                        struct err *e)
{
    if (is_object(x->inner) && !scan_json(x->inner, on_event, x, e))
        return DECODE_FAILED;
    if (!is_number(x->id)) {
        err_set(e, ERR_DATA, "the event names no device: neither event.jssID nor event.computer.jssID is a number");
        return DECODE_FAILED;
    }
    refresh(x->id, mobile, received, sink);
    return DECODE_APPLIED;
}

enum decode_result jamf_decode(struct slice body, usec_t received, const struct sink *sink, struct err *e)
{
    struct envelope env = {{NULL, 0}, {NULL, 0}};
    struct slice kind = SLICE_NONE;
    struct event event = {{NULL, 0}, {NULL, 0}, {NULL, 0}, {NULL, 0}};
    size_t k = 0;

    if (!scan_json(body, on_envelope, &env, e))
        return DECODE_FAILED;
    if (!is_object(env.webhook) || !is_object(env.event)) {
        err_set(e, ERR_DATA, "the body is no event of Jamf Pro: it has not both \"event\" and \"webhook\"");
        return DECODE_FAILED;
    }
    if (!scan_json(env.webhook, on_webhook, &kind, e) || !scan_json(env.event, on_event, &event, e))
        return DECODE_FAILED;
    while (k < ARRAY_LEN(kinds) && !slice_is(kind, kinds[k].kind))
        k++;
    if (k == ARRAY_LEN(kinds))
        return DECODE_UNKNOWN;
    switch (kinds[k].named) {
    case NAMES_COMPUTER:
    case NAMES_MOBILE:
        return decode_device(&event, kinds[k].named == NAMES_MOBILE, received, sink, e);
    case NAMES_COMPUTERS:
    case NAMES_MOBILES:
        return decode_group(&event, kinds[k].named == NAMES_MOBILES, received, sink, e);
    case NAMES_NOTHING:
        break;
    }
    return DECODE_IGNORED;
}
