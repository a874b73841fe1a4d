/* cmd/doctor.c - `msphub doctor [--tenant SLUG] [--integration KEY]`: what is wrong, and how to mend it.
 * Looks at: the configuration and the key file, the database and its schema, the public address, then each integration, one after the other,
 *           as GET …/doctor does. It may run beside hubs: it takes no work from them.
 * Exit:     0 all is well, 1 something is wrong, 2 there are warnings. */
#include "hub/doctor.h"
#include "base/mem.h"
#include "cmd/keys.h"
#include "cmd/oneshot.h"
#include "hub/engine.h"
#include "store/doctor.h"
#include "store/migrate.h"
#include "store/tenant.h"

#include <stdio.h>
#include <stdlib.h>

enum { FLAG_TENANT, FLAG_INTEGRATION };
static const struct command_flag flags[] = {
    [FLAG_TENANT] = {"tenant", "only this tenant's integrations: its slug", false},
    [FLAG_INTEGRATION] = {"integration", "only this integration: ninjaone, or ninjaone:name", false},
    {NULL},
};
enum { EXIT_WARNINGS = 2 };

struct patient {
    int64_t tenant_id, integration_id;
    char *name; /* "acme/ninjaone" */
};

struct doctor_work {
    struct oneshot *o;
    struct hub h;
    struct egress *egress;
    struct keys keys;
    enum finding_level worst;
    struct patient *patients;
    size_t n, next;
    unsigned stmt;
};

static void next_patient(struct doctor_work *w);

/* --- telling --- */

static void tell(void *arg, const struct finding *f)
{
    struct doctor_work *w = arg;
    w->worst = MAX(w->worst, f->level);
    printf("  %-8s %s: %s\n", finding_level_names[f->level], f->code, f->what);
    if (f->mend && f->level != FINDING_OK)
        printf("           %s\n", f->mend);
}

static void tell_text(struct doctor_work *w, enum finding_level level, const char *code, const char *what,
                      const char *mend)
{
    tell(w, &(struct finding){level, code, what, mend});
}

static void end(struct doctor_work *w)
{
    static const int statuses[] = {
        [FINDING_OK] = EXIT_DONE, [FINDING_WARNING] = EXIT_WARNINGS, [FINDING_ERROR] = EXIT_FAILED};
    w->o->status = statuses[w->worst];
    w->o->done = true;
    loop_stop(w->o->loop);
}

/* --- integrations --- */

static void on_found(void *arg, const struct finding *v, size_t n, const struct err *err)
{
    struct doctor_work *w = arg;
    if (err)
        tell_text(w, FINDING_ERROR, "failed", err->what, "The sentence says what is in the way.");
    for (size_t i = 0; i < n; i++)
        tell(w, &v[i]);
    fflush(stdout);
    next_patient(w);
}

static void on_integration(void *arg, struct integration *it, const struct err *e)
{
    struct doctor_work *w = arg;
    if (e) {
        tell_text(w, FINDING_ERROR, "failed", e->what, "The sentence says what is in the way.");
        next_patient(w);
    } else if (!it->provider) {
        tell_text(w, FINDING_ERROR, "unknown_product", "This build does not know the product.",
                  "Run the build that it was configured with, or remove it.");
        next_patient(w);
    } else {
        doctor_run(&w->h, it, NULL, on_found, w);
    }
}

static void next_patient(struct doctor_work *w)
{
    if (w->next == w->n) {
        end(w);
        return;
    }
    const struct patient *p = &w->patients[w->next++];
    printf("%s\n", p->name);
    integrations_get(w->h.integrations, p->tenant_id, p->integration_id, on_integration, w);
}

static void on_listed(void *arg, const struct pg_reply *r)
{
    struct doctor_work *w = arg;
    const struct invocation *inv = w->o->inv;
    if (pg_reply_err(r)) {
        tell_text(w, FINDING_ERROR, "database", pg_reply_err(r)->what, "See the option database.");
        end(w);
        return;
    }
    w->n = pg_nrows(r, w->stmt);
    w->patients = w->n ? mem_realloc_array(NULL, w->n, sizeof *w->patients) : NULL;
    for (size_t i = 0; i < w->n; i++)
        w->patients[i] = (struct patient){
            .tenant_id = pg_i64(r, w->stmt, i, 0),
            .integration_id = pg_i64(r, w->stmt, i, 2),
            .name = mem_printf("%s/%s", pg_text(r, w->stmt, i, 1).p, pg_text(r, w->stmt, i, 3).p),
        };
    if (w->n == 0 && (inv->flags[FLAG_TENANT] || inv->flags[FLAG_INTEGRATION]))
        tell_text(w, FINDING_ERROR, "no_such_integration", "There is no such integration.",
                  "`msphub tenant list` names the tenants.");
    next_patient(w);
}

