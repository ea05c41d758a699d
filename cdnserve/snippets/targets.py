"""Targets: what a person wants a tag for, a local file, a public path, a hosted library's file or a URL.

Never makes a tag, and never asks a network but for a URL.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias

from cdnserve.cdns.npm_mirrors import FIELDS
from cdnserve.display import alike, did_you_mean
from cdnserve.errors import ConfigurationError, Problem
from cdnserve.manifest.files import MANIFEST
from cdnserve.npm.settings import NpmSettings
from cdnserve.npm.spec import FOLDER
from cdnserve.release.catalog import Asset, Catalog, Entries
from cdnserve.release.store import Store, read_text
from cdnserve.rules.media_types import destination

if TYPE_CHECKING:
    from cdnserve.snippets.fetch import Remote

_MOST_LISTED = 10
# NAME@VERSION or NAME@VERSION/PATH; the @ of a scope does not begin a version.
_LIBRARY = re.compile(r"(?P<name>(?:@[^@/]+/)?[^@/]+)(?:@(?P<version>[^@/]+)(?:/(?P<path>.*))?)?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Public:
    """A public path; `source` is the text of a script, `""` of everything else."""

    path: str
    source: str


@dataclass(frozen=True, slots=True)
class Local:
    """A file that is not published."""

    path: str
    content: bytes


Target: TypeAlias = "Public | Local | Remote"


@dataclass(frozen=True, slots=True)
class Hosted:
    """What is public: the root, and the release that was made of it."""

    root: Path
    store: Store
    catalog: Catalog


@dataclass(frozen=True, slots=True)
class PublicFiles:
    """The public files of a library; paths are relative to its folder."""

    hosted: Hosted
    folder: str
    files: frozenset[str]

    def source(self, path: str) -> bytes:
        """Return the content of one of the files."""
        asset = self.hosted.catalog.assets[f"{self.folder}/{path}"]
        return self.hosted.store.blob(asset.identity.sha256).read_bytes()


class Chosen(Protocol):
    """The files that a library without a path means: paths in its folder, `""` for none.

    `for_node` is a script of it that only Node.js can run, where it has none for tags.
    """

    @property
    def script(self) -> str:
        """The script."""

    @property
    def style(self) -> str:
        """The stylesheet."""

    @property
    def for_node(self) -> str:
        """The script that only Node.js can run."""


Choose: TypeAlias = Callable[[str, Mapping[str, str], PublicFiles], Chosen]
"""Chooses by a library's name, what its package.json names by field, and its files."""


def resolve(
    text: str,
    root: Path,
    hosted: Callable[[], Hosted],
    settings: NpmSettings,
    choose: Choose,
) -> tuple[Target, ...]:
    """Find what a text means, in this order: a URL, a local file, a public path, a hosted library.

    A library without a path may mean a script and a stylesheet, which `choose` finds. `hosted` is asked only if it
    matters.
    """
    if text.lower().startswith(("http://", "https://")):
        from cdnserve.snippets.fetch import fetch  # noqa: PLC0415 - what speaks to hosts takes long to load

        return (fetch(text, settings),)
    file = Path(text)
    if not file.is_file():
        return tuple(_public(path, hosted()) for path in _hosted_paths(text, hosted(), choose))
    logical = _logical_path(file, root)
    if logical and (root / MANIFEST).is_file() and logical in hosted().catalog.assets:
        return (_public(logical, hosted()),)
    return (Local(text, _read(file)),)


def _public(path: str, hosted: Hosted) -> Public:
    is_script = destination(path) == "script"
    return Public(path, read_text(hosted.store, hosted.catalog.assets[path]) if is_script else "")


def _logical_path(file: Path, root: Path) -> str:
    try:
        return file.resolve().relative_to(root.resolve()).as_posix()
    except ValueError:
        return ""


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        problem = Problem("target-unreadable", "the file can't be read", str(file), error.strerror or "")
        raise ConfigurationError([problem]) from None


def _hosted_paths(text: str, hosted: Hosted, choose: Choose) -> tuple[str, ...]:
    public, path = hosted.catalog.assets, text.removeprefix("/")
    if path in public:
        return (path,)
    found = _LIBRARY.fullmatch(path)
    name, version, inner = found.group("name", "version", "path") if found else (None, None, None)
    folder = f"{FOLDER}/{name}@{version}"
    if name and version and inner and f"{folder}/{inner}" in public:
        return (f"{folder}/{inner}",)
    if name and version and any(_below(folder, public)):
        return _no_such_file(text, folder, public) if inner else _main_files(folder, hosted, choose)
    hint = _versions(name or "", public) or _alike(path, public)
    message = "neither a local file nor a public path nor a hosted library"
    raise ConfigurationError([Problem("target-unknown", message, text, hint=hint)])


def _main_files(folder: str, hosted: Hosted, choose: Choose) -> tuple[str, ...]:
    entries, public = hosted.catalog.packages.get(folder, Entries()), hosted.catalog.assets
    files = frozenset(path.removeprefix(f"{folder}/") for path in _below(folder, public))
    named = {field: getattr(entries, field) for field in FIELDS}
    name = folder.removeprefix(f"{FOLDER}/").rpartition("@")[0]
    chosen = choose(name, named, PublicFiles(hosted, folder, files))
    found = tuple(f"{folder}/{path}" for path in (chosen.script, chosen.style) if path)
    if found:
        return found
    if chosen.for_node:
        message = f"it has no script for a tag: {chosen.for_node} runs in Node.js only"
        hint = f"its ES modules, if it has any: cdnserve importmap {folder.removeprefix(f'{FOLDER}/')}"
        raise ConfigurationError([Problem("target-for-node", message, folder, hint=hint)])
    message = "its package.json names no public file for browsers"
    hint = f"say one of {_listed(_below(folder, public))}"
    raise ConfigurationError([Problem("target-ambiguous", message, folder, hint=hint)])


def _below(folder: str, public: dict[str, Asset]) -> Iterator[str]:
    return (path for path in public if path.startswith(f"{folder}/"))


def _no_such_file(text: str, folder: str, public: dict[str, Asset]) -> tuple[str, ...]:
    asked = text.removeprefix("/")
    near = alike(f"{FOLDER}/{asked}", _below(folder, public), _MOST_LISTED)
    hint = f"say one of {_listed(iter(near) if near else _below(folder, public))}"
    raise ConfigurationError([Problem("target-unknown", f"{folder} has no such public file", text, hint=hint)])


def _versions(name: str, public: dict[str, Asset]) -> str:
    begin = f"{FOLDER}/{name}@"
    versions = dict.fromkeys(path[len(begin) :].partition("/")[0] for path in public if path.startswith(begin))
    return f"say {name}@VERSION; hosted are {', '.join(list(versions)[:_MOST_LISTED])}" if name and versions else ""


def _alike(path: str, public: dict[str, Asset]) -> str:
    return did_you_mean(path, public, "see what is public: cdnserve list")


def _listed(paths: Iterator[str]) -> str:
    shown = [path.removeprefix(f"{FOLDER}/") for path in paths if destination(path) in ("script", "style")]
    more = f" and {len(shown) - _MOST_LISTED} more" if len(shown) > _MOST_LISTED else ""
    return ", ".join(shown[:_MOST_LISTED]) + more or "its files: cdnserve list"
