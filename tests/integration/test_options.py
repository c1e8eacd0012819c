# SPDX-License-Identifier: MIT
"""Options are taken by their whole names only; an error message repeats no value that may be a
secret in the wrong place."""
import re
import subprocess

import harness
import pytest

CANARY = "s3cr3t-Canary.0123456789abcdef"
# A program with a sanitizer takes seven times as long to start, and its parser needs no start for
# each letter of each option.
STEP = 5 if harness.SANITIZED else 1
TOKENS = ["0123456789abcdef", "ghp_16C7e42F292c6912E7710c838347Ae178B4a", "a" * 15 + "1",
          "Zm9vYmFyMTIzNDU2Nzg5MA=="]

COMMANDS = [["aditd"], ["adit", "http"], ["adit", "proxy"], ["adit", "replay"]] + [
    [program, command] for program in ("adit", "aditd")
    for command in ("requests", "show", "stats", "diff", "verify", "export", "delete")]


def run(directory, *args, env=None):
    """Runs a program. Returns its exit status and all output."""
    done = subprocess.run(
        [harness.BIN / args[0], *args[1:]], stdin=subprocess.DEVNULL, capture_output=True,
        text=True, errors="replace", timeout=harness.DEADLINE,
        env={**harness.environment(directory), **(env or {})})
    assert not harness.REPORTS.search(done.stderr), done.stderr
    return done.returncode, done.stdout + done.stderr


def options(directory, command):
    """The long options in the command's help."""
    _, text = run(directory, *command, "--help")
    return sorted(set(re.findall(r"^ +(?:-[a-zA-Z], )?(--[a-z-]+)", text, re.M)) | {"--help"})


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_an_option_has_no_abbreviation(tmp_path, command):
    known = options(tmp_path, command)
    assert len(known) >= 2
    for option in known:
        for end in range(3, len(option), STEP):
            if option[:end] in known:
                continue
            for given in ([option[:end]], [option[:end], CANARY], [f"{option[:end]}={CANARY}"]):
                code, text = run(tmp_path, *command, *given)
                assert (code, CANARY in text) == (2, False), (given, text)
                assert f"unknown option: {option[:end]}" in text, (given, text)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_token_in_the_place_of_any_value_is_not_repeated(tmp_path, command):
    for token in TOKENS[::STEP]:
        for option in options(tmp_path, command):
            for given in ([option, token], [f"{option}={token}"], [option, f"x {token}"],
                          [option, f"x:{token}@y"]):
                code, text = run(tmp_path, *command, *given, "--no-such-option")
                assert (code in (0, 2), token in text) == (True, False), (given, text)
                assert code == 2 or option in ("--help", "--version")


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_an_unknown_option_is_told_without_its_value(tmp_path, command):
    for given in (["--tokn", CANARY], [f"--tokn={CANARY}"], [f"--{CANARY}"], [f"-t{CANARY}"],
                  [f"-h{CANARY}"], [f"--help={CANARY}"], ["--no-such", f"Bearer {CANARY}"]):
        code, text = run(tmp_path, *command, *given)
        assert (code, CANARY in text) == (2, False), (given, text)
        assert "--help" in text


@pytest.mark.parametrize("command, given, meant", [
    (["adit", "http"], "--token", "--token-file"), (["aditd"], "--tokenfile", "--token-file"),
    (["aditd"], "--listne", "--listen"), (["adit", "proxy"], "--print-body", "--print-bodies"),
    (["adit", "requests"], "--folow", "--follow"), (["adit", "export"], "--jsnol", "--jsonl")])
def test_an_unknown_option_is_told_with_the_one_that_was_meant(tmp_path, command, given, meant):
    _, text = run(tmp_path, *command, given, CANARY)
    assert f"unknown option: {given}. Did you mean {meant}?" in text
    _, text = run(tmp_path, *command, "--entirely-else")
    assert "unknown option: --entirely-else\n" in text


