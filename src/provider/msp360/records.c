/* records.c - MSP360's rows → records.
 * Verdicts: a plan's row tells its latest run only, at each poll again. Its alert opens on Error, Interrupted,
 *           UnexpectedlyClosed (critical) and on Overdue and Warning, closes on Success; Running, Unknown and what this list
 *           does not know say nothing. Overdue does not move LastStart, so messages about one start are ordered by rank,
 *           and the worse one stays: the same poll always gives the same message, and nothing is written again. */
#include "provider/msp360/msp360.h"

#include "base/crypto.h"

#include <ctype.h>
#include <stdio.h>

#define DAY       SECONDS(86400)
#define KEY_MAX   400                /* of a plan's key; what is longer ends in its hash */
#define SOME_YEAR SECONDS(631152000) /* 1990: times before are .NET's "never" (0001-01-01) */

/* --- values --- */

static bool is_guid(struct slice s)
{
    if (s.n != 36)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? s.p[i] != '-' : !isxdigit((unsigned char)s.p[i]))
            return false;
    }
    return true;
}

struct slice msp_id(struct slice s, char buf[MSP_ID_MAX])
{
    s = slice_trim(s);
    if (s.n >= 2 && s.p[0] == '{' && s.p[s.n - 1] == '}')
        s = slice_of(s.p + 1, s.n - 2);
    if (!s.n || s.n >= MSP_ID_MAX)
        return SLICE_NONE;
    bool fold = is_guid(s);
    for (size_t i = 0; i < s.n; i++)
        buf[i] = (char)(fold ? tolower((unsigned char)s.p[i]) : s.p[i]);
    buf[s.n] = '\0';
    return slice_of(buf, s.n);
}

static usec_t time_of(usec_t t)
{
    return t == USEC_NONE || t < SOME_YEAR ? USEC_NONE : t;
}

/* --- companies and computers --- */

void msp_emit_company(const struct msp_company *c, const struct sink *sink)
{
    struct record r = {.kind = RECORD_ORGANIZATION, .organization = {.id = c->id, .name = known(slice_trim(c->name))}};
    sink->record(sink->arg, &r);
}

static const struct msp_app *backup_app(const struct msp_computer *c)
{
    const struct msp_app *apps = c->apps.v;

    for (size_t i = 0; i < c->apps.n; i++)
        if (slice_ieq(apps[i].id, SLICE("backup")))
            return &apps[i];
    return NULL;
}

/* Any agent that is online proves that the machine is; that it is off says the backup agent's own. */
static enum agent_status status_of(const struct msp_computer *c)
{
    const struct msp_app *apps = c->apps.v, *backup = backup_app(c);

    for (size_t i = 0; i < c->apps.n; i++)
        if (apps[i].online == TRI_YES)
            return AGENT_ONLINE;
    return backup && backup->online == TRI_NO ? AGENT_OFFLINE : AGENT_UNKNOWN;
}

static struct slice version_of(const struct msp_computer *c, char buf[96])
{
    const struct msp_app *backup = backup_app(c);
    int n = 0;

    if (c->version[0] == I64_NONE)
        return backup ? known(backup->version) : SLICE_NONE;
    for (size_t i = 0; i < ARRAY_LEN(c->version) && c->version[i] != I64_NONE; i++)
        n += snprintf(buf + n, 96 - (size_t)n, "%s%lld", i ? "." : "", (long long)c->version[i]);
    return slice_of(buf, (size_t)n);
}

void msp_emit_computer(const struct msp_computer *c, struct slice hid, struct slice organization,
                       const struct sink *sink)
{
    char version[96];
    struct slice name = slice_trim(c->name), shown = slice_trim(c->display_name);
    struct record r = {.kind = RECORD_DEVICE,
                       .device = {.id = hid,
                                  .organization_id = organization,
                                  .name = known(shown.n ? shown : name),
                                  .hostname = known(name),
                                  .product_class = known(c->os),
                                  .status = status_of(c),
                                  .agent_version = version_of(c, version),
                                  .created = USEC_NONE,
                                  .last_seen = time_of(c->last_activity)}};
    _cleanup_(str_release) struct str account = {0};

    if (c->user.n) {
        str_addf(&account, "backup account %.*s", SLICE_FMT(c->user));
        r.device.description = str_slice(&account);
    }
    sink->record(sink->arg, &r);
}

