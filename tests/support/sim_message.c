// SPDX-License-Identifier: MIT
#include "sim_message.h"
#include <stdio.h>
#include "check.h"

static const char trailer_name[] = "X-Behind";
static const char trailer_value[] = "the body";

void sim_writer_begin(struct sim_writer *w, const struct sim_body *body, size_t len)
{
    CHECK(len < SIM_HEAD_MAX);
    w->len = len;
    w->at = 0;
    w->body = *body;
    w->cut_at = UINT64_MAX;
    w->sent = w->run = 0;
    w->breaks = w->head_sent = w->last = w->done = w->whole = false;
    w->chunk_max = 20000;
}

static void set_text(struct sim_writer *w, const char *text)
{
    w->len = (size_t)snprintf(w->text, sizeof(w->text), "%s", text);
    w->at = 0;
}

static void end(struct sim_writer *w, bool whole)
{
    w->done = true;
    w->whole = whole;
}

static void next_chunk(struct sim_writer *w, struct chance *c, uint64_t stop)
{
    char text[SIM_HEAD_MAX];
    if (w->sent == stop && stop < w->body.total) {
        if (w->breaks && !w->last)
            set_text(w, "5x\r\nhello\r\n");
        else
            end(w, false);
        w->last = true;
    } else if (w->sent < stop) {
        uint64_t left = stop - w->sent;
        uint64_t most = left < w->chunk_max ? left : w->chunk_max;
        w->run = 1 + chance_below(c, most);
        (void)snprintf(text, sizeof(text), "%llx\r\n", (unsigned long long)w->run);
        set_text(w, text);
    } else if (!w->last) {
        (void)snprintf(text, sizeof(text), "0\r\n%s%s%s%s\r\n",
                       w->body.trailers ? trailer_name : "", w->body.trailers ? ": " : "",
                       w->body.trailers ? trailer_value : "", w->body.trailers ? "\r\n" : "");
        set_text(w, text);
        w->last = true;
    } else {
        end(w, true);
    }
}

// All text and all bytes of the run have left.
static void go_on(struct sim_writer *w, struct chance *c)
{
    w->head_sent = true;
    uint64_t stop = w->cut_at < w->body.total ? w->cut_at : w->body.total;
    if (w->body.kind == BODY_CHUNKED)
        next_chunk(w, c, stop);
    else if (w->body.kind == BODY_NONE || w->sent == stop)
        end(w, w->body.kind == BODY_NONE || stop == w->body.total);
    else
        w->run = stop - w->sent;
}

static size_t put(struct sim_writer *w, char *out, size_t cap)
{
    size_t n = w->len - w->at;
    if (n > 0) {
        n = n < cap ? n : cap;
        memcpy(out, w->text + w->at, n);
        w->at += n;
        return n;
    }
    n = w->run < cap ? (size_t)w->run : cap;
    pattern_write((uint8_t *)out, n, w->body.key, w->sent);
    w->sent += n;
    w->run -= n;
    if (n > 0 && w->run == 0 && w->body.kind == BODY_CHUNKED)
        set_text(w, "\r\n");
    return n;
}

bool sim_writer_send(struct sim_writer *w, struct fake_socket *s, struct chance *c, size_t most)
{
    char *out;
    size_t room = fake_room(s, &out);
    size_t n = 0;
    room = room < most ? room : most;
    while (!w->done && (n < room || (w->at == w->len && w->run == 0))) {
        if (w->at == w->len && w->run == 0)
            go_on(w, c);
        else
            n += put(w, out + n, room - n);
    }
    fake_sent(s, n);
    return n > 0;
}

void sim_reader_begin(struct sim_reader *r, const struct body_framing *framing,
                      const struct sim_body *body)
{
    http1_body_init(&r->decoder, framing);
    r->verifies = body != NULL;
    if (body)
        r->body = *body;
    r->got = 0;
}

static void verify_end(const struct sim_reader *r, const struct http_head *trailers)
{
    bool told = r->decoder.kind == BODY_CHUNKED && trailers->field_count > 0;
    if (!r->verifies)
        return;
    CHECK(r->got == r->body.total);
    CHECK(told == (r->body.trailers && r->decoder.kind == BODY_CHUNKED));
    CHECK(!told || (trailers->field_count == 1 &&
                    slice_ieq(trailers->fields[0].name, slice_str(trailer_name)) &&
                    slice_eq(trailers->fields[0].value, slice_str(trailer_value))));
}

enum sim_read sim_reader_read(struct sim_reader *r, const char *bytes, size_t len, size_t *used)
{
    static struct http_head trailers;
    const struct http1_limits limits = {32 * 1024, 100};
    int n = 1;
    *used = 0;
    trailers.field_count = 0;
    while (!http1_body_done(&r->decoder) && n > 0 && *used < len) {
        struct slice data = {0};
        n = http1_body_feed(&r->decoder, bytes + *used, len - *used, &limits, &data, &trailers);
        if (n < 0)
            return SIM_READ_BAD;
        if (r->verifies) {
            CHECK(r->got + data.len <= r->body.total);
            CHECK(pattern_is(data.p, data.len, r->body.key, r->got));
        }
        r->got += data.len;
        *used += (size_t)n;
    }
    if (!http1_body_done(&r->decoder))
        return SIM_READ_MORE;
    verify_end(r, &trailers);
    return SIM_READ_DONE;
}
