/* log.c - lines as they go out; what a peer may try; a pipe that takes no more. */
#include "base/log.h"

#include "base/json_read.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/test.h"
#include <fcntl.h>
#include <unistd.h>

struct pipe_log {
    int fd[2];
    struct log *log;
    char buf[1 << 17];
};

static int setup(void **state)
{
    struct pipe_log *p = NEW(struct pipe_log);
    assert_int_equal(pipe2(p->fd, O_NONBLOCK), 0);
    p->log = log_new(p->fd[1], LOG_INFO, LOG_LOGFMT);
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    struct pipe_log *p = *state;
    log_free(p->log);
    close(p->fd[0]);
    close(p->fd[1]);
    free(p);
    return 0;
}

/* All that was written since, without the time of each line's beginning, which is checked to be one. */
static struct slice lines(struct pipe_log *p)
{
    ssize_t n = read(p->fd[0], p->buf, sizeof(p->buf));
    return slice_of(p->buf, n > 0 ? (size_t)n : 0);
}

static struct slice after_ts(struct slice line, const char *before)
{
    assert_true(slice_starts(line, slice_cstr(before)));
    size_t n = strlen(before);
    usec_t t;
    struct slice rest = slice_of(line.p + n, line.n - n), ts = slice_cut(&rest, *before == '{' ? '"' : ' ');
    assert_true(clock_parse_iso(ts, &t));
    return rest;
}

static void logfmt(void **state)
{
    struct pipe_log *p = *state;
    struct err e = {0};
    err_set(&e, ERR_DATA, "no \"id\"");
    log_info(p->log, "sync.run.finished", F_STR("vendor", "ninjaone"), F_I64("rows", -12), F_USEC("took", 1500001),
             F_BOOL("dry", true), F_SECRET("token"), F_ERR(&e), F_STR("none", NULL), F_USEC("left", -1));
    assert_text(after_ts(lines(p), "ts="), "level=info event=sync.run.finished vendor=ninjaone rows=-12 took=1.500001 "
                                           "dry=true token=*** error=\"no \\\"id\\\"\" none=\"\" left=-0.000001\n");
    log_warn(p->log, "alone");
    assert_text(after_ts(lines(p), "ts="), "level=warn event=alone\n");
}

static void json(void **state)
{
    struct pipe_log *p = *state;
    log_set_format(p->log, LOG_JSON);
    log_error(p->log, "x", F_STR("s", "a\"b\nc"), F_STR("none", NULL), F_I64("n", 5), F_USEC("t", USEC_NONE),
              F_SECRET("k"), F_BOOL("b", false));
    struct slice line = lines(p);
    assert_true(json_valid(line, NULL));
    assert_text(after_ts(line, "{\"ts\":\""),
                ",\"level\":\"error\",\"event\":\"x\",\"s\":\"a\\\"b\\nc\",\"none\":null,\"n\":5,"
                "\"t\":null,\"k\":\"***\",\"b\":false}\n");
    log_info(p->log, "alone");
    line = lines(p);
    assert_true(json_valid(line, NULL));
    assert_text(after_ts(line, "{\"ts\":\""), ",\"level\":\"info\",\"event\":\"alone\"}\n");
}

/* Values that would end a line, look like another field, move a cursor or turn the text around. */
static const struct {
    struct slice value;
    const char *logfmt, *json;
} hostile[] = {
    {SLICE_INIT("x\nts=2026 level=error"), "\"x\\nts=2026 level=error\"", "\"x\\nts=2026 level=error\""},
    {SLICE_INIT("x level=error"), "\"x level=error\"", "\"x level=error\""},
    {SLICE_INIT("a=b"), "\"a=b\"", "\"a=b\""},
    {SLICE_INIT("\" event=\"forged"), "\"\\\" event=\\\"forged\"", "\"\\\" event=\\\"forged\""},
    {SLICE_INIT("back\\slash"), "\"back\\\\slash\"", "\"back\\\\slash\""},
    {SLICE_INIT("\x1B[2J\x7F"), "\"\\u001b[2J\\u007f\"", "\"\\u001b[2J\\u007f\""},
    {SLICE_INIT("\xC2\x9B"
                "31m"),
     "\"\\u009b31m\"", "\"\\u009b31m\""},
    {SLICE_INIT("a\u2028b\u202Ec\u2066"), "\"a\\u2028b\\u202ec\\u2066\"", "\"a\\u2028b\\u202ec\\u2066\""},
    {SLICE_INIT("bad\xFF\0utf8"), "bad\uFFFDutf8", "\"bad\uFFFDutf8\""},
    {SLICE_INIT("Müller"), "Müller", "\"Müller\""},
    {SLICE_INIT(""), "\"\"", "\"\""},
};

