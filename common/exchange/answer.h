// SPDX-License-Identifier: MIT
// The answers of our own: each a status, a stable code and one or two sentences that say what to do
// (docs/protocol.md §8).
#pragma once
#include "proto/http/message.h"

enum answer {
    ANSWER_BAD_REQUEST,
    ANSWER_NO_TUNNEL,
    ANSWER_NOT_FOUND,
    ANSWER_HEAD_TOO_LARGE,
    ANSWER_BODY_TOO_LARGE,
    ANSWER_URI_TOO_LONG,
    ANSWER_MISDIRECTED,
    ANSWER_FORBIDDEN,
    ANSWER_UNAUTHORIZED,
    ANSWER_UPGRADE_REQUIRED,
    ANSWER_REQUEST_TIMEOUT,
    ANSWER_NOT_IMPLEMENTED,
    ANSWER_VERSION,
    ANSWER_AGENT_GONE,
    ANSWER_AGENT_LOST,
    ANSWER_BUSY,
    ANSWER_TOO_MANY,
    ANSWER_SLOWED, // too many wrong tokens; with the code of ANSWER_TOO_MANY
    ANSWER_RELAY_FULL,
    ANSWER_UPSTREAM_REFUSED,
    ANSWER_UPSTREAM_UNREACHABLE,
    ANSWER_UPSTREAM_CLOSED,
    ANSWER_UPSTREAM_INVALID,
    ANSWER_UPSTREAM_TOO_LARGE, // a head over a limit; with the code of ANSWER_UPSTREAM_INVALID
    ANSWER_UPSTREAM_TIMEOUT,
    ANSWER_UPSTREAM_TLS, // its certificate is not accepted, or the handshake failed otherwise
    // Of a folder that is served.
    ANSWER_FILE_NOT_FOUND,
    ANSWER_FILE_FORBIDDEN,
    ANSWER_FILE_METHOD, // neither GET nor HEAD
    ANSWER_LOOP,
    ANSWERS,
};

// The form of the body, by the request's Accept (RFC 9110 §12.5.1).
enum answer_form {
    ANSWER_TEXT,
    ANSWER_HTML,
    ANSWER_JSON
};

enum answer_form answer_form_of(const struct http_head *request);

uint16_t answer_status(enum answer a);
const char *answer_code(enum answer a); // "ADIT-…"

// The answer to a request for which the parser returned an enum http1_error.
enum answer answer_of_http1(int error);

enum {
    ANSWER_DETAIL_MAX = 160,
    ANSWER_TEXT_MAX = 3072,
    ANSWER_DATE_MAX = 48
};

// Writes the current Date, which every answer of ours carries (RFC 9110 §6.6.1). Returns it in
// `out`.
struct slice answer_date(char out[static ANSWER_DATE_MAX]);

// The parts of an answer that vary.
struct answer_words {
    enum answer answer;
    enum answer_form form;
    const char *detail; // what exactly was wrong: a phrase of at most ANSWER_DETAIL_MAX, or ""
};

// Makes the head and the body of an answer. `text` holds the body and the values of the fields, and
// must outlive both.
void answer_make(const struct answer_words *words, char text[static ANSWER_TEXT_MAX],
                 struct http_head *head, struct slice *body);
