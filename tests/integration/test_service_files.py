# SPDX-License-Identifier: MIT
"""A folder as the service: its files, ranges and conditions, and no way out of it."""
import hashlib
import os
import socket
import subprocess

import bodies
import harness
import pytest
from client import Truncated

BIG = 100 << 20
SECRET = b"secret-of-the-machine"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    top = tmp_path_factory.mktemp("files")
    folder = top / "site"
    for path, text in {
            "index.html": b"<p>home", "a.txt": b"0123456789", "empty.txt": b"",
            "page/index.html": b"<p>page", "page/a b&c.css": b"x", ".env": SECRET,
            ".git/config": SECRET, "list/.hidden": SECRET, "list/<i>&'\".txt": b"y",
            "list/javascript:alert(1)": b"y", "list/sub/x": b"z", "page/.htaccess": SECRET,
            ".well-known/acme-challenge/token": b"token", "l\u00fc.json": b"{}"}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(text)
    (top / "secret").write_bytes(SECRET)
    (top / "beside").mkdir()
    (top / "beside/secret").write_bytes(SECRET)
    (folder / "inside").symlink_to("page/../a.txt")
    (folder / "out").symlink_to("../secret")
    (folder / "absolute").symlink_to(top / "secret")
    (folder / "up").symlink_to("..")
    (folder / "list/etc").symlink_to("/etc")
    (folder / "loop").symlink_to("loop")
    (folder / "magic").symlink_to("/proc/self/cwd")
    os.mkfifo(folder / "fifo")
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(folder / "socket"))
    with (folder / "big.bin").open("wb") as file:
        for piece in bodies.pieces(9, BIG):
            file.write(piece)
    return folder


@pytest.fixture(scope="module", params=[harness.Tunnel, harness.Proxied],
                ids=["through a relay", "through adit proxy"])
def served(request, site, tmp_path_factory):
    with request.param(tmp_path_factory.mktemp("run"), upstream=f"file://{site}") as program:
        assert program.agent.to == f"file://{site}"
        yield program


@pytest.fixture
def visitor(served):
    with served.visit() as one:
        yield one


@pytest.mark.parametrize("target, body, kind", [
    ("/", b"<p>home", "text/html; charset=utf-8"), ("/a.txt", b"0123456789", "text/plain; charset=utf-8"),
    ("/a.txt?v=1", b"0123456789", "text/plain; charset=utf-8"), ("/empty.txt", b"", "text/plain; charset=utf-8"),
    ("/page/", b"<p>page", "text/html; charset=utf-8"), ("//page//", b"<p>page", "text/html; charset=utf-8"),
    ("/page/a%20b%26c.css", b"x", "text/css; charset=utf-8"), ("/l%C3%BC.json", b"{}", "application/json"),
    ("/inside", b"0123456789", "application/octet-stream"),
    ("/.well-known/acme-challenge/token", b"token", "application/octet-stream")])
def test_a_file_is_served_as_it_is(visitor, target, body, kind):
    answer = visitor.fetch("GET", target)
    assert (answer.status, answer.body, answer.get("content-type")) == (200, body, kind)
    assert answer.get("content-length") == str(len(body))
    head = visitor.fetch("HEAD", target)
    assert head.body == b""
    for name in ("content-length", "content-type", "etag", "last-modified"):
        assert head.get(name) == answer.get(name)


@pytest.mark.parametrize("target", [
    "/../secret", "/%2e%2e/secret", "/.%2e/secret", "/page/../../secret", "/page/..%2f..%2fsecret",
    "/..%5c..%5csecret", "/..\\secret", "/%252e%252e/secret", "/out", "/absolute", "/up/secret",
    "/up/beside/secret", "/list/etc/passwd", "/loop", "/magic/secret", "/fifo", "/socket", "/.env",
    "/.git/config", "/%2egit/config", "/page/.htaccess", "/.well-known/../.env", "/list/.hidden",
    "/a.txt/", "/a.txt/x", "/none", "/a.txt%00", "/a.txt%00.html", "/%0d%0aSet-Cookie:x", "/%", "/%zz",
    "/" + "a" * 5000, "/" + "a/" * 3000, "/" + "a" * 256, "/.", "/..", "/..."],
    ids=lambda target: target[:30])
def test_there_is_no_way_to_what_is_not_served(served, target):
    for method in ("GET", "HEAD"):
        answer = served.fetch(method, target)
        assert answer.status in (400, 404), answer
        assert answer.status == 400 or answer.code == "ADIT-FILE-NOT-FOUND"
        assert SECRET not in answer.body and b"root:" not in answer.body
        assert not answer.get("set-cookie")


