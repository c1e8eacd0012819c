# SPDX-License-Identifier: MIT
"""adit.yml and ADIT_RELAY: which setting wins, what adit config does, and what is refused."""
import os
import re
import subprocess

import harness
import pytest

CANARY = "s3cr3tCanary0123456789"
DEAD = "http://127.0.0.1:1"


class Home:
    """A home directory of its own, with adit in it."""

    def __init__(self, directory):
        self.directory = directory
        self.file = directory / ".config" / "adit" / "adit.yml"

    def run(self, *args, env=None):
        done = subprocess.run([harness.BIN / "adit", *args], stdin=subprocess.DEVNULL, text=True,
                              capture_output=True, timeout=harness.DEADLINE, errors="replace",
                              env={**harness.environment(self.directory), **(env or {})})
        assert not harness.REPORTS.search(done.stderr), done.stderr
        return done.returncode, done.stdout, done.stderr

    def write(self, text, mode=0o600):
        self.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.file.write_bytes(text if isinstance(text, bytes) else text.encode())
        self.file.chmod(mode)

    def fails(self, text):
        """The message of adit http about a bad file; adit config prints the same."""
        self.write(text)
        code, out, err = self.run("http", "80")
        assert (code, out, len(err.splitlines())) == (1, "", 1), err
        again, _, other = self.run("config", "get", "relay")
        assert again == 1 and other.partition(": ")[2] == err.partition(": ")[2]
        before = self.file.read_bytes()
        self.run("config", "set", "relay", DEAD)
        return err, before


@pytest.fixture
def home(tmp_path):
    tmp_path.chmod(0o700)
    return Home(tmp_path)


def test_the_relay_is_set_shown_and_forgotten(home):
    assert home.run("config", "get", "relay") == (1, "", "")
    code, out, _ = home.run("config")
    assert code == 0 and "not there yet" in out and "http://localhost:7080 (from the default)" in out
    assert home.run("config", "path") == (0, f"{home.file}\n", "")
    assert home.run("config", "set", "relay", "Example.com:443") == (
        0, "relay  https://example.com\n", "")
    assert home.file.read_text() == "version: 3\nagent:\n  relay: https://example.com\n"
    assert home.file.stat().st_mode & 0o7777 == 0o600
    assert home.file.parent.stat().st_mode & 0o7777 == 0o700
    assert home.run("config", "set", "relay", "https://example.com/")[0] == 0
    assert home.run("config", "get", "relay") == (0, "https://example.com\n", "")
    code, out, _ = home.run("config", "show")
    assert code == 0 and "relay  https://example.com (from adit.yml)" in out
    code, out, _ = home.run("config", "check")
    assert code == 0 and out == f"{home.file} is in order\n"
    assert home.run("config", "unset", "relay") == (0, "", "")
    assert home.run("config", "get", "relay") == (1, "", "")
    assert os.listdir(home.file.parent) == ["adit.yml"]  # nothing is left beside it


def test_other_text_of_the_user_stays(home):
    text = "# mine\nversion: 3\nagent:\n  relay: http://old # soon\n  log: x\nendpoints: [a]\n"
    home.write(text, 0o644)
    code, _, err = home.run("config", "set", "relay", "https://new.example")
    assert (code, err) == (0, "")
    assert home.file.read_text() == text.replace("http://old", "https://new.example")
    assert home.file.stat().st_mode & 0o7777 == 0o600
    code, out, err = home.run("config", "check")
    assert code == 0 and "not known" in out
    assert f"{home.file}:5:3: log:" in err and f"{home.file}:6:1: endpoints:" in err


def test_xdg_config_home_is_where_it_is(home):
    elsewhere = home.directory / "elsewhere"
    env = {"XDG_CONFIG_HOME": str(elsewhere)}
    assert home.run("config", "set", "relay", "7081", env=env)[0] == 0
    assert (elsewhere / "adit" / "adit.yml").exists() and not home.file.exists()
    assert home.run("config", "path", env={"XDG_CONFIG_HOME": "relative"})[1] == f"{home.file}\n"
    nowhere = {"HOME": "", "XDG_CONFIG_HOME": ""}
    assert home.run("config", "get", "relay", env=nowhere) == (1, "", "")
    code, _, err = home.run("config", "set", "relay", "7081", env=nowhere)
    assert code == 1 and "HOME" in err


def agent(home, *args, env=None):
    return harness.Program(home.directory, "adit", "http", "80", *args, env=env)


def test_the_option_counts_more_than_the_environment_and_that_more_than_the_file(home, relay):
    home.run("config", "set", "relay", DEAD)
    with agent(home) as told:
        told.wait_for(re.escape(f"cannot reach the relay {DEAD} (from adit.yml) ("), "stderr")
    with agent(home, env={"ADIT_RELAY": "127.0.0.1:2"}) as told:
        told.wait_for(r"cannot reach the relay http://127\.0\.0\.1:2 \(from ADIT_RELAY\) ", "stderr")
    with agent(home, "--relay", "127.0.0.1:3", env={"ADIT_RELAY": "127.0.0.1:2"}) as told:
        told.wait_for(r"cannot reach the relay http://127\.0\.0\.1:3 \(127", "stderr")
    with agent(home, env={"ADIT_RELAY": relay.url}) as bound:
        bound.wait_for("^adit: http")
    home.run("config", "set", "relay", relay.url)
    with agent(home, env={"ADIT_RELAY": ""}) as bound:
        bound.wait_for("^adit: http")


