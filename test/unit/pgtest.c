/* pgtest.c - see pgtest.h.
 * Why:    the postmaster is started here instead of by pg_ctl, so that it is our child: it gets SIGINT (a fast
 * shutdown) from the kernel when the test is killed, and can be waited for. PostgreSQL refuses to run as root; then it
 * runs as `postgres`. */
#include "pgtest.h"

#include "base/mem.h"
#include "base/str.h"
#include "migrations.h"

#include <fcntl.h>
#include <glob.h>
#include <grp.h>
#include <libpq-fe.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct pgtest {
    char *dir, *bin, *conninfo, *admin;
    pid_t postmaster;
    PGconn *conn, *app; /* the superuser's and the application's, made when first needed */
};

NORETURN static void die(const struct pgtest *t, const char *what, const char *why)
{
    fprintf(stderr, "pgtest: %s: %s\n", what, why);
    if (t->dir) {
        _cleanup_(mem_freep) char *log = mem_printf("%s/log", t->dir);
        FILE *f = fopen(log, "r");
        for (int c; f && (c = fgetc(f)) != EOF;)
            fputc(c, stderr);
        if (f)
            fclose(f);
    }
    abort();
}

/* $MSPHUB_PG_BIN, else the newest version in Debian's place. */
static char *find_bin(struct pgtest *t)
{
    const char *given = getenv("MSPHUB_PG_BIN");
    if (given)
        return mem_strdup(given);
    glob_t g = {0};
    if (glob("/usr/lib/postgresql/*/bin", 0, NULL, &g) != 0)
        die(t, "PostgreSQL's programs", "not in /usr/lib/postgresql; install postgresql or set MSPHUB_PG_BIN");
    char *bin = mem_strdup(g.gl_pathv[g.gl_pathc - 1]);
    globfree(&g);
    return bin;
}

/* Starts bin/argv[0] as the unprivileged user with its output in the log; it is sent SIGINT when this process ends. */
static pid_t spawn(struct pgtest *t, const char *const *argv)
{
    _cleanup_(mem_freep) char *program = mem_printf("%s/%s", t->bin, argv[0]);
    _cleanup_(mem_freep) char *log = mem_printf("%s/log", t->dir);
    const struct passwd *user = geteuid() == 0 ? getpwnam("postgres") : NULL;
    if (geteuid() == 0 && !user)
        die(t, "user postgres", "does not exist");
    pid_t parent = getpid(), pid = fork();
    if (pid < 0)
        die(t, "fork", "failed");
    if (pid > 0)
        return pid;
    if (user && (initgroups("postgres", user->pw_gid) || setgid(user->pw_gid) || setuid(user->pw_uid)))
        _exit(126);
    int out = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (out < 0 || chdir(t->dir) || dup2(out, 1) < 0 || dup2(out, 2) < 0)
        _exit(126);
    setpgid(0, 0); /* a Ctrl-C at the terminal is for the test; the server follows by the signal below */
    prctl(PR_SET_PDEATHSIG, SIGINT);
    if (getppid() != parent)
        _exit(126);
    const char *full[40] = {program}; /* a bare name would be looked for in PATH, for the files that lie beside it */
    for (size_t i = 1; argv[i] && i < ARRAY_LEN(full) - 1; i++)
        full[i] = argv[i];
    execv(program, (char *const *)(uintptr_t)full);
    _exit(127);
}

static void pause_ms(int ms)
{
    poll(NULL, 0, ms);
}

void pgtest_server_start(struct pgtest *t)
{
    _cleanup_(mem_freep) char *data = mem_printf("%s/data", t->dir);
    const char *argv[] = {"postgres",
                          "-D",
                          data,
                          "-k",
                          t->dir,
                          "-c",
                          "listen_addresses=",
                          "-c",
                          "fsync=off",
                          "-c",
                          "synchronous_commit=off",
                          "-c",
                          "full_page_writes=off",
                          "-c",
                          "shared_buffers=32MB",
                          "-c",
                          "max_connections=60",
                          "-c",
                          "autovacuum=off",
                          "-c",
                          "max_prepared_transactions=0",
                          NULL};
    t->postmaster = spawn(t, argv);
    time_t until = time(NULL) + 30;
    while (PQping(t->admin) != PQPING_OK) {
        if (waitpid(t->postmaster, NULL, WNOHANG) == t->postmaster)
            die(t, "postgres", "ended at once");
        if (time(NULL) > until)
            die(t, "postgres", "not ready after 30 s");
        pause_ms(20);
    }
}

void pgtest_server_stop(struct pgtest *t)
{
    PQfinish(t->conn);
    PQfinish(t->app);
    t->conn = t->app = NULL;
    if (t->postmaster <= 0)
        return;
    kill(t->postmaster, SIGINT);
    waitpid(t->postmaster, NULL, 0);
    t->postmaster = 0;
}

static void run_initdb(struct pgtest *t)
{
    _cleanup_(mem_freep) char *data = mem_printf("%s/data", t->dir);
    const char *argv[] = {"initdb", "-D",   data,         "-U",        "root_of_test",      "-A", "trust",
                          "-E",     "UTF8", "--locale=C", "--no-sync", "--no-instructions", NULL};
    int status = 0;
    if (waitpid(spawn(t, argv), &status, 0) < 0 || status != 0)
        die(t, "initdb", "failed");
}

/* Runs `sql` over `conninfo`; the result is given back for looking at. */
static PGresult *query(struct pgtest *t, PGconn *c, const char *sql)
{
    PGresult *r = PQexec(c, sql);
    if (PQresultStatus(r) != PGRES_COMMAND_OK && PQresultStatus(r) != PGRES_TUPLES_OK) {
        fprintf(stderr, "pgtest: %s\n", sql);
        die(t, "SQL", PQerrorMessage(c));
    }
    return r;
}

