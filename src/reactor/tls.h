/* tls.h - OpenSSL contexts for both sides, built with every return value checked. */
#ifndef MSPHUB_REACTOR_TLS_H
#define MSPHUB_REACTOR_TLS_H

#include "base/err.h"
#include <openssl/ssl.h>

/* Server: certificate chain and key from PEM files; TLS 1.2 or newer. NULL with *e set: a file is missing, unreadable, or they do not match. */
SSL_CTX *tls_server_ctx(const char *cert_file, const char *key_file, struct err *e);
/* Client: the system's authorities, or those of `ca_file`; verifies chain; TLS 1.2 or newer. */
SSL_CTX *tls_client_ctx(const char *ca_file, struct err *e);
/* A connection's SSL with SNI and host-name (or IP address) check for `host`. */
SSL *tls_client_ssl(SSL_CTX *ctx, const char *host, struct err *e);
/* Why a handshake failed, for a person: "certificate of example.test has expired (…)". */
void tls_explain(SSL *ssl, unsigned long openssl_error, const char *host, struct err *e);

#endif
