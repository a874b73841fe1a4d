/* options.c - the configuration: what is understood, what is refused and with which words, what a reload takes over. */
#include "base/options.h"

#include "base/mem.h"
#include "base/test.h"

static int setup(void **state)
{
    struct options *o = NEW(struct options);
    options_init(o);
    *state = o;
    return 0;
}

static int teardown(void **state)
{
    options_release(*state);
    free(*state);
    return 0;
}

static void defaults(void **state)
{
    const struct options *o = *state;
    assert_string_equal(o->listen, "127.0.0.1:8480");
    assert_int_equal(o->http_max_body, 1 << 20);
    assert_int_equal(o->call_backoff, MILLIS(500));
    assert_int_equal(o->webhook_secret_overlap, SECONDS(86400));
    assert_int_equal(o->retire_brake, 10);
    assert_false(o->reuse_port);
}

static void values(void **state)
{
    struct options *o = *state;
    struct err e = {0};
    static const struct {
        const char *name, *value;
        int64_t want;
    } good[] = {
        {"http_max_body", "2048", 2048},
        {"http_max_body", "64k", 64 << 10},
        {"http_max_body", "1.5M", 3 << 19},
        {"http_max_body", " 2 m ", 2 << 20},
        {"call_max_body", "4g", (int64_t)4 << 30},
        {"sync_interval", "90s", SECONDS(90)},
        {"sync_interval", "1.5h", SECONDS(5400)},
        {"sync_interval", "7d", SECONDS(7 * 86400)},
        {"call_backoff", "250ms", MILLIS(250)},
        {"drain_timeout", "0", 0},
        {"retire_brake", "25%", 25},
        {"retire_brake", "100", 100},
        {"intake_workers", "64", 64},
    };
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        if (!options_set(o, good[i].name, good[i].value, &e))
            fail_msg("%s", e.what);
        _cleanup_(str_release) struct str all = {0};
        options_dump(o, &all);
        int64_t got = strcmp(good[i].name, "http_max_body") == 0   ? o->http_max_body
                      : strcmp(good[i].name, "call_max_body") == 0 ? o->call_max_body
                      : strcmp(good[i].name, "sync_interval") == 0 ? o->sync_interval
                      : strcmp(good[i].name, "call_backoff") == 0  ? o->call_backoff
                      : strcmp(good[i].name, "drain_timeout") == 0 ? o->drain_timeout
                      : strcmp(good[i].name, "retire_brake") == 0  ? o->retire_brake
                                                                   : o->intake_workers;
        if (got != good[i].want)
            fail_msg("%s = %s: got %lld", good[i].name, good[i].value, (long long)got);
    }
    assert_true(options_set(o, "reuse_port", "Yes", &e) && o->reuse_port);
    assert_true(options_set(o, "reuse_port", "off", &e) && !o->reuse_port);
}

