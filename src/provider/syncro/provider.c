/* provider.c - Syncro: what the engine and the console need to know of it. doc/provider-syncro.md is the page for people. */
#include "provider/providers.h"
#include "provider/syncro/syncro.h"

#include <ctype.h>

#define SUBDOMAIN_MAX 63

static const char *const sites[] = {"syncromsp.com", "repairshopr.com", NULL};

static const struct provider_field fields[] = {
    {.key = "subdomain",
     .label = "Subdomain",
     .kind = FIELD_INPUT_TEXT,
     .required = true,
     .help = "The first part of your Syncro address: northmsp for https://northmsp.syncromsp.com."},
    {.key = "api_token",
     .label = "API token",
     .kind = FIELD_INPUT_SECRET,
     .required = true,
     .help = "Admin, API, API Tokens, New Token, Custom Permissions; shown once. The provider's page lists the "
             "permissions."},
    {.key = "site",
     .label = "Product",
     .kind = FIELD_INPUT_SELECT,
     .fallback = "syncromsp.com",
     .options = sites,
     .help = "repairshopr.com for RepairShopr, which has the same API."},
    {.key = "base_url",
     .label = "Base URL",
     .kind = FIELD_INPUT_URL,
     .help = "Leave it empty. Only for an address in a private network, such as a simulator or a proxy of your own."},
    {.key = "ticket_days",
     .label = "Days of tickets",
     .kind = FIELD_INPUT_NUMBER,
     .fallback = "90",
     .min = 1,
     .max = 3650,
     .help = "A full sync reads tickets that changed within so many days."},
    {.key = "ticket_problem_type",
     .label = "Problem type of new tickets",
     .kind = FIELD_INPUT_TEXT,
     .fallback = "Other",
     .help = "When a ticket names none; one of the account's problem types."},
    {.key = "ticket_priority",
     .label = "Priority of new tickets",
     .kind = FIELD_INPUT_TEXT,
     .help = "When a ticket names none: a word at the end of one of the account's priorities, such as Normal."},
    {.key = "default_customer_id",
     .label = "Customer of tickets without one",
     .kind = FIELD_INPUT_TEXT,
     .help = "The number of a Syncro customer, for tickets about what belongs to none."},
    {.key = "ticket_user_id",
     .label = "Assignee of new tickets",
     .kind = FIELD_INPUT_TEXT,
     .help = "The number of a Syncro user; empty assigns nobody."},
};

/* The subdomain becomes part of a host name: nothing but what is one may pass. */
bool syn_subdomain(const struct settings *s, struct str *ret, struct err *e)
{
    struct slice text = slice_trim(settings_text(s, "subdomain")), rest = text;
    char label[SUBDOMAIN_MAX + 1];

    if (slice_starts(rest, SLICE("https://")))
        rest = slice_of(rest.p + 8, rest.n - 8);
    rest = slice_cut(&rest, '/');
    for (const char *const *site = sites; *site; site++) {
        size_t n = strlen(*site) + 1;
        if (rest.n > n && rest.p[rest.n - n] == '.' &&
            slice_ieq(slice_of(rest.p + rest.n - n + 1, n - 1), slice_cstr(*site)))
            rest.n -= n;
    }
    bool good = rest.n >= 1 && rest.n <= SUBDOMAIN_MAX && rest.p[0] != '-' && rest.p[rest.n - 1] != '-';
    for (size_t i = 0; good && i < rest.n; i++) {
        label[i] = (char)tolower((unsigned char)rest.p[i]);
        good = (label[i] >= 'a' && label[i] <= 'z') || (label[i] >= '0' && label[i] <= '9') || label[i] == '-';
    }
    if (!good)
        return err_set(e, ERR_INPUT, "subdomain: \"%.*s\" is none; give northmsp for https://northmsp.syncromsp.com",
                       (int)MIN(text.n, 100), text.p ? text.p : "");
    str_add(ret, slice_of(label, rest.n));
    return true;
}

