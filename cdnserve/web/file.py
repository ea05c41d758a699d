"""The page of a file: its codings, integrity, tags and policies, who may read it, and what is in it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from http import HTTPStatus
from itertools import islice
from unicodedata import category
from urllib.parse import quote

from cdnserve.display import alike
from cdnserve.npm.spec import FOLDER as NPM
from cdnserve.release.catalog import Asset
from cdnserve.rules.media_types import destination, is_text
from cdnserve.rules.urls import public_url
from cdnserve.web.explained import read_question
from cdnserve.web.font import LARGEST as LARGEST_FONT
from cdnserve.web.font import FontFacts, read_font
from cdnserve.web.highlight import LARGEST as LARGEST_TEXT
from cdnserve.web.highlight import highlighted
from cdnserve.web.home import first_value
from cdnserve.web.library import titled
from cdnserve.web.message import WebContent, WebRequest
from cdnserve.web.model import FileDetail, ListedFile, ShownExchange
from cdnserve.web.packages import library_folder_of
from cdnserve.web.rendering import (
    PageLink,
    as_markup,
    capitalized,
    not_found,
    quoted_path,
    render,
    shown_size,
)
from cdnserve.web.tree import steps
from cdnserve.web.view import CatalogView

FOLDER, SPECIMEN = "file", "specimen"
_LARGEST_MAP = 8 << 20
_MOST_SOURCES, _MOST_GLYPHS, _MOST_NEAR, _MOST_VERSIONS = 500, 480, 5, 12
_LONGEST_SOURCE = 300
# Those that show nothing: controls, spaces and halves of pairs.
_BLANK = frozenset({"Cc", "Cf", "Cs", "Zs", "Zl", "Zp"})


@dataclass(frozen=True, slots=True)
class ReaderCheck:
    """Whether a page may read the file, in words, and each request with the exact head of its response."""

    verdict: str
    good: bool = False
    reasons: tuple[str, ...] = ()
    exchanges: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class ShownContent:
    """What is shown of a file's content: text as HTML, a picture, a font, or the sources of a source map.

    `absent` says why it isn't shown.
    """

    source: object = ""
    is_picture: bool = False
    font: FontFacts | None = None
    glyphs: object = ""
    sources: tuple[str, ...] = ()
    more_sources: int = 0
    absent: str = ""


def answer_file(request: WebRequest, view: CatalogView) -> WebContent | None:
    """Answer `/-/file/PATH`."""
    path = request.path.removeprefix(f"{FOLDER}/")
    detail = view.file(path)
    if detail is None:
        names = alike(path, _neighbours(path, view), _MOST_NEAR)
        near = tuple(PageLink(one, f"{FOLDER}/{quoted_path(one)}") for one in names)
        return not_found(request, view, "No file of this path is listed here.", near)
    page, credentials = first_value(request, "origin").strip(), bool(first_value(request, "credentials"))
    values = {
        "detail": detail,
        "file": detail.file,
        "snippets": tuple(titled(detail.snippets)),
        "crumbs": tuple(_crumbs(detail.file)),
        "versions": tuple(_versions(detail.file, view)),
        "most_glyphs": _MOST_GLYPHS,
        # Anybody may ask for any number of origins: the answer to each is cheap.
        "content": ShownContent() if page else _content(detail, view),
        "origin": page,
        "credentials": credentials,
        "check": _check(path, page, view, credentials=credentials) if page else None,
    }
    shown = render("file.html", request, view, values)
    # What headers say of dates depends on the clock.
    return replace(shown, lasting=False) if page else shown


def _crumbs(file: ListedFile) -> Iterator[PageLink]:
    """Return the library, or nothing, and the folders that lead to a file."""
    base = f"{NPM}/{file.library}" if file.library else ""
    directory = file.path[len(base) :].strip("/").rpartition("/")[0]
    if base:
        yield PageLink(file.library, f"{quoted_path(base)}/")
    elif not directory:
        yield PageLink("All files", "folder/")
    for step in steps(directory):
        inner = f"{quoted_path(base)}/?dir={quote(step.path)}#files" if base else f"folder/{quoted_path(step.path)}/"
        yield PageLink(step.name, inner)


def _versions(file: ListedFile, view: CatalogView) -> Iterator[PageLink]:
    """Return the newest versions of the library that have the file, too; those with it alone have none."""
    name, _, version = file.library.rpartition("@")
    inner = file.path.removeprefix(f"{NPM}/{file.library}/")
    places = (
        (one, f"{library_folder_of(name, one)}/{inner}") for one in reversed(view.listing.libraries.versions(name))
    )
    found = [PageLink(one, f"{FOLDER}/{quoted_path(path)}") for one, path in places if view.asset(path)]
    return iter(found[:_MOST_VERSIONS] if [one.name for one in found] != [version] else ())


def _check(path: str, page: str, view: CatalogView, *, credentials: bool) -> ReaderCheck | None:
    """Ask what `cdnserve explain` says of a page's origin."""
    try:
        question = read_question(public_url(path), page, "GET", (), credentials=credentials)
    except ValueError as error:
        return ReaderCheck(f"This is no origin: {error}.")
    found = view.explain(question)
    if found is None:
        return None
    reasons = (found.blocked, found.reason, *(f"first, a preflight: {one}" for one in found.preflight), *found.notes)
    told = filter(None, (*reasons, *(f"to allow it, {one}" for one in found.advice)))
    word = "may" if found.readable else "may not"
    verdict = f"Pages of {found.origin} {word} read it."
    shown = tuple((_request_head(one), _response_head(one)) for one in found.exchanges)
    return ReaderCheck(verdict, found.readable, tuple(f"{capitalized(one)}." for one in told), shown)


