# SPDX-License-Identifier: MIT
"""Every refusal has its status, its code, and one sentence in the form that Accept asks for."""
import json
import resource
import select
import socket

import harness
import pytest
from client import until

FORMS = {
    "text": ([], "text/plain"),
    "any": ([("Accept", "*/*")], "text/plain"),
    "json": ([("Accept", "application/json")], "application/json"),
    "html": ([("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")], "text/html"),
}


def closes_at_once(exchange):
    exchange.close()


def talks_nonsense(exchange):
    exchange.wire.send(b"SSH-2.0-OpenSSH_9.2\r\n")
    exchange.peer_leaves()


def check(answer, status, code, form):
    """The answer has the status and code, in its header and in the body of this form."""
    content_type = FORMS[form][1]
    assert (answer.status, answer.code) == (status, code)
    assert answer.get("content-type").split(";")[0] == content_type
    assert answer.get("cache-control") == "no-store"
    text = answer.body.decode()
    assert code in text
    if form == "json":
        error = json.loads(text)["error"]
        assert (error["code"], error["status"]) == (code, status)
        assert error["message"][0].isupper() and " " in error["message"]
    elif form == "html":
        assert text.lstrip().lower().startswith("<!doctype html>")
    else:
        assert "<" not in text and text.endswith("\n")


@pytest.fixture(scope="module")
def broken(tunnel):
    tunnel.origin.on("/closes", closes_at_once)
    tunnel.origin.on("/nonsense", talks_nonsense)
    return tunnel


@pytest.fixture(scope="module")
def agents(tunnel, tmp_path_factory):
    """Hosts of further agents on the same relay, each with a broken upstream."""
    with socket.create_server(("127.0.0.1", 0)) as was_open:
        refusing = f"127.0.0.1:{was_open.getsockname()[1]}"
    upstreams = {"refused": refusing, "unreachable": "255.255.255.255:80",
                 "loop": tunnel.relay.url.removeprefix("http://")}
    started = {kind: harness.Agent(tmp_path_factory.mktemp(kind), tunnel.relay, upstream)
               for kind, upstream in upstreams.items()}
    yield {kind: agent.host for kind, agent in started.items()}
    for agent in started.values():
        agent.stop()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("host, status, code", [
    ("nobody-here.localhost", 404, "ADIT-NO-TUNNEL"),
    ("nobody.example.com", 421, "ADIT-MISDIRECTED"),
    ("localhost", 404, "ADIT-NOT-FOUND"),
    ("127.0.0.1", 404, "ADIT-NOT-FOUND"),
    ("[::1]:80", 404, "ADIT-NOT-FOUND"),
])
def test_hosts_that_lead_nowhere(tunnel, host, status, code, form):
    check(tunnel.fetch("GET", "/x", FORMS[form][0], host=host), status, code, form)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("path, code", [("/closes", "ADIT-UPSTREAM-CLOSED"),
                                        ("/nonsense", "ADIT-UPSTREAM-INVALID")])
def test_services_that_misbehave(broken, path, code, form):
    check(broken.fetch("POST", path, FORMS[form][0], body=b"x"), 502, code, form)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind, status, code", [
    ("refused", 502, "ADIT-UPSTREAM-REFUSED"),
    ("unreachable", 502, "ADIT-UPSTREAM-UNREACHABLE"),
    ("loop", 508, "ADIT-LOOP"),
])
def test_services_that_cannot_be_reached(tunnel, agents, kind, status, code, form):
    answer = tunnel.fetch("GET", "/", FORMS[form][0], host=agents[kind])
    check(answer, status, code, form)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("fields, status, code", [
    ([("Content-Length", "x")], 400, "ADIT-BAD-REQUEST"),
    ([("Transfer-Encoding", "gzip, chunked")], 501, "ADIT-NOT-IMPLEMENTED"),
    ([("X-Large", "x" * 40000)], 431, "ADIT-HEAD-TOO-LARGE"),
])
def test_requests_that_are_not_understood(tunnel, fields, status, code, form):
    # The Accept of a request that cannot be parsed is unknown: the answer is always text.
    answer = tunnel.fetch("GET", "/", FORMS[form][0] + fields)
    assert (answer.status, answer.code) == (status, code)
    assert code in answer.body.decode()


