/* A product repeats a secret, coded in some way: it is not passed on. */
#include "hub/hide.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void in_every_coding(void **state)
{
    static const struct {
        const char *secret, *text, *want;
    } rows[] = {
        {"s3cret-key", "", ""},
        {"s3cret-key", "the client is unknown", "the client is unknown"},
        {"s3cret-key", "s3cret-key", "***"},
        {"s3cret-key", "bad key s3cret-key: s3cret-keys3cret-key!", "bad key ***: ***!"},
        {"s3cret-key", "s3cret-kex, s3cret", "s3cret-kex, ***"}, /* the end may have been cut */
        {"s3cret-key", "s3cret-kex, s3cre", "s3cret-kex, s3cre"},
        {"s3cret-key", "s3cret-ke, said he", "s3cret-ke, said he"},
        {"s3cret-key", "secret=s3cret%2dkey&x", "secret=***&x"},
        {"s3cret-key", "secret=%733cret%2Dkey&x", "secret=***&x"},
        {"s3cret-key", "{\"m\":\"s3cret\\u002dkey\"}", "{\"m\":\"***\"}"},
        {"aaaaaa", "aaaaaaaaa", "***"},
        {"a b+c%d/e", "a+b%2Bc%25d%2Fe", "***"},
        {"a b+c%d/e", "a%20b%2bc%25d/e", "***"},
        {"a b+c%d/e", "{\"m\": \"a b+c%d\\/e\"}", "{\"m\": \"***\"}"},
        {"q\"uo\\te&<", "say q\"uo\\te&<.", "say ***."},
        {"q\"uo\\te&<", "{\"m\": \"q\\\"uo\\\\te&<\"}", "{\"m\": \"***\"}"},
        {"q\"uo\\te&<", "{\"m\": \"q\\u0022uo\\u005Cte\\u0026\\u003c\"}", "{\"m\": \"***\"}"},
        {"p\xc3\xa4ssword", "p\xc3\xa4ssword!", "***!"},
        {"p\xc3\xa4ssword", "p\\u00e4ssword!!", "***!!"},
        {"p\xc3\xa4ssword", "p%C3%A4ssword!", "***!"},
        {"p\xc3\xa4ssword", "p\xc3\x83\xc2\xa4ssword!", "***!"}, /* taken for Latin-1 */
        {"p\xc3\xa4ssword", "p\\u00c3\\u00a4ssword!", "***!"},
        {"p\xc3\xa4ssword", "p%C3%83%C2%A4ssword!", "***!"},
        {"key \xf0\x9f\x94\x91 key", "key \\ud83d\\udd11 key.", "***."},
        {"short", "short", "short"},
        {"", "x", "x"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct str text = {0};
        str_adds(&text, rows[i].text);
        hide_secret(&text, slice_cstr(rows[i].secret));
        if (strcmp(text.p ? text.p : "", rows[i].want) != 0)
            fail_msg("row %zu: %s", i, text.p);
        str_release(&text);
    }
}

/* Cut anywhere, whatever the coding: never HIDE_MIN characters of the secret in a row. */
static void cut_anywhere(void **state)
{
    static const char *const texts[] = {"no: k3y+with&what\"ever\\it is", "no: k3y%2Bwith%26what%22ever%5Cit%20is",
                                        "no: k3y\\u002bwith\\u0026what\\\"ever\\\\it is"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        for (size_t n = 0; n <= strlen(texts[i]); n++) {
            struct str text = {0};
            str_add(&text, slice_of(texts[i], n));
            hide_secret(&text, SLICE("k3y+with&what\"ever\\it is"));
            if (text.n > 4 + 5 + 12 || (text.p && strstr(text.p, "with&wha")) ||
                (text.p && strstr(text.p, "with%26wha")))
                fail_msg("cut at %zu: %s", n, text.p);
            str_release(&text);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(in_every_coding), cmocka_unit_test(cut_anywhere)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
