/* jamf/hook.c - the webhooks that Jamf Pro sends: one event each, without a signature, never repeated. A computer's fields are flat in
 * some events, nested in others, and a boolean in those of groups; ids are numbers here. */
#include "../hooks.h"
#include "base/crypto.h"
#include "jamf.h"
#include <stdlib.h>

static const char *const event_names[] = {
    [J_COMPUTER_ADDED] = "ComputerAdded",
    [J_COMPUTER_CHECK_IN] = "ComputerCheckIn",
    [J_COMPUTER_INVENTORY] = "ComputerInventoryCompleted",
    [J_GROUP_CHANGE] = "SmartGroupComputerMembershipChange",
};

static const char *text_of(const struct j_computer *c, enum j_field f)
{
    return c->v[f] ? c->v[f] : "";
}

/* Names, where the inventory has ids. */
static const char *place_name(const struct j_place *places, size_t n, const char *id)
{
    for (size_t k = 0; id && k < n; k++)
        if (id[0] == (char)('0' + places[k].id) && !id[1])
            return places[k].name;
    return "";
}

static void write_computer(struct jw *w, const struct j_computer *c)
{
    jw_key_str(w, "alternateMacAddress", text_of(c, JF_ALT_MAC));
    jw_key_str(w, "building", place_name(j_buildings, j_nbuildings, c->v[JF_BUILDING]));
    jw_key_str(w, "department", place_name(j_departments, j_ndepartments, c->v[JF_DEPARTMENT]));
    jw_key_str(w, "deviceName", text_of(c, JF_NAME));
    jw_key_str(w, "emailAddress", text_of(c, JF_EMAIL));
    jw_key_str(w, "ipAddress", text_of(c, JF_PUBLIC_IP));
    jw_key_i64(w, "jssID", c->id);
    jw_key_str(w, "macAddress", text_of(c, JF_MAC));
    jw_key_str(w, "model", text_of(c, JF_MODEL));
    jw_key_str(w, "osBuild", text_of(c, JF_OS_BUILD));
    jw_key_str(w, "osVersion", text_of(c, JF_OS_VERSION));
    jw_key_str(w, "phone", text_of(c, JF_PHONE));
    jw_key_str(w, "position", text_of(c, JF_POSITION));
    jw_key_str(w, "realName", text_of(c, JF_REALNAME));
    jw_key_str(w, "reportedIpAddress", text_of(c, JF_REPORTED_IP));
    jw_key_str(w, "room", text_of(c, JF_ROOM));
    jw_key_str(w, "serialNumber", text_of(c, JF_SERIAL));
    jw_key_str(w, "udid", text_of(c, JF_UDID));
    jw_key_str(w, "userDirectoryID", "-1");
    jw_key_str(w, "username", text_of(c, JF_USERNAME));
    if (c->id % 2) /* on newer servers only */
        jw_key_str(w, "managementId", text_of(c, JF_MANAGEMENT_ID));
}

static void write_group(struct jw *w, struct jamf *j, const struct j_computer *c, int64_t group, bool added)
{
    static const char *const lists[] = {"groupAddedDevices", "groupRemovedDevices"};
    static const char *const ids[] = {"groupAddedDevicesIds", "groupRemovedDevicesIds"};
    const struct j_group *g = j_group(j, group);
    jw_key_bool(w, "computer", true);
    for (size_t k = 0; k < 2; k++) {
        jw_key(w, lists[k]);
        jw_array(w);
        jw_end(w);
        jw_key(w, ids[k]);
        jw_array(w);
        if ((k == 0) == added)
            jw_i64(w, c->id);
        jw_end(w);
    }
    jw_key_i64(w, "jssid", group);
    jw_key_str(w, "name", g ? g->name : "");
    jw_key_bool(w, "smartGroup", true);
}

static void write_event(struct jamf *j, enum j_event event, const struct j_computer *c, int64_t group, bool added,
                        usec_t at, struct str *out)
{
    struct jw w;
    jw_init(&w, out);
    jw_object(&w);
    jw_key(&w, "event");
    jw_object(&w);
    if (event == J_GROUP_CHANGE) {
        write_group(&w, j, c, group, added);
    } else if (event == J_COMPUTER_CHECK_IN) {
        jw_key(&w, "computer");
        jw_object(&w);
        write_computer(&w, c);
        jw_end(&w);
        jw_key_str(&w, "trigger", "CLIENT_CHECKIN");
        jw_key_str(&w, "username", text_of(c, JF_USERNAME));
    } else {
        write_computer(&w, c);
    }
    jw_end(&w);
    jw_key(&w, "webhook");
    jw_object(&w);
    jw_key_i64(&w, "eventTimestamp", at / USEC_PER_MS);
    jw_key_i64(&w, "id", 4 + (int64_t)event);
    jw_key_str(&w, "name", "msphub");
    jw_key_str(&w, "webhookEvent", event_names[event]);
    jw_end(&w);
    jw_end(&w);
}

/* --- where they go --- */

