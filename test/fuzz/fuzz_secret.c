/* fuzz_secret.c - a key file and, behind a line "--", a sealed value.
 * Held:  a key file is taken whole or refused with its line; what was sealed opens in its place and nowhere else; a sealed value with one
 *        byte changed does not open; an error never quotes a key. */
#include "fuzz.h"

#include "base/crypto.h"
#include "base/mem.h"

static void check_garbage(const struct keyring *k, struct slice sealed)
{
    struct secret *s = NULL;
    struct err e = {0};
    if (unseal(k, sealed, SLICE("c"), &s, &e)) { /* only who has the key makes one that opens */
        HOLD(slice_starts(sealed, SLICE("v1:")) && s);
        secret_free(s);
    } else {
        HOLD((e.code == ERR_DATA || e.code == ERR_CONFIG) && e.what[0] && !s);
    }
}

static void check_seal(const struct keyring *k, struct slice plain)
{
    _cleanup_(str_release) struct str sealed = {0}, mask = {0};
    struct secret *s = NULL;
    struct err e = {0};

    HOLD(seal(k, plain, SLICE("1/2/field"), &sealed, &e));
    HOLD(unseal(k, str_slice(&sealed), SLICE("1/2/field"), &s, &e) && slice_eq(secret_text(s), plain));
    secret_mask(s, &mask);
    HOLD(mask.n >= 4 && mask.n <= 4 + 16 && memcmp(mask.p, "****", 4) == 0);
    secret_free(TAKE(s));
    HOLD(!unseal(k, str_slice(&sealed), SLICE("1/3/field"), &s, &e));
    char *at = &sealed.p[plain.n % sealed.n], was = *at;
    *at = was == 'A' ? 'B' : 'A';
    HOLD(!unseal(k, str_slice(&sealed), SLICE("1/2/field"), &s, &e));
    *at = was;
    sealed.n--;
    HOLD(!unseal(k, str_slice(&sealed), SLICE("1/2/field"), &s, &e));
}

/* No run of 16 hex digits of the file may stand in the message (an id has at most 32 characters, and may be quoted). */
static void check_message(const struct err *e)
{
    size_t run = 0;
    for (const char *p = e->what; *p; p++) {
        run = strchr("0123456789abcdefABCDEF", *p) ? run + 1 : 0;
        HOLD(run <= 32);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = slice_of((const char *)data, size), sealed = SLICE_NONE;
    const char *mark = size ? memmem(data, size, "\n--\n", 4) : NULL;
    if (mark) {
        size_t n = (size_t)(mark - text.p);
        sealed = slice_of(mark + 4, text.n - n - 4);
        text.n = n;
    }
    struct err e = {0};
    struct keyring *k = keyring_parse(text, &e);
    if (!k) {
        HOLD(e.code == ERR_CONFIG && e.what[0]);
        check_message(&e);
        k = keyring_parse(SLICE("k:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"), &e);
        HOLD(k);
    }
    HOLD(*keyring_current_id(k));
    check_garbage(k, sealed);
    check_seal(k, sealed);
    keyring_free(k);
    return 0;
}
