// SPDX-License-Identifier: MIT
// One request to a folder. Shared by, from the bottom: files_open.c (finds the file, in a thread),
// files_head.c (the head of the response), files.c (the exchange).
#pragma once
#include "files_conditions.h"
#include "files_listing.h"

enum files_found {
    FILES_FOUND_FILE,
    FILES_FOUND_PAGE,     // a folder that is listed: by files_list, into `page`
    FILES_FOUND_NO_SLASH, // a folder whose URL lacks its slash
    FILES_FOUND_NO_INDEX, // a folder without index.html, and none is listed
    FILES_FOUND_NONE,     // `error` says why
};

struct files_request {
    struct exchange_endpoint endpoint;
    struct files *files;
    struct loop_task free_task;
    uv_work_t work;
    bool works;     // a thread has it
    bool answered;  // the head has been sent
    bool sends;     // inside exchange_data: credit that comes is seen behind it
    bool asks_head; // HEAD: a listing is measured and not kept
    bool waits;     // in files.waiting
    struct list_link in_waiting;
    bool closed;               // freed once no thread has it
    struct head_copy *request; // for its conditions, and the query of its target
    struct files_path path;    // that was asked for; behind files_open with index.html
    enum files_found found;
    int error; // negative errno of the last work
    int fd;    // -1: none
    struct stat st;
    struct buf page;
    size_t page_len;   // also of one that is not kept
    size_t page_bytes; // its share of files.page_bytes
    char *piece;       // FILES_PIECE_BYTES that are read; NULL: none yet
    size_t asked, got;
    uint64_t opened_ns;       // when opening began
    struct files_range range; // what is left to send
};

// files_open.c

// Finds what the path names. Blocks: for another thread than the loop's.
void files_open(struct files_request *r);
// Makes the listing of a folder that was found, and closes the folder. Blocks, too.
void files_list(struct files_request *r);

// files_head.c

// Sends the head of the response to what was found, whose body is r->range of the file or page
// then. False: there is no body to send.
bool files_send_head(struct files_request *r);
