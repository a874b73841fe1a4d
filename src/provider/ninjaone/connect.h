/* connect.h - connecting NinjaOne in the browser (connect.c), and its webhook by its API (register.c). */
#ifndef MSPHUB_PROVIDER_NINJAONE_CONNECT_H
#define MSPHUB_PROVIDER_NINJAONE_CONNECT_H

#include "msphub/provider.h"

extern const struct provider_connect nin_connect;
extern const struct machine_ops nin_webhook_register_ops, nin_webhook_remove_ops;

#endif
