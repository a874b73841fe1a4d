/* hub/configure_internal.h - configure.c (the edits) and configure_fields.c (what the settings become). */
#ifndef MSPHUB_HUB_CONFIGURE_INTERNAL_H
#define MSPHUB_HUB_CONFIGURE_INTERNAL_H

#include "base/mem.h"
#include "hub/configure.h"

#define CONFIGURE_MAX_FAULTS 64

struct merge {
    const struct hub *h;
    const struct provider *provider;
    int64_t tenant_id, id;         /* what sealed values are bound to; id 0: nothing is sealed */
    const struct json *given;      /* NULL: all stays */
    const struct json *stored;     /* secrets sealed; NULL: there is nothing yet */
    const struct integration *old; /* NULL as stored */
    /* results */
    struct settings *settings;
    struct str base_url;
    struct str sealed;            /* JSON to store */
    bool changed, secret_changed; /* against old */
    struct configure_faults faults;
};
/* False: faults, or *e for what is not the input's fault (no key). */
bool configure_merge(struct merge *m, struct err *e);
void configure_merge_release(struct merge *m);

#endif
