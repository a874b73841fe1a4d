/* What a former table says, whatever its columns are called; and that nothing is guessed. */
#include "hub/former_shape.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define MAX_COLUMNS 8

/* `columns`: "name type,name type"; `rows`: JSON objects. Gives "partner|login|password|url|enabled" of each, "!" and why where there is a
 * problem; "?" and the error when the shape is not clear. */
static char *read_table(const char *columns, const char *const *rows, const char *choice, bool one_partner)
{
    struct arena *a = arena_new();
    struct former_column c[MAX_COLUMNS];
    struct former_table t = {.columns = c, .rows = arena_alloc(a, 8 * sizeof *t.rows)};
    struct former_shape shape;
    struct former_partner *partners;
    struct str out = {0};
    struct err e = {0};
    for (struct slice rest = slice_cstr(columns); rest.n;) {
        struct slice type = slice_cut(&rest, ','), name = slice_cut(&type, ' ');
        c[t.ncolumns++] = (struct former_column){slice_of(arena_strndup(a, name.p, name.n), name.n), type};
    }
    for (; rows[t.nrows]; t.nrows++) {
        struct json *row;
        assert_true(json_parse(a, slice_cstr(rows[t.nrows]), &row, &e));
        t.rows[t.nrows] = row;
    }
    if (!former_shape_find(&t, slice_cstr(choice), one_partner, &shape, &e))
        str_addf(&out, "?%s", e.what);
    size_t n = e.code ? 0 : former_partners_read(&t, &shape, &(struct foreign_keys){0}, a, &partners);
    for (size_t i = 0; i < n; i++) {
        str_addf(&out, "%s%.*s", i ? "/" : "", SLICE_FMT(partners[i].partner));
        for (size_t f = 0; f < FORMER_NVALUES; f++)
            str_addf(&out, "|%.*s", SLICE_FMT(partners[i].values[f]));
        if (partners[i].problem)
            str_addf(&out, "!%s", partners[i].problem);
    }
    arena_free(a);
    return str_take(&out);
}

#define ROWS(...)                                                                                                      \
    (const char *const[])                                                                                              \
    {                                                                                                                  \
        __VA_ARGS__, NULL                                                                                              \
    }

static void assert_reads(const char *columns, const char *const *rows, const char *choice, const char *expected)
{
    char *got = read_table(columns, rows, choice, false);
    assert_string_equal(got, expected);
    free(got);
}

static void columns_by_any_name(void **state)
{
    assert_reads(
        "partner_id integer,api_login text,api_password text,base_url text,enabled boolean",
        ROWS("{\"partner_id\":7,\"api_login\":\"l\",\"api_password\":\"p\",\"base_url\":\"u\",\"enabled\":true}"), NULL,
        "7|l|p|u|true");
    assert_reads("id integer,companyId text,UserName text,encrypted_password text,ENDPOINT text,isActive boolean",
                 ROWS("{\"id\":1,\"companyId\":\"a\",\"UserName\":\"l\",\"encrypted_password\":\"p\",\"ENDPOINT\":null,"
                      "\"isActive\":false}",
                      "{\"id\":2,\"companyId\":\"b\",\"UserName\":\"m\",\"encrypted_password\":\"\"}"),
                 NULL, "a|l|p||false/b|m|||");
    /* Our own name wins over another that fits. */
    assert_reads(
        "partner_id text,company text,username text,api_login text,api_password text,api_key text",
        ROWS("{\"partner_id\":\"a\",\"company\":\"X\",\"username\":\"no\",\"api_login\":\"l\",\"api_password\":\"p\","
             "\"api_key\":\"no\"}"),
        NULL, "a|l|p||");
    /* bytea that is text. */
    assert_reads("partner text,login text,secret bytea",
                 ROWS("{\"partner\":\"a\",\"login\":\"l\",\"secret\":\"\\\\x7077\"}"), NULL, "a|l|pw||");
}

