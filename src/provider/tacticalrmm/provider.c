/* provider.c - Tactical RMM: what the engine and the console need to know of it. doc/provider-tacticalrmm.md is the
 * page for people. */
#include "provider/providers.h"
#include "provider/tacticalrmm/tacticalrmm.h"

static const struct provider_field fields[] = {
    {.key = "base_url",
     .label = "API address",
     .kind = FIELD_INPUT_URL,
     .required = true,
     .help = "The API's host, not the dashboard's: as a rule https://api.<your domain>."},
    {.key = "api_key",
     .label = "API key",
     .kind = FIELD_INPUT_SECRET,
     .required = true,
     .help = "Settings, Global Settings, API Keys. Its user needs a role with can_list_clients, can_list_sites, "
             "can_list_agents, "
             "can_list_alerts."},
};

bool tac_base_url(const struct settings *s, struct str *ret, struct err *e)
{
    if (!url_normalise(settings_text(s, "base_url"), "base_url", ret, e))
        return false;
    url_drop_suffix(ret, "/api"); /* the API stands at the root of its host */
    return true;
}

static void authorize(const struct settings *s, struct slice access_token, struct arena *a, struct machine_call *call)
{
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
    .description = "Clients, sites, agents with hardware, disks and interfaces, alerts; webhooks.",
    .documentation_url = "https://docs.tacticalrmm.com/functions/api/",
    .fields = fields,
    .nfields = ARRAY_LEN(fields),
    .flags = PROVIDER_KEEPS_DEVICES | PROVIDER_ALERT_ABSENCE_RESOLVES | PROVIDER_WEBHOOK,
    .kinds = SYNC_KIND(RECORD_ORGANIZATION) | SYNC_KIND(RECORD_LOCATION) | SYNC_KIND(RECORD_DEVICE) |
             SYNC_KIND(RECORD_FACET) | SYNC_KIND(RECORD_ALERT),
    .limits = {.concurrency = 2, .per_minute = 0, .scope = BUDGET_HOST},
    .webhook_secret_header = "X-Msphub-Secret",
    .webhook_template = template,
    .base_url = tac_base_url,
    .authorize = authorize,
    .classify = NULL, /* the common rule */
    .authenticate = NULL,
    .probe = &tac_probe_ops,
    .sync = &tac_sync_ops,
    .intake = tac_intake,
    .decode = tac_decode,
};
