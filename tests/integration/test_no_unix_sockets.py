# SPDX-License-Identifier: MIT
"""The agent names the cause in a sandbox without Unix sockets (RestrictAddressFamilies= of a
unit)."""
import ctypes
import errno
import os
import platform
import struct

import harness
import pytest

SYS_SOCKET = {"x86_64": 41, "aarch64": 198}.get(platform.machine())
AF_UNIX = 1


def forbid_unix_sockets():
    """A seccomp filter (BPF) that fails socket(AF_UNIX, ...) with EAFNOSUPPORT."""
    code = b"".join(struct.pack("HBBI", *step) for step in [
        (0x20, 0, 0, 0), (0x15, 0, 3, SYS_SOCKET), (0x20, 0, 0, 16), (0x15, 0, 1, AF_UNIX),
        (0x06, 0, 0, 0x50000 | errno.EAFNOSUPPORT), (0x06, 0, 0, 0x7fff0000)])
    steps = ctypes.create_string_buffer(code)
    program = struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(steps))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, program, 0, 0):  # no new rights; the filter
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


@pytest.mark.skipif(SYS_SOCKET is None, reason="the number of socket() is not known here")
def test_an_agent_that_may_not_make_unix_sockets_says_what_to_allow(tmp_path):
    with harness.Relay(tmp_path) as relay:
        with harness.Program(tmp_path, "adit", "http", "80", "--relay", relay.url,
                             prepare=forbid_unix_sockets) as agent:
            agent.wait_for(r"cannot reach the relay .* a Unix socket .*AF_UNIX\. Trying again", "stderr")
