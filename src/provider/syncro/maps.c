/* maps.c - Syncro's JSON → the rows of syncro.h. Tables only: one of each for lists and one (…_one) for an answer that wraps a
 * single row in an object, {"asset": {…}}.
 * Not read: online_profile_url (who has it is signed in as the customer), user_token of /me (a credential), rmm_store.general. */
#include "provider/syncro/syncro.h"

#define AT(type, member) offsetof(struct type, member)
#define MAP_OF(type, table)                                                                                            \
    {                                                                                                                  \
        .size = sizeof(struct type), .fields = (table), .n = ARRAY_LEN(table)                                          \
    }

#define CUSTOMER(P)                                                                                                    \
    {P "id", MAP_ID, AT(syn_customer, id), .required = true},                                                          \
        {P "business_name", MAP_LOOSE_TEXT, AT(syn_customer, business_name)},                                          \
        {P "fullname", MAP_LOOSE_TEXT, AT(syn_customer, fullname)},                                                    \
    {                                                                                                                  \
        P "disabled", MAP_TRI, AT(syn_customer, disabled)                                                              \
    }
static const struct map_field customer_fields[] = {CUSTOMER("")};
const struct map syn_customer_map = MAP_OF(syn_customer, customer_fields);
static const struct map_field customer_one_fields[] = {CUSTOMER("customer.")};
const struct map syn_customer_one_map = MAP_OF(syn_customer, customer_one_fields);

static const struct map_field contact_fields[] = {
    {"id", MAP_ID, AT(syn_contact, id), .required = true}, {"customer_id", MAP_ID, AT(syn_contact, customer_id)},
    {"name", MAP_LOOSE_TEXT, AT(syn_contact, name)},       {"email", MAP_LOOSE_TEXT, AT(syn_contact, email)},
    {"phone", MAP_LOOSE_TEXT, AT(syn_contact, phone)},     {"extension", MAP_LOOSE_TEXT, AT(syn_contact, extension)},
    {"mobile", MAP_LOOSE_TEXT, AT(syn_contact, mobile)},   {"properties.title", MAP_LOOSE_TEXT, AT(syn_contact, title)},
};
const struct map syn_contact_map = MAP_OF(syn_contact, contact_fields);

static const struct map_field named_fields[] = {{"name", MAP_LOOSE_TEXT, AT(syn_named, name)}};
static const struct map named_map = MAP_OF(syn_named, named_fields);

static const struct map_field adapter_fields[] = {
    {"name", MAP_LOOSE_TEXT, AT(syn_adapter, name)},
    {"description", MAP_LOOSE_TEXT, AT(syn_adapter, description)},
    {"type", MAP_LOOSE_TEXT, AT(syn_adapter, type)},
    {"physical_address", MAP_LOOSE_TEXT, AT(syn_adapter, mac)},
    {"ipv4", MAP_LOOSE_TEXT, AT(syn_adapter, ip4)},
    {"ipv6", MAP_LOOSE_TEXT, AT(syn_adapter, ip6)},
    {"gateway", MAP_LOOSE_TEXT, AT(syn_adapter, gateway)},
    {"dns1", MAP_LOOSE_TEXT, AT(syn_adapter, dns1)},
    {"dns2", MAP_LOOSE_TEXT, AT(syn_adapter, dns2)},
};
static const struct map adapter_map = MAP_OF(syn_adapter, adapter_fields);

#define INFO "properties.kabuto_information."
#define ASSET(P)                                                                                                       \
    {P "id", MAP_ID, AT(syn_asset, id), .required = true},                                                             \
        {P "customer_id", MAP_LOOSE_TEXT, AT(syn_asset, customer_id)},                                                 \
        {P "name", MAP_LOOSE_TEXT, AT(syn_asset, name)}, {P "asset_type", MAP_LOOSE_TEXT, AT(syn_asset, type)},        \
        {P "asset_serial", MAP_LOOSE_TEXT, AT(syn_asset, serial)},                                                     \
        {P "created_at", MAP_LOOSE_TEXT, AT(syn_asset, created)},                                                      \
        {P "properties.kabuto_live_uuid", MAP_LOOSE_TEXT, AT(syn_asset, uuid)},                                        \
        {P INFO "last_synced_at", MAP_LOOSE_TEXT, AT(syn_asset, synced)},                                              \
        {P INFO "last_user", MAP_LOOSE_TEXT, AT(syn_asset, last_user)},                                                \
        {P INFO "general.name", MAP_LOOSE_TEXT, AT(syn_asset, host)},                                                  \
        {P INFO "general.manufacturer", MAP_LOOSE_TEXT, AT(syn_asset, manufacturer)},                                  \
        {P INFO "general.model", MAP_LOOSE_TEXT, AT(syn_asset, model)},                                                \
        {P INFO "general.serial_number", MAP_LOOSE_TEXT, AT(syn_asset, general_serial)},                               \
        {P INFO "general.form_factor", MAP_LOOSE_TEXT, AT(syn_asset, form_factor)},                                    \
        {P INFO "general.domain", MAP_LOOSE_TEXT, AT(syn_asset, domain)},                                              \
        {P INFO "general.ip", MAP_LOOSE_TEXT, AT(syn_asset, public_ip)},                                               \
        {P INFO "os.name", MAP_LOOSE_TEXT, AT(syn_asset, os_name)},                                                    \
        {P INFO "os.build", MAP_LOOSE_TEXT, AT(syn_asset, os_build)},                                                  \
        {P INFO "os.windows_release_version", MAP_LOOSE_TEXT, AT(syn_asset, os_release)},                              \
        {P INFO "os.last_boot_time", MAP_LOOSE_TEXT, AT(syn_asset, last_boot)},                                        \
        {P INFO "cpu", MAP_LOOSE_TEXT, AT(syn_asset, cpu)},                                                            \
        {P INFO "cpu", MAP_LIST, AT(syn_asset, cpus), .item = &named_map},                                             \
        {P INFO "network_adapters", MAP_LIST, AT(syn_asset, adapters), .item = &adapter_map},                          \
        {P INFO "system_partition.size_gb", MAP_LOOSE_TEXT, AT(syn_asset, partition_size)},                            \
        {P INFO "system_partition.free_gb", MAP_LOOSE_TEXT, AT(syn_asset, partition_free)},                            \
    {                                                                                                                  \
        P "rmm_store.triggers.agent_offline_triggered", MAP_LOOSE_TEXT, AT(syn_asset, offline)                         \
    }
