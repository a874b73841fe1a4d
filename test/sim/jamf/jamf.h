/* jamf/jamf.h - Jamf Pro as the simulator plays it: its fleet and what its files share.
 * Always: computer `id` (1 …) is a function of the seed and the id; what was changed since is kept. Everything that the inventory
 *         can leave null is null somewhere, and one computer in 41 has nothing but its id. All four versions of the inventory
 *         are written from one record. */
#ifndef SIM_JAMF_JAMF_H
#define SIM_JAMF_JAMF_H

#include "../rng.h"
#include "../sim.h"
#include "base/json_read.h"
#include "base/json_write.h"
#include <uthash.h>

#define JAMF_USER          "sim-jamf-user"
#define JAMF_PASSWORD      "sim-jamf-\"pass:word\""
#define JAMF_EXPIRED_USER  "sim-jamf-expired" /* must choose a new password */
#define JAMF_CLIENT_ID     "sim-jamf-client"
#define JAMF_CLIENT_SECRET "sim-jamf-secret"
#define J_MAX_TOKENS       64
#define J_MAX_GROUPS       60
#define J_PAGE_MAX         2000 /* larger values are clamped without a word */
#define J_USERS_PAGE_MAX   1000
#define J_TEXT             96
#define J_TIME_MAX         32
#define J_DAY              SECONDS(86400)

/* --- privileges: bits of a route, and of everybody who signs in --- */
#define J_PRIVILEGES(X)                                                                                                \
    X(COMPUTERS, "Read Computers")                                                                                     \
    X(USER, "Read User")                                                                                               \
    X(STATIC_GROUPS, "Read Static Computer Groups")                                                                    \
    X(SMART_GROUPS, "Read Smart Computer Groups")                                                                      \
    X(DEPARTMENTS, "Read Departments")                                                                                 \
    X(BUILDINGS, "Read Buildings")                                                                                     \
    X(SITES, "Read Sites")                                                                                             \
    X(MOBILE, "Read Mobile Devices")                                                                                   \
    X(URL, "Read JSS URL")
enum j_privilege_bit {
#define X(id, name) J_BIT_##id,
    J_PRIVILEGES(X)
#undef X
        J_NPRIVILEGES
};
enum j_need {
#define X(id, name) J_NEED_##id = 1 << J_BIT_##id,
    J_PRIVILEGES(X)
#undef X
        J_ANONYMOUS = 1 << 20, /* no token is looked at */
    J_CLASSIC = 1 << 21,
    J_DEPRECATED = 1 << 22
};

/* --- computers --- */
#define J_FIELDS(X)                                                                                                    \
    X(NAME, "name")                                                                                                    \
    X(UDID, "udid")                                                                                                    \
    X(MANAGEMENT_ID, "managementId")                                                                                   \
    X(SERIAL, "serialNumber")                                                                                          \
    X(ASSET_TAG, "assetTag")                                                                                           \
    X(MAC, "macAddress")                                                                                               \
    X(ALT_MAC, "altMacAddress")                                                                                        \
    X(MODEL, "model")                                                                                                  \
    X(MODEL_IDENTIFIER, "modelIdentifier")                                                                             \
    X(PROCESSOR, "processorType")                                                                                      \
    X(OS_VERSION, "osVersion")                                                                                         \
    X(OS_BUILD, "osBuild")                                                                                             \
    X(FILEVAULT, "fileVault2Status")                                                                                   \
    X(BOOT_STATE, "partitionFileVault2State")                                                                          \
    X(GATEKEEPER, "gatekeeperStatus")                                                                                  \
    X(SIP, "sipStatus")                                                                                                \
    X(XPROTECT, "xprotectVersion")                                                                                     \
    X(USERNAME, "username")                                                                                            \
    X(REALNAME, "realname")                                                                                            \
    X(EMAIL, "email")                                                                                                  \
    X(PHONE, "phone")                                                                                                  \
    X(POSITION, "position")                                                                                            \
    X(DEPARTMENT, "departmentId")                                                                                      \
    X(BUILDING, "buildingId")                                                                                          \
    X(ROOM, "room")                                                                                                    \
    X(SITE, "siteId")                                                                                                  \
    X(PUBLIC_IP, "lastIpAddress")                                                                                      \
    X(REPORTED_IP, "lastReportedIpV4")
enum j_field {
#define X(id, name) JF_##id,
    J_FIELDS(X)
#undef X
        JF_N
};
extern const char *const j_field_names[JF_N];

struct j_computer {
    int64_t id;
    const char *v[JF_N]; /* NULL: null. Into buf, static texts, or the change's */
    char buf[JF_N][J_TEXT];
    bool bare; /* nothing is known but its id */
    bool managed, capable, approved, supervised, automated, silicon;
    usec_t reported, contact, check_in, enrolled, expires; /* USEC_NONE: null */
    bool damaged;                                          /* pages and single reads that hold it fail with a 500 */
    bool spoiled;                                          /* those that ask for more than GENERAL */
    unsigned napps;
    const struct j_change *change; /* NULL: as generated */
};

