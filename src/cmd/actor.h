/* cmd/actor.h - who runs a subcommand, for the audit log: the account that is logged in. */
#ifndef MSPHUB_CMD_ACTOR_H
#define MSPHUB_CMD_ACTOR_H

#include "store/audit.h"

/* Kind "cli"; the name lives until the next call of getpwuid(3). */
struct audit_actor cmd_actor(void);

#endif
