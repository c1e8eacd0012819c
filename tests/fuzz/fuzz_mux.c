// SPDX-License-Identifier: MIT
// HTTP/2 from a peer to a mux whose handler acts differently on every stream. Bits of the first
// byte: 1 the agent's side (else the relay's, with open requests), 2 without the preface, 4 with
// the tunnel's profile (else with one that passes all heads), 8 with that of visitors on an agent's
// side, and that of a service on the relay's; its upper half sets how often the mux may send
// meanwhile. Splits change nothing, and what passes a service's profile is fit for HTTP/1.1.
#include <stdio.h>
#include <stdlib.h>

#include "proto/http/fields.h"
#include "proto/http2/public_profile.h"
#include "proto/http2/service_profile.h"
#include "proto/tunnel/tunnel_profile.h"
#include "tests/support/chance.h"
#include "tests/support/check.h"
#include "tests/support/h2_raw.h"
#include "tests/support/mux_pair.h"
#include "tests/support/mux_plain.h"

enum {
    OUT_CAP = 20000,
    BODY = 100000
};

static void answer(struct mux_view *v)
{
    struct http_head head = head_response(200);
    struct http_head trailers = {0};
    CHECK(head_add(&trailers, SLICE("x"), SLICE("y")));
    if (mux_respond(v->stream, &head, v->index % 5 == 1) != 0)
        return;
    if (v->index % 2)
        (void)mux_view_lend(v, 1, BODY);
    else
        (void)mux_view_feed(v, 1, BODY);
    if (v->index % 5 != 1)
        CHECK(mux_finish(v->stream, &trailers) == 0);
}

// A response of a service: its head is valid, and its end is where HTTP/1.1 would find it.
static void check_plain(const struct mux_view *v, const struct http_head *head, bool end)
{
    const struct field *length = head_find(head, SLICE("content-length"));
    if (mux_stream_head_is_cut(v->stream))
        return;
    CHECK(!fields_check(head) && head->status >= 100 && head->status != 101);
    CHECK(!end || v->framing.kind == BODY_NONE);
    if (v->framing.kind == BODY_NONE && head->status >= 200 && head->status != 204 &&
        head->status != 304)
        CHECK(length && slice_eq(slice_trim(length->value), SLICE("0")));
}

static void on_head(struct mux_view *v, const struct http_head *head, bool end)
{
    struct http_head early = head_response(103);
    if (v->side->ctx)
        check_plain(v, head, end);
    (void)head;
    (void)end;
    if (v->side->role == MUX_CLIENT) {
        if (v->index == 3)
            mux_view_reset(v, MUX_RESET_CANCEL);
        return;
    }
    switch (v->index % 5) {
    case 0: mux_view_reset(v, MUX_RESET_REFUSED); return;
    case 1: answer(v); return;
    case 2:
        CHECK(mux_respond(v->stream, &early, false) == 0);
        answer(v);
        return;
    default: return;
    }
}

static void on_data(struct mux_view *v, const char *bytes, size_t len)
{
    (void)bytes;
    (void)len;
    if (v->index % 2 == 0)
        mux_view_credit(v, v->uncredited);
}

static void on_end(struct mux_view *v, const struct http_head *trailers)
{
    (void)trailers;
    if (v->side->role == MUX_SERVER && v->index % 5 == 3)
        answer(v);
}

static int flush(struct mux_side *side)
{
    static char out[OUT_CAP];
    int n = mux_send(side->mux, out, sizeof(out));
    CHECK(n <= (int)sizeof(out));
    mux_side_settle(side);
    return n < 0 ? n : 0;
}

static int recv_piece(struct mux_side *side, const uint8_t *p, size_t len)
{
    char *copy = malloc(len + !len);
    CHECK(copy);
    if (len > 0)
        memcpy(copy, p, len);
    int error = mux_recv(side->mux, copy, len);
    free(copy);
    return error;
}

static int recv_pieces(struct mux_side *side, const uint8_t *p, size_t len, uint32_t *seed)
{
    int error = 0;
    for (size_t at = 0; at < len && !error;) {
        size_t piece = len - at;
        if (*seed) {
            *seed = *seed * 1664525 + 1013904223;
            size_t wanted = 1 + (*seed >> 16) % 20;
            piece = wanted < piece ? wanted : piece;
        }
        error = recv_piece(side, p + at, piece);
        at += piece;
    }
    return error;
}

