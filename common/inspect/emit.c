// SPDX-License-Identifier: MIT
#include "emit.h"
#include <inttypes.h>
#include "bits.h"
#include "common/base/printable.h"
#include "common/base/utf8.h"

// One thread writes the output: it need not be locked for each byte.
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

static void put_short(FILE *out, char c)
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

// Bytes from `at` on that may stand in a string as they are.
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
            put_short(out, s.p[0]);
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

static void begin(struct emit *e, const char *name)
{
    if (e->comma)
        put(e->out, ',');
    e->comma = true;
    if (!name)
        return;
    put(e->out, '"');
    put_bytes(e->out, name, strlen(name));
    put(e->out, '"');
    put(e->out, ':');
}

void emit_open(struct emit *e, const char *name, char bracket)
{
    begin(e, name);
    put(e->out, bracket);
    e->comma = false;
}

void emit_close(struct emit *e, char bracket)
{
    put(e->out, bracket);
    e->comma = true;
}

void emit_string(struct emit *e, const char *name, struct slice s)
{
    begin(e, name);
    put_string(e->out, s);
}

void emit_base64(struct emit *e, const char *name, struct slice s)
{
    begin(e, name);
    put(e->out, '"');
    write_base64(e->out, s, 0);
    put(e->out, '"');
}

void emit_bytes(struct emit *e, const char *name, struct slice s)
{
    if (utf8_is_valid(s)) {
        emit_string(e, name, s);
        return;
    }
    emit_open(e, name, '{');
    emit_base64(e, "base64", s);
    emit_close(e, '}');
}

void emit_digest(struct emit *e, const char *name, const uint8_t *digest)
{
    static const uint8_t unknown[EMIT_DIGEST_BYTES];
    static const char digits[] = "0123456789abcdef";
    char text[2 * EMIT_DIGEST_BYTES];
    if (!digest || memcmp(digest, unknown, EMIT_DIGEST_BYTES) == 0) {
        emit_null(e, name);
        return;
    }
    for (size_t i = 0; i < EMIT_DIGEST_BYTES; i++) {
        text[2 * i] = digits[digest[i] >> 4];
        text[2 * i + 1] = digits[digest[i] & 15];
    }
    emit_string(e, name, slice_of(text, sizeof(text)));
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

void emit_int(struct emit *e, const char *name, int64_t n)
{
    begin(e, name);
    if (n < 0)
        put(e->out, '-');
    put_number(e->out, n < 0 ? 0 - (uint64_t)n : (uint64_t)n);
}

void emit_count(struct emit *e, const char *name, uint64_t n)
{
    begin(e, name);
    put_number(e->out, n);
}

void emit_ms(struct emit *e, const char *name, int64_t ns)
{
    int64_t counted = ns > 0 ? ns : 0;
    begin(e, name);
    (void)fprintf(e->out, "%" PRId64 ".%06" PRId64, counted / 1000000, counted % 1000000);
}

void emit_seconds(struct emit *e, const char *name, int64_t ns)
{
    begin(e, name);
    (void)fprintf(e->out, "%" PRId64 ".%06" PRId64, ns / 1000000000, ns / 1000 % 1000000);
}

void emit_bool(struct emit *e, const char *name, bool b)
{
    begin(e, name);
    put_bytes(e->out, b ? "true" : "false", b ? 4 : 5);
}

void emit_null(struct emit *e, const char *name)
{
    begin(e, name);
    put_bytes(e->out, "null", 4);
}

void emit_optional_bytes(struct emit *e, const char *name, struct slice s)
{
    if (s.len > 0)
        emit_bytes(e, name, s);
    else
        emit_null(e, name);
}

void emit_text(struct emit *e, const char *name, struct slice s)
{
    if (s.len > 0)
        emit_string(e, name, s);
    else
        emit_null(e, name);
}

void emit_time(struct emit *e, const char *name, int64_t ns)
{
    if (ns >= 0)
        emit_int(e, name, ns);
    else
        emit_null(e, name);
}

void emit_end(struct emit *e)
{
    put(e->out, '\n');
    e->comma = false;
}
