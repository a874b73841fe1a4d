/* settings.c - what a person may have typed for a Tactical RMM server, made usable or refused with the mend. */
#include "base/crypto.h"
#include "base/totp.h"
#include "provider/tacticalrmm/tacticalrmm.h"

#define SCHEME "https://"

bool tac_uses_login(const struct settings *s)
{
    return slice_is(settings_text(s, "auth"), TAC_AUTH_LOGIN);
}

static bool is_totp_secret(struct slice text)
{
    _cleanup_(str_release) struct str key = {0};
    bool ok = str_add_from_base32(&key, text);

    if (key.p)
        crypto_wipe(key.p, key.cap);
    return ok;
}

bool tac_check(const struct settings *s, const char **ret_field, struct err *e)
{
    static const char *const of_login[] = {"username", "password"};
    struct slice totp = settings_text(s, "totp_secret");

    *ret_field = "api_key";
    if (!tac_uses_login(s))
        return settings_text(s, "api_key").n || err_set(e, ERR_INPUT, "is required");
    for (size_t i = 0; i < ARRAY_LEN(of_login); i++)
        if (!settings_text(s, *ret_field = of_login[i]).n)
            return err_set(e, ERR_INPUT, "is required with user and password");
    *ret_field = "totp_secret";
    if (totp.n && !is_totp_secret(totp))
        return err_set(e, ERR_INPUT,
                       "is not the setup key of a second factor: letters and the digits 2 to 7, as shown below the QR "
                       "code; not the six digits of the moment");
    return true;
}

bool tac_base_url(const struct settings *s, struct str *ret, struct err *e)
{
    if (!url_normalise(settings_text(s, "base_url"), "base_url", ret, e))
        return false;
    url_drop_suffix(ret, "/api"); /* the API stands at the root of its host */
    return true;
}

/* "rmm" for "api" in the first label, or the other way round; false when it is named in another way. */
static bool swap_label(const struct settings *s, const char *from, const char *to, struct str *ret)
{
    _cleanup_(str_release) struct str url = {0};
    struct slice host;

    if (!tac_base_url(s, &url, NULL))
        return false;
    host = url_host(str_slice(&url));
    if (!slice_starts(host, slice_cstr(from)))
        return false;
    str_adds(ret, SCHEME);
    str_adds(ret, to);
    str_add(ret, slice_of(host.p + strlen(from), host.n - strlen(from)));
    return true;
}

bool tac_guess_api(const struct settings *s, struct str *ret)
{
    return swap_label(s, "rmm.", "api.", ret);
}

void tac_dashboard(const struct settings *s, struct str *ret)
{
    struct slice given = settings_text(s, "dashboard_url");

    if (given.n)
        (void)!url_normalise(given, "dashboard_url", ret, NULL); /* refused: no link */
    else
        (void)!swap_label(s, "api.", "rmm.", ret);
}
