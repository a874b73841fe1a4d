/* live.c - the action "live": what Jamf Pro knows of one device now. Reads only, and stores nothing. Its answer's members are told in
 * doc/provider-jamf.md. */
#include "base/json_write.h"
#include "provider/jamf/pages.h"

struct jamf_live {
    struct machine m;
    struct task device;
    struct slice number;
    struct str base_url;
    struct str json;
    unsigned inventory;
};

static struct jamf_live *live_of(struct machine *m)
{
    return container_of(m, struct jamf_live, m);
}

static void ask_computer(struct task *t, struct str *path, struct str *body)
{
    struct jamf_live *x = live_of(t->machine);

    str_addf(path,
             "/api/v%u/computers-inventory?section=GENERAL&section=OPERATING_SYSTEM&section=SECURITY&"
             "section=DISK_ENCRYPTION&section=APPLICATIONS&section=CONFIGURATION_PROFILES&section=GROUP_MEMBERSHIPS&"
             "page=0&page-size=1&filter=id%%3D%%3D%%22%.*s%%22",
             x->inventory, SLICE_FMT(x->number));
}

static void ask_mobile(struct task *t, struct str *path, struct str *body)
{
    str_addf(path,
             "/api/v2/mobile-devices/detail?" JAMF_MOBILE_SECTIONS
             "&exception-handling=LENIENT&page=0&page-size=1&filter=mobileDeviceId%%3D%%3D%%22%.*s%%22",
             SLICE_FMT(live_of(t->machine)->number));
}

/* --- the answer --- */

static void put(struct jw *w, const char *key, struct slice s)
{
    jw_key_slice(w, key, known(s));
}

static void put_tri(struct jw *w, const char *key, enum tri v)
{
    jw_key(w, key);
    if (v == TRI_UNKNOWN)
        jw_null(w);
    else
        jw_bool(w, v == TRI_YES);
}

static void put_state(struct jw *w, const char *key, struct slice on, struct slice status)
{
    jw_key(w, key);
    jw_object(w);
    put_tri(w, "on", !on.n ? TRI_UNKNOWN : slice_is(on, "on") ? TRI_YES : TRI_NO);
    put(w, "status", status);
    jw_end(w);
}

/* The product has no word for it. */
static const char *enrollment(enum tri managed, enum tri capable, usec_t expires, usec_t reported, usec_t now)
{
    if (managed == TRI_UNKNOWN)
        return "unknown";
    if (managed == TRI_NO)
        return "unenrolled";
    if (reported == USEC_NONE)
        return "pending";
    return capable == TRI_YES || (expires != USEC_NONE && expires > now) ? "enrolled" : "unknown";
}

static void put_link(struct jw *w, struct jamf_live *x, const char *page)
{
    _cleanup_(str_release) struct str url = {0};

    str_addf(&url, "%s/%s.html?id=%.*s&o=r", x->base_url.p, page, SLICE_FMT(x->number));
    jw_key_slice(w, "url", str_slice(&url));
}

static void put_lists(struct jw *w, const struct jamf_computer *c)
{
    const struct jamf_app *a = c->apps.v;
    const struct jamf_profile *p = c->profiles.v;
    const struct jamf_group *g = c->groups.v;

    jw_key(w, "applications");
    jw_array(w);
    for (size_t i = 0; i < c->apps.n; i++) {
        jw_object(w);
        put(w, "name", a[i].name);
        put(w, "version", a[i].version.n ? a[i].version : a[i].short_version);
        put(w, "bundle_id", a[i].bundle);
        put(w, "path", a[i].path);
        jw_end(w);
    }
    jw_end(w);
    jw_key(w, "profiles");
    jw_array(w);
    for (size_t i = 0; i < c->profiles.n; i++) {
        jw_object(w);
        put(w, "id", p[i].id);
        put(w, "name", p[i].name);
        put(w, "identifier", p[i].identifier);
        jw_key_time(w, "installed", p[i].installed);
        jw_end(w);
    }
    jw_end(w);
    jw_key(w, "groups");
    jw_array(w);
    for (size_t i = 0; i < c->groups.n; i++) {
        jw_object(w);
        put(w, "id", g[i].id);
        put(w, "name", g[i].name);
        put_tri(w, "smart", g[i].smart);
        jw_end(w);
    }
    jw_end(w);
}

static void put_filevault(struct jw *w, const struct jamf_computer *c)
{
    jw_key(w, "filevault");
    jw_object(w);
    put_tri(w, "on", jamf_encrypted(c->vault, c->boot_state));
    put(w, "status", c->vault);
    put(w, "boot_volume", c->boot_state);
    jw_key(w, "percent");
    if (c->boot_percent == I64_NONE)
        jw_null(w);
    else
        jw_i64(w, c->boot_percent);
    put(w, "recovery_key", c->recovery_key);
    jw_end(w);
}

static bool is_it(struct task *t, struct slice id, const char *fault)
{
    struct jamf_live *x = live_of(t->machine);

    if (!fault && slice_eq(id, x->number))
        return true;
    return err_set(&t->machine->err, ERR_DATA, "Jamf Pro's answer about device %.*s cannot be used: %s",
                   SLICE_FMT(x->number), fault ? fault : "it is about another device");
}

