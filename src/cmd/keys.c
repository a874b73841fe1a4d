/* cmd/keys.c - see keys.h. */
#include "cmd/keys.h"

#include "base/mem.h"
#include "cmd/file.h"

#include <stdlib.h>
#include <unistd.h>

#define MAX_KEY_FILE 65536

static char *keys_path(const struct options *o)
{
    if (*o->key_file)
        return mem_strdup(o->key_file);
    const char *credentials = getenv("CREDENTIALS_DIRECTORY");
    if (!credentials)
        return NULL;
    char *path = mem_printf("%s/msphub.key", credentials);
    if (access(path, F_OK) == 0)
        return path;
    free(path);
    return NULL;
}

bool keys_load(const struct options *o, struct keyring **ret, struct err *e)
{
    _cleanup_(mem_freep) char *path = keys_path(o);
    *ret = NULL;
    if (!path)
        return true;
    _cleanup_(str_release) struct str text = {0};
    bool good = file_read(path, MAX_KEY_FILE, &text, e);
    if (good) {
        *ret = keyring_parse(str_slice(&text), e);
        good = *ret || err_wrap(e, "%s", path);
    }
    crypto_wipe(text.p, text.cap);
    return good;
}
