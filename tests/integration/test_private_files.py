# SPDX-License-Identifier: MIT
"""Files and directories that others own or may write are refused as state."""
import os
import stat
import struct
import subprocess
import threading

import harness
import pytest
from origin import Origin

NOBODY = 65534
TOKEN = "0123456789abcdef0123456789abcdef"
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")

WRITERS = {
    "aditd": ["aditd", "--listen", "127.0.0.1:0"],
    "http": ["adit", "http", "80", "--relay", "127.0.0.1:1"],
    "proxy": ["adit", "proxy", "--port", "0", "--url", "1"],
}
READERS = {
    "requests": ["adit", "requests"],
    "delete": ["aditd", "delete", "--all", "--yes"],
    "replay": ["adit", "replay", "last"],
}
ALL = {**WRITERS, **READERS}


def run(directory, data, args, prepare=None):
    """Runs a program that must end at once. Returns its exit code and output."""
    program = harness.Program(directory, *args, "--data", data, data=False, prepare=prepare)
    return program.exit_code(), program.text("stderr")


def refused(directory, data, args, *words):
    code, said = run(directory, data, args)
    assert code == 1, said
    assert "cannot use the state directory" in said and str(data) in said
    for word in words:
        assert word in said, said


def starts(directory, data, args, prepare=None):
    """Whether the program starts with this directory and goes on."""
    program = harness.Program(directory, *args, "--data", data, data=False, prepare=prepare)
    which, text = {"aditd": ("stdout", "ready"), "http": ("stderr", "Trying again"),
                   "proxy": ("stdout", "adit: http")}[args[1] if args[0] == "adit" else "aditd"]
    with program:
        program.wait_for(text, which)


@pytest.fixture
def made(tmp_path):
    """A directory with the state of both a relay and an agent."""
    data = tmp_path / "data"
    with Origin() as origin, harness.Proxied(tmp_path / "p", origin=origin) as proxied:
        proxied.fetch("GET", "/")
    (tmp_path / "p" / "adit").rename(data)
    starts(tmp_path, data, WRITERS["http"])
    starts(tmp_path, data, WRITERS["aditd"])
    for name in ("record.db", "record.lock", "owner.key", "names.lock"):
        assert (data / name).is_file(), name
    return data


def everything(data):
    return {path.name: (path.lstat().st_mode, path.lstat().st_uid, path.lstat().st_size)
            for path in data.iterdir()}


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777, 0o1777, 0o722])
@pytest.mark.parametrize("args", ALL.values(), ids=ALL)
def test_a_directory_that_others_may_write_is_refused(tmp_path, args, mode):
    data = tmp_path / "data"
    data.mkdir()
    data.chmod(mode)
    refused(tmp_path, data, args, "others may write in it", "chmod go-w")
    assert list(data.iterdir()) == []


@pytest.mark.parametrize("args", WRITERS.values(), ids=WRITERS)
def test_a_directory_that_others_may_replace_is_refused(tmp_path, args):
    way = tmp_path / "shared"
    data = way / "mine" / "data"
    (way / "mine").mkdir(parents=True)
    for mode in (0o777, 0o773):
        way.chmod(mode)
        refused(tmp_path, data, args, "others may replace it", str(way), "chmod go-w")
        assert not data.exists()
    way.chmod(0o1777)  # sticky: only the owner of a file may move it
    starts(tmp_path, data, args)
    assert stat.S_IMODE(data.stat().st_mode) == 0o700


@needs_root
@pytest.mark.parametrize("args", WRITERS.values(), ids=WRITERS)
def test_a_directory_of_another_user_is_refused(tmp_path, made, args):
    os.chown(made, NOBODY, NOBODY)
    before = everything(made)
    refused(tmp_path, made, args, "belongs to another user (uid 65534)", "chown")
    os.chown(made, 0, 0)
    os.chown(tmp_path, NOBODY, NOBODY)
    refused(tmp_path, made, args, "others may replace it", "belongs to another user")
    os.chown(tmp_path, 0, 0)
    assert everything(made) == before


@needs_root
def test_a_link_of_another_user_is_not_followed_and_our_own_is(tmp_path, made):
    way = tmp_path / "sticky"
    way.mkdir()
    way.chmod(0o1777)
    link = way / "link"
    link.symlink_to(made)
    starts(tmp_path, link, WRITERS["aditd"])
    (way / "twice").symlink_to("../sticky/link")
    starts(tmp_path, way / "twice", WRITERS["aditd"])
    os.lchown(link, NOBODY, NOBODY)
    for args in ALL.values():
        refused(tmp_path, link, args, "a symbolic link on the way", "belongs to another user")
        refused(tmp_path, way / "twice", args, "a symbolic link on the way")


