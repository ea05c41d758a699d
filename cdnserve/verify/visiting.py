"""Visiting: all questions for one path, asked in order, and what their answers come to.

Never blames an edge for another release: what an old one explains is told as that.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from threading import Lock

from cdnserve.errors import ConfigurationError
from cdnserve.origin import Origin
from cdnserve.origin.files import entity_tag
from cdnserve.release.store import Store
from cdnserve.verify.answers import Answer, NoAnswer
from cdnserve.verify.findings import Finding
from cdnserve.verify.judging import Exchange, Knowledge, judge
from cdnserve.verify.matching import Difference
from cdnserve.verify.questions import Question, origins, questions

# What is read of an answer beyond twice the size of the file, before it is called something else.
_MORE = 256 * 1024
# So many other releases may explain an answer, the newest first.
_MOST_RELEASES = 20

Ask = Callable[[Question, int, str], Answer | NoAnswer]


class Others:
    """The other releases of the store, each read when an answer first differs."""

    def __init__(self, store: Store, current: int) -> None:
        self._store = store
        self._numbers = [number for number in reversed(store.numbers()) if number != current][:_MOST_RELEASES]
        self._lock = Lock()
        self._origins: list[Origin] | None = None

    def origins(self) -> Sequence[Origin]:
        """Give all that can be read, the newest first."""
        with self._lock:
            if self._origins is None:
                self._origins = list(self._read())
            return self._origins

    def _read(self) -> Iterator[Origin]:
        for number in self._numbers:
            try:
                yield Origin(self._store.read(number))
            except ConfigurationError:  # removed meanwhile, or of another version
                continue


class Visits:
    """Asks and judges; safe in several threads."""

    def __init__(self, ask: Ask, url: str, origin: Origin, others: Others) -> None:
        self._ask = ask
        self.url = url
        self._origin = origin
        self._others = others

    def file(self, path: str) -> list[Finding]:
        """Verify a public path."""
        rule, asset = (found := self._origin.find(path)).rule, found.asset
        if rule is None or asset is None:
            return []
        limit = 2 * max(representation.size for representation in asset.representations) + _MORE
        return self.all(questions(path, rule, asset), Knowledge(origins(rule.policy)), limit)

    def all(self, asked: Iterable[Question], knowledge: Knowledge, limit: int = _MORE) -> list[Finding]:
        """Ask questions for one path, in order."""
        found: list[Finding] = []
        for question in asked:
            found += [
                Finding(reference, question.path, str(question), detail)
                for reference, detail in self._one(question, knowledge, limit)
            ]
        return found

    def _one(self, question: Question, knowledge: Knowledge, limit: int) -> Iterator[Difference]:
        answer = self._ask(question, limit, "")
        if isinstance(answer, NoAnswer):
            yield "no-answer", answer.reason
            return
        exchange = Exchange(question, answer, self.url + question.target, knowledge)
        found = judge(exchange, self._origin)
        knowledge.learn(question, answer)
        if found and (number := self._older(exchange)):
            yield "old-release", f"release {number}"
            return
        for reference, detail in found:
            yield self._explained(reference, exchange, limit), detail

    def _older(self, exchange: Exchange) -> int | None:
        """Give the number of another release that this answer is of."""
        for origin in self._others.origins():
            asset = origin.find(exchange.question.path).asset
            tags = {entity_tag(representation) for representation in asset.representations} if asset else set()
            current = self._origin.find(exchange.question.path).asset
            tags -= {entity_tag(representation) for representation in current.representations} if current else set()
            if exchange.answer.value("etag") in tags or not judge(exchange, origin):
                return origin.catalog.number
        return None

    def _explained(self, reference: str, exchange: Exchange, limit: int) -> str:
        """Tell a cache that mixes origins from an edge that strips: by a query, which no cache has seen."""
        if reference != "cors-stripped" or len(exchange.knowledge.asked_origins) < len(("allowed", "other", "none")):
            return reference
        question = exchange.question
        answer = self._ask(question, limit, f"?cdnserve-verify={secrets.token_hex(8)}")
        if isinstance(answer, NoAnswer):
            return reference
        again = judge(Exchange(question, answer, exchange.url, exchange.knowledge), self._origin)
        return reference if any(other == reference for other, _ in again) else "origins-mixed"
