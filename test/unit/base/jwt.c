/* jwt.c - tokens: what is accepted, and each way to forge, alter or reuse one that must be refused. */
#include "base/jwt.h"

#include "base/base64url.h"
#include "base/crypto.h"
#include "base/test.h"
#include "jose.h"

#define NOW   SECONDS(1800000000)
#define TIMES "\"iat\":1799999990,\"nbf\":1799999990,\"exp\":1800000300"
#define BASE  "\"iss\":\"https://issuer.example\",\"aud\":\"msphub\",\"sub\":\"person-1\","
#define GOOD  "{" BASE TIMES "}"

static struct jose_key *keys[JWS_NALGS_];
static struct jwks *set;
static const char *const headers[] = {"{\"alg\":\"RS256\",\"kid\":\"k0\"}", "{\"alg\":\"ES256\",\"kid\":\"k1\"}",
                                      "{\"alg\":\"EdDSA\",\"kid\":\"k2\"}"};

static struct jwt_rules rules_now(usec_t now)
{
    static const struct slice audiences[] = {SLICE_INIT("other"), SLICE_INIT("msphub")};
    return (struct jwt_rules){.issuer = SLICE("https://issuer.example"),
                              .audiences = audiences,
                              .naudiences = ARRAY_LEN(audiences),
                              .now = now,
                              .leeway = SECONDS(60)};
}

static bool judge(struct arena *a, struct slice token, const struct jwt_rules *rules, struct jwt_claims *ret,
                  struct err *e)
{
    struct jwt *t;
    return jwt_read(a, token, &t, e) && jwt_accept(t, set, rules, ret, e);
}

/* ERR_NONE: accepted. */
static enum err_code verdict(const char *token)
{
    _cleanup_(arena_freep) struct arena *a = arena_new();
    struct jwt_rules rules = rules_now(NOW);
    struct jwt_claims c;
    struct err e = {0};
    if (judge(a, slice_cstr(token), &rules, &c, &e))
        return ERR_NONE;
    assert_true(e.code != ERR_NONE && e.what[0]);
    return e.code;
}

static void wants(enum err_code want, char *token, const char *why)
{
    enum err_code got = verdict(token);
    if (got != want)
        fail_msg("%s: %s: got %s, want %s", why, token, err_code_name(got), err_code_name(want));
    free(token);
}

static void accepted(void **state)
{
    for (int alg = 0; alg < JWS_NALGS_; alg++) {
        _cleanup_(arena_freep) struct arena *a = arena_new();
        char *token = jose_token(keys[alg], headers[alg], GOOD);
        struct jwt_rules rules = rules_now(NOW);
        struct jwt_claims c;
        struct err e = {0};
        assert_true(jwt_shaped(slice_cstr(token)));
        if (!judge(a, slice_cstr(token), &rules, &c, &e))
            fail_msg("%s: %s", headers[alg], e.what);
        assert_text(c.subject, "person-1");
        assert_text(c.audience, "msphub");
        assert_int_equal(c.naudiences, 1);
        assert_int_equal(c.expires_at, SECONDS(1800000300));
        assert_int_equal(c.issued_at, SECONDS(1799999990));
        assert_text(json_get_text(c.all, "iss"), "https://issuer.example");
        free(token);
    }
    wants(ERR_NONE, jose_token(keys[0], "{\"alg\":\"RS256\"}", GOOD), "the only key of the algorithm");
    wants(ERR_NONE, jose_token(keys[1], headers[1], "{" BASE "\"exp\":1.8000003E9}"), "an exponent");
    wants(ERR_NONE, jose_token(keys[1], headers[1], "{" BASE "\"exp\":1800000300.25}"), "a fraction");
}

/* For every key and every header that names another algorithm, or another's key: refused. */
static void algorithms_swapped(void **state)
{
    static const char *const algs[] = {"RS256", "ES256", "EdDSA", "none",   "None",  "NONE",
                                       "",      "HS256", "HS384", "HS512",  "RS384", "RS512",
                                       "PS256", "ES384", "ES512", "ES256K", "rs256", "RS256 "};
    for (int key = 0; key < JWS_NALGS_; key++)
        for (size_t i = 0; i < ARRAY_LEN(algs); i++)
            for (int kid = 0; kid <= JWS_NALGS_; kid++) {
                char *header = mem_printf("{\"alg\":\"%s\",\"kid\":\"k%d\"}", algs[i], kid);
                bool good = strcmp(algs[i], jws_alg_names[key]) == 0 && kid == key;
                char *token = jose_token(keys[key], header, GOOD);
                if ((verdict(token) == ERR_NONE) != good)
                    fail_msg("%s signed with %s", header, jws_alg_names[key]);
                free(token);
                free(header);
            }
}

