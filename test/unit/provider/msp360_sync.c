/* msp360_sync.c - MSP360's lists, what becomes of a plan's row, and everything that may go wrong with them. */
#include "base/mem.h"
#include "base/test.h"
#include "provider/harness.h"
#include "provider/msp360/msp360.h"

#define SETTINGS     "{\"api_login\":\"l\",\"api_password\":\"p\",\"stale_days\":\"5\"}"
#define COMPANIES    "GET /api/Companies"
#define COMPUTERS    "GET /api/Computers/"
#define PLANS        "GET /api/Monitoring"
#define USERS        "GET /api/Users"
#define LICENSES     "GET /api/Licenses"
#define PAGE         "/500"
#define ONE_COMPANY  "[{\"Id\":\"c1\",\"Name\":\"Finch\"}]"
#define NO_COMPUTERS "{\"Count\":0,\"Computers\":[]}"

static const struct provider *msp360(void)
{
    return provider_find(SLICE("msp360"));
}

static struct play *play(const char *settings)
{
    struct play *p = play_new(msp360(), msp360()->sync, settings);
    play_input(p)->kinds &= ~(SYNC_KIND(RECORD_PERSON) | SYNC_KIND(RECORD_LICENSE)); /* tested by themselves */
    return p;
}

static void run(struct play *p)
{
    struct err e = {0};
    if (!play_run(p, (struct play_cut){13, 5}, &e))
        fail_msg("%s", e.what);
}

static void file(struct play *p, const char *call, const char *name)
{
    char *body = fixture(name);
    play_json(p, call, body);
    free(body);
}

/* --- the sheet's examples --- */

static void recorded(struct play *p)
{
    file(p, COMPANIES, "msp360/companies.json");
    file(p, COMPUTERS "0" PAGE, "msp360/computers.json");
    play_json(p, COMPUTERS "3" PAGE,
              "{\"Count\":4,\"Computers\":[{\"ComputerHID\":\"9c1d22aa-0000-4000-8000-000000000025\",\"ComputerName\":"
              "\"lone\",\"CompanyName\":\"\",\"UserID\":\"u\"}]}");
    file(p, PLANS, "msp360/monitoring.json");
    play_json(p, USERS, "[]");
    play_json(p, LICENSES, "[]");
}

