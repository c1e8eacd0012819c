# SPDX-License-Identifier: MIT
"""The commands in README.md, typed in order, print the output shown there, and its tables agree
with the help of the programs."""
import re
import shlex
import subprocess

import harness
import pytest
import readme
import record
import readme_machine
from patience import BIN, DEADLINE

SECTIONS = list(readme.sections())
# Programs that run until they are ended, and the sign that they are ready if README shows none.
STAYS = [
    (r"^(sudo )?aditd( --(?!help|version)|$)", r"^aditd: ready"),
    (r"^adit (http|proxy) (?!--help)", r" -> http"),
    (r"^scripts/demo-service", r"listening on"),
    (r"^\./scripts/quickstart( [0-9]+)?$", r" -> http"),
]
END_OF_FILE = "\x04"
# Commands that fail on purpose.
MAY_FAIL = {"1 adit diff"}
# Reasons for blocks marked `not-run`, by their first words.
NOT_RUN = {
    "sudo apt-get install nginx certbot":
        "Debian's packages, and a certificate that others give to the owner of the domain",
}


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    made = readme_machine.make(tmp_path_factory.mktemp("stranger"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def shapes():
    return readme.Shapes()


def ready_sign(block):
    """The output that shows that a block's program is ready; None if the program ends by itself."""
    last = block.text.replace("\\\n", "").rstrip().splitlines()[-1]
    return next((sign for pattern, sign in STAYS if re.search(pattern, last)), None)


def shows(shapes, shown):
    def found(terminal):
        behind = shapes.find(shown, terminal.lines()[terminal.taken:])
        if behind is None:
            return False
        terminal.taken += behind  # matched output is not searched again
        return True
    return found


def what_came(terminals):
    return "\n".join(line for one in terminals for line in [*one.lines()[one.taken:], "---"])


class Scene:
    """A section of README: its programs run until the section ends, each at its own terminal."""

    def __init__(self, machine, shapes):
        self.machine, self.shapes = machine, shapes
        self.running, self.last, self.all = [], None, []

    def run(self, block, has_text):
        commands = self.shapes.in_command(block.text)
        self.last = self.machine.terminal(commands)
        self.all.append(self.last)
        sign = ready_sign(block)
        if sign is None:
            if re.search(r"\bcat > \S*/token", commands):
                self.last.type(self.machine.read("/etc/adit/token") + END_OF_FILE)
            self.last.wait()
            if re.search(r"^curl ", commands, re.M):
                self.wait_for_record()
        else:
            self.running.append(self.last)
            self.last = None
            if not has_text:
                started = self.running[-1:]
                assert readme_machine.wait_until(
                    started, lambda one: any(re.search(sign, line) for line in one.lines())), \
                    f"{block!r} does not start:\n{what_came(started)}"

    def show(self, block):
        """Types Ctrl-C to the program that was started last."""
        before, *behind = re.split(r"^(?=\^C$)", block.text, flags=re.M)
        self.wait_for(block, before)
        if behind:
            ended = self.running.pop()
            assert ended.interrupt() == 0, f"{block!r} does not end cleanly"
            self.last = ended
            self.wait_for(block, behind[0])

    def wait_for(self, block, text):
        terminals = ([self.last] if self.last else []) + self.running[::-1]
        assert readme_machine.wait_until(terminals, shows(self.shapes, text.splitlines())), \
            f"{block!r} is not printed. The output:\n{what_came(terminals)}"

    def wait_for_record(self):
        """Waits until the record has the other end's reports: a person types more slowly."""
        agent = self.machine.home / ".local/state/adit/agent"
        if (agent / "record.db").exists():
            self.machine.terminal("adit requests").wait()  # waits until all is written
            for row in record.exchanges(agent):
                if row["tunnel_name"]:
                    record.ended(agent, f"seq={row['seq']} AND far_outcome IS NOT NULL")

    def end(self):
        return [one.interrupt() for one in reversed(self.running)]

    def close(self):
        for one in self.running:
            one.close()


@pytest.mark.parametrize("blocks", [blocks for _, blocks in SECTIONS],
                         ids=[heading for heading, _ in SECTIONS])
def test_commands_do_what_readme_shows(machine, shapes, blocks):
    scene = Scene(machine, shapes)
    machine.failed()
    try:
        for number, block in enumerate(blocks):
            after = blocks[number + 1] if number + 1 < len(blocks) else None
            if block.language == "sh" and block.mark != "not-run":
                scene.run(block, after is not None and after.language == "text")
            elif block.language == "text":
                scene.show(block)
            elif block.language == "ini":
                assert block.text in machine.read(block.mark), block
        assert not any(scene.end()), "a program did not end cleanly"
        for one in scene.all:
            assert not harness.REPORTS.search("\n".join(one.lines())), what_came([one])
    finally:
        scene.close()
    failed = [told for told in machine.failed()
              if not any(told.startswith(one) for one in MAY_FAIL)]
    assert not failed, "\n".join(failed)


def test_blocks_that_cannot_run_are_few_and_named():
    marked = [block for _, blocks in SECTIONS for block in blocks if block.mark == "not-run"]
    for block in marked:
        assert any(block.text.startswith(one) for one in NOT_RUN), f"{block} is not in NOT_RUN"
    for one in NOT_RUN:
        assert any(block.text.startswith(one) for block in marked), f"{one} is not in README"


def test_every_block_says_what_it_is():
    kinds = {block.language for _, blocks in SECTIONS for block in blocks}
    assert kinds <= {"sh", "text", "ini"}, kinds
    assert not re.search(r"^ {4}\S", re.sub(readme.FENCE, "", readme.text()), re.M), \
        "a block without a fence is not tested"


def help_of(*command):
    done = subprocess.run([BIN / command[0], *command[1:], "--help"], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, check=True, timeout=DEADLINE)
    return done.stdout


FLAG = re.compile(r"--[a-z-]+|-[a-zA-Z]\b")


def flags_of(*command):
    """The flags that have a line of their own in the help."""
    names = re.findall(r"^  (-[^ ,\n]+(?:, -[^ ,\n]+)*)(.*)", help_of(*command), re.M)
    also = [re.findall(r"also (-\w)\b", rest) for _, rest in names]
    return {FLAG.match(one)[0] for all_of_one, _ in names for one in all_of_one.split(", ")} | {
        flag for flags in also for flag in flags}


def first_column(heading):
    return flags_in(row[0] for row in readme.tables(heading))


def flags_in(cells):
    return {found[0] for cell in cells for code in re.findall(r"`([^`]+)`", cell)
            if (found := FLAG.match(code))}


@pytest.mark.parametrize("command", [["aditd"], ["adit", "http"], ["adit", "proxy"]], ids=" ".join)
def test_table_has_the_flags_of_the_help(command):
    assert first_column(" ".join(command)) | {"-h"} == flags_of(*command)


RECORD_COMMANDS = ["requests", "show", "diff", "verify", "stats", "export", "delete", "replay"]
OF_ALL_RECORD_COMMANDS = {"--data", "--decode-all", "--help", "-h"}
FILTERED = {"requests", "stats", "delete"}


def test_table_has_the_commands_over_the_record():
    rows = {re.match(r"`(\w+)", row[0])[1]: row for row in readme.tables("The record")[1:]}
    assert set(rows) == set(RECORD_COMMANDS)
    filters = flags_in(readme.prose("The record")) - {"--data"}
    for command, row in rows.items():
        flags = flags_in(row) | (filters if command in FILTERED else set())
        assert flags == flags_of("adit", command) - OF_ALL_RECORD_COMMANDS, command


def test_every_command_is_in_readme():
    _, commands = help_of("adit").split("\nCommands:\n", 1)
    names = re.findall(r"^  ([a-z]+) ", commands, re.M)
    assert len(names) > 9
    assert not [name for name in names if not re.search(rf"\b(adit |`){name}\b", readme.text())]


def test_table_has_every_code_with_its_status():
    source = (readme.ROOT / "common/exchange/answer.c").read_text()
    answers = set(re.findall(r'\{(\d{3}),\s*"[^"]+",\s*"(ADIT-[A-Z-]+)"', source))
    assert len(answers) > 15
    rows = readme.tables("Answers of adit itself")[1:]
    assert {(row[0], row[1].strip("`")) for row in rows} == answers


def test_table_has_limits_that_can_be_set():
    shown = set(re.findall(r"`([a-z-]+)`", " ".join(row[2] for row in readme.tables("Limits"))))
    listed = set()
    for command in (["aditd"], ["adit", "http"], ["adit", "proxy"]):
        _, limits = help_of(*command).split("\nLimits and ", 1)
        listed |= set(re.findall(r"^ {2,4}([a-z-]+) ", limits, re.M))
    assert shown - {"--limit"} <= listed
    elsewhere = (readme.ROOT / "docs/protocol.md").read_text()
    assert not {name for name in listed - shown if f"`{name}`" not in elsewhere}


def anchor(heading):
    """The anchor that GitHub makes of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def anchors(path):
    return {anchor(heading) for heading in re.findall(r"^#+ (.*)$", path.read_text(), re.M)}


def test_links_lead_somewhere():
    links = re.findall(r"\]\(([^)]*)\)", readme.text())
    assert len(links) > 20
    for link in links:
        path, _, place = link.partition("#")
        target = readme.ROOT / (path or "README.md")
        assert path.startswith("https://") or target.exists(), link
        assert not place or place in anchors(target), link


def test_commands_that_text_and_tables_name_are_there():
    named = re.findall(r"`(aditd? [^`]+)`", re.sub(readme.FENCE, "", readme.text()))
    assert len(named) > 30
    for code in named:
        program, *words = shlex.split(code.replace("\\|", "|"))
        command = [] if words[0].startswith("-") else words[:1]
        if command in (["help"], ["version"]):
            continue
        flags = {FLAG.match(word)[0] for word in words if word.startswith("-")}
        assert flags <= flags_of(program, *command), code
