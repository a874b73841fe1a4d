/* tactical/auth.c - API keys, Knox tokens, and the two steps of a login.
 * Always: the Token scheme is tried before the key, and a bad token fails the request even beside a good key. */
#include "tactical.h"
#include <openssl/evp.h>
#include <openssl/hmac.h>

#define TOKEN_LIFE      SECONDS(5 * 3600)
#define LOGINS_A_MINUTE 10
#define LOGINS_A_DAY    300

static const struct api_key {
    const char *key;
    const char *refusal; /* NULL: good */
    unsigned rights;
} keys[] = {
    {TACTICAL_KEY, NULL, RIGHT_ALL},
    {TACTICAL_KEY_EXPIRED, "The token has expired.", 0},
    {TACTICAL_KEY_INACTIVE, "User inactive or deleted.", 0},
    {TACTICAL_KEY_NO_ROLE, NULL, RIGHT_NONE},
    {TACTICAL_KEY_CLIENT_2, NULL, RIGHT_READ | RIGHT_LIMITED},
    {TACTICAL_KEY_READ, NULL, RIGHT_READ},
};

static const unsigned every_right = RIGHT_ALL;

unsigned t_rights(const struct ask *a)
{
    return a->who ? *(const unsigned *)a->who : 0;
}

static bool refuse(struct answer *r, const char *detail)
{
    t_detail(r, 401, "%s", detail);
    answer_header(r, "WWW-Authenticate", "Token");
    return false;
}

static bool token_gate(struct tactical *t, struct ask *a, struct answer *r, struct slice value)
{
    if (memchr(value.p, ' ', value.n))
        return refuse(r, "Invalid token header. Token string should not contain spaces.");
    for (size_t k = 0; k < TACTICAL_MAX_TOKENS; k++) {
        struct t_token *x = &t->tokens[k];
        if (!x->value[0] || !slice_is(value, x->value) || x->expires <= a->wall)
            continue;
        /* A use more than ten minutes after the last extension, and the first one of a login without a second factor. */
        if (x->fresh || x->expires < a->wall + TOKEN_LIFE - SECONDS(600))
            x->expires = a->wall + TOKEN_LIFE;
        x->fresh = false;
        a->who = &every_right;
        return true;
    }
    return refuse(r, "Invalid token.");
}

bool t_gate(void *self, struct ask *a, struct answer *r)
{
    struct slice header = ask_header(a, "Authorization"), key = ask_header(a, "X-API-KEY");
    if (slice_is(header, "Token"))
        return refuse(r, "Invalid token header. No credentials provided.");
    if (slice_starts(header, SLICE("Token ")))
        return token_gate(self, a, r, slice_trim(slice_of(header.p + 6, header.n - 6)));
    if (!key.n)
        return refuse(r, "Authentication credentials were not provided.");
    for (size_t k = 0; k < ARRAY_LEN(keys); k++) {
        if (!slice_is(key, keys[k].key))
            continue;
        if (keys[k].refusal)
            return refuse(r, keys[k].refusal);
        a->who = &keys[k].rights;
        return true;
    }
    return refuse(r, "Invalid token.");
}

void t_expire_tokens(void *self)
{
    struct tactical *t = self;
    for (size_t k = 0; k < TACTICAL_MAX_TOKENS; k++)
        t->tokens[k].value[0] = '\0';
}

void t_logout(void *self, struct ask *a, struct answer *r)
{
    struct tactical *t = self;
    struct slice header = ask_header(a, "Authorization");
    for (size_t k = 0; k < TACTICAL_MAX_TOKENS; k++) {
        if (slice_ends(header, slice_cstr(t->tokens[k].value)) || slice_is(a->path, "/logoutall/"))
            t->tokens[k].value[0] = '\0';
    }
    answer_begin(r, 204, NULL);
}

/* --- logging in --- */

/* 0: there is room for one more, which is counted; else until when there is none. */
static usec_t full_until(struct t_logins *w, usec_t length, unsigned most, usec_t now)
{
    if (now - w->since >= length)
        *w = (struct t_logins){.since = now};
    if (w->n >= most)
        return w->since + length;
    w->n++;
    return 0;
}

static bool throttled(struct tactical *t, struct ask *a, struct answer *r, unsigned path)
{
    usec_t until = full_until(&t->logins[path].minute, SECONDS(60), LOGINS_A_MINUTE, a->wall);
    if (!until)
        until = full_until(&t->logins[path].day, SECONDS(86400), LOGINS_A_DAY, a->wall);
    if (!until)
        return false;
    long long wait = (until - a->wall + USEC_PER_S - 1) / USEC_PER_S;
    t_detail(r, 429, "Request was throttled. Expected available in %lld seconds.", wait);
    answer_header(r, "Retry-After", "%lld", wait);
    return true;
}

