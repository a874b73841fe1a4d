/* engine_kit.c - see engine_kit.h. */
#include "hub/engine_kit.h"

#include "base/mem.h"
#include "base/test.h"
#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

/* --- the product --- */

struct conn {
    struct product *product;
    struct bufferevent *bev;
    struct visit *visit;
    bool closing;
    TAILQ_ENTRY(conn) link;
};

struct product {
    struct loop *loop;
    struct evconnlistener *listener;
    SSL_CTX *tls; /* NULL: plain */
    char url[64];
    void (*on_visit)(struct visit *v, void *arg);
    void *arg;
    unsigned visits, open, most_open;
    char paths[512][128];
    usec_t at[512];
    TAILQ_HEAD(, conn) conns;
};

struct visit_in { /* what callers see, and where it came from */
    struct visit v;
    struct conn *conn;
};

static void visit_end(struct conn *c)
{
    struct visit_in *in = (struct visit_in *)(void *)c->visit;

    if (!in)
        return;
    c->visit = NULL;
    c->product->open--;
    str_release(&in->v.body);
    free(in);
}

static void conn_free(struct conn *c)
{
    visit_end(c);
    TAILQ_REMOVE(&c->product->conns, c, link);
    bufferevent_free(c->bev);
    free(c);
}

static void copy_header(const char *head, const char *name, char *to, size_t n)
{
    const char *at = strcasestr(head, name);
    size_t len = at ? strcspn(at + strlen(name), "\r\n") : 0;

    snprintf(to, n, "%.*s", (int)len, at ? at + strlen(name) : "");
}

static void on_read(struct bufferevent *bev, void *arg)
{
    struct conn *c = arg;
    struct product *p = c->product;
    struct evbuffer *in = bufferevent_get_input(bev);
    struct evbuffer_ptr end = evbuffer_search(in, "\r\n\r\n", 4, NULL);
    char length[32], head[4096];
    struct visit_in *v;
    size_t body;

    if (c->visit || end.pos < 0 || (size_t)end.pos + 4 >= sizeof(head))
        return;
    evbuffer_copyout(in, head, (size_t)end.pos + 4);
    head[end.pos + 4] = '\0';
    copy_header(head, "\nContent-Length: ", length, sizeof(length));
    body = strtoul(length, NULL, 10);
    if (evbuffer_get_length(in) < (size_t)end.pos + 4 + body)
        return;
    evbuffer_drain(in, (size_t)end.pos + 4);
    v = NEW(struct visit_in);
    v->conn = c;
    v->v.product = p;
    v->v.nth = ++p->visits;
    assert_int_equal(sscanf(head, "%7s %127s", v->v.method, v->v.path), 2);
    copy_header(head, "\nAuthorization: ", v->v.authorization, sizeof(v->v.authorization));
    copy_header(head, "\ntraceparent: ", v->v.traceparent, sizeof(v->v.traceparent));
    str_reserve(&v->v.body, body + 1);
    v->v.body.n = body;
    evbuffer_remove(in, v->v.body.p, body);
    v->v.body.p[body] = '\0';
    c->visit = &v->v;
    p->open++;
    p->most_open = MAX(p->most_open, p->open);
    assert_true(p->visits < ARRAY_LEN(p->paths));
    snprintf(p->paths[p->visits], sizeof(p->paths[0]), "%s", v->v.path);
    p->at[p->visits] = loop_now(p->loop);
    p->on_visit(&v->v, p->arg);
}

static void on_written(struct bufferevent *bev, void *arg)
{
    struct conn *c = arg;

    if (c->closing)
        conn_free(c);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
    if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR))
        conn_free(arg);
}

static void on_accept(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *sa, int n, void *arg)
{
    struct product *p = arg;
    struct conn *c = NEW(struct conn);

    c->product = p;
    if (p->tls)
        c->bev = bufferevent_openssl_socket_new(loop_base(p->loop), fd, SSL_new(p->tls), BUFFEREVENT_SSL_ACCEPTING,
                                                BEV_OPT_CLOSE_ON_FREE);
    else
        c->bev = bufferevent_socket_new(loop_base(p->loop), fd, BEV_OPT_CLOSE_ON_FREE);
    TAILQ_INSERT_TAIL(&p->conns, c, link);
    bufferevent_setcb(c->bev, on_read, on_written, on_event, c);
    bufferevent_enable(c->bev, EV_READ | EV_WRITE);
}

