// SPDX-License-Identifier: MIT
// The answers that we give ourselves: a status, a stable code, one sentence that says what to do
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
    ANSWER_SLOWED, // of guesses; with the code of the one before
    ANSWER_RELAY_FULL,
    ANSWER_UPSTREAM_REFUSED,
    ANSWER_UPSTREAM_UNREACHABLE,
    ANSWER_UPSTREAM_CLOSED,
    ANSWER_UPSTREAM_INVALID,
    ANSWER_UPSTREAM_TOO_LARGE, // of a head; with the code of the one before
    ANSWER_UPSTREAM_TIMEOUT,
    ANSWER_LOOP,
    ANSWERS,
};

// The form that a request asked for by Accept.
enum answer_form {
    ANSWER_TEXT,
    ANSWER_HTML,
    ANSWER_JSON
};

enum answer_form answer_form_of(const struct http_head *request);

uint16_t answer_status(enum answer a);
const char *answer_code(enum answer a); // "ADIT-…"

// The answer to a parser's error (enum http1_error).
enum answer answer_of_http1(int error);

enum {
    ANSWER_DETAIL_MAX = 160,
    ANSWER_TEXT_MAX = 3072,
    ANSWER_DATE_MAX = 48
};

// The value of Date now, which every answer of ours has (RFC 9110 §6.6.1).
struct slice answer_date(char out[static ANSWER_DATE_MAX]);

// The texts of an answer.
struct answer_words {
    enum answer answer;
    enum answer_form form;
    const char
        *detail; // what exactly was wrong, a phrase of at most ANSWER_DETAIL_MAX; "": no more
};

// Makes the head and the body of an answer. `text` (ANSWER_TEXT_MAX bytes) holds the body and the
// values of the head's fields and must live as long as they are read.
void answer_make(const struct answer_words *words, char text[static ANSWER_TEXT_MAX],
                 struct http_head *head, struct slice *body);
