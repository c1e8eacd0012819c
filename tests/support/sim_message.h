// SPDX-License-Identifier: MIT
// HTTP/1.1 messages as the far ends of a simulation write and verify them, in pieces of any size
// and without memory of their own. The bytes of a body follow from its key (chance.h).
#pragma once
#include "fake_system.h"
#include "proto/http/http1.h"

struct sim_body {
    enum body_kind kind; // BODY_TUNNEL: bare bytes
    uint64_t key, total;
    bool trailers; // behind a chunked body
};

enum {
    SIM_HEAD_MAX = 1024
};

struct sim_writer {
    char text[SIM_HEAD_MAX]; // of the head, then of the framing
    size_t len, at;
    struct sim_body body;
    uint64_t cut_at;    // bytes of the body behind which the message breaks off; UINT64_MAX: none
    bool breaks;        // it breaks off by a malformed chunk
    uint32_t chunk_max; // bytes of a chunk
    uint64_t sent, run; // bytes of the body; those before the next framing
    bool head_sent, last, done;
    bool whole; // done, and did not break off
};

// Begins a message whose head the caller has printed to `text`, `len` bytes.
void sim_writer_begin(struct sim_writer *w, const struct sim_body *body, size_t len);
// Sends at most `most` bytes. False: there was no room, or the message is done.
bool sim_writer_send(struct sim_writer *w, struct fake_socket *s, struct chance *c, size_t most);

struct sim_reader {
    struct http1_body decoder;
    struct sim_body body;
    bool verifies;
    uint64_t got;
};

enum sim_read {
    SIM_READ_MORE,
    SIM_READ_DONE,
    SIM_READ_BAD // the chunked coding is malformed
};

// `body` NULL: the bytes are not verified.
void sim_reader_begin(struct sim_reader *r, const struct body_framing *framing,
                      const struct sim_body *body);
// Reads bytes that have arrived and sets `*used`. A byte, a length or trailers that differ from
// what was sent are a failed CHECK.
enum sim_read sim_reader_read(struct sim_reader *r, const char *bytes, size_t len, size_t *used);
