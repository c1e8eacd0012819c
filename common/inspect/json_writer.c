// SPDX-License-Identifier: MIT
#include "json_writer.h"
#include <inttypes.h>
#include "common/base/printable.h"
#include "proto/utf8.h"
#include "write.h"

// Only one thread writes the output, so no lock is taken for each byte.
static void put(FILE *out, char c)
{
    (void)putc_unlocked(c, out);
}

static void put_bytes(FILE *out, const char *p, size_t len)
{
    (void)fwrite_unlocked(p, 1, len, out);
}

static void escape(FILE *out, unsigned c)
{
    if (c < 0x10000) {
        (void)fprintf(out, "\\u%04x", c);
        return;
    }
    c -= 0x10000;
    (void)fprintf(out, "\\u%04x\\u%04x", 0xd800 | c >> 10, 0xdc00 | (c & 0x3ff));
}

// Writes an ASCII character escaped, in two characters where JSON has a short form.
static void put_escaped(FILE *out, char c)
{
    static const char names[] = "\"\"\\\\\nn\rr\tt\bb\ff";
    for (size_t i = 0; names[i]; i += 2)
        if (names[i] == c) {
            put(out, '\\');
            put(out, names[i + 1]);
            return;
        }
    escape(out, (unsigned char)c);
}

// Bytes at the beginning of `s` that need no escape.
static size_t plain_run(struct slice s)
{
    size_t n = 0;
    while (n < s.len && s.p[n] >= ' ' && s.p[n] <= '~' && s.p[n] != '"' && s.p[n] != '\\')
        n++;
    return n;
}

static void put_string(FILE *out, struct slice s)
{
    bool is_utf8 = utf8_is_valid(s);
    struct printable p = {0};
    put(out, '"');
    while (s.len > 0) {
        size_t len = plain_run(s);
        if (len > 0) {
            put_bytes(out, s.p, len);
            p = (struct printable){.has_base = true};
        } else if ((unsigned char)s.p[0] < 0x80) {
            put_escaped(out, s.p[0]);
            p.has_base = false;
            len = 1;
        } else if (!is_utf8) {
            escape(out, (unsigned char)s.p[0]);
            len = 1;
        } else {
            struct slice rest = s;
            struct shown shown = printable_next(&p, &rest);
            len = s.len - rest.len;
            if (shown.as_is)
                put_bytes(out, s.p, len);
            else
                escape(out, utf8_code(s, len));
        }
        s = slice_of(s.p + len, s.len - len);
    }
    put(out, '"');
}

static void begin(struct json_writer *w, const char *name)
{
    if (w->comma)
        put(w->out, ',');
    w->comma = true;
    if (!name)
        return;
    put(w->out, '"');
    put_bytes(w->out, name, strlen(name));
    put(w->out, '"');
    put(w->out, ':');
}

void json_open(struct json_writer *w, const char *name, char bracket)
{
    begin(w, name);
    put(w->out, bracket);
    w->comma = false;
}

void json_close(struct json_writer *w, char bracket)
{
    put(w->out, bracket);
    w->comma = true;
}

void json_string(struct json_writer *w, const char *name, struct slice s)
{
    begin(w, name);
    put_string(w->out, s);
}

void json_base64(struct json_writer *w, const char *name, struct slice s)
{
    begin(w, name);
    put(w->out, '"');
    write_base64(w->out, s, 0);
    put(w->out, '"');
}

void json_bytes(struct json_writer *w, const char *name, struct slice s)
{
    if (utf8_is_valid(s)) {
        json_string(w, name, s);
        return;
    }
    json_open(w, name, '{');
    json_base64(w, "base64", s);
    json_close(w, '}');
}

void json_digest(struct json_writer *w, const char *name, const uint8_t *digest)
{
    static const uint8_t unknown[JSON_DIGEST_BYTES];
    static const char digits[] = "0123456789abcdef";
    char text[2 * JSON_DIGEST_BYTES];
    if (!digest || memcmp(digest, unknown, JSON_DIGEST_BYTES) == 0) {
        json_null(w, name);
        return;
    }
    for (size_t i = 0; i < JSON_DIGEST_BYTES; i++) {
        text[2 * i] = digits[digest[i] >> 4];
        text[2 * i + 1] = digits[digest[i] & 15];
    }
    json_string(w, name, slice_of(text, sizeof(text)));
}

static void put_number(FILE *out, uint64_t n)
{
    char text[20];
    size_t at = sizeof(text);
    do
        text[--at] = (char)('0' + n % 10);
    while (n /= 10);
    put_bytes(out, text + at, sizeof(text) - at);
}

void json_int(struct json_writer *w, const char *name, int64_t n)
{
    begin(w, name);
    if (n < 0)
        put(w->out, '-');
    put_number(w->out, n < 0 ? 0 - (uint64_t)n : (uint64_t)n);
}

void json_count(struct json_writer *w, const char *name, uint64_t n)
{
    begin(w, name);
    put_number(w->out, n);
}

void json_ms(struct json_writer *w, const char *name, int64_t ns)
{
    int64_t counted = ns > 0 ? ns : 0;
    begin(w, name);
    (void)fprintf(w->out, "%" PRId64 ".%06" PRId64, counted / 1000000, counted % 1000000);
}

void json_seconds(struct json_writer *w, const char *name, int64_t ns)
{
    begin(w, name);
    (void)fprintf(w->out, "%" PRId64 ".%06" PRId64, ns / 1000000000, ns / 1000 % 1000000);
}

void json_bool(struct json_writer *w, const char *name, bool b)
{
    begin(w, name);
    put_bytes(w->out, b ? "true" : "false", b ? 4 : 5);
}

void json_null(struct json_writer *w, const char *name)
{
    begin(w, name);
    put_bytes(w->out, "null", 4);
}

void json_optional_bytes(struct json_writer *w, const char *name, struct slice s)
{
    if (s.len > 0)
        json_bytes(w, name, s);
    else
        json_null(w, name);
}

void json_optional_string(struct json_writer *w, const char *name, struct slice s)
{
    if (s.len > 0)
        json_string(w, name, s);
    else
        json_null(w, name);
}

void json_optional_ns(struct json_writer *w, const char *name, int64_t ns)
{
    if (ns >= 0)
        json_int(w, name, ns);
    else
        json_null(w, name);
}

void json_end_line(struct json_writer *w)
{
    put(w->out, '\n');
    w->comma = false;
}
