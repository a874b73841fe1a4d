/* syncro_sync.c - Syncro's lists, what becomes of their rows, and what proves that a list is whole. */
#include "base/mem.h"
#include "base/test.h"
#include "provider/harness.h"
#include "provider/syncro/syncro.h"

#define SETTINGS  "{\"subdomain\":\"northmsp\",\"api_token\":\"secret-token\"}"
#define V1        "GET /api/v1/"
#define CUSTOMERS V1 "customers?page=1&include_disabled=true"
#define CONTACTS  V1 "contacts?page=1"
#define ASSETS    V1 "customer_assets?page=1"
#define ALERTS    V1 "rmm_alerts?page=1&status=active"
#define SINCE     "&since_updated_at=2025-08-23T02%3A00%3A00Z" /* 90 days before the harness' now */
#define TICKETS   V1 "tickets?page=1" SINCE
#define META(n)   "\"meta\":{\"total_pages\":1,\"page\":1,\"total_entries\":" #n ",\"per_page\":50}"
#define LAST      "\"meta\":{\"total_pages\":1,\"page\":1}"

static const struct provider *syncro(void)
{
    return provider_find(SLICE("syncro"));
}

static struct play *play(uint64_t kinds)
{
    struct play *p = play_new(syncro(), syncro()->sync, SETTINGS);
    play_input(p)->kinds = kinds;
    return p;
}

static void run(struct play *p)
{
    struct err e = {0};
    if (!play_run(p, (struct play_cut){13, 5}, &e))
        fail_msg("%s", e.what);
}

/* --- all of it --- */

#define ASSET                                                                                                          \
    "{\"id\":5520011,\"name\":\"FIN-LT-07 \",\"customer_id\":30771,\"contact_id\":null,\"asset_type\":\"Syncro "       \
    "Device\",\"asset_serial\":\"5CG0EXAMPLE\",\"created_at\":\"2026-02-01T10:00:00.000Z\",\"properties\":{"           \
    "\"kabuto_live_uuid\":\"6d1f0c9e-0000-4000-8000-00000000abcd\",\"Warranty\":\"2027-01-31\","                       \
    "\"kabuto_information\":{\"last_synced_at\":\"2025-11-21T01:59:58.000Z\",\"last_user\":\"FIN\\\\ana\","            \
    "\"general\":{\"name\":\"FIN-LT-07\",\"manufacturer\":\"HP\",\"model\":\"EliteBook\",\"serial_number\":"           \
    "\"5CG0EXAMPLE\",\"form_factor\":\"Laptop\",\"domain\":\"FIN\",\"ip\":\"203.0.113.9\"},\"os\":{\"name\":"          \
    "\"Microsoft Windows 11 Pro\",\"build\":26100,\"last_boot_time\":\"2026-05-03T06:00:00Z\"},\"cpu\":[{\"name\":"    \
    "\"i7\"},null],\"network_adapters\":[{\"name\":\"Ethernet\",\"physical_address\":\"00:00:5E:00:53:01\",\"ipv4\":"  \
    "\"10.1.2.7\",\"dns1\":\"10.1.0.2\",\"dns2\":null},{\"name\":\"Wi-Fi\",\"physical_address\":\"00:00:5e:00:53:"     \
    "01\","                                                                                                            \
    "\"ipv4\":\"\"}],\"system_partition\":{\"size_gb\":476,\"free_gb\":\"100.5\"}}},\"rmm_store\":{\"triggers\":{"     \
    "\"agent_offline_triggered\":\"false\"}}}"

#define TICKET                                                                                                         \
    "\"id\":910001,\"number\":1001,\"subject\":\" Disk \",\"status\":\"Waiting on Customer\",\"customer_id\":30771,"   \
    "\"contact_id\":null,\"problem_type\":\"Hardware\",\"priority\":\"1 High\",\"created_at\":"                        \
    "\"2025-11-20T09:00:00.000Z\",\"updated_at\":\"2025-11-20T10:00:00.000Z\",\"resolved_at\":null,\"due_date\":null," \
    "\"user\":{\"full_name\":\"Jo Tech\",\"admin?\":true}"

