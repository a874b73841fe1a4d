/* control.h - what the handlers of the control API share: strict bodies, plain errors, JSON answers. */
#ifndef SIM_CONTROL_H
#define SIM_CONTROL_H

#include "base/json_read.h"
#include "base/json_write.h"
#include "sim.h"

/* The request's JSON object; an empty body is an empty object. Keys that are not in `known` (NULL-terminated) are refused: a
 * test with a typing error must fail. NULL: it has answered. */
const struct json *control_body(struct ask *a, struct answer *r, const char *const *known);
void control_refuse(struct answer *r, int status, const char *fmt, ...) PRINTF_LIKE(3, 4);
struct jw control_json(struct answer *r, int status);
void control_done(struct answer *r); /* 200 {"ok":true} */
/* Replaces *io by a copy of the text member, when there is one. True: it was there. */
bool control_take_text(const struct json *o, const char *key, char **io);

extern const struct routes control_routes; /* self is the simulator */

#endif
