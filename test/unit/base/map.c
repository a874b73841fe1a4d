/* map.c - mapping tables: every kind, every shape of document, every cut. */
#include "msphub/mapping.h"

#include "base/mem.h"
#include "base/str.h"
#include "base/test.h"

struct disk {
    struct slice name;
    int64_t bytes;
    struct texts tags;
};
struct machine {
    struct slice id, name, loose, serial, class_text, site;
    int64_t memory, clock_hz, size;
    enum tri offline;
    usec_t seen, born, changed;
    int class;
    struct texts ips;
    struct map_list disks;
};
struct head {
    struct slice cursor;
    int64_t total;
};

static const struct map_name classes[] = {{"WINDOWS_SERVER", 2}, {"MAC", 1}, {"7", 7}, {NULL, 0}};

#define F(path, kind, s, m)                                                                                            \
    {                                                                                                                  \
        path, kind, offsetof(struct s, m)                                                                              \
    }
static const struct map_field disk_fields[] = {
    F("name", MAP_TEXT, disk, name),
    {"bytes", MAP_I64, offsetof(struct disk, bytes), .required = true},
    F("tags", MAP_TEXTS, disk, tags),
};
static const struct map disk_map = {sizeof(struct disk), disk_fields, ARRAY_LEN(disk_fields)};
static const struct map_field machine_fields[] = {
    {"id", MAP_ID, offsetof(struct machine, id), .required = true},
    F("name", MAP_TEXT, machine, name),
    F("loose", MAP_LOOSE_TEXT, machine, loose),
    F("wmi.bios[][].SerialNumber", MAP_TEXT, machine, serial),
    F("class", MAP_TEXT, machine, class_text),
    {"class", MAP_ENUM, offsetof(struct machine, class), .names = classes},
    F("references.site.name", MAP_TEXT, machine, site),
    F("memory", MAP_I64, machine, memory),
    {"clock", MAP_I64, offsetof(struct machine, clock_hz), .scale = 1000000000},
    F("size", MAP_SIZE, machine, size),
    F("offline", MAP_TRI, machine, offline),
    F("seen", MAP_EPOCH, machine, seen),
    F("born", MAP_ISO, machine, born),
    F("changed", MAP_TIME, machine, changed),
    F("ips", MAP_TEXTS, machine, ips),
    {"disks", MAP_LIST, offsetof(struct machine, disks), .item = &disk_map},
};
static const struct map machine_map = {sizeof(struct machine), machine_fields, ARRAY_LEN(machine_fields)};
static const struct map_field head_fields[] = {
    F("cursor.name", MAP_TEXT, head, cursor),
    {"total", MAP_I64, offsetof(struct head, total), .required = true},
};
static const struct map head_map = {sizeof(struct head), head_fields, ARRAY_LEN(head_fields)};

static const struct map_doc page = {"results[]", &machine_map, &head_map};
static const struct map_doc bare = {"[]", &machine_map, NULL};

/* --- rows as text, one a line: only what is known --- */

static void show_text(struct str *out, const char *name, struct slice s)
{
    if (s.p)
        str_addf(out, " %s='%.*s'", name, SLICE_FMT(s));
}

static void show_i64(struct str *out, const char *name, int64_t v)
{
    if (v != I64_NONE)
        str_addf(out, " %s=%lld", name, (long long)v);
}

static void show_texts(struct str *out, const char *name, const struct texts *t)
{
    if (!t->v)
        return;
    str_addf(out, " %s=[", name);
    for (size_t i = 0; i < t->n; i++)
        str_addf(out, "%s%.*s", i ? "," : "", SLICE_FMT(t->v[i]));
    str_addc(out, ']');
}

