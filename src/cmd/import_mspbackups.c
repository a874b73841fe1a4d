/* cmd/import_mspbackups.c - `msphub import mspbackups`: the accounts of a former mspbackups_config. doc/import.md is the how-to. */
#include "hub/import_mspbackups.h"
#include "base/csv.h"
#include "base/mem.h"
#include "cmd/actor.h"
#include "cmd/file.h"
#include "cmd/import.h"
#include "cmd/keys.h"
#include "cmd/oneshot.h"
#include "hub/integration.h"
#include "reactor/egress.h"

#include <stdio.h>
#include <stdlib.h>

#define DEFAULT_TABLE "mspbackups_config"
#define MAP_MAX       (16 * 1024 * 1024)
#define KEY_MAX       4096

struct takeover_work {
    struct invocation *inv;
    struct oneshot *o;
    struct hub hub;
    struct keys keys;      /* hub.keyring is of it */
    struct egress *egress; /* hub.egress */
    struct pg_pool *source;
    struct foreign_keys foreign;
    struct csv csv; /* what `map` borrows from */
    struct takeover_pair *map;
    size_t nmap;
    struct audit_actor who;
};

/* --- the files --- */

static bool add_pair(struct takeover_work *w, struct slice partner, struct slice tenant, struct err *e)
{
    if (!partner.n || !tenant.n)
        return err_set(e, ERR_INPUT, "line %u: \"%s\" is empty", w->csv.line, partner.n ? "tenant" : "partner");
    for (size_t i = 0; i < w->nmap; i++)
        if (slice_eq(w->map[i].partner, partner))
            return err_set(e, ERR_INPUT, "line %u: the partner %.*s stands in an earlier line", w->csv.line,
                           SLICE_FMT(partner));
    w->map = mem_realloc_array(w->map, w->nmap + 1, sizeof *w->map);
    w->map[w->nmap++] = (struct takeover_pair){partner, tenant};
    return true;
}

static bool read_map(struct takeover_work *w, const char *path, struct err *e)
{
    _cleanup_(str_release) struct str text = {0};
    if (!file_read(path, MAP_MAX, &text, e))
        return false;
    bool good = csv_init(&w->csv, str_slice(&text), e);
    int partner = good ? csv_column(&w->csv, "partner") : -1, tenant = good ? csv_column(&w->csv, "tenant") : -1;
    if (good && (partner < 0 || tenant < 0))
        good = err_set(e, ERR_INPUT, "line 1: there is no column \"%s\"", partner < 0 ? "partner" : "tenant");
    while (good && csv_next(&w->csv, e))
        good = add_pair(w, slice_trim(w->csv.fields[partner]), slice_trim(w->csv.fields[tenant]), e);
    return (good && !e->code) || err_wrap(e, "%s", path);
}

static bool read_key(struct takeover_work *w, const char *path, struct err *e)
{
    struct str text = {0};
    str_reserve(&text, KEY_MAX + 1); /* once: a move would leave the key behind in memory */
    bool good = file_read(path, KEY_MAX, &text, e) &&
                (foreign_keys_parse(str_slice(&text), &w->foreign, e) || err_wrap(e, "%s", path));
    crypto_wipe(text.p, text.cap);
    str_release(&text);
    return good;
}

static bool prepare(struct takeover_work *w, struct err *e)
{
    const char *const *flags = w->inv->flags;
    const struct options *o = &w->inv->options;
    if (flags[IMPORT_FLAG_TENANT_MAP] && !read_map(w, flags[IMPORT_FLAG_TENANT_MAP], e))
        return false;
    if (flags[IMPORT_FLAG_DECRYPT_KEY] && !read_key(w, flags[IMPORT_FLAG_DECRYPT_KEY], e))
        return false;
    w->egress = egress_new();
    if (!egress_configure(w->egress, o->allow_private_networks, slice_cstr(o->private_networks), e) ||
        !keys_load(w->inv, o, &w->keys, e))
        return false;
    return w->keys.ring ||
           err_set(e, ERR_CONFIG, "no sealing key is configured: name the key file in the option key_file");
}

/* --- the report --- */

static void print_line(const struct takeover_line *l, bool dry_run)
{
    static const char *const words[][2] = {
        [TAKEOVER_REFUSED] = {"refused", "refused"},
        [TAKEOVER_SKIPPED] = {"skipped", "skipped"},
        [TAKEOVER_IMPORTED] = {"imported", "would be imported"},
        [TAKEOVER_REPLACED] = {"replaced", "would be replaced"},
        [TAKEOVER_UNCHANGED] = {"unchanged", "unchanged"},
    };
    printf("%.*s", l->partner.n ? (int)l->partner.n : 1, l->partner.n ? l->partner.p : "-");
    if (*l->tenant)
        printf(" (tenant %s)", l->tenant);
    printf(": %s%s%s\n", words[l->outcome][dry_run], l->why ? ": " : "", l->why ? l->why : "");
}

