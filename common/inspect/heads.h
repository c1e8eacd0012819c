// SPDX-License-Identifier: MIT
// The parts of recorded heads that several commands take apart.
#pragma once
#include "common/record/read/reader.h"
#include "proto/buf.h"

// Takes the next interim response (exchange.interim) off its lines. False at their end.
struct interim {
    unsigned status;
    struct slice reason, fields;
};
bool next_interim(struct slice *lines, struct interim *out);
// Whether the lines have a field of this name.
bool has_field(struct slice lines, struct slice name);
// Whether what followed its heads is messages of a WebSocket; what was upgraded to something else
// is kept as bodies are.
bool has_messages(const struct record_exchange *x);
// Why a body cannot be decoded to its end (`over`: it would become too large): a phrase.
const char *undecoded(const struct record_exchange *x, enum record_side side, bool over);
// Whether the Host of a request is not among its fields: through a tunnel it travels beside them.
bool lacks_host(const struct record_exchange *x);
// The absolute URL of a request (RFC 3986), with %XX for what may not stand in one. False: out of
// memory.
bool absolute_url(struct buf *out, const struct record_exchange *x);
// Undoes the escapes of a form's name or value: %XX, and + for a space. A percent sign that comes
// of it stays %25 with `keep_percent`. False: out of memory.
bool append_unescaped(struct buf *out, struct slice s, bool keep_percent);