static void everything(struct play *p)
{
    play_json(p, CUSTOMERS,
              "{\"customers\":[{\"id\":30771,\"business_name\":\" Finch \\\"&\\\" S\xc3\xb6hne "
              "\",\"fullname\":\"A B\",\"disabled\":false,\"online_profile_url\":\"https://x/?portal_key=SECRET\"},"
              "{\"id\":30772,\"business_name\":null,\"fullname\":\"Ana Client\",\"disabled\":true}]," META(2) "}");
    play_json(
        p, CONTACTS,
        "{\"contacts\":[{\"id\":1,\"customer_id\":30771,\"name\":\" Zo\xc3\xab "
        "\",\"email\":\"Z@x.example\",\"phone\":\"657\",\"extension\":\"33\",\"mobile\":null,\"properties\":{\"title\":"
        "\"CEO\"}},{\"id\":2,\"customer_id\":null,\"name\":\"\",\"properties\":null}]," META(2) "}");
    play_json(p, ASSETS, "{\"assets\":[" ASSET "]," META(1) "}");
    play_json(
        p, ALERTS,
        "{\"rmm_alerts\":[{\"id\":88012,\"customer_id\":30771,\"asset_id\":5520011,\"computer_name\":\"FIN-LT-07\","
        "\"description\":\"Low Hard Drive Space\",\"formatted_output\":\"C: 4.1% "
        "free\",\"resolved\":false,\"properties\":{\"trigger\":\"low_hd_space_trigger\",\"description\":\"C: "
        "4.1%\"},\"created_at\":\"2025-11-20T09:13:00.000Z\",\"updated_at\":\"2025-11-20T09:14:00.000Z\"}]," LAST "}");
    play_on(p, TICKETS,
            (struct play_reply){.body = "{\"tickets\":[{" TICKET
                                        ",\"comments\":[{\"id\":7,\"subject\":\"Initial Issue\",\"body\":\"It does not "
                                        "work\",\"user_id\":null,\"hidden\":false,\"tech\":null,\"created_at\":"
                                        "\"2025-11-20T09:00:00.000Z\"}]}]," LAST "}",
                                .date = SECONDS(1763690460)});
    play_json(p, V1 "tickets/910001",
              "{\"ticket\":{" TICKET ",\"asset_ids\":[5520011],\"assets\":[{\"id\":5520011}],\"comments\":[]}}");
    play_json(
        p, V1 "tickets/910001/comments?page=1&per_page=100",
        "{\"comments\":[{\"id\":8,\"ticket_id\":910001,\"subject\":\"Update\",\"body\":\"Looked at it\",\"tech\":\"Jo "
        "Tech\",\"hidden\":\"true\",\"user_id\":4411,\"created_at\":\"2025-11-20T09:30:00.000Z\"}]," LAST "}");
}