def test_a_key_that_is_not_known_is_told_and_the_rest_counts(home, relay):
    home.write(f"version: 3\nagent:\n  authtoken: {CANARY}\n  relay: {relay.url}\n")
    with agent(home) as bound:
        bound.wait_for("^adit: http")
        bound.wait_for("adit.yml:3:3: authtoken: .*--token-file", "stderr")
        assert CANARY not in bound.text("stderr")


@pytest.mark.parametrize("text, told", [
    (f"agent:\n  relay: http://u:{CANARY}@a\n", ":2:10: agent.relay: a user or password"),
    (f"agent:\n  relay: ftp://a/{CANARY}\n", ":2:10: agent.relay: only http"),
])
def test_a_value_that_is_no_relay_is_told_with_its_place_and_can_be_set_right(home, text, told):
    err, _ = home.fails(text)
    assert told in err and CANARY not in err
    assert home.run("config", "get", "relay") == (0, f"{DEAD}\n", "")


@pytest.mark.parametrize("text, told", [
    ("agent:\n\trelay: http://a\n", ":2:1: it is not valid YAML: .*never by tabs"),
    ("agent:\n  relay: http://a\n  relay: http://b\n", ":3:3: this key is there twice"),
    ("version: 2\nagent: {relay: http://a}\n", ":1:10: only version: 3"),
    (b"agent:\n  relay: http://\xff\n", ": it is not UTF-8 text"),
    (b"\xff\xfea\0g\0", ": it is not UTF-8 text"), ("a: b\n---\na: b\n", "a second document"),
    ("x: &x http://a\nagent: {relay: *x}\n", ":2:16: agent.relay is one URL"),
    ("#" * (64 * 1024 + 1), "larger than 64 KiB"), ("a: " + "[" * 100, "nested too deeply"),
    ("agent: &a [" + "*a," * 1000 + "]\n", "agent holds keys"),
])
def test_a_file_that_is_not_understood_is_refused_and_kept(home, text, told):
    err, before = home.fails(text)
    assert re.search(told, err) and str(home.file) in err
    assert home.file.read_bytes() == before


def test_a_bomb_of_aliases_is_only_text(home):
    bomb = "a0: &a0 [x]\n" + "".join(
        f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 60))
    home.write(bomb + f"agent: {{relay: '{DEAD}'}}\n")
    assert home.run("config", "get", "relay") == (0, f"{DEAD}\n", "")
    assert home.run("config", "set", "relay", "http://b")[0] == 0
    assert home.file.read_text() == bomb + "agent: {relay: \"http://b\"}\n"


@pytest.mark.parametrize("spoil, told", [
    (lambda file: file.chmod(0o666), "others may write it"),
    (lambda file: file.parent.chmod(0o777), "others may write in it"),
    (lambda file: os.link(file, file.parent / "second"), "second name"),
    (lambda file: os.rename(file, file.parent / "x") or file.symlink_to("x"), "symbolic link"),
    (lambda file: file.unlink() or os.mkfifo(file), "no regular file"),
    (lambda file: file.unlink() or file.mkdir(), "no regular file"),
    (lambda file: os.chown(file, 12345, -1), "another user"),
])
def test_a_file_that_others_may_change_is_refused_and_kept(home, spoil, told):
    if os.geteuid() and "another" in told:
        pytest.skip("only root can give files away")
    home.write(f"agent: {{relay: {DEAD}}}\n")
    spoil(home.file)
    for args in (["http", "80"], ["config", "get", "relay"], ["config", "set", "relay", "80"],
                 ["config", "unset", "relay"]):
        code, out, err = home.run(*args)
        assert (code, out) == (1, "") and told in err, err
        assert str(home.file.parent) in err
    assert not home.file.is_file() or DEAD in home.file.read_text()


def test_what_adit_relay_says_wrongly_is_told_without_its_password(home):
    code, _, err = home.run("http", "80", env={"ADIT_RELAY": f"http://u:{CANARY}@a"})
    assert code == 1 and err.startswith("adit: ADIT_RELAY: a user") and CANARY not in err
    code, out, err = home.run("config", "set", "relay", "7081", env={"ADIT_RELAY": "http://a"})
    assert code == 0 and "ADIT_RELAY is set, and takes precedence over it" in err


@pytest.mark.parametrize("args, told", [
    (["set", "relay"], "adit config set relay URL"), (["set", "rely", "x"], "one key"),
    (["get"], "adit config get relay"), (["set", "relay", f"http://{CANARY}@a"], "a user or"),
    (["add-authtoken", CANARY], "--token-file"), (["chek"], "Did you mean adit config check?"),
    (["edit"], "adit config path"), (["upgrade"], "version 3"), (["--relay", "x"], "unknown option"),
    (["show", "more"], "adit config show"), ([CANARY], "no such action"),
])
def test_a_wrong_command_is_told_in_two_lines(home, args, told):
    code, out, err = home.run("config", *args)
    assert (code, out, len(err.splitlines())) == (2, "", 2), err
    assert told in err and CANARY not in err and err.endswith("Try: adit config --help\n")
    assert not home.file.exists()
