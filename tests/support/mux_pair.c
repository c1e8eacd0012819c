// SPDX-License-Identifier: MIT
#include "mux_pair.h"
#include <stdio.h>
#include <stdlib.h>
#include "chance.h"
#include "check.h"
#include "mux_plain.h"

enum {
    MOVE_MAX = 65536,
    OWN_MAX = 1000 // bytes of a message before those that are lent
};

struct mux_lent {
    struct mux_lent *next;
    uint8_t bytes[];
};

static struct mux_view *view_new(struct mux_side *side, struct mux_stream *s)
{
    struct mux_view *v = calloc(1, sizeof(*v));
    if (side->count == side->cap) {
        side->cap = side->cap ? side->cap * 2 : 16;
        side->views = realloc(side->views, side->cap * sizeof(struct mux_view *));
    }
    CHECK(v && side->views);
    v->side = side;
    v->stream = s;
    v->index = side->count;
    side->views[side->count++] = v;
    return v;
}

static struct mux_view *view_of(struct mux_side *side, struct mux_stream *s)
{
    struct mux_view *v = mux_user(s);
    CHECK(v && v->side == side && v->stream == s && !v->closed);
    return v;
}

static void on_head(void *ctx, struct mux_stream *s, struct http_head *head,
                    const struct body_framing *framing, bool end)
{
    struct mux_side *side = ctx;
    bool request = side->role == MUX_SERVER;
    CHECK(request == (head->method.len > 0) && request == (head->status == 0));
    if (request) {
        CHECK(!mux_user(s) && head->target.len > 0);
        mux_set_user(s, view_new(side, s));
    }
    struct mux_view *v = view_of(side, s);
    CHECK(!v->ended && v->received == 0);
    v->head_count++;
    v->head_end = v->ended = end;
    v->framing = *framing;
    head_text(head, &v->heads);
    if (side->hooks.head)
        side->hooks.head(v, head, end);
}

static void on_data(void *ctx, struct mux_stream *s, const char *bytes, size_t len)
{
    struct mux_side *side = ctx;
    struct mux_view *v = view_of(side, s);
    CHECK(v->head_count > 0 && !v->ended && len > 0);
    v->received += len;
    v->uncredited += len;
    if (!side->drops_bodies)
        CHECK(buf_append(&v->body, bytes, len));
    if (side->hooks.data)
        side->hooks.data(v, bytes, len);
    if (!side->holds_credit && v->stream)
        mux_view_credit(v, v->uncredited);
}

static void on_end(void *ctx, struct mux_stream *s, struct http_head *trailers)
{
    struct mux_side *side = ctx;
    struct mux_view *v = view_of(side, s);
    CHECK(v->head_count > 0 && !v->ended);
    v->ended = true;
    if (trailers) {
        CHECK(!trailers->method.p && !trailers->status && trailers->field_count > 0);
        head_text(trailers, &v->trailers);
    }
    if (side->hooks.end)
        side->hooks.end(v, trailers);
}

static void on_drained(void *ctx, struct mux_stream *s, size_t len)
{
    struct mux_side *side = ctx;
    struct mux_view *v = view_of(side, s);
    v->drained += len; // 0: the window has changed
    if (side->hooks.drained)
        side->hooks.drained(v, len);
}

static void on_closed(void *ctx, struct mux_stream *s, uint32_t reset)
{
    struct mux_side *side = ctx;
    struct mux_view *v = view_of(side, s);
    CHECK(reset != 0 || v->ended);
    v->closed = true;
    v->reset = reset;
    if (side->hooks.closed)
        side->hooks.closed(v, reset);
    v->stream = NULL;
}

const struct mux_handler mux_side_handler = {on_head, on_data, on_end, on_drained, on_closed, NULL};

void mux_side_init(struct mux_side *side, enum mux_role role, struct mux *mux)
{
    *side = (struct mux_side){.role = role, .mux = mux};
}

static void free_lent(struct mux_side *side)
{
    while (side->lent) {
        struct mux_lent *next = side->lent->next;
        free(side->lent);
        side->lent = next;
    }
}

void mux_side_deinit(struct mux_side *side)
{
    free_lent(side);
    for (size_t i = 0; i < side->count; i++) {
        struct mux_view *v = side->views[i];
        buf_free(&v->heads);
        buf_free(&v->body);
        buf_free(&v->trailers);
        free(v);
    }
    free(side->views);
    *side = (struct mux_side){.role = side->role};
}

