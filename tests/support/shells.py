# SPDX-License-Identifier: MIT
"""The shells into which exported commands are pasted."""
import os
import pty
import select
import signal
import subprocess

import client
import harness

SHELLS = {"bash": ["bash", "-e"], "dash": ["dash", "-e"], "zsh": ["zsh", "-f", "-e"],
          "busybox": ["busybox", "sh", "-e"], "ksh93": ["ksh93", "-e"], "mksh": ["mksh", "-e"]}


def run_script(shell, script, directory, **environment):
    """Runs a script that a shell reads from standard input, as if pasted. Returns stdout."""
    done = subprocess.run(
        SHELLS[shell], input=script, capture_output=True, check=False, cwd=directory,
        timeout=10 * harness.DEADLINE, env={**harness.environment(directory), **environment})
    assert done.returncode == 0, (shell, done.stderr[-2000:])
    return done.stdout


def with_stray_bytes(script):
    """The same exported commands with $(</dev/null), which yields nothing, before each word that
    printf makes. In ksh93 it leaves an address beside the last byte of the next substitution; in a
    UTF-8 locale ksh93 may take it for the rest of a character that this byte begins."""
    return script.replace(b"\\\n\"$(printf '", b"\\\n\"$(</dev/null)$(printf '")


AT_PROMPT = {"bash": ["bash", "--norc", "-i"], "dash": ["dash", "-i"], "zsh": ["zsh", "-f", "-i"],
             "busybox": ["busybox", "sh", "-i"], "ksh93": ["ksh93", "-i"], "mksh": ["mksh", "-i"]}


def paste_at_prompt(shell, script, directory, is_done, **environment):
    """Types a script at the prompt of a shell on a terminal, until `is_done()`. Returns the
    terminal's output."""
    pid, master = pty.fork()
    if pid == 0:
        os.chdir(directory)
        os.execvpe(AT_PROMPT[shell][0], AT_PROMPT[shell],
                   {**harness.environment(directory.parent), "LC_ALL": "C.UTF-8", "TERM": "xterm",
                    **environment})
    terminal = Terminal(master, script)
    try:
        client.until(lambda: terminal.go_on() or is_done(), f"{shell} has run it all", pause=0)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(master)
    return terminal.shown


class Terminal:
    """Types a text as fast as the terminal takes it."""

    def __init__(self, master, text):
        self.master, self.left, self.shown = master, text, b""

    def go_on(self):
        readable, writable, _ = select.select(
            [self.master], [self.master] if self.left else [], [], 0.05)
        if readable:
            self.shown += os.read(self.master, 65536)
        if writable:
            self.left = self.left[os.write(self.master, self.left[:256]):]