def test_ways_that_lead_nowhere_are_told(tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "file").write_text("")
    for data in (tmp_path / "loop", tmp_path / "loop" / "data", tmp_path / "file",
                 tmp_path / "file" / "data", tmp_path / "x" / ("n" * 256)):
        refused(tmp_path, data, WRITERS["aditd"])


def test_forty_links_on_the_way_are_followed_and_no_more(tmp_path):
    (tmp_path / "data").mkdir(mode=0o700)
    for number in range(41):
        (tmp_path / f"link{number}").symlink_to(f"link{number - 1}" if number else "data")
    starts(tmp_path, tmp_path / "link38", WRITERS["aditd"])
    starts(tmp_path, tmp_path / "link39", WRITERS["aditd"])
    refused(tmp_path, tmp_path / "link40", WRITERS["aditd"], "Too many levels of symbolic links")


def test_a_relative_way_is_looked_at_from_its_beginning(tmp_path):
    (tmp_path / "shared" / "here").mkdir(parents=True)
    argv = [harness.BIN / "aditd", "--listen", "127.0.0.1:0", "--data"]
    (tmp_path / "shared").chmod(0o777)
    for data in ("data", "./data", "../here/data", "here/../../here/data"):
        done = subprocess.run([*argv, data], cwd=tmp_path / "shared" / "here", capture_output=True,
                              text=True, timeout=harness.DEADLINE,
                              env=harness.environment(tmp_path))
        assert done.returncode == 1 and "others may replace it" in done.stderr, done.stderr


KEPT = ["record.db", "record.lock", "owner.key", "names.lock", "record.db-wal", "record.db-shm",
        "record.db-journal"]


def spoil(path, how, victim):
    """Replaces one of our files by one that another user could have made."""
    if how in (0o660, 0o606):
        path.touch()
        path.chmod(how)
        return
    path.unlink(missing_ok=True)
    {"link": lambda: path.symlink_to(victim), "lost link": lambda: path.symlink_to("nothing"),
     "second name": lambda: os.link(victim, path), "pipe": lambda: os.mkfifo(path, 0o600),
     "directory": path.mkdir}[how]()


@pytest.mark.parametrize("how", [0o660, 0o606, "link", "lost link", "second name", "pipe",
                                 "directory"], ids=str)
@pytest.mark.parametrize("name", KEPT)
def test_what_lies_in_it_is_refused_when_it_is_not_ours_alone(tmp_path, made, name, how):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    victim.chmod(0o600)
    spoil(made / name, how, victim)
    before = everything(made)
    for args in [*WRITERS.values(), READERS["delete"]]:
        refused(tmp_path, made, args, name)
    assert everything(made) == before and victim.read_text() == "precious"
    assert not (made / "nothing").exists()


@needs_root
@pytest.mark.parametrize("name", KEPT)
def test_a_file_of_another_user_in_it_is_refused(tmp_path, made, name):
    (made / name).touch()
    os.chown(made / name, NOBODY, NOBODY)
    for args in ALL.values():
        refused(tmp_path, made, args, name, "belongs to another user")


@needs_root
def test_root_reads_the_record_of_the_user_that_the_relay_runs_as(tmp_path, made):
    for path in [made, *made.rglob("*")]:
        os.chown(path, NOBODY, NOBODY)
    code, said = run(tmp_path, made, READERS["requests"])
    assert code == 0, said
    (made / "record.db").chmod(0o620)
    refused(tmp_path, made, READERS["requests"], "record.db", "chmod 600")
    (made / "record.db").chmod(0o600)
    os.chown(made / "record.db", 12345, NOBODY)  # of a third user
    refused(tmp_path, made, READERS["requests"], "record.db", "belongs to another user")


@needs_root
def test_another_user_keeps_its_own_state_and_cannot_use_ours(reachable_path, made):
    def as_nobody():
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)

    own = reachable_path / "own"
    own.mkdir(mode=0o700)
    os.chown(own, NOBODY, NOBODY)
    starts(reachable_path, own, WRITERS["aditd"], prepare=as_nobody)
    assert all(path.stat().st_uid == NOBODY for path in own.rglob("*"))
    code, _ = run(reachable_path, made, WRITERS["aditd"], prepare=as_nobody)
    assert code == 1


