/* api/actions.h - what the files about actions share. */
#ifndef MSPHUB_API_ACTIONS_H
#define MSPHUB_API_ACTIONS_H

#include "api/api.h"

/* By what came of an action: 502 or 504 `outcome_unknown` when it may have been carried out, else by the error. */
void api_problem_action(struct api_call *c, bool unknown, const struct err *e);

#endif
