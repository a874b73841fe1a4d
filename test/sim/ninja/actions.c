/* ninja/actions.c - what is done to one device: reboot, scripts.
 * Always: bodies are read strictly: a member that the product does not know is a 400 that names it. */
#include "base/json_read.h"
#include "ninja.h"

void ninja_device_reboot(void *self, struct ask *a, struct answer *r)
{
    static const char *const known[] = {"reason", NULL};
    struct ninja *n = self;
    struct ninja_core core;
    if (!ninja_path_device(n, a, r, &core))
        return;
    if (!slice_is(a->params[1], "NORMAL") && !slice_is(a->params[1], "FORCED")) {
        ninja_refuse(n, r, 404, "FAILURE", "HTTP 404 Not Found");
        return;
    }
    if (!ninja_body(n, a, r, known))
        return;
    if (core.class->kind != NK_AGENT) {
        ninja_refuse(n, r, 400, "FAILURE", "Device does not support this operation");
        return;
    }
    ninja_emit_device(n, core.id, "MONITOR", "SYSTEM_REBOOTED", "System rebooted");
    ninja_no_content(r);
}

static bool script_body(struct ninja *n, struct answer *r, const struct json *o)
{
    int64_t id;
    struct slice type = json_get_text(o, "type");
    const struct json *parameters = json_get(o, "parameters");
    if (slice_is(type, "SCRIPT") ? !json_get_i64(o, "id", &id) : !json_get_text(o, "uid").n)
        ninja_refuse(n, r, 400, "FAILURE", "a script has an id, an action a uid");
    else if (!slice_is(type, "SCRIPT") && !slice_is(type, "ACTION"))
        ninja_refuse(n, r, 400, "FAILURE", "type is SCRIPT or ACTION");
    else if (parameters && parameters->type != JSON_STRING)
        ninja_refuse(n, r, 400, "FAILURE", "parameters is a text");
    else if (!json_get_text(o, "runAs").n)
        ninja_refuse(n, r, 400, "FAILURE", "runAs is required");
    else
        return true;
    return false;
}

/* The reply is not documented: nothing, a number, a text and an object were all seen. */
void ninja_device_script(void *self, struct ask *a, struct answer *r)
{
    static const char *const known[] = {"type", "id", "uid", "parameters", "runAs", NULL};
    static const char *const replies[] = {[SCRIPT_NUMBER] = "815",
                                          [SCRIPT_TEXT] = "\"6a0e1f00-0000-4000-8000-000000000815\"",
                                          [SCRIPT_OBJECT] = "{\"jobUid\":\"6a0e1f00-0000-4000-8000-000000000815\"}"};
    struct ninja *n = self;
    const struct ninja_token *who = a->who;
    struct ninja_core core;
    if (!ninja_path_device(n, a, r, &core))
        return;
    if (!who->user) {
        ninja_refuse(n, r, 403, "user_context_required", "This call needs a user");
        return;
    }
    const struct json *o = ninja_body(n, a, r, known);
    if (!o || !script_body(n, r, o))
        return;
    ninja_emit_device(n, core.id, "SCRIPTING", "START_REQUESTED", "Script requested");
    if (n->script_reply == SCRIPT_NOTHING)
        ninja_no_content(r);
    else
        answer_text(r, 200, "application/json", replies[n->script_reply]);
}
