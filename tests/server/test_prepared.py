"""PreparedResponses: what is remembered of heads, how much of it, and for how long."""

from __future__ import annotations

import gc
import random
import re
import tracemalloc
from collections.abc import Callable
from urllib.parse import quote

import httptools
import pytest

from cdnserve.origin.lookup import Origin
from cdnserve.origin.message import Reply, Request
from cdnserve.release.build import build
from cdnserve.release.store import Store
from cdnserve.server.access_log import AccessLog
from cdnserve.server.contents import LARGEST_IN_MEMORY
from cdnserve.server.live import Live
from cdnserve.server.metrics_count import Meter
from cdnserve.server.prepared import (
    FORWARDED_LINES,
    LOGGED_LINES,
    RELEVANT,
    RELEVANT_LINES,
    Http2Key,
    Http2Response,
    PreparedResponse,
    PreparedResponses,
)
from cdnserve.server.settings import MOST_FIELDS
from cdnserve.server.wire import Opening, Openings, new_parser
from tests.contract.wire import message
from tests.server import tree
from tests.server.conftest import Built

_BUDGET = 1 << 20


def make(place: Built, budget: int = _BUDGET) -> PreparedResponses:
    """Make the answers of a release, with a budget in octets."""
    return PreparedResponses(Live(Store(place.state)), Openings(), budget, Meter())


def find(
    answers: PreparedResponses, target: str, *fields: tuple[str, str], method: str = "GET", version: str = "HTTP/1.1"
) -> PreparedResponse:
    """Find the answer to a head, which must have one."""
    answer = answers.find(message(method, target, fields, version=version))
    assert answer is not None
    return answer


def ask(answers: PreparedResponses, head: bytes, log: AccessLog | None) -> None:
    """Have a head answered, and the answer logged."""
    answer = answers.find(head)
    assert answer is not None
    if log:
        answers.entry(head, answer, log)


def key(head: bytes) -> Http2Key:
    """Return what a head asks for, in HTTP/2."""
    line, *lines = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
    method, target, _ = line.split(b" ")
    fields = ((name.lower(), value) for name, _, value in (text.partition(b": ") for text in lines))
    return method, target.partition(b"?")[0], tuple(field for field in fields if field[0] in RELEVANT)


def held() -> list[PreparedResponse]:
    """Return all answers that are in memory, of anybody; the garbage collector knows who holds them, and not them."""
    gc.collect()
    kept = (value for thing in gc.get_objects() if isinstance(thing, dict) for value in tuple(thing.values()))
    return list({id(value): value for value in kept if isinstance(value, PreparedResponse)}.values())


def test_what_was_asked_before_has_the_same_answer(built: Built) -> None:
    answers = make(built)
    first = find(answers, "/any/tiny.txt")
    assert first is find(answers, "/any/tiny.txt")
    assert first.tail.endswith(b"\r\n\r\n" + tree.TINY)
    assert (200, True, None, len(tree.TINY)) == (first.opening.status, first.plain, first.stored, first.octets)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param([("User-Agent", "a")], [("User-Agent", "b")], id="a field that decides nothing"),
        pytest.param([("Cookie", "a=1")], [], id="a cookie, and none"),
        pytest.param(
            [("X-A", "1"), ("Origin", "https://a.example")],
            [("Origin", "https://a.example")],
            id="besides one that does",
        ),
        pytest.param([("ORIGIN", "https://a.example")], [("origin", "https://a.example")], id="the case of a name"),
    ],
)
def test_heads_that_say_the_same_share_an_answer(
    built: Built, one: list[tuple[str, str]], other: list[tuple[str, str]]
) -> None:
    answers = make(built)
    assert find(answers, "/partners/tiny.txt", *one) is find(answers, "/partners/tiny.txt", *other)
    assert answers.facts[_relevant(*one)] is answers.facts[_relevant(*other)]


