/* jamf/mobile.c - mobile devices of the Pro API: the flat list, and the detail with its sections. */
#include "paged.h"

static int64_t mobile_total(const struct jamf *j)
{
    struct j_mobile m;
    int64_t n = 0;
    for (int64_t id = 1; id <= j->nmobile; id++)
        n += j_mobile(j, id, &m);
    return n;
}

void j_mobiles(void *self, struct ask *a, struct answer *r)
{
    struct jamf *j = self;
    struct paged p;
    struct j_mobile m;
    if (!paged_begin(&p, j, a, r, J_PAGE_MAX, mobile_total(j)))
        return;
    paged_rows(&p);
    for (int64_t id = 1; id <= j->nmobile; id++) {
        if (!j_mobile(j, id, &m) || !paged_in(&p))
            continue;
        jw_object(&p.w);
        j_key_id(&p.w, "id", m.id);
        jw_key_str(&p.w, "name", m.name);
        jw_key_str(&p.w, "serialNumber", m.serial);
        jw_key_str(&p.w, "wifiMacAddress", m.mac);
        jw_key_str(&p.w, "udid", m.udid);
        jw_key_str(&p.w, "phoneNumber", NULL);
        jw_key_str(&p.w, "model", m.tv ? "Apple TV 4K" : "iPad (9th generation)");
        jw_key_str(&p.w, "modelIdentifier", m.tv ? "AppleTV11,1" : "iPad12,1");
        jw_key_str(&p.w, "username", m.username);
        jw_key_str(&p.w, "type", m.tv ? "appleTv" : "ios");
        jw_key_str(&p.w, "managementId", m.management);
        jw_end(&p.w);
    }
    paged_end(&p);
}

enum { M_GENERAL = 1, M_HARDWARE = 2, M_USER = 4, M_SECURITY = 8, M_NETWORK = 16 };
static const struct {
    const char *name;
    unsigned bit;
} mobile_sections[] = {{"GENERAL", M_GENERAL},
                       {"HARDWARE", M_HARDWARE},
                       {"USER_AND_LOCATION", M_USER},
                       {"SECURITY", M_SECURITY},
                       {"NETWORK", M_NETWORK},
                       {"PURCHASING", 0},
                       {"APPLICATIONS", 0},
                       {"EBOOKS", 0},
                       {"SERVICE_SUBSCRIPTIONS", 0},
                       {"CERTIFICATES", 0},
                       {"PROFILES", 0},
                       {"USER_PROFILES", 0},
                       {"PROVISIONING_PROFILES", 0},
                       {"SHARED_USERS", 0},
                       {"GROUPS", 0},
                       {"EXTENSION_ATTRIBUTES", 0}};

static bool mobile_sections_of(struct ask *a, struct answer *r, unsigned *ret)
{
    bool any = false;
    *ret = 0;
    for (size_t k = 0; k < a->nargs; k++) {
        size_t s = 0;
        if (!slice_is(a->args[k].name, "section"))
            continue;
        while (s < ARRAY_LEN(mobile_sections) && !slice_is(a->args[k].value, mobile_sections[s].name))
            s++;
        if (s == ARRAY_LEN(mobile_sections)) {
            j_error(r, 400, "INVALID_FIELD", "section", "No section %.*s", SLICE_FMT(a->args[k].value));
            return false;
        }
        *ret |= mobile_sections[s].bit;
        any = true;
    }
    if (!any)
        *ret = M_GENERAL;
    return true;
}

/* mobileDeviceId=="17", or a date that lastInventoryUpdateDate is not before: what is played of its filter. */
struct mobile_filter {
    int64_t id;   /* 0: any */
    usec_t since; /* USEC_NONE: any */
};

static bool mobile_filter_of(struct ask *a, struct answer *r, struct mobile_filter *ret)
{
    static const struct slice by_id = SLICE_INIT("mobileDeviceId=="), by_date = SLICE_INIT("lastInventoryUpdateDate>=");
    struct slice text;
    *ret = (struct mobile_filter){.since = USEC_NONE};
    if (!ask_arg(a, "filter", &text) || !text.n)
        return true;
    struct slice value = slice_starts(text, by_id)     ? slice_of(text.p + by_id.n, text.n - by_id.n)
                         : slice_starts(text, by_date) ? slice_of(text.p + by_date.n, text.n - by_date.n)
                                                       : SLICE_NONE;
    if (value.n > 2 && *value.p == '"' && value.p[value.n - 1] == '"')
        value = slice_of(value.p + 1, value.n - 2);
    if (slice_starts(text, by_id) ? slice_i64(value, &ret->id) && ret->id > 0 : clock_parse_iso(value, &ret->since))
        return true;
    j_error(r, 400, "INVALID_FIELD", "filter", "Cannot read the filter %.*s", (int)MIN(text.n, 80), text.p);
    return false;
}

