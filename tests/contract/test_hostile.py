"""Hostile input: thousands of entries, absurd numbers, junk: always an answer of the contract, never a failure."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contract import site as sites
from tests.contract.edges import Edge
from tests.contract.policies import expected, found
from tests.contract.wire import FramingError, message

NAMES = (
    "Accept-Encoding",
    "Origin",
    "Range",
    "If-Range",
    "If-Match",
    "If-None-Match",
    "If-Modified-Since",
    "If-Unmodified-Since",
    "Access-Control-Request-Method",
    "Access-Control-Request-Headers",
    "Access-Control-Request-Private-Network",
    "Accept",
    "Cookie",
    "X-Junk",
)

# What a field value may hold on the wire: visible ASCII, tabs, spaces and octets above (RFC 9110 §5.5).
_JUNK = st.binary(max_size=60).map(lambda octets: bytes(o for o in octets if o == 9 or 32 <= o != 127))
_GRAMMAR = st.text(st.sampled_from('"*,;=/-W bytesgziprdnt0123456789.GMT:\t\xff'), max_size=40).map(
    lambda t: t.encode("latin-1")
)
_NUMBER = st.integers(-(10**30), 10**30).map(lambda number: b"bytes=%d-" % number)
_VALUE = _JUNK | _GRAMMAR | _NUMBER

PROPERTY = settings(max_examples=250, deadline=None)


@PROPERTY
@given(
    method=st.sampled_from(["GET", "HEAD", "OPTIONS", "POST"]),
    folder=st.sampled_from(sites.FOLDERS),
    name=st.sampled_from(["app.js", "tiny.txt", "empty.css", "absent.js"]),
    fields=st.lists(st.tuples(st.sampled_from(NAMES), _VALUE), max_size=8),
)
def test_junk_in_every_field_we_read(
    edge: Edge, method: str, folder: str, name: str, fields: list[tuple[str, bytes]]
) -> None:
    """The invariants hold, and but for refused preflights the CORS headers are those of the policy."""
    response = edge.ask(method, f"/{folder}/{name}", *fields)
    assert response.status != 400
    is_preflight = method == "OPTIONS" and any(key == "Access-Control-Request-Method" for key, _ in fields)
    if not is_preflight and not any(key == "Origin" for key, _ in fields):
        assert expected(folder, None, allowed=False) == found(response)


@PROPERTY
@given(
    path=st.binary(max_size=40).map(
        lambda octets: b"/any/" + bytes(o for o in octets if 33 <= o < 127 and o not in b"#?")
    )
)
def test_junk_in_the_path(edge: Edge, path: bytes) -> None:
    response = edge.get(path)
    assert response.status in (400, 404)
    assert response.get("etag") is None


@PROPERTY
@given(octets=st.binary(max_size=24))
def test_encoded_junk_in_the_path(edge: Edge, octets: bytes) -> None:
    """Any octets at all, once percent-encoded: 400 or 404, and 400 exactly where they are no text."""
    target = "/any/1.0.0/x" + "".join(f"%{octet:02x}" for octet in octets)
    try:
        text = octets.decode()
    except UnicodeDecodeError:
        assert edge.get(target).status == 400
        return
    control = any(ord(character) < 32 or ord(character) == 127 for character in text)
    assert edge.get(target).status == (400 if control else 404)


@PROPERTY
@given(host=st.binary(max_size=30).map(lambda octets: bytes(o for o in octets if o == 9 or 32 <= o != 127)))
def test_junk_in_host(edge: Edge, host: bytes) -> None:
    assert edge.ask("GET", "/any/1.0.0/app.js", host=host).status in (200, 400)


@settings(max_examples=120, deadline=None)
@given(octets=st.binary(min_size=1, max_size=200))
def test_octets_that_are_no_request(edge: Edge, octets: bytes) -> None:
    """No content for whatever this is, and the next client is served."""
    with edge.connect() as connection:
        connection.send(octets)
        connection.finish()
        assert sites.APP not in connection.drain()


LONG = [
    pytest.param("Accept-Encoding", "gzip," * 6_000 + "br", 200, id="six thousand codings"),
    pytest.param("Accept-Encoding", ",".join(f"x{n};q=0.{n % 1000:03}" for n in range(3_000)), 200, id="q-values"),
    pytest.param("If-None-Match", ",".join(f'"{n}"' for n in range(6_000)), 200, id="six thousand entity tags"),
    pytest.param("If-None-Match", '"' * 40_000, 200, id="forty thousand quotes"),
    pytest.param("If-None-Match", ", " * 20_000, 200, id="twenty thousand empty elements"),
    pytest.param("If-None-Match", 'W/"' + "x" * 50_000 + '"', 200, id="one long entity tag"),
    pytest.param("If-Match", ",".join(f'W/"{n}"' for n in range(6_000)), 412, id="six thousand weak entity tags"),
    pytest.param("If-Match", '"x" ' * 12_000, (400, 412), id="entity tags without commas"),
    pytest.param("If-Match", "W/" * 20_000, (400, 412), id="weak prefixes alone"),
    pytest.param("Range", "bytes=" + ",".join(f"{n}-{n + 1}" for n in range(6_000)), 200, id="six thousand ranges"),
    pytest.param("Range", "bytes=" + "9" * 50_000 + "-", 416, id="a number of fifty thousand digits"),
    pytest.param("Range", "bytes=0-" + "9" * 50_000, 206, id="an end of fifty thousand digits"),
    pytest.param("Range", "bytes=" + " " * 50_000 + "0-1", (200, 206), id="fifty thousand spaces"),
    pytest.param("If-Range", '"' + "x" * 50_000 + '"', 200, id="a long If-Range"),
    pytest.param("If-Modified-Since", "Thu, " + "0" * 50_000, 200, id="a long date"),
    pytest.param("If-Modified-Since", " " * 30_000 + "x" + " " * 20_000 + "y", 200, id="a date of spaces"),
    pytest.param("Origin", "https://" + "a." * 25_000 + "example.com", 200, id="an origin of many labels"),
    pytest.param("Origin", "https://" + "a" * 50_000, 200, id="an origin of one label"),
    pytest.param("Cookie", "a=b; " * 10_000, 200, id="a long cookie"),
]


@pytest.mark.parametrize(("name", "value", "status"), LONG)
@pytest.mark.parametrize("folder", ["any/1.0.0", "partners"])
def test_long_values(edge: Edge, folder: str, name: str, value: str, status: int | tuple[int, ...]) -> None:
    """Answered as short ones are, or refused as too large (RFC 6585 §5), which is the edge's to say."""
    with edge.connect() as connection:
        response = connection.exchange(message("GET", f"/{folder}/app.js", [(name, value)]))
    allowed = status if isinstance(status, tuple) else (status,)
    assert response.status in (*allowed, 431)
    if response.status != 431:
        assert expected(folder, None, allowed=False) == found(response)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", ["", "x", "*", '"x"', "bytes=0-1", "gzip"])
def test_three_hundred_lines_of_one_field(edge: Edge, name: str, value: str) -> None:
    with edge.connect() as connection:
        response = connection.exchange(message("GET", "/any/1.0.0/app.js", [(name, value)] * 300))
    assert response.status in (200, 206, 304, 400, 412, 431)


def test_three_thousand_fields(edge: Edge) -> None:
    with edge.connect() as connection:
        response = connection.exchange(message("GET", "/any/1.0.0/app.js", [(f"X-{n}", "y") for n in range(3_000)]))
    assert response.status in (200, 431)


def test_an_endless_head_is_not_waited_for(edge: Edge) -> None:
    """A head that never ends holds no other client up; the connection may be refused, answered or left waiting."""
    with edge.connect() as connection:
        try:
            for _ in range(64):
                connection.send(b"X-Long: " + b"x" * 16_384 + b"\r\n")
        except (ConnectionError, FramingError):
            pass
        assert edge.get("/any/1.0.0/app.js").status == 200


def test_every_scene_leaves_the_server_well(edge: Edge) -> None:
    """After all of the above, in whatever order: the log holds no traceback."""
    assert edge.get("/any/1.0.0/app.js").status == 200
    assert "Traceback" not in edge.log.read_text(errors="replace")
