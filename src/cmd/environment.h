/* cmd/environment.h - what the environment says: options as MSPHUB_NAME, or the file that holds one as MSPHUB_NAME_FILE. */
#ifndef MSPHUB_CMD_ENVIRONMENT_H
#define MSPHUB_CMD_ENVIRONMENT_H

#include "base/crypto.h"
#include "base/options.h"

/* MSPHUB_NAME_FILE names a file whose text is the value (systemd's %d, Docker's and Kubernetes' secrets); for options that are
 * text, where no option is itself called name_file. Naming both is an error. */
bool environment_apply(struct options *o, struct err *e);
/* A variable's value; it is gone from the environment afterwards, wiped where /proc/PID/environ reads it. NULL: not set. */
struct secret *environment_take(const char *name);

#endif