static void answers_are_told_at_any_cut(void **state)
{
    char *log = play_all_cuts(msp360(), msp360()->sync, SETTINGS, recorded);

    assert_line(log, "organization 77aa0000-0000-4000-8000-000000000044 {\"name\":\"Finch Ltd\"}");
    assert_line(log, "organization 77aa0000-0000-4000-8000-000000000045 {\"name\":\"M\xc3\xbcller & S\xc3\xb6hne\"}");
    assert_line(log, "complete organization 4");
    /* two of one name: an operator must know */
    assert_int_equal(count_says(log, "reject organization"), 2);
    assert_says(log, "reject organization 77aa0000-0000-4000-8000-000000000047: another company is called \"twin\"");

    assert_line(log,
                "device {\"id\":\"9c1d22aa-0000-4000-8000-000000000022\",\"organization_id\":\"77aa0000-0000-4000-8000-"
                "000000000044\",\"name\":\"FIN-SRV-01\",\"hostname\":\"FIN-SRV-01\",\"product_class\":\"windows\","
                "\"status\":\"online\",\"agent_version\":\"8.0.3.36\",\"description\":\"backup account "
                "backup@finch.example\",\"last_seen\":\"2026-05-04T09:10:47.703000Z\"}");
    assert_line(log,
                "device {\"id\":\"9c1d22aa-0000-4000-8000-000000000023\",\"organization_id\":\"77aa0000-0000-4000-8000-"
                "000000000045\",\"name\":\"Datenbank\",\"hostname\":\"db1\",\"product_class\":\"linux\",\"status\":"
                "\"offline\",\"agent_version\":\"7.1\",\"description\":\"backup account m@example\"}");
    /* never guessed: the name of two companies is none's */
    assert_line(log,
                "device {\"id\":\"9c1d22aa-0000-4000-8000-000000000024\",\"organization_id\":\"\",\"name\":\"mac\","
                "\"hostname\":\"mac\",\"product_class\":\"macos\",\"status\":\"online\"}");
    assert_line(log,
                "device {\"id\":\"9c1d22aa-0000-4000-8000-000000000025\",\"organization_id\":\"\",\"name\":\"lone\","
                "\"hostname\":\"lone\"}");
    assert_line(log, "complete device 4");

    assert_line(
        log,
        "backup_job {\"id\":\"1f0e7a10-0000-4000-8000-000000000011/9c1d22aa-0000-4000-8000-000000000022/"
        "5b6f3c77-0000-4000-8000-000000000033\",\"device_id\":\"9c1d22aa-0000-4000-8000-000000000022\",\"organization_"
        "id\":"
        "\"77aa0000-0000-4000-8000-000000000044\",\"computer\":\"FIN-SRV-01\",\"plan\":\"Nightly "
        "image\",\"plan_id\":\"5b6f3c77-0000-4000-8000-000000000033\",\"plan_type\":\"BMSSBackup\",\"account\":"
        "\"backup@"
        "finch.example\",\"storage\":\"Cloud\",\"agent_version\":\"8.0.3.36\",\"status\":\"failed\",\"status_word\":"
        "\"Error\",\"last_start\":\"2026-05-03T22:00:07Z\",\"next_start\":\"2026-05-04T22:00:00Z\",\"duration\":\"12 "
        "min.\","
        "\"total_bytes\":51539607552,\"selected_bytes\":812646400,\"copied_bytes\":734003200,\"files_scanned\":20411,"
        "\"files_selected\":122,\"files_copied\":118,\"files_failed\":4,\"message\":\"Bucket quota "
        "exceeded\",\"stale_days\":5}");
    assert_line(log, "alert 1f0e7a10-0000-4000-8000-000000000011/9c1d22aa-0000-4000-8000-000000000022/"
                     "5b6f3c77-0000-4000-8000-000000000033 {\"device\":\"9c1d22aa-0000-4000-8000-000000000022\","
                     "\"organization\":\"77aa0000-0000-4000-8000-000000000044\",\"state\":\"triggered\",\"severity\":"
                     "\"critical\",\"type\":\"Error\",\"subject\":\"Backup plan Nightly image on FIN-SRV-01 "
                     "failed\",\"message\":\"Bucket quota exceeded\",\"source\":\"Nightly image\",\"triggered\":"
                     "\"2026-05-03T22:00:07Z\",\"changed\":\"2026-05-03T22:00:07Z\",\"change_id\":\"4\"}");
    /* no id of plan and computer: by names, and linked to the one computer of this name among the user's */
    assert_says(log, "backup_job {\"id\":\"1f0e7a10-0000-4000-8000-000000000012/name:DB1/name:Files%20%2F%20daily\","
                     "\"device_id\":\"9c1d22aa-0000-4000-8000-000000000023\"");
    assert_line(log,
                "alert 1f0e7a10-0000-4000-8000-000000000012/name:DB1/name:Files%20%2F%20daily {\"device\":\"9c1d22aa-"
                "0000-4000-8000-000000000023\",\"organization\":\"77aa0000-0000-4000-8000-000000000045\",\"state\":"
                "\"resolved\",\"changed\":\"2026-05-03T22:00:07.703000Z\",\"change_id\":\"1\",\"closes_only\":true}");
    /* never started, and due in the past */
    assert_says(log, "\"plan\":\"New\",\"plan_type\":\"type 99\",\"account\":\"m@example\",\"status\":\"overdue\","
                     "\"status_word\":\"Overdue\",\"next_start\":\"2025-11-20T22:00:00Z\"");
    assert_says(log,
                "\"state\":\"triggered\",\"severity\":\"moderate\",\"type\":\"Overdue\",\"subject\":\"Backup plan New "
                "on nobody is overdue\",\"source\":\"New\",\"triggered\":\"2025-11-20T22:00:00Z\"");
    assert_says(log, "\"plan\":\"Odd\",\"plan_type\":\"NA\",\"account\":\"m@example\",\"status_word\":\"status 99\"");
    assert_says(log,
                "\"plan\":\"Warned\",\"plan_id\":\"5b6f3c77-0000-4000-8000-000000000034\",\"plan_type\":\"Backup\"");
    assert_says(log,
                "\"type\":\"Warning\",\"subject\":\"Backup plan Warned on FIN-SRV-01 ended with warnings\",\"message\":"
                "\"2 files skipped\",\"source\":\"Warned\",\"triggered\":\"2026-05-01T23:00:00Z\"");
    assert_says(log, "\"status\":\"running\",\"status_word\":\"Running\"");
    /* one plan id on two computers: both */
    assert_says(log, "backup_job {\"id\":\"u/name:mac/5b6f3c77-0000-4000-8000-000000000033\"");
    assert_int_equal(count_says(log, "backup_job {"), 7);
    assert_int_equal(count_says(log, "alert ") - count_says(log, "#stale {"),
                     4); /* running, unknown and 99 say nothing */
    assert_line(log, "complete backup_job 7");
    assert_int_equal(count_says(log, "complete alert"), 0);
    assert_int_equal(count_says(log, "incomplete"), 0);
    assert_int_equal(count_says(log, "SECRET"), 0);
    free(log);
}

/* --- alerts --- */

/* Plays one row of /api/Monitoring; the log to be freed. */
static char *row(const char *settings, const char *fields)
{
    struct play *p = play(settings);
    char *body = mem_printf("[{\"PlanName\":\"P\",\"UserID\":\"u\",\"ComputerHid\":\"h\",%s}]", fields), *log;

    play_input(p)->kinds = SYNC_KIND(RECORD_ALERT) | SYNC_KIND(RECORD_BACKUP_JOB);
    play_json(p, COMPANIES, ONE_COMPANY);
    play_json(p, PLANS, body);
    run(p);
    log = mem_strdup(play_log(p));
    play_free(p);
    free(body);
    return log;
}

