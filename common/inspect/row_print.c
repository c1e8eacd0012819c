// SPDX-License-Identifier: MIT
#include "row_print.h"
#include "exchange_json.h"
#include "text.h"

enum {
    COLUMNS_BEFORE = 68, // of a line before the host, without the method
    COLUMNS_METHOD = 16, // at most, of a line that is cut
    COLUMNS_REMARK = 40, // the same
    COLUMNS_LEAST = 12,  // for host and target, however narrow the terminal
    COLUMNS_YEAR = 100,  // terminals that are narrower get dates without their year
    YEAR = 5             // "2026-"
};

void row_printer_init(struct row_printer *p, FILE *out, bool json)
{
    *p = (struct row_printer){
        .out = out,
        .json = json,
        .colours = !json && text_has_colours(out),
        .columns = json ? 0 : text_terminal(out),
    };
}

static enum text_colour status_colour(unsigned status)
{
    if (status >= 500)
        return TEXT_RED;
    if (status >= 400)
        return TEXT_YELLOW;
    return status >= 200 ? TEXT_GREEN : TEXT_PLAIN;
}

// How it ended when it did not end well: the code of our own answer, else the outcome.
static struct slice remark(const struct record_exchange *x)
{
    if (x->outcome.len == 0)
        return SLICE("running");
    if (x->error.len > 0)
        return x->error;
    return slice_eq(x->outcome, SLICE("complete")) ? (struct slice){0} : x->outcome;
}

static void print_where(const struct row_printer *p, const struct record_exchange *x, size_t room)
{
    if (p->columns == 0) {
        write_safe(p->out, x->host);
        write_safe(p->out, x->target);
        return;
    }
    size_t host = text_columns(x->host);
    if (host >= room) {
        (void)text_cut(p->out, x->host, room);
        return;
    }
    write_safe(p->out, x->host);
    (void)text_cut(p->out, x->target, room - host);
}

static void print_text(const struct row_printer *p, const struct record_exchange *x)
{
    char began[TEXT_TIME_MAX];
    char size[TEXT_NUMBER_MAX];
    char duration[TEXT_NUMBER_MAX];
    char status[8] = "-";
    struct slice end = remark(x);
    const char *plain = text_colour(p->colours, TEXT_PLAIN);
    size_t left_out = p->columns > 0 && p->columns < COLUMNS_YEAR && x->began_ns >= 0 ? YEAR : 0;
    if (x->status)
        (void)snprintf(status, sizeof(status), "%u", (unsigned)x->status);
    (void)fputs(text_colour(p->colours, TEXT_DIM), p->out);
    write_safe(p->out, slice_str(x->id));
    (void)fprintf(p->out, "%s  %s  %s%3s%s  %10s  %9s  ", plain,
                  text_local_time(x->began_ns, began) + left_out,
                  text_colour(p->colours, status_colour(x->status)), status, plain,
                  text_size(x->body[RECORD_RESPONSE].bytes, size),
                  text_duration(x->duration_ns, duration));
    bool cuts = p->columns > 0;
    size_t taken = COLUMNS_BEFORE - EXCHANGE_ID_LEN - left_out + text_columns(slice_str(x->id)) +
                   text_cut(p->out, x->method, cuts ? COLUMNS_METHOD : SIZE_MAX);
    size_t behind = text_columns(end);
    behind = cuts && behind > COLUMNS_REMARK ? COLUMNS_REMARK : behind;
    taken += behind > 0 ? behind + 4 : 0;
    (void)fputc(' ', p->out);
    bool fits = taken + COLUMNS_LEAST <= p->columns;
    print_where(p, x, fits ? p->columns - taken : COLUMNS_LEAST);
    if (end.len > 0) {
        (void)fprintf(p->out, "  %s(", text_colour(p->colours, TEXT_YELLOW));
        (void)text_cut(p->out, end, behind);
        (void)fprintf(p->out, ")%s", plain);
    }
    (void)fputc('\n', p->out);
}

static void print_json(const struct row_printer *p, const struct record_exchange *x)
{
    struct emit e = {.out = p->out};
    exchange_json_summary(&e, NULL, x);
    emit_end(&e);
}

void row_print(const struct row_printer *p, const struct record_exchange *x)
{
    if (p->json)
        print_json(p, x);
    else
        print_text(p, x);
}