def test_heads_that_come_by_turns_are_told_apart(built: Built) -> None:
    """The one before is compared first; none that is longer, shorter, or asks for more passes for it."""
    answers, part = make(built), ("Range", "bytes=0-1")
    says: list[list[tuple[str, str]]] = [[], [part], [("X", "Range: bytes=0-1")], [("X", ""), part]]
    heads = [message("GET", path, fields) for path in ("/any/tiny.txt", "/any/font.woff2") for fields in says]
    alone = {head: make(built).find(head) for head in heads}
    order = random.Random(2)
    for head in (*heads, *order.choices(heads, k=200)):
        answer, expected = answers.find(head), alone[head]
        assert answer is not None
        assert expected is not None
        assert (expected.opening.status, expected.tail) == (answer.opening.status, answer.tail), head
        assert answers.known(head + head) is None
        assert answers.known(b"\r\n" + head) is None


def _relevant(*fields: tuple[str, str]) -> bytes:
    return b"".join(RELEVANT_LINES.findall(message("GET", "/", fields)))


@pytest.mark.parametrize("origin", ["", tree.ORIGIN, tree.STRANGER])
@pytest.mark.parametrize("codings", ["", "gzip, deflate, br, zstd", "gzip;q=0.5, identity", "identity;q=0", "zstd"])
@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/1.0"])
def test_files_of_one_form_are_answered_as_each_by_itself(
    built: Built, origin: str, codings: str, version: str
) -> None:
    """Their heads are filled into the first one's: what the origin decides for each is the same, to the octet."""
    fields = [(name, value) for name, value in (("Origin", origin), ("Accept-Encoding", codings)) if value]
    paths = sorted(Store(built.state).load().assets)
    heads = [message("GET", f"/{quote(path)}", fields, version=version) for path in paths for _ in "ab"]
    live, meter = Live(Store(built.state)), Meter()
    together = PreparedResponses(live, Openings(), 1 << 30, meter)
    for head in heads:
        answer, alone = together.find(head), PreparedResponses(live, Openings(), _BUDGET, meter).find(head)
        assert answer is not None
        assert alone is not None
        for name in ("tail", "stored", "close", "octets", "tally"):
            assert getattr(alone, name) == getattr(answer, name), head