def _request_head(exchange: ShownExchange) -> str:
    lines = (f"{line.name}: {line.value}" for line in exchange.request)
    return "\n".join((f"{exchange.method} {exchange.target} HTTP/1.1", *lines))


def _response_head(exchange: ShownExchange) -> str:
    lines = (f"{line.name}: {line.value}" for line in exchange.response)
    return "\n".join((f"HTTP/1.1 {exchange.status} {HTTPStatus(exchange.status).phrase}", *lines))


def _neighbours(path: str, view: CatalogView) -> Iterator[str]:
    """Return the files of the nearest folder that there is."""
    folder = path.rpartition("/")[0]
    while folder and not view.listing.span(folder):
        folder = folder.rpartition("/")[0]
    return islice(iter(view.listing.below(folder)), 2000)


def _content(detail: FileDetail, view: CatalogView) -> ShownContent:
    path, asset = detail.file.path, view.asset(detail.file.path)
    kind = destination(path)
    if asset is None or asset.is_coded:
        return ShownContent()
    if kind == "font":
        facts = read_font(view.content(path, LARGEST_FONT) or b"")
        return ShownContent(font=facts, glyphs=_glyphs(facts)) if facts else ShownContent(absent="no font can be read")
    source, absent = _source(path, asset, view)
    if path.endswith(".map"):
        sources = _sources(view.content(path, _LARGEST_MAP) or b"")
        more = len(sources) - _MOST_SOURCES
        return ShownContent(source, sources=sources[:_MOST_SOURCES], more_sources=more, absent=absent)
    return ShownContent(source, is_picture=kind == "image", absent=absent)


def _source(path: str, asset: Asset, view: CatalogView) -> tuple[object, str]:
    if not is_text(path, asset.form):
        return "", ""
    octets = view.content(path, LARGEST_TEXT)
    if octets is None:
        return "", f"it is larger than {shown_size(LARGEST_TEXT)}"
    return as_markup(highlighted(path, octets)), ""


def _sources(octets: bytes) -> tuple[str, ...]:
    """Return the sources that a source map names (ECMA-426 §9)."""
    try:
        described = json.loads(octets)
    except (ValueError, RecursionError):
        return ()
    listed = described.get("sources") if isinstance(described, dict) else None
    return tuple(one[:_LONGEST_SOURCE] for one in listed if isinstance(one, str)) if isinstance(listed, list) else ()


def _glyphs(facts: FontFacts) -> object:
    """Return some characters of a font as HTML; those of private use show something only in it."""
    every = (chr(code) for first, last in facts.ranges for code in range(first, last + 1))
    shown = islice((one for one in every if category(one) not in _BLANK), _MOST_GLYPHS)
    return as_markup("".join(f'<li title="U+{ord(one):04X}">&#{ord(one)};</li>' for one in shown))


def answer_specimen(request: WebRequest, view: CatalogView) -> WebContent | None:
    """Answer `/-/specimen/PATH` with the stylesheet by which the page of a font shows text in it."""
    path = request.path.removeprefix(f"{SPECIMEN}/")
    if view.asset(path) is None or destination(path) != "font":
        return None
    up = "../" * (request.head.raw_path.count(b"/") - 1)
    address = f"{up}{quoted_path(path)}".replace("'", "%27").replace("(", "%28").replace(")", "%29")
    face = f"@font-face {{ font-family: specimen; src: url('{address}') }}\n"
    style = f"{face}.in-font {{ font-family: specimen, serif }}\n"
    return WebContent("text/css; charset=utf-8", style.encode("ascii"))