SECRET_URL = f"https://user:{CANARY}@example.com/?token={CANARY}"
REFUSED = [
    ["aditd", "--token-file", CANARY], ["aditd", f"--token-file={CANARY}"],
    ["aditd", "--token-file", f"/absent/{CANARY}"], ["aditd", CANARY],
    ["aditd", "--no-redact", CANARY], ["aditd", "--public-url", SECRET_URL],
    ["aditd", "--public-url", f"{CANARY}@example.com"], ["aditd", "--listen", SECRET_URL],
    ["aditd", "--domain", SECRET_URL], ["aditd", f"--verbose={CANARY}"],
    ["aditd", "--redact", f"Authorization: Bearer {CANARY}"],
    ["adit", CANARY], ["adit", "--token-file", CANARY, "http", "80"], ["adit", f"--token={CANARY}"],
    ["adit", "http", "80", "--token-file", CANARY], ["adit", "http", "80", CANARY],
    ["adit", "http", "80", f"--token-file={CANARY}"], ["adit", "http", "80", "--url", SECRET_URL],
    ["adit", "http", "80", "--relay", SECRET_URL], ["adit", "http", SECRET_URL],
    ["adit", "http", "80", "--relay", f"https://{CANARY}@example.com"],
    ["adit", "http", "80", "--relay", f"https://example.com/#{CANARY}"],
    ["adit", "http", "80", "--host-header", f"user:{CANARY}@example.com"],
    ["adit", "http", "80", "--redact", f"x: {CANARY}"], ["adit", "http", "80", "--", "x", CANARY],
    ["adit", "proxy", "--url", SECRET_URL], ["adit", "proxy", "--url", "80", CANARY],
    ["adit", "proxy", "--url", "80", "--host", SECRET_URL],
    ["adit", "replay", "last", "--header", f"Host: {CANARY}"],
    ["adit", "replay", "last", "--header", f"Authorization {CANARY}"],
    ["adit", "replay", "last", "--header", f"Authorization: {CANARY}\r\nX: 1"],
    ["adit", "replay", "last", "--header", CANARY],
    ["adit", "replay", "last", "--header", f"@{CANARY}"],
    ["adit", "replay", "last", "--header", f"@/absent/{CANARY}"],
    ["adit", "replay", "last", "--body-file", CANARY],
    ["adit", "replay", "last", "--drop-header", f"Cookie: {CANARY}"],
    ["adit", "replay", "last", "--to", SECRET_URL],
]


@pytest.mark.parametrize("args", REFUSED, ids=lambda args: " ".join(args).replace(CANARY, "*"))
def test_a_value_that_may_be_a_secret_is_not_repeated(tmp_path, args):
    code, text = run(tmp_path, *args)
    assert (code in (1, 2), CANARY in text) == (True, False), text
    assert len(text) > 20  # but it is said what is wrong
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or CANARY.encode() not in path.read_bytes(), path


@pytest.mark.parametrize("token", [CANARY + " x", CANARY[:15], CANARY * 20, CANARY + "\u00fc"])
def test_a_token_that_cannot_be_one_is_not_repeated(tmp_path, token):
    code, text = run(tmp_path, "adit", "http", "80", env={"ADIT_TOKEN": token})
    assert (code, CANARY[:15] in text, "ADIT_TOKEN" in text) == (1, False, True)
    (tmp_path / "token").write_text(token)
    for command in (["adit", "http", "80"], ["aditd", "--listen", "127.0.0.1:0"]):
        code, text = run(tmp_path, *command, "--token-file", tmp_path / "token")
        assert (code, CANARY[:15] in text, "--token-file" in text) == (1, False, True)


def test_options_stand_before_and_behind_words(tmp_path):
    for args in (["--limit", "connect-time=1x", "80"], ["80", "--limit", "connect-time=1x"],
                 ["80", "--limit=connect-time=1x"]):
        code, text = run(tmp_path, "adit", "http", *args)
        assert code == 2 and "connect-time" in text
    code, text = run(tmp_path, "adit", "http", "--", "--verbose")
    assert code == 2 and "the service: a port is missing" in text  # behind -- nothing is an option


@pytest.mark.parametrize("command", COMMANDS + [["adit"]], ids=" ".join)
def test_help_names_the_program_and_keeps_what_is_to_be_typed(tmp_path, command):
    code, text = run(tmp_path, *command, "--help")
    assert code == 0
    assert not re.search(r"(^|\s)@ |adit[A-Z]|aditd[A-Z]|%[sd]|\$?\{", text)
    for line in text.splitlines():  # an example is of this program
        if example := re.match(r"  (aditd?) [a-z]", line):
            assert example[1] == command[0], line
    if command[-1] == "replay":
        assert "@FILE" in text


@pytest.mark.parametrize("args, told", [
    (["aditd", "--verbose", "word"], "neither a command nor an option nor its value: word"),
    (["aditd", "--verbose", "x1"], "neither a command nor an option nor its value"),
    (["aditd", "word"], "no such command: word"), (["aditd", "x1"], "no such command"),
    (["adit", "word"], "no such command: word"), (["adit", "x1"], "no such command"),
    (["adit", "http", "80", "--url", ""], "letters, digits and hyphens"),
    (["aditd", "--listen", ""], "or :80 for all")])
def test_what_is_wrong_stands_behind_a_colon_and_no_colon_stands_before_nothing(
        tmp_path, args, told):
    code, text = run(tmp_path, *args)
    assert (code, text.splitlines()[0].endswith(told)) == (2, True), text