/* --- plans --- */

enum level { LEVEL_NONE, LEVEL_OK, LEVEL_WARNING, LEVEL_CRITICAL };

static const struct status {
    const char *word;
    enum backup_status status;
    enum level level;
} statuses[] = {
    {"Success", BACKUP_SUCCESS, LEVEL_OK},
    {"Overdue", BACKUP_OVERDUE, LEVEL_WARNING},
    {"Error", BACKUP_FAILED, LEVEL_CRITICAL},
    {"Running", BACKUP_RUNNING, LEVEL_NONE},
    {"Unknown", BACKUP_UNKNOWN, LEVEL_NONE},
    {"Interrupted", BACKUP_INTERRUPTED, LEVEL_CRITICAL},
    {"UnexpectedlyClosed", BACKUP_INTERRUPTED, LEVEL_CRITICAL},
    {"Warning", BACKUP_WARNING, LEVEL_WARNING},
};

static const char *const types[] = {
    "NA",          "Backup",           "Restore",    "BackupFiles",    "RestoreFiles",    "VMBackup",
    "VMRestore",   "SQLBackup",        "SQLRestore", "ExchangeBackup", "ExchangeRestore", "BMSSBackup",
    "BMSSRestore", "ConsistencyCheck", "EC2Backup",  "EC2Restore",     "HyperVBackup",    "HyperVRestore",
};

/* By number; by name where a server writes enums as names. NULL: neither. */
static const struct status *status_find(struct slice text)
{
    int64_t n;

    if (slice_i64(text, &n))
        return n >= 0 && n < (int64_t)ARRAY_LEN(statuses) ? &statuses[n] : NULL;
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++)
        if (slice_ieq(text, slice_cstr(statuses[i].word)))
            return &statuses[i];
    return NULL;
}

/* What an enum's number is called here; "status 99" for one that nobody has told us of. */
static struct slice word_for(const char *what, const char *name, struct slice text, char buf[64])
{
    int64_t n;

    if (name)
        return slice_cstr(name);
    if (!slice_i64(text, &n))
        return known(text);
    return slice_of(buf, (size_t)snprintf(buf, 64, "%s %lld", what, (long long)n));
}

static const char *type_name(struct slice text)
{
    int64_t n;

    return slice_i64(text, &n) && n >= 0 && n < (int64_t)ARRAY_LEN(types) ? types[n] : NULL;
}

/* One part of the key. What is not an id cannot be mistaken for one: ':' does not come out of str_add_url. */
static bool add_part(struct str *key, struct slice id, struct slice name)
{
    char buf[MSP_ID_MAX];
    struct slice s = msp_id(id, buf);

    if (key->n)
        str_addc(key, '/');
    if (!s.n) {
        s = slice_trim(name);
        str_adds(key, s.n ? "name:" : "");
    }
    str_add_url(key, s);
    return s.n > 0;
}

bool msp_plan_key(const struct msp_plan *p, struct str *ret)
{
    uint8_t hash[SHA256_LEN];

    str_clear(ret);
    bool user = add_part(ret, p->user_id, p->user), computer = add_part(ret, p->hid, p->computer),
         plan = add_part(ret, p->plan_id, p->plan);
    if (ret->n > KEY_MAX) {
        crypto_sha256(str_slice(ret), hash);
        ret->n = KEY_MAX - 2 * SHA256_LEN - 1;
        str_addc(ret, '~');
        str_add_hex(ret, slice_of((const char *)hash, sizeof(hash)));
    }
    return (user || computer) && plan;
}

