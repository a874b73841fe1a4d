/* machine_key.c - see machine_key.h. The tables name where each entry is known from. */
#include "base/machine_key.h"

#include "base/utf8.h"

#include <ctype.h>

#define SERIAL_MIN 4 /* shorter ones are counters and leftovers */

/* Texts that stand for "none", compared by their letters and digits in lower case. One character repeated is junk without a list. */
static const char *const junk[] = {
    /* what boards are shipped with: DMI tables of AMI, Award and Phoenix BIOSes (ASUS, Gigabyte, MSI, no-name) */
    "tobefilledbyoem",
    "filledbyoem",
    "defaultstring",
    "systemserialnumber",
    "systemproductname",
    "systemmanufacturer",
    "systemversion",
    "baseboardserialnumber",
    "chassisserialnumber",
    "chassisserial",
    "enclosureserialnumber",
    "productserialnumber",
    "serialnumber",
    "oem",
    "oemserialnumber",
    "oemdefault",
    "assettag",
    "noassettag",
    "ssnssnssnssnssnssn",
    "bssn0123456789",
    "mb1234567890",
    "abcdefgh",
    "1234",
    "12345",
    "123456",
    "1234567",
    "12345678",
    "123456789",
    "1234567890",
    "0123456789",
    "01234567890123456789",
    "9876543210",
    /* what WMI, dmidecode and the products' agents say when they found nothing */
    "none",
    "null",
    "nil",
    "na",
    "nan",
    "unknown",
    "undefined",
    "unspecified",
    "unavailable",
    "notspecified",
    "notavailable",
    "notapplicable",
    "notdefined",
    "notset",
    "notsettable",
    "notpresent",
    "notprovided",
    "notfound",
    "notsupported",
    "noserial",
    "noserialnumber",
    "unknownserial",
    "unknownserialnumber",
    "permissiondenied",
    "invalid",
    "error",
    "empty",
    "default",
    "test",
    /* what hypervisors and clouds give all their machines alike */
    "vmwarevirtualplatform",
    "virtualbox",
    "virtualmachine",
    "qemu",
    "parallels",
    "googlecloud",
    "amazonec2",
    "hyperv",
};

/* UUIDs that boards are shipped with: SMBIOS tables of AMI and Phoenix reference boards, and counting. One octet repeated is junk
 * without a list. */
static const char junk_uuids[][33] = {
    "03000200040005000006000700080009", "00020003000400050006000700080009", "12345678123456789012345678901234",
    "123456781234567890abcddeefaabbcc", "00112233445566778899aabbccddeeff", "0123456789abcdef0123456789abcdef",
    "00000000000000000000000000000001",
};

/* How MACs begin that belong to no one machine. The registry of the IEEE names the owner; beside it, who uses them. Addresses that
 * software gave itself (bit 1 of the first octet) are junk without a list: QEMU, VirtualBox's host adapters, Docker, private Wi-Fi. */
static const char *const junk_macs[] = {
    /* hypervisors: of guests, and of adapters that are the same on every host */
    "000569", "000c29", "001c14", "005056", /* VMware */
    "00155d", "0003ff",                     /* Microsoft: Hyper-V, Virtual PC */
    "080027",                               /* Oracle VirtualBox */
    "00163e", "001c42", "001851",           /* Xen, Parallels, Virtuozzo */
    /* VPN clients: one address for all installations */
    "00059a3c7",            /* Cisco AnyConnect */
    "00090ffe", "00090faa", /* Fortinet */
    "00ff",                 /* TAP-Windows: OpenVPN */
    /* docking stations and USB adapters, which wander from notebook to notebook */
    "0050b6",           /* Good Way: docks of Dell, Lenovo, Targus */
    "000ec6", "00e04c", /* ASIX, Realtek: USB adapters */
    "00249b", "9cebe8", /* Action Star, BizLink: docks of Dell and HP */
    "8cae4c", "3c18a0", /* Plugable, Luxshare: docks, USB-C adapters of Lenovo */
};

