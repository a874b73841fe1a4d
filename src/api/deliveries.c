/* api/deliveries.c - /api/v1/integrations/{key}/deliveries: the inbox of webhooks; read, shown, applied again. */
#include "api/api.h"
#include "hub/applier.h"
#include "store/delivery.h"

static const char *const status_names[] = {"pending", "held", "done", "ignored", "dead", NULL};

void op_deliveries_list(struct api_call *c)
{
    struct api_faults faults = {0};
    struct api_page page;
    api_known_args(c, (const char *const[]){"status", "type", NULL}, &faults);
    api_page_read(c, &page, &faults);
    struct slice status = api_arg_word(c, "status", status_names, &faults);
    if (!api_faults_none(c, &faults))
        return;
    const struct delivery_filter filter = {
        .status = status,
        .type = api_arg(c, "type"),
        .integration_id = c->integration->id,
    };
    struct page_request request = api_page_request(c, &page);
    delivery_list(c->hub->db, &filter, &request, api_reply_page, c);
}

/* The path names the integration as well: another one's delivery is not found under it. */
static bool is_of(struct api_call *c, struct slice json, int64_t integration_id)
{
    struct json *delivery = NULL;
    int64_t id = 0;
    return json_parse(c->arena, json, &delivery, NULL) && json_get_i64(delivery, "integration_id", &id) &&
           id == integration_id;
}

struct delivery_call {
    struct api_call *call;
    int64_t integration_id, delivery_id;
};

static struct delivery_call *delivery_call_new(struct api_call *c)
{
    int64_t id;
    if (!api_id(c, "id", &id))
        return NULL;
    struct delivery_call *d = arena_alloc(c->arena, sizeof(*d));
    *d = (struct delivery_call){c, c->integration->id, id};
    return d;
}

static bool delivery_refused(struct delivery_call *d, struct slice json, const struct err *e)
{
    if (e)
        api_problem_err(d->call, e);
    else if (!is_of(d->call, json, d->integration_id))
        api_problem(d->call, 404, "not_found", "There is no such delivery.");
    else
        return false;
    return true;
}

static void on_shown(void *arg, struct slice json, const struct err *e)
{
    struct delivery_call *d = arg;
    if (!delivery_refused(d, json, e))
        api_reply_tagged(d->call, 200, 0, json);
}

void op_deliveries_get(struct api_call *c)
{
    struct delivery_call *d = delivery_call_new(c);
    if (d)
        delivery_get(c->hub->db, c->who.tenant_id, d->delivery_id, on_shown, d);
}

static void on_replayed(void *arg, int64_t replayed, const struct err *e)
{
    struct api_call *c = arg;
    if (e) {
        api_problem_err(c, e);
        return;
    }
    applier_wake(c->hub->applier);
    _cleanup_(str_release) struct str out = {0};
    str_addf(&out, "{\"replayed\":%lld}", (long long)replayed);
    api_reply(c, 202, &out);
}

static void on_to_replay(void *arg, struct slice json, const struct err *e)
{
    struct delivery_call *d = arg;
    if (delivery_refused(d, json, e))
        return;
    struct audit_actor actor = api_actor(d->call);
    delivery_replay(d->call->hub->db, d->call->who.tenant_id, d->delivery_id, &actor, on_replayed, d->call);
}

void op_deliveries_replay(struct api_call *c)
{
    struct delivery_call *d = delivery_call_new(c);
    if (d)
        delivery_get(c->hub->db, c->who.tenant_id, d->delivery_id, on_to_replay, d);
}

void op_deliveries_replay_dead(struct api_call *c)
{
    struct audit_actor actor = api_actor(c);
    delivery_replay_dead(c->hub->db, c->who.tenant_id, c->integration->id, &actor, on_replayed, c);
}
