/* etag.c - what If-Match and If-None-Match mean. */
#include "api/api.h"

#include "base/test.h"

static void if_match_names_a_version(void **state)
{
    static const struct {
        const char *header;
        enum api_match match;
        int64_t version;
    } cases[] = {
        {"", API_MATCH_NONE, 0},
        {"  ", API_MATCH_NONE, 0},
        {"*", API_MATCH_ANY, 0},
        {" * ", API_MATCH_ANY, 0},
        {"\"7-00ff00ff00ff00ff\"", API_MATCH_VERSION, 7}, /* as it was given out */
        {"\"7\"", API_MATCH_VERSION, 7},
        {" \"12\" ", API_MATCH_VERSION, 12},
        {"W/\"7\"", API_MATCH_BAD, 0}, /* a weak tag never matches here */
        {"7", API_MATCH_BAD, 0},
        {"\"7", API_MATCH_BAD, 0},
        {"\"7\"8", API_MATCH_BAD, 0},
        {"\"7\" x", API_MATCH_BAD, 0},
        {"\"7\", \"8\"", API_MATCH_BAD, 0},
        {"\"00ff00ff00ff00ff\"", API_MATCH_BAD, 0}, /* of a thing without versions */
        {"\"-7\"", API_MATCH_BAD, 0},
        {"\"0\"", API_MATCH_BAD, 0},
        {"\"\"", API_MATCH_BAD, 0},
        {"\"99999999999999999999\"", API_MATCH_BAD, 0},
        {"\"7\", *", API_MATCH_BAD, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t version = -1;
        enum api_match match = api_match_read(slice_cstr(cases[i].header), &version);
        if (match != cases[i].match || (match == API_MATCH_VERSION && version != cases[i].version))
            fail_msg("If-Match: %s gives %d and %lld", cases[i].header, match, (long long)version);
    }
}

static void if_none_match_compares_weakly(void **state)
{
    static const struct {
        const char *header;
        bool listed;
    } cases[] = {
        {"\"7-ab\"", true},   {"W/\"7-ab\"", true},        {"\"x\", \"7-ab\"", true}, {"\"x\" , W/\"7-ab\" ,", true},
        {"*", true},          {"\"7-ac\"", false},         {"7-ab", false},           {"\"7-ab", false},
        {"\"\"", false},      {"\"x\" \"7-ab\"", true},    {"w/\"7-ab\"", false},     {"", false},
        {"\"7-ab\"x", false}, {"\"x\"y, \"7-ab\"", false}, {"\"*\"", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (api_etag_listed(slice_cstr(cases[i].header), SLICE("\"7-ab\"")) != cases[i].listed)
            fail_msg("If-None-Match: %s", cases[i].header);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(if_match_names_a_version),
        cmocka_unit_test(if_none_match_compares_weakly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
