"""Resolution (Node.js, "Modules: packages"; HTML, module specifiers): a specifier to a hosted, public file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from posixpath import normpath
from shlex import quote
from urllib.parse import unquote

from cdnserve.display import alike
from cdnserve.errors import Problem
from cdnserve.modules.hosted import HostedPackage, HostedPackages, Modules, package_of, split_bare
from cdnserve.modules.package_json import MADE, candidates, inside, replaced, spellings, substitute
from cdnserve.modules.scripts import browser_modules
from cdnserve.rules.exports import FOR_NODE, Refused, exported, internal
from cdnserve.rules.media_types import essence
from cdnserve.rules.semver import best, is_package_name, is_range, newest
from cdnserve.rules.urls import public_url

# What Node.js has built in (its documentation's index), without those that only have a name with "node:".
BUILT_IN = frozenset(
    (
        *("assert", "async_hooks", "buffer", "child_process", "cluster", "console", "constants", "crypto", "dgram"),
        *("diagnostics_channel", "dns", "domain", "events", "fs", "http", "http2", "https", "inspector", "module"),
        *("net", "os", "path", "perf_hooks", "process", "punycode", "querystring", "readline", "repl", "stream"),
        *("string_decoder", "timers", "tls", "tty", "url", "util", "v8", "vm", "wasi", "worker_threads", "zlib"),
    )
)

_LONGEST = 1024
# What a package could have, but does not mention by itself.
ANY_NAME = "any-name.of-a-file"
DEPENDENCIES = ("dependencies", "peerDependencies", "optionalDependencies")


@dataclass(frozen=True, slots=True)
class ResolvedModule:
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
        self, modules: Modules, asked: Mapping[str, str], files: Mapping[tuple[HostedPackage, str], str] | None = None
    ) -> None:
        self._modules = modules
        self._packages = modules.packages
        self._asked = asked
        self._files = files or {}

    def choose(self, name: str, wanted: str | None) -> HostedPackage | None:
        """Choose the hosted version of a package that satisfies a range, the best one; `None` for any."""
        versions = self._packages.versions(name)
        asked = self._asked.get(name)
        if asked and (wanted is None or best(wanted, [asked])):
            return HostedPackage(name, asked)
        version = newest(versions) if wanted is None else best(wanted, versions)
        return HostedPackage(name, version) if version else None

    def entry(self, package: HostedPackage, subpath: str) -> ResolvedModule | Problem:
        """Find the ES module that a package has at a subpath (`.` or `./…`), or the one that was made of it."""
        chosen = self._files.get((package, subpath))
        if not chosen and (made := self._made(package, subpath)):
            return ResolvedModule(made)
        named = (chosen,) if chosen else self._named(package, subpath)
        if isinstance(named, Problem):
            return named
        modules, description = self._modules, self._modules.described(package)
        mapped = [replaced(description, file) for file in named]
        paths = [f"{package.folder}/{file}" for file in mapped if file is not None]
        public = [path for path in paths if self._packages.is_public(path)]
        importable = [path for path in public if modules.is_importable(path)]
        if importable:
            # With "type": "module" a UMD build counts as a module, too, one without exports.
            module = next((path for path in importable if not modules.exports_nothing(path)), importable[0])
            return ResolvedModule(module if chosen else self._for_browsers(package, subpath, module))
        if public:
            return common_js(package, public[0], has_modules=bool(modules.made(package)))
        hidden = next((path for path in paths if self._packages.lies_unlisted(path)), None)
        said = chosen or _said(package, subpath)
        return unlisted(hidden) if hidden else missing(str(package), said)

    def _for_browsers(self, package: HostedPackage, subpath: str, module: str) -> str:
        """Return a module, or the package's build for browsers where its own entry can only be used by bundlers."""
        if subpath != "." or not self._modules.imports(module).needs_bundler:
            return module
        files = [path.removeprefix(f"{package.folder}/") for path in self._packages.below(package.folder)]
        paths = (f"{package.folder}/{file}" for file in browser_modules(package.name, files))
        fit = (path for path in paths if self._packages.is_public(path) and self._modules.is_importable(path))
        return next((path for path in fit if not self._modules.imports(path).needs_bundler), module)

    def _made(self, package: HostedPackage, subpath: str) -> str:
        """Return the public module that was made for a subpath that the package has none of its own for, else `""`."""
        made = exported(self._modules.made(package), subpath)
        path = f"{package.folder}/{MADE}/{made}"
        return path if isinstance(made, str) and self._packages.is_public(path) else ""

    def prefix(self, package: HostedPackage, subpath: str) -> tuple[str, tuple[str, ...]] | Problem:
        """Find the folder that a subpath with a slash at its end (`./…/`) stands for, and the ES modules below it."""
        exports = self._modules.described(package).get("exports")
        inner = inside(subpath) if exports is None else _folder(exports, subpath)
        if not inner:
            return not_exported(package, _said(package, subpath), Refused.UNKNOWN)
        folder = f"{package.folder}/{inner}"
        modules = tuple(
            path
            for path in self._packages.below(folder)
            if _is_mapped(exports, subpath, inner, path.removeprefix(f"{folder}/"))
            and essence(path) == "text/javascript"
            and self._modules.is_importable(path)
        )
        return (f"{folder}/", modules) if modules else missing(str(package), _said(package, subpath))

    def follow(self, module: str, specifier: str) -> ResolvedModule | Problem | None:
        """Resolve what a module imports; `None` where there is nothing to be checked (`data:`)."""
        package = package_of(module)
        if len(specifier) > _LONGEST or not package:
            return missing(module, specifier)
        if specifier.startswith(("./", "../")):
            return self._relative(module, specifier, package)
        if specifier.startswith("/"):
            return missing(module, specifier)
        if specifier.startswith("#"):
            return self._internal(module, specifier, package)
        if ":" in specifier.partition("/")[0]:
            return by_scheme(module, specifier)
        return self._bare(module, specifier, package)

    def _named(self, package: HostedPackage, subpath: str) -> tuple[str, ...] | Problem:
        """Return the files, relative to the package, that its package.json means."""
        description = self._modules.described(package)
        exports = description.get("exports")
        if exports is None:
            return self._nested(package, subpath) + candidates(description, subpath)
        file = exported(exports, subpath)
        if isinstance(file, str):
            return (file,)
        if file is Refused.UNKNOWN and isinstance(exported(exports, subpath, FOR_NODE), str):
            return common_js(package, _said(package, subpath))
        keys = exports if isinstance(exports, Mapping) else ()
        near = alike(subpath[2:], [key[2:] for key in keys if key.startswith("./") and "*" not in key])
        meant = _said(package, f"./{near[0]}") if near else ""
        return not_exported(package, _said(package, subpath), file, meant)

    def _nested(self, package: HostedPackage, subpath: str) -> tuple[str, ...]:
        """Return what a package.json in a folder of the package names, as packages had it before `exports`."""
        folder = inside(subpath)
        if not folder or subpath == ".":
            return ()
        description = self._packages.described(f"{package.folder}/{folder}")
        return candidates(description, ".", folder) if description else ()

    def _relative(self, module: str, specifier: str, package: HostedPackage) -> ResolvedModule | Problem:
        # An import map's integrity is found by the URL's spelling, so an escape must be the one that we write.
        if "%" in specifier and public_url(unquote(specifier)) != f"/{specifier}":
            return missing(module, specifier)
        address = _address(module, unquote(specifier))
        path = normpath(address)
        if not path.startswith(f"{package.folder}/"):
            is_there = address == path and self._packages.is_public(path)
            return ResolvedModule(path) if is_there else missing(module, specifier)
        file = replaced(self._modules.described(package), path.removeprefix(f"{package.folder}/"))
        if file is None:
            return taken_away(module, specifier)
        found = self._modules.first_public(f"{package.folder}/{one}" for one in spellings(file.rstrip("/")))
        if found is None:
            is_there = self._packages.lies_unlisted(path)
            return unlisted(path) if is_there else missing(module, specifier)
        return ResolvedModule(found) if found == address else ResolvedModule(found, address, is_path=True)

    def _internal(self, module: str, specifier: str, package: HostedPackage) -> ResolvedModule | Problem | None:
        target = internal(self._modules.described(package).get("imports"), specifier)
        if isinstance(target, Refused):
            return not_exported(package, specifier, target)
        return self._stand_in(module, specifier, target, package)

    def _bare(self, module: str, specifier: str, package: HostedPackage) -> ResolvedModule | Problem | None:
        description = self._modules.described(package)
        target = substitute(description, specifier)
        if target is None:
            return taken_away(module, specifier)
        if target != specifier:
            return self._stand_in(module, specifier, target, package)
        name, subpath = split_bare(specifier)
        wanted = _wanted(description, name)
        # With exports by its own name (Node.js, "Self-referencing a package"), else because it lies in node_modules.
        if name == package.name and (wanted is None or description.get("exports") is not None):
            return _called(self.entry(package, subpath), specifier)
        real, allowed = _alias(name, wanted)
        if not is_package_name(real):
            return missing(module, specifier)
        chosen = self.choose(real, allowed)
        if chosen is None:
            return not_hosted(real, allowed, package, self._packages)
        found = _called(self.entry(chosen, subpath), specifier)
        if wanted is None and isinstance(found, ResolvedModule):
            return ResolvedModule(found.path, found.key, undeclared=str(chosen))
        return found

    def _stand_in(
        self, module: str, specifier: str, target: str, package: HostedPackage
    ) -> ResolvedModule | Problem | None:
        if not target.startswith("./"):
            # Once: a map that leads back to what it replaces would never end.
            description = dict(self._modules.described(package)) | {"browser": None}
            return _called(self._other(module, target, package, description), specifier)
        found = self._modules.first_public(f"{package.folder}/{one}" for one in spellings(target[2:]))
        return ResolvedModule(found, specifier) if found else missing(module, specifier)

    def _other(
        self, module: str, target: str, package: HostedPackage, description: Mapping[str, object]
    ) -> ResolvedModule | Problem | None:
        name, subpath = split_bare(target)
        if ":" in name:
            return by_scheme(module, target)
        real, allowed = _alias(name, _wanted(description, name))
        if not is_package_name(real):
            return missing(module, target)
        chosen = self.choose(real, allowed)
        return self.entry(chosen, subpath) if chosen else not_hosted(real, allowed, package, self._packages)


