/* secret.c - secrets as a type, and sealing them for storage.
 * Owns:   a secret's bytes and a keyring's keys; both are wiped when freed.
 * Always: an error never quotes what was sealed, a key, or a line of the key file. */
#include "base/crypto.h"

#include "base/mem.h"
#include "base/utf8.h"
#include <openssl/evp.h>
#include <stdlib.h>

#define KEY_LEN    32
#define NONCE_LEN  12
#define TAG_LEN    16
#define KEY_ID_MAX 32
#define VERSION    "v1"

struct secret {
    size_t n;
    char text[]; /* NUL-terminated beyond n */
};

static struct secret *secret_blank(size_t n)
{
    struct secret *s = mem_zalloc(sizeof(*s) + n + 1);
    s->n = n;
    return s;
}

struct secret *secret_new(struct slice text)
{
    struct secret *s = secret_blank(text.n);
    if (text.n)
        memcpy(s->text, text.p, text.n);
    return s;
}

struct slice secret_text(const struct secret *s)
{
    return s ? slice_of(s->text, s->n) : SLICE_NONE;
}

void secret_free(struct secret *s)
{
    if (!s)
        return;
    crypto_wipe(s->text, s->n);
    free(s);
}

void secret_freep(struct secret **s)
{
    secret_free(*s);
}

void secret_mask(const struct secret *s, struct str *out)
{
    struct slice text = secret_text(s), tail = SLICE_NONE;
    if (utf8_valid(text) && utf8_length(text) >= 12) {
        size_t at = text.n;
        for (unsigned shown = 0; shown < 4; at--)
            shown += ((uint8_t)text.p[at - 1] & 0xC0) != 0x80;
        tail = slice_of(text.p + at, text.n - at);
    }
    str_adds(out, "****");
    str_add(out, tail);
}

bool secret_is_mask(struct slice text)
{
    if (!slice_starts(text, SLICE("****")) || !utf8_valid(text))
        return false;
    size_t shown = utf8_length(text) - 4;
    return shown == 0 || shown == 4;
}

/* --- keys --- */

struct key {
    char id[KEY_ID_MAX + 1];
    uint8_t bytes[KEY_LEN];
};

struct keyring {
    struct key *keys; /* [0] is current */
    size_t n;
};

static const struct key *key_find(const struct keyring *k, struct slice id)
{
    for (size_t i = 0; i < k->n; i++)
        if (slice_is(id, k->keys[i].id))
            return &k->keys[i];
    return NULL;
}

static bool id_good(struct slice id)
{
    if (id.n == 0 || id.n > KEY_ID_MAX)
        return false;
    for (size_t i = 0; i < id.n; i++)
        if (!memchr("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-.", id.p[i], 65))
            return false;
    return true;
}

/* Grown by hand: realloc would leave keys behind in memory. */
static struct key *key_add(struct keyring *k)
{
    struct key *keys = mem_zalloc((k->n + 1) * sizeof(*keys));
    if (k->n)
        memcpy(keys, k->keys, k->n * sizeof(*keys));
    crypto_wipe(k->keys, k->n * sizeof(*keys));
    free(k->keys);
    k->keys = keys;
    return &k->keys[k->n++];
}

static bool parse_key_line(struct keyring *k, struct slice line, struct err *e)
{
    struct slice hex = line, id = slice_trim(slice_cut(&hex, ':'));
    hex = slice_trim(hex);
    if (!id_good(id))
        return err_set(e, ERR_CONFIG, "expected `id:64 hex digits`, the id of letters, digits, '-', '_', '.'");
    if (key_find(k, id))
        return err_set(e, ERR_CONFIG, "the key id \"%.*s\" stands twice", SLICE_FMT(id));
    struct str bytes = {0};
    bool good = hex.n == 2 * KEY_LEN && crypto_unhex(hex, &bytes);
    if (good) {
        struct key *key = key_add(k);
        memcpy(key->id, id.p, id.n);
        memcpy(key->bytes, bytes.p, KEY_LEN);
    }
    crypto_wipe(bytes.p, bytes.cap);
    str_release(&bytes);
    return good || err_set(e, ERR_CONFIG, "the key \"%.*s\" is not 64 hex digits; make one with `openssl rand -hex 32`",
                           SLICE_FMT(id));
}

struct keyring *keyring_parse(struct slice text, struct err *e)
{
    struct keyring *k = NEW(struct keyring);
    for (unsigned n = 1; text.n; n++) {
        struct slice rest = slice_cut(&text, '\n'), line = slice_trim(slice_cut(&rest, '#'));
        if (line.n && !parse_key_line(k, line, e)) {
            keyring_free(k);
            err_wrap(e, "key file, line %u", n);
            return NULL;
        }
    }
    if (k->n == 0) {
        keyring_free(k);
        err_set(e, ERR_CONFIG, "the key file holds no key; add a line `id:64 hex digits` (`openssl rand -hex 32`)");
        return NULL;
    }
    return k;
}