static void write_mobile_general(struct jw *w, const struct j_mobile *m)
{
    char buf[J_TIME_MAX];
    jw_key_str(w, "udid", m->udid);
    jw_key_str(w, "displayName", m->name);
    jw_key_str(w, "assetTag", m->id % 3 ? "" : "M-17");
    jw_key_str(w, "siteId", m->id % 4 == 1 ? "1" : "-1");
    jw_key_str(w, "lastInventoryUpdateDate", j_time(m->reported, buf));
    jw_key_str(w, "lastContactDate", j_time(m->reported, buf));
    jw_key_str(w, "osVersion", m->tv ? "18.6" : "18.6.2");
    jw_key_str(w, "osBuild", "22G100");
    jw_key_str(w, "ipAddress", "10.0.0.17");
    jw_key_bool(w, "managed", m->managed);
    jw_key_bool(w, "supervised", m->id % 2 == 0);
    jw_key_str(w, "deviceOwnershipType", m->id % 7 == 6 ? "UserEnrollment" : "Institutional");
    jw_key_str(w, "lastEnrolledDate", "2025-02-11T09:30:00.417Z");
    jw_key_str(w, "mdmProfileExpirationDate", "2027-02-11T09:29:41Z");
    jw_key_bool(w, "declarativeDeviceManagementEnabled", false);
    jw_key_str(w, "managementId", m->management);
}

static void write_mobile_hardware(struct jw *w, const struct j_mobile *m)
{
    jw_key_i64(w, "capacityMb", 65536);
    jw_key_i64(w, "availableSpaceMb", 30211);
    jw_key_i64(w, "usedSpacePercentage", 54);
    jw_key_str(w, "serialNumber", m->serial);
    jw_key_str(w, "wifiMacAddress", m->mac);
    jw_key_str(w, "bluetoothMacAddress", m->tv ? "" : "ee:00:7c:f0:e5:aa");
    jw_key_str(w, "model", m->tv ? "Apple TV 4K" : "iPad (9th generation)");
    jw_key_str(w, "modelIdentifier", m->tv ? "AppleTV11,1" : "iPad12,1");
    jw_key_str(w, "modelNumber", "MW742LL");
}

static void write_mobile_user(struct jw *w, const struct j_mobile *m)
{
    jw_key_str(w, "username", m->username);
    jw_key_str(w, "realName", "");
    jw_key_str(w, "emailAddress", "");
    jw_key_str(w, "departmentId", "-1");
    jw_key_str(w, "buildingId", m->id % 2 ? "1" : "");
    jw_key_str(w, "room", "");
}

static void write_mobile_security(struct jw *w, const struct j_mobile *m)
{
    jw_key_bool(w, "dataProtected", true);
    jw_key_bool(w, "passcodePresent", m->id % 5 != 3);
    jw_key_bool(w, "passcodeCompliant", true);
    jw_key_i64(w, "hardwareEncryption", 3);
    jw_key_bool(w, "activationLockEnabled", m->id % 4 == 2);
    jw_key_bool(w, "jailBreakDetected", m->id % 17 == 16);
    jw_key_bool(w, "lostModeEnabled", false);
}

static void write_part(struct jw *w, const char *key, const struct j_mobile *m, bool wanted,
                       void (*write)(struct jw *w, const struct j_mobile *m))
{
    jw_key(w, key);
    if (!wanted) {
        jw_null(w);
        return;
    }
    jw_object(w);
    write(w, m);
    jw_end(w);
}

static void write_mobile(struct jw *w, const struct j_mobile *m, unsigned sections)
{
    jw_object(w);
    j_key_id(w, "mobileDeviceId", m->id);
    jw_key_str(w, "deviceType", m->tv ? "tvOS" : "iOS");
    write_part(w, "general", m, sections & M_GENERAL, write_mobile_general);
    write_part(w, "hardware", m, sections & M_HARDWARE, write_mobile_hardware);
    write_part(w, "userAndLocation", m, sections & M_USER, write_mobile_user);
    if (!m->tv)
        write_part(w, "security", m, sections & M_SECURITY, write_mobile_security);
    jw_end(w);
}

void j_mobiles_detail(void *self, struct ask *a, struct answer *r)
{
    struct jamf *j = self;
    struct paged p;
    struct j_mobile m;
    struct mobile_filter f;
    unsigned sections;
    int64_t total = 0;
    if (!mobile_sections_of(a, r, &sections) || !mobile_filter_of(a, r, &f))
        return;
    for (int64_t id = 1; id <= j->nmobile; id++)
        total += (!f.id || f.id == id) && j_mobile(j, id, &m) && (f.since == USEC_NONE || m.reported >= f.since);
    if (!paged_begin(&p, j, a, r, J_PAGE_MAX, total))
        return;
    paged_rows(&p);
    for (int64_t id = 1; id <= j->nmobile; id++) {
        if ((f.id && f.id != id) || !j_mobile(j, id, &m) || (f.since != USEC_NONE && m.reported < f.since))
            continue;
        if (paged_in(&p))
            write_mobile(&p.w, &m, sections);
    }
    paged_end(&p);
}
