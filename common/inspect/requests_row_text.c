// SPDX-License-Identifier: MIT
#include "requests_row_text.h"
#include "requests_row_layout.h"

enum {
    REMARK_PARTS = 4,
    HEADING_MAX = 256, // bytes of the heading, without the host
    HEADING_HOST = 12  // columns that a host in the heading needs at least
};

static void put_colour(const struct row_printer *p, enum text_colour c)
{
    (void)fputs(text_colour(p->colours, c), p->out);
}

static void put_spaces(const struct row_printer *p, size_t n)
{
    (void)fprintf(p->out, "%*s", (int)n, "");
}

// The end of an id, which differs between neighbours: ids begin with the time and end with a
// counter.
static struct slice short_id(struct slice id)
{
    return exchange_id_is_valid(id) ? slice_of(id.p + id.len - ROW_ID, ROW_ID) : id;
}

// The remark on an exchange that runs, did not end well, or replays another one.
struct remark {
    struct slice part[REMARK_PARTS];
    size_t count;
    bool is_about_end;
};

// How the exchange ended. When the peer reset it, its report says why.
static struct slice outcome_of(const struct record_exchange *x)
{
    const struct slice reset = SLICE("reset");
    const struct slice peer = x->peer.known ? x->peer.outcome : (struct slice){0};
    bool tells = peer.len > 0 && !slice_eq(peer, reset) && !slice_eq(peer, SLICE("complete"));
    return tells && slice_eq(x->outcome, reset) ? peer : x->outcome;
}

static struct remark remark_of(const struct row_printer *p, const struct record_exchange *x,
                               bool is_short)
{
    static const struct slice own = {"ADIT-", sizeof("ADIT-") - 1};
    struct remark r = {.count = 0};
    struct slice end = outcome_of(x);
    if (x->outcome.len == 0)
        end = SLICE("running");
    else if (x->error.len > 0)
        end = x->error;
    else if (slice_eq(x->outcome, SLICE("complete")))
        end.len = 0;
    if (is_short && end.len > own.len && slice_eq(slice_of(end.p, own.len), own))
        end = slice_of(end.p + own.len, end.len - own.len);
    r.is_about_end = end.len > 0;
    if (r.is_about_end)
        r.part[r.count++] = end;
    if (x->replay_of.len == 0)
        return r;
    if (r.is_about_end)
        r.part[r.count++] = SLICE(", ");
    r.part[r.count++] = is_short ? SLICE("replay") : SLICE("replay of ");
    if (!is_short)
        r.part[r.count++] = p->terminal ? short_id(x->replay_of) : x->replay_of;
    return r;
}

static size_t remark_columns(const struct remark *r)
{
    size_t n = 0;
    for (size_t i = 0; i < r->count; i++)
        n += text_columns(r->part[i]);
    return n;
}

static void print_remark(const struct row_printer *p, const struct remark *r, size_t columns)
{
    put_spaces(p, ROW_GAP);
    put_colour(p, r->is_about_end ? TEXT_YELLOW : TEXT_DIM);
    for (size_t i = 0; i < r->count && columns > 0; i++)
        columns -= text_cut(p->out, r->part[i], columns);
    put_colour(p, TEXT_PLAIN);
}

// The columns before the method, as text.
struct cells {
    struct slice id;
    char time[TEXT_TIME_MAX];
    char status[8];
    char size[TEXT_NUMBER_MAX];
    char duration[TEXT_NUMBER_MAX];
};

static void fill_cells(const struct row_printer *p, const struct record_exchange *x,
                       struct cells *c)
{
    int64_t duration = x->duration_ns;
    if (x->outcome.len == 0) // it runs: until now
        duration = p->now_ns > x->began_ns ? p->now_ns - x->began_ns : 0;
    c->id = slice_str(x->id);
    (void)snprintf(c->status, sizeof(c->status), "%u", (unsigned)x->status);
    if (!x->status)
        (void)snprintf(c->status, sizeof(c->status), "-");
    (void)text_size(x->body[RECORD_RESPONSE].bytes, c->size);
    (void)text_duration(duration, c->duration);
    if (!p->terminal) {
        (void)text_stamp(x->began_ns, c->time);
        return;
    }
    c->id = short_id(c->id);
    (void)text_clock(x->began_ns, text_date_of(x->began_ns, p->now_ns), p->date, c->time);
}

// Columns by which a text is wider than its column.
static size_t beyond(const char *text, size_t columns)
{
    size_t len = strlen(text);
    return len > columns ? len - columns : 0;
}

// The columns of this line: a value that is wider than its column may displace another column.
static struct row_columns columns_of(const struct row_printer *p, const struct cells *c,
                                     size_t columns)
{
    if (!p->terminal)
        return (struct row_columns){true, true, true, true, SIZE_MAX};
    size_t time = text_clock_columns(p->date);
    size_t more = beyond(c->size, ROW_SIZE) + beyond(c->duration, ROW_DURATION);
    return row_columns_for(columns > more ? columns - more : 0, time);
}

// Returns the columns that it took.
static size_t print_id(const struct row_printer *p, struct slice id)
{
    size_t wide = p->terminal ? ROW_ID : EXCHANGE_ID_LEN;
    size_t used = text_cut(p->out, id, p->terminal ? wide : SIZE_MAX);
    size_t more = used < wide ? wide - used : 0;
    put_spaces(p, more + ROW_GAP);
    return used + more + ROW_GAP;
}

static size_t print_right(const struct row_printer *p, const char *text, int wide)
{
    int used = fprintf(p->out, "%*s  ", wide, text);
    return used > 0 ? (size_t)used : 0;
}

