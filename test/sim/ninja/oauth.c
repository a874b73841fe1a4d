/* ninja/oauth.c - tokens: client_credentials, authorization_code with PKCE, refresh_token with rotation.
 * Always: a refresh token and a code work once; an unknown client is a 404 (the sign of a wrong region); what stands in the
 *         Authorization header is judged as the product does: absent 400, malformed 400, unknown or expired 401. */
#include "base/crypto.h"
#include "ninja.h"

static const struct {
    const char *name;
    enum ninja_scope bit;
} scopes[] = {{"monitoring", SCOPE_MONITORING},
              {"management", SCOPE_MANAGEMENT},
              {"control", SCOPE_CONTROL},
              {"offline_access", SCOPE_OFFLINE}};

unsigned ninja_scopes(struct slice text, bool *ok)
{
    unsigned bits = 0;
    *ok = true;
    while (text.n) {
        struct slice word = slice_cut(&text, ' ');
        size_t k = 0;
        while (k < ARRAY_LEN(scopes) && !slice_is(word, scopes[k].name))
            k++;
        if (k < ARRAY_LEN(scopes))
            bits |= scopes[k].bit;
        else if (word.n)
            *ok = false;
    }
    return bits;
}

static void oauth_error(struct answer *r, int status, const char *error)
{
    struct str *out = answer_begin(r, status, "application/json");
    str_addf(out, "{\"error\":\"%s\"}", error);
    answer_because(r, "token: %s", error);
}

static void auth_error(struct answer *r, int status, const char *error, const char *description, int code)
{
    struct str *out = answer_begin(r, status, "application/json");
    str_addf(out, "{\"error\":\"%s\",\"error_description\":\"%s\",\"error_code\":%d}", error, description, code);
    answer_because(r, "%s", error);
}

/* --- tokens --- */

static struct ninja_token *token_add(struct ninja *n, struct ninja_token *ring, size_t *next, unsigned bits, bool user,
                                     usec_t expires)
{
    struct ninja_token *t = &ring[(*next)++ % NINJA_MAX_TOKENS];
    *t = (struct ninja_token){.scopes = bits, .user = user, .expires = expires};
    rng_text(n->fleet->seed, ++n->token_serial, 9100,
             "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", 64, t->value, 43);
    return t;
}

static struct ninja_token *token_find(struct ninja_token *ring, struct slice value)
{
    for (size_t k = 0; value.n && k < NINJA_MAX_TOKENS; k++) {
        if (slice_is(value, ring[k].value))
            return &ring[k];
    }
    return NULL;
}

void ninja_expire_tokens(void *self)
{
    struct ninja *n = self;
    for (size_t k = 0; k < NINJA_MAX_TOKENS; k++)
        n->access[k].value[0] = '\0';
}

static void issue(struct ninja *n, struct ask *a, struct answer *r, unsigned bits, bool user)
{
    struct ninja_token *access = token_add(n, n->access, &n->next_access, bits, user, a->wall + n->token_life);
    struct jw w = ninja_json(r);
    jw_object(&w);
    jw_key_str(&w, "access_token", access->value);
    jw_key_str(&w, "token_type", "Bearer");
    jw_key_i64(&w, "expires_in", n->token_life / USEC_PER_S);
    _cleanup_(str_release) struct str text = {0};
    for (size_t k = 0; k < ARRAY_LEN(scopes); k++) {
        if (bits & scopes[k].bit)
            str_addf(&text, "%s%s", text.n ? " " : "", scopes[k].name);
    }
    jw_key_slice(&w, "scope", str_slice(&text));
    if (user && (bits & SCOPE_OFFLINE))
        jw_key_str(&w, "refresh_token",
                   token_add(n, n->refresh, &n->next_refresh, bits, user, a->wall + SECONDS(29 * 86400LL))->value);
    jw_end(&w);
    answer_header(r, "Cache-Control", "no-store");
}

/* --- the token endpoint --- */

struct form {
    struct ask_pair fields[ASK_MAX_ARGS];
    size_t n;
};

static struct slice field(const struct form *f, const char *name)
{
    for (size_t k = 0; k < f->n; k++) {
        if (slice_is(f->fields[k].name, name))
            return f->fields[k].value;
    }
    return SLICE_NONE;
}

