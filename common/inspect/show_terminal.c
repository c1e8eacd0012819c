// SPDX-License-Identifier: MIT
// The terminal of `show`: its size, wrapped untrusted text, coloured text of ours.
#include <sys/ioctl.h>
#include "common/base/printable.h"
#include "shell_quote.h"
#include "show.h"
#include "write.h"

enum {
    TAB_STOP = 8, // columns
};

// The rows of a terminal; 0 when they are not known.
static size_t terminal_rows(FILE *out)
{
    struct winsize size = {0};
    return ioctl(output_fd(out), TIOCGWINSZ, &size) ? 0 : size.ws_row;
}

void show_measure_terminal(struct show *s)
{
    s->colours = text_has_colours(s->out);
    s->columns = text_terminal_columns(s->out);
    size_t rows = s->columns > 0 ? terminal_rows(s->out) : 0;
    if (rows == 0)
        rows = SHOW_ROWS_DEFAULT;
    s->rows = rows < SHOW_ROWS_MIN ? SHOW_ROWS_MIN : rows > SHOW_ROWS_MAX ? SHOW_ROWS_MAX : rows;
}

// Takes the next character off a text. A tab is shown as it is and extends to the next tab stop.
static struct shown next_shown(struct printable *p, struct slice *s, size_t column)
{
    if (s->p[0] != '\t')
        return printable_next(p, s);
    const struct shown tab = {slice_of(s->p, 1), TAB_STOP - column % TAB_STOP, true};
    *s = slice_of(s->p + 1, s->len - 1);
    p->has_base = false;
    return tab;
}

// Writes text where no rows end: tabs stay.
static void put_tabbed(FILE *out, struct slice s)
{
    while (s.len > 0) {
        const char *tab = memchr(s.p, '\t', s.len);
        size_t len = tab ? (size_t)(tab - s.p) : s.len;
        write_safe(out, slice_of(s.p, len));
        if (tab)
            (void)fputc('\t', out);
        len += tab ? 1 : 0;
        s = slice_of(s.p + len, s.len - len);
    }
}

void show_untrusted(struct show_line *l, struct slice text)
{
    const size_t width = l->s->columns;
    struct printable p = {0};
    if (width == 0) {
        put_tabbed(l->s->out, text);
        return;
    }
    while (text.len > 0) {
        struct shown c = next_shown(&p, &text, l->column);
        if (width > SHOW_INDENT && l->column + c.columns > width) {
            (void)fprintf(l->s->out, "\n%*s", SHOW_INDENT, "");
            l->column = SHOW_INDENT;
            l->rows++;
            if (c.text.p[0] == '\t')
                c.columns = TAB_STOP - SHOW_INDENT % TAB_STOP;
        }
        write_slice(l->s->out, c.text);
        l->column += c.columns;
    }
}

size_t show_fitting_bytes(struct slice text, size_t columns)
{
    struct printable p = {0};
    struct slice rest = text;
    size_t fits = 0;
    size_t column = 0;
    while (rest.len > 0 && column <= columns) {
        fits = text.len - rest.len;
        column += next_shown(&p, &rest, column).columns;
    }
    return column <= columns ? text.len : fits;
}

void show_coloured(const struct show *s, enum text_colour colour, const char *text)
{
    (void)fprintf(s->out, "%s%s%s", text_colour(s->colours, colour), text,
                  text_colour(s->colours, TEXT_PLAIN));
}

void show_safe(const struct show *s, const char *before, struct slice text, const char *after)
{
    (void)fputs(before, s->out);
    write_safe(s->out, text);
    (void)fputs(after, s->out);
}

// The command is safe as it is: shell_quote yields visible ASCII in short lines.
void show_command(const struct show *s, const struct record_exchange *x, const char *options,
                  const char *after)
{
    struct buf line = {0};
    bool ok =
        shell_quote(&line, slice_str(x->id)) && buf_append(&line, options, strlen(options)) &&
        buf_append(&line, " --decode-all", s->decodes_all ? 13 : 0) &&
        (!s->data || (buf_append(&line, " --data ", 8) && shell_quote(&line, slice_str(s->data))));
    (void)fprintf(s->out, "  %s show ", s->program);
    if (ok)
        write_slice(s->out, buf_slice(&line));
    (void)fprintf(s->out, "%s\n", after);
    buf_free(&line);
}
