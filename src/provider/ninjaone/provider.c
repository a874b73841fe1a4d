/* provider.c - NinjaOne: what the engine and the console need to know of it. The machines are in token.c, probe.c,
 * sync.c and single.c, webhooks in webhook.c; doc/provider-ninjaone.md is the page for people. */
#include "provider/ninjaone/actions.h"
#include "provider/ninjaone/connect.h"
#include "provider/providers.h"

static const char *const regions[] = {"us", "us2", "eu", "oc", "ca", "fed", NULL};
static const char *const grants[] = {"client_credentials", "authorization_code", NULL};

static const struct {
    const char *region, *url;
} hosts[] = {
    {"us", "https://app.ninjarmm.com"},  {"app", "https://app.ninjarmm.com"}, {"us2", "https://us2.ninjarmm.com"},
    {"eu", "https://eu.ninjarmm.com"},   {"oc", "https://oc.ninjarmm.com"},   {"ca", "https://ca.ninjarmm.com"},
    {"fed", "https://fed.ninjarmm.com"},
};

static const struct provider_field fields[] = {
    {.key = "region",
     .label = "Region",
     .kind = FIELD_INPUT_SELECT,
     .fallback = "us",
     .options = regions,
     .help = "Where your NinjaOne console runs: app.ninjarmm.com is us. A wrong region is answered with \"Client app "
             "not exist\"."},
    {.key = "base_url",
     .label = "Base URL",
     .kind = FIELD_INPUT_URL,
     .help = "Only for partner hosts, such as https://brand.rmmservices.net; takes the place of the region."},
    {.key = "grant",
     .label = "Grant",
     .kind = FIELD_INPUT_SELECT,
     .fallback = "client_credentials",
     .options = grants,
     .help = "client_credentials for an application of the type API Services (machine to machine); authorization_code "
             "when a person "
             "has granted access and a refresh token exists."},
    {.key = "client_id",
     .label = "Client ID",
     .kind = FIELD_INPUT_TEXT,
     .required = true,
     .help = "Administration, Apps, API, Client App IDs."},
    {.key = "client_secret",
     .label = "Client secret",
     .kind = FIELD_INPUT_SECRET,
     .help = "Shown once when the application is made. Native applications have none."},
    {.key = "refresh_token",
     .label = "Refresh token",
     .kind = FIELD_INPUT_SECRET,
     .help = "Only for authorization_code: the first refresh token; later ones are kept by msphub as NinjaOne rotates "
             "them."},
    {.key = "scope",
     .label = "Scope",
     .kind = FIELD_INPUT_TEXT,
     .fallback = "monitoring",
     .help = "monitoring is enough to read; words are separated by blanks."},
    {.key = "patch_history_days",
     .label = "Patch history, days",
     .kind = FIELD_INPUT_NUMBER,
     .fallback = "90",
     .min = 1,
     .max = 3650,
     .help = "How far back a full sync reads patches that were installed or failed."},
};

bool nin_base_url(const struct settings *s, struct str *ret, struct err *e)
{
    struct slice url = slice_trim(settings_text(s, "base_url")), region = settings_text(s, "region");

    if (url.n) {
        if (!url_normalise(url, "base_url", ret, e))
            return false;
        url_drop_suffix(ret, "/v2"); /* people paste the address of a call */
        url_drop_suffix(ret, "/api");
        return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++)
        if (slice_is(region, hosts[i].region)) {
            str_adds(ret, hosts[i].url);
            return true;
        }
    return err_set(e, ERR_INPUT,
                   "region: \"%.*s\" is none of us, us2, eu, oc, ca, fed; for a partner's host give base_url",
                   (int)MIN(region.n, 40), region.p ? region.p : "");
}

static void authorize(const struct settings *s, struct slice access_token, struct arena *a, struct machine_call *call)
{
    call_add_header(call, a, "Authorization", "Bearer %.*s", SLICE_FMT(access_token));
}

/* Over the common rule: NinjaOne says "too many requests" by an HTML page, with status 200 as well; and an expired
 * token is a 401, while the 400 of the authentication layer is our mistake and a new token would not mend it. */
static enum reply_class classify(const struct machine_call *call, const struct machine_reply *r, char first)
{
    if (r->err || r->status == 0)
        return REPLY_UNAVAILABLE;
    if (r->status == 429 || (first == '<' && r->status != 404))
        return REPLY_THROTTLED;
    if (r->status >= 500)
        return REPLY_UNAVAILABLE;
    if (r->status == 401 && !call->anonymous)
        return REPLY_AUTH;
    return r->status >= 200 && r->status < 300 ? REPLY_OK : REPLY_FAILED;
}

const struct provider provider_ninjaone = {
    .key = "ninjaone",
    .name = NINJAONE,
    .vendor = "NinjaOne, LLC",
    .category = "RMM",
    .description =
        "Organizations, locations, devices with hardware, antivirus, health, custom fields and last user, software, "
        "patches, alerts; webhooks.",
    .documentation_url = "https://app.ninjarmm.com/apidocs/",
    .fields = fields,
    .nfields = ARRAY_LEN(fields),
    .flags = PROVIDER_ALERT_ABSENCE_RESOLVES | PROVIDER_WEBHOOK | PROVIDER_OAUTH,
    .kinds = NIN_KINDS,
    .limits = {.concurrency = 4, .per_minute = 0, .scope = BUDGET_INTEGRATION},
    .webhook_secret_header = "X-Msphub-Secret",
    .webhook_template = "PUT /v2/webhook\n"
                        "{\"url\": \"<the webhook's URL>\",\n"
                        " \"activities\": {\"CONDITION\": [\"*\"], \"SYSTEM\": [\"*\"], \"MONITOR\": [\"*\"], "
                        "\"ANTIVIRUS\": [\"*\"],\n"
                        "  \"PATCH_MANAGEMENT\": [\"*\"], \"SOFTWARE_PATCH_MANAGEMENT\": [\"*\"]},\n"
                        " \"expand\": [\"device\", \"organization\", \"location\"],\n"
                        " \"headers\": [{\"name\": \"X-Msphub-Secret\", \"value\": \"<the webhook's secret>\"}]}\n",
    .base_url = nin_base_url,
    .authorize = authorize,
    .classify = classify,
    .authenticate = &nin_authenticate_ops,
    .probe = &nin_probe_ops,
    .sync = &nin_sync_ops,
    .doctor = &nin_doctor_ops,
    .actions = nin_actions,
    .nactions = NIN_NACTIONS,
    .connect = &nin_connect,
    .webhook_register = &nin_webhook_register_ops,
    .webhook_remove = &nin_webhook_remove_ops,
    .intake = nin_intake,
    .decode = nin_decode,
};
