/* fuzz_machine.c - the machines of the providers, answered with anything.
 * Input: four bytes: provider (place in `products`), machine and mode, kinds (0x80: those of the lower bits; 0x40 is backup jobs), seed of the cuts; then one answer a line, which is a letter and the body:
 *        2 200 · 4 404 · 1 401 · 9 429 · 5 500 · n 204 · h 200 refused by the engine · x nothing came · c cut, then again · d 200 with a Date · else 200.
 *        When no line is left, every call is answered with an empty body.
 * Held:  a machine ends; its calls are well-formed; what it says holds (sink.c); a list is never told complete after a page of it has
 *        failed; a run resumed from the last checkpoint holds to the same. */
#include "fuzz.h"

#include "base/json_read.h"
#include "base/json_write.h"
#include "base/utf8.h"
#include "provider/providers.h"
#include "sink.h"

#define MAX_LINES 4096
#define MAX_EXTRA 256 /* calls answered with nothing: more means that the machine does not end */
#define MAX_CALLS (MAX_LINES + MAX_EXTRA)
#define MAX_OPEN  16

struct open_call {
    struct machine_call call;
    char *path;
    struct fuzz_cuts cuts;
    struct slice body;
    char letter;
    bool begun, again;
};

struct run {
    const struct provider *provider;
    const struct machine_ops *ops;
    struct machine *machine;
    struct slice lines;
    uint32_t seed;
    unsigned calls, most_calls;
    struct open_call open[MAX_OPEN];
    unsigned nopen;
    char *failed[MAX_CALLS]; /* the last answer to this path was no good */
    const char *failed_what[MAX_CALLS];
    unsigned nfailed;
};

/* --- settings that any provider accepts, from its table of fields --- */

static const char *plain_value(const struct provider_field *f)
{
    switch (f->kind) {
    case FIELD_INPUT_SELECT:
        return f->options[0];
    case FIELD_INPUT_URL:
        return "https://rmm.example";
    case FIELD_INPUT_BOOL:
        return "true";
    case FIELD_INPUT_NUMBER:
        return NULL;
    case FIELD_INPUT_TEXT:
    case FIELD_INPUT_SECRET:
    case FIELD_INPUT_LINES:
        break;
    }
    return "text-of-some-length-0123456789";
}

static struct settings *plain_settings(const struct provider *p)
{
    _cleanup_(str_release) struct str json = {0};
    struct err e = {0};
    struct jw w;

    jw_init(&w, &json);
    jw_object(&w);
    for (size_t i = 0; i < p->nfields; i++)
        if (p->fields[i].required)
            jw_key_str(&w, p->fields[i].key, plain_value(&p->fields[i]));
    jw_end(&w);
    struct settings *s = settings_from_json(p->fields, p->nfields, str_slice(&json), &e);
    HOLD(s);
    return s;
}

/* --- which calls failed --- */

static void forget_failed(struct run *r, const char *path)
{
    for (unsigned i = 0; i < r->nfailed; i++)
        if (strcmp(r->failed[i], path) == 0) {
            free(r->failed[i]);
            r->failed[i] = r->failed[--r->nfailed];
            r->failed_what[i] = r->failed_what[r->nfailed];
            return;
        }
}

static void remember_outcome(struct run *r, const struct open_call *c, bool good)
{
    forget_failed(r, c->path);
    if (!good) {
        HOLD(r->nfailed < MAX_CALLS);
        r->failed[r->nfailed] = strdup(c->path);
        r->failed_what[r->nfailed++] = c->call.what;
    }
}

/* Which list a call reads, by the words the providers use. (Jamf Pro's computers are not here: a page that fails is read again in
 * parts, and the list is whole all the same.) */
static bool reads_kind(const struct provider *p, const char *what, enum record_kind kind)
{
    static const struct {
        const char *what;
        enum record_kind kind;
        const char *product; /* NULL: it is the same in all */
    } lists[] = {
        {"organizations", RECORD_ORGANIZATION},
        {"clients", RECORD_ORGANIZATION},
        {"locations", RECORD_LOCATION},
        {"sites", RECORD_LOCATION, "tacticalrmm"},
        {"sites", RECORD_ORGANIZATION, "jamf"},
        {"buildings", RECORD_LOCATION},
        {"groups", RECORD_GROUP},
        {"mobile-devices", RECORD_DEVICE},
        {"devices", RECORD_DEVICE},
        {"pending-devices", RECORD_DEVICE},
        {"agents", RECORD_DEVICE},
        {"companies", RECORD_ORGANIZATION},
        {"computers", RECORD_DEVICE, "msp360"},
        {"monitoring", RECORD_BACKUP_JOB},
        {"alerts", RECORD_ALERT},
        {"customers", RECORD_ORGANIZATION},
        {"contacts", RECORD_PERSON},
        {"assets", RECORD_DEVICE},
    };
    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        if (lists[i].kind == kind && strcmp(lists[i].what, what) == 0 &&
            (!lists[i].product || strcmp(lists[i].product, p->key) == 0))
            return true;
    return false;
}

