"""Notes: what integrity metadata does not protect, in words for the person who pastes a snippet.

Never promises more than browsers do; `docs/integrity.md` says what was looked up and what was measured.
"""

from __future__ import annotations

import json

from cdnserve.snippets.kinds import Kind
from cdnserve.snippets.options import Options, metadata
from cdnserve.snippets.subject import Subject

ALIAS = "an alias leads to other bytes one day, so it gets no integrity; name an exact version"
_FONT = (
    "CSS has no place for a font's integrity; of the browsers only Chromium is known to check it on a preload, "
    "and only for the @font-face rules that use this preload"
)
_MEDIA = "no browser checks the integrity of media"
_BY_KIND: dict[Kind, str] = {
    "font": _FONT,
    "image": "no browser checks the integrity of an image",
    "audio": _MEDIA,
    "video": _MEDIA,
    "track": _MEDIA,
    "map": "developer tools fetch a source map by themselves, without integrity; a page needs no tag for it",
}


def notes(subject: Subject, options: Options) -> tuple[str, ...]:
    """Give what a person must know about a subject's snippet; empty when the tag says it all."""
    found = [] if subject.exact else [ALIAS]
    found += [_kind(subject, options)] if subject.exact else []
    return tuple(note for note in [*found, *subject.remarks] if note)


def _kind(subject: Subject, options: Options) -> str:
    return _fetch(subject, options) if subject.kind in ("json", "") else _BY_KIND.get(subject.kind, "")


def _fetch(subject: Subject, options: Options) -> str:
    modules = "; an import map checks JSON modules" if subject.kind == "json" else ""
    return f"no element checks {subject.essence}, but {_call(subject, options)} does{modules}"


def _call(subject: Subject, options: Options) -> str:
    return f"fetch({json.dumps(subject.url)}, {{ integrity: {json.dumps(metadata(subject, options))} }})"
