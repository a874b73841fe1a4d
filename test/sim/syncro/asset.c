/* syncro/asset.c - an asset's JSON. What its agent says is free-form: each level may be missing, null or of another type. */
#include "syncro.h"

/* Which part of an agent's data is not as one would expect; by s_asset.odd. */
enum odd {
    ODD_INFO_NULL = 3,
    ODD_INFO_TEXT = 5,
    ODD_GENERAL_ARRAY = 7,
    ODD_OS_NULL = 9,
    ODD_ADAPTERS_OBJECT = 10,
    ODD_NUMBERS_TEXT = 11,
    ODD_STORE_NULL = 12,
    ODD_NO_SYNC = 13, /* and no last user */
    ODD_TRIGGERS_MISSING = 14,
    ODD_PROPERTIES_NULL = 15,
    ODD_SERVER = 16
};

static void write_general(struct jw *w, const struct s_asset *x)
{
    static const char *const forms[] = {"Laptop", "Desktop", "Virtual Machine", "Mini Tower"};
    char ip[24];
    jw_key(w, "general");
    if (x->odd == ODD_GENERAL_ARRAY) {
        jw_array(w);
        jw_end(w);
        return;
    }
    jw_object(w);
    jw_key_str(w, "name", x->name);
    jw_key_str(w, "manufacturer", "HP");
    jw_key_str(w, "model", x->odd == 2 ? "System Product Name" : "EliteBook 840");
    jw_key_str(w, "serial_number", *x->serial ? x->serial : NULL);
    jw_key_str(w, "form_factor", x->odd == ODD_SERVER ? "Rack Mount Chassis" : forms[x->n % (int64_t)ARRAY_LEN(forms)]);
    jw_key_str(w, "domain", "FIN");
    snprintf(ip, sizeof(ip), "203.0.113.%d", (int)(x->n % 250));
    jw_key_str(w, "ip", ip);
    jw_key_str(w, "mac", NULL);
    jw_end(w);
}

static void write_os(struct jw *w, const struct s_asset *x)
{
    jw_key(w, "os");
    if (x->odd == ODD_OS_NULL) {
        jw_null(w);
        return;
    }
    jw_object(w);
    jw_key_str(w, "name", x->odd == ODD_SERVER ? "Microsoft Windows Server 2022 Standard" : "Microsoft Windows 11 Pro");
    if (x->odd == ODD_NUMBERS_TEXT)
        jw_key_i64(w, "build", 26100);
    else
        jw_key_str(w, "build", "26100");
    jw_key_str(w, "windows_release_version", "24H2");
    s_key_time(w, "last_boot_time", x->updated - SECONDS(86400));
    jw_end(w);
}

static void write_adapters(struct jw *w, const struct s_asset *x)
{
    char mac[24], ip[24];
    jw_key(w, "network_adapters");
    if (x->odd == ODD_ADAPTERS_OBJECT) {
        jw_object(w);
        jw_end(w);
        return;
    }
    jw_array(w);
    for (int k = 0; k <= x->n % 2; k++) {
        jw_object(w);
        jw_key_str(w, "name", k ? "Wi-Fi" : "Ethernet");
        jw_key_str(w, "description", "Intel(R) Ethernet \"I219\"");
        jw_key_str(w, "type", k ? "Wireless80211" : "Ethernet");
        snprintf(mac, sizeof(mac), "00:00:5E:%02X:%02X:%02X", k, (unsigned)(x->n >> 8 & 255), (unsigned)(x->n & 255));
        jw_key_str(w, "physical_address", mac);
        snprintf(ip, sizeof(ip), "10.%d.%d.%d", k + 1, (int)(x->n >> 8 & 255), (int)(x->n & 255));
        jw_key_str(w, "ipv4", k ? "" : ip);
        jw_key_str(w, "subnet", "255.255.255.0");
        jw_key_str(w, "gateway", "10.1.0.1");
        jw_key_str(w, "dns1", "10.1.0.2");
        jw_key_str(w, "dns2", NULL);
        jw_end(w);
    }
    jw_end(w);
}

static void write_partition(struct jw *w, const struct s_asset *x)
{
    jw_key(w, "system_partition");
    jw_object(w);
    if (x->odd == ODD_NUMBERS_TEXT) {
        jw_key_str(w, "size_gb", "476");
        jw_key_str(w, "free_gb", "101");
    } else {
        jw_key_i64(w, "size_gb", 476);
        jw_key_i64(w, "free_gb", 101);
    }
    jw_key_i64(w, "free_percent", 21);
    jw_end(w);
}

