"""The tree of a folder's files: folders with their sums, opened out as far as a page has room."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from urllib.parse import quote

from cdnserve.web.listing import Listing

MOST_ROWS = 400
"""Of a folder with more, the inner folders are pages of their own."""
_MOST_FOUND = 200
_MOST_OPEN = 60
_MOST_WORDS = 8


@dataclass(frozen=True, slots=True)
class TreeNode:
    """A file, or a folder with the number of files below it; `nodes` are what a page shows below the folder.

    `address` leads to a page of the folder where nothing is shown below it.
    """

    name: str
    path: str
    size: int
    served_size: int
    media_type: str = ""
    files: int = 0
    address: str = ""
    nodes: tuple[TreeNode, ...] = ()
    open: bool = False


@dataclass(frozen=True, slots=True)
class FileTree:
    """The nodes of one page, and how many there are on all pages of the folder, or that a filter found."""

    nodes: tuple[TreeNode, ...]
    total: int
    page: int = 1
    per_page: int = MOST_ROWS


class TreeMaker:
    """Makes the tree of a folder; `address` is that of the page whose parameter `dir` opens an inner folder."""

    def __init__(self, listing: Listing, folder: str, address: str) -> None:
        self._listing = listing
        self._base = folder
        self._address = address
        self._left = 0

    def tree(self, folder: str, page: int = 1) -> FileTree:
        """Return what lies in a folder: folders first, each with all that is below it as long as there is room."""
        folders, files = self._listing.children(folder)
        entries = [(path, True) for path in folders] + [(path, False) for path in files]
        shown = entries[(page - 1) * MOST_ROWS : page * MOST_ROWS]
        self._left = MOST_ROWS - len(shown)
        is_open = len(self._listing.span(folder)) <= _MOST_OPEN
        nodes = tuple(self._folder(path, is_open) if is_folder else self._file(path) for path, is_folder in shown)
        return FileTree(nodes, len(entries), page)

    def _folder(self, path: str, is_open: bool) -> TreeNode:
        sums, name = self._listing.sums(path), path.rpartition("/")[2]
        nodes: tuple[TreeNode, ...] = ()
        if sums.files <= self._left:
            self._left -= sums.files
            folders, files = self._listing.children(path)
            inner = (self._folder(one, is_open) for one in folders)
            nodes = (*inner, *map(self._file, files))
        address = "" if nodes else self._address + quote(path[len(self._base) :].lstrip("/"))
        return TreeNode(name, path, sums.size, sums.served_size, "", sums.files, address, nodes, is_open)

    def _file(self, path: str, name: str = "") -> TreeNode:
        asset = self._listing.catalog.assets[path]
        served = min(item.size for item in asset.representations)
        kind = asset.media_type(path).partition(";")[0]
        return TreeNode(name or path.rpartition("/")[2], path, asset.identity.size, served, kind)

    def filtered(self, folder: str, text: str) -> FileTree:
        """Return the files below a folder whose path has every word of a text; of many, the first."""
        words = text.casefold().split()[:_MOST_WORDS]
        start = len(folder) + 1 if folder else 0
        found = list(_matching(self._listing.below(folder), start, words))
        nodes = (self._file(path, path[start:]) for path in islice(found, _MOST_FOUND))
        return FileTree(tuple(nodes), len(found))


def _matching(paths: Sequence[str], start: int, words: Sequence[str]) -> Iterator[str]:
    for path in paths:
        inner = path[start:].casefold()
        if all(word in inner for word in words):
            yield path


@dataclass(frozen=True, slots=True)
class FolderStep:
    """A folder on the way to an inner one."""

    name: str
    path: str


def steps(directory: str) -> tuple[FolderStep, ...]:
    """Return the folders that lead to an inner one, and it.

    >>> [step.path for step in steps("dist/esm")]
    ['dist', 'dist/esm']
    """
    names = directory.split("/") if directory else []
    return tuple(FolderStep(name, "/".join(names[: at + 1])) for at, name in enumerate(names))