struct product *product_new(struct loop *l, void (*on_visit)(struct visit *v, void *arg), void *arg)
{
    struct product *p = NEW(struct product);
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(sin);

    p->loop = l;
    p->on_visit = on_visit;
    p->arg = arg;
    TAILQ_INIT(&p->conns);
    p->listener =
        evconnlistener_new_bind(loop_base(l), on_accept, p, LEV_OPT_CLOSE_ON_FREE, -1, (struct sockaddr *)&sin, n);
    assert_non_null(p->listener);
    assert_int_equal(getsockname(evconnlistener_get_fd(p->listener), (struct sockaddr *)&sin, &n), 0);
    snprintf(p->url, sizeof(p->url), "http://127.0.0.1:%u", ntohs(sin.sin_port));
    return p;
}

void product_untrusted(struct product *p)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = X509_new();

    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    X509_set_pubkey(x, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC, (const unsigned char *)"kit", -1, -1, 0);
    X509_set_issuer_name(x, X509_get_subject_name(x));
    assert_true(X509_sign(x, key, EVP_sha256()) > 0);
    p->tls = SSL_CTX_new(TLS_server_method());
    assert_int_equal(SSL_CTX_use_certificate(p->tls, x), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(p->tls, key), 1);
    X509_free(x);
    EVP_PKEY_free(key);
    memmove(p->url + 5, p->url + 4, strlen(p->url + 4) + 1);
    memcpy(p->url, "https", 5);
}

void product_free(struct product *p)
{
    if (!p)
        return;
    evconnlistener_free(p->listener);
    while (!TAILQ_EMPTY(&p->conns))
        conn_free(TAILQ_FIRST(&p->conns));
    SSL_CTX_free(p->tls);
    free(p);
}

const char *product_url(const struct product *p)
{
    return p->url;
}

unsigned product_visits(const struct product *p, const char *path)
{
    unsigned n = 0;

    for (unsigned i = 1; i <= p->visits; i++)
        n += !path || strcmp(p->paths[i], path) == 0;
    return n;
}

unsigned product_open(const struct product *p)
{
    return p->open;
}

unsigned product_most_open(const struct product *p)
{
    return p->most_open;
}

usec_t product_visited_at(const struct product *p, unsigned nth)
{
    return p->at[nth];
}

static struct conn *visit_conn(struct visit *v)
{
    return ((struct visit_in *)(void *)v)->conn;
}

void visit_answer(struct visit *v, int status, const char *headers, const char *body)
{
    struct conn *c = visit_conn(v);
    struct evbuffer *out = bufferevent_get_output(c->bev);

    visit_end(c);
    evbuffer_add_printf(out, "HTTP/1.1 %d X\r\n%sContent-Length: %zu\r\n\r\n%s", status, headers, strlen(body), body);
    on_read(c->bev, c); /* the next may be here already */
}

void visit_raw(struct visit *v, const char *bytes, bool close)
{
    struct conn *c = visit_conn(v);

    if (close)
        visit_end(c);
    c->closing = close;
    bufferevent_write(c->bev, bytes, strlen(bytes));
    if (close && !*bytes)
        conn_free(c);
}

bool visit_more(struct visit *v, const char *bytes, size_t n)
{
    struct evbuffer *out = bufferevent_get_output(visit_conn(v)->bev);

    if (evbuffer_get_length(out) > 65536)
        return false;
    evbuffer_add(out, bytes, n);
    return true;
}

/* --- the machine --- */

struct machine {
    struct script *script; /* of list machines */
    const struct sink *sink;
    struct secret *refresh; /* of authenticate machines */
    struct str form, answer;
    bool asked;
    int status;
    struct err err;
};

static struct machine *list_start(const struct machine_input *in, const struct sink *sink, struct err *e)
{
    struct machine *m = NEW(struct machine);

    m->script = sink->arg;
    m->sink = sink;
    return m;
}

static enum machine_want list_next(struct machine *m, struct machine_call *ret)
{
    struct script *s = m->script;

    if (s->next == s->n)
        return s->open ? MACHINE_WAIT : MACHINE_DONE;
    *ret = s->calls[s->next].call;
    ret->id = s->next++;
    if (!ret->method) {
        ret->method = "GET";
        ret->repeatable = true;
    }
    if (!ret->what)
        ret->what = "things";
    s->open++;
    s->most_open = MAX(s->most_open, s->open);
    return MACHINE_CALL;
}

