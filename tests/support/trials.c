// SPDX-License-Identifier: MIT
#include "trials.h"
#include <stdlib.h>
#include <string.h>

size_t trials(size_t usual, size_t under_valgrind)
{
    const char *value = getenv("ADIT_VALGRIND");
    return value && strcmp(value, "1") == 0 ? under_valgrind : usual;
}
