// SPDX-License-Identifier: MIT
// Lines of the file of names: a parsed line has legal values, and is the same line when written
// again.
#include "server/name_lines.h"
#include "tests/support/check.h"

static void check_line(struct slice text)
{
    struct name_line line;
    struct name_line back;
    char again[NAME_LINE_MAX];
    char name[NAME_MAX_BYTES + 1];
    if (!name_line_parse(text, &line))
        return;
    CHECK(name_normalise(slice_str(line.name), name) && strcmp(name, line.name) == 0);
    CHECK(strspn(line.owner, "0123456789abcdef") ==
          (line.word == NAME_FREE ? 0 : NAME_OWNER_DIGITS));
    CHECK(line.gone_s >= 0);
    size_t len = name_line_write(&line, again);
    CHECK(len < NAME_LINE_MAX && again[len - 1] == '\n');
    CHECK(name_line_parse(slice_of(again, len - 1), &back));
    CHECK(back.word == line.word && back.gone_s == line.gone_s &&
          strcmp(back.name, line.name) == 0 && strcmp(back.owner, line.owner) == 0);
    // Only a time may be written in two ways: with leading zeros.
    CHECK(line.word == NAME_GONE || slice_eq(slice_of(again, len - 1), text));
}

static void check_first(struct slice text)
{
    int64_t time = 0;
    int64_t back = 0;
    char again[NAME_LINE_MAX];
    if (!name_first_line_parse(text, &time) || time < 0)
        return;
    size_t len = name_first_line_write(time, again);
    CHECK(slice_eq(slice_of(again, len - 1), text));
    CHECK(name_first_line_parse(slice_of(again, len - 1), &back) && back == time);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *at = (const char *)data;
    const char *last = at + size;
    while (size > 0 && at <= last) {
        const char *end = at < last ? memchr(at, '\n', (size_t)(last - at)) : NULL;
        struct slice line = slice_of(at, (size_t)((end ? end : last) - at));
        check_line(line);
        check_first(line);
        at = end ? end + 1 : last + 1;
    }
    return 0;
}
