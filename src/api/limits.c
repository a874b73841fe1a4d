/* api/limits.c - see limits.h.
 * How:    the headers are those of draft-ietf-httpapi-ratelimit-headers: RateLimit-Policy names both rates, RateLimit tells what is
 *         left of the one that is nearer to its end. Limits hold in each process by itself. */
#include "api/limits.h"
#include "base/bucket.h"
#include "base/crypto.h"

#include <stdio.h>
#include <stdlib.h>

#define WINDOW_S    60 /* of both rates */
#define MAX_BUCKETS 20000
#define MAX_LATE    1000       /* answers held back at once; further ones are not */
#define LATE        SECONDS(1) /* so long is an answer to a guess held back */

struct api_limits {
    struct hub *h;
    struct buckets *buckets;
    uint64_t seed;
    int64_t credential, tenant; /* that `policy` was made for */
    char policy[96];
    struct metric *refused_credential, *refused_tenant, *refused_address, *held;
};

static void on_collect(void *arg)
{
    struct api_limits *l = arg;
    l->held->value = (double)buckets_count(l->buckets);
}

struct api_limits *api_limits_new(struct hub *h)
{
    struct api_limits *l = NEW(struct api_limits);
    l->h = h;
    l->buckets = buckets_new(MAX_BUCKETS, SECONDS(WINDOW_S));
    crypto_random(&l->seed, sizeof(l->seed));
    struct metric_family *refused =
        metric_family(h->metrics, METRIC_COUNTER, "msphub_api_limited_total",
                      "Requests refused because there were too many, by whose rate it was", "rate", NULL, 0);
    l->refused_credential = metric_with(refused, METRIC_L("credential"));
    l->refused_tenant = metric_with(refused, METRIC_L("tenant"));
    l->refused_address = metric_with(refused, METRIC_L("address"));
    l->held = metric_gauge(h->metrics, "msphub_api_limit_buckets", "Rates kept in memory (ceiling: 20000)");
    metrics_on_collect(h->metrics, on_collect, l);
    return l;
}

void api_limits_free(struct api_limits *l)
{
    if (!l)
        return;
    buckets_free(l->buckets);
    free(l);
}

static struct bucket_answer take(struct api_limits *l, char kind, struct slice whose, int64_t per_minute)
{
    uint64_t key = crypto_hash64(l->seed + (uint64_t)kind, whose);
    return buckets_take(l->buckets, key, per_minute, loop_now(l->h->loop));
}

static struct slice number(const int64_t *id)
{
    return slice_of((const char *)id, sizeof(*id));
}

/* --- of credentials and tenants --- */

static int64_t seconds_up(usec_t t)
{
    return (t + USEC_PER_S - 1) / USEC_PER_S;
}

static const char *policy(struct api_limits *l)
{
    const struct options *o = l->h->options;
    if (o->rate_limit_key == l->credential && o->rate_limit_tenant == l->tenant)
        return l->policy;
    _cleanup_(str_release) struct str out = {0};
    l->credential = o->rate_limit_key;
    l->tenant = o->rate_limit_tenant;
    if (l->credential)
        str_addf(&out, "\"default\";q=%lld;w=%d", (long long)l->credential, WINDOW_S);
    if (l->tenant)
        str_addf(&out, "%s\"tenant\";q=%lld;w=%d", out.n ? ", " : "", (long long)l->tenant, WINDOW_S);
    snprintf(l->policy, sizeof(l->policy), "%s", out.n ? out.p : "");
    return l->policy;
}

static struct bucket_answer take_credential(struct api_limits *l, const struct access_identity *who)
{
    int64_t id = who->kind == ACCESS_BY_KEY ? who->key_id : who->user_id;
    return take(l, (char)('0' + who->kind), id ? number(&id) : slice_cstr(who->label), l->h->options->rate_limit_key);
}

void api_limit(struct api_call *c)
{
    struct api_limits *l = api_limits_of(c->api);
    const struct options *o = l->h->options;
    struct bucket_answer credential = {.ok = true, .left = INT64_MAX}, tenant = credential;
    if (c->op->role == ACCESS_PUBLIC || !*policy(l)) {
        api_next(c);
        return;
    }
    if (o->rate_limit_key)
        credential = take_credential(l, &c->who);
    if (o->rate_limit_tenant && credential.ok)
        tenant = take(l, 't', number(&c->who.home_id), o->rate_limit_tenant);
    bool mine = !credential.ok || (tenant.ok && credential.left <= tenant.left);
    const struct bucket_answer *nearer = mine ? &credential : &tenant;
    char text[96];
    snprintf(text, sizeof(text), "\"%s\";r=%lld;t=%lld", mine ? "default" : "tenant", (long long)nearer->left,
             (long long)seconds_up(nearer->full));
    http_reply_header(c->req, "RateLimit-Policy", l->policy);
    http_reply_header(c->req, "RateLimit", text);
    if (nearer->ok) {
        api_next(c);
        return;
    }
    (mine ? l->refused_credential : l->refused_tenant)->value++;
    snprintf(text, sizeof(text), "%lld", (long long)seconds_up(nearer->next));
    http_reply_header(c->req, "Retry-After", text);
    api_problem(c, 429, "too_many_requests", "%s may send %lld requests a minute (option %s); try again in %s s.",
                mine ? c->who.label : "This tenant", (long long)(mine ? o->rate_limit_key : o->rate_limit_tenant),
                mine ? "rate_limit_key" : "rate_limit_tenant", text);
}

/* --- of wrong credentials --- */

/* Whoever has one address of IPv6 has all of its /64. */
static struct slice network(const struct api_call *c, struct ip *ip)
{
    struct slice peer = slice_cstr(http_request_peer(c->req));
    if (!ip_parse(peer, ip))
        return peer;
    return slice_of((const char *)ip->bytes, ip_is_v4(ip) ? sizeof(ip->bytes) : 8);
}

static void refuse_many(void *arg)
{
    struct api_call *c = arg;
    http_reply_header(c->req, "Retry-After", "60");
    api_problem(c, 429, "too_many_wrong_credentials",
                "Too many wrong credentials came from this address; good ones are still taken.");
}

void api_refuse_credential(struct api_call *c, const char *challenge, const char *code, const char *detail)
{
    struct api_limits *l = api_limits_of(c->api);
    int64_t rate = l->h->options->rate_limit_wrong;
    struct ip ip;
    if (rate && !take(l, 'a', network(c, &ip), rate).ok) {
        l->refused_address->value++;
        if (!api_hold(c, LATE, MAX_LATE, refuse_many))
            refuse_many(c);
        return;
    }
    http_reply_header(c->req, "WWW-Authenticate", challenge);
    api_problem(c, 401, code, "%s", detail);
}
