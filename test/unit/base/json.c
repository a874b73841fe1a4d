/* json.c - reading and writing: what a document may be, what strings become, and that writing what was read changes nothing. */
#include "base/json_read.h"
#include "base/json_write.h"

#include "base/mem.h"
#include "base/test.h"

/* --- a handler that writes down what it is told --- */

static bool told(struct str *out, const char *what, struct slice text)
{
    str_addf(out, "%s%.*s ", what, SLICE_FMT(text));
    return true;
}

static bool on_object_start(void *arg)
{
    return told(arg, "{", SLICE_NONE);
}

static bool on_object_end(void *arg)
{
    return told(arg, "}", SLICE_NONE);
}

static bool on_array_start(void *arg)
{
    return told(arg, "[", SLICE_NONE);
}

static bool on_array_end(void *arg)
{
    return told(arg, "]", SLICE_NONE);
}

static bool on_key(void *arg, struct slice s)
{
    return told(arg, "k:", s);
}

static bool on_string(void *arg, struct slice s)
{
    return told(arg, "s:", s);
}

static bool on_number(void *arg, struct slice s)
{
    return told(arg, "n:", s);
}

static bool on_boolean(void *arg, bool v)
{
    return told(arg, v ? "true" : "false", SLICE_NONE);
}

static bool on_null(void *arg)
{
    return told(arg, "null", SLICE_NONE);
}

static const struct json_handler teller = {on_object_start, on_key,    on_object_end, on_array_start, on_array_end,
                                           on_string,       on_number, on_boolean,    on_null};

static bool read_in_pieces(struct json_reader *r, struct slice text, size_t piece, struct err *e)
{
    for (size_t at = 0; at < text.n; at += piece) {
        size_t n = MIN(piece, text.n - at);
        char *own = malloc(n);
        memcpy(own, text.p + at, n);
        bool ok = json_reader_feed(r, slice_of(own, n), e);
        free(own);
        if (!ok)
            return false;
    }
    return json_reader_finish(r, e);
}

