// SPDX-License-Identifier: MIT
// Replaces secrets by "[redacted]" before they are queued: credentials in fields and URLs
// (proto/http/credentials.h), fields and parameters that the user names, and the program's own
// token wherever it occurs.
//
// Each redact_* writes a redacted copy to `out`, which has room for redact_*_bound bytes, sets
// `*any` if a value was left out, and returns the end of the copy.
#pragma once
#include "proto/http/message.h"
#include "recorder.h"
#include "token_search.h"

enum {
    REDACT_GROWTH = 512 // bytes by which a head or target may grow; then whole values are replaced
};

struct redact {
    bool off;                                     // credentials are recorded
    struct slice names[RECORDER_REDACT_MAX];      // fields named by the user
    struct slice parameters[RECORDER_REDACT_MAX]; // parameters named by the user
    size_t count, parameter_count;
    struct token_search token; // redacted even if `off`
};

// The configuration's strings must outlive it, except the token.
void redact_init(struct redact *r, const struct recorder_config *config);
// Replaces the token.
void redact_set_token(struct redact *r, struct slice token);
// Whether this can be redacted by name: a field, or "query:" and a parameter.
bool redact_is_name(struct slice name);

// A head's fields as lines, "name: value" and CR LF.
size_t redact_lines_bound(const struct http_head *head);
char *redact_lines(const struct redact *r, const struct http_head *head, char *out, bool *any);
// A request target.
size_t redact_target_bound(struct slice target);
char *redact_target(const struct redact *r, struct slice target, char *out, bool *any);
// Other text, in which only the token is searched for.
size_t redact_text_bound(struct slice text);
char *redact_text(const struct redact *r, struct slice text, char *out, bool *any);
// Bytes that should be a head and are not one. Any control character may end a line; of a line with
// a secret field's name before the colon, and of lines that might continue it, only the name stays.
// Writes at most `cap` bytes and returns their number.
size_t redact_bytes(const struct redact *r, struct slice bytes, char *out, size_t cap, bool *any);
