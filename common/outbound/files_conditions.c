// SPDX-License-Identifier: MIT
#include "files_conditions.h"
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

enum {
    DATE_MAX = 40 // longer than any date
};

void files_version_of(const struct stat *st, struct files_version *v)
{
    struct date date = {0};
    v->size = (uint64_t)st->st_size;
    v->modified_s = st->st_mtim.tv_sec;
    (void)snprintf(v->etag, sizeof(v->etag), "\"%" PRIx64 "-%" PRIx64 "-%" PRIx64 "\"", v->size,
                   (uint64_t)st->st_mtim.tv_sec * 1000000000 + (uint64_t)st->st_mtim.tv_nsec,
                   (uint64_t)st->st_ino);
    struct slice text = date_text(&date, v->modified_s);
    (void)snprintf(v->modified, sizeof(v->modified), "%.*s", (int)text.len, text.p);
}

bool files_date_read(struct slice value, int64_t *seconds)
{
    static const char *const forms[] = {"%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT",
                                        "%a %b %e %H:%M:%S %Y"};
    char text[DATE_MAX];
    if (value.len == 0 || value.len >= sizeof(text))
        return false;
    memcpy(text, value.p, value.len);
    text[value.len] = 0;
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        struct tm tm = {0};
        const char *end = strptime(text, forms[i], &tm);
        if (end && !*end) {
            *seconds = timegm(&tm);
            return true;
        }
    }
    return false;
}

// Whether a list of entity tags has this one. Weak ones match where `weak`. A comma inside a tag
// splits it, which matches nothing: ours have none.
static bool has_tag(struct slice list, const char *etag, bool weak)
{
    struct slice element;
    if (slice_eq(slice_trim(list), SLICE("*")))
        return true;
    while (slice_next_element(&list, &element)) {
        bool is_weak = element.len > 2 && memcmp(element.p, "W/", 2) == 0;
        if (is_weak && weak)
            element = slice_of(element.p + 2, element.len - 2);
        if (slice_eq(element, slice_str(etag)))
            return true;
    }
    return false;
}

// Whether any field of this name has the tag.
static bool names_tag(const struct http_head *request, struct slice name, const char *etag,
                      bool weak)
{
    for (size_t i = 0; i < request->field_count; i++)
        if (slice_ieq(request->fields[i].name, name) &&
            has_tag(request->fields[i].value, etag, weak))
            return true;
    return false;
}

// Whether the version is newer than the date of a field; `otherwise` if there is no date.
static bool is_newer(const struct http_head *request, struct slice name,
                     const struct files_version *v, bool otherwise)
{
    const struct field *f = head_find(request, name);
    int64_t since = 0;
    return f && files_date_read(f->value, &since) ? v->modified_s > since : otherwise;
}

// Whether If-Range, if any, names this very version. A date does not: it is weak, since a file may
// change twice within its second (RFC 9110 §8.8.2.2).
static bool range_applies(const struct http_head *request, const struct files_version *v)
{
    const struct field *f = head_find(request, SLICE("if-range"));
    return !f || slice_eq(f->value, slice_str(v->etag));
}

enum files_verdict files_range_read(struct slice value, uint64_t size, struct files_range *range)
{
    static const struct slice unit = {"bytes=", 6};
    uint64_t first = 0;
    uint64_t last = 0;
    if (!slice_ibegins(value, unit))
        return FILES_WHOLE;
    value = slice_trim(slice_of(value.p + unit.len, value.len - unit.len));
    const char *dash = value.len > 0 ? memchr(value.p, '-', value.len) : NULL;
    if (!dash)
        return FILES_WHOLE;
    struct slice from = slice_of(value.p, (size_t)(dash - value.p));
    struct slice to = slice_of(dash + 1, value.len - from.len - 1);
    bool has_last = slice_to_u64(to, &last);
    if (from.len == 0) { // the last bytes
        if (!has_last)
            return FILES_WHOLE;
        *range = (struct files_range){last < size ? size - last : 0, size};
        return last > 0 && size > 0 ? FILES_PART : FILES_UNSATISFIABLE;
    }
    if (!slice_to_u64(from, &first) || (to.len > 0 && !has_last) || (has_last && last < first))
        return FILES_WHOLE;
    if (first >= size)
        return FILES_UNSATISFIABLE;
    *range = (struct files_range){first, has_last && last < size - 1 ? last + 1 : size};
    return FILES_PART;
}

enum files_verdict files_conditions(const struct http_head *request, const struct files_version *v,
                                    struct files_range *range)
{
    *range = (struct files_range){0, v->size};
    if (head_find(request, SLICE("if-match"))) {
        if (!names_tag(request, SLICE("if-match"), v->etag, false))
            return FILES_FAILED;
    } else if (is_newer(request, SLICE("if-unmodified-since"), v, false)) {
        return FILES_FAILED;
    }
    if (head_find(request, SLICE("if-none-match"))) {
        if (names_tag(request, SLICE("if-none-match"), v->etag, true))
            return FILES_UNCHANGED;
    } else if (!is_newer(request, SLICE("if-modified-since"), v, true)) {
        return FILES_UNCHANGED;
    }
    const struct field *f = head_find(request, SLICE("range"));
    bool applies = f && slice_eq(request->method, SLICE("GET")) && range_applies(request, v);
    return applies ? files_range_read(f->value, v->size, range) : FILES_WHOLE;
}