static void refusals(void **state)
{
    struct options *o = *state;
    static const struct {
        const char *name, *value, *want;
    } bad[] = {
        {"listn", "x", "unknown option \"listn\"; did you mean \"listen\"?"},
        {"http_max_boyd", "1m", "unknown option \"http_max_boyd\"; did you mean \"http_max_body\"?"},
        {"sync_intervall", "1m", "unknown option \"sync_intervall\"; did you mean \"sync_interval\"?"},
        {"zebra", "1", "unknown option \"zebra\"; `msphub serve --help` lists them"},
        {"", "1", "unknown option \"\"; `msphub serve --help` lists them"},
        {"http_max_body", "1", "http_max_body = 1: must be from 1k to 64m"},
        {"http_max_body", "65m", "http_max_body = 65m: must be from 1k to 64m"},
        {"http_max_body", "1.0001k", "http_max_body = 1.0001k: expected a size such as 512, 64k, 1m or 2g"},
        {"http_max_body", "-1", "http_max_body = -1: expected a size such as 512, 64k, 1m or 2g"},
        {"http_max_body", "1 x", "http_max_body = 1 x: expected a size such as 512, 64k, 1m or 2g"},
        {"http_max_body", "", "http_max_body = : expected a size such as 512, 64k, 1m or 2g"},
        {"http_max_body", "99999999999999g",
         "http_max_body = 99999999999999g: expected a size such as 512, 64k, 1m or 2g"},
        {"sync_interval", "10",
         "sync_interval = 10: expected a duration with its unit, such as 500ms, 10s, 5m, 1h or 7d"},
        {"sync_interval", "59s", "sync_interval = 59s: must be from 1m to 30d"},
        {"call_timeout", "0s", "call_timeout = 0s: must be from 100ms to 1h"},
        {"reuse_port", "maybe", "reuse_port = maybe: expected yes or no"},
        {"retire_brake", "101%", "retire_brake = 101%: must be from 0% to 100%"},
        {"retire_brake", "ten", "retire_brake = ten: expected a percentage such as 10"},
        {"intake_batch", "1k", "intake_batch = 1k: expected a whole number"},
        {"intake_batch", "0", "intake_batch = 0: must be from 1 to 10000"},
        {"listen", "a\nb", "listen: the value holds a control character"},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct err e = {0};
        assert_false(options_set(o, bad[i].name, bad[i].value, &e));
        assert_string_equal(e.what, bad[i].want);
        assert_int_equal(e.code, ERR_CONFIG);
    }
    _cleanup_(str_release) struct str left = {0}, fresh = {0};
    struct options defaults_again;
    options_init(&defaults_again);
    options_dump(o, &left);
    options_dump(&defaults_again, &fresh);
    assert_string_equal(left.p, fresh.p); /* nothing was half taken */
    options_release(&defaults_again);
}

static void file(void **state)
{
    struct options *o = *state;
    struct err e = {0};
    assert_true(options_read(o, "f",
                             SLICE("# comment\r\n; another\r\n\r\n  listen = [::1]:0 \r\n"
                                   "database=postgresql://u:p#w@h/db?x=1;y=2\nretire_brake = 5"),
                             &e));
    assert_string_equal(o->listen, "[::1]:0");
    assert_string_equal(o->database, "postgresql://u:p#w@h/db?x=1;y=2");
    assert_int_equal(o->retire_brake, 5);
    assert_true(options_read(o, "f", SLICE("public_url ="), &e));
    assert_string_equal(o->public_url, "");

    static const struct {
        const char *text, *want;
    } bad[] = {
        {"\n\nlistn = x", "msphub.conf:3: unknown option \"listn\"; did you mean \"listen\"?"},
        {"listen = a\nsync_batch = many\n", "msphub.conf:2: sync_batch = many: expected a whole number"},
        {"listen", "msphub.conf:1: expected `name = value`"},
        {"[serving]\n", "msphub.conf:1: this file has no sections; expected `name = value`"},
        {"listen = a\n\nlisten = b", "msphub.conf:3: listen stands twice, first in line 1"},
        {"= 5", "msphub.conf:1: unknown option \"\"; `msphub serve --help` lists them"},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_false(options_read(o, "msphub.conf", slice_cstr(bad[i].text), &e));
        assert_string_equal(e.what, bad[i].want);
    }
}

static void environment(void **state)
{
    struct options *o = *state;
    struct err e = {0};
    const char *good[] = {"PATH=/bin",
                          "MSPHUB_LISTEN=*:1",
                          "MSPHUB_SYNC_INTERVAL=2h",
                          "MSPHUB_PORT=tcp://10.0.0.1:80",
                          "MSPHUB_SERVICE_HOST=10.0.0.1",
                          NULL};
    assert_true(options_env(o, good, &e));
    assert_string_equal(o->listen, "*:1");
    assert_int_equal(o->sync_interval, SECONDS(7200));
    const char *unknown[] = {"MSPHUB_LISTN=x", NULL};
    assert_false(options_env(o, unknown, &e));
    assert_string_equal(e.what,
                        "environment variable MSPHUB_LISTN: unknown option \"listn\"; did you mean \"listen\"?");
    const char *wrong[] = {"MSPHUB_SYNC_BATCH=x", NULL};
    assert_false(options_env(o, wrong, &e));
    assert_string_equal(e.what, "environment variable MSPHUB_SYNC_BATCH: sync_batch = x: expected a whole number");
}

