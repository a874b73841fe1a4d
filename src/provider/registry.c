/* registry.c - the catalog of products. A new provider is one line here, in providers.h and its files in meson.build.
 * */
#include "provider/providers.h"

const struct provider *const provider_registry[] = {
    &provider_jamf,
    &provider_msp360,
    &provider_ninjaone,
    &provider_syncro,
    &provider_tacticalrmm,
    NULL,
};

const struct provider *provider_find(struct slice key)
{
    for (const struct provider *const *p = provider_registry; *p; p++)
        if (slice_is(key, (*p)->key))
            return *p;
    return NULL;
}
