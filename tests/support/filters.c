// SPDX-License-Identifier: MIT
#include "filters.h"
#include <stdlib.h>
#include "check.h"

struct filter *filters_try(const char *text, struct filter_mistake *mistake)
{
    size_t len = strlen(text);
    char *copy = malloc(len + !len);
    CHECK(copy);
    memcpy(copy, text, len);
    struct filter *f = filter_new(slice_of(copy, len), FILTERS_NOW, mistake);
    free(copy);
    return f;
}

char *filters_repeated(const char *text, size_t times, const char *then)
{
    size_t len = strlen(text);
    char *out = malloc(len * times + strlen(then) + 1);
    CHECK(out);
    for (size_t i = 0; i < times; i++)
        memcpy(out + i * len, text, len);
    memcpy(out + len * times, then, strlen(then) + 1);
    return out;
}
