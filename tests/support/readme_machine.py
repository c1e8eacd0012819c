# SPDX-License-Identifier: MIT
"""A machine for a user with nothing but README.md: commands are typed unchanged, at terminals.

The machine needs root. Its network, processes, home, /etc, /usr, /var, /run and build folder are
separate, and their changes are discarded. Parts that cannot be real are replaced: the existing
build stands for README's build, sudo runs its command, and example.com and the names below it have
an address of the machine other than loopback's, and a certificate that the machine trusts.
"""
import contextlib
import ctypes
import fcntl
import os
import pty
import re
import shutil
import signal
import subprocess
import termios
import threading
import time

import harness
import pytest
import tls_proxy
from network import RELAY
from patience import BIN, DEADLINE
from readme import ROOT

COLUMNS = 100
NAMES = ("example.com", "myapp.example.com")
SETUP = """
set -e
mount --make-rprivate /
mount -t tmpfs none {layers}
for name in etc usr var build; do mkdir {layers}/$name {layers}/$name.work; done
over() {{ # what changes there from here on is in a layer
    mount -t overlay overlay -o "lowerdir=$1,upperdir={layers}/$2,workdir={layers}/$2.work" "$1"
}}
over /etc etc
over /usr usr
over /var var
mount -t tmpfs none /run
over {build} build
mount --bind {build} {project}/build/release
mount -t proc proc /proc
ip link set lo up
ip address add {relay}/32 dev lo
echo '{relay} {names}' >>/etc/hosts
mkdir -p /etc/letsencrypt/live/example.com
cp {certificate} /etc/letsencrypt/live/example.com/fullchain.pem
cp {key} /etc/letsencrypt/live/example.com/privkey.pem
cat {certificate} >>/etc/ssl/certs/ca-certificates.crt
echo up
exec sleep infinity
"""
# A machine may have no systemd at all.
SYSUSERS = """#!/bin/sh
sed -n 's/^u \\([a-z]*\\) .*/\\1/p' /usr/local/lib/sysusers.d/*.conf |
    while read -r name; do id "$name" >/dev/null 2>&1 || useradd --system --user-group "$name"; done
"""
SUDO = '#!/bin/sh\nexec "$@"\n'
# Presets must exist, and the existing build is used. Other commands go to cmake.
CMAKE = """#!/bin/sh
case "$1" in
--preset) exec grep -q "\\"name\\": \\"$2\\"" CMakePresets.json ;;
--build) [ "$2" = --preset ] && exec grep -q "\\"configurePreset\\": \\"$3\\"" CMakePresets.json ;;
*) exec /usr/bin/cmake "$@" ;;
esac
"""
# Tests run only where the packages are installed; the shim checks only the command.
PACKAGES = """#!/bin/sh
exec grep -q "^$1) wanted=" {root}/scripts/setup
"""
# Reports each command that fails.
SHELL = """
exec 3>>{failures}
set -E -o pipefail
trap 'echo "$? $BASH_COMMAND" >&3' ERR
"""
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07")


def _die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG; all processes end with the first


def _executable(path, text):
    path.write_text(text)
    path.chmod(0o755)


