/* provider.c - Tactical RMM: what the engine and the console need to know of it. doc/provider-tacticalrmm.md is the
 * page for people. */
#include "provider/providers.h"
#include "provider/tacticalrmm/tacticalrmm.h"

static const char *const auth_ways[] = {TAC_AUTH_KEY, TAC_AUTH_LOGIN, NULL};

static const struct provider_field fields[] = {
    {.key = "base_url",
     .label = "API address",
     .kind = FIELD_INPUT_URL,
     .required = true,
     .help = "The API's host, not the dashboard's: as a rule https://api.<your domain>."},
    {.key = "auth",
     .label = "Sign in with",
     .kind = FIELD_INPUT_SELECT,
     .fallback = TAC_AUTH_KEY,
     .help = "An API key, which does not expire by itself, or a user's name and password.",
     .options = auth_ways},
    {.key = "api_key",
     .label = "API key",
     .kind = FIELD_INPUT_SECRET,
     .help = "Settings, Global Settings, API Keys. Its user needs a role with " TAC_RIGHTS "."},
    {.key = "username",
     .label = "User",
     .kind = FIELD_INPUT_TEXT,
     .help = "Of the dashboard, not of SSO; with a role as the key's user."},
    {.key = "password", .label = "Password", .kind = FIELD_INPUT_SECRET, .help = "Of this user."},
    {.key = "totp_secret",
     .label = "Setup key of the second factor",
     .kind = FIELD_INPUT_SECRET,
     .help = "The text below the QR code, not the six digits. Empty for a user without a second factor."},
    {.key = "dashboard_url",
     .label = "Dashboard address",
     .kind = FIELD_INPUT_URL,
     .help = "For links to an agent. Empty: rmm. in place of api., where the API is named so."},
};

static void authorize(const struct settings *s, struct slice access_token, struct arena *a, struct machine_call *call)
{
    if (access_token.n)
        call_add_header(call, a, "Authorization", "Token %.*s", SLICE_FMT(access_token));
    else
        call_add_header(call, a, "X-API-KEY", "%.*s", SLICE_FMT(settings_text(s, "api_key")));
}

/* Only values that cannot hold a quote: one quote in a client's name makes Tactical send the whole body as one JSON
 * string. */
static const char template[] =
    "In Settings, Global Settings, URL Actions make two actions of the type REST, method POST, URL: the webhook's "
    "URL.\n"
    "Headers of both:\n"
    "{\"Content-Type\": \"application/json\", \"X-Msphub-Secret\": \"<the webhook's secret>\"}\n"
    "Body of the first, for the alert template's failure action:\n"
    "{\"agent_id\": \"{{agent.agent_id}}\", \"alert_id\": \"{{alert.id}}\", \"alert_type\": \"{{alert.alert_type}}\", "
    "\"severity\": \"{{alert.severity}}\", \"alert_time\": \"{{alert.alert_time}}\", \"event\": \"trigger\"}\n"
    "Body of the second, for its resolved action:\n"
    "{\"agent_id\": \"{{agent.agent_id}}\", \"alert_id\": \"{{alert.id}}\", \"alert_type\": \"{{alert.alert_type}}\", "
    "\"severity\": \"{{alert.severity}}\", \"alert_time\": \"{{alert.alert_time}}\", \"event\": \"resolve\"}\n";

const struct provider provider_tacticalrmm = {
    .key = "tacticalrmm",
    .name = TACTICAL,
    .vendor = "Amidaware Inc.",
    .category = "RMM",
    .description =
        "Clients, sites, agents with hardware, software, updates, checks and custom fields, alerts; webhooks, "
        "remote access, scripts.",
    .documentation_url = "https://docs.tacticalrmm.com/functions/api/",
    .fields = fields,
    .nfields = ARRAY_LEN(fields),
    .flags = PROVIDER_KEEPS_DEVICES | PROVIDER_ALERT_ABSENCE_RESOLVES | PROVIDER_WEBHOOK,
    .kinds = SYNC_KIND(RECORD_ORGANIZATION) | SYNC_KIND(RECORD_LOCATION) | SYNC_KIND(RECORD_DEVICE) |
             SYNC_KIND(RECORD_FACET) | SYNC_KIND(RECORD_ALERT) | SYNC_KIND(RECORD_SOFTWARE) | SYNC_KIND(RECORD_PATCH),
    .limits = {.concurrency = 2, .per_minute = 0, .scope = BUDGET_HOST},
    .webhook_secret_header = "X-Msphub-Secret",
    .webhook_template = template,
    .base_url = tac_base_url,
    .check = tac_check,
    .needs_token = tac_uses_login,
    .authorize = authorize,
    .classify = NULL, /* the common rule */
    .authenticate = &tac_authenticate_ops,
    .probe = &tac_probe_ops,
    .sync = &tac_sync_ops,
    .doctor = &tac_doctor_ops,
    .actions = tac_actions,
    .nactions = TAC_NACTIONS,
    .intake = tac_intake,
    .decode = tac_decode,
};
