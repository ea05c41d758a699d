"""`add`: libraries from the registry into the root, the manifest and the lock, all or nothing.

Never changes what is published already, and never writes before everything is verified.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cdnserve.errors import Problem, Problems
from cdnserve.manifest.files import MANIFEST
from cdnserve.manifest.lock import hosted, is_requirement, resolve
from cdnserve.manifest.model import Library, Manifest, Revision
from cdnserve.npm.apply import Added, Decision, carry_out, notes, unlisted
from cdnserve.npm.fetch import Order, StagedLibrary, find, gather
from cdnserve.npm.hosted import Project, read_scene
from cdnserve.npm.package import Packument, choose, deprecation
from cdnserve.npm.settings import DownloadProgress, NpmSettings, Silent
from cdnserve.npm.spec import PackageSpec, PinnedPackage, checked_spec, parse_wishes
from cdnserve.npm.transaction import incoming_folder, reported
from cdnserve.rules.globs import glob_problems
from cdnserve.rules.semver import is_exact_version


@dataclass(frozen=True, slots=True)
class AddOptions:
    """How libraries are added: the globs of what is kept, and whether the manifest gets exact versions."""

    files: tuple[str, ...] = ()
    exact: bool = False


@dataclass(frozen=True, slots=True)
class _Choice:
    """A wish, the version that was chosen, and what the manifest shall say for it."""

    wish: PackageSpec
    spec: PinnedPackage
    requirement: str
    is_literal: bool


def add(
    root: Path,
    specs: Sequence[str],
    settings: NpmSettings,
    progress: DownloadProgress | None = None,
    terms: AddOptions | None = None,
) -> Added:
    """Add libraries; raise ConfigurationError with every problem, and then nothing has changed.

    A library that is asked for without a version, or by a tag, gets a range that begins with what was found. Where the
    manifest has the library already, the version comes beside those that it has.
    """
    wishes, terms, progress = parse_wishes(specs), terms or AddOptions(), progress or Silent()
    _check_globs(terms.files)
    # Before anything is touched: there must be a manifest and a lock that are whole.
    _check_terms(wishes, terms, read_scene(root))
    with reported(root), incoming_folder(root) as folder:
        scene = read_scene(root)
        packages = find(list(dict.fromkeys(wish.name for wish in wishes)), settings, progress)
        choices = _choices(wishes, packages, terms)
        gathered = gather(_orders(choices, scene, terms), folder, settings, progress, packages)
        decision = Decision(gathered, revisions=tuple(_revisions(choices, scene, terms)))
        libraries = carry_out(root, folder, decision)
    return Added(libraries, tuple(_warnings(gathered, packages, scene.manifest)))


def _check_globs(globs: Iterable[str]) -> None:
    Problems(replace(problem, value=glob) for glob in globs for problem in glob_problems(glob)).raise_errors()


def _check_terms(wishes: Iterable[PackageSpec], terms: AddOptions, scene: Project) -> None:
    entries = (scene.entries.get(name) for name in dict.fromkeys(wish.name for wish in wishes) if terms.files)
    Problems(_other_files(entry) for entry in entries if entry and set(entry.files) != set(terms.files)).raise_errors()


def _choices(wishes: Iterable[PackageSpec], packages: Iterable[Packument], terms: AddOptions) -> list[_Choice]:
    known = {package.name: package for package in packages}
    choices: list[_Choice] = []
    problems = Problems()
    for wish in wishes:
        with problems.caught():
            spec = checked_spec(wish.name, choose(wish.wanted, known[wish.name]))
            is_literal = terms.exact or is_requirement(wish.wanted)
            choices.append(_Choice(wish, spec, _requirement(wish, spec.version, exact=terms.exact), is_literal))
    problems.raise_errors()
    return choices


def _requirement(wish: PackageSpec, version: str, *, exact: bool) -> str:
    if exact or is_exact_version(wish.wanted):
        return version
    return wish.wanted if is_requirement(wish.wanted) else f"^{version}"


def _orders(choices: Iterable[_Choice], scene: Project, terms: AddOptions) -> tuple[Order, ...]:
    orders: dict[PinnedPackage, Order] = {}
    for choice in choices:
        spec, entry = choice.spec, scene.entries.get(choice.spec.name)
        known = scene.lock.libraries.get(str(spec))
        locked = known.integrity if known else ""
        orders[spec] = Order(spec, entry.files if entry else terms.files, locked)
    return tuple(orders.values())


def _revisions(choices: Sequence[_Choice], scene: Project, terms: AddOptions) -> Iterator[Revision]:
    for name in dict.fromkeys(choice.spec.name for choice in choices):
        mine = [choice for choice in choices if choice.spec.name == name]
        entry = scene.entries.get(name)
        versions = {*hosted(scene.lock, name), *(choice.spec.version for choice in mine)}
        meant = {resolve(requirement, versions) for requirement in (entry.versions if entry else ())}
        # Who names no version is content where the manifest lets the new one in already.
        added = [choice.requirement for choice in mine if choice.is_literal or choice.spec.version not in meant]
        yield Revision(name, added=tuple(added), files=terms.files)


def _warnings(
    gathered: Sequence[StagedLibrary], packages: Iterable[Packument], manifest: Manifest
) -> Iterator[Problem]:
    known = {package.name: package for package in packages}
    yield from notes(gathered)
    for one in gathered:
        spec = one.order.spec
        if warning := deprecation(spec.version, known[spec.name]):
            yield warning
    yield from unlisted(gathered, manifest)


def _other_files(entry: Library) -> Problem:
    message = f"{entry.name} is here already, and the manifest keeps other files of it"
    kept = " ".join(entry.files) if entry.files else "all files"
    hint = f"leave --files out; or change files of {entry.name} in the manifest, then run cdnserve sync"
    return Problem("library-files-differ", message, MANIFEST, kept, hint)
