// SPDX-License-Identifier: MIT
#include "row_print.h"
#include <time.h>
#include "emit.h"
#include "row_text.h"

static void look_at_clock(struct row_printer *p)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    p->now_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void row_printer_init(struct row_printer *p, FILE *out, bool json, bool goes_on)
{
    *p = (struct row_printer){
        .out = out,
        .json = json,
        .colours = !json && text_has_colours(out),
        .terminal = !json && text_terminal(out) > 0,
    };
    p->hosts = goes_on && !p->terminal;
    look_at_clock(p);
}

// Of a host that is too long to be kept the beginning is, and no other one is the same.
static bool is_other_host(struct row_printer *p, struct slice host)
{
    size_t len = host.len < ROW_HOST_MAX ? host.len : ROW_HOST_MAX;
    if (p->knows_host)
        return !slice_ieq(host, slice_of(p->host, p->host_len));
    memcpy(p->host, host.p ? host.p : "", len);
    p->host_len = len;
    p->knows_host = true;
    return false;
}

// For the column of times and its name.
static void look_at_time(struct row_printer *p, int64_t began_ns)
{
    char zone[2][TEXT_TIME_MAX];
    enum text_date date = text_date_of(began_ns, p->now_ns);
    if (date > p->date)
        p->date = date;
    if (!p->headed && date != TEXT_DATE_NONE)
        p->zones =
            p->zones || strcmp(text_zone(began_ns, zone[0]), text_zone(p->now_ns, zone[1])) != 0;
}

void row_printer_look(struct row_printer *p, const struct record_exchange *x)
{
    if (p->json)
        return;
    if (p->terminal)
        look_at_time(p, x->began_ns);
    if (!p->hosts)
        p->hosts = is_other_host(p, x->host);
}

// The columns of the table that are not bytes of messages, under their names there.
static void print_json(const struct row_printer *p, const struct record_exchange *x)
{
    struct emit e = {.out = p->out};
    char began[TIMESTAMP_MAX];
    emit_open(&e, NULL, '{');
    emit_int(&e, "seq", x->seq);
    emit_bytes(&e, "id", slice_str(x->id));
    emit_string(&e, "began", slice_str(timestamp(x->began_ns, began)));
    emit_int(&e, "began_ns", x->began_ns);
    emit_optional(&e, "program", x->program);
    emit_optional(&e, "tunnel", x->tunnel);
    emit_optional(&e, "visitor", x->visitor);
    emit_bytes(&e, "protocol", x->protocol);
    emit_bytes(&e, "method", x->method);
    emit_optional(&e, "scheme", x->scheme);
    emit_optional(&e, "host", x->host);
    emit_bytes(&e, "target", x->target);
    emit_optional(&e, "upstream", x->upstream);
    if (x->status)
        emit_count(&e, "status", x->status);
    else
        emit_null(&e, "status");
    emit_optional(&e, "outcome", x->outcome);
    emit_optional(&e, "error", x->error);
    emit_optional(&e, "detail", x->detail);
    emit_optional(&e, "replay_of", x->replay_of);
    emit_count(&e, "flags", x->flags);
    emit_time(&e, "sent_on_ns", x->sent_on_ns);
    emit_time(&e, "connect_ns", x->connect_ns);
    emit_time(&e, "service_first_ns", x->service_first_ns);
    emit_time(&e, "answered_ns", x->answered_ns);
    emit_time(&e, "duration_ns", x->duration_ns);
    emit_count(&e, "request_bytes", x->body[RECORD_REQUEST].bytes);
    emit_count(&e, "response_bytes", x->body[RECORD_RESPONSE].bytes);
    emit_close(&e, '}');
    (void)fputc('\n', p->out);
}

void row_print(struct row_printer *p, const struct record_exchange *x)
{
    if (p->json) {
        print_json(p, x);
        return;
    }
    look_at_clock(p);
    row_printer_look(p, x);
    row_text_print(p, x);
}
