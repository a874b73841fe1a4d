/* sink.c - see sink.h. */
#include "sink.h"

#include "base/json_read.h"
#include "base/json_write.h"
#include "base/utf8.h"
#include "fuzz.h"

static void check_id(struct slice id)
{
    HOLD(id.p && id.n && utf8_storable(id));
}

static void check_text(struct slice s)
{
    HOLD((s.p || !s.n) && utf8_storable(s));
}

static void check_time(usec_t t)
{
    HOLD(t == USEC_NONE || (t >= SECONDS(-62135596800) && t < SECONDS(253402300800)));
}

static void check_field(const struct record_field *f, const void *at)
{
    size_t names = 0;
    switch (f->kind) {
    case FIELD_TEXT:
        check_text(*(const struct slice *)at);
        break;
    case FIELD_TEXTS:
        for (size_t i = 0; i < ((const struct texts *)at)->n; i++)
            check_text(((const struct texts *)at)->v[i]);
        break;
    case FIELD_TIME:
        check_time(*(const usec_t *)at);
        break;
    case FIELD_TRI:
        HOLD(*(const unsigned *)at <= TRI_YES);
        break;
    case FIELD_ENUM:
        while (f->names[names])
            names++;
        HOLD(*(const unsigned *)at < names);
        break;
    case FIELD_I64:
        break;
    }
}

static void check_shape(const struct record_shape *shape, const void *body)
{
    _cleanup_(str_release) struct str json = {0};
    struct jw w;

    for (size_t i = 0; i < shape->n; i++)
        check_field(&shape->fields[i], (const char *)body + shape->fields[i].offset);
    jw_init(&w, &json);
    record_write(shape, body, &w);
    jw_done(&w);
    HOLD(json_valid(str_slice(&json), NULL));
}

static void check_alert(const struct record_alert *a)
{
    check_id(a->series);
    check_text(a->device_id);
    check_text(a->organization_id);
    check_text(a->type);
    check_text(a->subject);
    check_text(a->message);
    check_text(a->source);
    check_text(a->change_id);
    check_time(a->triggered_at);
    check_time(a->changed_at);
    HOLD((unsigned)a->state <= ALERT_RESOLVED && (unsigned)a->severity <= SEVERITY_CRITICAL);
}

static void check_place(struct slice id, struct slice a, struct slice b, struct slice c)
{
    check_id(id);
    check_text(a);
    check_text(b);
    check_text(c);
}

static void on_record(void *arg, const struct record *r)
{
    ((struct told *)arg)->records++;
    switch (r->kind) {
    case RECORD_ORGANIZATION:
        check_place(r->organization.id, r->organization.name, r->organization.description, SLICE_NONE);
        break;
    case RECORD_LOCATION:
        check_place(r->location.id, r->location.organization_id, r->location.name, r->location.address);
        break;
    case RECORD_DEVICE:
        check_place(r->device.id, r->device.alternate_id, r->device.organization_id, r->device.location_id);
        check_shape(&record_device_shape, &r->device);
        break;
    case RECORD_FACET:
        check_id(r->facet.device_id);
        HOLD((unsigned)r->facet.facet < FACET_N_);
        if (!r->facet.none)
            check_shape(&record_facet_shapes[r->facet.facet], record_facet_body(&r->facet));
        break;
    case RECORD_ALERT:
        check_alert(&r->alert);
        break;
    case RECORD_DEVICE_GONE:
    case RECORD_REFRESH:
        check_id(r->ref.device_id);
        check_time(r->ref.at);
        break;
    default:
        HOLD((unsigned)r->kind < RECORD_NKINDS_ && record_kind_shapes[r->kind]);
        check_id(record_id(r));
        check_shape(record_kind_shapes[r->kind], record_body(r));
        break;
    }
}

static void on_reject(void *arg, enum record_kind kind, struct slice id, const char *reason)
{
    ((struct told *)arg)->rejects++;
    HOLD((unsigned)kind < RECORD_NKINDS_ && reason && *reason);
    check_text(id);
}

static void keep_json(struct str *to, struct slice json)
{
    HOLD(json_valid(json, NULL));
    str_clear(to);
    str_add(to, json);
}

static void on_checkpoint(void *arg, struct slice json)
{
    keep_json(&((struct told *)arg)->checkpoint, json);
}

static void on_complete(void *arg, enum record_kind kind, int64_t rows)
{
    HOLD((unsigned)kind < RECORD_NKINDS_ && rows >= 0);
    ((struct told *)arg)->complete |= BIT(kind);
}

static void on_incomplete(void *arg, enum record_kind kind, const char *why)
{
    HOLD((unsigned)kind < RECORD_NKINDS_ && why && *why);
    ((struct told *)arg)->incomplete |= BIT(kind);
}

static void on_cursor(void *arg, struct slice json)
{
    keep_json(&((struct told *)arg)->cursor, json);
}

static void on_credential(void *arg, struct slice access_token, usec_t expires_in, struct slice refresh_token)
{
    check_id(access_token);
    check_text(refresh_token);
    HOLD(expires_in == USEC_NONE || expires_in > 0);
}

static void on_remark(void *arg, const char *text)
{
    HOLD(text && *text);
}

struct sink told_sink(struct told *t)
{
    return (struct sink){.arg = t,
                         .record = on_record,
                         .reject = on_reject,
                         .checkpoint = on_checkpoint,
                         .complete = on_complete,
                         .incomplete = on_incomplete,
                         .cursor = on_cursor,
                         .credential = on_credential,
                         .remark = on_remark};
}

void told_release(struct told *t)
{
    str_release(&t->checkpoint);
    str_release(&t->cursor);
}