void keyring_free(struct keyring *k)
{
    if (!k)
        return;
    crypto_wipe(k->keys, k->n * sizeof(*k->keys));
    free(k->keys);
    free(k);
}

const char *keyring_current_id(const struct keyring *k)
{
    return k->keys[0].id;
}

size_t keyring_size(const struct keyring *k)
{
    return k ? k->n : 0;
}

bool keyring_same(const struct keyring *a, const struct keyring *b)
{
    if (keyring_size(a) != keyring_size(b))
        return false;
    for (size_t i = 0; i < keyring_size(a); i++)
        if (strcmp(a->keys[i].id, b->keys[i].id) != 0 ||
            !crypto_equal(slice_of((const char *)a->keys[i].bytes, KEY_LEN),
                          slice_of((const char *)b->keys[i].bytes, KEY_LEN)))
            return false;
    return true;
}

/* --- sealing --- */

/* One pass of AES-256-GCM; false when the tag does not match (or OpenSSL fails). */
static bool gcm(bool encrypt, const struct key *key, const uint8_t *nonce, struct slice context, struct slice in,
                uint8_t *out, uint8_t *tag)
{
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    int n = 0, last = 0;
    bool ok = c && in.n < INT32_MAX && context.n < INT32_MAX &&
              EVP_CipherInit_ex(c, EVP_aes_256_gcm(), NULL, key->bytes, nonce, encrypt) == 1 &&
              EVP_CipherUpdate(c, NULL, &n, (const uint8_t *)context.p, (int)context.n) == 1;
    if (ok && in.n)
        ok = EVP_CipherUpdate(c, out, &n, (const uint8_t *)in.p, (int)in.n) == 1;
    if (ok && !encrypt)
        ok = EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, TAG_LEN, tag) == 1;
    ok = ok && EVP_CipherFinal_ex(c, out + in.n, &last) == 1; /* GCM adds no bytes here */
    if (ok && encrypt)
        ok = EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, TAG_LEN, tag) == 1;
    EVP_CIPHER_CTX_free(c);
    return ok;
}

struct slice sealed_key_id(struct slice sealed)
{
    struct slice rest = sealed, version = slice_cut(&rest, ':'), id = slice_cut(&rest, ':');
    _cleanup_(str_release) struct str box = {0};
    bool good =
        slice_is(version, VERSION) && id_good(id) && crypto_unbase64(rest, &box) && box.n >= NONCE_LEN + TAG_LEN;
    return good ? id : SLICE_NONE;
}

static bool no_key(struct err *e)
{
    return err_set(e, ERR_CONFIG, "no sealing key is configured: set key_file, then secrets can be stored");
}

bool seal(const struct keyring *k, struct slice plain, struct slice context, struct str *out, struct err *e)
{
    if (!k)
        return no_key(e);
    struct str box = {0};
    str_reserve(&box, NONCE_LEN + plain.n + TAG_LEN);
    uint8_t *nonce = (uint8_t *)box.p, *text = nonce + NONCE_LEN, *tag = text + plain.n;
    crypto_random(nonce, NONCE_LEN);
    bool ok = gcm(true, &k->keys[0], nonce, context, plain, text, tag);
    if (ok) {
        str_addf(out, VERSION ":%s:", k->keys[0].id);
        str_add_base64(out, slice_of(box.p, NONCE_LEN + plain.n + TAG_LEN));
    }
    str_release(&box);
    return ok || err_set(e, ERR_INTERNAL, "AES-256-GCM failed");
}

bool unseal(const struct keyring *k, struct slice sealed, struct slice context, struct secret **ret, struct err *e)
{
    if (!k)
        return no_key(e);
    struct slice rest = sealed, version = slice_cut(&rest, ':'), id = slice_cut(&rest, ':');
    if (!slice_is(version, VERSION) || !id_good(id))
        return err_set(e, ERR_DATA, "a sealed value has an unknown form");
    const struct key *key = key_find(k, id);
    if (!key)
        return err_set(e, ERR_CONFIG, "a value was sealed with the key \"%.*s\"; add that key to key_file",
                       SLICE_FMT(id));
    _cleanup_(str_release) struct str box = {0};
    if (!crypto_unbase64(rest, &box) || box.n < NONCE_LEN + TAG_LEN)
        return err_set(e, ERR_DATA, "a sealed value is damaged");
    size_t n = box.n - NONCE_LEN - TAG_LEN;
    uint8_t *nonce = (uint8_t *)box.p, *text = nonce + NONCE_LEN, *tag = text + n;
    struct secret *s = secret_blank(n);
    if (!gcm(false, key, nonce, context, slice_of((char *)text, n), (uint8_t *)s->text, tag)) {
        secret_free(s);
        return err_set(e, ERR_DATA,
                       "a sealed value does not open: it was changed, moved here from another place, or the key \"%s\" "
                       "in key_file is not the one it was sealed with; enter it anew, or mend the key",
                       key->id);
    }
    *ret = s;
    return true;
}
