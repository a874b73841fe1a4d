/* cmd/notify.h - telling systemd how we are (sd_notify's protocol: one datagram to $NOTIFY_SOCKET). */
#ifndef MSPHUB_CMD_NOTIFY_H
#define MSPHUB_CMD_NOTIFY_H

#include "base/clock.h"

/* `state`: "READY=1", "RELOADING=1", "STOPPING=1", "WATCHDOG=1", "STATUS=…", several divided by newlines. Without a
 * service manager nothing happens. */
void notify_state(const char *state);
/* How often the manager wants to hear WATCHDOG=1, halved; USEC_NONE: it does not. */
usec_t notify_watchdog_interval(void);

#endif
