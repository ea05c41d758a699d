"""What becomes of one address on a public CDN: the files of npm packages that take its place, or why there are none.

Never takes a file whose bytes are not those that the page demands.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from cdnserve.libraries.migrating import Asked, Opened, as_npm
from cdnserve.libraries.own_pages import OwnPage
from cdnserve.rules.integrity import parse_metadata
from cdnserve.rules.public_cdns import Mapped, PackageFile, Unmapped, read_address
from cdnserve.snippets import of_file
from cdnserve.snippets.counterparts import (
    MOST_LISTED,
    AbsentError,
    Use,
    find_counterpart,
    modules_with,
    remark_on_default,
)
from cdnserve.snippets.pages.tag import Page
from cdnserve.snippets.references import Reference
from cdnserve.snippets.rewriting import Counterpart, differs

UNLISTED = "not all modules that load with it have integrity in the map: cdnserve importmap lists those that you name"
_MINIFIED = re.compile(r"\.min\.(?:js|css)\Z")
STRANGE = "cdnserve does not know this host: if it is yours, say --host; if not, host the file yourself"
IN_RAZOR = "Razor would take the @ of the new address for code: write it by hand, with @@"
NOT_ON_NPM = "npm does not have the package or the version"
NOT_IN_PACKAGE = "the npm package does not have what the CDN makes of it"
CARRIED = "by an entry of the page's import map"
DIFFERS = "its integrity is not that of npm's file: the CDN's file differs from npm's"
NOT_VOUCHED = "it isn't known which npm package this is; the one of the same name may be somebody else's"


@dataclass(frozen=True, slots=True)
class Scanned:
    """A page with its references; `names` its import maps know, and `imported` its inline modules ask for."""

    file: OwnPage
    page: Page
    codec: str
    references: tuple[Reference, ...]
    names: frozenset[str]
    imported: frozenset[str]


@dataclass(frozen=True, slots=True)
class Found:
    """The files that a reference's address stands for, and the libraries that they belong to."""

    counterparts: tuple[Counterpart, ...]
    libraries: tuple[str, ...]
    remark: str


@dataclass(frozen=True, slots=True)
class Left:
    """Why an address stays as it is, `""` for what loads nothing; `kind` is what it has in common with others."""

    reason: str
    kind: str = ""


def _asked(reference: Reference) -> Mapped | Unmapped | None:
    """Read the address; files are named as npm does."""
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


def packages(reference: Reference) -> Iterable[Asked]:
    """Give the packages that a reference's address stands for."""
    asked = _asked(reference)
    return ((file.name, file.requirement) for file in asked.files) if isinstance(asked, Mapped) else ()


def lacking(reference: Reference, shelf: Mapping[Asked, Opened | str]) -> Iterator[tuple[PackageFile, Opened]]:
    """Return the files that jsDelivr may take from an earlier version, and the best one, which lacks them."""
    asked = _asked(reference)
    for file in asked.files if isinstance(asked, Mapped) else ():
        package = shelf[file.name, file.requirement]
        is_file = file.mirror == "jsdelivr" and bool(file.files) and not file.files[0].endswith("/")
        if is_file and isinstance(package, Opened) and _lacks(package, file):
            yield file, package


def find(
    reference: Reference,
    scanned: Scanned,
    shelf: Mapping[Asked, Opened | str],
    earlier: Mapping[PackageFile, str] = MappingProxyType({}),
) -> Found | Left:
    """Give the files that take an address's place, or why there are none; `earlier` says which versions have them."""
    if reference.reason or reference.role == "hint":
        return Left(reference.reason)
    asked = _asked(reference)
    if not isinstance(asked, Mapped):
        return Left(asked.reason, f"{asked.cdn}: {asked.reason}") if asked else Left(STRANGE)
    if asked.files[0].family and reference.role != "style":
        return Left("a stylesheet of fonts is loaded as something else here")
    asked = _had(asked, shelf)
    files: list[Counterpart] = []
    libraries: dict[str, None] = {}
    remarks = [_remark(asked), CARRIED if reference.role == "inline" else ""]
    for file in asked.files:
        package = shelf[file.name, earlier.get(file, file.requirement)]
        if isinstance(package, str):
            return Left(package, NOT_ON_NPM)
        try:
            counterpart, remark = _counterpart(reference, file, package, scanned)
        except AbsentError as error:
            return Left(f"{error} ({package.spec})", NOT_IN_PACKAGE)
        files.append(counterpart)
        remarks.append(remark or _made(asked.cdn, file, counterpart))
        remarks.append(f"{package.spec} is the newest that has it" if file in earlier else "")
        libraries[str(package.spec)] = None
    if _is_code(files, scanned.file):
        return Left(IN_RAZOR)
    if differs(reference, files):
        return Left(DIFFERS if asked.files[0].is_vouched else NOT_VOUCHED)
    return Found(tuple(files), tuple(libraries), "; ".join(filter(None, remarks)))