static void answers_are_told_at_any_cut(void **state)
{
    char *log = play_all_cuts(syncro(), syncro()->sync, SETTINGS, everything);

    assert_line(log, "organization 30771 {\"name\":\"Finch \\\"&\\\" S\xc3\xb6hne\"}");
    assert_line(log, "organization 30772 {\"name\":\"Ana Client\",\"description\":\"disabled in Syncro\"}");
    assert_line(log, "complete organization 2");
    assert_line(
        log, "person "
             "{\"id\":\"1\",\"organization_id\":\"30771\",\"name\":\"Zo\xc3\xab\",\"email\":\"Z@x.example\",\"phone\":"
             "\"657 x33\",\"title\":\"CEO\"}");
    assert_line(log, "person {\"id\":\"2\",\"organization_id\":\"\"}");
    assert_line(
        log,
        "device "
        "{\"id\":\"5520011\",\"organization_id\":\"30771\",\"name\":\"FIN-LT-07\",\"hostname\":\"FIN-LT-07\",\"uid\":"
        "\"6d1f0c9e-0000-4000-8000-00000000abcd\",\"type\":\"workstation\",\"product_class\":\"Syncro "
        "Device\",\"status\":\"online\",\"public_ip\":\"203.0.113.9\",\"ips\":[\"10.1.2.7\"],\"macs\":[\"00:00:5E:00:"
        "53:"
        "01\"],\"created\":\"2026-02-01T10:00:00Z\",\"last_seen\":\"2025-11-21T01:59:58Z\"}");
    assert_line(log, "os 5520011 {\"name\":\"Microsoft Windows 11 "
                     "Pro\",\"build\":\"26100\",\"last_boot\":\"2026-05-03T06:00:00Z\"}");
    assert_line(
        log,
        "system 5520011 {\"manufacturer\":\"HP\",\"model\":\"EliteBook\",\"serial\":\"5CG0EXAMPLE\",\"domain\":\"FIN\","
        "\"chassis\":\"Laptop\"}");
    assert_line(log, "processors 5520011 {\"name\":\"i7\"}");
    assert_line(log,
                "volumes 5520011 {\"name\":\"system\",\"capacity_bytes\":511101108224,\"free_bytes\":107911053312}");
    assert_line(
        log, "interfaces 5520011 {\"name\":\"Ethernet\",\"dns\":\"10.1.0.2\",\"macs\":[\"00:00:5E:00:53:01\"],\"ips\":["
             "\"10.1.2.7\"]}");
    assert_line(log, "last_user 5520011 {\"name\":\"FIN\\\\ana\"}");
    assert_line(log, "complete device 1");
    assert_line(log,
                "alert 88012 "
                "{\"device\":\"5520011\",\"organization\":\"30771\",\"state\":\"triggered\",\"severity\":\"moderate\","
                "\"type\":\"low_hd_space_trigger\",\"subject\":\"Low Hard Drive Space\",\"message\":\"C: 4.1% "
                "free\",\"triggered\":\"2025-11-20T09:13:00Z\",\"changed\":\"2025-11-20T09:14:00Z\"}");
    assert_line(log, "complete alert 1");
    assert_says(
        log,
        "ticket {\"id\":\"910001\",\"number\":\"1001\",\"organization_id\":\"30771\",\"subject\":\"Disk\",\"type\":"
        "\"Hardware\",\"priority\":\"1 High\",\"status_word\":\"Waiting on Customer\",\"assignee\":\"Jo Tech\",\"url\":"
        "\"https://northmsp.syncromsp.com/tickets/910001\",\"status\":\"waiting\",\"created\"");
    assert_says(log, "\"device_ids\":[\"5520011\"]");
    assert_int_equal(count_says(log, "\nticket {"),
                     2); /* the list does not say which assets: once without, once with them */
    assert_says(log,
                "comment {\"id\":\"7\",\"ticket_id\":\"910001\",\"subject\":\"Initial Issue\",\"body\":\"It does not "
                "work\",\"hidden\":false,\"from_customer\":true");
    assert_says(log, "comment {\"id\":\"8\",\"ticket_id\":\"910001\",\"author\":\"Jo "
                     "Tech\",\"subject\":\"Update\",\"body\":\"Looked at "
                     "it\",\"hidden\":true,\"from_customer\":false");
    assert_line(log, "cursor {\"tickets\":\"2025-11-21T02:01:00Z\"}");
    assert_line(log, "checkpoint {\"done\":3}");
    assert_int_equal(count_says(log, "complete ticket"), 0); /* absence of a ticket is no news */
    assert_int_equal(count_says(log, "incomplete"), 0);
    assert_int_equal(count_says(log, "reject"), 0);
    assert_int_equal(count_says(log, "SECRET"), 0);
    free(log);
}

/* --- what an agent says may have any shape --- */

static char *asset(const char *members)
{
    struct play *p = play(SYNC_KIND(RECORD_DEVICE));
    char *body = mem_printf("{\"assets\":[{\"id\":1,%s}]," META(1) "}", members), *log;

    play_json(p, ASSETS, body);
    run(p);
    log = mem_strdup(play_log(p));
    assert_int_equal(count_says(log, "reject"), 0);
    assert_line(log, "complete device 1");
    play_free(p);
    free(body);
    return log;
}

