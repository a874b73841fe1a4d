/* provider.c - Jamf Pro: what the engine and the console need to know of it. The machines are in token.c, probe.c, doctor.c, sync.c,
 * single.c and live.c, webhooks in webhook.c; doc/provider-jamf.md is the page for people. */
#include "provider/jamf/jamf.h"
#include "provider/providers.h"

#include <stdio.h>

static const char *const ways[] = {"api_client", "user", NULL};

static const struct provider_field fields[] = {
    {.key = "base_url",
     .label = "Server address",
     .kind = FIELD_INPUT_URL,
     .required = true,
     .help = "The address of Jamf Pro as your browser shows it, with port and path if it has them: "
             "https://example.jamfcloud.com, https://jamf.example.org:8443."},
    {.key = "auth",
     .label = "Sign in as",
     .kind = FIELD_INPUT_SELECT,
     .fallback = "api_client",
     .options = ways,
     .help = "api_client: Settings, System, API roles and clients (Jamf Pro 10.49 or newer). user: a local account; "
             "one that "
             "signs in by SSO cannot use the API."},
    {.key = "client_id", .label = "Client ID", .kind = FIELD_INPUT_TEXT, .help = "Of the API client."},
    {.key = "client_secret",
     .label = "Client secret",
     .kind = FIELD_INPUT_SECRET,
     .help = "Shown once when it is generated."},
    {.key = "username", .label = "User name", .kind = FIELD_INPUT_TEXT, .help = "Of the local account."},
    {.key = "password", .label = "Password", .kind = FIELD_INPUT_SECRET, .help = "Of the local account."},
    {.key = "user_and_location",
     .label = "User and location",
     .kind = FIELD_INPUT_BOOL,
     .fallback = "true",
     .help = "Reads whom a device is assigned to, and where it stands."},
    {.key = "storage",
     .label = "Storage",
     .kind = FIELD_INPUT_BOOL,
     .fallback = "true",
     .help = "Reads disks and partitions."},
    {.key = "security",
     .label = "Security and disk encryption",
     .kind = FIELD_INPUT_BOOL,
     .fallback = "true",
     .help = "Reads FileVault, Gatekeeper, SIP, XProtect and so on; never recovery keys."},
    {.key = "applications",
     .label = "Applications",
     .kind = FIELD_INPUT_BOOL,
     .fallback = "false",
     .help = "Reads all installed applications of each computer: by far the largest part of an inventory, in smaller "
             "pages."},
    {.key = "locations",
     .label = "Buildings and rooms",
     .kind = FIELD_INPUT_BOOL,
     .fallback = "false",
     .help = "Makes locations of buildings, and rooms of what stands in a device's room."},
    {.key = "mobile_devices",
     .label = "Mobile devices",
     .kind = FIELD_INPUT_BOOL,
     .fallback = "true",
     .help = "Reads iPhones, iPads and Apple TVs as well; needs the privilege Read Mobile Devices."},
};

bool jamf_is_client(const struct settings *s)
{
    return !slice_is(settings_text(s, "auth"), "user");
}

/* People paste the address of a page or of a call. */
bool jamf_base_url(const struct settings *s, struct str *ret, struct err *e)
{
    static const char *const suffixes[] = {"/index.html", "/api/v1", "/api", "/JSSResource"};
    struct str url = {0};

    if (!url_normalise(settings_text(s, "base_url"), "base_url", &url, e)) {
        str_release(&url);
        return false;
    }
    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++)
        url_drop_suffix(&url, suffixes[i]);
    str_add(ret, str_slice(&url));
    str_release(&url);
    return true;
}

static void authorize(const struct settings *s, struct slice access_token, struct arena *a, struct machine_call *call)
{
    call_add_header(call, a, "Authorization", "Bearer %.*s", SLICE_FMT(access_token));
}

/* The common rule, but that a 401 of the sign-in is the answer itself, and that Classic says so (in a page) of a missing privilege:
 * a token that it does not take is told in JSON. */
static enum reply_class classify(const struct machine_call *call, const struct machine_reply *r, char first)
{
    bool classic = slice_starts(slice_cstr(call->path), SLICE("/JSSResource/"));

    if (r->err)
        return r->err->code == ERR_TIMEOUT || r->err->code == ERR_UNAVAILABLE || r->err->code == ERR_PROTOCOL
                   ? REPLY_UNAVAILABLE
                   : REPLY_FAILED;
    if (r->status == 429)
        return REPLY_THROTTLED;
    if (r->status >= 500 || r->status == 408)
        return REPLY_UNAVAILABLE;
    if (r->status == 401 && !call->anonymous && !(classic && first == '<'))
        return REPLY_AUTH;
    return r->status / 100 == 2 && first != '<' ? REPLY_OK : REPLY_FAILED;
}

