"""Whether what came in an archive may lie in this root: by its manifest, by both locks, by what lies there already.

Never lets a promise be broken, not even where a person says `--replace`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.libraries.spec import FOLDER
from cdnserve.libraries.transfer.index import not_exported
from cdnserve.libraries.transfer.unpacking import Unpacked
from cdnserve.libraries.wording import shown
from cdnserve.manifest import Lock, RuleMatcher, parse_manifest, read_lock
from cdnserve.manifest.governing import LOCK, MANIFEST
from cdnserve.manifest.lock import parse_lock, render_lock
from cdnserve.release.packages import library_folder
from cdnserve.release.promises import broken, promises
from cdnserve.release.sources import Content, Sources, read


@dataclass(frozen=True, slots=True)
class Verdict:
    """The paths that are new and those that lie there with other content; `lock` are the octets of the joined lock."""

    new: tuple[str, ...]
    replaced: tuple[str, ...]
    same: int
    lock: bytes


def judge(root: Path, unpacked: Unpacked, *, replace: bool) -> Verdict:
    """Decide about every file; raise ConfigurationError with everything that speaks against it."""
    incoming = _incoming_lock(unpacked)
    present = read_lock(root / LOCK)
    problems = [*_strangers(unpacked, incoming), *_conflicts(incoming, present)]
    for promised in (promises(incoming), promises(present)):
        problems += broken(promised, unpacked.contents)
    joined = Lock(
        {**present.libraries, **incoming.libraries},
        {**incoming.immutable, **present.immutable},
    )
    found = {path: _compare(root, path, content) for path, content in unpacked.contents.items() if path != LOCK}
    problems += [problem for problem in found.values() if isinstance(problem, Problem)]
    different = tuple(sorted(path for path, state in found.items() if state is False))
    if not replace:
        problems += [_different(path) for path in different]
    if problems:
        raise ConfigurationError(dict.fromkeys(problems))
    return Verdict(
        new=tuple(sorted(path for path, state in found.items() if state is None)),
        replaced=different,
        same=sum(state is True for state in found.values()),
        lock=b"" if joined == present and (root / LOCK).exists() else render_lock(joined),
    )


def _incoming_lock(unpacked: Unpacked) -> Lock:
    place = unpacked.places.get(LOCK)
    return parse_lock(place.read_bytes()) if place else Lock()


def _strangers(unpacked: Unpacked, lock: Lock) -> Iterator[Problem]:
    """Yield a problem for each file that neither a rule publishes nor a library of the lock has."""
    place = unpacked.places.get(MANIFEST)
    if place is None:
        raise not_exported("it has no manifest")
    try:
        text = place.read_bytes().decode()
    except UnicodeDecodeError:
        raise not_exported("its manifest is not UTF-8") from None
    find = RuleMatcher(parse_manifest(text).rules).find
    for path in unpacked.places:
        is_kept = library_folder(path).removeprefix(f"{FOLDER}/") in lock.libraries
        if path not in (MANIFEST, LOCK) and not is_kept and find(path) is None:
            message = "the archive holds a file that its manifest doesn't publish"
            hint = "cdnserve export writes no such thing: find out where the archive comes from"
            yield Problem("archive-member", message, "", shown(path), hint)


def _conflicts(incoming: Lock, present: Lock) -> Iterator[Problem]:
    for library, entry in incoming.libraries.items():
        known = present.libraries.get(library)
        if known and known.integrity != entry.integrity:
            message = f"{library}: the lock here records another tarball than the archive's"
            value = f"expected {known.integrity}, got {entry.integrity}"
            hint = "find out which of the two is the package before you remove either entry"
            yield Problem("import-lock", message, LOCK, value, hint)


def _compare(root: Path, path: str, content: Content) -> bool | Problem | None:
    """Tell whether a file lies there with the same content; `None` where nothing does."""
    # The manifest may be a symbolic link, and stays one.
    real = (root / path).resolve() if path == MANIFEST else root / path
    try:
        with Sources(str(real.parent.resolve() if path == MANIFEST else root.resolve())) as sources:
            found = read(sources, real.name if path == MANIFEST else path)
    except FileNotFoundError:
        return None
    if isinstance(found, Problem):
        message = "what lies here is no regular file, or can't be read"
        return Problem("import-place", message, shown(path), found.value, "move it away")
    return found.sha256 == content.sha256 if found else None


def _different(path: str) -> Problem:
    if path == MANIFEST:
        message = "the manifest here differs from the archive's"
        return Problem("import-differs", message, path, hint="to have the archive's: cdnserve import --replace")
    message = "the file here differs from the archive's"
    return Problem("import-differs", message, shown(path), hint="to have the archive's: cdnserve import --replace")
