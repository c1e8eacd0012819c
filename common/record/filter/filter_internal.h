// SPDX-License-Identifier: MIT
// The tree of a filter, which filter_parse.c builds and filter_match.c walks, with the fields,
// values and patterns in it.
#pragma once
#include "filter.h"

enum {
    FILTER_STATES_MAX = 256,     // positions of all patterns of a filter, repetitions expanded
    FILTER_EXPLAIN_COLUMNS = 76, // of a filter shown around a mistake
    FILTER_WHY_MAX = sizeof(((struct filter_mistake *)0)->message)
};

enum filter_field_id {
    FILTER_BY_STATUS,
    FILTER_BY_METHOD,
    FILTER_BY_PATH,
    FILTER_BY_TARGET,
    FILTER_BY_QUERY,
    FILTER_BY_HOST,
    FILTER_BY_SCHEME,
    FILTER_BY_PROTOCOL,
    FILTER_BY_URL,
    FILTER_BY_VISITOR,
    FILTER_BY_TUNNEL,
    FILTER_BY_UPSTREAM,
    FILTER_BY_BODY,
    FILTER_BY_HEADER,
    FILTER_BY_OUTCOME,
    FILTER_BY_ERROR,
    FILTER_BY_PROGRAM,
    FILTER_BY_ID,
    FILTER_BY_TIME,
    FILTER_BY_STALLED,
    FILTER_BY_SIZE,
    FILTER_BY_SINCE,
    FILTER_BY_UNTIL,
    FILTER_BY_RUNNING,
    FILTER_BY_REPLAYED,
    FILTER_BY_SHED,
    FILTER_BY_REDACTED,
    FILTER_BY_UPGRADED,
};

// The type of a field's value, which decides the operators that it takes.
enum filter_kind {
    KIND_STATUS,   // = != < <= > >=
    KIND_BYTES,    // = != < <= > >=
    KIND_DURATION, // = != < <= > >=
    KIND_MOMENT,   // =
    KIND_ID,       // = !=
    KIND_TEXT,     // = != ~ ~* !~ !~*
    KIND_FLAG,     // none
};

// How `=` compares texts.
enum filter_equal {
    EQUAL_EXACTLY,
    EQUAL_WITHOUT_CASE,
    EQUAL_WORDS, // without case, hyphens equal spaces
    EQUAL_HOST,  // without case; the port, or all but the first label, may be missing
};

enum {
    SIDE_REQUEST = 1 << RECORD_REQUEST,
    SIDE_RESPONSE = 1 << RECORD_RESPONSE,
    SIDE_EITHER = SIDE_REQUEST | SIDE_RESPONSE
};

struct filter_field {
    const char *name; // with a dot at its end: a header field's name follows
    enum filter_field_id id;
    enum filter_kind kind;
    enum filter_equal equal; // for KIND_TEXT
    int sides;               // for bodies, headers and sizes
    bool presence;           // without an operator it tests presence
};

// Returns the field with a name, ignoring case, or NULL. `header` gets the name behind the dot.
const struct filter_field *filter_field_find(struct slice word, struct slice *header);
// Writes to `why` what a word that is no field was likely meant to be. `has_operator`: an operator
// follows the word.
void filter_field_suggest(struct slice word, bool has_operator, char why[static FILTER_WHY_MAX]);

enum filter_number {
    NUMBER_OK,
    NUMBER_MALFORMED,
    NUMBER_TOO_LARGE
};

// Parses a status like 404, or a class like 5xx, as a range.
bool filter_status(struct slice s, uint64_t *min, uint64_t *max);
enum filter_number filter_bytes(struct slice s, uint64_t *bytes);
enum filter_number filter_duration(struct slice s, uint64_t *ns);
// Parses a date and time, or a duration back from now. Of a day, minute or second the result is its
// first nanosecond, or with `last` its last one.
enum filter_number filter_moment(struct slice s, int64_t now_ns, bool last, int64_t *ns);

// The right side of `~`.
struct filter_pattern;

// Compiles a pattern. A zero must follow `text`. `*states` is reduced by the positions it needs.
// NULL: `why` says what is wrong.
struct filter_pattern *filter_pattern_new(struct slice text, bool without_case, size_t *states,
                                          char why[static FILTER_WHY_MAX]);
void filter_pattern_free(struct filter_pattern *p);
bool filter_pattern_found(struct filter_pattern *p, struct slice text);

struct filter_term {
    const struct filter_field *field;
    struct slice header;            // the header field's name, for FILTER_BY_HEADER
    bool negated;                   // != !~
    bool presence;                  // no operator: is there a value?
    struct slice value;             // for texts and ids
    uint64_t min, max;              // for numbers; min > max: no value matches
    int64_t moment_ns;              // for since and until
    struct filter_pattern *pattern; // for ~
};

enum filter_node_kind {
    NODE_TERM,
    NODE_AND,
    NODE_OR,
    NODE_NOT
};

struct filter_node {
    enum filter_node_kind kind;
    unsigned cost;             // of its costliest term; children are sorted by it
    struct filter_node *child; // the first
    struct filter_node *next;  // the next sibling
    struct filter_node *allocated_before;
    struct filter_term term;
};

struct filter {
    struct filter_node *root;      // NULL: everything matches
    struct filter_node *allocated; // all nodes, the newest first
    size_t used;                   // of `bytes`
    char bytes[]; // values and names, each with a zero; never longer than the filter's text
};
