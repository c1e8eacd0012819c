// SPDX-License-Identifier: MIT
// What may not be recorded is replaced by "[redacted]" before anything keeps it: credentials in
// fields and URLs (proto/http/credentials.h), what the user names, and our own token, wherever it
// is.
#pragma once
#include "proto/http/message.h"
#include "recorder.h"
#include "token_search.h"

enum {
    REDACT_GROWTH = 512 // bytes by which a head, or a target, may become longer; it is hidden then
};

struct redact {
    bool off;                                     // credentials are recorded
    struct slice names[RECORDER_REDACT_MAX];      // of fields, besides the credentials'
    struct slice parameters[RECORDER_REDACT_MAX]; // of URLs, the same
    size_t count, parameter_count;
    struct token_search token; // nothing may show it, even then
};

// The strings of the configuration must outlive it, but for the token.
void redact_init(struct redact *r, const struct recorder_config *config);
// Another token from now on.
void redact_set_token(struct redact *r, struct slice token);
// Whether this may be named: a field, or "query:" and a parameter.
bool redact_is_name(struct slice name);

// The most bytes that redact_lines writes.
size_t redact_lines_bound(const struct http_head *head);
// Writes a head's fields as lines, "name: value" and CR LF each. Returns where they end; `*any` is
// set when anything was left out.
char *redact_lines(const struct redact *r, const struct http_head *head, char *out, bool *any);
// The same of a request target.
size_t redact_target_bound(struct slice target);
char *redact_target(const struct redact *r, struct slice target, char *out, bool *any);
// The same of any other word, in which only our own token is looked for.
size_t redact_text_bound(struct slice text);
char *redact_text(const struct redact *r, struct slice text, char *out, bool *any);
// The same of bytes that should have been a head and are none. Lines are told apart by anything
// that might end one. Where a word before the colon is the name of such a field, no more of the
// line and of what might continue it is left than that name. Writes at most `cap` bytes, and
// returns how many.
size_t redact_bytes(const struct redact *r, struct slice bytes, char *out, size_t cap, bool *any);
