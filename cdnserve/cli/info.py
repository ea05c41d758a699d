"""`cdnserve info`: what is hosted of a library, and what it needs; offline, unless the registry is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import click

from cdnserve.cli.command import (
    Command,
    as_objects,
    complete_library,
    json_option,
    registry_option,
    root_option,
    state_option,
    store_option,
)
from cdnserve.cli.npm import library_settings, write_hostless
from cdnserve.cli.progress import download_progress
from cdnserve.cli.release import current_release
from cdnserve.cli.terminal import Piece, write, write_json
from cdnserve.display import plural, readable_size
from cdnserve.errors import Problems
from cdnserve.manifest.files import LOCK
from cdnserve.manifest.lock import Lock, read_lock
from cdnserve.npm.hosted import HostedLibraries, LibraryFacts, NeededPackage, library_facts
from cdnserve.snippets.subject import Options, Subject
from cdnserve.snippets.tags import elements, html
from cdnserve.snippets.targets import Hosted, find_library, library_subjects

_MOST_EXPORTS = 40


@click.command(cls=Command, examples=("info jquery", "info jquery@3 --check"))
@click.argument("library", metavar="NAME[@VERSION]", shell_complete=complete_library)
@click.option("--check", is_flag=True, help="Ask the registry which version is the newest.")
@root_option
@state_option
@store_option
@registry_option
@json_option
def command(  # one for each option
    library: str, check: bool, root: Path, state: str | None, store: str, registry: str, as_json: bool
) -> None:
    """Show what is hosted of a library: versions, licence, size, exports, what it needs, who needs it, and its tags.

    Without VERSION the newest version that is hosted is meant; it may be a range. What a library needs is what its
    package.json names. Nothing is asked for on the network, unless --check or --store does.
    """
    hosted = Hosted(root, *current_release(root, state, store)[:2])
    name, version = find_library(library, hosted.catalog)
    packages = HostedLibraries(None if store else root, hosted.store, hosted.catalog)
    # Whoever looks at a store has other pins here, or none.
    lock = Lock() if store else read_lock(root / LOCK)
    facts = library_facts(name, version, packages, hosted.catalog, lock)
    newest = _newest(name, registry) if check else ""
    subjects: list[Subject] = []
    problems = Problems()
    with problems.caught():
        subjects = library_subjects(f"{name}@{version}", hosted)
    if as_json:
        tags = [tag for one in subjects for tag in elements(one, Options())]
        more = {"newest": newest or None, "default_files": [one.name for one in subjects], "tags": tags}
        write_json({**asdict(facts), **more, "problems": as_objects(problems)})
        return
    untagged = [f"none: {problem.message}" for problem in problems]
    write(_lines(facts, newest, [one.name for one in subjects] or untagged))
    if subjects:
        write([[("", "")], *([(line, "")] for line in html(subjects, Options()).split("\n"))])
        if not hosted.catalog.site.url:
            write_hostless(root)


def _newest(name: str, registry: str) -> str:
    from cdnserve.npm.outdated import newest_published

    with download_progress() as progress:
        return newest_published(name, library_settings(registry), progress)


def _lines(facts: LibraryFacts, newest: str, defaults: Sequence[str]) -> Iterator[Iterable[Piece]]:
    yield [(f"{facts.name}@{facts.version}", "bold")]
    size = f"{plural(facts.files, 'file')}, {readable_size(facts.octets)} as served"
    behind = "" if newest in facts.versions else ", not hosted"
    shown = {
        "hosted": [", ".join(facts.versions)],
        "newest": [f"{newest}{behind}"] if newest else [],
        "licence": [facts.licence or "its package.json names none"],
        "size": [size],
        "default": defaults,
        "modules": facts.modules,
        "exports": [] if facts.modules else _listed(facts.exports),
        "made by": [f"esbuild {facts.esbuild}"] if facts.esbuild else [],
        "needs": [_needed(one) for one in facts.needs],
        "needed by": facts.dependents,
    }
    for label, texts in shown.items():
        for at, text in enumerate(texts):
            yield [(f"  {'' if at else label:<10}", "dim"), (text, "")]


def _listed(names: Sequence[str]) -> list[str]:
    more = f" and {len(names) - _MOST_EXPORTS} more" if len(names) > _MOST_EXPORTS else ""
    return [", ".join(names[:_MOST_EXPORTS]) + more] if names else []


def _needed(one: NeededPackage) -> str:
    return f"{one.name} {one.range} ({one.hosted or 'not hosted'})"
