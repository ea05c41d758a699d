"""A migration: what becomes of every address on a public CDN in a set of pages, decided before anything is written.

Never changes anything: whoever asked for the plan carries it out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.libraries import Progress, Settings
from cdnserve.libraries.migrating import Asked, Opened, as_npm, opened, unpublished
from cdnserve.libraries.own_pages import OwnPage
from cdnserve.manifest import Manifest
from cdnserve.rules.public_cdns import Mapped, PackageFile, Unmapped, cdn_of, read_address
from cdnserve.snippets import of_file, public_url
from cdnserve.snippets.counterparts import AbsentError, Use, find_counterpart
from cdnserve.snippets.pages.decoding import CARRIED, decode
from cdnserve.snippets.pages.scan import scan
from cdnserve.snippets.pages.tag import Page
from cdnserve.snippets.references import Reference, find_references, names_of
from cdnserve.snippets.rewriting import Counterpart, Decided, differs, rewrite

Fate = Literal["moved", "left", "unneeded", "needed"]
"""What becomes of a reference; hints are `unneeded` or still `needed`."""

DIFFERS = "its integrity is not that of npm's file: the CDN's file differs from npm's"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes of one reference, to which URLs, and why it is left or what else changes."""

    reference: Reference
    fate: Fate
    urls: tuple[str, ...] = ()
    remark: str = ""


@dataclass(frozen=True, slots=True)
class PagePlan:
    """One page: its text and codec, what becomes of its references, and its text then."""

    file: OwnPage
    text: str
    codec: str
    outcomes: tuple[Outcome, ...]
    after: str

    @property
    def is_changed(self) -> bool:
        """Tell whether the page will have other content."""
        return self.text != self.after

    @property
    def data(self) -> bytes:
        """The octets of the page then."""
        return self.after.encode(self.codec, CARRIED)


@dataclass(frozen=True, slots=True)
class Plan:
    """All pages, and the libraries (NAME@VERSION) that they will load."""

    pages: tuple[PagePlan, ...]
    libraries: tuple[str, ...]

    @property
    def left(self) -> int:
        """How many references stay as they are though they load something."""
        return sum(outcome.fate == "left" for page in self.pages for outcome in page.outcomes)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every page of a migration shares."""

    root: Path
    manifest: Manifest
    site_url: str
    settings: Settings
    progress: Progress | None


@dataclass(frozen=True, slots=True)
class _Scanned:
    file: OwnPage
    page: Page
    codec: str
    references: tuple[Reference, ...]
    names: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Found:
    """The files that a reference's address stands for, and the libraries that they belong to."""

    counterparts: tuple[Counterpart, ...]
    libraries: tuple[str, ...]
    remark: str


def make_plan(files: Sequence[OwnPage], around: Surroundings) -> Plan:
    """Decide what becomes of every reference; raise ConfigurationError for what makes a migration impossible."""
    scanned = _scan_all(files)
    wanted = {asked for one in scanned for reference in one.references for asked in _packages(reference)}
    with ExitStack() as stack:
        shelf = stack.enter_context(opened(wanted, around.root, around.settings, around.progress)) if wanted else {}
        found = [{reference: _find(reference, one, shelf) for reference in one.references} for one in scanned]
    moved = [one for page in found for one in page.values() if isinstance(one, _Found)]
    libraries = dict.fromkeys(library for one in moved for library in one.libraries)
    paths = (counterpart.path for one in moved for counterpart in one.counterparts)
    if problems := unpublished((path for path in paths if not path.endswith("/")), around.manifest):
        raise ConfigurationError(problems)
    pages = (_page_plan(one, decided, around.site_url) for one, decided in zip(scanned, found, strict=True))
    return Plan(tuple(pages), tuple(libraries))


