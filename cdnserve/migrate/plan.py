"""A migration: what becomes of every address on a public CDN in a set of pages, decided before anything is written.

Never changes anything: whoever asked for the plan carries it out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cdnserve.cdns.registry import cdn_of
from cdnserve.errors import Problems
from cdnserve.manifest.model import Manifest
from cdnserve.markup.decode import CARRIED, decode
from cdnserve.markup.files import OwnPage, is_template
from cdnserve.markup.loads import inline_imports
from cdnserve.markup.parser import scan
from cdnserve.markup.urls import authority, resolve
from cdnserve.migrate.counterpart import CounterpartFiles, Left, Scanned, find, lacking, packages
from cdnserve.migrate.packages import earlier_version, opened, unpublished
from cdnserve.migrate.references import Reference, find_references, names_of
from cdnserve.migrate.rewrite import Decided, new_url, rewrite
from cdnserve.npm.settings import DownloadProgress, NpmSettings

Fate = Literal["moved", "left", "unneeded", "needed", "unknown"]
"""What becomes of a reference; hints are `unneeded` or still `needed`, and only a template knows the `unknown`."""


@dataclass(frozen=True, slots=True)
class ReferenceOutcome:
    """What becomes of one reference, to which URLs, and why it is left or what else changes.

    `kind` is what its reason has in common with others.
    """

    reference: Reference
    fate: Fate
    urls: tuple[str, ...] = ()
    remark: str = ""
    kind: str = ""


@dataclass(frozen=True, slots=True)
class PagePlan:
    """One page: its text and codec, what becomes of its references, and its text then."""

    file: OwnPage
    text: str
    codec: str
    outcomes: tuple[ReferenceOutcome, ...]
    after: str

    @property
    def is_changed(self) -> bool:
        """Return whether the page will have other content."""
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
        return sum(self.reasons.values())

    @property
    def reasons(self) -> Counter[str]:
        """How many of these there are of each kind."""
        return self._kinds("left")

    @property
    def unknown(self) -> int:
        """How many references only a template knows."""
        return sum(self._kinds("unknown").values())

    def _kinds(self, fate: Fate) -> Counter[str]:
        return Counter(one.kind for page in self.pages for one in page.outcomes if one.fate == fate)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every page of a migration shares."""

    root: Path
    manifest: Manifest
    site_url: str
    settings: NpmSettings
    progress: DownloadProgress | None
    hosts: tuple[str, ...] = ()

    @property
    def where(self) -> tuple[Path, NpmSettings, DownloadProgress | None]:
        """What the registry is asked with."""
        return self.root, self.settings, self.progress

    @property
    def own(self) -> frozenset[str]:
        """The hosts that are no strangers: that of the base URL and `hosts`, with a scheme or without."""
        named = (host if "//" in host else f"//{host}" for host in self.hosts)
        return frozenset(authority(resolve("", url)) for url in (self.site_url, *named))


def make_plan(files: Sequence[OwnPage], around: Surroundings) -> Plan:
    """Decide what becomes of every reference; raise ConfigurationError for what makes a migration impossible."""
    scanned = _scan_all(files, around.own)
    wanted = {asked for one in scanned for reference in one.references for asked in packages(reference)}
    with ExitStack() as stack:
        shelf = dict(stack.enter_context(opened(wanted, *around.where))) if wanted else {}
        references = [reference for one in scanned for reference in one.references]
        gone = dict(pair for reference in references for pair in lacking(reference, shelf))
        earlier = {file: old for file, new in gone.items() if (old := earlier_version(file, new, *around.where))}
        if earlier:
            shelf |= stack.enter_context(opened({(file.name, old) for file, old in earlier.items()}, *around.where))
        found = [{reference: find(reference, one, shelf, earlier) for reference in one.references} for one in scanned]
    moved = [one for page in found for one in page.values() if isinstance(one, CounterpartFiles)]
    libraries = dict.fromkeys(library for one in moved for library in one.libraries)
    loaded = (file for one in moved for first in one.counterparts for file in (first, *first.modules))
    Problems(unpublished((file.path for file in loaded if file.digests), around.manifest)).raise_errors()
    pages = (_page_plan(one, decided, around.site_url) for one, decided in zip(scanned, found, strict=True))
    return Plan(tuple(pages), tuple(libraries))


def _scan_all(files: Iterable[OwnPage], own: frozenset[str]) -> list[Scanned]:
    scanned: list[Scanned] = []
    problems = Problems()
    for file in files:
        with problems.caught(str(file.path)):
            text, codec = decode(file.data)
            # What is there for browsers without scripts points to the same CDNs.
            page = scan(text, scripting=False, template=is_template(file.path))
            imported = frozenset(specifier for _, specifier in inline_imports(page))
            scanned.append(Scanned(file, page, codec, find_references(page, own), names_of(page), imported))
    problems.raise_errors()
    return scanned


def _page_plan(scanned: Scanned, found: Mapping[Reference, CounterpartFiles | Left], site_url: str) -> PagePlan:
    left = {cdn_of(reference.url) for reference, one in found.items() if isinstance(one, Left) and one.reason}
    outcomes = tuple(_outcome(reference, one, left, site_url) for reference, one in found.items())
    decided = [
        Decided(reference, one.counterparts) for reference, one in found.items() if isinstance(one, CounterpartFiles)
    ]
    after = rewrite(scanned.page, decided, site_url)
    return PagePlan(scanned.file, scanned.page.text, scanned.codec, outcomes, after)


def _outcome(reference: Reference, found: CounterpartFiles | Left, left: set[str], site_url: str) -> ReferenceOutcome:
    if isinstance(found, CounterpartFiles):
        urls = tuple(new_url(reference, counterpart, site_url) for counterpart in found.counterparts)
        return ReferenceOutcome(reference, "moved", urls, found.remark)
    if reference.role != "hint":
        fate: Fate = "unknown" if reference.role == "unknown" else "left"
        return ReferenceOutcome(reference, fate, remark=found.reason, kind=found.kind or found.reason)
    if cdn_of(reference.url) in left:
        return ReferenceOutcome(reference, "needed", remark="something of this CDN is left")
    return ReferenceOutcome(reference, "unneeded", remark="nothing is loaded from there any more; it can be taken out")
