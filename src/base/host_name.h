/* host_name.h - which text may stand for a host in a URL. */
#ifndef MSPHUB_BASE_HOST_NAME_H
#define MSPHUB_BASE_HOST_NAME_H

#include "base/slice.h"

/* A name in DNS's letters (a '_' as well), or an IPv4 address of four decimal numbers. Not the other spellings of an address that
 * some resolvers read (2130706433, 0x7f.1, 0177.0.0.1, 127.1), no empty label, no dot at the end: what is judged here must
 * be what is called in the end. */
bool host_name_valid(struct slice host);

#endif
