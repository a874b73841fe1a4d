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

/* One sequence and nothing else, by the other definition: it decodes, and encoding what came out gives it back. */
static bool is_one_character(const uint8_t *p, size_t n)
{
    static const uint8_t lead_bits[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    uint32_t c = p[0] & lead_bits[n];
    for (size_t i = 1; i < n; i++)
        c = c << 6 | (p[i] & 0x3Fu);
    char again[4];
    return c <= 0x10FFFF && (c < 0xD800 || c > 0xDFFF) && encode(c, again) == n && memcmp(again, p, n) == 0;
}

/* All that two and three bytes can be, and four with tails at their borders. */
static void every_short_sequence(void **state)
{
    static const uint8_t tails[] = {0x7F, 0x80, 0xBF, 0xC0};
    for (unsigned a = 0x80; a < 256; a++)
        for (unsigned b = 0; b < 256; b++) {
            uint8_t p[4] = {(uint8_t)a, (uint8_t)b, 0, 0};
            bool two = utf8_valid(slice_of((char *)p, 2));
            assert_int_equal(two, is_one_character(p, 2));
            for (unsigned c = 0x80; c < 256; c++) {
                p[2] = (uint8_t)c;
                assert_int_equal(utf8_valid(slice_of((char *)p, 3)), is_one_character(p, 3));
            }
            for (unsigned i = 0; i < 16; i++) {
                p[2] = tails[i / 4];
                p[3] = tails[i % 4];
                bool ascii_end = two && p[2] == 0x7F && p[3] == 0x7F;
                bool three = p[3] == 0x7F && is_one_character(p, 3);
                bool pair = two && is_one_character(p + 2, 2);
                if (utf8_valid(slice_of((char *)p, 4)) != (is_one_character(p, 4) || ascii_end || three || pair))
                    fail_msg("%02X %02X %02X %02X", p[0], p[1], p[2], p[3]);
            }
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
