/* http_server_tls.c - TLS listeners and contexts: requests over TLS, files that are wrong, exchanging the certificate. */
#include "httptest.h"

#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- certificates made on the spot --- */

struct files {
    char dir[64], cert[96], key[96], other_key[96], missing[96];
};

static EVP_PKEY *make_key(const char *file)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    FILE *f = fopen(file, "w");
    assert_true(key && f && PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL));
    fclose(f);
    return key;
}

static void make_cert(const char *file, EVP_PKEY *key, const char *name, long days)
{
    X509 *x = X509_new();
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1 + (long)strlen(name));
    X509_gmtime_adj(X509_getm_notBefore(x), -86400 * 30);
    X509_gmtime_adj(X509_getm_notAfter(x), 86400 * days);
    X509_set_pubkey(x, key);
    X509_NAME *n = X509_get_subject_name(x);
    X509_NAME_add_entry_by_txt(n, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(x, n);
    char alt[128];
    snprintf(alt, sizeof(alt), "DNS:%s", name);
    X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, alt);
    assert_true(ext && X509_add_ext(x, ext, -1));
    X509_EXTENSION_free(ext);
    assert_true(X509_sign(x, key, EVP_sha256()));
    FILE *f = fopen(file, "w");
    assert_true(f && PEM_write_X509(f, x));
    fclose(f);
    X509_free(x);
}

static struct files files_new(const char *name, long days)
{
    struct files f = {.dir = "/tmp/msphub-tls-XXXXXX"};
    assert_non_null(mkdtemp(f.dir));
    snprintf(f.cert, sizeof(f.cert), "%s/cert", f.dir);
    snprintf(f.key, sizeof(f.key), "%s/key", f.dir);
    snprintf(f.other_key, sizeof(f.other_key), "%s/other", f.dir);
    snprintf(f.missing, sizeof(f.missing), "%s/missing", f.dir);
    EVP_PKEY *key = make_key(f.key);
    make_cert(f.cert, key, name, days);
    EVP_PKEY_free(key);
    EVP_PKEY_free(make_key(f.other_key));
    return f;
}

static void files_remove(const struct files *f)
{
    unlink(f->cert);
    unlink(f->key);
    unlink(f->other_key);
    rmdir(f->dir);
}

/* --- a TLS client on the loop --- */

struct talk {
    struct bufferevent *bev;
    SSL *ssl;
    struct str in;
    bool connected, over;
    unsigned long error;
};

static void on_read(struct bufferevent *bev, void *arg)
{
    struct talk *t = arg;
    char buf[4096];
    size_t n;
    while ((n = bufferevent_read(bev, buf, sizeof(buf))))
        str_add(&t->in, slice_of(buf, n));
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
    struct talk *t = arg;
    t->connected |= (what & BEV_EVENT_CONNECTED) != 0;
    if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) {
        t->over = true;
        t->error = bufferevent_get_openssl_error(bev);
    }
}

