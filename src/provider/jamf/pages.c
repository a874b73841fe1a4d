/* pages.c - see pages.h. */
#include "provider/jamf/pages.h"

#include "base/crypto.h"
#include "base/json_read.h"
#include "base/json_write.h"

#include <stdio.h>

static const struct map_field head_fields[] = {
    {"totalCount", MAP_I64, offsetof(struct jamf_pages_head, total), .required = true},
};
const struct map jamf_pages_head_map = {sizeof(struct jamf_pages_head), head_fields, ARRAY_LEN(head_fields)};

/* Each divides the one before. */
static const unsigned ladders[][JAMF_NLADDER] = {{500, 250, 125, 25, 5, 1}, {200, 100, 50, 25, 5, 1}};

void jamf_pages_add(struct machine *m, struct jamf_pages *p, const struct task_kind *whole,
                    const struct task_kind *part, unsigned stage, enum record_kind kind, unsigned full)
{
    p->kind = kind;
    p->whole_kind = whole;
    p->part_kind = part;
    p->full = p->size = full;
    p->total = -1;
    machine_add(m, &p->task, whole, stage);
}

void jamf_pages_release(struct jamf_pages *p)
{
    seen_release(&p->seen);
}

static const struct sink *sink_of(const struct jamf_pages *p)
{
    return p->task.machine->sink;
}

static void doubt(struct jamf_pages *p, const char *why)
{
    if (!p->doubt[0])
        snprintf(p->doubt, sizeof(p->doubt), "%s", why);
}

static void tell_doubt(struct jamf_pages *p)
{
    const struct sink *sink = sink_of(p);
    char why[256];

    if (!p->doubt[0])
        return;
    snprintf(why, sizeof(why), "Jamf Pro, %s: %s, so nothing is taken as missing", p->task.kind->what, p->doubt);
    if (!p->doubtful)
        sink->incomplete(sink->arg, p->kind, why);
    p->doubtful = true;
    p->doubt[0] = '\0';
}

/* --- sizes --- */

static const unsigned *ladder_of(const struct jamf_pages *p)
{
    return ladders[p->full == ladders[1][0]];
}

static unsigned smaller(const struct jamf_pages *p)
{
    const unsigned *l = ladder_of(p);

    for (size_t i = 0; i < JAMF_NLADDER; i++)
        if (l[i] < p->size)
            return l[i];
    return 1;
}

/* The largest page that begins at the offset. */
static void grow(struct jamf_pages *p)
{
    const unsigned *l = ladder_of(p);

    p->size = p->full;
    for (size_t i = 0; i < JAMF_NLADDER && p->part_kind && p->offset % p->size; i++)
        p->size = l[i];
}

static void choose_kind(struct jamf_pages *p)
{
    bool part = p->part_kind && p->size < p->full && p->size > 1 && !p->careful;

    p->task.kind = part ? p->part_kind : p->whole_kind;
}

/* --- one page --- */

void jamf_pages_ask(struct jamf_pages *p, const char *sort, struct str *path)
{
    p->before = p->seen.n;
    str_addf(path, "page=%lld&page-size=%u&sort=%s", (long long)(p->offset / p->size), p->size, sort);
}

static uint64_t identity(struct slice id)
{
    uint64_t h = crypto_hash64(0, id);

    return h ? h : 1;
}

bool jamf_pages_take(struct jamf_pages *p, struct slice id, const char *fault)
{
    const struct sink *sink = sink_of(p);

    if (!id.n) {
        sink->reject(sink->arg, p->kind, SLICE_NONE, fault ? fault : "id: expected a number");
        doubt(p, "a row without an id");
        return false;
    }
    if (p->seen.n >= JAMF_LIST_MAX || !seen_add(&p->seen, identity(id))) {
        doubt(p, p->seen.n < JAMF_LIST_MAX ? "a row came twice" : "more rows than are read of one list");
        return false;
    }
    if (p->basic)
        sink->reject(sink->arg, p->kind, id,
                     "Jamf Pro fails with a 500 for this record: only its general section can be read, so it is left "
                     "as it was; its server log names the fault");
    else if (fault)
        sink->reject(sink->arg, p->kind, id, fault);
    p->lost += p->basic || fault;
    return !fault && !p->basic;
}

void jamf_pages_again(struct jamf_pages *p)
{
    seen_cut(&p->seen, p->before);
    p->doubt[0] = '\0';
}

static enum task_verdict end(struct jamf_pages *p)
{
    char why[96];

    if (p->rows != p->total) {
        snprintf(why, sizeof(why), "%lld rows were announced and %lld were given", (long long)p->total,
                 (long long)p->rows);
        doubt(p, why);
    }
    tell_doubt(p);
    p->proven = !p->doubtful;
    p->ended = true;
    return TASK_DONE;
}

