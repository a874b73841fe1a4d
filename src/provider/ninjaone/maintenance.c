/* maintenance.c - maintenance windows of NinjaOne's devices: set, and read back.
 * Why:    the document says that times are ISO texts or milliseconds, its type says number, and clients in the field send
 *         seconds. So the number of milliseconds is sent, the device is read again, and when its window does not end
 *         when it should, seconds are tried. A window of another length is never left in place. */
#include "provider/ninjaone/actions.h"

#include "base/json_read.h"
#include "base/json_write.h"

#define MINUTE     SECONDS(60)
#define MAX_CLOCKS (2 * MINUTE) /* that the window's end may differ */

enum stage { STAGE_SECONDS = 2, STAGE_READ_SECONDS, STAGE_UNDO };

struct maintenance {
    struct nin_act act; /* its tasks: set in milliseconds, read */
    struct task seconds, read_seconds, undo;
    usec_t end; /* as wanted */
    struct nin_window {
        bool set;
        usec_t start, end;
    } found;
};

static struct maintenance *maintenance_of(struct task *t)
{
    return container_of(nin_act_of(t->machine), struct maintenance, act);
}

static void ask_path(struct task *t, struct str *path)
{
    str_addf(path, "/v2/device/%lld/maintenance", (long long)maintenance_of(t)->act.device);
}

/* Only words that the product knows, each once. */
static bool write_features(struct jw *w, struct slice list, struct err *e)
{
    static const char *const features[] = {"ALERTS", "PATCHING", "AVSCANS", "TASKS"};
    unsigned seen = 0;

    while (list.n) {
        struct slice word = slice_trim(slice_cut(&list, ','));
        size_t k = 0;
        while (k < ARRAY_LEN(features) && !slice_ieq(word, slice_cstr(features[k])))
            k++;
        if (k == ARRAY_LEN(features))
            return err_set(e, ERR_INPUT, "features: \"%.*s\" is none of ALERTS, PATCHING, AVSCANS, TASKS",
                           (int)MIN(word.n, 40), word.p ? word.p : "");
        if (w && !(seen & BIT(k)))
            jw_str(w, features[k]);
        seen |= BIT(k);
    }
    return seen || err_set(e, ERR_INPUT, "features: name at least one of ALERTS, PATCHING, AVSCANS, TASKS");
}

static void write_body(struct task *t, struct str *body, usec_t unit)
{
    struct maintenance *x = maintenance_of(t);
    struct slice reason = nin_arg(t, "reason");
    struct jw w;

    jw_init(&w, body);
    jw_object(&w);
    jw_key(&w, "disabledFeatures");
    jw_array(&w);
    (void)!write_features(&w, nin_arg(t, "features"), NULL); /* start has checked it */
    jw_end(&w);
    jw_key_i64(&w, "end", x->end / unit);
    if (reason.n)
        jw_key_slice(&w, "reasonMessage", reason);
    jw_end(&w);
    jw_done(&w);
}

static void ask_set(struct task *t, struct str *path, struct str *body)
{
    ask_path(t, path);
    write_body(t, body, USEC_PER_MS);
}

static void ask_set_seconds(struct task *t, struct str *path, struct str *body)
{
    ask_path(t, path);
    write_body(t, body, USEC_PER_S);
}

static void ask_delete(struct task *t, struct str *path, struct str *body)
{
    ask_path(t, path);
}

static void ask_read(struct task *t, struct str *path, struct str *body)
{
    str_addf(path, "/v2/device/%lld", (long long)maintenance_of(t)->act.device);
}

/* Devices show seconds. A number of milliseconds is no other spelling here: it is a window that ends in some 50,000
 * years, because what was sent was taken for seconds. */
static usec_t shown_time(struct slice text)
{
    struct slice rest = text, whole = slice_cut(&rest, '.');
    usec_t t;

    if (whole.n > 11 || !clock_parse_epoch(text, &t))
        return clock_parse_iso(text, &t) ? t : USEC_NONE;
    return t;
}

static void read_row(struct task *t, const void *row, const char *fault)
{
    struct maintenance *x = maintenance_of(t);
    const struct nin_device_full *d = row;

    if (fault) {
        err_set(&t->machine->err, ERR_PROTOCOL, "NinjaOne, device %lld: %s", (long long)x->act.device, fault);
        return;
    }
    x->found = (struct nin_window){.set = d->device.maintenance.n != 0,
                                   .start = shown_time(d->device.maintenance_start),
                                   .end = shown_time(d->device.maintenance_end)};
    nin_emit_full(d, str_slice(&x->act.context.console), t->machine->sink);
}