// The view of a new stream; NULL for none.
static struct mux_view *view_opened(struct mux_side *side, struct mux_stream *s)
{
    if (!s)
        return NULL;
    struct mux_view *v = view_new(side, s);
    mux_set_user(s, v);
    return v;
}

struct mux_view *mux_side_open(struct mux_side *side, const struct http_head *head, bool end)
{
    return view_opened(side, mux_open(side->mux, head, end, NULL));
}

struct mux_view *mux_side_open_beside(struct mux_side *side, const struct http_head *head,
                                      const struct mux_beside *beside, bool end)
{
    return view_opened(side, mux_open_beside(side->mux, head, beside, end, NULL));
}

void mux_view_reset(struct mux_view *v, enum mux_reset code)
{
    struct mux_stream *s = v->stream;
    v->stream = NULL;
    mux_reset(s, code);
}

void mux_view_credit(struct mux_view *v, size_t len)
{
    CHECK(len <= v->uncredited);
    v->uncredited -= len;
    mux_credit(v->stream, len);
}

// The number of bytes that may be given now.
static size_t room_of(const struct mux_view *v, uint64_t total)
{
    uint64_t room = MUX_SEND_MAX - (v->sent - v->drained);
    CHECK(v->drained <= v->sent && room <= MUX_SEND_MAX);
    return (size_t)(total - v->sent < room ? total - v->sent : room);
}

size_t mux_view_feed(struct mux_view *v, uint64_t key, uint64_t total)
{
    static uint8_t bytes[MUX_SEND_MAX];
    size_t len = room_of(v, total);
    pattern_write(bytes, len, key, v->sent);
    CHECK(mux_data(v->stream, (const char *)bytes, len) == 0);
    v->sent += len;
    return len;
}

size_t mux_view_lend(struct mux_view *v, uint64_t key, uint64_t total)
{
    size_t len = room_of(v, total);
    struct mux_lent *lent = malloc(sizeof(*lent) + len);
    CHECK(lent);
    lent->next = v->side->lent;
    v->side->lent = lent;
    pattern_write(lent->bytes, len, key, v->sent);
    CHECK(mux_data_borrowed(v->stream, (const char *)lent->bytes, len) == 0);
    v->sent += len;
    return len;
}

void mux_side_settle(struct mux_side *side)
{
    mux_settle_data(side->mux);
    free_lent(side);
}

static void add_text(struct buf *out, struct slice s, const char *behind)
{
    CHECK(buf_append(out, s.p, s.len) && buf_append(out, behind, strlen(behind)));
}

void head_text(const struct http_head *head, struct buf *out)
{
    char status[8];
    (void)snprintf(status, sizeof(status), "%u", head->status);
    if (head->method.p) {
        add_text(out, head->method, " ");
        add_text(out, head->scheme.len ? head->scheme : SLICE("http"), " ");
        add_text(out, head->authority, " ");
        add_text(out, head->target, "\n");
    } else if (head->status) {
        add_text(out, slice_str(status), "\n");
    }
    if (head->upgrade.len)
        add_text(out, head->upgrade, " is the upgrade\n");
    for (size_t i = 0; i < head->field_count; i++) {
        add_text(out, head->fields[i].name, ": ");
        add_text(out, head->fields[i].value, "\n");
    }
}

bool buf_is(const struct buf *b, const char *text)
{
    return buf_len(b) == strlen(text) && (!*text || memcmp(buf_at(b), text, strlen(text)) == 0);
}

struct http_head head_request(const char *method, const char *target)
{
    return (struct http_head){.method = slice_str(method),
                              .authority = SLICE("a.example"),
                              .target = slice_str(target),
                              .minor_version = 1};
}

struct http_head head_response(uint16_t status)
{
    return (struct http_head){.status = status, .minor_version = 1};
}

void mux_side_open_mux(struct mux_side *side, enum mux_role role, const struct mux_profile *profile,
                       const struct mux_limits *limits)
{
    const struct mux_config config = {.role = role, .profile = profile, .limits = limits};
    mux_side_init(side, role, NULL);
    side->mux = mux_new(&config, &mux_side_handler, side);
    CHECK(side->mux);
}

