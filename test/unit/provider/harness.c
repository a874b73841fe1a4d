/* harness.c - see harness.h. */
#include "provider/harness.h"

#include "base/json_write.h"
#include "base/mem.h"
#include "base/test.h"
#include "hub/call_reply.h"

struct script {
    char *call;
    struct play_reply reply;
    char *body;
    bool used;
};

struct open_call {
    struct machine_call call;
    char *name;
    struct script *script;
    size_t fed;
    bool begun, cut;
    struct open_call *next;
};

struct play {
    const struct provider *provider;
    const struct machine_ops *ops;
    struct settings *settings;
    struct machine_input in;
    struct sink sink;
    struct str lines, calls;
    struct script scripts[64];
    size_t nscripts;
    struct machine *machine;
    struct open_call *open; /* oldest first */
    uint32_t seed;
    bool lenient;
};

/* --- lines --- */

static void key_value(struct jw *w, const char *key, struct slice v)
{
    if (v.p)
        jw_key_slice(w, key, v);
}

static void write_alert(struct jw *w, const struct record_alert *a)
{
    jw_object(w);
    key_value(w, "device", a->device_id);
    key_value(w, "organization", a->organization_id);
    jw_key_str(w, "state", alert_state_names[a->state]);
    if (a->severity_known)
        jw_key_str(w, "severity", severity_names[a->severity]);
    key_value(w, "type", a->type);
    key_value(w, "subject", a->subject);
    key_value(w, "message", a->message);
    key_value(w, "source", a->source);
    if (a->triggered_at != USEC_NONE)
        jw_key_time(w, "triggered", a->triggered_at);
    if (a->changed_at != USEC_NONE)
        jw_key_time(w, "changed", a->changed_at);
    key_value(w, "change_id", a->change_id);
    if (a->closes_only)
        jw_key_bool(w, "closes_only", true);
    jw_end(w);
}

static void write_place(struct jw *w, struct slice organization, struct slice name, struct slice text, const char *key)
{
    jw_object(w);
    key_value(w, "organization", organization);
    key_value(w, "name", name);
    key_value(w, key, text);
    jw_end(w);
}

static void on_record(void *arg, const struct record *r)
{
    struct str *lines = arg;
    char iso[CLOCK_ISO_MAX];
    struct jw w;

    jw_init(&w, lines);
    switch (r->kind) {
    case RECORD_ORGANIZATION:
        str_addf(lines, "organization %.*s ", SLICE_FMT(r->organization.id));
        write_place(&w, SLICE_NONE, r->organization.name, r->organization.description, "description");
        break;
    case RECORD_LOCATION:
        str_addf(lines, "location %.*s ", SLICE_FMT(r->location.id));
        write_place(&w, r->location.organization_id, r->location.name, r->location.address, "address");
        break;
    case RECORD_DEVICE:
        str_adds(lines, "device ");
        record_write(&record_device_shape, &r->device, &w);
        break;
    case RECORD_FACET:
        str_addf(lines, "%s %.*s ", record_facet_shapes[r->facet.facet].name, SLICE_FMT(r->facet.device_id));
        if (r->facet.none)
            str_adds(lines, "none");
        else
            record_write(&record_facet_shapes[r->facet.facet], record_facet_body(&r->facet), &w);
        break;
    case RECORD_ALERT:
        str_addf(lines, "alert %.*s ", SLICE_FMT(r->alert.series));
        write_alert(&w, &r->alert);
        break;
    case RECORD_DEVICE_GONE:
    case RECORD_REFRESH:
        str_addf(lines, "%s %.*s %s", r->kind == RECORD_REFRESH ? "refresh" : "gone", SLICE_FMT(r->ref.device_id),
                 r->ref.at == USEC_NONE ? "-" : clock_iso(r->ref.at, iso));
        break;
    default:
        str_addf(lines, "%s ", record_kind_shapes[r->kind]->name);
        record_write(record_kind_shapes[r->kind], record_body(r), &w);
        break;
    }
    str_addc(lines, '\n');
}

static const char *const kind_names[] = {"organization", "location",   "device",   "facet",   "gone",   "alert",
                                         "refresh",      "backup_job", "software", "patch",   "person", "group",
                                         "member",       "license",    "ticket",   "comment", "room"};