static void add_headers(const struct j_hook *h, struct hook_message *m)
{
    hook_message_header(m, SLICE("Content-Type"), SLICE("application/json"));
    hook_message_header(m, SLICE("User-Agent"), SLICE("Jamf-Pro"));
    if (h->authentication == J_HOOK_BASIC) {
        _cleanup_(str_release) struct str plain = {0}, header = {0};
        str_addf(&plain, "%s:%s", h->username, h->password);
        str_adds(&header, "Basic ");
        str_add_base64(&header, str_slice(&plain));
        hook_message_header(m, SLICE("Authorization"), str_slice(&header));
    }
    for (size_t k = 0; k < h->nheaders; k++)
        hook_message_header(m, slice_cstr(h->headers[k].name), slice_cstr(h->headers[k].value));
}

void j_tell(struct jamf *j, enum j_event event, const struct j_computer *c, int64_t group, bool added)
{
    struct hook_message m = {.method = HTTP_POST};
    if (!j->hook.url)
        return;
    m.url = mem_strdup(j->hook.url);
    write_event(j, event, c, group, added, sim_wall(j->sim), &m.body);
    add_headers(&j->hook, &m);
    sim_send_hook(j->sim, &jamf_product, &m);
}

bool j_burst(void *self, const char *event, uint64_t n, struct hook_message *ret, const char **why)
{
    static const struct {
        const char *name;
        enum j_event event;
    } known[] = {{"inventory", J_COMPUTER_INVENTORY},
                 {"check_in", J_COMPUTER_CHECK_IN},
                 {"added", J_COMPUTER_ADDED},
                 {"group", J_GROUP_CHANGE}};
    struct jamf *j = self;
    struct j_computer *c = mem_alloc(sizeof(*c));
    size_t k = 0;
    bool ok = false;
    while (k < ARRAY_LEN(known) && strcmp(event, known[k].name) != 0)
        k++;
    *why = k == ARRAY_LEN(known) ? "event is inventory, check_in, added or group" : "the fleet has no computer";
    for (int64_t tries = 0; k < ARRAY_LEN(known) && !ok && tries < j->ncomputers; tries++)
        ok = j_computer(j, 1 + (int64_t)(n * 7 + (uint64_t)tries) % MAX(j->ncomputers, 1), c);
    if (ok)
        write_event(j, known[k].event, c, 1, true, sim_wall(j->sim) + MILLIS((int64_t)n), &ret->body);
    free(c);
    return ok;
}

void j_unsubscribe(void *self)
{
    struct j_hook *h = &((struct jamf *)self)->hook;
    free(h->url);
    free(h->username);
    free(h->password);
    for (size_t k = 0; k < h->nheaders; k++) {
        free(h->headers[k].name);
        free(h->headers[k].value);
    }
    *h = (struct j_hook){.url = NULL};
}

/* A header that the product forbids. */
static bool is_forbidden(struct slice name)
{
    static const char *const names[] = {"Content-Type", "User-Agent", "Accept-Encoding", "Content-Length", "Host"};
    for (size_t k = 0; k < ARRAY_LEN(names); k++)
        if (slice_ieq(name, slice_cstr(names[k])))
            return true;
    return false;
}

static bool take_headers(struct j_hook *h, const struct json *o)
{
    if (!o || o->type != JSON_OBJECT || !o->child)
        return false;
    for (const struct json *m = o->child; m; m = m->next) {
        if (m->type != JSON_STRING || is_forbidden(m->key) || h->nheaders == ARRAY_LEN(h->headers))
            return false;
        h->headers[h->nheaders++] =
            (struct hook_header_copy){mem_strndup(m->key.p, m->key.n), mem_strndup(m->text.p, m->text.n)};
    }
    return true;
}

/* The keys of the Classic API's webhook. */
bool j_subscribe(void *self, struct slice text, const char **why)
{
    struct jamf *j = self;
    struct j_hook *h = &j->hook;
    _cleanup_(arena_freep) struct arena *arena = arena_new();
    struct json *o;
    bool ok;
    j_unsubscribe(j);
    *why = "an object with url; authentication_type NONE, BASIC (username, password) or HEADER (header)";
    if (!json_parse(arena, text, &o, NULL) || o->type != JSON_OBJECT || !json_get_text(o, "url").n)
        return false;
    struct slice url = json_get_text(o, "url"), type = json_get_text(o, "authentication_type"),
                 user = json_get_text(o, "username"), password = json_get_text(o, "password");
    h->url = mem_strndup(url.p, url.n);
    if (slice_is(type, "HEADER")) {
        h->authentication = J_HOOK_HEADER;
        ok = take_headers(h, json_get(o, "header"));
    } else if (slice_is(type, "BASIC")) {
        h->authentication = J_HOOK_BASIC;
        h->username = mem_strndup(user.p ? user.p : "", user.n);
        h->password = mem_strndup(password.p ? password.p : "", password.n);
        ok = user.n && password.n;
    } else {
        ok = !type.n || slice_is(type, "NONE");
    }
    if (!ok)
        j_unsubscribe(j);
    return ok;
}