/* The public key is public: nothing made with it alone may pass. */
static void keyed_with_public_key(void **state)
{
    for (int key = 0; key < JWS_NALGS_; key++)
        for (int form = 0; form < 3; form++)
            for (size_t h = 0; h < 5; h++) {
                static const char *const claimed[] = {"HS256", "RS256", "ES256", "EdDSA", "none"};
                _cleanup_(str_release) struct str secret = {0};
                if (form < 2)
                    jose_public(keys[key], form, &secret);
                else
                    jose_jwk(keys[key], "k0", "", &secret);
                char *header = mem_printf("{\"alg\":\"%s\",\"kid\":\"k%d\"}", claimed[h], key);
                char *token = jose_hmac_token(str_slice(&secret), header, GOOD);
                if (verdict(token) == ERR_NONE)
                    fail_msg("an HMAC passed as %s", header);
                free(token);
                free(header);
            }
}

static void unsigned_tokens(void **state)
{
    static const char *const alg_none[] = {"{\"alg\":\"none\"}", "{\"alg\":\"none\",\"kid\":\"k0\"}", "{}",
                                           "{\"alg\":null}", "{\"alg\":[\"RS256\"]}"};
    for (size_t i = 0; i < ARRAY_LEN(alg_none); i++) {
        _cleanup_(str_release) struct str t = {0};
        str_add_base64url(&t, slice_cstr(alg_none[i]));
        str_addc(&t, '.');
        str_add_base64url(&t, SLICE(GOOD));
        assert_int_equal(verdict(t.p), ERR_INPUT);
        str_addc(&t, '.');
        assert_int_equal(verdict(t.p), ERR_INPUT);
        str_adds(&t, "AAAA");
        assert_int_equal(verdict(t.p), ERR_INPUT);
    }
}

/* A key that came along with the token, and addresses of keys, change nothing. */
static void embedded_keys(void **state)
{
    struct jose_key *own = jose_key_new(JWS_ES256);
    _cleanup_(str_release) struct str jwk = {0};
    jose_jwk(own, "k1", "", &jwk);
    char *header = mem_printf("{\"alg\":\"ES256\",\"kid\":\"k1\",\"jwk\":%s,\"jku\":\"https://evil.example/jwks\","
                              "\"x5u\":\"https://evil.example/x\",\"x5c\":[\"MIIB\"]}",
                              jwk.p);
    wants(ERR_AUTH, jose_token(own, header, GOOD), "signed with the key it brings");
    wants(ERR_NONE, jose_token(keys[1], header, GOOD), "signed with the issuer's");
    wants(ERR_NOT_FOUND, jose_token(own, "{\"alg\":\"ES256\",\"kid\":\"k9\"}", GOOD), "an unknown key");
    wants(ERR_AUTH, jose_token(own, "{\"alg\":\"ES256\"}", GOOD), "no key named, not the issuer's");
    free(header);
    jose_key_free(own);
}

static bool longer_refused(const char *token, const char *behind)
{
    char *longer = mem_printf("%s%s", token, behind);
    bool refused = verdict(longer) != ERR_NONE;
    free(longer);
    return refused;
}

/* Every byte replaced, and the token cut everywhere: one bit is enough. Bits that base64url does not use are no exception. */
static void altered_anywhere(void **state)
{
    for (int alg = 0; alg < JWS_NALGS_; alg++) {
        char *token = jose_token(keys[alg], headers[alg], GOOD);
        size_t n = strlen(token);
        for (size_t at = 0; at < n; at++) {
            char was = token[at];
            for (int bit = 0; bit < 7; bit++) {
                token[at] = (char)(was ^ (1 << bit));
                if (token[at] && verdict(token) == ERR_NONE)
                    fail_msg("byte %zu, bit %d of %s", at, bit, headers[alg]);
            }
            token[at] = '\0';
            if (verdict(token) == ERR_NONE)
                fail_msg("cut at %zu of %s", at, headers[alg]);
            token[at] = was;
        }
        assert_int_equal(verdict(token), ERR_NONE);
        static const char *const behind[] = {"=", "==", "A", "\n", " ", ".", ".AAAA", "\t"};
        for (size_t i = 0; i < ARRAY_LEN(behind); i++)
            if (!longer_refused(token, behind[i]))
                fail_msg("\"%s\" behind it", behind[i]);
        wants(ERR_INPUT, mem_printf(" %s", token), "with a blank before it");
        wants(ERR_INPUT, mem_printf(".%s", token), "with a dot before it");
        free(token);
    }
}