static bool show_row(void *arg, const void *row, const char *fault, struct err *e)
{
    struct str *out = arg;
    const struct machine *m = row;
    show_text(out, "id", m->id);
    show_text(out, "name", m->name);
    show_text(out, "loose", m->loose);
    show_text(out, "serial", m->serial);
    show_text(out, "class", m->class_text);
    show_i64(out, "class", m->class ? m->class : I64_NONE);
    show_text(out, "site", m->site);
    show_i64(out, "memory", m->memory);
    show_i64(out, "clock", m->clock_hz);
    show_i64(out, "size", m->size);
    show_i64(out, "offline", m->offline ? (int64_t)m->offline : I64_NONE);
    show_i64(out, "seen", m->seen);
    show_i64(out, "born", m->born);
    show_i64(out, "changed", m->changed);
    show_texts(out, "ips", &m->ips);
    if (m->disks.v)
        str_adds(out, " disks:");
    for (size_t i = 0; i < m->disks.n; i++) {
        const struct disk *d = (const struct disk *)m->disks.v + i;
        str_adds(out, " {");
        show_text(out, "name", d->name);
        show_i64(out, "bytes", d->bytes);
        show_texts(out, "tags", &d->tags);
        str_adds(out, " }");
    }
    if (fault)
        str_addf(out, " !%s", fault);
    str_addc(out, '\n');
    return true;
}

/* Feeds in pieces of `first` bytes, then of `then` (0: the rest). Each piece is its own block, so that ASan sees a byte
 * too far. */
static bool feed(struct map_reader *r, struct slice doc, size_t first, size_t then, struct err *e)
{
    for (size_t at = 0, n = first; at < doc.n; at += n, n = then ? then : doc.n - at) {
        n = MIN(n, doc.n - at);
        char *piece = malloc(n + !n);
        memcpy(piece, doc.p + at, n);
        bool ok = map_reader_feed(r, slice_of(piece, n), e);
        free(piece);
        if (!ok)
            return false;
    }
    return map_reader_finish(r, e);
}

static void check_rows(const struct map_doc *doc, const char *json, const char *want)
{
    _cleanup_(str_release) struct str got = {0};
    struct err e = {0};
    struct map_reader *r = map_reader_new(doc, show_row, &got, 0);
    if (!feed(r, slice_cstr(json), strlen(json), 0, &e))
        fail_msg("%s", e.what);
    assert_text(str_slice(&got), want);
    map_reader_free(r);
}

static void check_error(const struct map_doc *doc, const char *json, enum err_code code, const char *what)
{
    _cleanup_(str_release) struct str rows = {0};
    struct err e = {0};
    struct map_reader *r = map_reader_new(doc, show_row, &rows, 0);
    assert_false(feed(r, slice_cstr(json), strlen(json), 0, &e));
    assert_int_equal(e.code, code);
    assert_string_equal(e.what, what);
    map_reader_free(r);
}

/* --- tests --- */

static const char *const every_kind =
    "{\"noise\":[[{\"id\":\"no\"}],{\"results\":[1]}],\"cursor\":{\"x\":[],\"name\":\"n\\u00e9xt\"},\"results\":["
    "{\"id\":42,\"name\":\"a \\\"b\\\" "
    "\\uD83D\\uDE00\",\"loose\":false,\"wmi\":{\"bios\":[[],[{\"x\":1},{\"SerialNumber\":null},"
    "{\"SerialNumber\":\"S1\"}],[{\"SerialNumber\":\"S2\"}]]},\"class\":\"windows_server\",\"references\":{\"site\":{"
    "\"id\":5,"
    "\"name\":\"Main\"},\"org\":{\"name\":\"no\"}},\"memory\":1.7179869184E10,\"clock\":\"2.4\",\"size\":\"499.4 "
    "GB\",\"offline\":true,"
    "\"seen\":1760000000.412,\"born\":\"2026-01-09T10:11:12Z\",\"changed\":1760000000412,\"ips\":[\"10.0.0.1\",null,7,["
    "\"no\"],"
    "\"fe80::1\"],\"disks\":[{\"name\":\"C:\",\"bytes\":1,\"tags\":[]},null,{\"bytes\":\"2\",\"tags\":[\"a\",\"b\"],"
    "\"name\":null}]},"
    "{\"id\":\"x-2\",\"unknown\":{\"id\":\"no\",\"disks\":[{\"bytes\":0}]},\"offline\":\"False\",\"ips\":\"10.0.0.2\","
    "\"class\":\"7\","
    "\"changed\":\"2025-10-09T08:53:20.412Z\",\"loose\":1.50,\"disks\":[],\"id\":\"second\"}"
    "],\"total\":2}";