/* Makers with several names: what the first word of a name is → the maker. */
static const struct {
    const char *word, *maker;
} makers[] = {
    {"hewlett", "hp"}, {"hpe", "hp"}, {"asustek", "asus"}, {"micro", "msi"}, {"innotek", "oracle"},
};

/* Letters and digits of a text, in lower case; at most n - 1 of them. */
static size_t bare(struct slice s, char *out, size_t n)
{
    size_t len = 0;
    for (size_t i = 0; i < s.n && len < n - 1; i++)
        if (isalnum((unsigned char)s.p[i]))
            out[len++] = (char)tolower((unsigned char)s.p[i]);
    out[len] = '\0';
    return len;
}

static bool is_one_character(const char *p, size_t n)
{
    for (size_t i = 1; i < n; i++)
        if (p[i] != p[0])
            return false;
    return true;
}

static bool is_junk(struct slice raw)
{
    char text[MACHINE_KEY_MAX];
    size_t n = bare(raw, text, sizeof(text));
    if (n == 0 || is_one_character(text, n))
        return true;
    for (size_t i = 0; i < ARRAY_LEN(junk); i++)
        if (strcmp(junk[i], text) == 0)
            return true;
    return false;
}

/* As it is printed, in capitals, blanks within as one. Texts beyond ASCII are no serials. */
static size_t serial(struct slice raw, char *out, size_t max)
{
    size_t n = 0;
    char text[MACHINE_KEY_MAX];
    if (bare(raw, text, sizeof(text)) < SERIAL_MIN || is_junk(raw))
        return 0;
    for (size_t i = 0; i < raw.n && n < max; i++) {
        unsigned char c = (unsigned char)raw.p[i];
        if (c >= 0x80 || (c < 0x20 && c != '\t'))
            return 0;
        if (c != ' ' && c != '\t')
            out[n++] = (char)toupper(c);
        else if (n && out[n - 1] != ' ')
            out[n++] = ' ';
    }
    return n;
}

/* The digits of a text that is hexadecimal but for separators; `want` of them, else 0. */
static size_t hex_digits(struct slice raw, const char *separators, size_t want, char *out)
{
    size_t n = 0;
    for (size_t i = 0; i < raw.n; i++) {
        unsigned char c = (unsigned char)raw.p[i];
        if (isxdigit(c) && n < want)
            out[n++] = (char)tolower(c);
        else if (isxdigit(c) || !strchr(separators, c))
            return 0;
    }
    return n == want ? n : 0;
}

/* SMBIOS before 2.6 said nothing of byte order, so tools show the first three fields of one UUID in either. The lesser one counts. */
static void uuid_canonical(char digits[32])
{
    static const unsigned char at[16] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
    char swapped[32];
    for (size_t i = 0; i < ARRAY_LEN(at); i++)
        memcpy(swapped + 2 * i, digits + 2 * (size_t)at[i], 2);
    if (memcmp(swapped, digits, sizeof(swapped)) < 0)
        memcpy(digits, swapped, sizeof(swapped));
}

static bool is_junk_uuid(const char digits[32])
{
    for (size_t i = 0; i < ARRAY_LEN(junk_uuids); i++) {
        char known[32];
        memcpy(known, junk_uuids[i], sizeof(known));
        uuid_canonical(known);
        if (memcmp(known, digits, sizeof(known)) == 0)
            return true;
    }
    for (size_t i = 2; i < 32; i++)
        if (digits[i] != digits[i % 2])
            return false;
    return true;
}

static size_t uuid(struct slice raw, char *out)
{
    if (!hex_digits(raw, "-{} ", 32, out))
        return 0;
    uuid_canonical(out);
    return is_junk_uuid(out) ? 0 : 32;
}

static unsigned octet(const char *p)
{
    return (unsigned)((isdigit((unsigned char)p[0]) ? p[0] - '0' : p[0] - 'a' + 10) << 4 |
                      (isdigit((unsigned char)p[1]) ? p[1] - '0' : p[1] - 'a' + 10));
}

