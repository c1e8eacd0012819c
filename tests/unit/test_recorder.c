// SPDX-License-Identifier: MIT
// The recorder keeps every part of an ended exchange, bodies up to their limit, and no secrets.
#include "recorder_fixture.h"

static bool kept_is(struct fixture *f, int64_t seq, enum record_side side, size_t len)
{
    struct slice kept;
    return record_reader_body(f->reader, seq, side, &kept) && kept.len == len &&
           memcmp(kept.p ? kept.p : "", body, len) == 0;
}

static bool digest_is(const struct record_body *b, size_t len)
{
    uint8_t expected[DIGEST_BYTES];
    struct digest d = {0};
    digest_add(&d, slice_of((const char *)body, len), true);
    CHECK(digest_value(&d, expected));
    digest_deinit(&d);
    return b->has_digest && memcmp(b->digest, expected, DIGEST_BYTES) == 0;
}

static void add(struct http_head *head, const char *name, const char *value)
{
    CHECK(head_add(head, slice_str(name), slice_str(value)));
}

static void all_of_an_exchange_is_kept(void **state)
{
    struct fixture *f = *state;
    struct ends e;
    struct http_head head = request_head();
    const struct body_framing none = {BODY_NONE, 0};
    const struct body_framing chunked = {BODY_CHUNKED, 0};
    record(f);
    add(&head, "X", "1");
    add(&head, "x", "");
    add(&head, "X", "1");
    begin(f, &e, &head);
    e.x->facts.visitor = "192.0.2.1";
    e.x->facts.upstream = "127.0.0.1:80";
    e.x->facts.replay_of = "0123456789abcdef";
    send_on(&e, &head, chunked);
    send_body(&e.visitor, BODY);
    head = response_head(103);
    add(&head, "Link", "</a>");
    exchange_head(&e.service, &head, &none);
    head = response_head(102);
    head.reason = SLICE("Wait: a bit");
    exchange_head(&e.service, &head, &none);
    head = response_head(418);
    head.reason = SLICE("Short");
    head.minor_version = 0;
    add(&head, "Y", "2");
    exchange_head(&e.service, &head, &chunked);
    send_body(&e.service, 65537);
    head_init(&head);
    add(&head, "T", "3");
    exchange_finish(&e.visitor, &head);
    add(&head, "T", "4");
    exchange_finish(&e.service, &head);
    stop(f);
    const struct record_exchange *x = row(f, 1);
    assert_true(is(x->request_head, "X: 1\r\nx: \r\nX: 1\r\n"));
    assert_true(is(x->interim, "103\r\nLink: </a>\r\n\r\n102 Wait: a bit\r\n\r\n"));
    assert_true(is(x->response_head, "Y: 2\r\n") && is(x->reason, "Short"));
    assert_true(is(x->response_protocol, "HTTP/1.0"));
    assert_true(is(x->body[0].trailers, "T: 3\r\n"));
    assert_true(is(x->body[1].trailers, "T: 3\r\nT: 4\r\n"));
    assert_true(is(x->visitor, "192.0.2.1") && is(x->upstream, "127.0.0.1:80"));
    assert_true(is(x->replay_of, "0123456789abcdef") && is(x->tunnel, "web"));
    assert_true(is(x->method, "POST") && is(x->host, "web.example"));
    assert_true(is(x->target, "/path?query") && is(x->protocol, "HTTP/1.1"));
    assert_true(x->status == 418 && is(x->outcome, "complete") && x->error.len == 0);
    assert_int_equal(x->flags,
                     RECORD_REQUEST_WHOLE | RECORD_RESPONSE_WHOLE | RECORD_CONNECTION_REUSED);
    assert_true(x->sent_on_ns >= 0 && x->sent_on_ns <= x->answered_ns);
    assert_true(x->answered_ns <= x->body[1].first_ns && x->duration_ns >= x->body[1].last_ns);
    assert_true(digest_is(&x->body[0], BODY) && digest_is(&x->body[1], 65537));
    assert_true(kept_is(f, 1, RECORD_REQUEST, BODY) && kept_is(f, 1, RECORD_RESPONSE, 65537));
}