static const char *const every_kind_rows =
    " id='42' name='a \"b\" 😀' loose='false' serial='S1' class='windows_server' class=2 site='Main' memory=17179869184"
    " clock=2400000000 size=536226666905 offline=2 seen=1760000000412000 born=1767953472000000 changed=1760000000412000"
    " ips=[10.0.0.1,fe80::1] disks: { name='C:' bytes=1 tags=[] } { bytes=2 tags=[a,b] }\n"
    " id='x-2' loose='1.50' class='7' class=7 offline=1 changed=1760000000412000 ips=[10.0.0.2] disks:\n";

static void check_head(const struct map_reader *r)
{
    const struct head *h = map_reader_head(r);
    assert_text(h->cursor, "néxt");
    assert_int_equal(h->total, 2);
    assert_int_equal(map_reader_rows(r), 2);
}

static void same_rows_at_every_cut(void **state)
{
    struct slice doc = slice_cstr(every_kind);
    _cleanup_(str_release) struct str got = {0};
    struct err e = {0};
    struct map_reader *r = map_reader_new(&page, show_row, &got, 0);
    for (size_t cut = 0; cut <= doc.n; cut++) {
        str_clear(&got);
        if (!feed(r, doc, cut, 0, &e))
            fail_msg("cut at %zu: %s", cut, e.what);
        assert_text(str_slice(&got), every_kind_rows);
        check_head(r);
        map_reader_reset(r);
    }
    for (size_t piece = 1; piece <= 31; piece++) {
        str_clear(&got);
        assert_true(feed(r, doc, piece, piece, &e));
        assert_text(str_slice(&got), every_kind_rows);
        check_head(r);
        map_reader_reset(r);
    }
    map_reader_free(r);
}

/* A document that ends early is never taken for a whole one, wherever it ends. */
static void never_whole_when_short(void **state)
{
    struct slice doc = slice_cstr(every_kind);
    _cleanup_(str_release) struct str rows = {0};
    struct map_reader *r = map_reader_new(&page, show_row, &rows, 0);
    for (size_t n = 0; n < doc.n; n++) {
        struct err e = {0};
        str_clear(&rows);
        if (feed(r, slice_of(doc.p, n), n, 0, &e))
            fail_msg("taken as whole: the first %zu bytes", n);
        assert_int_equal(e.code, ERR_PROTOCOL);
        assert_true(slice_starts(slice_cstr(every_kind_rows), str_slice(&rows)));
        map_reader_reset(r);
    }
    map_reader_free(r);
}

