"""The audit of a set of pages: HTML files, folders of them, and URLs, compared with a release."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from email.message import Message
from functools import partial
from pathlib import Path

from cdnserve.audit.checks import audit
from cdnserve.audit.facts import AuditInput, FetchedDigests, OwnSite, Place, unknown
from cdnserve.audit.findings import Audited
from cdnserve.errors import ConfigurationError, Problem, Problems
from cdnserve.markup.files import (
    FORMAT,
    LARGEST,
    OnPage,
    decode,
    is_template,
    no_page,
    pages_below,
    read_page_file,
    too_large,
)
from cdnserve.markup.loads import loads
from cdnserve.markup.parser import scan
from cdnserve.markup.urls import web_url
from cdnserve.npm.settings import NpmSettings
from cdnserve.origin.lookup import Origin
from cdnserve.release.catalog import Catalog
from cdnserve.rules.integrity import ALGORITHMS
from cdnserve.rules.urls import public_url
from cdnserve.snippets.fetch import fetch


@dataclass(frozen=True, slots=True)
class AuditReport:
    """The pages that were audited, and a problem for each that could not be."""

    pages: tuple[Audited, ...]
    problems: tuple[Problem, ...]

    @property
    def is_bad(self) -> bool:
        """Return whether there is more than notes."""
        return bool(self.problems) or any(finding.level != "note" for page in self.pages for finding in page.findings)


@dataclass(frozen=True, slots=True)
class AuditOptions:
    """Further `hosts` that serve the release, and whether other hosts are asked for files whose digests nobody told."""

    hosts: tuple[str, ...] = ()
    fetch_unknown: bool = False


def audit_pages(
    pages: Iterable[PageFile | Problem], catalog: Catalog | None, options: AuditOptions, settings: NpmSettings
) -> AuditReport:
    """Audit pages; `catalog` is the release that the site and `hosts` serve."""
    site = own_site(catalog, options.hosts) if catalog else OwnSite()
    audited: list[Audited] = []
    problems = Problems()
    for page in pages:
        if isinstance(page, Problem):
            problems.append(page)
            continue
        with problems.caught(page.name):
            audited.append(_audit(page, site, settings if options.fetch_unknown else None))
    return AuditReport(tuple(audited), tuple(problems))


def own_site(catalog: Catalog, hosts: Iterable[str] = ()) -> OwnSite:
    """Return a release as a server of it would answer: with aliases, default files and further addresses."""
    return OwnSite.of(catalog, hosts, partial(_place, Origin(catalog)))


def _place(server: Origin, path: str) -> Place:
    found = server.locate(path.encode("utf-8", "surrogatepass"))
    if found.flaw:
        return Place(path)
    return Place(found.path, found.asset, found.path if found.location else "")


def _audit(page: PageFile, site: OwnSite, fetching: NpmSettings | None) -> Audited:
    text, _ = decode(page.content, page.charset)
    url = page.url or (public_url(page.path, site.url) if page.path and site.url else "")
    template = not page.url and is_template(Path(page.name))
    known = AuditInput(loads(scan(text, template=template), url), url, site)
    if fetching:
        known = replace(known, fetched=fetch_digests(unknown(known), fetching))
    return Audited(page.name, audit(known))


@dataclass(frozen=True, slots=True)
class PageFile:
    """A page as octets: `name` as a person knows it, `url` where it was fetched (`""` for a file), its charset.

    `path` is its place below the root, `""` where it lies elsewhere.
    """

    name: str
    content: bytes
    url: str = ""
    charset: str = ""
    path: str = ""


def read_pages(
    names: Iterable[str], root: Path, settings: NpmSettings, on_page: OnPage = lambda _, __: None
) -> Iterator[PageFile | Problem]:
    """Read each page of files, folders and URLs once; what can't be read is a problem, and doesn't keep the others.

    `on_page` hears as each page's turn comes which it is, and of how many.
    """
    known = ((name, web_url(name)) for name in names)
    listed = ((one, bool(url)) for name, url in known for one in ([url] if url else _files(Path(name), root)))
    found = dict.fromkeys(listed)
    for number, (one, is_url) in enumerate(found, 1):
        on_page(number, len(found))
        if isinstance(one, Problem):
            yield one
        else:
            yield _fetched(one, settings) if is_url else _read(Path(one), root)


def _files(path: Path, root: Path) -> Iterator[str | Problem]:
    if not path.is_dir():
        yield str(path)
    elif found := pages_below(path, root):
        yield from map(str, found)
    else:
        yield no_page(path)


def _read(file: Path, root: Path) -> PageFile | Problem:
    content = read_page_file(file)
    return content if isinstance(content, Problem) else PageFile(str(file), content, path=_below(file, root))


def _fetched(url: str, settings: NpmSettings) -> PageFile | Problem:
    try:
        answer = fetch(url, settings)
    except ConfigurationError as error:
        return error.problems[0]
    head = Message()
    head["Content-Type"] = answer.media_type
    kind = head.get_content_type() if answer.media_type else "text/html"
    if kind != "text/html":
        message = FORMAT if kind == "application/xhtml+xml" else "what it answers is no HTML page"
        return Problem("page-format", message, url, kind)
    if len(answer.content) > LARGEST:
        return too_large(url)
    return PageFile(url, answer.content, answer.url, str(head.get_param("charset", "")))


def _below(file: Path, root: Path) -> str:
    try:
        return file.resolve().relative_to(root.resolve()).as_posix()
    except ValueError:
        return ""


def fetch_digests(urls: Iterable[str], settings: NpmSettings) -> dict[str, FetchedDigests]:
    """Fetch what pages load, several at once, and keep only the digests."""
    listed = list(dict.fromkeys(urls))
    with ThreadPoolExecutor(settings.limits.at_once) as pool:
        return dict(zip(listed, pool.map(lambda url: _digests(url, settings), listed), strict=True))


def _digests(url: str, settings: NpmSettings) -> FetchedDigests:
    try:
        answer = fetch(url, settings)
    except ConfigurationError as error:
        return FetchedDigests(failure=error.problems[0].message)
    digests = {algorithm: hashlib.new(algorithm, answer.content).digest() for algorithm in ALGORITHMS}
    return FetchedDigests(digests, varies=answer.varies)
