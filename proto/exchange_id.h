// SPDX-License-Identifier: MIT
// The id of an exchange, the same at both ends of a tunnel (docs/protocol.md §4.6): 80 bits, of
// which the first 45 are milliseconds since 1970, written as 16 characters of Crockford's base32 in
// lower case. Sorts by time. Nobody trusts it to be unique.
#pragma once
#include "bytes.h"

enum {
    EXCHANGE_ID_LEN = 16,
    EXCHANGE_ID_BYTES = 10
};

struct exchange_ids {
    uint64_t low; // of the last one, 35 bits
};

// `seed` is random.
void exchange_ids_init(struct exchange_ids *ids, uint64_t seed);
// The next id, and a zero behind it.
void exchange_id_next(struct exchange_ids *ids, uint64_t now_ms, char out[static 17]);
// Whether it is one, in lower case.
bool exchange_id_is_valid(struct slice text);
// Its 80 bits, big-endian, and back. The text must be an id.
void exchange_id_pack(const char text[static 16], uint8_t out[static 10]);
void exchange_id_unpack(const uint8_t in[static 10], char text[static 17]);
