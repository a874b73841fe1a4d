/* cmd/environment.c - see environment.h. */
#include "cmd/environment.h"

#include "base/mem.h"
#include "cmd/file.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PREFIX    "MSPHUB_"
#define SUFFIX    "_FILE"
#define MAX_VALUE 65536

/* "MSPHUB_DATABASE_FILE" -> "database"; NULL: it names no file. */
static char *option_in_file(struct slice variable)
{
    if (!slice_starts(variable, SLICE(PREFIX)) || !slice_ends(variable, SLICE(SUFFIX)))
        return NULL;
    char *name = mem_strndup(variable.p + strlen(PREFIX), variable.n - strlen(PREFIX));
    for (char *p = name; *p; p++)
        if (*p >= 'A' && *p <= 'Z')
            *p = (char)(*p | 0x20);
    size_t n = strlen(name);
    if (n > strlen(SUFFIX) && !options_is_text(slice_cstr(name)) &&
        options_is_text(slice_of(name, n - strlen(SUFFIX)))) {
        name[n - strlen(SUFFIX)] = '\0';
        return name;
    }
    free(name);
    return NULL;
}

static bool apply_file(struct options *o, struct slice variable, const char *name, const char *path, struct err *e)
{
    _cleanup_(mem_freep) char *direct = mem_strndup(variable.p, variable.n - strlen(SUFFIX));
    struct str text = {0};
    if (getenv(direct))
        return err_set(e, ERR_CONFIG, "both %s and %s%s are set; keep one", direct, direct, SUFFIX);
    str_reserve(&text, MAX_VALUE + 1); /* once: a move would leave a copy of a password behind */
    bool good = file_read(path, MAX_VALUE, &text, e) && options_set(o, name, text.p ? text.p : "", e);
    crypto_wipe(text.p, text.cap);
    str_release(&text);
    return good || err_wrap(e, "environment variable %.*s", SLICE_FMT(variable));
}

bool environment_apply(struct options *o, struct err *e)
{
    size_t n = 0, k = 0;
    while (environ[n])
        n++;
    _cleanup_(mem_freep) const char **values = mem_alloc((n + 1) * sizeof(*values));
    for (size_t i = 0; i < n; i++) {
        struct slice value = slice_cstr(environ[i]), variable = slice_cut(&value, '=');
        if (slice_is(variable, PREFIX "CONFIG"))
            continue;
        _cleanup_(mem_freep) char *name = option_in_file(variable);
        if (!name)
            values[k++] = environ[i];
        else if (!apply_file(o, variable, name, value.p, e))
            return false;
    }
    values[k] = NULL;
    return options_env(o, values, e);
}

struct secret *environment_take(const char *name)
{
    char *value = getenv(name);
    if (!value)
        return NULL;
    struct secret *s = secret_new(slice_cstr(value));
    crypto_wipe(value, strlen(value));
    unsetenv(name);
    return s;
}