static void any_level_may_be_missing_or_of_another_type(void **state)
{
    static const char *const shapes[] = {
        "\"properties\":null",
        "\"properties\":[1,2]",
        "\"properties\":\"text\"",
        "\"properties\":{\"kabuto_information\":\"not synced\"}",
        "\"properties\":{\"kabuto_information\":[]}",
        "\"properties\":{\"kabuto_information\":{\"general\":[],\"os\":null,\"cpu\":\"i7\",\"network_adapters\":{},"
        "\"system_partition\":7}}",
        "\"properties\":{\"kabuto_information\":{\"general\":{\"name\":{\"a\":1}},\"os\":{\"name\":[1]},\"cpu\":["
        "\"i7\"],"
        "\"network_adapters\":[1,null,{\"name\":5}],\"last_synced_at\":17}}",
        "\"rmm_store\":null",
        "\"rmm_store\":{\"triggers\":[\"x\"]}",
        "\"rmm_store\":{\"triggers\":{\"agent_offline_triggered\":null}},\"customer_id\":\"x\",\"name\":4.5",
    };

    for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
        char *log = asset(shapes[i]);
        assert_int_equal(count_says(log, "device {\"id\":\"1\",\"organization_id\":\"\""), 1);
        free(log);
    }
}

static void what_can_be_read_of_an_odd_agent_is_told(void **state)
{
    char *log = asset(
        "\"properties\":{\"kabuto_information\":{\"general\":null,\"cpu\":\"Intel i7\",\"network_adapters\":{\"a\":1},"
        "\"os\":{\"name\":\"Windows Server 2022\"},\"last_synced_at\":\"2025-11-20T02:00:00Z\"}},\"asset_serial\":77");
    assert_line(log, "processors 1 {\"name\":\"Intel i7\"}");
    assert_line(log, "system 1 {\"serial\":\"77\"}");
    assert_says(log, "\"type\":\"server\",\"status\":\"offline\""); /* silent for a day */
    free(log);
    log = asset("\"rmm_store\":{\"triggers\":{\"agent_offline_triggered\":true}},\"asset_type\":\"Network Printer\"");
    assert_says(log, "\"type\":\"printer\",\"product_class\":\"Network Printer\",\"status\":\"offline\"");
    free(log);
}

static void a_bad_row_fails_alone(void **state)
{
    struct play *p = play(SYNC_KIND(RECORD_DEVICE) | SYNC_KIND(RECORD_ALERT));

    play_json(
        p, ASSETS,
        "{\"assets\":[{\"id\":1,\"name\":\"a\"},\"row\",{\"name\":\"x\"},{\"id\":2,\"name\":\"b\"}]," META(4) "}");
    play_json(p, ALERTS, "{\"rmm_alerts\":[{\"id\":5,\"created_at\":\"soon\"},{\"id\":6}]," LAST "}");
    run(p);
    assert_int_equal(count_says(play_log(p), "device {\"id\""), 2);
    assert_says(play_log(p), "reject device : expected an object, found text \"row\"");
    assert_says(play_log(p), "incomplete device: Syncro, assets, page 1: a row cannot be named");
    assert_says(play_log(p), "reject alert 5: created_at: expected an ISO 8601 time");
    assert_line(play_log(p), "complete alert 2"); /* it is there, and cannot be read */
    play_free(p);
}

/* --- the proof --- */

static void page(struct play *p, const char *call, const char *name, const char *ids, const char *meta)
{
    _cleanup_(str_release) struct str body = {0};
    struct slice rest = slice_cstr(ids);

    str_addf(&body, "{\"%s\":[", name);
    for (bool first = true; rest.n; first = false) {
        struct slice id = slice_cut(&rest, ' ');
        str_addf(&body, "%s{\"id\":%.*s}", first ? "" : ",", SLICE_FMT(id));
    }
    str_addf(&body, "]%s%s}", *meta ? "," : "", meta);
    play_json(p, call, body.p);
}

#define ASSET_PAGE(n) V1 "customer_assets?page=" #n
#define ALERT_PAGE(n) V1 "rmm_alerts?page=" #n "&status=active"
#define OF(page, pages, total)                                                                                         \
    "\"meta\":{\"page\":" #page ",\"total_pages\":" #pages ",\"total_entries\":" #total ",\"per_page\":2}"
#define PAGES(page, pages) "\"meta\":{\"page\":" #page ",\"total_pages\":" #pages "}"

