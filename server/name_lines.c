// SPDX-License-Identifier: MIT
#include "name_lines.h"
#include <inttypes.h>
#include <stdio.h>

#define FIRST_WORDS "adit names 1"

enum {
    TIME_DIGITS = 19 // of INT64_MAX
};

static const char *const words[] = {
    [NAME_HERE] = "here", [NAME_GONE] = "gone", [NAME_FREE] = "free"};

// Takes the next word and the space behind it.
static struct slice take_word(struct slice *line)
{
    const char *space = line->len > 0 ? memchr(line->p, ' ', line->len) : NULL;
    size_t len = space ? (size_t)(space - line->p) : line->len;
    struct slice word = slice_of(line->p, len);
    size_t used = len + (space ? 1 : 0);
    // After a space at the very end, leaves a line that no parser of a word accepts.
    *line = space && used == line->len ? SLICE(" ") : slice_of(line->p + used, line->len - used);
    return word;
}

static bool take_name(struct slice *line, char name[static NAME_MAX_BYTES + 1])
{
    struct slice word = take_word(line);
    return name_normalise(word, name) && slice_eq(word, slice_str(name));
}

static bool take_owner(struct slice *line, char owner[static NAME_OWNER_DIGITS + 1])
{
    struct slice word = take_word(line);
    if (word.len != NAME_OWNER_DIGITS)
        return false;
    for (size_t i = 0; i < word.len; i++) {
        if (!((word.p[i] >= '0' && word.p[i] <= '9') || (word.p[i] >= 'a' && word.p[i] <= 'f')))
            return false;
        owner[i] = word.p[i];
    }
    owner[NAME_OWNER_DIGITS] = 0;
    return true;
}

static bool take_time(struct slice *line, int64_t *time_s)
{
    uint64_t value = 0;
    if (!slice_to_u64(take_word(line), &value) || value > INT64_MAX)
        return false;
    *time_s = (int64_t)value;
    return true;
}

bool name_line_parse(struct slice line, struct name_line *out)
{
    struct slice word = take_word(&line);
    size_t w = 0;
    *out = (struct name_line){0};
    while (w < sizeof(words) / sizeof(words[0]) && !slice_eq(word, slice_str(words[w])))
        w++;
    if (w == sizeof(words) / sizeof(words[0]))
        return false;
    out->word = (enum name_word)w;
    return take_name(&line, out->name) &&
           (out->word == NAME_FREE || take_owner(&line, out->owner)) &&
           (out->word != NAME_GONE || take_time(&line, &out->gone_s)) && line.len == 0;
}

size_t name_line_write(const struct name_line *line, char out[static NAME_LINE_MAX])
{
    int n = 0;
    switch (line->word) {
    case NAME_HERE:
        n = snprintf(out, NAME_LINE_MAX, "here %s %s\n", line->name, line->owner);
        break;
    case NAME_GONE:
        n = snprintf(out, NAME_LINE_MAX, "gone %s %s %" PRId64 "\n", line->name, line->owner,
                     line->gone_s);
        break;
    case NAME_FREE: n = snprintf(out, NAME_LINE_MAX, "free %s\n", line->name); break;
    }
    return (size_t)n;
}

bool name_first_line_parse(struct slice line, int64_t *written_ns)
{
    const struct slice first = SLICE(FIRST_WORDS);
    *written_ns = -1;
    if (line.len < first.len || !slice_eq(slice_of(line.p, first.len), first))
        return false;
    line = slice_of(line.p + first.len, line.len - first.len);
    if (line.len == 0)
        return true;
    return line.p[0] == ' ' && name_stamp_parse(slice_of(line.p + 1, line.len - 1), written_ns);
}

size_t name_first_line_write(int64_t written_ns, char out[static NAME_LINE_MAX])
{
    char stamp[NAME_LINE_MAX];
    (void)name_stamp_write(written_ns, stamp);
    return (size_t)snprintf(out, NAME_LINE_MAX, FIRST_WORDS " %.*s", TIME_DIGITS + 1, stamp);
}

bool name_stamp_parse(struct slice line, int64_t *written_ns)
{
    return line.len == TIME_DIGITS && take_time(&line, written_ns) && line.len == 0;
}

size_t name_stamp_write(int64_t written_ns, char out[static NAME_LINE_MAX])
{
    return (size_t)snprintf(out, NAME_LINE_MAX, "%0*" PRId64 "\n", TIME_DIGITS, written_ns);
}
