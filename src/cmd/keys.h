/* cmd/keys.h - where the sealing keys come from. */
#ifndef MSPHUB_CMD_KEYS_H
#define MSPHUB_CMD_KEYS_H

#include "base/crypto.h"
#include "base/options.h"

/* The option key_file, else systemd's credential "msphub.key" (LoadCredential=). *ret NULL and true: no key is
 * configured. */
bool keys_load(const struct options *o, struct keyring **ret, struct err *e);

#endif
