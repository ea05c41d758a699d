"""Listings: subjects with their integrity metadata, for programs (JSON) and for shells (one line each).

Never says more than the snippets do: a subject without integrity metadata has none here either.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from cdnserve.snippets.notes import notes
from cdnserve.snippets.options import Options, expressions, metadata
from cdnserve.snippets.subject import Subject
from cdnserve.snippets.tags import elements


def as_json(subjects: Sequence[Subject], options: Options) -> str:
    """Write a JSON list with an object for every subject."""
    return json.dumps([_object(subject, options) for subject in subjects], indent=2)


def as_hashes(subjects: Sequence[Subject], options: Options) -> str:
    """Write integrity metadata, two spaces and the name, a line for every subject that has any."""
    written = ((metadata(subject, options), subject.label) for subject in subjects)
    return "\n".join(f"{value}  {label}" for value, label in written if value)


def _object(subject: Subject, options: Options) -> dict[str, object]:
    return {
        "path": subject.name,
        "url": subject.url,
        "media_type": subject.media_type,
        "kind": subject.kind,
        "size": subject.size,
        "exact": subject.exact,
        "integrity": {e.algorithm: str(e) for e in expressions(subject, options)},
        "tags": list(elements(subject, options)),
        "notes": list(notes(subject, options)),
    }