static void each_status_opens_closes_or_says_nothing(void **state)
{
    static const struct {
        const char *status, *job, *alert; /* alert NULL: none */
    } cases[] = {
        {"0", "\"status\":\"success\"", "\"state\":\"resolved\""},
        {"1", "\"status\":\"overdue\"", "\"severity\":\"moderate\",\"type\":\"Overdue\""},
        {"2", "\"status\":\"failed\"", "\"severity\":\"critical\",\"type\":\"Error\""},
        {"3", "\"status\":\"running\"", NULL},
        {"4", "\"status_word\":\"Unknown\"", NULL},
        {"5", "\"status\":\"interrupted\"", "\"severity\":\"critical\",\"type\":\"Interrupted\""},
        {"6", "\"status_word\":\"UnexpectedlyClosed\"", "\"severity\":\"critical\",\"type\":\"UnexpectedlyClosed\""},
        {"7", "\"status\":\"warning\"", "\"severity\":\"moderate\",\"type\":\"Warning\""},
        {"99", "\"status_word\":\"status 99\"", NULL},
        {"-1", "\"status_word\":\"status -1\"", NULL},
        {"null", "\"plan\":\"P\"", NULL},
        {"\"2\"", "\"status\":\"failed\"", "\"type\":\"Error\""},
        {"\"error\"", "\"status\":\"failed\"", "\"type\":\"Error\""}, /* enums by name, as XML has them */
        {"\"Paused\"", "\"status_word\":\"Paused\"", NULL},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char *fields = mem_printf("\"LastStart\":\"2025-11-20T00:00:00\",\"Status\":%s", cases[i].status);
        char *log = row(SETTINGS, fields);
        assert_says(log, cases[i].job);
        assert_int_equal(count_says(log, "alert u/h/name:P {"), cases[i].alert != NULL);
        if (cases[i].alert)
            assert_says(log, cases[i].alert);
        free(log);
        free(fields);
    }
}

static void warnings_may_be_switched_off(void **state)
{
    static const char off[] = "{\"api_login\":\"l\",\"api_password\":\"p\",\"alert_on_warning\":false}";
    static const struct {
        const char *status;
        size_t alerts;
    } cases[] = {{"1", 0}, {"7", 0}, {"2", 1}, {"5", 1}, {"6", 1}, {"0", 1}};

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char *fields = mem_printf("\"LastStart\":\"2025-11-20T00:00:00\",\"Status\":%s", cases[i].status);
        char *log = row(off, fields);
        assert_int_equal(count_says(log, "alert u/h/name:P {"), cases[i].alerts);
        assert_int_equal(count_says(log, "backup_job {"), 1); /* it is shown all the same */
        free(log);
        free(fields);
    }
}

/* The time and rank that order messages about one plan. The clock of the test is 2025-11-21T02:00:00Z. */
static void messages_about_a_plan_are_ordered(void **state)
{
    static const struct {
        const char *fields, *want;
    } cases[] = {
        {"\"Status\":0,\"LastStart\":\"2025-11-20T01:00:00\"",
         "\"changed\":\"2025-11-20T01:00:00Z\",\"change_id\":\"1\""},
        {"\"Status\":7,\"LastStart\":\"2025-11-20T01:00:00\"",
         "\"changed\":\"2025-11-20T01:00:00Z\",\"change_id\":\"2\""},
        /* overdue after that start: behind it, though nothing says when */
        {"\"Status\":1,\"LastStart\":\"2025-11-20T01:00:00\",\"NextStart\":\"2025-11-22T01:00:00\"",
         "\"changed\":\"2025-11-20T01:00:00Z\",\"change_id\":\"3\""},
        {"\"Status\":1,\"LastStart\":\"2025-11-20T01:00:00\",\"NextStart\":null",
         "\"changed\":\"2025-11-20T01:00:00Z\",\"change_id\":\"3\""},
        {"\"Status\":1,\"LastStart\":\"2025-11-20T01:00:00\",\"NextStart\":\"2025-11-21T01:00:00\"",
         "\"changed\":\"2025-11-21T01:00:00Z\",\"change_id\":\"3\""},
        {"\"Status\":2,\"LastStart\":\"2025-11-20T01:00:00\",\"NextStart\":\"2025-11-21T01:00:00\"",
         "\"changed\":\"2025-11-20T01:00:00Z\",\"change_id\":\"4\""},
        /* no time at all: the day, so that the next poll says the same */
        {"\"Status\":2,\"LastStart\":null", "\"changed\":\"2025-11-21T00:00:00Z\",\"change_id\":\"4\""},
        {"\"Status\":2,\"LastStart\":\"0001-01-01T00:00:00\"", "\"changed\":\"2025-11-21T00:00:00Z\""},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char *log = row(SETTINGS, cases[i].fields);
        assert_says(log, cases[i].want);
        free(log);
    }
}

