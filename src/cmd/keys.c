/* cmd/keys.c - see keys.h. */
#include "cmd/keys.h"

#include "base/mem.h"
#include "cmd/file.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_KEY_FILE 65536

static char *credential_path(void)
{
    const char *folder = getenv("CREDENTIALS_DIRECTORY");
    if (!folder || !*folder)
        return NULL;
    char *path = mem_printf("%s/msphub.key", folder);
    if (access(path, F_OK) == 0)
        return path;
    free(path);
    return NULL;
}

/* A group may read it: that is how root gives it to the service. A secret in a container is often readable by all. */
static bool check_mode(const char *path, struct keys *k, struct err *e)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return err_set(e, ERR_CONFIG, "cannot read %s: %s", path, strerror(errno));
    if (st.st_mode & S_IWOTH)
        return err_set(e, ERR_CONFIG, "%s can be written by everybody; `chmod 600 %s`", path, path);
    if (st.st_mode & S_IROTH)
        k->warning = mem_printf("%s can be read by everybody on this machine; `chmod 600 %s`", path, path);
    return true;
}

static bool load_file(const char *path, struct keys *k, struct err *e)
{
    struct str text = {0};
    str_reserve(&text, MAX_KEY_FILE + 1); /* once: a move would leave keys behind in memory */
    bool good = file_read(path, MAX_KEY_FILE, &text, e) && check_mode(path, k, e);
    if (good) {
        k->ring = keyring_parse(str_slice(&text), e);
        good = k->ring || err_wrap(e, "%s", path);
    }
    crypto_wipe(text.p, text.cap);
    str_release(&text);
    return good;
}

/* In a variable lines are awkward: a comma does as well. */
static bool load_text(struct slice text, struct keys *k, struct err *e)
{
    char *lines = mem_strndup(text.p, text.n);
    for (char *p = lines; *p; p++)
        if (*p == ',')
            *p = '\n';
    k->ring = keyring_parse(slice_cstr(lines), e);
    crypto_wipe(lines, text.n);
    free(lines);
    return k->ring || err_wrap(e, "%s", KEYS_VARIABLE);
}

bool keys_load(const struct invocation *inv, const struct options *o, struct keys *ret, struct err *e)
{
    struct keys k = {0};
    bool good = true;
    _cleanup_(mem_freep) char *path = *o->key_file ? mem_strdup(o->key_file) : credential_path();
    *ret = k;
    if (path && inv->keys)
        return err_set(e, ERR_CONFIG, "the sealing keys are in %s and in %s; keep one of them", path, KEYS_VARIABLE);
    if (path) {
        k.source = mem_printf("%s %s", *o->key_file ? "the file" : "systemd's credential", path);
        good = load_file(path, &k, e);
    } else if (inv->keys) {
        k.source = mem_strdup("the environment variable " KEYS_VARIABLE);
        good = load_text(secret_text(inv->keys), &k, e);
    }
    if (good)
        *ret = k;
    else
        keys_release(&k);
    return good;
}

void keys_release(struct keys *k)
{
    keyring_free(k->ring);
    free(k->source);
    free(k->warning);
    *k = (struct keys){0};
}
