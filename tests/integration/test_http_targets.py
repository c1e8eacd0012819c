# SPDX-License-Identifier: MIT
"""Every legal request line (RFC 9112 §3) reaches the service as it was sent."""
import harness
import live_lines
import pytest


def arrived(tunnel, line, fields=(), host=None):
    """The service's view of a request with this first line, as (method, target, Host)."""
    with tunnel.visit() as visitor:
        method, target, _ = line.split(" ")
        visitor.send(visitor.head(method, target, fields, host))
        answer = visitor.response(method)
        assert answer.code is None, answer
    request = tunnel.origin.requests[-1]
    hosts = request.fields.all("host")
    assert len(hosts) == 1
    return request.method, request.target, hosts[0]


ODD = [
    "//", "///", "/?", "/??", "/?/../", "/%zz", "/%", "/%00", "/%0d%0aX:y", "/;", "/;a=b;c", "/{}",
    "/|", "/a|b", "/\"quoted\"", "/'", "/`", "/^", "/\\", "/<script>", "/[x]", "/a:b@c", "/.",
    "/..", "/../..", "/a/./b/../c", "/%2e%2e/", "/~x", "/=&+$,!*()", "/-_.", "/http://other/",
    "/?x=http://other/", "/*", "/" + "".join(map(chr, range(0x80, 0x100))),
    "/?" + "".join(map(chr, range(0x80, 0x100))), "/" + "a/" * 5000]


@pytest.mark.parametrize("target", ODD, ids=lambda target: ascii(target[:30]))
def test_odd_targets_arrive_byte_for_byte(tunnel, target):
    assert arrived(tunnel, f"GET {target} HTTP/1.1") == ("GET", target, tunnel.host)


@pytest.mark.parametrize("method", [
    "a", "head", "Get", "post", "options", "!#$%&'*+-.^_`|~0aZ", "PRI", "QUERY", "X" * 24,
    "X" * 200, "HEAD" + "X" * 30, "M" * 20_000])
def test_any_token_is_a_method(tunnel, method):
    with tunnel.visit() as visitor:
        seen = visitor.fetch(method, "/echo", body=b"12345").json()
        assert (seen["method"], seen["size"]) == (method, 5)
        assert visitor.fetch("GET", "/").body == b"hello"


def test_a_method_only_called_like_head_has_an_answer_with_a_body(tunnel):
    with tunnel.visit() as visitor:
        for method in ("head", "HEADER", "HEAD."):
            assert visitor.fetch(method, "/").body == b"hello"


ABSOLUTE = {  # the target: what arrives, and which Host
    "http://{host}/echo": ("/echo", "{host}"),
    "HTTP://{host}/echo": ("/echo", "{host}"),
    "hTtP://{HOST}/Echo": ("/Echo", "{HOST}"),
    "https://{host}/echo": ("/echo", "{host}"),
    "HTTPS://{host}/echo?a=http://b/": ("/echo?a=http://b/", "{host}"),
    "http://{host}": ("/", "{host}"),
    "http://{host}/": ("/", "{host}"),
    "http://{host}//x": ("//x", "{host}"),
    "http://{host}?query": ("/?query", "{host}"),
    "http://{host}?": ("/?", "{host}"),
    "http://{host}/a/../b/%zz": ("/a/../b/%zz", "{host}"),
    "http://{label}.localhost:80/": ("/", "{label}.localhost:80"),
    "http://{label}.localhost:65000/": ("/", "{label}.localhost:65000"),
    "http://{label}.localhost:/": ("/", "{label}.localhost:"),
    "http://{label}.localhost./": ("/", "{label}.localhost."),
}


@pytest.mark.parametrize("host", [None, "other.example", "none.localhost:1"],
                         ids=["same", "other", "no tunnel"])
