// SPDX-License-Identifier: MIT
// Standard output for any bytes, in pieces whose length the first byte gives: no control characters
// but line feed and tab, no character that printable_is refuses, whole UTF-8, bounded. Lines
// sanitized in place are the same kind of text.
#include <stdlib.h>
#include "common/base/output.h"
#include "common/base/printable.h"
#include "proto/utf8.h"
#include "tests/support/check.h"

struct sheet {
    char *text;
    size_t len, cap;
};

static void to_sheet(void *ctx, struct slice s)
{
    struct sheet *sheet = ctx;
    CHECK(s.len <= sheet->cap - sheet->len);
    memcpy(sheet->text + sheet->len, s.p, s.len);
    sheet->len += s.len;
}

// Checks each line: no text between line feeds and tabs needs escaping.
static void check_text(struct slice s)
{
    CHECK(utf8_is_valid(s));
    size_t begin = 0;
    for (size_t i = 0; i <= s.len; i++) {
        if (i < s.len && s.p[i] != '\n' && s.p[i] != '\t')
            continue;
        CHECK(printable_is(slice_of(s.p + begin, i - begin)));
        begin = i + 1;
    }
}

// Removes our own colour sequences.
static void take_colours_out(struct sheet *s)
{
    size_t kept = 0;
    for (size_t at = 0; at < s->len;) {
        size_t skipped = 0;
        for (size_t i = 0; i < TEXT_COLOURS; i++) {
            size_t len = strlen(output_colours[i]);
            if (s->len - at >= len && memcmp(s->text + at, output_colours[i], len) == 0)
                skipped = len;
        }
        if (skipped == 0)
            s->text[kept++] = s->text[at++];
        at += skipped;
    }
    s->len = kept;
}

static void check_stream(const char *p, size_t len, size_t step, bool colours)
{
    struct sheet sheet = {.cap = len * PRINTABLE_TEXT_MAX + 1};
    struct output_text t = {.colours = colours};
    sheet.text = malloc(sheet.cap);
    CHECK(sheet.text);
    for (size_t at = 0; at < len; at += step)
        output_text(&t, slice_of(p + at, len - at < step ? len - at : step), to_sheet, &sheet);
    output_text_end(&t, to_sheet, &sheet);
    if (colours)
        take_colours_out(&sheet);
    check_text(slice_of(sheet.text, sheet.len));
    free(sheet.text);
}

static void check_lines(const char *p, size_t len)
{
    char *lines = malloc(len + 1);
    CHECK(lines);
    memcpy(lines, p, len);
    size_t left = printable_sanitize_lines(lines, len);
    CHECK(left <= len);
    check_text(slice_of(lines, left));
    memcpy(lines, p, len);
    printable_sanitize_line(lines, len);
    CHECK(printable_ascii_len(slice_of(lines, len)) == len);
    free(lines);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    const char *p = (const char *)data + 1;
    check_stream(p, size - 1, data[0] + 1U, false);
    check_stream(p, size - 1, data[0] + 1U, true);
    check_lines(p, size - 1);
    return 0;
}
