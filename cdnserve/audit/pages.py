"""Pages to look through: HTML files, folders of them, and URLs, as octets; and the digests of what pages load.

Never reads what is no HTML, and never lets one page keep the others from being read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.markup.files import FORMAT, LARGEST, no_page, pages_below, read_page_file, too_large
from cdnserve.npm.settings import NpmSettings
from cdnserve.rules.integrity import ALGORITHMS
from cdnserve.snippets.fetch import Remote, fetch


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


@dataclass(frozen=True, slots=True)
class Digests:
    """The digests of what a URL answers, by algorithm, or why there are none; `varies` as in `Remote`."""

    by_algorithm: Mapping[str, bytes] = field(default_factory=dict)
    failure: str = ""
    varies: str = ""


def is_url(name: str) -> bool:
    """Return whether a page is named by its URL."""
    return name.lower().startswith(("http://", "https://"))


def read_pages(names: Iterable[str], root: Path, settings: NpmSettings) -> Iterator[PageFile | Problem]:
    """Read each page once; what can't be read is a problem, and does not keep the others from being read."""
    seen: set[str] = set()
    for name in names:
        for one in [name] if is_url(name) else _files(Path(name), root):
            if isinstance(one, Problem):
                yield one
            elif one not in seen:
                seen.add(one)
                yield _fetched(one, settings) if is_url(one) else _read(Path(one), root)


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


def fetch_digests(urls: Iterable[str], settings: NpmSettings) -> dict[str, Digests]:
    """Fetch what pages load, several at once, and keep only the digests."""
    listed = list(dict.fromkeys(urls))
    with ThreadPoolExecutor(settings.limits.at_once) as pool:
        return dict(zip(listed, pool.map(lambda url: _digests(url, settings), listed), strict=True))


def _digests(url: str, settings: NpmSettings) -> Digests:
    try:
        answer: Remote = fetch(url, settings)
    except ConfigurationError as error:
        return Digests(failure=error.problems[0].message)
    digests = {algorithm: hashlib.new(algorithm, answer.content).digest() for algorithm in ALGORITHMS}
    return Digests(digests, varies=answer.varies)
