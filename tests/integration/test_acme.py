# SPDX-License-Identifier: MIT
"""Certificates by ACME: ordered by lego from Pebble, which makes trouble, and renewed under load."""
import contextlib
import datetime
import re
import shutil
import signal
import socket
import ssl
import subprocess
import threading

import harness
import mounts
import pytest
from client import until
from harness import DEADLINE
from network import RELAY, streets  # noqa: F401
from pebble import DNS, HERE, RECORDS, Pebble, are_there

pytestmark = pytest.mark.skipif(not are_there(), reason="lego and pebble are not installed")
FAKETIME = "/usr/$LIB/faketime/libfaketime.so.1"
HOOK = """\
#!/bin/sh
case $1 in
present) exec curl -sf -d "{\\"host\\":\\"$2\\",\\"value\\":\\"$3\\"}" http://%s:%d/set-txt ;;
cleanup) exec curl -sf -d "{\\"host\\":\\"$2\\"}" http://%s:%d/clear-txt ;;
esac
""" % (HERE, RECORDS, HERE, RECORDS)


@pytest.fixture
def authority(tmp_path, streets):  # noqa: F811
    made = []

    def start(**faults):
        made.append(Pebble(tmp_path / "pebble", streets, RELAY, **faults))
        return made[0]

    yield start
    for one in made:
        one.stop()


def aditd(directory, pebble, *args, prepare=(), env=None, **options):
    """A relay for example.com on ports 80 and 443 of its own address, with an account at Pebble."""
    token = directory / "token"
    token.touch(0o600)
    token.write_text("a-token-that-is-long-enough")

    def get_ready():
        pebble.network.enter()
        for one in prepare:
            one()

    return harness.Program(
        directory, "aditd", "--domain", "example.com", "--token-file", token,
        "--listen", f"{RELAY}:443", "--listen", f"{RELAY}:80", "--acme", "--acme-email",
        "admin@example.com", "--acme-directory", pebble.directory, *args, prepare=get_ready,
        env={**pebble.environment, **(env or {})}, **options)


def shown(pebble, name, root):
    """The certificate that the relay shows for a name, verified, or the reason why there is none."""
    trust = ssl.create_default_context(cafile=root)
    with pebble.network.inside(), socket.create_connection((RELAY, 443), DEADLINE) as plain:
        try:
            with trust.wrap_socket(plain, server_hostname=name) as sock:
                sock.sendall(f"GET /_adit/health HTTP/1.1\r\nHost: {name}\r\n"
                             "Connection: close\r\n\r\n".encode())
                assert sock.recv(12) == b"HTTP/1.1 200" or name != "example.com"
                return sock.getpeercert()
        except (ssl.SSLError, ConnectionError) as why:
            return why


def names_of(certificate):
    return [name for _, name in certificate["subjectAltName"]]


def hurry(relay):
    relay.process.send_signal(signal.SIGHUP)


CAME = r"acme: a certificate for (\S+(?:, \S+)?) has come, valid until (\S+)"


def test_certificates_come_by_http(tmp_path, authority):
    """For the domain and each name, although every second nonce is refused and validation is slow."""
    pebble = authority(PEBBLE_WFE_NONCEREJECT="50", PEBBLE_VA_NOSLEEP="0", PEBBLE_VA_SLEEPTIME="1")
    root = pebble.root(tmp_path / "root.pem")
    with aditd(tmp_path, pebble, "--acme-name", "shop") as relay:
        relay.wait_for("^aditd: ready")
        for number in (1, 2):
            relay.wait_for(CAME, "stderr", number)
        for name in ("example.com", "shop.example.com"):
            assert names_of(shown(pebble, name, root)) == [name]
        assert isinstance(shown(pebble, "other.example.com", root), ssl.SSLError)
        assert "certificates: none is for *.example.com" in relay.text("stderr")
        assert not list((relay.data / "acme-challenge").rglob("*challenge/?*"))
    again = aditd(tmp_path, pebble, "--acme-name", "shop")
    with again as relay:  # no new order
        relay.wait_for("^aditd: ready")
        hurry(relay)
        relay.wait_for("reload: ", "stderr")
        assert names_of(shown(pebble, "shop.example.com", root)) == ["shop.example.com"]
        assert "acme: ordering" not in relay.text("stderr")


def test_a_wildcard_comes_by_dns(tmp_path, authority):
    pebble = authority()
    hook = tmp_path / "hook"
    hook.write_text(HOOK)
    hook.chmod(0o700)
    with aditd(tmp_path, pebble, "--acme-dns", "exec", "--acme-dns-resolver", f"{HERE}:{DNS}", env={
            "EXEC_PATH": str(hook), "EXEC_SEQUENCE_INTERVAL": "1"}) as relay:
        assert relay.wait_for(CAME, "stderr")[1] == "example.com, *.example.com"
        root = pebble.root(tmp_path / "root.pem")
        for name in ("example.com", "any.example.com"):
            assert sorted(names_of(shown(pebble, name, root))) == ["*.example.com", "example.com"]


