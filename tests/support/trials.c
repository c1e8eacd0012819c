// SPDX-License-Identifier: MIT
#include "trials.h"
#include <stdlib.h>
#include <string.h>
#include "check.h"
#include "proto/bytes.h"

size_t trials(size_t usual, size_t under_valgrind)
{
    const char *value = getenv("ADIT_VALGRIND");
    return value && strcmp(value, "1") == 0 ? under_valgrind : usual;
}

uint64_t trials_setting(const char *name, uint64_t otherwise)
{
    uint64_t value = otherwise;
    const char *text = getenv(name);
    CHECK(!text || slice_to_u64(slice_str(text), &value));
    return value;
}
