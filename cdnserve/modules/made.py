"""Made modules: what esbuild is given to make ES modules of a package, and what it says of the package's files.

Two runs: the first finds out what the files are and need, the second makes the modules. Nothing of a package is run.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from cdnserve.modules.hosted import split_bare
from cdnserve.modules.made_entries import Entry
from cdnserve.modules.package_json import MADE, Description, inside, spellings
from cdnserve.modules.resolve import BUILT_IN, DEPENDENCIES

SOURCES = f"{MADE}/.src"
"""The folder of what is written for esbuild; it is gone afterwards."""
METAFILE = f"{SOURCES}/meta.json"
"""Where each run says what it has read, and what it has made of it."""
RECIPE = 3
"""Changes with whatever makes other modules of the same package with the same options; caches go by it, too."""
COMMON = (
    *("--bundle", "--format=esm", "--platform=browser", "--target=es2022", "--packages=external"),
    *("--conditions=module,production", "--tsconfig-raw={}", "--loader:.css=empty"),
    '--define:process.env.NODE_ENV="production"',
    "--define:global=globalThis",
)
OPTIONS = (
    *COMMON,
    *("--minify", "--charset=utf8", "--legal-comments=eof", "--sourcemap", "--sources-content=false"),
    "--chunk-names=chunk-[hash]",
)
"""What esbuild is told; the lock records it."""

# A page has no environment. Said of every package, this would be a part of each module.
_ENVIRONMENT = '--define:process.env={"NODE_ENV":"production"}'
_READS_ENVIRONMENT = re.compile(rb"process\s*\.\s*env(?!\s*\.\s*NODE_ENV(?![\w$]))(?![\w$])")
# What esbuild takes for the name of a package, up to the first equals sign.
_ALIAS = re.compile(r"(?![./]|\w+://)[^=\\\0]+")
_REQUIRED = ("require-call", "require-resolve")


@dataclass(frozen=True, slots=True)
class External:
    """What a file takes from outside of its package."""

    specifier: str
    is_required: bool


@dataclass(frozen=True, slots=True)
class Scan:
    """What the first run found of each file (esbuild's metafile): what it loads, what is outside, which are CommonJS.

    `parts` has the files that each entry is made of, by the entry's source; `resolved` what a file means by a
    specifier; `defaults` the entries with a default export.
    """

    loads: Mapping[str, tuple[str, ...]]
    externals: Mapping[str, tuple[External, ...]]
    modules: frozenset[str]
    parts: Mapping[str, frozenset[str]]
    resolved: Mapping[tuple[str, str], str]
    defaults: frozenset[str] = frozenset()

    def needs(self, source: str) -> dict[str, bool]:
        """Return the specifiers that an entry takes from outside, and whether any file requires it."""
        found: dict[str, bool] = {}
        for part in sorted(self.parts[source]):
            for one in self.externals.get(part, ()):
                found[one.specifier] = found.get(one.specifier, False) or one.is_required
        return found

    def at_load(self, source: str, taken: Callable[[str], Iterable[str]]) -> set[str]:
        """Return the specifiers from outside without which an entry can't load; `taken` says what a file loads with."""
        left = self.left_open(source, taken)
        return {name for file, name in left if any(one.specifier == name for one in self.externals.get(file, ()))}

    def passed_on(self, source: str, stars: Callable[[str], Iterable[str]]) -> Iterator[tuple[str, str]]:
        """Yield the specifiers from outside of which an ES entry exports all, each behind the file that does so.

        `stars` are those of one file.
        """
        return self.left_open(source, lambda file: stars(file) if file in self.modules else ())

    def left_open(self, source: str, taken: Callable[[str], Iterable[str]]) -> Iterator[tuple[str, str]]:
        """Follow what files take, from an entry; yield what leads to no file of the package, each behind its file."""
        seen = {source}
        waiting = [source]
        while waiting:
            file = waiting.pop()
            for specifier in taken(file):
                path = self.resolved.get((file, specifier), "")
                if not path:
                    yield file, specifier
                elif path not in seen:
                    seen.add(path)
                    waiting.append(path)

    def chain(self, source: str, wanted: str) -> tuple[str, ...]:
        """Return the way from an entry to a file, or to what a file takes from outside, that is wanted."""
        before: dict[str, str] = {source: ""}
        waiting = deque([source])
        while waiting:
            file = waiting.popleft()
            takes = any(one.specifier == wanted for one in self.externals.get(file, ()))
            if takes or file == wanted:
                return (*reversed(list(_back(file, before))), *((wanted,) if takes else ()))
            for other in self.loads.get(file, ()):
                if other not in before:
                    before[other] = file
                    waiting.append(other)
        return (source, wanted)


def _back(file: str, before: Mapping[str, str]) -> Iterator[str]:
    while file:
        yield file
        file = before[file]


def read_metafile(metafile: Mapping[str, Mapping[str, Mapping[str, object]]]) -> Scan:
    """Read what esbuild says of its inputs and outputs."""
    loads: dict[str, tuple[str, ...]] = {}
    externals: dict[str, tuple[External, ...]] = {}
    modules: set[str] = set()
    resolved: dict[tuple[str, str], str] = {}
    for path, one in metafile["inputs"].items():
        imports = [each for each in _list(one.get("imports")) if isinstance(each, Mapping)]
        loads[path] = tuple(str(each["path"]) for each in imports if not each.get("external"))
        externals[path] = tuple(
            External(str(each["path"]), each.get("kind") in _REQUIRED) for each in imports if each.get("external")
        )
        resolved |= {(path, str(each["original"])): str(each["path"]) for each in imports if each.get("original")}
        if one.get("format") == "esm":
            modules.add(path)
    outputs = metafile["outputs"].values()
    defaults = frozenset(str(one["entryPoint"]) for one in outputs if "default" in _list(one.get("exports")))
    parts = {str(one["entryPoint"]): frozenset(_mapping(one["inputs"])) for one in outputs if one.get("entryPoint")}
    return Scan(loads, externals, frozenset(modules), parts, resolved, defaults)


def unforeseen(metafile: Mapping[str, Mapping[str, Mapping[str, object]]], scan: Scan) -> str:
    """Return a file that the second run has read, or a name that it has left to `require`, and the first didn't see.

    Only who minifies reads `require(`../${"x"}`)` as a name: nothing may come in that way. `""` for none.
    """
    for path, one in sorted(metafile["inputs"].items()):
        # What esbuild defines is an input in angle brackets.
        if path not in scan.loads and not path.startswith((f"{SOURCES}/", "<")):
            return path
        imports = (each for each in _list(one.get("imports")) if isinstance(each, Mapping))
        for each in imports:
            if each.get("external") and each.get("kind") == "require-call":
                return str(each["path"])
    return ""


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


@dataclass(frozen=True, slots=True)
class Declarations:
    """What a package.json says: what browsers don't get, or get instead, what it needs, and what may be absent."""

    taken_away: frozenset[str]
    declared: frozenset[str]
    optional: frozenset[str]
    replaced: Mapping[str, str]

    def dangling(self, files: Collection[str]) -> dict[str, str]:
        """Return the files for which the `browser` field has another that is not there."""
        return {
            name: target
            for name, target in self.replaced.items()
            if target.startswith("./") and not any(one in files for one in spellings(inside(target) or ""))
        }

    def is_built_in(self, specifier: str) -> bool:
        """Return whether only Node.js has it: neither is it taken away, nor an npm package of that name declared."""
        name = specifier.partition("/")[0]
        is_npm = specifier in self.taken_away or name in self.declared or specifier == f"{name}/"
        return (specifier.startswith("node:") and specifier not in self.taken_away) or (name in BUILT_IN and not is_npm)

    def spelled(self, specifier: str) -> tuple[str, ...]:
        """Return the names that files have for a package: its own, and those that `browser` says it stands for."""
        others = (name for name, target in self.replaced.items() if target == specifier)
        return tuple(dict.fromkeys((specifier.rstrip("/"), *others)))


def declarations(description: Description) -> Declarations:
    """Return what a package.json says of what lies outside of the package.

    >>> declarations({"browser": {"fs": False}, "dependencies": {"events": "^3"}}).is_built_in("events")
    False
    """
    browser = _mapping(description.get("browser"))
    tables = {field: _mapping(description.get(field)) for field in DEPENDENCIES}
    peers = _mapping(description.get("peerDependenciesMeta"))
    may_miss = {name for name, one in peers.items() if _mapping(one).get("optional") is True}
    return Declarations(
        taken_away=frozenset(name for name, value in browser.items() if value is False),
        declared=frozenset(name for table in tables.values() for name in table),
        optional=frozenset(may_miss | {*tables["optionalDependencies"]}),
        replaced={name.removeprefix("./"): value for name, value in browser.items() if isinstance(value, str)},
    )


@dataclass(frozen=True, slots=True)
class ModuleGroup:
    """Entries that are made in one run; where they share files, these become modules of their own, each once."""

    entries: tuple[Entry, ...]
    is_sharing: bool


def groups(found: Iterable[Entry], scan: Scan) -> Iterator[ModuleGroup]:
    """Yield the entries that share no files with others, then those that do."""
    members: dict[str, set[int]] = {}
    several = list(found)
    for at, entry in enumerate(several):
        for part in scan.parts[entry.source]:
            members.setdefault(part, set()).add(at)
    sharing = {at for those in members.values() if len(those) > 1 for at in those}
    alone = tuple(entry for at, entry in enumerate(several) if at not in sharing)
    together = tuple(entry for at, entry in enumerate(several) if at in sharing)
    yield from (ModuleGroup(group, group is together) for group in (alone, together) if group)


# What CommonJS gets of another package: what it would get from Node.js of CommonJS, and of an ES module something that
# is called as its default export and has its names, for those that know __esModule and for those that don't.
_INTEROP = """\
module.exports = function (n) {
  if ("module.exports" in n) return n["module.exports"];
  var d = n.default, f = typeof d === "function";
  var e = f ? function () {
    return new.target ? Reflect.construct(d, arguments, new.target === e ? d : new.target) : d.apply(this, arguments);
  } : {};
  if (f) e.prototype = d.prototype;
  if (f || (typeof d === "object" && d !== null)) Object.setPrototypeOf(e, d);
  Object.defineProperty(e, "__esModule", { value: true });
  Object.keys(n).forEach(function (k) {
    if (k !== "prototype") Object.defineProperty(e, k, { enumerable: true, get: function () { return n[k]; } });
  });
  return e;
};
"""
_ABSENT = """\
throw Object.assign(new Error("Cannot find module " + {name}), {{ code: "MODULE_NOT_FOUND" }});
"""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of esbuild: the files that are written for it, by their paths in the package, and its arguments."""

    files: Mapping[str, str]
    arguments: tuple[str, ...]


def scan_run(several: Iterable[Entry]) -> Run:
    """Return the first run, whose modules are thrown away."""
    arguments = (*COMMON, f"--metafile={METAFILE}", f"--outdir={SOURCES}/scan", "--tree-shaking=false")
    return Run({}, (*arguments, *(f"{entry.name}=./{entry.source}" for entry in several)))


Names = Callable[[str], tuple[Sequence[str], Sequence[str]]]
"""Finds the names that a CommonJS file exports, and the packages whose names it exports, too."""


def making_run(
    group: ModuleGroup,
    scan: Scan,
    said: Declarations,
    names: Names,
    stars: Callable[[str], Iterable[str]] = lambda _file: (),
    *,
    has_environment: bool = False,
) -> Run:
    """Return the second run for entries that are made together; `has_environment` says that some read process.env.

    `stars` are the specifiers of which an ES file exports all.
    """
    several, needed = group.entries, dict[str, bool]()
    for entry in several:
        for specifier, is_required in scan.needs(entry.source).items():
            needed[specifier] = needed.get(specifier, False) or is_required
    files: dict[str, str] = {}
    arguments = [
        *OPTIONS,
        f"--metafile={METAFILE}",
        f"--outdir={MADE}",
        *(("--splitting",) if group.is_sharing else ()),
    ]
    arguments += [_ENVIRONMENT] if has_environment else []
    numbers = {specifier: at for at, specifier in enumerate(sorted(needed))}
    for specifier, at in numbers.items():
        arguments += _stand_in(at, specifier, said, files) if _is_replaced(specifier, needed[specifier], said) else ()
    required = [name for key in needed if _is_replaced(key, needed[key], said) for name in (key, *said.spelled(key))]
    # An alias is one for all that lies below it, too.
    arguments += [f"--alias:{key}={key}" for key in sorted(needed) if key not in required and _is_below(key, required)]
    imported = [key for key, at in numbers.items() if f"{SOURCES}/n{at}.mjs" in files]
    for at, entry in enumerate(several):
        source = f"./{entry.source}"
        if entry.source not in scan.modules:
            source = f"./{SOURCES}/e{at}.mjs"
            files[f"{SOURCES}/e{at}.mjs"] = wrapper(f"../../{entry.source}", *names(entry.source))
        elif lost := sorted(_lost(entry, group, scan, stars, imported)):
            source = f"./{SOURCES}/e{at}.mjs"
            outside = [f"cdnserve-external-{numbers[one]}" if one in imported else one for one in lost]
            has_default = entry.source in scan.defaults
            files[f"{SOURCES}/e{at}.mjs"] = _with_stars(f"../../{entry.source}", outside, has_default=has_default)
        arguments.append(f"{entry.name}={source}")
    return Run(files, tuple(arguments))


def can_be_replaced(specifier: str) -> bool:
    """Return whether esbuild can be told what a file gets for a name.

    >>> can_be_replaced("react"), can_be_replaced("loader?esModule=false!./a.js"), can_be_replaced("file:///x")
    (True, False, False)
    """
    return _ALIAS.fullmatch(specifier) is not None


def _is_replaced(specifier: str, is_required: bool, said: Declarations) -> bool:
    return is_required or specifier in said.taken_away


def _is_below(key: str, required: Iterable[str]) -> bool:
    return any(key.startswith(f"{one}/") for one in required)


def _stand_in(at: int, specifier: str, said: Declarations, files: dict[str, str]) -> tuple[str, ...]:
    """Write what `require` gets for a name from outside; return the arguments that lead there."""
    key = specifier.rstrip("/")
    place = f"{SOURCES}/r{at}.cjs"
    # esbuild looks for aliases before it looks into the browser field.
    lead = tuple(f"--alias:{name}=./{place}" for name in said.spelled(specifier))
    if specifier in said.taken_away:
        files[place] = ""
        return lead
    if split_bare(key)[0] in said.optional:
        files[place] = _ABSENT.format(name=_text(f"'{key}'"))
        return lead
    files[f"{SOURCES}/interop.cjs"] = _INTEROP
    files[f"{SOURCES}/n{at}.mjs"] = f'import * as n from "cdnserve-external-{at}"; export {{ n }};\n'
    files[place] = f'module.exports = require("./interop.cjs")(require("./n{at}.mjs").n);\n'
    return (*lead, f"--alias:cdnserve-external-{at}={key}")


def wrapper(path: str, names: Iterable[str], passed_on: Iterable[str]) -> str:
    """Return the source of an ES module that exports what a CommonJS file does, by names that are known.

    `passed_on` are packages whose names it exports, too. What is not CommonJS finds the whole under the name that
    Node.js has for it, "module.exports".
    """
    own = sorted({*names} - {"default", "module.exports"})
    lines = [f"const m = require({_text(path)}), o = Object(m);"]
    lines += [f"const x{at} = o[{_text(name)}];" for at, name in enumerate(own)]
    listed = "".join(f"x{at} as {_text(name)}, " for at, name in enumerate(own))
    lines += [f'export {{ {listed}m as "module.exports" }};']
    lines += ['export default o.__esModule && "default" in o ? o.default : m;']
    lines += [f"export * from {_text(one)};" for one in passed_on]
    return "\n".join([*lines, ""])


def _lost(
    entry: Entry, group: ModuleGroup, scan: Scan, stars: Callable[[str], Iterable[str]], required: Collection[str]
) -> set[str]:
    """Return the packages of which an ES entry exports all, and esbuild would leave it out.

    What is required has one alias for all files of the run, and nobody knows what CommonJS exports. Of a file that
    several entries share it stays in the module that they share, and these don't export it.
    """
    members = [scan.parts[one.source] for one in group.entries]
    found = set[str]()
    for file, specifier in scan.passed_on(entry.source, stars):
        if specifier in required or sum(file in parts for parts in members) > 1:
            found.add(specifier)
    return found


def _with_stars(path: str, outside: Iterable[str], *, has_default: bool) -> str:
    """Return the source of an ES module that exports what another does, and all of some packages."""
    lines = [f"export * from {_text(one)};" for one in (path, *outside)]
    return "\n".join([*lines, *([f"export {{ default }} from {_text(path)};"] if has_default else []), ""])


def _text(value: str) -> str:
    """Write a string as JavaScript has it, of ASCII only."""
    shown = value.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(one if " " <= one <= "~" else _escaped(one) for one in shown) + '"'


def _escaped(one: str) -> str:
    return f"\\u{{{ord(one):x}}}"


def reads_environment(source: bytes) -> bool:
    """Return whether a file reads more of `process.env` than esbuild replaces anyway.

    >>> reads_environment(b"process.env.NODE_ENV"), reads_environment(b"process.env.DEBUG")
    (False, True)
    """
    return _READS_ENVIRONMENT.search(source) is not None


def made_exports(several: Iterable[Entry]) -> dict[str, str]:
    """Return the `exports` of the package.json beside made modules."""
    return {subpath: f"./{one.name}.js" for one in several for subpath in sorted(one.subpaths)}


def is_inside(path: str) -> bool:
    """Return whether a path of esbuild's lies in the package that it was run in."""
    return path.startswith(("(disabled):", "<")) or inside(path) is not None