static void of_a_body_its_beginning_is_kept_and_the_digest_of_all(void **state)
{
    static const size_t limits[] = {1, 65535, 65536, 65537, BODY - 1, BODY, BODY + 1};
    struct fixture *f = *state;
    const int count = sizeof(limits) / sizeof(limits[0]);
    for (int i = 0; i < count; i++) {
        struct ends e;
        f->loop.limits.record_body_bytes = limits[i];
        record(f);
        ask(f, &e);
        send_body(&e.visitor, BODY);
        exchange_finish(&e.visitor, NULL);
        answer(&e, 200);
        send_body(&e.service, 3);
        exchange_finish(&e.service, NULL);
        recorder_free(f->recorder);
        f->recorder = NULL;
    }
    stop(f);
    for (int i = 0; i < count; i++) {
        size_t kept = limits[i] < BODY ? limits[i] : BODY;
        const struct record_exchange *x = row(f, i + 1);
        assert_true(x->body[0].bytes == BODY && x->body[0].kept == kept);
        assert_true(digest_is(&x->body[0], BODY) && kept_is(f, i + 1, RECORD_REQUEST, kept));
        assert_true(kept_is(f, i + 1, RECORD_RESPONSE, limits[i] < 3 ? limits[i] : 3));
    }
}

static void how_it_ended_is_told(void **state)
{
    struct fixture *f = *state;
    struct ends e;
    record(f);
    ask(f, &e); // 1: the visitor leaves during the request's body
    send_body(&e.visitor, 1000);
    exchange_abort(&e.visitor, EXCHANGE_VISITOR_GONE);
    ask(f, &e); // 2: the origin leaves during its response
    exchange_finish(&e.visitor, NULL);
    answer(&e, 200);
    send_body(&e.service, 1000);
    exchange_refuse(&e.service, ANSWER_UPSTREAM_CLOSED, EXCHANGE_UPSTREAM_GONE);
    ask(f, &e); // 3: the origin leaves before it: adit answers
    exchange_finish(&e.visitor, NULL);
    exchange_refuse(&e.service, ANSWER_UPSTREAM_CLOSED, EXCHANGE_UPSTREAM_GONE);
    struct http_head head = request_head();
    begin(f, &e, &head); // 4: no origin
    exchange_answer(e.x, ANSWER_NOT_FOUND);
    begin(f, &e, &head); // never an exchange
    exchange_discard(e.x);
    stop(f);
    const struct record_exchange *x = row(f, 1);
    assert_true(is(x->outcome, "visitor gone") && x->status == 0 && x->flags == 0);
    assert_true(x->body[0].bytes == 1000 && digest_is(&x->body[0], 1000));
    x = row(f, 2);
    assert_true(is(x->outcome, "upstream gone") && x->status == 200 && x->error.len == 0);
    assert_true(x->flags == RECORD_REQUEST_WHOLE && x->body[1].bytes == 1000);
    x = row(f, 3);
    assert_true(x->status == 502 && is(x->error, "ADIT-UPSTREAM-CLOSED"));
    assert_true(is(record_field(x->response_head, SLICE("adit-error")), "ADIT-UPSTREAM-CLOSED"));
    assert_true(x->body[1].kept == x->body[1].bytes && x->body[1].bytes > 0);
    x = row(f, 4);
    assert_true(x->status == 404 && x->error.len > 0 && x->sent_on_ns < 0);
    assert_int_equal(number(f, "SELECT count(*) FROM exchange"), 4);
    assert_int_equal(number(f, "SELECT exchanges FROM writer"), 4);
    assert_int_equal(number(f, "SELECT shed FROM writer"), 0);
}

