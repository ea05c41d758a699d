"""HTML files and templates on the disk: which ones a folder holds, their octets, and their text (HTML §13.2.3)."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cdnserve.display import readable_size
from cdnserve.errors import ConfigurationError, Problem, Problems
from cdnserve.files import replace_file
from cdnserve.npm.spec import FOLDER

ENDINGS = (".html", ".htm")
TEMPLATES = (
    *(".php", ".phtml", ".j2", ".jinja", ".jinja2", ".erb", ".ejs", ".vue", ".svelte", ".astro", ".hbs", ".handlebars"),
    *(".mustache", ".twig", ".liquid", ".njk", ".cshtml", ".razor", ".aspx", ".jsp"),
)
LARGEST = 32 * 2**20
FORMAT = "XHTML is read by other rules than HTML, so its tags can't be told"
_XHTML = (".xhtml", ".xht")
CARRIED = "surrogateescape"
"""How octets without a character are carried: `str.encode` needs it too."""
OnPage = Callable[[int, int], None]
"""Hears which page's turn it is, from 1, and how many there are."""


def pages_below(folder: Path, root: Path) -> list[Path]:
    """Return the pages below a folder, sorted, without dot-folders, `node_modules` and hosted libraries."""
    libraries = os.path.realpath(root / FOLDER)
    found: list[Path] = []
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if _is_own(parent, name, libraries)]
        found += (Path(parent, name) for name in files if name.lower().endswith((*ENDINGS, *TEMPLATES)))
    return sorted(found)


def is_template(path: Path) -> bool:
    """Return whether a file is made into a page, or a part of one, before browsers see it."""
    return path.name.lower().endswith(TEMPLATES)


def no_page(folder: Path) -> Problem:
    """Return the problem of a folder without a page."""
    message = f"no page lies in this folder: no file ends in {', '.join(ENDINGS)} or as templates do"
    hint = (
        "name files to read them whatever their ending; what lies in dot-folders, node_modules and ROOT/npm is not read"
    )
    return Problem("page-missing", message, str(folder), hint=hint)


def read_page_file(path: Path) -> bytes | Problem:
    """Return a page's octets, or why it is none that can be read."""
    name = str(path)
    if path.suffix.lower() in _XHTML:
        return Problem("page-format", FORMAT, name)
    # Opening a FIFO would wait for ever.
    if not path.is_file():
        message = "it is neither a file nor a folder" if path.exists() else "there is no such page"
        return Problem("page-missing", message, name)
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        return Problem("page-missing", f"the page can't be read: {error.strerror}", name)
    return data if len(data) <= LARGEST else too_large(name)


def too_large(name: str) -> Problem:
    """Return the problem of a page that is too large."""
    return Problem("page-too-large", f"the page is larger than {readable_size(LARGEST)}", name)


def _is_own(parent: str, name: str, libraries: str) -> bool:
    if name.startswith(".") or name == "node_modules":
        return False
    return os.path.realpath(os.path.join(parent, name)) != libraries


def decode(data: bytes, declared: str = "") -> tuple[str, str]:
    r"""Return a page's text and the codec's name; raise ConfigurationError where it would not encode back.

    `declared` is the charset of Content-Type. The byte order mark, if any, stays the text's first character.

    >>> decode(b"<meta charset=latin1>caf\xe9"), decode("é".encode())
    (('<meta charset=latin1>café', 'cp1252'), ('é', 'utf-8'))
    """
    codec = _codec(data, declared)
    try:
        text = data.decode(codec, CARRIED)
        whole = text.encode(codec, CARRIED) == data
    except (UnicodeError, LookupError):
        whole, text = False, ""
    if not whole:
        message = f"the page is not well-formed {codec}"
        raise ConfigurationError([Problem("page-encoding", message, hint="save it as UTF-8, and declare that")])
    return text, codec


def _codec(data: bytes, declared: str) -> str:
    from html5lib._inputstream import HTMLBinaryInputStream  # noqa: PLC0415 # html5lib loads slowly

    # "Prescan the byte stream" ends after 1024 octets. An undeclared page is windows-1252 in browsers, but what is
    # UTF-8 throughout was hardly meant as anything else.
    likely = "utf-8" if _is_utf8(data) else None
    stream = HTMLBinaryInputStream(
        data[:1024], transport_encoding=declared or None, likely_encoding=likely, useChardet=False
    )
    name: str = stream.charEncoding[0].codec_info.name
    return name


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class OwnPage:
    """A page on the disk, and its octets when it was read."""

    path: Path
    data: bytes


def read_own_pages(targets: Iterable[Path], root: Path) -> tuple[OwnPage, ...]:
    """Read HTML files, and all below folders but for libraries; raise ConfigurationError for what can't be read."""
    found: dict[str, Path] = {}
    pages: list[OwnPage] = []
    problems = Problems()
    for target in targets:
        below = pages_below(target, root) if target.is_dir() else [target]
        problems += [] if below else [no_page(target)]
        for path in below:
            # A page that two names lead to is one page.
            found.setdefault(os.path.realpath(path), path)
    for path in found.values():
        data = read_page_file(path)
        if isinstance(data, Problem):
            problems.append(data)
        else:
            pages.append(OwnPage(path, data))
    problems.raise_errors()
    return tuple(pages)


def write_own_pages(pages: Sequence[tuple[OwnPage, bytes]]) -> None:
    """Put new content in the place of pages, all or none; raise ConfigurationError, and then none has changed."""
    with contextlib.ExitStack() as undo:
        for page, data in pages:
            if read_page_file(page.path) != page.data:
                raise _not_written(page, "somebody changed it meanwhile")
            undo.callback(_restore, page, data)
            try:
                replace_file(page.path, data)
            except OSError as error:
                raise _not_written(page, error.strerror or str(error)) from None
        undo.pop_all()


def _restore(page: OwnPage, written: bytes) -> None:
    with contextlib.suppress(OSError):
        if read_page_file(page.path) == written:
            replace_file(page.path, page.data)


def _not_written(page: OwnPage, why: str) -> ConfigurationError:
    hint = "no page was changed; the libraries are there already, so run the command again"
    return ConfigurationError(
        [Problem("page-not-written", f"the page can't be rewritten: {why}", str(page.path), hint=hint)]
    )
