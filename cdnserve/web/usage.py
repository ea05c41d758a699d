"""How to use what is listed: the very text that `cdnserve sri` and `cdnserve importmap` print, for files and libraries.

A text that reading would cost too much, or that doesn't exist, is left out; why is told beside.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cdnserve.display import readable_size
from cdnserve.errors import ConfigurationError, Problem
from cdnserve.rules.media_types import destination
from cdnserve.snippets.importmap import HostedImportMap, hosted_import_map, module_requests, script_json
from cdnserve.snippets.subject import Options, Subject, of_asset
from cdnserve.snippets.tags import csp, html, notes
from cdnserve.snippets.targets import library_subjects, public_subject
from cdnserve.web.listing import Listing
from cdnserve.web.model import UsageSnippet
from cdnserve.web.packages import MOST_READ, ListedPackages, PackageDescriptions

# A larger script isn't looked into: its tag is that of a classic script.
LARGEST_SCRIPT = 16 << 20
# Somebody waits for the page, whether or not they want an import map.
_MOST_READ_FOR_PAGE = 5 << 19
_MOST_TOLD = 3


def file_snippets(path: str, listing: Listing) -> tuple[UsageSnippet, ...]:
    """Return what to paste for one listed file: its tags, CSP sources and URL."""
    asset = listing.catalog.assets[path]
    if destination(path) == "script" and asset.identity.size > LARGEST_SCRIPT:
        remark = f"the file is larger than {readable_size(LARGEST_SCRIPT)}: whether it is a module was not looked at"
        return (*_of_subject(of_asset(listing.catalog, path), remark),)
    return tuple(_of_subject(public_subject(path, listing)))


def _of_subject(subject: Subject, *more: str) -> Iterator[UsageSnippet]:
    options = Options()
    told = (*notes(subject, options), *more)
    if text := html([subject], options):
        yield UsageSnippet("tag", subject.kind, subject.name, text, told)
    if policy := csp([subject], options):
        yield UsageSnippet("csp", subject.kind, subject.name, policy)
    yield UsageSnippet("url", subject.kind, subject.name, subject.url)


@dataclass(frozen=True, slots=True)
class LibraryUse:
    """How to use a library: the paths that stand for it, what to paste, and what is missing, with what to do."""

    default_files: tuple[str, ...]
    snippets: tuple[UsageSnippet, ...]
    remark: str = ""
    hint: str = ""


def library_use(pin: str, listing: Listing, descriptions: PackageDescriptions) -> LibraryUse:
    """Return how to use NAME@VERSION: its tags, an import map where it has modules, CSP sources and URLs."""
    subjects, untagged = _subjects(pin, listing)
    options = Options()
    found = [one for subject in subjects for one in _of_subject(subject) if one.use != "csp"]
    if subjects and (policy := csp(subjects, options)):
        found.append(UsageSnippet("csp", "", "", policy))
    kinds = {subject.kind for subject in subjects}
    is_importable = not kinds or not kinds.isdisjoint(("script", "module"))
    mapped, unmapped = _mapped(pin, listing, descriptions) if is_importable else (None, ())
    if mapped:
        found.append(UsageSnippet("importmap", "module", "", script_json(mapped.map), tuple(_map_notes(mapped))))
    remark, hint = "", ""
    if not mapped and untagged:
        # Whoever has no script for browsers may have modules made; the other hint asks to look for some.
        remark, hint = untagged[0].message, _hint(unmapped) or _hint(untagged)
    elif not mapped and "module" in kinds:
        remark, hint = "; ".join(map(told_of, unmapped[:_MOST_TOLD])), _hint(unmapped)
    return LibraryUse(tuple(one.name for one in subjects), tuple(found), remark, hint)


def _map_notes(mapped: HostedImportMap) -> Iterator[str]:
    name = next(iter(mapped.map["imports"]), "")
    yield f'It goes into <script type="importmap">, before any module; these may then import "{name}"'
    yield from (warning.message for warning in mapped.warnings)


def _subjects(pin: str, listing: Listing) -> tuple[list[Subject], Sequence[Problem]]:
    try:
        return library_subjects(pin, listing), ()
    except ConfigurationError as error:
        return [], error.problems


def _mapped(
    pin: str, listing: Listing, descriptions: PackageDescriptions
) -> tuple[HostedImportMap | None, Sequence[Problem]]:
    try:
        return listed_import_map([pin], listing, descriptions, _MOST_READ_FOR_PAGE), ()
    except ConfigurationError as error:
        return None, error.problems


def told_of(found: Problem) -> str:
    """Return on one line what a problem is, with the name that it is about."""
    about = found.value or found.where
    return f"{about}: {found.message}" if about else found.message


def _hint(problems: Sequence[Problem]) -> str:
    """Return the last hint: where several packages are absent, it has one command for all of them."""
    return next((one.hint for one in reversed(problems) if one.hint), "")


def listed_import_map(
    names: Sequence[str], listing: Listing, descriptions: PackageDescriptions, most: int = MOST_READ
) -> HostedImportMap:
    """Return what `cdnserve importmap NAME...` maps; raise ConfigurationError with all that is not hosted.

    It reads so many octets of sources at most.
    """
    packages = ListedPackages(listing, descriptions, most)
    return hosted_import_map(module_requests(names), packages, listing.catalog, Options())
