"""Remarks: what is to be told of libraries that were fetched, though nothing is wrong with them.

Never a reason to stop: each is a warning.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cdnserve.errors import Problem
from cdnserve.libraries.downloads.gathering import Gathered
from cdnserve.manifest.matching import RuleMatcher
from cdnserve.manifest.values import Manifest

RULE = '# add to the manifest:\n[[publish]]\npath = "npm/**"\ncors = "any"\ncache = "immutable"'
"""The hint for a manifest that does not publish its libraries."""


def notes(gathered: Iterable[Gathered]) -> Iterator[Problem]:
    """Give what is to be told about registries and tarballs, each once."""
    yield from dict.fromkeys(warning for one in gathered for warning in one.warnings)


def unlisted(gathered: Iterable[Gathered], manifest: Manifest) -> Iterator[Problem]:
    """Warn of each library of which no rule publishes any file."""
    matcher = RuleMatcher(manifest.rules)
    for one in gathered:
        folder = one.order.spec.folder
        if not any(matcher.find(f"{folder}/{path}") is not None for path in one.unpacked.files):
            message = "no rule publishes this library: it is there, but not public"
            yield Problem("library-unlisted", message, folder, hint=RULE, warning=True)
