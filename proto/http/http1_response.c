// SPDX-License-Identifier: MIT
// Response heads. Deviations of a service with only one meaning are repaired: the recipient gets a
// clean head and cannot read it differently. Requests are not repaired (http1_head.c), because
// another proxy may have read them differently before us.
#include <limits.h>
#include "http1_internal.h"

enum {
    EMPTY_LINES_MAX = 8 // before the status line
};

// A cursor in a whole head, from the status line to the empty line. Each line is known to end with
// LF.
struct reader {
    const char *start; // of the input; the origin of http1_fault.at
    const char *p, *end;
    bool folded; // a value contains obs-fold
    struct http1_fault fault;
};

static int fail(struct reader *r, int error, const char *at, const char *phrase)
{
    r->fault = (struct http1_fault){.at = (size_t)(at - r->start), .phrase = phrase};
    return error;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

static void skip_space(struct reader *r)
{
    while (is_space(*r->p))
        r->p++;
}

// CRLF or a bare LF (RFC 9112 §2.2).
static bool take_end(struct reader *r)
{
    const char *p = r->p + (*r->p == '\r');
    if (*p != '\n')
        return false;
    r->p = p + 1;
    return true;
}

static int fail_in_text(struct reader *r)
{
    const char *phrase = *r->p == '\r' ? "a CR without LF"
                         : *r->p == 0  ? "a NUL"
                                       : "a control character";
    return fail(r, HTTP1_E_SYNTAX, r->p, phrase);
}

// HTTP-version SP status-code SP [ reason-phrase ] (RFC 9112 §4). Accepts any white space for SP, a
// missing second SP, and a colon after the status.
static int take_status_line(struct reader *r, struct http_head *head)
{
    int error = http1_take_version(&r->p, r->end, head);
    if (error == HTTP1_E_VERSION)
        return fail(r, error, r->p, "a version other than HTTP/1.x");
    if (error)
        return fail(r, error, r->p, "no HTTP version");
    const char *behind = r->p;
    skip_space(r);
    const char *status = r->p;
    for (int i = 0; i < 3; i++, r->p++)
        if (r->p == behind || *r->p < (i == 0 ? '1' : '0') || *r->p > '9')
            return fail(r, HTTP1_E_SYNTAX, status, "a status that is not three digits");
    head->status = (uint16_t)((status[0] - '0') * 100 + (status[1] - '0') * 10 + (status[2] - '0'));
    r->p += *r->p == ':';
    if (r->p == status + 3 && !is_space(*r->p) && *r->p != '\r' && *r->p != '\n')
        return fail(r, HTTP1_E_SYNTAX, status, "a status that is not three digits");
    r->p += is_space(*r->p);
    head->reason = take(&r->p, CHAR_VALUE);
    return take_end(r) ? 0 : fail_in_text(r);
}

static int take_name(struct reader *r, struct slice *name)
{
    const char *start = r->p;
    *name = take(&r->p, CHAR_TOKEN);
    if (name->len > 0)
        skip_space(r); // RFC 9112 §5.1: a proxy must remove it
    if (*r->p == ':' && name->len > 0) {
        r->p++;
        return 0;
    }
    if (is_space(*start))
        return fail(r, HTTP1_E_SYNTAX, start, "white space before the first field");
    if (*r->p == ':')
        return fail(r, HTTP1_E_SYNTAX, start, "a field without a name");
    if (*r->p == '\n' || (r->p[0] == '\r' && r->p[1] == '\n'))
        return fail(r, HTTP1_E_SYNTAX, start, "a field line without a colon");
    return fail(r, HTTP1_E_SYNTAX, r->p, "an invalid character in a field name");
}

// Trims white space and folds at both ends.
static struct slice trim_folded(struct slice s)
{
    while (s.len > 0 && (is_space(s.p[0]) || s.p[0] == '\r' || s.p[0] == '\n'))
        s.p++, s.len--;
    while (s.len > 0 &&
           (is_space(s.p[s.len - 1]) || s.p[s.len - 1] == '\r' || s.p[s.len - 1] == '\n'))
        s.len--;
    return s;
}

// Takes a value, which continues on the next line if that begins with white space (obs-fold).
static int take_folded_value(struct reader *r, struct slice *value)
{
    const char *start = r->p;
    for (;;) {
        struct slice line = take_value(&r->p, r->end);
        const char *line_end = line.p + line.len;
        if (!take_end(r))
            return fail_in_text(r);
        if (!is_space(*r->p)) {
            *value = trim_folded(slice_of(start, (size_t)(line_end - start)));
            return 0;
        }
        r->folded = true;
    }
}

static int take_fields(struct reader *r, size_t max, struct http_head *head)
{
    if (max > MESSAGE_FIELDS_CAP)
        max = MESSAGE_FIELDS_CAP;
    while (*r->p != '\n' && !(r->p[0] == '\r' && r->p[1] == '\n')) {
        if (head->field_count >= max)
            return fail(r, HTTP1_E_TOO_MANY_FIELDS, r->p, "too many fields");
        struct field *f = &head->fields[head->field_count++];
        int error = take_name(r, &f->name);
        if (!error)
            error = take_folded_value(r, &f->value);
        if (error)
            return error;
    }
    return 0;
}

// Replaces each fold with a space (RFC 9112 §5.2), in place.
static struct slice unfold(struct slice value)
{
    char *to = (char *)(uintptr_t)value.p; // in the caller's buffer, which is writable
    size_t len = 0;
    if (value.len == 0 || !memchr(value.p, '\n', value.len))
        return value;
    for (size_t i = 0; i < value.len;) {
        bool fold = value.p[i] == '\r' || value.p[i] == '\n';
        if (!fold) {
            to[len++] = value.p[i++];
            continue;
        }
        while (is_space(to[len - 1]))
            len--; // stops, since a trimmed value does not begin with a fold
        while (is_space(value.p[i]) || value.p[i] == '\r' || value.p[i] == '\n')
            i++; // stops, since a trimmed value does not end with a fold
        to[len++] = ' ';
    }
    return slice_of(value.p, len);
}

// Upgrade has this meaning in a 101 and a 426 only (RFC 9110 §15.2.2, §15.5.22).
static struct slice upgrade_of(const struct http_head *head)
{
    if (head->status != 101 && head->status != 426)
        return (struct slice){0};
    const struct field *upgrade = head_find(head, SLICE("upgrade"));
    return upgrade ? upgrade->value : (struct slice){0};
}

static int read_head(struct reader *r, const struct http1_limits *limits, struct http_head *head)
{
    struct body_framing framing;
    struct http1_cause cause = {0};
    head_init(head);
    int error = take_status_line(r, head);
    if (!error)
        error = take_fields(r, limits->fields, head);
    if (!error && !http1_is_bodyless(head->status)) {
        error = http1_field_framing(head, true, &framing, &cause);
        if (error)
            return fail(r, error, cause.at, cause.phrase);
    }
    if (!error && head->status == 101 && upgrade_of(head).len == 0)
        error = fail(r, HTTP1_E_SYNTAX, r->start, "a 101 without Upgrade");
    if (error)
        return error;
    head->folded = r->folded;
    head->upgrade = upgrade_of(head);
    return 0;
}

void http1_unfold(struct http_head *head)
{
    if (!head->folded)
        return;
    for (size_t i = 0; i < head->field_count; i++)
        head->fields[i].value = unfold(head->fields[i].value);
    head->upgrade = upgrade_of(head);
    head->folded = false;
}

// The length of the empty lines before the status line.
static size_t empty_lines(const char *buf, size_t len)
{
    size_t at = 0;
    for (int i = 0; i < EMPTY_LINES_MAX && at < len; i++) {
        size_t cr = buf[at] == '\r' && len - at > 1;
        if (buf[at + cr] != '\n')
            break;
        at += cr + 1;
    }
    return at;
}

// http1_find_end for lines that may end with a bare LF.
static int find_end(struct slice in, size_t *scanned, size_t limit)
{
    if (limit > INT_MAX)
        limit = INT_MAX;
    size_t in_reach = in.len < limit ? in.len : limit;
    size_t from = *scanned < in_reach ? *scanned : in_reach;
    while (from < in_reach) {
        const char *lf = memchr(in.p + from, '\n', in_reach - from);
        if (!lf)
            break;
        from = (size_t)(lf - in.p) + 1;
        const char *before = lf > in.p && lf[-1] == '\r' ? lf - 1 : lf;
        if (before > in.p && before[-1] == '\n')
            return (int)from;
    }
    *scanned = in_reach;
    return in.len >= limit ? HTTP1_E_HEAD_TOO_LARGE : 0;
}

static int parse(const char *buf, size_t len, size_t *scanned, const struct http1_limits *limits,
                 struct reader *r)
{
    static const char name[] = "HTTP/";
    size_t skipped = empty_lines(buf, len);
    struct slice in = slice_of(buf + skipped, len - skipped);
    r->start = buf;
    r->p = in.p;
    // Refuse another protocol at its first bytes: SSH and others greet first.
    if (memcmp(in.p, name, in.len < 5 ? in.len : 5) != 0 && !(in.len == 1 && *in.p == '\r'))
        return fail(r, HTTP1_E_SYNTAX, in.p, "no HTTP version");
    size_t behind = *scanned > skipped ? *scanned - skipped : 0;
    int size = find_end(in, &behind, limits->head_bytes);
    *scanned = behind + skipped;
    if (size < 0)
        return fail(r, size, in.p + behind, "head too large");
    r->end = in.p + size;
    return size > 0 ? size + (int)skipped : 0;
}

int http1_read_response(const char *buf, size_t len, size_t *scanned,
                        const struct http1_limits *limits, struct http_head *head)
{
    struct reader r = {0};
    if (len == 0)
        return 0;
    int size = parse(buf, len, scanned, limits, &r);
    if (size <= 0)
        return size;
    int error = read_head(&r, limits, head);
    if (error)
        return error;
    *scanned = 0;
    return size;
}

int http1_parse_response(const char *buf, size_t len, size_t *scanned,
                         const struct http1_limits *limits, struct http_head *head)
{
    int size = http1_read_response(buf, len, scanned, limits, head);
    if (size > 0)
        http1_unfold(head);
    return size;
}

bool http1_explain_response(struct slice bytes, const struct http1_limits *limits,
                            struct http1_fault *fault)
{
    struct http_head head;
    struct reader r = {0};
    size_t scanned = 0;
    int size = bytes.len > 0 ? parse(bytes.p, bytes.len, &scanned, limits, &r) : 0;
    if (size > 0)
        (void)read_head(&r, limits, &head);
    *fault = r.fault;
    return r.fault.phrase != NULL;
}