static void a_total_proves_a_list(void **state)
{
    struct play *p = play(SYNC_KIND(RECORD_DEVICE));
    page(p, ASSET_PAGE(1), "assets", "1 2", OF(1, 2, 3));
    page(p, ASSET_PAGE(2), "assets", "2 3", OF(2, 2, 3)); /* one came twice: a row was put in before it */
    run(p);
    assert_line(play_log(p), "complete device 3");
    play_free(p);

    p = play(SYNC_KIND(RECORD_DEVICE));
    page(p, ASSET_PAGE(1), "assets", "1 2", OF(1, 2, 4));
    page(p, ASSET_PAGE(2), "assets", "4", OF(2, 2, 4));
    run(p);
    assert_says(play_log(p), "incomplete device: Syncro, assets, page 2: 4 rows were announced and 3 were given");
    play_free(p);

    p = play(SYNC_KIND(RECORD_DEVICE));
    page(p, ASSET_PAGE(1), "assets", "1 2", OF(1, 2, 4));
    page(p, ASSET_PAGE(2), "assets", "4", OF(2, 2, 3));
    run(p);
    assert_says(play_log(p), "the total changed between two pages");
    play_free(p);
}

static void another_page_than_was_asked_for_proves_nothing(void **state)
{
    struct play *p = play(SYNC_KIND(RECORD_DEVICE));
    page(p, ASSET_PAGE(1), "assets", "1 2", OF(1, 3, 6));
    page(p, ASSET_PAGE(2), "assets", "1 2", OF(1, 3, 6));
    run(p);
    assert_says(play_log(p), "incomplete device: Syncro, assets, page 2: another page came than was asked for");
    play_free(p);

    p = play(SYNC_KIND(RECORD_DEVICE));
    page(p, ASSET_PAGE(1), "assets", "1 2", OF(1, 3, 6));
    page(p, ASSET_PAGE(2), "assets", "", OF(2, 3, 6));
    run(p);
    assert_says(play_log(p), "an empty page before the last one");
    play_free(p);
}

static void without_meta_the_list_ends_with_an_empty_page(void **state)
{
    struct play *p = play(SYNC_KIND(RECORD_DEVICE));
    page(p, ASSET_PAGE(1), "assets", "1 2", "");
    page(p, ASSET_PAGE(2), "assets", "3", "");
    page(p, ASSET_PAGE(3), "assets", "", "");
    page(p, ASSET_PAGE(1), "assets", "1 2", ""); /* no total: a second walk must see the same */
    page(p, ASSET_PAGE(2), "assets", "3", "");
    page(p, ASSET_PAGE(3), "assets", "", "");
    run(p);
    assert_line(play_log(p), "complete device 3");
    play_free(p);

    p = play(SYNC_KIND(RECORD_DEVICE)); /* whoever ignores the page gives the first one for ever */
    page(p, ASSET_PAGE(1), "assets", "1 2", "");
    page(p, ASSET_PAGE(2), "assets", "1 2", "");
    run(p);
    assert_says(play_log(p), "a page repeats what came before");
    play_free(p);
}

/* An alert that was cleared on page 1 after it was read moves one from page 2 to page 1, where nobody looks again. */
static void without_a_total_two_walks_must_agree(void **state)
{
    struct play *p = play(SYNC_KIND(RECORD_ALERT));
    page(p, ALERT_PAGE(1), "rmm_alerts", "1 2", PAGES(1, 2));
    page(p, ALERT_PAGE(2), "rmm_alerts", "4", PAGES(2, 2)); /* 3 has moved */
    page(p, ALERT_PAGE(1), "rmm_alerts", "2 3", PAGES(1, 2));
    page(p, ALERT_PAGE(2), "rmm_alerts", "4", PAGES(2, 2));
    page(p, ALERT_PAGE(1), "rmm_alerts", "2 3", PAGES(1, 2));
    page(p, ALERT_PAGE(2), "rmm_alerts", "4", PAGES(2, 2));
    run(p);
    assert_says(play_log(p), "alert 3 ");
    assert_line(play_log(p), "complete alert 3");
    play_free(p);

    p = play(SYNC_KIND(RECORD_ALERT));
    for (int walk = 0; walk < 3; walk++) {
        page(p, ALERT_PAGE(1), "rmm_alerts", walk == 0 ? "1 2" : walk == 1 ? "2 3" : "3 4", PAGES(1, 2));
        page(p, ALERT_PAGE(2), "rmm_alerts", "9", PAGES(2, 2));
    }
    run(p);
    assert_says(play_log(p), "incomplete alert: Syncro, alerts, page 2: the list changed each time while it was read");
    play_free(p);
}

/* --- permissions and the token --- */

