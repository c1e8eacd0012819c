// SPDX-License-Identifier: MIT
#include "h2_side.h"
#include <stdlib.h>
#include "check.h"
#include "mux_plain.h"

void h2_side_init(struct mux_side *side, enum mux_role role)
{
    mux_side_open_mux(side, role, &mux_plain, NULL);
}

void h2_side_deinit(struct mux_side *side)
{
    mux_free(side->mux);
    mux_side_deinit(side);
}

int h2_side_feed(struct mux_side *side, const struct buf *b, size_t from, size_t to)
{
    char *copy = malloc(to - from + 1);
    CHECK(copy);
    if (to > from)
        memcpy(copy, buf_at(b) + from, to - from);
    int error = mux_recv(side->mux, copy, to - from);
    free(copy);
    return error;
}

int h2_side_flush(struct mux_side *side)
{
    char out[65536];
    int n = mux_send(side->mux, out, sizeof(out));
    return n < 0 ? n : 0;
}

void h2_side_greet(struct mux_side *side, enum mux_role role)
{
    struct buf hello = {0};
    struct http_head post = head_request("POST", "/");
    h2_side_init(side, role);
    h2_preface(&hello, role == MUX_SERVER);
    h2_frame(&hello, H2_SETTINGS, H2_ACK, 0, (struct slice){0});
    CHECK(h2_side_flush(side) == 0);
    CHECK(h2_side_feed(side, &hello, 0, buf_len(&hello)) == 0);
    if (role == MUX_CLIENT)
        CHECK(mux_side_open(side, &post, false));
    CHECK(h2_side_flush(side) == 0);
    buf_free(&hello);
}

void h2_side_still_works(struct mux_side *side)
{
    struct buf more = {0};
    struct http_head get = head_request("GET", "/");
    size_t before = side->count;
    if (side->role == MUX_CLIENT) {
        struct mux_view *v = mux_side_open(side, &get, true);
        CHECK(v);
        CHECK(h2_side_flush(side) == 0);
        h2_headers(&more, 3, true, ":status: 200"); // stream 1 was the first
        CHECK(h2_side_feed(side, &more, 0, buf_len(&more)) == 0);
        CHECK(v->closed && v->reset == 0);
    } else {
        h2_headers(&more, H2_GOOD_ID, true, H2_REQUEST);
        CHECK(h2_side_feed(side, &more, 0, buf_len(&more)) == 0);
        CHECK(side->count == before + 1);
        CHECK(buf_is(&side->views[before]->heads, "GET http a.example /\n"));
    }
    CHECK(h2_side_flush(side) == 0);
    buf_free(&more);
}
