# SPDX-License-Identifier: MIT
"""The contestants: adit, nginx and haproxy as reverse proxies, one way through for each lane.

nginx and haproxy get listening sockets from us, so no port is guessed. What their configuration
says beyond the ways is there to let them pass bodies as they come; the rest is their default.
"""
import contextlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

import harness  # noqa: E402

PATH = os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/sbin:/sbin"

NGINX = """\
daemon off;
worker_processes 1;
{user}
pid {directory}/nginx.pid;
error_log stderr crit;
events {{ worker_connections 1000; }}
http {{
    access_log off;
    client_max_body_size 0;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    scgi_temp_path {directory}/scgi;
    uwsgi_temp_path {directory}/uwsgi;
{servers}
}}
"""
NGINX_SERVER = """\
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://127.0.0.1:{origin};
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $http_host;
            proxy_request_buffering off;
        }}
    }}
"""
HAPROXY = """\
global
    nbthread 1
    maxconn 1000
defaults
    mode http
    timeout connect 10s
    timeout client 1h
    timeout server 1h
{ways}
"""
HAPROXY_WAY = """\
frontend visitors{number}
    bind fd@{socket}
    default_backend origin{number}
backend origin{number}
    server origin 127.0.0.1:{origin}
"""


def version(argv):
    env = {**os.environ, "PATH": PATH}
    text = subprocess.run(argv, capture_output=True, text=True, check=True, env=env)
    return (text.stdout + text.stderr).splitlines()[0]


def versions():
    return {"adit": version([harness.BIN / "aditd", "--version"]),
            "nginx": version(["nginx", "-v"]).removeprefix("nginx version: "),
            "haproxy": version(["haproxy", "-v"]).partition(" 20")[0]}


def missing():
    return [name for name in ("nginx", "haproxy") if not shutil.which(name, path=PATH)]


@contextlib.contextmanager
def running(argv, directory, sockets, environment):
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=directory,
            pass_fds=[s.fileno() for s in sockets],
            env={"PATH": PATH, "LC_ALL": "C", **environment})
    for each in sockets:
        each.close()
    try:
        yield
        if process.poll() is not None:
            raise RuntimeError(f"{argv[0]} ended: {(directory / 'log').read_text()}")
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def listening(count):
    return [socket.create_server(("127.0.0.1", 0), backlog=256) for _ in range(count)]


def address_of(sockets):
    return [each.getsockname() for each in sockets]


@contextlib.contextmanager
def nginx(directory, origins):
    sockets = listening(len(origins))
    addresses = address_of(sockets)
    servers = "".join(NGINX_SERVER.format(port=address[1], origin=origin)
                      for address, origin in zip(addresses, origins))
    user = "user root;" if os.geteuid() == 0 else ""
    config = directory / "nginx.conf"
    config.write_text(NGINX.format(directory=directory, servers=servers, user=user))
    # How nginx hands sockets to its successor; it finds those of its `listen` lines among them.
    inherited = "".join(f"{each.fileno()};" for each in sockets)
    argv = ["nginx", "-e", "stderr", "-p", directory, "-c", config]
    with running(argv, directory, sockets, {"NGINX": inherited}):
        yield addresses


@contextlib.contextmanager
def haproxy(directory, origins):
    sockets = listening(len(origins))
    addresses = address_of(sockets)
    ways = "".join(HAPROXY_WAY.format(number=number, socket=each.fileno(), origin=origin)
                   for number, (each, origin) in enumerate(zip(sockets, origins)))
    config = directory / "haproxy.cfg"
    config.write_text(HAPROXY.format(ways=ways))
    with running(["haproxy", "-db", "-f", config], directory, sockets, {}):
        yield addresses


@contextlib.contextmanager
def adit(directory, origins):
    """A relay and an agent for each lane, so that every lane has the same Host."""
    with contextlib.ExitStack() as stack:
        addresses = []
        for number, origin in enumerate(origins):
            place = directory / str(number)
            relay = stack.enter_context(harness.Relay(place))
            stack.enter_context(
                harness.Agent(place, relay, f"127.0.0.1:{origin}", "--url", "d"))
            addresses.append(relay.address)
        yield addresses


CONTESTANTS = {"adit": adit, "nginx": nginx, "haproxy": haproxy}


@contextlib.contextmanager
def scratch():
    with tempfile.TemporaryDirectory(prefix="adit-differential-") as directory:
        yield pathlib.Path(directory)
