"""Messages and connections (RFC 9112 §6, §9): framing, keep-alive, pipelining, HTTP/1.0, bodies that nobody wants."""

from __future__ import annotations

import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime

import pytest

from cdnserve.server.settings import MOST_FIELDS
from tests.contract import site as sites
from tests.contract.edges import Edge
from tests.contract.invariants import violations
from tests.contract.scenes import EVERY_SCENE, SCENES, Scene
from tests.contract.wire import message

PATH = "/any/1.0.0/app.js"


@EVERY_SCENE
def test_nothing_follows_a_response(edge: Edge, scene: Scene) -> None:
    """RFC 9112 §6.3: HEAD, 204 and 304 have no content; every other has as much as it says."""
    with edge.connect() as connection:
        response = connection.exchange(scene.request("any/1.0.0", ("Connection", "close")), scene.method)
        assert scene.status == response.status
        assert connection.drain() == b""


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "GET", "HEAD", "OPTIONS"])
@pytest.mark.parametrize("size", [1, 5_000, 300_000])
@pytest.mark.parametrize("chunked", [False, True], ids=["by length", "chunked"])
def test_a_body_is_never_taken_for_a_request(edge: Edge, method: str, size: int, chunked: bool) -> None:
    """RFC 9112 §9.3: read to its end or the connection closed; a body full of requests is the sharpest case."""
    body = (message("GET", "/any/1.0.0/tiny.txt") * (size // 50 + 1))[:size]
    if chunked:
        request = message(
            method, PATH, [("Transfer-Encoding", "chunked")], body=b"%x\r\n%s\r\n0\r\n\r\n" % (size, body)
        )
    else:
        request = message(method, PATH, [("Content-Length", str(size))], body=body)
    with edge.connect() as connection:
        response = connection.exchange(request, method)
        assert {"GET": 200, "HEAD": 200, "OPTIONS": 204}.get(method, 405) == response.status
        if connection.open:
            assert sites.APP == connection.exchange(message("GET", PATH)).body


@pytest.mark.parametrize("body", [b"", b"abcde"], ids=["before its body", "with its body"])
def test_an_expectation_that_is_not_met(edge: Edge, body: bytes) -> None:
    """RFC 9110 §10.1.1: a final status at once; if the connection stays, the body still belongs to that request."""
    request = message("POST", PATH, [("Content-Length", "5"), ("Expect", "100-continue")], body=body)
    with edge.connect() as connection:
        assert connection.exchange(request, "POST").status == 405
        if connection.open:
            connection.send(b"abcde"[len(body) :])
            assert sites.APP == connection.exchange(message("GET", PATH)).body


def test_empty_lines_before_a_request_are_skipped(edge: Edge) -> None:
    """RFC 9112 §2.2: at least one."""
    with edge.connect() as connection:
        for empty in (b"", b"\r\n", b"\r\n\r\n"):
            assert sites.APP == connection.exchange(empty + message("GET", PATH)).body
        connection.send((message("GET", PATH) + b"\r\n") * 3)
        for _ in range(3):
            assert sites.APP == connection.receive().body


LENIENT = [
    pytest.param(b"GET /any/1.0.0/app.js HTTP/1.1\nHost: a\n\n", id="bare line feeds (RFC 9112 §2.2: MAY)"),
    pytest.param(b"GET  /any/1.0.0/app.js  HTTP/1.1\r\nHost: a\r\n\r\n", id="two spaces (RFC 9112 §3: MAY)"),
    pytest.param(
        b"GET /any/1.0.0/app.js HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n", id="a folded line (RFC 9112 §5.2)"
    ),
    pytest.param(b"GET /any/1.0.0/app.js HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n", id="a folded Host"),
    pytest.param(b"GET /any/1.0.0/app.js HTTP/1.2\r\nHost: a\r\n\r\n", id="HTTP/1.2"),
    pytest.param(b"GET /any/1.0.0/app.js HTTP/3.0\r\nHost: a\r\n\r\n", id="HTTP/3.0"),
    pytest.param(b"GET /any/1.0.0/app.js http/1.1\r\nHost: a\r\n\r\n", id="a version in lower case"),
    pytest.param(b"GET /any/1.0.0/app.js HTTP/1.1 x\r\nHost: a\r\n\r\n", id="a word after the version"),
]


@pytest.mark.parametrize("request_octets", LENIENT)
def test_what_may_be_read_is_read_right_or_refused(edge: Edge, request_octets: bytes) -> None:
    with edge.connect() as connection:
        response = connection.exchange(request_octets)
        assert response.status in (200, 400, 505)
        assert violations(response, "GET") == []


@pytest.mark.parametrize("scene", [pytest.param(scene, id=scene.story) for scene in SCENES if scene.fields])
@pytest.mark.parametrize("change", [str.upper, str.lower, str.swapcase], ids=["upper", "lower", "swapped"])
def test_field_names_have_no_case(edge: Edge, scene: Scene, change: Callable[[str], str]) -> None:
    """RFC 9110 §5.1; and the order of lines of different names says nothing (§5.3)."""
    usual = scene.play(edge, "partners", ("Origin", sites.ORIGIN))
    fields = tuple((change(str(name)), value) for name, value in scene.fields)
    lines = ((change("Origin"), sites.ORIGIN), *fields, (change("Host"), scene.host))
    request = message(scene.method, f"/partners/{scene.name}", lines, host=None)
    assert usual.comparable() == edge.exchange(request, scene.method).comparable()


def test_the_date_is_todays(edge: Edge) -> None:
    """RFC 9110 §6.6.1: the best available approximation of when the message was made."""
    date = parsedate_to_datetime(edge.get(PATH)["date"]).timestamp()
    assert abs(time.time() - date) < 120


BAD_FRAMING = [
    pytest.param(b"GET /any/1.0.0/app.js\r\n\r\n", id="HTTP/0.9"),
    pytest.param(b"GET /any/1.0.0/app.js\n\r\n", id="HTTP/0.9 with a bare line feed"),
    pytest.param(b"GET /any/1.0.0/app.js\n\r\nfoo bar\r\n\r\n", id="HTTP/0.9 and what is no field"),
    pytest.param(b"GET /any/1.0.0/app.js\nHost: a\r\n\r\n", id="HTTP/0.9 with a field"),
    pytest.param(b"\n\nGET /any/1.0.0/app.js\n\r\n", id="HTTP/0.9 behind empty lines"),
    pytest.param(b"GET /any/1.0.0/app.js HTTP/0.9\r\nHost: a\r\n\r\n", id="HTTP/0.9 by name"),
    pytest.param(b"FOO /any/1.0.0/app.js\n\r\n", id="HTTP/0.9 with a method that nobody knows"),
    pytest.param(
        b"GET /any/1.0.0/app.js HTTP/1.1\r\nHost : a\r\n\r\n", id="white space before the colon (RFC 9112 §5.1)"
    ),
    pytest.param(b"GET /any/1.0.0/app.js HTTP/1.1\r\nHost: a\r\nBad Name: b\r\n\r\n", id="white space in a name"),
    pytest.param(b"GET /any/1.0.0/app.js HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n", id="no name"),
    pytest.param(b"GET /any/1.0.0/app.js HTTP/1.1\r\nHost: a\r\nX: a\x00b\r\n\r\n", id="NUL in a value"),
    pytest.param(b"GET /any/1.0.0/app.js HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n", id="a carriage return in a value"),
    pytest.param(b"GET /any/1.0.0/app.js HTTP/1.1\r\nHost: a\r\nX\x02: a\r\n\r\n", id="a control character in a name"),
    pytest.param(
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        id="a length and chunked (RFC 9112 §6.1)",
    ),
    pytest.param(
        b"POST /any/1.0.0/app.js HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        id="two lengths",
    ),
    pytest.param(
        b"POST /any/1.0.0/app.js HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\nabc", id="a length with a sign"
    ),
    pytest.param(
        b"POST /any/1.0.0/app.js HTTP/1.1\r\nHost: a\r\nContent-Length: -3\r\n\r\nabc", id="a negative length"
    ),
    pytest.param(
        b"POST /any/1.0.0/app.js HTTP/1.1\r\nHost: a\r\nContent-Length: 0x3\r\n\r\nabc", id="a hexadecimal length"
    ),
    pytest.param(
        b"POST /any/1.0.0/app.js HTTP/1.1\r\nHost: a\r\nContent-Length: " + b"9" * 40 + b"\r\n\r\nabc",
        id="an absurd length",
    ),
    pytest.param(
        b"POST /any/1.0.0/app.js HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        id="chunked in HTTP/1.0 (RFC 9112 §6.1)",
    ),
    pytest.param(
        b"GET /any/1.0.0/app.js HTTP/1.0\r\nTransfer-Encoding: gzip, chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
        id="another coding, and chunked, in HTTP/1.0",
    ),
    pytest.param(b"GET /any/1.0.0/app.js RTSP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n", id="RTSP"),
    pytest.param(b"OPTIONS /any/1.0.0/app.js RTSP/1.1\r\nHost: a\r\n\r\n", id="RTSP/1.1"),
    pytest.param(b"SOURCE /any/1.0.0/app.js ICE/1.0\r\nHost: a\r\n\r\n", id="Icecast"),
    pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", id="TLS"),
    pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", id="HTTP/2"),
    pytest.param(b"\x00\x01\x02\x03\r\n\r\n", id="octets"),
    pytest.param(b"hello\r\n\r\n", id="a word"),
]


@pytest.mark.parametrize("request_octets", BAD_FRAMING)
def test_what_is_no_http_is_refused(edge: Edge, request_octets: bytes) -> None:
    """RFC 9112 §2.2, RFC 9110 §15.6.6: an answer as good as any other, and the end; never a second one."""
    with edge.connect() as connection:
        connection.send(request_octets + message("GET", PATH))
        connection.finish()
        response = connection.receive()
        assert response.status in (400, 505)
        assert violations(response, "GET") == []
        assert "close" in response.members("connection")
        assert connection.drain() == b""


def test_a_later_minor_version_is_answered_as_ours(edge: Edge) -> None:
    """RFC 9110 §2.5: as the highest one of that major version that we speak; a later major version is 505."""
    with edge.connect() as connection:
        for version in ("HTTP/1.2", "HTTP/1.9"):
            response = connection.exchange(message("GET", PATH, version=version))
            assert (200, sites.APP, None) == (response.status, response.body, response.get("connection"))
        assert connection.exchange(message("GET", PATH, host=None, version="HTTP/1.2")).status == 400
        assert connection.exchange(message("GET", PATH, version="HTTP/3.0")).status == 505


@pytest.mark.parametrize("line", [("X", ""), ("Accept", "*/*")], ids=["empty", "alike"])
def test_the_number_of_fields_has_a_limit(edge: Edge, line: tuple[str, str]) -> None:
    """RFC 6585 §5: the same number everywhere; Host is one of them."""
    assert edge.ask("GET", PATH, *[line] * (MOST_FIELDS - 1)).status == 200
    assert edge.ask("GET", PATH, *[line] * MOST_FIELDS).status == 431
    assert edge.ask("GET", PATH, *[line] * 1000).status == 431


BAD_CONTENT = [
    pytest.param(("Transfer-Encoding", "chunked"), b"zz\r\n", id="no size of a chunk"),
    pytest.param(("Transfer-Encoding", "chunked"), b"3\r\nabcde\r\n", id="a chunk longer than it says"),
    pytest.param(("Transfer-Encoding", "chunked"), b"1\r\na\r\n0\r\nX : y\r\n\r\n", id="a bad trailer"),
    pytest.param(("Transfer-Encoding", "chunked"), b"fffffffffffffffff\r\n", id="an absurd size"),
]


@pytest.mark.parametrize("method", ["POST", "GET", "FOO"])
@pytest.mark.parametrize(("field", "content"), BAD_CONTENT)
def test_bad_content_ends_the_connection_behind_its_answer(
    edge: Edge, method: str, field: tuple[str, str], content: bytes
) -> None:
    """RFC 9112 §7.1: where the next request begins can't be known."""
    request = message(method, PATH, [field], body=content)
    with edge.connect() as connection:
        connection.send(message("GET", "/any/1.0.0/big.woff2") + request + message("GET", PATH))
        assert sites.BIG == connection.receive().body
        last = connection.receive(method)
        assert (200 if method == "GET" else 405, "close") == (last.status, last.get("connection"))
        assert connection.drain() == b""


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    "trailer", [b"", b"X: y\r\n", b"Connection: close\r\n", b"Host: b\r\nProxy-Connection: close\r\n"]
)
def test_a_trailer_field_has_no_say(edge: Edge, method: str, trailer: bytes) -> None:
    """RFC 9110 §6.5.1: what says how a message is read does so in its head; and the next request gets its answer."""
    request = message(method, PATH, [("Transfer-Encoding", "chunked")], body=b"3\r\nabc\r\n0\r\n" + trailer + b"\r\n")
    with edge.connect() as connection:
        connection.send((request + message("GET", PATH)) * 2)
        for status in (200 if method == "GET" else 405, 200) * 2:
            response = connection.receive()
            assert (status, None) == (response.status, response.get("connection"))


@pytest.mark.parametrize("name", ["Expect", "Upgrade", "TE", "Max-Forwards", "Via", "X-Forwarded-Host", "Forwarded"])
@pytest.mark.parametrize("value", ["100-continue", "h2c", "trailers", "0", "host=evil.example", "x" * 2000])
def test_fields_that_are_not_for_us_change_nothing(edge: Edge, name: str, value: str) -> None:
    """RFC 9110 §10.1.1 allows 417 for an unknown expectation; we have no use for a body, so none for the field."""
    plain = edge.get(PATH)
    with edge.connect() as connection:
        assert plain.comparable() == connection.exchange(message("GET", PATH, [(name, value)])).comparable()


def test_an_upgrade_is_not_taken_up(edge: Edge) -> None:
    """RFC 9110 §7.8: a server MAY ignore it; then the connection goes on as it was."""
    fields = (("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"))
    upgrade = message("GET", PATH, (*fields, ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")))
    with edge.connect() as connection:
        connection.send(upgrade * 2 + message("GET", PATH, (("Connection", "Upgrade"), ("Upgrade", "h2c"))))
        for _ in range(3):
            assert sites.APP == connection.receive().body
        assert connection.exchange(message("GET", PATH)).status == 200
