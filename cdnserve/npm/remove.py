"""`remove`: libraries out of the root, the manifest and the lock, all or nothing.

Never forgets what was published: the lock goes on recording the bytes of immutable files.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from cdnserve.display import did_you_mean
from cdnserve.errors import Problem, Problems
from cdnserve.manifest.files import LOCK
from cdnserve.manifest.lock import Lock
from cdnserve.manifest.model import Library, Revision
from cdnserve.npm.apply import Decision, Project, Removed, commit, read_project
from cdnserve.npm.spec import PackageSpec, PinnedPackage, checked_spec, parse_specs
from cdnserve.npm.transaction import incoming_folder, reported
from cdnserve.rules.semver import resolve


def remove(root: Path, specs: Sequence[str]) -> Removed:
    """Remove libraries, all versions or those that are named; raise ConfigurationError, and then nothing has changed.

    A requirement that no hosted version satisfies any more goes too.
    """
    requests = parse_specs(specs)
    _decide(requests, read_project(root))
    with reported(root), incoming_folder(root) as folder:
        decision = _decide(requests, read_project(root))
        commit(root, folder, decision)
    requirements = (f"{revision.name}@{old}" for revision in decision.revisions for old in revision.replaced)
    return Removed(tuple(map(str, decision.removed)), tuple(requirements))


def _decide(requests: Iterable[PackageSpec], project: Project) -> Decision:
    entries, lock = project.entries, project.lock
    gone: dict[PinnedPackage, None] = {}
    dropped: dict[str, set[str]] = {}
    problems = Problems()
    for request in requests:
        versions, entry = lock.hosted(request.name), entries.get(request.name)
        meant = [version for version in versions if _is_meant(request, version)]
        literal = [one for one in (entry.versions if entry else ()) if request.wanted in ("", one)]
        if not meant and not literal:
            problems.append(_not_hosted(request, versions, entries))
        gone |= dict.fromkeys(checked_spec(request.name, version) for version in meant)
        dropped.setdefault(request.name, set()).update(literal)
    problems.raise_errors()
    revisions = (_revision(entries[name], gone, also, lock) for name, also in dropped.items() if name in entries)
    return Decision(removed=tuple(gone), revisions=tuple(revisions))


def _is_meant(request: PackageSpec, version: str) -> bool:
    return not request.wanted or resolve(request.wanted, [version]) is not None


def _revision(entry: Library, gone: Iterable[PinnedPackage], also: set[str], lock: Lock) -> Revision:
    before = lock.hosted(entry.name)
    gone_versions = {spec.version for spec in gone if spec.name == entry.name}
    after = [version for version in before if version not in gone_versions]

    def is_left_alone(requirement: str) -> bool:
        return resolve(requirement, before) in gone_versions and resolve(requirement, after) is None

    dropped = (requirement for requirement in entry.versions if requirement in also or is_left_alone(requirement))
    return Revision(entry.name, dict.fromkeys(dropped, ""))


def _not_hosted(request: PackageSpec, versions: Sequence[str], entries: Iterable[str]) -> Problem:
    otherwise = "cdnserve sync tells which folders the lock does not have"
    here = f"here are {request.name}@{', '.join(versions)}" if versions else ""
    hint = here or did_you_mean(request.name, entries, otherwise)
    return Problem("library-not-hosted", f"there is no {request} here", LOCK, hint=hint)
