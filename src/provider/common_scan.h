/* common_scan.h - one look at a webhook's body: is it one whole JSON value, and what are its members?
 * Why:    every delivery passes here before it is stored; the streaming reader allocates and copies, this only looks.
 * Always: no allocation; what passes also passes json_reader (nesting up to JSON_MAX_DEPTH, strict numbers, no raw
 *         control characters); UTF-8 inside strings is not judged here, the reader repairs it. */
#ifndef MSPHUB_PROVIDER_COMMON_SCAN_H
#define MSPHUB_PROVIDER_COMMON_SCAN_H

#include "base/err.h"
#include "base/slice.h"

/* A member of the outermost object (`key` without quotes, escapes as written), or an element of the outermost array
 * (key SLICE_NONE). `value` is its JSON text. */
typedef void scan_cb(void *arg, struct slice key, struct slice value);
/* False: not one whole JSON value (ERR_INPUT with the place). `cb` may be NULL; it may have been called before the
 * fault was found. */
bool scan_json(struct slice text, scan_cb *cb, void *arg, struct err *e);

/* What is between the quotes of a JSON string without escapes; the digits of an integer; else SLICE_NONE. */
struct slice scan_plain(struct slice value);

#endif
