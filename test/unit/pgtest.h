/* pgtest.h - a private PostgreSQL cluster for one test program.
 * Owns:   a folder under /tmp with the data and the socket, and the postmaster, a child process that ends with this
 * process however that ends. No TCP port, fsync off. Always: whatever goes wrong here prints why (with the server's
 * log) and aborts: it is a failed test, not a result. These calls block; they are for set-up and for looking at the
 * outcome, beside the loop under test. */
#ifndef MSPHUB_TEST_PGTEST_H
#define MSPHUB_TEST_PGTEST_H

struct pgtest;

struct pgtest *pgtest_start(void);
void pgtest_stop(struct pgtest *t); /* and removes the folder */

/* The role `msphub`, no superuser, owner of the database `msphub` (so that row-level security is really in force). */
const char *pgtest_conninfo(const struct pgtest *t);
/* The cluster's superuser in the same database. */
const char *pgtest_admin_conninfo(const struct pgtest *t);
const char *pgtest_dir(const struct pgtest *t); /* folder of the socket */

/* All migrations, as `msphub`, in order, in one transaction each. */
void pgtest_migrate(struct pgtest *t);
/* Drops everything the role made and gives an empty database again, for a test program that migrates more than once. */
void pgtest_reset(struct pgtest *t);

/* Runs SQL text (several statements are fine) as the superuser; row-level security does not apply to it. */
void pgtest_sql(struct pgtest *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* First column of the first row as text, "" for none or null; freed by the caller. */
char *pgtest_value(struct pgtest *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
long long pgtest_count(struct pgtest *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The same as `msphub`, in one transaction with the setting msphub.tenant (NULL: unset), which is committed. The last statement's
 * value, or "ERROR 42501" and the like when one fails (then it is rolled back). */
char *pgtest_as(struct pgtest *t, const char *tenant, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* The server goes away (connections are cut) and comes back. */
void pgtest_server_stop(struct pgtest *t);
void pgtest_server_start(struct pgtest *t);

#endif
