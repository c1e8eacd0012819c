// SPDX-License-Identifier: MIT
// The parts of recorded heads that several commands take apart.
#pragma once
#include "common/record/reader.h"
#include "proto/buf.h"

// Takes the next interim response (exchange.interim) off its lines. False at their end.
struct interim {
    unsigned status;
    struct slice reason, fields;
};
bool next_interim(struct slice *lines, struct interim *out);
// Whether the lines have a field of this name.
bool has_field(struct slice lines, struct slice name);
// Whether the Host of a request is not among its fields: through a tunnel it travels beside them.
bool lacks_host(const struct record_exchange *x);
// The absolute URL of a request, with %XX for what may not stand in one. False: out of memory.
bool absolute_url(struct buf *out, const struct record_exchange *x);
