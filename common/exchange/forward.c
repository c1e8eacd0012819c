// SPDX-License-Identifier: MIT
#include "forward.h"
#include <stdio.h>

void forward_loop_id(char out[static FORWARD_LOOP_ID_MAX],
                     const char id[static FORWARD_ID_DIGITS + 1])
{
    (void)snprintf(out, FORWARD_LOOP_ID_MAX, "adit-%.*s", FORWARD_ID_DIGITS, id);
}

static void answer_options(struct exchange *x)
{
    char date[ANSWER_DATE_MAX];
    struct http_head head;
    head_init(&head);
    head.status = 200;
    head.reason = SLICE("OK");
    (void)head_add(&head, SLICE("Date"), answer_date(date));
    (void)head_add(&head, SLICE("Content-Length"), SLICE("0"));
    exchange_respond(x, &head, (struct slice){0});
}

// Applies Max-Forwards, which limits OPTIONS and TRACE (RFC 9110 §7.6.2). `digits` holds the
// field's new value and must outlive the head. False: at zero, the exchange has been answered.
static bool apply_max_forwards(struct exchange *x, struct http_head *head, char digits[static 24])
{
    bool trace = slice_eq(head->method, SLICE("TRACE"));
    struct field *f = NULL;
    uint64_t left = 0;
    for (size_t i = 0; i < head->field_count && !f; i++)
        if (slice_ieq(head->fields[i].name, SLICE("max-forwards")))
            f = &head->fields[i];
    if (!f || !(trace || slice_eq(head->method, SLICE("OPTIONS"))) ||
        !slice_to_u64(f->value, &left))
        return true;
    if (left > 0) {
        int len = snprintf(digits, 24, "%llu", (unsigned long long)(left - 1));
        f->value = slice_of(digits, (size_t)len);
        return true;
    }
    if (trace)
        exchange_answer(x, ANSWER_NOT_IMPLEMENTED);
    else
        answer_options(x);
    return false;
}

static void forward_request(const struct filter *filter, struct exchange *x, struct http_head *head,
                            const struct body_framing *framing)
{
    char max_forwards[24];
    char added[FIELDS_SCRATCH];
    const struct forward *f = container_of(filter, struct forward, filter);
    const struct fields_edge edge = {
        .visitor = slice_str(x->facts.visitor),
        .scheme = slice_str(x->facts.scheme),
        .host = head->authority.len <= 255 ? head->authority : (struct slice){0},
        .loop_id = slice_str(f->loop_id),
    };
    if (!apply_max_forwards(x, head, max_forwards))
        return;
    fields_strip_hop_by_hop(head);
    head->scheme = edge.scheme;
    head_remove(head, SLICE("host")); // kept as the authority
    int error = fields_add_forwarded(head, &edge, added, sizeof(added));
    if (error)
        exchange_answer(x, error == FIELDS_E_LOOP ? ANSWER_LOOP : ANSWER_HEAD_TOO_LARGE);
    else
        filter_pass_head(filter, x, INBOUND, head, framing);
}

static void on_head(const struct filter *filter, struct exchange *x, enum exchange_side from,
                    struct http_head *head, const struct body_framing *framing)
{
    if (from == INBOUND)
        forward_request(filter, x, head, framing);
    else
        filter_pass_head(filter, x, from, head, framing);
}

void forward_init(struct forward *f, const char *loop_id)
{
    static const struct filter_ops ops = {.head = on_head};
    *f = (struct forward){.filter.ops = &ops, .loop_id = loop_id};
}
