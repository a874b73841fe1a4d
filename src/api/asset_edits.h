/* api/asset_edits.h - what the edits of assets and the resolving of conflicts share. */
#ifndef MSPHUB_API_ASSET_EDITS_H
#define MSPHUB_API_ASSET_EDITS_H

#include "api/api.h"
#include "store/asset_edit.h"

/* True when it was not done: then it has replied. */
bool api_edit_failed(struct api_call *c, struct slice outcome, const struct err *e);

#endif
