/* hub/doctor.c - see doctor.h.
 * Steps: ASK (the provider's machine, with a deadline) -> KNOWN (one query) -> findings, sorted -> callback.
 * Owns:  the findings, in an arena. */
#include "hub/doctor.h"

#include "base/mem.h"
#include "hub/engine.h"
#include "hub/webhook.h"
#include "store/doctor.h"

#include <stdarg.h>
#include <stdlib.h>

#define CLOCK_OFF SECONDS(60) /* more than that is more than a slow answer and a Date header of whole seconds explain */

const char *const finding_level_names[] = {
    [FINDING_OK] = "ok", [FINDING_WARNING] = "warning", [FINDING_ERROR] = "error", NULL};

struct doctor {
    struct hub *h;
    struct integration *it; /* a reference */
    struct arena *arena;
    struct finding v[DOCTOR_MAX_FINDINGS];
    size_t n;
    const char *remark;
    struct ref job;
    struct timer deadline;
    bool expired;
    unsigned stmt;
    doctor_cb *cb;
    void *arg;
};

static const char *keep(struct doctor *d, const char *text)
{
    return text ? arena_strndup(d->arena, text, strlen(text)) : NULL;
}

static void on_finding(void *arg, const struct finding *f)
{
    struct doctor *d = arg;
    if (d->n == DOCTOR_MAX_FINDINGS)
        return;
    d->v[d->n++] = (struct finding){f->level, keep(d, f->code), keep(d, f->what), keep(d, f->mend)};
}

static void PRINTF_LIKE(5, 6)
    found(struct doctor *d, enum finding_level level, const char *code, const char *mend, const char *fmt, ...)
{
    _cleanup_(str_release) struct str what = {0};
    va_list ap;
    va_start(ap, fmt);
    str_addv(&what, fmt, ap);
    va_end(ap);
    on_finding(d, &(struct finding){level, code, what.p, mend});
}

/* --- what the hub knows --- */

static void look_at_settings(struct doctor *d)
{
    const struct integration *it = d->it;
    struct err e;
    if (it->unusable)
        found(d, FINDING_ERROR, "settings_unusable", "Reconfigure the integration.", "The settings cannot be used: %s",
              it->unusable);
    if (!it->enabled)
        found(d, FINDING_WARNING, "switched_off", "Enable it when it is to be used.",
              "The integration is switched off.");
    if (it->tenant_suspended)
        found(d, FINDING_WARNING, "tenant_suspended", "The platform's operator can resume the tenant.",
              "The tenant is suspended: nothing is read.");
    if (!it->base_url)
        return;
    if (strncmp(it->base_url, "http://", 7) == 0)
        found(d, FINDING_WARNING, "not_encrypted", "Give an address that begins with https://.",
              "%s is not encrypted: the credential can be read on the way.", it->base_url);
    if (!egress_url_allowed(d->h->egress, it->base_url, &e))
        found(d, FINDING_ERROR, "address_not_allowed",
              "Give a public address, or list its network in private_networks.",
              "The hub may not call this address: %s", e.what);
}

static void look_at_webhook(struct doctor *d, const struct doctor_row *row)
{
    const struct provider *p = d->it->provider;
    usec_t now = loop_wall(d->h->loop), silence = d->h->options->webhook_silence;
    _cleanup_(str_release) struct str address = {0};
    if (!p || !(p->flags & PROVIDER_WEBHOOK))
        return;
    if (row->registration_error.n)
        found(d, FINDING_ERROR, "webhook_not_registered", "Mend that, then POST …/webhook/register.",
              "The product could not be told of the webhook: %.*s", SLICE_FMT(row->registration_error));
    if (webhook_public_url(d->h).p)
        webhook_address(d->it, webhook_public_url(d->h), &address);
    if (row->registered_at != USEC_NONE && address.n && !slice_eq(row->registered_url, str_slice(&address)))
        found(d, FINDING_ERROR, "webhook_moved", "POST …/webhook/register tells the product the present address.",
              "The product sends to %.*s, and this hub is reached at another address now.",
              SLICE_FMT(row->registered_url));
    usec_t since = row->last_delivery_at != USEC_NONE ? row->last_delivery_at : row->registered_at;
    if (since != USEC_NONE && silence > 0 && now - since > silence)
        found(d, FINDING_WARNING, "webhook_silent",
              "See whether the product still has the webhook and can reach this hub, then register it again.",
              row->last_delivery_at != USEC_NONE ? "The last webhook came %lld hours ago."
                                                 : "No webhook has come since it was registered %lld hours ago.",
              (long long)((now - since) / SECONDS(3600)));
    else if (since == USEC_NONE)
        found(d, FINDING_WARNING, "webhook_never",
              p->webhook_register ? "POST …/webhook/register sets it up in the product."
                                  : "GET …/webhook says how to set it up in the product.",
              "No webhook has ever come: changes are seen at the next sync only.");
    if (row->dead_deliveries)
        found(d, FINDING_WARNING, "deliveries_dead", "GET …/deliveries?status=dead says why; mend it and replay them.",
              "%lld webhooks could not be applied.", (long long)row->dead_deliveries);
}

