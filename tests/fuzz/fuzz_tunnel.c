// SPDX-License-Identifier: MIT
// Bits of the first byte: 1 link messages to one tunnel, each after two bytes of length whose top
// bit lets time pass; 2 the agent's tunnel, 4 after the greeting, 8 behind its leave. Otherwise the
// bytes are the choices of a simulation of both ends.
#include "tests/support/check.h"
#include "tests/support/sim.h"
#include "tests/support/tunnel_pair.h"

enum {
    STEPS = 5000
};

static void greet(struct tunnel_side *side, enum tunnel_role role)
{
    struct control_message hello = tunnel_hello();
    uint8_t message[512] = {role == TUNNEL_RELAY ? PIPE_HELLO : PIPE_WELCOME};
    hello.type = role == TUNNEL_RELAY ? CONTROL_HELLO : CONTROL_WELCOME;
    int len = control_write((char *)message + 1, sizeof(message) - 1, &hello);
    CHECK(len > 0 && tunnel_feed(side, message, (size_t)len + 1, true, sizeof(message)) == 0);
}

static int flush(struct tunnel_side *side)
{
    static uint8_t out[TUNNEL_MESSAGE_MAX];
    int n = 1;
    while (n > 0) {
        bool wanted = tunnel_wants_send(side->tunnel);
        n = tunnel_send(side->tunnel, out, sizeof(out));
        CHECK(n <= (int)sizeof(out) && (wanted || n <= 0));
    }
    return n;
}

struct outcome {
    int error;
    enum tunnel_state state;
    size_t said, streams, unread;
};

static struct outcome run(uint8_t choice, const uint8_t *p, size_t size, size_t piece)
{
    enum tunnel_role role = choice & 2 ? TUNNEL_AGENT : TUNNEL_RELAY;
    struct tunnel_side side;
    uint64_t now = 1000;
    int error = 0;
    tunnel_side_init(&side, role, now);
    if (choice & 4)
        greet(&side, role);
    if (choice & 8)
        tunnel_leave(side.tunnel);
    side.mux.holds_credit = true;
    while (size >= 2 && !error) {
        size_t len = (size_t)(p[0] & 0x7f) << 8 | p[1];
        bool tick = p[0] & 0x80;
        len = len < size - 2 ? len : size - 2;
        error = tunnel_feed(&side, p + 2, len, true, piece);
        if (!error && tick)
            error = tunnel_tick(side.tunnel, now += 1000);
        error = error ? error : flush(&side);
        p += 2 + len;
        size -= 2 + len;
    }
    struct outcome o = {.error = error, .state = tunnel_state(side.tunnel)};
    o.said = side.said_count;
    o.streams = mux_stream_count(side.mux.mux);
    o.unread = mux_unread(side.mux.mux);
    CHECK((error != 0) == (o.state == TUNNEL_DEAD));
    tunnel_side_deinit(&side);
    return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    if (!(data[0] & 1)) {
        struct chance chance = chance_of_bytes(data + 1, size - 1);
        (void)sim_run(&chance, STEPS);
        return 0;
    }
    struct outcome whole = run(data[0], data + 1, size - 1, size);
    struct outcome pieces = run(data[0], data + 1, size - 1, 1 + size % 7);
    CHECK(whole.error == pieces.error && whole.state == pieces.state);
    CHECK(whole.said == pieces.said);
    CHECK(whole.error || (whole.streams == pieces.streams && whole.unread == pieces.unread));
    return 0;
}
