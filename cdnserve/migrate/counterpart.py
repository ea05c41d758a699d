"""Counterparts: which file of an npm package a public CDN's address stands for (package.json, ES modules).

Never gives a module that a browser could not run: each import must lead to a file or to a name of the page's.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from posixpath import dirname, join, normpath
from types import MappingProxyType

from cdnserve.cdns.mapped import Mapped, PackageFile, Unmapped
from cdnserve.cdns.npm_mirrors import FIELDS, UNPKG_CONDITIONS, default_files, minified
from cdnserve.cdns.registry import read_address
from cdnserve.markup.files import OwnPage
from cdnserve.markup.tag import Page
from cdnserve.migrate.packages import Asked, Opened, as_npm
from cdnserve.migrate.references import Reference
from cdnserve.migrate.rewrite import Counterpart, differs
from cdnserve.modules.imports import Imports, read_imports
from cdnserve.modules.package_json import Description, candidates, inside, spellings
from cdnserve.modules.scripts import Contents, is_module, main_files, node_names
from cdnserve.rules.exports import exported
from cdnserve.rules.integrity import matches, parse_metadata
from cdnserve.snippets.subject import of_file

MOST_LISTED = 100
"""More modules than this make an import map longer than its page."""
_MOST_MODULES = 2000
_FAMILY = re.compile(r"font-family:\s*(?:'([^'\n]{1,128})'|\"([^\"\n]{1,128})\"|([A-Za-z0-9 -]{1,128}))")


@dataclass(frozen=True, slots=True)
class PageUse:
    """What a page does with a file: a stylesheet, a prefix of an import map; `names` its import map knows.

    Of several files, one that satisfies `integrity` is taken. A script that `is_classic` is no module, and none that
    only Node.js runs is its default file.
    """

    is_style: bool = False
    is_prefix: bool = False
    names: frozenset[str] = frozenset()
    integrity: str = ""
    is_classic: bool = False


class AbsentError(ValueError):
    """Says why a package has no counterpart."""


def find_counterpart(asked: PackageFile, contents: Contents, use: PageUse) -> str:
    """Return the path of the file, or of a folder with `/` at its end; raise `AbsentError` with the reason."""
    if asked.files and asked.files[0].endswith("/"):
        return _folder(asked.files[0], contents, use)
    if asked.is_built and not (use.is_classic and asked.files):
        return _module(asked, contents, use)
    present = _present(asked, contents, use)
    if not present:
        raise AbsentError(f"the npm package has no {asked.files[0]}" if asked.files else _NO_DEFAULT)
    found = next((path for path in present if _satisfies(contents.source(path), use)), present[0])
    if use.is_classic and not asked.files and not use.integrity and node_names(found, contents.source(found)):
        return _build(asked, found, contents)
    if asked.family and not _defines(asked.family, contents.source(found)):
        raise AbsentError(f"{found} of the npm package does not define the family {asked.family}")
    return found


def remark_on_default(asked: PackageFile, found: str, contents: Contents, use: PageUse) -> str:
    """Return how the file that was found differs from a CDN's default file, `""` where it doesn't."""
    if asked.files or not asked.mirror or asked.is_built:
        return ""
    first = _present(asked, contents, use)[0]
    if first != found and node_names(first, contents.source(first)):
        return f"the default file there is {first}, which runs in Node.js only; this is a build for browsers"
    if asked.mirror == "jsdelivr" and minified(found) != found:
        return f"jsDelivr minifies {found} itself; the package has it as it is"
    return ""


def modules_with(entries: Iterable[str], contents: Contents) -> tuple[str, ...]:
    """Return the modules of a package that load with some of its modules, these too; at most `MOST_LISTED`."""
    listed = (path for path, _ in _modules(entries, contents, partial(_neighbour, contents)))
    return tuple(sorted(islice(listed, MOST_LISTED + 1)))


def _present(asked: PackageFile, contents: Contents, use: PageUse) -> list[str]:
    return [path for path in dict.fromkeys(_places(asked, contents, use)) if path in contents.files]


def _build(asked: PackageFile, default: str, contents: Contents) -> str:
    """Return the package's build for script tags, in place of a default file that only Node.js runs."""
    found = main_files(asked.name, _named(_described(contents)), contents).script
    if not found or is_module(found, contents.source(found)):
        raise AbsentError(f"{default}, its default file, runs in Node.js only, and it has no build for script tags")
    return found


def _satisfies(content: bytes, use: PageUse) -> bool:
    if not use.integrity:
        return True
    return matches(use.integrity, {one.algorithm: one.digest for one in of_file("", content).digests})


_NO_DEFAULT = "the package.json of the npm package names no file for browsers"


def _folder(folder: str, contents: Contents, use: PageUse) -> str:
    if not use.is_prefix:
        raise AbsentError("it is a folder, not a file")
    prefix = folder.lstrip("/")
    if not any(file.startswith(prefix) for file in contents.files):
        raise AbsentError(f"the npm package has no folder {prefix}")
    return prefix or "/"


