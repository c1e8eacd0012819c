// SPDX-License-Identifier: MIT
// HTTP/1.1 messages (RFC 9112): heads, the framing of bodies, the chunked coding, writing. Requests
// are parsed strictly, heads of responses leniently. Parsers return > 0 bytes consumed, 0 when they
// need more, < 0 an http1_error.
#pragma once
#include "message.h"

// Each with the status that answers a request; from an upstream each is a 502.
enum http1_error {
    HTTP1_E_SYNTAX = -1,          // 400: not RFC 9112
    HTTP1_E_HEAD_TOO_LARGE = -2,  // 431
    HTTP1_E_TOO_MANY_FIELDS = -3, // 431
    HTTP1_E_VERSION = -4,         // 505: an HTTP version other than 1.x
    HTTP1_E_HOST = -5,            // 400: Host is missing, repeated or malformed (§3.2)
    HTTP1_E_LENGTH = -6,          // 400: Content-Length is malformed, repeated, or beside a coding
    HTTP1_E_CODING = -7,          // 501: a transfer coding other than chunked (§6.1)
    HTTP1_E_CHUNK = -8,           // 400: the chunked coding is malformed
    HTTP1_E_METHOD = -9,          // 501: CONNECT, which a reverse proxy does not serve
    HTTP1_E_TARGET = -10,         // 414: the request line alone is over the limit (§3)
};

const char *http1_strerror(int error);

struct http1_limits {
    size_t head_bytes; // start line, fields and the empty line
    size_t fields;     // at most MESSAGE_FIELDS_CAP
};

// Parses a whole request head out of `buf`. `*scanned` counts the bytes already searched for the
// end of the head: the caller starts with 0 and keeps it between calls, so that a head in many
// pieces costs linear time. It is 0 again after success.
//
// On success the slices of `head` point into `buf` or at literals, and field values are trimmed.
// `target` is as sent. `authority` is the value of Host, empty when an HTTP/1.0 request has none.
// An absolute-form (§3.2.2) is split into `scheme`, `authority`, which replaces the value of Host,
// and `target`: without a path that is "/", "*" for OPTIONS, or "?QUERY", before which the writer
// puts "/". `upgrade` is the value of Upgrade when Connection lists Upgrade and the version is 1.1.
// One leading empty line is skipped (§2.2).
//
// HTTP1_E_SYNTAX for a bare CR or LF, NUL, obs-fold, space before a colon, a control in a value. A
// bare LF, or a first byte that begins no head, is refused before the head is whole.
int http1_parse_request(const char *buf, size_t len, size_t *scanned,
                        const struct http1_limits *limits, struct http_head *head);

// The same for a response head, 1xx included. `reason` may be empty. `upgrade` is set for a 101,
// which must have the field, and for a 426, which should (RFC 9110 §15.5.22). Contradictory framing
// is an error here already.
//
// Accepts deviations with only one meaning (docs/protocol.md §6): bare LF at line ends, empty lines
// before the status line, any white space between its words, a colon after the status, space before
// the colon of a field, obs-fold, and equal lengths. Unfolds values within `buf`, which must be
// writable, once the head is known to be valid.
int http1_parse_response(const char *buf, size_t len, size_t *scanned,
                         const struct http1_limits *limits, struct http_head *head);

// The same in two steps, for a caller that needs the original bytes when it refuses the head:
// http1_read_response does not write to `buf`. Values and `upgrade` may contain folds until
// http1_unfold is called, which must precede any use of them.
int http1_read_response(const char *buf, size_t len, size_t *scanned,
                        const struct http1_limits *limits, struct http_head *head);
void http1_unfold(struct http_head *head);

// The fault of a malformed response head and its position.
struct http1_fault {
    const char *phrase; // "a second, different Content-Length"
    size_t at;          // offset in the bytes
};

// Explains why one of the functions above has refused these bytes. False when it finds no fault.
bool http1_explain_response(struct slice bytes, const struct http1_limits *limits,
                            struct http1_fault *fault);

