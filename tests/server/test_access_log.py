"""The access log: one line an exchange, whatever a client sent; whole lines in pieces that pipes keep together."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdnserve.server.access_log import AccessFormat, AccessLog, LoggedExchange

_COMBINED = re.compile(
    r'(\S+) - - \[[0-3][0-9]/[A-Z][a-z]{2}/[0-9]{4}:[0-9:]{8} \+0000\] "([^"]*)" ([0-9]+) ([0-9]+) "([^"]*)" "([^"]*)"'
)
FORMATS: list[AccessFormat] = ["combined", "json"]


def written(form: AccessFormat, *exchanges: LoggedExchange) -> list[str]:
    """Return the lines of some exchanges."""
    pieces: list[bytes] = []
    log = AccessLog(form, pieces.append)
    for exchange in exchanges:
        log.record(exchange)
    log.flush()
    assert all(piece.endswith(b"\n") for piece in pieces)
    return b"".join(pieces).decode("ascii").split("\n")[:-1]


@pytest.mark.parametrize(
    ("exchange", "expected"),
    [
        pytest.param(
            LoggedExchange("::1", "GET /a?b HTTP/1.1", 206, 7, "https://a.example/", "me (x)"),
            ("::1", "GET /a?b HTTP/1.1", "206", "7", "https://a.example/", "me (x)"),
            id="everything",
        ),
        pytest.param(LoggedExchange("", "", 400, 0), ("-", "-", "400", "0", "-", "-"), id="nothing"),
        pytest.param(
            LoggedExchange("a", 'G"\\\r\n\t\x00\x7f\xe9', 400, 0, "\x1b[2J", "\x9b"),
            ("a", r"G\x22\x5c\x0d\x0a\x09\x00\x7f\xe9", "400", "0", r"\x1b[2J", r"\x9b"),
            id="what a terminal would obey",
        ),
    ],
)
def test_combined_lines(exchange: LoggedExchange, expected: tuple[str, ...]) -> None:
    (line,) = written("combined", exchange)
    match = _COMBINED.fullmatch(line)
    assert match is not None
    assert expected == match.groups()


def test_json_lines() -> None:
    (line,) = written("json", LoggedExchange("::1", 'GET /" HTTP/1.1', 200, 7, "\x1b", "\xe9"))
    found = json.loads(line)
    assert re.fullmatch(r"[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-9:]{8}Z", found.pop("time"))
    assert found == {
        "client": "::1",
        "request": 'GET /" HTTP/1.1',
        "status": 200,
        "octets": 7,
        "referer": "\x1b",
        "user_agent": "\xe9",
    }


def test_what_was_broken_off_is_marked() -> None:
    broken_off = LoggedExchange("::1", "GET / HTTP/1.1", 200, 7, cut=True)
    (line,), (members,) = written("combined", broken_off), written("json", broken_off)
    assert line.endswith('"GET / HTTP/1.1" 200 7 "-" "-" cut')
    assert (7, True) == (json.loads(members)["octets"], json.loads(members)["cut"])


@pytest.mark.parametrize("form", FORMATS)
@given(texts=st.tuples(*[st.text(st.characters(max_codepoint=255))] * 3))
def test_no_control_character_gets_through(form: AccessFormat, texts: tuple[str, str, str]) -> None:
    request_line, referer, agent = texts
    (line,) = written(form, LoggedExchange("::1", request_line, 200, 0, referer, agent))
    assert line.isprintable()


@pytest.mark.parametrize("form", FORMATS)
@given(lengths=st.lists(st.integers(0, 3000), max_size=20))
def test_pieces_are_whole_lines_that_pipes_take_at_once(form: AccessFormat, lengths: list[int]) -> None:
    pieces: list[bytes] = []
    log = AccessLog(form, pieces.append)
    for length in lengths:
        log.record(LoggedExchange("::1", "x" * length, 200, 0))
    log.flush()
    assert all(piece.endswith(b"\n") and len(piece) <= 4096 for piece in pieces)
    assert sum(piece.count(b"\n") for piece in pieces) == len(lengths)


def test_a_line_that_is_longer_than_a_piece_is_written_all_the_same() -> None:
    short, long = LoggedExchange("::1", "a", 200, 0), LoggedExchange("::1", "x" * 9000, 200, 0)
    assert [1, 9000, 1] == [len(line.split('"')[1]) for line in written("combined", short, long, short)]


def test_a_beat_writes_what_waits_and_no_more() -> None:
    pieces: list[bytes] = []
    log = AccessLog("combined", pieces.append)
    log.beat()
    assert [] == pieces
    log.record(LoggedExchange("::1", "a", 200, 0))
    assert [] == pieces
    log.beat()
    log.beat()
    assert len(pieces) == 1


def test_lines_that_nobody_takes_are_lost_and_nothing_else() -> None:
    def refuse(_: bytes) -> None:
        raise BrokenPipeError

    log = AccessLog("combined", refuse)
    log.record(LoggedExchange("::1", "GET /a HTTP/1.1", 200, 7))
    log.beat()
    log.record(LoggedExchange("::1", "GET /b HTTP/1.1", 200, 7))
    log.flush()
