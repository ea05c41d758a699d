"""`--esm`: ES modules of the entries of a library, made by esbuild beside its files where it lies ready, or none."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from cdnserve.display import excerpt
from cdnserve.errors import ConfigurationError, Problem
from cdnserve.modules.commonjs import LoadedModule, named_exports, required_at_load
from cdnserve.modules.hosted import split_bare
from cdnserve.modules.imports import read_imports
from cdnserve.modules.made import (
    METAFILE,
    SOURCES,
    Declarations,
    Run,
    Scan,
    can_be_replaced,
    declarations,
    groups,
    is_inside,
    made_exports,
    making_run,
    read_metafile,
    reads_environment,
    scan_run,
    unforeseen,
)
from cdnserve.modules.made_entries import MOST_ENTRIES, Entry, entries, further_entries
from cdnserve.modules.package_json import MADE
from cdnserve.npm.esbuild import Esbuild, written
from cdnserve.npm.fetch import Session, StagedLibrary
from cdnserve.npm.hosted import read_description

_MOST_SCANS = 200
_MOST_FURTHER_SCANS = 20
_ERROR = re.compile(r"\[ERROR\] (?P<what>[^\n]*)(?:\n\s+(?P<where>[^\s:][^\n:]*):(?P<line>[0-9]+):[0-9]+:)?")
_UNRESOLVED = re.compile(r'Could not resolve "([^"\n]*)"')
_LONGEST_CHAIN = 8
_OUTSIDE = "it names files outside of itself"
_GONE = "its browser field has {} for a file or a package, and that is not there"
_BY_EXPRESSION = "it requires by an expression what it doesn't name elsewhere"


@dataclass(frozen=True, slots=True)
class _Flaw:
    """Why no module can be made of an entry, and the files that lead to the reason."""

    entry: Entry
    reason: str
    chain: tuple[str, ...]

    @property
    def value(self) -> str:
        shown = (
            self.chain
            if len(self.chain) <= _LONGEST_CHAIN
            else (*self.chain[:-2][: _LONGEST_CHAIN - 3], "…", *self.chain[-2:])
        )
        return excerpt(" → ".join(shown))


def make_modules(staged: StagedLibrary, esbuild: Esbuild, session: Session) -> tuple[Problem, ...]:
    """Make modules in a library's folder; return what was left out, raise ConfigurationError where none can be made."""
    return _Making(staged, esbuild, session).make()


