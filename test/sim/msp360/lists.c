/* msp360/lists.c - MSP360's JSON. Keys are spelt as the product spells them, which is not always in one way; enums are
 * integers; times have no zone; what is not known is null or missing. */
#include "msp360.h"
#include <stdlib.h>

static void key_date(struct jw *w, const char *key, usec_t t)
{
    char iso[CLOCK_ISO_MAX];
    struct slice text;
    if (t == USEC_NONE) {
        jw_key_str(w, key, NULL);
        return;
    }
    text = slice_cstr(clock_iso(t - t % USEC_PER_MS, iso));
    text.n--; /* the Z */
    if (memchr(text.p, '.', text.n))
        text.n -= 3; /* milliseconds */
    jw_key_slice(w, key, text);
}

/* Does the fault leave out the n-th row? */
static bool omits(const struct ask *a, size_t n)
{
    return a->fault == FAULT_OMIT_ROWS && n % 10 == 9;
}

static struct jw begin_list(struct answer *r)
{
    struct jw w = m_json(r, 200);
    jw_array(&w);
    return w;
}

void m_null(void *self, struct ask *a, struct answer *r)
{
    answer_text(r, 200, "application/json; charset=utf-8", "null");
}

void m_versions(void *self, struct ask *a, struct answer *r)
{
    struct jw w = begin_list(r);
    for (int i = 0; i < 6; i++) {
        jw_object(&w);
        jw_key_i64(&w, "Type", i);
        jw_key_str(&w, "Version", "8.0.3.36");
        jw_end(&w);
    }
    jw_end(&w);
}

/* --- companies, users --- */

static void write_company(struct jw *w, const struct m_company *c, size_t i)
{
    jw_object(w);
    jw_key_str(w, "Id", c->id);
    jw_key_str(w, "Name", c->name);
    jw_key_i64(w, "StorageLimit", i % 2 ? -1 : INT64_C(107374182400));
    jw_key_i64(w, "LicenseSettings", (int64_t)i % 3);
    if (i % 3) { /* older servers have only what is above */
        jw_key(w, "Destinations");
        jw_array(w);
        jw_end(w);
        jw_key_i64(w, "DefaultLicense", 0);
    }
    jw_end(w);
}

void m_companies(void *self, struct ask *a, struct answer *r)
{
    const struct msp *m = self;
    struct jw w = begin_list(r);
    for (size_t i = 0; i < m->ncompanies; i++)
        if (!omits(a, i))
            write_company(&w, &m->companies[i], i);
    jw_end(&w);
}

void m_company_one(void *self, struct ask *a, struct answer *r)
{
    const struct msp *m = self;
    for (size_t i = 0; i < m->ncompanies; i++)
        if (slice_ieq(a->params[0], slice_cstr(m->companies[i].id))) {
            struct jw w = m_json(r, 200);
            write_company(&w, &m->companies[i], i);
            return;
        }
    m_null(self, a, r);
}

static void write_user(struct jw *w, const struct m_company *c)
{
    jw_object(w);
    jw_key_str(w, "ID", c->user);
    jw_key_str(w, "Email", c->login);
    jw_key_str(w, "FirstName", "");
    jw_key_str(w, "Company", c->name);
    jw_key_bool(w, "Enabled", true);
    jw_key_i64(w, "LicenseManagmentMode", 2);
    jw_key_i64(w, "SpaceUsed", 734003);
    jw_end(w);
}

static const struct m_company *path_user(const struct msp *m, const struct ask *a)
{
    for (size_t i = 0; i < m->ncompanies; i++)
        if (slice_ieq(a->params[0], slice_cstr(m->companies[i].user)))
            return &m->companies[i];
    return NULL;
}

void m_users(void *self, struct ask *a, struct answer *r)
{
    const struct msp *m = self;
    struct jw w = begin_list(r);
    for (size_t i = 0; i < m->ncompanies; i++)
        write_user(&w, &m->companies[i]);
    jw_end(&w);
}

void m_user_one(void *self, struct ask *a, struct answer *r)
{
    const struct m_company *c = path_user(self, a);
    if (!c) {
        m_message(r, 400, "User with id %.*s not found", SLICE_FMT(a->params[0]));
        return;
    }
    struct jw w = m_json(r, 200);
    write_user(&w, c);
}

void m_user_computers(void *self, struct ask *a, struct answer *r)
{
    const struct msp *m = self;
    const struct m_company *c = path_user(m, a);
    struct m_computer x;
    struct jw w = begin_list(r);
    for (int64_t id = 1; c && id <= m->ncomputers; id++) {
        if (!m_computer(m, id, &x) || &m->companies[x.company] != c)
            continue;
        jw_object(&w);
        jw_key_str(&w, "DestinationId", c->id);
        jw_key_str(&w, "ComputerName", x.name);
        jw_end(&w);
    }
    jw_end(&w);
}

