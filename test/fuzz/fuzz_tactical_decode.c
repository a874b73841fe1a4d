/* fuzz_tactical_decode.c - Tactical RMM's webhooks and machines. See provider.h for the input. */
#include "provider.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_provider(provider_find(SLICE("tacticalrmm")), "{\"base_url\":\"https://api.example\",\"api_key\":\"K\"}",
                  SLICE("LEGHkdGfleMeRpzhKpLMcNfAQLKHuqnQTupqziQP"), data, size);
    return 0;
}
