"""`update`: the newest version that each requirement allows, beside those that are hosted.

Never takes a hosted version away unless it is told to: pages out there name it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cdnserve.errors import Problem
from cdnserve.libraries.adding import unlisted
from cdnserve.libraries.choosing import deprecation
from cdnserve.libraries.decisions import Decision, carry_out
from cdnserve.libraries.gathering import Gathered, gather
from cdnserve.libraries.incoming import incoming_folder
from cdnserve.libraries.orders import Order
from cdnserve.libraries.outcomes import Move, Updated
from cdnserve.libraries.outlook import Outlook, Scene, higher, look_out, read_scene, rewritten
from cdnserve.libraries.placing import reported
from cdnserve.libraries.settings import Progress, Settings, Silent
from cdnserve.libraries.spec import Spec, checked_spec
from cdnserve.manifest.requirements import hosted, resolve
from cdnserve.manifest.revising import Revision
from cdnserve.manifest.values import Library


@dataclass(frozen=True, slots=True)
class Manner:
    """How to update: `latest` goes beyond the requirements, `prune` removes what none of them stands for any more."""

    latest: bool = False
    prune: bool = False
    dry_run: bool = False


def update(
    root: Path, names: Sequence[str], settings: Settings, progress: Progress | None = None, manner: Manner | None = None
) -> Updated:
    """Update the named libraries, or all; raise ConfigurationError with every problem, and then nothing has changed."""
    manner, progress = manner or Manner(), progress or Silent()
    scene = read_scene(root, names)
    if manner.dry_run:
        outlooks = look_out(scene, settings, progress)
        moves = _moves(outlooks, manner)
        return Updated(moves, (), _texts(_pruned(moves, scene, manner)), tuple(_deprecations(outlooks, moves)))
    with reported(root), incoming_folder(root) as folder:
        scene = read_scene(root, names)
        outlooks = look_out(scene, settings, progress)
        moves = _moves(outlooks, manner)
        packages = {outlook.name: outlook.package for outlook in outlooks}
        gathered = gather(_orders(moves, scene), folder, settings, progress, packages.values())
        pruned = _pruned(moves, scene, manner)
        libraries = carry_out(root, folder, Decision(gathered, pruned, tuple(_revisions(moves))))
    warnings = (*_notes(gathered), *_deprecations(outlooks, moves), *unlisted(gathered, scene.manifest))
    return Updated(moves, libraries, _texts(pruned), warnings)


def _moves(outlooks: Iterable[Outlook], manner: Manner) -> tuple[Move, ...]:
    moves = (_move(outlook, beyond=manner.latest and outlook.leads) for outlook in outlooks)
    return tuple(move for move in moves if move.version != move.current or move.rewritten != move.requirement)


def _move(outlook: Outlook, *, beyond: bool) -> Move:
    version = higher(outlook.wanted, outlook.latest) if beyond else outlook.wanted
    requirement = outlook.requirement
    new = requirement if resolve(requirement, [version]) else rewritten(requirement, version)
    return Move(outlook.name, requirement, new, outlook.current, version)


def _orders(moves: Iterable[Move], scene: Scene) -> tuple[Order, ...]:
    files = {library.name: library.files for library in scene.libraries}
    new = dict.fromkeys(checked_spec(move.name, move.version) for move in moves)
    return tuple(Order(s, files[s.name], "", is_first=True) for s in new if str(s) not in scene.lock.libraries)


def _revisions(moves: Iterable[Move]) -> Iterator[Revision]:
    for move in moves:
        if move.rewritten != move.requirement:
            yield Revision(move.name, {move.requirement: move.rewritten})


def _pruned(moves: Sequence[Move], scene: Scene, manner: Manner) -> tuple[Spec, ...]:
    if not manner.prune:
        return ()
    unmeant = ((library.name, version) for library in scene.libraries for version in _unmeant(library, moves, scene))
    return tuple(checked_spec(name, version) for name, version in unmeant)


def _unmeant(library: Library, moves: Iterable[Move], scene: Scene) -> list[str]:
    """Give the hosted versions that no requirement stands for, once the moves are made."""
    mine = [move for move in moves if move.name == library.name]
    new = {move.requirement: move.rewritten for move in mine}
    versions = hosted(scene.lock, library.name)
    there = {*versions, *(move.version for move in mine)}
    meant = {resolve(new.get(requirement, requirement), there) for requirement in library.versions}
    return [version for version in versions if version not in meant]


def _notes(gathered: Iterable[Gathered]) -> Iterable[Problem]:
    return dict.fromkeys(warning for one in gathered for warning in one.warnings)


def _deprecations(outlooks: Iterable[Outlook], moves: Sequence[Move]) -> Iterator[Problem]:
    packages = {outlook.name: outlook.package for outlook in outlooks}
    for name, version in dict.fromkeys((move.name, move.version) for move in moves):
        if warning := deprecation(version, packages[name]):
            yield warning


def _texts(specs: Iterable[Spec]) -> tuple[str, ...]:
    return tuple(map(str, specs))