static void check_complete(const struct run *r, const struct told *t)
{
    for (unsigned kind = 0; kind < RECORD_NKINDS_; kind++)
        for (unsigned i = 0; (t->complete & BIT(kind)) && i < r->nfailed; i++)
            HOLD(!reads_kind(r->provider, r->failed_what[i], (enum record_kind)kind));
}

/* --- answers --- */

static void check_call(const struct run *r, const struct machine_call *c)
{
    static const char *const methods[] = {"GET", "POST", "PUT", "PATCH", "DELETE"};
    bool known_method = false;

    for (size_t i = 0; i < ARRAY_LEN(methods); i++)
        known_method |= strcmp(c->method, methods[i]) == 0;
    HOLD(known_method && c->id && c->what && *c->what);
    HOLD(c->path && c->path[0] == '/');
    for (const char *p = c->path; *p; p++) /* it becomes a request line */
        HOLD((uint8_t)*p > 0x20 && (uint8_t)*p < 0x7F && *p != '#');
    for (unsigned i = 0; i < r->nopen; i++)
        HOLD(r->open[i].call.id != c->id);
}

static void begin(struct run *r, const struct machine_call *mc)
{
    struct slice body = slice_cut(&r->lines, '\n');
    struct open_call *c = &r->open[r->nopen++];

    check_call(r, mc);
    HOLD(++r->calls <= r->most_calls);
    *c = (struct open_call){.call = *mc, .path = strdup(mc->path)};
    HOLD(c->path);
    c->letter = (char)fuzz_byte(&body);
    c->body = body;
    c->cuts = fuzz_cuts(body, r->seed);
}

static void end(struct run *r, unsigned i, struct machine_reply *reply, bool good)
{
    struct open_call c = r->open[i];

    HOLD(strcmp(c.path, c.call.path) == 0); /* the call's texts were promised to live until now */
    remember_outcome(r, &c, good);
    fuzz_cuts_end(&c.cuts);
    free(c.path);
    memmove(&r->open[i], &r->open[i + 1], (--r->nopen - i) * sizeof(c));
    r->ops->on_end(r->machine, c.call.id, reply);
}

static int status_of(char letter)
{
    switch (letter) {
    case '4':
        return 404;
    case '1':
        return 401;
    case '9':
        return 429;
    case '5':
        return 500;
    case 'n':
        return 204;
    case 'x':
        return 0;
    default:
        return 200;
    }
}

/* The next piece of a good answer; false when it has ended. */
static bool feed(struct run *r, unsigned i, const struct machine_reply *head, bool *accepted)
{
    struct open_call *c = &r->open[i];
    struct slice piece;

    if (c->letter == 'c' && !c->again && c->cuts.rest.n <= c->body.n / 2) {
        c->again = true;
        fuzz_cuts_end(&c->cuts);
        c->cuts = fuzz_cuts(c->body, r->seed);
        r->ops->on_again(r->machine, c->call.id);
        c->begun = false;
    }
    if (!c->begun && r->ops->on_head)
        r->ops->on_head(r->machine, c->call.id, head);
    c->begun = true;
    *accepted = true;
    if (!fuzz_cuts_next(&c->cuts, &piece))
        return false;
    *accepted = r->ops->on_body(r->machine, c->call.id, piece);
    return *accepted;
}

static void step(struct run *r, unsigned i)
{
    struct open_call *c = &r->open[i];
    struct err e = {0};
    struct machine_reply reply = {.status = status_of(c->letter),
                                  .content_type = "application/json",
                                  .date = c->letter == 'd' ? SECONDS(1763690000) : USEC_NONE,
                                  .retry_after = USEC_NONE};
    bool accepted;

    if (reply.status == 0 || c->letter == 'h') {
        err_set(&e, reply.status ? ERR_PROTOCOL : ERR_UNAVAILABLE, "%s: no answer", c->call.what);
        reply.err = &e;
        reply.error_body = reply.status ? c->body : SLICE_NONE;
        end(r, i, &reply, false);
    } else if (reply.status / 100 != 2) {
        reply.error_body = c->body;
        end(r, i, &reply, false);
    } else if (reply.status == 204) {
        end(r, i, &reply, false); /* nothing is no list */
    } else if (!feed(r, i, &reply, &accepted)) {
        if (!accepted) {
            err_set(&e, ERR_PROTOCOL, "%s: the answer is not what the product's contract says", c->call.what);
            reply.err = &e;
        }
        end(r, i, &reply, accepted && json_valid(c->body, NULL));
    }
}

