# SPDX-License-Identifier: MIT
"""Headers of the PROXY protocol, as proxies send them, and as a service reads them."""
import contextlib
import ipaddress
import struct

from origin import Origin, Truncated

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
LOCAL, PROXY = 0x20, 0x21
FAMILIES = {4: 0x11, 6: 0x21}


def v1(source, port=4711, to="192.0.2.80", to_port=80):
    version = ipaddress.ip_address(source).version
    to = to if version == 4 else "2001:db8::80"
    return f"PROXY TCP{version} {source} {to} {port} {to_port}\r\n".encode()


def tlv(kind, value):
    return struct.pack("!BH", kind, len(value)) + value


def v2_raw(command, family, payload):
    return SIGNATURE + struct.pack("!BBH", command, family, len(payload)) + payload


def v2(source, port=4711, tlvs=b""):
    source = ipaddress.ip_address(source)
    payload = source.packed + bytes(len(source.packed)) + struct.pack("!HH", port, 80) + tlvs
    return v2_raw(PROXY, FAMILIES[source.version], payload)


def local():
    return v2_raw(LOCAL, 0, b"")


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


def v2_checked(source):
    """A header with its checksum."""
    whole = v2(source, tlvs=tlv(3, bytes(4)))
    return whole[:-4] + struct.pack("!I", crc32c(whole))


def read(wire):
    """Reads a header off a Wire. Returns its version and the client's address, None for nobody."""
    start = wire.exactly(6)
    if start == b"PROXY ":
        words = wire.line().decode().split(" ")
        return 1, None if words[0] == "UNKNOWN" else words[1]
    start += wire.exactly(10)
    assert start[:12] == SIGNATURE, start
    command, family, length = struct.unpack("!BBH", start[12:])
    payload = wire.exactly(length)
    if command == LOCAL:
        return 2, None
    assert command == PROXY
    size = {0x11: 4, 0x21: 16}[family]
    return 2, str(ipaddress.ip_address(payload[:size]))


class NamedOrigin(Origin):
    """An origin whose connections begin with a header: `named` has, by their numbers, what `read`
    returns of each."""

    def __init__(self):
        self.named = {}
        super().__init__()

    def _serve(self, number):
        with contextlib.suppress(Truncated, OSError):  # closed at once: the base class sees that too
            self.named[number] = read(self._open[number])
        super()._serve(number)
