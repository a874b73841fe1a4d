/* sim/sync.c - the providers' machines read the simulated products: what one side says the other must understand, to the last row. */
#include "msphub/provider.h"
#include "sim/world.h"

struct drive {
    struct world *w;
    const struct provider *provider;
    struct settings *settings;
    char access[128];
    uint64_t records[RECORD_NKINDS_], rejected;
    int64_t complete[RECORD_NKINDS_]; /* -1: not told */
    unsigned calls, refused, incomplete;
    char first_reject[200], first_incomplete[200];
};

/* --- the sink --- */

static void on_record(void *arg, const struct record *r)
{
    ((struct drive *)arg)->records[r->kind]++;
}

static void on_reject(void *arg, enum record_kind kind, struct slice id, const char *reason)
{
    struct drive *d = arg;
    if (!d->rejected++)
        snprintf(d->first_reject, sizeof(d->first_reject), "%.*s: %s", SLICE_FMT(id), reason);
}

static void on_text(void *arg, struct slice json)
{
}

static void on_complete(void *arg, enum record_kind kind, int64_t rows)
{
    ((struct drive *)arg)->complete[kind] = rows;
}

static void on_incomplete(void *arg, enum record_kind kind, const char *why)
{
    struct drive *d = arg;
    if (!d->incomplete++)
        snprintf(d->first_incomplete, sizeof(d->first_incomplete), "%s", why);
}

static void on_credential(void *arg, struct slice access, usec_t expires_in, struct slice refresh)
{
    struct drive *d = arg;
    snprintf(d->access, sizeof(d->access), "%.*s", SLICE_FMT(access));
}

static void on_remark(void *arg, const char *text)
{
}

/* --- the engine's part, without time and sockets --- */

static enum http_method method_of(const char *name)
{
    for (unsigned bit = HTTP_GET; bit <= HTTP_OPTIONS; bit *= 2) {
        if (strcmp(http_method_name((enum http_method)bit), name) == 0)
            return (enum http_method)bit;
    }
    fail_msg("method %s", name);
    return HTTP_GET;
}

static void serve(struct drive *d, const struct machine_ops *ops, struct machine *m, struct machine_call call)
{
    struct world *w = d->w;
    if (!call.anonymous && d->provider->authorize)
        d->provider->authorize(d->settings, slice_cstr(d->access), w->arena, &call);
    w->token[0] = '\0';
    w->key = NULL;
    for (size_t k = 0; k < MACHINE_MAX_HEADERS && call.headers[k].name; k++) {
        if (strcmp(call.headers[k].name, "Authorization") == 0)
            snprintf(w->token, sizeof(w->token), "%s", call.headers[k].value);
        if (slice_ieq(slice_cstr(call.headers[k].name), SLICE("X-API-KEY")))
            w->key = call.headers[k].value;
    }
    w->type = call.content_type ? call.content_type : "";
    const char *body = call.body.p ? arena_strndup(w->arena, call.body.p, call.body.n) : NULL;
    struct got g = world_ask(w, d->provider->key, method_of(call.method), call.path, body);
    struct machine_reply reply = {.status = g.status,
                                  .content_type = g.json ? "application/json" : "text/html",
                                  .date = WORLD_EPOCH,
                                  .retry_after = USEC_NONE,
                                  .error_body = g.status < 300 ? SLICE_NONE : g.text};
    d->calls++;
    d->refused += g.status >= 400;
    if (g.status < 300)
        ops->on_body(m, call.id, g.text);
    ops->on_end(m, call.id, &reply);
}