static void reload(void **state)
{
    struct options *o = *state, fresh;
    struct err e = {0};
    _cleanup_(str_release) struct str restart = {0};
    options_init(&fresh);
    assert_true(options_read(&fresh, "f",
                             SLICE("listen = *:9\nsync_max_runs = 3\nlog_level = debug\nintake_batch = 7\n"
                                   "reuse_port = yes"),
                             &e));
    options_reload(o, &fresh, &restart);
    assert_text(str_slice(&restart), "listen,reuse_port,intake_batch");
    assert_string_equal(o->listen, "127.0.0.1:8480");
    assert_int_equal(o->intake_batch, 1024);
    assert_int_equal(o->sync_max_runs, 3);
    assert_string_equal(o->log_level, "debug");
    options_release(&fresh);
}

static void dump_hides_passwords(void **state)
{
    struct options *o = *state;
    static const struct {
        const char *set, *want;
    } cases[] = {
        {"postgresql:///msphub", "postgresql:///msphub"},
        {"postgresql://hub@db:5432/x", "postgresql://hub@db:5432/x"},
        {"postgresql://hub:s3:cr@t/@db:5432/x?sslmode=require", "postgresql://hub:***@db:5432/x?sslmode=require"},
        {"postgresql://db/x?password=abc&sslpassword=d&sslmode=require",
         "postgresql://db/x?password=***&sslpassword=***&sslmode=require"},
        {"host=db password=abc dbname=x", "host=db password=*** dbname=x"},
        {"host=db password = 'a b\\' c' dbname=x", "host=db password = *** dbname=x"},
        {"host=db password='it's secret' dbname=x", "host=db password=***"}, /* the quote was not escaped */
        {"password=", "password=***"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err e = {0};
        _cleanup_(str_release) struct str out = {0}, line = {0};
        assert_true(options_set(o, "database", cases[i].set, &e));
        options_dump(o, &out);
        str_addf(&line, "database = %s\n", cases[i].want);
        if (!strstr(out.p, line.p))
            fail_msg("%s: not hidden as %s", cases[i].set, cases[i].want);
    }
}

/* The example file says what is true: uncommented, it is read and gives the defaults; the dump is a file as well. */
static void example_and_dump_are_files(void **state)
{
    struct options *o = *state, again;
    struct err e = {0};
    _cleanup_(str_release) struct str example = {0}, dump = {0}, dump_again = {0};
    options_example(&example);
    for (char *p = example.p; (p = strstr(p, "\n#")); p++)
        if (p[2] >= 'a' && p[2] <= 'z')
            p[1] = ' ';
    options_init(&again);
    if (!options_read(&again, "example", str_slice(&example), &e))
        fail_msg("%s", e.what);
    options_dump(o, &dump);
    options_dump(&again, &dump_again);
    assert_string_equal(dump.p, dump_again.p);
    options_release(&again);
    options_init(&again);
    if (!options_read(&again, "dump", str_slice(&dump), &e))
        fail_msg("%s", e.what);
    options_release(&again);
}

static void help_names_every_option(void **state)
{
    _cleanup_(str_release) struct str help = {0};
    options_help(&help);
#define SECTION(title)                                    assert_non_null(strstr(help.p, title ":\n"));
#define ROW(type, name, fallback, min, max, reload, text) assert_non_null(strstr(help.p, "  --" #name "="));
#include "base/options.def"
#undef ROW
#undef SECTION
    assert_non_null(strstr(help.p, "  --http_max_body=SIZE\n      a request's body; past it 413\n"
                                   "      [1m; 1k to 64m; needs a restart]\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(defaults, setup, teardown),
        cmocka_unit_test_setup_teardown(values, setup, teardown),
        cmocka_unit_test_setup_teardown(refusals, setup, teardown),
        cmocka_unit_test_setup_teardown(file, setup, teardown),
        cmocka_unit_test_setup_teardown(environment, setup, teardown),
        cmocka_unit_test_setup_teardown(reload, setup, teardown),
        cmocka_unit_test_setup_teardown(dump_hides_passwords, setup, teardown),
        cmocka_unit_test_setup_teardown(example_and_dump_are_files, setup, teardown),
        cmocka_unit_test(help_names_every_option),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
