# SPDX-License-Identifier: MIT
"""A renewed certificate comes into force while the relay runs, and nothing is dropped."""
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import tempfile
import threading

import harness
import pytest
from client import until
from tls_proxy import certificate
from tls_relay import DOMAIN, TlsRelay, replace, wildcard

HOOK = pathlib.Path(__file__).parents[2] / "packaging/examples/deploy-hook.sh"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return certificate(tmp_path_factory.mktemp("authority"), "authority.example")


def shown(relay):
    with relay.visit(DOMAIN) as visitor:
        assert visitor.fetch("GET", "/_adit/health").status == 200
        return set(visitor.names())


@pytest.fixture
def relay(tmp_path, authority):
    pair = wildcard(tmp_path / "pair", authority)
    with TlsRelay(tmp_path, pairs=[pair], authority=authority) as started:
        started.pair = pair
        yield started


def renew(relay, directory, authority, *names):
    replace(relay.pair, wildcard(directory / "next", authority, *names))
    relay.process.send_signal(signal.SIGHUP)


def test_a_renewal_is_in_force_and_open_connections_go_on(tmp_path, relay, authority):
    with relay.visit(DOMAIN) as early:
        assert early.fetch("GET", "/_adit/health").status == 200
        renew(relay, tmp_path, authority, "renewed.example")
        until(lambda: "renewed.example" in shown(relay), "the new certificate is shown")
        assert early.fetch("GET", "/_adit/health").status == 200


def test_no_request_fails_while_certificates_are_replaced(tmp_path, relay, authority):
    failures, done, count = [], threading.Event(), [0]

    def visit():
        while not done.is_set():
            try:
                shown(relay)
                count[0] += 1
            except Exception as error:  # whatever it is, the visitor sees it
                failures.append(repr(error))
    visitors = [threading.Thread(target=visit) for _ in range(2)]
    for one in visitors:
        one.start()
    for number in range(4):
        name = f"renewed-{number}.example"
        renew(relay, tmp_path, authority, name)
        until(lambda name=name: name in shown(relay), "the new certificate is shown")
    done.set()
    for one in visitors:
        one.join()
    assert not failures and count[0] > 0


@pytest.mark.parametrize("part, text", [(0, "no certificate\n"), (1, "no key\n"), (1, None)])
def test_a_bad_pair_is_told_and_the_old_one_stays(tmp_path, relay, authority, part, text):
    before = shown(relay)
    if text:
        relay.pair[part].write_text(text)
    else:  # of another certificate
        shutil.copy(wildcard(tmp_path / "next", authority)[1], relay.pair[1])
    relay.process.send_signal(signal.SIGHUP)
    relay.wait_for(f"warn aditd: certificates: .*{relay.pair[part].name}", "stderr")
    assert shown(relay) == before
    renew(relay, tmp_path, authority, "mended.example")
    until(lambda: "mended.example" in shown(relay), "the new certificate is shown")


@pytest.fixture
def public():
    """A directory to which other users have a way."""
    with tempfile.TemporaryDirectory() as made:
        path = pathlib.Path(made)
        path.chmod(0o711)
        yield path


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can run the relay as another user")
def test_a_renewal_reaches_a_relay_that_is_another_user(public, authority):
    """By the shipped hook, and without a signal."""
    user = pwd.getpwnam("nobody")

    def deploy(name, *names):
        """As certbot runs the hook."""
        live = public / name / "relay.example"
        live.parent.mkdir()
        cert, key = wildcard(live, authority, *names)
        cert.rename(live / "fullchain.pem")
        key.rename(live / "privkey.pem")
        subprocess.run([HOOK], check=True, env={
            "PATH": os.environ["PATH"], "RENEWED_LINEAGE": str(live), "ADIT_TLS_DIR": str(tls),
            "ADIT_TLS_GROUP": str(user.pw_gid)})

    def become():
        os.setgroups([])
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)

    tls = public / "tls"
    deploy("first")
    state = public / "aditd"
    state.mkdir(mode=0o700)
    shutil.chown(state, user.pw_uid, user.pw_gid)
    with TlsRelay(public, "--tls-dir", tls, authority=authority, prepare=become,
                  token_owner=user.pw_uid) as relay:
        shown(relay)
        deploy("second", "renewed.example")
        until(lambda: "renewed.example" in shown(relay), "the new certificate is shown")
        # root's files answer challenges, as certbot and lego leave them in a web root
        root = state / "acme-challenge" / ".well-known" / "acme-challenge"
        root.mkdir(parents=True, mode=0o755)
        (root / "token").write_text("token.thumb")
        with relay.visit_plain(DOMAIN) as visitor:
            answer = visitor.fetch("GET", "/.well-known/acme-challenge/token")
            assert (answer.status, answer.body) == (200, b"token.thumb")