static void look_at_credential(struct doctor *d, const struct doctor_row *row)
{
    usec_t now = loop_wall(d->h->loop);
    if (row->grant_dead)
        found(d, FINDING_ERROR, "reconnect_required",
              d->it->provider && d->it->provider->connect ? "Connect it again." : "Give the credential anew.",
              "The product refuses the credential: %.*s", SLICE_FMT(row->error_message));
    if (row->credential_expires_at == USEC_NONE)
        return;
    int64_t days = (row->credential_expires_at - now) / SECONDS(86400);
    if (row->credential_expires_at <= now)
        found(d, FINDING_ERROR, "credential_expired", "Make a new one in the product, and reconfigure with it.",
              "The credential has ended.");
    else if (row->credential_expires_at - now < d->h->options->credential_warning)
        found(d, FINDING_WARNING, "credential_expires", "Make a new one in the product, and reconfigure with it.",
              "The credential ends in %lld days.", (long long)days);
}

static void look_at_runs(struct doctor *d, const struct doctor_row *row)
{
    static const char mend[] = "GET …/runs tells of each run, and its errors.";
    if (slice_is(row->run_status, "failed"))
        found(d, FINDING_ERROR, "sync_failed", mend, "The last sync failed: %.*s", SLICE_FMT(row->run_error));
    else if (slice_is(row->run_status, "partial"))
        found(d, FINDING_WARNING, "sync_partial", mend, "The last sync was partial: some of it could not be read.");
    if (d->it->enabled && row->stale)
        found(d, FINDING_WARNING, "sync_stale", mend,
              "No full sync has succeeded for longer than three of its intervals.");
    if (row->unmapped)
        found(d, FINDING_WARNING, "organizations_unmapped", "Map or ignore them: GET …/organizations?status=unmapped.",
              "%lld organizations belong to no client yet; their devices are kept without one.",
              (long long)row->unmapped);
}

/* --- what the product says --- */

static void look_at_clock(struct doctor *d, usec_t skew)
{
    if (skew == USEC_NONE || (skew < CLOCK_OFF && skew > -CLOCK_OFF))
        return;
    found(
        d, FINDING_WARNING, "clock_off",
        "Let this machine's clock be set by NTP (and the product's, where you run it): codes and tokens depend on it.",
        "The product's clock is %lld s %s this hub's.", (long long)((skew < 0 ? -skew : skew) / USEC_PER_S),
        skew < 0 ? "behind" : "ahead of");
}

/* When there is no doctor, or it could not tell. */
static void tell_failure(struct doctor *d, const struct err *e)
{
    static const struct {
        const char *code, *mend;
    } known[ERR_NCODES_] = {
        [ERR_AUTH] = {"credential_refused", "Check the credential, and where it was made."},
        [ERR_FORBIDDEN] = {"right_missing", "Give the credential the right that is missing."},
        [ERR_CONFIG] = {"settings_unusable", "Reconfigure the integration."},
        [ERR_NOT_FOUND] = {"wrong_address", "Check the address: the product's API is not there."},
        [ERR_THROTTLED] = {"throttled", "Wait; if it stays, others use the same account's budget."},
        [ERR_TIMEOUT] = {"no_answer", "See whether the product is up, and reached from this machine."},
        [ERR_UNAVAILABLE] = {"unreachable", "See whether the product is up, and reached from this machine."},
        [ERR_PROTOCOL] = {"not_the_api", "Check the address: what answers is not the product's API."},
    };
    found(d, FINDING_ERROR, known[e->code].code ? known[e->code].code : "failed",
          known[e->code].mend ? known[e->code].mend : "The sentence says what is in the way.", "%s", e->what);
}

static int by_level(const void *a, const void *b)
{
    const struct finding *x = a, *y = b;
    return (int)y->level - (int)x->level;
}

static void finish(struct doctor *d, const struct err *e)
{
    bool all_well = true;
    for (size_t i = 0; i < d->n; i++)
        all_well &= d->v[i].level == FINDING_OK;
    if (!e && all_well && d->n == 0)
        found(d, FINDING_OK, "good", NULL, "%s", d->remark ? d->remark : "Nothing is wrong.");
    qsort(d->v, d->n, sizeof *d->v, by_level);
    d->cb(d->arg, d->v, d->n, e);
    integration_unref(d->it);
    arena_free(d->arena);
    free(d);
}

