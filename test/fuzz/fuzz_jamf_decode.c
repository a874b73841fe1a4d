/* fuzz_jamf_decode.c - Jamf Pro's webhooks and machines. See provider.h for the input. */
#include "provider.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_provider(
        provider_find(SLICE("jamf")),
        "{\"base_url\":\"https://j.example\",\"client_id\":\"i\",\"client_secret\":\"s\",\"applications\":true}",
        SLICE("214"), data, size);
    return 0;
}
