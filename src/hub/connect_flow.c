/* hub/connect_flow.c - a connection under way: sealed into the browser's cookie and opened again. No I/O. */
#include "hub/connect_internal.h"

#include "base/json_read.h"
#include "base/json_write.h"
#include "base/mem.h"

#define CONTEXT SLICE("oauth/connect") /* no stored value's context: those begin with a tenant's number */

bool connect_flow_seal(const struct hub *h, const struct connect_flow *f, struct str *ret, struct err *e)
{
    struct str json = {0};
    struct jw w;
    str_reserve(&json, sizeof *f * 2);
    jw_init(&w, &json);
    jw_object(&w);
    jw_key_i64(&w, "tenant", f->tenant_id);
    jw_key_i64(&w, "integration", f->integration_id);
    jw_key_i64(&w, "version", f->version);
    jw_key_i64(&w, "user", f->user_id);
    jw_key_i64(&w, "session", f->session_id);
    jw_key_str(&w, "state", f->state);
    jw_key_str(&w, "verifier", f->verifier);
    jw_key_str(&w, "return_to", f->return_to);
    jw_key_str(&w, "redirect_uri", f->redirect_uri);
    jw_key_i64(&w, "expires_at", f->expires_at);
    jw_end(&w);
    jw_done(&w);
    bool good = seal(h->keyring, str_slice(&json), CONTEXT, ret, e);
    crypto_wipe(json.p, json.cap);
    str_release(&json);
    return good;
}

static bool take_text(const struct json *j, const char *name, char *ret, size_t size)
{
    struct slice text = json_get_text(j, name);
    if (!text.n || text.n >= size)
        return false;
    memcpy(ret, text.p, text.n);
    ret[text.n] = '\0';
    return true;
}

static bool read_flow(const struct json *j, struct connect_flow *ret)
{
    return json_get_i64(j, "tenant", &ret->tenant_id) && json_get_i64(j, "integration", &ret->integration_id) &&
           json_get_i64(j, "version", &ret->version) && json_get_i64(j, "user", &ret->user_id) &&
           json_get_i64(j, "session", &ret->session_id) && json_get_i64(j, "expires_at", &ret->expires_at) &&
           take_text(j, "state", ret->state, sizeof ret->state) &&
           take_text(j, "verifier", ret->verifier, sizeof ret->verifier) &&
           take_text(j, "return_to", ret->return_to, sizeof ret->return_to) &&
           take_text(j, "redirect_uri", ret->redirect_uri, sizeof ret->redirect_uri);
}

bool connect_flow_open(const struct hub *h, struct slice cookie, struct slice state, const struct session *session,
                       struct connect_flow *ret, struct err *e)
{
    struct secret *plain = NULL;
    struct json *j = NULL;
    *ret = (struct connect_flow){0};
    if (!cookie.n || !unseal(h->keyring, cookie, CONTEXT, &plain, NULL))
        return err_set(e, ERR_INPUT, "this browser has not begun to connect anything here; begin in the console");
    struct arena *a = arena_new();
    bool good = json_parse(a, secret_text(plain), &j, NULL) && read_flow(j, ret);
    arena_wipe(a);
    arena_free(a);
    secret_free(plain);
    if (!good || !crypto_equal(state, slice_cstr(ret->state)))
        return err_set(e, ERR_INPUT, "this browser has begun to connect something else since; begin again");
    if (loop_wall(h->loop) >= ret->expires_at)
        return err_set(e, ERR_INPUT, "connecting has taken too long; begin again");
    if (ret->tenant_id != session->who.tenant_id || ret->user_id != session->who.user_id ||
        ret->session_id != session->session_id)
        return err_set(e, ERR_INPUT, "this was begun in another session; begin again in this one");
    return true;
}
