"""`update`: the newest version that each requirement allows, beside those that are hosted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from cdnserve.errors import Problem
from cdnserve.manifest.lock import Lock
from cdnserve.manifest.model import Library, Revision
from cdnserve.npm.apply import Decision, Move, Project, Updated, commit, notes, read_project, unlisted
from cdnserve.npm.download import DownloadProgress
from cdnserve.npm.fetch import Order, Session, prepare, stage
from cdnserve.npm.outdated import RequirementState, higher, named, requirement_states, rewritten
from cdnserve.npm.package import Packument, deprecation
from cdnserve.npm.settings import NpmSettings
from cdnserve.npm.spec import PinnedPackage, checked_spec
from cdnserve.npm.transaction import incoming_folder, reported
from cdnserve.rules.semver import resolve

if TYPE_CHECKING:
    from cdnserve.npm.module_maker import ModuleMaker


@dataclass(frozen=True, slots=True)
class UpdateOptions:
    """How to update: `latest` goes beyond the requirements, `prune` removes what none of them stands for any more."""

    latest: bool = False
    prune: bool = False
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class _Plan:
    """What an update comes to, before anything is fetched."""

    project: Project
    packages: Mapping[str, Packument]
    moves: tuple[Move, ...]
    pruned: tuple[PinnedPackage, ...]


def update(
    root: Path,
    names: Sequence[str],
    settings: NpmSettings,
    progress: DownloadProgress | None = None,
    options: UpdateOptions | None = None,
) -> Updated:
    """Update the named libraries, or all; raise ConfigurationError with every problem, and then nothing has changed."""
    options = options or UpdateOptions()
    if options.dry_run:
        with Session(settings, progress) as session:
            plan = _plan(root, names, session, options)
        return Updated(plan.moves, (), _texts(plan.pruned), tuple(_deprecations(plan)))
    # Before anything is touched: what is wrong with names, manifest and lock is told first.
    named(read_project(root), names)
    with reported(root), incoming_folder(root) as folder, Session(settings, progress) as session:
        plan = _plan(root, names, session, options)
        staged = stage(prepare(_orders(plan), session), folder, session)
        decision = Decision(staged, plan.pruned, tuple(_revisions(plan.moves)))
        decision = _with_orphans(plan, _with_dependencies(root, folder, plan.project, decision, session))
        libraries = commit(root, folder, decision)
    warnings = (*notes(decision.staged), *_deprecations(plan), *unlisted(decision.staged, plan.project.manifest))
    return Updated(plan.moves, libraries, _texts(decision.removed), warnings)


def _with_modules(project: Project, decision: Decision, maker: ModuleMaker) -> Decision:
    """Make modules of new versions, where they were made of an earlier one."""
    names = {pin.rpartition("@")[0] for pin, entry in project.lock.libraries.items() if entry.esm}
    made = maker.all_made([one for one in decision.staged if one.order.spec.name in names])
    specs = {one.order.spec: one for one in made}
    return replace(decision, staged=tuple(specs.get(one.order.spec, one) for one in decision.staged))


def _with_dependencies(root: Path, folder: Path, project: Project, decision: Decision, session: Session) -> Decision:
    """Bring what new versions import, where what their earlier ones import was brought; make modules as of these."""
    maker = None
    if any(entry.esm for entry in project.lock.libraries.values()):
        from cdnserve.npm.module_maker import ModuleMaker  # noqa: PLC0415 - what knows of modules takes long to load

        maker = ModuleMaker(folder, session, project.lock.libraries)
        decision = _with_modules(project, decision, maker)
    dependents = {one.rpartition("@")[0] for entry in project.lock.libraries.values() for one in entry.dependents}
    pins = [one.order.spec for one in decision.staged if one.order.spec.name in dependents]
    if not pins:
        return decision
    from cdnserve.npm.dependencies import Dependents, with_dependencies  # noqa: PLC0415 - what reads modules takes long to load

    found = with_dependencies(root, folder, project, Dependents(pins, maker), decision.staged, session)
    return replace(decision, staged=found.staged, dependents=found.dependents)


def _with_orphans(plan: _Plan, decision: Decision) -> Decision:
    """Let what was there for pruned libraries alone go with them."""
    if not decision.removed:
        return decision
    lock, gone = plan.project.lock, _texts(decision.removed)
    wanted = {*plan.project.wanted(decision.revisions, gone), *(f"{move.name}@{move.version}" for move in plan.moves)}
    stay = lock.left(gone, wanted | set(decision.dependents))
    pins = (pin.rpartition("@") for pin in lock.libraries if pin not in stay)
    return replace(decision, removed=tuple(checked_spec(name, version) for name, _, version in pins))


def _plan(root: Path, names: Sequence[str], session: Session, options: UpdateOptions) -> _Plan:
    project = read_project(root)
    libraries = named(project, names)
    states = requirement_states(libraries, project.lock, session)
    moves = _moves(states, options)
    unmeant = ((library.name, version) for library in libraries for version in _unmeant(library, moves, project.lock))
    gone = {checked_spec(name, version): f"{name}@{version}" for name, version in unmeant} if options.prune else {}
    stay = project.lock.left(gone.values(), project.wanted(_revisions(moves), gone.values()))
    pruned = tuple(spec for spec, pin in gone.items() if pin not in stay)
    return _Plan(project, {state.name: state.package for state in states}, moves, pruned)


def _moves(states: Iterable[RequirementState], options: UpdateOptions) -> tuple[Move, ...]:
    moves = (_move(state, beyond=options.latest and state.leads) for state in states)
    return tuple(move for move in moves if move.version != move.current or move.rewritten != move.requirement)


def _move(state: RequirementState, *, beyond: bool) -> Move:
    version = higher(state.wanted, state.latest) if beyond else state.wanted
    requirement = state.requirement
    new = requirement if resolve(requirement, [version]) else rewritten(requirement, version)
    return Move(state.name, requirement, new, state.current, version)


def _orders(plan: _Plan) -> tuple[Order, ...]:
    entries, known = plan.project.entries, plan.project.lock.libraries
    new = dict.fromkeys(checked_spec(move.name, move.version) for move in plan.moves)
    return tuple(Order(spec, entries[spec.name].files, "") for spec in new if str(spec) not in known)


def _revisions(moves: Iterable[Move]) -> Iterator[Revision]:
    for move in moves:
        if move.rewritten != move.requirement:
            yield Revision(move.name, {move.requirement: move.rewritten})


def _unmeant(library: Library, moves: Iterable[Move], lock: Lock) -> list[str]:
    """Return the hosted versions that no requirement stands for, once the moves are made."""
    mine = [move for move in moves if move.name == library.name]
    new = {move.requirement: move.rewritten for move in mine}
    versions = lock.hosted(library.name)
    there = {*versions, *(move.version for move in mine)}
    meant = {resolve(new.get(requirement, requirement), there) for requirement in library.versions}
    return [version for version in versions if version not in meant]


def _deprecations(plan: _Plan) -> Iterator[Problem]:
    for name, version in dict.fromkeys((move.name, move.version) for move in plan.moves):
        if warning := deprecation(version, plan.packages[name]):
            yield warning


def _texts(specs: Iterable[PinnedPackage]) -> tuple[str, ...]:
    return tuple(map(str, specs))
