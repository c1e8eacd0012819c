// SPDX-License-Identifier: MIT
#include "exchange_id.h"

static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz";

enum {
    LOW_BITS = 35
};

void exchange_ids_init(struct exchange_ids *ids, uint64_t seed)
{
    ids->low = seed & ((1ULL << LOW_BITS) - 1);
}

void exchange_id_next(struct exchange_ids *ids, uint64_t now_ms,
                      char out[static EXCHANGE_ID_LEN + 1])
{
    ids->low = (ids->low + 1) & ((1ULL << LOW_BITS) - 1);
    for (int i = 0; i < 9; i++)
        out[i] = digits[(now_ms >> (40 - 5 * i)) & 31];
    for (int i = 0; i < 7; i++)
        out[9 + i] = digits[(ids->low >> (30 - 5 * i)) & 31];
    out[16] = 0;
}

// The value of each digit plus 1; 0: not a digit.
static const uint8_t values[256] = {
    ['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
    ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
    ['g'] = 17, ['h'] = 18, ['j'] = 19, ['k'] = 20, ['m'] = 21, ['n'] = 22, ['p'] = 23, ['q'] = 24,
    ['r'] = 25, ['s'] = 26, ['t'] = 27, ['v'] = 28, ['w'] = 29, ['x'] = 30, ['y'] = 31, ['z'] = 32,
};

static int value_of(char c)
{
    return values[(unsigned char)c] - 1;
}

bool exchange_id_is_valid(struct slice text)
{
    if (text.len != EXCHANGE_ID_LEN)
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (value_of(text.p[i]) < 0)
            return false;
    return true;
}

// Each half of an id is five bytes, or eight characters.
void exchange_id_pack(const char text[static EXCHANGE_ID_LEN],
                      uint8_t out[static EXCHANGE_ID_BYTES])
{
    for (int half = 0; half < 2; half++) {
        uint64_t bits = 0;
        for (int i = 0; i < 8; i++)
            bits = bits << 5 | (unsigned)value_of(text[half * 8 + i]);
        for (int i = 0; i < 5; i++)
            out[half * 5 + i] = (uint8_t)(bits >> (32 - 8 * i));
    }
}

void exchange_id_unpack(const uint8_t in[static EXCHANGE_ID_BYTES],
                        char text[static EXCHANGE_ID_LEN + 1])
{
    for (int half = 0; half < 2; half++) {
        uint64_t bits = 0;
        for (int i = 0; i < 5; i++)
            bits = bits << 8 | in[half * 5 + i];
        for (int i = 0; i < 8; i++)
            text[half * 8 + i] = digits[(bits >> (35 - 5 * i)) & 31];
    }
    text[16] = 0;
}