void msp_emit_job(const struct msp_plan *p, const struct msp_links *l, int64_t stale_days, const struct sink *sink)
{
    char status_buf[64], type_buf[64], id_buf[MSP_ID_MAX];
    const struct status *status = status_find(p->status);
    struct record r = {
        .kind = RECORD_BACKUP_JOB,
        .backup_job = {.id = l->key,
                       .device_id = l->device,
                       .organization_id = l->organization,
                       .computer = known(slice_trim(p->computer)),
                       .plan = known(slice_trim(p->plan)),
                       .plan_id = msp_id(p->plan_id, id_buf),
                       .plan_type = word_for("type", type_name(p->type), p->type, type_buf),
                       .account = known(p->user),
                       .storage = known(p->storage),
                       .agent_version = known(p->version),
                       .status = status ? status->status : BACKUP_UNKNOWN,
                       .status_word = word_for("status", status ? status->word : NULL, p->status, status_buf),
                       .last_start = time_of(p->last_start),
                       .next_start = time_of(p->next_start),
                       .duration = known(p->duration),
                       .total_bytes = p->total_bytes,
                       .selected_bytes = p->selected_bytes,
                       .copied_bytes = p->copied_bytes,
                       .files_scanned = p->files_scanned,
                       .files_selected = p->files_selected,
                       .files_copied = p->files_copied,
                       .files_failed = p->files_failed,
                       .message = known(slice_trim(p->message)),
                       .stale_days = stale_days}};
    sink->record(sink->arg, &r);
}

/* --- alerts --- */

/* When the state was reached, as far as a row can tell. Without any time: the day of reading, so that a second poll says the
 * same. */
static usec_t reached_at(const struct msp_plan *p, bool overdue, usec_t now)
{
    usec_t start = time_of(p->last_start), due = time_of(p->next_start);

    if (overdue && due != USEC_NONE && due <= now && (start == USEC_NONE || due > start))
        return due;
    return start != USEC_NONE ? start : now - now % DAY;
}

/* Of two messages about one start the higher counts. */
static struct slice rank_of(enum backup_status status, enum level level)
{
    if (level == LEVEL_OK)
        return SLICE("1");
    if (level == LEVEL_CRITICAL)
        return SLICE("4");
    return status == BACKUP_OVERDUE ? SLICE("3") : SLICE("2");
}

static void subject_of(const struct msp_plan *p, enum backup_status status, struct str *out)
{
    static const char *const said[] = {[BACKUP_WARNING] = "ended with warnings",
                                       [BACKUP_FAILED] = "failed",
                                       [BACKUP_INTERRUPTED] = "was interrupted",
                                       [BACKUP_OVERDUE] = "is overdue"};
    struct slice plan = slice_trim(p->plan), computer = slice_trim(p->computer);

    str_addf(out, "Backup plan %.*s", SLICE_FMT(plan.n ? plan : SLICE("without a name")));
    if (computer.n)
        str_addf(out, " on %.*s", SLICE_FMT(computer));
    str_addf(out, " %s", said[status]);
}

static bool opens(const struct status *s, bool warnings)
{
    return s && (s->level == LEVEL_CRITICAL || (s->level == LEVEL_WARNING && warnings));
}

static void emit_verdict(const struct msp_plan *p, const struct msp_links *l, const struct status *s,
                         const struct msp_alerting *a, const struct sink *sink)
{
    _cleanup_(str_release) struct str subject = {0};
    bool closes = s && s->level == LEVEL_OK;

    if (!closes && !opens(s, a->warnings))
        return;
    struct record r = {.kind = RECORD_ALERT,
                       .alert = {.series = l->key,
                                 .device_id = l->device,
                                 .organization_id = known(l->organization),
                                 .state = closes ? ALERT_RESOLVED : ALERT_TRIGGERED,
                                 .closes_only = closes,
                                 .triggered_at = USEC_NONE,
                                 .changed_at = reached_at(p, s->status == BACKUP_OVERDUE, a->now),
                                 .change_id = rank_of(s->status, s->level)}};
    if (!closes) {
        subject_of(p, s->status, &subject);
        r.alert.severity = s->level == LEVEL_CRITICAL ? SEVERITY_CRITICAL : SEVERITY_MODERATE;
        r.alert.severity_known = true;
        r.alert.type = slice_cstr(s->word);
        r.alert.subject = str_slice(&subject);
        r.alert.message = known(slice_trim(p->message));
        r.alert.source = known(slice_trim(p->plan));
        r.alert.triggered_at = r.alert.changed_at;
    }
    sink->record(sink->arg, &r);
}

