// SPDX-License-Identifier: MIT
// The framing of bodies (RFC 9112 §6.3) and the chunked coding (§7.1).
#include <limits.h>
#include "chars.h"
#include "http1_internal.h"

// The framing fields of a head, collected.
struct lengths {
    bool lenient;
    const struct field *length_field, *coding_field; // the last of each
    uint64_t length;
    const char *length_fault; // a phrase; NULL: none
    size_t codings;
    bool chunked; // is the last coding
    bool coding_fault;
};

// Takes the next element of a list, empty ones included: skipping them would let obfuscated framing
// pass.
static bool next_element(struct slice *list, struct slice *element)
{
    if (!list->p)
        return false;
    const char *comma = list->len > 0 ? memchr(list->p, ',', list->len) : NULL;
    size_t len = comma ? (size_t)(comma - list->p) : list->len;
    *element = slice_trim(slice_of(list->p, len));
    *list = comma ? slice_of(comma + 1, list->len - len - 1) : (struct slice){0};
    return true;
}

static const char *add_length(struct lengths *lengths, struct slice text, bool first)
{
    uint64_t length = 0;

    if (!slice_to_u64(text, &length))
        return "a Content-Length that is no number";
    if (length > INT64_MAX)
        return "a Content-Length that is too large";
    if (!first && length != lengths->length)
        return "a second, different Content-Length";
    if (!first && !lengths->lenient)
        return "a second Content-Length";
    lengths->length = length;
    return NULL;
}

// A recipient may accept the same number repeated, in fields or in a list (RFC 9110 §8.6).
static void add_lengths(struct lengths *lengths, const struct field *f)
{
    struct slice list = f->value;
    struct slice element;
    bool first = lengths->length_field == NULL;

    if (lengths->length_fault)
        return;
    lengths->length_field = f;
    if (!lengths->lenient)
        lengths->length_fault = add_length(lengths, list, first);
    for (; lengths->lenient && !lengths->length_fault && next_element(&list, &element);
         first = false)
        lengths->length_fault = add_length(lengths, element, first);
}

// transfer-coding = token *( OWS ";" OWS parameter ); chunked takes no parameters and is the last
// (RFC 9112 §6.1, §7.1).
static bool add_coding(struct lengths *lengths, struct slice element)
{
    size_t name_len = 0;

    while (name_len < element.len && char_is(element.p[name_len], CHAR_TOKEN))
        name_len++;
    struct slice name = slice_of(element.p, name_len);
    struct slice rest = slice_trim(slice_of(element.p + name_len, element.len - name_len));
    if (name.len == 0 || (rest.len > 0 && rest.p[0] != ';') || lengths->chunked)
        return false;
    lengths->codings++;
    lengths->chunked = slice_ieq(name, SLICE("chunked"));
    return !lengths->chunked || rest.len == 0;
}

static void add_codings(struct lengths *lengths, const struct field *f)
{
    struct slice list = f->value;
    struct slice element;

    if (lengths->coding_fault)
        return;
    lengths->coding_field = f;
    while (!lengths->coding_fault && next_element(&list, &element))
        lengths->coding_fault = !add_coding(lengths, element);
}

static int fail(struct http1_cause *cause, int error, const struct field *f, const char *phrase)
{
    *cause = (struct http1_cause){f->name.p, phrase};
    return error;
}

static int settle_framing(const struct lengths *lengths, uint8_t minor_version,
                          struct body_framing *framing, struct http1_cause *cause)
{
    const struct field *length = lengths->length_field;
    const struct field *coding = lengths->coding_field;

    if (length && lengths->length_fault)
        return fail(cause, HTTP1_E_LENGTH, length, lengths->length_fault);
    if (length && coding)
        return fail(cause, HTTP1_E_LENGTH, length, "a Content-Length beside a Transfer-Encoding");
    if (coding && minor_version == 0)
        return fail(cause, HTTP1_E_CODING, coding, "a Transfer-Encoding in HTTP/1.0");
    if (coding && lengths->coding_fault)
        return fail(cause, HTTP1_E_SYNTAX, coding, "a malformed Transfer-Encoding");
    if (coding && (lengths->codings != 1 || !lengths->chunked))
        return fail(cause, HTTP1_E_CODING, coding, "a transfer coding other than chunked");
    if (length)
        *framing = (struct body_framing){BODY_LENGTH, lengths->length};
    else if (coding)
        framing->kind = BODY_CHUNKED;
    return 0;
}

int http1_field_framing(const struct http_head *head, bool lenient, struct body_framing *framing,
                        struct http1_cause *cause)
{
    struct lengths lengths = {.lenient = lenient};

    *framing = (struct body_framing){BODY_NONE, 0};
    for (size_t i = 0; i < head->field_count; i++) {
        const struct field *f = &head->fields[i];
        if (f->name.len == 14 && slice_ieq(f->name, SLICE("content-length")))
            add_lengths(&lengths, f);
        else if (f->name.len == 17 && slice_ieq(f->name, SLICE("transfer-encoding")))
            add_codings(&lengths, f);
    }
    return settle_framing(&lengths, head->minor_version, framing, cause);
}