@pytest.mark.parametrize("mask", [0, 0o022, 0o777], ids=oct)
def test_files_have_our_mode_whatever_the_umask(tmp_path, mask):
    data = tmp_path / "way" / "data"
    for args in WRITERS.values():
        starts(tmp_path, data, args, prepare=lambda: os.umask(mask))
    for path in (data, data.parent):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
    files = list(data.rglob("*"))
    assert len(files) >= 3
    for path in files:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_a_record_that_others_may_write_later_is_not_written_anew(tmp_path):
    """When the record of a running program is moved away, the new one is opened with the same
    care."""
    with Origin() as origin, harness.Proxy(tmp_path, origin.address) as proxy:
        with proxy.visit() as visitor:
            assert visitor.fetch("GET", "/").status == 200
        subprocess.run([harness.BIN / "adit", "requests", "--data", proxy.data], check=True,
                       stdout=subprocess.DEVNULL)
        victim = tmp_path / "victim"
        victim.write_text("")
        (proxy.data / "record.db").rename(proxy.data / "moved.db")
        (proxy.data / "record.db").symlink_to(victim)
        with proxy.visit() as visitor:
            assert visitor.fetch("GET", "/").status == 200
        proxy.wait_for("another user owns or may write", "stderr")
        assert victim.read_text() == ""


def token_file(directory, mode):
    path = directory / "token"
    path.write_text(TOKEN + "\n")
    path.chmod(mode)
    return path


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666, 0o422], ids=oct)
@pytest.mark.parametrize("args", [WRITERS["aditd"], WRITERS["http"]], ids=["aditd", "http"])
def test_a_token_file_that_others_may_write_is_refused(tmp_path, args, mode):
    path = token_file(tmp_path, mode)
    code, said = run(tmp_path, tmp_path / "data", [*args, "--token-file", path])
    assert code == 1
    assert "may be written by others: chmod 600 it" in said and TOKEN not in said


@pytest.mark.parametrize("mode, told", [(0o600, False), (0o440, False), (0o444, True)])
def test_a_token_file_as_container_systems_hand_it_over_is_used(tmp_path, mode, told):
    path = token_file(tmp_path, mode)
    (tmp_path / "mounted").symlink_to(path)
    with harness.Relay(tmp_path, "--token-file", tmp_path / "mounted") as relay:
        pass
    assert ("can be read by others" in relay.text("stderr")) == told


def test_a_token_comes_from_a_pipe_too(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path, 0o622)
    writer = threading.Thread(target=lambda: path.write_text(TOKEN + "\n"))
    writer.start()
    with harness.Relay(tmp_path, "--token-file", path):
        writer.join()


# In a user namespace that knows one user only all others, root among them, are one and the same.
def alone(data):
    """Starts a relay in such a namespace, as a user that is not root outside."""
    other = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
    argv = ["unshare", "-Ur", harness.BIN / "aditd", "--listen", "127.0.0.1:0", "--data", data]
    return subprocess.Popen(other + argv if os.geteuid() == 0 else argv, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, env={"HOME": str(data)})


def may_be_alone():
    return subprocess.run(["unshare", "-Ur", "true"], capture_output=True).returncode == 0


@pytest.mark.skipif(not may_be_alone(), reason="no user namespaces here")
def test_where_root_is_nobody_the_way_is_not_foreign_but_the_directory_is(reachable_path):
    own = reachable_path / "own"
    own.mkdir(mode=0o700)
    if os.geteuid() == 0:
        os.chown(own, NOBODY, NOBODY)
    with alone(own / "data") as relay:
        assert "listening" in relay.stdout.readline(), relay.stderr.read()
        assert "ready" in relay.stdout.readline()
        relay.terminate()
    with alone("/usr/share") as relay:
        assert "it belongs to another user (uid 65534)" in relay.stderr.read()


@needs_root
def test_a_group_that_nobody_else_is_in_is_no_other(tmp_path):
    """Some systems give each user a group of the same name, and a umask of 002."""
    way = tmp_path / "way"
    data = way / "data"
    way.mkdir()
    way.chmod(0o775)
    starts(tmp_path, data, WRITERS["aditd"])
    os.chown(way, 0, 12345)
    refused(tmp_path, data, WRITERS["aditd"], "others may replace it", str(way))
    os.chown(way, 0, 0)
    entries = [(1, 7, -1), (2, 7, NOBODY), (4, 5, -1), (0x10, 7, -1), (0x20, 5, -1)]
    acl = struct.pack("<I", 2) + b"".join(
        struct.pack("<HHI", tag, perm, who & 0xffffffff) for tag, perm, who in entries)
    try:
        os.setxattr(way, "system.posix_acl_access", acl)
    except OSError:
        pytest.skip("this file system has no access lists")
    refused(tmp_path, data, WRITERS["aditd"], "others may replace it", str(way))
