"""Messages (RFC 9110 §5.2, §5.5): what a field's lines come to."""

from __future__ import annotations

import pytest

from cdnserve.origin.message import Reply, Request


@pytest.mark.parametrize(
    ("lines", "values", "value"),
    [
        pytest.param([], [], None, id="absent"),
        pytest.param([b""], [""], "", id="empty, which is not absent"),
        pytest.param([b"x"], ["x"], "x", id="one line"),
        pytest.param([b" \tx y\t "], ["x y"], "x y", id="§5.5: white space around is no part of a value"),
        pytest.param([b"x", b"y", b"x"], ["x", "y", "x"], "x, y, x", id="§5.3: lines make one list, in order"),
        pytest.param([b"x", b""], ["x", ""], "x, ", id="a line and an empty one"),
        pytest.param([b"\xff\x00"], ["\xff\x00"], "\xff\x00", id="any octet"),
        pytest.param([b"\x0bx\xa0"], ["\x0bx\xa0"], "\x0bx\xa0", id="only SP and HTAB are white space"),
    ],
)
def test_the_lines_of_a_field(lines: list[bytes], values: list[str], value: str | None) -> None:
    fields = ((b"other", b"z"), *((b"name", line) for line in lines), (b"name2", b"z"))
    request = Request("GET", b"/", fields)
    assert (values, value) == (request.values(b"name"), request.value(b"name"))


def test_a_header_is_found_by_its_name() -> None:
    reply = Reply(200, ((b"a", b"1"), (b"b", b"2")))
    assert [b"1", b"2", None] == [reply.header(name) for name in (b"a", b"b", b"c")]
