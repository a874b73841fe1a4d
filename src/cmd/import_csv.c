/* cmd/import_csv.c - `msphub import organizations` and `devices`: mappings from CSV.
 * Always: a file with a mistake in any line changes nothing; each such line is named. */
#include "base/csv.h"
#include "base/mem.h"
#include "cmd/actor.h"
#include "cmd/file.h"
#include "cmd/import.h"
#include "cmd/oneshot.h"
#include "store/import.h"
#include "store/tenant.h"

#include <inttypes.h>
#include <stdio.h>

#define FILE_MAX (256 * 1024 * 1024)

struct column {
    const char *name;
    bool required; /* in the header and in each line */
};

struct form {
    enum import_kind kind;
    struct column columns[IMPORT_MAX_COLUMNS]; /* in the order of store/import.h; ends with NULL */
    int one_of[2];                             /* of these columns at least one has a text; {0, 0}: no such rule */
    void (*print)(const struct import_result *r);
};

struct import_work {
    const struct form *form;
    struct import_lines *lines;
    int64_t nlines;
    struct audit_actor who;
    struct oneshot *o;
};

/* --- reading the file --- */

static bool find_columns(const struct csv *c, const struct form *form, int ret[IMPORT_MAX_COLUMNS], struct err *e)
{
    size_t known = 0;
    for (size_t i = 0; i < IMPORT_MAX_COLUMNS && form->columns[i].name; i++) {
        ret[i] = csv_column(c, form->columns[i].name);
        known += ret[i] >= 0;
        if (ret[i] < 0 && form->columns[i].required)
            return err_set(e, ERR_INPUT, "line 1: there is no column \"%s\"", form->columns[i].name);
    }
    for (size_t i = 0; known < c->ncolumns && i < c->ncolumns; i++) {
        bool found = false;
        for (size_t k = 0; k < IMPORT_MAX_COLUMNS && form->columns[k].name; k++)
            found = found || ret[k] == (int)i;
        if (!found)
            return err_set(e, ERR_INPUT, "line 1: nothing is known of a column \"%.*s\"; doc/import.md lists them",
                           SLICE_FMT(c->columns[i]));
    }
    return true;
}

static bool read_line(const struct csv *c, const struct form *form, const int at[IMPORT_MAX_COLUMNS],
                      struct slice ret[IMPORT_MAX_COLUMNS], struct err *e)
{
    for (size_t i = 0; i < IMPORT_MAX_COLUMNS && form->columns[i].name; i++) {
        struct slice text = at[i] < 0 ? SLICE_NONE : slice_trim(c->fields[at[i]]);
        ret[i] = text.n ? text : SLICE_NONE;
        if (form->columns[i].required && !text.n)
            return err_set(e, ERR_INPUT, "line %u: \"%s\" is empty", c->line, form->columns[i].name);
    }
    int a = form->one_of[0], b = form->one_of[1];
    if (a != b && !ret[a].p && !ret[b].p)
        return err_set(e, ERR_INPUT, "line %u: \"%s\" and \"%s\" are both empty", c->line, form->columns[a].name,
                       form->columns[b].name);
    return true;
}

static bool read_lines(struct import_work *w, struct slice text, struct err *e)
{
    struct csv c;
    int at[IMPORT_MAX_COLUMNS];
    struct slice fields[IMPORT_MAX_COLUMNS];
    bool good = csv_init(&c, text, e) && find_columns(&c, w->form, at, e);
    while (good && csv_next(&c, e)) {
        good = read_line(&c, w->form, at, fields, e);
        if (good)
            import_lines_add(w->lines, c.line, fields);
        w->nlines++;
    }
    csv_release(&c);
    return good && !e->code;
}

static bool read_file(struct import_work *w, const char *path, struct err *e)
{
    _cleanup_(str_release) struct str text = {0};
    if (!file_read(path, FILE_MAX, &text, e))
        return false;
    if (read_lines(w, str_slice(&text), e))
        return true;
    err_wrap(e, "%s", path);
    return false;
}

/* --- carrying it out --- */