static void nothing_can_be_forged(void **state)
{
    struct pipe_log *p = *state;
    for (size_t i = 0; i < ARRAY_LEN(hostile); i++) {
        _cleanup_(str_release) struct str want = {0};
        str_addf(&want, "level=info event=e v=%s end=1\n", hostile[i].logfmt);
        log_set_format(p->log, LOG_LOGFMT);
        log_info(p->log, "e", F_SLICE("v", hostile[i].value), F_I64("end", 1));
        assert_text(after_ts(lines(p), "ts="), want.p);
        str_clear(&want);
        str_addf(&want, ",\"level\":\"info\",\"event\":\"e\",\"v\":%s,\"end\":1}\n", hostile[i].json);
        log_set_format(p->log, LOG_JSON);
        log_info(p->log, "e", F_SLICE("v", hostile[i].value), F_I64("end", 1));
        struct slice line = lines(p);
        assert_true(json_valid(line, NULL));
        assert_text(after_ts(line, "{\"ts\":\""), want.p);
    }
}

static void long_values_are_cut(void **state)
{
    struct pipe_log *p = *state;
    char *big = mem_alloc(100000);
    memset(big, 'x', 100000);
    log_info(p->log, "e", F_SLICE("v", slice_of(big, 100000)));
    struct slice line = lines(p);
    assert_true(line.n < 5000);
    assert_true(slice_ends(line, SLICE("xxx…\n")));
    free(big);
}

static void levels(void **state)
{
    struct pipe_log *p = *state;
    enum log_level level;
    enum log_format format;
    log_debug(p->log, "no");
    assert_false(log_wants(p->log, LOG_DEBUG));
    assert_int_equal(lines(p).n, 0);
    assert_true(log_level_parse(SLICE("debug"), &level));
    log_set_level(p->log, level);
    log_debug(p->log, "yes");
    assert_true(lines(p).n > 0);
    log_set_level(p->log, LOG_NONE);
    log_error(p->log, "no");
    assert_int_equal(lines(p).n, 0);
    log_error(NULL, "nobody listens");
    assert_false(log_level_parse(SLICE("Loud"), &level));
    assert_true(log_format_parse(SLICE("json"), &format) && format == LOG_JSON);
    assert_false(log_format_parse(SLICE("xml"), &format));
}

/* Lines of 4 KiB and less go into a pipe whole or not at all, longer ones may be torn in two. */
static void fill_the_pipe(struct pipe_log *p, size_t length)
{
    unsigned written = 2000, whole = 0, torn = 0, lost = 0;
    char *value = mem_alloc(length);
    memset(value, 'v', length);
    for (unsigned i = 0; i < written; i++)
        log_info(p->log, "fill", F_SLICE("v", slice_of(value, length)));
    _cleanup_(str_release) struct str all = {0};
    str_add(&all, lines(p));
    assert_true(all.n > 0 && all.n < sizeof(p->buf));
    log_info(p->log, "after");
    str_add(&all, lines(p));
    for (struct slice rest = str_slice(&all); rest.n;) {
        struct slice line = slice_cut(&rest, '\n');
        const char *told = memmem(line.p, line.n, "log_lines_lost=", 15);
        assert_true(slice_starts(line, SLICE("ts=")));
        assert_null(memmem(line.p + 1, line.n - 1, "ts=", 3)); /* never glued to the rest of another */
        if (told)
            lost = (unsigned)atoi(told + 15);
        else if (line.n > length && slice_ends(line, slice_of(value, length)))
            whole++;
        else
            torn++;
    }
    assert_true(lost > 0);
    assert_int_equal(torn, length > 4096 - 64);
    assert_int_equal(whole + torn + lost, written);
    free(value);
}

static void a_full_pipe_never_waits(void **state)
{
    fill_the_pipe(*state, 200);
    fill_the_pipe(*state, 4090);
    fill_the_pipe(*state, 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(logfmt, setup, teardown),
        cmocka_unit_test_setup_teardown(json, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_can_be_forged, setup, teardown),
        cmocka_unit_test_setup_teardown(long_values_are_cut, setup, teardown),
        cmocka_unit_test_setup_teardown(levels, setup, teardown),
        cmocka_unit_test_setup_teardown(a_full_pipe_never_waits, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
