/* api/limits.h - how often may they: a rate for each credential and for each tenant, and one for wrong credentials of an address.
 * Always: who holds a good credential is never refused because of what others behind the same address try. */
#ifndef MSPHUB_API_LIMITS_H
#define MSPHUB_API_LIMITS_H

#include "api/api.h"

struct api_limits;
struct api_limits *api_limits_new(struct hub *h);
void api_limits_free(struct api_limits *l);

/* The stage behind authentication: RateLimit headers, or 429. */
void api_limit(struct api_call *c);
/* Ends the call whose credential is none: 401 with what WWW-Authenticate says; 429, and late, when this address tries many. */
void api_refuse_credential(struct api_call *c, const char *challenge, const char *code, const char *detail);

#endif
