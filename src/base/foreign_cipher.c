/* foreign_cipher.c - see foreign_cipher.h. */
#include "base/foreign_cipher.h"

#include "base/base64url.h"
#include "base/utf8.h"

#include <ctype.h>
#include <openssl/evp.h>

#define HMAC_LEN       SHA256_LEN
#define FERNET_KEY     32 /* half of it signs, half of it encrypts */
#define FERNET_HEAD    9  /* version, time */
#define FERNET_IV      16
#define FERNET_MIN     (FERNET_HEAD + FERNET_IV + 16 + HMAC_LEN)
#define FERNET_VERSION '\x80'
#define GCM_TAG        16

/* --- codings --- */

static void wipe(struct str *s)
{
    crypto_wipe(s->p, s->cap);
    str_release(s);
}

/* Reserved ahead by its callers' ceilings: a buffer that grows leaves no copy behind, since each coding adds at once. */
static bool decode_base64url(struct slice text, struct str *out)
{
    while (text.n && text.p[text.n - 1] == '=')
        text.n--;
    str_reserve(out, text.n);
    return base64url_decode(text, out);
}

static bool decode_base64(struct slice text, struct str *out)
{
    return crypto_unbase64(text, out) || decode_base64url(text, out);
}

static bool decode_fernet(struct slice token, struct str *out)
{
    return decode_base64url(token, out) && out->n >= FERNET_MIN && out->p[0] == FERNET_VERSION &&
           (out->n - FERNET_MIN) % 16 == 0;
}

struct gcm {
    struct str iv, parts[2]; /* data and tag, in an order that the lengths need not tell */
};

static void gcm_release(struct gcm *g)
{
    str_release(&g->iv);
    str_release(&g->parts[0]);
    str_release(&g->parts[1]);
}

static bool is_of(struct slice s, const char *letters)
{
    for (size_t i = 0; i < s.n; i++)
        if (!strchr(letters, s.p[i]) || !s.p[i])
            return false;
    return true;
}

/* Cut at the colons; *ret_hex: by its letters it is all hex. */
static bool split_gcm(struct slice value, struct slice ret[3], bool *ret_hex)
{
    struct slice rest = value;
    for (size_t i = 0; i < 3; i++) {
        ret[i] = slice_cut(&rest, ':');
        if (ret[i].n == 0)
            return false;
    }
    *ret_hex = is_of(value, "0123456789abcdefABCDEF:");
    return rest.n == 0;
}

static bool decode_part(struct slice part, bool hex, struct str *out)
{
    return hex ? crypto_unhex(part, out) : decode_base64(part, out);
}

static bool decode_gcm(struct slice value, struct gcm *ret)
{
    struct slice parts[3];
    bool hex;
    return split_gcm(value, parts, &hex) && decode_part(parts[0], hex, &ret->iv) &&
           decode_part(parts[1], hex, &ret->parts[0]) && decode_part(parts[2], hex, &ret->parts[1]);
}

/* --- recognising --- */

/* Also of a token that was cut or changed: it is no password either. */
static bool is_fernet(struct slice value)
{
    bool good = value.n >= 40 && slice_starts(value, SLICE("gAAAA"));
    for (size_t i = 0; good && i < value.n; i++)
        good = isalnum((unsigned char)value.p[i]) || memchr("-_=", value.p[i], 3);
    return good;
}

/* By its first part; the others may have been changed since, and are no password for that. */
static bool is_gcm(struct slice value)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_=:";
    _cleanup_(str_release) struct str iv = {0};
    struct slice parts[3];
    bool hex;
    return is_of(value, letters) && split_gcm(value, parts, &hex) && decode_part(parts[0], hex, &iv) &&
           (iv.n == 12 || iv.n == 16);
}

/* Packets that a message begins with: an encrypted session key (1, 3), encrypted data (9, 18). */
static bool is_pgp(struct slice value)
{
    _cleanup_(str_release) struct str bytes = {0};
    if (slice_starts(value, SLICE("-----BEGIN PGP MESSAGE-----")))
        return true;
    if (slice_starts(value, SLICE("\\x")) && crypto_unhex(slice_of(value.p + 2, value.n - 2), &bytes))
        value = str_slice(&bytes); /* bytea that was kept as text */
    if (value.n < 8 || utf8_valid(value))
        return false;
    uint8_t first = (uint8_t)value.p[0];
    unsigned packet = first & 0x40 ? first & 0x3F : (first & 0x3F) >> 2;
    return first & 0x80 && (packet == 1 || packet == 3 || packet == 9 || packet == 18);
}

enum foreign_form foreign_form_of(struct slice value)
{
    enum foreign_form form = FOREIGN_PLAIN;
    if (is_fernet(value))
        form = FOREIGN_FERNET;
    else if (sealed_key_id(value).p)
        form = FOREIGN_SEALED;
    else if (is_gcm(value))
        form = FOREIGN_AES_GCM;
    else if (is_pgp(value))
        form = FOREIGN_PGP;
    else if (slice_starts(value, SLICE("U2FsdGVkX1"))) /* "Salted__" */
        form = FOREIGN_SALTED;
    return form;
}

/* --- keys --- */

static void add_key(struct foreign_keys *k, struct slice bytes)
{
    if (bytes.n == 16 || bytes.n == 24 || bytes.n == 32)
        k->keys[k->n++] = secret_new(bytes);
}

