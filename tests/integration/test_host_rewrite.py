# SPDX-License-Identifier: MIT
"""With --host-header, Origin and Referer of a request name the service instead of the public host,
and Location of a response names the public host instead of the service. Other URLs stay."""
import asyncio

import harness
import pytest
import record
import websockets
from origin import Origin

REWRITE = ("--host-header", "rewrite")


def told(exchange):
    """Answers with the fields that the request asks for; SELF in them becomes its Host."""
    host = exchange.request.get("host")
    fields = [(name, value.replace("SELF", host)) for name, value in
              (line.split("=", 1) for line in exchange.request.get("answer-with").split(" & "))]
    exchange.reply("", exchange.request.option("status", 302), fields)


@pytest.fixture(scope="module")
def origin():
    with Origin() as started:
        started.on("/told", told)
        yield started


@pytest.fixture(scope="module", params=["relay", "proxy"])
def way(request, tmp_path_factory, origin):
    """A relay, and `adit proxy`, both with --host-header."""
    directory = tmp_path_factory.mktemp(request.param)
    make = harness.Tunnel if request.param == "relay" else harness.Proxied
    with make(directory, *REWRITE, origin=origin) as started:
        yield started


def heard(way, *fields):
    """These fields of a visitor as the service gets them."""
    seen = way.fetch("GET", "/echo", fields).json()["fields"]
    return [value for name, value in seen if name.lower() in ("origin", "referer")]


def answered(way, lines, status=302, visitor=()):
    """These fields as the visitor gets them, where SELF is the service's Host."""
    with_lines = [("Answer-With", " & ".join(f"{name}={value}" for name, value in lines)), *visitor]
    response = way.fetch("GET", f"/told?status={status}", with_lines)
    names = {name.lower() for name, _ in lines}
    return [value for name, value in response.fields if name.lower() in names]


def test_origin_and_referer_name_the_service(way, origin):
    own = f"http://{origin.address}"
    for host in (way.host, way.host.upper()):
        assert heard(way, ("Origin", f"http://{host}")) == [own]
        assert heard(way, ("Referer", f"http://{host}/a?b=http://{host}/")) == [
            f"{own}/a?b=http://{host}/"]


def test_foreign_origins_stay(way):
    name, _, port = way.host.partition(":")
    for value in ("null", "http://evil.example", f"https://{way.host}", f"http://{name}",
                  f"http://x.{way.host}", f"http://{name}.evil.example:{port}",
                  f"http://{way.host}@evil.example", f"http://u:p@{way.host}",
                  f"http://{name}.:{port}", f"//evil.example/{way.host}"):
        assert heard(way, ("Origin", value), ("Referer", value)) == [value, value]


def test_a_redirect_to_the_service_stays_in_the_tunnel(way):
    public = f"http://{way.host}"
    for value, expected in [("http://SELF/a?b#c", f"{public}/a?b#c"), ("http://SELF", public),
                            ("HTTP://SELF/", f"{public}/"), ("https://SELF/a", f"{public}/a"),
                            ("//SELF/a", f"//{way.host}/a"), ("http://SELF?x", f"{public}?x")]:
        for name in ("Location", "content-location"):
            assert answered(way, [(name, value)]) == [expected]
    assert answered(way, [("Location", "http://SELF/new")], status=201) == [f"{public}/new"]


def test_other_locations_stay(way, origin):
    for value in ("/a", "a", "?a", "//evil.example/", "/\\evil.example", "http:\\\\SELF/",
                  "//SELF\\@evil.example", "http://SELF@evil.example/", "http://u@SELF/",
                  "http:SELF/", "http:/SELF/", "ftp://SELF/", f"http://localhost:{origin.port}/",
                  "http://127.0.0.1/", f"http://127.0.0.1:{origin.port + 1}/",
                  f"http://127.0.0.1.evil.example:{origin.port}/", "http://[::1]/",
                  f"http://evil.example/?x=http://127.0.0.1:{origin.port}/"):
        assert answered(way, [("Location", value)]) == [value.replace("SELF", origin.address)]
    # Fields of other names, and the second of two values.
    lines = [("Location", "http://SELF/"), ("Location", "http://evil.example/"),
             ("Link", "<http://SELF/>"), ("X-Location", "http://SELF/")]
    assert answered(way, lines) == [
        f"http://{way.host}/", "http://evil.example/", f"<http://{origin.address}/>",
        f"http://{origin.address}/"]


