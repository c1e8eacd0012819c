# SPDX-License-Identifier: MIT
"""The origins, and the contestants that stand between them and the visitors.

A contestant is a function (site, origin_port) -> Running. To add one, write it and name it in
CONTESTANTS; rows.py says in which rows it takes part.
"""

import dataclasses
import functools
import os
import pathlib
import signal

from . import ssh, tunnels
from .processes import Failed, free_port
from .records import Record
from .site import NAME, Running, program, wait_until_200, wait_until_it_listens

HERE = pathlib.Path(__file__).parent
SMALL_BYTES = 64
UNLIMITED = 1_000_000_000
GO_BUILD_SECONDS = 120
LINK_SECONDS = 3600  # after which it ends by itself


# nginx ---------------------------------------------------------------------------------------------

NGINX_FRAME = """\
daemon off;
worker_processes 1;
worker_rlimit_nofile 20000;
{user}
pid {directory}/nginx.pid;
error_log stderr error;
events {{ worker_connections 19000; }}
http {{
    access_log off;
    server_tokens off;
    default_type application/octet-stream;
    sendfile on;
    keepalive_timeout 1h;
    keepalive_requests {unlimited};
    send_timeout 1h;
    client_max_body_size 0;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    scgi_temp_path {directory}/scgi;
    uwsgi_temp_path {directory}/uwsgi;
{servers}
}}
"""

# `return` sends its text without a file, and the big one is sparse: the origin costs next to nothing.
NGINX_ORIGIN = """\
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location = /small {{ default_type text/plain; return 200 "{small}"; }}
        location = /big {{ alias {big_file}; }}
    }}
"""

# Buffering is nginx's default on the way down, except that it may not spill to disk; requests stream,
# as they do in a tunnel.
NGINX_HOP = """\
    {certificate}
    proxy_ssl_verify off;
    upstream next {{
        server 127.0.0.1:{next_port};
        keepalive 1024;
        keepalive_requests {unlimited};
        keepalive_timeout 1h;
    }}
    server {{
        listen 127.0.0.1:{port} backlog=4096{listen};
        location / {{
            proxy_pass {scheme}://next;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_request_buffering off;
            proxy_max_temp_file_size 0;
            proxy_read_timeout 1h;
            proxy_send_timeout 1h;
            {more}
        }}
    }}
"""


# nginx's own buffers are a few KiB a connection. With these, a bulk transfer costs it half as much.
NGINX_LARGE_BUFFERS = (
    "proxy_buffer_size 64k; proxy_buffers 16 64k; proxy_busy_buffers_size 512k; "
    "client_body_buffer_size 256k;"
)


def start_nginx(site, name, servers):
    directory = site.subdirectory(name)
    config = directory / "nginx.conf"
    config.write_text(
        NGINX_FRAME.format(
            user="user root;" if os.geteuid() == 0 else "",
            directory=directory,
            unlimited=UNLIMITED,
            servers=servers,
        )
    )
    argv = [program("nginx"), "-e", "stderr", "-p", directory, "-c", config]
    # On SIGTERM, unlike SIGKILL, the master takes its worker along.
    return site.procs.start(name, argv, death=signal.SIGTERM)


def start_origin(site):
    port = free_port()
    servers = NGINX_ORIGIN.format(port=port, small="x" * SMALL_BYTES, big_file=site.big_file)
    origin = start_nginx(site, "origin", servers)
    wait_until_200([origin], port, "localhost", "/small")
    return port


def start_sink(site):
    port = free_port()
    sink = site.procs.start("sink", [site.tools["sink"], port])
    wait_until_200([sink], port, "localhost", "/")
    return port


ORIGINS = {"files": start_origin, "sink": start_sink}