#define REFUSED "{\"error\":\"Not authorized. Please ask account admin to update your group permissions.\"}"

static void a_missing_permission_costs_its_list_only(void **state)
{
    struct play *p = play(SYNC_KIND(RECORD_DEVICE) | SYNC_KIND(RECORD_ALERT) | SYNC_KIND(RECORD_PERSON));
    play_status(p, CONTACTS, 401, REFUSED);
    play_json(p, V1 "me", "{\"user_id\":1,\"user_token\":\"SECRET\"}"); /* once: is it the token? */
    play_json(p, ASSETS, "{\"assets\":[]," META(0) "}");
    play_status(p, ALERTS, 401, REFUSED);
    run(p);
    assert_says(
        play_log(p),
        "incomplete person: Syncro answered 401 to contacts (Not authorized. Please ask account admin to update "
        "your group permissions.): give the token the permission \"Customers - View Detail\"");
    assert_says(play_log(p), "incomplete alert: ");
    assert_line(play_log(p), "complete device 0");
    play_free(p);
}

static void a_refused_token_fails_the_run(void **state)
{
    struct err e = {0};
    struct play *p = play(SYNC_KIND(RECORD_DEVICE) | SYNC_KIND(RECORD_ALERT));
    play_status(p, ASSETS, 401, "HTTP Token: Access denied.\n");
    play_status(p, V1 "me", 401, "HTTP Token: Access denied.\n");
    assert_false(play_run(p, (struct play_cut){0, 0}, &e));
    assert_int_equal(e.code, ERR_AUTH);
    assert_says(e.what, "the token is not valid or has expired");
    play_free(p);
}

static void errors_come_in_many_shapes(void **state)
{
    static const struct {
        const char *body, *says;
    } shapes[] = {
        {"{\"error\":\"one\"}", "(one)"},
        {"{\"error\":[\"one\",\"two\"]}", "(one, two)"},
        {"{\"success\":false,\"message\":[\"Subject can't be blank\"],\"params\":{}}", "(Subject can't be blank)"},
        {"{\"errors\":{\"mute_for\":[\"is wrong\"]}}", "(mute_for: is wrong)"},
        {"{\"record\":{\"id\":null},\"errors\":\"Email is not an email\"}", "(Email is not an email)"},
        {"{\"field\":[\"is wrong\"]}", "(field: is wrong)"},
        {"Disabled", "(Disabled)"},
        {"<html>", "(an HTML page)"},
        {"", "to assets"},
        {"[1,2", "to assets"},
    };

    for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
        struct play *p = play(SYNC_KIND(RECORD_DEVICE));
        play_status(p, ASSETS, 422, shapes[i].body);
        run(p);
        assert_says(play_log(p), "incomplete device: Syncro answered 422 to assets");
        assert_says(play_log(p), shapes[i].says);
        play_free(p);
    }
}

/* --- tickets --- */

static void tickets_since_the_last_run_overlap(void **state)
{
    struct play *p = play(SYNC_KINDS_ALL);
    play_input(p)->mode = SYNC_INCREMENTAL;
    play_input(p)->cursor = SLICE("{\"tickets\":\"2025-11-21T01:30:00Z\"}");
    page(p, ALERTS, "rmm_alerts", "", PAGES(1, 1));
    play_json(p, V1 "tickets?page=1&since_updated_at=2025-11-21T01%3A25%3A00Z",
              "{\"tickets\":[{\"id\":5,\"status\":\"Invoiced\"},{\"id\":6,\"status\":\"Resolved\"}]," LAST "}");
    play_json(p, V1 "tickets/5", "{\"ticket\":{\"id\":5,\"status\":\"Invoiced\",\"assets\":[]}}");
    play_status(p, V1 "tickets/6", 404, "{\"message\":\"Not found\"}"); /* deleted since */
    page(p, V1 "tickets/5/comments?page=1&per_page=100", "comments", "1 2", PAGES(1, 2));
    page(p, V1 "tickets/5/comments?page=2&per_page=100", "comments", "3", PAGES(2, 2));
    play_status(p, V1 "tickets/6/comments?page=1&per_page=100", 404, "{\"message\":\"Not found\"}");
    run(p);
    assert_int_equal(count_says(play_log(p), "comment {"), 3);
    assert_int_equal(count_says(play_log(p), "reject"), 0);
    assert_line(play_log(p), "cursor {\"tickets\":\"2025-11-21T02:00:00Z\"}");
    play_free(p);
}

