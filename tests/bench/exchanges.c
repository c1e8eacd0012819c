// SPDX-License-Identifier: MIT
// exchanges [COUNT [AT_ONCE]]: GETs with 64 bytes of response through both ends of a tunnel in
// memory, to count instructions:
//   cmake --preset release -B build/count -DBUILD_TESTING=ON
//   cmake --build build/count --target bench_exchanges
//   valgrind --tool=callgrind build/count/tests/bench_exchanges 4800
// The difference of two such runs, divided by the difference of their counts, is the cost of an
// exchange, at both ends together.
#include <stdio.h>
#include <stdlib.h>
#include "proto/tunnel/private_fields.h"
#include "proto/tunnel/tunnel.h"

enum {
    MESSAGE = 4096,
    ID = 16,
    BODY = 64,
};

struct bench {
    struct tunnel *relay, *agent;
    size_t ended, wrong;
};

static void add(struct http_head *head, const char *name, const char *value)
{
    (void)head_add(head, slice_str(name), slice_str(value));
}

static void answer(struct bench *b, struct mux_stream *s)
{
    static const char body[BODY];
    struct http_head head;
    head_init(&head);
    head.status = 200;
    add(&head, "Server", "nginx/1.22.1");
    add(&head, "Content-Type", "text/plain; charset=utf-8");
    add(&head, "Content-Length", "64");
    add(&head, "Cache-Control", "no-cache");
    if (mux_respond_dated(s, &head, SLICE("Mon, 30 Nov 2026 21:30:00 GMT"), false) ||
        mux_data(s, body, sizeof(body)) || mux_finish(s, NULL))
        b->wrong++;
}

static void on_head(void *ctx, struct mux_stream *s, struct http_head *head,
                    const struct body_framing *framing, bool end)
{
    struct bench *b = ctx;
    if (head->status > 0) {
        b->wrong += end || framing->kind != BODY_LENGTH || framing->length != BODY;
        return;
    }
    b->wrong += !end || !head_find(head, SLICE("adit-id"));
    private_fields_take(head, &(struct private_request){0});
    answer(b, s);
}

static void on_data(void *ctx, struct mux_stream *s, const char *bytes, size_t len)
{
    (void)ctx;
    (void)bytes;
    mux_credit(s, len);
}

static void on_end(void *ctx, struct mux_stream *s, struct http_head *trailers)
{
    struct bench *b = ctx;
    (void)s;
    b->wrong += trailers != NULL;
}

static void on_drained(void *ctx, struct mux_stream *s, size_t len)
{
    (void)ctx;
    (void)s;
    (void)len;
}

static void on_closed(void *ctx, struct mux_stream *s, uint32_t reset)
{
    struct bench *b = ctx;
    (void)s;
    b->ended++;
    b->wrong += reset != 0;
}

static void on_control(void *ctx, const struct control_message *message)
{
    const struct control_message welcome = {
        .type = CONTROL_WELCOME, .version = CONTROL_VERSION, .software = "aditd"};
    struct bench *b = ctx;
    if (message->type == CONTROL_HELLO)
        b->wrong += tunnel_queue_control(b->relay, &welcome) != 0;
}

// Moves a message as the session does. Returns its length.
static int move(struct bench *b, struct tunnel *from, struct tunnel *to)
{
    uint8_t message[MESSAGE];
    int n = 0;
    if (!mux_has_bodies(tunnel_mux(from)) || tunnel_wants_send(from))
        n = tunnel_send(from, message, sizeof(message));
    else
        tunnel_idle(from);
    if (n > 0)
        b->wrong += tunnel_recv(to, message, (size_t)n, true) != 0;
    return n;
}

static void settle(struct bench *b)
{
    while (move(b, b->relay, b->agent) + move(b, b->agent, b->relay) > 0)
        ;
}

static void ask(struct bench *b, size_t number)
{
    struct http_head head;
    char id[ID + 1] = "01hf000000000000";
    for (size_t i = ID; number > 0; number /= 10)
        id[--i] = (char)('0' + number % 10);
    head_init(&head);
    head.method = SLICE("GET");
    head.scheme = SLICE("http");
    head.authority = SLICE("name.example.org");
    head.target = SLICE("/index.html");
    add(&head, "adit-bind", "1");
    add(&head, "adit-id", id);
    add(&head, "User-Agent", "Mozilla/5.0 (X11; Linux x86_64) Firefox/115.0");
    add(&head, "Accept", "*/*");
    add(&head, "Accept-Encoding", "gzip, deflate, br");
    add(&head, "Forwarded", "for=192.0.2.1;host=name.example.org;proto=http");
    add(&head, "X-Forwarded-For", "192.0.2.1");
    add(&head, "X-Forwarded-Proto", "http");
    add(&head, "X-Forwarded-Host", "name.example.org");
    add(&head, "Via", "1.1 adit-0123456789abcdef");
    b->wrong += !mux_open(tunnel_mux(b->relay), &head, true, NULL);
}

static void greet(struct bench *b)
{
    struct control_message hello = {
        .type = CONTROL_HELLO, .version = CONTROL_VERSION, .software = "adit"};
    memset(hello.owner, 'a', sizeof(hello.owner) - 1);
    b->wrong += tunnel_queue_control(b->agent, &hello) != 0;
    settle(b);
    b->wrong += tunnel_state(b->relay) != TUNNEL_OPEN || tunnel_state(b->agent) != TUNNEL_OPEN;
}

int main(int argc, char **argv)
{
    const struct tunnel_config relay = {.role = TUNNEL_RELAY};
    const struct tunnel_config agent = {.role = TUNNEL_AGENT};
    const struct tunnel_handler handler = {
        .mux = {on_head, on_data, on_end, on_drained, on_closed, NULL}, .control = on_control};
    size_t count = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000;
    size_t at_once = argc > 2 ? strtoul(argv[2], NULL, 10) : 1;
    struct bench b = {0};
    b.relay = tunnel_new(&relay, &handler, &b, 0);
    b.agent = tunnel_new(&agent, &handler, &b, 0);
    if (!b.relay || !b.agent || at_once == 0)
        return 2;
    greet(&b);
    for (size_t i = 0; i < count; i++) {
        ask(&b, i);
        if (i % at_once < at_once - 1)
            continue;
        tunnel_set_now(b.relay, 1 + i * 100);
        tunnel_set_now(b.agent, 1 + i * 100);
        settle(&b);
    }
    (void)printf("%zu streams ended, %zu faults\n", b.ended, b.wrong);
    tunnel_free(b.relay);
    tunnel_free(b.agent);
    return b.wrong > 0;
}
