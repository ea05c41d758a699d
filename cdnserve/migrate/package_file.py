"""Which file of an npm package a public CDN's address stands for (package.json; ES modules).

A module is one only if a browser could run it: each import must lead to a file, or to a name of the page's import map.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from posixpath import dirname, join, normpath

from cdnserve.cdns.mapped import PackageFile
from cdnserve.cdns.npm_mirrors import FIELDS, UNPKG_CONDITIONS, default_files, minified
from cdnserve.modules.imports import Imports, read_imports
from cdnserve.modules.package_json import Description, candidates, inside, spellings
from cdnserve.modules.scripts import PackageContents, is_module, main_files, node_names
from cdnserve.rules.exports import exported
from cdnserve.rules.integrity import matches
from cdnserve.snippets.subject import of_file

MOST_LISTED = 100
"""More modules than this make an import map longer than its page."""
_MOST_MODULES = 2000
_FAMILY = re.compile(r"font-family:\s*(?:'([^'\n]{1,128})'|\"([^\"\n]{1,128})\"|([A-Za-z0-9 -]{1,128}))")
_NO_DEFAULT = "the package.json of the npm package names no file for browsers"


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
    """A package has no counterpart; the message says why."""


def find_file(file: PackageFile, contents: PackageContents, use: PageUse) -> str:
    """Return the path of the file, or of a folder with `/` at its end; raise `AbsentError` with the reason."""
    if file.files and file.files[0].endswith("/"):
        return _folder(file.files[0], contents, use)
    if file.is_built and not (use.is_classic and file.files):
        return _module(file, contents, use)
    present = _present(file, contents, use)
    if not present:
        raise AbsentError(f"the npm package has no {file.files[0]}" if file.files else _NO_DEFAULT)
    found = next((path for path in present if _satisfies(contents.source(path), use)), present[0])
    if use.is_classic and not file.files and not use.integrity and node_names(found, contents.source(found)):
        return _build(file, found, contents)
    if file.family and not _defines(file.family, contents.source(found)):
        raise AbsentError(f"{found} of the npm package does not define the family {file.family}")
    return found


def remark_on_default(file: PackageFile, found: str, contents: PackageContents, use: PageUse) -> str:
    """Return how the file that was found differs from a CDN's default file, `""` where it doesn't."""
    if file.files or not file.mirror or file.is_built:
        return ""
    first = _present(file, contents, use)[0]
    if first != found and node_names(first, contents.source(first)):
        return f"the default file there is {first}, which runs in Node.js only; this is a build for browsers"
    if file.mirror == "jsdelivr" and minified(found) != found:
        return f"jsDelivr minifies {found} itself; the package has it as it is"
    return ""


def modules_with(entries: Iterable[str], contents: PackageContents) -> tuple[str, ...]:
    """Return the modules of a package that load with some of its modules, these too; at most `MOST_LISTED`."""
    listed = (path for path, _ in _modules(entries, contents, partial(_neighbour, contents)))
    return tuple(sorted(islice(listed, MOST_LISTED + 1)))


def _folder(folder: str, contents: PackageContents, use: PageUse) -> str:
    if not use.is_prefix:
        raise AbsentError("it is a folder, not a file")
    prefix = folder.lstrip("/")
    if not any(file.startswith(prefix) for file in contents.files):
        raise AbsentError(f"the npm package has no folder {prefix}")
    return prefix or "/"


def _present(file: PackageFile, contents: PackageContents, use: PageUse) -> list[str]:
    return [path for path in dict.fromkeys(_places(file, contents, use)) if path in contents.files]


def _places(file: PackageFile, contents: PackageContents, use: PageUse) -> Iterator[str]:
    if not file.files and file.mirror:
        yield from default_files(_named(_described(contents)), file.mirror, for_style=use.is_style)
    yield from file.files
    if file.mirror == "unpkg":
        # unpkg adds what Node.js lets people leave out.
        yield from (spelling for file in file.files for spelling in spellings(file))


def _named(description: Description) -> dict[str, str]:
    """Return the paths that a package.json names for browsers, by its fields."""
    values = {**description, "exports": exported(description.get("exports"), ".", UNPKG_CONDITIONS)}
    return {field: inside(value) or "" for field in FIELDS if isinstance(value := values.get(field), str)}


def _described(contents: PackageContents) -> Description:
    try:
        found = json.loads(contents.source("package.json")) if "package.json" in contents.files else {}
    except (ValueError, RecursionError):
        found = {}
    return found if isinstance(found, dict) else {}


def _satisfies(content: bytes, use: PageUse) -> bool:
    if not use.integrity:
        return True
    return matches(use.integrity, {one.algorithm: one.digest for one in of_file("", content).digests})


def _build(file: PackageFile, default: str, contents: PackageContents) -> str:
    """Return the package's build for script tags, in place of a default file that only Node.js runs."""
    found = main_files(file.name, _named(_described(contents)), contents).script
    if not found or is_module(found, contents.source(found)):
        raise AbsentError(f"{default}, its default file, runs in Node.js only, and it has no build for script tags")
    return found


def _defines(family: str, stylesheet: bytes) -> bool:
    families = _FAMILY.findall(stylesheet.decode("utf-8", "replace"))
    return any(family.lower() == one.strip().lower() for found in families for one in found)


def _module(file: PackageFile, contents: PackageContents, use: PageUse) -> str:
    """Find the ES module that the CDN would have built its own from."""
    description = _described(contents)
    subpath = f"./{file.files[0]}" if file.files else "."
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


def _check_module(entry: str, contents: PackageContents, use: PageUse) -> None:
    """Follow a module's imports; raise `AbsentError` where a browser could not."""
    for number, (path, imports) in enumerate(_modules([entry], contents, partial(_target, contents, use))):
        if imports.needs_bundler:
            raise AbsentError(f"{path} of the npm package reads process.env, which no browser has")
        if number == _MOST_MODULES:
            raise AbsentError(f"it imports more than {_MOST_MODULES:,} files")


def _target(contents: PackageContents, use: PageUse, importer: str, specifier: str) -> str | None:
    """Return the module that an import leads to, `None` where the page's import map says which."""
    if specifier.startswith(("./", "../")):
        path = normpath(join(dirname(importer), specifier))
        if path not in contents.files:
            raise AbsentError(f"{importer} of the npm package imports {specifier}, which no browser finds there")
        return _neighbour(contents, importer, specifier)
    if not _is_known(specifier, use.names):
        raise AbsentError(f"{importer} of the npm package imports {specifier}, which the page's import map lacks")
    return None


def _is_known(specifier: str, names: Collection[str]) -> bool:
    return specifier in names or any(name.endswith("/") and specifier.startswith(name) for name in names)


def _modules(
    entries: Iterable[str], contents: PackageContents, follow: Callable[[str, str], str | None]
) -> Iterator[tuple[str, Imports]]:
    """Yield modules and all that they import; `follow` returns the file that an importer's specifier leads to."""
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


def _neighbour(contents: PackageContents, importer: str, specifier: str) -> str | None:
    """Return the module of the same package that a path leads to."""
    path = normpath(join(dirname(importer), specifier)) if specifier.startswith(("./", "../")) else ""
    return path if path in contents.files and path.endswith((".js", ".mjs")) else None
