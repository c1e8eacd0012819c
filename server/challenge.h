// SPDX-License-Identifier: MIT
// The files that answer HTTP challenges of ACME (RFC 8555 §8.3), put there by an ACME client:
// acme-challenge/TOKEN of the state's directory, or where clients put it that take this directory
// for a web root, acme-challenge/.well-known/acme-challenge/TOKEN.
#pragma once
#include "proto/bytes.h"

enum {
    CHALLENGE_TOKEN_MAX = 128, // characters
    CHALLENGE_MAX = 4 * 1024   // bytes of the answer
};

// Whether a path is that of a challenge; if so, its last part is the token.
bool challenge_is_path(struct slice path, struct slice *token);
// Reads the answer to a token. Returns its length, or -1: there is none, or it is over
// CHALLENGE_MAX, no regular file, a link, or not ours alone to write.
int challenge_read(const char *dir, struct slice token, char out[static CHALLENGE_MAX]);
