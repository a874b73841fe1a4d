/* action.c - actions: what acts is written down first and never sent twice, equal reads share one call, what fails is answered from what
 * was said before, and an edit or an act ends what was kept. */
#include "hub/action.h"

#include "base/test.h"
#include "hub/engine_kit.h"
#include "pgtest.h"
#include "provider/common_tasks.h"

static struct pgtest *pg;

/* --- the provider: GET /read, POST /act; the answer's body is the result --- */

struct one {
    struct machine m;
    struct task task;
    struct str text;
};

static void ask_read(struct task *t, struct str *path, struct str *body)
{
    str_addf(path, "/read/%.*s", SLICE_FMT(t->machine->in->device_id));
}

static void ask_act(struct task *t, struct str *path, struct str *body)
{
    str_adds(path, "/act");
    str_adds(body, "{}");
}

static enum task_verdict page(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    const struct sink *sink = t->machine->sink;
    sink->result(sink->arg, str_slice(&t->text));
    const struct record gone = {.kind = RECORD_REFRESH, .ref = {.device_id = SLICE("7"), .at = USEC_NONE}};
    sink->record(sink->arg, &gone);
    return TASK_DONE;
}

static void explain(const struct task *t, const struct machine_reply *r, struct err *e)
{
    if (r->err)
        *e = *r->err;
    else
        err_set(e, r->status == 404 ? ERR_NOT_FOUND : ERR_FORBIDDEN, "%s: refused with %d", t->kind->what, r->status);
}

static const struct task_kind read_kind = {.what = "read", .ask = ask_read, .page = page};
static const struct task_kind act_kind = {
    .what = "act", .method = "POST", .acting = true, .content_type = "application/json", .ask = ask_act, .page = page};

static struct machine *start(const struct machine_input *in, const struct sink *sink, const struct task_kind *kind)
{
    struct one *x = NEW(struct one);
    machine_init(&x->m, in, sink, explain);
    machine_add(&x->m, &x->task, kind, 0);
    return &x->m;
}

static struct machine *start_read(const struct machine_input *in, const struct sink *sink, struct err *e)
{
    return start(in, sink, &read_kind);
}

static struct machine *start_act(const struct machine_input *in, const struct sink *sink, struct err *e)
{
    assert_true(slice_is(settings_text(in->args, "script"), "a\nb"));
    return start(in, sink, &act_kind);
}

static const struct machine_ops read_ops = {.name = "read", .start = start_read, MACHINE_TASKS_OPS};
static const struct machine_ops act_ops = {.name = "act", .start = start_act, MACHINE_TASKS_OPS};

static const struct provider_field act_fields[] = {
    {.key = "script", .label = "Script", .kind = FIELD_INPUT_LINES, .required = true},
    {.key = "times", .label = "Times", .kind = FIELD_INPUT_NUMBER, .min = 1, .max = 9, .fallback = "1"},
    {.key = "password", .label = "Password", .kind = FIELD_INPUT_SECRET},
};
enum { LIVE, LINK, ACT };
static const struct provider_action actions[] = {
    [LIVE] =
        {.key = "live", .flags = ACTION_READS, .cache = SECONDS(600), .stale_cache = SECONDS(86400), .ops = &read_ops},
    [LINK] = {.key = "remote_link", .flags = ACTION_READS | ACTION_REMOTE, .cache = SECONDS(300), .ops = &read_ops},
    [ACT] = {.key = "act", .fields = act_fields, .nfields = ARRAY_LEN(act_fields), .ops = &act_ops},
};

/* --- the fixture --- */

struct fixture {
    struct metrics *metrics;
    struct loop *loop;
    struct hub *hub;
    struct product *product;
    struct provider provider;
    struct integration *it;
    int status; /* 0: no answer at all */
    bool hold;
    struct visit *held;
    unsigned served;
};

static void on_visit(struct visit *v, void *arg)
{
    struct fixture *f = arg;
    char body[64];
    snprintf(body, sizeof body, "{\"n\":%u}", ++f->served);
    if (f->hold)
        f->held = v;
    else if (f->status)
        visit_answer(v, f->status, "", body);
    else
        visit_raw(v, "", true);
}

struct outcome {
    unsigned calls;
    char json[64];
    bool cached, stale, unknown;
    struct err err;
    usec_t at;
};

