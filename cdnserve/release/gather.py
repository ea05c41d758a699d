"""Gathering: the content of every public file, read again only where it may have changed.

A timestamp that a later change could share proves nothing (what git calls a racily clean entry).
"""

from __future__ import annotations

import time
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field

from cdnserve.display import printable
from cdnserve.errors import Problem
from cdnserve.release.blobs import Blobs
from cdnserve.release.catalog import Asset, Catalog
from cdnserve.release.read import SETTLING_SECONDS, FileContent, Sources, read, unstable
from cdnserve.release.scan import Signature, Tree
from cdnserve.release.state_files import FileIndex
from cdnserve.release.writer import BuildProgress, Writer
from cdnserve.rules.charsets import Charset
from cdnserve.rules.media_types import lacks_charset

# Kernels stamp files with a clock that ticks every 1 to 10 ms; file systems without fractions tick every 1 or 2 s.
_TICK = 20_000_000
_COARSE_TICK = 2_000_000_000
_SECOND = 1_000_000_000


@dataclass(slots=True)
class GatheredFiles:
    """Contents by logical path, what was wrong, and the paths whose signatures prove nothing yet.

    The `unquiet` ones are still being written. `remarks` are warnings of files that are public all the same, told when
    they are read; no build fails for them.
    """

    contents: dict[str, FileContent]
    problems: list[Problem] = field(default_factory=list)
    doubtful: set[str] = field(default_factory=set)
    unquiet: list[str] = field(default_factory=list)
    remarks: list[Problem] = field(default_factory=list)

    def join(self, other: GatheredFiles) -> None:
        """Take over what another gathering found."""
        self.contents |= other.contents
        self.problems += other.problems
        self.doubtful |= other.doubtful
        self.remarks += other.remarks
        self.unquiet += other.unquiet

    def leave(self, path: str, asset: Asset | None) -> None:
        """Leave a file as it was released, or out where it never was."""
        self.doubtful.add(path)
        self.contents.pop(path, None)
        if asset:
            modified = (asset.last_modified or 0) * _SECOND
            as_released = (asset.identity.size, modified, 0, modified)
            self.contents[path] = _known(asset, as_released)

    def signatures(self, tree: Tree) -> dict[str, Signature]:
        """Return the signatures by which the next build can tell what changed; without the doubtful ones."""
        found = {path: signature for path, signature in tree.signatures().items() if path not in self.doubtful}
        return {path: self.contents[path].signature if path in self.contents else found[path] for path in found}


def take_known(
    paths: Iterable[str], tree: Tree, index: FileIndex | None, previous: Catalog | None, there: Container[str]
) -> GatheredFiles:
    """Take over the contents of files that are as they were when `previous` was made, without opening them."""
    gathered = GatheredFiles({})
    if not index or not previous or index.number != previous.number:
        return gathered
    before, now = index.signatures(), tree.signatures()
    for path in paths:
        asset = previous.assets.get(path)
        if asset and before.get(path) == now[path] and asset.identity.sha256.hex() in there:
            gathered.contents[path] = _known(asset, now[path])
    return gathered


def _known(asset: Asset, signature: Signature) -> FileContent:
    looks = Charset(asset.form, asset.declared) if asset.form else None
    return FileContent(asset.identity.sha256, asset.sha384, asset.sha512, signature, looks)


def gather(
    paths: Iterable[str],
    tree: Tree,
    writer: Writer,
    promised: Mapping[str, bytes],
    progress: BuildProgress,
    *,
    only_quiet: bool = False,
) -> GatheredFiles:
    """Read files and store their bytes, but none that break a promise; where asked, `only_quiet` ones."""
    signatures = tree.signatures()
    ordered = sorted((tree.real(path).rpartition("/")[::2], path) for path in paths)
    gathered = GatheredFiles({})
    if not ordered:
        return gathered
    start = settle(writer, max(signatures[path][3] for _, path in ordered))
    progress.start("reading", len(ordered), sum(signatures[path][0] for _, path in ordered))
    try:
        with Sources(tree.root) as sources, Blobs(writer.state, writer.proved) as blobs:
            for _, path in ordered:
                quiet = signatures[path] if only_quiet else None
                found = read(sources, tree.real(path), blobs, promised.get(path), quiet=quiet)
                if only_quiet and found in (None, unstable(tree.real(path))):
                    gathered.unquiet.append(path)
                else:
                    _take(gathered, path, found, start)
                progress.advance(1, signatures[path][0])
    finally:
        progress.finish()
    return gathered


def confirm(contents: Mapping[str, FileContent], tree: Tree, writer: Writer, *, rested: bool) -> list[str]:
    """Return the files that are not as they were read any more, or that somebody has open for writing.

    Where the system doesn't say who writes, a young file gets time to change, unless it has `rested` already.
    """
    with Sources(tree.root) as sources:
        quiet = {path: sources.is_quiet(tree.real(path), content.signature) for path, content in contents.items()}
        unsure = [path for path, is_quiet in quiet.items() if is_quiet is None]
        newest = max((contents[path].signature[3] for path in unsure), default=0)
        if not rested and newest > writer.clock() - SETTLING_SECONDS * _SECOND:
            time.sleep(SETTLING_SECONDS)
            quiet |= {path: sources.is_quiet(tree.real(path), contents[path].signature) for path in unsure}
    return [path for path, is_quiet in quiet.items() if is_quiet is False]


def _take(gathered: GatheredFiles, path: str, content: FileContent | Problem | None, start: int) -> None:
    if isinstance(content, FileContent):
        gathered.contents[path] = content
        if content.looks and lacks_charset(path, content.looks.form, declared=content.looks.declared):
            gathered.remarks.append(_not_utf8(path, content.looks))
        if not is_proof(content.signature, start):
            gathered.doubtful.add(path)
        return
    gathered.doubtful.add(path)
    if content:
        gathered.problems.append(content)


def _not_utf8(path: str, looks: Charset) -> Problem:
    is_svgz = path.lower().endswith(".svgz")
    return Problem(
        "text-not-utf-8",
        "no browser shows it: it is neither SVG in UTF-8 nor whole gzip"
        if is_svgz
        else "the text is not UTF-8, so it is sent without a charset",
        where=f"{printable(path)}:{looks.line}",
        value=f"octet {looks.flaw}",
        hint="compress the SVG again"
        if is_svgz
        else "save it as UTF-8; else a browser takes the encoding of the page for it, or guesses",
        warning=True,
    )


def is_proof(signature: Signature, start: int) -> bool:
    """Return whether any change after `start` would give the file another ctime; both in nanoseconds.

    >>> is_proof((1, 0, 1, 500_000_001), 600_000_000), is_proof((1, 0, 1, 590_000_001), 600_000_000)
    (True, False)
    """
    changed = signature[3]
    return changed + (_TICK if changed % _SECOND else _COARSE_TICK) <= start


def settle(writer: Writer, newest: int) -> int:
    """Wait until the clock has moved on from the newest file, if that is a matter of milliseconds; give the time."""
    while 0 < newest + _TICK - (now := writer.clock()) <= _TICK:
        time.sleep((newest + _TICK - now) / _SECOND)
    return now