static void headers_refused(void **state)
{
    static const struct {
        const char *header;
        enum err_code want;
    } cases[] = {
        {"{\"alg\":\"ES256\",\"kid\":\"k1\",\"crit\":[\"exp\"]}", ERR_INPUT},
        {"{\"alg\":\"ES256\",\"kid\":\"k1\",\"crit\":[]}", ERR_INPUT},
        {"{\"alg\":\"ES256\",\"kid\":\"k1\",\"crit\":[\"b64\"],\"b64\":false}", ERR_INPUT},
        {"{\"alg\":\"none\",\"alg\":\"ES256\",\"kid\":\"k1\"}", ERR_INPUT},
        {"{\"alg\":\"ES256\",\"kid\":\"k1\",\"kid\":\"k1\"}", ERR_INPUT},
        {"{\"alg\":\"ES256\",\"kid\":1}", ERR_INPUT},
        {"{\"alg\":\"ES256\",\"kid\":null}", ERR_INPUT},
        {"{\"alg\":\"ES256\",\"kid\":\"k1\\u0000\"}", ERR_INPUT},
        {"{\"alg\":\"ES256\",\"kid\":\"k1\",\"typ\":7}", ERR_INPUT},
        {"{\"alg\":\"ES256\",\"kid\":\"\"}", ERR_NOT_FOUND},
        {"[\"alg\"]", ERR_INPUT},
        {"{\"alg\":\"ES256\",\"kid\":\"k1\"", ERR_INPUT},
        {"{\"alg\":\"ES256\",\"kid\":\"k1\"} x", ERR_INPUT},
        {"{\"alg\":\"ES256\",\"kid\":\"k1\",\"typ\":\"JWT\"}", ERR_NONE},
        {"{\"alg\":\"ES256\",\"kid\":\"k1\",\"typ\":\"jwt\"}", ERR_NONE},
        {"{\"alg\":\"ES256\",\"kid\":\"k1\",\"typ\":\"at+jwt\"}", ERR_NONE},
        {"{\"alg\":\"ES256\",\"kid\":\"k1\",\"typ\":\"application/at+JWT\"}", ERR_NONE},
        {"{\"alg\":\"ES256\",\"kid\":\"k1\",\"typ\":\"logout+jwt\"}", ERR_AUTH},
        {"{\"alg\":\"ES256\",\"kid\":\"k1\",\"typ\":\"dpop+jwt\"}", ERR_AUTH},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        wants(cases[i].want, jose_token(keys[1], cases[i].header, GOOD), cases[i].header);
}

static void claims_judged(void **state)
{
#define ISS "\"iss\":\"https://issuer.example\","
#define AUD "\"aud\":\"msphub\","
#define SUB "\"sub\":\"person-1\","
#define EXP "\"exp\":1800000300"
    static const struct {
        const char *claims;
        enum err_code want;
    } cases[] = {
        {"{" ISS AUD SUB EXP "}", ERR_NONE},
        {"{" AUD SUB EXP "}", ERR_AUTH},
        {"{\"iss\":\"https://issuer.example/\"," AUD SUB EXP "}", ERR_AUTH},
        {"{\"iss\":\"https://ISSUER.example\"," AUD SUB EXP "}", ERR_AUTH},
        {"{\"iss\":[\"https://issuer.example\"]," AUD SUB EXP "}", ERR_AUTH},
        {"{\"iss\":\"https://issuer.exampl\\u0065\"," AUD SUB EXP "}", ERR_NONE},
        {"{\"iss\":\"https://issuer.example\\u0000\"," AUD SUB EXP "}", ERR_INPUT},
        {"{" ISS SUB EXP "}", ERR_AUTH},
        {"{" ISS "\"aud\":\"msphub2\"," SUB EXP "}", ERR_AUTH},
        {"{" ISS "\"aud\":\"\"," SUB EXP "}", ERR_AUTH},
        {"{" ISS "\"aud\":[]," SUB EXP "}", ERR_AUTH},
        {"{" ISS "\"aud\":[\"x\",\"msphub\"]," SUB EXP "}", ERR_NONE},
        {"{" ISS "\"aud\":[\"x\",[\"msphub\"]]," SUB EXP "}", ERR_INPUT},
        {"{" ISS "\"aud\":[7,\"msphub\"]," SUB EXP "}", ERR_INPUT},
        {"{" ISS "\"aud\":{\"msphub\":1}," SUB EXP "}", ERR_INPUT},
        {"{" ISS "\"aud\":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]," SUB EXP "}", ERR_INPUT},
        {"{" ISS "\"aud\":[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\",\"a\",\"b\",\"c\",\"d\",\"e\",\"f\","
         "\"g\",\"msphub\"]," SUB EXP "}",
         ERR_AUTH},
        {"{" ISS AUD EXP "}", ERR_AUTH},
        {"{" ISS AUD "\"sub\":\"\"," EXP "}", ERR_AUTH},
        {"{" ISS AUD "\"sub\":7," EXP "}", ERR_AUTH},
        {"{" ISS AUD "\"sub\":\"a\\ud800b\"," EXP "}", ERR_INPUT},
        {"{" ISS AUD "\"sub\":\"a\\udc00\\ud800b\"," EXP "}", ERR_INPUT},
        {"{" ISS AUD "\"sub\":\"a\\ud83d\\ude00b\\\\u0000\"," EXP "}", ERR_NONE},
        {"{" ISS AUD "\"sub\":\"a\xC3\"," EXP "}", ERR_INPUT},
        {"{" ISS AUD "\"sub\":\"a\"," SUB EXP "}", ERR_INPUT},
        {"{" ISS AUD SUB "\"x\":1}", ERR_AUTH},
        {"{" ISS AUD SUB "\"exp\":\"1800000300\"}", ERR_AUTH},
        {"{" ISS AUD SUB "\"exp\":null}", ERR_AUTH},
        {"{" ISS AUD SUB "\"exp\":-1}", ERR_AUTH},
        {"{" ISS AUD SUB "\"exp\":1e300}", ERR_AUTH},
        {"{" ISS AUD SUB "\"exp\":99999999999999999999}", ERR_AUTH},
        {"{" ISS AUD SUB "\"exp\":1800000300000}", ERR_AUTH}, /* milliseconds: the year 59009 */
        {"{" ISS AUD SUB EXP ",\"nbf\":\"x\"}", ERR_AUTH},
        {"{" ISS AUD SUB EXP ",\"iat\":true}", ERR_AUTH},
        {"{" ISS AUD SUB EXP ",\"nbf\":1800000059}", ERR_NONE},
        {"{" ISS AUD SUB EXP ",\"nbf\":1800000061}", ERR_AUTH},
        {"{" ISS AUD SUB EXP ",\"iat\":1800000061}", ERR_AUTH},
        {"[]", ERR_INPUT},
        {"7", ERR_INPUT},
        {"{" ISS AUD SUB EXP "}{}", ERR_INPUT},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        wants(cases[i].want, jose_token(keys[1], headers[1], cases[i].claims), cases[i].claims);
}

static void expiry_to_the_second(void **state)
{
    char *token = jose_token(keys[2], headers[2], GOOD);
    static const struct {
        int64_t at;
        bool good;
    } times[] = {{1799999929, false}, {1799999930, true}, {1800000359, true}, {1800000360, false}, {1900000000, false}};
    for (size_t i = 0; i < ARRAY_LEN(times); i++) {
        _cleanup_(arena_freep) struct arena *a = arena_new();
        struct jwt_rules rules = rules_now(SECONDS(times[i].at));
        struct jwt_claims c;
        struct err e = {0};
        if (judge(a, slice_cstr(token), &rules, &c, &e) != times[i].good)
            fail_msg("at %lld: %s", (long long)times[i].at, e.what);
    }
    free(token);
}

static void id_tokens(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new();
    struct jwt_rules rules = rules_now(NOW);
    struct jwt_claims c;
    struct err e = {0};
    rules.id_token = true;
    char *access = jose_token(keys[1], "{\"alg\":\"ES256\",\"kid\":\"k1\",\"typ\":\"at+jwt\"}", GOOD);
    char *id = jose_token(keys[1], headers[1], GOOD);
    assert_false(judge(a, slice_cstr(access), &rules, &c, &e));
    assert_int_equal(e.code, ERR_AUTH);
    assert_true(judge(a, slice_cstr(id), &rules, &c, &e));
    free(access);
    free(id);
}

static void ceilings(void **state)
{
    for (int over = 0; over < 2; over++) { /* a header of 39 bytes, a signature of 86 letters, two dots */
        _cleanup_(str_release) struct str payload = {0};
        size_t letters = JWT_MAX - 2 - 86 - (strlen(headers[1]) * 4 + 2) / 3 + (over ? 4 : 0);
        str_adds(&payload, "{" BASE TIMES ",\"x\":\"");
        while (payload.n < letters * 3 / 4 - 2)
            str_addc(&payload, 'x');
        str_adds(&payload, "\"}");
        wants(over ? ERR_INPUT : ERR_NONE, jose_token(keys[1], headers[1], payload.p), "at the ceiling");
    }
    _cleanup_(str_release) struct str deep = {0};
    str_adds(&deep, "{" BASE TIMES ",\"x\":");
    for (int i = 0; i < 100; i++)
        str_addc(&deep, '[');
    for (int i = 0; i < 100; i++)
        str_addc(&deep, ']');
    str_addc(&deep, '}');
    wants(ERR_INPUT, jose_token(keys[1], headers[1], deep.p), "too deep");
}

static void what_it_says(void **state)
{
    _cleanup_(arena_freep) struct arena *a = arena_new();
    struct jwt *t;
    char *one = jose_token(keys[1], headers[1], GOOD);
    char *two = jose_token(keys[1], headers[1], "{\"aud\":[\"a\",\"b\"]}");
    char *none = jose_token(keys[1], headers[1], "{}");
    assert_true(jwt_read(a, slice_cstr(one), &t, NULL));
    assert_text(jwt_said_issuer(t), "https://issuer.example");
    assert_text(jwt_said_audience(t, 0), "msphub");
    assert_text(jwt_said_audience(t, 1), NULL);
    assert_true(jwt_read(a, slice_cstr(two), &t, NULL));
    assert_text(jwt_said_issuer(t), NULL);
    assert_text(jwt_said_audience(t, 1), "b");
    assert_text(jwt_said_audience(t, 2), NULL);
    assert_true(jwt_read(a, slice_cstr(none), &t, NULL));
    assert_text(jwt_said_audience(t, 0), NULL);
    free(one);
    free(two);
    free(none);
    static const char *const other[] = {"",      "eyJ",       "eyJhbGciOiJub25lIn0", "a.b.c",
                                        "eyJ.a", "eyJ.a.b.c", "mspk_0123456789"};
    for (size_t i = 0; i < ARRAY_LEN(other); i++)
        assert_false(jwt_shaped(slice_cstr(other[i])));
}

static void base64url(void **state)
{
    static const char *const good[] = {"", "AA", "AAA", "AAAA", "_-8", "AAAAAA"};
    static const char *const bad[] = {
        "A", "AAAAA", "AB", "AAB", "AA=", "AA==", "A A", "AA\n", "+/8", "AAAAA=", "\xFF\xFF"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        _cleanup_(str_release) struct str bytes = {0}, again = {0};
        assert_true(base64url_decode(slice_cstr(good[i]), &bytes));
        str_add_base64url(&again, str_slice(&bytes));
        assert_true(slice_is(str_slice(&again), good[i]));
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        _cleanup_(str_release) struct str bytes = {0};
        str_addc(&bytes, 'x');
        if (base64url_decode(slice_cstr(bad[i]), &bytes))
            fail_msg("\"%s\" was taken", bad[i]);
        assert_text(str_slice(&bytes), "x");
    }
}

static int make_keys(void **state)
{
    _cleanup_(str_release) struct str all = {0};
    for (int i = 0; i < JWS_NALGS_; i++) {
        char kid[] = {'k', (char)('0' + i), '\0'};
        keys[i] = jose_key_new((enum jws_alg)i);
        str_adds(&all, i ? "," : "");
        jose_jwk(keys[i], kid, "\"use\":\"sig\",", &all);
    }
    char *text = jose_set(all.p);
    set = jwks_parse(slice_cstr(text), NULL);
    free(text);
    return set && jwks_count(set) == JWS_NALGS_ ? 0 : -1;
}

static int free_keys(void **state)
{
    for (int i = 0; i < JWS_NALGS_; i++)
        jose_key_free(keys[i]);
    jwks_unref(set);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepted),
        cmocka_unit_test(algorithms_swapped),
        cmocka_unit_test(keyed_with_public_key),
        cmocka_unit_test(unsigned_tokens),
        cmocka_unit_test(embedded_keys),
        cmocka_unit_test(altered_anywhere),
        cmocka_unit_test(headers_refused),
        cmocka_unit_test(claims_judged),
        cmocka_unit_test(expiry_to_the_second),
        cmocka_unit_test(id_tokens),
        cmocka_unit_test(ceilings),
        cmocka_unit_test(what_it_says),
        cmocka_unit_test(base64url),
    };
    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
