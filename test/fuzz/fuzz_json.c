/* fuzz_json.c - JSON: a byte that seeds the cuts, then a document.
 * Held:  the streaming reader, the tree, json_valid and the scan of webhooks agree on what is JSON; cuts change nothing; depth is
 *        bounded; texts handed out are storable; what is accepted and written again is JSON with the same meaning. */
#include "fuzz.h"

#include "base/json_read.h"
#include "base/json_write.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "provider/common_scan.h"

/* --- what the streaming reader says, as text --- */

struct events {
    struct str text;
    unsigned depth, deepest;
};

static bool open_mark(struct events *v, char mark)
{
    v->depth++;
    v->deepest = MAX(v->deepest, v->depth);
    str_addc(&v->text, mark);
    return true;
}

static bool close_mark(struct events *v, char mark)
{
    HOLD(v->depth > 0);
    v->depth--;
    str_addc(&v->text, mark);
    return true;
}

static bool on_object(void *arg)
{
    return open_mark(arg, '{');
}

static bool on_object_end(void *arg)
{
    return close_mark(arg, '}');
}

static bool on_array(void *arg)
{
    return open_mark(arg, '[');
}

static bool on_array_end(void *arg)
{
    return close_mark(arg, ']');
}

static bool on_text(void *arg, struct slice text)
{
    struct events *v = arg;
    HOLD(text.p && utf8_storable(text));
    str_addf(&v->text, "%zu:", text.n);
    str_add(&v->text, text);
    return true;
}

static bool on_number(void *arg, struct slice text)
{
    struct events *v = arg;
    HOLD(text.n > 0);
    str_addc(&v->text, '#');
    str_add(&v->text, text);
    return true;
}

static bool on_boolean(void *arg, bool b)
{
    str_adds(&((struct events *)arg)->text, b ? "T" : "F");
    return true;
}

static bool on_null(void *arg)
{
    str_addc(&((struct events *)arg)->text, 'N');
    return true;
}

static const struct json_handler handler = {on_object, on_text,   on_object_end, on_array, on_array_end,
                                            on_text,   on_number, on_boolean,    on_null};

static bool feed(struct json_reader *r, struct slice text, unsigned seed)
{
    struct fuzz_cuts cuts = fuzz_cuts(text, seed);
    struct slice piece;
    struct err e = {0}, again = {0};
    bool ok = true;
    while (ok && fuzz_cuts_next(&cuts, &piece))
        ok = json_reader_feed(r, piece, &e);
    fuzz_cuts_end(&cuts);
    ok = ok && json_reader_finish(r, &e);
    if (!ok) { /* a failure stays, word for word */
        HOLD(e.code != ERR_NONE && e.what[0]);
        HOLD(!json_reader_feed(r, SLICE("[]"), &again) && again.code == e.code && strcmp(again.what, e.what) == 0);
    }
    return ok;
}

static bool read_events(struct slice text, unsigned seed, unsigned max_depth, struct events *v)
{
    struct json_reader *r = json_reader_new(&handler, v, max_depth);
    bool ok = feed(r, text, seed);
    HOLD(v->deepest <= max_depth && (!ok || v->depth == 0));
    json_reader_free(r);
    return ok;
}

/* --- the tree --- */

static void check_tree(struct slice text)
{
    _cleanup_(arena_freep) struct arena *a = arena_new();
    _cleanup_(str_release) struct str once = {0}, twice = {0};
    struct events before = {0}, after = {0};
    struct json *tree, *again;
    struct err e = {0};

    if (!json_parse(a, text, &tree, &e)) { /* beside what is no JSON: a key that stands twice */
        HOLD(e.code != ERR_NONE && e.what[0]);
        return;
    }
    json_write(tree, &once);
    if (!json_parse(a, str_slice(&once), &again, &e))
        HOLD(!"what was written can be read");
    json_write(again, &twice);
    HOLD(slice_eq(str_slice(&once), str_slice(&twice)));
    HOLD(read_events(text, 0, JSON_MAX_DEPTH, &before));
    HOLD(read_events(str_slice(&once), 0, JSON_MAX_DEPTH, &after));
    HOLD(slice_eq(str_slice(&before.text), str_slice(&after.text)));
    str_release(&before.text);
    str_release(&after.text);
}

/* --- the scan --- */

static void on_member(void *arg, struct slice key, struct slice value)
{
    const struct slice *whole = arg;
    HOLD(value.n && value.p >= whole->p && value.p + value.n <= whole->p + whole->n);
    HOLD(!key.p || (key.p > whole->p && key.p + key.n < value.p));
    HOLD(json_valid(value, NULL));
    struct slice plain = scan_plain(value);
    HOLD(plain.n <= value.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = slice_of((const char *)data, size);
    unsigned seed = fuzz_byte(&text);
    struct events whole = {0}, cut = {0}, shallow = {0};

    bool ok = read_events(text, 0, JSON_MAX_DEPTH, &whole);
    HOLD(read_events(text, seed + 1, JSON_MAX_DEPTH, &cut) == ok);
    HOLD(!ok || slice_eq(str_slice(&whole.text), str_slice(&cut.text)));
    HOLD(read_events(text, 0, 3, &shallow) == (ok && whole.deepest <= 3));
    HOLD(json_valid(text, NULL) == ok);
    struct err e = {0};
    HOLD(scan_json(text, on_member, &text, &e) == ok);
    HOLD(ok || (e.code == ERR_INPUT && e.what[0]));
    check_tree(text);
    str_release(&whole.text);
    str_release(&cut.text);
    str_release(&shallow.text);
    return 0;
}
