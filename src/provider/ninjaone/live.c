/* live.c - see live.h. */
#include "provider/ninjaone/live.h"

#include "base/json_write.h"

#include <stdlib.h>

struct nin_live {
    const struct sink *out;
    struct sink sink;
    struct str device, facets[FACET_N_], alerts, unavailable; /* JSON; of lists and objects without their brackets */
    bool known[FACET_N_];
};

static void write_alert(const struct record_alert *a, struct str *out)
{
    struct jw w;

    jw_init(&w, out);
    jw_object(&w);
    jw_key_slice(&w, "series", a->series);
    jw_key_str(&w, "severity", a->severity_known ? severity_names[a->severity] : NULL);
    jw_key_slice(&w, "type", a->type);
    jw_key_slice(&w, "subject", a->subject);
    jw_key_slice(&w, "message", a->message);
    jw_key_slice(&w, "source", a->source);
    jw_key_time(&w, "triggered_at", a->triggered_at);
    jw_end(&w);
    jw_done(&w);
}

static void take_facet(struct nin_live *l, const struct record_facet *f)
{
    const struct record_shape *shape = &record_facet_shapes[f->facet];
    struct str *out = &l->facets[f->facet];
    struct jw w;

    l->known[f->facet] = true;
    if (f->none)
        return;
    if (!shape->list)
        str_clear(out);
    else if (out->n)
        str_addc(out, ',');
    jw_init(&w, out);
    record_write(shape, record_facet_body(f), &w);
    jw_done(&w);
}

static void on_record(void *arg, const struct record *r)
{
    struct nin_live *l = arg;
    struct jw w;

    l->out->record(l->out->arg, r);
    if (r->kind == RECORD_DEVICE) {
        str_clear(&l->device);
        jw_init(&w, &l->device);
        record_write(&record_device_shape, &r->device, &w);
        jw_done(&w);
    } else if (r->kind == RECORD_FACET) {
        take_facet(l, &r->facet);
    } else if (r->kind == RECORD_ALERT) {
        if (l->alerts.n)
            str_addc(&l->alerts, ',');
        write_alert(&r->alert, &l->alerts);
    }
}

static void on_reject(void *arg, enum record_kind kind, struct slice id, const char *reason)
{
    struct nin_live *l = arg;
    l->out->reject(l->out->arg, kind, id, reason);
}

struct nin_live *nin_live_new(const struct sink *out)
{
    struct nin_live *l = NEW(struct nin_live);

    l->out = out;
    l->sink = *out;
    l->sink.arg = l;
    l->sink.record = on_record;
    l->sink.reject = on_reject;
    return l;
}

void nin_live_free(struct nin_live *l)
{
    if (!l)
        return;
    for (size_t i = 0; i < FACET_N_; i++)
        str_release(&l->facets[i]);
    str_release(&l->device);
    str_release(&l->alerts);
    str_release(&l->unavailable);
    free(l);
}

const struct sink *nin_live_sink(struct nin_live *l)
{
    return &l->sink;
}

void nin_live_unavailable(struct nin_live *l, const char *what, const char *why)
{
    struct jw w;

    if (l->unavailable.n)
        str_addc(&l->unavailable, ',');
    jw_init(&w, &l->unavailable);
    jw_str(&w, what);
    jw_done(&w);
    str_addc(&l->unavailable, ':');
    jw_init(&w, &l->unavailable);
    jw_str(&w, why);
    jw_done(&w);
}

void nin_live_finish(struct nin_live *l)
{
    _cleanup_(str_release) struct str json = {0};

    str_addf(&json, "{\"device\":%s", l->device.n ? l->device.p : "null"); /* it has gone */
    for (size_t i = 0; i < FACET_N_; i++) {
        const struct record_shape *shape = &record_facet_shapes[i];
        if (!l->known[i])
            continue;
        str_addf(&json, ",\"%s\":%s", shape->name, shape->list ? "[" : "");
        str_add(&json, str_slice(&l->facets[i]));
        if (shape->list)
            str_addc(&json, ']');
        else if (!l->facets[i].n)
            str_adds(&json, "null");
    }
    str_adds(&json, ",\"alerts\":[");
    str_add(&json, str_slice(&l->alerts));
    str_adds(&json, "],\"unavailable\":{");
    str_add(&json, str_slice(&l->unavailable));
    str_adds(&json, "}}");
    l->out->result(l->out->arg, str_slice(&json));
}