def test_files_of_one_form_are_decided_once(built: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    answers, decided, reply = make(built), list[bytes](), Live.reply

    def noted(live: Live, request: Request, origin: Origin) -> Reply:
        decided.append(request.raw_path)
        return reply(live, request, origin)

    monkeypatch.setattr(Live, "reply", noted)
    for path in ("/any/font.woff2", "/any/large.woff2", "/any/huge.woff2", "/any/tiny.txt?v=1", "/any/tiny.txt?v=2"):
        find(answers, path)
    assert [b"/any/font.woff2", b"/any/tiny.txt"] == decided


def test_only_the_whole_of_a_file_is_filled_in(built: Built) -> None:
    """Once one was decided; of anything else there may be another answer, and of what is not known none."""
    answers, fields = make(built), [("Accept-Encoding", "br")]
    asked = message("GET", "/any/large.woff2", fields)
    assert answers.fill(asked) is None
    find(answers, "/any/font.woff2", *fields)
    assert (None, None) == (answers.known(asked), answers.fill(asked + b"x"))
    filled = answers.fill(asked)
    assert filled is not None
    assert filled is answers.known(asked)
    others = ["/any/tiny.txt", "/any/absent.woff2", "/any/hug%65.woff2", "/any/huge.woff2?meta"]
    others += ["/-/health", "/none/tiny.txt"]
    heads = [message("GET", other, fields) for other in others]
    heads += [message(method, "/any/huge.woff2", fields) for method in ("HEAD", "OPTIONS")]
    heads += [message("GET", "/any/huge.woff2", fields, version="HTTP/1.0")]
    heads += [message("GET", "/any/huge.woff2", [*fields, ("Range", "bytes=0-1")])]
    for head in heads:
        assert (None, None) == (answers.known(head), answers.fill(head)), head


def test_what_is_filled_in_is_proved(few: Built) -> None:
    """Content that is damaged is nobody's; what was made up for it is not remembered."""
    (few.root / "any/other.txt").write_bytes(b"other\n")
    build(few.root, few.state)
    answers, store = make(few), Store(few.state)
    find(answers, "/any/other.txt")
    blob = store.blob(store.load().assets["any/tiny.txt"].identity.sha256)
    blob.unlink()
    head = message("GET", "/any/tiny.txt")
    assert (None, None) == (answers.known(head), answers.fill(head))
    lost = answers.find(head)
    assert lost is not None
    assert 503 == lost.opening.status
    blob.write_bytes(b"hellO\n")
    assert (None, None) == (answers.known(head), answers.fill(head))
    blob.write_bytes(tree.TINY)
    assert (None, tree.TINY) == (answers.known(head), find(answers, "/any/tiny.txt").tail[-len(tree.TINY) :])


def test_both_versions_share_an_answer(built: Built) -> None:
    """And its content, which is in memory once."""
    answers = make(built)
    head = message("GET", "/any/font.woff2", [("Accept-Encoding", "br"), ("X-A", "b")])
    answer, over_http_2 = answers.find(head), answers.ask(key(head))
    assert answer
    assert over_http_2
    assert answer is over_http_2.prepared
    assert (answer.tail, tree.FONT) == (over_http_2.content.obj, bytes(over_http_2.content))
    assert over_http_2 is answers.asked[key(head)]
    assert answers.ask(key(message("GET", "/-/health"))) is None


@pytest.mark.parametrize("origin", ["", tree.ORIGIN, tree.STRANGER])
@pytest.mark.parametrize("codings", ["", "gzip, deflate, br, zstd", "identity;q=0"])
def test_files_of_one_form_are_answered_as_each_by_itself_in_http_2(built: Built, origin: str, codings: str) -> None:
    fields = [(name, value) for name, value in (("Origin", origin), ("Accept-Encoding", codings)) if value]
    keys = [key(message("GET", f"/{quote(path)}", fields)) for path in sorted(Store(built.state).load().assets)]
    together = make(built)
    for one in keys:
        answer, alone = together.ask(one), make(built).ask(one)
        assert answer is not None
        assert alone is not None
        assert (alone.opening.status, alone.fields, bytes(alone.content)) == (
            answer.opening.status,
            answer.fields,
            bytes(answer.content),
        )
        assert (alone.stored, alone.octets, alone.begin) == (answer.stored, answer.octets, answer.begin)


@pytest.mark.parametrize("closing", [False, True])
def test_files_of_one_form_are_decided_once_for_both_versions(
    built: Built, monkeypatch: pytest.MonkeyPatch, closing: bool
) -> None:
    """But where HTTP/1.1 ends its connection its heads say so, and those of HTTP/2 don't."""
    decided, reply = list[bytes](), Live.reply

    def noted(live: Live, request: Request, origin: Origin) -> Reply:
        decided.append(request.raw_path)
        return reply(live, request, origin)

    monkeypatch.setattr(Live, "reply", noted)
    answers = PreparedResponses(Live(Store(built.state)), Openings(), _BUDGET, Meter(), closing=closing)
    font, large, huge = (message("GET", f"/any/{name}.woff2") for name in ("font", "large", "huge"))
    answers.find(font)
    found = answers.ask(key(large))
    assert found is not None
    assert b"connection" not in found.fields
    answers.ask(key(huge))
    assert [b"/any/font.woff2", *[b"/any/large.woff2"][: int(closing)]] == decided


def test_a_head_larger_than_a_frame_is_for_the_asgi_edge() -> None:
    """RFC 9113 §4.2: zttp cuts it."""
    heads = (b"location: %b\r\n\r\n" % (b"x" * size) for size in (16_000, 16_384))
    made = (PreparedResponse.make(Opening(302, b""), head, b"", close=False, tally=()) for head in heads)
    assert [True, False] == [bool(Http2Response(prepared).begin) for prepared in made]


@pytest.mark.parametrize("kind", ["blocks", "lines of no use"])
def test_what_no_rule_reads_leaves_nothing(built: Built, kind: str) -> None:
    """However many there are: one answer, found without llhttp's callbacks."""
    answers = make(built)
    first, size = find(answers, "/any/tiny.txt", ("X-Number", "0")), answers.size
    for number in range(1000):
        fields = [("X-Number", str(number))] if kind == "blocks" else [(f"X-{number}", "1"), ("Cookie", "a" * number)]
        assert first is answers.known(message("GET", "/any/tiny.txt", fields))
    assert size == answers.size


@pytest.mark.parametrize("name", sorted(RELEVANT | {b"connection", b"proxy-connection"}))
@pytest.mark.parametrize("change", [bytes.lower, bytes.upper, bytes.title, bytes.swapcase])
def test_every_relevant_field_is_among_the_relevant_lines(name: bytes, change: Callable[[bytes], bytes]) -> None:
    line = b"\n" + change(name) + b": a\r"
    assert [line] == RELEVANT_LINES.findall(b"GET / HTTP/1.1\r\nX: y\r" + line + b"\nAccept: */*\r\n\r\n")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Origin", tree.ORIGIN),
        ("Accept-Encoding", "identity;q=0"),
        ("Range", "bytes=0-1"),
        ("If-Match", '"a"'),
        ("If-None-Match", "*"),
        ("Host", "another"),
        ("Connection", "close"),
    ],
)
def test_a_field_that_decides_has_an_answer_of_its_own(built: Built, name: str, value: str) -> None:
    answers = make(built)
    plain = find(answers, "/partners/tiny.txt")
    other = find(answers, "/partners/tiny.txt", (name, value))
    assert (plain.opening.status, plain.tail) != (other.opening.status, other.tail)
    assert plain is find(answers, "/partners/tiny.txt")