enum task_verdict jamf_pages_page(struct jamf_pages *p, const struct jamf_pages_head *h)
{
    const struct sink *sink = sink_of(p);
    int64_t fresh = (int64_t)(p->seen.n - p->before), given = p->task.page_rows;

    if (p->total > h->total)
        doubt(p, "the list became shorter while it was read");
    p->total = h->total;
    p->rows += fresh;
    p->offset += p->size;
    p->careful = p->basic = false;
    if (sink->progress)
        sink->progress(sink->arg, p->kind, p->rows, p->total);
    if (given && !fresh)
        doubt(p, "a page repeats what came before, and the list does not move on");
    if (!given || !fresh || p->rows >= p->total)
        return end(p);
    tell_doubt(p);
    grow(p);
    choose_kind(p);
    return TASK_AGAIN;
}

/* --- a page that fails --- */

static bool may_be_the_page(const struct machine_reply *r)
{
    return r->status == 500 || r->status == 502 || r->status == 504 || (r->err && r->err->code == ERR_TIMEOUT);
}

static enum task_verdict skip(struct jamf_pages *p)
{
    const struct sink *sink = sink_of(p);
    char why[160];

    snprintf(why, sizeof(why),
             "record %lld of the list by id: Jamf Pro fails with a 500; its server log names the fault",
             (long long)p->offset + 1);
    sink->reject(sink->arg, p->kind, SLICE_NONE, why);
    doubt(p, "a record cannot be read, and not be named");
    tell_doubt(p);
    p->lost++;
    p->rows++;
    p->offset++;
    p->basic = false;
    if (p->total >= 0 && p->rows >= p->total)
        return end(p);
    grow(p);
    choose_kind(p);
    return TASK_AGAIN;
}

enum task_verdict jamf_pages_failed(struct jamf_pages *p, const struct machine_reply *r, struct err *e)
{
    bool part = p->task.kind == p->part_kind;

    if (!p->part_kind || p->task.broken.code != ERR_NONE)
        return TASK_FATAL;
    if (!may_be_the_page(r)) {
        p->careful = true;
        choose_kind(p);
        return part ? TASK_AGAIN : TASK_FATAL;
    }
    if (p->size > 1) {
        p->size = smaller(p);
        p->careful = false;
        choose_kind(p);
        return TASK_AGAIN;
    }
    if (r->status != 500)
        return TASK_FATAL;
    if (p->basic)
        return skip(p);
    if (++p->failing > JAMF_FAIL_MAX) {
        err_wrap(e, "more than %d records fail by themselves", JAMF_FAIL_MAX);
        return TASK_FATAL;
    }
    p->basic = true;
    return TASK_AGAIN;
}

/* --- checkpoints --- */

void jamf_pages_write(const struct jamf_pages *p, struct jw *w)
{
    jw_key(w, p->name);
    jw_object(w);
    jw_key_i64(w, "offset", p->offset);
    jw_key_i64(w, "size", p->size);
    jw_key_i64(w, "rows", p->rows);
    jw_key_i64(w, "total", p->total);
    jw_key_i64(w, "lost", p->lost);
    jw_key_bool(w, "ended", p->ended);
    jw_key_bool(w, "proven", p->proven);
    jw_key_bool(w, "doubtful", p->doubtful);
    jw_end(w);
}

static bool is_rung(const struct jamf_pages *p, int64_t size)
{
    for (size_t i = 0; i < JAMF_NLADDER; i++)
        if (ladder_of(p)[i] == size)
            return true;
    return false;
}

/* What was seen before the checkpoint is not known any more: a row that comes again on the other side of it counts twice, and the
 * totals will tell. */
void jamf_pages_read(struct jamf_pages *p, const struct json *root)
{
    const struct json *o = json_get(root, p->name);
    int64_t offset, size, rows, total, lost;

    if (!o || !json_get_i64(o, "offset", &offset) || !json_get_i64(o, "size", &size) ||
        !json_get_i64(o, "rows", &rows) || !json_get_i64(o, "total", &total) || !json_get_i64(o, "lost", &lost) ||
        !is_rung(p, size) || offset < 0 || offset % size || rows < 0 || rows > offset)
        return;
    p->offset = offset;
    p->size = (unsigned)size;
    p->rows = rows;
    p->total = total;
    p->lost = lost;
    p->ended = json_get_bool(o, "ended", false);
    p->proven = json_get_bool(o, "proven", false);
    p->doubtful = json_get_bool(o, "doubtful", false);
    choose_kind(p);
    if (p->ended && p->task.state == TASK_READY)
        task_switch(&p->task, TASK_ENDED);
}
