"""`remove`: libraries out of the root, the manifest and the lock, all or nothing.

Never forgets what was published: the lock goes on recording the bytes of immutable files.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
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
        project = read_project(root)
        decision = _decide(requests, project)
        commit(root, folder, decision)
    requirements = (f"{revision.name}@{old}" for revision in decision.revisions for old in revision.replaced)
    return Removed(tuple(map(str, decision.removed)), tuple(requirements), tuple(_stay(requests, decision, project)))


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
    revisions = tuple(_revisions(dropped, gone, project))
    pins = set(map(str, gone))
    stay = lock.left(pins, project.wanted(revisions, pins))
    problems += (_needed(spec, lock, stay) for spec in gone if str(spec) in stay and not dropped[spec.name])
    problems.raise_errors()
    removed = tuple(_pinned(pin) for pin in dict.fromkeys((*map(str, gone), *lock.libraries)) if pin not in stay)
    return Decision(removed=removed, revisions=tuple(_revisions(dropped, removed, project)))


def _revisions(dropped: Mapping[str, set[str]], gone: Iterable[PinnedPackage], project: Project) -> Iterator[Revision]:
    for name, also in dropped.items():
        if entry := project.entries.get(name):
            yield _revision(entry, gone, also, project.lock)


def _pinned(pin: str) -> PinnedPackage:
    name, _, version = pin.rpartition("@")
    return checked_spec(name, version)


def _needed(spec: PinnedPackage, lock: Lock, stay: Collection[str], *, warning: bool = False) -> Problem:
    message = "the library stays, because others import it" if warning else "other libraries import it"
    dependents = " ".join(one for one in lock.libraries[str(spec)].dependents if one in stay)
    hint = "" if warning else f"remove them, too: cdnserve remove {dependents}"
    return Problem("library-needed", message, spec.folder, dependents, hint, warning=warning)


def _stay(requests: Iterable[PackageSpec], decision: Decision, project: Project) -> Iterator[Problem]:
    """Yield the libraries that stay, though the manifest does not name them any more."""
    for request in requests:
        for version in project.lock.hosted(request.name):
            spec = checked_spec(request.name, version)
            if _is_meant(request, version) and spec not in decision.removed:
                yield _needed(spec, project.lock, project.lock.libraries, warning=True)


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