static void on_known(void *arg, const struct pg_reply *r)
{
    struct doctor *d = arg;
    struct doctor_row row;
    struct err gone = {0};
    if (pg_reply_err(r)) {
        finish(d, pg_reply_err(r));
    } else if (!doctor_read(r, d->stmt, &row)) {
        err_set(&gone, ERR_NOT_FOUND, "the integration is gone");
        finish(d, &gone);
    } else {
        look_at_settings(d);
        look_at_credential(d, &row);
        look_at_webhook(d, &row);
        look_at_runs(d, &row);
        finish(d, NULL);
    }
}

static void ask_known(struct doctor *d)
{
    struct pg_seg *s = pg_seg_new(d->h->db, d->it->tenant_id);
    d->stmt = doctor_add_known(s, d->it->tenant_id, d->it->id, d->h->options->sync_interval);
    pg_submit(s, on_known, d);
}

static bool told_error(const struct doctor *d)
{
    for (size_t i = 0; i < d->n; i++)
        if (d->v[i].level == FINDING_ERROR)
            return true;
    return false;
}

static void on_asked(void *arg, const struct engine_counts *counts, const struct err *err)
{
    struct doctor *d = arg;
    struct err late = {0};
    timer_cancel(&d->deadline);
    if (d->expired) {
        err_set(&late, ERR_TIMEOUT, "the product has not answered within %lld s (option health_timeout)",
                (long long)(d->h->options->health_timeout / USEC_PER_S));
        err = &late;
    }
    if (err && (!told_error(d) || d->expired))
        tell_failure(d, err);
    else if (counts->throttled)
        found(d, FINDING_WARNING, "throttled",
              "Others use the same account's budget: spread the schedules, or ask for more.",
              "The product asked to slow down %llu times while it was looked at.",
              (unsigned long long)counts->throttled);
    look_at_clock(d, counts->skew);
    ask_known(d);
}

static void on_deadline(void *arg)
{
    struct doctor *d = arg;
    d->expired = true;
    engine_cancel(d->h->engine, d->job);
}

/* The rest of the sink: a doctor has no business there. */
static void on_remark(void *arg, const char *text)
{
    struct doctor *d = arg;
    d->remark = keep(d, text);
}

static void no_record(void *arg, const struct record *r)
{
}

static void no_reject(void *arg, enum record_kind kind, struct slice id, const char *reason)
{
}

static void no_json(void *arg, struct slice json)
{
}

static void no_complete(void *arg, enum record_kind kind, int64_t rows)
{
}

static void no_incomplete(void *arg, enum record_kind kind, const char *why)
{
}

void doctor_run(struct hub *h, struct integration *it, const struct trace *trace, doctor_cb *cb, void *arg)
{
    struct doctor *d = NEW(struct doctor);
    *d = (struct doctor){.h = h, .it = integration_ref(it), .arena = arena_new(), .cb = cb, .arg = arg};
    if (it->unusable) { /* its settings are the finding */
        ask_known(d);
        return;
    }
    timer_set(&d->deadline, h->loop, h->options->health_timeout, on_deadline, d);
    d->job = engine_start(h->engine, &(struct engine_job){
                                         .ops = it->provider->doctor ? it->provider->doctor : it->provider->probe,
                                         .integration = it,
                                         .kinds = SYNC_KINDS_ALL,
                                         .trace = trace,
                                         .urgent = true,
                                         .sink = {.arg = d,
                                                  .record = no_record,
                                                  .reject = no_reject,
                                                  .checkpoint = no_json,
                                                  .complete = no_complete,
                                                  .incomplete = no_incomplete,
                                                  .cursor = no_json,
                                                  .result = no_json,
                                                  .remark = on_remark,
                                                  .finding = on_finding},
                                         .on_done = on_asked,
                                         .arg = d,
                                     });
}

void doctor_public_url(const struct hub *h, void (*tell)(void *arg, const struct finding *f), void *arg)
{
    const char *url = h->options->public_url;
    if (!webhook_public_url(h).p)
        tell(arg,
             &(struct finding){FINDING_WARNING, "no_public_url",
                               "The option public_url is not set: no webhook can be registered, nothing connected in "
                               "the browser, and the addresses that are shown are guesses.",
                               "Set it to how products and people reach this hub: https://hub.example.com."});
    else if (strncmp(url, "https://", 8) != 0)
        tell(arg,
             &(struct finding){FINDING_WARNING, "public_url_not_encrypted",
                               "The option public_url does not begin with https://: secrets of webhooks travel in the "
                               "open, and products refuse such addresses.",
                               "Serve TLS (tls_cert, tls_key), or put a proxy before the hub that does."});
}
