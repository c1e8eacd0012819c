// SPDX-License-Identifier: MIT
// The id of an exchange, the same at both ends of a tunnel (docs/protocol.md §4.6): 45 bits of
// milliseconds since 1970 and 35 bits of a counter, written as 16 characters of Crockford's base32
// in lower case. Ids sort by time. They are not guaranteed to be unique.
#pragma once
#include "bytes.h"

enum {
    EXCHANGE_ID_LEN = 16,
    EXCHANGE_ID_BYTES = 10
};

struct exchange_ids {
    uint64_t low; // the counter of the last id, 35 bits
};

// Starts the counter at `seed`, which should be random.
void exchange_ids_init(struct exchange_ids *ids, uint64_t seed);
// Writes the next id and a final zero.
void exchange_id_next(struct exchange_ids *ids, uint64_t now_ms,
                      char out[static EXCHANGE_ID_LEN + 1]);
// Whether a text has the form of an id, in lower case.
bool exchange_id_is_valid(struct slice text);
// Converts a valid id to its 80 bits, big-endian, and back, with a final zero.
void exchange_id_pack(const char text[static EXCHANGE_ID_LEN],
                      uint8_t out[static EXCHANGE_ID_BYTES]);
void exchange_id_unpack(const uint8_t in[static EXCHANGE_ID_BYTES],
                        char text[static EXCHANGE_ID_LEN + 1]);
