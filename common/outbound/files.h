// SPDX-License-Identifier: MIT
// The outbound to a folder: answers GET and HEAD with its files. Names that begin with a dot are
// not served, except below /.well-known/. Files are opened and read by the thread pool, in pieces
// for which there is credit.
#pragma once
#include "common/exchange/outbound.h"
#include "common/io/loop.h"
#include "proto/list.h"

enum {
    FILES_RUNNING_MAX = 1024,           // requests at a time; others are answered with 503
    FILES_PIECE_BYTES = 64 * 1024,      // of a file that are read at a time
    FILES_PATH_MAX = 4096,              // of a decoded path, with the final zero
    FILES_LISTED_MAX = 10000,           // entries of a listing; more are left out, which it says
    FILES_LISTING_BYTES = 4096 * 1024,  // of its HTML
    FILES_PAGES_MAX = 32 * 1024 * 1024, // of all listings; others are answered with 503
    FILES_MAKING_MAX = 2 // listings that are made at a time, as other files need threads, too
};

// Embedded; must outlive its exchanges.
struct files {
    struct outbound outbound;
    struct loop *loop;
    const char *name; // for the record
    int folder;       // of common/base/folder
    const char *path; // of the folder, which may be replaced by another; NULL: it may not
    bool lists;       // folders without an index.html are listed
    size_t running;
    size_t making;       // listings that threads make
    size_t page_bytes;   // of listings: that are made, and room for those that threads make
    struct list waiting; // files_request.in_waiting, for their turn to be made
};

// `folder` and `name` must outlive it.
void files_init(struct files *f, struct loop *l, int folder, const char *name);
void files_deinit(struct files *f);
