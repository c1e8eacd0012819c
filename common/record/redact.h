// SPDX-License-Identifier: MIT
// Values that may not be recorded are replaced by "[redacted]" before anything keeps them.
#pragma once
#include "proto/message.h"
#include "recorder.h"

struct redact {
    bool off;                                // credentials are recorded
    struct slice names[RECORDER_REDACT_MAX]; // of fields, besides the credentials'
    size_t count;
    struct slice never; // no value may show it; empty: none
};

// The strings of the configuration must outlive it.
void redact_init(struct redact *r, const struct recorder_config *config);

// The most bytes that redact_lines writes.
size_t redact_lines_most(const struct http_head *head);
// Writes a head's fields as lines, "name: value" and CR LF each. Returns where they end; `*any` is
// set when a value was left out.
char *redact_lines(const struct redact *r, const struct http_head *head, char *out, bool *any);
// The same of bytes that should have been a head and are none. Lines are told apart by anything
// that might end one. Where a word before the colon is the name of such a field, no more of the
// line and of what might continue it is left than that name. Writes at most `cap` bytes, and
// returns how many.
size_t redact_bytes(const struct redact *r, struct slice bytes, char *out, size_t cap, bool *any);
