/* providers.h - the products this build knows; each folder defines one. */
#ifndef MSPHUB_PROVIDER_PROVIDERS_H
#define MSPHUB_PROVIDER_PROVIDERS_H

#include "msphub/provider.h"

extern const struct provider provider_jamf, provider_msp360, provider_ninjaone, provider_syncro, provider_tacticalrmm;

#endif