static void on_reject(void *arg, enum record_kind kind, struct slice id, const char *reason)
{
    str_addf(arg, "reject %s %.*s: %s\n", kind_names[kind], SLICE_FMT(id), reason);
}

static void on_checkpoint(void *arg, struct slice json)
{
    str_addf(arg, "checkpoint %.*s\n", SLICE_FMT(json));
}

static void on_complete(void *arg, enum record_kind kind, int64_t rows)
{
    str_addf(arg, "complete %s %lld\n", kind_names[kind], (long long)rows);
}

static void on_incomplete(void *arg, enum record_kind kind, const char *why)
{
    str_addf(arg, "incomplete %s: %s\n", kind_names[kind], why);
}

static void on_cursor(void *arg, struct slice json)
{
    str_addf(arg, "cursor %.*s\n", SLICE_FMT(json));
}

static void on_credential(void *arg, struct slice access_token, usec_t expires_in, struct slice refresh_token)
{
    str_addf(arg, "credential %.*s expires %lld refresh %.*s\n", SLICE_FMT(access_token),
             expires_in == USEC_NONE ? -1LL : (long long)(expires_in / USEC_PER_S), SLICE_FMT(refresh_token));
}

static void on_remark(void *arg, const char *text)
{
    str_addf(arg, "remark %s\n", text);
}

static void on_finding(void *arg, const struct finding *f)
{
    static const char *const levels[] = {"ok", "warning", "error"};

    str_addf(arg, "finding %s %s: %s%s%s\n", levels[f->level], f->code, f->what, f->mend ? " - " : "",
             f->mend ? f->mend : "");
}

static void on_result(void *arg, struct slice json)
{
    str_addf(arg, "result %.*s\n", SLICE_FMT(json));
}

void lines_sink(struct sink *ret, struct str *lines)
{
    *ret = (struct sink){lines,         on_record, on_reject,     on_checkpoint, on_complete,
                         on_incomplete, on_cursor, on_credential, on_remark,     on_finding,
                         on_result};
}

/* --- the script --- */

struct play *play_new(const struct provider *prov, const struct machine_ops *ops, const char *settings_json)
{
    struct play *p = NEW(struct play);
    struct err e = {0};

    p->provider = prov;
    p->ops = ops;
    p->settings = settings_from_json(prov->fields, prov->nfields, slice_cstr(settings_json), &e);
    if (!p->settings)
        fail_msg("settings: %s", e.what);
    p->in = (struct machine_input){.settings = p->settings,
                                   .now = SECONDS(1763690400), /* 2025-11-21T02:00:00Z */
                                   .mode = SYNC_FULL,
                                   .kinds = SYNC_KINDS_ALL};
    lines_sink(&p->sink, &p->lines);
    return p;
}

static void drop_call(struct play *p, struct open_call *c)
{
    struct open_call **at = &p->open;

    while (*at != c)
        at = &(*at)->next;
    *at = c->next;
    free(c->name);
    free(c);
}

void play_free(struct play *p)
{
    if (!p)
        return;
    p->ops->free(p->machine);
    while (p->open)
        drop_call(p, p->open);
    for (size_t i = 0; i < p->nscripts; i++) {
        free(p->scripts[i].call);
        free(p->scripts[i].body);
    }
    settings_free(p->settings);
    str_release(&p->lines);
    str_release(&p->calls);
    free(p);
}

struct machine_input *play_input(struct play *p)
{
    return &p->in;
}

void play_on(struct play *p, const char *call, struct play_reply r)
{
    assert_true(p->nscripts < ARRAY_LEN(p->scripts));
    p->scripts[p->nscripts++] = (struct script){mem_strdup(call), r, mem_strdup(r.body ? r.body : ""), false};
}

void play_json(struct play *p, const char *call, const char *body)
{
    play_on(p, call, (struct play_reply){.body = body});
}

void play_status(struct play *p, const char *call, int status, const char *body)
{
    play_on(p, call, (struct play_reply){.status = status, .body = body});
}

void play_lenient(struct play *p)
{
    p->lenient = true;
}

const char *play_log(const struct play *p)
{
    return p->lines.p ? p->lines.p : "";
}

const char *play_calls(const struct play *p)
{
    return p->calls.p ? p->calls.p : "";
}

/* --- playing --- */

