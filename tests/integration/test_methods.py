# SPDX-License-Identifier: MIT
"""Methods, request targets and interim responses arrive as they were sent."""
import pytest

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "M-SEARCH",
           "FROBNICATE", "get"]


@pytest.mark.parametrize("method", METHODS)
def test_every_method_reaches_the_origin_as_sent(tunnel, method):
    body = None if method in ("GET", "TRACE") else b"some body"
    seen = tunnel.fetch(method, "/echo", body=body).json()
    assert seen["method"] == method
    assert seen["size"] == len(body or b"")


@pytest.mark.parametrize("target", [
    "/echo", "/echo?", "/echo?a=1&b=%20&a=2", "/echo?q=/../x//y", "/echo?%00%ff%2F",
    "/echo?x=[]{}|\\^`\"<>", "/echo?" + "long" * 5000])
def test_targets_are_not_touched(tunnel, target):
    assert tunnel.fetch("GET", target).json()["target"] == target


@pytest.mark.parametrize("target", ["/a/../b", "//double", "/%2e%2e/%2F", "/./", "/a;b=c", "/:80"])
def test_paths_are_not_normalised(tunnel, target):
    assert tunnel.fetch("GET", target).status == 404
    assert tunnel.origin.requests[-1].target == target


def test_options_asterisk_stays_asterisk(tunnel):
    tunnel.fetch("OPTIONS", "*")
    assert tunnel.origin.requests[-1].target == "*"


def test_absolute_form_arrives_in_origin_form_and_replaces_host(tunnel):
    seen = tunnel.fetch("GET", f"http://{tunnel.host}/echo?x=1", host="other.localhost").json()
    assert seen["target"] == "/echo?x=1"
    assert [value for name, value in seen["fields"] if name.lower() == "host"] == [tunnel.host]


def test_a_get_with_a_body_keeps_it(tunnel):
    assert tunnel.fetch("GET", "/echo", body=b"12345").json()["size"] == 5


def test_a_post_without_a_body_has_length_zero(tunnel):
    seen = tunnel.fetch("POST", "/echo", body=b"").json()
    assert ["content-length", "0"] in [[name.lower(), value] for name, value in seen["fields"]]


def test_http_1_0_visitors_are_answered_and_closed(tunnel):
    with tunnel.visit() as visitor:
        answer = visitor.fetch("GET", "/echo", version="HTTP/1.0")
        assert answer.status == 200
        assert visitor.is_closed()


def test_http_1_0_visitors_never_get_chunks(tunnel):
    with tunnel.visit() as visitor:
        answer = visitor.fetch("GET", "/bytes?how=chunked&size=100000", version="HTTP/1.0")
        assert answer.get("transfer-encoding") is None
        assert len(answer.body) == 100000


def test_http_1_0_visitors_may_ask_to_keep_the_connection(tunnel):
    with tunnel.visit() as visitor:
        for _ in range(2):
            answer = visitor.fetch("GET", "/", [("Connection", "keep-alive")], version="HTTP/1.0")
            assert answer.body == b"hello"
            assert answer.fields.tokens("connection") == ["keep-alive"]


def test_expect_100_continue_gets_its_100_before_the_body(tunnel):
    with tunnel.visit() as visitor:
        fields = [("Expect", "100-continue"), ("Content-Length", "5")]
        visitor.send(visitor.head("POST", "/echo", fields))
        assert visitor.line().startswith(b"HTTP/1.1 100 ")
        assert visitor.line() == b""
        visitor.send(b"12345")
        assert visitor.response().json()["size"] == 5


def test_a_refusal_instead_of_100_reaches_the_visitor(tunnel):
    def refuse(exchange):
        exchange.reply("no", 417)
        exchange.keep = False

    tunnel.origin.on("/refuse", refuse)
    with tunnel.visit() as visitor:
        fields = [("Expect", "100-continue"), ("Content-Length", "5")]
        visitor.send(visitor.head("POST", "/refuse", fields))
        answer = visitor.response()
        assert answer.status == 417


def test_interim_responses_pass_in_order(tunnel):
    def hints(exchange):
        exchange.head(103, [("Link", "</a.css>; rel=preload")])
        exchange.head(103, [("Link", "</b.css>; rel=preload")])
        exchange.reply("done")

    tunnel.origin.on("/hints", hints)
    answer = tunnel.fetch("GET", "/hints")
    assert [each.status for each in answer.interim] == [103, 103]
    assert [each.get("link")[2] for each in answer.interim] == ["a", "b"]
    assert answer.body == b"done"


def test_interim_responses_do_not_reach_http_1_0(tunnel):
    def hints(exchange):
        exchange.head(103, [("Link", "</a.css>")])
        exchange.reply("done")

    tunnel.origin.on("/hints-1.0", hints)
    answer = tunnel.fetch("GET", "/hints-1.0", version="HTTP/1.0")
    assert answer.interim == []
    assert answer.body == b"done"


@pytest.mark.parametrize("status", [200, 201, 206, 299, 302, 404, 418, 451, 500, 503, 599, 799])
def test_statuses_pass_unchanged(tunnel, status):
    tunnel.origin.on("/status", lambda exchange: exchange.reply("body", status))
    answer = tunnel.fetch("GET", "/status")
    assert (answer.status, answer.body, answer.code) == (status, b"body", None)


@pytest.mark.parametrize("method", ["OPTIONS", "TRACE"])
def test_max_forwards_counts_down(tunnel, method):
    seen = tunnel.fetch(method, "/echo", [("Max-Forwards", "3")]).json()
    assert ["max-forwards", "2"] in [[name.lower(), value] for name, value in seen["fields"]]


@pytest.mark.parametrize("method, status", [("OPTIONS", 200), ("TRACE", 501)])
def test_at_max_forwards_zero_the_relay_is_the_end(tunnel, method, status):
    before = len(tunnel.origin.requests)
    assert tunnel.fetch(method, "/echo", [("Max-Forwards", "0")]).status == status
    assert len(tunnel.origin.requests) == before


def test_max_forwards_means_nothing_to_other_methods(tunnel):
    seen = tunnel.fetch("GET", "/echo", [("Max-Forwards", "0")]).json()
    assert ["max-forwards", "0"] in [[name.lower(), value] for name, value in seen["fields"]]


@pytest.mark.parametrize("rest", [
    b"\r\n", b"Host: a\r\nHost: b\r\n\r\n", b"Host: {host}\r\nContent-Length: x\r\n\r\n",
    b"Host: {host}\r\nTransfer-Encoding: chunked\r\n\r\nX\r\n"],
    ids=["no host", "two hosts", "length", "chunk"])
def test_a_refused_head_request_is_answered_without_a_body(tunnel, rest):
    with tunnel.visit() as visitor:
        visitor.send(b"HEAD / HTTP/1.1\r\n" + rest.replace(b"{host}", tunnel.host.encode()))
        answer = visitor.response("HEAD")
        assert answer.status == 400
        assert visitor.is_closed()
