# SPDX-License-Identifier: MIT
"""Mounts file systems that only one program sees; for `prepare` of harness.Program."""
import ctypes
import functools
import os
import subprocess

CLONE_NEWNS = 0x20000
MS_RDONLY, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 32, 4096, 16384, 1 << 18


@functools.lru_cache
def may_mount():
    """Whether this user may mount: root may, except in some containers."""
    test = ["unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt"]
    return subprocess.run(test, capture_output=True).returncode == 0


def _mount(source, target, kind, flags, data=None):
    libc = ctypes.CDLL(None, use_errno=True)
    names = [None if name is None else str(name).encode() for name in (source, target, kind)]
    if libc.mount(*names, flags, data and data.encode()):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(target))


def _own_mounts():
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNS):
        raise OSError(ctypes.get_errno(), "unshare")
    _mount("none", "/", None, MS_REC | MS_PRIVATE)


def small_disk(directory, size):
    """A disk of `size` bytes at this directory."""
    def prepare():
        _own_mounts()
        _mount("none", directory, "tmpfs", 0, f"size={size},mode=0700")
    return prepare


def read_only(directory):
    def prepare():
        _own_mounts()
        _mount(directory, directory, None, MS_BIND)
        _mount("none", directory, None, MS_REMOUNT | MS_BIND | MS_RDONLY)
    return prepare
