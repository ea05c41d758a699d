"""Findings: where an edge and the release disagree, each kind with a stable id and one sentence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

SENTENCES: Mapping[str, str] = MappingProxyType(
    {
        "no-answer": "the edge gave no whole answer",
        "too-slow": "the edge is so slow that not all could be asked",
        "old-release": "an old release is still cached",
        "redirected": "the edge redirects instead of answering",
        "error-page": "the edge answers with a page of its own",
        "status-changed": "the edge answers with another status",
        "recompressed": "the edge recompressed this file",
        "no-transform-ignored": "the edge recompressed this file, although Cache-Control says no-transform",
        "content-changed": "the edge changed the content, so integrity metadata does not match",
        "coding-unasked": "the edge gives a content coding to a client that did not ask for it",
        "origins-mixed": "the edge serves one origin's answer to another",
        "vary-missing": "the edge dropped names from Vary, so a cache behind it serves one client's answer to another",
        "cors-stripped": "the edge strips Access-Control-Allow-Origin",
        "cors-added": "the edge adds CORS headers of its own",
        "cors-changed": "the edge changes or drops headers that govern other origins",
        "preflight-answered": "the edge answers preflights itself",
        "range-ignored": "the edge ignores Range, or does not forward it",
        "range-wrong": "the edge answers a range with other octets",
        "revalidation-ignored": "the edge sends the content again to a client that has it",
        "not-modified-incomplete": "the edge's 304 lacks headers",
        "etag-weakened": "the edge made the entity tag weak",
        "etag-changed": "the edge dropped or changed the entity tag",
        "cache-control-changed": "the edge changed Cache-Control",
        "content-type-changed": "the edge changed Content-Type",
        "protection-dropped": "the edge drops headers that protect this host",
        "cookie-set": "the edge sets a cookie",
        "location-changed": "the edge redirects elsewhere",
    }
)
"""What each id means, the gravest first."""

_EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class EdgeFinding:
    """One disagreement: its id, the logical path, what was asked, and what was expected and got."""

    reference: str
    path: str
    asked: str
    detail: str = ""

    @property
    def says(self) -> str:
        """The sentence."""
        return SENTENCES[self.reference]


@dataclass(frozen=True, slots=True)
class Group:
    """All findings of one kind: how many answers of how many paths, and the first of them."""

    reference: str
    answers: int
    paths: int
    examples: tuple[EdgeFinding, ...]

    @property
    def says(self) -> str:
        """The sentence."""
        return SENTENCES[self.reference]


class Findings:
    """Collects findings; only the first of each kind are kept whole."""

    def __init__(self) -> None:
        self._found: dict[str, list[EdgeFinding]] = {}
        self._answers: dict[str, int] = {}
        self._paths: dict[str, set[str]] = {}

    def add(self, findings: Iterable[EdgeFinding]) -> None:
        """Add findings in the order in which they shall be shown."""
        for finding in findings:
            reference = finding.reference
            examples = self._found.setdefault(reference, [])
            paths = self._paths.setdefault(reference, set())
            if len(examples) < _EXAMPLES and finding.path not in paths:
                examples.append(finding)
            paths.add(finding.path)
            self._answers[reference] = self._answers.get(reference, 0) + 1

    def groups(self) -> tuple[Group, ...]:
        """Return all kinds that were found, the gravest first."""
        return tuple(
            Group(reference, self._answers[reference], len(self._paths[reference]), tuple(self._found[reference]))
            for reference in SENTENCES
            if reference in self._found
        )