static void whole_documents(void **state)
{
    static const struct {
        struct slice json;
        const char *want;
    } cases[] = {
        {SLICE_INIT("{\"a\":[1,-2.50E+3,{}],\"b\":{\"c\":null}} \n"),
         "{ k:a [ n:1 n:-2.50E+3 { } ] k:b { k:c null } } "},
        {SLICE_INIT("[true,false,\"\",\"x\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\uD83D\\uDE00\"]"),
         "[ true false s: s:x\"\\/\b\f\n\r\té😀 ] "},
        /* numbers come as they were written, however large */
        {SLICE_INIT("[9223372036854775808,-9223372036854775808,1e400,123456789012345678901234567890]"),
         "[ n:9223372036854775808 n:-9223372036854775808 n:1e400 n:123456789012345678901234567890 ] "},
        {SLICE_INIT(" 42 "), "n:42 "},
        {SLICE_INIT("\"s\""), "s:s "},
        {SLICE_INIT("{\"a\":1,\"a\":2}"), "{ k:a n:1 k:a n:2 } "},
        /* what yajl would let through as broken UTF-8, and U+0000 */
        {SLICE_INIT("[\"\\udc00\",\"a\\u0000b\",\"\xC0\xAF\",\"\xED\xA0\x80\"]"),
         "[ s:\uFFFD\uFFFD\uFFFD s:ab s:\uFFFD\uFFFD s:\uFFFD\uFFFD\uFFFD ] "},
        {SLICE_INIT("[\"\\ud800\"]"), "[ s:? ] "},
        {SLICE_INIT("{\"\\udfff\xFF\":0}"), "{ k:\uFFFD\uFFFD\uFFFD\uFFFD n:0 } "},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (size_t piece = 1; piece <= cases[i].json.n; piece++) {
            struct str out = {0};
            struct err e = {0};
            struct json_reader *r = json_reader_new(&teller, &out, JSON_MAX_DEPTH);
            if (!read_in_pieces(r, cases[i].json, piece, &e))
                fail_msg("%.*s: %s", SLICE_FMT(cases[i].json), e.what);
            assert_text(str_slice(&out), cases[i].want);
            json_reader_free(r);
            str_release(&out);
        }
}

static void refused_documents(void **state)
{
    static const char *const cases[] = {
        "",
        " ",
        "{",
        "[1,2",
        "[1,]",
        "{\"a\"}",
        "{\"a\":1,}",
        "{a:1}",
        "'a'",
        "[1] [2]",
        "[1]x",
        "nul",
        "01",
        "+1",
        "1.",
        ".5",
        "1e",
        "NaN",
        "[\"a",
        "\"\\x\"",
        "\"\\u12G4\"",
        "\"a\nb\"",
        "/* c */ 1",
        "// c\n1",
        "\xEF\xBB\xBF{}",
        "<html>",
        "\"\t\"",
        "]",
        "{\"a\":1]",
        "\\u0022a\\u0022",
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct slice json = slice_cstr(cases[i]);
        for (size_t piece = 1; piece <= json.n + 1; piece++) {
            struct str out = {0};
            struct err e = {0}, again = {0};
            struct json_reader *r = json_reader_new(&teller, &out, JSON_MAX_DEPTH);
            if (read_in_pieces(r, json, piece, &e))
                fail_msg("\"%s\" was taken", cases[i]);
            assert_int_equal(e.code, ERR_INPUT);
            assert_true(slice_starts(slice_cstr(e.what), SLICE("not JSON")));
            assert_false(json_reader_feed(r, SLICE(" "), &again)); /* and the same once more */
            assert_string_equal(again.what, e.what);
            assert_false(json_reader_finish(r, &again));
            assert_string_equal(again.what, e.what);
            json_reader_free(r);
            str_release(&out);
        }
        assert_false(json_valid(json, NULL));
    }
    struct err e = {0};
    assert_false(json_valid(SLICE("\xEF\xBB\xBF{}"), &e));
    assert_non_null(strstr(e.what, "byte order mark"));
}

static void depth(void **state)
{
    _cleanup_(str_release) struct str json = {0};
    for (unsigned n = 1; n <= JSON_MAX_DEPTH + 1; n++) {
        struct err e = {0};
        str_clear(&json);
        for (unsigned i = 0; i < n; i++)
            str_adds(&json, i % 2 ? "{\"a\":" : "[");
        str_adds(&json, "0");
        for (unsigned i = n; i-- > 0;)
            str_addc(&json, i % 2 ? '}' : ']');
        assert_int_equal(json_valid(str_slice(&json), &e), n <= JSON_MAX_DEPTH);
        struct arena *a = arena_new();
        struct json *tree;
        if (json_parse(a, str_slice(&json), &tree, &e)) { /* what can be read can be written */
            _cleanup_(str_release) struct str again = {0};
            json_write(tree, &again);
            assert_text(str_slice(&again), json.p);
        }
        arena_free(a);
    }
    str_clear(&json);
    for (unsigned i = 0; i < 1000000; i++)
        str_addc(&json, '[');
    struct err e = {0};
    assert_false(json_valid(str_slice(&json), &e));
    assert_string_equal(e.what, "JSON is nested deeper than 64 levels");
}

static bool refuse_number(void *arg, struct slice text)
{
    return json_reader_fail(*(struct json_reader **)arg, ERR_LIMIT, "no numbers: %.*s", SLICE_FMT(text));
}

static void handler_stops(void **state)
{
    static const struct json_handler h = {.number = refuse_number};
    struct err e = {0};
    struct json_reader *r = json_reader_new(&h, &r, JSON_MAX_DEPTH);
    assert_false(json_reader_feed(r, SLICE("[\"a\",{\"b\":5}"), &e));
    assert_int_equal(e.code, ERR_LIMIT);
    assert_string_equal(e.what, "no numbers: 5");
    assert_false(json_reader_finish(r, &e));
    json_reader_reset(r);
    assert_true(json_reader_feed(r, SLICE("[\"a\"]"), &e) && json_reader_finish(r, &e));
    json_reader_free(r);
    json_reader_free(NULL);
}

/* A string without an end must not fill the memory, however it is fed. */
static void endless_string(void **state)
{
    struct err e = {0};
    struct str out = {0};
    struct json_reader *r = json_reader_new(&teller, &out, JSON_MAX_DEPTH);
    static char piece[1 << 16];
    memset(piece, 'x', sizeof(piece));
    assert_true(json_reader_feed(r, SLICE("[\"short\",\""), &e));
    size_t fed = 0;
    while (json_reader_feed(r, slice_of(piece, sizeof(piece)), &e))
        assert_true((fed += sizeof(piece)) <= JSON_MAX_TOKEN);
    assert_int_equal(e.code, ERR_LIMIT);
    assert_string_equal(e.what, "a single JSON value is longer than 16 MiB");
    json_reader_reset(r); /* many values of some length are no such thing */
    assert_true(json_reader_feed(r, SLICE("["), &e));
    for (fed = 0; fed < 2 * JSON_MAX_TOKEN; fed += sizeof(piece)) {
        str_clear(&out);
        assert_true(json_reader_feed(r, SLICE("\""), &e) && json_reader_feed(r, slice_of(piece, sizeof(piece)), &e) &&
                    json_reader_feed(r, SLICE("\","), &e));
    }
    assert_true(json_reader_feed(r, SLICE("0]"), &e) && json_reader_finish(r, &e));
    json_reader_free(r);
    str_release(&out);
}

/* --- the tree --- */

static void tree(void **state)
{
    struct arena *a = arena_new();
    struct json *j;
    struct err e = {0};
    assert_true(json_parse(
        a, SLICE(" {\"t\":\"x\",\"n\":-5,\"f\":1.5,\"b\":true,\"o\":{\"t\":\"y\"},\"l\":[1,null,[]],\"\":\"\"}"), &j,
        &e));
    assert_text(json_get_text(j, "t"), "x");
    assert_text(json_get_text(json_get(j, "o"), "t"), "y");
    assert_text(json_get_text(j, "n"), NULL);
    assert_text(json_get_text(j, "absent"), NULL);
    assert_text(json_get_text(json_get(j, "l"), "t"), NULL);
    int64_t n = 0;
    assert_true(json_get_i64(j, "n", &n) && n == -5);
    assert_false(json_get_i64(j, "f", &n) || json_get_i64(j, "t", &n) || json_get_i64(j, "absent", &n));
    assert_true(json_get_bool(j, "b", false) && json_get_bool(j, "absent", true) && !json_get_bool(j, "t", false));
    _cleanup_(str_release) struct str out = {0};
    json_write(j, &out);
    assert_text(str_slice(&out),
                "{\"t\":\"x\",\"n\":-5,\"f\":1.5,\"b\":true,\"o\":{\"t\":\"y\"},\"l\":[1,null,[]],\"\":\"\"}");
    arena_free(a);
}

static void doubled_keys(void **state)
{
    static const char *const bad[] = {"{\"a\":1,\"b\":2,\"a\":3}", "{\"x\":[{\"k\":1,\"k\":1}]}", "{\"\":1,\"\":2}",
                                      "{\"\\u0061\":1,\"a\":2}"};
    struct arena *a = arena_new();
    struct json *j;
    struct err e = {0};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_false(json_parse(a, slice_cstr(bad[i]), &j, &e));
        assert_non_null(strstr(e.what, "stands twice in one object"));
    }
    assert_true(json_parse(a, SLICE("[{\"a\":1},{\"a\":{\"a\":2}}]"), &j, &e));
    /* many members cost a lookup each, not a comparison with all */
    _cleanup_(str_release) struct str many = {0};
    for (unsigned i = 0; i < 100000; i++)
        str_addf(&many, "%c\"k%u\":%u", i ? ',' : '{', i, i);
    str_addc(&many, '}');
    assert_true(json_parse(a, str_slice(&many), &j, &e));
    int64_t n = 0;
    assert_true(json_get_i64(j, "k99999", &n) && n == 99999);
    arena_free(a);
}