static struct talk *talk_new(struct world *w, uint16_t port, SSL_CTX *ctx, const char *host)
{
    struct talk *t = NEW(struct talk);
    struct err e;
    t->ssl = tls_client_ssl(ctx, host, &e);
    assert_non_null(t->ssl);
    t->bev = bufferevent_openssl_socket_new(loop_base(w->loop), -1, t->ssl, BUFFEREVENT_SSL_CONNECTING,
                                            BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
    bufferevent_setcb(t->bev, on_read, NULL, on_event, t);
    bufferevent_enable(t->bev, EV_READ | EV_WRITE);
    struct sockaddr_in sin = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(bufferevent_socket_connect(t->bev, (struct sockaddr *)&sin, sizeof(sin)), 0);
    return t;
}

static void talk_free(struct talk *t)
{
    bufferevent_free(t->bev);
    str_release(&t->in);
    free(t);
}

static bool has_ok(void *arg)
{
    const struct talk *t = arg;
    return t->over || (t->in.n && memmem(t->in.p, t->in.n, "over||", 6));
}

static bool is_over(void *arg)
{
    return ((struct talk *)arg)->over;
}

static void ask(struct world *w, struct talk *t)
{
    static const char request[] = "GET /echo/over HTTP/1.1\r\nHost: a\r\n\r\n";
    str_clear(&t->in);
    for (const char *p = request; *p; p++) { /* a record a byte */
        bufferevent_write(t->bev, p, 1);
        loop_advance(w->loop, 0);
    }
    world_wait(w, has_ok, t);
}

static struct world *tls_world(SSL_CTX *ctx, uint16_t *port)
{
    struct world *w = world_new(NULL);
    struct err e;
    assert_true(http_server_listen(w->server, "127.0.0.1:0", ctx, port, &e));
    return w;
}

/* --- tests --- */

static void test_requests_and_exchange(void **state)
{
    struct files f = files_new("one.test", 30), g = files_new("two.test", 30);
    struct err e;
    SSL_CTX *one = tls_server_ctx(f.cert, f.key, &e), *two = tls_server_ctx(g.cert, g.key, &e);
    SSL_CTX *trust_one = tls_client_ctx(f.cert, &e), *trust_two = tls_client_ctx(g.cert, &e);
    assert_true(one && two && trust_one && trust_two);
    uint16_t port;
    struct world *w = tls_world(one, &port);
    SSL_CTX_free(one);
    struct talk *t = talk_new(w, port, trust_one, "one.test");
    ask(w, t);
    ask(w, t);
    assert_true(slice_starts(str_slice(&t->in), SLICE("HTTP/1.1 200 OK\r\n")));
    http_server_set_tls(w->server, two);
    SSL_CTX_free(two);
    ask(w, t); /* the old connection goes on */
    assert_false(t->over);
    struct talk *u = talk_new(w, port, trust_two, "two.test");
    ask(w, u);
    assert_false(u->over);
    struct client *plain = client_new(w); /* the other listener is not TLS */
    client_expect(plain, "GET /echo/x HTTP/1.1\r\nHost: a\r\n\r\n", 200);
    client_free(plain);
    talk_free(t);
    talk_free(u);
    loop_advance(w->loop, 0);
    world_free(w);
    SSL_CTX_free(trust_one);
    SSL_CTX_free(trust_two);
    files_remove(&f);
    files_remove(&g);
}

static void expect_refused(const char *cert, const char *key, const char *word)
{
    struct err e = {0};
    assert_null(tls_server_ctx(cert, key, &e));
    assert_int_equal(e.code, ERR_CONFIG);
    assert_non_null(strstr(e.what, word));
    assert_int_equal(ERR_peek_error(), 0);
}

static void test_wrong_files_are_refused(void **state)
{
    struct files f = files_new("one.test", 30);
    expect_refused(f.missing, f.key, "missing");
    expect_refused(f.cert, f.missing, "missing");
    expect_refused(f.key, f.key, f.key);
    expect_refused(f.cert, f.cert, f.cert);
    expect_refused(f.cert, f.other_key, f.other_key);
    struct err e;
    assert_null(tls_client_ctx(f.missing, &e));
    assert_null(tls_client_ctx(f.key, &e));
    files_remove(&f);
}

/* What a client is told when it does not trust the server. */
static void expect_explained(const struct files *f, const char *ca, const char *host, const char *word)
{
    struct err e = {0};
    SSL_CTX *ctx = tls_server_ctx(f->cert, f->key, &e), *trust = tls_client_ctx(ca, &e);
    uint16_t port;
    struct world *w = tls_world(ctx, &port);
    struct talk *t = talk_new(w, port, trust, host);
    world_wait(w, is_over, t);
    assert_false(t->connected);
    tls_explain(t->ssl, t->error, host, &e);
    assert_int_equal(e.code, ERR_AUTH);
    if (!strstr(e.what, word) || !strstr(e.what, host))
        fail_msg("%s", e.what);
    talk_free(t);
    loop_advance(w->loop, 0);
    world_free(w);
    SSL_CTX_free(ctx);
    SSL_CTX_free(trust);
}

static void test_client_explains(void **state)
{
    struct files f = files_new("one.test", 30), old = files_new("old.test", -1), other = files_new("two.test", 30);
    expect_explained(&f, f.cert, "wrong.test", "another name");
    expect_explained(&f, f.cert, "127.0.0.1", "another name");
    expect_explained(&f, other.cert, "one.test", "not trusted");
    expect_explained(&old, old.cert, "old.test", "expired");
    files_remove(&f);
    files_remove(&old);
    files_remove(&other);
}

static void test_plain_text_to_a_tls_port(void **state)
{
    struct files f = files_new("one.test", 30);
    struct err e;
    SSL_CTX *ctx = tls_server_ctx(f.cert, f.key, &e);
    uint16_t port;
    struct world *w = tls_world(ctx, &port);
    uint16_t plain = w->port;
    w->port = port;
    struct client *c = client_new(w), *mute = client_new(w);
    w->port = plain;
    client_sends(c, "GET /echo/x HTTP/1.1\r\nHost: a\r\n\r\n");
    client_wait_eof(c);
    loop_advance(w->loop, SECONDS(11)); /* a handshake that never comes */
    client_wait_eof(mute);
    assert_null(w->seen.p);
    client_free(c);
    client_free(mute);
    world_free(w);
    SSL_CTX_free(ctx);
    files_remove(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests_and_exchange),
        cmocka_unit_test(test_wrong_files_are_refused),
        cmocka_unit_test(test_client_explains),
        cmocka_unit_test(test_plain_text_to_a_tls_port),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
