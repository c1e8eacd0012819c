// SPDX-License-Identifier: MIT
// A visitor's stream of pipelined requests with bodies. Splits change nothing, and an accepted
// request is written and parsed to itself.
#include "http1_stream.h"
#include "proto/http/authority.h"

static void check_rewritten(const struct http_head *head, const struct body_framing *framing)
{
    static struct http_head back;
    static struct http_head bare;
    struct body_framing back_framing;
    size_t scanned = 0;
    size_t len = http1_write_request(NULL, 0, head);
    char *text = malloc(len);
    char *again = malloc(len);

    CHECK(text && again);
    CHECK(http1_write_request(text, len, head) == len);
    int size = http1_parse_request(text, len, &scanned, &wide, &back);
    if (head->authority.len == 0) {
        CHECK(head->minor_version == 0 && size == HTTP1_E_HOST);
    } else {
        CHECK(size == (int)len);
        check_lines(text, len);
        CHECK(slice_eq(back.method, head->method) && slice_eq(back.authority, head->authority));
        struct slice target = back.target;
        if (head->target.p[0] == '?')
            target = slice_of(target.p + 1, target.len - 1);
        CHECK(slice_eq(target, head->target));
        CHECK(http1_request_framing(&back, &back_framing) == 0);
        CHECK(back_framing.kind == framing->kind && back_framing.length == framing->length);
        CHECK(http1_write_request(again, len, &back) == len && memcmp(text, again, len) == 0);
        bare = *head;
        head_remove(&bare, SLICE("host"));
        head_remove(&back, SLICE("host"));
        check_same_fields(&back, &bare);
    }
    free(text);
    free(again);
}

static void check_accepted(const struct http_head *head)
{
    CHECK(http_is_token(head->method) && head->status == 0);
    CHECK(http_is_target(head->target));
    CHECK(head->authority.len == 0 ? head->minor_version == 0
                                   : authority_is_valid(head->authority));
    CHECK(head_count(head, SLICE("host")) <= 1);
    CHECK(head->field_count <= narrow.fields);
    for (size_t i = 0; i < head->field_count; i++)
        CHECK(http_is_token(head->fields[i].name) && http_is_field_value(head->fields[i].value));
    (void)http1_keeps_alive(head);
}

// Returns the bytes of one request; 0 when it is incomplete or refused.
static size_t one_request(struct slice in)
{
    static struct http_head head;
    struct body_framing framing;
    size_t scanned = 0;
    char *copy = exact_copy(in.p, in.len);
    int size = http1_parse_request(copy, in.len, &scanned, &narrow, &head);
    size_t taken = 0;

    CHECK(parse_in_pieces(http1_parse_request, in.p, in.len, seed_of(in.p, in.len)) == size);
    if (size > 0) {
        CHECK((size_t)size <= in.len && (size_t)size <= narrow.head_bytes);
        check_lines(copy, (size_t)size);
        check_accepted(&head);
        if (http1_request_framing(&head, &framing) == 0) {
            CHECK(framing.kind != BODY_UNTIL_CLOSE && framing.kind != BODY_TUNNEL);
            check_rewritten(&head, &framing);
            taken =
                (size_t)size + check_body(&framing, slice_of(in.p + size, in.len - (size_t)size));
        }
    }
    free(copy);
    return taken;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice in = slice_of((const char *)data, size);
    size_t taken = 1;

    while (in.len > 0 && taken > 0) {
        taken = one_request(in);
        in = slice_of(in.p + taken, in.len - taken);
    }
    return 0;
}