static void list_head(struct machine *m, unsigned call, const struct machine_reply *head)
{
    struct script_call *c = &m->script->calls[call];

    assert_int_equal(head->status, 200);
    assert_int_equal(c->body.n, 0);
    c->heads++;
}

static bool list_body(struct machine *m, unsigned call, struct slice piece)
{
    struct script_call *c = &m->script->calls[call];

    assert_int_equal(c->ended, 0);
    assert_int_equal(m->script->done, 0);
    c->pieces++;
    str_add(&c->body, piece);
    if (m->script->on_piece)
        m->script->on_piece(m->script, c);
    return !m->script->refuse_body;
}

static void list_again(struct machine *m, unsigned call)
{
    m->script->calls[call].again++;
    str_clear(&m->script->calls[call].body);
}

static void list_end(struct machine *m, unsigned call, const struct machine_reply *r)
{
    struct script_call *c = &m->script->calls[call];

    assert_non_null(r->content_type);
    c->ended++;
    c->status = r->status;
    c->retry_after = r->retry_after;
    if (r->err)
        c->err = *r->err;
    str_add(&c->error_body, r->error_body);
    m->script->open--;
}

static bool list_result(const struct machine *m, struct err *e)
{
    for (unsigned i = 0; i < m->script->n; i++) {
        const struct script_call *c = &m->script->calls[i];

        if (c->err.code) {
            *e = c->err;
            return false;
        }
        if (c->status / 100 != 2)
            return err_set(e, ERR_UNAVAILABLE, "status %d", c->status);
    }
    return true;
}

static void list_free(struct machine *m)
{
    if (m->script)
        m->script->freed = true;
    secret_free(m->refresh);
    str_release(&m->form);
    str_release(&m->answer);
    free(m);
}

static const struct machine_ops list_ops = {.name = "list",
                                            .start = list_start,
                                            .next = list_next,
                                            .on_head = list_head,
                                            .on_body = list_body,
                                            .on_again = list_again,
                                            .on_end = list_end,
                                            .result = list_result,
                                            .free = list_free};

/* --- authenticate --- */

static struct machine *auth_start(const struct machine_input *in, const struct sink *sink, struct err *e)
{
    struct machine *m = NEW(struct machine);

    m->sink = sink;
    str_adds(&m->form, "refresh_token=");
    if (in->refresh_token.p)
        str_add(&m->form, in->refresh_token);
    return m;
}

static enum machine_want auth_next(struct machine *m, struct machine_call *ret)
{
    if (m->asked)
        return m->status || m->err.code ? MACHINE_DONE : MACHINE_WAIT;
    m->asked = true;
    *ret = (struct machine_call){.method = "POST",
                                 .path = "/token",
                                 .body = str_slice(&m->form),
                                 .content_type = "application/x-www-form-urlencoded",
                                 .repeatable = !strchr(m->form.p, '=')[1],
                                 .anonymous = true,
                                 .what = "token"};
    return MACHINE_CALL;
}

static bool auth_body(struct machine *m, unsigned call, struct slice piece)
{
    str_add(&m->answer, piece);
    return true;
}

static void auth_again(struct machine *m, unsigned call)
{
    str_clear(&m->answer);
}

static void auth_end(struct machine *m, unsigned call, const struct machine_reply *r)
{
    struct slice rest = str_slice(&m->answer), access, seconds;
    int64_t n = 0;

    m->status = r->status;
    if (r->err) {
        m->err = *r->err;
        return;
    }
    if (r->status != 200) {
        err_set(&m->err, r->status == 400 ? ERR_AUTH : ERR_UNAVAILABLE, "the token endpoint answered %d", r->status);
        return;
    }
    (void)slice_cut(&rest, '[');
    access = slice_cut(&rest, ',');
    seconds = slice_cut(&rest, ',');
    rest = slice_cut(&rest, ']');
    assert_true(slice_i64(seconds, &n));
    m->sink->credential(m->sink->arg, access, SECONDS(n), rest.n ? rest : SLICE_NONE);
}

static bool auth_result(const struct machine *m, struct err *e)
{
    if (m->err.code)
        *e = m->err;
    return !m->err.code;
}

static const struct machine_ops auth_ops = {.name = "authenticate",
                                            .start = auth_start,
                                            .next = auth_next,
                                            .on_body = auth_body,
                                            .on_again = auth_again,
                                            .on_end = auth_end,
                                            .result = auth_result,
                                            .free = list_free};

