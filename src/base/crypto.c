/* crypto.c - randomness, digests, comparison, text codings.
 * Why:    one place for OpenSSL's calls, each checked: a digest that silently failed would be a hole. */
#include "base/crypto.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

NORETURN static void crypto_broken(const char *what)
{
    fprintf(stderr, "msphub: OpenSSL cannot do %s\n", what);
    abort();
}

void crypto_random(void *buf, size_t n)
{
    if (n > INT32_MAX || RAND_bytes(buf, (int)n) != 1)
        crypto_broken("random bytes");
}

void crypto_token(char *buf, size_t n)
{
    static const char letters[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    const unsigned fair = 256 / 62 * 62; /* bytes from here on would make some letters likelier */
    uint8_t bytes[64];
    for (size_t at = 0; at < n;) {
        crypto_random(bytes, sizeof(bytes));
        for (size_t i = 0; i < sizeof(bytes) && at < n; i++)
            if (bytes[i] < fair)
                buf[at++] = letters[bytes[i] % 62];
    }
    buf[n] = '\0';
    crypto_wipe(bytes, sizeof(bytes));
}

void crypto_sha256(struct slice in, uint8_t out[SHA256_LEN])
{
    if (EVP_Digest(in.p ? in.p : "", in.n, out, NULL, EVP_sha256(), NULL) != 1)
        crypto_broken("SHA-256");
}

/* EVP_MD_CTX under a name of ours. */
struct digest *crypto_digest_new(void)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    if (!ctx || EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) != 1)
        crypto_broken("SHA-256");
    return (struct digest *)ctx;
}

void crypto_digest_add(struct digest *d, struct slice piece)
{
    if (piece.n && EVP_DigestUpdate((EVP_MD_CTX *)d, piece.p, piece.n) != 1)
        crypto_broken("SHA-256");
}

void crypto_digest_end(struct digest *d, uint8_t out[SHA256_LEN])
{
    if (EVP_DigestFinal_ex((EVP_MD_CTX *)d, out, NULL) != 1)
        crypto_broken("SHA-256");
}

void crypto_digest_free(struct digest *d)
{
    EVP_MD_CTX_free((EVP_MD_CTX *)d);
}

void crypto_hmac_sha256(struct slice key, struct slice in, uint8_t out[SHA256_LEN])
{
    const unsigned char *data = (const unsigned char *)(in.p ? in.p : "");
    if (key.n > INT32_MAX || !HMAC(EVP_sha256(), key.p ? key.p : "", (int)key.n, data, in.n, out, NULL))
        crypto_broken("HMAC-SHA256");
}

bool crypto_equal(struct slice a, struct slice b)
{
    /* The time depends on a's length alone; where lengths differ, a is compared with itself. */
    bool same_length = a.n == b.n;
    int differs = a.n ? CRYPTO_memcmp(a.p, same_length ? b.p : a.p, a.n) : 0;
    return (differs == 0) & same_length;
}

uint64_t crypto_hash64(uint64_t seed, struct slice in)
{
    return XXH3_64bits_withSeed(in.p ? in.p : "", in.n, seed);
}

void crypto_wipe(void *p, size_t n)
{
    if (p)
        OPENSSL_cleanse(p, n);
}

static int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Strict, unlike EVP_DecodeBlock: no blanks, padding where it belongs, no bits lost; so one value has one text. */
bool crypto_unbase64(struct slice text, struct str *out)
{
    if (text.n % 4 != 0)
        return false;
    size_t pad = text.n && text.p[text.n - 1] == '=' ? 1 + (text.p[text.n - 2] == '=') : 0;
    size_t start = out->n;
    str_reserve(out, text.n / 4 * 3);
    for (size_t i = 0; i < text.n; i += 4) {
        size_t letters = i + 4 == text.n ? 4 - pad : 4;
        uint32_t v = 0;
        for (size_t k = 0; k < 4; k++) {
            int d = k < letters ? base64_value(text.p[i + k]) : 0;
            if (d < 0)
                goto bad;
            v = v << 6 | (uint32_t)d;
        }
        char bytes[3] = {(char)(v >> 16), (char)(v >> 8), (char)v};
        if ((letters == 2 && (v & 0xFFFF)) || (letters == 3 && (v & 0xFF)))
            goto bad;
        str_add(out, slice_of(bytes, letters - 1));
    }
    return true;
bad:
    crypto_wipe(out->p + start, out->n - start);
    out->n = start;
    out->p[start] = '\0';
    return false;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool crypto_unhex(struct slice text, struct str *out)
{
    if (text.n % 2 != 0)
        return false;
    for (size_t i = 0; i < text.n; i++)
        if (hex_value(text.p[i]) < 0)
            return false;
    str_reserve(out, text.n / 2);
    for (size_t i = 0; i < text.n; i += 2)
        str_addc(out, (char)(hex_value(text.p[i]) << 4 | hex_value(text.p[i + 1])));
    return true;
}
