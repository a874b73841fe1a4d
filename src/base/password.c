/* password.c - see password.h. */
#include "base/password.h"

#include "base/crypto.h"
#include "base/utf8.h"

#include <argon2.h>
#include <stdio.h>
#include <strings.h>

#define SALT_LEN 16
#define HASH_LEN 32
/* What a stored string may ask for: it is ours, but a damaged row must not take all memory. */
#define MAX_KIB    (1024 * 1024)
#define MAX_PASSES 64
#define MAX_LANES  16

bool password_hash(struct slice password, const struct password_cost *cost, char ret[PASSWORD_HASH_MAX])
{
    uint8_t salt[SALT_LEN];
    crypto_random(salt, sizeof(salt));
    return argon2id_hash_encoded(cost->passes, cost->kib, 1, password.p ? password.p : "", password.n, salt, SALT_LEN,
                                 HASH_LEN, ret, PASSWORD_HASH_MAX) == ARGON2_OK;
}

/* A copy with a NUL, and what it asks for. */
static bool hash_read(struct slice hash, char copy[PASSWORD_HASH_MAX], struct password_cost *ret)
{
    unsigned kib = 0, passes = 0, lanes = 0;
    if (hash.n >= PASSWORD_HASH_MAX)
        return false;
    memcpy(copy, hash.p ? hash.p : "", hash.n);
    copy[hash.n] = '\0';
    if (sscanf(copy, "$argon2id$v=19$m=%9u,t=%9u,p=%9u$", &kib, &passes, &lanes) != 3 || kib > MAX_KIB ||
        passes > MAX_PASSES || lanes > MAX_LANES)
        return false;
    *ret = (struct password_cost){kib, passes};
    return true;
}

enum password_answer password_verify(struct slice password, struct slice hash)
{
    char copy[PASSWORD_HASH_MAX];
    struct password_cost cost;
    if (!hash_read(hash, copy, &cost))
        return PASSWORD_FAILED;
    switch (argon2id_verify(copy, password.p ? password.p : "", password.n)) {
    case ARGON2_OK:
        return PASSWORD_RIGHT;
    case ARGON2_VERIFY_MISMATCH:
        return PASSWORD_WRONG;
    default:
        return PASSWORD_FAILED;
    }
}

bool password_outdated(struct slice hash, const struct password_cost *cost)
{
    char copy[PASSWORD_HASH_MAX];
    struct password_cost has;
    return !hash_read(hash, copy, &has) || has.kib != cost->kib || has.passes != cost->passes;
}

/* --- what is acceptable --- */

/* The ones that people reach for when twelve characters are asked of them. */
static const char *const common[] = {
    "123456789012",
    "1234567890123",
    "12345678901234",
    "123456789012345",
    "1234567890123456",
    "098765432109",
    "012345678901",
    "abcdefghijkl",
    "abcdefghijklmnop",
    "qwertyuiop12",
    "qwertyuiop123",
    "qwertyuiop[]",
    "qwertyuiopas",
    "1q2w3e4r5t6y",
    "1qaz2wsx3edc",
    "1qaz2wsx3edc4rfv",
    "zaq12wsxcde3",
    "password1234",
    "password12345",
    "password123456",
    "passwordpassword",
    "password2024",
    "password2025",
    "password2026",
    "password2027",
    "changemechangeme",
    "changeme1234",
    "changemenow!",
    "letmeinletmein",
    "letmeinplease",
    "administrator",
    "administrator1",
    "adminadminadmin",
    "adminpassword",
    "administrator123",
    "welcome12345",
    "welcome123456",
    "welcomewelcome",
    "iloveyou1234",
    "iloveyouiloveyou",
    "correct horse battery staple",
    "correcthorsebatterystaple",
};

static bool same_ignoring_case(struct slice a, struct slice b)
{
    return a.n == b.n && strncasecmp(a.p, b.p, a.n) == 0;
}

static bool holds(struct slice text, struct slice part)
{
    for (size_t i = 0; part.n && i + part.n <= text.n; i++)
        if (same_ignoring_case(slice_of(text.p + i, part.n), part))
            return true;
    return false;
}

static bool one_character(struct slice text)
{
    for (size_t i = 1; i < text.n; i++)
        if (text.p[i] != text.p[0])
            return false;
    return true;
}

bool password_acceptable(struct slice password, struct slice email, struct err *e)
{
    if (!utf8_storable(password))
        return err_set(e, ERR_INPUT, "a password is UTF-8 text without a NUL");
    size_t length = utf8_length(password);
    if (length < PASSWORD_MIN || length > PASSWORD_MAX)
        return err_set(e, ERR_INPUT, "a password has %d to %d characters, this one has %zu", PASSWORD_MIN, PASSWORD_MAX,
                       length);
    bool easy = one_character(password);
    for (size_t i = 0; i < ARRAY_LEN(common); i++)
        easy |= same_ignoring_case(password, slice_cstr(common[i]));
    if (easy)
        return err_set(e, ERR_INPUT, "this password is among the first that are tried; take another");
    struct slice host = email, local = slice_cut(&host, '@');
    if (holds(password, email) || (local.n >= 4 && holds(password, local)))
        return err_set(e, ERR_INPUT, "a password must not contain the e-mail address of its user");
    return true;
}

void password_make(char ret[PASSWORD_MADE_LEN + 1])
{
    crypto_token(ret, PASSWORD_MADE_LEN);
}
