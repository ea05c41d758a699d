"""Own pages: HTML files on the disk, read to be rewritten, and put back whole.

Never writes a page that somebody changed meanwhile.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.libraries.page_files import no_page, pages_below, read_page_file
from cdnserve.manifest.governing import replace_file


@dataclass(frozen=True, slots=True)
class OwnPage:
    """A page on the disk, and its octets when it was read."""

    path: Path
    data: bytes


def read_own_pages(targets: Iterable[Path], root: Path) -> tuple[OwnPage, ...]:
    """Read HTML files, and all below folders but for libraries; raise ConfigurationError for what can't be read."""
    found: dict[str, Path] = {}
    pages: list[OwnPage] = []
    problems: list[Problem] = []
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
    if problems:
        raise ConfigurationError(problems)
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
