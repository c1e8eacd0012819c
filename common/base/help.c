// SPDX-License-Identifier: MIT
#include "help.h"
#include <string.h>
#include <sys/ioctl.h>
#include "output.h"

// The width of the terminal, or of a page.
static size_t width_of(FILE *out)
{
    struct winsize size;
    int fd = output_fd(out);
    if (fd < 0 || ioctl(fd, TIOCGWINSZ, &size) || size.ws_col == 0 || size.ws_col > HELP_WIDTH_MAX)
        return HELP_WIDTH_MAX;
    return size.ws_col < HELP_WIDTH_MIN ? HELP_WIDTH_MIN : size.ws_col;
}

void help_begin(struct help *h, FILE *out, const char *program)
{
    *h = (struct help){.out = out, .program = program, .width = width_of(out)};
}

static void put(struct help *h, const char *text, size_t len)
{
    (void)fwrite(text, 1, len, h->out);
    for (size_t i = 0; i < len; i++)
        h->column += ((unsigned char)text[i] & 0xc0) != 0x80 ? 1 : 0;
}

static void put_spaces(struct help *h, size_t column)
{
    while (h->column < column)
        put(h, " ", 1);
}

static void end_line(struct help *h)
{
    if (h->open)
        (void)fputc('\n', h->out);
    h->open = false;
    h->column = 0;
}

// Adds a word and the program's name behind it, after a space or on the next line.
static void put_word(struct help *h, const char *word, size_t len, const char *program)
{
    size_t columns = len + strlen(program);
    bool starts = h->column <= h->hang;
    if (!starts && h->column + 1 + columns > h->width) {
        end_line(h);
        starts = true;
    }
    h->open = true;
    if (starts)
        put_spaces(h, h->hang);
    else
        put(h, " ", 1);
    put(h, word, len);
    put(h, program, strlen(program));
}

static void put_words(struct help *h, const char *text, size_t len)
{
    for (size_t at = 0; at < len;) {
        size_t word = 0;
        while (at + word < len && text[at + word] != ' ')
            word++;
        // "@" alone, or at the end of a word as in '@ requests', is the program.
        bool names =
            word > 0 && h->program && text[at + word - 1] == '@' && (word == 1 || at + word < len);
        if (word > 0)
            put_word(h, text + at, names ? word - 1 : word, names ? h->program : "");
        at += word + 1;
    }
}

// Returns the column behind the last gap of two spaces, 0 when there is none.
static size_t behind_gap(const char *line, size_t indent, size_t len)
{
    for (size_t i = len; i > indent + 2; i--)
        if (line[i - 1] != ' ' && line[i - 2] == ' ' && line[i - 3] == ' ')
            return i - 1;
    return 0;
}

// Writes the term before the gap unchanged, apart from the program's name.
static void put_head(struct help *h, const char *line, size_t len)
{
    size_t indent = strspn(line, " ");
    h->open = true;
    put_spaces(h, indent);
    for (size_t i = indent; i < len; i++) {
        bool is_program = h->program && line[i] == '@' && i + 1 < len && line[i + 1] == ' ';
        put(h, is_program ? h->program : line + i, is_program ? strlen(h->program) : 1);
    }
}

static void put_item(struct help *h, const char *line, size_t indent, size_t len)
{
    size_t gap = behind_gap(line, indent, len);
    end_line(h);
    h->hang = indent > HELP_DEEP && indent + HELP_ROOM_MIN > h->width ? HELP_DEEP : indent;
    if (gap == 0) {
        put_words(h, line + indent, len - indent);
        return;
    }
    size_t head = gap;
    while (line[head - 1] == ' ')
        head--;
    put_head(h, line, head);
    h->hang = gap + (h->column - head); // the program's name may be longer than "@"
    if (h->hang + HELP_ROOM_MIN > h->width) {
        end_line(h);
        h->hang = HELP_DEEP;
    }
    put_spaces(h, h->hang);
    put_words(h, line + gap, len - gap);
}

void help_text(struct help *h, const char *text)
{
    while (*text) {
        size_t len = strcspn(text, "\n");
        size_t indent = strspn(text, " ");
        bool goes_on = h->open && (indent == 0 ? h->hang == 0 : indent >= HELP_DEEP) &&
                       (indent == 0 || h->hang >= HELP_DEEP);
        if (len == 0) {
            end_line(h);
            (void)fputc('\n', h->out);
        } else if (goes_on) {
            put_words(h, text + indent, len - indent);
        } else {
            put_item(h, text, indent, len);
        }
        text += len + (text[len] ? 1 : 0);
    }
}

void help_end(struct help *h)
{
    end_line(h);
}