static void look_at_integrations(struct doctor_work *w)
{
    struct pg_seg *s = pg_seg_new(w->h.db, PG_ALL_TENANTS);
    w->stmt = doctor_add_list(s, w->o->inv->flags[FLAG_TENANT], w->o->inv->flags[FLAG_INTEGRATION]);
    pg_submit(s, on_listed, w);
}

/* --- the hub --- */

static void on_schema(void *arg, const struct migrate_report *report, const struct err *e)
{
    struct doctor_work *w = arg;
    _cleanup_(str_release) struct str what = {0};
    if (e) {
        tell_text(w, FINDING_ERROR, "schema", e->what, "Run the build whose migrations the database has.");
        end(w);
    } else if (report->pending) {
        str_addf(&what, "The database's schema is at version %d, and this build needs %d.", report->from,
                 migrate_wanted());
        tell_text(w, FINDING_ERROR, "schema", what.p, "Run `msphub migrate`.");
        end(w);
    } else {
        str_addf(&what, "The schema is current (version %d).", report->from);
        tell_text(w, FINDING_OK, "schema", what.p, NULL);
        look_at_integrations(w);
    }
}

static void on_role(void *arg, int64_t none, const struct err *e)
{
    struct doctor_work *w = arg;
    if (e) {
        tell_text(w, FINDING_ERROR, "database", e->what,
                  e->code == ERR_CONFIG ? "Let the hub sign in as a role that row-level security holds for."
                                        : "See the option database, and whether PostgreSQL runs.");
        end(w);
        return;
    }
    tell_text(w, FINDING_OK, "database", "The database answers, and its role is kept to its tenants' rows.", NULL);
    migrate_run(w->h.db, true, NULL, on_schema, w);
}

static void look_at_keys(struct doctor_work *w)
{
    struct err e = {0};
    _cleanup_(str_release) struct str what = {0};
    if (!keys_load(w->o->inv, &w->o->inv->options, &w->keys, &e)) {
        tell_text(w, FINDING_ERROR, "key_file", e.what, "See doc/security.md about the key file.");
        return;
    }
    w->h.keyring = w->keys.ring;
    if (!w->keys.ring) {
        tell_text(w, FINDING_ERROR, "key_file", "No sealing key is configured: no secret can be stored or opened.",
                  "Make a key file, and name it in the option key_file.");
        return;
    }
    if (w->keys.warning)
        tell_text(w, FINDING_WARNING, "key_file", w->keys.warning, "Let the hub's account alone read it.");
    str_addf(&what, "%zu sealing keys in %s.", keyring_size(w->keys.ring), w->keys.source);
    tell_text(w, FINDING_OK, "key_file", what.p, NULL);
}

static bool make_hub(struct doctor_work *w, struct err *e)
{
    struct oneshot *o = w->o;
    struct options *options = &o->inv->options;
    w->egress = egress_new();
    w->h = (struct hub){.loop = o->loop,
                        .log = o->log,
                        .metrics = o->metrics,
                        .options = options,
                        .db = o->db,
                        .egress = w->egress,
                        .keyring = w->h.keyring};
    crypto_token(w->h.process, sizeof w->h.process - 1);
    if (!egress_configure(w->egress, options->allow_private_networks, slice_cstr(options->private_networks), e))
        return false;
    w->h.client = http_client_new(o->loop,
                                  &(struct http_client_options){
                                      .per_origin = (unsigned)options->call_connections,
                                      .max_body = (size_t)options->call_max_body,
                                      .egress = w->egress,
                                      .ca_file = *options->ca_file ? options->ca_file : NULL,
                                  },
                                  o->metrics, e);
    if (!w->h.client)
        return false;
    w->h.integrations = integrations_new(&w->h);
    w->h.engine = engine_new(&w->h);
    return true;
}

static void start(struct oneshot *o)
{
    struct doctor_work *w = o->arg;
    struct err e = {0};
    w->o = o;
    printf("hub\n");
    look_at_keys(w);
    if (!make_hub(w, &e)) {
        tell_text(w, FINDING_ERROR, "options", e.what, "`msphub check-config` reads the configuration alone.");
        end(w);
        return;
    }
    doctor_public_url(&w->h, tell, w);
    tenant_check_role(o->db, on_role, w);
}

static void stop(struct oneshot *o)
{
    struct doctor_work *w = o->arg;
    integrations_free(w->h.integrations);
    for (size_t i = 0; i < w->n; i++)
        free(w->patients[i].name);
    free(w->patients);
    keys_release(&w->keys);
}

static void let_go(struct oneshot *o)
{
    struct doctor_work *w = o->arg;
    engine_free(w->h.engine);
    http_client_free(w->h.client);
    egress_free(w->egress);
}

static int run(struct invocation *inv)
{
    struct doctor_work w = {.worst = FINDING_OK};
    return oneshot_run_around(inv, start, let_go, stop, &w);
}

const struct command command_doctor = {"doctor", "[--tenant SLUG] [--integration KEY]",
                                       "say what is wrong, and how to mend it", flags, run};