class Terminal:
    """Commands that run at a separate terminal. `news` is notified when output arrives."""

    def __init__(self, argv, environment, enter, news):
        master, slave = pty.openpty()
        termios.tcsetwinsize(slave, (40, COLUMNS))
        self.master = master
        self.raw = b""
        self.taken = 0  # lines that have matched README
        self.is_open = True
        self.news = news
        self.process = subprocess.Popen(
            argv, stdin=slave, stdout=slave, stderr=slave, env=environment, start_new_session=True,
            preexec_fn=lambda: (harness.start_afresh(), fcntl.ioctl(0, termios.TIOCSCTTY, 0),
                                enter()))
        os.close(slave)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        piece = b"-"
        while piece:
            try:
                piece = os.read(self.master, 65536)
            except OSError:  # EIO: all processes have closed the terminal
                piece = b""
            with self.news:
                self.raw += piece
                self.is_open = bool(piece)
                self.news.notify_all()

    def lines(self):
        """The visible lines. The last one may be incomplete."""
        with self.news:
            text = self.raw.decode(errors="replace")
        lines = ESCAPES.sub("", text).replace("\r\n", "\n").split("\n")
        return [line.rsplit("\r", 1)[-1] for line in lines]

    def type(self, text):
        os.write(self.master, text.encode())

    def wait(self):
        """Waits until the program ends by itself. Returns its exit status."""
        try:
            return self.process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            raise AssertionError("it goes on:\n" + "\n".join(self.lines())) from None
        finally:
            self.close()

    def interrupt(self):
        """Presses Ctrl-C. Returns the exit status."""
        if self.process.poll() is None:
            self.type("\x03")
        return self.wait()

    def close(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        if self.master >= 0:
            self.reader.join(DEADLINE)
            os.close(self.master)
            self.master = -1


def wait_until(terminals, found):
    """Returns the first true result of `found` for one of the terminals, or None if all have ended
    or the time is over."""
    end = time.monotonic() + DEADLINE
    news = terminals[0].news
    while True:
        with news:
            before = [(len(one.raw), one.is_open) for one in terminals]
        for one in terminals:
            if result := found(one):
                return result
        if not any(is_open for _, is_open in before):
            return None
        with news:
            if not news.wait_for(
                    lambda: before != [(len(one.raw), one.is_open) for one in terminals],
                    max(0, end - time.monotonic())):
                return None


class Machine:
    """`is_there` says whether the machine could be made; `trouble` says why not."""

    def __init__(self, directory):
        self.directory = directory
        self.home, self.project = directory / "home", directory / "adit"
        self.failures = directory / "failures"
        self.news = threading.Condition()
        self._furnish()
        certificate, key = tls_proxy.certificate(directory, "example.com", "*.example.com")
        script = SETUP.format(layers=directory / "layers", build=BIN.parent, project=self.project,
                              relay=RELAY, names=" ".join(NAMES), certificate=certificate, key=key)
        self.holder = subprocess.Popen(
            ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", script],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            preexec_fn=_die_with_parent)
        first = self.holder.stdout.readline()
        self.is_there = first == "up\n"
        self.trouble = "" if self.is_there else first.strip()
        if self.is_there:
            self.inside = self._first_process()

    def _first_process(self):
        """The child of unshare, which owns the namespaces."""
        path = f"/proc/{self.holder.pid}/task/{self.holder.pid}/children"
        with open(path, encoding="ascii") as children:
            return children.read().split()[0]

    def _furnish(self):
        """Copies the project by links, except files that a test must not change."""
        for folder in (self.home, self.directory / "layers", self.project / "build/release",
                       self.project / "scripts", self.directory / "shims"):
            folder.mkdir(parents=True)
        for source in ROOT.iterdir():
            if source.name not in ("build", "scripts", ".git"):
                (self.project / source.name).symlink_to(source)
        for source in (ROOT / "scripts").iterdir():
            if source.name == "setup":
                _executable(self.project / "scripts/setup", PACKAGES.format(root=ROOT))
            else:  # quickstart finds the project by its own path
                shutil.copy(source, self.project / "scripts")
        shims = {"sudo": SUDO, "cmake": CMAKE,
                 "systemctl": (ROOT / "tests/support/systemctl").read_text()}
        if not shutil.which("systemd-sysusers"):
            shims["systemd-sysusers"] = SYSUSERS
        for name, text in shims.items():
            _executable(self.directory / "shims" / name, text)

    def environment(self):
        environment = harness.environment(self.home)
        del environment["XDG_STATE_HOME"]
        environment.update({
            "PATH": f"{self.directory}/shims:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
            "TERM": "xterm-256color", "LC_ALL": "C.UTF-8", "TZ": "UTC"})
        environment.pop("NO_COLOR", None)
        return environment

    def terminal(self, commands):
        script = SHELL.format(failures=self.failures) + commands
        return Terminal(["bash", "-c", script], self.environment(), self._enter,
                        self.news)

    def _enter(self):
        libc = ctypes.CDLL(None, use_errno=True)
        spaces = [os.open(f"/proc/{self.inside}/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC)
                  for kind in ("pid", "net", "mnt")]
        for space in spaces:
            if libc.setns(space, 0):
                raise OSError(ctypes.get_errno(), "setns")
        os.chdir(self.project)

    def read(self, path):
        """A file of the machine."""
        return subprocess.run(["cat", path], stdout=subprocess.PIPE, text=True, check=True,
                              preexec_fn=self._enter).stdout

    def failed(self):
        """The commands that failed since the last call, as `STATUS COMMAND`."""
        told = self.failures.read_text().splitlines() if self.failures.exists() else []
        self.failures.write_text("")
        return told

    def close(self):
        self.holder.kill()
        self.holder.wait()
        self.holder.stdout.close()


def make(directory):
    if os.geteuid() != 0 or not shutil.which("unshare") or not shutil.which("ip"):
        pytest.skip("a machine of its own needs root, unshare and ip")
    made = Machine(directory)
    if not made.is_there:
        made.close()
        pytest.skip(f"no machine of its own can be made here: {made.trouble}")
    return made
