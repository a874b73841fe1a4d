/* provider.c - MSP360: what the engine and the console need to know of it. doc/provider-msp360.md is the page for people. */
#include "provider/msp360/msp360.h"
#include "provider/providers.h"

#include <ctype.h>

#define API_HOST "api.mspbackups.com"

static const struct provider_field fields[] = {
    {.key = "api_login",
     .label = "API login",
     .kind = FIELD_INPUT_TEXT,
     .required = true,
     .help =
         "From Settings, General, API credentials in the MSP360 console; made by the main administrator. Not the login "
         "of the console."},
    {.key = "api_password",
     .label = "API password",
     .kind = FIELD_INPUT_SECRET,
     .required = true,
     .help = "Shown with the API login. Making new credentials ends the old ones."},
    {.key = "base_url",
     .label = "Base URL",
     .kind = FIELD_INPUT_URL,
     .fallback = "https://" API_HOST,
     .help = "One address serves all providers; leave it as it is."},
    {.key = "alert_on_warning",
     .label = "Alert on warnings",
     .kind = FIELD_INPUT_BOOL,
     .fallback = "true",
     .help = "Overdue plans and plans that ended with warnings open alerts as well. Failed and interrupted ones always "
             "do."},
    {.key = "stale_days",
     .label = "Stale after days",
     .kind = FIELD_INPUT_NUMBER,
     .fallback = "3",
     .min = 1,
     .max = 365,
     .help =
         "A plan counts as stale when MSP360 no longer names it, or its next start is past, for longer than this. One "
         "with a schedule that has not run for so long opens an alert."},
};

/* Addresses that only a hub for private networks may call (which the hub checks): a simulator, a proxy of one's own. */
static bool is_private_name(struct slice host)
{
    static const char *const endings[] = {".localhost", ".local", ".internal", ".lan", ".home.arpa"};
    bool dot = host.n && memchr(host.p, '.', host.n), letter = false;

    for (size_t i = 0; i < host.n; i++)
        letter |= isalpha((unsigned char)host.p[i]) != 0;
    if (!dot || !letter || host.p[0] == '[')
        return true;
    for (size_t i = 0; i < ARRAY_LEN(endings); i++)
        if (slice_ends(host, slice_cstr(endings[i])))
            return true;
    return false;
}

/* The credential reads all customers' backups: it goes to the product's one host, over TLS, and nowhere else. */
bool msp_base_url(const struct settings *s, struct str *ret, struct err *e)
{
    if (!url_normalise(settings_text(s, "base_url"), "base_url", ret, e))
        return false;
    url_drop_suffix(ret, "/api"); /* people paste the address of a call */
    url_drop_suffix(ret, "/mbsapi");
    struct slice rest = url_host(str_slice(ret)), host = rest.n && rest.p[0] == '[' ? rest : slice_cut(&rest, ':');
    if (slice_ieq(host, SLICE("api.rmm.mspbackups.com")))
        return err_set(
            e, ERR_INPUT,
            "base_url: api.rmm.mspbackups.com is another product's (MSP360 RMM); the backup API is https://" API_HOST);
    if (is_private_name(host))
        return true;
    if (!slice_ieq(host, SLICE(API_HOST)))
        return err_set(e, ERR_INPUT, "base_url: %.*s is not MSP360's API; it is https://" API_HOST " for everybody",
                       (int)MIN(host.n, 100), host.p);
    if (slice_starts(str_slice(ret), SLICE("http://")))
        return err_set(e, ERR_INPUT, "base_url: the credential would travel in the open; use https://" API_HOST);
    return true;
}

static void authorize(const struct settings *s, struct slice access_token, struct arena *a, struct machine_call *call)
{
    call_add_header(call, a, "Authorization", "Bearer %.*s", SLICE_FMT(access_token));
}

/* The common rule, but that a 401 of the login is the answer itself. */
static enum reply_class classify(const struct machine_call *call, const struct machine_reply *r, char first)
{
    if (r->err || r->status == 0)
        return REPLY_UNAVAILABLE;
    if (r->status == 429)
        return REPLY_THROTTLED;
    if (r->status >= 500 || r->status == 408)
        return REPLY_UNAVAILABLE;
    if (r->status == 401 && !call->anonymous)
        return REPLY_AUTH;
    return r->status / 100 == 2 && first != '<' ? REPLY_OK : REPLY_FAILED;
}

const struct provider provider_msp360 = {
    .key = "msp360",
    .name = "MSP360 Managed Backup",
    .vendor = "MSPBytes, Corp.",
    .category = "backup",
    .description = "Companies, computers, backup plans with their latest run; failed and overdue plans become alerts.",
    .documentation_url = "https://help.mspbackups.com/mbs-api-specification",
    .fields = fields,
    .nfields = ARRAY_LEN(fields),
    .flags = 0,
    .kinds = SYNC_KIND(RECORD_ORGANIZATION) | SYNC_KIND(RECORD_DEVICE) | SYNC_KIND(RECORD_ALERT) |
             SYNC_KIND(RECORD_BACKUP_JOB) | SYNC_KIND(RECORD_PERSON) | SYNC_KIND(RECORD_LICENSE),
    .limits = {.concurrency = 1, .per_minute = 0, .scope = BUDGET_INTEGRATION},
    .webhook_secret_header = NULL,
    .webhook_template = NULL,
    .base_url = msp_base_url,
    .authorize = authorize,
    .classify = classify,
    .authenticate = &msp_authenticate_ops,
    .probe = &msp_probe_ops,
    .sync = &msp_sync_ops,
    .intake = NULL,
    .decode = NULL,
};