static size_t print_cells(const struct row_printer *p, const struct record_exchange *x,
                          const struct cells *c, const struct row_columns *shown)
{
    size_t used = 0;
    put_colour(p, TEXT_DIM);
    if (shown->id)
        used += print_id(p, c->id);
    if (shown->time)
        used += print_right(p, c->time, 0);
    (void)fprintf(p->out, "%s%s%*s%s  ", text_colour(p->colours, TEXT_PLAIN),
                  text_colour(p->colours, text_status_colour(x->status)), ROW_STATUS, c->status,
                  text_colour(p->colours, TEXT_PLAIN));
    used += ROW_STATUS + ROW_GAP;
    if (shown->size)
        used += print_right(p, c->size, ROW_SIZE);
    if (shown->duration)
        used += print_right(p, c->duration, ROW_DURATION);
    size_t method = text_cut(p->out, x->method, shown->method);
    size_t more = method < ROW_METHOD ? ROW_METHOD - method : 0;
    put_spaces(p, more + 1);
    return used + method + more + 1;
}

static void print_rest(const struct row_printer *p, const struct record_exchange *x, size_t room)
{
    struct remark whole = remark_of(p, x, false);
    struct remark brief = remark_of(p, x, true);
    const struct row_parts parts = {
        .path = text_columns(x->target),
        .host = p->hosts ? text_columns(x->host) : 0,
        .remark = remark_columns(&whole),
        .remark_short = remark_columns(&brief),
    };
    struct row_shares s = row_share(room, &parts);
    size_t used = text_cut(p->out, x->target, s.path);
    if (s.host + s.remark > 0)
        put_spaces(p, s.path - used);
    if (s.host > 0) {
        put_spaces(p, ROW_GAP);
        put_colour(p, TEXT_DIM);
        used = text_cut(p->out, x->host, s.host);
        put_colour(p, TEXT_PLAIN);
        if (s.remark > 0)
            put_spaces(p, s.host - used);
    }
    if (s.remark > 0)
        print_remark(p, s.is_short ? &brief : &whole, s.remark);
    (void)fputc('\n', p->out);
}

// Appends a name to the heading, padded to the width of its column.
static void add_name(char line[static HEADING_MAX], const char *name, size_t wide)
{
    size_t columns = text_columns(slice_str(name));
    size_t len = strlen(line);
    int more = columns < wide ? (int)(wide - columns) : 0;
    (void)snprintf(line + len, HEADING_MAX - len, "%s%*s", name, more, "");
}

// Appends "TIME CET", or only "CET" in a narrow column; "local" when the times have several zones.
static void add_time(const struct row_printer *p, char line[static HEADING_MAX], size_t wide)
{
    char zone[TEXT_TIME_MAX];
    char text[TEXT_TIME_MAX + 8];
    (void)snprintf(text, sizeof(text), "TIME %s", p->zones ? "local" : text_zone(p->now_ns, zone));
    bool fits = strlen(text) < wide + ROW_GAP;
    const char *name = fits ? text : text + strlen("TIME ");
    (void)snprintf(zone, sizeof(zone), "%.*s", (int)(wide + ROW_GAP - 1), name);
    add_name(line, zone, wide + ROW_GAP);
}

// Appends the names above their columns. "STATUS" is wider than its column and extends over the
// next, whose own name is right-aligned.
static void add_names(const struct row_printer *p, char line[static HEADING_MAX],
                      const struct row_columns *shown)
{
    char text[64];
    if (shown->id)
        add_name(line, "ID", ROW_ID + ROW_GAP);
    if (shown->time)
        add_time(p, line, text_clock_columns(p->date));
    (void)snprintf(text, sizeof(text), "STAT ");
    if (shown->size)
        (void)snprintf(text, sizeof(text), "%-*s%*s  %*s  ", ROW_METHOD, "STATUS",
                       ROW_STATUS + ROW_GAP + ROW_SIZE - ROW_METHOD, "SIZE", ROW_DURATION,
                       "DURATION");
    else if (shown->duration)
        (void)snprintf(text, sizeof(text), "STAT%*s  ", ROW_STATUS + ROW_GAP + ROW_DURATION - 4,
                       "DURATION");
    add_name(line, text, 0);
    add_name(line, p->hosts ? "METHOD PATH, HOST" : "METHOD PATH", 0);
}

static void print_heading(const struct row_printer *p, size_t columns)
{
    char line[HEADING_MAX] = "";
    struct row_columns shown = row_columns_for(columns, text_clock_columns(p->date));
    struct slice host = slice_of(p->host, p->host_len);
    add_names(p, line, &shown);
    bool names_host = !p->hosts && host.len > 0 && strlen(line) + HEADING_HOST <= columns;
    if (names_host)
        add_name(line, " at ", 0);
    put_colour(p, TEXT_DIM);
    size_t used = text_cut(p->out, slice_str(line), columns);
    if (names_host)
        (void)text_cut(p->out, host, columns - used);
    put_colour(p, TEXT_PLAIN);
    (void)fputc('\n', p->out);
}

void row_text_print(struct row_printer *p, const struct record_exchange *x)
{
    size_t columns = p->terminal ? text_terminal_columns(p->out) : 0;
    struct cells cells;
    if (p->terminal && columns < ROW_COLUMNS_MIN)
        columns = ROW_COLUMNS_MIN;
    if (p->terminal && !p->headed)
        print_heading(p, columns);
    p->headed = true;
    fill_cells(p, x, &cells);
    struct row_columns shown = columns_of(p, &cells, columns);
    size_t used = print_cells(p, x, &cells, &shown);
    size_t room = columns > used ? columns - used : 0;
    print_rest(p, x, p->terminal ? room : SIZE_MAX / 4);
}
