/* host_name.c - see host_name.h. */
#include "base/host_name.h"

#include <ctype.h>

static bool is_label(struct slice label)
{
    if (label.n == 0 || label.n > 63 || label.p[0] == '-' || label.p[label.n - 1] == '-')
        return false;
    for (size_t i = 0; i < label.n; i++)
        if (!isalnum((unsigned char)label.p[i]) && label.p[i] != '-' && label.p[i] != '_')
            return false;
    return true;
}

static bool all_digits(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!isdigit((unsigned char)s.p[i]))
            return false;
    return s.n > 0;
}

/* No top-level domain is a number; where the last label is one, the whole is meant as an IPv4 address (as the URL standard has it). */
static bool is_number(struct slice label)
{
    if (label.n >= 2 && label.p[0] == '0' && (label.p[1] == 'x' || label.p[1] == 'X')) {
        for (size_t i = 2; i < label.n; i++)
            if (!isxdigit((unsigned char)label.p[i]))
                return false;
        return true;
    }
    return all_digits(label);
}

static bool is_ip4(struct slice host)
{
    unsigned n = 0;
    for (int64_t v; host.n; n++) {
        struct slice part = slice_cut(&host, '.');
        if (!all_digits(part) || part.n > 3 || (part.n > 1 && part.p[0] == '0') || !slice_i64(part, &v) || v > 255)
            return false;
    }
    return n == 4;
}

bool host_name_valid(struct slice host)
{
    struct slice rest = host, label = SLICE_NONE;
    if (host.n == 0 || host.n > 253 || host.p[host.n - 1] == '.')
        return false;
    while (rest.n) {
        label = slice_cut(&rest, '.');
        if (!is_label(label))
            return false;
    }
    return !is_number(label) || is_ip4(host);
}