void m_destinations(void *self, struct ask *a, struct answer *r)
{
    const struct msp *m = self;
    for (size_t i = 0; i < m->ncompanies; i++)
        if (slice_ieq(a->params[0], slice_cstr(m->companies[i].login))) {
            answer_text(r, 200, "application/json; charset=utf-8", "[]");
            return;
        }
    answer_begin(r, 406, NULL);
    answer_because(r, "destinations of an unknown login");
}

/* One a computer that has ever been active, and a free one a company. */
static void write_license(struct jw *w, const struct m_company *c, int64_t number, const struct m_computer *x)
{
    char id[48];

    snprintf(id, sizeof(id), "11ce05e0-0000-4000-8000-%012llx", (long long)number);
    jw_object(w);
    jw_key_str(w, "ID", id);
    jw_key_i64(w, "Number", 1000 + number);
    jw_key_str(w, "ComputerName", x ? x->name : NULL);
    jw_key_str(w, "OperatingSystem", x ? x->windows ? "Windows" : "Linux" : NULL);
    jw_key_bool(w, "IsTrial", number % 5 == 0);
    jw_key_bool(w, "IsTaken", x != NULL);
    jw_key_str(w, "LicenseType", number % 3 ? "Ultimate" : "SQL Server");
    key_date(w, "DateExpired", number % 4 ? SECONDS(1800000000) + number * SECONDS(86400) : USEC_NONE);
    jw_key_str(w, "Transaction", "sim");
    jw_key_str(w, "User", x ? c->login : NULL);
    jw_key_str(w, "UserID", x ? c->user : NULL);
    jw_end(w);
}

void m_licenses(void *self, struct ask *a, struct answer *r)
{
    const struct msp *m = self;
    struct m_computer x;
    struct jw w = begin_list(r);
    for (int64_t id = 1; id <= m->ncomputers; id++)
        if (m_computer(m, id, &x) && x.last_activity != USEC_NONE)
            write_license(&w, &m->companies[x.company], id, &x);
    for (size_t i = 0; i < m->ncompanies; i++)
        write_license(&w, &m->companies[i], m->ncomputers + 1 + (int64_t)i, NULL);
    jw_end(&w);
}

/* --- computers --- */

static void write_app(struct jw *w, const char *id, const char *version, bool online)
{
    jw_object(w);
    jw_key_str(w, "ApplicationId", id);
    jw_key_str(w, "Version", version);
    jw_key_str(w, "VersionStatus", "Latest");
    jw_key_i64(w, "BuildTypeLong", 536870940);
    jw_key_str(w, "ApplicationState", "Enabled");
    jw_key_bool(w, "Online", online);
    jw_key_str(w, "ErrorCode", NULL);
    jw_key_str(w, "ErrorMessage", NULL);
    jw_end(w);
}

static void write_computer(struct jw *w, const struct msp *m, const struct m_computer *c)
{
    static const char *const parts[] = {"_Major", "_Minor", "_Build", "_Revision"};
    static const int64_t version[] = {8, 0, 3, 36};
    jw_object(w);
    jw_key_str(w, c->id % 2 ? "ComputerHID" : "ComputerHid", c->hid);
    jw_key_str(w, "OSTypeString", c->windows ? "windows" : "linux");
    jw_key_i64(w, "BuildTypeString", 536870940);
    jw_key_bool(w, "RemoteManagementAvailable", true);
    jw_key_str(w, "ComputerName", c->name);
    jw_key_str(w, "ComputerDisplayName", c->display);
    jw_key_str(w, "CompanyName", m_company_name(m, c));
    jw_key_str(w, "UserEmail", m->companies[c->company].login);
    jw_key_str(w, "ProfileName", "");
    jw_key_str(w, "UserID", m->companies[c->company].user);
    jw_key(w, "BackupBuildVersion");
    jw_object(w);
    for (size_t k = 0; k < ARRAY_LEN(parts); k++)
        jw_key_i64(w, parts[k], version[k]);
    jw_end(w);
    key_date(w, "LastActivity", c->last_activity);
    jw_key_i64(w, "InstanceType", 3);
    jw_key_bool(w, "HasBackupApp", true);
    jw_key(w, "Apps");
    jw_array(w);
    write_app(w, "backup", "8.0.3.36", c->online);
    jw_end(w);
    jw_end(w);
}

/* The rows of a page, as the fault would have them. */
struct window {
    int64_t skip, take, total;
};

static bool window_of(const struct msp *m, const struct ask *a, struct window *ret)
{
    int64_t offset, count;
    if (!slice_i64(a->params[0], &offset) || !slice_i64(a->params[1], &count) || offset < 0 || count < 1)
        return false;
    if (a->fault == FAULT_STUCK_CURSOR)
        offset = 0;
    if (a->fault == FAULT_REPEAT_PAGE)
        offset = MAX(offset - MIN(count, m->page_cap), 0);
    *ret = (struct window){.skip = offset, .take = MIN(count, m->page_cap)};
    return true;
}

