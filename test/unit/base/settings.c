/* settings.c - what a tenant may configure, and the words of each refusal. */
#include "msphub/provider.h"

#include "base/test.h"

static const char *const regions[] = {"app", "eu", "oc", NULL};
static const struct provider_field fields[] = {
    {.key = "client_id", .label = "Client ID", .kind = FIELD_INPUT_TEXT, .required = true},
    {.key = "client_secret", .label = "Client secret", .kind = FIELD_INPUT_SECRET, .required = true},
    {.key = "region",
     .label = "Region",
     .kind = FIELD_INPUT_SELECT,
     .required = true,
     .fallback = "app",
     .options = regions},
    {.key = "url", .label = "Address", .kind = FIELD_INPUT_URL},
    {.key = "strict", .label = "Strict", .kind = FIELD_INPUT_BOOL, .fallback = "true"},
    {.key = "page", .label = "Page size", .kind = FIELD_INPUT_NUMBER, .min = 1, .max = 1000},
};

static struct settings *read_settings(const char *json, struct err *e)
{
    return settings_from_json(fields, ARRAY_LEN(fields), slice_cstr(json), e);
}

static void lookups(void **state)
{
    struct err e = {0};
    struct settings *s = read_settings("{\"client_id\":\" id \",\"client_secret\":\"s3cret\",\"region\":\"eu\","
                                       "\"url\":\"https://rmm.example.com:8443/api\",\"strict\":false,\"page\":500}",
                                       &e);
    if (!s)
        fail_msg("%s", e.what);
    assert_text(settings_text(s, "client_id"), "id"); /* a paste's blanks are gone */
    assert_text(settings_text(s, "client_secret"), "s3cret");
    assert_text(settings_text(s, "region"), "eu");
    assert_text(settings_text(s, "url"), "https://rmm.example.com:8443/api");
    assert_false(settings_bool(s, "strict"));
    assert_int_equal(settings_i64(s, "page", 7), 500);
    settings_free(s);
    settings_free(NULL);
}

static void absent_takes_the_default(void **state)
{
    struct err e = {0};
    struct settings *s =
        read_settings("{\"client_id\":\"id\",\"client_secret\":\"x\",\"region\":\"\",\"page\":null}", &e);
    assert_non_null(s);
    assert_text(settings_text(s, "region"), "app");
    assert_text(settings_text(s, "url"), NULL);
    assert_true(settings_bool(s, "strict"));
    assert_int_equal(settings_i64(s, "page", 7), 7);
    settings_free(s);
    s = read_settings("{\"client_id\":\"id\",\"client_secret\":\"x\",\"page\":\"12\",\"strict\":\"false\"}", &e);
    assert_int_equal(settings_i64(s, "page", 7), 12);
    assert_false(settings_bool(s, "strict"));
    settings_free(s);
}

#define NEEDED "\"client_id\":\"id\",\"client_secret\":\"hush-hush\""

static void refusals(void **state)
{
    static const struct {
        const char *json, *want;
    } cases[] = {
        {"{\"client_id\":\"id\"}", "Client secret (client_secret) is required"},
        {"{\"client_id\":\" \",\"client_secret\":\"x\"}", "Client ID (client_id) is required"},
        {"{" NEEDED ",\"clientid\":1}", "\"clientid\" is not a setting of this provider"},
        {"{" NEEDED ",\"client_id\":\"2\"}", "\"client_id\" stands twice in one object"},
        {"{\"client_id\":5,\"client_secret\":\"x\"}", "Client ID (client_id) must be text"},
        {"{\"client_id\":\"a\\nb\",\"client_secret\":\"x\"}", "Client ID (client_id) holds a control character"},
        {"{" NEEDED ",\"region\":\"us\"}", "Region (region) must be one of: app, eu, oc"},
        {"{" NEEDED ",\"url\":\"ftp://rmm.example.com\"}",
         "Address (url) must be an address that begins with https://"},
        {"{" NEEDED ",\"url\":\"https://\"}", "Address (url) names no host; expected https://host"},
        {"{" NEEDED ",\"url\":\"https:///x\"}", "Address (url) names no host; expected https://host"},
        {"{" NEEDED ",\"url\":\"https://a b\"}", "Address (url) holds a character that no address may hold"},
        {"{" NEEDED ",\"strict\":\"maybe\"}", "Strict (strict) must be true or false"},
        {"{" NEEDED ",\"strict\":1}", "Strict (strict) must be true or false"},
        {"{" NEEDED ",\"page\":0}", "Page size (page) must be from 1 to 1000"},
        {"{" NEEDED ",\"page\":1.5}", "Page size (page) must be a whole number"},
        {"{" NEEDED ",\"page\":[1]}", "Page size (page) must be a whole number"},
        {"[]", "the settings must be a JSON object"},
        {"{", "not JSON: it ends too early, after 1 bytes"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err e = {0};
        assert_null(read_settings(cases[i].json, &e));
        assert_int_equal(e.code, ERR_INPUT);
        assert_string_equal(e.what, cases[i].want);
        assert_null(strstr(e.what, "hush-hush"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lookups),
        cmocka_unit_test(absent_takes_the_default),
        cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