static bool play(struct drive *d, const struct machine_ops *ops)
{
    const struct sink sink = {.arg = d,
                              .record = on_record,
                              .reject = on_reject,
                              .checkpoint = on_text,
                              .complete = on_complete,
                              .incomplete = on_incomplete,
                              .cursor = on_text,
                              .credential = on_credential,
                              .remark = on_remark};
    const struct machine_input in = {
        .settings = d->settings, .now = WORLD_EPOCH, .mode = SYNC_FULL, .kinds = SYNC_KINDS_ALL};
    struct err e = {.what = ""};
    struct machine *m = ops->start(&in, &sink, &e);
    if (!m)
        fail_msg("%s: %s", ops->name, e.what);
    enum machine_want want;
    struct machine_call call = {.id = 0};
    while ((want = ops->next(m, &call)) == MACHINE_CALL) {
        serve(d, ops, m, call);
        call = (struct machine_call){.id = 0};
        assert_true(d->calls < 10000);
    }
    assert_int_equal(want, MACHINE_DONE);
    bool ok = ops->result(m, &e);
    if (!ok && d->w->fault == FAULT_NONE)
        fail_msg("%s: %s", ops->name, e.what);
    ops->free(m);
    return ok;
}

static void drive_init(struct drive *d, struct world *w, const char *provider, const char *settings)
{
    struct err e;
    *d = (struct drive){.w = w, .provider = provider_find(slice_cstr(provider))};
    assert_non_null(d->provider);
    for (size_t k = 0; k < RECORD_NKINDS_; k++)
        d->complete[k] = -1;
    d->settings = settings_from_json(d->provider->fields, d->provider->nfields, slice_cstr(settings), &e);
    assert_non_null(d->settings);
    const struct provider *p = d->provider;
    if (p->authenticate && (!p->needs_token || p->needs_token(d->settings)))
        play(d, d->provider->authenticate);
}

static void assert_clean(const struct drive *d)
{
    if (d->rejected || d->incomplete || d->refused)
        fail_msg("%u refused; %u rejected: %s; %u incomplete: %s", d->refused, (unsigned)d->rejected, d->first_reject,
                 d->incomplete, d->first_incomplete);
}

#define NINJA_SETTINGS                                                                                                 \
    "{\"base_url\":\"https://"                                                                                         \
    "sim.test\",\"client_id\":\"sim-ninja-client\",\"client_secret\":\"sim-ninja-secret\",\"scope\":\"monitoring\"}"

static void ninjaone_is_read_to_the_last_row(void **state)
{
    struct drive d;
    struct world *w = *state;
    drive_init(&d, w, "ninjaone", NINJA_SETTINGS);
    assert_true(play(&d, d.provider->probe));
    assert_true(play(&d, d.provider->sync));
    assert_clean(&d);
    const struct json *sum = world_control(w, HTTP_GET, "/control/ninja/summary", NULL).json;
    assert_int_equal(d.complete[RECORD_DEVICE], json_number(sum, "devices")); /* pending ones are asked for as well */
    assert_int_equal(d.complete[RECORD_ORGANIZATION], json_number(sum, "organizations"));
    assert_int_equal(d.complete[RECORD_LOCATION], json_number(sum, "locations"));
    assert_int_equal(d.complete[RECORD_ALERT], json_number(sum, "alerts"));
    assert_true(d.records[RECORD_FACET] > 0);
    settings_free(d.settings);
}

static void ninjaone_tells_a_total_that_does_not_fit(void **state)
{
    struct drive d;
    struct world *w = *state;
    drive_init(&d, w, "ninjaone", NINJA_SETTINGS);
    w->fault = FAULT_WRONG_TOTAL;
    play(&d, d.provider->sync);
    assert_true(d.incomplete > 0);
    settings_free(d.settings);
}

#define TACTICAL_SETTINGS "{\"base_url\":\"https://sim.test\",\"api_key\":\"SIMTACTICALKEYFULLACCESS00000001\"}"

static void tactical_is_read(struct world *w)
{
    struct drive d;
    drive_init(&d, w, "tacticalrmm", TACTICAL_SETTINGS);
    assert_true(play(&d, d.provider->probe));
    d.refused = 0; /* a probe may find the beta interface switched off */
    assert_true(play(&d, d.provider->sync));
    const struct json *sum = world_control(w, HTTP_GET, "/control/tactical/summary", NULL).json;
    assert_int_equal(d.rejected, 0);
    assert_int_equal(d.complete[RECORD_DEVICE], json_number(sum, "agents"));
    assert_int_equal(d.complete[RECORD_ORGANIZATION], json_number(sum, "clients"));
    assert_int_equal(d.complete[RECORD_LOCATION], json_number(sum, "sites"));
    assert_int_equal(d.complete[RECORD_SOFTWARE], json_number(sum, "agents_with_software"));
    assert_true((int64_t)d.records[RECORD_ALERT] >= json_number(sum, "open_alerts")); /* recent ones are read as well */
    settings_free(d.settings);
}

