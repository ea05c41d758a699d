"""Both lanes say the same octets (Date aside), and exactly as many responses as there were requests (RFC 9112)."""

from __future__ import annotations

import pytest

from tests.contract.wire import message
from tests.server import tree
from tests.server.serving import Served
from tests.server.transcript import responses, statuses, transcript

TINY, LARGE, ABSENT = "/any/tiny.txt", "/any/large.woff2", "/any/absent.js"
GET = message("GET", TINY)
SMUGGLED = b"\r\n\r\n" + GET
PREFLIGHT = [("Origin", tree.ORIGIN), ("Access-Control-Request-Method", "GET")]

UPGRADE = [("Connection", "Upgrade"), ("Upgrade", "h2c")]


def one(method: str, target: str, *fields: tuple[str, str], body: bytes = b"", version: str = "HTTP/1.1") -> bytes:
    """Write one request."""
    return message(method, target, fields, body=body, version=version)


def chunked(*chunks: bytes, trailer: bytes = b"") -> bytes:
    """Write a chunked body (RFC 9112 §7.1)."""
    return b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n" + trailer + b"\r\n"


def coded(method: str, body: bytes, *fields: tuple[str, str], target: str = TINY) -> bytes:
    """Write one request whose body is chunked."""
    return one(method, target, ("Transfer-Encoding", "chunked"), *fields, body=body)


def sized(method: str, body: bytes, *fields: tuple[str, str], target: str = TINY) -> bytes:
    """Write one request whose body has a length."""
    return one(method, target, ("Content-Length", str(len(body))), *fields, body=body)


