# SPDX-License-Identifier: MIT
"""The relay refuses common mistakes in its options, and prints the right form."""
import ctypes
import os
import re
import socket

import harness
import pytest

TOKEN = "0123456789abcdef0123456789abcdef"


def run(directory, *args, data=True, **options):
    program = harness.Program(directory, "aditd", *args, data=data, **options)
    return program.exit_code(), program.text("stdout"), program.text("stderr")


@pytest.mark.parametrize("args, words", [
    (["--domain", "10.9.9.9"], "an IP address has no names below it"),
    (["--domain", "10.9"], "an IP address"), (["--domain", "7"], "an IP address"),
    (["--domain", "::1"], "an IP address"), (["--domain", "[::1]"], "an IP address"),
    (["--domain", "http://example.com"], "leave the scheme out; --public-url has it"),
    (["--domain", "*.example.com"], "leave the \\*. out"),
    (["--domain", "my_host.example.com"], "no underscore"),
    (["--domain", "example.com."], "begins or ends with a dot"),
    (["--domain", ".example.com"], "ends with a dot"), (["--domain", "a..b"], "two dots"),
    (["--domain", "example.com:8080"], "leave the port out; --listen"),
    (["--domain", "example.com/x"], "leave the path out"),
    (["--domain", "-a.example"], "with a hyphen"), (["--domain", "a-.example"], "with a hyphen"),
    (["--domain", "m\u00fcnchen.example"], "xn--"), (["--domain", ""], "it is empty; leave it out"),
    (["--domain", "a b"], "a domain like example.com"), (["--domain", "a,b"], "not a domain"),
    (["--domain", "a" * 64 + ".example"], "63 characters"),
    (["--domain", ".".join(["a" * 38] * 5)], "189 characters"),
    (["--public-url", "example.com"], "it has a scheme"),
    (["--public-url", "wss://example.com"], "begins with http:// or https://"),
    (["--public-url", "https://"], "not a URL like https://example.com"),
    (["--public-url", "https://example.com/x", "--domain", "example.com"], "leave it out"),
    (["--public-url", "https://example.com?x", "--domain", "example.com"], "leave it out"),
    (["--public-url", "https://u@example.com", "--domain", "example.com"], "user name out"),
    (["--public-url", "https://example.com:0"], "1 to 65535"),
    (["--public-url", "https://example.com:65536"], "1 to 65535"),
    (["--public-url", "https://example.com:x"], "1 to 65535"),
    (["--public-url", "https://[::1]:8443"], "an IP address"), (["--public-url", "https://[::1]"], "an IP"),
    (["--public-url", "https://10.9.9.9", "--domain", "example.com"], "an IP address"),
    (["--public-url", "https://other.example", "--domain", "example.com"],
     "https://NAME.example.com, .*did you mean --domain other.example"),
    (["--domain", "example.com", "--public-url", "https://www.example.com"], "www.example.com"),
    (["--public-url", "https://example.com"], "did you mean --domain example.com"),
    (["--listen", "80"], "a colon before it, as in :80"), (["--listen", "ws://127.0.0.1:80"], "only http:// and"),
    (["--listen", "https://127.0.0.1:0"], "https://... needs a certificate: pass --tls-cert"),
    (["--listen", "https://127.0.0.1"], "a port is missing"),
    (["--tls-cert", "c"], "each --tls-cert needs the --tls-key"),
    (["--tls-key", "k"], "each --tls-key needs the --tls-cert"),
    (["--tls-cert", "c", "--tls-key", "k", "--tls-key", "l"], "each --tls-key needs"),
    (["--tls-cert", "c", "--tls-key", "k"] * 17, "--tls-cert: it may be repeated 16 times at most"),
    (["--tls-cert", ""], "--tls-cert: it is empty"),
    (["--dev-tls", "--tls-dir", "d"], "--dev-tls makes certificates of its own"),
    (["--dev-tls", "--tls-cert", "c", "--tls-key", "k"], "--dev-tls makes certificates of its own"),
    (["--tls-dir", "d", "--listen", "127.0.0.1:80"], "--listen :443"),
    (["--dev-tls", "--listen", "http://127.0.0.1:0"], "--listen https://ADDR:PORT"),
    (["--listen", "example.com:80"], "an IP address of this machine"),
    (["--listen", "127.0.0.1"], "a port"), (["--listen", ""], "a port"),
    (["--listen", "127.0.0.1:"], "a port"), (["--listen", "127.0.0.1:99999"], "a port"),
    (["--listen", ":0"] * 17, "16 times at most"),
], ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_a_mistake_is_told_with_what_to_do(tmp_path, args, words):
    code, out, err = run(tmp_path, *args)
    assert (code, out) == (2, "")
    option = [word for word in args if word.startswith("--")]
    assert any(each in err.splitlines()[0] for each in option), err
    assert re.search(words, err.splitlines()[0]), err
    assert err.endswith("Try: aditd --help")


@pytest.mark.parametrize("args, url", [
    (["--domain", "Example.COM"], "http://a.example.com:{port}"),
    (["--domain", "example.com", "--public-url", "HTTPS://Example.com/"], "https://a.example.com"),
    (["--public-url", "https://example.com:8443", "--domain", "example.com"],
     "https://a.example.com:8443"),
    (["--domain", "a1.b-c.example"], "http://a.a1.b-c.example:{port}"),
    (["--domain", "xn--mnchen-3ya.example"], "http://a.xn--mnchen-3ya.example:{port}"),
    (["--domain", ".".join(["a" * 37] * 5)[:189]], None),
])
def test_what_is_right_in_another_spelling_is_taken(tmp_path, args, url):
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "token").chmod(0o600)
    with harness.Relay(tmp_path, "--token-file", tmp_path / "token", *args) as relay:
        agent = harness.Program(tmp_path, "adit", "http", "80", "--relay", relay.url, "--url", "a",
                                env={"ADIT_TOKEN": TOKEN})
        bound = agent.wait_for(r"^adit: (\S+) -> ")[1]
        assert url is None or bound == url.format(port=relay.port)
        agent.stop()


def test_a_port_that_is_taken_is_told_with_another_way(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        code, _, err = run(tmp_path, "--listen", address)
    assert code == 1 and address in err and "another port with --listen" in err


def test_an_address_of_another_machine_is_told(tmp_path):
    (tmp_path / "token").write_text(TOKEN)
    code, _, err = run(tmp_path, "--listen", "192.0.2.1:0", "--token-file", tmp_path / "token")
    assert code == 1 and "192.0.2.1" in err and "not an address of this machine" in err


def without_rights():
    """Takes from root the capability to bind ports below 1024, which other users lack anyway."""
    if os.geteuid() == 0:
        libc = ctypes.CDLL(None)
        assert libc.prctl(24, 10, 0, 0, 0) == 0  # PR_CAPBSET_DROP of CAP_NET_BIND_SERVICE


def test_a_low_port_without_root_is_told_with_three_ways(tmp_path):
    lowest = int(open("/proc/sys/net/ipv4/ip_unprivileged_port_start", encoding="ascii").read())
    if lowest < 2:
        pytest.skip("here every port is free for all")
    code, _, err = run(tmp_path, "--listen", f"127.0.0.1:{lowest - 1}", prepare=without_rights)
    assert code == 1, err
    for words in ("permission denied", "AmbientCapabilities", "setcap", "above 1023"):
        assert words in err
