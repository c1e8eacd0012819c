# SPDX-License-Identifier: MIT
"""Runs nginx on a free port, with a configuration of the test, as the user that runs the tests."""
import ctypes
import os
import pathlib
import signal
import socket
import subprocess

from patience import DEADLINE

CONFIG = """
daemon off;
worker_processes 1;
{user}
pid {directory}/pid;
error_log {directory}/error.log;
events {{ worker_connections 512; }}
http {{
    access_log off;
    default_type text/plain;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    {config}
}}
"""


def _die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG; the worker ends with its master


class Nginx:
    """`config` stands inside http {}; {port} in it is the port to listen on: `at`, or a free one.
    `first` stands before the request that finds out whether nginx serves."""

    def __init__(self, directory, config, at=0, first=b"", **values):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        # nginx cannot choose a free port and print its number, but inherits a listening socket, as
        # from its predecessor in a binary upgrade.
        listener = socket.create_server(("127.0.0.1", at), backlog=512)
        self.port = listener.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        path = self.directory / "nginx.conf"
        inner = config.format(port=self.port, directory=self.directory, **values)
        user = "user root;" if os.geteuid() == 0 else ""  # others cannot enter tmp_path
        path.write_text(CONFIG.format(user=user, directory=self.directory, config=inner))
        with listener:
            self.process = subprocess.Popen(
                ["/usr/sbin/nginx", "-e", self.directory / "error.log", "-p", self.directory, "-c",
                 path], env={**os.environ, "NGINX": f"{listener.fileno()};"},
                pass_fds=[listener.fileno()], stderr=subprocess.DEVNULL,
                preexec_fn=_die_with_parent)
        try:
            with socket.create_connection(("127.0.0.1", self.port), DEADLINE) as sock:
                sock.sendall(first + b"GET / HTTP/1.0\r\n\r\n")
                assert sock.recv(1)
        except (AssertionError, OSError):
            self.__exit__()
            raise AssertionError((self.directory / "error.log").read_text()) from None

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.process.terminate()
        self.process.wait()
