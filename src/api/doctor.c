/* api/doctor.c - /api/v1/integrations/{key}/doctor: what is wrong, and how to mend it. */
#include "hub/doctor.h"
#include "api/api.h"

static void on_found(void *arg, const struct finding *v, size_t n, const struct err *err)
{
    struct api_call *c = arg;
    _cleanup_(str_release) struct str out = {0};
    struct jw w;
    if (err) {
        api_problem_err(c, err);
        return;
    }
    jw_init(&w, &out);
    jw_object(&w);
    jw_key_str(&w, "integration", c->integration->key);
    jw_key_time(&w, "checked_at", loop_wall(c->hub->loop));
    jw_key_str(&w, "level", finding_level_names[n ? v[0].level : FINDING_OK]);
    jw_key(&w, "findings");
    jw_array(&w);
    for (size_t i = 0; i < n; i++) {
        jw_object(&w);
        jw_key_str(&w, "level", finding_level_names[v[i].level]);
        jw_key_str(&w, "code", v[i].code);
        jw_key_str(&w, "what", v[i].what);
        jw_key_str(&w, "mend", v[i].mend);
        jw_end(&w);
    }
    jw_end(&w);
    jw_end(&w);
    jw_done(&w);
    api_reply(c, 200, &out);
}

void op_integrations_doctor(struct api_call *c)
{
    doctor_run(c->hub, c->integration, http_request_trace(c->req), on_found, c);
}
