/* fuzz_ninjaone_decode.c - NinjaOne's webhooks and machines. See provider.h for the input. */
#include "provider.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_provider(provider_find(SLICE("ninjaone")), "{\"client_id\":\"i\",\"client_secret\":\"s\"}", SLICE("4711"),
                  data, size);
    return 0;
}