def test_versions_don_t_get_in_each_other_s_way(built: Built) -> None:
    """A block that HTTP/1.0 sent first is remembered for HTTP/1.1 all the same."""
    answers = make(built)
    old, new = (find(answers, "/any/tiny.txt", version=version) for version in ("HTTP/1.0", "HTTP/1.1"))
    assert (True, False) == (old.close, new.close)
    responses = answers.facts[_relevant()].responses
    assert {b"GET /any/tiny.txt HTTP/1.0": old, b"GET /any/tiny.txt HTTP/1.1": new} == responses
    closing = find(answers, "/any/tiny.txt", ("Connection", "close"), version="HTTP/1.0")
    assert closing is old
    assert find(answers, "/any/tiny.txt", ("Connection", "close")).close


@pytest.mark.parametrize("target", ["/-/health", "/-/", "http://a/-/ready", "http://a:99999/"])
def test_some_have_no_answer_here(built: Built, target: str) -> None:
    """Our own paths are the application's, and so is what llhttp lets through and can't take apart."""
    assert make(built).find(message("GET", target)) is None


def test_large_content_is_named_and_not_held(built: Built) -> None:
    answers = make(built)
    answer = find(answers, "/any/large.woff2")
    assert answer.stored is not None
    assert (len(tree.LARGE), False) == (answer.stored.length, answer.plain)
    assert len(tree.LARGE) > LARGEST_IN_MEMORY > len(answer.tail)
    part = find(answers, "/any/large.woff2", ("Range", "bytes=10-19"))
    assert part.stored is not None
    assert (10, 10) == (part.stored.start, part.stored.length)


@pytest.mark.unmeasured
@pytest.mark.parametrize("budget", [0, 1000, 100_000, _BUDGET])
def test_the_budget_is_kept(built: Built, budget: int) -> None:
    """Whatever is asked; the two generations may each be over it by one answer."""
    before = set(map(id, held()))
    answers = make(built, budget)
    for number in range(3000):
        line = f"/any/font.woff2?{number}" if number % 2 else f"/any/{number}.js"
        answer = find(answers, line, ("Range", f"bytes={number}-60000"), ("X-Number", str(number)))
        assert answer.opening.status == (206 if number % 2 else 404)
    mine = [answer for answer in held() if id(answer) not in before]
    assert sum(len(answer.tail) for answer in mine) <= budget + 3 * len(tree.FONT)
    assert answers.size <= budget + 4 * len(tree.FONT)


