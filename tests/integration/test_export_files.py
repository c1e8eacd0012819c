# SPDX-License-Identifier: MIT
"""Commands that write files lose no existing file and give nobody else access to what they
write."""
import os
import shutil
import signal
import stat
import subprocess

import harness
import pytest
from client import until
from exchanges import Record

PRECIOUS = b"precious"


@pytest.fixture
def record(tmp_path):
    made = Record(tmp_path / "adit")
    made.add()
    return made


@pytest.fixture
def place(tmp_path):
    directory = tmp_path / "place"
    directory.mkdir()
    return directory


def names(place):
    return sorted(entry.name for entry in place.iterdir())


@pytest.mark.parametrize("form", ["--har", "--jsonl", "--curl"])
def test_files_beside_an_exported_file_stay(record, place, form):
    """Even files with the names that temporary files have had."""
    for name in ("out.tmp", "out~", ".out.tmp", ".out.swp"):
        (place / name).write_bytes(PRECIOUS)
    before = names(place)
    assert record.run("export", form, place / "out").returncode == 0
    assert names(place) == sorted([*before, "out"])
    assert all((place / name).read_bytes() == PRECIOUS for name in before)
    assert stat.S_IMODE((place / "out").stat().st_mode) == 0o600


def test_a_link_is_not_followed_whatever_it_points_to(record, place):
    victim = place / "victim"
    for target in (victim, place / "nowhere"):
        for name in ("out", "out.tmp"):
            victim.write_bytes(PRECIOUS)
            (place / name).symlink_to(target)
            done = record.run("export", "--har", place / "out")
            if name == "out":
                assert done.returncode == 1 and b"--force" in done.stderr
                assert (place / "out").is_symlink()
                assert record.run("export", "--har", place / "out", "--force").returncode == 0
            else:
                assert done.returncode == 0
            assert not (place / "out").is_symlink()
            assert victim.read_bytes() == PRECIOUS and not (place / "nowhere").exists()
            for each in ("out", "out.tmp"):
                (place / each).unlink(missing_ok=True)


@pytest.mark.skipif(not shutil.which("strace"), reason="strace makes calls fail")
@pytest.mark.parametrize("faults", [["newfstatat:error=ENOENT"],
                                    ["newfstatat:error=ENOENT", "renameat2:error=EINVAL"],
                                    ["newfstatat:error=ENOENT", "openat:error=EOPNOTSUPP:when=1"]],
                         ids=["usual", "cannot-rename-so", "files-have-names"])
def test_a_file_that_appears_during_the_writing_stays(record, place, tmp_path, faults):
    """A file that appears after the check is not replaced."""
    inject = [word for fault in faults for word in ("-e", f"inject={fault}")]
    out, trace = place / "out", tmp_path / "trace"
    for precious in (True, False):
        if precious:
            out.write_bytes(PRECIOUS)
        done = subprocess.run(
            ["strace", "-qq", "-o", trace, "-P", out, "-P", f"{place}/", *inject,
             harness.BIN / "adit", "export", "--jsonl", out, "--data", record.directory],
            capture_output=True, check=False, timeout=harness.DEADLINE,
            env={**harness.environment(tmp_path), "ASAN_OPTIONS": "detect_leaks=0"})
        assert "INJECTED" in trace.read_text()
        assert names(place) == ["out"]
        if precious:
            assert done.returncode == 1 and b"--force" in done.stderr, done
            assert out.read_bytes() == PRECIOUS
            out.unlink()
        else:
            assert done.returncode == 0 and out.read_bytes().count(b"\n") == 1, done
            assert stat.S_IMODE(out.stat().st_mode) == 0o600


def interrupted_export(record, place):
    """Interrupts an export that has begun to write. Returns its status: 0 when it was faster."""
    child = subprocess.Popen(
        [harness.BIN / "adit", "export", "--har", place / "out", "--force", "--data",
         record.directory], stderr=subprocess.DEVNULL, env=harness.environment(place.parent))
    descriptors = f"/proc/{child.pid}/fd"

    def is_writing():
        try:
            links = [os.readlink(f"{descriptors}/{fd}") for fd in os.listdir(descriptors)]
        except OSError:
            return child.poll() is not None
        return any(str(place) in link for link in links) or child.poll() is not None

    until(is_writing, "it has begun to write", pause=0)
    child.send_signal(signal.SIGINT)
    return child.wait(harness.DEADLINE)


def test_an_interrupted_export_leaves_the_old_file_as_it_was(record, place):
    for _ in range(300):
        record.add(response=os.urandom(64 * 1024))
    for _ in range(50):
        (place / "out").write_bytes(PRECIOUS)
        if interrupted_export(record, place) != 0:
            break
    else:
        raise AssertionError("no export was interrupted while it wrote")
    assert names(place) == ["out"]
    assert (place / "out").read_bytes() == PRECIOUS


def test_directories_are_not_replaced(record, place):
    (place / "dir").mkdir()
    for words in ((), ("--force",)):
        done = record.run("export", "--har", place / "dir", *words)
        assert done.returncode == 1 and b"directory" in done.stderr
    assert names(place) == ["dir"] and names(place / "dir") == []


def test_pipes_and_devices_are_written_to(record, place):
    os.mkfifo(place / "pipe")
    child = subprocess.Popen(["cat", place / "pipe"], stdout=subprocess.PIPE)
    assert record.run("export", "--jsonl", place / "pipe").returncode == 0
    assert child.communicate(timeout=harness.DEADLINE)[0].count(b"\n") == 1
    assert stat.S_ISFIFO((place / "pipe").stat().st_mode)
    assert record.run("export", "--jsonl", "/dev/null").returncode == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another user")
@pytest.mark.parametrize("words", [(), ("--force",)], ids=["", "--force"])
@pytest.mark.parametrize("linked", [False, True], ids=["pipe", "link"])
def test_a_pipe_of_another_user_gets_nothing(record, place, linked, words):
    pipe = place / "pipe"
    os.mkfifo(pipe)
    os.chown(pipe, 65534, 65534)
    pipe.chmod(0o666)
    (place / "link").symlink_to(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        done = record.run("export", "--jsonl", place / ("link" if linked else "pipe"), *words)
        assert done.returncode == 1 and b"pipe of another user" in done.stderr
        assert os.read(reader, 10) == b""
    finally:
        os.close(reader)


def test_a_pipe_without_a_name_is_nobodys_trap(record):
    """As when another user runs it in a pipeline."""
    read, write = os.pipe()
    os.fchown(write, 65534, 65534)
    child = subprocess.Popen(["cat"], stdin=read, stdout=subprocess.PIPE)
    done = record.run("export", "--jsonl", f"/dev/fd/{write}", pass_fds=[write])
    os.close(read)
    os.close(write)
    assert done.returncode == 0
    assert child.communicate(timeout=harness.DEADLINE)[0].count(b"\n") == 1


def test_a_record_that_cannot_be_read_replaces_nothing(record, place):
    for _ in range(50):
        record.add(response=os.urandom(4096))
    record.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    record.db.close()
    size = record.path.stat().st_size
    with open(record.path, "r+b") as file:
        file.seek(size // 3)
        file.write(b"\xa5" * (size // 3))
    (place / "out").write_bytes(PRECIOUS)
    done = subprocess.run([harness.BIN / "adit", "export", "--har", place / "out", "--force",
                           "--data", record.directory], capture_output=True, check=False,
                          timeout=harness.DEADLINE, env=harness.environment(place.parent))
    assert done.returncode == 1, done
    if b"could not be read whole" not in done.stderr:
        assert (place / "out").read_bytes() == PRECIOUS
