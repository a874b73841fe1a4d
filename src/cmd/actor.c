/* cmd/actor.c - see actor.h. */
#include "cmd/actor.h"

#include <pwd.h>
#include <unistd.h>

struct audit_actor cmd_actor(void)
{
    const struct passwd *account = getpwuid(getuid());
    return (struct audit_actor){.kind = "cli", .name = slice_cstr(account ? account->pw_name : "unknown")};
}