static const struct map_field asset_fields[] = {ASSET("")};
const struct map syn_asset_map = MAP_OF(syn_asset, asset_fields);
static const struct map_field asset_one_fields[] = {ASSET("asset.")};
const struct map syn_asset_one_map = MAP_OF(syn_asset, asset_one_fields);

#define ALERT(P)                                                                                                       \
    {P "id", MAP_ID, AT(syn_alert, id), .required = true},                                                             \
        {P "customer_id", MAP_LOOSE_TEXT, AT(syn_alert, customer_id)},                                                 \
        {P "asset_id", MAP_LOOSE_TEXT, AT(syn_alert, asset_id)},                                                       \
        {P "computer_name", MAP_LOOSE_TEXT, AT(syn_alert, computer)},                                                  \
        {P "description", MAP_LOOSE_TEXT, AT(syn_alert, description)},                                                 \
        {P "formatted_output", MAP_LOOSE_TEXT, AT(syn_alert, output)},                                                 \
        {P "resolved", MAP_LOOSE_TEXT, AT(syn_alert, resolved)},                                                       \
        {P "properties.trigger", MAP_LOOSE_TEXT, AT(syn_alert, trigger)},                                              \
        {P "properties.description", MAP_LOOSE_TEXT, AT(syn_alert, cause)},                                            \
        {P "created_at", MAP_ISO, AT(syn_alert, created)},                                                             \
    {                                                                                                                  \
        P "updated_at", MAP_ISO, AT(syn_alert, updated)                                                                \
    }
static const struct map_field alert_fields[] = {ALERT("")};
const struct map syn_alert_map = MAP_OF(syn_alert, alert_fields);
static const struct map_field alert_one_fields[] = {ALERT("rmm_alert.")};
const struct map syn_alert_one_map = MAP_OF(syn_alert, alert_one_fields);

#define COMMENT(P)                                                                                                     \
    {P "id", MAP_ID, AT(syn_comment, id), .required = true}, {P "ticket_id", MAP_ID, AT(syn_comment, ticket_id)},      \
        {P "subject", MAP_LOOSE_TEXT, AT(syn_comment, subject)}, {P "body", MAP_LOOSE_TEXT, AT(syn_comment, body)},    \
        {P "tech", MAP_LOOSE_TEXT, AT(syn_comment, tech)}, {P "hidden", MAP_LOOSE_TEXT, AT(syn_comment, hidden)},      \
        {P "user_id", MAP_LOOSE_TEXT, AT(syn_comment, user_id)}, {P "created_at", MAP_ISO, AT(syn_comment, created)},  \
    {                                                                                                                  \
        P "updated_at", MAP_ISO, AT(syn_comment, updated)                                                              \
    }
static const struct map_field comment_fields[] = {COMMENT("")};
const struct map syn_comment_map = MAP_OF(syn_comment, comment_fields);
static const struct map_field comment_one_fields[] = {COMMENT("comment.")};
const struct map syn_comment_one_map = MAP_OF(syn_comment, comment_one_fields);

static const struct map_field asset_id_fields[] = {{"id", MAP_ID, AT(syn_asset_id, id)}};
static const struct map asset_id_map = MAP_OF(syn_asset_id, asset_id_fields);

#define TICKET(P)                                                                                                      \
    {P "id", MAP_ID, AT(syn_ticket, id), .required = true}, {P "number", MAP_ID, AT(syn_ticket, number)},              \
        {P "customer_id", MAP_LOOSE_TEXT, AT(syn_ticket, customer_id)},                                                \
        {P "contact_id", MAP_LOOSE_TEXT, AT(syn_ticket, contact_id)},                                                  \
        {P "subject", MAP_LOOSE_TEXT, AT(syn_ticket, subject)}, {P "status", MAP_LOOSE_TEXT, AT(syn_ticket, status)},  \
        {P "problem_type", MAP_LOOSE_TEXT, AT(syn_ticket, problem_type)},                                              \
        {P "priority", MAP_LOOSE_TEXT, AT(syn_ticket, priority)},                                                      \
        {P "user.full_name", MAP_LOOSE_TEXT, AT(syn_ticket, user)},                                                    \
        {P "created_at", MAP_ISO, AT(syn_ticket, created)}, {P "updated_at", MAP_ISO, AT(syn_ticket, updated)},        \
        {P "resolved_at", MAP_ISO, AT(syn_ticket, resolved)}, {P "due_date", MAP_ISO, AT(syn_ticket, due)},            \
        {P "comments", MAP_LIST, AT(syn_ticket, comments), .item = &syn_comment_map},                                  \
    {                                                                                                                  \
        P "assets", MAP_LIST, AT(syn_ticket, assets), .item = &asset_id_map                                            \
    }
static const struct map_field ticket_fields[] = {TICKET("")};
const struct map syn_ticket_map = MAP_OF(syn_ticket, ticket_fields);
static const struct map_field ticket_one_fields[] = {TICKET("ticket.")};
const struct map syn_ticket_one_map = MAP_OF(syn_ticket, ticket_one_fields);
