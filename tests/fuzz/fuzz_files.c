// SPDX-License-Identifier: MIT
// A target and a range, a line each, at a folder that is served. A path has no way out, hides no
// name with a dot and is what its own encoding is read as; a range lies within the file.
#include <stdio.h>
#include <stdlib.h>

#include "common/outbound/files_conditions.h"
#include "common/outbound/files_path.h"
#include "proto/http/percent.h"

#define CHECK(condition)                                                    \
    do {                                                                    \
        if (!(condition)) {                                                 \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
            abort();                                                        \
        }                                                                   \
    } while (0)

static void check_names(const struct files_path *path)
{
    bool in_well_known = strncmp(path->text, ".well-known", strlen(".well-known")) == 0;
    for (const char *at = path->text, *end = at; *at; at = *end ? end + 1 : end) {
        end = strchrnul(at, '/');
        struct slice name = slice_of(at, (size_t)(end - at));
        CHECK(name.len > 0 && !memchr(name.p, '\\', name.len));
        CHECK(name.p[0] != '.' || in_well_known);
        CHECK(!slice_eq(name, SLICE("..")) && !slice_eq(name, SLICE(".")));
    }
}

static void check_path(struct slice target)
{
    static struct files_path path;
    static struct files_path again;
    static char encoded[3 * FILES_PATH_MAX + 1];
    if (!files_path_read(target, &path))
        return;
    CHECK(path.len < FILES_PATH_MAX && strlen(path.text) == path.len);
    CHECK(path.text[0] != '/');
    check_names(&path);
    encoded[0] = '/';
    size_t len =
        percent_encode_path(slice_of(path.text, path.len), encoded + 1, sizeof(encoded) - 1);
    CHECK(len > 0 || path.len == 0);
    CHECK(path.len + 1 == FILES_PATH_MAX || (files_path_read(slice_of(encoded, len + 1), &again) &&
                                             strcmp(again.text, path.text) == 0));
}

static void check_range(struct slice value)
{
    for (uint64_t size = 0; size < 20; size += 3) {
        struct files_range range = {0};
        if (files_range_read(value, size, &range) == FILES_PART)
            CHECK(range.first < range.end && range.end <= size);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    const char *line = size > 0 ? memchr(text, '\n', size) : NULL;
    size_t len = line ? (size_t)(line - text) : size;
    int64_t seconds = 0;
    check_path(slice_of(text, len));
    if (line) {
        struct slice value = slice_of(line + 1, size - len - 1);
        check_range(value);
        (void)files_date_read(value, &seconds);
    }
    return 0;
}