static void tell(struct maintenance *x)
{
    const struct sink *sink = x->act.m.sink;
    _cleanup_(str_release) struct str json = {0};
    struct jw w;

    jw_init(&w, &json);
    jw_object(&w);
    jw_key_bool(&w, "maintenance", x->found.set);
    if (x->found.set && x->found.start != USEC_NONE)
        jw_key_time(&w, "starts_at", x->found.start);
    if (x->found.set && x->found.end != USEC_NONE)
        jw_key_time(&w, "ends_at", x->found.end);
    jw_end(&w);
    jw_done(&w);
    sink->result(sink->arg, str_slice(&json));
}

static bool ends_as_wanted(const struct maintenance *x)
{
    return x->found.set && x->found.end != USEC_NONE && x->found.end - x->end < MAX_CLOCKS &&
           x->end - x->found.end < MAX_CLOCKS;
}

static enum task_verdict read_page(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    struct maintenance *x = maintenance_of(t);

    if (ends_as_wanted(x)) {
        task_switch(&x->seconds, TASK_OFF);
        task_switch(&x->read_seconds, TASK_OFF);
        task_switch(&x->undo, TASK_OFF);
        tell(x);
    }
    return TASK_DONE;
}

static enum task_verdict read_seconds_page(struct task *t, const void *head, const struct machine_reply *r,
                                           struct err *e)
{
    struct maintenance *x = maintenance_of(t);

    if (ends_as_wanted(x)) {
        task_switch(&x->undo, TASK_OFF);
        tell(x);
    }
    return TASK_DONE;
}

/* It may well be that the other spelling is refused. */
static enum task_verdict seconds_failed(struct task *t, const struct machine_reply *r, struct err *e)
{
    task_switch(&maintenance_of(t)->read_seconds, TASK_OFF);
    return TASK_DONE;
}

static enum task_verdict undone(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    char wanted[CLOCK_ISO_MAX];

    err_set(e, ERR_PROTOCOL, "NinjaOne did not take the window until %s in any spelling; it was removed again",
            clock_iso(maintenance_of(t)->end, wanted));
    return TASK_FATAL;
}

static const struct map_doc device_doc = {.rows = "", .row = &nin_device_full_map};
#define READS .what = "device", .list = true, .doc = &device_doc, .ask = ask_read, .row = read_row
#define SETS  .what = "device-maintenance", .method = "PUT", NIN_ACT_JSON, .page = nin_act_done

static const struct task_kind set_kind = {SETS, .ask = ask_set};
static const struct task_kind read_kind = {READS, .page = read_page};
static const struct task_kind seconds_kind = {SETS, .ask = ask_set_seconds, .failed = seconds_failed};
static const struct task_kind read_seconds_kind = {READS, .page = read_seconds_page};
static const struct task_kind undo_kind = {
    .what = "device-maintenance", .method = "DELETE", .acting = true, .ask = ask_delete, .page = undone};

static struct machine *start_window(const struct machine_input *in, const struct sink *sink, struct err *e)
{
    int64_t minutes = settings_i64(in->args, "minutes", 0);

    if (minutes < 1)
        return err_set(e, ERR_INPUT, "minutes: for how long?"), NULL;
    if (!write_features(NULL, slice_trim(settings_text(in->args, "features")), e))
        return NULL;
    struct maintenance *x = NEW(struct maintenance);
    if (!nin_act_init(&x->act, in, sink, &set_kind, &read_kind, e)) {
        mem_freep(&x);
        return NULL;
    }
    x->end = (in->now / USEC_PER_S + minutes * 60) * USEC_PER_S;
    machine_add(&x->act.m, &x->seconds, &seconds_kind, STAGE_SECONDS);
    machine_add(&x->act.m, &x->read_seconds, &read_seconds_kind, STAGE_READ_SECONDS);
    machine_add(&x->act.m, &x->undo, &undo_kind, STAGE_UNDO);
    return &x->act.m;
}

const struct machine_ops nin_maintenance_start_ops = {
    .name = "maintenance_start", .start = start_window, MACHINE_TASKS_OPS};

/* --- the end --- */

static enum task_verdict ended(struct task *t, const void *head, const struct machine_reply *r, struct err *e)
{
    struct maintenance *x = maintenance_of(t);

    if (x->found.set) {
        err_set(e, ERR_PROTOCOL, "NinjaOne said that the window was removed, and still shows one");
        return TASK_FATAL;
    }
    tell(x);
    return TASK_DONE;
}

static const struct task_kind end_kind = {
    .what = "device-maintenance", .method = "DELETE", .acting = true, .ask = ask_delete, .page = nin_act_done};
static const struct task_kind read_end_kind = {READS, .page = ended};

static struct machine *start_end(const struct machine_input *in, const struct sink *sink, struct err *e)
{
    struct maintenance *x = NEW(struct maintenance);

    if (nin_act_init(&x->act, in, sink, &end_kind, &read_end_kind, e))
        return &x->act.m;
    mem_freep(&x);
    return NULL;
}

const struct machine_ops nin_maintenance_end_ops = {.name = "maintenance_end", .start = start_end, MACHINE_TASKS_OPS};
