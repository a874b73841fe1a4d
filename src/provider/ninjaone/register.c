/* register.c - NinjaOne's webhook by its API. One configuration an API application: PUT makes it or takes its place, so that both calls may be
 * sent again. It cannot be read back. */
#include "base/json_write.h"
#include "provider/ninjaone/connect.h"
#include "provider/ninjaone/ninjaone.h"

struct hook_machine {
    struct machine m;
    struct task task;
};

/* What decode understands, and what makes a device be read again; the others would be noise. */
static const char *const activities[] = {"CONDITION", "SYSTEM",           "MONITOR",
                                         "ANTIVIRUS", "PATCH_MANAGEMENT", "SOFTWARE_PATCH_MANAGEMENT"};
static const char *const expand[] = {"device", "organization", "location"};

static void ask_register(struct task *t, struct str *path, struct str *body)
{
    const struct machine_webhook *hook = t->machine->in->webhook;
    struct jw w;

    str_adds(path, "/v2/webhook");
    str_reserve(body, 2048); /* holds a secret: it must not move */
    jw_init(&w, body);
    jw_object(&w);
    jw_key_slice(&w, "url", hook->url);
    jw_key(&w, "activities");
    jw_object(&w);
    for (size_t i = 0; i < ARRAY_LEN(activities); i++) {
        jw_key(&w, activities[i]);
        jw_array(&w);
        jw_str(&w, "*");
        jw_end(&w);
    }
    jw_end(&w);
    jw_key(&w, "expand");
    jw_array(&w);
    for (size_t i = 0; i < ARRAY_LEN(expand); i++)
        jw_str(&w, expand[i]);
    jw_end(&w);
    jw_key(&w, "headers");
    jw_array(&w);
    jw_object(&w);
    jw_key_str(&w, "name", "X-Msphub-Secret");
    jw_key_slice(&w, "value", hook->secret);
    jw_end(&w);
    jw_end(&w);
    jw_end(&w);
}

static void ask_remove(struct task *t, struct str *path, struct str *body)
{
    str_adds(path, "/v2/webhook");
}

static enum task_verdict page(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    return TASK_DONE;
}

static enum task_verdict failed(struct task *t, const struct machine_reply *r, struct err *e)
{
    if (r->err || t->broken.code != ERR_NONE)
        return TASK_FATAL;
    if (r->status == 403)
        err_wrap(e, "only a System Administrator's grant with the scope \"management\" may configure the webhook");
    else if (r->status == 400)
        err_wrap(e, "NinjaOne does not take the webhook: is public_url an https:// address that it can reach?");
    return TASK_FATAL;
}

#define HOOK_KIND .what = "webhook", .page = page, .failed = failed

static const struct task_kind register_kind = {HOOK_KIND, .method = "PUT", .secret = true,
                                               .content_type = "application/json", .ask = ask_register};
static const struct task_kind remove_kind = {HOOK_KIND, .method = "DELETE", .ask = ask_remove};

static struct machine *begin(const struct machine_input *in, const struct sink *sink, const struct task_kind *kind)
{
    struct hook_machine *x = NEW(struct hook_machine);

    machine_init(&x->m, in, sink, nin_explain);
    machine_add(&x->m, &x->task, kind, 0);
    return &x->m;
}

static struct machine *start_register(const struct machine_input *in, const struct sink *sink, struct err *e)
{
    return begin(in, sink, &register_kind);
}

static struct machine *start_remove(const struct machine_input *in, const struct sink *sink, struct err *e)
{
    return begin(in, sink, &remove_kind);
}

const struct machine_ops nin_webhook_register_ops = {
    .name = "webhook_register",
    .start = start_register,
    MACHINE_TASKS_OPS,
};

const struct machine_ops nin_webhook_remove_ops = {
    .name = "webhook_remove",
    .start = start_remove,
    MACHINE_TASKS_OPS,
};
