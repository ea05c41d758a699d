"""Packages: which files the package.json of each hosted library names for whoever asks for no file."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from posixpath import normpath

import msgspec

from cdnserve.cdns.npm_mirrors import UNPKG_CONDITIONS
from cdnserve.release.blobs import read_blob
from cdnserve.release.catalog import Catalog, Entries
from cdnserve.release.gather import GatheredFiles, is_proof, settle
from cdnserve.release.read import Sources
from cdnserve.release.scan import Signature, Tree
from cdnserve.release.state_files import FileIndex
from cdnserve.release.writer import Writer
from cdnserve.rules.exports import exported
from cdnserve.rules.semver import is_pin

# Of a larger one nothing is believed; npm's largest have some hundred kilobytes.
LARGEST = 1 << 20
_LONGEST_PATH = 1024
HOME = "npm/"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class _Described(msgspec.Struct):
    """The fields of a package.json that matter, whatever their types; all others are skipped."""

    jsdelivr: object = None
    unpkg: object = None
    browser: object = None
    main: object = None
    style: object = None
    exports: object = None


def library_folder(path: str) -> str:
    """Return the folder of the library that a logical path lies in, `""` where it lies in none.

    >>> library_folder("npm/@scope/x@1.0.0/dist/x.js"), library_folder("npm/x@latest/x.js"), library_folder("x.js")
    ('npm/@scope/x@1.0.0', '', '')
    """
    folder = package_folder(path)
    return folder if is_pin(folder.removeprefix(HOME)) else ""


def package_folder(path: str) -> str:
    """Return the folder that would be a library's if it had a version, `""` for what lies in no such folder.

    >>> package_folder("npm/x@latest/dist/x.js"), package_folder("npm/@scope/x/x.js"), package_folder("npm/x.js")
    ('npm/x@latest', 'npm/@scope/x', '')
    """
    if not path.startswith(HOME):
        return ""
    depth = 3 if path.startswith(f"{HOME}@") else 2
    segments = path.split("/", depth)
    return "/".join(segments[:depth]) if len(segments) > depth else ""


def read_packages(
    tree: Tree, index: FileIndex | None, previous: Catalog | None, gathered: GatheredFiles, writer: Writer
) -> dict[str, Entries]:
    """Return what the package.json of each library with a public file names, by folder.

    One that is as it was when `previous` was made isn't opened. In `gathered`, those are marked as doubtful whose
    signatures prove nothing yet.
    """
    signatures = tree.signatures()
    folders = sorted({folder for path in gathered.contents if (folder := library_folder(path))})
    files = {folder: file for folder in folders if (file := f"{folder}/package.json") in signatures}
    found = _known(files, signatures, index, previous)
    rest = {folder: file for folder, file in files.items() if folder not in found}
    if rest:
        start = settle(writer, max(signatures[file][3] for file in rest.values()))
        gathered.doubtful |= {file for file in rest.values() if not is_proof(signatures[file], start)}
        found |= zip(rest, _read(rest.values(), tree, gathered, writer.state), strict=True)
    return dict(sorted(found.items()))


def parse(octets: bytes) -> Entries:
    """Read a package.json; what is no JSON object names nothing.

    >>> parse(b'{"main": "./dist/vue.cjs.js", "browser": {"fs": false}, "style": "../other.css"}')
    Entries(jsdelivr='', unpkg='', browser='', main='dist/vue.cjs.js', style='', exports='')
    """
    try:
        described = msgspec.json.decode(octets.removeprefix(_BYTE_ORDER_MARK), type=_Described)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return Entries()
    described.exports = exported(described.exports, ".", UNPKG_CONDITIONS)
    return Entries(*(_inner(getattr(described, name)) for name in Entries.__struct_fields__))


def _inner(value: object) -> str:
    """Return a path inside of the package in normal form, `""` for what is none."""
    # A lone surrogate, which JSON can write, is not printable; and no file with such a name is public.
    if not isinstance(value, str) or len(value) > _LONGEST_PATH or not value.isprintable():
        return ""
    path = normpath(value.lstrip("/"))
    return "" if path.startswith(".") else path


def _known(
    files: Mapping[str, str], now: Mapping[str, Signature], index: FileIndex | None, previous: Catalog | None
) -> dict[str, Entries]:
    if not index or not previous or index.number != previous.number:
        return {}
    before = index.signatures()
    known = {folder for folder, file in files.items() if before.get(file) == now[file]}
    return {folder: entries for folder, entries in previous.packages.items() if folder in known}


def _read(files: Iterable[str], tree: Tree, gathered: GatheredFiles, state: str) -> Iterator[Entries]:
    with Sources(tree.root) as sources:
        for file in files:
            content = gathered.contents.get(file)
            # Of a public one, the bytes that are served are believed, not those that lie there by now.
            if content is None:
                yield parse(_octets(sources, tree.real(file)))
            elif content.size > LARGEST:
                yield Entries()
            else:
                yield parse(read_blob(state, content.sha256.hex()))


def _octets(sources: Sources, path: str) -> bytes:
    """Read a small file that isn't public; empty where that can't be done."""
    try:
        descriptor = sources.open(path)
    except OSError:
        return b""
    try:
        status = os.fstat(descriptor)
        return os.read(descriptor, LARGEST) if stat.S_ISREG(status.st_mode) and status.st_size <= LARGEST else b""
    except OSError:
        return b""
    finally:
        os.close(descriptor)
