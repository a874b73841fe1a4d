/* api/integration_json.h - how integrations and providers look in JSON. */
#ifndef MSPHUB_API_INTEGRATION_JSON_H
#define MSPHUB_API_INTEGRATION_JSON_H

#include "api/api.h"
#include "store/connect.h"
#include "store/integration.h"

/* `r`: a reply to integration_add_by_tenant, in statement 0. A catalog entry with the tenant's instances. */
void json_provider(const struct hub *h, const struct provider *p, const struct pg_reply *r, struct jw *w);
/* The one that `key` names; false when there is none. */
bool json_integration_by_key(const struct hub *h, const struct pg_reply *r, struct slice key, struct str *out,
                             int64_t *ret_version);
/* Members of the open object that tell what an action is. */
void json_action(const struct provider_action *a, struct jw *w);
/* Where the product shall send, and whether the hub has told it. `host`: of the request, for hubs that name no public_url. Holds the
 * secret. */
void json_webhook(const struct hub *h, const struct integration *it, const struct connect_row *row, struct slice host,
                  bool tls, struct str *out);

#endif