static void write_information(struct jw *w, const struct s_asset *x)
{
    if (x->odd == ODD_INFO_NULL || x->odd == ODD_INFO_TEXT) {
        jw_key_str(w, "kabuto_information", x->odd == ODD_INFO_TEXT ? "not synced yet" : NULL);
        return;
    }
    jw_key(w, "kabuto_information");
    jw_object(w);
    if (x->synced != USEC_NONE)
        s_key_time(w, "last_synced_at", x->synced);
    if (x->odd != ODD_NO_SYNC)
        jw_key_str(w, "last_user", "FIN\\ana");
    write_general(w, x);
    write_os(w, x);
    jw_key(w, "cpu");
    if (x->odd == ODD_NUMBERS_TEXT) {
        jw_str(w, "Intel(R) Core(TM) i7");
    } else {
        jw_array(w);
        jw_object(w);
        jw_key_str(w, "name", "Intel(R) Core(TM) i7-1365U");
        jw_end(w);
        jw_end(w);
    }
    write_adapters(w, x);
    write_partition(w, x);
    jw_end(w);
}

static void write_properties(struct jw *w, const struct syncro *s, const struct s_asset *x)
{
    char uuid[UUID_MAX];
    jw_key(w, "properties");
    if (x->odd == ODD_PROPERTIES_NULL) {
        jw_null(w);
        return;
    }
    jw_object(w);
    if (x->agent) {
        jw_key_str(w, "kabuto_live_uuid", rng_uuid(s->seed, (uint64_t)x->n, 4100, uuid));
        write_information(w, x);
    }
    jw_key_str(w, "Warranty", "2027-01-31"); /* custom fields keep their names and types */
    jw_key_i64(w, "OS", 4);
    if (x->n == 1 && s->note_bytes) {
        _cleanup_(str_release) struct str note = {0};
        str_reserve(&note, (size_t)s->note_bytes);
        for (int64_t k = 0; k < s->note_bytes; k++)
            str_addc(&note, 'x');
        jw_key_slice(w, "Notes", str_slice(&note));
    }
    jw_end(w);
}

static void write_trigger(struct jw *w, const struct s_asset *x, const char *key, bool on)
{
    if (x->offline_bool)
        jw_key_bool(w, key, on);
    else
        jw_key_str(w, key, on ? "true" : "false");
}

static void write_store(struct jw *w, const struct s_asset *x)
{
    jw_key(w, "rmm_store");
    if (!x->agent || x->odd == ODD_STORE_NULL) {
        jw_null(w);
        return;
    }
    jw_object(w);
    jw_key_i64(w, "id", x->n);
    jw_key_i64(w, "asset_id", x->id);
    jw_key_i64(w, "account_id", 77);
    jw_key(w, "triggers");
    jw_object(w);
    if (x->odd != ODD_TRIGGERS_MISSING) {
        write_trigger(w, x, "bsod_triggered", false);
        write_trigger(w, x, "agent_offline_triggered", x->offline);
        write_trigger(w, x, "low_hd_space_triggered", x->n % 6 == 2);
    }
    jw_end(w);
    jw_key(w, "windows_updates");
    jw_object(w);
    jw_end(w);
    jw_key(w, "general");
    jw_object(w);
    jw_key_str(w, "info", "{\"text\":\"JSON in a string\"}");
    jw_end(w);
    jw_end(w);
}

void s_write_asset(struct jw *w, const struct syncro *s, const struct s_asset *x)
{
    const struct s_customer *c = s_customer(s, x->customer_id);
    char name[2 * S_TEXT];
    jw_object(w);
    jw_key_i64(w, "id", x->id);
    jw_key_str(w, "name", x->name);
    jw_key(w, "customer_id");
    if (x->customer_id)
        jw_i64(w, x->customer_id);
    else
        jw_null(w);
    jw_key(w, "contact_id");
    jw_null(w);
    s_key_time(w, "created_at", s->epoch - SECONDS(86400 * (1 + x->n % 700)));
    s_key_time(w, "updated_at", x->updated);
    write_properties(w, s, x);
    jw_key_str(w, "asset_type", x->type);
    jw_key_str(w, "asset_serial", *x->serial ? x->serial : NULL);
    jw_key_str(w, "external_rmm_link", NULL);
    if (c) {
        jw_key(w, "customer");
        jw_object(w);
        jw_key_i64(w, "id", c->id);
        jw_key_str(w, "business_then_name", s_customer_name(c, name));
        jw_end(w);
    }
    jw_key(w, "rmm_links");
    jw_array(w);
    jw_end(w);
    write_store(w, x);
    jw_key_str(w, "address", NULL);
    jw_end(w);
}