static size_t mac(struct slice raw, char *out)
{
    if (!hex_digits(raw, ":-. ", 12, out))
        return 0;
    if (octet(out) & 3) /* of a group, or given by software */
        return 0;
    if (memcmp(out + 6, "000000", 6) == 0 || memcmp(out + 6, "ffffff", 6) == 0 || is_one_character(out, 12))
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(junk_macs); i++)
        if (memcmp(out, junk_macs[i], strlen(junk_macs[i])) == 0)
            return 0;
    return 12;
}

/* The first label; "localhost" and the like are nobody's. */
static size_t host(struct slice raw, char *out, size_t max)
{
    static const char *const nobody[] = {"localhost", "localdomain", "unknown", "none"};
    struct slice label = slice_cut(&raw, '.');
    size_t n = 0;
    if (!utf8_storable(label))
        return 0;
    label = utf8_cut(label, max);
    for (size_t i = 0; i < label.n; i++) {
        unsigned char c = (unsigned char)label.p[i];
        if (c <= 0x20)
            return 0;
        out[n++] = (char)tolower(c);
    }
    for (size_t i = 0; i < ARRAY_LEN(nobody); i++)
        if (slice_is(slice_of(out, n), nobody[i]))
            return 0;
    return n;
}

static size_t vendor(struct slice raw, char *out, size_t max)
{
    raw = slice_trim(raw);
    struct slice rest = raw;
    struct slice first = slice_cut(&rest, ' ');
    char word[MACHINE_KEY_MAX];
    if (is_junk(raw))
        return 0;
    struct slice part = slice_cut(&first, '-');
    size_t n = bare(part, word, sizeof(word));
    for (size_t i = 0; i < ARRAY_LEN(makers); i++)
        if (strcmp(makers[i].word, word) == 0)
            n = (size_t)(stpcpy(word, makers[i].maker) - word);
    n = MIN(n, max);
    memcpy(out, word, n);
    return n;
}

/* What one machine can be called by products that know it well: a server's edition is often taken for a workstation's. */
static size_t type(struct slice raw, char *out)
{
    if (slice_is(raw, "unknown"))
        return 0;
    if (slice_is(raw, "workstation") || slice_is(raw, "server"))
        raw = SLICE("computer");
    size_t n = MIN(raw.n, (size_t)MACHINE_KEY_MAX - 2);
    memcpy(out, raw.p, n);
    return n;
}

size_t machine_key(enum machine_key kind, struct slice raw, char out[MACHINE_KEY_MAX])
{
    static const char letters[] = {'s', 'u', 'm', 'h', 'v', 't'};
    char *value = out + 2;
    size_t n = 0, max = MACHINE_KEY_MAX - 2;
    raw = slice_trim(raw);
    if (raw.n == 0)
        return 0;
    switch (kind) {
    case KEY_SERIAL:
        n = serial(raw, value, max);
        break;
    case KEY_UUID:
        n = uuid(raw, value);
        break;
    case KEY_MAC:
        n = mac(raw, value);
        break;
    case KEY_HOST:
        n = host(raw, value, max);
        break;
    case KEY_VENDOR:
        n = vendor(raw, value, max);
        break;
    case KEY_TYPE:
        n = type(raw, value);
        break;
    }
    if (n == 0)
        return 0;
    out[0] = letters[kind];
    out[1] = ':';
    return n + 2;
}

void machine_key_add(enum machine_key kind, struct slice raw, struct str *list)
{
    char key[MACHINE_KEY_MAX];
    size_t n = machine_key(kind, raw, key);
    if (n == 0)
        return;
    struct slice rest = str_slice(list);
    unsigned macs = 0;
    while (rest.n) {
        struct slice known = slice_cut(&rest, '\n');
        macs += known.p[0] == 'm';
        if (slice_eq(known, slice_of(key, n)))
            return;
    }
    if (kind == KEY_MAC && macs >= MACHINE_MACS_MAX)
        return;
    if (list->n)
        str_addc(list, '\n');
    str_add(list, slice_of(key, n));
}
