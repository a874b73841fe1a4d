/* hub/session_internal.h - session.c (cache and check) and session_open.c (begin, change, end). */
#ifndef MSPHUB_HUB_SESSION_INTERNAL_H
#define MSPHUB_HUB_SESSION_INTERNAL_H

#include "hub/session.h"

struct access_identity session_identity(int64_t tenant_id, int64_t user_id, struct slice email, struct slice role);

#endif
