/* fuzz_http_url.c - URLs of outgoing calls.
 * Held:  what is accepted has a host, a port and a target that can stand in a request as they are; put together again they are the same
 *        URL; a refusal says why. */
#include "fuzz.h"

#include "reactor/http_url.h"

static void check_parts(const struct http_url *u)
{
    HOLD(u->host && u->host[0] && u->port && u->authority && u->target && u->target[0] == '/');
    HOLD(strlen(u->host) <= 253 && !strpbrk(u->host, "/?#@[]"));
    for (const char *p = u->host; *p; p++)
        HOLD(*p > 0x20 && *p < 0x7f && !(*p >= 'A' && *p <= 'Z'));
    HOLD(strstr(u->authority, u->host) && !strpbrk(u->authority, "/?#@ "));
    for (const char *p = u->target; *p; p++)
        HOLD(*p > 0x20 && *p < 0x7f && *p != '#');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = strndup(size ? (const char *)data : "", size), *whole = NULL;
    struct http_url u, again;
    struct err e = {0};

    HOLD(text);
    if (http_url_parse(text, &u, &e)) {
        check_parts(&u);
        HOLD(asprintf(&whole, "%s://%s%s", u.tls ? "https" : "http", u.authority, u.target) > 0);
        HOLD(http_url_parse(whole, &again, &e));
        HOLD(again.tls == u.tls && again.port == u.port && strcmp(again.host, u.host) == 0);
        HOLD(strcmp(again.authority, u.authority) == 0 && strcmp(again.target, u.target) == 0);
        http_url_release(&again);
        free(whole);
    } else {
        HOLD(e.code == ERR_INPUT && e.what[0]);
    }
    http_url_release(&u);
    free(text);
    return 0;
}