def _address(module: str, specifier: str) -> str:
    """Return the path of the URL that a browser makes of a relative specifier (URL Standard, path state).

    >>> _address("a/b/c.js", "./d"), _address("a/b/c.js", ".."), _address("a/b/c.js", ".//d.js")
    ('a/b/d', 'a/', 'a/b//d.js')
    """
    segments = module.split("/")[:-1]
    steps = specifier.split("/")
    for step in steps:
        if step == "..":
            segments = segments[:-1]
        elif step != ".":
            segments.append(step)
    return "/".join([*segments, *([""] if steps[-1] in (".", "..") else [])])


def _folder(exports: object, subpath: str) -> str:
    """Return the one folder that `exports` maps all paths below a subpath to, `""` for none.

    >>> (
    ...     _folder({"./addons/*": "./examples/jsm/*", "./*": "./lib/*.js"}, "./addons/"),
    ...     _folder({"./*": "./*.js"}, "./x/"),
    ... )
    ('examples/jsm', '')
    """
    file = exported(exports, f"{subpath}{ANY_NAME}")
    return file.removesuffix(f"/{ANY_NAME}") if isinstance(file, str) and file.endswith(f"/{ANY_NAME}") else ""


def _is_mapped(exports: object, subpath: str, folder: str, path: str) -> bool:
    return exports is None or exported(exports, f"{subpath}{path}") == f"{folder}/{path}"


