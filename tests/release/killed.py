"""Builds that are killed, at one chosen step each: `python -m tests.release.killed ROOT STATE BACKUP`.

A program of its own, because it forks: it has one thread, and what it loaded once serves all its children.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from cdnserve.release.build import build
from cdnserve.release.store import Store
from tests.release.roots import public_bytes

STEPS = ("open", "write", "fsync", "replace", "mkdir", "link", "unlink", "utime")


def build_and_die(root: Path, state: Path, step: int, *, torn: bool) -> None:
    """Build, and be killed just before the step of this number; if `torn`, in the midst of the write of this number."""
    left = step

    def counted(name: str, real: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object, **named: object) -> object:
            nonlocal left
            if (torn and name != "write") or (name == "open" and not creates(arguments)):
                return real(*arguments, **named)
            left -= 1
            if left < 0:
                if torn:
                    write_half(*arguments)
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*arguments, **named)

        return call

    write = os.write

    def write_half(descriptor: object, octets: object) -> None:
        assert isinstance(descriptor, int)
        assert isinstance(octets, bytes | memoryview)
        write(descriptor, octets[: len(octets) // 2])

    for name in STEPS:
        setattr(os, name, counted(name, getattr(os, name)))
    build(root, state)


def creates(arguments: tuple[object, ...]) -> bool:
    """Return whether these arguments of os.open make a file."""
    return isinstance(arguments[1], int) and bool(arguments[1] & os.O_CREAT)


def killed(root: Path, state: Path, step: int, *, torn: bool) -> bool:
    """Return whether a build in a child was killed before it came to its end."""
    child = os.fork()
    if child == 0:
        build_and_die(root, state, step, torn=torn)
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, -signal.SIGKILL), status
    return status != 0


def look(root: Path, state: Path) -> dict[str, object]:
    """Return what is served after the kill, and after the next build."""
    served = len(public_bytes(state))
    number = Store(state).current()
    built = build(root, state)
    again = build(root, state)
    return {
        "number": number,
        "served": served,
        "next": len(public_bytes(state)),
        "drafts": len(os.listdir(state / "drafts")),
        "settled": (again.number, again.changed) == (built.number, False),
    }


def main(root: Path, state: Path, backup: Path) -> None:
    """Kill a build at every step, each time from the same state, and print what was seen."""
    lock = (root / "manifest.lock").read_bytes()
    for torn in (False, True):
        step = 0
        while True:
            shutil.rmtree(state, ignore_errors=True)
            shutil.copytree(backup, state)
            (root / "manifest.lock").write_bytes(lock)
            if not killed(root, state, step, torn=torn):
                break
            sys.stdout.write(json.dumps({"step": step, "torn": torn} | look(root, state)) + "\n")
            step += 1


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