/* --- writing --- */

static void writing(void **state)
{
    _cleanup_(str_release) struct str out = {0};
    struct jw w;
    jw_init(&w, &out);
    jw_object(&w);
    jw_key_str(&w, "text", "a\"\\/\b\f\n\r\t\x01\x7F é😀");
    jw_key_str(&w, "none", NULL);
    jw_key_slice(&w, "empty", SLICE(""));
    jw_key_slice(&w, "repaired", SLICE("a\xFF\0b"));
    jw_key_i64(&w, "least", INT64_MIN);
    jw_key_bool(&w, "yes", true);
    jw_key_time(&w, "time", 1760000000412000);
    jw_key_time(&w, "never", USEC_NONE);
    jw_key_raw(&w, "raw", SLICE("{\"x\": 1}"));
    jw_key_raw(&w, "nothing", SLICE_NONE);
    jw_key(&w, "list");
    jw_array(&w);
    jw_array(&w);
    jw_end(&w);
    jw_object(&w);
    jw_end(&w);
    jw_double(&w, 0.1);
    jw_double(&w, 1.0 / 0.0);
    jw_null(&w);
    jw_end(&w);
    jw_key_text(&w, SLICE("odd \"key\""));
    jw_i64(&w, 0);
    jw_end(&w);
    jw_done(&w);
    assert_text(
        str_slice(&out),
        "{\"text\":\"a\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\x7F é😀\",\"none\":null,\"empty\":\"\",\"repaired\":\"a\uFFFDb\","
        "\"least\":-9223372036854775808,\"yes\":true,\"time\":\"2025-10-09T08:53:20.412000Z\",\"never\":null,"
        "\"raw\":{\"x\": 1},\"nothing\":null,\"list\":[[],{},0.1,null,null],\"odd \\\"key\\\"\":0}");
    assert_true(json_valid(str_slice(&out), NULL));
}

/* Every byte of a string comes back as it was, by way of our writer and our reader. */
static void every_character_round_trips(void **state)
{
    for (unsigned c = 1; c < 0x80; c++) {
        char text[] = {'<', (char)c, '>', '\0'};
        struct str out = {0};
        struct jw w;
        struct json *j;
        struct arena *a = arena_new();
        jw_init(&w, &out);
        jw_str(&w, text);
        jw_done(&w);
        assert_true(json_parse(a, str_slice(&out), &j, NULL));
        assert_text(j->text, text);
        arena_free(a);
        str_release(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_documents),
        cmocka_unit_test(refused_documents),
        cmocka_unit_test(depth),
        cmocka_unit_test(handler_stops),
        cmocka_unit_test(endless_string),
        cmocka_unit_test(tree),
        cmocka_unit_test(doubled_keys),
        cmocka_unit_test(writing),
        cmocka_unit_test(every_character_round_trips),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