static struct script *script_for(struct play *p, const char *call)
{
    for (size_t i = 0; i < p->nscripts; i++)
        if (!p->scripts[i].used && strcmp(p->scripts[i].call, call) == 0) {
            p->scripts[i].used = true;
            return &p->scripts[i];
        }
    fail_msg("nothing is scripted for this call: %s\nso far:\n%s\n%s", call, play_calls(p), play_log(p));
    abort(); /* not reached */
}

static void begin_call(struct play *p, const struct machine_call *mc)
{
    struct open_call *c = NEW(struct open_call), **at = &p->open;

    assert_non_null(mc->path);
    assert_int_equal(mc->path[0], '/');
    assert_true(mc->id != 0);
    for (; *at; at = &(*at)->next)
        assert_true((*at)->call.id != mc->id);
    c->call = *mc;
    c->name = mem_printf("%s %s", mc->method, mc->path);
    c->script = script_for(p, c->name);
    if (c->script->reply.body_wants && !strstr(mc->body.p ? mc->body.p : "", c->script->reply.body_wants))
        fail_msg("%s: the body lacks \"%s\": %.*s", c->name, c->script->reply.body_wants, SLICE_FMT(mc->body));
    str_addf(&p->calls, "%s\n", c->name);
    *at = c;
}

static enum reply_class class_of(const struct play *p, const struct open_call *c, const struct machine_reply *r)
{
    struct slice body = slice_trim(slice_cstr(c->script->body));

    char first = body.n ? body.p[0] : '\0';

    return p->provider->classify ? p->provider->classify(&c->call, r, first) : reply_classify(&c->call, r, first);
}

static struct machine_reply reply_of(const struct open_call *c)
{
    const struct play_reply *r = &c->script->reply;

    return (struct machine_reply){.status = r->status ? r->status : 200,
                                  .content_type = r->content_type ? r->content_type : "application/json",
                                  .date = r->date ? r->date : USEC_NONE,
                                  .retry_after = USEC_NONE};
}

static void end_call(struct play *p, struct open_call *c, const struct machine_reply *r)
{
    unsigned id = c->call.id;

    /* The machine's own memory must do: the call's texts were promised to live until now. */
    assert_true(strstr(c->name, c->call.path) != NULL);
    drop_call(p, c);
    p->ops->on_end(p->machine, id, r);
}

/* One step of one call; what the engine would do after its retries. */
static void step(struct play *p, struct open_call *c, size_t most)
{
    struct machine_reply r = reply_of(c);
    struct slice body = slice_cstr(c->script->body);
    struct err e = {0};
    enum reply_class class;

    if (c->script->reply.transport != ERR_NONE) {
        err_set(&e, c->script->reply.transport, "%s: no whole answer", c->call.what);
        r.status = 0;
        r.err = &e;
        end_call(p, c, &r);
        return;
    }
    class = class_of(p, c, &r);
    if (class != REPLY_OK) {
        r.error_body = body;
        if (r.status / 100 == 2) {
            err_set(&e, class == REPLY_THROTTLED ? ERR_THROTTLED : ERR_PROTOCOL, "%s: a page", c->call.what);
            r.err = &e;
        }
        end_call(p, c, &r);
        return;
    }
    size_t n = most ? 1 + (p->seed = p->seed * 1664525u + 1013904223u) / 7 % most : body.n;
    if (c->fed == 0 && body.n && p->ops->on_head)
        p->ops->on_head(p->machine, c->call.id, &r);
    if (c->script->reply.cut_once && !c->cut && c->fed >= body.n / 2 && c->fed) {
        c->cut = true;
        c->fed = 0;
        p->ops->on_again(p->machine, c->call.id);
    }
    if (c->script->reply.cut_once && !c->cut)
        n = MIN(n, body.n / 2 + 1);
    n = MIN(n, body.n - c->fed);
    /* A copy of exactly that size: reading past a piece is found by the sanitizer. */
    char *piece = n ? memcpy(mem_alloc(n), body.p + c->fed, n) : NULL;
    bool ok = n == 0 || p->ops->on_body(p->machine, c->call.id, slice_of(piece, n));
    free(piece);
    c->fed += n;
    if (!ok) {
        err_set(&e, ERR_PROTOCOL, "%s: the answer is not what the product's contract says", c->call.what);
        r.err = &e;
    }
    if (!ok || c->fed == body.n)
        end_call(p, c, &r);
}

