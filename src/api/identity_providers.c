/* api/identity_providers.c - /api/v1/identity-providers: whom the tenant trusts to say who somebody is. */
#include "api/identity_provider_fields.h"
#include "hub/identity_provider.h"
#include "hub/integration.h"
#include "hub/issuer.h"

#include <stdlib.h>

/* --- reading --- */

void op_identity_providers_list(struct api_call *c)
{
    struct api_faults faults = {0};
    struct api_page page;
    api_known_args(c, (const char *const[]){NULL}, &faults);
    api_page_read(c, &page, &faults);
    if (!api_faults_none(c, &faults))
        return;
    struct page_request q = api_page_request(c, &page);
    identity_provider_list(c->hub->db, &q, api_reply_page, c);
}

static void problem_unknown(struct api_call *c)
{
    api_problem(c, 404, "not_found", "There is no such identity provider; GET /api/v1/identity-providers lists them.");
}

static void on_item(void *arg, const struct pg_reply *r)
{
    struct api_call *c = arg;
    struct identity_provider_item item;
    if (pg_reply_err(r))
        api_problem_err(c, pg_reply_err(r));
    else if (!identity_provider_item_read(r, 0, &item))
        problem_unknown(c);
    else
        api_reply_tagged(c, c->status ? c->status : 200, item.version, item.json);
}

static void reply_item(struct api_call *c, int64_t id)
{
    struct pg_seg *s = pg_seg_new(c->hub->db, c->who.tenant_id);
    identity_provider_add_get(s, c->who.tenant_id, id);
    pg_submit(s, on_item, c);
}

void op_identity_providers_get(struct api_call *c)
{
    int64_t id;
    if (api_id(c, "id", &id))
        reply_item(c, id);
}

/* --- editing --- */

struct edit {
    struct api_call *c;
    int64_t id, version; /* version 0: it is made */
};

static void edit_written(struct edit *ed, const struct pg_reply *r)
{
    struct api_call *c = ed->c;
    const struct err *e = pg_reply_err(r);
    if (e && e->code == ERR_CONFLICT)
        api_problem(
            c, 409, "audience_taken",
            "Tokens of this issuer for one of these audiences are taken by another identity provider already: an "
            "issuer and an audience tell whose a token is. Have the issuer give this hub an audience of its own.");
    else if (e)
        api_problem_err(c, e);
    else if (pg_nrows(r, 0) == 0 && ed->version)
        api_problem_changed(c);
    else if (pg_nrows(r, 0) == 0)
        api_problem(c, 409, "conflict", "There is an identity provider of this name.");
    else
        reply_item(c, ed->id);
}

static void on_written(void *arg, const struct pg_reply *r)
{
    struct edit ed = *(struct edit *)arg;
    free(arg);
    identity_providers_changed(ed.c->hub->identity_providers);
    edit_written(&ed, r);
}

static bool seal_secret(const struct edit *ed, struct slice secret, struct str *ret, struct err *e)
{
    char buf[INTEGRATION_CONTEXT_MAX];
    struct slice context = integration_context(buf, ed->c->who.tenant_id, ed->id, IDENTITY_PROVIDER_SECRET);
    return seal(ed->c->hub->keyring, secret, context, ret, e);
}

/* Ends with a reply, now or when it was written. */
static void edit_write(const struct edit *ed, const struct json *stored, struct slice sealed_secret)
{
    struct api_call *c = ed->c;
    struct identity_provider_fields v;
    struct api_faults faults = {0};
    struct err e = {0};
    _cleanup_(str_release) struct str sealed = {0};
    identity_provider_fields_read(c, stored, sealed_secret, &v, &faults);
    if (!api_faults_none(c, &faults)) {
        ; /* replied */
    } else if (v.secret.p && !seal_secret(ed, v.secret, &sealed, &e)) {
        api_problem_err(c, &e);
    } else {
        if (v.secret.p)
            v.edit.sealed_secret = str_slice(&sealed);
        v.edit.tenant_id = c->who.tenant_id;
        v.edit.id = ed->id;
        v.edit.version = ed->version;
        struct audit_actor by = api_actor(c);
        struct edit *copy = NEW(struct edit);
        *copy = *ed;
        c->status = ed->version ? 200 : 201;
        struct pg_seg *s = pg_seg_new(c->hub->db, c->who.tenant_id);
        audit_by(s, &by);
        if (ed->version)
            identity_provider_add_update(s, &v.edit);
        else
            identity_provider_add_create(s, &v.edit);
        pg_submit(s, on_written, copy);
    }
    identity_provider_fields_release(&v);
}

static void on_next_id(void *arg, const struct pg_reply *r)
{
    struct api_call *c = arg;
    if (pg_reply_err(r)) {
        api_problem_err(c, pg_reply_err(r));
        return;
    }
    if (pg_i64(r, 0, 0, 1) >= IDENTITY_PROVIDER_MAX) {
        api_problem(c, 409, "limit", "A tenant has at most %d identity providers.", IDENTITY_PROVIDER_MAX);
        return;
    }
    edit_write(&(struct edit){.c = c, .id = pg_i64(r, 0, 0, 0)}, NULL, SLICE_NONE);
}

void op_identity_providers_create(struct api_call *c)
{
    struct pg_seg *s = pg_seg_new(c->hub->db, c->who.tenant_id);
    identity_provider_add_next_id(s, c->who.tenant_id);
    pg_submit(s, on_next_id, c);
}