/* --- versions and sections --- */

unsigned jamf_inventory_version(struct slice server)
{
    struct slice rest = server, major = slice_cut(&rest, '.'), minor = slice_cut(&rest, '.');
    int64_t a, b;

    if (!slice_i64(major, &a) || !slice_i64(minor, &b) || a > 11 || (a == 11 && b >= 30))
        return 4;
    return a == 11 && b >= 23 ? 3 : 1;
}

unsigned jamf_inventory_before(unsigned version)
{
    return version > 1 ? version - 1 : 0;
}

void jamf_add_sections(const struct settings *s, uint64_t kinds, bool people, struct str *path)
{
    bool devices = (kinds & SYNC_KIND(RECORD_DEVICE)) != 0, user = settings_bool(s, "user_and_location");
    const struct {
        const char *name;
        bool wanted;
    } sections[] = {
        {"GENERAL", devices},
        {"HARDWARE", devices},
        {"OPERATING_SYSTEM", devices},
        {"USER_AND_LOCATION", (devices && user) || people || (kinds & SYNC_KIND(RECORD_LOCATION)) != 0},
        {"STORAGE", devices && settings_bool(s, "storage")},
        {"SECURITY", devices && settings_bool(s, "security")},
        {"DISK_ENCRYPTION", devices && settings_bool(s, "security")},
        {"APPLICATIONS", (kinds & SYNC_KIND(RECORD_SOFTWARE)) != 0},
        {"GROUP_MEMBERSHIPS", (kinds & SYNC_KIND(RECORD_GROUP)) != 0},
    };
    bool first = true;

    for (size_t i = 0; i < ARRAY_LEN(sections); i++) {
        if (!sections[i].wanted)
            continue;
        str_addf(path, "%ssection=%s", first ? "" : "&", sections[i].name);
        first = false;
    }
}

/* --- webhooks, actions --- */

static const char template[] =
    "In Settings, Global, Webhooks make one webhook for each of these events: ComputerAdded, "
    "ComputerInventoryCompleted, "
    "SmartGroupComputerMembershipChange (with a group chosen), and, if the last contact is to be shown to the minute, "
    "ComputerCheckIn; for mobile devices MobileDeviceEnrolled, MobileDeviceInventoryCompleted.\n"
    "Webhook URL: the webhook's URL.\n"
    "Authentication type: Header authentication, with\n"
    "{\"X-Msphub-Secret\": \"<the webhook's secret>\"}\n"
    "Content type: JSON. The timeouts may stay as they are.\n";

static const struct provider_action actions[] = {
    {.key = "live",
     .label = "Live details",
     .help = "Asks Jamf Pro now: enrolment, FileVault, Gatekeeper, SIP, XProtect, applications, profiles, groups, last "
             "check-in.",
     .target = ACTION_ON_DEVICE,
     .flags = ACTION_READS,
     .cache = SECONDS(600),
     .stale_cache = SECONDS(30 * 86400LL),
     .ops = &jamf_live_ops},
};

const struct provider provider_jamf = {
    .key = "jamf",
    .name = JAMF,
    .vendor = "Jamf",
    .category = "MDM",
    .description = "Macs and mobile devices with hardware, disk encryption and assignment, users, computer groups; "
                   "webhooks.",
    .documentation_url = "https://developer.jamf.com/jamf-pro/reference/classic-api",
    .fields = fields,
    .nfields = ARRAY_LEN(fields),
    .flags = PROVIDER_WEBHOOK,
    .kinds = SYNC_KIND(RECORD_ORGANIZATION) | SYNC_KIND(RECORD_LOCATION) | SYNC_KIND(RECORD_DEVICE) |
             SYNC_KIND(RECORD_FACET) | SYNC_KIND(RECORD_SOFTWARE) | SYNC_KIND(RECORD_PERSON) | SYNC_KIND(RECORD_GROUP),
    .limits = {.concurrency = 3, .per_minute = 0, .scope = BUDGET_HOST},
    .webhook_secret_header = "X-Msphub-Secret",
    .webhook_template = template,
    .base_url = jamf_base_url,
    .authorize = authorize,
    .classify = classify,
    .authenticate = &jamf_authenticate_ops,
    .probe = &jamf_probe_ops,
    .sync = &jamf_sync_ops,
    .doctor = &jamf_doctor_ops,
    .actions = actions,
    .nactions = ARRAY_LEN(actions),
    .intake = jamf_intake,
    .decode = jamf_decode,
};
