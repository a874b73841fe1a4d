/* map_plan.h - a mapping table compiled to a trie, shared by the map_*.c files.
 * Why:    a page of devices has some hundred keys a row, of which a table wants a few dozen. In the trie each key costs
 * one lookup at the node where the reader stands, and a subtree nobody wants costs nothing but counting brackets.
 * Terms:  a node is a place in the document; a target says that a value found there goes to a field; a scope is a
 * struct being filled: the head (level 0), the row (level 1), an item of a list (levels 2 …). */
#ifndef MSPHUB_BASE_MAP_PLAN_H
#define MSPHUB_BASE_MAP_PLAN_H

#include "base/json_read.h"
#include "base/mem.h"
#include "msphub/mapping.h"

#define MAP_LEVELS     6   /* head, row, and lists within lists */
#define MAP_FIELDS_MAX 256 /* of one struct */

struct map_scope;

struct map_target {
    const struct map_field *field;
    const char *path;           /* from the row on, for messages: "volumes[].capacity" */
    const struct map_scope *of; /* the struct that has the field */
    unsigned index;             /* of the field in its table */
    bool item;                  /* TEXTS: this is the place of an element, not of the list */
};

struct map_node {
    struct map_slot *slots; /* hash table of keys, NULL when there are none */
    unsigned mask;
    struct map_node *elem; /* an array's elements */
    const struct map_target *const *targets;
    unsigned ntargets;
    const struct map_scope *opens; /* a value here begins this struct */
    bool is_rows;                  /* the array of the rows */
    bool any_case;                 /* keys are in small letters, and compared so */
    struct map_edge *edges;        /* while the trie is built */
};

struct map_slot { /* node == NULL: free */
    struct slice key;
    struct map_node *node;
};

struct map_scope {
    const struct map *map;
    unsigned level;
    const struct map_target *list; /* an item's: where its list is; NULL for head and row */
    const char *path;              /* "volumes[]", for messages */
    const void *blank;             /* the struct with all fields unknown */
    const struct map_target *const *required;
    unsigned nrequired;
};

struct map_plan {
    struct map_node *root;
    const struct map_scope *head; /* NULL: no head wanted */
    const struct map_scope *row;
};

/* Everything lives in the arena and borrows `doc`. A table that makes no sense fails an assert. */
struct map_plan *map_plan_new(struct arena *a, const struct map_doc *doc);
const struct map_node *map_node_key(const struct map_node *n, struct slice key); /* NULL: nobody wants it */

/* --- values (map_value.c) --- */

struct map_value {
    enum json_type type; /* NUMBER, STRING, BOOL */
    struct slice text;   /* a BOOL's: "true" or "false" */
};
enum map_outcome { MAP_SET, MAP_ABSENT, MAP_WRONG };

/* Writes the field of `base`; MAP_SET alone writes. Texts are copied into the arena, cut at max_text. */
enum map_outcome map_convert(const struct map_target *t, const struct map_value *v, void *base, struct arena *a,
                             size_t max_text);
const char *map_kind_name(enum map_kind kind); /* "a boolean" */

/* Adds room for one element to a vector in the arena whose capacity follows from its length. */
void *map_grow(struct arena *a, void *v, size_t n, size_t size);

#endif