def chain(start_hop, name, hops, site, origin_port, start_first=None):
    """`hops` equal proxies in a row, the first of which the visitors meet; or another one does, by
    `start_first`."""
    processes = []
    next_port = origin_port
    for number in range(hops, 0, -1):
        port = free_port()
        start = start_first if start_first and number == 1 else start_hop
        process = start(site, f"{name}-hop{number}", port, Next(next_port, number < hops))
        processes.insert(0, process)
        next_port = port
    tls = site.tls is not None
    running = Running(name, next_port, processes[0], processes[1] if hops > 1 else None, tls=tls)
    running.only_h2 = start_first is nginx_h2_hop
    if running.only_h2:
        wait_until_it_listens(processes[0], running.port)
    else:
        wait_until_200(processes, running.port, running.host, "/small", tls)
    return running


@dataclasses.dataclass(frozen=True)
class Next:
    """Where a hop forwards to."""

    port: int
    is_hop: bool  # or the origin, which knows no TLS


def nginx_hop(site, name, port, to, more="", listen=""):
    certificate = ""
    if site.tls:
        certificate = f"ssl_certificate {site.tls.chain}; ssl_certificate_key {site.tls.key};\n"
        certificate += "    ssl_protocols TLSv1.2 TLSv1.3;"
        listen += " ssl"
    servers = NGINX_HOP.format(
        port=port, next_port=to.port, unlimited=UNLIMITED, more=more, certificate=certificate,
        listen=listen, scheme="https" if site.tls and to.is_hop else "http",
    )
    return start_nginx(site, name, servers)


nginx_large_hop = functools.partial(nginx_hop, more=NGINX_LARGE_BUFFERS)
nginx_h2_hop = functools.partial(nginx_hop, listen=" http2")


# nghttpx -------------------------------------------------------------------------------------------


def nghttpx_hop(site, name, port, to):
    """HTTP/2 without TLS to the visitors, HTTP/1.1 behind it."""
    config = site.subdirectory(name) / "nghttpx.conf"
    config.write_text("")
    argv = [program("nghttpx"), f"--conf={config}", f"--frontend=127.0.0.1,{port};no-tls"]
    argv += [f"--backend=127.0.0.1,{to.port}", "--workers=1", "--accesslog-file=/dev/null"]
    argv += [f"--pid-file={config.parent / 'pid'}", "--backlog=4096", "--no-ocsp"]
    return site.procs.start(name, [*argv, "--errorlog-file=/dev/stderr", "--log-level=ERROR"])


# HAProxy -------------------------------------------------------------------------------------------

HAPROXY = """\
global
    nbthread 1
    maxconn 9500
defaults
    mode http
    option http-keep-alive
    option forwardfor
    http-reuse always
    timeout connect 5s
    timeout client 1h
    timeout server 1h
    timeout http-keep-alive 1h
frontend visitors
    bind 127.0.0.1:{port} backlog 4096
    default_backend next
backend next
    server next 127.0.0.1:{next_port} pool-max-conn -1
"""


def haproxy_hop(site, name, port, to):
    config = site.subdirectory(name) / "haproxy.cfg"
    config.write_text(HAPROXY.format(port=port, next_port=to.port))
    return site.procs.start(name, [program("haproxy"), "-db", "-f", config])


# Go ------------------------------------------------------------------------------------------------


def build_reverse_proxy(site):
    """Builds it on first use, with Go's standard library alone."""
    if "reverseproxy" not in site.tools:
        path = site.directory / "reverseproxy"
        argv = ["env", "GO111MODULE=off", "GOPROXY=off", program("go"), "build", "-o", path]
        site.procs.run("go-build", argv + [HERE / "reverseproxy.go"], GO_BUILD_SECONDS)
        site.tools["reverseproxy"] = path
    return site.tools["reverseproxy"]


def go_hop(site, name, port, to):
    return site.procs.start(name, [build_reverse_proxy(site), port, to.port])


# adit ----------------------------------------------------------------------------------------------


def start_recorder(site, name, argv, **output):
    """A program with a directory of its own for its record."""
    directory = site.subdirectory(name)
    process = site.procs.start(name, [*argv, "--data", directory], **output)
    process.record = Record(directory)
    return process


def start_relay(site, *more):
    port, tls = free_port(), site.tls is not None
    at = f"127.0.0.1:{port}"
    if tls:
        at = f"https://{at}"
        more = ("--tls-cert", site.tls.chain, "--tls-key", site.tls.key, *more)
    argv = [site.bin / "aditd", "--listen", at, "--domain", "localhost", *more]
    relay = start_recorder(site, "aditd", argv)
    wait_until_200([relay], port, "localhost", "/_adit/health", tls)
    return relay, port