void m_computers(void *self, struct ask *a, struct answer *r)
{
    const struct msp *m = self;
    struct window x;
    struct m_computer c;
    if (!window_of(m, a, &x)) {
        m_message(r, 400, "The request is invalid.");
        return;
    }
    int64_t *ids = mem_realloc_array(NULL, (size_t)x.take, sizeof(*ids));
    size_t n = 0;
    for (int64_t id = 1; id <= m->ncomputers; id++) {
        if (!m_computer(m, id, &c))
            continue;
        if (x.total >= x.skip && n < (size_t)x.take && !omits(a, (size_t)x.total))
            ids[n++] = id;
        x.total++;
    }
    struct jw w = m_json(r, 200);
    jw_object(&w);
    jw_key_i64(&w, "Count", a->fault == FAULT_WRONG_TOTAL ? x.total + 7 : m->count_is_total ? x.total : (int64_t)n);
    jw_key_str(&w, "Message", "Success");
    jw_key_i64(&w, "StatusCode", 200);
    jw_key(&w, "Computers");
    jw_array(&w);
    for (size_t k = 0; k < n; k++)
        if (m_computer(m, ids[a->fault == FAULT_SHUFFLE ? n - 1 - k : k], &c))
            write_computer(&w, m, &c);
    jw_end(&w);
    jw_end(&w);
    free(ids);
}

void m_computer_one(void *self, struct ask *a, struct answer *r)
{
    const struct msp *m = self;
    struct m_computer c;
    if (a->params[0].n && a->params[0].p[0] == '{') {
        m_message(r, 404, "No HTTP resource was found that matches the request URI 'https://sim/api/Computers/%.*s'.",
                  SLICE_FMT(a->params[0]));
        return;
    }
    struct jw w = m_json(r, 200);
    if (m_computer_hid(m, a->params[0], &c)) {
        write_computer(&w, m, &c);
        return;
    }
    _cleanup_(str_release) struct str text = {0};
    str_addf(&text, "Object \"%.*s\" not found", SLICE_FMT(a->params[0]));
    jw_object(&w);
    jw_key_i64(&w, "ErrorCode", -6);
    jw_key_slice(&w, "Message", str_slice(&text));
    jw_end(&w);
    r->gone = m_computer_was(m, a->params[0]);
    answer_because(r, "no computer %.*s", (int)MIN(a->params[0].n, (size_t)60), a->params[0].p);
}

/* --- plans --- */

static void write_plan(struct jw *w, const struct msp *m, const struct m_computer *c, const struct m_plan *p)
{
    bool ran = p->last_start != USEC_NONE;
    jw_object(w);
    jw_key_str(w, "PlanName", p->name);
    jw_key_str(w, "CompanyName", m_company_name(m, c));
    jw_key_str(w, "UserName", m->companies[c->company].login);
    jw_key_str(w, "UserID", m->companies[c->company].user);
    jw_key_str(w, "ComputerName", c->name);
    if (!p->old_server)
        jw_key_str(w, "ComputerHid", c->hid);
    jw_key_str(w, "BuildVersion", "8.0.3.36");
    jw_key_str(w, "StorageType", "Cloud");
    key_date(w, "LastStart", p->last_start);
    key_date(w, "NextStart", p->next_start);
    jw_key_i64(w, "Status", p->status);
    jw_key_str(w, "ErrorMessage", p->error);
    jw_key_i64(w, "FilesCopied", ran ? 118 : 0);
    jw_key_i64(w, "FilesFailed", p->status == M_ERROR ? 4 : 0);
    jw_key_i64(w, "DataCopied", ran ? 734003200 : 0);
    jw_key_str(w, "Duration", ran ? "12 min." : "");
    jw_key_i64(w, "DataToBackup", 812646400);
    jw_key_i64(w, "TotalData", INT64_C(51539607552));
    jw_key_i64(w, "FilesScanned", 20411);
    jw_key_i64(w, "FilesToBackup", 122);
    if (*p->id)
        jw_key_str(w, "PlanId", p->id);
    jw_key_i64(w, "PlanType", p->type);
    jw_key_str(w, "DetailedReportLink",
               p->slot ? NULL : "https://reports.example/r?signature=CONFIDENTIAL-REPORT-LINK");
    jw_end(w);
}

/* All plans, or those of one user; of an unknown user null. */
void m_monitoring(void *self, struct ask *a, struct answer *r)
{
    const struct msp *m = self;
    const struct m_company *user = NULL;
    struct m_computer c;
    struct m_plan p;
    size_t n = 0;
    if (a->params[0].n && !(user = path_user(m, a))) {
        m_null(self, a, r);
        return;
    }
    struct jw w = begin_list(r);
    for (int64_t k = 1; k <= m->ncomputers; k++) {
        int64_t id = a->fault == FAULT_SHUFFLE ? m->ncomputers + 1 - k : k;
        if (!m_computer(m, id, &c) || (user && &m->companies[c.company] != user))
            continue;
        for (unsigned slot = 0; slot < c.nplans; slot++) {
            m_plan(m, &c, slot, &p);
            if (!p.hidden && !omits(a, n++))
                write_plan(&w, m, &c, &p);
        }
    }
    jw_end(&w);
}