struct j_app {
    char *name, *version, *bundle;
};

struct j_change {
    int64_t id;
    bool deleted, damaged, spoiled;
    char *v[JF_N];
    bool has[JF_N]; /* v counts; NULL is null */
    int managed;    /* -1: as generated */
    usec_t reported, contact;
    bool has_reported, has_contact;
    uint64_t in, out; /* groups by index */
    struct j_app *apps;
    size_t napps;
    unsigned dropped_apps; /* of the generated, from the last */
    UT_hash_handle hh;
};

struct j_group {
    int64_t id;
    char *name, *description;
    bool smart, deleted;
    int64_t every, at; /* members: id % every == at; every 0: nobody */
};

struct j_user {
    int64_t id;
    char *username, *realname, *email, *phone, *position;
    bool deleted;
};

struct j_place { /* a building, department or site */
    int64_t id;
    const char *name, *street, *city, *country; /* NULL: null */
};

/* --- mobile devices: their ids have nothing to do with those of computers --- */
struct j_mobile {
    int64_t id;
    bool tv;
    char udid[UUID_MAX], management[UUID_MAX], name[J_TEXT], serial[16], mac[18], username[J_TEXT];
    usec_t reported;
    bool managed;
};

struct j_mobile_change {
    int64_t id;
    bool deleted;
    char *name;
    usec_t reported;
    UT_hash_handle hh;
};

/* --- tokens --- */
enum j_token_kind { J_TOKEN_FREE, J_TOKEN_USER, J_TOKEN_CLIENT, J_TOKEN_DEAD };
struct j_token {
    enum j_token_kind kind;
    char value[121];
    usec_t expires;
};

struct j_hook { /* where changes are sent */
    char *url;
    enum { J_HOOK_NONE, J_HOOK_BASIC, J_HOOK_HEADER } authentication;
    char *username, *password;
    struct hook_header_copy {
        char *name, *value;
    } headers[4];
    size_t nheaders;
};

struct jamf {
    struct sim *sim;
    uint64_t seed;
    usec_t epoch;
    int64_t ncomputers, nmobile; /* ids 1 … */
    unsigned napps;
    struct j_change *changes;
    struct j_mobile_change *mobile_changes;
    struct j_group groups[J_MAX_GROUPS];
    size_t ngroups;
    struct j_user *users;
    size_t nusers, ngenerated_users;
    struct j_token tokens[J_MAX_TOKENS];
    size_t next_token;
    uint64_t token_serial;
    struct j_hook hook;
    /* settings */
    unsigned major, minor; /* of the server's version */
    usec_t token_life, client_token_life;
    unsigned privileges;
    bool said_why; /* 403 and 404 have an entry in `errors`; else the list is empty */
};

extern const struct product jamf_product;
extern const struct routes jamf_controls;

/* --- fleet.c --- */
void j_fleet_init(struct jamf *j, const struct sim_options *o);
void j_fleet_release(struct jamf *j);
bool j_computer_is(const struct jamf *j, int64_t id);                   /* is there one? */
bool j_computer(const struct jamf *j, int64_t id, struct j_computer *); /* false: no such computer */
bool j_app(const struct j_computer *c, unsigned i, char name[J_TEXT], char version[J_TEXT], char bundle[J_TEXT]);
struct j_change *j_change(struct jamf *j, int64_t id);
bool j_member(const struct j_computer *c, const struct jamf *j, size_t group);
struct j_group *j_group(struct jamf *j, int64_t id); /* NULL: none, or deleted */
struct j_user *j_user(const struct jamf *j, int64_t id);
struct j_user *j_add_user(struct jamf *j, struct slice username);
bool j_mobile(const struct jamf *j, int64_t id, struct j_mobile *ret);
struct j_mobile_change *j_mobile_change(struct jamf *j, int64_t id);
extern const struct j_place j_buildings[], j_departments[], j_sites[];
extern const size_t j_nbuildings, j_ndepartments, j_nsites;
/* As the product writes times: milliseconds, zeros at the end dropped. USEC_NONE: NULL. */
const char *j_time(usec_t t, char buf[J_TIME_MAX]);

/* --- rsql.c --- */
/* Does the filter take this computer? False with *bad set when it is not one that the product understands. */
bool j_rsql(struct slice filter, const struct j_computer *c, unsigned version, const char **bad);

