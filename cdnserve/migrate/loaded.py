"""The part of a library that pages load: files that they name, and what these load (CSS Values §4.5; HTML, workers).

A library with a script that finds its neighbours when it runs is kept whole: nobody can see which they are.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from posixpath import dirname, join, normpath
from urllib.parse import unquote

from cdnserve.manifest.lock import Lock
from cdnserve.manifest.model import Library, Manifest, is_kept
from cdnserve.migrate.counterpart import Moved, Packages
from cdnserve.migrate.packages import UnpackedPackage
from cdnserve.modules.hosted import package_of
from cdnserve.modules.imports import read_imports
from cdnserve.modules.scripts import PackageContents
from cdnserve.rules.globs import as_glob
from cdnserve.rules.media_types import destination

AT_RUN_TIME = "it may load more of its files when it runs"
HOSTED_WHOLE = "it is hosted whole already"
PREFIX_OF_ALL = "an import map leads to all of it"

_LOADERS = frozenset({
    *("ace-builds", "aframe", "cesium", "ckeditor", "ckeditor4", "codemirror", "elfinder", "froala-editor", "ionicons"),
    *("jodit", "leaflet", "mathjax", "mathjax-full", "mediaelement", "monaco-editor", "onnxruntime-web", "pdfjs-dist"),
    *("prismjs", "pyodide", "requirejs", "sql.js", "tesseract.js", "tesseract.js-core", "tinymce", "vditor"),
    *("@ionic/core", "@mathjax/src", "@ruffle-rs/ruffle", "@shoelace-style/shoelace"),
})  # fmt: skip
_SCOPES_OF_LOADERS = ("@ckeditor/", "@ffmpeg/", "@mediapipe/", "@tensorflow/")
# How a script finds out where it was loaded from.
_FINDS_ITSELF = re.compile(
    r"""\bcurrentScript\b|\bimportScripts\s*\(|\b(?:script|link)\s*\[\s*(?:src|href)"""
    r"""|\bgetElementsByTagName\(\s*["'`]script["'`]\s*\)(?!\s*\[\s*0\s*\])"""
)
_META = re.compile(r"\bimport\.meta\b(?!\.(?:env|hot)\b)")
_NEIGHBOUR = re.compile(
    r"""\bnew\s+URL\(\s{0,64}(?P<quote>["'`])(?P<path>[^"'`\\$\n]{1,1024})(?P=quote)\s{0,64},\s{0,64}import\.meta\.url\s{0,64}[,)]"""
)
# Comments, strings and what `url()` holds without quotes; in a stylesheet a string may be an address, too.
_IN_STYLE = re.compile(
    r"""(?is)/\*[^*]*(?:\*(?!/)[^*]*)*(?:\*/)?"""
    r"""|"(?P<double>[^"\\\n]*(?:\\.[^"\\\n]*)*)"?|'(?P<single>[^'\\\n]*(?:\\.[^'\\\n]*)*)'?"""
    r"""|url\(\s*(?P<plain>[^"'()\\\s]*(?:\\.[^"'()\\\s]*)*)"""
)


@dataclass(frozen=True, slots=True)
class LibraryPart:
    """What is kept of a library (NAME@VERSION): globs, none for all; how many files that are, and how many it has.

    `reason` says why all of it is kept.
    """

    library: str
    name: str
    files: tuple[str, ...]
    kept: int
    total: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class LoadedFiles:
    """What loads of a package: the `folders` that an import map leads to, and files; why there may be more."""

    files: frozenset[str]
    folders: tuple[str, ...] = ()
    doubt: str = ""


def library_parts(
    moved: Iterable[Moved], packages: Packages, manifest: Manifest, lock: Lock
) -> tuple[LibraryPart, ...]:
    """Return what is kept of each library that pages will load, which is never less than now."""
    entries = {entry.name: entry for entry in manifest.libraries}
    unpacked = {str(one.spec): one for one in packages.values() if isinstance(one, UnpackedPackage)}
    named: defaultdict[str, defaultdict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for path in (file.path for one in moved for first in one.counterparts for file in (first, *first.modules)):
        if package := package_of(path):
            named[package.name][str(package)].add(path.removeprefix(f"{package.folder}/"))
    parts: list[LibraryPart] = []
    for name, versions in named.items():
        entry = entries.get(name)
        globs: tuple[str, ...]
        if not entry.files if entry else lock.hosted(name):
            globs, reason = (), HOSTED_WHOLE
        else:
            globs, reason = _globs(entry, [_loads(paths, unpacked[pin]) for pin, paths in versions.items()])
        for pin, files in ((pin, unpacked[pin].files) for pin in versions):
            kept = sum(is_kept(path, globs) for path in files)
            parts.append(LibraryPart(pin, name, globs, kept, len(files), reason))
    return tuple(parts)


def _loads(named: Collection[str], package: UnpackedPackage) -> LoadedFiles:
    if "" in named:
        return LoadedFiles(package.files, doubt=PREFIX_OF_ALL)
    folders = tuple(sorted(path for path in named if path.endswith("/")))
    loads = follow((path for path in package.files if path in named or path.startswith(folders)), package)
    is_loader = package.spec.name in _LOADERS or package.spec.name.startswith(_SCOPES_OF_LOADERS)
    return replace(loads, folders=folders, doubt=loads.doubt or (AT_RUN_TIME if is_loader else ""))


def _globs(entry: Library | None, loads: Iterable[LoadedFiles]) -> tuple[tuple[str, ...], str]:
    """Return the globs that a library's entry shall have, none for all, and why it must be all."""
    globs = dict.fromkeys(entry.files if entry else ())
    for one in loads:
        new = sorted(path for path in one.files if not globs or not is_kept(path, globs))
        if new and one.doubt:
            return (), one.doubt
        globs |= {f"{as_glob(folder)}**": None for folder in one.folders}
        globs |= {as_glob(path): None for path in new if not path.startswith(one.folders)}
    return tuple(globs), ""


def follow(entries: Iterable[str], contents: PackageContents) -> LoadedFiles:
    """Return files of a package and all of it that they load."""
    waiting = list(entries)
    seen = set(waiting)
    while waiting:
        path = waiting.pop()
        addresses, doubt = _addresses(path, contents)
        if doubt:
            return LoadedFiles(frozenset(seen), doubt=f"{AT_RUN_TIME}: {path} {doubt}")
        new = {target for one in addresses if (target := _target(path, one)) in contents.files} - seen
        seen |= new
        waiting += sorted(new)
    return LoadedFiles(frozenset(seen))


def _addresses(path: str, contents: PackageContents) -> tuple[Iterable[str], str]:
    """Return the addresses in a file, and why it may load others."""
    kind = destination(path)
    if kind not in ("script", "style"):
        return (), ""
    text = contents.source(path).decode("utf-8", "replace")
    return _of_script(text) if kind == "script" else (_of_style(text), "")


def _target(loader: str, address: str) -> str:
    """Return the path in the package that a relative address leads to, `""` for others."""
    path = unquote(re.split(r"[?#]", address, maxsplit=1)[0])
    if not path or path.startswith("/") or ":" in path.partition("/")[0]:
        return ""
    return normpath(join(dirname(loader), path))


def _of_script(text: str) -> tuple[Iterable[str], str]:
    imports = read_imports(text)
    paths = [one for one in (*imports.static, *imports.dynamic) if one.startswith(("./", "../"))]
    neighbours = [found["path"] for found in _NEIGHBOUR.finditer(text)]
    if not imports.is_whole:
        return (), "can't be read to its end"
    if imports.computed:
        return (), "computes what it imports"
    if _FINDS_ITSELF.search(text) or len(_META.findall(text)) != len(neighbours):
        return (), "finds out where it lies"
    return (*paths, *neighbours), ""


def _of_style(text: str) -> Iterator[str]:
    for found in _IN_STYLE.finditer(text):
        if address := found["double"] or found["single"] or found["plain"]:
            yield re.sub(r"(?s)\\(.)", r"\1", address)