static void authorize(const struct settings *s, struct slice token, struct arena *a, struct machine_call *call)
{
    call->headers[0] = (struct machine_header){"Authorization", arena_printf(a, "Bearer %.*s", SLICE_FMT(token))};
}

struct provider kit_provider(void)
{
    return (struct provider){.key = "kit", .name = "Kit", .limits = {.concurrency = 4}, .sync = &list_ops};
}

struct provider kit_provider_oauth(void)
{
    struct provider p = kit_provider();

    p.authenticate = &auth_ops;
    p.authorize = authorize;
    return p;
}

struct integration *kit_integration(const struct provider *p, const char *base_url, int64_t tenant_id, int64_t id,
                                    int64_t version)
{
    struct integration *it = NEW(struct integration);

    it->tenant_id = tenant_id;
    it->id = id;
    it->version = version;
    it->provider = p;
    it->name = mem_strdup("");
    it->key = mem_strdup(p->key);
    it->hook = mem_strdup("hook");
    it->base_url = mem_strdup(base_url);
    it->enabled = true;
    it->refs = 1;
    return it;
}

/* --- the hub --- */

struct hub *kit_hub_new(struct loop *l, struct metrics *m, const char *conninfo, bool keys)
{
    struct hub *h = NEW(struct hub);
    struct err e = {0};

    h->loop = l;
    h->metrics = m;
    h->options = NEW(struct options);
    h->egress = &egress_everything;
    h->options->call_timeout = SECONDS(5);
    h->options->call_max_body = 64 << 20;
    h->options->call_attempts = 4;
    h->options->call_backoff = MILLIS(10);
    h->options->call_max_wait = SECONDS(2);
    h->client = http_client_new(l, &(struct http_client_options){.egress = &egress_everything}, m, &e);
    assert_non_null(h->client);
    if (conninfo)
        h->db = pg_pool_new(l, &(struct pg_options){.conninfo = conninfo, .connections = 2, .timeout = SECONDS(2)}, m);
    if (keys) {
        h->keyring = keyring_parse(SLICE("k1:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"), &e);
        assert_non_null(h->keyring);
    }
    crypto_token(h->process, sizeof(h->process) - 1);
    h->engine = engine_new(h);
    return h;
}

void kit_hub_free(struct hub *h)
{
    engine_free(h->engine);
    http_client_free(h->client);
    pg_pool_free(h->db);
    keyring_free(h->keyring);
    free(h->options);
    free(h);
}

static void on_done(void *arg, const struct engine_counts *counts, const struct err *err)
{
    struct script *s = arg;

    s->done++;
    if (err && getenv("KIT_VERBOSE"))
        print_message("job ended: %s\n", err->what);
    s->counts = *counts;
    if (err)
        s->err = *err;
}

void kit_start(struct hub *h, struct integration *it, struct script *s)
{
    s->job = engine_start(h->engine, &(struct engine_job){
                                         .ops = it->provider->sync,
                                         .integration = it,
                                         .trace = s->trace,
                                         .urgent = s->urgent,
                                         .sink = {.arg = s},
                                         .on_done = on_done,
                                         .arg = s,
                                     });
    assert_int_equal(s->done, 0);
}

void kit_until(struct loop *l, bool (*done)(void *arg), void *arg)
{
    if (!loop_run_until(l, done, arg, SECONDS(20)))
        fail_msg("what the test waited for did not happen within 20 s");
}

static bool script_done(void *arg)
{
    return ((struct script *)arg)->done;
}

void kit_finish(struct hub *h, struct script *s)
{
    kit_until(h->loop, script_done, s);
    assert_int_equal(s->done, 1);
}

void kit_run(struct hub *h, struct integration *it, struct script *s)
{
    kit_start(h, it, s);
    kit_finish(h, s);
}

void script_release(struct script *s)
{
    for (unsigned i = 0; i < s->n; i++) {
        str_release(&s->calls[i].body);
        str_release(&s->calls[i].error_body);
    }
}

double kit_metric(struct metrics *m, const char *line)
{
    struct str out = {0}, want = {0};
    const char *at;
    double v = 0;

    str_addf(&want, "\n%s ", line); /* at a line's beginning: the help names it as well */
    metrics_write(m, METRICS_TEXT_004, &out);
    at = strstr(out.p, want.p);
    if (at)
        v = strtod(at + want.n, NULL);
    str_release(&want);
    str_release(&out);
    return v;
}