int http1_request_framing(const struct http_head *head, struct body_framing *framing)
{
    struct http1_cause cause;

    return http1_field_framing(head, false, framing, &cause);
}

int http1_response_framing(const struct http_head *head, struct slice request_method,
                           struct body_framing *framing)
{
    struct http1_cause cause;
    bool bodyless = http1_is_bodyless(head->status);
    int error = bodyless ? 0 : http1_field_framing(head, true, framing, &cause);

    if (error)
        return error;
    bool success = head->status >= 200 && head->status < 300;
    if (head->status == 101 || (success && slice_eq(request_method, SLICE("CONNECT"))))
        *framing = (struct body_framing){BODY_TUNNEL, 0};
    else if (bodyless || head->status == 304 || slice_eq(request_method, SLICE("HEAD")))
        *framing = (struct body_framing){BODY_NONE, 0};
    else if (framing->kind == BODY_NONE)
        framing->kind = BODY_UNTIL_CLOSE;
    return 0;
}

// chunk-size [ chunk-ext ] CRLF, byte by byte (RFC 9112 §7.1.1):
// chunk-ext = *( BWS ";" BWS token [ BWS "=" BWS ( token / quoted-string ) ] )
enum line_class {
    C_HEX,
    C_TOKEN,
    C_SPACE,
    C_SEMICOLON,
    C_EQUALS,
    C_QUOTE,
    C_BACKSLASH,
    C_OTHER,
    C_CR,
    C_LF,
    C_BAD
};

enum line_state {
    L_START,      // the first digit
    L_SIZE,       // digits
    L_GAP,        // ";" after space
    L_NAME_START, // an extension's name
    L_NAME,
    L_NAME_GAP, // "=" or ";" after space
    L_VALUE_START,
    L_VALUE,
    L_QUOTED,
    L_ESCAPED,    // the byte after a backslash
    L_QUOTED_END, // CR, ";" or space after a quoted string
    L_LF,
    L_DONE,
    L_BAD,
};

// clang-format off
static const uint8_t line_next[L_DONE][C_BAD + 1] = {
    //                 hex            token          space          ;             =              "             backslash  other     CR     LF      bad
    [L_START] =       {L_SIZE,        L_BAD,         L_BAD,         L_BAD,        L_BAD,         L_BAD,        L_BAD,     L_BAD,    L_BAD, L_BAD,  L_BAD},
    [L_SIZE] =        {L_SIZE,        L_BAD,         L_GAP,         L_NAME_START, L_BAD,         L_BAD,        L_BAD,     L_BAD,    L_LF,  L_BAD,  L_BAD},
    [L_GAP] =         {L_BAD,         L_BAD,         L_GAP,         L_NAME_START, L_BAD,         L_BAD,        L_BAD,     L_BAD,    L_BAD, L_BAD,  L_BAD},
    [L_NAME_START] =  {L_NAME,        L_NAME,        L_NAME_START,  L_BAD,        L_BAD,         L_BAD,        L_BAD,     L_BAD,    L_BAD, L_BAD,  L_BAD},
    [L_NAME] =        {L_NAME,        L_NAME,        L_NAME_GAP,    L_NAME_START, L_VALUE_START, L_BAD,        L_BAD,     L_BAD,    L_LF,  L_BAD,  L_BAD},
    [L_NAME_GAP] =    {L_BAD,         L_BAD,         L_NAME_GAP,    L_NAME_START, L_VALUE_START, L_BAD,        L_BAD,     L_BAD,    L_BAD, L_BAD,  L_BAD},
    [L_VALUE_START] = {L_VALUE,       L_VALUE,       L_VALUE_START, L_BAD,        L_BAD,         L_QUOTED,     L_BAD,     L_BAD,    L_BAD, L_BAD,  L_BAD},
    [L_VALUE] =       {L_VALUE,       L_VALUE,       L_GAP,         L_NAME_START, L_BAD,         L_BAD,        L_BAD,     L_BAD,    L_LF,  L_BAD,  L_BAD},
    [L_QUOTED] =      {L_QUOTED,      L_QUOTED,      L_QUOTED,      L_QUOTED,     L_QUOTED,      L_QUOTED_END, L_ESCAPED, L_QUOTED, L_BAD, L_BAD,  L_BAD},
    [L_ESCAPED] =     {L_QUOTED,      L_QUOTED,      L_QUOTED,      L_QUOTED,     L_QUOTED,      L_QUOTED,     L_QUOTED,  L_QUOTED, L_BAD, L_BAD,  L_BAD},
    [L_QUOTED_END] =  {L_BAD,         L_BAD,         L_GAP,         L_NAME_START, L_BAD,         L_BAD,        L_BAD,     L_BAD,    L_LF,  L_BAD,  L_BAD},
    [L_LF] =          {L_BAD,         L_BAD,         L_BAD,         L_BAD,        L_BAD,         L_BAD,        L_BAD,     L_BAD,    L_BAD, L_DONE, L_BAD},
};
// clang-format on

