# SPDX-License-Identifier: MIT
"""curl, an independent client, as the visitor, with its common options."""
import json
import re
import subprocess
import threading

import bodies
import harness
import pytest

SIZE = 3_000_000


@pytest.fixture(scope="module")
def upload(tmp_path_factory):
    path = tmp_path_factory.mktemp("curl") / "upload"
    path.write_bytes(bodies.make(4, SIZE))
    return path


def curl(tunnel, *args, stdin=None):
    """The output of curl; the target is the last argument, after the tunnel's URL."""
    *options, target = args
    url = target if "//" in target[:8] else tunnel.agent.url + target
    done = subprocess.run(
        ["curl", "-q", "-s", "-S", "-4", "--noproxy", "*", "--globoff", "--max-time",
         str(3 * harness.DEADLINE), *options, url],
        input=stdin, capture_output=True, timeout=6 * harness.DEADLINE, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def echoed(tunnel, *args, stdin=None):
    return json.loads(curl(tunnel, *args, stdin=stdin))


def names(seen):
    return {name.lower() for name, _ in seen["fields"]}


def test_an_upload_waits_for_the_100_of_the_service(tunnel, upload):
    """curl's own time-out is longer than the test's: only a real 100 lets it go on."""
    seen = echoed(tunnel, "-T", str(upload), "--expect100-timeout", "300", "-H",
                  "Expect: 100-continue", "/echo")
    assert (seen["method"], seen["size"]) == ("PUT", SIZE)
    assert seen["sha256"] == bodies.digest(4, SIZE)
    assert "expect" in names(seen)


@pytest.mark.parametrize("how", [("-T", "-"), ("-T", "."), ("--data-binary", "@-"),
                                 ("-X", "POST", "-T", "-", "-H", "Expect:")],
                         ids=["chunked", "unbuffered", "length", "post"])
def test_an_upload_from_a_pipe_arrives_whole(tunnel, how):
    seen = echoed(tunnel, *how, "/echo", stdin=bodies.make(5, SIZE))
    assert (seen["size"], seen["sha256"]) == (SIZE, bodies.digest(5, SIZE))
    assert ("transfer-encoding" in names(seen)) == ("-T" in how)


@pytest.mark.parametrize("status", [401, 413])
def test_a_refusal_instead_of_a_100_is_understood_without_sending_the_body(tunnel, upload, status):
    def refuses(exchange):
        exchange.reply("no", status, [("Connection", "close")])
        exchange.keep = False

    tunnel.origin.on("/refuses", refuses)
    shown = curl(tunnel, "-T", str(upload), "--expect100-timeout", "300", "-H",
                 "Expect: 100-continue", "-w", " %{http_code} %{size_upload}", "/refuses")
    assert shown == b"no %d 0" % status


def test_a_417_is_to_curl_what_it_is_straight_from_the_service(tunnel, tmp_path):
    def no_expectations(exchange):
        if exchange.request.get("expect"):
            exchange.reply("no", 417, [("Connection", "close")])
            exchange.keep = False
        else:
            exchange.reply(str(sum(map(len, exchange.body()))))

    tunnel.origin.on("/417", no_expectations)
    (tmp_path / "zeros").write_bytes(bytes(SIZE))
    options = ["-T", str(tmp_path / "zeros"), "--expect100-timeout", "300",
               "-H", "Expect: 100-continue"]
    straight = subprocess.run(["curl", "-s", *options, f"http://{tunnel.origin.address}/417"],
                              capture_output=True, check=True, timeout=harness.DEADLINE)
    assert curl(tunnel, *options, "/417") == straight.stdout


def test_a_refusal_in_the_middle_of_an_upload_is_understood(tunnel, upload):
    def refuses(exchange):
        next(exchange.body())
        exchange.reply("enough", 413, [("Connection", "close")])
        exchange.keep = False

    tunnel.origin.on("/enough", refuses)
    for how in ("-T", "--data-binary"):
        source = str(upload) if how == "-T" else f"@{upload}"
        assert curl(tunnel, how, source, "-H", "Expect:", "-w", " %{http_code}", "/enough") == (
            b"enough 413")


@pytest.mark.parametrize("how", ["length", "chunked", "close"])
def test_http_1_0_gets_everything(tunnel, how):
    got = curl(tunnel, "--http1.0", f"/bytes?size={SIZE}&seed=2&how={how}")
    assert bodies.sha256(got) == bodies.digest(2, SIZE)


def test_http_1_0_uploads_everything(tunnel, upload):
    seen = echoed(tunnel, "--http1.0", "-T", str(upload), "/echo")
    assert seen["sha256"] == bodies.digest(4, SIZE)


@pytest.mark.parametrize("method", ["PROPFIND", "odd!method", "get", "M-SEARCH", "TRACE"])
def test_any_method_may_be_asked_with(tunnel, method):
    assert echoed(tunnel, "-X", method, "/echo")["method"] == method


@pytest.mark.parametrize("path", ["/a/../b", "/./x/..", "/%zz?", "/a;b|c{}[]\"'`^\\", "/*"])
def test_a_path_as_it_is_arrives_as_it_is(tunnel, path):
    curl(tunnel, "--path-as-is", path)
    assert tunnel.origin.requests[-1].target == path


def test_a_request_target_of_its_own(tunnel):
    curl(tunnel, "-X", "OPTIONS", "--request-target", "*", "/")
    assert tunnel.origin.requests[-1].target == "*"
    seen = echoed(tunnel, "--request-target", tunnel.agent.url + "/echo?x=1", "/")
    assert seen["target"] == "/echo?x=1"


def test_the_relay_as_a_proxy_is_asked_in_absolute_form(tunnel):
    done = subprocess.run(["curl", "-q", "-s", "-S", "-x", tunnel.relay.url, "--noproxy", "",
                           f"http://{tunnel.host}/echo?by=proxy"], capture_output=True, check=True)
    seen = json.loads(done.stdout)
    assert seen["target"] == "/echo?by=proxy"
    assert "proxy-connection" not in names(seen)


def test_many_requests_reuse_one_connection(tunnel):
    urls = [f"{tunnel.agent.url}/echo?{number}" for number in range(19)]
    out = [part for _ in range(20) for part in ("-o", "/dev/null")]
    shown = curl(tunnel, *out, "-w", "%{http_code} %{num_connects}\\n", *urls, "/echo?last")
    assert shown == b"200 1\n" + b"200 0\n" * 19


def test_trailers_and_interim_heads_are_understood(tunnel, tmp_path):
    def handler(exchange):
        exchange.head(103, [("Link", "</a.css>")])
        exchange.head(200, [("Transfer-Encoding", "chunked"), ("Trailer", "X-Sum")])
        exchange.chunk(b"body")
        exchange.last_chunk([("X-Sum", "42")])

    tunnel.origin.on("/trailers", handler)
    assert curl(tunnel, "-D", str(tmp_path / "heads"), "/trailers") == b"body"
    shown = (tmp_path / "heads").read_bytes().decode()
    assert shown.index("HTTP/1.1 103") < shown.index("HTTP/1.1 200")
    assert re.search(r"(?i)^x-sum: 42\r$", shown, re.M)


def test_an_offer_of_http_2_is_answered_in_http_1_1(tunnel):
    shown = curl(tunnel, "--http2", "-w", " %{http_version}", "/")
    assert shown == b"hello 1.1"
    seen = echoed(tunnel, "--http2", "--data-binary", "12345", "/echo")
    assert seen["size"] == 5 and "upgrade" not in names(seen)


def test_a_truncated_answer_is_an_error_for_curl(tunnel):
    go_on = threading.Event()

    def cut(exchange):
        exchange.head(200, [("Transfer-Encoding", "chunked")])
        exchange.chunk(b"half")
        assert go_on.wait(harness.DEADLINE)
        exchange.close()

    tunnel.origin.on("/cut", cut)
    for version, code in (("--http1.1", 18), ("--http1.0", 56)):  # partial file, receive error
        go_on.clear()
        with subprocess.Popen(
                ["curl", "-q", "-s", "-N", "-4", "--noproxy", "*", version,
                 tunnel.agent.url + "/cut"], stdout=subprocess.PIPE) as process:
            assert process.stdout.read(4) == b"half"
            go_on.set()
            assert process.stdout.read() == b""
            assert process.wait(harness.DEADLINE) == code


def test_a_download_goes_on_where_it_stopped(tunnel):
    whole = bodies.make(6, 100_000)

    def ranged(exchange):
        first = int(exchange.request.get("range", "bytes=0-").partition("=")[2].rstrip("-"))
        where = [("Content-Range", f"bytes {first}-{len(whole) - 1}/{len(whole)}")]
        exchange.reply(whole[first:], 206 if first else 200, where if first else [])

    tunnel.origin.on("/ranged", ranged)
    assert curl(tunnel, "-r", "60000-", "/ranged") == whole[60_000:]
    assert curl(tunnel, "--compressed", "/ranged") == whole