def test_a_killed_agent_is_503_in_every_form(own_tunnel):
    own_tunnel.agent.kill()
    for form, (fields, _) in FORMS.items():
        answer = own_tunnel.fetch("GET", "/", fields)
        check(answer, 503, "ADIT-AGENT-GONE", form)
        assert 0 < int(answer.get("retry-after")) <= 60
    own_tunnel.restart_agent()


def test_pages_do_not_repeat_what_a_visitor_sent_as_markup(tunnel):
    fields = FORMS["html"][0]
    answer = tunnel.fetch("GET", "/<script>alert(1)</script>", fields, host="nobody.localhost")
    assert b"<script" not in answer.body


def test_a_refused_upload_leaves_the_visitor_an_answer(tunnel):
    answer = tunnel.fetch("POST", "/", body=b"x" * 3_000_000, host="nobody-here.localhost")
    assert answer.code == "ADIT-NO-TUNNEL"


def test_the_relays_health_is_json(tunnel):
    answer = tunnel.fetch("GET", "/_adit/health", host="localhost")
    assert answer.status == 200
    assert answer.get("content-type").startswith("application/json")
    assert answer.json()["status"] == "ok"


def test_reserved_paths_of_a_tunnel_belong_to_its_service(tunnel):
    assert tunnel.fetch("GET", "/_adit/health").body == b"nothing here"


def test_the_tunnel_endpoint_refuses_ordinary_requests_and_web_pages(tunnel):
    handshake = [("Connection", "Upgrade"), ("Upgrade", "websocket"),
                 ("Sec-WebSocket-Version", "13"), ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")]
    protocol = [("Sec-WebSocket-Protocol", "adit.v1")]
    where = {"host": f"localhost:{tunnel.relay.port}"}
    plain = tunnel.fetch("GET", "/_adit/v1/tunnel", **where)
    assert plain.status == 426
    unnamed = tunnel.fetch("GET", "/_adit/v1/tunnel", handshake, **where)
    assert 400 <= unnamed.status < 500
    for origin in ("http://evil.example", "null", f"http://localhost:{tunnel.relay.port}", ""):
        fields = handshake + protocol + [("Origin", origin)]
        assert tunnel.fetch("GET", "/_adit/v1/tunnel", fields, **where).status == 403


def readable(visitors, count):
    """Waits until this many of the visitors have something to read. Returns those."""
    poll = select.poll()
    by_fd = {visitor.sock.fileno(): visitor for visitor in visitors}
    for fd in by_fd:
        poll.register(fd, select.POLLIN)
    return until(lambda: len(ready := poll.poll(100)) >= count and [by_fd[fd] for fd, _ in ready],
                 f"{count} answers", 3 * harness.DEADLINE)


def test_more_than_1024_exchanges_at_once_are_refused_politely(relay, tmp_path):
    limit, more = 1024, 40
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 4 * limit:
        pytest.skip("too few open files are allowed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 4 * limit), hard))
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as silent:  # never accepts
        upstream = f"127.0.0.1:{silent.getsockname()[1]}"
        with harness.Agent(tmp_path, relay, upstream) as agent:
            visitors = [relay.visit(agent.host) for _ in range(limit + more)]
            for visitor in visitors:
                visitor.request("GET", "/")
            answers = [visitor.response() for visitor in readable(visitors, more)]
            assert {(a.status, a.code) for a in answers} == {(503, "ADIT-TOO-MANY-STREAMS")}
            assert len(answers) == more
            for visitor in visitors:
                visitor.close()
