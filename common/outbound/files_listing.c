// SPDX-License-Identifier: MIT
#include "files_listing.h"
#include <errno.h>
#include <stdlib.h>
#include "common/base/folder.h"
#include "proto/http/percent.h"

enum {
    HREF_MAX = 3 * 256 + 1, // a name of 255 bytes, encoded
    // One entry more, with its name escaped, and the end of the page.
    LAST_BYTES = HREF_MAX + 6 * 256 + 256,
    ENTRIES_END = FILES_LISTING_BYTES - LAST_BYTES
};

struct entry {
    bool is_folder;
    char *name;
};

struct entries {
    struct entry *list;
    size_t count;
    bool cut;  // there are more
    int error; // negative
    bool shows_dots;
};

static bool take(void *ctx, const struct folder_entry *e)
{
    struct entries *all = ctx;
    if (e->name[0] == '.' && !all->shows_dots)
        return true;
    all->cut = all->count == FILES_LISTED_MAX;
    if (all->cut)
        return false;
    char *name = strdup(e->name);
    if (!name) {
        all->error = -ENOMEM;
        return false;
    }
    all->list[all->count++] = (struct entry){e->is_folder, name};
    return true;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

static bool add(struct buf *page, const char *text)
{
    return buf_append(page, text, strlen(text));
}

// Appends a name as text of HTML; control characters, which a name may have, become "?".
static bool add_escaped(struct buf *page, const char *name)
{
    bool ok = true;
    for (; *name && ok; name++) {
        unsigned char c = (unsigned char)*name;
        switch (c) {
        case '<': ok = add(page, "&lt;"); break;
        case '>': ok = add(page, "&gt;"); break;
        case '&': ok = add(page, "&amp;"); break;
        case '"': ok = add(page, "&quot;"); break;
        case '\'': ok = add(page, "&#39;"); break;
        default: ok = buf_append(page, c < ' ' || c == 0x7f ? "?" : name, 1); break;
        }
    }
    return ok;
}

// Encoded, a name is one segment of a relative URL, and "./" makes none a scheme.
static bool add_entry(struct buf *page, const struct entry *e)
{
    char href[HREF_MAX];
    const char *slash = e->is_folder ? "/" : "";
    return percent_encode_path(slice_str(e->name), href, sizeof(href)) > 0 &&
           add(page, "<li><a href=\"./") && add(page, href) && add(page, slash) &&
           add(page, "\">") && add_escaped(page, e->name) && add(page, slash) &&
           add(page, "</a>\n");
}

static bool write_page(struct buf *page, const struct files_path *path, struct entries *all)
{
    bool ok = add(page, "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
                        "<meta name=\"viewport\" content=\"width=device-width\">\n<title>/") &&
              add_escaped(page, path->text) && add(page, "</title>\n<h1>/") &&
              add_escaped(page, path->text) && add(page, "</h1>\n<ul>\n");
    if (path->len > 0)
        ok = ok && add(page, "<li><a href=\"../\">../</a>\n");
    for (size_t i = 0; ok && i < all->count; i++) {
        all->cut = all->cut || buf_len(page) > ENTRIES_END;
        ok = buf_len(page) > ENTRIES_END || add_entry(page, &all->list[i]);
    }
    return ok && add(page, "</ul>\n") && (!all->cut || add(page, "<p>There are more.</p>\n")) &&
           add(page, "</html>\n");
}

int files_listing(int fd, const struct files_path *path, struct buf *page)
{
    const struct slice shown = slice_of(path->text, path->len);
    struct entries all = {.list = calloc(FILES_LISTED_MAX, sizeof(*all.list)),
                          .shows_dots = slice_ibegins(shown, SLICE(".well-known"))};
    int error = all.list ? folder_list(fd, take, &all) : -ENOMEM;
    error = error ? error : all.error;
    if (!error) {
        qsort(all.list, all.count, sizeof(*all.list), by_name);
        error = write_page(page, path, &all) ? 0 : -ENOMEM;
    }
    for (size_t i = 0; i < all.count; i++)
        free(all.list[i].name);
    free(all.list);
    return error;
}
