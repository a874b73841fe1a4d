/* jwt.c - see jwt.h.
 * How:    read takes the three parts apart and checks their form; accept judges issuer, audience and times first, which costs nothing,
 *         then finds the key and checks the signature. Only then are claims handed out. */
#include "base/jwt.h"

#include "base/base64url.h"
#include "base/crypto.h"
#include "base/decimal.h"
#include "base/utf8.h"

#include <openssl/evp.h>
#include <stdlib.h>

struct jwt {
    enum jws_alg alg;
    struct slice kid;       /* .p == NULL: none named */
    struct slice type;      /* lower case, without "application/"; empty: none */
    struct slice text;      /* what is signed */
    struct slice signature; /* decoded */
    const struct json *claims;
};

bool jwt_shaped(struct slice token)
{
    size_t dots = 0;
    for (size_t i = 0; i < token.n; i++)
        dots += token.p[i] == '.';
    return slice_starts(token, SLICE("eyJ")) && dots == 2; /* {" in base64url */
}

/* --- reading --- */

static int hex4(const char *p)
{
    int v = 0;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        int d = c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
        if (d < 0)
            return -1;
        v = v << 4 | d;
    }
    return v;
}

/* The reader repairs what cannot be stored. In a claim that would make two subjects one; so it must have nothing to repair. */
static bool exact_text(struct slice json)
{
    if (!utf8_storable(json))
        return false;
    bool high = false; /* the escape before was the first half of a pair */
    for (size_t i = 0; i < json.n; i++) {
        int unit = -1;
        if (json.p[i] == '\\' && ++i < json.n && json.p[i] == 'u' && json.n - i > 4) {
            unit = hex4(json.p + i + 1);
            i += 4;
        }
        bool low = unit >= 0xDC00 && unit <= 0xDFFF;
        if (unit == 0 || low != high)
            return false;
        high = unit >= 0xD800 && unit <= 0xDBFF;
    }
    return !high;
}

static bool read_part(struct arena *a, struct slice text, const char *what, struct json **ret, struct err *e)
{
    _cleanup_(str_release) struct str bytes = {0};
    struct err bad = {0};
    if (!base64url_decode(text, &bytes))
        return err_set(e, ERR_INPUT, "the token's %s is not base64url in its one form", what);
    if (!exact_text(str_slice(&bytes)) || !json_parse(a, str_slice(&bytes), ret, &bad) || (*ret)->type != JSON_OBJECT)
        return err_set(e, ERR_INPUT, "the token's %s is not one clean JSON object", what);
    return true;
}

static struct slice type_of(struct arena *a, struct slice typ)
{
    char *low = arena_strndup(a, typ.p ? typ.p : "", typ.n);
    for (char *p = low; *p; p++)
        if (*p >= 'A' && *p <= 'Z')
            *p = (char)(*p + 32);
    struct slice type = slice_of(low, typ.n), prefix = SLICE("application/");
    return slice_starts(type, prefix) ? slice_of(type.p + prefix.n, type.n - prefix.n) : type;
}

static bool read_header(struct arena *a, const struct json *h, struct jwt *t, struct err *e)
{
    const struct json *kid = json_get(h, "kid"), *typ = json_get(h, "typ");
    if (json_get(h, "crit"))
        return err_set(e, ERR_INPUT, "the token demands an extension (crit), and none is known here");
    if (!jws_alg_parse(json_get_text(h, "alg"), &t->alg))
        return err_set(e, ERR_INPUT, "the token's algorithm is not one of RS256, ES256, EdDSA");
    if ((kid && kid->type != JSON_STRING) || (typ && typ->type != JSON_STRING))
        return err_set(e, ERR_INPUT, "the token's kid or typ is not a text");
    t->kid = kid ? kid->text : SLICE_NONE;
    t->type = typ ? type_of(a, typ->text) : SLICE("");
    return true;
}

/* A text, or an array of texts; or none. */
static bool audience_formed(const struct json *aud)
{
    if (!aud || aud->type == JSON_STRING)
        return true;
    if (aud->type != JSON_ARRAY)
        return false;
    for (const struct json *one = aud->child; one; one = one->next)
        if (one->type != JSON_STRING)
            return false;
    return true;
}

bool jwt_read(struct arena *a, struct slice token, struct jwt **ret, struct err *e)
{
    struct jwt *t = arena_alloc(a, sizeof(*t));
    _cleanup_(str_release) struct str signature = {0};
    struct json *header, *claims;
    if (token.n > JWT_MAX)
        return err_set(e, ERR_INPUT, "the token is longer than %d bytes", JWT_MAX);
    struct slice rest = token, head = slice_cut(&rest, '.'), body = slice_cut(&rest, '.');
    if (!head.n || !body.n || !rest.n)
        return err_set(e, ERR_INPUT, "the token has not three parts, or one is empty");
    t->text = slice_of(token.p, head.n + 1 + body.n);
    if (!base64url_decode(rest, &signature))
        return err_set(e, ERR_INPUT, "the token's signature is not base64url in its one form");
    t->signature = slice_of(arena_strndup(a, signature.p, signature.n), signature.n);
    if (!read_part(a, head, "header", &header, e) || !read_header(a, header, t, e) ||
        !read_part(a, body, "payload", &claims, e))
        return false;
    if (!audience_formed(json_get(claims, "aud")))
        return err_set(e, ERR_INPUT, "the token's aud is neither a text nor a list of texts");
    t->claims = claims;
    *ret = t;
    return true;
}

