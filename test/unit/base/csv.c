/* Strict reading of CSV: what is a table, and which line is wrong when it is none. */
#include "base/csv.h"

#include "base/mem.h"
#include "base/str.h"
#include "base/test.h"

/* "a|b/c|d" of a text's records without the header; "!why" at the end when it is wrong. */
static char *read_all(struct slice text)
{
    struct str out = {0};
    struct csv c;
    struct err e = {0};
    bool good = csv_init(&c, text, &e);
    for (bool first = true; good && csv_next(&c, &e); first = false) {
        str_adds(&out, first ? "" : "/");
        for (size_t i = 0; i < c.ncolumns; i++) {
            str_adds(&out, i ? "|" : "");
            str_add(&out, c.fields[i]);
        }
    }
    if (e.code)
        str_addf(&out, "!%s", e.what);
    csv_release(&c);
    return str_take(&out);
}

static void assert_reads(const char *text, const char *expected)
{
    char *got = read_all(slice_cstr(text));
    assert_string_equal(got, expected);
    free(got);
}

static void tables(void **state)
{
    assert_reads("a,b\n1,2\n3,4\n", "1|2/3|4");
    assert_reads("a,b\r\n1,2\r\n3,4", "1|2/3|4");
    assert_reads("\xEF\xBB\xBF"
                 "a,b\n1,\n",
                 "1|");
    assert_reads("a,b\n\n\"x, y\",\"say \"\"hi\"\"\"\n\n", "x, y|say \"hi\"");
    assert_reads("a,b\n\"two\r\nlines\",\"\"\n", "two\r\nlines|");
    assert_reads("a\nx\n\ny\n", "x//y");
    assert_reads("a,b\n", "");
    assert_reads("name,x\n\xC3\x84rzte, spaced \n", "\xC3\x84rzte| spaced ");
}

static void mistakes(void **state)
{
    assert_reads("", "!the file is empty; its first line names the columns");
    assert_reads("a,b\n1,2\n1,2,3\n", "1|2!line 3: 3 fields where the header has 2");
    assert_reads("a,b\n1\n", "!line 2: 1 fields where the header has 2");
    assert_reads("a,b\n\"x\ny\",2\n1\n", "x\ny|2!line 4: 1 fields where the header has 2");
    assert_reads("a,b\n1,\"2\n", "!line 3: the file ends inside a quoted field");
    assert_reads("a,b\n1,\"2\"3\n", "!line 2: something stands behind a field's closing quotation mark");
    assert_reads("a,b\n1,2\"3\n",
                 "!line 2: a quotation mark inside a field; put the field into quotation marks and double the one "
                 "inside");
    assert_reads("a,b\r1,2\r",
                 "!line 1: a carriage return without a line feed; save the file with LF or CRLF line ends");
    assert_reads("a,,b\n", "!line 1: column 2 has no name; the first line names the columns");
    assert_reads("a, A \n", "!line 1: two columns are named \"A\"");
    assert_reads("a\nx\n\xC4rzte\n", "!line 3: not UTF-8 (perhaps Latin-1 or UTF-16); save the file as UTF-8");
    char *got = read_all(SLICE("a\nx\0y\n"));
    assert_non_null(strstr(got, "line 2: not UTF-8"));
    free(got);
}

static void columns_by_name(void **state)
{
    struct csv c;
    struct err e = {0};
    assert_true(csv_init(&c, SLICE("Integration, Device_ID \n"), &e));
    assert_int_equal(csv_column(&c, "integration"), 0);
    assert_int_equal(csv_column(&c, "device_id"), 1);
    assert_int_equal(csv_column(&c, "device"), -1);
    csv_release(&c);
}

/* Cut anywhere: never past the end, and never a record of another width. */
static void every_cut(void **state)
{
    static const char text[] = "a,\"b\"\r\n\"1\"\"\",2\r\n\r\n\"x\ny\",\"\"\r\n";
    for (size_t n = 0; n < sizeof(text); n++) {
        char *copy = mem_strndup(text, n);
        char *got = read_all(slice_of(copy, n));
        free(got);
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables),
        cmocka_unit_test(mistakes),
        cmocka_unit_test(columns_by_name),
        cmocka_unit_test(every_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
