/* tls.c - OpenSSL contexts.
 * Why:    libevhtp's own set-up returns success when the certificate files are missing; here nothing is unchecked.
 * Always: TLS 1.2 or newer, no renegotiation, no compression; a peer that closes without close_notify counts as
 *         closed (length and chunk framing above tell whether a message is whole). */
#include "reactor/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *openssl_reason(unsigned long code)
{
    const char *reason = code ? ERR_reason_error_string(code) : NULL;
    return reason ? reason : "no reason given";
}

/* The last one queued says what was found wrong; the queue is left empty. */
static const char *last_reason(void)
{
    unsigned long code = ERR_peek_last_error();
    ERR_clear_error();
    return openssl_reason(code);
}

static SSL_CTX *ctx_new(const SSL_METHOD *method, struct err *e)
{
    SSL_CTX *ctx = SSL_CTX_new(method);
    if (!ctx || SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1) {
        err_set(e, ERR_INTERNAL, "TLS cannot be set up: %s", last_reason());
        SSL_CTX_free(ctx);
        return NULL;
    }
    SSL_CTX_set_options(ctx, SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(ctx,
                     SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    return ctx;
}

/* OpenSSL's texts do not name the file, and "no such file" is the commonest mistake. */
static bool readable(const char *file, const char *what, struct err *e)
{
    if (access(file, R_OK) == 0)
        return true;
    return err_set(e, ERR_CONFIG, "%s %s cannot be read: %s", what, file, strerror(errno));
}

static bool load_pair(SSL_CTX *ctx, const char *cert_file, const char *key_file, struct err *e)
{
    if (SSL_CTX_use_certificate_chain_file(ctx, cert_file) != 1)
        return err_set(e, ERR_CONFIG, "the certificate file %s holds no usable PEM chain: %s", cert_file,
                       last_reason());
    if (SSL_CTX_use_PrivateKey_file(ctx, key_file, SSL_FILETYPE_PEM) != 1)
        return err_set(e, ERR_CONFIG, "the key file %s holds no private key that fits the certificate %s: %s", key_file,
                       cert_file, last_reason());
    if (SSL_CTX_check_private_key(ctx) != 1)
        return err_set(e, ERR_CONFIG, "the private key %s does not belong to the certificate %s: %s", key_file,
                       cert_file, last_reason());
    return true;
}

SSL_CTX *tls_server_ctx(const char *cert_file, const char *key_file, struct err *e)
{
    if (!readable(cert_file, "the certificate file", e) || !readable(key_file, "the key file", e))
        return NULL;
    SSL_CTX *ctx = ctx_new(TLS_server_method(), e);
    if (!ctx)
        return NULL;
    static const unsigned char session_context[] = "msphub";
    if (!load_pair(ctx, cert_file, key_file, e)) {
        SSL_CTX_free(ctx);
        return NULL;
    }
    SSL_CTX_set_session_id_context(ctx, session_context, sizeof(session_context) - 1);
    SSL_CTX_set_options(ctx, SSL_OP_CIPHER_SERVER_PREFERENCE);
    return ctx;
}

SSL_CTX *tls_client_ctx(const char *ca_file, struct err *e)
{
    bool own = ca_file && *ca_file;
    if (own && !readable(ca_file, "the file with authorities", e))
        return NULL;
    SSL_CTX *ctx = ctx_new(TLS_client_method(), e);
    if (!ctx)
        return NULL;
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    bool ok = own ? SSL_CTX_load_verify_locations(ctx, ca_file, NULL) == 1 : SSL_CTX_set_default_verify_paths(ctx) == 1;
    if (ok)
        return ctx;
    err_set(e, ERR_CONFIG, "%s holds no authorities to trust: %s", own ? ca_file : "the system's certificate store",
            last_reason());
    SSL_CTX_free(ctx);
    return NULL;
}

static bool is_address(const char *host)
{
    unsigned char buf[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, host, buf) == 1 || inet_pton(AF_INET6, host, buf) == 1;
}

static bool set_peer(SSL *ssl, const char *host)
{
    if (is_address(host)) /* no SNI for addresses (RFC 6066) */
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set1_host(ssl, host) == 1 && SSL_set_tlsext_host_name(ssl, host) == 1;
}

SSL *tls_client_ssl(SSL_CTX *ctx, const char *host, struct err *e)
{
    SSL *ssl = SSL_new(ctx);
    if (ssl && set_peer(ssl, host))
        return ssl;
    err_set(e, ERR_INTERNAL, "a TLS connection to %s cannot be prepared: %s", host, last_reason());
    SSL_free(ssl);
    return NULL;
}

static void subject_of(X509 *cert, char *buf, size_t n)
{
    buf[0] = 0;
    if (cert)
        X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, buf, (int)n);
}

static void explain_verify(SSL *ssl, long result, const char *host, struct err *e)
{
    char subject[128];
    subject_of(SSL_get0_peer_certificate(ssl), subject, sizeof(subject));
    const char *why = X509_verify_cert_error_string(result);
    switch (result) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        err_set(e, ERR_AUTH, "the certificate presented for %s was issued for another name (%s)", host, subject);
        break;
    case X509_V_ERR_CERT_HAS_EXPIRED:
        err_set(e, ERR_AUTH, "the certificate of %s has expired (or one above it); its owner must renew it", host);
        break;
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        err_set(e, ERR_AUTH,
                "the certificate of %s (%s) was issued by an authority that is not trusted here (%s); add the "
                "authority with "
                "the option ca_file if it is your own",
                host, subject, why);
        break;
    default:
        err_set(e, ERR_AUTH, "the certificate of %s (%s) was refused: %s", host, subject, why);
    }
}

void tls_explain(SSL *ssl, unsigned long openssl_error, const char *host, struct err *e)
{
    long verify = ssl ? SSL_get_verify_result(ssl) : X509_V_OK;
    if (verify != X509_V_OK)
        explain_verify(ssl, verify, host, e);
    else if (openssl_error)
        err_set(e, ERR_UNAVAILABLE, "TLS with %s failed: %s", host, openssl_reason(openssl_error));
    else
        err_set(e, ERR_UNAVAILABLE, "%s closed the connection during the TLS handshake", host);
}