/* client_secret_basic or client_secret_post. */
static bool client_of(struct ask *a, const struct form *f, struct slice *id, struct slice *secret)
{
    struct slice header = ask_header(a, "Authorization");
    *id = field(f, "client_id");
    *secret = field(f, "client_secret");
    if (!header.p)
        return id->n > 0;
    if (!slice_starts(header, SLICE("Basic ")))
        return false;
    struct str plain = {0};
    bool ok = crypto_unbase64(slice_of(header.p + 6, header.n - 6), &plain);
    struct slice rest = slice_of(arena_strndup(a->arena, plain.p ? plain.p : "", plain.n), plain.n);
    str_release(&plain);
    *id = slice_cut(&rest, ':');
    *secret = rest;
    return ok;
}

static void grant_code(struct ninja *n, struct ask *a, struct answer *r, const struct form *f)
{
    struct slice value = field(f, "code");
    for (size_t k = 0; k < NINJA_MAX_CODES; k++) {
        struct ninja_code *c = &n->codes[k];
        if (!value.n || !slice_is(value, c->token.value))
            continue;
        c->token.value[0] = '\0'; /* once */
        if (c->token.expires < a->wall || !slice_is(field(f, "redirect_uri"), c->redirect_uri)) {
            oauth_error(r, 400, "invalid_grant");
            return;
        }
        if (c->challenge[0]) {
            uint8_t digest[SHA256_LEN];
            _cleanup_(str_release) struct str text = {0};
            crypto_sha256(field(f, "code_verifier"), digest);
            str_add_base64(&text, slice_of((const char *)digest, sizeof(digest)));
            for (size_t i = 0; i < text.n; i++)
                text.p[i] = (char)(text.p[i] == '+' ? '-' : text.p[i] == '/' ? '_' : text.p[i]);
            struct slice mine = str_slice(&text);
            while (mine.n && mine.p[mine.n - 1] == '=')
                mine.n--;
            if (!slice_is(mine, c->challenge)) {
                oauth_error(r, 400, "invalid_grant");
                return;
            }
        }
        issue(n, a, r, c->token.scopes, true);
        return;
    }
    oauth_error(r, 400, "invalid_grant");
}

static void grant_refresh(struct ninja *n, struct ask *a, struct answer *r, const struct form *f)
{
    struct ninja_token *t = token_find(n->refresh, field(f, "refresh_token"));
    if (!t || t->expires < a->wall) {
        oauth_error(r, 400, "invalid_token");
        return;
    }
    unsigned bits = t->scopes;
    t->value[0] = '\0'; /* rotated: a second use is dead */
    issue(n, a, r, bits, true);
}

static void grant_client(struct ninja *n, struct ask *a, struct answer *r, const struct form *f)
{
    bool ok;
    unsigned bits = ninja_scopes(field(f, "scope"), &ok);
    if (!ok) {
        oauth_error(r, 400, "invalid_scope");
        return;
    }
    if (!bits)
        bits = SCOPE_MONITORING | SCOPE_MANAGEMENT | SCOPE_CONTROL;
    issue(n, a, r, bits & ~(unsigned)SCOPE_OFFLINE, false);
}

void ninja_token(void *self, struct ask *a, struct answer *r)
{
    struct ninja *n = self;
    struct form *f = arena_alloc(a->arena, sizeof(*f));
    struct slice id, secret;
    if (!slice_starts(ask_header(a, "Content-Type"), SLICE("application/x-www-form-urlencoded"))) {
        oauth_error(r, 400, "invalid_request");
        return;
    }
    ask_parse_form(a->arena, a->body, f->fields, ASK_MAX_ARGS, &f->n);
    if (!client_of(a, f, &id, &secret)) {
        oauth_error(r, 400, "invalid_request");
        return;
    }
    if (!slice_is(id, NINJA_CLIENT_ID)) {
        ninja_refuse(n, r, 404, "Client app not exist", "client_id %.*s", SLICE_FMT(id));
        str_clear(&r->body);
        str_addf(&r->body, "{\"resultCode\":\"Client app not exist\",\"incidentId\":\"WEB_MGMT_SERVICE-%s\"}",
                 answer_get(r, "x-nj-request-id"));
        return;
    }
    struct slice grant = field(f, "grant_type");
    bool pkce = slice_is(grant, "authorization_code") && field(f, "code_verifier").n && !secret.p;
    if (!slice_is(secret, NINJA_CLIENT_SECRET) && !pkce) {
        oauth_error(r, 401, "invalid_client");
        return;
    }
    if (slice_is(grant, "client_credentials"))
        grant_client(n, a, r, f);
    else if (slice_is(grant, "authorization_code"))
        grant_code(n, a, r, f);
    else if (slice_is(grant, "refresh_token"))
        grant_refresh(n, a, r, f);
    else
        oauth_error(r, 400, grant.n ? "unsupported_grant_type" : "invalid_request");
}

