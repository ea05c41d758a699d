"""Commands that are stopped at one chosen step each: `python -m tests.npm.killed ROOT REGISTRY COMMAND HOW`.

A program of its own, because it forks: it has one thread, and what it loaded once serves all its children.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from cdnserve.manifest.lock import Lock, parse_lock, read_lock
from cdnserve.manifest.reader import read_manifest
from cdnserve.npm.add import add
from cdnserve.npm.bundle_import import import_archive
from cdnserve.npm.remove import remove
from cdnserve.npm.settings import DownloadLimits, NpmSettings
from cdnserve.npm.sync import sync
from cdnserve.npm.transaction import incoming_folder
from cdnserve.npm.update import UpdateOptions, update

STEPS = ("open", "fsync", "rename", "replace", "link", "mkdir", "rmdir", "unlink")
ARCHIVE = "site.tar"
"""What is imported, beside the root."""
LIMITS = DownloadLimits(at_once=1, first_pause=0.0, attempts=1)

Command = Callable[[Path, NpmSettings], object]
COMMANDS: Mapping[str, Command] = {
    "add": lambda root, settings: add(root, ["x@2.0.0", "@s/z@1.0.0"], settings),
    "remove": lambda root, settings: remove(root, ["x", "@s/y"]),
    "update": lambda root, settings: update(root, [], settings, options=UpdateOptions(latest=True, prune=True)),
    "sync": lambda root, settings: sync(root, settings, prune=True),
    "import": lambda root, settings: import_archive(root, root.with_name(ARCHIVE), replace=True),
}


class Stop:
    """Stops the process, or interrupts it, just before the step of a number."""

    def __init__(self, step: int, how: str) -> None:
        self.left = step
        self.how = how

    def install(self) -> None:
        """Count the steps from now on."""
        for name in STEPS:
            setattr(os, name, self._counted(name, getattr(os, name)))

    def _counted(self, name: str, real: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object, **named: object) -> object:
            if name != "open" or (isinstance(arguments[1], int) and arguments[1] & os.O_CREAT):
                self.left -= 1
                if self.left == -1:
                    self._stop()
            return real(*arguments, **named)

        return call

    def _stop(self) -> None:
        if self.how == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        raise KeyboardInterrupt


def run(command: Command, root: Path, settings: NpmSettings, stop: Stop) -> bool:
    """Run a command in a child, and tell whether it was stopped."""
    child = os.fork()
    if child == 0:
        try:
            stop.install()
            command(root, settings)
        except KeyboardInterrupt:
            os._exit(130)
        except BaseException:
            sys.excepthook(*sys.exc_info())
            os._exit(99)
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status not in (0, 130, -signal.SIGKILL):
        raise AssertionError(status)
    return status != 0


def content(root: Path) -> dict[str, str]:
    """Return every file below a root, but for what a command keeps for itself."""
    files = (path for path in sorted(root.rglob("*")) if path.is_file())
    return {path.relative_to(root).as_posix(): path.read_text() for path in files}


def public(root: Path) -> dict[str, str]:
    """Return every file that is not in a dot-folder, nor a dot-file."""
    return {path: text for path, text in content(root).items() if not any(p.startswith(".") for p in path.split("/"))}


def look(root: Path, before: dict[str, str], after: dict[str, str]) -> dict[str, object]:
    """Return what is there when the command was stopped, and after the next one."""
    read_manifest(root / "manifest.toml")
    old, new = (parse_lock(files["manifest.lock"].encode()) for files in (before, after))
    # For a moment the lock has the libraries of both.
    locks = (old, new, Lock({**old.libraries, **new.libraries}, old.immutable))
    texts = (before["manifest.toml"], after["manifest.toml"])
    whole = read_lock(root / "manifest.lock") in locks and content(root)["manifest.toml"] in texts
    at_once = public(root) in (before, after)
    # What every command does first.
    with incoming_folder(root):
        pass
    found = content(root)
    outcome = "before" if found == before else "after" if found == after else "neither"
    return {"whole": whole, "at_once": at_once, "outcome": outcome}


def main(root: Path, registry: str, name: str, how: str) -> None:
    """Stop a command at every step, each time from the same root, and print what was seen."""
    settings = NpmSettings({}, root.parent, root.parent, registry, LIMITS)
    backup = root.with_name("backup")
    shutil.copytree(root, backup, symlinks=True)
    before = content(root)
    COMMANDS[name](root, settings)
    after = content(root)
    step = 0
    while True:
        shutil.rmtree(root)
        shutil.copytree(backup, root, symlinks=True)
        # The cache as it was, so that every run takes the same steps.
        if not run(COMMANDS[name], root, settings, Stop(step, how)):
            break
        sys.stdout.write(json.dumps({"step": step} | look(root, before, after)) + "\n")
        step += 1


if __name__ == "__main__":
    tempfile.tempdir = str(Path(sys.argv[1]).parent)
    main(Path(sys.argv[1]), *sys.argv[2:])
