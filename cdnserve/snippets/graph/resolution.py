"""Resolution (Node.js, "Modules: packages"; HTML, resolving a module specifier): a specifier to a hosted, public file.

Never falls back to another host, and never takes a CommonJS file for a module.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from posixpath import dirname, normpath
from urllib.parse import unquote

from cdnserve.errors import Problem
from cdnserve.manifest.packages import is_package_name
from cdnserve.rules.exports import FOR_NODE, Refused, exported, internal
from cdnserve.rules.versions import best, is_range, newest
from cdnserve.snippets.addresses import public_url
from cdnserve.snippets.graph import unresolved
from cdnserve.snippets.graph.entries import candidates, inside, replaced, spellings, substitute
from cdnserve.snippets.graph.hosted import Package, package_of, split_bare
from cdnserve.snippets.graph.reading import Modules

_LONGEST = 1024
_DEPENDENCIES = ("dependencies", "peerDependencies", "optionalDependencies")


@dataclass(frozen=True, slots=True)
class Found:
    """A public file; `key` is what an import map has to call it, a logical path where `is_path`, `""` for none.

    `undeclared` is the package that was taken though the dependent's package.json doesn't name it, else `""`.
    """

    path: str
    key: str = ""
    is_path: bool = False
    undeclared: str = ""


class Resolver:
    """Resolves specifiers.

    `asked` are the versions that a person chose, preferred where a dependent allows them; `files` the files that a
    person chose for a subpath of a package, for everybody.
    """

    def __init__(
        self, modules: Modules, asked: Mapping[str, str], files: Mapping[tuple[Package, str], str] | None = None
    ) -> None:
        self._modules = modules
        self._shelf = modules.shelf
        self._asked = asked
        self._files = files or {}

    def choose(self, name: str, wanted: str | None) -> Package | None:
        """Choose the hosted version of a package that satisfies a range, the best one; `None` for any."""
        versions = self._shelf.versions(name)
        asked = self._asked.get(name)
        if asked and (wanted is None or best(wanted, [asked])):
            return Package(name, asked)
        version = newest(versions) if wanted is None else best(wanted, versions)
        return Package(name, version) if version else None

    def entry(self, package: Package, subpath: str) -> Found | Problem:
        """Find the ES module that a package has at a subpath (`.` or `./…`)."""
        chosen = self._files.get((package, subpath))
        named = (chosen,) if chosen else self._named(package, subpath)
        if isinstance(named, Problem):
            return named
        modules, description = self._modules, self._modules.described(package)
        mapped = [replaced(description, file) for file in named]
        paths = [f"{package.folder}/{file}" for file in mapped if file is not None]
        public = [path for path in paths if self._shelf.is_public(path)]
        module = next((path for path in public if modules.is_importable(path)), None)
        if module:
            return Found(module)
        if public:
            return unresolved.common_js(package, public[0])
        unlisted = next((path for path in paths if self._shelf.lies_unlisted(path)), None)
        said = chosen or _said(package, subpath)
        return unresolved.unlisted(unlisted) if unlisted else unresolved.missing(str(package), said)

    def follow(self, module: str, specifier: str) -> Found | Problem | None:
        """Resolve what a module imports; `None` where there is nothing to be checked (`data:`)."""
        package = package_of(module)
        if len(specifier) > _LONGEST or not package:
            return unresolved.missing(module, specifier)
        if specifier.startswith(("./", "../")):
            return self._relative(module, specifier, package)
        if specifier.startswith("/"):
            return unresolved.missing(module, specifier)
        if specifier.startswith("#"):
            return self._internal(module, specifier, package)
        if ":" in specifier.partition("/")[0]:
            return unresolved.by_scheme(module, specifier)
        return self._bare(module, specifier, package)

    def _named(self, package: Package, subpath: str) -> tuple[str, ...] | Problem:
        """Give the files, relative to the package, that its package.json means."""
        description = self._modules.described(package)
        exports = description.get("exports")
        if exports is None:
            return self._nested(package, subpath) + candidates(description, subpath)
        file = exported(exports, subpath)
        if isinstance(file, str):
            return (file,)
        if file is Refused.UNKNOWN and isinstance(exported(exports, subpath, FOR_NODE), str):
            return unresolved.common_js(package, _said(package, subpath))
        return unresolved.not_exported(package, _said(package, subpath), file)

    def _nested(self, package: Package, subpath: str) -> tuple[str, ...]:
        """Give what a package.json in a folder of the package names, as packages had it before `exports`."""
        folder = inside(subpath)
        if not folder or subpath == ".":
            return ()
        description = self._shelf.described(f"{package.folder}/{folder}")
        named = candidates(description, ".") if description else ()
        return tuple(f"{folder}/{file}" for file in named)

    def _relative(self, module: str, specifier: str, package: Package) -> Found | Problem:
        # An import map's integrity is found by the URL's spelling, so an escape must be the one that we write.
        if "%" in specifier and public_url(unquote(specifier)) != f"/{specifier}":
            return unresolved.missing(module, specifier)
        path = normpath(f"{dirname(module)}/{unquote(specifier)}") + ("/" if specifier.endswith("/") else "")
        if not path.startswith(f"{package.folder}/"):
            return Found(path) if self._shelf.is_public(path) else unresolved.missing(module, specifier)
        file = replaced(self._modules.described(package), path.removeprefix(f"{package.folder}/"))
        if file is None:
            return unresolved.taken_away(module, specifier)
        found = self._modules.first_public(f"{package.folder}/{one}" for one in spellings(file.rstrip("/")))
        if found is None:
            is_there = self._shelf.lies_unlisted(path)
            return unresolved.unlisted(path) if is_there else unresolved.missing(module, specifier)
        return Found(found) if found == path else Found(found, path, is_path=True)

    def _internal(self, module: str, specifier: str, package: Package) -> Found | Problem | None:
        target = internal(self._modules.described(package).get("imports"), specifier)
        if isinstance(target, Refused):
            return unresolved.not_exported(package, specifier, target)
        return self._stand_in(module, specifier, target, package)

    def _bare(self, module: str, specifier: str, package: Package) -> Found | Problem | None:
        description = self._modules.described(package)
        target = substitute(description, specifier)
        if target is None:
            return unresolved.taken_away(module, specifier)
        if target != specifier:
            return self._stand_in(module, specifier, target, package)
        name, subpath = split_bare(specifier)
        if name == package.name and description.get("exports") is not None:
            return _called(self.entry(package, subpath), specifier)
        wanted = _wanted(description, name)
        real, allowed = _alias(name, wanted)
        if not is_package_name(real):
            return unresolved.missing(module, specifier)
        chosen = self.choose(real, allowed)
        if chosen is None:
            return unresolved.not_hosted(real, allowed, package, self._shelf)
        found = _called(self.entry(chosen, subpath), specifier)
        if wanted is None and isinstance(found, Found):
            return Found(found.path, found.key, undeclared=str(chosen))
        return found

    def _stand_in(self, module: str, specifier: str, target: str, package: Package) -> Found | Problem | None:
        if not target.startswith("./"):
            # Once: a map that leads back to what it replaces would never end.
            description = dict(self._modules.described(package)) | {"browser": None}
            return _called(self._other(module, target, package, description), specifier)
        found = self._modules.first_public(f"{package.folder}/{one}" for one in spellings(target[2:]))
        return Found(found, specifier) if found else unresolved.missing(module, specifier)

    def _other(
        self, module: str, target: str, package: Package, description: Mapping[str, object]
    ) -> Found | Problem | None:
        name, subpath = split_bare(target)
        if ":" in name:
            return unresolved.by_scheme(module, target)
        real, allowed = _alias(name, _wanted(description, name))
        if not is_package_name(real):
            return unresolved.missing(module, target)
        chosen = self.choose(real, allowed)
        return self.entry(chosen, subpath) if chosen else unresolved.not_hosted(real, allowed, package, self._shelf)


def _called(found: Found | Problem | None, key: str) -> Found | Problem | None:
    return Found(found.path, key) if isinstance(found, Found) else found


def _said(package: Package, subpath: str) -> str:
    return f"{package.name}{subpath[1:]}"


def _wanted(description: Mapping[str, object], name: str) -> str | None:
    """Give what a package demands of a dependency, `None` where it does not declare it."""
    tables = (description.get(field) for field in _DEPENDENCIES)
    found = (table.get(name) for table in tables if isinstance(table, Mapping))
    return next((text for text in found if isinstance(text, str)), None)


def _alias(name: str, wanted: str | None) -> tuple[str, str | None]:
    """Give the package and the range that a demand means; a tag or an address is no range.

    >>> _alias("vue2", "npm:vue@^2"), _alias("vue", "latest"), _alias("vue", None)
    (('vue', '^2'), ('vue', None), ('vue', None))
    """
    real, text = name, wanted or ""
    if text.startswith("npm:"):
        aliased, at, text = text.removeprefix("npm:").rpartition("@")
        real = aliased if at and aliased else text
        text = text if at and aliased else ""
    return real, text if text and is_range(text) else None