static void on_stored(void *arg, const struct pg_reply *r)
{
    struct api_call *c = arg;
    struct identity_provider_item item;
    struct json *stored = NULL;
    struct err e = {0};
    int64_t id = 0;
    slice_i64(http_request_param(c->req, "id"), &id);
    if (pg_reply_err(r))
        api_problem_err(c, pg_reply_err(r));
    else if (!identity_provider_item_read(r, 0, &item))
        problem_unknown(c);
    else if (c->if_match && c->if_match != item.version)
        api_problem_changed(c);
    else if (!json_parse(c->arena, item.json, &stored, &e))
        api_problem_err(c, &e);
    else
        edit_write(&(struct edit){.c = c, .id = id, .version = item.version}, stored, item.sealed_secret);
}

/* Members that are not given stay. */
void op_identity_providers_edit(struct api_call *c)
{
    int64_t id;
    if (!api_id(c, "id", &id))
        return;
    struct pg_seg *s = pg_seg_new(c->hub->db, c->who.tenant_id);
    identity_provider_add_get(s, c->who.tenant_id, id);
    pg_submit(s, on_stored, c);
}

static void on_deleted(void *arg, const struct pg_reply *r)
{
    struct api_call *c = arg;
    identity_providers_changed(c->hub->identity_providers);
    if (pg_reply_err(r))
        api_problem_err(c, pg_reply_err(r));
    else if (pg_nrows(r, 0))
        api_reply_none(c);
    else if (pg_nrows(r, 1))
        api_problem_changed(c);
    else
        problem_unknown(c);
}

void op_identity_providers_delete(struct api_call *c)
{
    int64_t id;
    if (!api_id(c, "id", &id))
        return;
    struct audit_actor by = api_actor(c);
    struct pg_seg *s = pg_seg_new(c->hub->db, c->who.tenant_id);
    audit_by(s, &by);
    identity_provider_add_delete(s, c->who.tenant_id, id, c->if_match);
    identity_provider_add_get(s, c->who.tenant_id, id);
    pg_submit(s, on_deleted, c);
}

/* --- trying it --- */

static void write_found(struct jw *w, const struct issuer *is)
{
    jw_key_str(w, "authorization_endpoint", is->authorization_endpoint);
    jw_key_str(w, "token_endpoint", is->token_endpoint);
    jw_key_str(w, "jwks_uri", is->jwks_uri);
    jw_key_i64(w, "keys", (int64_t)jwks_count(is->keys));
    jw_key_i64(w, "keys_left_out", (int64_t)jwks_left_out(is->keys));
    jw_key_str(w, "keys_left_out_reason", *jwks_reason(is->keys) ? jwks_reason(is->keys) : NULL);
}

/* NULL: nothing. */
static const char *what_is_missing(const struct issuer *is, bool sign_in)
{
    if (sign_in && (!is->authorization_endpoint || !is->token_endpoint))
        return "Its metadata has no authorization_endpoint or no token_endpoint: it can check tokens, but nobody can "
               "sign in.";
    if (sign_in && !is->signs_as_we_check)
        return "It says that it signs its ID tokens with none of RS256, ES256, EdDSA.";
    return NULL;
}

struct trial {
    struct api_call *c;
    bool sign_in;
};

static void on_tried(void *arg, struct issuer *is, const struct err *e)
{
    struct trial t = *(struct trial *)arg;
    free(arg);
    if (e && e->code == ERR_CANCELED) {
        api_problem_err(t.c, e);
        return;
    }
    const char *missing = e ? e->what : what_is_missing(is, t.sign_in);
    _cleanup_(str_release) struct str out = {0};
    struct jw w;
    jw_init(&w, &out);
    jw_object(&w);
    jw_key_bool(&w, "ok", !missing);
    jw_key_str(&w, "message", missing ? missing : "The issuer was found, and it publishes keys.");
    if (e)
        jw_key_str(&w, "code", err_code_name(e->code));
    else
        write_found(&w, is);
    jw_end(&w);
    jw_done(&w);
    api_reply(t.c, 200, &out);
}

static void on_to_try(void *arg, const struct pg_reply *r)
{
    struct api_call *c = arg;
    struct identity_provider_item item;
    struct json *stored = NULL;
    struct err e = {0};
    if (pg_reply_err(r)) {
        api_problem_err(c, pg_reply_err(r));
    } else if (!identity_provider_item_read(r, 0, &item)) {
        problem_unknown(c);
    } else if (!json_parse(c->arena, item.json, &stored, &e)) {
        api_problem_err(c, &e);
    } else {
        struct slice issuer = json_get_text(stored, "issuer");
        struct trial *t = NEW(struct trial);
        *t = (struct trial){c, json_get_bool(stored, "sign_in", false)};
        issuers_try(c->hub->issuers, arena_strndup(c->arena, issuer.p, issuer.n), on_tried, t);
    }
}

void op_identity_providers_test(struct api_call *c)
{
    struct api_faults faults = {0};
    int64_t id;
    if (!api_id(c, "id", &id))
        return;
    api_known_members(c, (const char *const[]){NULL}, &faults);
    if (!api_faults_none(c, &faults))
        return;
    struct pg_seg *s = pg_seg_new(c->hub->db, c->who.tenant_id);
    identity_provider_add_get(s, c->who.tenant_id, id);
    pg_submit(s, on_to_try, c);
}
