/* utf8.c - held against a second, slower definition: decode, then ask whether the shortest encoding is what was there. */
#include "base/utf8.h"

#include "base/test.h"

static size_t encode(uint32_t c, char out[4])
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--, c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3F));
    out[0] = (char)((0xF00 >> n & 0xFF) | c);
    return n;
}

static void every_code_point(void **state)
{
    for (uint32_t c = 0; c <= 0x10FFFF; c++) {
        char text[4];
        size_t n = encode(c, text);
        bool want = c < 0xD800 || c > 0xDFFF;
        if (utf8_valid(slice_of(text, n)) != want || utf8_storable(slice_of(text, n)) != (want && c != 0))
            fail_msg("U+%04X", c);
        for (size_t cut = 1; cut < n; cut++)
            if (utf8_valid(slice_of(text, cut)) || utf8_valid(slice_of(text + cut, n - cut)))
                fail_msg("U+%04X cut at %zu", c, cut);
    }
}

/* All that two bytes can be, and all leads with the tails on either side of each border. */
static void every_short_sequence(void **state)
{
    for (unsigned a = 0; a < 256; a++)
        for (unsigned b = 0; b < 256; b++) {
            char text[2] = {(char)a, (char)b};
            bool ascii = a < 0x80 && b < 0x80, two = a >= 0xC2 && a <= 0xDF && (b & 0xC0) == 0x80;
            assert_int_equal(utf8_valid(slice_of(text, 2)), ascii || two);
        }
}

static const struct {
    struct slice in;
    const char *repaired;
} bad[] = {
    {SLICE_INIT("\xC0\xAF"), "\uFFFD\uFFFD"},           /* overlong '/' */
    {SLICE_INIT("\xE0\x80\xAF"), "\uFFFD\uFFFD\uFFFD"}, /* overlong */
    {SLICE_INIT("\xF0\x80\x80\xAF"), "\uFFFD\uFFFD\uFFFD\uFFFD"},
    {SLICE_INIT("\xED\xA0\x80"), "\uFFFD\uFFFD\uFFFD"},           /* U+D800 */
    {SLICE_INIT("\xF4\x90\x80\x80"), "\uFFFD\uFFFD\uFFFD\uFFFD"}, /* U+110000 */
    {SLICE_INIT("\xF5\x80\x80\x80"), "\uFFFD\uFFFD\uFFFD\uFFFD"},
    {SLICE_INIT("\xFF"), "\uFFFD"},
    {SLICE_INIT("a\x80z"), "a\uFFFDz"},
    {SLICE_INIT("caf\xC3"), "caf\uFFFD"},
    {SLICE_INIT("a\xE2\x82z"), "a\uFFFD\uFFFDz"},
    {SLICE_INIT("12345678\xC3(12345678"), "12345678\uFFFD(12345678"}, /* behind and before eight plain bytes */
    {SLICE_INIT("1234567\0ü1234567"), "1234567ü1234567"},
    {SLICE_INIT("\0"), ""},
};

static void repairing(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        char out[64];
        assert_false(utf8_storable(bad[i].in));
        assert_true(bad[i].in.n * 3 <= sizeof(out));
        size_t n = utf8_repair(bad[i].in, out);
        assert_text(slice_of(out, n), bad[i].repaired);
        assert_true(utf8_storable(slice_of(out, n)));
    }
    assert_true(utf8_valid(SLICE("1234567\0ü")));
    assert_true(utf8_valid(SLICE_NONE) && utf8_storable(SLICE_NONE));
}

/* One bad byte at each place of texts of each length: no position escapes the eight-byte steps. */
static void no_place_is_overlooked(void **state)
{
    for (size_t n = 1; n <= 40; n++)
        for (size_t at = 0; at < n; at++) {
            char *text = malloc(n);
            memset(text, 'a', n);
            assert_true(utf8_storable(slice_of(text, n)));
            text[at] = '\xBF';
            assert_false(utf8_valid(slice_of(text, n)));
            text[at] = '\0';
            assert_false(utf8_storable(slice_of(text, n)));
            assert_true(utf8_valid(slice_of(text, n)));
            free(text);
        }
}

static void counting_and_cutting(void **state)
{
    struct slice s = SLICE("aé€😀");
    assert_int_equal(utf8_length(s), 4);
    static const size_t want[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 10};
    for (size_t max = 0; max < ARRAY_LEN(want); max++)
        assert_int_equal(utf8_cut(s, max).n, want[max]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_point),       cmocka_unit_test(every_short_sequence), cmocka_unit_test(repairing),
        cmocka_unit_test(no_place_is_overlooked), cmocka_unit_test(counting_and_cutting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