static void on_outcome(void *arg, const struct action_answer *a, bool unknown, const struct err *e)
{
    struct outcome *o = arg;
    o->calls++;
    o->unknown = unknown;
    if (e) {
        assert_null(a);
        o->err = *e;
        return;
    }
    snprintf(o->json, sizeof o->json, "%.*s", SLICE_FMT(a->json));
    o->cached = a->cached;
    o->stale = a->why != NULL;
    o->at = a->at;
}

static bool called(void *arg)
{
    return ((struct outcome *)arg)->calls > 0;
}

static void no_fault(void *arg, const char *pointer, const char *detail)
{
    fail_msg("%s %s", pointer, detail);
}

static struct settings *args_of(const struct provider_action *a, const char *json, action_fault_fn *fault, void *arg)
{
    struct arena *arena = arena_new();
    struct json *given = NULL;
    assert_true(json_parse(arena, slice_cstr(json), &given, NULL));
    struct settings *s = action_args(a, given, fault, arg);
    arena_free(arena);
    return s;
}

static const struct audit_actor ada = {
    .kind = "session", .id = 3, .name = SLICE_INIT("ada"), .request_id = SLICE_INIT("r1")};

static void begin(struct fixture *f, unsigned which, const char *device, struct outcome *o)
{
    const struct provider_action *a = &actions[which];
    struct action_ask ask = {.integration = f->it,
                             .action = a,
                             .device_id = slice_cstr(device),
                             .asset_id = 5,
                             .asset = SLICE("PC"),
                             .by = &ada};
    if (which == ACT)
        ask.args = args_of(a, "{\"script\":\"a\\nb\",\"password\":\"hush-hush\"}", no_fault, NULL);
    action_start(f->hub, &ask, on_outcome, o);
    assert_int_equal(o->calls, 0);
}

static struct outcome run(struct fixture *f, unsigned which, const char *device)
{
    struct outcome o = {0};
    begin(f, which, device, &o);
    kit_until(f->loop, called, &o);
    assert_int_equal(o.calls, 1);
    return o;
}

static void check(const char *want, const char *sql)
{
    char *got = pgtest_value(pg, "%s", sql);
    assert_string_equal(got, want);
    free(got);
}

static int setup(void **state)
{
    struct fixture *f = NEW(struct fixture);
    f->metrics = metrics_new();
    f->loop = loop_new(NULL, f->metrics);
    f->product = product_new(f->loop, on_visit, f);
    f->provider = kit_provider();
    f->provider.actions = actions;
    f->provider.nactions = ARRAY_LEN(actions);
    f->status = 200;
    pgtest_sql(
        pg,
        "insert into tenants (slug, name) values ('t', 't') on conflict do nothing;"
        "delete from integration_configurations; delete from remote_access_log;"
        "set msphub.audit = 'off'; delete from audit_logs; reset msphub.audit;"
        "insert into integration_configurations (tenant_id, provider, hook) select tenant_id, 'kit', 'h' from tenants");
    char *id = pgtest_value(pg, "select tenant_id || ' ' || integration_id from integration_configurations");
    f->it = kit_integration(&f->provider, product_url(f->product), strtoll(id, NULL, 10),
                            strtoll(strchr(id, ' '), NULL, 10), 1);
    free(id);
    f->hub = kit_hub_new(f->loop, f->metrics, pgtest_conninfo(pg), true);
    f->hub->options->action_timeout = SECONDS(5);
    f->hub->options->action_max_running = 8;
    f->hub->options->action_per_integration = 2;
    f->hub->options->action_max_result = 1000;
    f->hub->options->action_cache = 100000;
    f->hub->options->call_attempts = 1;
    f->hub->actions = actions_new(f->hub);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    engine_free(TAKE(f->hub->engine));
    pg_pool_free(TAKE(f->hub->db));
    actions_free(f->hub->actions);
    kit_hub_free(f->hub);
    integration_unref(f->it);
    product_free(f->product);
    loop_free(f->loop);
    metrics_free(f->metrics);
    free(f);
    return 0;
}

/* --- reads --- */

static void an_answer_is_given_again_until_something_is_done_to_the_device(void **state)
{
    struct fixture *f = *state;
    assert_string_equal(run(f, LIVE, "7").json, "{\"n\":1}");
    struct outcome again = run(f, LIVE, "7");
    assert_string_equal(again.json, "{\"n\":1}");
    assert_true(again.cached && !again.stale);
    assert_string_equal(run(f, LIVE, "8").json, "{\"n\":2}"); /* another device */
    assert_int_equal(run(f, ACT, "7").err.code, ERR_NONE);
    assert_string_equal(run(f, LIVE, "7").json, "{\"n\":4}");
    assert_string_equal(run(f, LIVE, "8").json, "{\"n\":2}");
    f->it->version++; /* the integration is edited */
    assert_string_equal(run(f, LIVE, "8").json, "{\"n\":5}");
    f->hub->options->action_cache = 10; /* nothing fits */
    assert_string_equal(run(f, LIVE, "9").json, "{\"n\":6}");
    assert_string_equal(run(f, LIVE, "9").json, "{\"n\":7}");
    assert_true(kit_metric(f->metrics, "msphub_action_cache_bytes") <= 10);
}

