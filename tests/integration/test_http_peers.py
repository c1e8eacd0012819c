# SPDX-License-Identifier: MIT
"""Independent HTTP/1.1 clients and servers at both ends: httpx, http.server, h2load, Chromium."""
import asyncio
import http.client
import http.server
import shutil
import subprocess
import threading

import bodies
import harness
import httpx
import pytest


def by_address(tunnel):
    """The relay's URL, and the Host that finds the tunnel, whatever resolves names here."""
    return {"base_url": tunnel.relay.url, "headers": {"Host": tunnel.host}, "trust_env": False,
            "timeout": harness.DEADLINE}


# httpx.

def test_httpx_uploads_and_downloads_streams(tunnel):
    size = 2_000_000
    with httpx.Client(**by_address(tunnel)) as client:
        seen = client.post("/echo", content=bodies.pieces(1, size)).json()
        assert (seen["size"], seen["sha256"]) == (size, bodies.digest(1, size))
        with client.stream("GET", f"/bytes?size={size}&seed=2&how=chunked") as answer:
            assert answer.http_version == "HTTP/1.1"
            assert bodies.sha256(answer.iter_raw()) == bodies.digest(2, size)
        assert client.request("ODD", "/echo").json()["method"] == "ODD"


def test_httpx_keeps_its_connection_through_answers_of_every_kind(tunnel):
    tunnel.origin.on("/hints", lambda exchange: (
        exchange.head(103, [("Link", "</a>")]), exchange.reply("x")))
    tunnel.origin.on("/204", lambda exchange: exchange.wire.send(b"HTTP/1.1 204 No\r\n\r\n"))
    tunnel.origin.on("/304", lambda exchange: exchange.wire.send(
        b"HTTP/1.1 304 Same\r\nContent-Length: 9\r\n\r\n"))
    with httpx.Client(**by_address(tunnel), limits=httpx.Limits(max_connections=1)) as client:
        sockets = set()
        for target, status in (("/", 200), ("/hints", 200), ("/204", 204), ("/304", 304),
                               ("/bytes?how=chunked", 200), ("/bytes?how=close", 200)):
            for method in ("GET", "HEAD", "POST"):
                if method == "HEAD" and "bytes" in target:
                    continue
                answer = client.request(method, target)
                assert answer.status_code == status
                stream = answer.extensions["network_stream"]
                sockets.add(stream.get_extra_info("client_addr"))
        assert len(sockets) == 1


def test_httpx_many_at_once(tunnel):
    async def main():
        async with httpx.AsyncClient(**by_address(tunnel)) as client:
            answers = await asyncio.gather(*(
                client.post(f"/echo?{n}", content=b"x" * n * 100) for n in range(100)))
            assert [answer.json()["size"] for answer in answers] == [n * 100 for n in range(100)]
    asyncio.run(main())


def test_httpx_is_told_of_a_body_that_is_cut(tunnel):
    go_on = threading.Event()

    def cut(exchange):
        exchange.head(200, [("Content-Length", "100")])
        exchange.send(b"half")
        assert go_on.wait(harness.DEADLINE)
        exchange.close()

    tunnel.origin.on("/cut", cut)
    with httpx.Client(**by_address(tunnel)) as client, client.stream("GET", "/cut") as answer:
        pieces = answer.iter_raw()
        assert next(pieces) == b"half"
        go_on.set()
        with pytest.raises(httpx.RemoteProtocolError):
            list(pieces)


# Python's http.server and http.client.

class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves files; PUT stores one."""

    def do_PUT(self):
        length = int(self.headers["Content-Length"])
        with open(self.translate_path(self.path), "wb") as file:
            file.write(self.rfile.read(length))
        self.send_response(201)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture(params=["HTTP/1.0", "HTTP/1.1"])
def files(request, tunnel, tmp_path):
    """A tunnel to http.server, of either version, and the folder that it serves."""
    folder = tmp_path / "www"
    folder.mkdir()

    class Server(Handler):
        protocol_version = request.param

        def __init__(self, *args):
            super().__init__(*args, directory=str(folder))

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        with harness.Tunnel(tmp_path, relay=tunnel.relay, origin=tunnel.origin,
                            upstream=f"127.0.0.1:{server.server_port}") as files:
            files.folder = folder
            yield files
        server.shutdown()
        thread.join()


def test_pythons_own_server_and_client_at_both_ends(files):
    body = bodies.make(3, 1_000_000)
    connection = http.client.HTTPConnection(*files.relay.address, timeout=harness.DEADLINE)
    for method, target, status, length in (
            ("PUT", "/file", 201, 0), ("GET", "/file", 200, len(body)), ("HEAD", "/file", 200, 0),
            ("GET", "/none", 404, None), ("GET", "/", 200, None), ("POST", "/file", 501, None)):
        connection.request(method, target, body if method == "PUT" else None,
                           {"Host": files.host, "Expect": "100-continue"} if method == "PUT" else
                           {"Host": files.host})
        answer = connection.getresponse()
        got = answer.read()
        assert answer.status == status, target
        assert length is None or len(got) == length
    assert (files.folder / "file").read_bytes() == body
    connection.close()


# h2load.

@pytest.mark.parametrize("target, options", [
    ("/", []), ("/bytes?size=20000&how=chunked", []), ("/bytes?size=5000", ["-m", "8"])],
    ids=["small", "chunked", "pipelined"])
def test_h2load_by_http_1_1_has_no_failure(tunnel, target, options):
    count = 2000
    done = subprocess.run(
        ["h2load", "--h1", "-n", str(count), "-c", "20", *options,
         f"--connect-to=127.0.0.1:{tunnel.relay.port}", tunnel.agent.url + target],
        capture_output=True, text=True, check=True, timeout=6 * harness.DEADLINE)
    outcome = f"{count} succeeded, 0 failed, 0 errored, 0 timeout"
    assert outcome in done.stdout, done.stdout
    assert f"{count} 2xx" in done.stdout


# Chromium.

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.mark.skipif(not CHROMIUM, reason="Chromium is not installed")
def test_a_browser_shows_a_page_that_fetches_and_streams(tunnel, tmp_path):
    page = b"""<!doctype html><title>x</title><p id=out></p><script>
        fetch('/echo', {method: 'POST', body: 'x'.repeat(100000)}).then(r => r.json())
          .then(j => { document.getElementById('out').textContent = 'size=' + j.size; })</script>"""
    tunnel.origin.on("/page", lambda exchange: exchange.reply(
        page, 200, [("Content-Type", "text/html")]))
    done = subprocess.run(
        [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--no-proxy-server",
         f"--user-data-dir={tmp_path}", "--virtual-time-budget=5000", "--dump-dom",
         tunnel.agent.url + "/page"], capture_output=True, text=True, check=True,
        timeout=12 * harness.DEADLINE)
    assert "size=100000" in done.stdout