def test_a_websocket_handshake_names_the_service_too(tmp_path):
    """The dev servers of Vite and webpack demand it."""
    origins = []

    async def main():
        async def serve(socket):
            origins.append((socket.request_headers["Host"], socket.request_headers["Origin"]))
            await socket.send("there")

        async with websockets.serve(serve, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            loop = asyncio.get_running_loop()
            tunnel = await loop.run_in_executor(None, lambda: harness.Proxied(
                tmp_path, *REWRITE, origin=object(), upstream=f"localhost:{port}"))
            try:
                for origin in (f"http://{tunnel.host}", "http://evil.example"):
                    async with websockets.connect(
                            f"ws://{tunnel.host}/", host="127.0.0.1", port=tunnel.proxy.port,
                            origin=origin, open_timeout=harness.DEADLINE) as socket:
                        assert await socket.recv() == "there"
            finally:
                await loop.run_in_executor(None, tunnel.close)
            host = f"localhost:{port}"
            assert origins == [(host, f"http://{host}"), (host, "http://evil.example")]
    asyncio.run(main())


def test_behind_a_tls_proxy_the_public_url_is_https(tmp_path, origin):
    with harness.Relay(tmp_path, "--public-url",
                       "https://localhost", "--trusted-proxy", "loopback") as relay:
        agent = harness.Program(tmp_path, "adit", "http", origin.address, "--relay", relay.url,
                                "--url", "web", *REWRITE)
        with agent:
            agent.wait_for(r"^adit: https://web\.localhost -> ")

            def fetch(target, *fields):
                with relay.visit("web.localhost") as visitor:
                    return visitor.fetch("GET", target, [("X-Forwarded-Proto", "https"), *fields])

            for host in ("web.localhost", "web.localhost:443"):
                seen = fetch("/echo", ("Origin", f"https://{host}")).json()["fields"]
                assert ["Origin", f"http://{origin.address}"] in seen
            seen = fetch("/echo", ("Origin", "http://web.localhost")).json()["fields"]
            assert ["Origin", "http://web.localhost"] in seen
            response = fetch("/told", ("Answer-With", "Location=http://SELF/in"))
            assert response.get("location") == "https://web.localhost/in"


@pytest.mark.parametrize("value, own", [
    ("app.example", "http://app.example"), ("app.example:8080", "http://app.example:8080"),
    ("[::1]:8080", "http://[::1]:8080")])
def test_a_host_of_ones_own_is_treated_likewise(tmp_path, origin, value, own):
    with harness.Proxied(tmp_path, "--host-header", value, origin=origin) as way:
        assert heard(way, ("Origin", f"http://{way.host}")) == [own]
        assert answered(way, [("Location", f"{own}/a")]) == [f"http://{way.host}/a"]
        assert answered(way, [("Location", f"http://{origin.address}/a")]) == [
            f"http://{origin.address}/a"]
        secure = f"https://{value}/a"
        assert answered(way, [("Location", secure)]) == [f"http://{way.host}/a"]


def test_without_another_host_nothing_is_changed(tmp_path, origin):
    with harness.Proxied(tmp_path, origin=origin) as way:
        assert heard(way, ("Origin", f"http://{way.host}")) == [f"http://{way.host}"]
        assert answered(way, [("Location", f"http://{origin.address}/")]) == [
            f"http://{origin.address}/"]


def test_the_record_has_the_visitors_forms_at_both_ends(tmp_path, origin):
    with harness.Tunnel(tmp_path, *REWRITE, origin=origin) as tunnel:
        public = f"http://{tunnel.host}"
        assert answered(tunnel, [("Location", "http://SELF/a")],
                        visitor=[("Origin", public)]) == [f"{public}/a"]
        ends = tunnel.agent.data, tunnel.relay.data
    for end in ends:
        row, = record.exchanges(end, "target LIKE '/told%'")
        assert f"Origin: {public}\r\n".encode() in row["request_head"]
        assert f"Location: {public}/a\r\n".encode() in row["response_head"]


def test_a_head_that_grows_beyond_the_tunnel_is_told_as_such(tmp_path, origin):
    """Origins in a thousand fields become longer ones; only the exchange ends."""
    origin.on("/many", lambda exchange: exchange.reply("", 302, [("Location", "//s/" + "a" * 50)] * 900))
    with harness.Tunnel(tmp_path, "--host-header", "s", "--url", "w" * 60, origin=origin) as tunnel:
        response = tunnel.fetch("GET", "/many")
        assert (response.status, response.get("adit-error")) == (502, "ADIT-UPSTREAM-INVALID")
        assert b"What was wrong: a head that is too large for the tunnel" in response.body
        assert tunnel.fetch("GET", "/echo").status == 200


def test_a_long_host_is_not_multiplied_by_a_thousand_fields(tmp_path, origin):
    origin.on("/many", lambda exchange: exchange.reply("", 302, [("Location", "//s/")] * 900))
    with harness.Proxied(tmp_path, "--host-header", "s", origin=origin) as way:
        for length, changed in ((100, True), (30000, False)):
            host = "a" * length
            with way.visit() as visitor:
                response = visitor.fetch("GET", "/many", host=host)
            values = {value for name, value in response.fields if name == "Location"}
            assert values == {f"//{host}/" if changed else "//s/"}