static void what_may_be_recorded_is_the_less_of_two(void **state)
{
    struct fixture *f = *state;
    struct ends e;
    for (int level = 0; level < 3; level++) {
        f->config.level = (enum exchange_record)level;
        record(f);
        for (int of_exchange = 0; of_exchange < 3; of_exchange++) {
            struct http_head head = request_head();
            begin(f, &e, &head);
            e.x->record = (enum exchange_record)of_exchange;
            send_on(&e, &head, (struct body_framing){BODY_CHUNKED, 0});
            send_body(&e.visitor, 10);
            exchange_finish(&e.visitor, NULL);
            answer(&e, 200);
            send_body(&e.service, 10);
            exchange_finish(&e.service, NULL);
        }
        recorder_free(f->recorder);
        f->recorder = NULL;
    }
    stop(f);
    assert_int_equal(number(f, "SELECT count(*) FROM exchange"), 4);
    for (int64_t seq = 1; seq <= 4; seq++) { // of 3 × 3 levels, four are not "none"
        const struct record_exchange *x = row(f, seq);
        assert_int_equal(x->flags & RECORD_HEADS_ONLY, seq == 1 ? 0 : RECORD_HEADS_ONLY);
        assert_int_equal(x->body[0].kept, seq == 1 ? 10 : 0);
        assert_true(x->body[1].bytes == 10 && digest_is(&x->body[1], 10));
    }
}

static void secrets(struct http_head *head)
{
    add(head, "Cookie", "canary");
    add(head, "SET-COOKIE", "canary");
    add(head, "authorization", "Bearer canary");
    add(head, "Proxy-Authorization", "canary");
    add(head, "x-api-key", "canary");
    add(head, "X", "token");
}

static void secret_exchange(struct fixture *f)
{
    struct ends e;
    struct http_head head = request_head();
    const struct body_framing framing = {BODY_CHUNKED, 0};
    secrets(&head);
    begin(f, &e, &head);
    send_on(&e, &head, framing);
    head = response_head(103);
    secrets(&head);
    exchange_head(&e.service, &head, &framing);
    head.status = 200;
    exchange_head(&e.service, &head, &framing);
    exchange_finish(&e.visitor, &head);
    exchange_finish(&e.service, &head);
}

static void secrets_are_left_out(void **state)
{
    static const char all[] = "Cookie: [redacted]\r\nSET-COOKIE: [redacted]\r\nauthorization: "
                              "[redacted]\r\nProxy-Authorization: [redacted]\r\nx-api-key: "
                              "[redacted]\r\nX: token\r\n";
    static const char shown[] = "Cookie: canary\r\nSET-COOKIE: canary\r\nauthorization: Bearer "
                                "canary\r\nProxy-Authorization: canary\r\nx-api-key: canary\r\nX: "
                                "[redacted]\r\n";
    struct fixture *f = *state;
    assert_true(recorder_add_redact(&f->config, "X-Api-Key"));
    record(f);
    secret_exchange(f);
    recorder_free(f->recorder);
    f->config.no_redact = true;
    f->config.redact_count = 0;
    f->config.token = "token";
    record(f);
    secret_exchange(f);
    stop(f);
    for (int64_t seq = 1; seq <= 2; seq++) {
        const struct record_exchange *x = row(f, seq);
        const char *lines = seq == 1 ? all : shown;
        assert_true(is(x->request_head, lines) && is(x->response_head, lines));
        assert_true(is(x->body[0].trailers, lines) && is(x->body[1].trailers, lines));
        assert_int_equal(x->interim.len, 5 + strlen(lines) + 2);
        assert_non_null(memmem(x->interim.p, x->interim.len, lines, strlen(lines)));
        assert_true(x->flags & RECORD_REDACTED);
    }
}

