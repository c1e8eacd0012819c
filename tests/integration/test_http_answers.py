# SPDX-License-Identifier: MIT
"""The programs' own answers are valid HTTP."""
import email.utils

import pytest
import wire


@pytest.mark.parametrize("method", ["GET", "POST", "HEAD", "DELETE", "FOO", "OPTIONS"])
@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/1.0"])
def test_a_refusal_is_framed_for_its_method_and_the_connection_goes_on(tunnel, method, version):
    keep = [("Connection", "keep-alive")]
    with tunnel.visit() as visitor:
        for host, code in (("none.localhost", "ADIT-NO-TUNNEL"), ("localhost", "ADIT-NOT-FOUND"),
                           ("example.com", "ADIT-MISDIRECTED")):
            answer = visitor.fetch(method, "/", keep, host=host, version=version)
            assert answer.code == code
            assert (answer.body == b"") == (method == "HEAD")
            assert int(answer.get("content-length")) > 0
        assert visitor.fetch("GET", "/", keep, version=version).body == b"hello"


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_the_body_of_a_refused_request_is_not_the_next_request(tunnel, chunked):
    inner = b"GET /inner HTTP/1.1\r\nHost: " + tunnel.host.encode() + b"\r\n\r\n"
    with tunnel.visit() as visitor:
        for _ in range(3):
            answer = visitor.fetch("POST", "/", body=inner * 10, chunked=chunked,
                                   host="none.localhost")
            assert answer.code == "ADIT-NO-TUNNEL"
        assert visitor.fetch("GET", "/echo?next").json()["target"] == "/echo?next"
    assert tunnel.origin.seen("/inner") == []


def test_a_refused_head_has_no_content(tunnel):
    """RFC 9110 §9.3.2."""
    for framing in ([("Transfer-Encoding", "cow")], [("Content-Length", "x")]):
        with tunnel.visit() as visitor:
            visitor.send(visitor.head("HEAD", "/", framing))
            assert visitor.response_head().code.startswith("ADIT-")
            assert visitor.rest() == b""


@pytest.mark.parametrize("host, target", [("localhost", "/_adit/health"), ("localhost", "/x"),
                                          ("none.localhost", "/"), ("example.com", "/")])
def test_our_own_answers_have_a_date(tunnel, host, target):
    """RFC 9110 §6.6.1: every 2xx, 3xx and 4xx of whoever has a clock."""
    date = tunnel.fetch("GET", target, host=host).get("date")
    assert date and email.utils.parsedate_to_datetime(date)


def test_a_refusal_of_the_agent_is_framed_for_its_method(tunnel):
    def closes(exchange):
        exchange.close()

    tunnel.origin.on("/closes", closes)
    with tunnel.visit() as visitor:
        for method in ("GET", "HEAD", "POST", "FOO"):
            visitor.send(visitor.head(method, "/closes", [("Transfer-Encoding", "chunked")])
                         + wire.last_chunk([("x-sum", "1")]))
            answer = visitor.response(method)
            assert (answer.status, answer.code) == (502, "ADIT-UPSTREAM-CLOSED")
            assert (answer.body == b"") == (method == "HEAD")
        assert visitor.fetch("GET", "/").body == b"hello"