static void a_full_run_reads_the_detail_of_what_is_open_or_new(void **state)
{
    struct play *p = play(SYNC_KIND(RECORD_TICKET));
    play_json(
        p, TICKETS,
        "{\"tickets\":[{\"id\":5,\"status\":\"Invoiced\",\"updated_at\":\"2025-10-01T00:00:00Z\"},"
        "{\"id\":6,\"status\":\"Resolved\",\"updated_at\":\"2025-11-19T00:00:00Z\"},{\"id\":7,\"status\":\"Our own "
        "word\",\"updated_at\":\"2025-10-01T00:00:00Z\"}]," LAST "}");
    play_json(p, V1 "tickets/6", "{\"ticket\":{\"id\":6}}");
    play_json(p, V1 "tickets/7", "{\"ticket\":{\"id\":7}}");
    page(p, V1 "tickets/6/comments?page=1&per_page=100", "comments", "", PAGES(1, 1));
    page(p, V1 "tickets/7/comments?page=1&per_page=100", "comments", "", PAGES(1, 1));
    run(p);
    play_free(p);
}

static void a_failed_list_of_tickets_moves_no_cursor(void **state)
{
    struct play *p = play(SYNC_KIND(RECORD_TICKET));
    play_status(p, TICKETS, 422, "{\"error\":\"x\"}");
    run(p);
    assert_says(play_log(p), "incomplete ticket: ");
    assert_int_equal(count_says(play_log(p), "cursor"), 0);
    play_free(p);
}