static void equal_reads_share_one_call(void **state)
{
    struct fixture *f = *state;
    struct outcome o[4] = {0};
    f->hold = true;
    for (unsigned i = 0; i < 3; i++)
        begin(f, LIVE, "7", &o[i]);
    begin(f, LIVE, "8", &o[3]);
    while (product_visits(f->product, NULL) < 2)
        loop_run_until(f->loop, called, &o[0], MILLIS(1));
    assert_int_equal(product_visits(f->product, "/read/7"), 1);
    f->hold = false;
    engine_free(TAKE(f->hub->engine)); /* the hub ends: each of them hears of it, once */
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(o[i].calls, 1);
        assert_int_equal(o[i].err.code, ERR_CANCELED);
    }
}

static void what_was_said_before_does_when_the_product_is_silent(void **state)
{
    struct fixture *f = *state;
    struct outcome first = run(f, LIVE, "7");
    struct action_ask ask = {.integration = f->it, .action = &actions[LIVE], .device_id = SLICE("7"), .fresh = true};
    struct outcome o = {0};
    f->status = 0;
    action_start(f->hub, &ask, on_outcome, &o);
    kit_until(f->loop, called, &o);
    assert_int_equal(o.err.code, ERR_NONE);
    assert_true(o.stale);
    assert_true(o.at == first.at);
    assert_string_equal(o.json, first.json);
    assert_int_equal(run(f, LIVE, "8").err.code, ERR_UNAVAILABLE); /* of which nothing is known */
    f->status = 404;                                               /* that it is gone is an answer */
    o = (struct outcome){0};
    action_start(f->hub, &ask, on_outcome, &o);
    kit_until(f->loop, called, &o);
    assert_int_equal(o.err.code, ERR_NOT_FOUND);
}

static void each_remote_access_is_logged_cached_or_not(void **state)
{
    struct fixture *f = *state;
    run(f, LINK, "7");
    assert_true(run(f, LINK, "7").cached);
    f->status = 403;
    assert_int_equal(run(f, LINK, "8").err.code, ERR_FORBIDDEN);
    check("ada 5 PC kit 7 granted|ada 5 PC kit 7 granted|ada 5 PC kit 8 failed",
          "select string_agg(concat_ws(' ', actor, asset_id, asset, integration, external_id, outcome), '|' order by "
          "access_id)"
          " from remote_access_log");
    check("0", "select count(*)::text from audit_logs where action like 'action.%'");
}

/* --- what acts --- */

static void an_act_is_written_down_before_and_after(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(run(f, ACT, "7").err.code, ERR_NONE);
    f->status = 403;
    struct outcome refused = run(f, ACT, "7");
    assert_int_equal(refused.err.code, ERR_FORBIDDEN);
    assert_false(refused.unknown);
    check("action.started|action.ended done|action.started|action.ended failed",
          "select string_agg(concat_ws(' ', action, after->>'outcome'), '|' order by audit_id) from audit_logs"
          " where action like 'action.%'");
    check("ada|r1|PC|***|a\nb",
          "select concat_ws('|', actor, request_id, target, after#>>'{args,password}', after#>>'{args,script}')"
          " from audit_logs where action = 'action.started' limit 1");
    pgtest_server_stop(pg); /* what cannot be written down is not done */
    f->status = 200;
    unsigned before = product_visits(f->product, NULL);
    struct outcome o = run(f, ACT, "7");
    pgtest_server_start(pg);
    assert_true(o.err.code == ERR_UNAVAILABLE || o.err.code == ERR_TIMEOUT);
    assert_false(o.unknown);
    assert_int_equal(product_visits(f->product, NULL), before);
}

