/* store/former_pgp.h - opens what pgcrypto has encrypted in a former table, by the former database's own pgcrypto. */
#ifndef MSPHUB_STORE_FORMER_PGP_H
#define MSPHUB_STORE_FORMER_PGP_H

#include "store/former_table.h"

/* Once, in a later turn. An error is the database's; a value that does not open (another passphrase, no extension) is none, and stays. */
typedef void former_pgp_cb(void *arg, const struct err *e);
/* Every value of the table that is an OpenPGP message is replaced in `t` by its plain text, which the arena keeps. False: there is
 * none, and no callback. All of it lives until the callback. */
bool former_pgp_open(struct pg_pool *db, struct former_table *t, struct slice passphrase, struct arena *a,
                     former_pgp_cb *cb, void *arg);

#endif