/* False: the machine would not start. */
static bool play(struct run *r, const struct machine_input *in, const struct sink *sink, struct err *e)
{
    r->machine = r->ops->start(in, sink, e);
    if (!r->machine)
        return false;
    for (;;) {
        struct machine_call mc = {0};
        enum machine_want want = MACHINE_WAIT;
        unsigned most = MIN(r->provider->limits.concurrency, MAX_OPEN);
        while (r->nopen < most && (want = r->ops->next(r->machine, &mc)) == MACHINE_CALL)
            begin(r, &mc);
        if (want == MACHINE_DONE)
            break;
        HOLD(r->nopen > 0); /* else it waits for nothing */
        for (unsigned i = r->nopen; i-- > 0;)
            step(r, i);
    }
    HOLD(r->nopen == 0);
    return true;
}

static void finish(struct run *r)
{
    if (r->machine)
        r->ops->free(r->machine);
    while (r->nfailed)
        free(r->failed[--r->nfailed]);
}

/* --- runs --- */

static bool run(struct run *r, const struct machine_input *in, struct told *t)
{
    struct sink sink = told_sink(t);
    struct err e = {0};
    bool started = play(r, in, &sink, &e), ok = started && r->ops->result(r->machine, &e);

    HOLD(ok || (e.code != ERR_NONE && e.what[0]));
    if (started)
        check_complete(r, t);
    return ok;
}

static const struct machine_ops *choose_machine(const struct provider *p, unsigned byte, struct machine_input *in)
{
    switch (byte % 5) {
    case 0:
        return p->probe;
    case 1:
        return p->authenticate ? p->authenticate : p->sync;
    case 2:
        in->mode = SYNC_SINGLE;
        in->device_id = SLICE("17");
        return p->sync;
    case 3:
        in->mode = SYNC_INCREMENTAL;
        in->cursor = SLICE("{\"activity_id\":100,\"report_date\":\"2025-11-20T04:00:00Z\"}");
        return p->sync;
    default:
        return p->sync;
    }
}

/* In the order in which they came, so that a sample stays what it is. */
static const char *const products[] = {"ninjaone", "tacticalrmm", "msp360", "syncro", "jamf"};

static unsigned choose_kinds(unsigned byte)
{
    if (!(byte & 0x80))
        return SYNC_KINDS_ALL;
    return (byte & 0x3f) | (byte & 0x40 ? SYNC_KIND(RECORD_BACKUP_JOB) : 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice in = slice_of((const char *)data, size);
    unsigned nproviders = 0, which = fuzz_byte(&in), how = fuzz_byte(&in), kinds = fuzz_byte(&in);
    while (provider_registry[nproviders])
        nproviders++;
    HOLD(nproviders == ARRAY_LEN(products)); /* a new one is added to the list */
    const struct provider *p = provider_find(slice_cstr(products[which % nproviders]));
    uint32_t seed = fuzz_byte(&in);
    unsigned nlines = 0;
    for (size_t i = 0; i < in.n; i++)
        nlines += in.p[i] == '\n';
    if (nlines >= MAX_LINES)
        return 0;
    struct machine_input input = {
        .settings = plain_settings(p), .now = SECONDS(1763690400), .mode = SYNC_FULL, .kinds = choose_kinds(kinds)};
    static struct run r, resumed; /* large: lists of failed calls */
    struct told told = {0}, later = {0};

    r = (struct run){.provider = p, .seed = seed, .lines = in, .most_calls = nlines + MAX_EXTRA};
    r.ops = choose_machine(p, how, &input);
    run(&r, &input, &told);
    if (told.checkpoint.n) {
        resumed =
            (struct run){.provider = p, .ops = r.ops, .seed = seed, .lines = in, .most_calls = nlines + MAX_EXTRA};
        input.checkpoint = str_slice(&told.checkpoint);
        run(&resumed, &input, &later);
        finish(&resumed);
    }
    finish(&r);
    told_release(&told);
    told_release(&later);
    settings_free((struct settings *)(uintptr_t)input.settings);
    return 0;
}