/* The clock of the test is 2025-11-21T02:00:00Z, a plan is stale after 5 days. */
static void a_plan_that_does_not_run_opens_an_alert_of_its_own(void **state)
{
    static const char open[] = "\"state\":\"triggered\",\"severity\":\"major\",\"type\":\"NoBackup\"",
                      closed[] = "\"state\":\"resolved\"";
    static const struct {
        const char *fields, *want; /* NULL: nothing is said */
    } cases[] = {
        {"\"Status\":0,\"LastStart\":\"2025-11-16T01:00:00\",\"NextStart\":\"2025-11-22T01:00:00\"", open},
        {"\"Status\":0,\"LastStart\":\"2025-11-16T03:00:00\",\"NextStart\":\"2025-11-22T01:00:00\"", closed},
        /* no schedule: it runs when somebody starts it */
        {"\"Status\":0,\"LastStart\":\"2025-01-01T00:00:00\",\"NextStart\":null", closed},
        {"\"Status\":0,\"PlanType\":2,\"LastStart\":\"2025-01-01T00:00:00\",\"NextStart\":\"2025-11-22T01:00:00\"",
         closed},
        {"\"Status\":0,\"PlanType\":13,\"LastStart\":\"2025-01-01T00:00:00\",\"NextStart\":\"2025-11-22T01:00:00\"",
         closed},
        /* running for a week; a status that nobody knows */
        {"\"Status\":3,\"LastStart\":\"2025-11-14T00:00:00\",\"NextStart\":\"2025-11-22T01:00:00\"", open},
        {"\"Status\":99,\"LastStart\":\"2025-11-14T00:00:00\",\"NextStart\":\"2025-11-22T01:00:00\"", open},
        /* the verdict is an alert already */
        {"\"Status\":2,\"LastStart\":\"2025-11-14T00:00:00\",\"NextStart\":\"2025-11-22T01:00:00\"", closed},
        {"\"Status\":1,\"LastStart\":\"2025-11-14T00:00:00\",\"NextStart\":\"2025-11-15T01:00:00\"", closed},
        /* never ran, and was due */
        {"\"Status\":0,\"LastStart\":null,\"NextStart\":\"2025-11-10T01:00:00\"", "never ran, and was due 5 days ago"},
        {"\"Status\":0,\"LastStart\":null,\"NextStart\":null", NULL},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char *log = row(SETTINGS, cases[i].fields);
        const char *line = strstr(log, "alert u/h/name:P#stale {");
        assert_int_equal(line != NULL, cases[i].want != NULL);
        if (line && !strstr(line, cases[i].want))
            fail_msg("case %zu: %s", i, line);
        free(log);
    }
}

/* --- users and licences --- */

static char *accounts(const char *users, const char *licenses)
{
    struct play *p = play_new(msp360(), msp360()->sync, SETTINGS);
    char *log;

    play_input(p)->kinds = SYNC_KIND(RECORD_DEVICE) | SYNC_KIND(RECORD_PERSON) | SYNC_KIND(RECORD_LICENSE);
    play_json(p, COMPANIES, ONE_COMPANY);
    play_json(p, COMPUTERS "0" PAGE,
              "{\"Count\":1,\"Computers\":[{\"ComputerHID\":\"h\",\"ComputerName\":\"PC\",\"UserID\":\"u\"}]}");
    play_json(p, USERS, users);
    play_json(p, LICENSES, licenses);
    play_json(p, LICENSES, licenses);
    play_lenient(p); /* one that cannot be read is asked for twice */
    run(p);
    log = mem_strdup(play_log(p));
    play_free(p);
    return log;
}

static void users_become_people(void **state)
{
    char *log =
        accounts("[{\"ID\":\"{U}\",\"Email\":\"ann@finch.example\",\"FirstName\":\" Ann \",\"LastName\":\"Lee\","
                 "\"Company\":\"finch \",\"SpaceUsed\":1},"
                 "{\"ID\":\"v\",\"Email\":\"backup01\",\"FirstName\":null,\"Company\":\"\"},"
                 "{\"Email\":\"lost@x.example\"}]",
                 "null");

    assert_line(log, "person {\"id\":\"U\",\"organization_id\":\"c1\",\"name\":\"Ann Lee\",\"username\":"
                     "\"ann@finch.example\",\"email\":\"ann@finch.example\"}");
    assert_line(log, "person {\"id\":\"v\",\"organization_id\":\"\",\"name\":\"backup01\",\"username\":\"backup01\"}");
    assert_says(log, "reject person : ID: missing");
    assert_says(log, "incomplete person: MSP360, users: a row without an id");
    assert_says(log, "incomplete license: "); /* null is no empty list */
    free(log);
}