static enum line_class classify(char c)
{
    switch (c) {
    case ' ':
    case '\t': return C_SPACE;
    case ';': return C_SEMICOLON;
    case '=': return C_EQUALS;
    case '"': return C_QUOTE;
    case '\\': return C_BACKSLASH;
    case '\r': return C_CR;
    case '\n': return C_LF;
    default: break;
    }
    if (char_is(c, CHAR_HEX))
        return C_HEX;
    if (char_is(c, CHAR_TOKEN))
        return C_TOKEN;
    return char_is(c, CHAR_VALUE) ? C_OTHER : C_BAD;
}

static bool add_digit(struct http1_body *b, char c)
{
    if (b->line_bytes >= HTTP1_CHUNK_DIGITS_MAX || b->remaining > INT64_MAX >> 4)
        return false;
    b->remaining = b->remaining << 4 | char_hex(c);
    return true;
}

// Consumes bytes of a chunk-size line. Bytes before an invalid one are consumed first, so that the
// invalid one is the first of the next call.
static int feed_size_line(struct http1_body *b, const char *buf, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        uint8_t next = line_next[b->line_state][classify(buf[i])];
        if (next == L_BAD || b->line_bytes >= HTTP1_CHUNK_LINE_MAX ||
            (next == L_SIZE && !add_digit(b, buf[i])))
            return i > 0 ? (int)i : HTTP1_E_CHUNK;
        b->line_bytes++;
        b->line_state = next;
        if (next != L_DONE)
            continue;
        b->line_state = L_START;
        b->line_bytes = 0;
        b->state = b->remaining > 0 ? HTTP1_BODY_DATA : HTTP1_BODY_TRAILERS;
        return (int)i + 1;
    }
    return (int)len;
}

static int feed_chunk_end(struct http1_body *b, char c)
{
    if (c != (b->line_bytes == 0 ? '\r' : '\n'))
        return HTTP1_E_CHUNK;
    b->line_bytes = b->line_bytes == 0 ? 1 : 0;
    if (b->line_bytes == 0)
        b->state = HTTP1_BODY_CHUNK_SIZE;
    return 1;
}

static int feed_data(struct http1_body *b, const char *buf, size_t len, struct slice *data)
{
    bool counted = b->kind == BODY_LENGTH || b->kind == BODY_CHUNKED;

    if (counted && len > b->remaining)
        len = (size_t)b->remaining;
    *data = slice_of(buf, len);
    if (!counted)
        return (int)len;
    b->remaining -= len;
    if (b->remaining == 0)
        b->state = b->kind == BODY_CHUNKED ? HTTP1_BODY_CHUNK_END : HTTP1_BODY_DONE;
    return (int)len;
}

static int feed_trailers(struct http1_body *b, struct slice in, const struct http1_limits *limits,
                         struct http_head *trailers)
{
    int size = http1_find_end(in.p, in.len, &b->scanned, limits->head_bytes, false);

    if (size <= 0)
        return size;
    head_init(trailers);
    int error = http1_parse_fields(in.p, in.p + size, limits->fields, trailers);
    if (error)
        return error;
    b->state = HTTP1_BODY_DONE;
    return size;
}

void http1_body_init(struct http1_body *b, const struct body_framing *framing)
{
    *b = (struct http1_body){.kind = framing->kind, .state = HTTP1_BODY_DATA};
    if (framing->kind == BODY_LENGTH)
        b->remaining = framing->length;
    if (framing->kind == BODY_CHUNKED)
        b->state = HTTP1_BODY_CHUNK_SIZE;
    else if (framing->kind == BODY_NONE || (framing->kind == BODY_LENGTH && framing->length == 0))
        b->state = HTTP1_BODY_DONE;
}

// NOLINTNEXTLINE(readability-function-size): six parameters, two of them results
int http1_body_feed(struct http1_body *b, const char *buf, size_t len,
                    const struct http1_limits *limits, struct slice *data,
                    struct http_head *trailers)
{
    size_t used = 0;

    *data = slice_of(buf, 0);
    if (len > INT_MAX)
        len = INT_MAX;
    // Continue past the data, up to its next piece: the end of the body is often in the same bytes.
    while (used < len && !(b->state == HTTP1_BODY_DATA && data->len > 0)) {
        const char *p = buf + used;
        int n = 0;
        switch (b->state) {
        case HTTP1_BODY_DATA: n = feed_data(b, p, len - used, data); break;
        case HTTP1_BODY_CHUNK_SIZE: n = feed_size_line(b, p, len - used); break;
        case HTTP1_BODY_CHUNK_END: n = feed_chunk_end(b, *p); break;
        case HTTP1_BODY_TRAILERS:
            n = feed_trailers(b, slice_of(p, len - used), limits, trailers);
            break;
        case HTTP1_BODY_DONE: break;
        }
        if (n < 0 && used == 0)
            return n;
        if (n <= 0)
            break;
        used += (size_t)n;
    }
    return (int)used;
}

bool http1_body_may_end_by_close(const struct http1_body *b)
{
    return b->state == HTTP1_BODY_DONE || b->kind == BODY_UNTIL_CLOSE || b->kind == BODY_TUNNEL;
}
