// SPDX-License-Identifier: MIT
// An upstream's stream of responses with bodies, after a byte for the method of the requests ('H'
// HEAD, 'C' CONNECT, others GET). Splits change nothing; an accepted response, repaired or not, is
// written as a clean one and parsed to itself; a refused one is explained.
#include "http1_stream.h"

static void check_rewritten(const struct http_head *head, struct slice method,
                            const struct body_framing *framing)
{
    static struct http_head back;
    struct body_framing back_framing;
    size_t scanned = 0;
    size_t len = http1_write_response(NULL, 0, head);
    char *text = malloc(len);

    CHECK(text);
    CHECK(http1_write_response(text, len, head) == len);
    CHECK(http1_parse_response(text, len, &scanned, &wide, &back) == (int)len);
    check_lines(text, len);
    CHECK(back.status == head->status && slice_eq(back.reason, head->reason));
    CHECK(slice_eq(back.upgrade, head->upgrade));
    check_same_fields(&back, head);
    CHECK(http1_response_framing(&back, method, &back_framing) == 0);
    CHECK(back_framing.kind == framing->kind && back_framing.length == framing->length);
    free(text);
}

enum {
    EMPTY_LINES = 16 // bytes of the empty lines allowed before the status line
};

// A refused head is unchanged, and its fault can be explained.
static void check_explained(const char *copy, struct slice in)
{
    struct http1_fault fault = {0};

    CHECK(memcmp(copy, in.p, in.len) == 0);
    CHECK(http1_explain_response(slice_of(copy, in.len), &narrow, &fault));
    CHECK(fault.phrase && fault.at <= in.len && memcmp(copy, in.p, in.len) == 0);
}

// The two-step parser yields the same head, and its first step changes no byte.
static void check_two_steps(struct slice in, const struct http_head *head, int size)
{
    static struct http_head read;
    size_t scanned = 0;
    char *copy = exact_copy(in.p, in.len);

    CHECK(http1_read_response(copy, in.len, &scanned, &narrow, &read) == size);
    CHECK(memcmp(copy, in.p, in.len) == 0);
    if (size > 0) {
        http1_unfold(&read);
        CHECK(slice_eq(read.upgrade, head->upgrade));
        check_same_fields(&read, head);
    }
    free(copy);
}

// Returns the bytes of one response; 0 when it is incomplete or refused.
static size_t one_response(struct slice in, struct slice method)
{
    static struct http_head head;
    struct body_framing framing;
    size_t scanned = 0;
    char *copy = exact_copy(in.p, in.len);
    int size = http1_parse_response(copy, in.len, &scanned, &narrow, &head);
    size_t taken = 0;

    CHECK(parse_in_pieces(http1_parse_response, in.p, in.len, seed_of(in.p, in.len)) == size);
    check_two_steps(in, &head, size);
    if (size > 0) {
        CHECK((size_t)size <= in.len && (size_t)size <= narrow.head_bytes + EMPTY_LINES);
        CHECK(head.method.len == 0 && head.status >= 100 && head.status <= 999);
        CHECK(head.status == 101 ? head.upgrade.len > 0
                                 : head.status == 426 || head.upgrade.len == 0);
        if (http1_response_framing(&head, method, &framing) == 0) {
            check_rewritten(&head, method, &framing);
            taken =
                (size_t)size + check_body(&framing, slice_of(in.p + size, in.len - (size_t)size));
        }
    }
    if (size < 0)
        check_explained(copy, in);
    free(copy);
    return taken;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct slice in = slice_of((const char *)data + 1, size - 1);
    struct slice method = data[0] == 'H'   ? SLICE("HEAD")
                          : data[0] == 'C' ? SLICE("CONNECT")
                                           : SLICE("GET");
    size_t taken = 1;

    while (in.len > 0 && taken > 0) {
        taken = one_response(in, method);
        in = slice_of(in.p + taken, in.len - taken);
    }
    return 0;
}
