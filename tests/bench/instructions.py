#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""instructions.py BIN [all|none]: instructions that aditd and adit need for an exchange, by
callgrind: a browser's GET on ten connections through a tunnel to nginx and 64 bytes back, recorded
or not (the default). What two runs of different length differ by, so starting costs nothing."""
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

SHORT, LONG, CONNECTIONS = 1000, 4000, 10
HEAD = ("GET /path HTTP/1.1\r\nHost: {host}\r\n"
        "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"
        "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"
        "Accept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate\r\n"
        "Connection: keep-alive\r\nCookie: session=0123456789abcdef; theme=dark\r\n"
        "Upgrade-Insecure-Requests: 1\r\n\r\n")
BODY = "x" * 64
NGINX = """daemon off; pid {folder}/pid; error_log {folder}/log; events {{}}
http {{ access_log off; keepalive_requests 1000000;
server {{ listen 127.0.0.1:{port}; location / {{ default_type text/plain; return 200 "{body}"; }} }} }}
"""


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def wait_for(path, text):
    while text not in path.read_text():
        time.sleep(0.1)


def ask(port, count):
    request = HEAD.format(host=f"x.localhost:{port}").encode()
    visitors = [socket.create_connection(("127.0.0.1", port)) for _ in range(CONNECTIONS)]
    for _ in range(count // CONNECTIONS):
        for visitor in visitors:
            visitor.sendall(request)
        for visitor in visitors:
            answer = b""
            while not answer.endswith(BODY.encode()):
                piece = visitor.recv(65536)
                assert piece, answer
                answer += piece
            assert answer.startswith(b"HTTP/1.1 200"), answer


def counted(folder, name, *command):
    """A program under callgrind, whose output goes into a file."""
    with open(folder / f"{name}.out", "w", encoding="utf-8") as out:
        return subprocess.Popen(
            ["valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={folder / name}",
             *command], stdout=out, stderr=subprocess.STDOUT)


def total(folder, name):
    return int(re.search(r"^(?:totals|summary): (\d+)", (folder / name).read_text(), re.M)[1])


def run(bin_dir, record, count):
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        service, port = free_port(), free_port()
        (folder / "conf").write_text(NGINX.format(folder=folder, port=service, body=BODY))
        nginx = subprocess.Popen(["nginx", "-c", folder / "conf", "-p", folder],
                                 stderr=subprocess.DEVNULL)
        relay = counted(folder, "aditd", bin_dir / "aditd", "--listen", f"127.0.0.1:{port}",
                        "--data", folder / "relay", "--record", record)
        wait_for(folder / "aditd.out", "ready")
        agent = counted(folder, "adit", bin_dir / "adit", "http", str(service), "--url", "x",
                        "--relay", f"http://127.0.0.1:{port}", "--data", folder / "agent",
                        "--record", record)
        wait_for(folder / "adit.out", "adit: http")
        try:
            ask(port, count)
        finally:
            for program in (agent, relay, nginx):
                program.send_signal(signal.SIGTERM)
                program.wait()
        return {each: total(folder, each) for each in ("aditd", "adit")}


def main(args):
    if not 1 <= len(args) <= 2 or args[1:] not in ([], ["all"], ["none"]):
        sys.exit(__doc__)
    record = args[1] if len(args) == 2 else "none"
    short, long = (run(pathlib.Path(args[0]).resolve(), record, n) for n in (SHORT, LONG))
    for each, instructions in long.items():
        print(each, round((instructions - short[each]) / (LONG - SHORT)))


if __name__ == "__main__":
    main(sys.argv[1:])
