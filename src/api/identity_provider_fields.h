/* api/identity_provider_fields.h - an identity provider as it is sent: read, checked, made ready for the store. */
#ifndef MSPHUB_API_IDENTITY_PROVIDER_FIELDS_H
#define MSPHUB_API_IDENTITY_PROVIDER_FIELDS_H

#include "api/api.h"
#include "store/identity_provider.h"

struct identity_provider_fields {
    struct identity_provider_edit edit; /* all but tenant, id, version; sealed_secret is the stored one, if it stays */
    struct pg_array scopes, audiences, email_domains;
    struct str role_map;
    struct slice secret; /* a new one, plain; SLICE_NONE: none is given */
};

/* From the call's body over what is `stored` (the object as GET shows it; NULL: a new one). Whatever is wrong is a fault.
 * Texts live as long as the call. */
void identity_provider_fields_read(struct api_call *c, const struct json *stored, struct slice sealed_secret,
                                   struct identity_provider_fields *ret, struct api_faults *f);
void identity_provider_fields_release(struct identity_provider_fields *v);

#endif
