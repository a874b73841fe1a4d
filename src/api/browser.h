/* api/browser.h - what only browsers need: cookies, and the proof that a request comes from our own pages.
 * Always: a credential that the browser adds by itself (the session's cookie) is never enough for a request that changes something:
 *         it must come from our own origin and carry the session's CSRF token, which only our own pages can read. */
#ifndef MSPHUB_API_BROWSER_H
#define MSPHUB_API_BROWSER_H

#include "api/api.h"

#define BROWSER_SESSION "__Host-msphub_session"
#define BROWSER_DEVICE  "__Host-msphub_device" /* the mark of a browser in which somebody signed in before */

/* SLICE_NONE when there is none of this name, or it is empty. */
struct slice browser_cookie(const struct http_request *r, const char *name);
/* Before the reply. Both are Secure, HttpOnly, for this host alone, and sent on no request that another site makes but a
 * top-level GET (the session: the return from an identity provider is one), or on none at all (the mark). */
void browser_give_session(struct http_request *r, const char *token); /* "": takes it away */
void browser_give_device(struct http_request *r, const char *token);

/* Does the request come from a page of ours, or from no page? `public_url` is another name of this origin; "": none. */
bool browser_same_origin(const struct http_request *r, const char *public_url);

/* The stage of authenticate.c for a session's cookie: c->who and c->session, or a reply. */
void browser_authenticate(struct api_call *c, struct slice token);

#endif
