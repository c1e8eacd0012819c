// SPDX-License-Identifier: MIT
// The HTML page that lists a folder.
#pragma once
#include "files_path.h"
#include "proto/buf.h"

// Lists an open folder, without names that are not served, sorted. Blocks: for another thread than
// the loop's. Returns 0 or a negative errno; `*page` is to be freed either way.
int files_listing(int fd, const struct files_path *path, struct buf *page);
