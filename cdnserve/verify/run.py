"""The verification: every public path of a release, or a sample of them, asked of a live URL."""

from __future__ import annotations

import random
import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain, count
from threading import Lock

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.origin.files import entity_tag
from cdnserve.origin.lookup import Origin
from cdnserve.origin.respond import respond
from cdnserve.release.store import Releases
from cdnserve.rules.globs import matches
from cdnserve.verify.client import ClientOptions, EdgeClient, EdgeResponse, NoAnswer, Target
from cdnserve.verify.findings import EdgeFinding, Findings, Group
from cdnserve.verify.judge import Difference, Exchange, Knowledge, judge
from cdnserve.verify.question import Question, absent, origins, questions

# What is read of an answer beyond twice the size of the file, before it is called something else.
_MORE = 256 * 1024
# So many other releases may explain an answer, the newest first.
_MOST_RELEASES = 20
# A host on which so many paths took all their time is asked for no more.
_MOST_SLOW = 16
_SLOW = "too-slow"

_FOUND = 302
_NOTHING = 1 << 16
_ORIGIN = "https://stranger.example"
_LIBRARY = re.compile(r"(?P<library>npm/(?:@[^/@]{1,214}/)?[^/@]{1,214})@(?P<major>[0-9]{1,15})\.[^/]{1,256}(?=/)")
Ask = Callable[[Question, int, str], EdgeResponse | NoAnswer]
OnPath = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Choice:
    """Which paths: those that match any glob, and of them a sample of so many, or of so many per cent.

    The same `seed` chooses the same paths of a release.
    """

    globs: tuple[str, ...] = ()
    number: int | None = None
    per_cent: float | None = None
    seed: int = 0

    def choose(self, paths: Sequence[str]) -> list[str]:
        """Choose, in order."""
        meant = [path for path in paths if not self.globs or any(matches(glob, path) for glob in self.globs)]
        wanted = self.number
        if self.per_cent is not None:
            wanted = -int(-len(meant) * self.per_cent // 100)
        if wanted is None or wanted >= len(meant):
            return meant
        return sorted(random.Random(self.seed).sample(meant, wanted))  # noqa: S311 - the same each time


@dataclass(frozen=True, slots=True)
class Report:
    """What was verified, and what was found, the gravest first."""

    release: int
    paths: int
    requests: int
    groups: tuple[Group, ...]


def verify(target: Target, store: Releases, choice: Choice, options: ClientOptions, on_path: OnPath) -> Report:
    """Hold what a live URL answers against the current release.

    `on_path` hears after each path how many are done, and of how many. Raises ConfigurationError where there is no
    release, no path is meant, or nothing answers at all.
    """
    origin = Origin(store.read())
    paths = choice.choose(origin.paths)
    if not paths:
        raise ConfigurationError([_nothing_meant(choice)])
    client = EdgeClient(target, options)
    try:
        return _Walk(client, target, origin, OtherReleases(store, origin.catalog.number)).run(paths, options, on_path)
    finally:
        client.close()


class _Walk:
    """One walk; `besides` are questions that belong to no public file."""

    def __init__(self, client: EdgeClient, target: Target, origin: Origin, others: OtherReleases) -> None:
        self._client = client
        self._origin = origin
        self._requests = count()
        self._verifier = PathVerifier(self._ask, target.url, origin, others)

    def run(self, paths: Sequence[str], options: ClientOptions, on_path: OnPath) -> Report:
        self._check_reachable(paths[0])
        found, slow = Findings(), 0
        executor = ThreadPoolExecutor(options.concurrency)
        try:
            files = executor.map(self._file, paths)
            others = executor.map(self._alone, [*_absent(self._origin), *aliases(self._origin)])
            for done, findings in enumerate(chain(files, others), 1):
                found.add(findings)
                if done <= len(paths):
                    on_path(done, len(paths))
                slow += _is_slow(findings)
                if slow == _MOST_SLOW:
                    raise ConfigurationError([_too_slow(self._verifier.url, options.timeout)])
        finally:
            # Ctrl-C shall not wait for what was not even begun.
            executor.shutdown(cancel_futures=True)
        return Report(self._origin.catalog.number, len(paths), next(self._requests), found.groups())

    def _ask(self, question: Question, limit: int, query: str) -> EdgeResponse | NoAnswer:
        next(self._requests)
        return self._client.ask(question, limit, query)

    def _file(self, path: str) -> list[EdgeFinding]:
        with self._client.one_path():
            return self._verifier.file(path)

    def _alone(self, question: Question) -> list[EdgeFinding]:
        rule = self._origin.find(question.path).rule
        with self._client.one_path():
            return self._verifier.all([question], Knowledge(origins(rule.policy) if rule else ()))

    def _check_reachable(self, path: str) -> None:
        """See that there is anybody at all, before all paths are asked for in vain."""
        answer = self._ask(Question("head", "HEAD", path), _NOTHING, "")
        if isinstance(answer, NoAnswer):
            raise ConfigurationError([_unreachable(self._verifier.url, answer.reason)])


def _absent(origin: Origin) -> Iterator[Question]:
    return absent(origin, f"cdnserve-verify-{secrets.token_hex(8)}.txt")


def aliases(origin: Origin) -> Iterator[Question]:
    """Yield a question for one version alias of each library that has any."""
    seen = set()
    for path in origin.paths:
        match = _LIBRARY.match(path)
        if match and match["library"] not in seen:
            alias = f"{match['library']}@{match['major']}{path[match.end() :]}"
            asked = Question("alias", "GET", alias, (("accept-encoding", "identity"), ("origin", _ORIGIN)))
            if respond(asked.request(), origin).status == _FOUND:
                seen.add(match["library"])
                yield asked


def _nothing_meant(choice: Choice) -> Problem:
    if choice.globs:
        return Problem(
            "verify-nothing", "no public path matches", value=", ".join(choice.globs), hint="look at cdnserve list"
        )
    return Problem("verify-nothing", "the release has no file to ask for", hint="look at cdnserve list")


def _is_slow(findings: Sequence[EdgeFinding]) -> bool:
    """Return whether a path took all its time, which ends its questions."""
    return bool(findings) and findings[-1].reference == _SLOW


def _too_slow(url: str, seconds: float) -> Problem:
    message = f"{_MOST_SLOW} paths took more than {seconds:g} s each, so the rest is not asked for"
    hint = "look at the edge and the network; --timeout gives more time, --sample asks for fewer paths"
    return Problem("edge-too-slow", message, url, hint=hint)


def _unreachable(url: str, why: str) -> Problem:
    hint = "check the address and the network; --ca names an authority of your own, --resolve another address"
    return Problem("edge-unreachable", why, url, hint=hint)


class PathVerifier:
    """Asks and judges; safe in several threads."""

    def __init__(self, ask: Ask, url: str, origin: Origin, others: OtherReleases) -> None:
        self._ask = ask
        self.url = url
        self._origin = origin
        self._others = others

    def file(self, path: str) -> list[EdgeFinding]:
        """Verify a public path."""
        rule, asset = (found := self._origin.find(path)).rule, found.asset
        if rule is None or asset is None:
            return []
        limit = 2 * max(representation.size for representation in asset.representations) + _MORE
        return self.all(questions(path, rule, asset), Knowledge(origins(rule.policy)), limit)

    def all(self, asked: Iterable[Question], knowledge: Knowledge, limit: int = _MORE) -> list[EdgeFinding]:
        """Ask questions for one path, in order."""
        found: list[EdgeFinding] = []
        for question in asked:
            found += [
                EdgeFinding(reference, question.path, str(question), detail)
                for reference, detail in self._one(question, knowledge, limit)
            ]
            if _is_slow(found):
                break
        return found

    def _one(self, question: Question, knowledge: Knowledge, limit: int) -> Iterator[Difference]:
        answer = self._ask(question, limit, "")
        if isinstance(answer, NoAnswer):
            yield _SLOW if answer.is_final else "no-answer", answer.reason
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
        """Return the number of another release that this answer is of."""
        for origin in self._others.origins():
            asset = origin.find(exchange.question.path).asset
            tags = {entity_tag(representation) for representation in asset.representations} if asset else set()
            current = self._origin.find(exchange.question.path).asset
            tags -= {entity_tag(representation) for representation in current.representations} if current else set()
            if exchange.answer.value("etag") in tags or not judge(exchange, origin):
                return origin.catalog.number
        return None

    def _explained(self, reference: str, exchange: Exchange, limit: int) -> str:
        """Return `origins-mixed` where a query, which no cache has seen, shows that the edge does not strip."""
        if reference != "cors-stripped" or len(exchange.knowledge.asked_origins) < len(("allowed", "other", "none")):
            return reference
        question = exchange.question
        answer = self._ask(question, limit, f"?cdnserve-verify={secrets.token_hex(8)}")
        if isinstance(answer, NoAnswer):
            return reference
        again = judge(Exchange(question, answer, exchange.url, exchange.knowledge), self._origin)
        return reference if any(other == reference for other, _ in again) else "origins-mixed"


class OtherReleases:
    """The other releases of the store, each read when an answer first differs."""

    def __init__(self, store: Releases, current: int) -> None:
        self._store = store
        self._numbers = [number for number in reversed(store.numbers()) if number != current][:_MOST_RELEASES]
        self._lock = Lock()
        self._origins: list[Origin] | None = None

    def origins(self) -> Sequence[Origin]:
        """Return all that can be read, the newest first."""
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
