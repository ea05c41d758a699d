"""Search: libraries by name, keyword and description, folders and files by path; each look at a release is bounded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from cdnserve.web.listing import Listing
from cdnserve.web.model import ListedLibrary, SearchHit
from cdnserve.web.packages import library_folder_of

LONGEST_QUERY = 200
_MOST_WORDS = 8
_MOST_FILES = 200
# In a larger release only the first paths are looked at.
_MOST_PATHS = 200_000
# Fewer characters are in nearly every path.
_SHORTEST_IN_PATHS = 3


def search(query: str, libraries: Sequence[ListedLibrary], listing: Listing) -> tuple[SearchHit, ...]:
    """Return what has every word of a query, the best first: libraries, folders of one's own, then files."""
    words = query.casefold().split()[:_MOST_WORDS]
    if not words:
        return ()
    return (*_libraries(words, libraries, listing), *_folders(words, listing), *_files(words, listing))


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


def _files(words: Sequence[str], listing: Listing) -> Iterator[SearchHit]:
    if max(map(len, words)) < _SHORTEST_IN_PATHS:
        return
    found = (path for path in listing.paths[:_MOST_PATHS] if all(word in path.casefold() for word in words))
    yield from (SearchHit("file", path, "", "", listing.url(path)) for path in islice(found, _MOST_FILES))
