// SPDX-License-Identifier: MIT
#include "plain.h"
#include <stdio.h>
#include <stdlib.h>
#include "challenge.h"

enum {
    PREFIX_MAX = 32 // "https://" and ":PORT"
};

// Answers with 308 to a location, or with 200 if that is empty, and a body of text.
static void respond(struct exchange *x, struct slice location, struct slice body)
{
    char digits[8];
    char date[ANSWER_DATE_MAX];
    struct http_head head;
    head_init(&head);
    head.status = location.len > 0 ? 308 : 200;
    head.reason = location.len > 0 ? SLICE("Permanent Redirect") : SLICE("OK");
    int len = snprintf(digits, sizeof(digits), "%zu", body.len);
    (void)head_add(&head, SLICE("Date"), answer_date(date));
    (void)head_add(&head, SLICE("Content-Type"), SLICE("text/plain; charset=utf-8"));
    (void)head_add(&head, SLICE("Content-Length"), slice_of(digits, (size_t)len));
    (void)head_add(&head, SLICE("X-Content-Type-Options"), SLICE("nosniff"));
    if (location.len > 0)
        (void)head_add(&head, SLICE("Location"), location);
    exchange_respond(x, &head, body);
}

// 308 keeps method and body, which 301 may not (RFC 9110 §15.4.9).
static void redirect(const struct plain *p, struct exchange *x, struct slice target,
                     struct slice host)
{
    char port[8] = "";
    bool has_path = target.len > 0 && target.p[0] == '/'; // OPTIONS * has none
    size_t most = PREFIX_MAX + host.len + (has_path ? target.len : 1);
    char *location = malloc(most);
    if (!location) {
        exchange_answer(x, ANSWER_RELAY_FULL);
        return;
    }
    if (p->port != 443)
        (void)snprintf(port, sizeof(port), ":%u", (unsigned)p->port);
    int len = snprintf(location, most, "https://%.*s%s%.*s", (int)host.len, host.p, port,
                       has_path ? (int)target.len : 1, has_path ? target.p : "/");
    respond(x, slice_of(location, (size_t)len), SLICE("This is served by https.\n"));
    free(location);
}

static void answer_challenge(const struct plain *p, struct exchange *x, struct slice token)
{
    char body[CHALLENGE_MAX];
    int len = challenge_read(p->dir, token, body);
    if (len < 0)
        exchange_answer(x, ANSWER_NOT_FOUND);
    else
        respond(x, (struct slice){0}, slice_of(body, (size_t)len));
}

void plain_answer(const struct plain *p, struct exchange *x, const struct http_head *head,
                  struct slice host)
{
    struct slice token;
    if (challenge_is_path(head->target, &token))
        answer_challenge(p, x, token);
    else
        redirect(p, x, head->target, host);
}