static void what_may_have_been_done_is_told_and_not_repeated(void **state)
{
    struct fixture *f = *state;
    f->hub->options->call_attempts = 4;
    static const int silent[] = {0, 503, 500};
    for (size_t i = 0; i < ARRAY_LEN(silent); i++) {
        f->status = silent[i];
        struct outcome o = run(f, ACT, "7");
        assert_true(o.unknown);
        assert_true(o.err.code == ERR_UNAVAILABLE || o.err.code == ERR_PROTOCOL);
        assert_int_equal(product_visits(f->product, "/act"), i + 1);
    }
    f->hold = true;
    f->hub->options->action_timeout = MILLIS(200);
    struct outcome o = run(f, ACT, "7");
    assert_int_equal(o.err.code, ERR_TIMEOUT);
    assert_true(o.unknown);
    check("unknown|unknown|unknown|unknown",
          "select string_agg(after->>'outcome', '|') from audit_logs where action = 'action.ended'");
    assert_true(kit_metric(f->metrics, "msphub_actions_total{provider=\"kit\",action=\"act\",outcome=\"unknown\"}") ==
                4);
}

static void past_the_ceiling_nothing_is_sent(void **state)
{
    struct fixture *f = *state;
    struct outcome o[2] = {0};
    f->hold = true;
    begin(f, LIVE, "1", &o[0]);
    begin(f, LIVE, "2", &o[1]);
    while (product_visits(f->product, NULL) < 2)
        loop_run_until(f->loop, called, &o[0], MILLIS(1));
    struct outcome third = run(f, ACT, "3");
    assert_int_equal(third.err.code, ERR_LIMIT);
    assert_false(third.unknown);
    assert_non_null(strstr(third.err.what, "action_per_integration"));
    f->it->enabled = false;
    assert_int_equal(run(f, LIVE, "4").err.code, ERR_CONFLICT);
    assert_int_equal(product_visits(f->product, NULL), 2);
    engine_free(TAKE(f->hub->engine)); /* those two end here */
    assert_int_equal(o[0].calls + o[1].calls, 2);
}

static void an_answer_past_its_ceiling_is_none(void **state)
{
    struct fixture *f = *state;
    f->hub->options->action_max_result = 3;
    struct outcome o = run(f, LIVE, "7");
    assert_int_equal(o.err.code, ERR_LIMIT);
    assert_non_null(strstr(o.err.what, "action_max_result"));
}

/* --- arguments --- */

static void on_fault(void *arg, const char *pointer, const char *detail)
{
    str_addf(arg, "%s %s\n", pointer, detail);
}

static void all_faults_of_arguments_are_told(void **state)
{
    static const struct {
        const char *json, *want[3];
    } wrong[] = {
        {"{}", {"/script is required"}},
        {"{\"script\":\" \",\"times\":10,\"x/y\":1}", {"/script is required", "/times ", "/x~1y is no argument"}},
        {"{\"script\":7}", {"/script "}},
        {"{\"script\":\"a\\u0001\"}", {"/script "}},
        {"[]", {" must be an object"}},
    };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        _cleanup_(str_release) struct str faults = {0};
        assert_null(args_of(&actions[ACT], wrong[i].json, on_fault, &faults));
        for (size_t k = 0; k < 3 && wrong[i].want[k]; k++)
            if (!strstr(faults.p, wrong[i].want[k]))
                fail_msg("%s: no \"%s\" in:\n%s", wrong[i].json, wrong[i].want[k], faults.p);
    }
    struct settings *s = args_of(&actions[ACT], "{\"script\":\"x\",\"times\":null}", no_fault, NULL);
    assert_int_equal(settings_i64(s, "times", 0), 1);
    settings_free(s);
    assert_null(action_find(&(struct provider){.actions = actions, .nactions = 3}, SLICE("wipe")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_answer_is_given_again_until_something_is_done_to_the_device, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(equal_reads_share_one_call, setup, teardown),
        cmocka_unit_test_setup_teardown(what_was_said_before_does_when_the_product_is_silent, setup, teardown),
        cmocka_unit_test_setup_teardown(each_remote_access_is_logged_cached_or_not, setup, teardown),
        cmocka_unit_test_setup_teardown(an_act_is_written_down_before_and_after, setup, teardown),
        cmocka_unit_test_setup_teardown(what_may_have_been_done_is_told_and_not_repeated, setup, teardown),
        cmocka_unit_test_setup_teardown(past_the_ceiling_nothing_is_sent, setup, teardown),
        cmocka_unit_test_setup_teardown(an_answer_past_its_ceiling_is_none, setup, teardown),
        cmocka_unit_test(all_faults_of_arguments_are_told),
    };
    pg = pgtest_start();
    pgtest_migrate(pg);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    pgtest_stop(pg);
    return failed;
}
