/* common_tasks.c - see common_tasks.h. */
#include "provider/common_tasks.h"

#include "base/crypto.h"

#include <assert.h>
#include <stdlib.h>

#define TEXT_BODY_MAX 4096

static const unsigned task_edges[] = {
    [TASK_OFF] = BIT(TASK_READY) | BIT(TASK_ENDED),
    [TASK_READY] = BIT(TASK_OFF) | BIT(TASK_OPEN) | BIT(TASK_ENDED),
    [TASK_OPEN] = BIT(TASK_READY) | BIT(TASK_ENDED),
    [TASK_ENDED] = 0,
};

static void task_enter(struct task *t, enum task_state to)
{
    assert(task_edges[t->state] & BIT(to));
    t->state = to;
}

void task_switch(struct task *t, enum task_state to)
{
    assert(t->state != TASK_OPEN && to != TASK_OPEN);
    if (t->state != to)
        task_enter(t, to);
}

static uint64_t hash_texts(uint64_t h, const struct texts *t)
{
    for (size_t i = 0; i < t->n; i++)
        h = crypto_hash64(h, t->v[i]);
    return h;
}

/* All scalar fields of a row, so that equal pages have equal hashes. */
static uint64_t row_hash(uint64_t h, const struct map *map, const void *row)
{
    for (size_t i = 0; i < map->n; i++) {
        const struct map_field *f = &map->fields[i];
        const char *at = (const char *)row + f->offset;
        size_t size = sizeof(int64_t);

        switch (f->kind) {
        case MAP_TEXT:
        case MAP_ID:
        case MAP_LOOSE_TEXT:
            h = crypto_hash64(h, *(const struct slice *)(const void *)at);
            continue;
        case MAP_TEXTS:
            h = hash_texts(h, (const struct texts *)(const void *)at);
            continue;
        case MAP_LIST:
            continue;
        case MAP_TRI:
        case MAP_ENUM:
            size = sizeof(int);
            break;
        case MAP_I64:
        case MAP_EPOCH:
        case MAP_ISO:
        case MAP_TIME:
        case MAP_SIZE:
            break;
        }
        h = crypto_hash64(h, slice_of(at, size));
    }
    return h;
}

static bool on_row(void *arg, const void *row, const char *fault, struct err *e)
{
    struct task *t = arg;

    t->page_hash = row_hash(t->page_hash, t->kind->doc->row, row);
    t->page_rows++;
    t->kind->row(t, row, fault);
    return true;
}

void machine_init(struct machine *m, const struct machine_input *in, const struct sink *sink,
                  void (*explain)(const struct task *t, const struct machine_reply *r, struct err *e))
{
    m->in = in;
    m->sink = sink;
    m->explain = explain;
}

static void task_wipe(struct task *t)
{
    if (t->kind->secret && t->body.p)
        crypto_wipe(t->body.p, t->body.cap);
    str_clear(&t->body);
    str_clear(&t->path);
}

void machine_tasks_free(struct machine *m)
{
    if (!m)
        return;
    for (size_t i = 0; i < m->ntasks; i++) {
        struct task *t = m->tasks[i];
        task_wipe(t);
        str_release(&t->path);
        str_release(&t->body);
        str_release(&t->text);
        map_reader_free(t->reader);
    }
    if (m->release)
        m->release(m);
    free(m); /* the first member of the provider's own block */
}

void machine_add(struct machine *m, struct task *t, const struct task_kind *kind, unsigned stage)
{
    assert(m->ntasks < MACHINE_MAX_TASKS);
    m->tasks[m->ntasks++] = t;
    t->kind = kind;
    t->machine = m;
    t->stage = stage;
    t->state = TASK_READY;
}

/* A page begins: what was kept of its last attempt goes. */
static void task_begin(struct task *t)
{
    t->page_hash = 0;
    t->page_rows = 0;
    t->date = USEC_NONE;
    t->broken = (struct err){0};
    str_clear(&t->text);
    if (t->reader)
        map_reader_reset(t->reader);
}

static void task_ask(struct task *t, struct machine_call *ret)
{
    struct machine *m = t->machine;
    const struct task_kind *k = t->kind;

    task_begin(t);
    if (k->doc && !t->reader)
        t->reader = map_reader_new(k->doc, on_row, t, 0);
    task_wipe(t);
    k->ask(t, &t->path, &t->body);
    t->call = ++m->last_call;
    *ret = (struct machine_call){
        .id = t->call,
        .method = k->method ? k->method : "GET",
        .path = t->path.p,
        .body = t->body.n ? str_slice(&t->body) : SLICE_NONE,
        .content_type = t->body.n ? k->content_type : NULL,
        .repeatable = !k->acting,
        .anonymous = k->anonymous,
        .what = k->what,
    };
    task_enter(t, TASK_OPEN);
}

