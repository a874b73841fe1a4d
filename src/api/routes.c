/* api/routes.c - routes.def as the table that the router takes. */
#include "api/api.h"

enum {
    BODY = API_BODY,
    INTEGRATION = API_INTEGRATION,
    CREATES = API_CREATES,
    GUARDED = API_GUARDED,
    SECRETS = API_SECRETS,
    KNOWN = API_KNOWN
};

#define ROUTE(method_, pattern_, role_, scope_, operation_, flags_)                                                    \
    {.method = HTTP_##method_,                                                                                         \
     .pattern = (pattern_),                                                                                            \
     .handler = api_enter,                                                                                             \
     .extra = &(const struct api_op){.name = #operation_,                                                              \
                                     .role = ACCESS_##role_,                                                           \
                                     .scope = SCOPE_##scope_,                                                          \
                                     .flags = (flags_),                                                                \
                                     .run = op_##operation_}},
const struct http_route api_routes[] = {
#include "api/routes.def"
};
#undef ROUTE
const size_t api_nroutes = ARRAY_LEN(api_routes);
