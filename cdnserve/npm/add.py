"""`add`: libraries from the registry into the root, the manifest and the lock, all or nothing."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from cdnserve.errors import Problem, Problems
from cdnserve.manifest.files import MANIFEST
from cdnserve.manifest.model import Library, Revision
from cdnserve.manifest.starter import begun
from cdnserve.npm.apply import Added, Decision, Placed, Project, commit, notes, read_project, unlisted
from cdnserve.npm.download import DownloadProgress
from cdnserve.npm.fetch import Order, Session, find, prepare, stage
from cdnserve.npm.package import Packument, choose, deprecation
from cdnserve.npm.settings import NpmSettings
from cdnserve.npm.spec import PackageSpec, PinnedPackage, checked_spec, parse_specs
from cdnserve.npm.transaction import incoming_folder, reported
from cdnserve.rules.globs import glob_problems
from cdnserve.rules.semver import is_exact_version, is_requirement, resolve

if TYPE_CHECKING:
    from cdnserve.npm.module_maker import ModuleMaker


@dataclass(frozen=True, slots=True)
class AddOptions:
    """How libraries are added: the globs of what is kept, and whether the manifest gets exact versions.

    `parts` has the globs of single libraries; what the manifest keeps of them is extended, and no globs mean all of it.
    `deps` brings what they import, `esm` makes ES modules of them. `publish` adds a rule for libraries where none
    publishes them; `begin` writes a first manifest where there is none.
    """

    files: tuple[str, ...] = ()
    exact: bool = False
    deps: bool = False
    esm: bool = False
    publish: bool = False
    begin: bool = False
    parts: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class _Choice:
    """A request, the version that was chosen, and what the manifest shall say for it."""

    request: PackageSpec
    spec: PinnedPackage
    package: Packument
    options: AddOptions

    @property
    def requirement(self) -> str:
        """What was asked for, or where that is a tag or nothing, a range that begins with what was found."""
        if self.options.exact or is_exact_version(self.request.wanted):
            return self.spec.version
        return self.request.wanted if is_requirement(self.request.wanted) else f"^{self.spec.version}"

    @property
    def is_literal(self) -> bool:
        """Whether the manifest shall say it even where it lets the version in already."""
        return self.options.exact or is_requirement(self.request.wanted)


def add(
    root: Path,
    specs: Sequence[str],
    settings: NpmSettings,
    progress: DownloadProgress | None = None,
    options: AddOptions | None = None,
) -> Added:
    """Choose versions, fetch, verify and stage them, and commit; raise ConfigurationError, and nothing has changed.

    Where the manifest has a library already, the version comes beside those that it has.
    """
    requests, options = parse_specs(specs), options or AddOptions()
    with begin_with(root, options) as is_first:
        # Before anything is touched: there must be a manifest and a lock that are whole.
        before = read_project(root)
        require_options(requests, options, before)
        with reported(root), incoming_folder(root) as folder, Session(settings, progress, before.entries) as session:
            project = read_project(root)
            choices = _choose(requests, session, options)
            prepared = prepare(_orders(choices, project, options), session)
            staged = stage(prepared, folder, session)
            decision = Decision(staged, revisions=tuple(_revisions(choices, project, options)))
            libraries, warnings = commit_all(root, folder, project, decision, options, session)
    asked = dict.fromkeys(str(choice.spec) for choice in choices)
    return Added(libraries, (*warnings, *_deprecations(choices)), is_first, tuple(asked))


def begin_with(root: Path, options: AddOptions) -> AbstractContextManager[bool]:
    """Return a context in which there is a manifest if `options` let a first one be written; it says if that was."""
    return begun(root) if options.begin and not os.path.lexists(root / MANIFEST) else nullcontext(False)


def commit_all(
    root: Path, folder: Path, project: Project, decision: Decision, options: AddOptions, session: Session
) -> tuple[tuple[Placed, ...], tuple[Problem, ...]]:
    """Commit what lies ready, with dependencies and a rule as the options say; return what to tell, too."""
    absent: tuple[Problem, ...] = ()
    maker = _maker(folder, session, project) if options.esm else None
    if maker:
        decision = replace(decision, staged=maker.all_made(decision.staged))
    if options.deps:
        decision, absent = _with_dependencies(root, folder, project, decision, session, maker)
    hidden = tuple(unlisted(decision.staged, project.manifest))
    publish = options.publish and bool(hidden)
    libraries = commit(root, folder, replace(decision, publish=publish))
    return libraries, (*notes(decision.staged), *absent, *(() if publish else hidden))


def _maker(folder: Path, session: Session, project: Project) -> ModuleMaker:
    from cdnserve.npm.module_maker import ModuleMaker  # noqa: PLC0415 - what knows of modules takes long to load

    return ModuleMaker(folder, session, project.lock.libraries)


def _with_dependencies(
    root: Path, folder: Path, project: Project, decision: Decision, session: Session, maker: ModuleMaker | None
) -> tuple[Decision, tuple[Problem, ...]]:
    from cdnserve.npm.dependencies import Dependents, with_dependencies  # noqa: PLC0415 - what reads modules takes long to load

    pins = [one.order.spec for one in decision.staged]
    found = with_dependencies(root, folder, project, Dependents(pins, maker), decision.staged, session)
    return replace(decision, staged=found.staged, dependents=found.dependents), found.warnings


def publish_libraries(root: Path) -> None:
    """Add the rule for libraries to the manifest; raise ConfigurationError, and then nothing has changed."""
    with reported(root), incoming_folder(root) as folder:
        commit(root, folder, Decision(publish=True))


def require_options(requests: Iterable[PackageSpec], options: AddOptions, project: Project) -> None:
    """Raise ConfigurationError for globs that are none, or that differ from those of libraries that are here."""
    globs = (*options.files, *(glob for part in options.parts.values() for glob in part))
    wrong = (replace(problem, value=glob) for glob in globs for problem in glob_problems(glob))
    entries = (project.entries.get(name) for name in dict.fromkeys(one.name for one in requests) if options.files)
    other = (_other_files(entry) for entry in entries if entry and set(entry.files) != set(options.files))
    Problems([*wrong, *other]).raise_errors()


def _choose(requests: Sequence[PackageSpec], session: Session, options: AddOptions) -> list[_Choice]:
    find(list(dict.fromkeys(one.name for one in requests)), session)
    choices: list[_Choice] = []
    problems = Problems()
    for request in requests:
        with problems.caught():
            package = session.package(request.name)
            spec = checked_spec(request.name, choose(request.wanted, package))
            choices.append(_Choice(request, spec, package, options))
    problems.raise_errors()
    return choices


def _orders(choices: Sequence[_Choice], project: Project, options: AddOptions) -> tuple[Order, ...]:
    revisions = {choice.spec.name: _revision(choice.spec.name, options) for choice in choices}
    kept = {name: revision.kept(project.entries.get(name)) for name, revision in revisions.items()}
    # What is kept holds for all versions of a library; own builds can't be fetched.
    wider = [name for name, files in kept.items() if name in project.entries and files != project.entries[name].files]
    beside = (checked_spec(name, version) for name in wider for version in project.lock.hosted(name))
    fetched = (spec for spec in beside if not project.lock.libraries[str(spec)].own)
    specs = dict.fromkeys((*(choice.spec for choice in choices), *fetched))
    return tuple(Order(spec, kept[spec.name], project.lock.integrity(str(spec))) for spec in specs)


def _revision(name: str, options: AddOptions) -> Revision:
    return Revision(name, files=options.parts.get(name, options.files), extends=name in options.parts)


def _revisions(choices: Sequence[_Choice], project: Project, options: AddOptions) -> Iterator[Revision]:
    for name in dict.fromkeys(choice.spec.name for choice in choices):
        mine = [choice for choice in choices if choice.spec.name == name]
        entry = project.entries.get(name)
        versions = {*project.lock.hosted(name), *(choice.spec.version for choice in mine)}
        meant = {resolve(requirement, versions) for requirement in (entry.versions if entry else ())}
        # Who names no version is content where the manifest lets the new one in already.
        added = [choice.requirement for choice in mine if choice.is_literal or choice.spec.version not in meant]
        yield replace(_revision(name, options), added=tuple(added))


def _deprecations(choices: Iterable[_Choice]) -> Iterator[Problem]:
    for choice in {choice.spec: choice for choice in choices}.values():
        if warning := deprecation(choice.spec.version, choice.package):
            yield warning


def _other_files(entry: Library) -> Problem:
    message = f"{entry.name} is here already, and the manifest keeps other files of it"
    kept = " ".join(entry.files) if entry.files else "all files"
    hint = f"leave --files out; or change files of {entry.name} in the manifest, then run cdnserve sync"
    return Problem("library-files-differ", message, MANIFEST, kept, hint)
