# SPDX-License-Identifier: MIT
"""A program that writes a record, as the commands over the record see it: a socket on which they
ask for a flush. The test sends the replies."""
import os
import select
import socket

from patience import DEADLINE

PROGRESS = 0x80


def prefix(data):
    """The common beginning of the names of the sockets of this directory's writers."""
    stat = data.stat()
    return f"adit-record-{stat.st_dev:x}-{stat.st_ino:x}-"


class Reader:
    """A command that has asked."""

    def __init__(self, sock):
        self.sock = sock

    def send(self, replies):
        """False: the reader has left."""
        try:
            self.sock.sendall(replies)
        except (BrokenPipeError, ConnectionResetError):
            return False
        return True

    def progress(self, percent):
        return self.send(bytes([PROGRESS + percent]))

    def has_left(self, within):
        """Whether the reader leaves within so many seconds."""
        readable, _, _ = select.select([self.sock], [], [], within)
        return bool(readable)

    def written(self):
        self.send(b"w")
        self.sock.close()


class FakeWriter:
    """Its process is the test's."""

    def __init__(self, data):
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(f"\0{prefix(data)}fake{os.urandom(8).hex()}")
        self.listener.listen(16)
        self.listener.settimeout(DEADLINE)
        self.asked = 0

    def reader(self):
        """Waits for the next reader."""
        sock, _ = self.listener.accept()
        sock.settimeout(DEADLINE)
        self.asked += 1
        return Reader(sock)

    def waiting(self):
        """The number of readers that have asked and were not accepted."""
        count = 0
        while select.select([self.listener], [], [], 0)[0]:
            self.reader()
            count += 1
        return count

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()