static PGconn *connect_to(struct pgtest *t, const char *conninfo)
{
    PGconn *c = PQconnectdb(conninfo);
    if (PQstatus(c) != CONNECTION_OK)
        die(t, "connecting", PQerrorMessage(c));
    /* Fixtures come and go by the superuser; they are no changes that an audit log is for. */
    PQclear(query(t, c, "set client_min_messages = warning; set msphub.audit = 'off'"));
    return c;
}

/* A connection that was cut shows only when it is used. */
static PGconn *alive(struct pgtest *t, PGconn **conn, const char *conninfo)
{
    if (*conn) {
        PGresult *r = PQexec(*conn, "");
        bool good = PQresultStatus(r) == PGRES_EMPTY_QUERY;
        PQclear(r);
        if (good)
            return *conn;
        PQfinish(*conn);
    }
    *conn = connect_to(t, conninfo);
    return *conn;
}

static PGconn *admin(struct pgtest *t)
{
    return alive(t, &t->conn, t->admin);
}

struct pgtest *pgtest_start(void)
{
    struct pgtest *t = NEW(struct pgtest);
    char dir[] = "/tmp/msphub-pg-XXXXXX";
    if (!mkdtemp(dir))
        die(t, "mkdtemp", "failed");
    t->dir = mem_strdup(dir);
    t->bin = find_bin(t);
    const struct passwd *user = geteuid() == 0 ? getpwnam("postgres") : NULL;
    if (user && chown(dir, user->pw_uid, user->pw_gid) != 0)
        die(t, "chown", dir);
    t->conninfo = mem_printf("host=%s user=msphub dbname=msphub", dir);
    t->admin = mem_printf("host=%s user=root_of_test dbname=postgres", dir);
    run_initdb(t);
    pgtest_server_start(t);
    PGconn *c = connect_to(t, t->admin);
    PQclear(query(t, c, "create role msphub login"));
    PQclear(query(t, c, "create database msphub owner msphub"));
    PQfinish(c);
    mem_freep(&t->admin);
    t->admin = mem_printf("host=%s user=root_of_test dbname=msphub", dir);
    return t;
}

void pgtest_stop(struct pgtest *t)
{
    if (!t)
        return;
    pgtest_server_stop(t);
    pid_t pid = fork();
    if (pid == 0) {
        execlp("rm", "rm", "-rf", "--", t->dir, (char *)NULL);
        _exit(127);
    }
    waitpid(pid, NULL, 0);
    free(t->dir);
    free(t->bin);
    free(t->conninfo);
    free(t->admin);
    free(t);
}

const char *pgtest_conninfo(const struct pgtest *t)
{
    return t->conninfo;
}

const char *pgtest_admin_conninfo(const struct pgtest *t)
{
    return t->admin;
}

const char *pgtest_dir(const struct pgtest *t)
{
    return t->dir;
}

void pgtest_migrate(struct pgtest *t)
{
    PGconn *c = connect_to(t, t->conninfo);
    for (const struct migration *m = migrations; m->version; m++)
        PQclear(query(t, c, m->sql)); /* one message of several statements is one transaction */
    PQfinish(c);
}

void pgtest_reset(struct pgtest *t)
{
    pgtest_sql(t, "drop owned by msphub cascade; drop schema if exists public cascade;"
                  "alter database msphub owner to msphub; create schema public authorization msphub");
}

void pgtest_sql(struct pgtest *t, const char *fmt, ...)
{
    _cleanup_(str_release) struct str sql = {0};
    va_list ap;
    va_start(ap, fmt);
    str_addv(&sql, fmt, ap);
    va_end(ap);
    PQclear(query(t, admin(t), sql.p));
}

static char *value(struct pgtest *t, const char *fmt, va_list ap) PRINTF_LIKE(2, 0);
static char *value(struct pgtest *t, const char *fmt, va_list ap)
{
    _cleanup_(str_release) struct str sql = {0};
    str_addv(&sql, fmt, ap);
    PGresult *r = query(t, admin(t), sql.p);
    char *v = mem_strdup(PQntuples(r) > 0 ? PQgetvalue(r, 0, 0) : "");
    PQclear(r);
    return v;
}

char *pgtest_value(struct pgtest *t, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *v = value(t, fmt, ap);
    va_end(ap);
    return v;
}

long long pgtest_count(struct pgtest *t, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    _cleanup_(mem_freep) char *v = value(t, fmt, ap);
    va_end(ap);
    return atoll(v);
}

char *pgtest_as(struct pgtest *t, const char *tenant, const char *fmt, ...)
{
    _cleanup_(str_release) struct str sql = {0};
    va_list ap;
    va_start(ap, fmt);
    str_addv(&sql, fmt, ap);
    va_end(ap);
    PGconn *c = alive(t, &t->app, t->conninfo);
    _cleanup_(str_release) struct str begin = {0};
    str_adds(&begin, "begin; reset msphub.audit; reset msphub.tenant; reset msphub.actor");
    if (tenant)
        str_addf(&begin, "; set local msphub.tenant = '%s'", tenant);
    PQclear(query(t, c, begin.p));
    PGresult *r = PQexec(c, sql.p);
    bool good = PQresultStatus(r) == PGRES_COMMAND_OK || PQresultStatus(r) == PGRES_TUPLES_OK;
    char *v = good ? mem_strdup(PQntuples(r) > 0 ? PQgetvalue(r, 0, 0) : "")
                   : mem_printf("ERROR %s", PQresultErrorField(r, PG_DIAG_SQLSTATE));
    PQclear(r);
    PQclear(query(t, c, good ? "commit" : "rollback"));
    return v;
}
