"""Scripts: which file of a package a page can load by a tag, found by what is in it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from posixpath import dirname, join, normpath
from typing import Literal, Protocol

from cdnserve.cdns.npm_mirrors import default_files, minified
from cdnserve.modules.free_names import free_node_names
from cdnserve.modules.imports import Imports, read_imports
from cdnserve.modules.package_json import spellings
from cdnserve.rules.media_types import destination

# package.json says nothing of builds for browsers in these fields, or says it to bundlers.
_FIELDS = ("jsdelivr", "unpkg", "browser", "main", "exports")
_PRODUCTION = re.compile(r"(?<!\.prod)(\.js)\Z")
_WORDS = re.compile(r"[^A-Za-z0-9]+")
# What the name of a build says beside the package's.
_MADE = frozenset(
    {"browser", "bundle", "cdn", "global", "iife", "js", "min", "prod", "production", "standalone", "umd"}
)
_MADE_AS_MODULE = _MADE | {"es", "esm", "mjs", "module"}
_NAMED = frozenset({"browser", "client", "dist", "js"})
_ELSEWHERE = frozenset({"amd", "cjs", "commonjs", "es", "esm", "node", "server", "src", "test"})
_ADDRESS = re.compile(r"\.{0,2}/|(?:https?|data|blob):", re.IGNORECASE)
_MOST_BUILDS = 8
_MOST_MODULES = 500


RunsAs = Literal["script", "module", ""]


@dataclass(frozen=True, slots=True)
class MainFiles:
    """The files of a package that a page loads, `""` where it has none.

    `for_node` is the first file that package.json names and that only Node.js can run, where there is no script.
    `runs_as` is what a tag loads the script as, where that needs no import map.
    """

    script: str = ""
    style: str = ""
    for_node: str = ""
    runs_as: RunsAs = ""


class PackageContents(Protocol):
    """An unpacked npm package; paths are relative to its folder."""

    @property
    def files(self) -> Collection[str]:
        """Return the paths of all files."""

    def source(self, path: str) -> bytes:
        """Return a file's content."""


def main_files(name: str, named: Mapping[str, str], contents: PackageContents) -> MainFiles:
    """Return what a page loads of a package, by the fields of its package.json and the names of its builds.

    A script that needs nothing else comes first, then a module that needs an import map.
    """
    files = contents.files
    listed = [path for path in dict.fromkeys(_named(named)) if path in files and destination(path) == "script"]
    style = next((path for path in _styles(named) if path in files and destination(path) == "style"), "")
    for path in _candidates(name, listed, files):
        if kind := runs_as(path, contents):
            return MainFiles(path, style, runs_as=kind)
    script = next((path for path in listed if is_module(path, contents.source(path))), "")
    return MainFiles(script, style, "" if script else next(iter(listed), ""))


def _candidates(name: str, listed: Iterable[str], files: Iterable[str]) -> Iterator[str]:
    yield from listed
    yield from builds(name, files)  # which looks at all names: only where no field names one that runs


def builds(name: str, files: Iterable[str]) -> tuple[str, ...]:
    """Return the files that look like a package's builds for script tags, the likeliest first; a few at most.

    >>> builds("socket.io-client", ["dist/socket.io.js", "dist/socket.io.min.js", "build/cjs/socket.js", "lib/url.js"])
    ('dist/socket.io.min.js', 'dist/socket.io.js')
    """
    wanted = _words(name.rpartition("/")[2], _NAMED)
    return tuple(islice(sorted((path for path in files if _is_build(path, wanted)), key=_rank), _MOST_BUILDS))


def browser_modules(name: str, files: Iterable[str]) -> tuple[str, ...]:
    """Return the files that look like a package's modules for browsers, those for production first; a few at most.

    >>> browser_modules("vue", ["dist/vue.esm-browser.js", "dist/vue.esm-browser.prod.js", "dist/vue.esm-bundler.js"])
    ('dist/vue.esm-browser.prod.js', 'dist/vue.esm-browser.js')
    """
    wanted = _words(name.rpartition("/")[2], _NAMED)
    found = (path for path in files if path.endswith((".js", ".mjs")) and _is_browser_module(path, wanted))
    return tuple(islice(sorted(found, key=lambda path: (".prod." not in path, *_rank(path))), _MOST_BUILDS))


def runs_as(path: str, contents: PackageContents) -> RunsAs:
    """Return what a tag loads a file as, and with it all that it imports; `""` where that needs an import map."""
    kinds = islice(_loaded(path, contents), _MOST_MODULES)
    kind = next(kinds)
    return kind if kind and all(kinds) else ""


def _loaded(path: str, contents: PackageContents) -> Iterator[RunsAs]:
    """Return how a file runs, and then each file of its package that loads with it; each is parsed once."""
    waiting, seen = [path], {path}
    while waiting:
        importer = waiting.pop()
        source = contents.source(importer) if importer in contents.files else None
        imports = read_imports(source or b"")
        yield "" if source is None else _kind(importer, source, imports)
        inner = {normpath(join(dirname(importer), one)) for one in imports.static if one.startswith((".", ".."))}
        waiting += sorted(inner - seen)
        seen |= inner


def _kind(path: str, source: bytes, imports: Imports) -> RunsAs:
    if path.endswith(".mjs") or imports.is_module:
        return "" if bare_imports(imports) else "module"
    return "" if node_names(path, source) else "script"


def node_names(path: str, source: bytes) -> tuple[str, ...]:
    """Return what a script takes from Node.js, so that a script tag fails; `("require",)` for a `.cjs` without any."""
    return free_node_names(source) or (("require",) if path.endswith(".cjs") else ())


def is_module(path: str, source: bytes) -> bool:
    """Return whether JavaScript is an ES module, by its name or its content."""
    return path.endswith(".mjs") or read_imports(source).is_module


def bare_imports(imports: Imports) -> tuple[str, ...]:
    """Return the names that a module imports and only an import map can resolve.

    >>> bare_imports(read_imports("import 'vue'; import './a.js'; import 'https://example.com/b.js'; import '/c.js'"))
    ('vue',)
    """
    return tuple(one for one in imports.static if not _ADDRESS.match(one))


def _named(named: Mapping[str, str]) -> Iterator[str]:
    for path in (*(named[field] for field in _FIELDS if named.get(field)), "index.js"):
        for spelling in spellings(path):
            yield from (minified(spelling), _PRODUCTION.sub(r".prod\1", spelling), spelling)


def _styles(named: Mapping[str, str]) -> Iterator[str]:
    return default_files(named, "jsdelivr", for_style=True)


def _is_build(path: str, wanted: tuple[str, ...]) -> bool:
    *folders, file = path.split("/")
    is_elsewhere = not _ELSEWHERE.isdisjoint(folders)
    return file.endswith(".js") and not is_elsewhere and _words(file, _MADE) == wanted


def _is_browser_module(path: str, wanted: tuple[str, ...]) -> bool:
    file = path.rpartition("/")[2]
    return "browser" in _WORDS.split(file.lower()) and _words(file, _MADE_AS_MODULE) == wanted


def _words(text: str, without: frozenset[str]) -> tuple[str, ...]:
    """Return the words of a name.

    >>> _words("rxjs.umd.min.js", _MADE), _words("video.js", _NAMED), _words("socket.io-client", _NAMED)
    (('rxjs',), ('video',), ('socket', 'io'))
    """
    return tuple(word for word in _WORDS.split(text.lower()) if word and word not in without)


def _rank(path: str) -> tuple[bool, int, int, str]:
    return ".min." not in path, path.count("/"), len(path), path