def _scan_all(files: Iterable[OwnPage]) -> list[_Scanned]:
    scanned: list[_Scanned] = []
    problems: list[Problem] = []
    for file in files:
        try:
            text, codec = decode(file.data)
            page = scan(text)
        except ConfigurationError as error:
            problems += (_at(problem, file.path) for problem in error.problems)
        else:
            scanned.append(_Scanned(file, page, codec, find_references(page), names_of(page)))
    if problems:
        raise ConfigurationError(problems)
    return scanned


def _at(problem: Problem, path: Path) -> Problem:
    return replace(problem, where=str(path))


def _asked(reference: Reference) -> Mapped | Unmapped | None:
    """Read the address; files are named as npm does."""
    if reference.reason or reference.role == "hint":
        return None
    read = read_address(reference.url)
    if not isinstance(read, Mapped):
        return read
    return Mapped(read.cdn, tuple(as_npm(file, read.cdn) for file in read.files), read.remark)


def _packages(reference: Reference) -> Iterable[Asked]:
    asked = _asked(reference)
    return ((file.name, file.requirement) for file in asked.files) if isinstance(asked, Mapped) else ()


def _find(reference: Reference, scanned: _Scanned, shelf: Mapping[Asked, Opened | str]) -> _Found | str:
    """Give the files that take an address's place, or why there are none (`""` for what loads nothing)."""
    if reference.reason or reference.role == "hint":
        return reference.reason
    asked = _asked(reference)
    if not isinstance(asked, Mapped):
        return asked.reason if asked else "its address can't be read"
    if asked.files[0].family and reference.role != "style":
        return "a stylesheet of fonts is loaded as something else here"
    use = Use(reference.role == "style", reference.role == "import", scanned.names)
    files: list[Counterpart] = []
    libraries: dict[str, None] = {}
    for file in asked.files:
        package = shelf[file.name, file.requirement]
        if isinstance(package, str):
            return package
        try:
            files.append(_counterpart(file, package, use))
        except AbsentError as error:
            return str(error)
        libraries[str(package.spec)] = None
    if differs(reference, files):
        return DIFFERS
    return _Found(tuple(files), tuple(libraries), _remark(asked, files))


def _counterpart(asked: PackageFile, package: Opened, use: Use) -> Counterpart:
    path = find_counterpart(asked, package, use)
    if path.endswith("/"):
        return Counterpart(f"{package.spec.folder}/{path.lstrip('/')}")
    return Counterpart(f"{package.spec.folder}/{path}", of_file(path, package.source(path)).digests)


def _remark(asked: Mapped, files: Sequence[Counterpart]) -> str:
    first = asked.files[0]
    if first.is_built:
        return f"the package's own module, where {asked.cdn} has one that it made of it"
    made = first.files and first.files[0].endswith((".min.js", ".min.css")) and "jsdelivr" in first.fields
    if made and not files[0].path.endswith(f"/{first.files[0]}"):
        return f"{asked.cdn} made {first.files[0]} itself; the package has the file that it is made of"
    return asked.remark


def _page_plan(scanned: _Scanned, found: Mapping[Reference, _Found | str], site_url: str) -> PagePlan:
    left = {cdn_of(reference.url) for reference, one in found.items() if isinstance(one, str) and one}
    outcomes = tuple(_outcome(reference, one, left, site_url) for reference, one in found.items())
    decided = [Decided(reference, one.counterparts) for reference, one in found.items() if isinstance(one, _Found)]
    after = rewrite(scanned.page, decided, site_url)
    return PagePlan(scanned.file, scanned.page.text, scanned.codec, outcomes, after)


def _outcome(reference: Reference, found: _Found | str, left: set[str], site_url: str) -> Outcome:
    if isinstance(found, _Found):
        urls = tuple(public_url(counterpart.path, site_url) for counterpart in found.counterparts)
        return Outcome(reference, "moved", urls, found.remark)
    if reference.role != "hint":
        return Outcome(reference, "left", remark=found)
    if cdn_of(reference.url) in left:
        return Outcome(reference, "needed", remark="something of this CDN is left")
    return Outcome(reference, "unneeded", remark="nothing is loaded from there any more; it can be taken out")
