"""Own pages: HTML files on the disk, read to be rewritten, and put back whole.

Never writes a page that somebody changed meanwhile, and never reads pages of hosted libraries.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.libraries.pages import ENDINGS, LARGEST
from cdnserve.libraries.spec import FOLDER
from cdnserve.libraries.wording import counted
from cdnserve.manifest.governing import replace_file


@dataclass(frozen=True, slots=True)
class OwnPage:
    """A page on the disk, and its octets when it was read."""

    path: Path
    data: bytes


def read_own_pages(targets: Iterable[Path], root: Path) -> tuple[OwnPage, ...]:
    """Read HTML files, and all below folders but for libraries; raise ConfigurationError for what can't be read."""
    found: dict[str, Path] = {}
    for target in targets:
        for path in sorted(_below(target, root)) if target.is_dir() else [target]:
            # A page that two names lead to is one page.
            found.setdefault(os.path.realpath(path), path)
    pages: list[OwnPage] = []
    problems: list[Problem] = []
    for path in found.values():
        try:
            pages.append(OwnPage(path, _read(path)))
        except OSError as error:
            problems.append(Problem("page-missing", f"the page can't be read: {error.strerror or error}", str(path)))
    if problems:
        raise ConfigurationError(problems)
    return tuple(pages)


def write_own_pages(pages: Sequence[tuple[OwnPage, bytes]]) -> None:
    """Put new content in the place of pages, all or none; raise ConfigurationError, and then none has changed."""
    with contextlib.ExitStack() as undo:
        for page, data in pages:
            try:
                same = _read(page.path) == page.data
                undo.callback(_restore, page, data)
                if same:
                    replace_file(page.path, data)
            except OSError as error:
                raise _not_written(page, error.strerror or str(error)) from None
            if not same:
                raise _not_written(page, "somebody changed it meanwhile")
        undo.pop_all()


def _below(folder: Path, root: Path) -> Iterator[Path]:
    libraries = os.path.realpath(root / FOLDER)
    for parent, folders, files in os.walk(folder):
        # Pages of packages belong to whoever publishes them.
        folders[:] = [name for name in folders if not name.startswith(".") and name != "node_modules"]
        folders[:] = [name for name in folders if os.path.realpath(os.path.join(parent, name)) != libraries]
        yield from (Path(parent, name) for name in files if name.lower().endswith(ENDINGS))


def _read(path: Path) -> bytes:
    # Opening a FIFO would wait for ever.
    if path.exists() and not path.is_file():
        raise OSError("it is no file")
    with path.open("rb") as file:
        data = file.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise OSError(f"it is larger than {counted(LARGEST)}")
    return data


def _restore(page: OwnPage, written: bytes) -> None:
    with contextlib.suppress(OSError):
        if _read(page.path) == written:
            replace_file(page.path, page.data)


def _not_written(page: OwnPage, why: str) -> ConfigurationError:
    hint = "no page was changed; the libraries are there already, so run the command again"
    return ConfigurationError(
        [Problem("page-not-written", f"the page can't be rewritten: {why}", str(page.path), hint=hint)]
    )
