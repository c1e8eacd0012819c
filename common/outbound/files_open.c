// SPDX-License-Identifier: MIT
#include <errno.h>
#include "common/base/folder.h"
#include "files_internal.h"

static const char index_name[] = "index.html";

// Looks for the index of a folder, and leaves the folder open if there is none.
static bool open_index(struct files_request *r)
{
    struct files_path *p = &r->path;
    const size_t len = p->len;
    const size_t room = sizeof(p->text) - len;
    struct stat st;
    if (room < sizeof(index_name) + 1)
        return false;
    if (len > 0)
        p->text[p->len++] = '/';
    memcpy(p->text + p->len, index_name, sizeof(index_name));
    p->len += sizeof(index_name) - 1;
    int fd = folder_open_beneath(r->files->folder, p->text, &st);
    if (fd >= 0 && S_ISREG(st.st_mode)) {
        folder_close(r->fd);
        r->fd = fd;
        r->st = st;
        return true;
    }
    folder_close(fd);
    p->len = len;
    p->text[len] = 0;
    // An index that is there and cannot be read is not hidden by a listing.
    r->error = fd < 0 && fd != -ENOENT ? fd : 0;
    return false;
}

static enum files_found open_folder(struct files_request *r)
{
    if (!r->path.is_folder)
        return FILES_FOUND_NO_SLASH;
    if (open_index(r))
        return FILES_FOUND_FILE;
    if (r->error)
        return FILES_FOUND_NONE;
    return r->files->lists ? FILES_FOUND_PAGE : FILES_FOUND_NO_INDEX;
}

void files_list(struct files_request *r)
{
    r->error = files_listing(r->fd, &r->path, &r->page);
    r->page_len = buf_len(&r->page);
    if (r->error)
        r->found = FILES_FOUND_NONE;
    if (r->error || r->asks_head)
        buf_free(&r->page);
    folder_close(r->fd);
    r->fd = -1;
}

void files_open(struct files_request *r)
{
    const struct files *f = r->files;
    r->found = FILES_FOUND_NONE;
    r->error = f->path ? folder_renew(f->folder, f->path) : 0;
    if (r->error)
        return;
    r->fd = folder_open_beneath(f->folder, r->path.text, &r->st);
    if (r->fd < 0)
        r->error = r->fd;
    else if (S_ISDIR(r->st.st_mode))
        r->found = open_folder(r);
    else if (r->path.is_folder)
        r->error = -ENOENT; // "file/" names nothing
    else
        r->found = FILES_FOUND_FILE;
}
