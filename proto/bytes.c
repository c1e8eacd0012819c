// SPDX-License-Identifier: MIT
#include "bytes.h"

bool slice_next_element(struct slice *list, struct slice *element)
{
    while (list->len > 0) {
        const char *comma = memchr(list->p, ',', list->len);
        size_t len = comma ? (size_t)(comma - list->p) : list->len;
        size_t taken = comma ? len + 1 : len;
        *element = slice_trim(slice_of(list->p, len));
        list->p += taken;
        list->len -= taken;
        if (element->len > 0)
            return true;
    }
    return false;
}

bool slice_list_has(struct slice list, struct slice word)
{
    struct slice element;

    while (slice_next_element(&list, &element))
        if (slice_ieq(element, word))
            return true;
    return false;
}

bool slice_list_is_within(struct slice list, struct slice others)
{
    struct slice element;
    bool any = false;

    while (slice_next_element(&list, &element)) {
        any = true;
        if (!slice_list_has(others, element))
            return false;
    }
    return any;
}

bool slice_to_u64(struct slice s, uint64_t *value)
{
    uint64_t n = 0;

    if (s.len == 0)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
        uint64_t digit = (uint64_t)(s.p[i] - '0');
        if (n > (UINT64_MAX - digit) / 10)
            return false;
        n = n * 10 + digit;
    }
    *value = n;
    return true;
}
