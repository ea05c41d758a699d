"""Entries of made modules (Node.js, "Modules: packages"): the files of a package that pages may import."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from posixpath import splitext

from cdnserve.modules.package_json import Description, candidates, made_name, replaced, spellings
from cdnserve.modules.resolve import ANY_NAME
from cdnserve.rules import exports
from cdnserve.rules.exports import exported
from cdnserve.rules.media_types import essence

MOST_ENTRIES = 1000
CONDITIONS = exports.CONDITIONS | {"production"}
"""The conditions under which entries are found: as for all modules, in production."""
# A name begins an argument, so it must not look like an option.
_NAME = re.compile(r"(?![.-])[\w@$+.-]+(?:/(?![.])[\w@$+.-]+)*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Entry:
    """One module to make: its name without `.js`, the file of the package, and the subpaths that mean it."""

    name: str
    source: str
    subpaths: tuple[str, ...]


def entries(
    description: Description,
    files: Collection[str],
    is_module: Callable[[str], bool],
    described: Callable[[str], Description] = lambda _folder: {},
) -> tuple[Entry, ...]:
    """Return what a page may import of a package, each file once.

    That is what `exports` name, with patterns filled in. Without `exports` it is the main file, those of folders with
    a package.json, which `described` returns, and the scripts of the first level.

    >>> entries({"exports": {".": "./i.js", "./x/*": "./lib/*.js"}}, ["i.js", "lib/a.js"], lambda path: False)
    (Entry(name='index', source='i.js', subpaths=('.',)), Entry(name='x/a', source='lib/a.js', subpaths=('./x/a',)))
    """
    known = frozenset(files)
    table = description.get("exports")
    found = _plain(description, known, is_module, described) if table is None else _exported(table, known)
    sources: dict[str, list[str]] = {}
    for subpath, named in found:
        source = replaced(description, named)
        if source and source in known and essence(source) == "text/javascript":
            sources.setdefault(source, []).append(subpath)
    return tuple(_named(sources))


def _named(sources: Mapping[str, Sequence[str]]) -> Iterator[Entry]:
    taken: set[str] = set()
    # The main one has its name, whatever else would have it.
    for source, subpaths in sorted(sources.items(), key=lambda one: "." not in one[1]):
        first = min(subpaths, key=lambda one: (len(one), one))
        name = made_name(first)
        name = first.removeprefix("./") if name in taken else name
        if name not in taken and _NAME.fullmatch(name):
            taken.add(name)
            yield Entry(name, source, tuple(dict.fromkeys(subpaths)))


def _exported(table: object, files: Collection[str]) -> Iterator[tuple[str, str]]:
    keys = [key for key in table if key.startswith(".")] if isinstance(table, Mapping) else []
    for key in keys or ["."]:
        if key.count("*") == 1:
            yield from _filled_in(table, key, files)
        elif isinstance(source := _for_pages(table, key), str):
            yield key, source


def _for_pages(table: object, subpath: str) -> object:
    """Return the file that a page gets; what only `require` finds is the last resort, for that is what is made here."""
    found = exported(table, subpath, CONDITIONS)
    return found if isinstance(found, str) else exported(table, subpath, CONDITIONS | {"require"})


def _filled_in(table: object, pattern: str, files: Collection[str]) -> Iterator[tuple[str, str]]:
    """Yield the subpaths that a pattern stands for, by the files that there are."""
    target = _for_pages(table, pattern.replace("*", ANY_NAME))
    if not isinstance(target, str) or target.count(ANY_NAME) != 1:
        return
    before, _, after = target.partition(ANY_NAME)
    for file in sorted(files):
        middle = file[len(before) : len(file) - len(after)]
        if middle and file == f"{before}{middle}{after}":
            subpath = pattern.replace("*", middle)
            if _for_pages(table, subpath) == file:
                yield subpath, file


def _plain(
    description: Description,
    files: Collection[str],
    is_module: Callable[[str], bool],
    described: Callable[[str], Description],
) -> Iterator[tuple[str, str]]:
    def chosen(paths: Iterable[str]) -> str | None:
        present = [file for path in paths if (file := replaced(description, path)) in files and file]
        return next(filter(is_module, present), present[0] if present else None)

    scripts = [path for path in sorted(files) if essence(path) == "text/javascript"]
    top = {splitext(path)[0] for path in scripts if "/" not in path and path[0] not in "._"}
    folders = {path.removesuffix("/package.json") for path in files if path.endswith("/package.json")}
    if main := chosen(candidates(description, ".")):
        yield ".", main
    for name in sorted(top):
        if source := chosen(spellings(name)):
            yield from ((f"./{name}{ending}", source) for ending in ("", splitext(source)[1]))
    for name in sorted(folders - top):
        if "/node_modules/" in f"/{name}/":
            continue
        if source := chosen((*candidates(described(name), ".", name), *spellings(name))):
            yield f"./{name}", source


# Folders with what no page imports, and with builds that hold everything.
_NOT_FOR_PAGES = frozenset(
    (
        *("__tests__", "benchmark", "benchmarks", "bin", "build", "demo", "dist", "doc", "docs", "example", "examples"),
        *("fixtures", "min", "node_modules", "scripts", "spec", "src", "test", "tests", "umd"),
    )
)


def further_entries(
    description: Description,
    files: Collection[str],
    found: Sequence[Entry],
    loaded: Collection[str],
    is_module: Callable[[str], bool],
) -> tuple[Entry, ...]:
    """Return the CommonJS files in folders that no entry has `loaded`, as plugins and locales; pages name their paths.

    There are none where `exports` say what may be imported, and where they are many.
    """
    if description.get("exports") is not None:
        return ()
    taken = {entry.name for entry in found}
    paths = [
        path
        for path in sorted(files)
        if essence(path) == "text/javascript"
        and path not in loaded
        and "/" in path
        and _NOT_FOR_PAGES.isdisjoint(path.split("/"))
        and replaced(description, path) == path
        and _NAME.fullmatch(made_name(f"./{path}"))
    ]
    if len(found) + len(paths) > MOST_ENTRIES:
        return ()
    several = {made_name(f"./{path}"): path for path in reversed(paths) if not is_module(path)}
    return tuple(
        Entry(name, several[name], (f"./{splitext(several[name])[0]}", f"./{several[name]}"))
        for name in sorted(several)
        if name not in taken
    )
