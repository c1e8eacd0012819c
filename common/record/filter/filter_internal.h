// SPDX-License-Identifier: MIT
// What the parts of the filter share: the tree that filter_parse makes and filter_match walks.
#pragma once
#include "filter.h"

enum {
    FILTER_STATES_MAX = 256,     // that all patterns of a filter make, with what they repeat
    FILTER_EXPLAIN_COLUMNS = 76, // of a filter that are shown around a mistake
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

// What the value of a field is, and with it the operators that it takes.
enum filter_kind {
    KIND_STATUS,   // = != and orders
    KIND_BYTES,    // the same
    KIND_DURATION, // the same
    KIND_MOMENT,   // =
    KIND_ID,       // = !=
    KIND_TEXT,     // = != and patterns
    KIND_FLAG,     // none
};

// When texts are equal.
enum filter_equal {
    EQUAL_EXACTLY,
    EQUAL_WITHOUT_CASE,
    EQUAL_WORDS, // without case, a hyphen is a space
    EQUAL_HOST,  // without case; also without port, or the first label alone
};

enum {
    SIDE_REQUEST = 1 << RECORD_REQUEST,
    SIDE_RESPONSE = 1 << RECORD_RESPONSE,
    SIDE_EITHER = SIDE_REQUEST | SIDE_RESPONSE
};

struct filter_field {
    const char *name; // one that ends with a dot is followed by the name of a header field
    enum filter_field_id id;
    enum filter_kind kind;
    enum filter_equal equal; // of texts
    int sides;               // of bodies, headers and sizes
    bool alone;              // may stand without an operator: "it is there"
};

// The field of this name, without case; NULL: there is none. `header` gets what follows the dot.
const struct filter_field *filter_field_find(struct slice word, struct slice *header);
// Says in `why` what may have been meant by a word that is no field. `has_operator`: an operator
// follows it.
void filter_field_suggest(struct slice word, bool has_operator, char why[static FILTER_WHY_MAX]);

enum filter_number {
    NUMBER_OK,
    NUMBER_MALFORMED,
    NUMBER_TOO_LARGE
};

// A status, or a class as the range that it is.
bool filter_status(struct slice s, uint64_t *least, uint64_t *most);
enum filter_number filter_bytes(struct slice s, uint64_t *bytes);
enum filter_number filter_duration(struct slice s, uint64_t *ns);
// A moment, or a duration back from now; of a day, minute or second its first nanosecond, or its
// last when `last`.
enum filter_number filter_moment(struct slice s, int64_t now_ns, bool last, int64_t *ns);

// What `~` looks for.
struct filter_pattern;

// `text` has a zero behind it. Takes what it needs off `states`. NULL: `why` says what is wrong.
struct filter_pattern *filter_pattern_new(struct slice text, bool without_case, size_t *states,
                                          char why[static FILTER_WHY_MAX]);
void filter_pattern_free(struct filter_pattern *p);
bool filter_pattern_found(struct filter_pattern *p, struct slice text);

struct filter_term {
    const struct filter_field *field;
    struct slice header;            // its name, of FILTER_BY_HEADER
    bool negated;                   // != !~
    bool alone;                     // no operator
    struct slice value;             // of texts and ids
    uint64_t least, most;           // of numbers; least > most: none
    int64_t moment_ns;              // of since and until
    struct filter_pattern *pattern; // of ~
};

enum filter_node_kind {
    NODE_TERM,
    NODE_AND,
    NODE_OR,
    NODE_NOT
};

struct filter_node {
    enum filter_node_kind kind;
    unsigned cost;             // of its dearest term; children come in its order
    struct filter_node *child; // the first
    struct filter_node *next;  // of the same parent
    struct filter_node *made_before;
    struct filter_term term;
};

struct filter {
    struct filter_node *root; // NULL: everything matches
    struct filter_node *made; // all nodes, the last one first
    size_t used;              // of `bytes`
    char bytes[];             // of values and names; each is shorter than what it was made of
};
