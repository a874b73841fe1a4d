/* api/webhooks.c - an integration's webhook: where the product shall send, its secret, and its registration in the product. */
#include "api/actions.h"
#include "api/integration_json.h"
#include "base/crypto.h"
#include "hub/configure.h"
#include "hub/webhook.h"
#include "store/connect.h"

struct look {
    struct api_call *call;
    struct audit_actor by;
    bool again; /* the secret is another one: the product is told, if it was before */
    unsigned stmt;
};

static struct look *look_of(struct api_call *c)
{
    struct look *l = arena_alloc(c->arena, sizeof *l);
    l->call = c;
    l->by = api_actor(c);
    return l;
}

static void reply(struct api_call *c, const struct connect_row *row)
{
    struct str out = {0};
    json_webhook(c->hub, c->integration, row, http_request_header(c->req, "Host"), http_request_is_tls(c->req), &out);
    api_reply_secret(c, 200, str_slice(&out));
    crypto_wipe(out.p, out.cap);
    str_release(&out);
}

static void show(struct look *l);

/* The former secret is valid for a while, so a rotation that the product did not hear of is told, not failed. */
static void on_registered_again(void *arg, const struct err *err)
{
    struct look *l = arg;
    l->again = false;
    show(l);
}

static void on_row(void *arg, const struct pg_reply *r)
{
    struct look *l = arg;
    struct connect_row row;
    if (pg_reply_err(r))
        api_problem_err(l->call, pg_reply_err(r));
    else if (!connect_read(r, l->stmt, &row))
        api_problem(l->call, 404, "not_found", "This integration is gone.");
    else if (l->again && row.registered_at != USEC_NONE && l->call->integration->provider->webhook_register)
        webhook_register(l->call->hub, l->call->integration, &l->by, on_registered_again, l);
    else
        reply(l->call, &row);
}

static void show(struct look *l)
{
    struct api_call *c = l->call;
    struct pg_seg *s = pg_seg_new(c->hub->db, c->who.tenant_id);
    l->stmt = connect_add_get(s, c->who.tenant_id, c->integration->id);
    pg_submit(s, on_row, l);
}

void op_webhook_get(struct api_call *c)
{
    show(look_of(c));
}

static void on_rotated(void *arg, struct integration *it, bool created, const struct configure_faults *faults,
                       const struct err *e)
{
    struct look *l = arg;
    if (e) {
        api_problem_err(l->call, e);
        return;
    }
    integration_unref(l->call->integration);
    l->call->integration = integration_ref(it);
    l->again = true;
    show(l);
}

void op_webhook_rotate(struct api_call *c)
{
    struct look *l = look_of(c);
    configure_rotate(c->hub, c->who.tenant_id, c->integration->id, &l->by, on_rotated, l);
}

/* --- the registration --- */

static void on_done(void *arg, const struct err *err)
{
    struct look *l = arg;
    if (!err)
        show(l);
    else if (err->code == ERR_NOT_FOUND && !l->call->integration->provider->webhook_register)
        api_problem(l->call, 409, "not_registrable", "%s", err->what);
    else
        api_problem_action(l->call, false, err);
}

void op_webhook_register(struct api_call *c)
{
    struct look *l = look_of(c);
    webhook_register(c->hub, c->integration, &l->by, on_done, l);
}

void op_webhook_unregister(struct api_call *c)
{
    struct look *l = look_of(c);
    webhook_remove(c->hub, c->integration, &l->by, on_done, l);
}