static void licenses_name_their_computer(void **state)
{
    char *log = accounts(
        "[]", "[{\"ID\":\"L1\",\"Number\":1001,\"ComputerName\":\"pc\",\"OperatingSystem\":\"Windows\",\"IsTrial\":"
              "false,\"IsTaken\":true,\"LicenseType\":\"Ultimate\",\"DateExpired\":\"2027-02-20T00:00:00\","
              "\"Transaction\":\"t\",\"User\":\"ann@finch.example\",\"UserID\":\"u\"},"
              "{\"ID\":\"L2\",\"Number\":1002,\"ComputerName\":null,\"IsTaken\":false,\"DateExpired\":"
              "\"0001-01-01T00:00:00\",\"User\":null,\"UserID\":null}]");

    assert_line(
        log, "license {\"id\":\"L1\",\"number\":\"1001\",\"type\":\"Ultimate\",\"computer\":\"pc\",\"device_id\":\"h\","
             "\"account\":\"ann@finch.example\",\"taken\":true,\"trial\":false,\"expires\":"
             "\"2027-02-20T00:00:00Z\"}");
    assert_line(log, "license {\"id\":\"L2\",\"number\":\"1002\",\"taken\":false}");
    assert_line(log, "complete license 2");
    assert_line(log, "complete person 0");
    free(log);
}

/* --- rows --- */

static void a_garbled_value_does_not_hide_a_failed_backup(void **state)
{
    char *log = row(SETTINGS, "\"Status\":2,\"LastStart\":\"yesterday\",\"FilesFailed\":\"many\",\"TotalData\":1");

    assert_says(log, "reject backup_job u/h/name:P: LastStart: expected an ISO 8601 time");
    assert_says(log, "\"status\":\"failed\"");
    assert_says(log, "\"total_bytes\":1");
    assert_says(log, "alert u/h/name:P {");
    assert_line(log, "complete backup_job 1");
    free(log);
}

static void unknown_members_are_ignored_and_keys_compare_without_case(void **state)
{
    struct play *p = play(SETTINGS);

    play_input(p)->kinds = SYNC_KIND(RECORD_BACKUP_JOB);
    play_json(p, COMPANIES, "[{\"ID\":\"c1\",\"name\":\"Finch\",\"Monitiring\":{\"a\":[1]}}]");
    play_json(p, PLANS,
              "[{\"planName\":\"P\",\"UserId\":\"u\",\"COMPUTERHID\":\"h\",\"planid\":\"i\",\"companyname\":\"FINCH\","
              "\"status\":3,\"New\":{\"Status\":2,\"x\":[[{}]]},\"DetailedReportLink\":\"https://x/SECRET\"}]");
    run(p);
    assert_line(play_log(p),
                "backup_job {\"id\":\"u/h/i\",\"device_id\":\"h\",\"organization_id\":\"c1\",\"plan\":\"P\","
                "\"plan_id\":\"i\",\"status\":\"running\",\"status_word\":\"Running\",\"stale_days\":5}");
    assert_int_equal(count_says(play_log(p), "SECRET"), 0);
    play_free(p);
}

static void a_row_that_names_no_plan_proves_nothing(void **state)
{
    struct play *p = play(SETTINGS);

    play_input(p)->kinds = SYNC_KIND(RECORD_BACKUP_JOB);
    play_json(p, COMPANIES, ONE_COMPANY);
    play_json(p, PLANS,
              "[{\"PlanName\":\"P\",\"UserID\":\"u\"},{\"ComputerName\":\"x\",\"Status\":2},{\"PlanName\":\"Q\"}]");
    run(p);
    assert_line(play_log(p), "reject backup_job : the row names no plan, or no computer and no user");
    assert_int_equal(count_says(play_log(p), "reject backup_job"), 2);
    assert_says(play_log(p), "incomplete backup_job: MSP360, monitoring: a row without an id");
    play_free(p);
}

static void a_long_key_is_cut_and_stays_its_own(void **state)
{
    char name[1200];
    memset(name, 'n', sizeof(name));
    name[sizeof(name) - 1] = '\0';
    struct play *p = play(SETTINGS);
    char *body =
        mem_printf("[{\"PlanName\":\"%s1\",\"UserID\":\"u\"},{\"PlanName\":\"%s2\",\"UserID\":\"u\"}]", name, name);

    play_input(p)->kinds = SYNC_KIND(RECORD_BACKUP_JOB);
    play_json(p, COMPANIES, ONE_COMPANY);
    play_json(p, PLANS, body);
    run(p);
    const char *first = strstr(play_log(p), "\"id\":\""), *second = strstr(first + 1, "\"id\":\"");
    assert_int_equal(strcspn(first + 6, "\""), 400);
    assert_int_equal(strcspn(second + 6, "\""), 400);
    assert_int_not_equal(strncmp(first, second, 406), 0);
    play_free(p);
    free(body);
}