def _places(asked: PackageFile, contents: Contents, use: PageUse) -> Iterator[str]:
    if not asked.files and asked.mirror:
        yield from default_files(_named(_described(contents)), asked.mirror, for_style=use.is_style)
    yield from asked.files
    if asked.mirror == "unpkg":
        # unpkg adds what Node.js lets people leave out.
        yield from (spelling for file in asked.files for spelling in spellings(file))


def _named(description: Description) -> dict[str, str]:
    """Return the paths that a package.json names for browsers, by its fields."""
    values = {**description, "exports": exported(description.get("exports"), ".", UNPKG_CONDITIONS)}
    return {field: inside(value) or "" for field in FIELDS if isinstance(value := values.get(field), str)}


def _described(contents: Contents) -> Description:
    try:
        found = json.loads(contents.source("package.json")) if "package.json" in contents.files else {}
    except (ValueError, RecursionError):
        found = {}
    return found if isinstance(found, dict) else {}


def _defines(family: str, stylesheet: bytes) -> bool:
    families = _FAMILY.findall(stylesheet.decode("utf-8", "replace"))
    return any(family.lower() == one.strip().lower() for found in families for one in found)


def _module(asked: PackageFile, contents: Contents, use: PageUse) -> str:
    """Find the ES module that the CDN would have built its own from."""
    description = _described(contents)
    subpath = f"./{asked.files[0]}" if asked.files else "."
    for path in _entries(description, subpath):
        if path in contents.files and read_imports(contents.source(path)).is_module:
            _check_module(path, contents, use)
            return path
    raise AbsentError("the npm package has no ES module for it, only what the CDN makes one of")


def _entries(description: Description, subpath: str) -> Iterator[str]:
    if "exports" in description:
        found = exported(description["exports"], subpath)
        if isinstance(found, str):
            yield found
    yield from candidates(description, subpath)


def _check_module(entry: str, contents: Contents, use: PageUse) -> None:
    """Follow a module's imports; raise `AbsentError` where a browser could not."""
    for number, (path, imports) in enumerate(_modules([entry], contents, partial(_target, contents, use))):
        if imports.needs_bundler:
            raise AbsentError(f"{path} of the npm package reads process.env, which no browser has")
        if number == _MOST_MODULES:
            raise AbsentError(f"it imports more than {_MOST_MODULES:,} files")


def _modules(
    entries: Iterable[str], contents: Contents, follow: Callable[[str, str], str | None]
) -> Iterator[tuple[str, Imports]]:
    """Yield modules and all that they import; `follow` gives the file that an importer's specifier leads to, if any."""
    waiting = list(entries)
    seen = set(waiting)
    while waiting:
        path = waiting.pop()
        imports = read_imports(contents.source(path))
        yield path, imports
        found = dict.fromkeys(follow(path, specifier) for specifier in (*imports.static, *imports.dynamic))
        new = [target for target in found if target and target not in seen]
        seen.update(new)
        waiting += new


def _target(contents: Contents, use: PageUse, importer: str, specifier: str) -> str | None:
    """Return the module that an import leads to, `None` where the page's import map says which."""
    if specifier.startswith(("./", "../")):
        path = normpath(join(dirname(importer), specifier))
        if path not in contents.files:
            raise AbsentError(f"{importer} of the npm package imports {specifier}, which no browser finds there")
        return _neighbour(contents, importer, specifier)
    if not _is_known(specifier, use.names):
        raise AbsentError(f"{importer} of the npm package imports {specifier}, which the page's import map lacks")
    return None


def _neighbour(contents: Contents, importer: str, specifier: str) -> str | None:
    """Return the module of the same package that a path leads to."""
    path = normpath(join(dirname(importer), specifier)) if specifier.startswith(("./", "../")) else ""
    return path if path in contents.files and path.endswith((".js", ".mjs")) else None


def _is_known(specifier: str, names: Collection[str]) -> bool:
    return specifier in names or any(name.endswith("/") and specifier.startswith(name) for name in names)


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
class CounterpartFiles:
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
    """Return the packages that a reference's address stands for."""
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
) -> CounterpartFiles | Left:
    """Return the files that take an address's place, or why there are none; `earlier` says which versions have them."""
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
    return CounterpartFiles(tuple(files), tuple(libraries), "; ".join(filter(None, remarks)))


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
    """Return whether a template would read the address as code: Razor does, where an @ stands behind no letter."""
    return page.path.suffix.lower() in (".cshtml", ".razor") and any("/@" in file.path for file in files)


def _counterpart(
    reference: Reference, asked: PackageFile, package: Opened, scanned: Scanned
) -> tuple[Counterpart, str]:
    """Return the file, with the modules that an import map lists beside it, and a remark on these."""
    is_import = reference.role in ("import", "inline")
    is_classic = reference.role == "script" and reference.tag is not None and not reference.tag.is_module
    is_style, is_prefix = reference.role == "style", reference.role == "import"
    use = PageUse(is_style, is_prefix, scanned.names, reference.integrity, is_classic=is_classic)
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
    """Return the files that the page's own modules import by a prefix of its import map."""
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