def test_while_there_is_none_the_failure_is_clear(tmp_path, authority):
    """The authority comes to an address where nobody answers; later to the right one."""
    pebble = authority()
    pebble.record("set-default-ipv4", ip="192.0.2.77")
    root = pebble.root(tmp_path / "root.pem")
    with aditd(tmp_path, pebble) as relay:
        relay.wait_for("^aditd: ready")
        assert isinstance(shown(pebble, "example.com", root), (ssl.SSLError, ConnectionError))
        why = relay.wait_for(r"warn aditd: acme: no certificate for example\.com: (.*); next attempt "
                             r"in 5 min, or on SIGHUP. Until it comes, https handshakes for it fail$",
                             "stderr")
        assert "example.com" in why[1] and "error" in why[1]
        pebble.record("set-default-ipv4", ip=RELAY)
        hurry(relay)
        relay.wait_for(CAME, "stderr")
        assert names_of(shown(pebble, "example.com", root)) == ["example.com"]


@contextlib.contextmanager
def visitors(pebble, root):
    """Asks all the time, each time on a new connection. Any failure fails."""
    problems, serials, ends = [], [], threading.Event()

    def ask():
        while not ends.is_set():
            found = shown(pebble, "example.com", root)
            (serials if isinstance(found, dict) else problems).append(
                found["serialNumber"] if isinstance(found, dict) else found)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    yield serials
    ends.set()
    for thread in threads:
        thread.join()
    assert not problems, problems[:3]


@pytest.mark.skipif(harness.SANITIZED, reason="libfaketime and the sanitizers both want to be first")
def test_a_certificate_is_renewed_under_load(tmp_path, authority):
    """The clock moves to the last third of its life."""
    pebble = authority()
    clock = tmp_path / "clock"
    clock.write_text("+0")
    moved = {"LD_PRELOAD": FAKETIME, "FAKETIME_TIMESTAMP_FILE": str(clock), "FAKETIME_NO_CACHE": "1",
             "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    root = pebble.root(tmp_path / "root.pem")
    with aditd(tmp_path, pebble) as relay:
        until_text = relay.wait_for(CAME, "stderr")[2]
    life = datetime.datetime.fromisoformat(until_text) - datetime.datetime.now(datetime.UTC)
    with aditd(tmp_path, pebble, env=moved) as relay:
        relay.wait_for("^aditd: ready")
        with visitors(pebble, root) as serials:
            until(lambda: serials, "a visitor is served")
            first = serials[0]
            for part in (0.6, 0.7):
                clock.write_text(f"+{int(life.total_seconds() * part)}")
                hurry(relay)
                relay.wait_for("reload: ", "stderr", 1 if part == 0.6 else 2)
            relay.wait_for(CAME, "stderr")
            until(lambda: serials[-1] != first, "the new certificate is shown")
            hurry(relay)  # however often: authorities count orders
            relay.wait_for("reload: ", "stderr", 3)
        assert len(re.findall("acme: ordering", relay.text("stderr"))) == 1


@pytest.mark.skipif(not mounts.may_mount(), reason="mounting is not allowed here")
def test_a_full_disk_orders_nothing_and_says_so(tmp_path, authority):
    pebble = authority()
    data = tmp_path / "aditd"
    data.mkdir(mode=0o700)
    with aditd(tmp_path, pebble, "--record", "none",
               prepare=[mounts.small_disk(data, 2 << 20)]) as relay:
        relay.wait_for("acme: no certificate for example.com: the disk of the state directory is full",
                       "stderr")
        relay.wait_for("^aditd: ready")


def test_lego_is_missed_in_words(tmp_path, authority):
    pebble = authority()
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "setpriv").symlink_to(shutil.which("setpriv"))
    with aditd(tmp_path, pebble, env={"PATH": str(programs)}) as relay:
        relay.wait_for("acme: no certificate for example.com: lego is not there: apt install lego",
                       "stderr")


@pytest.mark.parametrize("args, words", [
    (["--acme-email", "a@example.com"], "not --acme itself"),
    (["--acme", "--domain", "example.com"], "--acme needs --acme-email"),
    (["--acme", "--acme-email", "a@example.com"], "needs --domain"),
    (["--acme", "--acme-email", "a@example.com", "--domain", "example.com", "--dev-tls"],
     "leave out --tls-dir and --dev-tls"),
    (["--acme", "--acme-email", "a@example.com", "--domain", "example.com", "--acme-dns-resolver",
      "192.0.2.1:53"], "belongs to --acme-dns"),
])
def test_options_that_do_not_fit_are_refused(tmp_path, args, words):
    done = subprocess.run([harness.BIN / "aditd", *args, "--data", tmp_path / "data"],
                          capture_output=True, text=True, timeout=DEADLINE)
    assert done.returncode == 2 and words in done.stderr
