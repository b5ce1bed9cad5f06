"""Faults and deaths at any call that changes files, by Python's audit hooks.

An audit hook sees every call of this process that opens a file to write, makes, renames or removes
something, by whatever library. A hook that raises stops the call. `os.fsync` has no such event, and
takes long; it is replaced.
"""

import contextlib
import errno
import os
import sys

EVENTS = {
    "os.rename",
    "os.remove",
    "os.rmdir",
    "os.mkdir",
    "os.link",
    "os.symlink",
    "shutil.rmtree",
}
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


class Death(BaseException):
    """The process died: every later change of a file fails too, also those of a cleanup."""


class Faults:
    """Counts changes of files, and fails at the one with number `at`, and later ones if deadly."""

    def __init__(self, at=None, *, deadly=False):
        self.at, self.deadly, self.count = at, deadly, 0

    def change(self):
        self.count += 1
        if self.deadly and self.at is not None and self.count >= self.at:
            raise Death
        if self.count == self.at:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


active = None
installed = []


def hook(event, arguments):
    if active is None:
        return
    if event in EVENTS or (event == "open" and arguments[2] and arguments[2] & WRITING):
        active.change()


@contextlib.contextmanager
def injected(faults, monkeypatch):
    """Returns a context manager in which changes of files fail as `faults` says."""
    global active
    if not installed:
        sys.addaudithook(hook)  # it can never be removed
        installed.append(hook)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", lambda place: faults.change())
        active = faults
        try:
            yield
        finally:
            active = None