static void a_row_for_each_setting(void **state)
{
    assert_reads("partner_id text,name text,value text",
                 ROWS("{\"partner_id\":\"a\",\"name\":\"API_LOGIN\",\"value\":\"l\"}",
                      "{\"partner_id\":\"b\",\"name\":\"login\",\"value\":\"m\"}",
                      "{\"partner_id\":\"a\",\"name\":\"apiPassword\",\"value\":\"p\"}",
                      "{\"partner_id\":\"a\",\"name\":\"color\",\"value\":\"red\"}"),
                 NULL, "a|l|p||/b|m|||");
    assert_reads("partner_id text,key text,value text",
                 ROWS("{\"partner_id\":\"a\",\"key\":\"login\",\"value\":\"l\"}",
                      "{\"partner_id\":\"a\",\"key\":\"username\",\"value\":\"m\"}"),
                 NULL, "a|l|||!api_login is there twice");
}

static void an_object_in_a_column(void **state)
{
    assert_reads("partner_id text,config jsonb,enabled boolean",
                 ROWS("{\"partner_id\":\"a\",\"config\":{\"apiLogin\":\"l\",\"ApiPassword\":\"p\",\"baseUrl\":\"u\"},"
                      "\"enabled\":false}",
                      "{\"partner_id\":\"b\",\"config\":\"{\\\"login\\\":5,\\\"password\\\":[1]}\"}",
                      "{\"partner_id\":\"c\",\"config\":{\"user\":\"x\",\"username\":\"y\"}}",
                      "{\"partner_id\":\"d\",\"config\":17}"),
                 NULL,
                 "a|l|p|u|false/b|5|||!api_password is no single value/c||||!api_login could be more than one member/"
                 "d||||!config is no JSON object");
}

static void nothing_is_guessed(void **state)
{
    const char *const *none = ROWS("{}");
    assert_reads("partner_id text,username text,login text,password text", none, NULL,
                 "?more than one column could be api_login; say which by --column api_login=COLUMN. There are: "
                 "partner_id, username, login, password");
    assert_reads("mspid text,partner text,login text,password text", none, NULL,
                 "?more than one column could be partner; say which by --column partner=COLUMN. There are: mspid, "
                 "partner, login, password");
    assert_reads("partner text,usr text,password text", none, NULL,
                 "?no column looks like api_login; say which by --column api_login=COLUMN. There are: partner, usr, "
                 "password");
    assert_reads("login text,password text", none, NULL,
                 "?no column looks like partner; say which by --column partner=COLUMN. There are: login, password");
    assert_reads("partner text,usr text,password text", none, "api_login=user",
                 "?--column names a column that is not there for api_login; say which by --column api_login=COLUMN. "
                 "There are: partner, usr, password");
    assert_reads("partner text,usr text,password text", none, "login=usr",
                 "?--column: \"login\" is none of partner, api_login, api_password, base_url, enabled, key, value, "
                 "settings");
    assert_reads("a text,b text,c text", ROWS("{\"a\":\"l\",\"b\":\"p\",\"c\":\"x\"}"),
                 "api_login=a, api_password=b,partner=c", "x|l|p||");
    assert_reads("partner text,login text,password text",
                 ROWS("{\"partner\":\"a\",\"login\":\"l\",\"password\":\"p\"}",
                      "{\"partner\":\"a\",\"login\":\"l\",\"password\":\"q\"}",
                      "{\"partner\":null,\"login\":\"l\",\"password\":\"q\"}"),
                 NULL,
                 "a|l|p||!it has more than one row, and a tenant has one account/|l|q||!it is a row without a partner");
    char *got = read_table("login text,password text", ROWS("{\"login\":\"l\",\"password\":\"p\"}"), NULL, true);
    assert_string_equal(got, "|l|p||");
    free(got);
}

static void what_is_encrypted_is_no_value(void **state)
{
    assert_reads("partner text,login text,password bytea",
                 ROWS("{\"partner\":\"a\",\"login\":\"l\",\"password\":\"\\\\xc30d04070302aabbccdd\"}",
                      "{\"partner\":\"b\",\"login\":\"32333435363738393a3b3c3d:37ebe4fd3c2a662738226d5306911597:a5\","
                      "\"password\":\"\\\\xff00\"}"),
                 NULL,
                 "a|l|||!password is encrypted with OpenPGP (pgcrypto), and was not opened: that takes its passphrase "
                 "and the extension/b||||!login looks "
                 "encrypted (AES-GCM (iv:tag:data)), and there is no key to open it; password holds bytes that are no "
                 "text");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_by_any_name),           cmocka_unit_test(a_row_for_each_setting),
        cmocka_unit_test(an_object_in_a_column),         cmocka_unit_test(nothing_is_guessed),
        cmocka_unit_test(what_is_encrypted_is_no_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