// The framing of a request's body (§6.3). Returns 0 or an http1_error: HTTP1_E_CODING for a
// Transfer-Encoding in HTTP/1.0.
int http1_request_framing(const struct http_head *head, struct body_framing *framing);

// The framing of the response to a request of this method. A 101, or a 2xx to CONNECT, is
// BODY_TUNNEL; the response to HEAD, other 1xx, 204 and 304 are BODY_NONE. Equal lengths count as
// one; framing fields of a 1xx or 204 are ignored.
int http1_response_framing(const struct http_head *head, struct slice request_method,
                           struct body_framing *framing);

// Whether the connection persists after this message (§9.3). False also for a 204 or 304 that
// announces a body, since its sender may send one.
bool http1_keeps_alive(const struct http_head *head);

// The bytes that a body decoder waits for.
enum http1_body_state {
    HTTP1_BODY_DATA,       // the body or the chunk's data
    HTTP1_BODY_CHUNK_SIZE, // a chunk-size line
    HTTP1_BODY_CHUNK_END,  // the CRLF after a chunk's data
    HTTP1_BODY_TRAILERS,   // the whole trailer section
    HTTP1_BODY_DONE,       // nothing: the body is complete
};

struct http1_body {
    enum body_kind kind;
    enum http1_body_state state;
    uint64_t remaining;  // bytes of the body or of the current chunk
    uint32_t line_bytes; // of the current chunk-size line
    uint8_t line_state;
    size_t scanned; // of the trailer section
};

enum {
    HTTP1_CHUNK_DIGITS_MAX = 16, // of a chunk size
    HTTP1_CHUNK_LINE_MAX = 256,  // bytes of a chunk-size line, its extensions and CRLF included
    HTTP1_CHUNK_HEAD_MAX = 20,   // bytes that http1_write_chunk_head writes at most
};

void http1_body_init(struct http1_body *b, const struct body_framing *framing);

// Decodes bytes of `buf`. > 0: consumed, and `*data` is the part of `buf` that is body, perhaps
// empty; 0: needs more; < 0: http1_error. The trailer section is consumed only when it is whole in
// `buf`: `trailers` then holds its fields, which point into `buf`, and the state is
// HTTP1_BODY_DONE. The caller repeats the call until it returns 0 or the body is done.
int http1_body_feed(struct http1_body *b, const char *buf, size_t len,
                    const struct http1_limits *limits, struct slice *data,
                    struct http_head *trailers);

static inline bool http1_body_done(const struct http1_body *b)
{
    return b->state == HTTP1_BODY_DONE;
}

// Whether the end of the connection completes this body: it is BODY_UNTIL_CLOSE or BODY_TUNNEL, or
// done already.
bool http1_body_may_end_by_close(const struct http1_body *b);

// Writers: return the length of the text, and write it to `out` only when it fits in `cap`. A
// request head gets origin-form or "*", and Host first: its value is `authority`, its spelling
// `host_name`. The other fields are written as they are; the caller has added Connection, Upgrade
// and Transfer-Encoding where they are needed.
size_t http1_write_request(char *out, size_t cap, const struct http_head *head);
size_t http1_write_response(char *out, size_t cap, const struct http_head *head);
// The chunk-size line before `size` bytes of data, at most HTTP1_CHUNK_HEAD_MAX bytes. The caller
// writes CRLF after the data. `size` is not 0, which would be the last chunk.
size_t http1_write_chunk_head(char out[static HTTP1_CHUNK_HEAD_MAX], uint64_t size);
// The last chunk, the trailer fields (`trailers` NULL: none), the empty line.
size_t http1_write_last_chunk(char *out, size_t cap, const struct http_head *trailers);

// The standard reason phrase of a status, for a response that came through HTTP/2. Empty when there
// is none.
struct slice http1_reason(uint16_t status);
