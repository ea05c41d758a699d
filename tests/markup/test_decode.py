"""Decoding: the encoding that browsers choose, and octets that come back unchanged."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdnserve.errors import ConfigurationError
from cdnserve.markup.decode import CARRIED, decode


@pytest.mark.parametrize(
    ("data", "declared", "expected"),
    [
        pytest.param("é".encode(), "", ("é", "utf-8"), id="UTF-8 that nobody declares"),
        pytest.param(b"\xe9", "", ("é", "cp1252"), id="what is no UTF-8 is windows-1252"),
        pytest.param(b"\xe9", "iso-8859-2", ("é", "iso8859-2"), id="declared in the header"),
        pytest.param("é".encode(), "nonsense", ("é", "utf-8"), id="declared, but unknown"),
        pytest.param(b"<meta charset=latin1>\xe9", "", ("<meta charset=latin1>é", "cp1252"), id="declared in the page"),
        pytest.param(
            b"<meta charset=latin1>a", "utf-8", ("<meta charset=latin1>a", "utf-8"), id="the header is stronger"
        ),
        pytest.param(b"\xef\xbb\xbfa", "latin1", ("\ufeffa", "utf-8"), id="a byte order mark is the strongest"),
        pytest.param(b"\xff\xfea\0", "", ("\ufeffa", "utf-16-le"), id="UTF-16, little-endian"),
        pytest.param(b"\xfe\xff\0a", "", ("\ufeffa", "utf-16-be"), id="UTF-16, big-endian"),
        pytest.param(b"<meta charset=utf-16>", "", ("<meta charset=utf-16>", "utf-8"), id="UTF-16 in ASCII is a lie"),
        pytest.param(b"\x81", "windows-1252", ("\udc81", "cp1252"), id="an octet without a character"),
        pytest.param(b"\xff", "utf-8", ("\udcff", "utf-8"), id="an octet that is no UTF-8"),
        pytest.param(b"", "", ("", "utf-8"), id="nothing"),
    ],
)
def test_decode(data: bytes, declared: str, expected: tuple[str, str]) -> None:
    assert expected == decode(data, declared)


@given(
    st.one_of(st.binary(), st.text().map(lambda text: text.encode("utf-8", "replace"))),
    st.sampled_from(["", "utf-8", "latin1", "shift_jis", "gb18030", "euc-kr", "utf-16le", "x-user-defined", "koi8-r"]),
)
def test_what_is_decoded_encodes_back(data: bytes, declared: str) -> None:
    """Octet for octet, or the page is refused."""
    try:
        text, codec = decode(data, declared)
        came_back = text.encode(codec, CARRIED)
    except ConfigurationError as error:
        came_back, refused = data, [problem.reference for problem in error.problems]
    else:
        refused = []
    assert refused in ([], ["page-encoding"])
    assert data == came_back
