/* cmd/keys.h - where the sealing keys come from: the option key_file (also as MSPHUB_KEY_FILE), else systemd's credential
 * "msphub.key" (LoadCredential=), else the keys themselves in MSPHUB_KEYS. Never from the arguments, which everybody on
 * the machine can read. */
#ifndef MSPHUB_CMD_KEYS_H
#define MSPHUB_CMD_KEYS_H

#include "base/crypto.h"
#include "cmd/command.h"

#define KEYS_VARIABLE "MSPHUB_KEYS"

struct keys {
    struct keyring *ring; /* NULL: no key is configured */
    char *source;         /* for people: "the file /etc/msphub/key" */
    char *warning;        /* NULL: none */
};

/* `o` instead of inv->options, for a reload. A key file that others may write is an error, one that others may read a
 * warning. */
bool keys_load(const struct invocation *inv, const struct options *o, struct keys *ret, struct err *e);
void keys_release(struct keys *k);

#endif
