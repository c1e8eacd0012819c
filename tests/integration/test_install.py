# SPDX-License-Identifier: MIT
"""`cmake --install` puts each file in its place below any prefix; systemd accepts the unit, which
names the installed program."""
import os
import pathlib
import re
import shutil
import subprocess

import fronts
import harness
import pytest
from patience import BIN, DEADLINE

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = BIN.parent
UNITS = pathlib.Path("/lib/systemd/system")


def install(root, prefix):
    if not os.access(BUILD, os.W_OK):
        pytest.skip("cmake writes a list of what it installs into the build folder")
    subprocess.run(["cmake", "--install", BUILD, "--prefix", prefix], check=True, umask=0o022,
                   capture_output=True, text=True, env={**os.environ, "DESTDIR": str(root)})
    return root / prefix.lstrip("/")


@pytest.fixture(scope="module", params=["/usr", "/usr/local", "/opt/adit"])
def installed(request, tmp_path_factory):
    """(the root, the prefix, where it is below the root)"""
    root = tmp_path_factory.mktemp("root")
    return root, request.param, install(root, request.param)


def test_everything_is_where_it_belongs(installed):
    root, prefix, there = installed
    files = {str(path.relative_to(there)) for path in there.rglob("*") if path.is_file()}
    docs = {f"share/doc/adit/docs/{path.name}" for path in (ROOT / "docs").glob("*.md")}
    examples = {f"share/doc/adit/examples/{path.name}" for path in fronts.EXAMPLES.iterdir()}
    assert files == docs | examples | {
        "bin/adit", "bin/aditd", "lib/systemd/system/aditd.service", "lib/sysusers.d/aditd.conf",
        "share/doc/adit/README.md", "share/doc/adit/CHANGELOG.md", "share/doc/adit/LICENSE",
        "share/doc/adit/CONTRIBUTING.md", "share/doc/adit/SECURITY.md"}
    assert [path for path in root.rglob("*") if path.is_file() and there not in path.parents] == []
    for path in there.rglob("*"):
        mode = path.stat().st_mode & 0o777
        assert mode == (0o755 if path.is_dir() or path.parent.name == "bin" else 0o644), path


def test_the_programs_run(installed, tmp_path):
    _, _, there = installed
    for name in ("adit", "aditd"):
        said = subprocess.run([there / "bin" / name, "--version"], check=True, capture_output=True,
                              text=True, timeout=DEADLINE, env=harness.environment(tmp_path))
        assert re.fullmatch(rf"{name} \d+\.\d+\.\d+\n", said.stdout)


def unit(there):
    """The settings of the unit: (name, value)."""
    text = (there / "lib/systemd/system/aditd.service").read_text()
    assert "@" not in text.replace("@system-service", "")
    return re.findall(r"^(\w+)=(.*)$", text, re.M)


def test_the_unit_names_what_was_installed(installed):
    root, prefix, there = installed
    settings = dict(unit(there))
    program = settings["ExecStart"].split()[0]
    assert program == f"{prefix}/bin/aditd" and os.access(root / program.lstrip("/"), os.X_OK)
    document = settings["Documentation"].removeprefix("file:")
    assert (root / document.lstrip("/")).is_file()
    assert settings["ExecReload"] == "/bin/kill -HUP $MAINPID"
    user = (there / "lib/sysusers.d/aditd.conf").read_text()
    assert re.search(rf"^u {settings['User']} - ", user, re.M)


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
def test_systemd_takes_the_unit(tmp_path):
    root = tmp_path / "root"
    install(root, "/usr")
    shutil.copytree(UNITS, root / "usr/lib/systemd/system", symlinks=True, dirs_exist_ok=True)
    (root / "bin").mkdir()
    shutil.copy("/bin/kill", root / "bin")

    def verify():
        return subprocess.run(["systemd-analyze", "verify", f"--root={root}", "aditd.service"],
                              capture_output=True, text=True, timeout=DEADLINE)

    done = verify()
    assert (done.returncode, [line for line in done.stderr.splitlines() if "aditd" in line]) == (
        0, []), done.stderr
    (root / "usr/bin/aditd").unlink()  # it does look
    assert "aditd is not executable" in verify().stderr


def flags(there):
    text = (there / "share/doc/adit/examples/aditd.env").read_text()
    return re.findall(r"^#?ADITD_FLAGS=(.*)$", text, re.M)


def test_the_relay_takes_what_the_unit_and_the_example_say(tmp_path):
    """ExecStart with the flags of the example, on a free port."""
    there = install(tmp_path / "root", "/usr")
    token = tmp_path / "token"
    token.touch(0o640)
    token.write_text("0123456789abcdef0123456789abcdef\n")
    command = dict(unit(there))["ExecStart"]
    for number, line in enumerate(flags(there)):
        words = command.replace("$ADITD_FLAGS", line).replace("/etc/adit/token", str(token))
        words = re.sub(r"--listen \S+", "--listen 127.0.0.1:0", words)
        words = words.replace("%S", str(tmp_path / f"state{number}")).split()
        (tmp_path / f"state{number}").mkdir(mode=0o700)
        with harness.Program(tmp_path, "aditd", *words[1:], data=False) as relay:
            relay.wait_for("^aditd: ready, domain example.com")
            relay.wait_for(" info aditd: started: .*, with a token, ", "stderr")
            assert " warn " not in relay.text("stderr")  # nor of the token's mode
    assert number == 1


def test_a_second_installation_is_an_upgrade_and_touches_nothing_else(tmp_path):
    root = tmp_path / "root"
    (root / "etc/default").mkdir(parents=True)
    mine = root / "etc/default/aditd"
    mine.write_text("ADITD_FLAGS=--domain mine.example\n")
    there = install(root, "/usr")
    for path in (there / "bin/aditd", there / "lib/systemd/system/aditd.service"):
        path.write_text("old")
        os.utime(path, (0, 0))
    install(root, "/usr")
    assert (there / "bin/aditd").read_bytes() == (BIN / "aditd").read_bytes()
    assert "ExecStart" in (there / "lib/systemd/system/aditd.service").read_text()
    assert mine.read_text() == "ADITD_FLAGS=--domain mine.example\n"
