// SPDX-License-Identifier: MIT
// HTTP/1.1 messages, strictly (RFC 9112; heads of responses less so): heads, the framing of bodies,
// the chunked coding, writing. Return contract of the parsers: > 0 bytes consumed, 0 needs more
// bytes, < 0 an http1_error.
#pragma once
#include "message.h"

// With the status that answers a request. From an upstream each is a 502.
enum http1_error {
    HTTP1_E_SYNTAX = -1,          // 400: not RFC 9112
    HTTP1_E_HEAD_TOO_LARGE = -2,  // 431
    HTTP1_E_TOO_MANY_FIELDS = -3, // 431
    HTTP1_E_VERSION = -4,         // 505: an HTTP version other than 1.x
    HTTP1_E_HOST = -5,            // 400: no Host, more than one, or none that is a host (§3.2)
    HTTP1_E_LENGTH = -6,          // 400: Content-Length no number, repeated, or beside a coding
    HTTP1_E_CODING = -7,          // 501: a transfer coding other than chunked (§6.1)
    HTTP1_E_CHUNK = -8,           // 400: the chunked coding is broken
    HTTP1_E_METHOD = -9,          // 501: CONNECT, which no reverse proxy takes
    HTTP1_E_TARGET = -10,         // 414: the request line alone is over the limit (§3)
};

const char *http1_strerror(int error);

struct http1_limits {
    size_t head_bytes; // start line and fields together, the empty line included
    size_t fields;     // at most MESSAGE_FIELDS_CAP
};

// Parses a whole request head out of buf. `scanned` is the number of bytes already seen without
// finding the end of the head (start with 0): it is kept by the caller between calls so that a slow
// head costs linear time. It is 0 again after success.
//
// On success the slices of `head` point into buf (or at literals) and field values are trimmed.
// `target` is as sent and `authority` is Host's value, empty when an HTTP/1.0 request has none. An
// absolute-form is split into `scheme`, `authority`, which also replaces the value of Host (RFC
// 9112 §3.2.2), and `target`: without a path that is "/", "*" for OPTIONS, or the query, "?…",
// before which the writer puts the "/". `upgrade` is set from Upgrade when Connection lists it and
// the version is 1.1. One leading empty line is skipped (§2.2).
//
// Bare CR, bare LF, NUL, obs-fold, space before the colon, controls in values: HTTP1_E_SYNTAX. A
// first byte that begins no head, and a bare LF, are refused before the head is whole.
int http1_parse_request(const char *buf, size_t len, size_t *scanned,
                        const struct http1_limits *limits, struct http_head *head);

// The same for a response head (1xx included). `reason` may be empty. `upgrade` is set for a 101,
// which must have it, and for a 426, which should (RFC 9110 §15.5.22). Framing that contradicts
// itself is an error already here.
//
// What is odd but can mean one thing only is taken (docs/protocol.md §6): bare LF at line ends,
// empty lines before the status line, white space between its words, a colon behind the status,
// space before the colon of a field, folded values, and equal lengths. Values are unfolded in `buf`
// itself, once the head is known to be right: its memory must be the caller's to write.
int http1_parse_response(const char *buf, size_t len, size_t *scanned,
                         const struct http1_limits *limits, struct http_head *head);

// The same in two steps, for a caller that may still refuse the head and keeps the bytes that came:
// reading changes none of them. The values, that of `upgrade` too, may hold folds until
// http1_unfold has been called: nothing may be passed on before.
int http1_read_response(const char *buf, size_t len, size_t *scanned,
                        const struct http1_limits *limits, struct http_head *head);
void http1_unfold(struct http_head *head);

// What is wrong with bytes that are no response head, and where.
struct http1_fault {
    const char *what; // a phrase: "a second, different Content-Length"
    size_t at;        // bytes before it
};

// For bytes that one of these has just refused. False when it finds nothing wrong.
bool http1_explain_response(struct slice bytes, const struct http1_limits *limits,
                            struct http1_fault *fault);

// The framing of a request's body (RFC 9112 §6.3). Returns 0 or an http1_error. A Transfer-Encoding
// in HTTP/1.0 is HTTP1_E_CODING.
int http1_request_framing(const struct http_head *head, struct body_framing *framing);

// The framing of the response to a request of this method. A 101 is BODY_TUNNEL; HEAD, 1xx, 204,
// 304 are BODY_NONE. Equal lengths are one; what a 1xx or 204 says of a body does not count.
int http1_response_framing(const struct http_head *head, struct slice request_method,
                           struct body_framing *framing);

// Whether the sender of this head will keep the connection (RFC 9112 §9.3), and it is worth
// keeping: behind a 204 that tells of a body one may come.
bool http1_keeps_alive(const struct http_head *head);

// What a body decoder waits for.
enum http1_body_state {
    HTTP1_BODY_DATA,       // bytes of the body or of the chunk
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
    HTTP1_CHUNK_HEAD_MAX = 20,   // what http1_write_chunk_head needs
};

void http1_body_init(struct http1_body *b, const struct body_framing *framing);

// Takes bytes off buf. Returns what it consumed (> 0), 0 when it needs more, or an http1_error.
// *data is a slice of buf that is body (perhaps empty). When the state turns HTTP1_BODY_DONE after
// a chunked body, `trailers` holds the trailer fields, pointing into buf. The trailer section must
// be whole in buf to be consumed. Call again until it returns 0 or is done.
int http1_body_feed(struct http1_body *b, const char *buf, size_t len,
                    const struct http1_limits *limits, struct slice *data,
                    struct http_head *trailers);

static inline bool http1_body_done(const struct http1_body *b)
{
    return b->state == HTTP1_BODY_DONE;
}

// Whether the end of the connection ends this body properly (BODY_UNTIL_CLOSE, BODY_TUNNEL, or
// already done).
bool http1_body_may_end_by_close(const struct http1_body *b);

// Writers: put the text at `out` when it fits in `cap`. They return its length either way; nothing
// is written when it doesn't fit. A request head is written in origin-form (or "*") with Host
// first, made of `authority` and spelled as `host_name` has it. Field values are written as they
// are; Connection, Upgrade and Transfer-Encoding are fields like others: who writes a head has put
// them there.
size_t http1_write_request(char *out, size_t cap, const struct http_head *head);
size_t http1_write_response(char *out, size_t cap, const struct http_head *head);
// "SIZE CRLF" before `size` bytes of chunk data, which the caller follows with CRLF. `size` is not
// 0: that is the last chunk. At most HTTP1_CHUNK_HEAD_MAX bytes.
size_t http1_write_chunk_head(char out[static 20], uint64_t size);
// The last chunk, the trailer fields (NULL: none), the empty line.
size_t http1_write_last_chunk(char *out, size_t cap, const struct http_head *trailers);

// The standard reason phrase of a status, for a response that lost its own on its way through
// HTTP/2. Empty when it has none.
struct slice http1_reason(uint16_t status);
