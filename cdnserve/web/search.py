"""Search: libraries by name, keyword and description, folders and files by path; each look at a release is bounded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cdnserve.web.listing import Listing
from cdnserve.web.model import ListedLibrary, SearchHit
from cdnserve.web.packages import library_folder_of

LONGEST_QUERY = 200
_MOST_WORDS = 8
# In a larger release only the first paths are looked at.
_MOST_PATHS = 200_000
# Fewer characters are in nearly every path.
_SHORTEST_IN_PATHS = 3


@dataclass(frozen=True, slots=True)
class SearchResults:
    """What a search found, the best first: libraries, folders of one's own, then files, by their paths."""

    named: tuple[SearchHit, ...] = ()
    paths: Sequence[str] = ()


def search(query: str, libraries: Sequence[ListedLibrary], listing: Listing) -> SearchResults:
    """Return what has every word of a query."""
    words = query.casefold().split()[:_MOST_WORDS]
    if not words:
        return SearchResults()
    return SearchResults((*_libraries(words, libraries, listing), *_folders(words, listing)), _files(words, listing))


def _libraries(words: Sequence[str], libraries: Sequence[ListedLibrary], listing: Listing) -> list[SearchHit]:
    ranked = [(rank, one) for one in libraries if (rank := _rank(words, one)) is not None]
    ranked.sort(key=lambda found: (found[0], len(found[1].name), found[1].name))
    return [
        SearchHit(
            "library",
            one.name,
            one.description,
            one.version,
            listing.url(library_folder_of(one.name, one.version)) + "/",
        )
        for _, one in ranked
    ]


def _rank(words: Sequence[str], library: ListedLibrary) -> int | None:
    """Return how near a library is to what is looked for, 0 for its very name, `None` where a word isn't in it."""
    name = library.name.casefold()
    keywords, description = " ".join(library.keywords).casefold(), library.description.casefold()
    if not all(word in name or word in keywords or word in description for word in words):
        return None
    whole = " ".join(words)
    if whole in (name, name.rpartition("/")[2]):
        return 0
    if name.startswith(words[0]) or name.rpartition("/")[2].startswith(words[0]):
        return 1
    if all(word in name for word in words):
        return 2
    return 3 if all(word in name or word in keywords for word in words) else 4


def _folders(words: Sequence[str], listing: Listing) -> Iterator[SearchHit]:
    for folder in listing.own_folders:
        if folder.path and all(word in folder.path.casefold() for word in words):
            yield SearchHit("folder", folder.path, "", "", listing.url(folder.path) + "/")


def _files(words: Sequence[str], listing: Listing) -> Sequence[str]:
    """Return the paths with all words: first those whose last part is what is looked for, then those that have it."""
    if max(map(len, words)) < _SHORTEST_IN_PATHS:
        return ()
    whole = " ".join(words)
    exact, named, others = list[str](), list[str](), list[str]()
    for path in listing.paths[:_MOST_PATHS]:
        folded = path.casefold()
        if all(word in folded for word in words):
            name = folded.rpartition("/")[2]
            (exact if name == whole else named if all(word in name for word in words) else others).append(path)
    return [*exact, *named, *others]
