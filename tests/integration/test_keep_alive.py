# SPDX-License-Identifier: MIT
"""Connections of visitors are kept, reused, pipelined and closed as RFC 9112 §9 says."""
import threading

import bodies
import harness


def test_one_connection_carries_many_exchanges(tunnel):
    with tunnel.visit() as visitor:
        for number in range(100):
            seen = visitor.fetch("POST", f"/echo?{number}", body=b"x" * number).json()
            assert (seen["target"], seen["size"]) == (f"/echo?{number}", number)


def test_pipelined_requests_are_answered_in_order(tunnel):
    with tunnel.visit() as visitor:
        count = 50
        visitor.send(b"".join(
            visitor.head("POST", f"/echo?{number}", [("Content-Length", "2")]) + b"%02d" % number
            for number in range(count)))
        for number in range(count):
            assert visitor.response().json()["target"] == f"/echo?{number}"


def test_a_slow_first_answer_does_not_reorder_a_pipeline(tunnel):
    release = threading.Event()

    def slow(exchange):
        assert release.wait(harness.DEADLINE)
        exchange.reply("slow")

    tunnel.origin.on("/slow", slow)
    with tunnel.visit() as visitor:
        visitor.send(visitor.head("GET", "/slow") + visitor.head("GET", "/"))
        assert tunnel.fetch("GET", "/").body == b"hello"
        release.set()
        assert visitor.response().body == b"slow"
        assert visitor.response().body == b"hello"


def test_pipelined_after_a_body_of_each_framing(tunnel):
    with tunnel.visit() as visitor:
        visitor.send(visitor.head("POST", "/echo?1", [("Transfer-Encoding", "chunked")])
                     + b"3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n"
                     + visitor.head("POST", "/echo?2", [("Content-Length", "3")]) + b"abc"
                     + b"\r\n"  # one empty line before a request line may be skipped (§2.2)
                     + visitor.head("GET", "/echo?3"))
        for number, size in ((1, 3), (2, 3), (3, 0)):
            seen = visitor.response().json()
            assert (seen["target"], seen["size"]) == (f"/echo?{number}", size)


def test_connection_close_is_honoured(tunnel):
    with tunnel.visit() as visitor:
        answer = visitor.fetch("GET", "/", [("Connection", "close")])
        assert answer.body == b"hello"
        assert "close" in answer.fields.tokens("connection")
        assert visitor.is_closed()


def test_an_origin_that_closes_does_not_close_the_visitor(tunnel):
    with tunnel.visit() as visitor:
        for _ in range(3):
            answer = visitor.fetch("GET", "/bytes?how=close&size=1000&seed=3")
            assert bodies.sha256(answer.body) == bodies.digest(3, 1000)


def test_the_connection_outlives_a_404_and_a_refusal_of_the_origin(tunnel):
    with tunnel.visit() as visitor:
        assert visitor.fetch("GET", "/nothing").status == 404
        assert visitor.fetch("POST", "/nothing", body=b"x" * 100000).status == 404
        assert visitor.fetch("GET", "/").status == 200


def test_one_connection_may_visit_several_names(tunnel):
    with tunnel.visit() as visitor:
        assert visitor.fetch("GET", "/").status == 200
        assert visitor.fetch("GET", "/", host="nobody-here.localhost").code == "ADIT-NO-TUNNEL"
        assert visitor.fetch("GET", "/_adit/health", host="localhost").status == 200
        assert visitor.fetch("GET", "/").status == 200