@pytest.mark.parametrize("target, to", [
    ("/page", "/page/"), ("//page", "/page/"), ("/page?a=b/c", "/page/?a=b/c"), ("/%70age", "/page/")])
def test_a_folder_without_its_slash_is_sent_there(visitor, target, to):
    answer = visitor.fetch("GET", target)
    assert (answer.status, answer.get("location")) == (308, to)


def test_a_folder_without_an_index_is_not_listed(visitor):
    answer = visitor.fetch("GET", "/list/", [("Accept", "text/plain")])
    assert (answer.status, answer.code) == (404, "ADIT-FILE-NOT-FOUND")
    assert b"--file-listing" in answer.body


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "PROPFIND"])
def test_nothing_but_get_and_head_is_served(visitor, method):
    answer = visitor.fetch(method, "/a.txt", body=b"x" * 100000)
    assert (answer.status, answer.code, answer.get("allow")) == (405, "ADIT-FILE-METHOD", "GET, HEAD")


def test_a_get_may_have_a_body(visitor):
    for size in (1, 1 << 20):
        assert visitor.fetch("GET", "/a.txt", body=b"x" * size).body == b"0123456789"


@pytest.mark.parametrize("value, status, body, said", [
    ("bytes=0-0", 206, b"0", "bytes 0-0/10"), ("bytes=2-4", 206, b"234", "bytes 2-4/10"),
    ("bytes=7-", 206, b"789", "bytes 7-9/10"), ("bytes=-3", 206, b"789", "bytes 7-9/10"),
    ("bytes=-99", 206, b"0123456789", "bytes 0-9/10"), ("bytes=10-", 416, b"", "bytes */10"),
    ("bytes=0-1,4-5", 200, b"0123456789", None), ("bytes=4-2", 200, b"0123456789", None),
    ("x", 200, b"0123456789", None)])
def test_a_range_is_served(visitor, value, status, body, said):
    answer = visitor.fetch("GET", "/a.txt", [("Range", value)])
    assert (answer.status, answer.body, answer.get("content-range")) == (status, body, said)
    assert visitor.fetch("HEAD", "/a.txt", [("Range", value)]).status == 200


def test_what_has_not_changed_is_not_sent_again(visitor):
    first = visitor.fetch("GET", "/a.txt")
    for fields in ([("If-None-Match", first.get("etag"))],
                   [("If-Modified-Since", first.get("last-modified"))]):
        answer = visitor.fetch("GET", "/a.txt", fields)
        assert (answer.status, answer.body, answer.get("etag")) == (304, b"", first.get("etag"))
    assert visitor.fetch("GET", "/a.txt", [("If-None-Match", '"x"')]).status == 200
    assert visitor.fetch("GET", "/a.txt", [("If-Match", '"x"')]).status == 412


def test_a_range_is_joined_by_the_tag_alone(visitor):
    first = visitor.fetch("GET", "/a.txt")
    for field, status in (("etag", 206), ("last-modified", 200)):
        answer = visitor.fetch("GET", "/a.txt", [("Range", "bytes=1-2"), ("If-Range", first.get(field))])
        assert answer.status == status


