/* machine_key.c - what tells machines apart: one form for one machine, and nothing for what names many. */
#include "base/machine_key.h"

#include "base/test.h"

static const struct {
    enum machine_key kind;
    const char *raw, *key; /* "": junk */
} cases[] = {
    {KEY_SERIAL, "7XQ2B03", "s:7XQ2B03"},
    {KEY_SERIAL, "  7xq2b03\r\n", "s:7XQ2B03"},
    {KEY_SERIAL, "VMware-56 4d  0a", "s:VMWARE-56 4D 0A"},
    {KEY_SERIAL, "To be filled by O.E.M.", ""},
    {KEY_SERIAL, "TO BE FILLED BY O.E.M", ""},
    {KEY_SERIAL, "Default string", ""},
    {KEY_SERIAL, "System Serial Number", ""},
    {KEY_SERIAL, "None", ""},
    {KEY_SERIAL, "N/A", ""},
    {KEY_SERIAL, "Not Specified", ""},
    {KEY_SERIAL, "0", ""},
    {KEY_SERIAL, "00000000", ""},
    {KEY_SERIAL, "XXXX-XXXX", ""},
    {KEY_SERIAL, "....", ""},
    {KEY_SERIAL, "1234567890", ""},
    {KEY_SERIAL, "123-456-789", ""},
    {KEY_SERIAL, "A12", ""},
    {KEY_SERIAL, "Sériennummer", ""},
    {KEY_SERIAL,
     "AB\x01"
     "1234",
     ""},
    {KEY_SERIAL, "", ""},
    /* the same machine, its first three fields in either byte order */
    {KEY_UUID, "44454C4C-5100-1058-8032-B7C04F423033",
     "u:44454c4c5100105880"
     "32b7c04f423033"},
    {KEY_UUID, "{4c4c4544-0051-5810-8032-b7c04f423033}",
     "u:44454c4c5100105880"
     "32b7c04f423033"},
    {KEY_UUID, "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF", ""},
    {KEY_UUID, "00000000-0000-0000-0000-000000000000", ""},
    {KEY_UUID, "03000200-0400-0500-0006-000700080009", ""},
    {KEY_UUID, "00020003-0004-0005-0006-000700080009", ""},
    {KEY_UUID, "Not Settable", ""},
    {KEY_UUID, "4c4c4544-0051-5810-8032-b7c04f4230", ""},
    {KEY_UUID, "4c4c4544-0051-5810-8032-b7c04f42303344", ""},
    {KEY_MAC, "A4:83:E7:10:2B:6C", "m:a483e7102b6c"},
    {KEY_MAC, "a4-83-e7-10-2b-6c", "m:a483e7102b6c"},
    {KEY_MAC, "a483.e710.2b6c", "m:a483e7102b6c"},
    {KEY_MAC, "a483e7102b6c", "m:a483e7102b6c"},
    {KEY_MAC, "00:00:00:00:00:00", ""},
    {KEY_MAC, "FF:FF:FF:FF:FF:FF", ""},
    {KEY_MAC, "00:50:56:C0:00:08", ""}, /* the same on all hosts with VMware */
    {KEY_MAC, "00:15:5D:01:02:03", ""},
    {KEY_MAC, "00:05:9A:3C:7A:00", ""},
    {KEY_MAC, "02:42:ac:11:00:02", ""}, /* Docker gave it itself */
    {KEY_MAC, "01:00:5e:00:00:01", ""}, /* of a group */
    {KEY_MAC, "00:E0:4C:68:11:9A", ""}, /* a USB adapter */
    {KEY_MAC, "A4:83:E7:10:2B", ""},
    {KEY_MAC, "A4:83:E7:10:2B:6C:11", ""},
    {KEY_MAC, "A4:83:E7:10:2B:6G", ""},
    {KEY_HOST, "DC1.zebra.example", "h:dc1"},
    {KEY_HOST, "MÜLLER-PC", "h:mÜller-pc"},
    {KEY_HOST, "localhost", ""},
    {KEY_HOST, "two words", ""},
    {KEY_HOST, "bad\xff", ""},
    {KEY_VENDOR, "Dell Inc.", "v:dell"},
    {KEY_VENDOR, "DELL", "v:dell"},
    {KEY_VENDOR, "Hewlett-Packard", "v:hp"},
    {KEY_VENDOR, "HP", "v:hp"},
    {KEY_VENDOR, "HPE", "v:hp"},
    {KEY_VENDOR, "VMware, Inc.", "v:vmware"},
    {KEY_VENDOR, "ASUSTeK COMPUTER INC.", "v:asus"},
    {KEY_VENDOR, "Micro-Star International Co., Ltd.", "v:msi"},
    {KEY_VENDOR, "System manufacturer", ""},
    {KEY_VENDOR, "To Be Filled By O.E.M.", ""},
    {KEY_TYPE, "server", "t:computer"},
    {KEY_TYPE, "workstation", "t:computer"},
    {KEY_TYPE, "printer", "t:printer"},
    {KEY_TYPE, "unknown", ""},
};

static void one_form_for_one_machine(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char key[MACHINE_KEY_MAX];
        size_t n = machine_key(cases[i].kind, slice_cstr(cases[i].raw), key);
        if (!slice_is(slice_of(key, n), cases[i].key))
            fail_msg("%s: got \"%.*s\"", cases[i].raw, (int)n, key);
    }
}

static void a_long_serial_is_cut(void **state)
{
    char raw[500], key[MACHINE_KEY_MAX];
    for (size_t i = 0; i < sizeof(raw); i++)
        raw[i] = (char)('A' + i % 7);
    assert_int_equal(machine_key(KEY_SERIAL, slice_of(raw, sizeof(raw)), key), MACHINE_KEY_MAX);
    /* nor is a character cut in two */
    for (size_t i = 0; i < sizeof(raw); i += 2)
        memcpy(raw + i, "\xc3\xbc", 2);
    size_t n = machine_key(KEY_HOST, slice_of(raw, sizeof(raw)), key);
    assert_true(n <= MACHINE_KEY_MAX && n % 2 == 0);
}

static void a_list_holds_each_once_and_few_macs(void **state)
{
    _cleanup_(str_release) struct str list = {0};
    machine_key_add(KEY_SERIAL, SLICE("abcd1"), &list);
    machine_key_add(KEY_SERIAL, SLICE("ABCD1 "), &list);
    machine_key_add(KEY_SERIAL, SLICE("none"), &list);
    machine_key_add(KEY_UUID, SLICE("44454C4C-5100-1058-8032-B7C04F423033"), &list);
    assert_string_equal(list.p, "s:ABCD1\nu:44454c4c5100105880"
                                "32b7c04f423033");
    str_clear(&list);
    for (unsigned i = 0; i < 3 * MACHINE_MACS_MAX; i++) {
        char raw[32];
        snprintf(raw, sizeof(raw), "a4:83:e7:00:00:%02x", 1 + i / 2);
        machine_key_add(KEY_MAC, slice_cstr(raw), &list);
    }
    assert_int_equal(list.n, MACHINE_MACS_MAX * (2 + 12) + MACHINE_MACS_MAX - 1);
    machine_key_add(KEY_HOST, SLICE("dc1"), &list);
    assert_true(slice_ends(str_slice(&list), SLICE("\nh:dc1")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_form_for_one_machine),
        cmocka_unit_test(a_long_serial_is_cut),
        cmocka_unit_test(a_list_holds_each_once_and_few_macs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