static bool makes_backups(const struct msp_plan *p)
{
    const char *type = type_name(p->type);

    return !type || (!strstr(type, "Restore") && strcmp(type, "ConsistencyCheck") != 0);
}

static void stale_subject(const struct msp_plan *p, int64_t days, bool ever, struct str *out)
{
    struct slice plan = slice_trim(p->plan), computer = slice_trim(p->computer);

    str_addf(out, "Backup plan %.*s", SLICE_FMT(plan.n ? plan : SLICE("without a name")));
    if (computer.n)
        str_addf(out, " on %.*s", SLICE_FMT(computer));
    str_addf(out, ever ? " has not run for %lld days" : " never ran, and was due %lld days ago", (long long)days);
}

/* A series of its own. Nothing is opened where the verdict is open already: one trouble, one alert. Messages are ordered by the start
 * they are about (all times of one account are off by the same hours), and of two about one start the closing one counts. */
static void emit_staleness(const struct msp_plan *p, const struct msp_links *l, bool told, const struct msp_alerting *a,
                           const struct sink *sink)
{
    usec_t start = time_of(p->last_start), due = time_of(p->next_start), since = start != USEC_NONE ? start : due;
    _cleanup_(str_release) struct str series = {0}, subject = {0};

    if (since == USEC_NONE || a->stale_days == I64_NONE)
        return;
    usec_t late = since + a->stale_days * DAY;
    bool stale = !told && due != USEC_NONE && late < a->now && makes_backups(p);
    str_addf(&series, "%.*s#stale", SLICE_FMT(l->key));
    struct record r = {.kind = RECORD_ALERT,
                       .alert = {.series = str_slice(&series),
                                 .device_id = l->device,
                                 .organization_id = known(l->organization),
                                 .state = stale ? ALERT_TRIGGERED : ALERT_RESOLVED,
                                 .closes_only = !stale,
                                 .triggered_at = USEC_NONE,
                                 .changed_at = since,
                                 .change_id = stale ? SLICE("1") : SLICE("2")}};
    if (stale) {
        stale_subject(p, a->stale_days, start != USEC_NONE, &subject);
        r.alert.severity = SEVERITY_MAJOR;
        r.alert.severity_known = true;
        r.alert.type = SLICE("NoBackup");
        r.alert.subject = str_slice(&subject);
        r.alert.source = known(slice_trim(p->plan));
        r.alert.triggered_at = late;
    }
    sink->record(sink->arg, &r);
}

void msp_emit_alerts(const struct msp_plan *p, const struct msp_links *l, const struct msp_alerting *a,
                     const struct sink *sink)
{
    const struct status *s = status_find(p->status);

    emit_verdict(p, l, s, a, sink);
    emit_staleness(p, l, opens(s, a->warnings), a, sink);
}

/* --- users and licences --- */

void msp_emit_user(const struct msp_user *u, struct slice organization, const struct sink *sink)
{
    struct slice first = slice_trim(u->first_name), last = slice_trim(u->last_name), login = slice_trim(u->login);
    _cleanup_(str_release) struct str name = {0};

    str_add(&name, first);
    if (first.n && last.n)
        str_addc(&name, ' ');
    str_add(&name, last);
    struct record r = {.kind = RECORD_PERSON,
                       .person = {.id = u->id,
                                  .organization_id = organization,
                                  .name = name.n ? str_slice(&name) : known(login),
                                  .username = known(login),
                                  /* the login is an address for most, and any word for some */
                                  .email = login.n && memchr(login.p, '@', login.n) ? login : SLICE_NONE}};
    sink->record(sink->arg, &r);
}

void msp_emit_license(const struct msp_license *l, struct slice device, const struct sink *sink)
{
    struct record r = {.kind = RECORD_LICENSE,
                       .license = {.id = l->id,
                                   .number = known(l->number),
                                   .type = known(l->type),
                                   .computer = known(slice_trim(l->computer)),
                                   .device_id = device,
                                   .account = known(slice_trim(l->user)),
                                   .organization_id = SLICE_NONE,
                                   .taken = l->taken,
                                   .trial = l->trial,
                                   .expires = time_of(l->expires)}};
    sink->record(sink->arg, &r);
}