static void computer_row(struct task *t, const void *row, const char *fault)
{
    struct jamf_live *x = live_of(t->machine);
    const struct jamf_computer *c = row;
    usec_t now = t->date != USEC_NONE ? t->date : t->machine->in->now;
    struct jw w;

    if (!is_it(t, c->id, fault))
        return;
    str_clear(&x->json);
    jw_init(&w, &x->json);
    jw_object(&w);
    put(&w, "name", c->name);
    jw_key_str(&w, "enrollment", enrollment(c->managed, c->capable, c->expires, c->reported, now));
    put_tri(&w, "managed", c->managed);
    put_tri(&w, "supervised", c->supervised);
    put_tri(&w, "mdm_capable", c->capable);
    put_tri(&w, "user_approved_mdm", c->approved);
    put_tri(&w, "automated_enrollment", c->automated);
    jw_key_time(&w, "enrolled", c->enrolled);
    jw_key_time(&w, "mdm_profile_expires", c->expires);
    jw_key_time(&w, "last_check_in", jamf_check_in(c));
    jw_key_time(&w, "last_inventory", c->reported);
    put_filevault(&w, c);
    put_state(&w, "gatekeeper", jamf_gatekeeper(c->gatekeeper), c->gatekeeper);
    put_state(&w, "sip", jamf_sip(c->sip), c->sip);
    put(&w, "xprotect", c->xprotect);
    put_tri(&w, "firewall", c->firewall);
    put_tri(&w, "activation_lock", c->activation_lock);
    put(&w, "os", c->os);
    put(&w, "os_version", c->os_version);
    put(&w, "os_build", c->os_build);
    put_lists(&w, c);
    put_link(&w, x, "computers");
    jw_end(&w);
}

static void mobile_row(struct task *t, const void *row, const char *fault)
{
    struct jamf_live *x = live_of(t->machine);
    const struct jamf_mobile *m = row;
    usec_t now = t->date != USEC_NONE ? t->date : t->machine->in->now;
    struct jw w;

    if (!is_it(t, m->id, fault))
        return;
    str_clear(&x->json);
    jw_init(&w, &x->json);
    jw_object(&w);
    put(&w, "name", m->name);
    jw_key_str(&w, "enrollment", enrollment(m->managed, m->managed, m->expires, m->reported, now));
    put_tri(&w, "managed", m->managed);
    put_tri(&w, "supervised", m->supervised);
    jw_key_time(&w, "enrolled", m->enrolled);
    jw_key_time(&w, "mdm_profile_expires", m->expires);
    jw_key_time(&w, "last_check_in", m->contact);
    jw_key_time(&w, "last_inventory", m->reported);
    put_tri(&w, "passcode", m->passcode);
    put_tri(&w, "passcode_compliant", m->passcode_compliant);
    put_tri(&w, "data_protected", m->encrypted);
    put_tri(&w, "activation_lock", m->activation_lock);
    put_tri(&w, "jailbroken", m->jailbroken);
    put_tri(&w, "lost_mode", m->lost);
    put(&w, "os", m->type);
    put(&w, "os_version", m->os_version);
    put(&w, "os_build", m->os_build);
    put_link(&w, x, "mobileDevices");
    jw_end(&w);
}

static enum task_verdict device_page(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    struct jamf_live *x = live_of(t->machine);

    if (t->machine->err.code != ERR_NONE) {
        *e = t->machine->err;
        return TASK_FATAL;
    }
    if (!x->json.n)
        return err_set(e, ERR_NOT_FOUND, "Jamf Pro has no device %.*s any more", SLICE_FMT(x->number)), TASK_FATAL;
    t->machine->sink->result(t->machine->sink->arg, str_slice(&x->json));
    return TASK_DONE;
}

static void device_again(struct task *t)
{
    str_clear(&live_of(t->machine)->json);
}

static enum task_verdict computer_failed(struct task *t, const struct machine_reply *r, struct err *e)
{
    struct jamf_live *x = live_of(t->machine);

    if (r->status != 404 || r->err || !jamf_inventory_before(x->inventory))
        return TASK_FATAL;
    x->inventory = jamf_inventory_before(x->inventory);
    return TASK_AGAIN;
}

static const struct map_doc computer_doc = {
    .rows = "results[]", .row = &jamf_computer_map, .head = &jamf_pages_head_map};
static const struct map_doc mobile_doc = {.rows = "results[]", .row = &jamf_mobile_map, .head = &jamf_pages_head_map};
static const struct task_kind computer_kind = {.what = "computer",
                                               .list = true,
                                               .doc = &computer_doc,
                                               .ask = ask_computer,
                                               .row = computer_row,
                                               .page = device_page,
                                               .failed = computer_failed,
                                               .again = device_again};
static const struct task_kind mobile_kind = {.what = "mobile-device",
                                             .list = true,
                                             .doc = &mobile_doc,
                                             .ask = ask_mobile,
                                             .row = mobile_row,
                                             .page = device_page,
                                             .again = device_again};

static void release(struct machine *m)
{
    str_release(&live_of(m)->base_url);
    str_release(&live_of(m)->json);
}

static struct machine *start(const struct machine_input *in, const struct sink *sink, struct err *e)
{
    struct slice number;
    bool mobile;

    if (!jamf_device_number(in->device_id, &mobile, &number))
        return err_set(e, ERR_INPUT, "\"%.*s\" is no device id of Jamf Pro", (int)MIN(in->device_id.n, 48),
                       in->device_id.p ? in->device_id.p : ""),
               NULL;
    struct jamf_live *x = NEW(struct jamf_live);
    machine_init(&x->m, in, sink, jamf_explain);
    x->m.release = release;
    x->number = number;
    x->inventory = jamf_inventory_version(SLICE(""));
    if (!jamf_base_url(in->settings, &x->base_url, e)) {
        machine_tasks_free(&x->m);
        return NULL;
    }
    machine_add(&x->m, &x->device, mobile ? &mobile_kind : &computer_kind, 0);
    return &x->m;
}

const struct machine_ops jamf_live_ops = {
    .name = "live",
    .start = start,
    MACHINE_TASKS_OPS,
};