UNIQUE: dict[str, Callable[[int], bytes]] = {
    "header blocks": lambda n: message("GET", "/any/tiny.txt", [("If-Number", str(n))]),
    "blocks of as many fields as there may be": lambda n: message(
        "GET", "/any/tiny.txt", [*[("Range", f"bytes=0-{n}")] * 98, ("X", "")]
    ),
    "blocks of ninety-nine Host lines": lambda n: message(
        "GET", "/any/tiny.txt", [*[("Host", "")] * 98, ("Range", f"bytes=0-{n}")]
    ),
    "lines": lambda n: message("GET", f"/any/tiny.txt?{n}"),
    "paths": lambda n: message("GET", f"/any/absent-{n}.js"),
    "origins that may": lambda n: message("GET", "/any/tiny.txt", [("Origin", f"https://o{n}.example")]),
    "origins that are refused": lambda n: message("GET", "/partners/tiny.txt", [("Origin", f"https://o{n}.example")]),
    "origins that are too long": lambda n: message(
        "GET", "/any/tiny.txt", [("Origin", f"https://o{n}.{'x' * 9_000}.example")]
    ),
    "entity tags": lambda n: message("GET", "/any/tiny.txt", [("If-None-Match", f'"{n}-{"x" * 50_000}"')]),
    "entity tags that are short enough": lambda n: message(
        "GET", "/any/tiny.txt", [("If-None-Match", f'"{n}-{"x" * 7_000}"')]
    ),
    "ranges": lambda n: message("GET", "/any/font.woff2", [("Range", f"bytes={n}-")]),
    "preflights": lambda n: message(
        "OPTIONS",
        "/partners/tiny.txt",
        [
            ("Origin", tree.ORIGIN),
            ("Access-Control-Request-Method", "GET"),
            ("Access-Control-Request-Headers", f"x-{n}"),
        ],
    ),
}


@pytest.mark.unmeasured
@pytest.mark.parametrize("way", ["without a log", "with a log", "HTTP/2"])
@pytest.mark.parametrize("kind", UNIQUE)
def test_what_is_counted_is_no_less_than_what_is_kept(built: Built, kind: str, way: str) -> None:
    """Of requests no two of which are alike: each part of what is remembered has its place in the budget."""
    answers, log = make(built, 1 << 30), AccessLog("combined", lambda _: None)
    for path in ("/any/tiny.txt", "/any/absent.js"):  # what is made once
        find(answers, path)
        answers.ask(key(message("GET", path)))
    counted = answers.size
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for number in range(300):
            if way == "HTTP/2":
                answers.ask(key(UNIQUE[kind](number)))
            else:
                ask(answers, UNIQUE[kind](number), log if way == "with a log" else None)
        gc.collect()
        kept = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert kept <= answers.size - counted + 16 * 1024


@pytest.mark.unmeasured
@pytest.mark.parametrize("kind", UNIQUE)
def test_no_flood_outgrows_the_budget(built: Built, kind: str) -> None:
    """By more than one answer in each of the two generations; also where only the log remembers."""
    answers, log = make(built, _BUDGET), AccessLog("combined", lambda _: None)
    for number in range(3000):
        ask(answers, UNIQUE[kind](number), log)
        answers.ask(key(UNIQUE[kind](number)))
        assert answers.size <= _BUDGET + 4 * len(tree.FONT)


@pytest.mark.unmeasured
def test_known_lines_and_blocks_that_meet_anew_count_in_the_log(built: Built) -> None:
    """Neither is interpreted again, but each pair has an entry."""
    answers, log = make(built, 200_000), AccessLog("combined", lambda _: None)
    for number in range(3000):
        ask(answers, message("GET", f"/any/tiny.txt?{number % 60}", [("User-Agent", str(number % 50))]), log)
        assert answers.size <= 200_000 + 2 * 4096


@pytest.mark.parametrize("part", ["line", "block"])
def test_what_is_too_long_is_answered_and_not_remembered(built: Built, part: str) -> None:
    answers = make(built)
    long = "x" * 9000
    field = [("If-None-Match", f'"{long}"')]
    head = message("GET", f"/any/tiny.txt?{long}") if part == "line" else message("GET", "/any/tiny.txt", field)
    answer = answers.find(head)
    assert answer is not None
    assert (200, {}) == (answer.opening.status, answers.facts)
    assert answer is answers.find(head)


