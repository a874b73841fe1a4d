/* cmd/tenant.c - `msphub tenant …`: create, list, suspend, resume, export, delete. */
#include "store/tenant.h"
#include "base/mem.h"
#include "cmd/actor.h"
#include "cmd/oneshot.h"
#include "store/tenant_export.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STEP_ROWS 2000
#define STEP_WAIT MILLIS(250)

enum { FLAG_NAME, FLAG_OUTPUT, FLAG_CONFIRM };
static const struct command_flag flags[] = {
    [FLAG_NAME] = {"name", "what people call it (create)", false},
    [FLAG_OUTPUT] = {"output", "the file to write, which must not exist (export) [standard output]", false},
    [FLAG_CONFIRM] = {"confirm", "the slug once more, as all of its data goes for good (delete)", false},
    {NULL},
};

struct tenant_work {
    struct oneshot *o;
    int64_t tenant_id, deleted;
    struct timer wait;
    struct tenant_export *rows;
    char *partial; /* the file until it is whole; NULL: standard output */
    FILE *out;
};

/* --- create, list --- */

static void on_created(void *arg, const struct row *row, const struct err *e)
{
    struct oneshot *o = arg;
    if (!e)
        printf("Tenant %s is number %lld.\n", o->inv->args[1], (long long)row->id);
    oneshot_done(o, e);
}

static void create(struct tenant_work *w)
{
    struct invocation *inv = w->o->inv;
    struct audit_actor actor = cmd_actor();
    struct slice slug = slice_cstr(inv->args[1]);
    tenant_create(w->o->db, slug, inv->flags[FLAG_NAME] ? slice_cstr(inv->flags[FLAG_NAME]) : slug, &actor, on_created,
                  w->o);
}

static void on_listed(void *arg, const struct page *page, const struct err *e)
{
    if (!e)
        printf("%s\n", page->items.p);
    oneshot_done(arg, e);
}

static void list(struct tenant_work *w)
{
    tenant_list(w->o->db, -1, &(struct page_request){.limit = 500}, on_listed, w->o);
}

/* --- suspend, resume --- */

static void on_changed(void *arg, const struct row *row, const struct err *e)
{
    oneshot_done(arg, e);
}

static void suspend(struct tenant_work *w)
{
    struct audit_actor actor = cmd_actor();
    tenant_suspend(w->o->db, w->tenant_id, &actor, on_changed, w->o);
}

static void resume(struct tenant_work *w)
{
    struct audit_actor actor = cmd_actor();
    tenant_resume(w->o->db, w->tenant_id, &actor, on_changed, w->o);
}

/* --- export --- */

