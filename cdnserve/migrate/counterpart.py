"""Counterparts: the hosted files that take the place of a page's address, or why it stays as it is."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from cdnserve.cdns.mapped import Mapped, PackageFile, Unmapped
from cdnserve.cdns.registry import read_address
from cdnserve.markup.files import OwnPage
from cdnserve.markup.tag import Page
from cdnserve.migrate.package_file import MOST_LISTED, AbsentError, PageUse, find_file, modules_with, remark_on_default
from cdnserve.migrate.packages import PackageRequest, UnpackedPackage, as_npm
from cdnserve.migrate.references import Reference
from cdnserve.migrate.rewrite import Counterpart, differs
from cdnserve.modules.scripts import is_module
from cdnserve.rules.integrity import parse_metadata
from cdnserve.snippets.subject import of_file

UNLISTED = "not all modules that load with it have integrity in the map: cdnserve importmap lists those that you name"
UNKNOWN_HOST = "cdnserve does not know this host: if it is yours, say --host; if not, host the file yourself"
IN_RAZOR = "Razor would take the @ of the new address for code: write it by hand, with @@"
NOT_ON_NPM = "npm does not have the package or the version"
NOT_IN_PACKAGE = "the npm package does not have what the CDN makes of it"
BY_MAP = "by an entry of the page's import map"
DIFFERS = "its integrity is not that of npm's file: the CDN's file differs from npm's"
A_MODULE = 'it is an ES module, which fails in a script tag without type="module"'
FONTS_AS_OTHER = "a stylesheet of fonts is loaded as something else here"
BROUGHT = "earlier tags bring the same faces"
NOT_VOUCHED = "it isn't known which npm package this is; the one of the same name may be somebody else's"

# Attributes that belong to one file.
_OWN = frozenset({"crossorigin", "href", "id", "integrity"})
_NOSCRIPT = re.compile(r"<(/?)noscript", re.IGNORECASE)
_MINIFIED = re.compile(r"\.min\.(?:js|css)\Z")

Packages = Mapping[PackageRequest, UnpackedPackage | str]
"""What was asked for: an unpacked package, or why npm has none."""


@dataclass(frozen=True, slots=True)
class ScannedPage:
    """A page with its references, the `names` that its import maps know, and what its inline modules import."""

    file: OwnPage
    page: Page
    codec: str
    references: tuple[Reference, ...]
    names: frozenset[str]
    imported: frozenset[str]


@dataclass(frozen=True, slots=True)
class Moved:
    """The files that take an address's place, and the libraries (NAME@VERSION) that they belong to, or are made of."""

    counterparts: tuple[Counterpart, ...]
    libraries: tuple[str, ...]
    remark: str
    made: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Left:
    """Why an address stays as it is, `""` for what loads nothing; `kind` is what it has in common with others."""

    reason: str
    kind: str = ""


def requested(reference: Reference) -> Iterable[PackageRequest]:
    """Return the packages that a reference's address stands for."""
    mapped = mapped_files(reference)
    return ((file.name, file.requirement) for file in mapped.files) if isinstance(mapped, Mapped) else ()


def lacking(reference: Reference, packages: Packages) -> Iterator[tuple[PackageFile, UnpackedPackage]]:
    """Yield the files that jsDelivr may take from an earlier version, and the newest one, which lacks them."""
    mapped = mapped_files(reference)
    for file in mapped.files if isinstance(mapped, Mapped) else ():
        package = packages[file.name, file.requirement]
        is_file = file.mirror == "jsdelivr" and bool(file.files) and not file.files[0].endswith("/")
        if is_file and isinstance(package, UnpackedPackage) and _lacks(package, file):
            yield file, package


def find_counterparts(
    reference: Reference, page: ScannedPage, packages: Packages, earlier: Mapping[PackageFile, str]
) -> Moved | Left:
    """Return the files that take an address's place, or why there are none; `earlier` says which versions have them."""
    if reference.reason or reference.role == "hint":
        return Left(reference.reason)
    mapped = mapped_files(reference)
    if not isinstance(mapped, Mapped):
        return Left(mapped.reason, f"{mapped.cdn}: {mapped.reason}") if mapped else Left(UNKNOWN_HOST)
    if mapped.files[0].family and reference.role != "style":
        return Left(FONTS_AS_OTHER)
    mapped = _without_absent_faces(mapped, packages)
    files: list[Counterpart] = []
    libraries: dict[str, None] = {}
    remarks = [_remark(mapped), BY_MAP if reference.role == "inline" else ""]
    for file in mapped.files:
        package = packages[file.name, earlier.get(file, file.requirement)]
        if isinstance(package, str):
            return Left(package, NOT_ON_NPM)
        try:
            counterpart, remark = _counterpart(reference, file, package, page)
        except AbsentError as error:
            return Left(f"{error} ({package.spec})", NOT_IN_PACKAGE)
        files.append(counterpart)
        remarks.append(remark or _minified_there(mapped.cdn, file, counterpart))
        remarks.append(f"{package.spec} is the newest that has it" if file in earlier else "")
        libraries[str(package.spec)] = None
    if _is_razor_code(files, page.file):
        return Left(IN_RAZOR)
    if differs(reference, files):
        return Left(DIFFERS if mapped.files[0].is_vouched else NOT_VOUCHED)
    return Moved(tuple(files), tuple(libraries), "; ".join(filter(None, remarks)))


