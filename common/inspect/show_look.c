// SPDX-License-Identifier: MIT
// What the parts of `show` share: where it is shown, and words of ours.
#include <sys/ioctl.h>
#include "bits.h"
#include "shell_quote.h"
#include "show.h"

// Rows of a terminal, 0 when it does not say.
static size_t terminal_rows(FILE *out)
{
    struct winsize size = {0};
    return ioctl(output_fd(out), TIOCGWINSZ, &size) ? 0 : size.ws_row;
}

void show_look(struct show *s)
{
    s->colours = text_has_colours(s->out);
    s->columns = text_terminal(s->out);
    size_t rows = s->columns > 0 ? terminal_rows(s->out) : 0;
    if (rows == 0)
        rows = SHOW_ROWS_UNTOLD;
    s->rows = rows < SHOW_ROWS_LEAST  ? SHOW_ROWS_LEAST
              : rows > SHOW_ROWS_MOST ? SHOW_ROWS_MOST
                                      : rows;
}

void show_put(const struct show *s, enum text_colour colour, const char *text)
{
    (void)fprintf(s->out, "%s%s%s", text_colour(s->colours, colour), text,
                  text_colour(s->colours, TEXT_PLAIN));
}

// Words for a shell are visible ASCII in lines: they may leave as they are.
void show_command(const struct show *s, const struct record_exchange *x, const char *options,
                  const char *behind)
{
    struct buf line = {0};
    bool ok =
        shell_quote(&line, slice_str(x->id)) && buf_append(&line, options, strlen(options)) &&
        buf_append(&line, " --decode-all", s->decodes_all ? 13 : 0) &&
        (!s->data || (buf_append(&line, " --data ", 8) && shell_quote(&line, slice_str(s->data))));
    (void)fprintf(s->out, "  %s show ", s->program);
    if (ok)
        write_slice(s->out, buf_slice(&line));
    (void)fprintf(s->out, "%s\n", behind);
    buf_free(&line);
}
