"""The journal: each step of a command that changes a root, written down before it is taken, to be taken back.

Never takes a step itself, and never believes a journal: it names no dot-folder, and nothing that is not in the root.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.libraries.spec import FOLDER
from cdnserve.manifest.governing import LOCK, MANIFEST, replace_file, sync_folder
from cdnserve.manifest.lock import Lock, parse_lock, read_lock, write_lock
from cdnserve.manifest.matching import is_unlisted

NAME = "journal"
_LARGEST = 2**30  # an import of a million files takes a tenth of it


@dataclass(frozen=True, slots=True)
class Step:
    """One step; paths are relative to the root.

    `move`: `target` was `source`. `swap`: the file `target` was what lies in `source`. `make`: the folder `target` was
    made. `write`: the governing file `target` was what lies in `source` (`""`: absent), and became what has the digest
    `after`.
    """

    kind: str
    target: str
    source: str = ""
    after: str = ""


class Journal:
    """The journal of one command, in its folder."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME
        self._file = self._path.open("xb")
        sync_folder(folder)

    def note(self, *steps: Step) -> None:
        """Write steps down, in their order; they are durable when this returns."""
        lines = (json.dumps([step.kind, step.target, step.source, step.after]) for step in steps)
        self._file.write("".join(f"{line}\n" for line in lines).encode())
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self, *, done: bool) -> None:
        """Close the journal; when all is done nothing can be taken back any more."""
        self._file.close()
        if done:
            self._path.unlink()
            sync_folder(self._path.parent)


def is_pending(folder: Path) -> bool:
    """Tell whether a command left steps that are to be taken back."""
    return os.path.lexists(folder / NAME)


def roll_back(root: Path, folder: Path) -> None:
    """Take back the steps of the journal in a folder, last one first; raise OSError for what can't be.

    Whoever calls this has the right to change the governing files.
    """
    failures: list[OSError] = []
    for step in reversed(_steps(root, folder)):
        try:
            _take_back(root, step)
        except OSError as error:
            # One step that can't be taken back must not keep the others from being tried.
            failures.append(error)
    if failures:
        raise failures[0]
    (folder / NAME).unlink()


def _take_back(root: Path, step: Step) -> None:
    target, source = root / step.target, root / step.source
    match step.kind:
        case "move":
            # Where both are there the step was never taken.
            if os.path.lexists(target) and not os.path.lexists(source):
                os.rename(target, source)
        case "swap":
            if os.path.lexists(source):
                os.replace(source, target)
        case "make":
            with contextlib.suppress(OSError):
                target.rmdir()
        case _:
            _write_back(target, source if step.source else None, step.after)


def _write_back(target: Path, before: Path | None, after: str) -> None:
    if before and not before.exists():
        return  # it is back already
    if not target.exists() or hashlib.sha256(target.read_bytes()).hexdigest() == after:
        _put_back(target, before)
    elif target.name == LOCK:
        # A build has recorded files since; only the libraries go back.
        libraries = parse_lock(before.read_bytes()).libraries if before else {}
        write_lock(target, Lock(libraries, read_lock(target).immutable))
    # A manifest that a person has changed since is theirs.


def _put_back(target: Path, before: Path | None) -> None:
    if before is None:
        target.unlink(missing_ok=True)
        return
    try:
        # No room is needed for that, where the disk may be full.
        os.replace(before, os.path.realpath(target))
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        replace_file(target, before.read_bytes())


def _steps(root: Path, folder: Path) -> list[Step]:
    path = folder / NAME
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            data = file.read(_LARGEST)
        # What follows the last line's end was not durable, so its step was not taken.
        return [_step(root, line) for line in data.split(b"\n")[:-1]]
    except (ValueError, TypeError, RecursionError) as error:
        message = f"what an interrupted command left can't be read: {error}"
        hint = f"look into {folder.relative_to(root)}/ for files that you miss, then delete it"
        raise ConfigurationError([Problem("journal-damaged", message, str(path), hint=hint)]) from None


def _step(root: Path, line: bytes) -> Step:
    step = Step(*json.loads(line))
    if step.kind not in ("move", "swap", "make", "write") or not all(_is_ours(root, path) for path in _named(step)):
        raise ValueError("it names what no command may change")
    return step


def _named(step: Step) -> Iterator[str]:
    if step.kind != "write":
        yield step.target
    elif step.target not in (MANIFEST, LOCK):
        yield ""
    if step.source or step.kind in ("move", "swap"):
        yield step.source


def _is_ours(root: Path, path: object) -> bool:
    """Tell whether a path lies in the root, with real folders only on the way, and in no dot-folder but libraries'."""
    if not isinstance(path, str) or "\0" in path or path == FOLDER:
        return False
    parts = path.split("/")
    if any(part in ("", ".", "..") for part in parts) or (parts[0] != FOLDER and is_unlisted(path)):
        return False
    parent = os.path.dirname(path)
    return os.path.realpath(root / parent) == str(Path(os.path.realpath(root), parent))