def each_face_once(page: Page, found: Mapping[Reference, Moved | Left]) -> dict[Reference, Moved | Left]:
    """Leave out the faces of fonts that an earlier tag with the same attributes brings."""
    if page.code:  # of what a template writes, nobody knows which part a page has
        return dict(found)
    noscript = [(one.start(), not one[1]) for one in _NOSCRIPT.finditer(page.text)]
    brought: set[tuple[str, frozenset[tuple[str, str]]]] = set()
    decided: dict[Reference, Moved | Left] = {}
    for reference, one in found.items():
        decided[reference] = one
        tag, mapped = reference.tag, mapped_files(reference)
        if not tag or tag.inert or not isinstance(one, Moved) or not isinstance(mapped, Mapped):
            continue
        if mapped.files[0].family:
            same = frozenset((each.name, each.value) for each in tag.attributes if each.name not in _OWN)
            new = tuple(file for file in one.counterparts if (file.path, same) not in brought)
            if new != one.counterparts:
                decided[reference] = replace(
                    one, counterparts=new, remark="; ".join(filter(None, (one.remark, BROUGHT)))
                )
            before = bisect_left(noscript, (tag.start, False))
            if not before or not noscript[before - 1][1]:
                brought |= {(file.path, same) for file in new}
    return decided


def mapped_files(reference: Reference) -> Mapped | Unmapped | None:
    """Return what the address stands for, with npm's names."""
    if reference.reason or reference.role == "hint":
        return None
    read = read_address(reference.url)
    if not isinstance(read, Mapped):
        return read
    files = tuple(as_npm(file, read.cdn) for file in read.files)
    # The registry isn't even asked for a name that nobody vouches for, unless integrity decides what is taken.
    if not all(file.is_vouched for file in files) and not parse_metadata(reference.integrity):
        return Unmapped(read.cdn, NOT_VOUCHED)
    return Mapped(read.cdn, files, read.remark)


def _without_absent_faces(mapped: Mapped, packages: Packages) -> Mapped:
    """Leave out the faces that a font family lacks where it has others; Google's stylesheet does the same."""
    families = {file: packages[file.name, file.requirement] for file in mapped.files if file.family}
    absent = [file for file, found in families.items() if isinstance(found, UnpackedPackage) and _lacks(found, file)]
    present = {file.name for file in mapped.files if file not in absent}
    dropped = [file for file in absent if file.name in present]
    told = (f"{file.family} has no {file.files[0].removesuffix('.css')}" for file in dropped)
    remark = "; ".join(filter(None, (mapped.remark, *told)))
    return replace(mapped, files=tuple(file for file in mapped.files if file not in dropped), remark=remark)


def _lacks(package: UnpackedPackage, file: PackageFile) -> bool:
    return package.files.isdisjoint(file.files)


def _remark(mapped: Mapped) -> str:
    if mapped.files[0].is_built:
        return f"the package's own module, where {mapped.cdn} has one that it made of it"
    return mapped.remark


def _counterpart(
    reference: Reference, file: PackageFile, package: UnpackedPackage, page: ScannedPage
) -> tuple[Counterpart, str]:
    """Return the file, with the modules that an import map lists beside it, and a remark on these."""
    is_import = reference.role in ("import", "inline")
    is_classic = reference.role == "script" and reference.tag is not None and not reference.tag.is_module
    is_style, is_prefix = reference.role == "style", reference.role == "import"
    use = PageUse(is_style, is_prefix, page.names, reference.integrity, is_classic=is_classic)
    path = find_file(file, package, use)
    folder = path.lstrip("/") if path.endswith("/") else None
    entries = [path] if folder is None else _imported_below(folder, reference.specifier, package, page)
    listed = modules_with(entries, package) if is_import else ()
    modules = tuple(_hashed(package, one) for one in listed if one != path) if len(listed) <= MOST_LISTED else ()
    remark = UNLISTED if len(listed) > MOST_LISTED or (is_import and not listed) else ""
    if folder is None:
        if is_classic and is_module(path, package.source(path)):
            remark = A_MODULE
        found = replace(_hashed(package, path), modules=modules, is_built=file.is_built)
        return found, remark or remark_on_default(file, path, package, use)
    return Counterpart(f"{package.spec.folder}/{folder}", modules=modules), remark


def _imported_below(folder: str, prefix: str, package: UnpackedPackage, page: ScannedPage) -> list[str]:
    """Return the files that the page's own modules import by a prefix of its import map."""
    found = (folder + one.removeprefix(prefix) for one in sorted(page.imported) if one.startswith(prefix))
    return [path for path in found if path in package.files]


def _hashed(package: UnpackedPackage, path: str) -> Counterpart:
    return Counterpart(f"{package.spec.folder}/{path}", of_file(path, package.source(path)).digests)


def _minified_there(cdn: str, file: PackageFile, counterpart: Counterpart) -> str:
    minified = [path for path in file.files[:1] if _MINIFIED.search(path)]
    if not minified or _MINIFIED.search(counterpart.path):
        return ""
    return f"{cdn} made {minified[0]} itself; the package has the file that it is made of"


def _is_razor_code(files: Iterable[Counterpart], page: OwnPage) -> bool:
    """Return whether a template would read the address as code: Razor does, where an @ stands behind no letter."""
    return page.path.suffix.lower() in (".cshtml", ".razor") and any("/@" in file.path for file in files)