/* False: *e says what is left. */
static bool print_report(const struct takeover_report *r, bool dry_run, struct err *e)
{
    size_t counts[TAKEOVER_NOUTCOMES_] = {0};
    for (size_t i = 0; i < r->n; i++) {
        print_line(&r->lines[i], dry_run);
        counts[r->lines[i].outcome]++;
    }
    printf("%zu partner%s: %zu imported, %zu replaced, %zu unchanged, %zu refused, %zu without a tenant.\n", r->n,
           r->n == 1 ? "" : "s", counts[TAKEOVER_IMPORTED], counts[TAKEOVER_REPLACED], counts[TAKEOVER_UNCHANGED],
           counts[TAKEOVER_REFUSED], counts[TAKEOVER_SKIPPED]);
    if (dry_run)
        printf("Nothing was changed.\n");
    else
        printf("parity: %zu of %zu values equal\n", r->equal, r->values);
    if (r->equal != r->values)
        return err_set(e, ERR_INTERNAL, "%zu values are stored otherwise than the source has them",
                       r->values - r->equal);
    size_t left = counts[TAKEOVER_REFUSED] + counts[TAKEOVER_SKIPPED];
    return left == 0 || err_set(e, ERR_DATA, "%zu of %zu partners are not taken over; see above", left, r->n);
}

static void on_done(void *arg, const struct takeover_report *report, const struct err *e)
{
    struct takeover_work *w = arg;
    struct err left = {0};
    if ((!e || report->n) && !print_report(report, w->inv->flags[IMPORT_FLAG_DRY_RUN] != NULL, &left) && !e)
        e = &left;
    oneshot_done(w->o, e);
}

/* --- the command --- */

static void start(struct oneshot *o)
{
    struct takeover_work *w = o->arg;
    const char *const *flags = o->inv->flags;
    w->o = o;
    w->hub = (struct hub){
        .loop = o->loop,
        .log = o->log,
        .metrics = o->metrics,
        .options = &o->inv->options,
        .db = o->db,
        .egress = w->egress,
        .keyring = w->keys.ring,
    };
    w->hub.integrations = integrations_new(&w->hub);
    w->source =
        pg_pool_new(o->loop,
                    &(struct pg_options){
                        .conninfo = flags[IMPORT_FLAG_FROM] ? flags[IMPORT_FLAG_FROM] : o->inv->options.database,
                        .connections = 1,
                        .timeout = SECONDS(30),
                        .unnamed_only = true,
                    },
                    o->metrics);
    takeover_start(&(struct takeover_input){
        .h = &w->hub,
        .source = w->source,
        .table = slice_cstr(flags[IMPORT_FLAG_TABLE] ? flags[IMPORT_FLAG_TABLE] : DEFAULT_TABLE),
        .columns = slice_cstr(flags[IMPORT_FLAG_COLUMN]),
        .tenant = slice_cstr(flags[IMPORT_FLAG_TENANT]),
        .map = w->map,
        .nmap = w->nmap,
        .mapped = flags[IMPORT_FLAG_TENANT_MAP] != NULL,
        .keys = &w->foreign,
        .replace = flags[IMPORT_FLAG_REPLACE] != NULL,
        .dry_run = flags[IMPORT_FLAG_DRY_RUN] != NULL,
        .who = &w->who,
        .done = on_done,
        .arg = w,
    });
}

static void stop(struct oneshot *o)
{
    struct takeover_work *w = o->arg;
    pg_pool_free(w->source);
    integrations_free(w->hub.integrations);
}

static int run(struct invocation *inv)
{
    struct takeover_work w = {.inv = inv, .who = cmd_actor()};
    struct err e = {0};
    int status = EXIT_BAD_CONFIG;
    if (inv->flags[IMPORT_FLAG_TENANT] && inv->flags[IMPORT_FLAG_TENANT_MAP]) {
        fprintf(stderr, "msphub: --tenant and --tenant-map exclude each other\n");
        return EXIT_BAD_USAGE;
    }
    if (prepare(&w, &e))
        status = oneshot_run_with(inv, start, stop, &w);
    else
        fprintf(stderr, "msphub: %s\n", e.what);
    csv_release(&w.csv);
    free(w.map);
    foreign_keys_release(&w.foreign);
    egress_free(w.egress);
    keys_release(&w.keys);
    return status;
}

const struct import_verb import_mspbackups = {
    .name = "mspbackups",
    .usage = "[--tenant SLUG | --tenant-map FILE.csv] [--from CONNINFO] [--table NAME] [--column OURS=THEIRS,…] "
             "[--decrypt-key FILE] [--replace] [--dry-run]",
    .flags = IMPORT_FLAGS_ALL,
    .run = run,
};
