/* jamf/auth.c - tokens: of a user (Basic, kept alive, the old one dies) and of an API client (asked for anew).
 * Always: an account's token has an end in words, a client's one in seconds, one short; a token that was invalidated is refused in
 *         another way than one that nobody knows. */
#include "base/crypto.h"
#include "jamf.h"

static struct j_token *token_new(struct jamf *j, const struct ask *a, enum j_token_kind kind, usec_t life)
{
    struct j_token *t = &j->tokens[j->next_token++ % J_MAX_TOKENS];
    *t = (struct j_token){.kind = kind, .expires = a->wall + life};
    rng_text(j->seed, ++j->token_serial, 9400, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-", 64,
             t->value, 120);
    return t;
}

static void answer_user(struct jamf *j, struct ask *a, struct answer *r)
{
    const struct j_token *t = token_new(j, a, J_TOKEN_USER, j->token_life);
    char buf[J_TIME_MAX];
    struct jw w = j_json(r, 200);
    jw_object(&w);
    jw_key_str(&w, "token", t->value);
    jw_key_str(&w, "expires", j_time(t->expires, buf));
    jw_end(&w);
}

void j_auth_token(void *self, struct ask *a, struct answer *r)
{
    struct slice header = ask_header(a, "Authorization");
    _cleanup_(str_release) struct str plain = {0};
    struct slice password = SLICE_NONE, user = SLICE_NONE;
    if (slice_starts(header, SLICE("Basic ")) && crypto_unbase64(slice_of(header.p + 6, header.n - 6), &plain)) {
        password = str_slice(&plain);
        user = slice_cut(&password, ':');
    }
    if (slice_is(user, JAMF_EXPIRED_USER) && slice_is(password, JAMF_PASSWORD))
        j_error(r, 401, "USER_EXPIRED_PASSWORD", NULL, "Unauthorized");
    else if (!slice_is(user, JAMF_USER) || !slice_is(password, JAMF_PASSWORD))
        j_error(r, 401, NULL, NULL, "bad credentials");
    else if (a->body.n)
        j_error(r, 400, NULL, NULL, "the token call has no body");
    else
        answer_user(self, a, r);
}

static void oauth_error(struct answer *r, int status, const char *error, const char *description)
{
    struct jw w = j_json(r, status);
    jw_object(&w);
    jw_key_str(&w, "error", error);
    jw_key_str(&w, "error_description", description);
    jw_key_str(&w, "error_uri", "https://datatracker.ietf.org/doc/html/rfc6749#section-5.2");
    jw_end(&w);
    answer_because(r, "token: %s", error);
}

void j_oauth_token(void *self, struct ask *a, struct answer *r)
{
    struct jamf *j = self;
    struct ask_pair pairs[8];
    struct slice grant = SLICE_NONE, id = SLICE_NONE, secret = SLICE_NONE;
    size_t n;
    if (!slice_starts(ask_header(a, "Content-Type"), SLICE("application/x-www-form-urlencoded"))) {
        oauth_error(r, 400, "invalid_request", "The content type must be application/x-www-form-urlencoded");
        return;
    }
    ask_parse_form(a->arena, a->body, pairs, ARRAY_LEN(pairs), &n);
    for (size_t k = 0; k < n; k++) {
        if (slice_is(pairs[k].name, "grant_type"))
            grant = pairs[k].value;
        if (slice_is(pairs[k].name, "client_id"))
            id = pairs[k].value;
        if (slice_is(pairs[k].name, "client_secret"))
            secret = pairs[k].value;
    }
    if (!slice_is(grant, "client_credentials")) {
        oauth_error(r, 400, "unsupported_grant_type", "OAuth 2.0 Parameter: grant_type");
        return;
    }
    if (!slice_is(id, JAMF_CLIENT_ID) || !slice_is(secret, JAMF_CLIENT_SECRET)) {
        oauth_error(r, 401, "invalid_client", "Client authentication failed");
        return;
    }
    const struct j_token *t = token_new(j, a, J_TOKEN_CLIENT, j->client_token_life);
    struct jw w = j_json(r, 200);
    jw_object(&w);
    jw_key_str(&w, "access_token", t->value);
    jw_key_str(&w, "scope", "api-role:4 api-role:7");
    jw_key_str(&w, "token_type", "Bearer");
    jw_key_i64(&w, "expires_in", j->client_token_life / USEC_PER_S - 1);
    jw_end(&w);
}

struct j_token *j_bearer(struct jamf *j, struct ask *a, bool *ret_dead)
{
    struct slice header = ask_header(a, "Authorization");
    *ret_dead = false;
    if (header.n <= 7 || !slice_ieq(slice_of(header.p, 7), SLICE("Bearer ")))
        return NULL;
    header = slice_of(header.p + 7, header.n - 7);
    for (size_t k = 0; k < J_MAX_TOKENS; k++) {
        struct j_token *t = &j->tokens[k];
        if (t->kind == J_TOKEN_FREE || !slice_is(header, t->value))
            continue;
        *ret_dead = t->kind == J_TOKEN_DEAD;
        return *ret_dead || t->expires <= a->wall ? NULL : t;
    }
    return NULL;
}

void j_expire_tokens(void *self)
{
    struct jamf *j = self;
    for (size_t k = 0; k < J_MAX_TOKENS; k++)
        j->tokens[k].kind = J_TOKEN_FREE;
}

void j_keep_alive(void *self, struct ask *a, struct answer *r)
{
    struct jamf *j = self;
    bool dead;
    struct j_token *t = j_bearer(j, a, &dead);
    if (t->kind != J_TOKEN_USER) { /* a client asks for a new one */
        j_error(r, 401, "INVALID_TOKEN", NULL, "Unauthorized");
        return;
    }
    t->kind = J_TOKEN_DEAD;
    answer_user(j, a, r);
}

void j_invalidate_token(void *self, struct ask *a, struct answer *r)
{
    bool dead;
    j_bearer(self, a, &dead)->kind = J_TOKEN_DEAD;
    answer_begin(r, 204, NULL);
}

void j_auth(void *self, struct ask *a, struct answer *r)
{
    struct jamf *j = self;
    bool dead;
    bool client = j_bearer(j, a, &dead)->kind == J_TOKEN_CLIENT;
    struct jw w = j_json(r, 200);
    jw_object(&w);
    jw_key(&w, "account");
    jw_object(&w);
    jw_key_str(&w, "id", "4");
    jw_key_str(&w, "username", client ? "API client of the hub" : JAMF_USER);
    jw_key_str(&w, "accessLevel", "FullAccess");
    jw_key_str(&w, "privilegeSet", "CUSTOM");
    jw_key(&w, "privilegesBySite");
    jw_object(&w);
    jw_key(&w, "-1");
    jw_array(&w);
    for (size_t k = 0; k < J_NPRIVILEGES; k++)
        if (j->privileges >> k & 1)
            jw_str(&w, j_privilege_names()[k]);
    jw_end(&w);
    jw_end(&w);
    jw_key_str(&w, "currentSiteId", "-1");
    jw_end(&w);
    jw_key(&w, "accountGroups");
    jw_array(&w);
    jw_end(&w);
    jw_key(&w, "sites");
    jw_array(&w);
    jw_end(&w);
    jw_key_str(&w, "authenticationType", client ? "CLIENT" : "JSS");
    jw_end(&w);
}