static void what_came_instead_of_a_head_is_kept_without_its_secrets(void **state)
{
    static const char came[] = "HTTP/1.1 20 No\r\nSet-Cookie: canary\r\n\r\n";
    struct fixture *f = *state;
    struct ends e;
    record(f);
    ask(f, &e);
    exchange_finish(&e.visitor, NULL);
    exchange_bad_head(&e.service, slice_str(came), "its status is no number of three digits");
    exchange_refuse(&e.service, ANSWER_UPSTREAM_INVALID, EXCHANGE_UPSTREAM_GONE);
    small_exchange(f); // has nothing of the one before
    stop(f);
    const struct record_exchange *x = row(f, 1);
    assert_true(is(x->bad_head, "HTTP/1.1 20 No\r\nSet-Cookie: [redacted]\r\n\r\n"));
    assert_true(is(x->detail, "its status is no number of three digits"));
    assert_true(x->status == 502 && (x->flags & RECORD_REDACTED));
    assert_true(is(x->reason, "Bad Gateway") && is(x->response_protocol, "HTTP/1.1"));
    x = row(f, 2);
    assert_true(x->bad_head.len == 0 && x->detail.len == 0);
}

static struct report report_of(const char *id, uint64_t bytes)
{
    struct report r = {.outcome = EXCHANGE_COMPLETE, .sent_on_ns = 1, .connect_ns = REPORT_NONE};
    memcpy(r.id, id, sizeof(r.id));
    r.body[0] = r.body[1] = (struct report_body){.bytes = bytes, .whole = true};
    return r;
}

static void a_report_counts_once_and_through_its_own_tunnel(void **state)
{
    struct fixture *f = *state;
    struct ends e;
    struct report r;
    char id[EXCHANGE_ID_LEN + 1];
    struct http_head head = request_head();
    record(f);
    begin(f, &e, &head);
    e.x->facts.tunnel_id = 7;
    memcpy(id, e.x->facts.id, sizeof(id));
    send_on(&e, &head, (struct body_framing){BODY_CHUNKED, 0});
    r = report_of(id, 1);
    recorder_report(f->recorder, 8, &r); // another tunnel's
    r = report_of("0000000000000000", 2);
    recorder_report(f->recorder, 7, &r); // no such exchange
    recorder_report(NULL, 7, &r);
    exchange_finish(&e.visitor, NULL);
    answer(&e, 200);
    exchange_finish(&e.service, NULL);
    r = report_of(id, 3);
    recorder_report(f->recorder, 7, &r);
    r = report_of(id, 4);
    recorder_report(f->recorder, 7, &r);
    small_exchange(f); // through no tunnel
    stop(f);
    const struct record_exchange *x = row(f, 1);
    assert_true(x->peer.known && x->peer.bytes[0] == 3 && x->peer.bytes[1] == 3);
    assert_true(x->peer.sent_on_ns == 1 && x->peer.connect_ns == -1 &&
                is(x->peer.outcome, "complete"));
    assert_false(row(f, 2)->peer.known);
}

static void levels_and_names_are_checked(void **state)
{
    struct fixture *f = *state;
    struct recorder_config c = {0};
    assert_true(recorder_set_level(&c, "heads") && c.level == EXCHANGE_RECORD_HEADS);
    assert_true(recorder_set_level(&c, "none") && c.level == EXCHANGE_RECORD_NONE);
    assert_true(recorder_set_level(&c, "all") && c.level == EXCHANGE_RECORD_ALL);
    assert_false(recorder_set_level(&c, "") || recorder_set_level(&c, "ALL"));
    assert_false(recorder_add_redact(&c, "") || recorder_add_redact(&c, "a b"));
    for (int i = 0; i < RECORDER_REDACT_MAX; i++)
        assert_true(recorder_add_redact(&c, "x"));
    assert_false(recorder_add_redact(&c, "x"));
    record(f);
    stop(f);
    recorder_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(all_of_an_exchange_is_kept),
        TEST(of_a_body_its_beginning_is_kept_and_the_digest_of_all),
        TEST(how_it_ended_is_told),
        TEST(what_may_be_recorded_is_the_less_of_two),
        TEST(secrets_are_left_out),
        TEST(what_came_instead_of_a_head_is_kept_without_its_secrets),
        TEST(a_report_counts_once_and_through_its_own_tunnel),
        TEST(levels_and_names_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
