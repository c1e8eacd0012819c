# SPDX-License-Identifier: MIT
"""Fixtures that the integration tests share. Each file shows one family of properties."""
import pathlib
import shutil
import sys
import tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

import harness  # noqa: E402


def pytest_report_header():
    return f"programs: {harness.BIN}"


@pytest.fixture(scope="module")
def tunnel(tmp_path_factory):
    """A tunnel to a scripted origin that the tests of a file share."""
    with harness.Tunnel(tmp_path_factory.mktemp("tunnel")) as started:
        yield started


@pytest.fixture(scope="module")
def relay(tmp_path_factory):
    """A relay that the tests of a file share."""
    with harness.Relay(tmp_path_factory.mktemp("relay")) as started:
        yield started


@pytest.fixture
def own_tunnel(tmp_path):
    """A tunnel to a scripted origin for one test, which may break it."""
    with harness.Tunnel(tmp_path) as started:
        yield started


@pytest.fixture
def reachable_path():
    """A directory that other users can reach: pytest closes the one above tmp_path at each start,
    while other runs go on."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="adit-reachable-"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(autouse=True)
def show_programs(request):
    """Shows what the programs printed when a test that used them fails."""
    yield
    report = getattr(request.node, "failed_report", None)
    for name in ("tunnel", "relay", "own_tunnel"):
        used = request.node.funcargs.get(name)
        if report and used is not None:
            parts = [used.relay, used.agent] if hasattr(used, "agent") else [used]
            print(*(part.report() for part in parts), sep="\n")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    if call.when == "call" and outcome.get_result().failed:
        item.failed_report = True
