# SPDX-License-Identifier: MIT
"""Responses without a body keep their fields and leave the connection in step."""
import pytest


def test_head_keeps_the_length_and_sends_no_body(tunnel):
    def sized(exchange):
        exchange.head(200, [("Content-Length", "123456"), ("ETag", '"x"')])

    tunnel.origin.on("/sized", sized)
    with tunnel.visit() as visitor:
        for _ in range(2):
            answer = visitor.fetch("HEAD", "/sized")
            assert (answer.get("content-length"), answer.get("etag")) == ("123456", '"x"')
        assert visitor.fetch("GET", "/").body == b"hello"


def test_head_of_a_chunked_resource_sends_no_body(tunnel):
    def chunked(exchange):
        exchange.head(200, [("Transfer-Encoding", "chunked")])

    tunnel.origin.on("/chunked", chunked)
    with tunnel.visit() as visitor:
        assert visitor.fetch("HEAD", "/chunked").status == 200
        assert visitor.fetch("GET", "/").body == b"hello"


def test_head_of_a_resource_without_any_framing(tunnel):
    tunnel.origin.on("/bare", lambda exchange: exchange.head(200))
    with tunnel.visit() as visitor:
        assert visitor.fetch("HEAD", "/bare").status == 200
        assert visitor.fetch("GET", "/").body == b"hello"


@pytest.mark.parametrize("status", [204, 304])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_no_content_and_not_modified_have_no_body(tunnel, status, method):
    tunnel.origin.on("/none", lambda exchange: exchange.head(status, [("ETag", '"y"')]))
    with tunnel.visit() as visitor:
        body = b"abc" if method == "POST" else None
        answer = visitor.fetch(method, "/none", body=body)
        assert (answer.status, answer.get("etag")) == (status, '"y"')
        assert answer.get("transfer-encoding") is None
        assert visitor.fetch("GET", "/").body == b"hello"


def test_304_keeps_the_length_of_what_it_stands_for(tunnel):
    tunnel.origin.on("/same", lambda exchange: exchange.head(304, [("Content-Length", "99")]))
    with tunnel.visit() as visitor:
        assert visitor.fetch("GET", "/same").get("content-length") == "99"
        assert visitor.fetch("GET", "/").body == b"hello"


def test_an_empty_body_of_each_framing(tunnel):
    with tunnel.visit() as visitor:
        for how in ("length", "chunked", "close"):
            assert visitor.fetch("GET", f"/bytes?size=0&how={how}").body == b""
        assert visitor.fetch("GET", "/").body == b"hello"


def test_refusals_of_the_relay_answer_head_without_a_body(tunnel):
    with tunnel.visit() as visitor:
        answer = visitor.fetch("HEAD", "/", host="nobody-here.localhost")
        assert answer.code == "ADIT-NO-TUNNEL"
        assert visitor.fetch("GET", "/").body == b"hello"