@pytest.mark.parametrize("target", ABSOLUTE)
def test_an_absolute_form_goes_by_its_own_authority(tunnel, target, host):
    """RFC 9112 §3.2.2: Host is ignored, and replaced by what the target says."""
    def filled(text):
        return text.format(host=tunnel.host, HOST=tunnel.host.upper(), label=tunnel.agent.label)

    path, authority = ABSOLUTE[target]
    assert arrived(tunnel, f"GET {filled(target)} HTTP/1.1", (), host) == (
        "GET", filled(path), filled(authority))
    fields = tunnel.origin.requests[-1].fields
    assert fields.all("x-forwarded-host") == [filled(authority)]


@pytest.mark.parametrize("target", [
    "http://user@{host}/", "http://user:secret@{host}/", "http://@{host}/", "http:///", "http://",
    "http:/x", "http:{host}", "ftp://{host}/", "ws://{host}/", "//{host}@/x y", "{host}/",
    "{host}:80", "http://{host}:port/", "http://{host}:80:80/", "http://{host}/#fragment",
    "http://{host} /", "http://[::1/"])
def test_an_invalid_target_is_refused(tunnel, target):
    """RFC 9110 §4.2.4: userinfo is an error, as it disguises the destination."""
    before = len(tunnel.origin.requests)
    with tunnel.visit() as visitor:
        visitor.send(visitor.head("GET", target.format(host=tunnel.host)))
        answer = visitor.response()
        assert (answer.status, answer.code) == (400, "ADIT-BAD-REQUEST")
        assert visitor.is_closed()
    assert tunnel.fetch("GET", "/").body == b"hello"
    assert len(tunnel.origin.requests) == before + 1


@pytest.mark.parametrize("target", ["*", "http://{host}"])
def test_options_asks_the_whole_service(tunnel, target):
    """RFC 9112 §3.2.4: an absolute-form without a path arrives as an asterisk."""
    target = target.format(host=tunnel.host)
    assert arrived(tunnel, f"OPTIONS {target} HTTP/1.1") == ("OPTIONS", "*", tunnel.host)


@pytest.mark.parametrize("target, sent", [("http://{host}/", "/"), ("http://{host}?x", "/?x"),
                                          ("/*", "/*")])
def test_options_of_a_path_is_no_asterisk(tunnel, target, sent):
    target = target.format(host=tunnel.host)
    assert arrived(tunnel, f"OPTIONS {target} HTTP/1.1")[1] == sent


def test_an_empty_query_is_not_lost(tunnel):
    assert arrived(tunnel, "GET /echo? HTTP/1.1")[1] == "/echo?"
    assert arrived(tunnel, "GET /echo HTTP/1.1")[1] == "/echo"


def line_of(visitor, size):
    """A head of this many bytes, nearly all of it the target."""
    rest = len(visitor.head("GET", "/"))
    return "/" + "t" * (size - rest)


@pytest.mark.parametrize("size", [32 * 1024 - 1, 32 * 1024])
def test_a_long_target_up_to_the_limit_passes(tunnel, size):
    with tunnel.visit() as visitor:
        target = line_of(visitor, size)
        assert visitor.fetch("GET", target).status == 404
        assert visitor.fetch("GET", "/").body == b"hello"
    assert tunnel.origin.requests[-2].target == target


def test_a_target_over_the_limit_is_refused(tunnel):
    with tunnel.visit() as visitor:
        answer = visitor.fetch("GET", line_of(visitor, 32 * 1024 + 1))
        assert answer.status == 431
        assert visitor.is_closed()


def test_a_target_too_long_by_itself_is_414(tunnel):
    """RFC 9112 §3: a server that gets a longer target than it parses must answer 414."""
    with tunnel.visit() as visitor:
        answer = visitor.fetch("GET", "/" + "t" * 40_000)
        assert (answer.status, answer.code) == (414, "ADIT-URI-TOO-LONG")
        assert visitor.is_closed()


def test_the_agents_line_names_what_was_asked_for(tunnel):
    for method, target in (("FOO", "/named?x=1"), ("OPTIONS", "*")):
        tunnel.fetch(method, target)
        shown = target.replace("?", r"\?").replace("*", r"\*")
        tunnel.agent.wait_for(live_lines.pattern(method, shown), within=harness.DEADLINE)
