/* fuzz_hide.c - a secret and, behind its length, a text of a product that may repeat it.
 * Held:  after hiding, the secret does not stand in the text in any of the codings that hide.h names, not even its first HIDE_MIN bytes at
 *        the end; what does not hold it is left as it was; hiding twice is hiding once. */
#include "fuzz.h"

#include "base/mem.h"
#include "hub/hide.h"

static void percent(struct str *out, struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        str_addf(out, "%%%02x", (unsigned)(uint8_t)s.p[i]);
}

static void escaped(struct str *out, struct slice s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (strchr("\"\\/", s.p[i]) && s.p[i])
            str_addc(out, '\\');
        str_addc(out, s.p[i]);
    }
}

static bool holds(const struct str *text, struct slice secret)
{
    return text->n && memmem(text->p, text->n, secret.p, secret.n);
}

/* Wherever it is put, and however it is coded, it is taken out. */
static void check_coded(struct slice secret, struct slice around, size_t cut, void (*code)(struct str *, struct slice))
{
    _cleanup_(str_release) struct str text = {0}, coded = {0};
    code(&coded, secret);
    str_add(&text, slice_of(around.p, around.n - cut % (around.n + 1)));
    /* What stands before may swallow the first character, as a lone backslash does. */
    str_adds(&text, "  ");
    str_add(&text, str_slice(&coded));
    str_adds(&text, "  ");
    hide_secret(&text, secret);
    HOLD(!holds(&text, str_slice(&coded)) && memmem(text.p, text.n, "***", 3));
}

static void as_is(struct str *out, struct slice s)
{
    str_add(out, s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size < 1u + data[0] % 64)
        return 0;
    size_t n = data[0] % 64;
    struct slice secret = slice_of((const char *)data + 1, n), text = slice_of(secret.p + n, size - 1 - n);
    _cleanup_(str_release) struct str once = {0}, twice = {0};

    str_add(&once, text);
    hide_secret(&once, secret);
    if (n < HIDE_MIN) {
        HOLD(slice_eq(str_slice(&once), text));
        return 0;
    }
    HOLD(once.n <= text.n || memmem(once.p, once.n, "***", 3));
    /* Its own stars may complete a secret that is made of stars. */
    bool stars = memchr(secret.p, '*', n) != NULL;
    if (!stars) {
        HOLD(!holds(&once, secret));
        str_add(&twice, str_slice(&once));
        hide_secret(&twice, secret);
        HOLD(!holds(&twice, secret));
    }
    if (!stars && !memchr(secret.p, ' ', n) && !memchr(secret.p, '\0', n)) {
        check_coded(secret, text, data[0], as_is);
        check_coded(secret, text, data[0], percent);
        check_coded(secret, text, data[0], escaped);
    }
    return 0;
}
