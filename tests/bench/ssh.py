# SPDX-License-Identifier: MIT
"""`ssh -R` with an sshd of its own: the tunnel that needs no program but ssh. It forwards
connections and knows no HTTP. Keys, configuration and port are temporary; the system's sshd and the
user's ~/.ssh are not read, and nobody else can log in."""

import contextlib
import os
import pathlib
import pwd
import socket

from .processes import Failed, free_port
from .site import Running, program, wait_until_200

CONNECT_SECONDS = 10
KEY_SECONDS = 10
RUN_DIRECTORY = pathlib.Path("/run/sshd")

SERVER = """\
HostKey {directory}/host
AuthorizedKeysFile {directory}/user.pub
AuthenticationMethods publickey
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
AllowUsers {user}
AllowTcpForwarding remote
AllowAgentForwarding no
PermitTTY no
ForceCommand /bin/false
PidFile none
StrictModes no
UsePAM no
"""

CLIENT = """\
HostName 127.0.0.1
Port {port}
User {user}
IdentityFile {directory}/user
IdentitiesOnly yes
IdentityAgent none
UserKnownHostsFile {directory}/known_hosts
GlobalKnownHostsFile none
HostKeyAlias bench
StrictHostKeyChecking yes
BatchMode yes
ExitOnForwardFailure yes
RemoteForward 127.0.0.1:{visitors} 127.0.0.1:{origin}
SessionType none
"""


def write_settings(site, directory, user, **ports):
    for name in ("host", "user"):
        argv = [program("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", directory / name]
        site.procs.run("ssh-keygen", argv, KEY_SECONDS)
    (directory / "known_hosts").write_text("bench " + (directory / "host.pub").read_text())
    for name, text in (("sshd_config", SERVER), ("ssh_config", CLIENT)):
        (directory / name).write_text(text.format(directory=directory, user=user, **ports))


@contextlib.contextmanager
def run_directory():
    """Root's sshd demands the empty directory that its service would have made at boot."""
    make = os.geteuid() == 0 and not RUN_DIRECTORY.exists()
    if make:
        RUN_DIRECTORY.mkdir(mode=0o755)
    try:
        yield
    finally:
        if make:
            RUN_DIRECTORY.rmdir()


def accept(listener, client):
    listener.settimeout(CONNECT_SECONDS)
    try:
        connection, _ = listener.accept()
    except TimeoutError:
        raise Failed(f"ssh did not connect: {client.tail()}") from None
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setblocking(True)
    return connection


def reverse_forward(site, origin_port):
    with run_directory():
        running = connect(site, origin_port)
        wait_until_200(running.processes, running.port, running.host, "/small")
    return running


def connect(site, origin_port):
    """sshd serves this one connection (-i): a listening sshd would start another outside its
    process group, where neither CPU time nor memory could be found."""
    directory = site.subdirectory("ssh")
    server = [program("sshd"), "-i", "-e", "-f", directory / "sshd_config"]
    visitors, port = free_port(), free_port()
    user = pwd.getpwuid(os.geteuid()).pw_name
    write_settings(site, directory, user, port=port, visitors=visitors, origin=origin_port)
    with socket.create_server(("127.0.0.1", port)) as listener:
        agent = site.procs.start("ssh", [program("ssh"), "-F", directory / "ssh_config", "bench"])
        with accept(listener, agent) as connection:
            relay = site.procs.start("sshd", server, stdin=connection, stdout=connection)
    return Running("ssh", visitors, relay, agent)