REQUESTS = [
    pytest.param(GET, [200], id="a tiny file"),
    pytest.param(one("GET", "/any/empty.css"), [200], id="an empty file"),
    pytest.param(one("GET", "/any/app.js", ("Accept-Encoding", "br")), [200], id="a coded file"),
    pytest.param(one("GET", "/any/font.woff2"), [200], id="a font"),
    pytest.param(one("GET", LARGE), [200], id="a large file"),
    pytest.param(one("GET", TINY + "?a=/../b"), [200], id="a query"),
    pytest.param(one("GET", "/partners/tiny.txt", ("Origin", tree.ORIGIN)), [200], id="an allowed origin"),
    pytest.param(one("GET", "/partners/tiny.txt", ("Origin", tree.STRANGER)), [200], id="another origin"),
    pytest.param(one("GET", "/none/tiny.txt", ("Origin", tree.ORIGIN)), [200], id="no CORS"),
    pytest.param(one("GET", TINY, ("Range", "bytes=1-3")), [206], id="a range"),
    pytest.param(one("GET", LARGE, ("Range", "bytes=7-280000")), [206], id="a large range"),
    pytest.param(one("GET", TINY, ("If-None-Match", "*")), [304], id="not modified"),
    pytest.param(one("GET", "/any/%zz"), [400], id="a malformed path"),
    pytest.param(message("GET", TINY, host=None), [400], id="no Host"),
    pytest.param(message("GET", TINY, [("Host", "b")]), [400], id="two Hosts"),
    pytest.param(one("GET", ABSENT), [404], id="no such file"),
    pytest.param(one("GET", "/nowhere"), [404], id="a path of no rule"),
    pytest.param(one("GET", "/-/nothing"), [404], id="one of our own paths"),
    pytest.param(one("GET", "//any/tiny.txt"), [404], id="an empty segment"),
    pytest.param(one("DELETE", TINY), [405], id="another method"),
    pytest.param(one("GET", TINY, ("Accept-Encoding", "identity;q=0")), [406], id="nothing acceptable"),
    pytest.param(one("GET", TINY, ("If-Match", '"x"')), [412], id="a precondition"),
    pytest.param(one("GET", TINY, ("Range", "bytes=99-")), [416], id="an unsatisfiable range"),
    pytest.param(one("OPTIONS", TINY), [204], id="OPTIONS"),
    pytest.param(one("OPTIONS", "*"), [204], id="OPTIONS of the server"),
    pytest.param(one("OPTIONS", TINY, *PREFLIGHT), [204], id="a preflight"),
    pytest.param(one("OPTIONS", "/partners/x.js", *PREFLIGHT), [204], id="an allowed preflight"),
    pytest.param(
        one("OPTIONS", "/partners/x.js", ("Origin", tree.STRANGER), PREFLIGHT[1]), [403], id="a refused preflight"
    ),
    pytest.param(one("GET", TINY, ("Connection", "close")) + GET, [200], id="close, and what follows is not ours"),
    pytest.param(one("GET", LARGE, ("Connection", "x, Close")) + GET, [200], id="a large file, then close"),
    pytest.param(one("GET", TINY, version="HTTP/1.0") + GET, [200], id="HTTP/1.0"),
    pytest.param(one("GET", LARGE, version="HTTP/1.0"), [200], id="HTTP/1.0, a large file"),
    pytest.param(
        one("GET", TINY, ("Connection", "keep-alive"), version="HTTP/1.0") * 2, [200, 200], id="HTTP/1.0, keep-alive"
    ),
    pytest.param(one("GET", "http://cdn.example.com" + TINY) + GET, [200, 200], id="absolute-form"),
    pytest.param(one("GET", "http://cdn.example.com"), [302], id="absolute-form without a path"),
    pytest.param(one("OPTIONS", "http://cdn.example.com"), [204], id="absolute-form of OPTIONS without a path"),
    pytest.param(one("OPTIONS", "http://cdn.example.com?a"), [204], id="absolute-form of OPTIONS with a query alone"),
    pytest.param(one("GET", "http://a:99999" + TINY), [400], id="absolute-form with an impossible port"),
    pytest.param(one("GET", "http://a:b" + TINY), [400], id="absolute-form with a port that is none"),
    pytest.param(one("GET", "http://[::1" + TINY), [400], id="absolute-form with half an address"),
    pytest.param(one("GET", "http://" + TINY), [400], id="absolute-form without a host"),
    pytest.param(one("FOO", TINY), [405], id="an unknown method"),
    pytest.param(one("get", TINY), [405], id="a method in lower case"),
    pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(32), [400], id="a TLS handshake"),
    pytest.param(b"\x00" + GET, [400], id="NUL"),
    pytest.param(one("GET", "/any/\x80"), [400], id="an octet beyond ASCII in the target"),
    pytest.param(one("GET", TINY, version="HTTP/2.0") + GET, [505], id="HTTP/2.0"),
    pytest.param(one("GET", TINY, version="HTTP/0.9"), [505], id="HTTP/0.9"),
    pytest.param(one("GET", TINY, version="HTTP/1.2") * 2, [200, 200], id="HTTP/1.2"),
    pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", [400], id="the preface of HTTP/2"),
    pytest.param(one("GET", TINY, ("X", "x" * 70_000)), [431], id="a head that is too large"),
    pytest.param(one("GET", TINY + "?" + "x" * 70_000), [431], id="a target that is too large"),
    pytest.param(sized("POST", b"abc") + GET, [405, 200], id="POST with a length"),
    pytest.param(sized("GET", SMUGGLED) + GET, [200, 200], id="GET with a request in its body"),
    pytest.param(sized("POST", SMUGGLED) + GET, [405, 200], id="POST with a request in its body"),
    pytest.param(GET + sized("POST", SMUGGLED) + GET, [200, 405, 200], id="the same, between two others"),
    pytest.param(sized("POST", b"") + GET, [405, 200], id="a length of zero"),
    pytest.param(sized("GET", b"") + GET, [200, 200], id="GET with a length of zero"),
    pytest.param(one("POST", TINY) + GET, [405, 200], id="POST without a body"),
    pytest.param(coded("GET", chunked()) + GET, [200, 200], id="chunks of nothing"),
    pytest.param(coded("POST", chunked()) + GET, [405, 200], id="POST, chunks of nothing"),
    pytest.param(coded("POST", chunked(SMUGGLED, GET)) + GET, [405, 200], id="chunks with a request in them"),
    pytest.param(coded("GET", chunked(GET)) + GET, [200, 200], id="GET with chunks"),
    pytest.param(
        coded("GET", chunked(b"x", trailer=b"If-None-Match: *\r\nHost: b\r\nRange: bytes=0-0\r\n")) + GET,
        [200, 200],
        id="trailer fields have no say (RFC 9110 §6.5.1)",
    ),
    pytest.param(one("GET", TINY, ("Expect", "100-continue")) + GET, [200, 200], id="Expect without a body"),
    pytest.param(
        sized("POST", SMUGGLED, ("Expect", "100-continue")) + GET, [405, 200], id="Expect, and the body comes anyway"
    ),
    pytest.param(
        one("GET", TINY, *UPGRADE) + GET + one("GET", LARGE),
        [200, 200, 200],
        id="an upgrade, and requests behind it",
    ),
    # What follows these may be content or a tunnel's octets, never a request of ours.
    pytest.param(sized("GET", SMUGGLED, *UPGRADE) + GET, [200], id="an upgrade with a request in its body"),
    pytest.param(GET + sized("POST", SMUGGLED, *UPGRADE) + GET, [200, 405], id="POST, an upgrade and a request"),
    pytest.param(coded("POST", chunked(GET), *UPGRADE) + GET, [405], id="an upgrade with a request in chunks"),
    pytest.param(coded("POST", SMUGGLED, *UPGRADE), [405], id="an upgrade with a request instead of chunks"),
    pytest.param(one("CONNECT", "cdn.example.com:443") + GET, [405], id="CONNECT"),
    pytest.param(one("CONNECT", TINY) + GET, [405], id="CONNECT with a path"),
    pytest.param(b"\r\n\r\n\r\n" + GET + b"\r\n" + GET + b"\r\n", [200, 200], id="empty lines before requests"),
    pytest.param(GET.replace(b"\r\n", b"\n"), [400], id="bare line feeds"),
    pytest.param(GET[:-2] + b"\n" + GET, [400], id="a bare line feed at the end of the head"),
    pytest.param(one("GET", TINY, ("X", "a\r\n b")) + GET, [400], id="a folded line"),
    pytest.param(one("GET", TINY, ("X", "a\rY: b")), [400], id="a bare carriage return"),
    pytest.param(one("GET", TINY, ("X ", "a")), [400], id="white space before the colon"),
    pytest.param(sized("POST", b"x", ("Content-Length", "1")) + GET, [400], id="two equal lengths"),
    pytest.param(sized("POST", b"x", ("Content-Length", "2")) + GET, [400], id="two lengths"),
    pytest.param(one("POST", TINY, ("Content-Length", "+1"), body=b"x") + GET, [400], id="a length with a sign"),
    pytest.param(coded("POST", chunked(), ("Content-Length", "5")) + GET, [400], id="a length and chunks"),
    pytest.param(sized("POST", chunked(), ("Transfer-Encoding", "chunked")) + GET, [400], id="chunks behind a length"),
    pytest.param(
        one("POST", TINY, ("Transfer-Encoding", "chunked, gzip"), body=chunked()), [400], id="chunked, but not last"
    ),
    pytest.param(one("GET", TINY, ("Transfer-Encoding", "gzip")) + GET, [400], id="a body whose end can't be told"),
    pytest.param(
        one("GET", TINY, ("Transfer-Encoding", "gzip, Chunked"), body=chunked()) + GET, [200, 200], id="chunked last"
    ),
]


