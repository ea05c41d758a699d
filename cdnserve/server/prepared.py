"""Prepared responses: what the lines of a request head that matter lead to, as octets ready to write."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import cast

import httptools
import msgspec

from cdnserve.origin.files import form
from cdnserve.origin.message import Fields, Reply, Request, Stored
from cdnserve.release.catalog import Asset
from cdnserve.server.access_log import AccessLog, logged_exchange
from cdnserve.server.contents import LARGEST_IN_MEMORY, Awaited
from cdnserve.server.endpoints import is_for_web
from cdnserve.server.live import Live
from cdnserve.server.metrics_count import Meter, Tally, outcome
from cdnserve.server.proxies import FORWARDED
from cdnserve.server.settings import MOST_FIELDS
from cdnserve.server.templates import Template, plain_path
from cdnserve.server.wire import (
    CLOSE,
    Opening,
    Openings,
    connection_line,
    field_line,
    head_after_date,
    is_spoken,
    new_parser,
    persists,
    target_path,
)

Http2Key = tuple[bytes, bytes, Fields]
"""A request in HTTP/2: method, path, with its query where that matters, and those of its fields that are `RELEVANT`."""

# Around lines each of which begins with the line feed of the one before it.
_BEGINS, _ENDS = b"GET / HTTP/1.1\r", b"\n\r\n"
# All that `respond` looks at. Whatever else two requests differ in, they get the same response.
RELEVANT = frozenset(
    {b"host", b"origin", b"accept-encoding", b"range", b"if-range", b"if-match", b"if-none-match"}
    | {b"if-modified-since", b"if-unmodified-since", b"access-control-request-method"}
    | {b"access-control-request-headers", b"access-control-request-private-network"}
)
# The lines of a head that may say one of these, or anything of the connection; any case is spelled out, for
# re.IGNORECASE takes twice the time. (A line is never folded: llhttp refuses that, RFC 9112 §5.2.) What follows the
# empty line belongs to another request: it stands out, so that no head with it is taken for one without.
RELEVANT_LINES = re.compile(
    rb"\n(?:[HhOoRrIi](?:[Oo][Ss][Tt]|[Rr][Ii][Gg][Ii][Nn]|[Aa][Nn][Gg][Ee]|[Ff]-)"
    rb"|[Aa][Cc][Cc][Ee](?:[Pp][Tt]-[Ee]|[Ss][Ss]-[Cc][Oo][Nn][Tt][Rr][Oo][Ll]-[Rr])"
    rb"|[CcPp](?:[Oo][Nn][Nn][Ee][Cc]|[Rr][Oo][Xx][Yy]-[Cc])"
    rb"|\r\n[\s\S])[^\n]*"
)
# Those that the access log has, and those that name the client.
LOGGED_LINES = re.compile(rb"\n(?:[Rr][Ee][Ff][Ee][Rr]|[Uu][Ss][Ee][Rr]-[Aa])[^\n]*")
FORWARDED_LINES = re.compile(rb"\n[Xx]-[Ff][Oo][Rr][Ww][^\n]*")
_relevant_lines, _logged_lines, _forwarded_lines = (
    pattern.findall for pattern in (RELEVANT_LINES, LOGGED_LINES, FORWARDED_LINES)
)
# The request line, the fields, and the empty line.
_MOST_LINES = MOST_FIELDS + 2
# The type of a frame, and END_HEADERS (RFC 9113 §6.2).
_HEADERS = b"\x01\x04"
# RFC 9113 §4.2: every client takes one of this size.
_LARGEST_FRAME = 16 * 1024
# To a GET that says of itself no more than these, the replies for files of one form are alike.
_PLAIN = frozenset({b"host", b"origin", b"accept-encoding"})
# What the objects around a response or a part of a head weigh, and those around each of its fields, rounded up.
_OVERHEAD, _FIELD_OVERHEAD = 768, 192
# From here on two pieces are cheaper to write than to join.
_LONG = 16 * 1024
# What is longer is answered, but not remembered: nobody sends two that are alike.
_LONGEST_REMEMBERED = 8 * 1024


# Made for each file that is asked for, in a third of the time that Python's own class takes.
class PreparedResponse(msgspec.Struct, eq=False, gc=False):
    """A response behind its opening: `tail` is all of it, or only the head where `stored` is large."""

    opening: Opening
    tail: bytes
    octets: int
    stored: Stored | None
    close: bool
    tally: Tally
    is_long: bool
    plain: bool  # one write, and nothing else to do
    hits: int = 0  # since the meter was last settled
    timed: int = 0

    @classmethod
    def make(
        cls, opening: Opening, head: bytes, content: bytes | Stored, *, close: bool, tally: Tally
    ) -> PreparedResponse:
        """Make one of its head from behind the opening, and its content."""
        if isinstance(content, Stored):
            return cls(opening, head, content.length, content, close, tally, len(head) > _LONG, False)
        tail = head + content
        return cls(opening, tail, len(content), None, close, tally, len(tail) > _LONG, not close)


class Http2Response:
    """A response in HTTP/2: the same octets of content, and a head that is written once for all connections.

    Its HEADERS frame is `begin`, the stream's number, the opening's fields, and `fields`; without `begin` there is no
    room for it in one frame.
    """

    __slots__ = ("begin", "content", "fields", "octets", "opening", "prepared", "stored")

    def __init__(self, prepared: PreparedResponse) -> None:
        self.prepared = prepared
        self.opening, self.stored, self.octets = prepared.opening, prepared.stored, prepared.octets
        end = len(prepared.tail) - (0 if prepared.stored else prepared.octets)
        lines = (line.partition(b": ") for line in prepared.tail[:end].split(b"\r\n") if line)
        self.fields = b"".join(field_line(name, value) for name, _, value in lines)
        size = len(self.opening.fields) + len(self.fields)
        self.begin = size.to_bytes(3, "big") + _HEADERS if size <= _LARGEST_FRAME else b""
        self.content = memoryview(prepared.tail)[end:]


class RequestFacts:
    """What the relevant lines of a head say, and the responses by request line; equal ones share one instance."""

    __slots__ = ("fields", "is_plain", "persists", "persists_in_1_0", "responses")

    def __init__(self, fields: Fields, persists: bool, persists_in_1_0: bool) -> None:
        self.fields = fields
        self.is_plain = all(name in _PLAIN for name, _ in fields)
        self.persists = persists  # in HTTP/1.1
        self.persists_in_1_0 = persists_in_1_0
        self.responses: dict[bytes, PreparedResponse] = {}

    @property
    def key(self) -> tuple[Fields, bool, bool]:
        """Return what tells it apart from others."""
        return self.fields, self.persists, self.persists_in_1_0


@dataclass(slots=True)
class _Generation:
    facts: dict[bytes, RequestFacts] = field(default_factory=dict)  # by relevant lines
    shared: dict[object, RequestFacts] = field(default_factory=dict)
    responses: dict[tuple[int, bytes, bytes | Stored, Tally], PreparedResponse] = field(default_factory=dict)
    asked: dict[Http2Key, Http2Response] = field(default_factory=dict)
    http2: dict[PreparedResponse, Http2Response] = field(default_factory=dict)
    templates: dict[object, Template] = field(default_factory=dict)
    entries: dict[object, bytes] = field(default_factory=dict)
    size: int = 0


class PreparedResponses:
    """The responses of one release, in two generations: what isn't asked for while one fills is let go."""

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
        self.facts = self._young.facts
        # All behind the last request line: the next head may say the same, as a benchmark's does.
        self._block = b""
        self._block_says = RequestFacts((), False, False)
        self.asked = self._young.asked

    @property
    def size(self) -> int:
        """Return how many octets of memory the responses, and what is remembered of heads, take at most."""
        return self._old.size + self._young.size

    def blobs(self) -> set[bytes]:
        """Return the digests of the blobs that were asked for lately; safe to call from any thread."""
        return {key[2].sha256 for key in tuple(self._young.responses) if isinstance(key[2], Stored)}

    def known(self, octets: bytes) -> PreparedResponse | None:
        """Return the response to octets that are one accepted head and no more, `None` where it is not known yet."""
        line = octets.split(b"\r", 1)[0]
        try:
            if not octets.endswith(self._block) or len(line) + len(self._block) != len(octets):
                if octets.count(b"\n") > _MOST_LINES:
                    return None
                # What was remembered had nothing behind its empty line: nor have these octets, then.
                self._block_says = self.facts[b"".join(_relevant_lines(octets))]
                self._block = octets[len(line) :]
            return self._block_says.responses[line]
        except KeyError:
            return None

    def fill(self, octets: bytes) -> PreparedResponse | None:
        """Return the whole of a file that is asked for for the first time, as another one of its form was before.

        The octets are those for which `known` has just returned `None`. So does this, for whatever it has to leave.
        """
        self._make_room()
        line = octets.split(b"\r", 1)[0]
        if not octets.endswith(self._block) or len(line) + len(self._block) != len(octets):
            return None  # what they say was not known
        facts = self._block_says
        response = self._fill(line, facts, close=self._closing or not facts.persists)
        if response and len(line) <= _LONGEST_REMEMBERED:
            self._add(line, facts, response)
        return response

    def find(self, head: bytes) -> PreparedResponse | None:
        """Return the response to an accepted head, `None` where the ASGI application must give it."""
        if head.count(b"\n") > _MOST_LINES:
            return None
        return self.known(head) or self.fill(head) or self._decide(head)

    def ask(self, key: Http2Key) -> Http2Response | None:
        """Return the response to a whole request in HTTP/2, `None` where the ASGI application must give it."""
        method, target, fields = key
        path, _, query = target.partition(b"?")
        self._make_room()
        size = len(method) + len(target) + _weight(fields)
        young, facts = self._young, RequestFacts(fields, True, False)
        facts = young.shared.get(facts.key, facts)
        # Whether the connection ends is nothing that a response says here.
        line = b"%b %b HTTP/1.1" % (method, path)
        prepared = self._fill(line, facts, close=False)
        if prepared is None:
            request = Request(method.decode("ascii"), path, fields, "2")
            reply = self._reply(request, query)
            if reply is None:
                return None
            prepared = self._respond(request, reply, b"")
            if size <= _LONGEST_REMEMBERED:
                self._cut_out(line, facts, reply, b"")
        response = young.http2.get(prepared)
        if response is None:
            response = young.http2[prepared] = Http2Response(prepared)
            young.size += len(response.fields) + _OVERHEAD
        # As in HTTP/1.1: a failure of ours may be mended by the next request, and nobody sends two long ones alike.
        if (
            prepared.opening.status < HTTPStatus.INTERNAL_SERVER_ERROR
            and size <= _LONGEST_REMEMBERED
            and response.begin
        ):
            young.asked[key] = response
            young.size += size + _OVERHEAD
        return response if response.begin else None

    def entry(self, head: bytes, response: PreparedResponse, log: AccessLog) -> bytes:
        """Return what the log says of a head and its response, but for client and time."""
        said = b"".join(_logged_lines(head))
        key = (head.split(b"\r", 1)[0], response, said)
        known = self._young.entries.get(key)
        if known is None:
            known = _entry(head, said, log, response.opening.status, response.octets)
            if len(key[0]) + len(said) <= _LONGEST_REMEMBERED:
                self._make_room()
                self._young.entries[key] = known
                self._young.size += len(key[0]) + len(said) + len(known) + _OVERHEAD
        return known

    def cut_entry(self, head: bytes, response: PreparedResponse, log: AccessLog, sent: int) -> bytes:
        """Return the same of a head whose response was broken off."""
        return _entry(head, b"".join(_logged_lines(head)), log, response.opening.status, sent, cut=True)

    def _make_room(self) -> None:
        if self._young.size > self._budget:
            self._old = self._young
            self._begin()

    def _decide(self, head: bytes) -> PreparedResponse | None:
        line, relevant = head.partition(b"\r\n")[0], b"".join(_relevant_lines(head))
        try:
            asked = _Head(line + b"\r\n\r\n")
            path = target_path(asked.method, asked.target)
            facts = self._read(relevant)
        except httptools.HttpParserError:
            return None
        # Refusals are the ASGI edge's, and so are our own paths, until it has answered one that stays as it is.
        if not is_spoken(line, asked.version):
            return None
        request = Request(asked.method.decode("ascii"), path, facts.fields, asked.version)
        reply = self._reply(request, asked.target.partition(b"?")[2])
        if reply is None:
            return None
        connection = self._connection(asked.version, facts)
        response = self._respond(request, reply, connection)
        is_short = max(len(line), len(relevant)) <= _LONGEST_REMEMBERED
        # A failure of ours may be mended by the next request.
        if is_short and response.opening.status < HTTPStatus.INTERNAL_SERVER_ERROR:
            self._remember(line, relevant, facts, response)
            self._cut_out(line, facts, reply, connection)
        return response

    def _reply(self, request: Request, query: bytes) -> Reply | None:
        """Return the reply to a request; of pages and API what they have answered before, of this release."""
        if not is_for_web(request.raw_path, query, self._origin):
            return self._live.reply(request, self._origin)
        return self._live.web.known(request, query, self._origin) if self._live.web else None

    def _fill(self, line: bytes, facts: RequestFacts, *, close: bool) -> PreparedResponse | None:
        path = plain_path(line) if facts.is_plain else None
        asset, form = self._form(path) if path else (None, None)
        template = self._young.templates.get((form, facts, close))
        if asset is None or template is None:
            return None
        head, chosen, tally = template.fill(asset)
        try:
            return self._prepare(
                self._openings[HTTPStatus.OK], head, Stored(chosen.sha256, 0, chosen.size), tally, close=close
            )
        except (OSError, Awaited):
            return None

    def _form(self, path: str) -> tuple[Asset | None, object]:
        asset = self._origin.catalog.assets.get(path)
        if asset is None or self._origin.catalog.site.cache_tags:
            return asset, None
        return asset, form(path, self._origin.rules[asset.rule], asset, self._origin.clock())

    def _cut_out(self, line: bytes, facts: RequestFacts, reply: Reply, connection: bytes) -> None:
        """Make a template of the reply for a whole file."""
        path = plain_path(line)
        if path is None or not facts.is_plain or reply.status != HTTPStatus.OK or not isinstance(reply.body, Stored):
            return
        asset, form = self._form(path)
        key = (form, facts, connection == CLOSE)
        if asset is None or form is None or key in self._young.templates:
            return
        request = Request("GET", b"/" + path.encode("ascii"), facts.fields)
        tally = self._meter.tally("fast", outcome(request, reply, self._origin), 1)
        head = head_after_date(reply, connection)
        self._share(facts)
        self._young.templates[key] = Template(head, asset, reply.body.sha256, tally)
        self._young.size += len(head) + 2 * _OVERHEAD

    def _connection(self, version: str, facts: RequestFacts) -> bytes:
        goes_on = facts.persists_in_1_0 if version == "1.0" else facts.persists
        return connection_line(version, close=self._closing or not goes_on)

    def _read(self, lines: bytes) -> RequestFacts:
        """Learn what lines of a head say, of these alone: whatever the request line; each begins with its LF."""
        if known := self.facts.get(lines):
            return known
        said = _Head(_BEGINS + lines + _ENDS)
        fields = tuple(field for field in said.fields if field[0] in RELEVANT)
        facts = RequestFacts(fields, said.keep_alive, persists("1.0", said.fields, by_llhttp=said.keep_alive))
        return self._young.shared.get(facts.key, facts)

    def _respond(self, request: Request, reply: Reply, connection: bytes) -> PreparedResponse:
        octets = reply.body.length if isinstance(reply.body, Stored) else len(reply.body)
        tally = self._meter.tally("fast", outcome(request, reply, self._origin), octets)
        opening, head = self._openings[reply.status], head_after_date(reply, connection)
        try:
            return self._prepare(opening, head, reply.body, tally, close=connection == CLOSE)
        except OSError as error:
            stored = cast(Stored, reply.body)
            return self._respond(request, self._live.lost(request, self._origin, stored, error), connection)

    def _prepare(
        self, opening: Opening, head: bytes, body: bytes | Stored, tally: Tally, *, close: bool
    ) -> PreparedResponse:
        """Make the response, or take it up where the same was made before. Raises OSError for content that is lost."""
        # Responses that are alike may be counted apart: as those of two policies, or to an origin that is refused.
        key = (opening.status, head, body, tally)
        young = self._young.responses.get(key)
        if young is not None:
            return young
        known = self._old.responses.get(key)
        if known is None:
            is_small = isinstance(body, Stored) and body.length <= LARGEST_IN_MEMORY
            content = self._live.contents.read(cast(Stored, body)) if is_small else body
            known = PreparedResponse.make(opening, head, content, close=close, tally=tally)
        self._young.responses[key] = known
        # The key holds the head, and the content where that is no file's.
        held = 0 if isinstance(body, Stored) else len(body)
        self._young.size += len(known.tail) + len(head) + held + 2 * _OVERHEAD
        return known

    def _remember(self, line: bytes, relevant: bytes, facts: RequestFacts, response: PreparedResponse) -> None:
        young = self._young
        if relevant not in young.facts:
            young.facts[relevant] = facts
            young.size += len(relevant) + _OVERHEAD
        self._share(facts)
        self._add(line, facts, response)

    def _share(self, facts: RequestFacts) -> None:
        young = self._young
        if facts.key not in young.shared:
            young.shared[facts.key] = facts
            young.size += _weight(facts.fields) + _OVERHEAD

    def _add(self, line: bytes, facts: RequestFacts, response: PreparedResponse) -> None:
        facts.responses[line] = response
        self._young.size += len(line) + _OVERHEAD


def _weight(fields: Fields) -> int:
    """Return what fields weigh in memory, in octets."""
    return sum(len(name) + len(value) + _FIELD_OVERHEAD for name, value in fields)


def forwarded(head: bytes) -> list[bytes]:
    """Return whom a proxy says that it speaks for."""
    lines = b"".join(_forwarded_lines(head))
    return [value for name, value in _Head(_BEGINS + lines + _ENDS).fields if name == FORWARDED] if lines else []


def _entry(head: bytes, said: bytes, log: AccessLog, status: int, octets: int, *, cut: bool = False) -> bytes:
    line, fields = head.partition(b"\r\n")[0], _Head(_BEGINS + said + _ENDS).fields
    return log.entry(logged_exchange("", line, fields, status, octets, cut=cut))


class _Head:
    """A request head, or only its line, as llhttp's own callbacks give it."""

    def __init__(self, head: bytes) -> None:
        self.method = self.target = b""
        self.version = ""
        self.keep_alive = False
        self.fields: list[tuple[bytes, bytes]] = []
        self._parser = new_parser(self)
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
        self.keep_alive = self._parser.should_keep_alive()
