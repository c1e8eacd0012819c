# SPDX-License-Identifier: MIT
"""Makes system calls of a running program fail, by strace's fault injection."""
import os
import re
import signal
import subprocess
import time

from patience import DEADLINE


class Faults:
    """While entered, system calls of this process and its threads fail by the given rules. Each
    rule is "SYSCALLS:error=E:when=…", or another argument of strace's --inject. strace writes to
    the file `log`."""

    def __init__(self, pid, log, *rules, within=DEADLINE):
        names = sorted({name for rule in rules for name in rule.split(":")[0].split(",")})
        self.argv = ["strace", "-f", "-o", str(log), "-p", str(pid), "-e", "signal=none",
                     "-e", "trace=" + ",".join(names)]
        for rule in rules:
            self.argv += ["-e", "inject=" + rule]
        self.pid, self.log, self.within = pid, log, within

    def __enter__(self):
        self.process = subprocess.Popen(self.argv, stderr=subprocess.PIPE, text=True)
        said = self.process.stderr.readline()
        assert "attached" in said, f"strace cannot attach: {said}"
        end = time.monotonic() + self.within
        while not self._all_traced():
            assert time.monotonic() < end, "not all threads are traced"
            time.sleep(0.002)
        return self

    def _all_traced(self):
        for thread in os.listdir(f"/proc/{self.pid}/task"):
            with open(f"/proc/{self.pid}/task/{thread}/status", encoding="ascii") as status:
                if f"\nTracerPid:\t{self.process.pid}\n" not in status.read():
                    return False
        return True

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)  # makes strace detach
        self.process.stderr.read()
        self.process.wait()
        self.process.stderr.close()

    @property
    def hits(self):
        """The number of calls that failed; known once the block is left."""
        return len(re.findall(r"\(INJECTED\)$", self.log.read_text(errors="replace"), re.M))