def start_link(site, port):
    """The path that the row wants to a port: returns its process, None for loopback, and the port of
    its near end."""
    if site.link is None:
        return None, port
    near, way = free_port(), site.link
    argv = [site.tools["slowlink"], near, port, way.round_trip_ms // 2, way.mbit_per_second * 1000]
    process = site.procs.start("slowlink", argv + [way.queue_kib, LINK_SECONDS])
    wait_until_it_listens(process, near)
    return process, near


def start_agent(site, relay_port, origin_port, name=NAME, more=(), **output):
    argv = [site.bin / "adit", "http", f"127.0.0.1:{origin_port}", *more]
    if site.tls:
        argv += ["--relay", f"https://127.0.0.1:{relay_port}", "--relay-ca", site.tls.chain]
    else:
        argv += ["--relay", f"http://127.0.0.1:{relay_port}"]
    argv += ["--url", name]
    return start_recorder(site, "adit", argv, **({"stdout": site.agent_output} | output))


def adit(site, origin_port, more=(), name="adit"):
    relay, port = start_relay(site, *more)
    _, near = start_link(site, port)
    tls, agent = site.tls is not None, start_agent(site, near, origin_port, more=more)
    running = Running(name, port, relay, agent, tls=tls)
    wait_until_200(running.processes, port, running.host, "/small", tls)
    return running


def before(site, origin_port):
    if site.before is None:
        raise Failed("--before names no earlier build")
    return adit(dataclasses.replace(site, bin=site.before), origin_port, name="before")


def straight(site, origin_port):
    """No proxy at all, over the same path."""
    link, port = start_link(site, origin_port)
    running = Running("straight", port, None, None)
    wait_until_200([link], port, running.host, "/small")
    return running


CONTESTANTS = {
    "adit": adit,
    "before": before,
    "unrecorded": functools.partial(adit, more=("--record", "none")),
    "n1": functools.partial(chain, nginx_hop, "n1", 1),
    "n2": functools.partial(chain, nginx_hop, "n2", 2),
    "n2-large": functools.partial(chain, nginx_large_hop, "n2-large", 2),
    "nginx-h2": functools.partial(chain, nginx_hop, "nginx-h2", 2, start_first=nginx_h2_hop),
    "nghttpx": functools.partial(chain, nginx_hop, "nghttpx", 2, start_first=nghttpx_hop),
    "haproxy2": functools.partial(chain, haproxy_hop, "haproxy2", 2),
    "go1": functools.partial(chain, go_hop, "go1", 1),
    "go2": functools.partial(chain, go_hop, "go2", 2),
    "ssh": ssh.reverse_forward,
    "straight": straight,
    "frp": tunnels.frp,
    "frp-tcp": functools.partial(tunnels.frp, kind="tcp"),
    "rathole": tunnels.rathole,
    "chisel": tunnels.chisel,
    "bore": tunnels.bore,
    "localtunnel": tunnels.localtunnel,
}

DESCRIPTIONS = {
    "adit": "relay and agent",
    "before": "another build of both, by --before",
    "unrecorded": "the same, neither of which records",
    "n1": "one nginx",
    "n2": "two nginx in a row",
    "n2-large": "two nginx in a row, with large buffers",
    "nginx-h2": "nginx with HTTP/2 in front of one nginx",
    "nghttpx": "nghttpx in front of one nginx",
    "haproxy2": "two HAProxy in a row",
    "go1": "one httputil.ReverseProxy of Go",
    "go2": "two of them in a row",
    "ssh": "ssh -R and sshd",
    "straight": "plain TCP over the same path",
    "frp": "frps and frpc, a proxy of HTTP by name",
    "frp-tcp": "frps and frpc, a proxy of connections",
    "rathole": "rathole at both ends",
    "chisel": "chisel server and client, a reverse port",
    "bore": "bore server and bore local",
    "localtunnel": "localtunnel-server and lt",
}
