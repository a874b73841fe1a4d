/* http_world.c - see http_world.h. */
#include "http_world.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/dns.h>
#include <event2/dns_struct.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zlib.h>

/* --- servers --- */

enum after { KEEP, CLOSE, RESET, HANG };

struct peer {
    TAILQ_ENTRY(peer) link;
    struct server *s;
    struct bufferevent *bev;
    unsigned requests; /* on this connection */
    bool close_when_sent, cut, chunks;
    size_t to_stream;
    struct timer drip;
};

static const struct row {
    const char *path, *reply;
    enum after after;
} rows[] = {
    {"/ok", "HTTP/1.1 200 OK\r\nContent-Type: text/x\r\nContent-Length: 2\r\n\r\nok", KEEP},
    {"/ok-close", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", CLOSE},
    {"/says-close", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", KEEP},
    {"/empty", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", KEEP},
    {"/204", "HTTP/1.1 204 No Content\r\n\r\n", KEEP},
    {"/chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n4\r\n you\r\n0\r\nT: t\r\n\r\n",
     KEEP},
    {"/until-close", "HTTP/1.1 200 OK\r\n\r\nall of it", CLOSE},
    {"/until-close-cut", "HTTP/1.1 200 OK\r\n\r\nall of it", CLOSE}, /* over TLS: without close_notify */
    {"/until-close-reset", "HTTP/1.1 200 OK\r\n\r\nall of it", RESET},
    {"/http10", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", KEEP},
    {"/301", "HTTP/1.1 301 Moved\r\nLocation: /ok\r\nContent-Length: 0\r\n\r\n", KEEP},
    {"/500", "HTTP/1.1 500 Sorry\r\nContent-Length: 5\r\n\r\nsorry", KEEP},
    {"/103", "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nreal", KEEP},
    {"/100", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nreal", KEEP},
    {"/extra", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison",
     KEEP},
    {"/silence", "", HANG},
    {"/close", "", CLOSE},
    {"/reset", "", RESET},
    {"/cut-head", "HTTP/1.1 200 OK\r\nContent-", CLOSE},
    {"/cut", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc", CLOSE},
    {"/cut-reset", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc", RESET},
    {"/cut-chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", CLOSE},
    {"/cut-chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", CLOSE},
    {"/half", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc", HANG},
    {"/not-http", "SSH-2.0-foo\r\n\r\n", HANG},
    {"/http2", "HTTP/2 200 OK\r\nContent-Length: 0\r\n\r\n", HANG},
    {"/two-lengths", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nokk", KEEP},
    {"/length-and-chunks",
     "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", KEEP},
    {"/lengths-of-keep-alive", "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Length: +2\r\n\r\nok", KEEP},
    {"/blank-name", "HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok", KEEP},
    {"/switch", "HTTP/1.1 101 Switching Protocols\r\n\r\n", KEEP},
    {"/chunk-extension", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nok\r\n0\r\n\r\n", KEEP},
    {"/until-close-says-keep", "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\n\r\nall of it", CLOSE},
    {"/coding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", KEEP},
    {"/bad-chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nok\r\n0\r\n\r\n", KEEP},
    {"/wrap-chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000002\r\nok\r\n0\r\n\r\n", KEEP},
    {"/big-length", "HTTP/1.1 200 OK\r\nContent-Length: 5000000\r\n\r\nxxx", HANG},
    {"/one-huge-chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4c4b40\r\n",
     HANG}, /* and /stream's bytes */
    {"/br", "HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 2\r\n\r\nxx", KEEP},
    {"/gzip-broken", "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 12\r\n\r\nnot gzip at all", KEEP},
};

static void peer_free(struct peer *p)
{
    TAILQ_REMOVE(&p->s->peers, p, link);
    p->s->open--;
    timer_cancel(&p->drip);
    if (p->s->tls && !p->cut)
        SSL_shutdown(bufferevent_openssl_get_ssl(p->bev));
    bufferevent_free(p->bev);
    free(p);
}

static void peer_reset(struct peer *p)
{
    const struct linger l = {.l_onoff = 1};
    setsockopt(bufferevent_getfd(p->bev), SOL_SOCKET, SO_LINGER, &l, sizeof(l));
    peer_free(p);
}

static void say(struct peer *p, const char *text)
{
    bufferevent_write(p->bev, text, strlen(text));
}

static void drip(void *arg)
{
    struct peer *p = arg;
    say(p, "x");
    timer_set(&p->drip, p->s->w->loop, MILLIS(10), drip, p);
}

/* As much as the socket takes, counted. */
static void stream_more(struct peer *p)
{
    static const char block[16384];
    while (p->to_stream > 0 && evbuffer_get_length(bufferevent_get_output(p->bev)) < 65536) {
        size_t n = MIN(p->to_stream, sizeof(block));
        if (p->chunks)
            evbuffer_add_printf(bufferevent_get_output(p->bev), "%zx\r\n", n);
        bufferevent_write(p->bev, block, n);
        if (p->chunks)
            say(p, "\r\n");
        p->to_stream -= n;
        p->s->sent += n;
    }
}

static void say_gzip(struct peer *p, size_t plain, bool cut)
{
    z_stream z = {0};
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    size_t cap = deflateBound(&z, plain);
    _cleanup_(mem_freep) char *in = mem_alloc(plain), *out = mem_alloc(cap);
    memset(in, 'z', plain);
    z.next_in = (Bytef *)in;
    z.avail_in = (uInt)plain;
    z.next_out = (Bytef *)out;
    z.avail_out = (uInt)cap;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    size_t n = cap - z.avail_out - (cut ? 12 : 0);
    deflateEnd(&z);
    evbuffer_add_printf(bufferevent_get_output(p->bev),
                        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %zu\r\n\r\n", n);
    bufferevent_write(p->bev, out, n);
}

/* What no row can say. False: it is no such path. */
static bool special(struct peer *p, const char *path)
{
    struct evbuffer *out = bufferevent_get_output(p->bev);
    unsigned n;
    if (sscanf(path, "/stream/%u", &n) == 1) {
        evbuffer_add_printf(out, "HTTP/1.1 200 OK\r\nContent-Length: %u\r\n\r\n", n);
        p->to_stream = n;
        stream_more(p);
    } else if (sscanf(path, "/stream-chunk/%u", &n) == 1) {
        evbuffer_add_printf(out, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n", n);
        p->to_stream = n;
        stream_more(p);
    } else if (sscanf(path, "/stream-chunks/%u", &n) == 1) {
        say(p, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        p->to_stream = n;
        p->chunks = true;
        stream_more(p);
    } else if (sscanf(path, "/gzip/%u", &n) == 1)
        say_gzip(p, n, false);
    else if (strcmp(path, "/gzip-cut") == 0)
        say_gzip(p, 10000, true);
    else if (strcmp(path, "/drip") == 0) {
        say(p, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
        drip(p);
    } else if (strcmp(path, "/big-head") == 0) {
        say(p, "HTTP/1.1 200 OK\r\n");
        for (int i = 0; i < 300; i++)
            evbuffer_add_printf(out, "X-%d: %0500d\r\n", i, 0);
    } else if (strcmp(path, "/many-chunks") == 0) {
        say(p, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        for (int i = 0; i < 1000; i++)
            evbuffer_add_printf(out, "3e8\r\n%01000d\r\n", 0);
        say(p, "0\r\n\r\n");
    } else if (strcmp(path, "/dies-second") == 0) {
        if (p->requests > 1)
            peer_free(p);
        else
            say(p, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    } else
        return false;
    return true;
}

static void answer(struct peer *p, const char *path)
{
    p->cut = strstr(path, "-cut");
    if (special(p, path))
        return;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (strcmp(rows[i].path, path) != 0)
            continue;
        say(p, rows[i].reply);
        if (rows[i].after == RESET && rows[i].reply[0] == '\0')
            peer_reset(p);
        else if (rows[i].after == CLOSE && rows[i].reply[0] == '\0')
            peer_free(p);
        else if (rows[i].after == RESET || rows[i].after == CLOSE)
            p->close_when_sent = true;
        if (rows[i].after == RESET && rows[i].reply[0] != '\0')
            p->to_stream = SIZE_MAX; /* marks: reset instead of close */
        return;
    }
    say(p, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
}

static void on_read(struct bufferevent *bev, void *arg)
{
    struct peer *p = arg;
    struct evbuffer *in = bufferevent_get_input(bev);
    struct evbuffer_ptr end = evbuffer_search(in, "\r\n\r\n", 4, NULL);
    if (end.pos < 0)
        return;
    char head[4096] = "", path[256] = "";
    assert_true((size_t)end.pos + 4 < sizeof(head));
    evbuffer_copyout(in, head, (size_t)end.pos + 4);
    bool refuses = strstr(head, "/refuses-upload");
    const char *length = strstr(head, "Content-Length: ");
    size_t body = length ? strtoul(length + 16, NULL, 10) : 0;
    if (!refuses && evbuffer_get_length(in) < (size_t)end.pos + 4 + body)
        return;
    p->requests++;
    p->s->requests++;
    memcpy(p->s->last_request, head, sizeof(head));
    assert_int_equal(sscanf(head, "%*s %255s", path), 1);
    if (refuses) { /* answers, reads nothing more, closes with unread input: a reset */
        static const char no[] = "HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 3\r\n\r\nbig";
        assert_int_equal(send(bufferevent_getfd(bev), no, sizeof(no) - 1, 0), sizeof(no) - 1);
        peer_free(p);
        return;
    }
    evbuffer_drain(in, (size_t)end.pos + 4 + body);
    answer(p, path);
}

static void on_write(struct bufferevent *bev, void *arg)
{
    struct peer *p = arg;
    if (p->close_when_sent && p->to_stream == SIZE_MAX)
        peer_reset(p);
    else if (p->close_when_sent)
        peer_free(p);
    else
        stream_more(p);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
    if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR))
        peer_free(arg);
}

static void on_accept(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *sa, int len, void *arg)
{
    struct server *s = arg;
    struct peer *p = NEW(struct peer);
    struct event_base *base = loop_base(s->w->loop);
    p->s = s;
    if (s->tls)
        p->bev =
            bufferevent_openssl_socket_new(base, fd, SSL_new(s->tls), BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
    else
        p->bev = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
    bufferevent_setcb(p->bev, on_read, on_write, on_event, p);
    bufferevent_enable(p->bev, EV_READ | EV_WRITE);
    TAILQ_INSERT_TAIL(&s->peers, p, link);
    s->accepted++;
    s->open++;
}

void server_drop_idle(struct server *s)
{
    struct peer *p, *next;
    for (p = TAILQ_FIRST(&s->peers); p; p = next) {
        next = TAILQ_NEXT(p, link);
        shutdown(bufferevent_getfd(p->bev), SHUT_RDWR); /* now; libevent closes in a later turn */
        peer_free(p);
    }
}

static void server_start(struct world *w, struct server *s)
{
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(sin);
    s->w = w;
    TAILQ_INIT(&s->peers);
    s->listener = evconnlistener_new_bind(loop_base(w->loop), on_accept, s, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE,
                                          64, (struct sockaddr *)&sin, sizeof(sin));
    assert_non_null(s->listener);
    assert_int_equal(getsockname(evconnlistener_get_fd(s->listener), (struct sockaddr *)&sin, &len), 0);
    s->port = ntohs(sin.sin_port);
}

static void server_stop(struct server *s)
{
    server_drop_idle(s);
    if (s->listener)
        evconnlistener_free(s->listener);
    SSL_CTX_free(s->tls);
}

/* --- certificates --- */

static X509 *certificate(const char *name, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key, int days)
{
    X509 *x = X509_new();
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1 + (issuer != NULL));
    X509_gmtime_adj(X509_getm_notBefore(x), -86400L * 30);
    X509_gmtime_adj(X509_getm_notAfter(x), 86400L * days);
    X509_set_pubkey(x, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_UTF8, (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(x, X509_get_subject_name(issuer ? issuer : x));
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, issuer ? issuer : x, x, NULL, NULL, 0);
    _cleanup_(mem_freep) char *san = mem_printf("DNS:%s", name);
    X509_EXTENSION *ext = issuer ? X509V3_EXT_conf_nid(NULL, &ctx, NID_subject_alt_name, san)
                                 : X509V3_EXT_conf_nid(NULL, &ctx, NID_basic_constraints, "critical,CA:TRUE");
    assert_non_null(ext);
    X509_add_ext(x, ext, -1);
    X509_EXTENSION_free(ext);
    assert_true(X509_sign(x, issuer_key ? issuer_key : key, EVP_sha256()) > 0);
    return x;
}

static EVP_PKEY *ca_key, *other_key;
static X509 *ca, *other;

static void authority_make(struct world *w)
{
    if (!ca) {
        ca_key = EVP_EC_gen("P-256");
        other_key = EVP_EC_gen("P-256");
        ca = certificate("Test Authority", ca_key, NULL, NULL, 30);
        other = certificate("Another Authority", other_key, NULL, NULL, 30);
    }
    w->ca_file = mem_printf("%s/ca.pem", w->dir);
    FILE *f = fopen(w->ca_file, "w");
    assert_non_null(f);
    PEM_write_X509(f, ca);
    fclose(f);
}

void server_certificate(struct server *s, const char *name, int days, bool other_ca)
{
    SSL_CTX_free(s->tls);
    s->tls = SSL_CTX_new(TLS_server_method());
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = certificate(name, key, other_ca ? other : ca, other_ca ? other_key : ca_key, days);
    assert_int_equal(SSL_CTX_use_certificate(s->tls, x), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(s->tls, key), 1);
    X509_free(x);
    EVP_PKEY_free(key);
}

/* --- names --- */

static void name_reply(struct world *w, struct evdns_server_request *req, const char *name, int type)
{
    static const uint8_t ip6_loopback[16] = {[15] = 1};
    uint32_t loopback = htonl(INADDR_LOOPBACK), metadata = htonl(0xa9fea9fe);
    static const char *const here[] = {"host.test", "sub.host.test", "both.test", "other.test"};
    bool a = type == EVDNS_TYPE_A, aaaa = type == EVDNS_TYPE_AAAA;
    for (size_t i = 0; a && i < ARRAY_LEN(here); i++)
        if (strcasecmp(name, here[i]) == 0)
            evdns_server_request_add_a_reply(req, name, 1, &loopback, 1);
    if (a && strcasecmp(name, "metadata.test") == 0)
        evdns_server_request_add_a_reply(req, name, 1, &metadata, 1);
    if (a && strcasecmp(name, "mixed.test") == 0) {
        uint32_t nobody = htonl(INADDR_LOOPBACK + 1);
        evdns_server_request_add_a_reply(req, name, 1, &loopback, 1);
        evdns_server_request_add_a_reply(req, name, 1, &nobody, 1);
    }
    if (a && strcasecmp(name, "rebind.test") == 0)
        evdns_server_request_add_a_reply(req, name, 1, w->rebind_asked++ == 0 ? &loopback : &metadata, 0);
    if (aaaa && strcasecmp(name, "both.test") == 0)
        evdns_server_request_add_aaaa_reply(req, name, 1, ip6_loopback, 1);
}

static void on_question(struct evdns_server_request *req, void *arg)
{
    const char *name = req->questions[0]->name;
    if (strcasecmp(name, "silent.test") == 0) {
        evdns_server_request_drop(req);
        return;
    }
    bool known = strcasestr(name, ".test") != NULL;
    if (known)
        name_reply(arg, req, name, req->questions[0]->type);
    evdns_server_request_respond(req, known ? DNS_ERR_NONE : DNS_ERR_NOTEXIST);
}

static void names_start(struct world *w)
{
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(sin);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&sin, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&sin, &len), 0);
    w->dns = evdns_add_server_port_with_base(loop_base(w->loop), fd, 0, on_question, w);
    struct evdns_base *base = loop_dns(w->loop);
    evdns_base_clear_nameservers_and_suspend(base);
    evdns_base_search_clear(base);
    _cleanup_(mem_freep) char *server = mem_printf("127.0.0.1:%d", ntohs(sin.sin_port));
    assert_int_equal(evdns_base_nameserver_ip_add(base, server), 0);
    evdns_base_resume(base);
}

/* --- the world --- */

void world_client(struct world *w, struct http_client_options o)
{
    struct err e = {0};
    http_client_free(w->client);
    o.ca_file = w->ca_file;
    w->client = http_client_new(w->loop, &o, w->metrics, &e);
    assert_non_null(w->client);
}

int world_setup(void **state)
{
    struct world *w = NEW(struct world);
    strcpy(w->dir, "/tmp/msphub-http-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    w->log = log_new(2, getenv("TEST_LOG") ? LOG_DEBUG : LOG_NONE, LOG_LOGFMT);
    w->metrics = metrics_new();
    w->loop = loop_new(w->log, NULL);
    authority_make(w);
    server_start(w, &w->plain);
    server_start(w, &w->tls);
    server_certificate(&w->tls, "host.test", 10, false);
    names_start(w);
    world_client(w, (struct http_client_options){.egress = &egress_everything});
    *state = w;
    return 0;
}

static bool never(void *arg)
{
    return false;
}

void turns(struct world *w, int ms)
{
    loop_run_until(w->loop, never, NULL, MILLIS(ms));
}

int world_teardown(void **state)
{
    struct world *w = *state;
    http_client_free(w->client);
    turns(w, 1); /* lookups that were canceled */
    server_stop(&w->plain);
    server_stop(&w->tls);
    evdns_close_server_port(w->dns);
    loop_free(w->loop);
    log_free(w->log);
    metrics_free(w->metrics);
    for (size_t i = 0; i < w->nreplies; i++) {
        assert_int_equal(w->replies[i]->ends, 1);
        str_release(&w->replies[i]->body);
        free(w->replies[i]);
    }
    unlink(w->ca_file);
    rmdir(w->dir);
    free(w->ca_file);
    free(w);
    return 0;
}

char *url_of(const struct server *s, const char *host, const char *path)
{
    return mem_printf("%s://%s:%u%s", s->tls ? "https" : "http", host, s->port, path);
}

static void on_head(void *arg, const struct http_reply_head *head)
{
    struct reply *r = arg;
    r->heads++;
    r->status = head->status;
    assert_int_equal(r->pieces, 0);
    const char *type = http_reply_head_get(head, "content-TYPE");
    snprintf(r->type, sizeof(r->type), "%s", type ? type : "");
    if (r->on_head)
        r->on_head(r);
}

static void on_body(void *arg, struct slice piece)
{
    struct reply *r = arg;
    assert_int_equal(r->heads, 1);
    assert_int_equal(r->ends, 0);
    r->pieces++;
    str_add(&r->body, piece);
    if (r->on_body)
        r->on_body(r);
}

static void on_end(void *arg, const struct err *e)
{
    struct reply *r = arg;
    r->ends++;
    assert_int_equal(r->ends, 1);
    r->code = e ? e->code : ERR_NONE;
    snprintf(r->what, sizeof(r->what), "%s", e ? e->what : "");
    if (r->then)
        r->then(r);
}

struct reply *start(struct world *w, struct http_call call)
{
    struct reply *r = NEW(struct reply);
    r->w = w;
    assert_true(w->nreplies < ARRAY_LEN(w->replies));
    w->replies[w->nreplies++] = r;
    call.on_head = on_head;
    call.on_body = on_body;
    call.on_end = on_end;
    call.arg = r;
    r->ref = http_call_start(w->client, &call);
    assert_int_equal(r->ends + r->heads, 0); /* never from inside the call */
    return r;
}

struct reply *get(struct world *w, const char *path)
{
    _cleanup_(mem_freep) char *url = url_of(&w->plain, "127.0.0.1", path);
    return start(w, (struct http_call){.method = HTTP_GET, .url = url});
}

struct reply *post(struct world *w, const char *path, size_t n)
{
    _cleanup_(mem_freep) char *url = url_of(&w->plain, "127.0.0.1", path);
    _cleanup_(mem_freep) char *body = mem_zalloc(n + 1);
    return start(w, (struct http_call){.method = HTTP_POST, .url = url, .body = slice_of(body, n)});
}

static bool has_ended(void *arg)
{
    return ((const struct reply *)arg)->ends > 0;
}

bool wait_until(struct world *w, bool (*done)(void *arg), void *arg)
{
    return loop_run_until(w->loop, done, arg, SECONDS(20));
}

void wait_for(struct world *w, struct reply *r)
{
    assert_true(wait_until(w, has_ended, r));
}

struct reply *fetch(struct world *w, const char *path)
{
    struct reply *r = get(w, path);
    wait_for(w, r);
    return r;
}
