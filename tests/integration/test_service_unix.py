# SPDX-License-Identifier: MIT
"""A service on a Unix socket."""
import os
import socket
import subprocess

import bodies
import harness
import nginx
import pytest
from client import until

SIZE = 1 << 24

# The port keeps nginx.Nginx's promise to answer there.
CONFIG = """
server {{
    listen 127.0.0.1:{port};
    listen unix:{socket};
    root {root};
    location /host {{ return 200 $host; }}
    location /moved {{ return 302 http://localhost/there; }}
}}
"""


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    directory = tmp_path_factory.mktemp("service")
    directory.chmod(0o755)
    (directory / "big").write_bytes(bodies.make(5, SIZE))
    with nginx.Nginx(directory / "nginx", CONFIG, socket=directory / "app.sock",
                     root=directory):
        yield directory / "app.sock"


@pytest.mark.parametrize("kind", [harness.Tunnel, harness.Proxied])
@pytest.mark.parametrize("scheme", ["unix:", "unix://"])
def test_exchanges_pass(tmp_path, service, kind, scheme):
    with kind(tmp_path, "--host-header", "rewrite", upstream=f"{scheme}{service}") as program:
        assert program.agent.to == f"unix:{service}"
        with program.visit() as visitor:
            assert visitor.fetch("GET", "/host").body == b"localhost"
            assert visitor.fetch("GET", "/moved").get("location") == f"http://{program.host}/there"
            assert visitor.fetch("GET", "/none").status == 404
            _, count, digest = visitor.download("/big")
        assert (count, digest) == (SIZE, bodies.digest(5, SIZE))


def test_a_replay_and_an_exported_command_reach_it(tmp_path, service):
    with harness.Proxied(tmp_path, upstream=f"unix:{service}") as proxy:
        assert proxy.fetch("GET", "/host").status == 200
        data = proxy.proxy.data
    done = subprocess.run([harness.BIN / "adit", "replay", "last", "--data", data],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=harness.DEADLINE, env=harness.environment(tmp_path))
    assert done.returncode == 0 and "the same answer" in done.stdout, done
    shown = subprocess.run([harness.BIN / "adit", "export", "last", "--curl", "--to-service",
                            "--data", data], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                           timeout=harness.DEADLINE, env=harness.environment(tmp_path))
    assert f"--unix-socket {service}" in shown.stdout, shown
    again = subprocess.run(["sh", "-c", shown.stdout], stdin=subprocess.DEVNULL, capture_output=True,
                           text=True, timeout=harness.DEADLINE)
    assert again.stdout == proxy.host.split(":")[0]


def test_one_that_is_not_there_is_told_and_found_once_it_is(tmp_path):
    path = tmp_path / "app.sock"
    with harness.Proxied(tmp_path, upstream=f"unix:{path}") as proxy:
        proxy.proxy.wait_for(f"unix:{path} cannot be reached .no such file or directory.")
        answer = proxy.fetch("GET", "/", [("Accept", "text/plain")])
        assert (answer.status, answer.code) == (502, "ADIT-UPSTREAM-UNREACHABLE")
        assert b"no such file or directory" in answer.body
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
            answer = proxy.fetch("GET", "/", [("Accept", "text/plain")])
            assert (answer.status, answer.code) == (502, "ADIT-UPSTREAM-REFUSED")
            listener.listen()
            proxy.proxy.wait_for(f"unix:{path} can be reached now")


def test_a_full_backlog_is_waited_for(tmp_path):
    """The kernel refuses a connection to a Unix socket at once where it would let TCP wait."""
    path = tmp_path / "app.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(0)
        with harness.Proxied(tmp_path, upstream=f"unix:{path}") as proxy:
            probe, _ = listener.accept()
            probe.close()
            waiting = []
            while True:
                one = socket.socket(socket.AF_UNIX)
                one.setblocking(False)
                waiting.append(one)
                if one.connect_ex(str(path)):
                    break
            with proxy.visit() as visitor:
                visitor.request("GET", "/")
                until(lambda: subprocess.run(
                    ["grep", "-c", f"^[0-9a-f]*: .* {path}$", "/proc/net/unix"],
                    capture_output=True, check=False).returncode == 0, "the socket is listed")
                for _ in waiting[:-1]:
                    listener.accept()[0].close()
                inner, _ = listener.accept()
                with inner:
                    assert inner.recv(65536).startswith(b"GET / ")
                    inner.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                    assert visitor.response().body == b"ok"
            for one in waiting:
                one.close()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may use any socket")
def test_one_that_may_not_be_used_is_told(tmp_path):
    path = tmp_path / "app.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        path.chmod(0)
        with harness.Proxied(tmp_path, upstream=f"unix:{path}") as proxy:
            answer = proxy.fetch("GET", "/", [("Accept", "text/plain")])
            assert answer.code == "ADIT-UPSTREAM-UNREACHABLE" and b"permission denied" in answer.body