@pytest.mark.parametrize(("octets", "expected"), REQUESTS)
def test_both_lanes_say_the_same(lanes: dict[str, Served], octets: bytes, expected: list[int]) -> None:
    fast, asgi = (transcript(lanes[name], octets) for name in ("fast", "asgi"))
    assert fast == asgi
    assert expected == statuses(fast)
    assert fast.count(b"\r\ndate: *\r\n") == len(responses(fast))


@pytest.mark.parametrize(("octets", "expected"), REQUESTS)
def test_an_answer_that_is_remembered_is_the_same(lanes: dict[str, Served], octets: bytes, expected: list[int]) -> None:
    """Between two answers to another request, so that both ways to an answer are taken."""
    first, other, second = (transcript(lanes["fast"], asked) for asked in (octets, GET, octets))
    assert first == second
    assert other != b""


@pytest.mark.parametrize("target", [TINY, LARGE, ABSENT, "/any/app.js", "/partners/tiny.txt"])
@pytest.mark.parametrize("fields", [[], [("Accept-Encoding", "gzip")], [("Range", "bytes=0-1")]])
def test_head_is_a_head_in_both_lanes(lanes: dict[str, Served], target: str, fields: list[tuple[str, str]]) -> None:
    asked = message("HEAD", target, fields) + message("GET", target, fields)
    fast, asgi = (transcript(lanes[name], asked) for name in ("fast", "asgi"))
    assert fast == asgi
    assert len(statuses(fast, ["HEAD"])) == 2


@pytest.mark.parametrize("closing", ["close", "Close", "keep-alive, close"])
def test_the_end_is_announced(served: Served, closing: str) -> None:
    """RFC 9112 §9.6: the last response says `close`, and the server closes without waiting for the client."""
    with served.connect() as connection:
        response = connection.exchange(message("GET", TINY, [("Connection", closing)]))
        assert response["connection"] == "close"
        assert connection.drain() == b""


def test_no_interim_response_is_sent(served: Served) -> None:
    """RFC 9110 §10.1.1: a server that knows its answer without the content sends it instead of 100."""
    head = message("POST", TINY, [("Expect", "100-continue"), ("Content-Length", "3")])
    with served.connect() as connection:
        assert connection.exchange(head).status == 405
        connection.send(b"abc")
        assert tree.TINY == connection.exchange(GET).body


def test_a_body_that_goes_wrong_gets_no_second_answer(served: Served) -> None:
    with served.connect() as connection:
        assert connection.exchange(coded("POST", b"3\r\nabc\r\n")).status == 405
        connection.send(b"no size\r\n" + GET)
        assert connection.drain() == b""


def test_thousands_of_upgrades_in_one_segment(served: Served) -> None:
    upgrade = message("GET", "/any/empty.css", UPGRADE)
    assert [200] * 1200 == statuses(transcript(served, upgrade * 1200))


def test_an_endless_field_is_refused(served: Served) -> None:
    """On a fresh connection, and on one that has been left to the ASGI application."""
    for before, answers in ((b"", []), (sized("POST", b"abc"), [405])):
        with served.connect() as connection:
            connection.send(before)
            assert answers == [connection.receive().status for _ in answers]
            connection.send(GET[:-2] + b"X: " + b"x" * 40_000)
            connection.send(b"x" * 30_000)
            connection.send(b"x" * 70_000)
            assert connection.receive().status == 431
