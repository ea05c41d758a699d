"""What an archive has to hold: manifest, lock, all public files, and the libraries' folders whole.

Never takes a file that is neither public nor a library's, and never one that breaks a promise of the lock.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.libraries.archives.archive import ForbiddenError, Member
from cdnserve.libraries.archives.gunzip import OversizeError
from cdnserve.libraries.archives.members import Names, inner_path
from cdnserve.libraries.spec import FOLDER
from cdnserve.libraries.transfer.index import OUTERMOST, Entry
from cdnserve.libraries.wording import shown
from cdnserve.manifest import Lock, RuleMatcher, inspect_manifest, read_lock
from cdnserve.manifest.governing import LOCK, MANIFEST
from cdnserve.release.promises import broken, promises
from cdnserve.release.scan import scan
from cdnserve.release.sources import Content, Sources, read

LONGEST_PATH = 1024
MOST_NAMES = 1_000_000


@dataclass(frozen=True, slots=True)
class Load:
    """What goes into an archive: the governing files' content, the real paths of all others, and the index of all.

    Real paths are relative to the root and free of symbolic links.
    """

    root: str
    governing: dict[str, bytes]
    files: dict[str, str]
    entries: dict[str, Entry]
    warnings: tuple[Problem, ...]


def gather(root: str, without: str) -> Load:
    """Read every file once, for its digest; raise ConfigurationError with every problem.

    `root` is a real path; `without` is the folder of releases where it lies in the root, else `""`.
    """
    reading, lock = inspect_manifest(Path(root, MANIFEST)), read_lock(Path(root, LOCK))
    tree = scan(root, without)
    find = RuleMatcher(reading.manifest.rules).find
    public = {path: tree.real(path) for path in tree.names if find(path) is not None}
    absent = [_absent(library) for library in lock.libraries if not Path(root, FOLDER, library).is_dir()]
    files = dict(sorted((public | dict(_libraries(root, lock))).items()))
    contents, problems = _read(root, files)
    told = (*absent, *problems, *tree.problems, *broken(promises(lock), contents), *_names(files))
    if any(not problem.warning for problem in told):
        raise ConfigurationError([problem for problem in told if not problem.warning])
    governing = {name: Path(root, name).read_bytes() for name in (MANIFEST, LOCK) if Path(root, name).is_file()}
    entries = {path: Entry(content.size, content.sha256.hex()) for path, content in contents.items()}
    kept = {path: files[path] for path in contents}
    return Load(root, governing, kept, entries, (*reading.warnings, *told))


def _libraries(root: str, lock: Lock) -> Iterator[tuple[str, str]]:
    """Give every file in the folders of the locked libraries, dot-files and licences too."""
    for library in lock.libraries:
        for parent, _, names in os.walk(os.path.join(root, FOLDER, library)):
            for name in names:
                path = os.path.relpath(os.path.join(parent, name), root)
                if not os.path.islink(os.path.join(root, path)):
                    yield path, path


def _read(root: str, files: dict[str, str]) -> tuple[dict[str, Content], list[Problem]]:
    contents: dict[str, Content] = {}
    problems: list[Problem] = []
    with Sources(root) as sources:
        for path, real in files.items():
            found = read(sources, real)
            if isinstance(found, Content):
                contents[path] = found
            elif found:
                problems.append(found)
    return contents, problems


def _names(files: dict[str, str]) -> Iterator[Problem]:
    """Yield a problem for each name that `import` would refuse, because it isn't one file on every system."""
    names = Names(MOST_NAMES, LONGEST_PATH)
    for path in files:
        member = Member(OUTERMOST + path, is_folder=False, size=0, modified=0)
        try:
            names.add(inner_path(member.name), member)
        except (ForbiddenError, OversizeError) as error:
            message = f"this can't be unpacked everywhere: {error}"
            yield Problem("export-name", message, shown(path), hint="rename it, or leave it out of every rule")


def _absent(library: str) -> Problem:
    message = "the lock has this library, but it is not here"
    return Problem("export-absent", message, f"{FOLDER}/{library}", hint="run cdnserve sync")