struct slice jwt_said_issuer(const struct jwt *t)
{
    return json_get_text(t->claims, "iss");
}

struct slice jwt_said_audience(const struct jwt *t, size_t i)
{
    const struct json *aud = json_get(t->claims, "aud");
    if (!aud || (aud->type != JSON_STRING && aud->type != JSON_ARRAY))
        return SLICE_NONE;
    if (aud->type == JSON_STRING)
        return i == 0 ? aud->text : SLICE_NONE;
    const struct json *one = aud->child;
    while (one && i--)
        one = one->next;
    return one && one->type == JSON_STRING ? one->text : SLICE_NONE;
}

/* --- judging --- */

/* RFC 7519's NumericDate: seconds, with any fraction. */
static bool numeric_date(const struct json *j, usec_t *ret)
{
    struct decimal d;
    return j->type == JSON_NUMBER && decimal_parse(j->text, &d) && decimal_scale(&d, USEC_PER_S, ret, NULL) &&
           *ret >= 0 && *ret <= SECONDS(253402300799); /* the year 9999 */
}

static bool read_date(const struct jwt *t, const char *name, usec_t *ret, struct err *e)
{
    const struct json *j = json_get(t->claims, name);
    *ret = USEC_NONE;
    if (j && !numeric_date(j, ret))
        return err_set(e, ERR_AUTH, "the token's %s is no date", name);
    return true;
}

static bool check_times(const struct jwt *t, const struct jwt_rules *rules, struct jwt_claims *c, struct err *e)
{
    usec_t not_before;
    if (!read_date(t, "exp", &c->expires_at, e) || !read_date(t, "nbf", &not_before, e) ||
        !read_date(t, "iat", &c->issued_at, e))
        return false;
    if (c->expires_at == USEC_NONE)
        return err_set(e, ERR_AUTH, "the token never expires (it has no exp)");
    if (rules->now - rules->leeway >= c->expires_at)
        return err_set(e, ERR_AUTH, "the token has expired");
    if (not_before != USEC_NONE && rules->now + rules->leeway < not_before)
        return err_set(e, ERR_AUTH, "the token is not valid yet (nbf)");
    if (c->issued_at != USEC_NONE && rules->now + rules->leeway < c->issued_at)
        return err_set(e, ERR_AUTH, "the token was issued in the future (iat)");
    return true;
}

static bool check_audience(const struct jwt *t, const struct jwt_rules *rules, struct jwt_claims *c, struct err *e)
{
    struct slice said;
    while ((said = jwt_said_audience(t, c->naudiences)).p) {
        if (c->naudiences++ == JWT_AUDIENCES)
            return err_set(e, ERR_AUTH, "the token has more than %d audiences", JWT_AUDIENCES);
        for (size_t k = 0; k < rules->naudiences && !c->audience.p; k++)
            if (said.n && slice_eq(said, rules->audiences[k]))
                c->audience = rules->audiences[k];
    }
    return c->audience.p || err_set(e, ERR_AUTH, "the token is not for this audience (aud)");
}

/* Other kinds of tokens are signed with the same keys: a logout token is no access token. */
static bool check_type(const struct jwt *t, const struct jwt_rules *rules, struct err *e)
{
    bool plain = !t->type.n || slice_is(t->type, "jwt");
    if (plain || (slice_is(t->type, "at+jwt") && !rules->id_token))
        return true;
    return err_set(e, ERR_AUTH, "the token is of a kind (typ) that is not for this use");
}

static bool check_claims(const struct jwt *t, const struct jwt_rules *rules, struct jwt_claims *c, struct err *e)
{
    struct slice issuer = jwt_said_issuer(t);
    if (!issuer.n || !slice_eq(issuer, rules->issuer))
        return err_set(e, ERR_AUTH, "the token is of another issuer (iss)");
    if (!check_type(t, rules, e) || !check_audience(t, rules, c, e) || !check_times(t, rules, c, e))
        return false;
    c->subject = json_get_text(t->claims, "sub");
    if (!c->subject.n || c->subject.n > JWT_SUBJECT_MAX)
        return err_set(e, ERR_AUTH, "the token has no subject (sub) of 1 to %d bytes", JWT_SUBJECT_MAX);
    return true;
}

bool jwt_accept(const struct jwt *t, const struct jwks *keys, const struct jwt_rules *rules, struct jwt_claims *ret,
                struct err *e)
{
    struct jwt_claims c = {.expires_at = USEC_NONE, .issued_at = USEC_NONE, .all = t->claims};
    if (!check_claims(t, rules, &c, e))
        return false;
    const struct jwk *key = jwks_find(keys, t->kid, t->alg);
    if (!key)
        return err_set(e, ERR_NOT_FOUND, "the token is signed with a key that its issuer does not publish");
    if (!jwk_verify(key, t->text, t->signature))
        return err_set(e, ERR_AUTH, "the token's signature is wrong");
    *ret = c;
    return true;
}

bool jwt_half_hash_is(const struct jwt *t, struct slice value, struct slice said)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    /* Ed25519 has SHA-512 inside, the others name SHA-256. */
    const EVP_MD *md = t->alg == JWS_EDDSA ? EVP_sha512() : EVP_sha256();
    if (EVP_Digest(value.p ? value.p : "", value.n, digest, &n, md, NULL) != 1)
        return false;
    _cleanup_(str_release) struct str half = {0};
    str_add_base64url(&half, slice_of((const char *)digest, n / 2));
    return crypto_equal(said, str_slice(&half));
}