static void faults_are_the_rows(void **state)
{
    static const struct {
        const char *row, *want;
    } cases[] = {
        {"{\"id\":1,\"offline\":\"maybe\"}", " id='1' !offline: expected a boolean, found text \"maybe\"\n"},
        {"{\"id\":1,\"offline\":1}", " id='1' !offline: expected a boolean, found the number 1\n"},
        {"{\"id\":1,\"name\":{}}", " id='1' !name: expected text, found an object\n"},
        {"{\"id\":1,\"name\":[\"x\"]}", " id='1' !name: expected text, found a list\n"},
        {"{\"id\":1,\"name\":true}", " id='1' !name: expected text, found a boolean\n"},
        {"{\"id\":1.5}", " !id: expected an id, found the number 1.5\n"},
        {"{\"id\":true}", " !id: expected an id, found a boolean\n"},
        {"{\"id\":\"\"}", " !id: missing\n"},
        {"{\"id\":null}", " !id: missing\n"},
        {"{}", " !id: missing\n"},
        {"{\"id\":[]}", " !id: expected an id, found a list\n"},
        {"{\"id\":1,\"memory\":1.5}", " id='1' !memory: expected a whole number, found the number 1.5\n"},
        {"{\"id\":1,\"memory\":99999999999999999999}",
         " id='1' !memory: expected a whole number, found the number 99999999999999999999\n"},
        {"{\"id\":1,\"memory\":-9223372036854775807}", " id='1' memory=-9223372036854775807\n"},
        {"{\"id\":1,\"memory\":\"12 apples\"}", " id='1' !memory: expected a whole number, found text \"12 apples\"\n"},
        {"{\"id\":1,\"clock\":9e18}", " id='1' !clock: expected a whole number, found the number 9e18\n"},
        {"{\"id\":1,\"seen\":-5}", " id='1' !seen: expected an epoch time, found the number -5\n"},
        {"{\"id\":1,\"born\":1760000000}", " id='1' !born: expected an ISO 8601 time, found the number 1760000000\n"},
        {"{\"id\":1,\"size\":\"12 parsecs\"}", " id='1' !size: expected a size, found text \"12 parsecs\"\n"},
        {"{\"id\":1,\"ips\":7}", " id='1' !ips: expected a list of texts, found the number 7\n"},
        {"{\"id\":1,\"ips\":{\"a\":1}}", " id='1' !ips: expected a list of texts, found an object\n"},
        {"{\"id\":1,\"disks\":{\"bytes\":1}}", " id='1' !disks: expected a list of objects, found an object\n"},
        {"{\"id\":1,\"disks\":\"C:\"}", " id='1' !disks: expected a list of objects, found text \"C:\"\n"},
        {"{\"id\":1,\"disks\":[\"C:\"]}", " id='1' disks: !disks[]: expected an object, found text \"C:\"\n"},
        {"{\"id\":1,\"disks\":[[{\"bytes\":1}]]}", " id='1' disks: !disks[]: expected an object, found a list\n"},
        {"{\"id\":1,\"disks\":[{\"name\":\"C:\"}]}", " id='1' disks: { name='C:' } !disks[].bytes: missing\n"},
        {"{\"id\":1,\"disks\":[{\"bytes\":\"x\"},{\"bytes\":2}]}",
         " id='1' disks: { } { bytes=2 } !disks[].bytes: expected a whole number, found text \"x\"\n"},
        /* the first fault is told */
        {"{\"id\":1,\"offline\":0,\"memory\":[]}", " id='1' !offline: expected a boolean, found the number 0\n"},
        {"7", " !expected an object, found the number 7\n"},
        {"null", " !expected an object, found null\n"},
        {"[{\"id\":1}]", " !expected an object, found a list\n"},
        /* what is no fault: other shapes on the way, empty and null values, names not listed */
        {"{\"id\":1,\"references\":\"none\",\"wmi\":{\"bios\":{\"SerialNumber\":\"x\"}}}", " id='1'\n"},
        {"{\"id\":1,\"memory\":\"\",\"offline\":\"\",\"seen\":\"\",\"born\":\"\",\"size\":\"\",\"name\":\"\"}",
         " id='1' name=''\n"},
        {"{\"id\":1,\"memory\":null,\"disks\":null,\"ips\":null}", " id='1'\n"},
        {"{\"id\":1,\"class\":\"TOASTER\"}", " id='1' class='TOASTER'\n"},
        {"{\"id\":1,\"loose\":{\"a\":1}}", " id='1'\n"},
        {"{\"id\":1,\"\":2,\"ids\":3,\"i\":4}", " id='1'\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_(str_release) struct str doc = {0}, want = {0};
        str_addf(&doc, "[%s,{\"id\":\"next\"}]", cases[i].row); /* and the neighbour is well */
        str_addf(&want, "%s id='next'\n", cases[i].want);
        check_rows(&bare, doc.p, want.p);
    }
}

static void sizes(void **state)
{
    static const struct {
        const char *json;
        int64_t want;
    } cases[] = {
        {"0", 0},
        {"17179869184", 17179869184},
        {"\"17179869184\"", 17179869184},
        {"\"512 B\"", 512},
        {"\"1 kB\"", 1024},
        {"\"1.5KB\"", 1536},
        {"\"3 MiB\"", 3 << 20},
        {"\"465.8 GB\"", 500148941619},
        {"\"2tb\"", (int64_t)2 << 40},
        {"\" 7 EB \"", (int64_t)7 << 60},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_(str_release) struct str doc = {0}, want = {0};
        str_addf(&doc, "[{\"id\":1,\"size\":%s}]", cases[i].json);
        str_addf(&want, " id='1' size=%lld\n", (long long)cases[i].want);
        check_rows(&bare, doc.p, want.p);
    }
}

static void shapes_of_documents(void **state)
{
    check_rows(&bare, "[]", NULL);
    check_rows(&page, "{\"total\":0,\"results\":[]}", NULL);
    check_error(&page, "{\"total\":0}", ERR_PROTOCOL, "the answer has no list at \"results[]\"");
    check_error(&page, "{\"total\":0,\"results\":null}", ERR_PROTOCOL, "the answer has no list at \"results[]\"");
    check_error(&page, "{\"total\":0,\"results\":{}}", ERR_PROTOCOL, "the answer has no list at \"results[]\"");
    check_error(&bare, "{\"error\":\"denied\"}", ERR_PROTOCOL, "the answer has no list at \"[]\"");
    check_error(&bare, "null", ERR_PROTOCOL, "the answer has no list at \"[]\"");
    check_error(&page, "{\"results\":[]}", ERR_PROTOCOL, "total: missing");
    check_error(&page, "{\"results\":[],\"total\":\"many\"}", ERR_PROTOCOL,
                "total: expected a whole number, found text \"many\"");
    check_error(&bare, "<html>", ERR_PROTOCOL, "not JSON near byte 1: lexical error: invalid char in json text");
    check_error(&bare, "[] x", ERR_PROTOCOL, "not JSON near byte 4: parse error: trailing garbage");
    check_error(&bare, "[][]", ERR_PROTOCOL, "not JSON near byte 3: parse error: trailing garbage");
    check_error(&bare, "", ERR_PROTOCOL, "not JSON: empty");
}

static bool stop_at_second(void *arg, const void *row, const char *fault, struct err *e)
{
    unsigned *n = arg;
    return ++*n < 2 || err_set(e, ERR_LIMIT, "enough");
}

static void callback_stops(void **state)
{
    unsigned n = 0;
    struct err e = {0};
    struct map_reader *r = map_reader_new(&bare, stop_at_second, &n, 0);
    assert_false(map_reader_feed(r, SLICE("[{\"id\":1},{\"id\":2},{\"id\":3}"), &e));
    assert_int_equal(e.code, ERR_LIMIT);
    assert_string_equal(e.what, "enough");
    assert_false(map_reader_feed(r, SLICE("]"), &e));
    assert_false(map_reader_finish(r, &e));
    assert_int_equal(e.code, ERR_LIMIT);
    assert_int_equal(n, 2);
    map_reader_free(r);
}

static void long_texts_are_cut_at_a_character(void **state)
{
    _cleanup_(str_release) struct str got = {0};
    struct err e = {0};
    struct map_reader *r = map_reader_new(&bare, show_row, &got, 8);
    assert_true(feed(r, SLICE("[{\"id\":\"123456789\",\"name\":\"123456789é\",\"loose\":\"1234567é\"}]"), 3, 3, &e));
    assert_text(str_slice(&got), " id='12345678' name='12345678' loose='1234567'\n");
    map_reader_free(r);
}

/* Memory is one row, whatever the size of the page; lists longer than the vector's first steps keep their order. */
static void long_lists(void **state)
{
    _cleanup_(str_release) struct str doc = {0}, want = {0};
    str_adds(&doc, "[{\"id\":1,\"ips\":[");
    str_adds(&want, " id='1' ips=[");
    for (unsigned i = 0; i < 1000; i++) {
        str_addf(&doc, "%s\"%u\"", i ? "," : "", i);
        str_addf(&want, "%s%u", i ? "," : "", i);
    }
    str_adds(&doc, "],\"disks\":[");
    str_adds(&want, "] disks:");
    for (unsigned i = 0; i < 1000; i++) {
        str_addf(&doc, "%s{\"bytes\":%u,\"tags\":[\"%u\"]}", i ? "," : "", i, i);
        str_addf(&want, " { bytes=%u tags=[%u] }", i, i);
    }
    str_adds(&doc, "]}]");
    str_adds(&want, "\n");
    check_rows(&bare, doc.p, want.p);
}

static void keys_may_compare_without_case(void **state)
{
    static const struct map_doc any = {"Results[]", &machine_map, &head_map, .any_case = true};
    char long_key[80];
    memset(long_key, 'I', sizeof(long_key));
    long_key[sizeof(long_key) - 1] = '\0';
    char *json = mem_printf(
        "{\"TOTAL\":1,\"%s\":2,\"rESULTS\":[{\"ID\":7,\"Name\":\"n\",\"WMI\":{\"Bios\":[[{\"serialnumber\":\"s\"}]]},"
        "\"%s\":\"x\",\"DISKS\":[{\"Bytes\":3,\"TAGS\":[\"t\"]}]}]}",
        long_key, long_key);
    check_rows(&any, json, " id='7' name='n' serial='s' disks: { bytes=3 tags=[t] }\n");
    free(json);
    check_rows(&bare, "[{\"id\":7,\"Name\":\"n\"}]", " id='7'\n"); /* as a rule they do not */
}

static void hostile_texts(void **state)
{
    check_rows(&bare, "[{\"id\":\"a\\u0000b\",\"name\":\"\\udc00 \xC0\xAF\"}]",
               " id='ab' name='\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD \xEF\xBF\xBD\xEF\xBF\xBD'\n");
}

static void one_document_in_memory(void **state)
{
    struct arena *a = arena_new();
    struct machine m = {.id = SLICE("untouched")};
    struct err e = {0};
    assert_false(map_read(&machine_map, SLICE("{\"id\":1"), a, &m, &e));
    assert_int_equal(e.code, ERR_INPUT);
    assert_false(map_read(&machine_map, SLICE("{\"id\":1,\"offline\":3}"), a, &m, &e));
    assert_int_equal(e.code, ERR_DATA);
    assert_string_equal(e.what, "offline: expected a boolean, found the number 3");
    assert_false(map_read(&machine_map, SLICE("[]"), a, &m, &e));
    assert_int_equal(e.code, ERR_DATA);
    assert_string_equal(e.what, "expected an object, found a list");
    assert_text(m.id, "untouched");
    assert_true(map_read(&machine_map, SLICE("{\"id\":1,\"ips\":[\"::1\"]}"), a, &m, &e));
    assert_text(m.id, "1");
    assert_text(m.ips.v[0], "::1");
    assert_true(m.memory == I64_NONE && m.seen == USEC_NONE);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_rows_at_every_cut),
        cmocka_unit_test(never_whole_when_short),
        cmocka_unit_test(faults_are_the_rows),
        cmocka_unit_test(sizes),
        cmocka_unit_test(shapes_of_documents),
        cmocka_unit_test(callback_stops),
        cmocka_unit_test(long_texts_are_cut_at_a_character),
        cmocka_unit_test(long_lists),
        cmocka_unit_test(keys_may_compare_without_case),
        cmocka_unit_test(hostile_texts),
        cmocka_unit_test(one_document_in_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
