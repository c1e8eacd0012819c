// SPDX-License-Identifier: MIT
#include "output.h"
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>
#include "proto/utf8.h"

const char *const output_colours[TEXT_COLOURS] = {
    [TEXT_PLAIN] = "\033[0m", [TEXT_BOLD] = "\033[1m",   [TEXT_DIM] = "\033[2m",
    [TEXT_RED] = "\033[31m",  [TEXT_GREEN] = "\033[32m", [TEXT_YELLOW] = "\033[33m",
    [TEXT_CYAN] = "\033[36m",
};

enum {
    CHUNK_BYTES = 4096
};

struct stream {
    int fd;
    bool exact;
    struct output_text text;
    char chunk[CHUNK_BYTES]; // escaped, not written yet
    size_t len;
    int error;  // errno of the current write
    int failed; // errno of the first failed write
};

// NOLINTNEXTLINE(cppcoreguidelines-avoid-non-const-global-variables): like stdout and stderr
static struct stream out = {.fd = STDOUT_FILENO}, err = {.fd = STDERR_FILENO};

size_t output_colour_len(struct slice s, bool *cut)
{
    for (size_t i = 0; i < TEXT_COLOURS; i++) {
        struct slice c = slice_str(output_colours[i]);
        size_t len = s.len < c.len ? s.len : c.len;
        if (memcmp(s.p, c.p, len) != 0)
            continue;
        if (len == c.len)
            return len;
        *cut = true;
    }
    return 0;
}

// Takes the next character or sequence off `s`. False: it is incomplete, and not `last`.
static bool take_one(struct output_text *t, struct slice *s, bool last, output_sink *sink,
                     void *ctx)
{
    bool cut = utf8_is_truncated(*s) || (s->p[0] == '\r' && s->len == 1);
    size_t len = t->colours ? output_colour_len(*s, &cut) : 0;
    if (cut && !last)
        return false;
    if (s->p[0] == '\r' && s->len > 1 && s->p[1] == '\n')
        *s = slice_of(s->p + 1, s->len - 1);
    if (s->p[0] == '\n' || s->p[0] == '\t') {
        t->shown.has_base = false;
        len = 1;
    }
    if (len == 0) {
        sink(ctx, printable_next(&t->shown, s).text);
        return true;
    }
    sink(ctx, slice_of(s->p, len));
    *s = slice_of(s->p + len, s->len - len);
    return true;
}

static void take_plain(struct output_text *t, struct slice *s, output_sink *sink, void *ctx)
{
    size_t len = printable_ascii_len(*s);
    if (len == 0)
        return;
    sink(ctx, slice_of(s->p, len));
    *s = slice_of(s->p + len, s->len - len);
    t->shown.has_base = true;
    t->shown.marks = 0;
}

void output_text(struct output_text *t, struct slice s, output_sink *sink, void *ctx)
{
    while (t->held_len > 0 && s.len > 0) {
        t->held[t->held_len++] = *s.p;
        s = slice_of(s.p + 1, s.len - 1);
        struct slice held = slice_of(t->held, t->held_len);
        while (held.len > 0 && take_one(t, &held, false, sink, ctx))
            continue;
        memmove(t->held, held.p, held.len);
        t->held_len = held.len;
    }
    for (bool whole = true; s.len > 0 && whole;) {
        take_plain(t, &s, sink, ctx);
        whole = s.len > 0 && take_one(t, &s, false, sink, ctx);
    }
    if (s.len > 0)
        memcpy(t->held, s.p, s.len);
    t->held_len += s.len;
}

void output_text_end(struct output_text *t, output_sink *sink, void *ctx)
{
    struct slice held = slice_of(t->held, t->held_len);
    while (held.len > 0)
        (void)take_one(t, &held, true, sink, ctx);
    t->held_len = 0;
}

static void write_bytes(struct stream *s, const char *p, size_t len)
{
    while (len > 0 && !s->error) {
        ssize_t n = write(s->fd, p, len);
        if (n >= 0) {
            p += n;
            len -= (size_t)n;
        } else if (errno != EINTR) {
            s->error = errno;
            s->failed = s->failed ? s->failed : errno;
        }
    }
}

static void append_chunk(void *ctx, struct slice shown)
{
    struct stream *s = ctx;
    if (shown.len > CHUNK_BYTES - s->len) {
        write_bytes(s, s->chunk, s->len);
        s->len = 0;
    }
    if (shown.len > CHUNK_BYTES) {
        write_bytes(s, shown.p, shown.len);
        return;
    }
    memcpy(s->chunk + s->len, shown.p, shown.len);
    s->len += shown.len;
}

static ssize_t on_write(void *cookie, const char *bytes, size_t len)
{
    struct stream *s = cookie;
    s->error = 0;
    if (s->exact)
        write_bytes(s, bytes, len);
    else
        output_text(&s->text, slice_of(bytes, len), append_chunk, s);
    write_bytes(s, s->chunk, s->len);
    s->len = 0;
    errno = s->error;
    return s->error ? 0 : (ssize_t)len;
}

static FILE *replace(struct stream *s, int mode)
{
    const cookie_io_functions_t io = {.write = on_write};
    FILE *file = fopencookie(s, "w", io);
    s->text.colours = isatty(s->fd) == 1;
    if (file)
        (void)setvbuf(file, NULL, mode, 0);
    return file;
}

// Writes an incomplete character at the very end, escaped.
static void end(void)
{
    (void)fflush(stdout);
    output_text_end(&out.text, append_chunk, &out);
    write_bytes(&out, out.chunk, out.len);
}

bool output_begin(void)
{
    FILE *to_out = replace(&out, isatty(STDOUT_FILENO) == 1 ? _IOLBF : _IOFBF);
    FILE *to_err = replace(&err, _IONBF);
    if (!to_out || !to_err)
        return false;
    stdout = to_out;
    stderr = to_err;
    return atexit(end) == 0;
}

void output_exact(bool force)
{
    (void)fflush(stdout);
    out.exact = force || isatty(STDOUT_FILENO) != 1;
}

int output_failed(void)
{
    return out.failed;
}

void output_status_line(const char *line)
{
    (void)fflush(stderr);
    write_bytes(&err, "\r\033[K", 4);
    (void)fputs(line, stderr);
}

void output_line(FILE *stream, const char *format, ...)
{
    char line[OUTPUT_LINE_MAX];
    char text[4 * OUTPUT_LINE_MAX + 1]; // \xHH for each byte
    size_t len = 0;
    struct printable p = {0};
    va_list args;
    va_start(args, format);
    (void)vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    for (struct slice s = slice_str(line); s.len > 0;) {
        struct shown shown = printable_next(&p, &s);
        size_t room = sizeof(text) - 1 - len;
        size_t part = shown.text.len < room ? shown.text.len : room;
        memcpy(text + len, shown.text.p, part);
        len += part;
    }
    text[len++] = '\n';
    // One write: an unbuffered stream would make several, and the log's thread could write between.
    if (stream == stderr)
        (void)on_write(&err, text, len);
    else
        (void)fwrite(text, 1, len, stream);
}

int output_fd(FILE *stream)
{
    return stream == stdout ? out.fd : stream == stderr ? err.fd : fileno(stream);
}