static bool totp_matches(struct slice code, usec_t now)
{
    if (code.n != 6)
        return false;
    int64_t step = now / SECONDS(30);
    for (int64_t s = step - 10; s <= step + 10; s++) {
        uint8_t counter[8], mac[EVP_MAX_MD_SIZE];
        unsigned len = 0;
        for (unsigned i = 0; i < 8; i++)
            counter[i] = (uint8_t)((uint64_t)s >> (56 - 8 * i));
        HMAC(EVP_sha1(), TACTICAL_TOTP_SECRET, (int)strlen(TACTICAL_TOTP_SECRET), counter, sizeof(counter), mac, &len);
        unsigned at = mac[len - 1] & 15u;
        unsigned value =
            ((mac[at] & 127u) << 24 | (unsigned)mac[at + 1] << 16 | (unsigned)mac[at + 2] << 8 | mac[at + 3]) % 1000000;
        char text[8];
        snprintf(text, sizeof(text), "%06u", value);
        if (slice_is(code, text))
            return true;
    }
    return false;
}

static const struct t_token *issue(struct tactical *t, usec_t expires, bool fresh)
{
    struct t_token *x = &t->tokens[t->next_token++ % TACTICAL_MAX_TOKENS];
    *x = (struct t_token){.expires = expires, .fresh = fresh};
    rng_text(t->seed, ++t->token_serial, 4000, "0123456789abcdef", 16, x->value, 64);
    return x;
}

static void session_cookie(struct answer *r)
{
    answer_header(r, "Set-Cookie",
                  "sessionid=6frinxoz4s4rkotc3k9qjzwj0v2vy2xi; HttpOnly; Max-Age=1209600; Path=/; SameSite=Lax");
    answer_header(r, "Vary", "Cookie, origin");
}

void t_checkcreds(void *self, struct ask *a, struct answer *r)
{
    struct tactical *t = self;
    if (throttled(t, a, r, 0))
        return;
    const struct json *o = t_body(a, r);
    if (!o)
        return;
    struct slice user = json_get_text(o, "username");
    if (!user.p) {
        t_html(r, 500);
        return;
    }
    bool plain = slice_is(user, TACTICAL_USER_PLAIN);
    if (!slice_is(json_get_text(o, "password"), TACTICAL_PASSWORD) || (!plain && !slice_is(user, TACTICAL_USER))) {
        t_string(r, 400, "Bad credentials");
        return;
    }
    if (!plain) {
        answer_text(r, 200, "application/json", "{\"totp\":true}");
        return;
    }
    const struct t_token *x = issue(t, a->wall + SECONDS(180), true);
    struct jw w = t_json(r, 200);
    jw_object(&w);
    jw_key_time(&w, "expiry", x->expires);
    jw_key_str(&w, "token", x->value);
    jw_key_bool(&w, "totp", false);
    jw_end(&w);
    session_cookie(r);
}

void t_login(void *self, struct ask *a, struct answer *r)
{
    struct tactical *t = self;
    if (throttled(t, a, r, 1))
        return;
    const struct json *o = t_body(a, r);
    if (!o)
        return;
    struct slice user = json_get_text(o, "username");
    bool plain = slice_is(user, TACTICAL_USER_PLAIN);
    if (!slice_is(json_get_text(o, "password"), TACTICAL_PASSWORD) || (!plain && !slice_is(user, TACTICAL_USER))) {
        struct str *out = answer_begin(r, 400, "application/json");
        str_adds(out, "{\"non_field_errors\":[\"Unable to log in with provided credentials.\"]}");
        answer_because(r, "wrong password");
        return;
    }
    const struct json *code = json_get(o, "twofactor");
    if (plain || !code) {
        t_html(r, 500);
        return;
    }
    if (!totp_matches(code->text, a->wall)) {
        t_string(r, 400, "Bad credentials");
        return;
    }
    const struct t_token *x = issue(t, a->wall + TOKEN_LIFE, false);
    struct jw w = t_json(r, 200);
    jw_object(&w);
    jw_key_time(&w, "expiry", x->expires);
    jw_key_str(&w, "token", x->value);
    jw_key_slice(&w, "username", user);
    jw_key_str(&w, "name", NULL);
    jw_end(&w);
    session_cookie(r);
}