static void names_link_only_while_they_are_one_s(void **state)
{
    struct play *p = play(SETTINGS);

    play_json(p, COMPANIES, ONE_COMPANY);
    play_json(
        p, COMPUTERS "0" PAGE,
        "{\"Count\":3,\"Computers\":[{\"ComputerHID\":\"a\",\"ComputerName\":\"PC\",\"UserID\":\"u\"},{\"ComputerHID\":"
        "\"b\",\"ComputerName\":\"pc\",\"UserID\":\"u\"},{\"ComputerHID\":\"c\",\"ComputerName\":\"PC\",\"UserID\":"
        "\"v\"}]}");
    play_json(p, COMPUTERS "2" PAGE,
              "{\"Count\":3,\"Computers\":[{\"ComputerHID\":\"c\",\"ComputerName\":\"PC\",\"UserID\":\"v\"}]}");
    play_json(p, PLANS,
              "[{\"PlanName\":\"P\",\"UserID\":\"u\",\"ComputerName\":\"PC\"},{\"PlanName\":\"P\",\"UserID\":\"v\","
              "\"ComputerName\":\"PC\"}]");
    run(p);
    assert_says(play_log(p), "backup_job {\"id\":\"u/name:PC/name:P\",\"organization_id\"");
    assert_says(play_log(p), "backup_job {\"id\":\"v/name:PC/name:P\",\"device_id\":\"c\"");
    play_free(p);
}

static void names_beyond_the_ceiling_link_nothing(void **state)
{
    struct msp_names names = {.v = NULL};
    struct slice id;
    char name[16];

    for (int i = 0; i < MSP_NAMES_MAX; i++) {
        snprintf(name, sizeof(name), "n%d", i);
        msp_names_add(&names, SLICE_NONE, slice_cstr(name), SLICE("id"));
    }
    assert_int_equal(msp_names_find(&names, SLICE_NONE, SLICE(" N7 "), &id), MSP_ONE);
    assert_int_equal(msp_names_find(&names, SLICE_NONE, SLICE("n"), &id), MSP_NONE);
    msp_names_add(&names, SLICE_NONE, SLICE("n7"), SLICE("other")); /* was not kept, and may be any */
    assert_int_equal(msp_names_find(&names, SLICE_NONE, SLICE("n7"), &id), MSP_UNSURE);
    msp_names_clear(&names);
}

/* --- lists that fail --- */

static void companies_that_cannot_be_read_change_no_link(void **state)
{
    struct play *p = play(SETTINGS);

    play_json(p, COMPANIES, "null"); /* 200 and null: asked once more, as for anything garbled */
    play_json(p, COMPANIES, "null");
    play_json(
        p, COMPUTERS "0" PAGE,
        "{\"Count\":1,\"Computers\":[{\"ComputerHID\":\"a\",\"ComputerName\":\"PC\",\"CompanyName\":\"Finch\"}]}");
    play_json(p, PLANS, "[{\"PlanName\":\"P\",\"UserID\":\"u\",\"CompanyName\":\"Finch\"}]");
    run(p);
    assert_says(play_log(p), "incomplete organization: companies: the answer cannot be read");
    assert_line(play_log(p), "device {\"id\":\"a\",\"name\":\"PC\",\"hostname\":\"PC\"}");
    assert_line(play_log(p), "backup_job {\"id\":\"u//name:P\",\"plan\":\"P\",\"stale_days\":5}");
    assert_line(play_log(p), "complete backup_job 1");
    play_free(p);
}

static void monitoring_that_is_null_leaves_the_plans_alone(void **state)
{
    struct play *p = play(SETTINGS);

    play_json(p, COMPANIES, ONE_COMPANY);
    play_json(p, COMPUTERS "0" PAGE, NO_COMPUTERS);
    play_json(p, PLANS, "null");
    play_json(p, PLANS, "null");
    run(p);
    assert_line(play_log(p), "complete device 0");
    assert_says(play_log(p), "incomplete backup_job: monitoring: the answer cannot be read");
    assert_int_equal(count_says(play_log(p), "complete backup_job "), 0);
    play_free(p);
}

static void an_outage_ends_the_run(void **state)
{
    static const struct {
        struct play_reply reply;
        enum err_code code;
    } cases[] = {
        {{.status = 503, .content_type = "text/html", .body = "<html>"}, ERR_UNAVAILABLE},
        {{.status = 401, .body = "{\"Message\":\"Authorization has been denied for this request.\"}"}, ERR_AUTH},
        {{.status = 429, .body = ""}, ERR_THROTTLED},
        {{.transport = ERR_TIMEOUT}, ERR_TIMEOUT},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct play *p = play(SETTINGS);
        struct err e = {0};
        play_json(p, COMPANIES, ONE_COMPANY);
        play_json(p, COMPUTERS "0" PAGE, NO_COMPUTERS);
        play_on(p, PLANS, cases[i].reply);
        assert_false(play_run(p, (struct play_cut){0, 0}, &e));
        assert_int_equal(e.code, cases[i].code);
        play_free(p);
    }
}

static void a_list_that_is_forbidden_leaves_the_others(void **state)
{
    struct play *p = play(SETTINGS);

    play_json(p, COMPANIES, ONE_COMPANY);
    play_status(p, COMPUTERS "0" PAGE, 403, "");
    play_json(p, PLANS, "[]");
    run(p);
    assert_says(play_log(p), "incomplete device: MSP360 answered 403 to computers: API access is not enabled");
    assert_line(play_log(p), "complete backup_job 0");
    play_free(p);
}

/* --- pages of computers --- */

