// SPDX-License-Identifier: MIT
#include "files_path.h"
#include "proto/http/percent.h"

// Whether a slash or backslash is written by its number: programs differ in what it separates.
static bool hides_slash(struct slice text)
{
    for (size_t i = 0; i + 2 < text.len; i++)
        if (text.p[i] == '%' && (slice_ieq(slice_of(text.p + i, 3), SLICE("%2f")) ||
                                 slice_ieq(slice_of(text.p + i, 3), SLICE("%5c"))))
            return true;
    return false;
}

static bool is_served(struct slice name, bool in_well_known)
{
    if (slice_eq(name, SLICE(".")) || slice_eq(name, SLICE("..")))
        return false;
    for (size_t i = 0; i < name.len; i++)
        if ((unsigned char)name.p[i] < ' ' || name.p[i] == 0x7f || name.p[i] == '\\')
            return false;
    return name.p[0] != '.' || in_well_known;
}

// Takes the next name off the rest of a path, and skips empty ones. False at the end.
static bool next_name(struct slice *rest, struct slice *name)
{
    while (rest->len > 0 && rest->p[0] == '/')
        rest->p++, rest->len--;
    const char *slash = rest->len > 0 ? memchr(rest->p, '/', rest->len) : NULL;
    *name = slice_of(rest->p, slash ? (size_t)(slash - rest->p) : rest->len);
    rest->p += name->len;
    rest->len -= name->len;
    return name->len > 0;
}

bool files_path_read(struct slice target, struct files_path *path)
{
    static const struct slice well_known = {".well-known", sizeof(".well-known") - 1};
    char decoded[FILES_PATH_MAX];
    const char *query = target.len > 0 ? memchr(target.p, '?', target.len) : NULL;
    struct slice text = slice_of(target.p, query ? (size_t)(query - target.p) : target.len);
    struct slice name;
    size_t len = 0;
    bool in_well_known = false;
    path->len = 0;
    if ((text.len > 0 && text.p[0] != '/') || hides_slash(text) ||
        !percent_decode(text, decoded, sizeof(decoded), &len))
        return false;
    struct slice rest = slice_of(decoded, len);
    path->is_folder = len == 0 || decoded[len - 1] == '/';
    while (next_name(&rest, &name)) {
        bool opens = path->len == 0 && slice_eq(name, well_known);
        in_well_known = in_well_known || opens;
        if (!is_served(name, in_well_known))
            return false;
        if (path->len > 0)
            path->text[path->len++] = '/';
        memcpy(path->text + path->len, name.p, name.len);
        path->len += name.len;
    }
    path->text[path->len] = 0;
    return true;
}