def test_a_folder_that_is_replaced_is_served_anew(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a").write_text(name)
    (tmp_path / "current").symlink_to("one")
    with harness.Proxied(tmp_path, upstream=f"file://{tmp_path}/current") as proxy:
        assert proxy.fetch("GET", "/a").body == b"one"
        (tmp_path / "next").symlink_to("two")
        (tmp_path / "next").rename(tmp_path / "current")
        assert proxy.fetch("GET", "/a").body == b"two"
        for path in (tmp_path / "current", tmp_path / "two"):
            path.rename(tmp_path / f"gone-{path.name}")
            assert proxy.fetch("GET", "/a").code == "ADIT-FILE-NOT-FOUND"
        (tmp_path / "current").mkdir()
        assert proxy.fetch("GET", "/a").status == 404
        (tmp_path / "current/a").write_text("new")
        (tmp_path / "secret").write_bytes(SECRET)
        (tmp_path / "current/out").symlink_to("../secret")
        assert proxy.fetch("GET", "/a").body == b"new"
        assert proxy.fetch("GET", "/out").status == 404


def test_a_large_file_arrives_whole_and_goes_on_where_it_broke_off(served, tmp_path):
    part = tmp_path / "part"
    with served.visit() as visitor:
        _, count, digest = visitor.download("/big.bin")
    assert (count, digest) == (BIG, bodies.digest(9, BIG))
    with part.open("wb") as file:
        at = 0
        for piece in bodies.pieces(9, BIG):
            if at >= BIG - 300000:
                break
            file.write(piece)
            at += len(piece)
    address = ":".join(map(str, served.relay.address))
    subprocess.run(["curl", "-q", "--silent", "--fail", "--continue-at", "-", "--output", part, "-H",
                    f"Host: {served.host}", f"http://{address}/big.bin"], check=True,
                   timeout=harness.DEADLINE)
    with part.open("rb") as file:
        assert hashlib.file_digest(file, "sha256").hexdigest() == bodies.digest(9, BIG)


def test_a_slow_reader_holds_up_itself_alone_and_gets_all(served):
    with harness.Client(served.relay.address, served.host, slow=True) as slow:
        slow.request("GET", "/big.bin", [("Range", "bytes=0-4194303")])
        for _ in range(20):
            assert served.fetch("GET", "/a.txt").body == b"0123456789"
        answer = slow.response()
    assert answer.status == 206
    assert hashlib.sha256(answer.body).digest() == hashlib.sha256(bodies.make(9, BIG)[:4194304]).digest()


@pytest.mark.parametrize("kind", [harness.Tunnel, harness.Proxied])
def test_a_file_that_shrinks_while_it_is_sent_is_cut_visibly(tmp_path, kind):
    folder = tmp_path / "site"
    folder.mkdir()
    file = folder / "log"
    with file.open("wb") as made:
        made.truncate(1 << 30)
    with kind(tmp_path, upstream=f"file://{folder}") as program:
        with program.visit() as visitor:
            visitor.request("GET", "/log")
            head = visitor.response_head()
            assert head.get("content-length") == str(1 << 30)
            os.truncate(file, 10)
            with pytest.raises(Truncated):
                for _ in visitor.response_body(head):
                    pass
        program.agent.wait_for("the file became shorter while it was sent")


def test_a_listing_shows_names_as_text(site, tmp_path):
    with harness.Proxied(tmp_path, "--file-listing", upstream=f"file://{site}") as proxy:
        page = proxy.fetch("GET", "/list/")
        assert page.status == 200 and page.get("content-type") == "text/html; charset=utf-8"
        text = page.body.decode()
        assert "&lt;i&gt;&amp;&#39;&quot;.txt</a>" in text and "<i>" not in text
        assert 'href="./javascript%3Aalert%281%29"' in text and 'href="javascript' not in text
        assert 'href="./sub/"' in text and 'href="../"' in text and ".hidden" not in text
        assert 'href="./etc"' in text  # what lies outside is not told to be a folder
        assert proxy.fetch("HEAD", "/list/").get("content-length") == str(len(page.body))
        assert proxy.fetch("GET", "/").body == b"<p>home"
        assert proxy.fetch("GET", "/list/%3Ci%3E%26%27%22.txt").body == b"y"
        assert proxy.fetch("GET", "/list/javascript%3Aalert%281%29").body == b"y"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read any file")
def test_a_file_that_may_not_be_read_is_forbidden(tmp_path):
    (tmp_path / "site").mkdir()
    (tmp_path / "site/a").write_text("x")
    (tmp_path / "site/a").chmod(0)
    with harness.Proxied(tmp_path, upstream=f"file://{tmp_path}/site") as proxy:
        answer = proxy.fetch("GET", "/a")
        assert (answer.status, answer.code) == (403, "ADIT-FILE-FORBIDDEN")


def test_a_replay_reads_the_file_again(site, tmp_path):
    with harness.Proxied(tmp_path, upstream=f"file://{site}") as proxy:
        assert proxy.fetch("GET", "/a.txt").status == 200
        data = proxy.proxy.data
    done = subprocess.run([harness.BIN / "adit", "replay", "last", "--data", data],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=harness.DEADLINE, env=harness.environment(tmp_path))
    assert done.returncode == 0 and "the same answer" in done.stdout, done


def test_a_folder_that_cannot_be_served_is_refused_at_the_start(tmp_path):
    (tmp_path / "file").write_text("x")
    for name, words in (("none", "No such file"), ("file", "Not a directory")):
        for command in ("http", "proxy"):
            done = subprocess.run([harness.BIN / "adit", command, f"file://{tmp_path}/{name}"],
                                  stdin=subprocess.DEVNULL, text=True, capture_output=True,
                                  timeout=harness.DEADLINE, env=harness.environment(tmp_path))
            assert done.returncode == 1 and words in done.stderr, done