static size_t open_count(const struct play *p)
{
    size_t n = 0;

    for (const struct open_call *c = p->open; c; c = c->next)
        n++;
    return n;
}

static void serve(struct play *p, size_t most)
{
    for (struct open_call *c = p->open, *next; c; c = next) {
        next = c->next;
        step(p, c, most);
    }
}

bool play_run(struct play *p, struct play_cut cut, struct err *e)
{
    p->seed = cut.seed;
    p->machine = p->ops->start(&p->in, &p->sink, e);
    if (!p->machine)
        return false;
    for (;;) {
        struct machine_call mc = {0};
        enum machine_want want = MACHINE_WAIT;

        while (open_count(p) < p->provider->limits.concurrency &&
               (want = p->ops->next(p->machine, &mc)) == MACHINE_CALL)
            begin_call(p, &mc);
        if (want == MACHINE_DONE)
            break;
        if (!p->open)
            fail_msg("the machine waits, but no call is open; calls so far:\n%s", play_calls(p));
        serve(p, cut.most);
    }
    assert_null(p->open);
    if (!p->ops->result(p->machine, e))
        return false;
    for (size_t i = 0; i < p->nscripts && !p->lenient; i++)
        if (!p->scripts[i].used)
            fail_msg("never asked: %s\ncalls:\n%s", p->scripts[i].call, play_calls(p));
    return true;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Calls that are open side by side may speak in any order: the logs are compared as sorted lines. */
static char *sorted(const char *log)
{
    char *copy = mem_strdup(log), *save = NULL;
    const char *v[4096];
    size_t n = 0;
    _cleanup_(str_release) struct str out = {0};

    for (char *l = strtok_r(copy, "\n", &save); l && n < ARRAY_LEN(v); l = strtok_r(NULL, "\n", &save))
        if (strncmp(l, "checkpoint", 10) != 0)
            v[n++] = l;
    qsort(v, n, sizeof(v[0]), by_text);
    for (size_t i = 0; i < n; i++)
        str_addf(&out, "%s\n", v[i]);
    free(copy);
    return str_take(&out);
}

char *play_all_cuts(const struct provider *prov, const struct machine_ops *ops, const char *settings_json,
                    void (*script)(struct play *p))
{
    static const struct play_cut cuts[] = {{0, 0}, {1, 0}, {2, 7}, {13, 1}, {13, 2}, {400, 3}, {400, 4}};
    char *first = NULL, *log = NULL;

    for (size_t i = 0; i < ARRAY_LEN(cuts); i++) {
        struct play *p = play_new(prov, ops, settings_json);
        struct err e = {0};
        char *now;

        script(p);
        if (!play_run(p, cuts[i], &e))
            fail_msg("cut %zu/%u: %s", cuts[i].most, cuts[i].seed, e.what);
        now = sorted(play_log(p));
        if (!first) {
            first = now;
            log = mem_strdup(play_log(p));
        } else {
            assert_string_equal(now, first);
            free(now);
        }
        play_free(p);
    }
    free(first);
    return log;
}

char *fixture(const char *name)
{
    char *path = mem_printf("%s/%s", FIXTURES, name);
    FILE *f = fopen(path, "rb");
    _cleanup_(str_release) struct str text = {0};
    char buf[4096];
    size_t n;

    if (!f)
        fail_msg("no fixture %s", path);
    while ((n = fread(buf, 1, sizeof(buf), f)) > 0)
        str_add(&text, slice_of(buf, n));
    fclose(f);
    free(path);
    return str_take(&text);
}

static bool has_line(const char *log, const char *want)
{
    size_t n = strlen(want);

    for (const char *at = log; (at = strstr(at, want)); at++)
        if ((at == log || at[-1] == '\n') && at[n] == '\n')
            return true;
    return false;
}

void check_line(const char *log, const char *want, bool there, const char *file, int line)
{
    if (has_line(log, want) == there)
        return;
    print_error("%s\n--- %s in:\n%s\n", want, there ? "is not" : "should not be", log);
    _fail(file, line);
}

void check_says(const char *log, const char *want, const char *file, int line)
{
    if (strstr(log, want))
        return;
    print_error("%s\n--- is not in:\n%s\n", want, log);
    _fail(file, line);
}

size_t count_says(const char *log, const char *part)
{
    size_t n = 0;

    for (const char *at = log; (at = strstr(at, part)); at += strlen(part))
        n++;
    return n;
}
