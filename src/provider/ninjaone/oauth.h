/* oauth.h - NinjaOne's token endpoint: what renewing a credential (token.c) and connecting an account (connect.c) share. */
#ifndef MSPHUB_PROVIDER_NINJAONE_OAUTH_H
#define MSPHUB_PROVIDER_NINJAONE_OAUTH_H

#include "provider/ninjaone/ninjaone.h"

#define NIN_TOKEN_PATH "/ws/oauth/token"
#define NIN_FORM       "application/x-www-form-urlencoded"
#define NIN_FORM_SIZE  2048 /* holds secrets: it must not move and leave copies behind */

struct nin_token_row {
    struct slice access_token, refresh_token;
    int64_t expires_in;
};
extern const struct map_doc nin_token_doc;

/* "name=value" in a form or a query; an empty value is left out. */
void nin_add_parameter(struct str *to, const char *name, struct slice value);
/* The row becomes a credential, or the machine's error. */
void nin_take_token(struct task *t, const struct nin_token_row *row, const char *fault);

#endif