def _called(found: ResolvedModule | Problem | None, key: str) -> ResolvedModule | Problem | None:
    return ResolvedModule(found.path, key) if isinstance(found, ResolvedModule) else found


def _said(package: HostedPackage, subpath: str) -> str:
    return f"{package.name}{subpath[1:]}"


def _wanted(description: Mapping[str, object], name: str) -> str | None:
    """Return what a package demands of a dependency, `None` where it does not declare it."""
    tables = (description.get(field) for field in DEPENDENCIES)
    found = (table.get(name) for table in tables if isinstance(table, Mapping))
    return next((text for text in found if isinstance(text, str)), None)


def _alias(name: str, wanted: str | None) -> tuple[str, str | None]:
    """Return the package and the range that a demand means; a tag or an address is no range.

    >>> _alias("vue2", "npm:vue@^2"), _alias("vue", "latest"), _alias("vue", None)
    (('vue', '^2'), ('vue', None), ('vue', None))
    """
    real, text = name, wanted or ""
    if text.startswith("npm:"):
        aliased, at, text = text.removeprefix("npm:").rpartition("@")
        real = aliased if at and aliased else text
        text = text if at and aliased else ""
    return real, text if text and is_range(text) else None


def not_hosted(name: str, wanted: str | None, dependent: HostedPackage | None, packages: HostedPackages) -> Problem:
    """Return the problem of a package that is not hosted in a version that will do."""
    spec = f"{name}@{wanted}" if wanted else name
    where = str(dependent) if dependent else ""
    if name in BUILT_IN and wanted is None and not packages.versions(name):
        message = "it needs what only Node.js has built in"
        hint = f"if the npm package of that name does the same in browsers: cdnserve add {name}"
        return Problem("module-built-in", message, where, name, hint)
    hosted = ", ".join(packages.versions(name))
    message = "no hosted version of the package satisfies the range" if hosted else "the package is not hosted"
    if not hosted and packages.is_here(name):
        message = "the package is here, but no rule publishes a file of it"
    instead = f"; hosted are {hosted}" if hosted else ""
    deps = f", or cdnserve add {quote(where)} --deps" if where else ""
    return Problem("module-not-hosted", message, where, spec, f"run cdnserve add {quote(spec)}{deps}{instead}")