void mux_pair_init_limited(struct mux_pair *p, const struct mux_limits *limits)
{
    mux_side_open_mux(&p->relay, MUX_CLIENT, &mux_plain, limits);
    mux_side_open_mux(&p->agent, MUX_SERVER, &mux_plain, limits);
}

void mux_pair_init_profile(struct mux_pair *p, const struct mux_profile *profile)
{
    mux_side_open_mux(&p->relay, MUX_CLIENT, profile, NULL);
    mux_side_open_mux(&p->agent, MUX_SERVER, profile, NULL);
}

void mux_pair_init(struct mux_pair *p)
{
    mux_pair_init_limited(p, NULL);
}

void mux_pair_deinit(struct mux_pair *p)
{
    mux_free(p->relay.mux);
    mux_free(p->agent.mux);
    mux_side_deinit(&p->relay);
    mux_side_deinit(&p->agent);
}

// Sends at most `cap` bytes by mux_send_lent, and changes what was lent, as its taker may.
static int send_lent(struct mux *m, char *bytes, size_t cap)
{
    struct slice tail;
    int n = mux_send_lent(m, bytes, cap < OWN_MAX ? cap : OWN_MAX, cap, &tail);
    CHECK(n >= 0 || tail.len == 0);
    if (tail.len == 0)
        return n;
    CHECK((size_t)n + tail.len <= cap);
    memcpy(bytes + n, tail.p, tail.len);
    memset((char *)(uintptr_t)tail.p, 'x', tail.len);
    return n + (int)tail.len;
}

int mux_move(struct mux_side *from, struct mux_side *to, size_t cap, size_t piece)
{
    static char bytes[MOVE_MAX];
    CHECK(cap <= sizeof(bytes) && piece > 0);
    int n = from->lends ? send_lent(from->mux, bytes, cap) : mux_send(from->mux, bytes, cap);
    CHECK(n <= (int)cap);
    for (size_t at = 0; n > 0 && at < (size_t)n; at += piece) {
        size_t left = (size_t)n - at;
        size_t len = piece < left ? piece : left;
        char *copy = malloc(len); // of exactly its size, so that a read past its end is detected
        CHECK(copy);
        memcpy(copy, bytes + at, len);
        int error = mux_recv(to->mux, copy, len);
        free(copy);
        if (error)
            return error;
    }
    return n;
}

void mux_settle(struct mux_pair *p)
{
    int moved = 1;
    while (moved > 0) {
        int there = mux_move(&p->relay, &p->agent, MOVE_MAX, MOVE_MAX);
        int back = mux_move(&p->agent, &p->relay, MOVE_MAX, MOVE_MAX);
        CHECK(there >= 0 && back >= 0);
        moved = there + back;
    }
}

static void begin(struct mux_pair *p, const char *method, struct mux_view **relay,
                  struct mux_view **agent)
{
    struct http_head head = head_request(method, "/");
    bool end = strcmp(method, "GET") == 0;
    *relay = mux_side_open(&p->relay, &head, end);
    CHECK(*relay);
    mux_settle(p);
    *agent = p->agent.views[p->agent.count - 1];
    CHECK((*agent)->head_end == end);
}

void mux_pair_begin(struct mux_pair *p, struct mux_view **relay, struct mux_view **agent)
{
    begin(p, "GET", relay, agent);
}

void mux_pair_begin_upload(struct mux_pair *p, struct mux_view **relay, struct mux_view **agent)
{
    begin(p, "POST", relay, agent);
}

void mux_view_respond(struct mux_view *v, uint16_t status, bool end)
{
    struct http_head head = head_response(status);
    CHECK(mux_respond(v->stream, &head, end) == 0);
}

int mux_view_give(struct mux_view *v, const char *text)
{
    return mux_data(v->stream, text, strlen(text));
}

void head_put(struct http_head *head, const char *name, const char *value)
{
    CHECK(head_add(head, slice_str(name), slice_str(value)));
}

void buf_expect(const struct buf *b, const char *text)
{
    if (buf_is(b, text))
        return;
    check_context("\n%.*s\nis not:\n%s", (int)buf_len(b), b->bytes ? buf_at(b) : "", text);
    check_failed(__FILE__, __LINE__, "the text is as expected");
}