def _had(asked: Mapped, shelf: Mapping[Asked, Opened | str]) -> Mapped:
    """Leave out the faces that a font family lacks where it has others; Google's stylesheet does the same."""
    packages = {file: shelf[file.name, file.requirement] for file in asked.files if file.family}
    lacking = [file for file, package in packages.items() if isinstance(package, Opened) and _lacks(package, file)]
    families = {file.name for file in asked.files if file not in lacking}
    dropped = [file for file in lacking if file.name in families]
    told = (f"{file.family} has no {file.files[0].removesuffix('.css')}" for file in dropped)
    remark = "; ".join(filter(None, (asked.remark, *told)))
    return replace(asked, files=tuple(file for file in asked.files if file not in dropped), remark=remark)


def _lacks(package: Opened, file: PackageFile) -> bool:
    return not package.files.intersection(file.files)


def _is_code(files: Iterable[Counterpart], page: OwnPage) -> bool:
    """Tell whether a template would read the address as code: Razor does, where an @ stands behind no letter."""
    return page.path.suffix.lower() in (".cshtml", ".razor") and any("/@" in file.path for file in files)


def _counterpart(
    reference: Reference, asked: PackageFile, package: Opened, scanned: Scanned
) -> tuple[Counterpart, str]:
    """Give the file, with the modules that an import map lists beside it, and a remark on these."""
    is_import = reference.role in ("import", "inline")
    is_classic = reference.role == "script" and reference.tag is not None and not reference.tag.is_module
    is_style, is_prefix = reference.role == "style", reference.role == "import"
    use = Use(is_style, is_prefix, scanned.names, reference.integrity, is_classic=is_classic)
    path = find_counterpart(asked, package, use)
    folder = path.lstrip("/") if path.endswith("/") else None
    entries = [path] if folder is None else _below(folder, reference.specifier, package, scanned)
    listed = modules_with(entries, package) if is_import else ()
    modules = tuple(_file(package, one) for one in listed if one != path) if len(listed) <= MOST_LISTED else ()
    remark = UNLISTED if len(listed) > MOST_LISTED or (is_import and not listed) else ""
    if folder is None:
        return replace(_file(package, path), modules=modules), remark or remark_on_default(asked, path, package, use)
    return Counterpart(f"{package.spec.folder}/{folder}", modules=modules), remark


def _below(folder: str, prefix: str, package: Opened, scanned: Scanned) -> list[str]:
    """Give the files that the page's own modules import by a prefix of its import map."""
    found = (folder + one.removeprefix(prefix) for one in sorted(scanned.imported) if one.startswith(prefix))
    return [path for path in found if path in package.files]


def _file(package: Opened, path: str) -> Counterpart:
    return Counterpart(f"{package.spec.folder}/{path}", of_file(path, package.source(path)).digests)


def _remark(asked: Mapped) -> str:
    if asked.files[0].is_built:
        return f"the package's own module, where {asked.cdn} has one that it made of it"
    return asked.remark


def _made(cdn: str, asked: PackageFile, counterpart: Counterpart) -> str:
    minified = [path for path in asked.files[:1] if _MINIFIED.search(path)]
    if not minified or _MINIFIED.search(counterpart.path):
        return ""
    return f"{cdn} made {minified[0]} itself; the package has the file that it is made of"
