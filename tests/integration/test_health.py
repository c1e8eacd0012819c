# SPDX-License-Identifier: MIT
"""`/_adit/health` answers each client as docs/operations.md says ("What /_adit/health tells")."""
import harness
import pytest
from origin import Origin

TOKEN = "0123456789abcdef0123456789abcdef"
OK = {"status": "ok"}
ALL = {"status", "version", "tunnels", "visitors", "record", "shed"}


def ask(relay, host="localhost", token=None, method="GET", target="/_adit/health", address=None):
    fields = [("Authorization", f"Bearer {token}")] if token else []
    fields += [("X-Forwarded-For", address)] if address else []
    with relay.visit(host) as visitor:
        return visitor.fetch(method, target, fields)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """A relay with a token that trusts loopback as a proxy, and its agent `web`."""
    directory = tmp_path_factory.mktemp("guarded")
    path = directory / "token"
    path.touch(0o600)
    path.write_text(TOKEN)
    with Origin() as origin:
        origin.on("/_adit/health", lambda exchange: exchange.reply("the service's own"))
        with harness.Relay(directory, "--token-file", path, "--trusted-proxy", "loopback") as relay, \
                harness.Agent(directory, relay, origin.address, "--url", "web",
                              env={"ADIT_TOKEN": TOKEN}):
            yield relay


@pytest.mark.parametrize("host", [
    "localhost", "LOCALHOST:80", "127.0.0.1", "127.0.0.1:7080", "192.0.2.1", "[::1]:7080", ""])
def test_it_is_the_relays_on_its_domain_on_addresses_and_without_host(guarded, host):
    answer = ask(guarded, host)
    assert (answer.status, answer.json()) == (200, OK)
    assert answer.get("content-type") == "application/json"
    assert answer.get("cache-control") == "no-store"


def test_on_the_host_of_a_tunnel_it_is_the_services_and_elsewhere_nobodys(guarded):
    assert ask(guarded, "web.localhost").body == b"the service's own"
    assert ask(guarded, "nobody.localhost").status == 404
    assert ask(guarded, "elsewhere.example").status == 421


def test_health_is_all_that_strangers_learn_and_the_token_shows_the_rest(guarded):
    assert ask(guarded).json() == OK
    told = ask(guarded, token=TOKEN).json()
    assert set(told) == ALL
    assert told["tunnels"] == 1 and told["visitors"] >= 1
    assert told["record"] == "ok" and told["shed"] == 0
    assert ask(guarded, target="/_adit/health?x=1", token=TOKEN).json()["status"] == "ok"


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_every_method_gets_it(guarded, method):
    assert ask(guarded, method=method).json() == OK


def test_head_gets_the_head(guarded):
    answer = ask(guarded, method="HEAD")
    assert (answer.status, answer.get("content-length"), answer.body) == (200, "16", b"")


def test_a_wrong_token_is_a_guess_and_hears_no_more(guarded):
    for number in range(10):
        assert ask(guarded, token="wrong-" + "x" * 20, address="192.0.2.9").json() == OK
    assert ask(guarded, token=TOKEN, address="192.0.2.9").status == 429
    assert ask(guarded, address="192.0.2.9").json() == OK  # none is no guess here
    assert ask(guarded, token=TOKEN, address="192.0.2.10").json()["tunnels"] == 1
    guarded.wait_for(r"refused 192\.0\.2\.9: a wrong token", "stderr", number=9)


def test_without_a_token_which_only_loopback_may_be_everybody_hears_all(tmp_path):
    with harness.Relay(tmp_path, "--record", "none") as relay:
        told = ask(relay).json()
        assert set(told) == ALL
        assert (told["tunnels"], told["record"]) == (0, "off")
        assert set(ask(relay, token="wrong-" + "x" * 20).json()) == ALL  # nothing to guess
        assert "refused" not in relay.text("stderr")