def with_one_command(problems: Iterable[Problem]) -> list[Problem]:
    """Return the problems; the last package that is not hosted also says how to add all of them at once."""
    told = list(problems)
    absent = [at for at, problem in enumerate(told) if problem.reference == "module-not-hosted"]
    specs = list(dict.fromkeys(told[at].value for at in absent))
    if len(specs) > 1:
        last = told[absent[-1]]
        every = " ".join(map(quote, specs))
        told[absent[-1]] = replace(last, hint=f"{last.hint}; all that are missing: cdnserve add {every}")
    return told


def common_js(package: HostedPackage, path: str, *, has_modules: bool = False) -> Problem:
    """Return the problem of a package that has only a CommonJS file; it `has_modules` that were made of others."""
    message = "not an ES module: a browser can't import it"
    hint = f"have ES modules made of it: cdnserve add {quote(str(package))} --esm --deps"
    if has_modules:
        hint = f"modules were made of other files of it: cdnserve info {quote(str(package))} lists them"
    return Problem("module-common-js", message, str(package), path, hint)


def unlisted(path: str) -> Problem:
    """Return the problem of a file that is there but not public."""
    hint = "let a [[publish]] rule of the manifest publish it"
    return Problem("module-unlisted", "the file is here, but no rule publishes it", path, hint=hint)


def missing(where: str, specifier: str) -> Problem:
    """Return the problem of a specifier that leads to no public file."""
    message = "this leads to no public file"
    hint = "see what is public: cdnserve list; the library's files globs may have left it out"
    return Problem("module-missing", message, where, specifier, hint)


def not_exported(package: HostedPackage, said: str, why: Refused, meant: str = "") -> Problem:
    """Return the problem of a path that the package.json does not export; what was probably `meant` is the hint."""
    otherwise = f"import a path that the package exports: cdnserve info {quote(str(package))}"
    hint = f"did you mean {meant}?" if meant else otherwise
    return Problem("module-not-exported", why.value, str(package), said, hint)


def taken_away(where: str, specifier: str) -> Problem:
    """Return the problem of a module that the `browser` field takes away."""
    message = "the package's browser field takes this module away, and an import map can't give an empty one"
    return Problem("module-excluded", message, where, specifier, "use a build of the package that is made for browsers")


def by_scheme(where: str, specifier: str) -> Problem | None:
    """Return what a specifier with a scheme means; nothing for `data:`, whose content stands in the checked file."""
    scheme = specifier.partition(":")[0].lower()
    if scheme == "data":
        return None
    if scheme == "node":
        message = "it needs what only Node.js has built in"
        return Problem("module-built-in", message, where, specifier, "use a build of the package for browsers")
    message = "this is loaded from elsewhere, and no integrity is known for it"
    return Problem("module-elsewhere", message, where, specifier, "host it here instead", warning=True)