static void tactical_is_read_to_the_last_row(void **state)
{
    tactical_is_read(*state);
}

static void tactical_is_read_without_the_beta_interface(void **state)
{
    world_control(*state, HTTP_PATCH, "/control/tactical/settings", "{\"beta\":false}");
    tactical_is_read(*state);
}

#define MSP360_SETTINGS                                                                                                \
    "{\"base_url\":\"https://"                                                                                         \
    "sim.internal\",\"api_login\":\"sim-msp360-login\",\"api_password\":\"sim-msp360-\\\"pass\\\""                     \
    "word\"}"

static void msp360_is_read(struct world *w, int64_t least_calls)
{
    struct drive d;
    drive_init(&d, w, "msp360", MSP360_SETTINGS);
    assert_true(play(&d, d.provider->probe));
    d.calls = 0;
    assert_true(play(&d, d.provider->sync));
    assert_clean(&d);
    const struct json *sum = world_control(w, HTTP_GET, "/control/msp360/summary", NULL).json;
    assert_int_equal(d.complete[RECORD_ORGANIZATION], json_number(sum, "companies"));
    assert_int_equal(d.complete[RECORD_DEVICE], json_number(sum, "computers"));
    assert_int_equal(d.records[RECORD_BACKUP_JOB], json_number(sum, "plans"));
    assert_int_equal(d.complete[RECORD_BACKUP_JOB], json_number(sum, "plans"));
    assert_true((int64_t)d.records[RECORD_ALERT] > json_number(sum, "failing")); /* those that went well close theirs */
    assert_true(d.calls >= least_calls);
    settings_free(d.settings);
}

static void msp360_is_read_to_the_last_row(void **state)
{
    msp360_is_read(*state, 4); /* companies, two pages of computers, plans */
}

/* A page shorter than asked for is no end. */
static void msp360_is_read_in_pages_of_the_servers_size(void **state)
{
    world_control(*state, HTTP_PATCH, "/control/msp360/settings", "{\"page_cap\":10,\"count_is_total\":true}");
    msp360_is_read(*state, 15);
    world_control(*state, HTTP_PATCH, "/control/msp360/settings", "{\"page_cap\":13,\"count_is_total\":false}");
    msp360_is_read(*state, 12);
}

static void msp360_never_proves_a_list_with_a_fault(void **state)
{
    static const enum fault_kind faults[] = {FAULT_WRONG_TOTAL, FAULT_STUCK_CURSOR, FAULT_REPEAT_PAGE, FAULT_SHUFFLE};
    struct world *w = *state;
    for (size_t k = 0; k < ARRAY_LEN(faults); k++) {
        struct drive d;
        w->fault = FAULT_NONE;
        world_control(w, HTTP_PATCH, "/control/msp360/settings", "{\"page_cap\":13}");
        drive_init(&d, w, "msp360", MSP360_SETTINGS);
        w->fault = faults[k];
        play(&d, d.provider->sync);
        assert_int_equal(d.complete[RECORD_DEVICE], -1);
        assert_true(d.incomplete > 0);
        settings_free(d.settings);
    }
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        TEST(ninjaone_is_read_to_the_last_row),        TEST(ninjaone_tells_a_total_that_does_not_fit),
        TEST(tactical_is_read_to_the_last_row),        TEST(tactical_is_read_without_the_beta_interface),
        TEST(msp360_is_read_to_the_last_row),          TEST(msp360_is_read_in_pages_of_the_servers_size),
        TEST(msp360_never_proves_a_list_with_a_fault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