static void status_words_have_a_meaning(void **state)
{
    static const struct {
        const char *word;
        bool resolved;
        enum ticket_status status;
    } cases[] = {
        {"New", false, TICKET_OPEN},
        {"In Progress", false, TICKET_IN_PROGRESS},
        {"Resolved", true, TICKET_RESOLVED},
        {"Invoiced", true, TICKET_CLOSED},
        {"Waiting for Parts", false, TICKET_WAITING},
        {"Waiting on Customer", false, TICKET_WAITING},
        {"Scheduled", false, TICKET_WAITING},
        {"Customer Reply", false, TICKET_OPEN},
        {"on HOLD", false, TICKET_WAITING},
        {"Abgerechnet", true, TICKET_RESOLVED},
        {"Neu", false, TICKET_OPEN},
        {"", false, TICKET_UNKNOWN},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (syn_ticket_status(slice_cstr(cases[i].word), cases[i].resolved) != cases[i].status)
            fail_msg("%s", cases[i].word);
}

/* --- going on, one alone --- */

static void a_later_process_goes_on_behind_the_checkpoint(void **state)
{
    struct play *p = play(SYNC_KINDS_ALL & ~SYNC_KIND(RECORD_TICKET));
    play_input(p)->checkpoint = SLICE("{\"done\":2}");
    page(p, ASSETS, "assets", "1", META(1));
    page(p, ALERTS, "rmm_alerts", "", PAGES(1, 1));
    run(p);
    assert_int_equal(count_says(play_calls(p), "customers?"), 0);
    play_free(p);
}

static char *single(const char *id, const char *call, int status, const char *body, bool comments)
{
    struct play *p = play(SYNC_KINDS_ALL);
    char *log;
    play_input(p)->mode = SYNC_SINGLE;
    play_input(p)->device_id = slice_cstr(id);
    play_on(p, call, (struct play_reply){.status = status, .body = body, .date = SECONDS(1763690500)});
    if (comments)
        page(p, V1 "tickets/7/comments?page=1&per_page=100", "comments", "70", PAGES(1, 1));
    run(p);
    log = mem_strdup(play_log(p));
    play_free(p);
    return log;
}

static void one_thing_is_read_again(void **state)
{
    char *log = single("5520011", V1 "customer_assets/5520011", 200, "{\"asset\":" ASSET "}", false);
    assert_says(log, "device {\"id\":\"5520011\"");
    free(log);
    log = single("7", V1 "customer_assets/7", 404, "{\"error\":\"Asset not found\"}", false);
    assert_line(log, "gone 7 2025-11-21T02:01:40Z");
    free(log);
    log = single("7", V1 "customer_assets/7", 200, "{\"asset\":{\"id\":8}}", false);
    assert_line(log, "reject device 7: the answer is about another one");
    free(log);
    log = single("ticket:7", V1 "tickets/7", 200, "{\"ticket\":{\"id\":7,\"status\":\"New\"}}", true);
    assert_says(log, "ticket {\"id\":\"7\"");
    assert_says(log, "comment {\"id\":\"70\",\"ticket_id\":\"7\"");
    free(log);
    log = single("ticket:7", V1 "tickets/7", 404, "{\"message\":\"Not found\"}", false);
    assert_says(log, "ticket {\"id\":\"7\",\"status_word\":\"deleted\",\"status\":\"closed\"");
    free(log);
    log = single("alert:7", V1 "rmm_alerts/7", 200,
                 "{\"rmm_alert\":{\"id\":7,\"resolved\":\"true\",\"updated_at\":\"2025-11-21T02:00:00Z\"}}", false);
    assert_line(log, "alert 7 {\"state\":\"resolved\",\"changed\":\"2025-11-21T02:00:00Z\",\"closes_only\":true}");
    free(log);
    /* an automatic clear is not marked as resolved */
    log = single("alert:7", V1 "rmm_alerts/7", 200,
                 "{\"rmm_alert\":{\"id\":7,\"resolved\":false,\"properties\":{\"description\":\"x (Auto Resolved)\"}}}",
                 false);
    assert_says(log, "alert 7 {\"state\":\"resolved\"");
    free(log);
    log = single("customer:7", V1 "customers/7", 200, "{\"customer\":{\"id\":7,\"fullname\":\"A\"}}", false);
    assert_line(log, "organization 7 {\"name\":\"A\"}");
    free(log);
    log = single("alerts:resolved", V1 "rmm_alerts?page=1&status=resolved", 200,
                 "{\"rmm_alerts\":[{\"id\":1,\"resolved\":true},{\"id\":2,\"resolved\":false}]}", false);
    assert_says(log, "alert 1 {");
    assert_int_equal(count_says(log, "alert 2"), 0);
    free(log);
}

static void a_page_for_an_asset_does_not_end_it(void **state)
{
    struct err e = {0};
    struct play *p = play(SYNC_KINDS_ALL);
    play_input(p)->mode = SYNC_SINGLE;
    play_input(p)->device_id = SLICE("7");
    play_on(p, V1 "customer_assets/7",
            (struct play_reply){.status = 404, .content_type = "text/html", .body = "<html>"});
    assert_false(play_run(p, (struct play_cut){0, 0}, &e));
    assert_int_equal(count_says(play_log(p), "gone"), 0);
    play_free(p);
    p = play(SYNC_KINDS_ALL);
    play_input(p)->mode = SYNC_SINGLE;
    play_input(p)->device_id = SLICE("../7");
    assert_false(play_run(p, (struct play_cut){0, 0}, &e));
    assert_int_equal(e.code, ERR_INPUT);
    play_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_told_at_any_cut),
        cmocka_unit_test(any_level_may_be_missing_or_of_another_type),
        cmocka_unit_test(what_can_be_read_of_an_odd_agent_is_told),
        cmocka_unit_test(a_bad_row_fails_alone),
        cmocka_unit_test(a_total_proves_a_list),
        cmocka_unit_test(another_page_than_was_asked_for_proves_nothing),
        cmocka_unit_test(without_meta_the_list_ends_with_an_empty_page),
        cmocka_unit_test(without_a_total_two_walks_must_agree),
        cmocka_unit_test(a_missing_permission_costs_its_list_only),
        cmocka_unit_test(a_refused_token_fails_the_run),
        cmocka_unit_test(errors_come_in_many_shapes),
        cmocka_unit_test(tickets_since_the_last_run_overlap),
        cmocka_unit_test(a_full_run_reads_the_detail_of_what_is_open_or_new),
        cmocka_unit_test(a_failed_list_of_tickets_moves_no_cursor),
        cmocka_unit_test(status_words_have_a_meaning),
        cmocka_unit_test(a_later_process_goes_on_behind_the_checkpoint),
        cmocka_unit_test(one_thing_is_read_again),
        cmocka_unit_test(a_page_for_an_asset_does_not_end_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