/* {"Count":count,"Computers":[hid from … to]} */
static void page(struct play *p, int offset, int count, int from, int to)
{
    _cleanup_(str_release) struct str body = {0};
    char *call = mem_printf(COMPUTERS "%d" PAGE, offset);

    str_addf(&body, "{\"Count\":%d,\"StatusCode\":200,\"Computers\":[", count);
    for (int i = from; i <= to; i++)
        str_addf(&body, "%s{\"ComputerHID\":\"h%d\",\"ComputerName\":\"n%d\"}", i == from ? "" : ",", i, i);
    str_adds(&body, "]}");
    play_json(p, call, body.p);
    free(call);
}

static struct play *paged(void)
{
    struct play *p = play(SETTINGS);

    play_input(p)->kinds = SYNC_KIND(RECORD_DEVICE);
    play_json(p, COMPANIES, ONE_COMPANY);
    return p;
}

static void pages_overlap_by_a_row_until_it_comes_alone(void **state)
{
    static const bool totals[] = {false, true};

    for (size_t i = 0; i < ARRAY_LEN(totals); i++) {
        struct play *p = paged();
        page(p, 0, totals[i] ? 5 : 3, 1, 3); /* fewer than asked for: the server's idea of a page, not the end */
        page(p, 2, totals[i] ? 5 : 3, 3, 5);
        page(p, 4, totals[i] ? 5 : 1, 5, 5);
        run(p);
        assert_int_equal(count_says(play_log(p), "device {"), 5);
        assert_line(play_log(p), "complete device 5");
        play_free(p);
    }
}

static void one_computer_is_one_page(void **state)
{
    struct play *p = paged();

    page(p, 0, 1, 1, 1);
    run(p);
    assert_line(play_log(p), "complete device 1");
    play_free(p);
}

static void a_page_that_was_cut_is_read_again(void **state)
{
    struct play *p = paged();

    play_on(p, COMPUTERS "0" PAGE,
            (struct play_reply){.body = "{\"Count\":2,\"Computers\":[{\"ComputerHID\":\"h1\",\"ComputerName\":\"n1\"},"
                                        "{\"ComputerHID\":\"h2\",\"ComputerName\":\"n2\"}]}",
                                .cut_once = true});
    page(p, 1, 2, 2, 2);
    run(p);
    assert_line(play_log(p), "complete device 2");
    play_free(p);
}

static void lists_without_proof_count_for_nothing(void **state)
{
    static const struct {
        const char *says;
        int pages[4][4]; /* offset, count, from, to; ends at from == 0 */
    } cases[] = {
        /* one before the anchor was deleted: the row behind it would be missed */
        {"the list moved while it was read", {{0, 3, 1, 3}, {2, 2, 4, 5}, {3, 1, 5, 5}}},
        {"the list became shorter while it was read", {{0, 3, 1, 3}, {2, 0, 1, 0}}},
        /* an offset that is not listened to */
        {"the list moved while it was read", {{0, 3, 1, 3}, {2, 3, 1, 3}}},
        {"a row came twice", {{0, 3, 1, 3}, {2, 3, 3, 5}, {4, 3, 5, 5}}}, /* (the page is edited below) */
        {"6 rows were announced and 5 were given", {{0, 6, 1, 3}, {2, 6, 3, 5}, {4, 6, 5, 5}}},
        {"the total changed between two pages", {{0, 5, 1, 3}, {2, 6, 3, 5}, {4, 6, 5, 5}}},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct play *p = paged();
        for (size_t k = 0; k < 4 && cases[i].pages[k][2]; k++) {
            const int *at = cases[i].pages[k];
            if (i == 3 && k == 0)
                play_json(
                    p, COMPUTERS "0" PAGE,
                    "{\"Count\":3,\"Computers\":[{\"ComputerHID\":\"h1\",\"ComputerName\":\"n1\"},{\"ComputerHID\":"
                    "\"h1\",\"ComputerName\":\"n1\"},{\"ComputerHID\":\"h3\",\"ComputerName\":\"n3\"}]}");
            else
                page(p, at[0], at[1], at[2], at[3]);
        }
        run(p);
        assert_int_equal(count_says(play_log(p), "complete device "), 0);
        assert_says(play_log(p), cases[i].says);
        assert_says(play_log(p), "so nothing is taken as missing");
        play_free(p);
    }
}

static void pages_that_alternate_end(void **state)
{
    struct play *p = paged();

    page(p, 0, 3, 1, 3);
    page(p, 2, 3, 4, 6);
    page(p, 4, 3, 1, 3);
    run(p);
    assert_int_equal(count_says(play_log(p), "device {"), 6);
    assert_int_equal(count_says(play_log(p), "complete device "), 0);
    play_free(p);
}

static void a_failure_inside_a_200_is_one(void **state)
{
    struct play *p = paged();

    play_json(p, COMPUTERS "0" PAGE,
              "{\"Count\":0,\"Message\":\"Internal error\",\"StatusCode\":500,\"Computers\":[]}");
    run(p);
    assert_says(play_log(p),
                "incomplete device: MSP360, computers from row 0 on: the product says 500 (Internal error)");
    play_free(p);
}

