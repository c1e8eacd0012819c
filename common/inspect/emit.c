// SPDX-License-Identifier: MIT
#include "emit.h"
#include <inttypes.h>
#include "bits.h"
#include "common/printable.h"
#include "common/utf8.h"

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
            (void)fputc('\\', out);
            (void)fputc(names[i + 1], out);
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
    bool is_utf8 = utf8_is(s);
    struct printable p = {0};
    (void)fputc('"', out);
    while (s.len > 0) {
        size_t len = plain_run(s);
        if (len > 0) {
            (void)fwrite(s.p, 1, len, out);
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
                (void)fwrite(s.p, 1, len, out);
            else
                escape(out, utf8_code(s, len));
        }
        s = slice_of(s.p + len, s.len - len);
    }
    (void)fputc('"', out);
}

static void begin(struct emit *e, const char *name)
{
    if (e->comma)
        (void)fputc(',', e->out);
    e->comma = true;
    if (!name)
        return;
    put_string(e->out, slice_str(name));
    (void)fputc(':', e->out);
}

void emit_open(struct emit *e, const char *name, char bracket)
{
    begin(e, name);
    (void)fputc(bracket, e->out);
    e->comma = false;
}

void emit_close(struct emit *e, char bracket)
{
    (void)fputc(bracket, e->out);
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
    (void)fputc('"', e->out);
    write_base64(e->out, s, 0);
    (void)fputc('"', e->out);
}

void emit_bytes(struct emit *e, const char *name, struct slice s)
{
    if (utf8_is(s)) {
        emit_string(e, name, s);
        return;
    }
    emit_open(e, name, '{');
    emit_base64(e, "base64", s);
    emit_close(e, '}');
}

void emit_hex(struct emit *e, const char *name, struct slice s)
{
    begin(e, name);
    (void)fputc('"', e->out);
    for (size_t i = 0; i < s.len; i++)
        (void)fprintf(e->out, "%02x", (unsigned char)s.p[i]);
    (void)fputc('"', e->out);
}

void emit_int(struct emit *e, const char *name, int64_t n)
{
    begin(e, name);
    (void)fprintf(e->out, "%" PRId64, n);
}

void emit_count(struct emit *e, const char *name, uint64_t n)
{
    begin(e, name);
    (void)fprintf(e->out, "%" PRIu64, n);
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
    (void)fputs(b ? "true" : "false", e->out);
}

void emit_null(struct emit *e, const char *name)
{
    begin(e, name);
    (void)fputs("null", e->out);
}

void emit_optional(struct emit *e, const char *name, struct slice s)
{
    if (s.len > 0)
        emit_bytes(e, name, s);
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
