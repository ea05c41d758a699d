"""Answers: what request heads that were seen before lead to, as octets ready to write.

Never answers for a head that llhttp has not accepted, and never outgrows its budget of memory.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus

import httptools

from cdnserve.origin import Fields, Reply, Request, Stored
from cdnserve.server.access_log import AccessLog, Exchange
from cdnserve.server.live import Live
from cdnserve.server.metrics.meter import Meter, Tally
from cdnserve.server.metrics.outcome import outcome
from cdnserve.server.proxies import FORWARDED
from cdnserve.server.wire import Opening, Openings, head_after_date, target_path, version_refused

# Larger content goes from the page cache to the socket, never through the heap.
LARGEST_IN_MEMORY = 256 * 1024
_OURS = b"/-/"
_NEWEST = b"GET / HTTP/1.1\r\n"
# All that `respond` looks at. Whatever else two requests differ in, they get the same answer.
_RELEVANT = frozenset(
    {b"host", b"origin", b"accept-encoding", b"range", b"if-range", b"if-match", b"if-none-match"}
    | {b"if-modified-since", b"if-unmodified-since", b"access-control-request-method"}
    | {b"access-control-request-headers", b"access-control-request-private-network"}
)
# What the objects around an answer or a remembered head weigh, roughly.
_OVERHEAD = 512


class Answer:
    """A response behind its opening: `tail` is all of it, or only the head where `stored` is large."""

    __slots__ = ("close", "hits", "octets", "opening", "plain", "stored", "tail", "tally", "timed")

    def __init__(self, opening: Opening, head: bytes, content: bytes | Stored, *, close: bool, tally: Tally) -> None:
        tail, stored = (head, content) if isinstance(content, Stored) else (head + content, None)
        self.octets = len(tail) - len(head) if stored is None else stored.length
        self.opening = opening
        self.tail = tail
        self.stored = stored
        self.close = close
        self.plain = stored is None and not close  # one write, and nothing else to do
        self.tally = tally
        self.hits = self.timed = 0  # since the meter was last settled


class Facts:
    """What a header block says that matters; blocks that say the same share one instance."""

    __slots__ = ("fields", "persists")

    def __init__(self, fields: Fields, *, persists: bool) -> None:
        self.fields = fields
        self.persists = persists  # of a connection in HTTP/1.1


@dataclass(frozen=True, slots=True)
class Entry:
    """What the log says of a head and its answer, but for client and time; and what the head says of the client."""

    line: bytes
    forwarded: tuple[bytes, ...]


@dataclass(slots=True)
class _Generation:
    blocks: dict[bytes, Facts] = field(default_factory=dict)
    lines: dict[bytes, dict[Facts, Answer]] = field(default_factory=dict)
    facts: dict[object, Facts] = field(default_factory=dict)
    answers: dict[object, Answer] = field(default_factory=dict)
    entries: dict[bytes, Entry] = field(default_factory=dict)
    size: int = 0


class Answers:
    """The answers of one release, in two generations: what isn't asked for while one fills is let go."""

    def __init__(self, live: Live, openings: Openings, budget: int, meter: Meter, *, closing: bool = False) -> None:
        self._live = live
        self._closing = closing  # each of them is the last of its connection
        self._origin = live.origin
        self._openings = openings
        self._budget = budget // 2
        self._meter = meter
        self._old = _Generation()
        self._begin()

    def _begin(self) -> None:
        self._young = _Generation()
        # One attribute away, for every request looks at them.
        self.blocks = self._young.blocks
        self.lines = self._young.lines

    def find(self, head: bytes) -> Answer | None:
        """Give the answer to an accepted head, `None` where the ASGI application must give it."""
        line, _, block = head.partition(b"\r\n")
        facts = self.blocks.get(block)
        known = self.lines.get(line, {}).get(facts) if facts else None
        return known or self._interpret(line, block)

    def entry(self, head: bytes, answer: Answer, log: AccessLog) -> Entry:
        """Give the entry in the log for a head and its answer."""
        known = self._young.entries.get(head)
        if known is None:
            line, _, block = head.partition(b"\r\n")
            listed = _Head(_NEWEST + block).fields
            fields = dict(listed)
            texts = (line, fields.get(b"referer", b""), fields.get(b"user-agent", b""))
            request, referer, agent = (text.decode("latin-1") for text in texts)
            written = log.entry(Exchange("", request, answer.opening.status, answer.octets, referer, agent))
            known = Entry(written, tuple(value for name, value in listed if name == FORWARDED))
            self._young.entries[head] = known
            self._young.size += len(head) + len(written) + _OVERHEAD
        return known

    def _interpret(self, line: bytes, block: bytes) -> Answer | None:
        if self._young.size > self._budget:
            self._old = self._young
            self._begin()
        asked = _Head(line + b"\r\n\r\n")
        try:
            path = target_path(asked.method, asked.target)
        except httptools.HttpParserInvalidURLError:
            return None  # llhttp lets some through; the ASGI edge refuses them
        if path.startswith(_OURS):
            return None
        facts = self._facts(block)
        request = Request(asked.method.decode("ascii"), path, facts.fields, asked.version)
        reply = version_refused(asked.version) or self._live.reply(request, self._origin)
        answer = self._answer(request, reply, close=self._closing or not (facts.persists and asked.version == "1.1"))
        # A failure of ours may be mended by the next request.
        if answer.opening.status < HTTPStatus.INTERNAL_SERVER_ERROR:
            self._remember(line, facts, answer)
        return answer

    def _facts(self, block: bytes) -> Facts:
        """Learn what a header block says, of the block alone: whatever the request line."""
        young = self._young
        known = young.blocks.get(block)
        if known is None:
            said = _Head(_NEWEST + block)
            fields = tuple(field for field in said.fields if field[0] in _RELEVANT)
            known = young.facts.setdefault((fields, said.keep_alive), Facts(fields, persists=said.keep_alive))
            young.blocks[block] = known
            young.size += len(block) + _OVERHEAD
        return known

    def _answer(self, request: Request, reply: Reply, *, close: bool) -> Answer:
        """Make the answer, or take it up where the same reply was made before."""
        octets = reply.body.length if isinstance(reply.body, Stored) else len(reply.body)
        tally = self._meter.tally("fast", outcome(request, reply, self._origin), octets)
        # Replies that are alike may be counted apart: as those of two policies, or to an origin that is refused.
        key = (reply, close, tally)
        known = self._young.answers.get(key) or self._old.answers.get(key)
        if known is None:
            opening, head = self._openings[reply.status], head_after_date(reply, close=close)
            if not isinstance(reply.body, Stored) or reply.body.length > LARGEST_IN_MEMORY:
                known = Answer(opening, head, reply.body, close=close, tally=tally)
            elif (content := self._live.content(reply.body)) is not None:
                known = Answer(opening, head, content, close=close, tally=tally)
            else:
                return self._answer(request, self._live.lost(request, self._origin), close=close)
        if key not in self._young.answers:
            self._young.answers[key] = known
            self._young.size += len(known.tail) + _OVERHEAD
        return known

    def _remember(self, line: bytes, facts: Facts, answer: Answer) -> None:
        young = self._young
        young.lines.setdefault(line, {})[facts] = answer
        young.size += len(line) + _OVERHEAD


class _Head:
    """A request head, or only its line, as llhttp's own callbacks give it."""

    def __init__(self, head: bytes) -> None:
        self.method = self.target = b""
        self.version = ""
        self.keep_alive = False
        self.fields: list[tuple[bytes, bytes]] = []
        self._parser = httptools.HttpRequestParser(self)
        # We upgrade to nothing, so the request is answered as it stands (RFC 9110 §7.8).
        with suppress(httptools.HttpParserUpgrade):
            self._parser.feed_data(head)

    def on_url(self, target: bytes) -> None:
        self.target += target

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        # llhttp forgets these once the message is complete.
        self.method = self._parser.get_method()
        self.version = self._parser.get_http_version()
        self.keep_alive = self.version == "1.1" and self._parser.should_keep_alive()