static int greet(struct mux_side *side, uint8_t choice)
{
    struct buf hello = {0};
    int error = 0;
    for (int i = 0; side->role == MUX_CLIENT && i < 8; i++) {
        struct http_head head = head_request(i & 1 ? "GET" : "POST", "/");
        struct mux_view *v = mux_side_open(side, &head, i & 1);
        CHECK(v);
        if (i == 2)
            (void)mux_view_feed(v, 1, BODY);
        if (i == 4)
            CHECK(mux_finish(v->stream, NULL) == 0);
    }
    if (!(choice & 2)) {
        h2_preface(&hello, side->role == MUX_SERVER);
        h2_frame(&hello, H2_SETTINGS, H2_ACK, 0, (struct slice){0});
        error = flush(side);
        error = error ? error : recv_piece(side, (uint8_t *)buf_at(&hello), buf_len(&hello));
    }
    buf_free(&hello);
    return error;
}

static void side_open(struct mux_side *side, uint8_t choice)
{
    enum mux_role role = choice & 1 ? MUX_SERVER : MUX_CLIENT;
    const struct mux_profile *profile = choice & 4 ? &tunnel_profile : &mux_plain;
    struct mux_limits limits = mux_default_limits;
    if (choice & 8)
        profile = role == MUX_SERVER ? &public_profile : &service_profile;
    limits.head_bytes = 400; // of a public mux
    limits.head_fields = 10;
    mux_side_open_mux(side, role, profile, &limits);
    side->ctx = profile == &service_profile ? side : NULL; // its heads are checked
    side->holds_credit = true;
    side->hooks = (struct mux_hooks){on_head, on_data, on_end, NULL, NULL};
}

// The state of all streams, as text.
static struct buf run(uint8_t choice, const uint8_t *p, size_t len, uint32_t seed)
{
    struct mux_side side;
    struct buf told = {0};
    size_t stride = choice >> 4 ? (size_t)(choice >> 4) * 32 : len + 1;
    side_open(&side, choice);
    int error = greet(&side, choice);
    for (size_t at = 0; at < len && !error; at += stride) {
        size_t left = len - at;
        error = recv_pieces(&side, p + at, stride < left ? stride : left, &seed);
        error = error ? error : flush(&side);
    }
    size_t unread = 0;
    for (size_t i = 0; i < side.count; i++) {
        const struct mux_view *v = side.views[i];
        char line[160];
        unread += v->stream ? v->uncredited : 0;
        int n = snprintf(line, sizeof(line), "%zu: %zu heads, %d %d %d %u, %llu %llu %llu\n", i,
                         v->head_count, v->head_end, v->ended, v->closed, v->reset,
                         (unsigned long long)v->received, (unsigned long long)v->sent,
                         (unsigned long long)v->drained);
        CHECK(buf_append(&told, line, (size_t)n));
        if (buf_len(&v->heads) > 0)
            CHECK(buf_append(&told, buf_at(&v->heads), buf_len(&v->heads)));
        if (buf_len(&v->body) > 0)
            CHECK(buf_append(&told, buf_at(&v->body), buf_len(&v->body)));
        if (buf_len(&v->trailers) > 0)
            CHECK(buf_append(&told, buf_at(&v->trailers), buf_len(&v->trailers)));
    }
    CHECK(mux_unread(side.mux) == unread);
    // After a GOAWAY and the last stream nghttp2 ignores all later pieces, so a breach in them may
    // go undetected.
    bool dead = error && mux_stream_count(side.mux) > 0;
    mux_link_lost(side.mux);
    CHECK(mux_stream_count(side.mux) == 0 && mux_unread(side.mux) == 0);
    mux_free(side.mux);
    mux_side_deinit(&side);
    CHECK(buf_append(&told, dead ? "dead" : "well", 4));
    return told;
}

// nghttp2 counts a CONTINUATION again for each piece of its head.
static bool may_have_continuation(const uint8_t *p, size_t len)
{
    for (size_t i = 3; i + 2 < len; i++)
        if (p[i] == H2_CONTINUATION && p[i - 3] == 0 && p[i + 2] == 0)
            return true;
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct buf whole = run(data[0], data + 1, size - 1, 0);
    struct buf pieces = run(data[0], data + 1, size - 1, (uint32_t)size);

    bool same = buf_len(&whole) == buf_len(&pieces) &&
                memcmp(buf_at(&whole), buf_at(&pieces), buf_len(&whole)) == 0;
    CHECK(same || may_have_continuation(data + 1, size - 1));
    buf_free(&whole);
    buf_free(&pieces);
    return 0;
}