/* --- records.c: one computer of the inventory --- */
#define J_SECTIONS(X)                                                                                                  \
    X(GENERAL, "general")                                                                                              \
    X(DISK_ENCRYPTION, "diskEncryption")                                                                               \
    X(PURCHASING, "purchasing")                                                                                        \
    X(APPLICATIONS, "applications")                                                                                    \
    X(STORAGE, "storage")                                                                                              \
    X(USER_AND_LOCATION, "userAndLocation")                                                                            \
    X(CONFIGURATION_PROFILES, "configurationProfiles")                                                                 \
    X(PRINTERS, "printers")                                                                                            \
    X(SERVICES, "services")                                                                                            \
    X(HARDWARE, "hardware")                                                                                            \
    X(LOCAL_USER_ACCOUNTS, "localUserAccounts")                                                                        \
    X(CERTIFICATES, "certificates")                                                                                    \
    X(ATTACHMENTS, "attachments")                                                                                      \
    X(PACKAGE_RECEIPTS, "packageReceipts")                                                                             \
    X(SECURITY, "security")                                                                                            \
    X(OPERATING_SYSTEM, "operatingSystem")                                                                             \
    X(LICENSED_SOFTWARE, "licensedSoftware")                                                                           \
    X(IBEACONS, "ibeacons")                                                                                            \
    X(SOFTWARE_UPDATES, "softwareUpdates")                                                                             \
    X(EXTENSION_ATTRIBUTES, "extensionAttributes")                                                                     \
    X(CONTENT_CACHING, "contentCaching")                                                                               \
    X(GROUP_MEMBERSHIPS, "groupMemberships")                                                                           \
    X(PLUGINS, "plugins")                                                                                              \
    X(FONTS, "fonts")
enum j_section {
#define X(id, key) JS_##id,
    J_SECTIONS(X)
#undef X
        JS_N
};
#define J_ALL_SECTIONS ((1u << JS_N) - 1)
bool j_section(struct slice name, unsigned version, enum j_section *ret); /* "USER_AND_LOCATION" */
void j_write_computer(struct jw *w, const struct jamf *j, const struct j_computer *c, unsigned version,
                      unsigned sections);

/* --- inventory.c, lists.c, mobile.c, classic.c, auth.c: routes --- */
struct j_page {
    int64_t page, size;
};
/* page and page-size (also size, pagesize), clamped to `max`; false: it has answered. */
bool j_page(struct jamf *j, struct ask *a, struct answer *r, int64_t max, struct j_page *ret);
void j_computers(void *self, struct ask *a, struct answer *r);
void j_computer_one(void *self, struct ask *a, struct answer *r);
void j_computer_detail(void *self, struct ask *a, struct answer *r);
void j_computer_groups(void *self, struct ask *a, struct answer *r);
void j_static_groups(void *self, struct ask *a, struct answer *r);
void j_smart_groups(void *self, struct ask *a, struct answer *r);
void j_static_group(void *self, struct ask *a, struct answer *r);
void j_smart_membership(void *self, struct ask *a, struct answer *r);
void j_department(void *self, struct ask *a, struct answer *r);
void j_building(void *self, struct ask *a, struct answer *r);
void j_list_departments(void *self, struct ask *a, struct answer *r);
void j_list_buildings(void *self, struct ask *a, struct answer *r);
void j_list_sites(void *self, struct ask *a, struct answer *r);
void j_users(void *self, struct ask *a, struct answer *r);
void j_user_one(void *self, struct ask *a, struct answer *r);
void j_mobiles(void *self, struct ask *a, struct answer *r);
void j_mobiles_detail(void *self, struct ask *a, struct answer *r);
void j_classic_users(void *self, struct ask *a, struct answer *r);
void j_classic_user(void *self, struct ask *a, struct answer *r);
void j_classic_groups(void *self, struct ask *a, struct answer *r);
void j_classic_group(void *self, struct ask *a, struct answer *r);
void j_auth_token(void *self, struct ask *a, struct answer *r);
void j_oauth_token(void *self, struct ask *a, struct answer *r);
void j_keep_alive(void *self, struct ask *a, struct answer *r);
void j_invalidate_token(void *self, struct ask *a, struct answer *r);
void j_auth(void *self, struct ask *a, struct answer *r);
void j_expire_tokens(void *self);
/* NULL: none, or one that has ended; *ret_dead: it was good once. */
struct j_token *j_bearer(struct jamf *j, struct ask *a, bool *ret_dead);

/* --- hook.c --- */
enum j_event { J_COMPUTER_ADDED, J_COMPUTER_CHECK_IN, J_COMPUTER_INVENTORY, J_GROUP_CHANGE };
void j_tell(struct jamf *j, enum j_event event, const struct j_computer *c, int64_t group, bool added);
bool j_burst(void *self, const char *event, uint64_t n, struct hook_message *ret, const char **why);
bool j_subscribe(void *self, struct slice json, const char **why);
void j_unsubscribe(void *self);

/* --- jamf.c --- */
struct jw j_json(struct answer *r, int status);
/* ApiError; code NULL: an empty list. */
void j_error(struct answer *r, int status, const char *code, const char *field, const char *fmt, ...) PRINTF_LIKE(5, 6);
void j_not_found(struct jamf *j, struct answer *r, const char *what);
void j_classic_error(struct answer *r, int status);
const char *const *j_privilege_names(void); /* J_NPRIVILEGES of them */

#endif
