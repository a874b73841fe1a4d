/* fuzz_options.c - the configuration: a file's text; its lines are also tried as flags and as environment variables.
 * Held:  a refusal says why, and one of a file where; a refused value changes nothing; what is dumped reads back equal; a reload takes
 *        over what it may and names the rest. */
#include "fuzz.h"

#include "base/options.h"

static struct str dump(const struct options *o)
{
    struct str s = {0};
    options_dump(o, &s);
    return s;
}

static bool same(const struct options *a, const struct options *b)
{
    _cleanup_(str_release) struct str x = dump(a), y = dump(b);
    return slice_eq(str_slice(&x), str_slice(&y));
}

static void check_dump(const struct options *o)
{
    struct options back;
    struct err e = {0};
    _cleanup_(str_release) struct str text = dump(o);
    options_init(&back);
    HOLD(options_read(&back, "dump", str_slice(&text), &e));
    HOLD(same(&back, o));
    options_release(&back);
}

static void check_reload(const struct options *fresh)
{
    struct options live;
    _cleanup_(str_release) struct str restart = {0}, again = {0};
    options_init(&live);
    options_reload(&live, fresh, &restart);
    options_reload(&live, fresh, &again); /* nothing is left to take over, and the same must wait */
    HOLD(slice_eq(str_slice(&restart), str_slice(&again)));
    HOLD(restart.n || same(&live, fresh));
    options_release(&live);
}

static void check_file(struct slice text)
{
    struct options o;
    struct err e = {0};
    options_init(&o);
    if (options_read(&o, "f", text, &e)) {
        check_dump(&o);
        check_reload(&o);
    } else {
        HOLD(e.code == ERR_CONFIG && strncmp(e.what, "f:", 2) == 0 && e.what[2] >= '1' && e.what[2] <= '9');
    }
    options_release(&o);
}

static void check_line(struct slice line)
{
    struct slice rest = line, name = slice_cut(&rest, '=');
    struct options o, untouched;
    struct err e = {0};
    char *n = strndup(name.n ? name.p : "", name.n), *v = strndup(rest.n ? rest.p : "", rest.n), *var = NULL;
    HOLD(n && v && asprintf(&var, "MSPHUB_%s=%s", n, v) > 0);

    options_init(&o);
    options_init(&untouched);
    if (options_set(&o, n, v, &e))
        check_dump(&o);
    else
        HOLD(e.code == ERR_CONFIG && e.what[0] && same(&o, &untouched));
    options_release(&o);
    options_init(&o);
    if (!options_env(&o, (const char *const[]){"PATH=/", var, NULL}, &e))
        HOLD(e.code == ERR_CONFIG && same(&o, &untouched));
    options_release(&o);
    options_release(&untouched);
    free(n);
    free(v);
    free(var);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = slice_of((const char *)data, size);
    check_file(text);
    for (unsigned n = 0; text.n && n < 8; n++)
        check_line(slice_cut(&text, '\n'));
    return 0;
}