/* Addresses that only a hub for private networks may call (which the hub checks). */
static bool is_private_name(struct slice host)
{
    static const char *const endings[] = {".localhost", ".local", ".internal", ".lan", ".home.arpa"};
    bool letter = false;

    for (size_t i = 0; i < host.n; i++)
        letter |= isalpha((unsigned char)host.p[i]) != 0;
    if (!letter || host.p[0] == '[' || !memchr(host.p, '.', host.n))
        return true;
    for (size_t i = 0; i < ARRAY_LEN(endings); i++)
        if (slice_ends(host, slice_cstr(endings[i])))
            return true;
    return false;
}

bool syn_base_url(const struct settings *s, struct str *ret, struct err *e)
{
    struct slice url = slice_trim(settings_text(s, "base_url"));
    _cleanup_(str_release) struct str subdomain = {0};

    if (!syn_subdomain(s, &subdomain, e))
        return false;
    if (!url.n) {
        str_addf(ret, "https://%s.%.*s", subdomain.p, SLICE_FMT(settings_text(s, "site")));
        return true;
    }
    if (!url_normalise(url, "base_url", ret, e))
        return false;
    url_drop_suffix(ret, SYNCRO_API); /* people paste the address of a call */
    struct slice rest = url_host(str_slice(ret)), host = rest.n && rest.p[0] == '[' ? rest : slice_cut(&rest, ':');
    if (is_private_name(host))
        return true;
    return err_set(
        e, ERR_INPUT,
        "base_url: %.*s is no private address; the token goes to Syncro only, so leave base_url empty and give "
        "the subdomain",
        (int)MIN(host.n, 100), host.p);
}

static void authorize(const struct settings *s, struct slice access_token, struct arena *a, struct machine_call *call)
{
    call_add_header(call, a, "Authorization", "Bearer %.*s", SLICE_FMT(settings_text(s, "api_token")));
    call_add_header(call, a, "Accept", "application/json"); /* else some errors are pages */
}

static const char template[] =
    "In Syncro, Admin, Notification Center, make a notification set with a webhook to the URL above, and choose its "
    "events: RMM alerts, tickets (created, updated, comments).\n"
    "Syncro can send no header, so the URL holds the secret: who knows it can send. After a rotation put the new URL "
    "there.\n";

const struct provider provider_syncro = {
    .key = "syncro",
    .name = SYNCRO,
    .vendor = "Servably, Inc.",
    .category = "PSA and RMM",
    .description = "Customers, assets with hardware and interfaces, contacts, RMM alerts, tickets both ways; webhooks.",
    .documentation_url = "https://api-docs.syncromsp.com/",
    .fields = fields,
    .nfields = ARRAY_LEN(fields),
    .flags = PROVIDER_ALERT_ABSENCE_RESOLVES | PROVIDER_WEBHOOK,
    .kinds = SYNC_KIND(RECORD_ORGANIZATION) | SYNC_KIND(RECORD_DEVICE) | SYNC_KIND(RECORD_FACET) |
             SYNC_KIND(RECORD_ALERT) | SYNC_KIND(RECORD_PERSON) | SYNC_KIND(RECORD_TICKET),
    /* 180 calls a minute from one address, whoever asks. What leaves here evenly may arrive closer together: some room is left. */
    .limits = {.concurrency = 4, .per_minute = 170, .scope = BUDGET_SOURCE_ADDRESS},
    .webhook_secret_header = NULL, /* in the URL */
    .webhook_template = template,
    .base_url = syn_base_url,
    .authorize = authorize,
    .classify = NULL, /* the common rule */
    .authenticate = NULL,
    .probe = &syn_probe_ops,
    .sync = &syn_sync_ops,
    .doctor = &syn_doctor_ops,
    .actions = syn_actions,
    .nactions = SYN_NACTIONS,
    .intake = syn_intake,
    .decode = syn_decode,
};