/* --- authorize: signs the administrator in without asking --- */

static void copy(char *out, size_t size, struct slice text)
{
    size_t k = MIN(text.n, size - 1);
    if (k)
        memcpy(out, text.p, k);
    out[k] = '\0';
}

const char *ninja_add_code(struct ninja *n, struct slice code, struct slice redirect_uri, struct slice challenge,
                           unsigned bits)
{
    struct ninja_code *c = &n->codes[n->next_code++ % NINJA_MAX_CODES];
    *c = (struct ninja_code){.token.scopes = bits, .token.user = true, .token.expires = sim_wall(n->sim) + SECONDS(60)};
    if (code.n)
        copy(c->token.value, sizeof(c->token.value), code);
    else
        rng_text(n->fleet->seed, ++n->token_serial, 9200, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", 52,
                 c->token.value, 32);
    copy(c->redirect_uri, sizeof(c->redirect_uri), redirect_uri);
    copy(c->challenge, sizeof(c->challenge), challenge);
    return c->token.value;
}

void ninja_authorize(void *self, struct ask *a, struct answer *r)
{
    struct ninja *n = self;
    struct slice id = SLICE_NONE, type = SLICE_NONE, uri = SLICE_NONE, scope = SLICE_NONE, state = SLICE_NONE,
                 challenge = SLICE_NONE;
    bool ok;
    ask_arg(a, "client_id", &id);
    ask_arg(a, "response_type", &type);
    ask_arg(a, "redirect_uri", &uri);
    ask_arg(a, "scope", &scope);
    ask_arg(a, "state", &state);
    ask_arg(a, "code_challenge", &challenge);
    if (!slice_is(id, NINJA_CLIENT_ID)) {
        ninja_refuse(n, r, 404, "Client app not exist", "client_id %.*s", SLICE_FMT(id));
        return;
    }
    unsigned bits = ninja_scopes(scope, &ok);
    if (!slice_is(type, "code") || !uri.n || !ok || uri.n > 255) {
        oauth_error(r, 400, ok ? "invalid_request" : "invalid_scope");
        return;
    }
    _cleanup_(str_release) struct str encoded = {0};
    str_add_url(&encoded, state);
    const char *code = ninja_add_code(n, SLICE_NONE, uri, challenge, bits);
    bool has_query = memchr(uri.p, '?', uri.n) != NULL;
    answer_begin(r, 302, NULL);
    answer_header(r, "Location", "%.*s%ccode=%s&state=%s", SLICE_FMT(uri), has_query ? '&' : '?', code,
                  encoded.p ? encoded.p : "");
}

/* --- every other call --- */

bool ninja_gate(void *self, struct ask *a, struct answer *r)
{
    struct ninja *n = self;
    answer_header(r, "Server", "Grizzly");
    if (a->route && (a->route->run == ninja_token || a->route->run == ninja_authorize))
        return true;
    struct slice header = ask_header(a, "Authorization");
    if (!header.p) {
        auth_error(r, 400, "missing_header", "Missing required header", 2);
        return false;
    }
    if (!slice_starts(header, SLICE("Bearer ")) || header.n == 7) {
        auth_error(r, 400, "invalid_header", "Invalid 'Authorization' header", 1);
        return false;
    }
    struct ninja_token *t = token_find(n->access, slice_of(header.p + 7, header.n - 7));
    if (!t || t->expires <= a->wall) {
        auth_error(r, 401, "not_authenticated", "Invalid credentials", 10);
        return false;
    }
    if (a->route && a->route->flags && !(t->scopes & a->route->flags)) {
        ninja_refuse(n, r, 403, "insufficient_scope", "The token's scope does not allow this");
        return false;
    }
    a->who = t;
    return true;
}
