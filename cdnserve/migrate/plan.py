"""The plan of a migration: what becomes of every address on another host in a set of pages; and carrying it out."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from types import MappingProxyType
from typing import Literal

from cdnserve.cdns.mapped import Mapped
from cdnserve.cdns.registry import SERVICES, cdn_of, read_address
from cdnserve.errors import ConfigurationError, Problem, Problems
from cdnserve.manifest.files import LOCK, MANIFEST
from cdnserve.manifest.lock import read_lock
from cdnserve.manifest.model import Manifest
from cdnserve.manifest.reader import parse_manifest, read_manifest
from cdnserve.markup.files import CARRIED, OnPage, OwnPage, decode, is_template, read_own_pages, write_own_pages
from cdnserve.markup.loads import inline_imports
from cdnserve.markup.parser import scan
from cdnserve.markup.urls import authority, resolve
from cdnserve.migrate import counterpart, references
from cdnserve.migrate.counterpart import Left, Moved, ScannedPage, each_face_once, find_counterparts, lacking, requested
from cdnserve.migrate.loaded import LibraryPart, library_parts
from cdnserve.migrate.made import NOT_MADE, with_made
from cdnserve.migrate.packages import RegistryAccess, as_npm, earlier_version, unpack, unpublished
from cdnserve.migrate.references import Reference, find_references, names_of
from cdnserve.migrate.rewrite import Replacement, new_url, rewrite
from cdnserve.npm.add import AddOptions, add
from cdnserve.npm.apply import Added
from cdnserve.npm.download import DownloadProgress, Silent
from cdnserve.npm.settings import NpmSettings
from cdnserve.rules.semver import is_package_name, is_requirement

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
    """All pages, the libraries (NAME@VERSION) that they will load, and the parts of these where not all is hosted.

    Of those that are `made`, ES modules are.
    """

    pages: tuple[PagePlan, ...]
    libraries: tuple[str, ...]
    parts: tuple[LibraryPart, ...] = ()
    made: tuple[str, ...] = ()

    @property
    def left(self) -> int:
        """How many references stay as they are though they load something."""
        return sum(self.reasons.values())

    @property
    def reasons(self) -> Counter[str]:
        """How many of these there are of each kind."""
        return self._kinds("left")

    @property
    def remedies(self) -> dict[str, str]:
        """What would resolve each of these kinds."""
        urls = {kind: [one.reference.url for one in self._left if one.kind == kind] for kind in self.reasons}
        return {kind: _remedy(kind, of_kind) for kind, of_kind in urls.items()}

    @property
    def _left(self) -> list[ReferenceOutcome]:
        return [one for page in self.pages for one in page.outcomes if one.fate == "left"]

    @property
    def unknown(self) -> int:
        """How many references only a template knows."""
        return sum(self._kinds("unknown").values())

    def _kinds(self, fate: Fate) -> Counter[str]:
        return Counter(one.kind for page in self.pages for one in page.outcomes if one.fate == fate)


_AGAIN = "then run the command again"
_OWN_FILE = "put the file into the root, and write the tag that cdnserve sri PATH prints"
_BY_HAND = "{add}, and write the address that cdnserve sri prints there by hand"
_REMEDIES: Mapping[str, str] = MappingProxyType({
    references.IN_SCRIPT: _BY_HAND,
    references.IN_STYLE: _BY_HAND,
    references.IN_DATA: _BY_HAND,
    references.IN_CODE: _BY_HAND,
    references.TEMPLATED_MAP: _BY_HAND,
    references.MAP_IN_POLICY: _BY_HAND,
    references.MAP_ELSEWHERE: _BY_HAND,
    references.IN_SVG: f"load it by an HTML script tag, {_AGAIN}",
    references.IN_KEY: "take the key out once nothing of the CDN is loaded",
    references.NO_JSON: f"correct the import map, {_AGAIN}",
    references.NO_SCRIPT: f"take the tag out, or correct its type, {_AGAIN}",
    references.IN_POLICY: "write the site's own URL there in place of the CDN's",
    references.NOT_LOADED: f'take the link out, or say rel="preload", {_AGAIN}',
    references.IN_AMP: "nothing would: AMP demands it",
    references.TEMPLATED: f"write the whole address out, {_AGAIN}",
    references.MAP_LATE: f"put the import map before all modules, {_AGAIN}",
    counterpart.UNKNOWN_HOST: f"if it is yours, say {{hosts}}; if not, {_OWN_FILE}",
    counterpart.IN_RAZOR: _BY_HAND,
    counterpart.NOT_ON_NPM: f"correct name and version, {_AGAIN}",
    counterpart.NOT_IN_PACKAGE: f"name a file that the package has, {_AGAIN}; {{add}} to see what it has",
    NOT_MADE: f"look for a package that browsers can use, {_AGAIN}",
    counterpart.DIFFERS: f"if npm's file will do, take integrity out of the tag, {_AGAIN}",
    counterpart.NOT_VOUCHED: "find out which npm package it is, add it, and write the tag that cdnserve sri prints",
    counterpart.FONTS_AS_OTHER: f'load it by <link rel="stylesheet">, {_AGAIN}',
})  # fmt: skip
_OF_CDN = f"{_OWN_FILE}, unless the reason says what else to do; {{hosts}} keeps it"
_OF_SERVICE = "nothing but its own host would do: {hosts} keeps it"
_MOST_NAMED = 5


def _remedy(kind: str, urls: Sequence[str]) -> str:
    """Return what would resolve a reason, with a command where there is one."""
    packages = dict.fromkeys(pair for url in urls for pair in _packages(url))
    specs = [f"{name}@{wanted}" if wanted else name for name, wanted in packages]
    hosts = dict.fromkeys(authority(resolve("", url)) for url in urls)
    add = f"run cdnserve add {' '.join(map(quote, specs[:_MOST_NAMED]))}" if specs else "put the file into the root"
    named = " ".join(f"--host {quote(host)}" for host in [*hosts][:_MOST_NAMED])
    return _REMEDIES.get(kind, _OF_SERVICE if hosts.keys() <= SERVICES else _OF_CDN).format(add=add, hosts=named)


def _packages(url: str) -> Iterator[tuple[str, str]]:
    """Yield the npm packages that an address surely stands for, with their requirements."""
    found = read_address(url)
    for file in found.files if isinstance(found, Mapped) else ():
        one = as_npm(file, found.cdn) if isinstance(found, Mapped) else file
        if one.is_vouched and is_package_name(one.name) and (not one.requirement or is_requirement(one.requirement)):
            yield one.name, one.requirement


@dataclass(frozen=True, slots=True)
class MigrateOptions:
    """The public base URL, `""` for the manifest's, `hosts` to load from as before, and whether nothing is changed.

    Where it is `lean`, only the files are hosted that pages name, and those that these load.
    """

    url: str = ""
    hosts: tuple[str, ...] = ()
    dry_run: bool = False
    lean: bool = False


@dataclass(frozen=True, slots=True)
class Migration:
    """What was decided, what was added for it, and which libraries were absent before it."""

    plan: Plan
    added: Added
    absent: tuple[str, ...]


def migrate(
    targets: Sequence[Path],
    root: Path,
    options: MigrateOptions,
    settings: NpmSettings,
    progress: DownloadProgress | None,
    on_page: OnPage = lambda _, __: None,
) -> Migration:
    """Host what pages load from public CDNs, and rewrite the pages; raise ConfigurationError before any change.

    `on_page` hears as each page's turn comes which it is, and of how many.
    """
    manifest = read_manifest(root / MANIFEST)
    pages = read_own_pages(targets, root)
    site_url = _site_url(options.url, manifest, root / MANIFEST)
    access = RegistryAccess(root, settings, progress or Silent(), whole=options.lean)
    scanned = _scan_all(pages, _own_hosts(site_url, options.hosts), on_page)
    plan = make_plan(scanned, manifest, site_url, access)
    added, hosted = Added((), ()), read_lock(root / LOCK).libraries
    made = {library for library, one in hosted.items() if one.esm}
    absent = (*(one for one in plan.libraries if one not in hosted), *(one for one in plan.made if one not in made))
    if not options.dry_run:
        if plan.libraries:
            parts = {part.name: part.files for part in plan.parts}
            added = add(root, plan.libraries, settings, progress, AddOptions(parts=parts))
        if plan.made:
            more = add(root, plan.made, settings, progress, AddOptions(esm=True))
            added = Added((*added.libraries, *more.libraries), (*added.warnings, *more.warnings))
        write_own_pages([(page.file, page.data) for page in plan.pages if page.is_changed])
    return Migration(plan, added, absent)


def _site_url(url: str, manifest: Manifest, path: Path) -> str:
    if url:
        # It is checked as the manifest's is.
        return parse_manifest(f"schema = 1\n[site]\nurl = {json.dumps(url)}\n", "--url").site.url
    if manifest.site.url:
        return manifest.site.url
    message = "pages of other origins need a whole URL, and the manifest has none"
    hint = 'say --url https://cdn.example.com, or put url = "https://cdn.example.com" below [site]'
    raise ConfigurationError([Problem("migration-without-url", message, str(path), hint=hint)])


def make_plan(pages: Sequence[ScannedPage], manifest: Manifest, site_url: str, access: RegistryAccess) -> Plan:
    """Decide what becomes of every reference to another host; raise ConfigurationError where none can be moved."""
    found, parts = _find_all(pages, access)
    moved = [one for page in found for one in page.values() if isinstance(one, Moved)]
    _check_published(moved, manifest)
    made = dict.fromkeys(library for one in moved for library in one.made)
    libraries = dict.fromkeys(library for one in moved for library in one.libraries if library not in made)
    plans = (_page_plan(page, decided, site_url) for page, decided in zip(pages, found, strict=True))
    return Plan(tuple(plans), tuple(libraries), parts, tuple(made))


def _own_hosts(site_url: str, hosts: Iterable[str]) -> frozenset[str]:
    named = (host if "//" in host else f"//{host}" for host in hosts)
    return frozenset(authority(resolve("", url)) for url in (site_url, *named))


def _scan_all(files: Sequence[OwnPage], own_hosts: frozenset[str], on_page: OnPage) -> list[ScannedPage]:
    pages: list[ScannedPage] = []
    problems = Problems()
    for number, file in enumerate(files, 1):
        on_page(number, len(files))
        with problems.caught(str(file.path)):
            text, codec = decode(file.data)
            # What is there for browsers without scripts points to the same CDNs.
            page = scan(text, scripting=False, template=is_template(file.path))
            imported = frozenset(specifier for _, specifier in inline_imports(page))
            pages.append(ScannedPage(file, page, codec, find_references(page, own_hosts), names_of(page), imported))
    problems.raise_errors()
    return pages


def _find_all(
    pages: Sequence[ScannedPage], access: RegistryAccess
) -> tuple[list[dict[Reference, Moved | Left]], tuple[LibraryPart, ...]]:
    """Look into the packages that the pages ask for: find the counterparts of each page's references, and their parts.

    Where whole libraries are hosted, there are no parts.
    """
    every = [reference for page in pages for reference in page.references]
    requests = {request for reference in every for request in requested(reference)}
    if not requests:
        return [{one: find_counterparts(one, page, {}, {}) for one in page.references} for page in pages], ()
    with ExitStack() as stack:
        packages = dict(stack.enter_context(unpack(requests, access)))
        gone = dict(pair for reference in every for pair in lacking(reference, packages))
        earlier = {file: old for file, newest in gone.items() if (old := earlier_version(file, newest, access))}
        if earlier:
            packages |= stack.enter_context(unpack({(file.name, old) for file, old in earlier.items()}, access))
        found = [{one: find_counterparts(one, page, packages, earlier) for one in page.references} for page in pages]
        found = [with_made(page, decided, access) for page, decided in zip(pages, found, strict=True)]
        moved = (one for decided in found for one in decided.values() if isinstance(one, Moved) and not one.made)
        manifest, lock = read_manifest(access.root / MANIFEST), read_lock(access.root / LOCK)
        return found, library_parts(moved, packages, manifest, lock) if access.whole else ()


def _check_published(moved: Iterable[Moved], manifest: Manifest) -> None:
    files = (file for one in moved for first in one.counterparts for file in (first, *first.modules))
    Problems(unpublished((file.path for file in files if file.digests), manifest)).raise_errors()


def _page_plan(page: ScannedPage, found: Mapping[Reference, Moved | Left], site_url: str) -> PagePlan:
    left = {cdn_of(reference.url) for reference, one in found.items() if isinstance(one, Left) and one.reason}
    found = each_face_once(page.page, found)
    outcomes = tuple(_outcome(reference, one, left, site_url) for reference, one in found.items())
    replacements = [
        Replacement(reference, one.counterparts) for reference, one in found.items() if isinstance(one, Moved)
    ]
    after = rewrite(page.page, replacements, site_url)
    return PagePlan(page.file, page.page.text, page.codec, outcomes, after)


def _outcome(reference: Reference, found: Moved | Left, left: set[str], site_url: str) -> ReferenceOutcome:
    if isinstance(found, Moved):
        urls = tuple(new_url(reference, file, site_url) for file in found.counterparts)
        return ReferenceOutcome(reference, "moved", urls, found.remark)
    if reference.role != "hint":
        fate: Fate = "unknown" if reference.role == "unknown" else "left"
        return ReferenceOutcome(reference, fate, remark=found.reason, kind=found.kind or found.reason)
    if cdn_of(reference.url) in left:
        return ReferenceOutcome(reference, "needed", remark="something of this CDN is left")
    return ReferenceOutcome(reference, "unneeded", remark="nothing is loaded from there any more; it can be taken out")
