/* totp.c - see totp.h. */
#include "base/totp.h"

#include "base/crypto.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>

#define STEP     SECONDS(30)
#define WINDOW   1
#define SHA1_LEN 20

int64_t totp_step(usec_t wall)
{
    return wall / STEP;
}

uint32_t totp_number(struct slice key, int64_t step)
{
    uint8_t counter[8], mac[SHA1_LEN];
    for (int i = 7; i >= 0; i--, step >>= 8)
        counter[i] = (uint8_t)step;
    if (!HMAC(EVP_sha1(), key.p, (int)key.n, counter, sizeof(counter), mac, NULL)) {
        fprintf(stderr, "msphub: OpenSSL cannot do HMAC-SHA1\n");
        abort();
    }
    const uint8_t *at = mac + (mac[SHA1_LEN - 1] & 15);
    uint32_t number = (uint32_t)(at[0] & 0x7F) << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
    crypto_wipe(mac, sizeof(mac));
    return number;
}

void totp_code(struct slice key, int64_t step, char ret[TOTP_DIGITS + 1])
{
    snprintf(ret, TOTP_DIGITS + 1, "%06u", (unsigned)(totp_number(key, step) % 1000000));
}

bool totp_check(struct slice key, struct slice code, usec_t wall, int64_t last, int64_t *ret_step)
{
    int64_t now = totp_step(wall), found = -1;
    for (int64_t step = now - WINDOW; step <= now + WINDOW; step++) { /* all of them, whichever fits */
        char expected[TOTP_DIGITS + 1];
        totp_code(key, step, expected);
        if (crypto_equal(code, slice_of(expected, TOTP_DIGITS)) && step > last)
            found = step;
        crypto_wipe(expected, sizeof(expected));
    }
    if (found < 0)
        return false;
    *ret_step = found;
    return true;
}

void str_add_base32(struct str *s, struct slice bytes)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    uint32_t buffer = 0;
    unsigned bits = 0;
    str_reserve(s, (bytes.n * 8 + 4) / 5); /* in one piece: growing would leave a copy of a secret behind */
    for (size_t i = 0; i < bytes.n; i++) {
        buffer = buffer << 8 | (uint8_t)bytes.p[i];
        for (bits += 8; bits >= 5; bits -= 5)
            str_addc(s, letters[buffer >> (bits - 5) & 31]);
    }
    if (bits)
        str_addc(s, letters[buffer << (5 - bits) & 31]);
}

bool str_add_from_base32(struct str *s, struct slice text)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    size_t before = s->n;
    uint32_t buffer = 0;
    unsigned bits = 0;
    while (text.n && text.p[text.n - 1] == '=')
        text.n--;
    str_reserve(s, text.n * 5 / 8 + 1);
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i] >= 'a' && text.p[i] <= 'z' ? (char)(text.p[i] - 'a' + 'A') : text.p[i];
        const char *at = memchr(letters, c, 32);
        if (c == ' ' || c == '-')
            continue;
        if (!at)
            return false;
        buffer = buffer << 5 | (uint32_t)(at - letters);
        bits += 5;
        if (bits >= 8)
            str_addc(s, (char)(buffer >> (bits -= 8) & 0xFF));
    }
    return s->n > before;
}

void totp_add_uri(struct str *out, struct slice issuer, struct slice account, struct slice key)
{
    str_reserve(out, 3 * (2 * issuer.n + account.n) + 2 * key.n + 64);
    str_adds(out, "otpauth://totp/");
    str_add_url(out, issuer);
    str_adds(out, ":");
    str_add_url(out, account);
    str_adds(out, "?secret=");
    str_add_base32(out, key);
    str_adds(out, "&issuer=");
    str_add_url(out, issuer);
    str_adds(out, "&algorithm=SHA1&digits=6&period=30");
}
