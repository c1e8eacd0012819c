// SPDX-License-Identifier: MIT
#include "timing.h"
#include <string.h>

// The times that one end measured.
struct times {
    int64_t sent_on, connect, answered, duration;
};

static void add(struct timing *t, const char *name, int64_t ns)
{
    int64_t counted = ns > 0 ? ns : 0;
    t->part[t->count++] = (struct timing_part){name, counted};
    t->total_ns += counted;
}

// Fills in times that are missing: an exchange that was never answered waited until its end, and
// one that was never sent on stayed with this end for the whole time.
static struct times completed(struct times t)
{
    if (t.answered < 0)
        t.answered = t.duration;
    if (t.sent_on < 0)
        t.sent_on = t.answered;
    if (t.connect < 0)
        t.connect = 0;
    return t;
}

static void split_both(struct timing *t, const struct times *r, const struct times *a)
{
    int64_t connect = a->connect > 0 ? a->connect : 0;
    add(t, "relay", r->sent_on);
    add(t, "tunnel", r->answered - r->sent_on - a->answered);
    add(t, "agent", a->sent_on - connect);
    add(t, "connect", connect);
    add(t, "service", a->answered - a->sent_on);
    add(t, "body", r->duration - r->answered);
}

// Whether both ends have the times that the split needs. An agent that did not send the request on
// has answered it itself, so its sent_on may be missing.
static bool are_known(const struct times *r, const struct times *a)
{
    return r->sent_on >= 0 && r->answered >= 0 && r->duration >= 0 && a->answered >= 0;
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

int64_t timing_elapsed(const struct record_exchange *x, int64_t now_ns)
{
    if (x->duration_ns >= 0)
        return x->duration_ns;
    int64_t known = later(0, later(x->sent_on_ns, later(x->service_first_ns, x->answered_ns)));
    for (int side = 0; side < 2; side++)
        known = later(known, x->body[side].last_ns);
    return x->outcome.len > 0 ? known : later(known, now_ns - x->began_ns);
}

void timing_split(const struct record_exchange *x, struct timing *t)
{
    struct times own = {x->sent_on_ns, x->connect_ns, x->answered_ns, x->duration_ns};
    struct times peer = {x->peer.sent_on_ns, x->peer.connect_ns, x->peer.answered_ns,
                         x->peer.duration_ns};
    bool is_relay = slice_eq(x->program, SLICE("aditd"));
    *t = (struct timing){0};
    if (own.duration < 0)
        return;
    const struct times *r = is_relay ? &own : &peer;
    struct times a = is_relay ? peer : own;
    if (x->peer.known && are_known(r, &a)) {
        a = completed(a);
        split_both(t, r, &a);
        return;
    }
    own = completed(own);
    if (is_relay) {
        add(t, "relay", own.sent_on);
        add(t, "beyond", own.answered - own.sent_on);
    } else {
        add(t, "own", own.sent_on - own.connect);
        add(t, "connect", own.connect);
        add(t, "service", own.answered - own.sent_on);
    }
    add(t, "body", own.duration - own.answered);
}

const struct timing_part *timing_find(const struct timing *t, const char *name)
{
    for (size_t i = 0; i < t->count; i++)
        if (strcmp(t->part[i].name, name) == 0)
            return &t->part[i];
    return NULL;
}