class Read:
    """What llhttp accepts, and what it says of each field."""

    def __init__(self, octets: bytes, names: frozenset[bytes]) -> None:
        self._names = names
        self.fields: list[tuple[bytes, bytes]] = []
        self.persists, self.messages, self.is_refused = False, 0, False
        self._parser = new_parser(self)
        try:
            self._parser.feed_data(octets)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self.is_refused = True

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() in self._names:
            self.fields.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self.persists = self._parser.should_keep_alive()

    def on_message_complete(self) -> None:
        self.messages += 1


NAMES = (
    *RELEVANT,
    b"connection",
    b"proxy-connection",
    b"x",
    b"hos",
    b"host-",
    b"accept",
    b"if",
    b"via",
    b"cookie",
    b"referer",
    b"user-agent",
)
NAMES += (b"x-forwarded-for", b"x-forwarded-host", b"transfer-encoding", b"content-length")
VALUES = (b"a", b"close", b"keep-alive", b"x, close", b" bytes=0-1 ", b"", b"\t*", b"a\r\n b", b"a\r\nhost: b", b"\x80")
ODD = (
    b"\r\n",
    b"\n",
    b"\r",
    b" ",
    b"\t",
    b"\x00",
    b":",
    b"\r\n ",
    b"\r\n\r\n",
    b"\nhost: b",
    b"\rrange: a",
    b"\x0b",
    b"host",
)


def mutated(order: random.Random) -> bytes:
    """Make a head, of fields in any case, with pieces of it lost, doubled and put elsewhere."""
    changes = (bytes.lower, bytes.upper, bytes.title, bytes.swapcase)
    lines = [
        order.choice(changes)(order.choice(NAMES)) + order.choice((b":", b": ", b":  ", b":\t")) + order.choice(VALUES)
        for _ in range(order.randrange(9))
    ]
    head = bytearray(
        b"GET /a HTTP/1.%d\r\n" % order.randrange(2) + b"".join(line + b"\r\n" for line in lines) + b"\r\n"
    )
    for _ in range(order.choice((0, 0, 1, 1, 2, 3))):
        at = order.randrange(16, len(head))
        head[at : at + order.choice((0, 0, 1, 2, 9))] = order.choice(ODD)
    return bytes(head)


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        pytest.param(RELEVANT_LINES, RELEVANT, id="what decides"),
        pytest.param(LOGGED_LINES, frozenset({b"referer", b"user-agent"}), id="what is logged"),
        pytest.param(FORWARDED_LINES, frozenset({b"x-forwarded-for"}), id="whom a proxy speaks for"),
    ],
)
def test_some_lines_say_what_the_head_says(pattern: re.Pattern[bytes], names: frozenset[bytes]) -> None:
    """Of any octets that llhttp takes for one message: by themselves it reads them as it did among all."""
    order, accepted = random.Random(11), 0
    for _ in range(20_000):
        head = mutated(order)
        whole, lines = Read(head, names), b"".join(pattern.findall(head))
        if whole.is_refused or whole.messages != 1:
            continue
        if head.find(b"\r\n\r\n") + 4 < len(head):
            assert pattern is not RELEVANT_LINES or b"\n\r\n" in lines, head  # so it stands out
            continue
        accepted += 1
        assert not re.search(rb"\n[ \t]", head), head
        alone = Read(head.partition(b"\r")[0] + b"\r" + lines + b"\n\r\n", names)
        assert alone.fields == whole.fields, head
        assert pattern is not RELEVANT_LINES or alone.persists == whole.persists, head
    assert accepted > 4000


@pytest.mark.parametrize(("more", "is_answered"), [(MOST_FIELDS - 1, True), (MOST_FIELDS, False)])
def test_too_many_fields_are_for_the_asgi_edge_to_refuse(built: Built, more: int, is_answered: bool) -> None:
    """Also where a block that says the same is known."""
    answers = make(built)
    find(answers, "/any/tiny.txt")
    head = message("GET", "/any/tiny.txt", [("X", "")] * more)
    assert is_answered is (answers.find(head) is not None)


