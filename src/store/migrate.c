/* store/migrate.c - see migrate.h.
 * Owns:    a leased connection while it runs.
 * States:  LEASE -> LOCK -> READ -> (APPLY ->)* END; a plan goes LEASE -> READ -> END and changes nothing; any failure -> END.
 * Always:  the lease is given back before the caller hears of the end; the advisory lock dies with the lease's reset.
 */
#include "store/migrate.h"

#include "base/mem.h"
#include "migrations.h"
#include "queries.h"

#include <stdlib.h>

/* Far above the longest lock that a migration may have to wait for behind a running hub. */
#define LOCK_TIMEOUT  SECONDS(120)
#define APPLY_TIMEOUT SECONDS(3600)

#define UNDEFINED_TABLE "42P01"

static const char prepare_sql[] =
    "select pg_advisory_lock(7207216161); set lock_timeout = '30s';"
    "create table if not exists schema_migrations (version int primary key, name text not null, sha256 text not null,"
    " applied_at timestamptz not null default now())";

struct migrate {
    struct pg_pool *db;
    struct pg_lease *lease;
    bool plan;
    size_t next; /* in the table of migrations */
    struct migrate_report report;
    struct err err;
    void (*note)(void *arg, int version, const char *name);
    migrate_cb *cb;
    void *arg;
};

int migrate_wanted(void)
{
    int last = 0;
    for (const struct migration *m = migrations; m->version; m++)
        last = m->version;
    return last;
}

static void migrate_end(struct migrate *m)
{
    struct migrate done = *m;
    free(m);
    if (done.lease)
        pg_lease_release(done.lease);
    done.cb(done.arg, &done.report, done.err.code ? &done.err : NULL);
}

static void migrate_fail(struct migrate *m, const struct err *e, const char *doing)
{
    m->err = *e;
    err_wrap(&m->err, "%s", doing);
    migrate_end(m);
}

static void migrate_step(struct migrate *m);

static void migrate_applied(void *arg, const struct pg_reply *r)
{
    struct migrate *m = arg;
    const struct migration *now = &migrations[m->next];
    if (pg_reply_err(r)) {
        migrate_fail(m, pg_reply_err(r), now->name);
        return;
    }
    m->report.applied++;
    m->report.to = now->version;
    m->next++;
    migrate_step(m);
}

static void migrate_apply(struct migrate *m, const struct migration *now)
{
    _cleanup_(str_release) struct str sql = {0};
    str_addf(&sql,
             "begin;\n%s\n;insert into schema_migrations (version, name, sha256) values (%d, '%s', '%s');\ncommit;",
             now->sql, now->version, now->name, now->sha256);
    pg_lease_exec(m->lease, str_slice(&sql), APPLY_TIMEOUT, migrate_applied, m);
}

static void migrate_step(struct migrate *m)
{
    for (; migrations[m->next].version; m->next++) {
        const struct migration *now = &migrations[m->next];
        if (now->version <= m->report.from)
            continue;
        if (m->note)
            m->note(m->arg, now->version, now->name);
        if (!m->plan) {
            migrate_apply(m, now);
            return;
        }
        m->report.pending++;
    }
    migrate_end(m);
}

static const struct migration *migration_of(int version)
{
    for (const struct migration *m = migrations; m->version; m++)
        if (m->version == version)
            return m;
    return NULL;
}

static bool migrate_compare(struct migrate *m, const struct pg_reply *r, unsigned stmt)
{
    for (size_t row = 0; row < pg_nrows(r, stmt); row++) {
        int64_t version = pg_i64(r, stmt, row, 0);
        const struct migration *known = migration_of((int)version);
        if (!known)
            return err_set(
                &m->err, ERR_CONFLICT,
                "the database is at schema version %d, this build knows up to %d: run the newer build, or restore "
                "a backup from before the upgrade",
                (int)version, migrate_wanted());
        if (!slice_is(pg_text(r, stmt, row, 1), known->sha256))
            return err_set(
                &m->err, ERR_CONFLICT,
                "migration %s was changed after it had been applied: its checksum is not the database's; use a "
                "build whose migrations are unchanged",
                known->name);
        m->report.from = (int)version;
    }
    m->report.to = m->report.from;
    return true;
}

static void migrate_read(void *arg, const struct pg_reply *r)
{
    struct migrate *m = arg;
    bool none = m->plan && strcmp(pg_reply_sqlstate(r), UNDEFINED_TABLE) == 0;
    if (pg_reply_err(r) && !none)
        migrate_fail(m, pg_reply_err(r), "reading schema_migrations");
    else if (none || migrate_compare(m, r, 0))
        migrate_step(m);
    else
        migrate_end(m);
}

static void migrate_ask(struct migrate *m)
{
    struct pg_seg *applied = pg_seg_new(m->db, PG_NO_TENANT);
    pg_add(applied, &Q_MIGRATION_APPLIED);
    pg_lease_submit(m->lease, applied, migrate_read, m);
}

static void migrate_locked(void *arg, const struct pg_reply *r)
{
    struct migrate *m = arg;
    if (pg_reply_err(r))
        migrate_fail(m, pg_reply_err(r), "preparing schema_migrations");
    else
        migrate_ask(m);
}

static void migrate_leased(void *arg, struct pg_lease *lease, const struct err *e)
{
    struct migrate *m = arg;
    if (e) {
        migrate_fail(m, e, "connecting");
        return;
    }
    m->lease = lease;
    if (m->plan)
        migrate_ask(m);
    else
        pg_lease_exec(lease, slice_cstr(prepare_sql), LOCK_TIMEOUT, migrate_locked, m);
}

void migrate_run(struct pg_pool *db, bool plan, void (*note)(void *arg, int version, const char *name), migrate_cb *cb,
                 void *arg)
{
    struct migrate *m = NEW(struct migrate);
    *m = (struct migrate){.db = db, .plan = plan, .note = note, .cb = cb, .arg = arg};
    pg_lease_get(db, SECONDS(15), migrate_leased, m);
}
