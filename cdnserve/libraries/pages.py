"""Pages to look through: HTML files, folders of them, and URLs, as octets; and the digests of what pages load.

Never reads what is no HTML, and never follows a link out of a folder.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.libraries.remote import Remote, fetch
from cdnserve.libraries.settings import Settings
from cdnserve.libraries.wording import counted
from cdnserve.rules.integrity import ALGORITHMS

ENDINGS = (".html", ".htm")
LARGEST = 32 * 2**20
_XHTML = (".xhtml", ".xht")
_FORMAT = "XHTML is read by other rules than HTML, so its tags can't be told"


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
    """The digests of what a URL answers, by algorithm, or why there are none."""

    by_algorithm: Mapping[str, bytes] = field(default_factory=dict)
    failure: str = ""


def is_url(name: str) -> bool:
    """Tell whether a page is named by its URL."""
    return name.lower().startswith(("http://", "https://"))


def read_pages(names: Iterable[str], root: Path, settings: Settings) -> Iterator[PageFile | Problem]:
    """Read each page once; what can't be read is a problem, and does not keep the others from being read."""
    seen: set[str] = set()
    for name in names:
        for one in [name] if is_url(name) else _files(Path(name)):
            if isinstance(one, Problem):
                yield one
            elif one not in seen:
                seen.add(one)
                yield _fetched(one, settings) if is_url(one) else _read(Path(one), root)


def _files(path: Path) -> Iterator[str | Problem]:
    if not path.is_dir():
        yield str(path)
        return
    found = [
        os.path.join(folder, name)
        for folder, _, names in os.walk(path)
        for name in names
        if name.lower().endswith(ENDINGS)
    ]
    if not found:
        yield Problem("page-missing", f"no page lies in this folder: none ends in {' or '.join(ENDINGS)}", str(path))
    yield from sorted(found)


def _read(file: Path, root: Path) -> PageFile | Problem:
    name = str(file)
    if file.suffix.lower() in _XHTML:
        return Problem("page-format", _FORMAT, name)
    # Opening a FIFO would wait for ever.
    if not file.is_file():
        message = "there is no such page" if not file.exists() else "it is neither a file nor a folder"
        return Problem("page-missing", message, name)
    try:
        with open(file, "rb") as opened:
            content = opened.read(LARGEST + 1)
    except OSError as error:
        return Problem("page-missing", f"the page can't be read: {error.strerror}", name)
    return PageFile(name, content, path=_below(file, root)) if len(content) <= LARGEST else _too_large(name)


def _fetched(url: str, settings: Settings) -> PageFile | Problem:
    try:
        answer = fetch(url, settings)
    except ConfigurationError as error:
        return error.problems[0]
    head = Message()
    head["Content-Type"] = answer.media_type
    kind = head.get_content_type() if answer.media_type else "text/html"
    if kind != "text/html":
        message = _FORMAT if kind == "application/xhtml+xml" else "what it answers is no HTML page"
        return Problem("page-format", message, url, kind)
    if len(answer.content) > LARGEST:
        return _too_large(url)
    return PageFile(url, answer.content, answer.url, str(head.get_param("charset", "")))


def _too_large(name: str) -> Problem:
    return Problem("page-too-large", f"the page is larger than {counted(LARGEST)}", name)


def _below(file: Path, root: Path) -> str:
    try:
        return file.resolve().relative_to(root.resolve()).as_posix()
    except ValueError:
        return ""


def fetch_digests(urls: Iterable[str], settings: Settings) -> dict[str, Digests]:
    """Fetch what pages load, several at once, and keep only the digests."""
    listed = list(dict.fromkeys(urls))
    with ThreadPoolExecutor(settings.limits.at_once) as pool:
        return dict(zip(listed, pool.map(lambda url: _digests(url, settings), listed), strict=True))


def _digests(url: str, settings: Settings) -> Digests:
    try:
        answer: Remote = fetch(url, settings)
    except ConfigurationError as error:
        return Digests(failure=error.problems[0].message)
    return Digests({algorithm: hashlib.new(algorithm, answer.content).digest() for algorithm in ALGORITHMS})