@dataclass(frozen=True, slots=True)
class _Making:
    staged: StagedLibrary
    esbuild: Esbuild
    session: Session

    @property
    def place(self) -> Path:
        # esbuild looks through links, and names what lies elsewhere otherwise.
        return self.staged.placement.folder.resolve()

    def make(self) -> tuple[Problem, ...]:
        description = self.description()
        try:
            return self.made_of(description)
        except ConfigurationError:
            is_plain = description.get("exports") is None and description.get("module") is not None
            if not is_plain or not isinstance(description.get("browser"), str):
                raise
        # The ES module may be one for Node.js, beside a file for browsers.
        shutil.rmtree(self.place / MADE, ignore_errors=True)
        return self.made_of({**description, "module": None})

    def made_of(self, description: Mapping[str, object]) -> tuple[Problem, ...]:
        declared = declarations(description)
        found = self.entries(description, declared)
        scan, flaws = self.scan(found, declared)
        said = self.needed(declared, found, scan)
        flaws += [flaw for entry in found if entry.source in scan.parts for flaw in self.flaws(entry, scan, said)]
        wrong = {flaw.entry for flaw in flaws}
        strange = [entry for entry in found if entry not in wrong and entry.source not in scan.parts]
        flaws += [_Flaw(entry, "esbuild reads another file in its place", (entry.source,)) for entry in strange]
        wrong |= {*strange}
        good = [entry for entry in found if entry not in wrong]
        self.require_good(good, flaws)
        is_own = all(self.is_own(entry, scan, said) for entry in good)
        if not is_own:
            further, scan = self.further(description, found, scan, said)
            good += further
        stars = cache(lambda path: read_imports(self.source(path)).stars)
        for group in groups(good, scan):
            parts = {part for entry in group.entries for part in scan.parts[entry.source]}
            reads = any(reads_environment(self.source(part)) for part in parts)
            run = making_run(group, scan, said, lambda one: self.names(one, scan), stars, has_environment=reads)
            self.run(run, scan, said)
        text = json.dumps({"type": "module", "exports": made_exports([] if is_own else good)}, indent=2)
        (self.place / MADE / "package.json").write_text(f"{text}\n", encoding="utf-8")
        shutil.rmtree(self.place / SOURCES)
        return tuple(self.left_out(flaws))

    def source(self, path: str) -> bytes:
        """Return a file's content, nothing for what esbuild has put in its place."""
        return b"" if path.startswith(("(", "<")) else self.staged.source(path)

    def description(self) -> Mapping[str, object]:
        description = read_description(self.place / "package.json")
        if not description:
            raise self.refused("it has no package.json that can be read, so that nothing says what a page may import")
        if (self.place / MADE).exists():
            raise self.refused(f"it has a folder {MADE} of its own")
        return description

    def needed(self, said: Declarations, found: Iterable[Entry], scan: Scan) -> Declarations:
        """Return what the package.json says, but that nothing is optional without which the main entry can't load."""

        def taken(path: str) -> Iterable[str]:
            source = self.source(path)
            return read_imports(source).static if path in scan.modules else required_at_load(source)

        for entry in found:
            is_main = "." in entry.subpaths and entry.source in scan.parts
            if is_main and any(split_bare(one)[0] in said.optional for one in scan.needs(entry.source)):
                needed = {split_bare(one)[0] for one in scan.at_load(entry.source, taken)}
                return replace(said, optional=said.optional - needed)
        return said

    def is_module(self, path: str) -> bool:
        return path.endswith(".mjs") or read_imports(self.staged.source(path)).is_module

    def entries(self, description: Mapping[str, object], said: Declarations) -> tuple[Entry, ...]:
        def described(folder: str) -> Mapping[str, object]:
            return read_description(self.place / folder / "package.json")

        found = entries(description, self.staged.unpacked.files, self.is_module, described)
        if not found:
            gone = [*said.dangling(self.staged.unpacked.files).values()]
            reason = _GONE.format(excerpt(gone[0])) if gone else "it has no script that a page may import"
            raise self.refused(reason, str(description.get("exports", "")))
        if len(found) > MOST_ENTRIES:
            raise self.refused(f"a page may import more than {MOST_ENTRIES:,} files of it", f"{len(found):,}")
        return found

    def run(self, run: Run, scan: Scan, said: Declarations) -> None:
        self.session.require_going()
        with written(self.place, run.files):
            if complaint := self.esbuild.run(run.arguments, self.place):
                raise self.refused("esbuild can't make modules of it", _first(complaint)[0])
        if strange := unforeseen(self.taken_metafile(), scan):
            is_named = strange in said.replaced.values()
            reason = "its browser field has a package for a file" if is_named else _BY_EXPRESSION
            raise self.refused(reason, strange)

    def further(
        self, description: Mapping[str, object], found: Sequence[Entry], scan: Scan, said: Declarations
    ) -> tuple[list[Entry], Scan]:
        """Return what else modules can be made of, and what all files are and need; nobody misses the others."""
        loaded = {part for entry in found for part in (entry.source, *scan.parts.get(entry.source, ()))}
        several = further_entries(description, self.staged.unpacked.files, found, loaded, self.is_module)
        with contextlib.suppress(ConfigurationError):
            more = self.scan(several, said, _MOST_FURTHER_SCANS)[0] if several else scan
            whole = _joined((scan, more))
            read = (entry for entry in several if entry.source in more.parts)
            return [entry for entry in read if not any(self.flaws(entry, whole, said))], whole
        return [], scan

    def scan(self, found: Sequence[Entry], declared: Declarations, most: int = _MOST_SCANS) -> tuple[Scan, list[_Flaw]]:
        """Return what the files are and need, and the entries that esbuild can't even read."""
        waiting, flaws, scans, attempts = [tuple(found)], list[_Flaw](), list[Scan](), 0
        while waiting and attempts < most:
            several = waiting.pop()
            attempts += 1
            said = self.scanned(scan_run(several).arguments)
            if not said:
                scans.append(self.metafile())
            elif len(several) > 1:
                middle = len(several) // 2
                waiting += [several[middle:], several[:middle]]
            else:
                flaws.append(self.explained(several[0], said, declared))
        left = [entry for several in waiting for entry in several]
        flaws += [_Flaw(entry, "too many of its files can't be read", (entry.source,)) for entry in left]
        return _joined(scans), flaws

    def scanned(self, arguments: Iterable[str]) -> str:
        self.session.require_going()
        return self.esbuild.run(tuple(arguments), self.place)

    def metafile(self) -> Scan:
        scan = read_metafile(self.taken_metafile())
        shutil.rmtree(self.place / SOURCES / "scan", ignore_errors=True)
        if strange := sorted(file for file in scan.loads if not is_inside(file)):
            raise self.refused(_OUTSIDE, strange[0])
        return scan

    def taken_metafile(self) -> dict[str, Any]:
        path = self.place / METAFILE
        try:
            found: dict[str, Any] = json.loads(path.read_bytes())
            _ = found["inputs"], found["outputs"]
        except (OSError, ValueError, TypeError, KeyError):
            raise self.refused("what runs as esbuild is none", str(self.esbuild.program)) from None
        path.unlink()
        return found

    def explained(self, entry: Entry, said: str, declared: Declarations) -> _Flaw:
        """Return why esbuild can't read an entry, with the way to what it can't read."""
        what, where, line = _first(said)
        outside = next((path for path in (where, what.rpartition(": ")[2]) if path.startswith("../")), "")
        if outside:
            return _Flaw(entry, _OUTSIDE, (entry.source, outside))
        unresolved = _UNRESOLVED.search(what)
        absent = unresolved[1] if unresolved else f"./{where}"
        gone = declared.dangling(self.staged.unpacked.files)
        what = _GONE.format(excerpt(gone[absent])) if absent in gone else what
        without = (*scan_run([entry]).arguments, f"--external:{absent}")
        if "*" in absent or not where or self.scanned(without):
            return _Flaw(entry, what, (entry.source, *([f"{where}:{line}"] if where not in ("", entry.source) else ())))
        return _Flaw(entry, what, self.metafile().chain(entry.source, absent))

    def flaws(self, entry: Entry, scan: Scan, said: Declarations) -> Iterator[_Flaw]:
        """Yield the first reason why a page can't use what would be made of an entry."""
        built_in = [one for one in scan.needs(entry.source) if said.is_built_in(one)]
        strange = [one for one, required in scan.needs(entry.source).items() if required and not can_be_replaced(one)]
        dangling = said.dangling(self.staged.unpacked.files)
        lost = sorted(scan.parts[entry.source] & dangling.keys())
        if built_in:
            yield _Flaw(entry, "it needs what only Node.js has built in", scan.chain(entry.source, built_in[0]))
        elif strange:
            yield _Flaw(entry, "it requires what no package has as its name", scan.chain(entry.source, strange[0]))
        elif lost:
            yield _Flaw(entry, _GONE.format(excerpt(dangling[lost[0]])), scan.chain(entry.source, lost[0]))

    def names(self, source: str, scan: Scan) -> tuple[Sequence[str], Sequence[str]]:
        """Return the names that a CommonJS file exports, and the packages whose names it passes on."""

        def load(importer: str, specifier: str) -> LoadedModule | None:
            path = scan.resolved.get((importer, specifier), "")
            return LoadedModule(path, self.source(path)) if path in scan.loads else None

        found = named_exports(self.staged.source(source), source, load)
        outer = {one.specifier for part in scan.parts[source] for one in scan.externals.get(part, ())}
        return found.names, [one for one in found.passed if one in outer]

    def is_own(self, entry: Entry, scan: Scan, said: Declarations) -> bool:
        """Return whether a browser can import the package's own file, and all that it loads."""
        parts, needs = scan.parts[entry.source], scan.needs(entry.source)
        is_plain = parts <= scan.modules and not any(needs.values()) and said.taken_away.isdisjoint(needs)
        return is_plain and not any(map(self.is_for_bundlers, parts))

    def is_for_bundlers(self, path: str) -> bool:
        """Return whether a file reads `process.env`, maybe in one place with a guard and in the next without."""
        source = self.source(path)
        return b"process" in source and (b"process.env" in source or read_imports(source).needs_bundler)

    def require_good(self, good: Sequence[Entry], flaws: Sequence[_Flaw]) -> None:
        """Raise ConfigurationError where nothing is left, or the main entry is none of it."""
        decisive = [flaw for flaw in flaws if not good or "." in flaw.entry.subpaths]
        if decisive:
            raise self.refused(decisive[0].reason, decisive[0].value)

    def left_out(self, flaws: Sequence[_Flaw]) -> Iterator[Problem]:
        if flaws:
            several = ", ".join(flaw.entry.subpaths[0] for flaw in flaws)
            message = f"no module can be made of {excerpt(several)}; the first: {flaws[0].reason}"
            hint = "the others are there; a page that needs one of these needs another package"
            yield Problem("esm-left-out", message, str(self.staged.order.spec), flaws[0].value, hint, warning=True)

    def refused(self, reason: str, value: str = "") -> ConfigurationError:
        spec = self.staged.order.spec
        hint = "without --esm the package is added as it is; look for a build of it, or another package, for browsers"
        if self.staged.order.files:
            hint = "only a part of its files is kept: keep those that its modules need, or all of them"
        message = f"no ES modules can be made: {reason}"
        return ConfigurationError([Problem("esm-not-made", message, str(spec), excerpt(value), hint)])


def _first(said: str) -> tuple[str, str, str]:
    """Return the first error of esbuild's: what is wrong, and in which line of which file."""
    found = _ERROR.search(said)
    return (
        (found["what"], found["where"] or "", found["line"] or "")
        if found
        else (said.split("\n", maxsplit=1)[0], "", "")
    )


def _joined(scans: Iterable[Scan]) -> Scan:
    every = list(scans)
    return Scan(
        {path: one for scan in every for path, one in scan.loads.items()},
        {path: one for scan in every for path, one in scan.externals.items()},
        frozenset(path for scan in every for path in scan.modules),
        {path: one for scan in every for path, one in scan.parts.items()},
        {place: one for scan in every for place, one in scan.resolved.items()},
        frozenset(path for scan in every for path in scan.defaults),
    )