bool foreign_keys_parse(struct slice text, struct foreign_keys *ret, struct err *e)
{
    struct foreign_keys k = {0};
    struct str bytes = {0};
    text = slice_trim(text);
    if (!text.n || !utf8_valid(text) || memchr(text.p, 0, text.n))
        return err_set(e, ERR_CONFIG, "expected a key in hex or base64, or a passphrase");
    str_reserve(&bytes, text.n + 1);
    if (crypto_unhex(text, &bytes))
        add_key(&k, str_slice(&bytes));
    crypto_wipe(bytes.p, bytes.cap);
    str_clear(&bytes);
    if (decode_base64(text, &bytes))
        add_key(&k, str_slice(&bytes));
    wipe(&bytes);
    add_key(&k, text);
    k.passphrase = secret_new(text);
    *ret = k;
    return true;
}

void foreign_keys_release(struct foreign_keys *k)
{
    for (size_t i = 0; i < k->n; i++)
        secret_free(k->keys[i]);
    secret_free(k->passphrase);
    *k = (struct foreign_keys){0};
}

/* --- opening --- */

/* Both ciphers. `tag` of none: SLICE_NONE. */
static bool decrypt(const EVP_CIPHER *cipher, struct slice key, struct slice iv, struct slice data, struct slice tag,
                    struct secret **ret)
{
    struct str plain = {0};
    int n = 0, last = 0;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    str_reserve(&plain, data.n + 32);
    bool good =
        ctx && data.n < INT32_MAX / 2 && EVP_DecryptInit_ex(ctx, cipher, NULL, NULL, NULL) == 1 &&
        (!tag.n || EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_IVLEN, (int)iv.n, NULL) == 1) &&
        EVP_DecryptInit_ex(ctx, NULL, NULL, (const uint8_t *)key.p, (const uint8_t *)iv.p) == 1 &&
        (!tag.n || EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, (int)tag.n, (void *)(uintptr_t)tag.p) == 1) &&
        EVP_DecryptUpdate(ctx, (uint8_t *)plain.p, &n, (const uint8_t *)data.p, (int)data.n) == 1 &&
        EVP_DecryptFinal_ex(ctx, (uint8_t *)plain.p + n, &last) == 1;
    if (good)
        *ret = secret_new(slice_of(plain.p, (size_t)(n + last)));
    EVP_CIPHER_CTX_free(ctx);
    wipe(&plain);
    return good;
}

static bool open_fernet(struct slice key, struct slice token, struct secret **ret)
{
    _cleanup_(str_release) struct str bytes = {0};
    uint8_t mac[HMAC_LEN];
    if (key.n != FERNET_KEY || !decode_fernet(token, &bytes))
        return false;
    struct slice all = str_slice(&bytes), given = slice_of(all.p + all.n - HMAC_LEN, HMAC_LEN);
    all.n -= HMAC_LEN;
    crypto_hmac_sha256(slice_of(key.p, 16), all, mac);
    if (!crypto_equal(slice_of((const char *)mac, sizeof mac), given))
        return false;
    struct slice iv = slice_of(all.p + FERNET_HEAD, FERNET_IV);
    struct slice data = slice_of(iv.p + FERNET_IV, all.n - FERNET_HEAD - FERNET_IV);
    return decrypt(EVP_aes_128_cbc(), slice_of(key.p + 16, 16), iv, data, SLICE_NONE, ret);
}

static bool open_gcm(struct slice key, struct slice value, struct secret **ret)
{
    const EVP_CIPHER *cipher = key.n == 32 ? EVP_aes_256_gcm() : key.n == 24 ? EVP_aes_192_gcm() : EVP_aes_128_gcm();
    struct gcm g = {0};
    bool good = false;
    if (decode_gcm(value, &g))
        for (size_t i = 0; !good && i < 2; i++)
            good = g.parts[i].n == GCM_TAG &&
                   decrypt(cipher, key, str_slice(&g.iv), str_slice(&g.parts[1 - i]), str_slice(&g.parts[i]), ret);
    gcm_release(&g);
    return good;
}

bool foreign_open(const struct foreign_keys *k, struct slice value, struct secret **ret, struct err *e)
{
    enum foreign_form form = foreign_form_of(value);
    const char *name = form == FOREIGN_FERNET ? "a Fernet token" : "AES-GCM (iv:tag:data)";
    bool good = false;
    switch (form) {
    case FOREIGN_PLAIN:
        *ret = secret_new(value);
        return true;
    case FOREIGN_PGP:
        return err_set(
            e, ERR_DATA,
            "is encrypted with OpenPGP (pgcrypto), and was not opened: that takes its passphrase and the extension");
    case FOREIGN_SALTED:
        return err_set(e, ERR_DATA, "is encrypted with a passphrase (OpenSSL's Salted__), which is not opened here");
    case FOREIGN_SEALED:
        return err_set(e, ERR_DATA,
                       "is a sealed value of msphub, bound to another place; nothing but its hub opens it");
    case FOREIGN_FERNET:
    case FOREIGN_AES_GCM:
        break;
    }
    if (k->n == 0)
        return err_set(e, ERR_CONFIG, "looks encrypted (%s), and there is no key %sto open it", name,
                       k->passphrase ? "of 16, 24 or 32 bytes " : "");
    for (size_t i = 0; !good && i < k->n; i++)
        good = form == FOREIGN_FERNET ? open_fernet(secret_text(k->keys[i]), value, ret)
                                      : open_gcm(secret_text(k->keys[i]), value, ret);
    return good || err_set(e, ERR_DATA, "looks encrypted (%s), and the key does not open it", name);
}