@pytest.mark.parametrize(
    "head",
    [
        b"GET /x\n\r\nfoo bar\r\n\r\n",
        b"GET /x\r\n\r\n",
        b"GET /x\nHost: a\r\n\r\n",
        b"GET /any/tiny.txt HTTP/0.9\r\n\r\n",
        b"GET /any/tiny.txt HTTP/2.0\r\n\r\n",
    ],
    ids=ascii,
)
def test_what_is_to_be_refused_has_no_answer_here_and_leaves_nothing(built: Built, head: bytes) -> None:
    answers = make(built)
    assert (None, 0) == (answers.find(head), answers.size)


def test_http_1_0_stays_open_for_who_asks(built: Built) -> None:
    answers = make(built)
    kept = find(answers, "/any/tiny.txt", ("Connection", "keep-alive"), version="HTTP/1.0")
    assert (False, True) == (kept.close, b"\r\nconnection: keep-alive\r\n" in kept.tail)
    for fields in ([], [("Connection", "keep-alive, close")], [("Connection", "x")]):
        assert find(answers, "/any/tiny.txt", *fields, version="HTTP/1.0").close
    newer = find(answers, "/any/tiny.txt", ("Connection", "keep-alive"))
    assert (False, False) == (newer.close, b"\r\nconnection: " in newer.tail)
    assert newer is find(answers, "/any/tiny.txt", ("Connection", "keep-alive"), version="HTTP/1.2")


@pytest.mark.unmeasured
def test_what_is_asked_for_outlives_what_is_not(built: Built) -> None:
    """An answer that is taken up again from the older generation is not made anew."""
    answers = make(built, 200_000)
    popular = find(answers, "/any/font.woff2")
    for number in range(2000):
        find(answers, f"/any/tiny.txt?{number}")
        assert popular is find(answers, "/any/font.woff2")


def test_what_the_log_says_is_remembered(built: Built) -> None:
    answers, log = make(built), AccessLog("combined", lambda _: None)
    head = message("GET", "/any/none.txt", [("Referer", "https://a.example/"), ("USER-AGENT", "b\xe9")])
    answer = answers.find(head)
    assert answer is not None
    entry = answers.entry(head, answer, log)
    assert entry == b'"GET /any/none.txt HTTP/1.1" 404 %d "https://a.example/" "b\\xe9"\n' % answer.octets
    # What the line does not hold makes no difference.
    fields = [
        ("X-Request-Id", "1"),
        ("Referer", "https://a.example/"),
        ("USER-AGENT", "b\xe9"),
        ("X-Forwarded-For", "c"),
    ]
    assert entry is answers.entry(message("GET", "/any/none.txt", fields), answer, log)


def test_a_lost_blob_is_503_with_cors(few: Built) -> None:
    answers = make(few)
    store = Store(few.state)
    for path in ("partners/tiny.txt", "any/tiny.txt"):
        store.blob(store.load().assets["any/tiny.txt"].identity.sha256).unlink(missing_ok=True)
        lost = answers.find(message("GET", f"/{path}", [("Origin", tree.ORIGIN)]))
        assert lost is not None
        assert lost.opening.status == 503
        assert b"\r\naccess-control-allow-origin: " in lost.tail
        assert b"\r\ncache-control: no-store\r\n" in lost.tail
        build(few.root, few.state)


def test_an_answer_belongs_to_one_release(few: Built) -> None:
    """A swap begins new answers: the lane does it; those that were made stay what they are."""
    live = Live(Store(few.state))
    answers = PreparedResponses(live, Openings(), _BUDGET, Meter())
    before = find(answers, "/any/tiny.txt")
    (few.root / "any/tiny.txt").write_bytes(b"other\n")
    build(few.root, few.state)
    assert live.reload()
    assert before is find(answers, "/any/tiny.txt")
    assert find(PreparedResponses(live, Openings(), _BUDGET, Meter()), "/any/tiny.txt").tail.endswith(
        b"\r\n\r\nother\n"
    )


def test_it_knows_whose_content_it_has(built: Built) -> None:
    """Of files; what has content of its own, as a 404, is of none."""
    answers = make(built)
    assets = answers._origin.catalog.assets
    for path in ("any/tiny.txt", "any/large.woff2", "any/absent.js"):
        find(answers, f"/{path}")
    assert {assets[path].identity.sha256 for path in ("any/tiny.txt", "any/large.woff2")} == answers.blobs()