static bool open_output(struct tenant_work *w, struct err *e)
{
    const char *path = w->o->inv->flags[FLAG_OUTPUT];
    if (!path) {
        w->out = stdout;
        return true;
    }
    if (access(path, F_OK) == 0)
        return err_set(e, ERR_INPUT, "%s is there already; it is not overwritten", path);
    w->partial = mem_printf("%s.partial", path);
    int fd = open(w->partial, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    w->out = fd < 0 ? NULL : fdopen(fd, "w");
    return w->out || err_set(e, ERR_CONFIG, "%s cannot be written: %s", w->partial, strerror(errno));
}

/* The file gets its name when it is whole and on the disk. */
static bool close_output(struct tenant_work *w, struct err *e)
{
    const char *path = w->o->inv->flags[FLAG_OUTPUT];
    FILE *out = TAKE(w->out);
    bool good = fflush(out) == 0;
    if (out == stdout)
        return good || err_set(e, ERR_UNAVAILABLE, "standard output: %s", strerror(errno));
    good = good && fsync(fileno(out)) == 0;
    good = fclose(out) == 0 && good;
    if (!good || rename(w->partial, path) != 0)
        return err_set(e, ERR_UNAVAILABLE, "%s cannot be written: %s", path, strerror(errno));
    free(TAKE(w->partial));
    return true;
}

static void on_lines(void *arg, struct slice lines, bool last, const struct err *e)
{
    struct tenant_work *w = arg;
    struct err failed = {0};
    if (!e && fwrite(lines.p, 1, lines.n, w->out) != lines.n) {
        err_set(&failed, ERR_UNAVAILABLE, "the export cannot be written: %s", strerror(errno));
        e = &failed;
    }
    if (!e && last && !close_output(w, &failed))
        e = &failed;
    if (!e && !last) {
        tenant_export_next(w->rows, on_lines, w);
        return;
    }
    if (!e)
        fprintf(stderr, "%lld rows.\n", (long long)tenant_export_rows(w->rows));
    oneshot_done(w->o, e);
}

static void export(struct tenant_work *w)
{
    struct err e = {0};
    struct audit_actor actor = cmd_actor();
    if (!open_output(w, &e)) {
        oneshot_done(w->o, &e);
        return;
    }
    w->rows = tenant_export_new(w->o->db, w->tenant_id, &actor);
    tenant_export_next(w->rows, on_lines, w);
}

/* --- delete --- */

static void step(void *arg);

static void on_step(void *arg, const struct pg_reply *r)
{
    struct tenant_work *w = arg;
    int64_t tenant, deleted = 0;
    if (pg_reply_err(r)) {
        oneshot_done(w->o, pg_reply_err(r));
        return;
    }
    enum tenant_step next = tenant_read_step(r, 0, &tenant, &deleted);
    w->deleted += deleted;
    if (next == TENANT_STEP_GONE) {
        printf("The tenant is deleted.\n");
        oneshot_done(w->o, NULL);
    } else {
        timer_set(&w->wait, w->o->loop, next == TENANT_STEP_MORE ? 0 : STEP_WAIT, step, w);
    }
}

static void on_still_there(void *arg, const struct pg_reply *r)
{
    struct tenant_work *w = arg;
    if (pg_reply_err(r)) {
        oneshot_done(w->o, pg_reply_err(r));
    } else if (pg_nrows(r, 0) == 0) { /* a hub has made the last step */
        printf("The tenant is deleted.\n");
        oneshot_done(w->o, NULL);
    } else {
        struct pg_seg *s = pg_seg_new(w->o->db, PG_ALL_TENANTS);
        tenant_add_step(s, w->tenant_id, STEP_ROWS);
        pg_submit(s, on_step, w);
    }
}

static void step(void *arg)
{
    struct tenant_work *w = arg;
    struct pg_seg *s = pg_seg_new(w->o->db, PG_ALL_TENANTS);
    tenant_add_find(s, w->tenant_id, SLICE_NONE);
    pg_submit(s, on_still_there, w);
}

static void on_marked(void *arg, int64_t tenant_id, const struct err *e)
{
    struct tenant_work *w = arg;
    if (e)
        oneshot_done(w->o, e);
    else
        step(w);
}

static void delete (struct tenant_work *w)
{
    struct audit_actor actor = cmd_actor();
    const char *confirm = w->o->inv->flags[FLAG_CONFIRM];
    struct err e = {0};
    if (!confirm || strcmp(confirm, w->o->inv->args[1]) != 0) {
        err_set(&e, ERR_INPUT, "this deletes all that is stored of the tenant; say so with --confirm %s",
                w->o->inv->args[1]);
        oneshot_done(w->o, &e);
        return;
    }
    tenant_remove(w->o->db, w->tenant_id, slice_cstr(confirm), &actor, on_marked, w);
}

/* --- the command --- */

static const struct {
    const char *name;
    size_t nargs;
    void (*start)(struct tenant_work *w);
} actions[] = {{"create", 2, create}, {"list", 1, list},     {"suspend", 2, suspend},
               {"resume", 2, resume}, {"export", 2, export}, {"delete", 2, delete}};

static size_t action_of(const struct invocation *inv)
{
    size_t i = 0;
    while (i < ARRAY_LEN(actions) && !(inv->nargs == actions[i].nargs && strcmp(inv->args[0], actions[i].name) == 0))
        i++;
    return i;
}

static void on_found(void *arg, int64_t tenant_id, const struct err *e)
{
    struct tenant_work *w = arg;
    w->tenant_id = tenant_id;
    if (e)
        oneshot_done(w->o, e);
    else
        actions[action_of(w->o->inv)].start(w);
}

static void start(struct oneshot *o)
{
    struct tenant_work *w = o->arg;
    size_t i = action_of(o->inv);
    w->o = o;
    if (actions[i].start == create || actions[i].start == list)
        actions[i].start(w);
    else
        tenant_by_slug(o->db, slice_cstr(o->inv->args[1]), on_found, w);
}

static void stop(struct oneshot *o)
{
    struct tenant_work *w = o->arg;
    timer_cancel(&w->wait);
    tenant_export_free(w->rows);
    if (w->out && w->out != stdout)
        fclose(w->out);
    if (w->partial)
        unlink(w->partial);
    free(w->partial);
}

static int run(struct invocation *inv)
{
    struct tenant_work w = {0};
    if (action_of(inv) < ARRAY_LEN(actions))
        return oneshot_run_with(inv, start, stop, &w);
    fprintf(stderr, "usage: msphub tenant %s\n", inv->command->usage);
    return EXIT_BAD_USAGE;
}

const struct command command_tenant = {
    "tenant",
    "create SLUG | list | suspend SLUG | resume SLUG | export SLUG [--output FILE] | delete SLUG --confirm SLUG",
    "tenants (MSPs)", flags, run};