static void machine_settle(struct machine *m)
{
    if (m->settled)
        return;
    m->settled = true;
    if (m->err.code == ERR_NONE && m->finish)
        m->finish(m);
}

enum machine_want machine_tasks_next(struct machine *m, struct machine_call *ret)
{
    struct task *ready = NULL;
    bool open = false;
    unsigned stage = UINT32_MAX; /* the earliest that has not ended */

    for (size_t i = 0; i < m->ntasks; i++) {
        struct task *t = m->tasks[i];
        if (t->state == TASK_READY || t->state == TASK_OPEN)
            stage = MIN(stage, t->stage);
        open |= t->state == TASK_OPEN;
    }
    for (size_t i = 0; i < m->ntasks && !ready; i++)
        if (m->tasks[i]->state == TASK_READY && m->tasks[i]->stage == stage)
            ready = m->tasks[i];

    if (ready && m->err.code == ERR_NONE) {
        task_ask(ready, ret);
        return MACHINE_CALL;
    }
    if (open)
        return MACHINE_WAIT;
    machine_settle(m);
    return MACHINE_DONE;
}

static struct task *task_of_call(struct machine *m, unsigned call)
{
    for (size_t i = 0; i < m->ntasks; i++)
        if (m->tasks[i]->state == TASK_OPEN && m->tasks[i]->call == call)
            return m->tasks[i];
    return NULL;
}

void machine_tasks_on_head(struct machine *m, unsigned call, const struct machine_reply *head)
{
    struct task *t = task_of_call(m, call);

    if (t)
        t->date = head->date;
}

bool machine_tasks_on_body(struct machine *m, unsigned call, struct slice piece)
{
    struct task *t = task_of_call(m, call);

    if (!t || t->broken.code != ERR_NONE || m->err.code != ERR_NONE)
        return false;
    if (t->reader)
        return map_reader_feed(t->reader, piece, &t->broken);
    size_t most = t->kind->text_max ? t->kind->text_max : TEXT_BODY_MAX;
    if (t->text.n + piece.n > most)
        return err_set(&t->broken, ERR_PROTOCOL, "the body is longer than the %zu bytes expected here", most);
    str_add(&t->text, piece);
    return true;
}

void machine_tasks_on_again(struct machine *m, unsigned call)
{
    struct task *t = task_of_call(m, call);

    if (!t)
        return;
    task_begin(t);
    if (t->kind->again)
        t->kind->again(t);
}

static bool is_success(const struct machine_reply *r)
{
    return !r->err && r->status >= 200 && r->status < 300;
}

/* Fills *e with why this call is lost; true when it is not. */
static bool task_check(struct task *t, const struct machine_reply *r, struct err *e)
{
    if (t->broken.code == ERR_NONE && r->status == 204 && t->kind->list)
        err_set(&t->broken, ERR_PROTOCOL, "nothing (204) where a list was due");
    else if (t->broken.code == ERR_NONE && is_success(r) && t->reader && r->status != 204)
        (void)!map_reader_finish(t->reader, &t->broken);
    if (t->broken.code != ERR_NONE) {
        *e = t->broken;
        return err_wrap(e, "%s: the answer cannot be read", t->kind->what);
    }
    if (is_success(r))
        return true;
    t->machine->explain(t, r, e);
    return false;
}

static enum task_verdict task_judge(struct task *t, const struct machine_reply *r, struct err *e)
{
    if (task_check(t, r, e)) {
        const void *head = t->reader && r->status != 204 ? map_reader_head(t->reader) : NULL;
        enum task_verdict v = t->kind->page(t, head, r, e);
        t->asked_again = false;
        return v;
    }
    if (t->kind->again)
        t->kind->again(t);
    if (t->broken.code != ERR_NONE && !t->asked_again && !t->kind->acting) {
        t->asked_again = true; /* cut or garbled on its way: seen from proxies under load */
        return TASK_AGAIN;
    }
    return t->kind->failed ? t->kind->failed(t, r, e) : TASK_FATAL;
}

void machine_tasks_on_end(struct machine *m, unsigned call, const struct machine_reply *r)
{
    struct task *t = task_of_call(m, call);
    struct err e = {0};

    if (!t)
        return;
    if (m->err.code != ERR_NONE) { /* another task has failed the machine: what this one found no longer matters */
        task_enter(t, TASK_ENDED);
        task_wipe(t);
        return;
    }
    enum task_verdict v = task_judge(t, r, &e);
    task_wipe(t);
    task_enter(t, v == TASK_AGAIN ? TASK_READY : TASK_ENDED);
    if (v == TASK_FATAL)
        m->err = e;
}

bool machine_tasks_result(const struct machine *m, struct err *e)
{
    if (m->err.code == ERR_NONE)
        return true;
    if (e)
        *e = m->err;
    return false;
}
