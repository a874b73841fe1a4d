/* record.c - records as JSON: every field once, unknown ones left out. */
#include "msphub/record.h"

#include "base/json_write.h"
#include "base/test.h"

static void check(const struct record_shape *shape, const void *body, const char *want)
{
    _cleanup_(str_release) struct str out = {0};
    struct jw w;
    jw_init(&w, &out);
    record_write(shape, body, &w);
    jw_done(&w);
    assert_text(str_slice(&out), want);
}

static void device(void **state)
{
    struct slice ips[] = {SLICE("10.0.0.1"), SLICE("::1")};
    struct record_device d = {
        .id = SLICE("42"),
        .name = SLICE("srv \"1\""),
        .description = SLICE(""),
        .type = ASSET_SERVER,
        .status = AGENT_OVERDUE,
        .ips = {ips, 2},
        .macs = {ips, 0},
        .maintenance = TRI_NO,
        .approved = TRI_YES,
        .created = USEC_NONE,
        .last_seen = 1760000000412000,
    };
    check(&record_device_shape, &d,
          "{\"id\":\"42\",\"name\":\"srv \\\"1\\\"\",\"type\":\"server\",\"status\":\"overdue\",\"description\":\"\","
          "\"ips\":[\"10.0.0.1\",\"::1\"],\"macs\":[],\"approved\":true,\"maintenance\":false,"
          "\"last_seen\":\"2025-10-09T08:53:20.412000Z\"}");
}

static void facets(void **state)
{
    struct record_facet f = {.facet = FACET_VOLUMES,
                             .volume = {.name = SLICE("C:"), .capacity_bytes = 0, .free_bytes = I64_NONE}};
    check(&record_facet_shapes[f.facet], record_facet_body(&f), "{\"name\":\"C:\",\"capacity_bytes\":0}");
    struct record_facet user = {.facet = FACET_LAST_USER, .last_user = {.name = SLICE("CORP\\alice"), .logon = 0}};
    check(&record_facet_shapes[user.facet], record_facet_body(&user),
          "{\"name\":\"CORP\\\\alice\",\"logon\":\"1970-01-01T00:00:00Z\"}");
}

/* A member that no row names would silently be lost: the rows of a shape cover its struct. */
static size_t kind_size(enum field_kind kind)
{
    switch (kind) {
    case FIELD_TEXT:
        return sizeof(struct slice);
    case FIELD_TEXTS:
        return sizeof(struct texts);
    case FIELD_I64:
    case FIELD_TIME:
        return sizeof(int64_t);
    case FIELD_TRI:
    case FIELD_ENUM:
        return sizeof(int);
    }
    return 0;
}

static void shapes_cover_their_structs(void **state)
{
    const struct {
        const struct record_shape *shape;
        size_t size;
    } all[] = {
        {&record_device_shape, sizeof(struct record_device)},
        {&record_facet_shapes[FACET_OS], sizeof(struct facet_os)},
        {&record_facet_shapes[FACET_SYSTEM], sizeof(struct facet_system)},
        {&record_facet_shapes[FACET_PROCESSORS], sizeof(struct facet_processor)},
        {&record_facet_shapes[FACET_VOLUMES], sizeof(struct facet_volume)},
        {&record_facet_shapes[FACET_INTERFACES], sizeof(struct facet_interface)},
        {&record_facet_shapes[FACET_ANTIVIRUS], sizeof(struct facet_antivirus)},
        {&record_facet_shapes[FACET_LAST_USER], sizeof(struct facet_last_user)},
    };
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        bool covered[1024] = {false};
        assert_non_null(all[i].shape->name);
        for (size_t k = 0; k < all[i].shape->n; k++) {
            const struct record_field *f = &all[i].shape->fields[k];
            for (size_t b = 0; b < kind_size(f->kind); b++) {
                assert_false(covered[f->offset + b]);
                covered[f->offset + b] = true;
            }
        }
        for (size_t b = 0; b < all[i].size; b++) /* what is not covered can only be padding behind an enum */
            if (!covered[b])
                assert_true(b % 8 >= 4 && covered[b - b % 8]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(device),
        cmocka_unit_test(facets),
        cmocka_unit_test(shapes_cover_their_structs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