static void print_organizations(const struct import_result *r)
{
    printf("%" PRId64 " lines: %" PRId64 " organizations mapped anew, %" PRId64 " clients made, %" PRId64
           " given their reference.\n",
           r->lines, r->mapped, r->clients_made, r->clients_changed);
}

static void print_devices(const struct import_result *r)
{
    printf("%" PRId64 " lines: %" PRId64 " devices moved to their machine's asset, %" PRId64
           " bound before a sync has seen them, %" PRId64 " assets made, %" PRId64 " retired.\n",
           r->lines, r->moved, r->bound, r->assets_made, r->assets_retired);
}

static void on_imported(void *arg, const struct import_result *result, const struct import_problem *problems, size_t n,
                        const struct err *e)
{
    struct import_work *w = arg;
    for (size_t i = 0; i < n; i++)
        fprintf(stderr, "line %" PRId64 ": %.*s\n", problems[i].line, SLICE_FMT(problems[i].what));
    if (!e && w->o->inv->flags[IMPORT_FLAG_DRY_RUN])
        printf("%" PRId64 " lines, nothing is wrong with them; nothing was changed.\n", result->lines);
    else if (!e)
        w->form->print(result);
    oneshot_done(w->o, e);
}

static void on_tenant(void *arg, int64_t tenant_id, const struct err *e)
{
    struct import_work *w = arg;
    const struct invocation *inv = w->o->inv;
    if (e)
        oneshot_done(w->o, e);
    else
        import_run(w->o->db, &w->who, tenant_id, w->lines, slice_cstr(inv->args[1]),
                   inv->flags[IMPORT_FLAG_DRY_RUN] != NULL, on_imported, w);
}

static void start(struct oneshot *o)
{
    struct import_work *w = o->arg;
    w->o = o;
    tenant_by_slug(o->db, slice_cstr(o->inv->flags[IMPORT_FLAG_TENANT]), on_tenant, w);
}

static int import_file(struct invocation *inv, const struct form *form)
{
    struct err e = {0};
    if (!inv->flags[IMPORT_FLAG_TENANT]) {
        fprintf(stderr, "msphub: --tenant names the tenant whose data it becomes\n");
        return EXIT_BAD_USAGE;
    }
    struct import_work w = {.form = form, .lines = import_lines_new(form->kind), .who = cmd_actor()};
    int status = EXIT_FAILED;
    if (read_file(&w, inv->args[1], &e))
        status = oneshot_run_with(inv, start, NULL, &w);
    else
        fprintf(stderr, "msphub: %s\n", e.what);
    import_lines_free(w.lines);
    return status;
}

static int run_organizations(struct invocation *inv)
{
    static const struct form form = {
        .kind = IMPORT_ORGANIZATIONS,
        .columns =
            {
                [IMPORT_ORGANIZATION_INTEGRATION] = {"integration", true},
                [IMPORT_ORGANIZATION_ID] = {"organization_id", false},
                [IMPORT_ORGANIZATION_NAME] = {"organization", false},
                [IMPORT_CLIENT] = {"client", true},
                [IMPORT_REFERENCE] = {"client_reference", false},
            },
        .one_of = {IMPORT_ORGANIZATION_ID, IMPORT_ORGANIZATION_NAME},
        .print = print_organizations,
    };
    return import_file(inv, &form);
}

static int run_devices(struct invocation *inv)
{
    static const struct form form = {
        .kind = IMPORT_DEVICES,
        .columns =
            {
                [IMPORT_MACHINE] = {"machine", true},
                [IMPORT_DEVICE_INTEGRATION] = {"integration", true},
                [IMPORT_DEVICE_ID] = {"device_id", true},
                [IMPORT_DEVICE_NAME] = {"name", false},
            },
        .print = print_devices,
    };
    return import_file(inv, &form);
}

const struct import_verb import_organizations = {"organizations", "--tenant SLUG FILE.csv [--dry-run]", 1,
                                                 IMPORT_FLAGS_CSV, run_organizations};
const struct import_verb import_devices = {"devices", "--tenant SLUG FILE.csv [--dry-run]", 1, IMPORT_FLAGS_CSV,
                                           run_devices};
