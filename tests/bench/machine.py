# SPDX-License-Identifier: MIT
"""Describes the machine, the programs and the time of a measurement."""

import os
import platform
import re
import shutil
import subprocess

PROGRAMS = {
    "nginx": ["nginx", "-v"],
    "haproxy": ["haproxy", "-v"],
    "wrk": ["wrk", "-v"],
    "go": ["go", "version"],
    "ssh": ["ssh", "-V"],
    "cc": ["cc", "--version"],
}
TUNNELS = {
    "frp": [["frps", "--version"]],
    "rathole": [["rathole", "--version"], None, "Build Version:"],
    "chisel": [["chisel", "--version"]],
    "bore": [["bore", "--version"]],
    "localtunnel": [["lt", "--version"]],
}


def first_match(path, pattern, fallback="unknown"):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            found = re.search(pattern, file.read(), re.MULTILINE)
    except OSError:
        return fallback
    return found.group(1).strip() if found else fallback


def sessions():
    """Whether the kernel divides the processors among sessions first (autogroup)."""
    by_session = first_match("/proc/sys/kernel/sched_autogroup_enabled", r"^(\d)", "0") == "1"
    return "grouped" if by_session else "not grouped"


def describe():
    return {
        "cpu": first_match("/proc/cpuinfo", r"^model name\s*:\s*(.+)$", platform.machine()),
        "cores": len(os.sched_getaffinity(0)),
        "memory_kib": int(first_match("/proc/meminfo", r"^MemTotal:\s*(\d+)", "0")),
        "kernel": f"{platform.system()} {platform.release()}",
        "sessions": sessions(),
        "system": first_match("/etc/os-release", r'^PRETTY_NAME="?([^"\n]+)'),
        "load_before": round(os.getloadavg()[0], 2),
    }


def said(argv, cwd=None, wanted=""):
    """The first line with `wanted` that a program prints on either stream."""
    try:
        done = subprocess.run(argv, cwd=cwd, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    lines = [line for line in (done.stdout + done.stderr).strip().splitlines() if wanted in line]
    return re.sub(r"\s*-?\s*https?://\S+|\s*Copyright.*", "", lines[0]) if lines else "unknown"


def commit(root):
    """The commit that was built, with -dirty when the tree had changes."""
    if not (root / ".git").exists():
        return "unknown"
    head = said(["git", "describe", "--always", "--dirty", "--abbrev=12"], cwd=root)
    return "unknown" if head.startswith("fatal") else head


def versions(root, programs, before, built):
    """`programs` and `before` are the directories of two builds of adit, None where there is none;
    `built` says whether this tree's programs were built for the measurement."""
    found = {name: said(argv) for name, argv in PROGRAMS.items()}
    found |= {name: said(*asked) for name, asked in TUNNELS.items() if shutil.which(asked[0][0])}
    found["commit"] = commit(root) if built else "unknown"
    if programs:
        found |= {name: said([programs / name, "--version"]) for name in ("adit", "aditd")}
    if before:
        found["before"] = said([before / "adit", "--version"])
    return found