static void a_computer_without_an_id_spoils_the_proof(void **state)
{
    struct play *p = paged();

    play_json(p, COMPUTERS "0" PAGE, "{\"Count\":1,\"Computers\":[{\"ComputerHID\":\"{}\",\"ComputerName\":\"n\"}]}");
    run(p);
    assert_line(play_log(p), "reject device : ComputerHID: missing, or too long");
    assert_says(play_log(p), "incomplete device: ");
    play_free(p);
}

static void a_computer_may_be_listed_once_a_user(void **state)
{
    struct play *p = paged();

    play_json(p, COMPUTERS "0" PAGE,
              "{\"Count\":2,\"Computers\":[{\"ComputerHID\":\"h\",\"UserID\":\"u\"},{\"ComputerHID\":\"h\",\"UserID\":"
              "\"v\"}]}");
    play_json(p, COMPUTERS "1" PAGE, "{\"Count\":2,\"Computers\":[{\"ComputerHID\":\"h\",\"UserID\":\"v\"}]}");
    run(p);
    assert_line(play_log(p), "complete device 2");
    play_free(p);
}

/* --- one computer --- */

static void one_is_read_again(void **state)
{
    static const struct {
        int status;
        const char *body, *line;
    } cases[] = {
        {200, "{\"ComputerHID\":\"{H}\",\"ComputerName\":\"n\",\"CompanyName\":\"Finch\"}",
         "device {\"id\":\"H\",\"organization_id\":\"c1\",\"name\":\"n\",\"hostname\":\"n\"}"},
        {200, "{\"ErrorCode\":-6,\"Message\":\"Object \\\"GUID\\\" not found\"}", "gone H 2025-11-21T02:00:00Z"},
        {404, "{\"ErrorCode\":-6,\"Message\":\"Object \\\"GUID\\\" not found\"}", "gone H 2025-11-21T02:00:00Z"},
        {200, "{\"ComputerHID\":\"other\"}", "reject device H: the answer is about another computer"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct play *p = play(SETTINGS);
        play_input(p)->mode = SYNC_SINGLE;
        play_input(p)->device_id = SLICE("H");
        play_json(p, COMPANIES, ONE_COMPANY);
        play_status(p, COMPUTERS "H", cases[i].status, cases[i].body);
        run(p);
        assert_line(play_log(p), cases[i].line);
        play_free(p);
    }
}

static void only_the_product_s_word_makes_one_gone(void **state)
{
    struct play *p = play(SETTINGS);
    struct err e = {0};

    play_input(p)->mode = SYNC_SINGLE;
    play_input(p)->device_id = SLICE("H");
    play_json(p, COMPANIES, ONE_COMPANY);
    play_status(p, COMPUTERS "H", 404,
                "{\"Message\":\"No HTTP resource was found that matches the request URI 'x'.\"}");
    assert_false(play_run(p, (struct play_cut){0, 0}, &e));
    assert_int_equal(count_says(play_log(p), "gone"), 0);
    play_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_told_at_any_cut),
        cmocka_unit_test(each_status_opens_closes_or_says_nothing),
        cmocka_unit_test(warnings_may_be_switched_off),
        cmocka_unit_test(messages_about_a_plan_are_ordered),
        cmocka_unit_test(a_plan_that_does_not_run_opens_an_alert_of_its_own),
        cmocka_unit_test(users_become_people),
        cmocka_unit_test(licenses_name_their_computer),
        cmocka_unit_test(a_garbled_value_does_not_hide_a_failed_backup),
        cmocka_unit_test(unknown_members_are_ignored_and_keys_compare_without_case),
        cmocka_unit_test(a_row_that_names_no_plan_proves_nothing),
        cmocka_unit_test(a_long_key_is_cut_and_stays_its_own),
        cmocka_unit_test(names_link_only_while_they_are_one_s),
        cmocka_unit_test(names_beyond_the_ceiling_link_nothing),
        cmocka_unit_test(companies_that_cannot_be_read_change_no_link),
        cmocka_unit_test(monitoring_that_is_null_leaves_the_plans_alone),
        cmocka_unit_test(an_outage_ends_the_run),
        cmocka_unit_test(a_list_that_is_forbidden_leaves_the_others),
        cmocka_unit_test(pages_overlap_by_a_row_until_it_comes_alone),
        cmocka_unit_test(one_computer_is_one_page),
        cmocka_unit_test(a_page_that_was_cut_is_read_again),
        cmocka_unit_test(lists_without_proof_count_for_nothing),
        cmocka_unit_test(pages_that_alternate_end),
        cmocka_unit_test(a_failure_inside_a_200_is_one),
        cmocka_unit_test(a_computer_without_an_id_spoils_the_proof),
        cmocka_unit_test(a_computer_may_be_listed_once_a_user),
        cmocka_unit_test(one_is_read_again),
        cmocka_unit_test(only_the_product_s_word_makes_one_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
