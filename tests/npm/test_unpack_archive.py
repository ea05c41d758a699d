"""The members of a tar archive."""

from __future__ import annotations

import gzip
import io
import tarfile
import tracemalloc
import zlib
from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdnserve.decode import OversizeError
from cdnserve.npm.unpack import LARGEST_HEADER, Archive, CorruptError, DecodedReader, ForbiddenError, Member
from tests.npm.registry import archive, member

LONG = "package/" + "/".join("d" * 90 for _ in range(5)) + "/file.js"
FAILURES = (CorruptError, OversizeError, ForbiddenError)


def _open(data: bytes, *, most: int = 100, limit: int = 2**24) -> Archive:
    return Archive(DecodedReader(io.BytesIO(gzip.compress(data, 1)), "gzip", limit), most)


def _read(data: bytes, *, most: int = 100) -> list[tuple[Member, bytes]]:
    opened = _open(data, most=most)
    return [(found, b"".join(opened.content())) for found in opened]


def _pax(records: bytes, kind: bytes = tarfile.XHDTYPE, following: str = "package/a") -> bytes:
    """Write an extended header as it stands, and a file behind it."""
    return archive(member("header", records, type=kind), member(following, b"12345"))


@pytest.mark.parametrize(
    "style",
    [
        pytest.param(tarfile.USTAR_FORMAT, id="ustar"),
        pytest.param(tarfile.GNU_FORMAT, id="GNU"),
        pytest.param(tarfile.PAX_FORMAT, id="pax"),
    ],
)
def test_members_in_every_format(style: int) -> None:
    members = [member("package", type=tarfile.DIRTYPE), member("package/a", b"x" * 513, mtime=5), member("package/b")]
    expected = [
        (Member("package", True, 0, 0), b""),
        (Member("package/a", False, 513, 5), b"x" * 513),
        (Member("package/b", False, 0, 0), b""),
    ]
    assert expected == [
        (Member(m.name.rstrip("/"), m.is_folder, m.size, m.modified), data)
        for m, data in _read(archive(*members, style=style))
    ]


@pytest.mark.parametrize(
    "style", [pytest.param(tarfile.GNU_FORMAT, id="GNU long name"), pytest.param(tarfile.PAX_FORMAT, id="pax path")]
)
def test_long_and_foreign_names(style: int) -> None:
    members = [member(LONG, b"1"), member("package/ünï.js", b"2")]
    assert [(LONG, b"1"), ("package/ünï.js", b"2")] == [(m.name, d) for m, d in _read(archive(*members, style=style))]


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        pytest.param(b"18 path=package/b\n", Member("package/b", False, 5, 0), id="path"),
        pytest.param(b"9 size=5\n", Member("package/a", False, 5, 0), id="size"),
        pytest.param(b"13 mtime=1.5\n", Member("package/a", False, 5, 1), id="a fraction of a second"),
        pytest.param(b"12 mtime=-1\n", Member("package/a", False, 5, 0), id="before 1970"),
        pytest.param(b"15 mtime=1e300\n", Member("package/a", False, 5, 4102444800), id="after 2100"),
        pytest.param(b"11 mtime=x\n", Member("package/a", False, 5, 0), id="no time at all"),
        pytest.param(b"15 comment=a=b\n", Member("package/a", False, 5, 0), id="a record that says nothing to us"),
        pytest.param(b"", Member("package/a", False, 5, 0), id="no record"),
    ],
)
def test_extended_headers(records: bytes, expected: Member) -> None:
    assert [(expected, b"12345")] == _read(_pax(records))


def test_an_extended_header_is_for_one_member() -> None:
    data = archive(
        member("header", b"13 mtime=1.5\n", type=tarfile.XHDTYPE), member("package/a", b"1"), member("package/b", b"2")
    )
    assert [1, 0] == [found.modified for found, _ in _read(data)]


def test_a_global_comment_is_passed_over() -> None:
    """`git archive` writes the commit there."""
    data = _pax(b"15 comment=a=b\n", tarfile.XGLTYPE)
    assert [(Member("package/a", False, 5, 0), b"12345")] == _read(data)


@pytest.mark.parametrize(
    ("records", "kind"),
    [
        pytest.param(b"x path=a\n", tarfile.XHDTYPE, id="no length"),
        pytest.param(b" path=a\n", tarfile.XHDTYPE, id="an empty length"),
        pytest.param(b"+9 path=a\n", tarfile.XHDTYPE, id="a sign"),
        pytest.param(b"99 path=a\n", tarfile.XHDTYPE, id="a length beyond the header"),
        pytest.param(b"5 path=a\n", tarfile.XHDTYPE, id="a length that is too short"),
        pytest.param(b"0 path=a\n", tarfile.XHDTYPE, id="no length to speak of"),
        pytest.param(b"9 path=aa", tarfile.XHDTYPE, id="no line end"),
        pytest.param(b"8 patha\n", tarfile.XHDTYPE, id="no equals sign"),
        pytest.param(b"9" * 30 + b" a=b\n", tarfile.XHDTYPE, id="a length of thirty digits"),
        pytest.param(b"11 size=-5\n", tarfile.XHDTYPE, id="a negative size"),
        pytest.param(b"11 size=1_\n", tarfile.XHDTYPE, id="a size with an underscore"),
        pytest.param(b"14 size=99999\n", tarfile.XHDTYPE, id="a size with more than there is"),
    ],
)
def test_damaged_extended_headers(records: bytes, kind: bytes) -> None:
    with pytest.raises(CorruptError):
        _read(_pax(records, kind))


@pytest.mark.parametrize(
    ("records", "kind"),
    [
        pytest.param(b"18 path=package/b\n", tarfile.XGLTYPE, id="one name for all members"),
        pytest.param(b"9 size=5\n", tarfile.XGLTYPE, id="one size for all members"),
        pytest.param(b"22 GNU.sparse.major=1\n", tarfile.XHDTYPE, id="a sparse file"),
    ],
)
def test_forbidden_extended_headers(records: bytes, kind: bytes) -> None:
    with pytest.raises(ForbiddenError):
        _read(_pax(records, kind))


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        pytest.param(tarfile.SYMTYPE, "a symbolic link", id="a symbolic link"),
        pytest.param(tarfile.LNKTYPE, "a hard link", id="a hard link"),
        pytest.param(tarfile.CHRTYPE, "a device", id="a character device"),
        pytest.param(tarfile.BLKTYPE, "a device", id="a block device"),
        pytest.param(tarfile.FIFOTYPE, "a FIFO", id="a FIFO"),
        pytest.param(b"Z", "a member of unknown kind", id="a kind of its own"),
    ],
)
def test_members_that_are_no_files(kind: bytes, why: str) -> None:
    data = archive(member("package/x", type=kind, linkname="/etc/passwd"), member("package/a", b"12345"))
    assert [
        (Member("package/x", False, 0, 0, why), b""),
        (Member("package/a", False, 5, 0), b"12345"),
    ] == _read(data)


def test_a_link_that_leads_far_is_one_member() -> None:
    """GNU tar writes where it leads into a member of its own, pax into an extended header."""
    link = member("package/l", type=tarfile.SYMTYPE, linkname="x/" * 200)
    for style in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        found = _read(archive(link, member("package/a", b"1"), style=style))
        assert [("package/l", "a symbolic link"), ("package/a", "")] == [(m.name, m.forbidden) for m, _ in found]


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        pytest.param(tarfile.SYMTYPE, b"x", id="a link with content"),
        pytest.param(tarfile.LNKTYPE, b"x" * 513, id="a hard link with content"),
        pytest.param(b"Z", b"x", id="a kind of its own with content"),
        pytest.param(tarfile.GNUTYPE_SPARSE, b"", id="a sparse file"),
    ],
)
def test_members_behind_which_readers_go_on_in_different_places(kind: bytes, content: bytes) -> None:
    with pytest.raises(ForbiddenError) as raised:
        _read(archive(member("package/x", content, type=kind)))
    assert "package/x" == raised.value.value


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(archive(member("package/a", b"x" * 2000))[:1000], id="cut in the content"),
        pytest.param(archive(member("package/a", b"x" * 600))[:1200], id="cut in the padding"),
        pytest.param(archive(member("package/a", b"x"))[:300], id="cut in the header"),
        pytest.param(b"x" * 10240, id="no header at all"),
        pytest.param(
            archive(member("package/a"))[:512].replace(b"package", b"pocket.") + bytes(1024), id="a check sum"
        ),
        pytest.param(archive(member("package/a")) + b"x", id="something behind the end"),
        pytest.param(archive(member("a")) + archive(member("b")), id="another archive behind the end"),
        pytest.param(archive(member("package", b"x", type=tarfile.DIRTYPE)), id="a folder with content"),
    ],
)
def test_damaged_archives(data: bytes) -> None:
    with pytest.raises(CorruptError):
        _read(data)


def test_a_negative_size_is_refused() -> None:
    """A header may write its size as a negative binary number."""
    info, _ = member("package/a")
    block = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    block[124:136] = b"\xff" * 11 + b"\x00"
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    with pytest.raises(CorruptError):
        _read(bytes(block) + bytes(1024))


def test_no_end_is_the_end() -> None:
    assert ["package/a"] == [m.name for m, _ in _read(archive(member("package/a", b"x" * 512))[:1024])]


def test_nothing_is_an_empty_archive() -> None:
    assert [] == _read(b"")


def test_content_that_nobody_reads_is_passed_over() -> None:
    data = archive(member("package/a", b"x" * 5000), member("package/b", b"y"))
    assert ["package/a", "package/b"] == [found.name for found in _open(data)]


def test_the_number_of_members_is_limited() -> None:
    data = archive(*(member(f"package/{number}") for number in range(4)))
    assert 4 == len(_read(data, most=4))
    with pytest.raises(OversizeError, match="more than 3 members"):
        _read(data, most=3)


def test_extended_headers_count_as_members() -> None:
    data = b"".join(_pax(b"")[:1024] for _ in range(50))
    with pytest.raises(OversizeError):
        _read(data, most=10)


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(tarfile.XHDTYPE, id="an extended header"),
        pytest.param(tarfile.XGLTYPE, id="a global header"),
        pytest.param(tarfile.GNUTYPE_LONGNAME, id="a long name"),
    ],
)
def test_a_header_of_any_size_is_not_held_in_memory(kind: bytes) -> None:
    with pytest.raises(OversizeError):
        _read(archive(member("header", bytes(LARGEST_HEADER + 1), type=kind)))


NAMES = st.text(st.characters(min_codepoint=33, max_codepoint=0x2FF, exclude_characters="/"), min_size=1, max_size=20)


@given(st.dictionaries(NAMES, st.binary(max_size=1500), max_size=5), st.sampled_from([1, 2]))
def test_what_was_packed_is_read(files: dict[str, bytes], style: int) -> None:
    data = archive(*(member(f"p/{name}", content) for name, content in files.items()), style=style)
    assert files == {found.name[2:]: content for found, content in _read(data)}


@given(st.integers(0, 2047), st.binary(min_size=1, max_size=8))
def test_any_damage_is_read_or_refused(place: int, damage: bytes) -> None:
    data = bytearray(archive(member("package/a", b"x" * 100), member(LONG, b"y")))
    data[place : place + len(damage)] = damage
    try:
        found = _read(bytes(data))
    except FAILURES:
        return
    assert all(len(content) == whole.size for whole, content in found)


CONTENT = bytes(range(256)) * 1000
WHOLE = gzip.compress(CONTENT)


def _all(data: bytes, limit: int = 2**20) -> bytes:
    return DecodedReader(io.BytesIO(data), "gzip", limit).read(limit + 1)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(WHOLE, CONTENT, id="one member"),
        pytest.param(gzip.compress(b""), b"", id="nothing in it"),
        pytest.param(gzip.compress(b"a") + gzip.compress(b"") + gzip.compress(b"b"), b"ab", id="several members"),
        pytest.param(WHOLE + bytes(5), CONTENT, id="padding"),
        pytest.param(gzip.compress(b"a") + bytes(2**17) + gzip.compress(b"b"), b"ab", id="padding between members"),
        pytest.param(gzip.compress(b"a") + bytes(2**17), b"a", id="padding longer than a piece"),
    ],
)
def test_sound_data(data: bytes, expected: bytes) -> None:
    assert expected == _all(data)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"not gzip", id="something else"),
        pytest.param(zlib.compress(CONTENT), id="zlib's own format"),
        pytest.param(WHOLE[:-9], id="cut in the data"),
        pytest.param(WHOLE[:-1], id="cut in the trailer"),
        pytest.param(WHOLE[:5], id="cut in the header"),
        pytest.param(WHOLE[:-5] + b"\x00" + WHOLE[-4:], id="a wrong check value"),
        pytest.param(WHOLE + b"junk", id="junk behind it"),
    ],
)
def test_damaged_data(data: bytes) -> None:
    with pytest.raises(CorruptError):
        _all(data)


def test_the_limit_is_exact() -> None:
    assert CONTENT == _all(WHOLE, len(CONTENT))
    with pytest.raises(OversizeError, match="unpacks to more than"):
        _all(WHOLE, len(CONTENT) - 1)


def test_a_bomb_is_not_unpacked_into_memory() -> None:
    """A gibibyte of zeros, of which no more than a few pieces are ever held."""
    bomb = gzip.compress(bytes(2**20)) * 1024
    tracemalloc.start()
    try:
        reader = DecodedReader(io.BytesIO(bomb), "gzip", 64 * 2**20)
        with pytest.raises(OversizeError):
            deque(iter(lambda: reader.read(2**16), b""), maxlen=0)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


@given(st.binary(max_size=300), st.lists(st.integers(1, 100), min_size=1))
def test_pieces_of_any_size_make_the_whole(content: bytes, sizes: list[int]) -> None:
    reader = DecodedReader(io.BytesIO(gzip.compress(content)), "gzip", 1000)
    pieces = [reader.read(size) for size in sizes]
    assert content == b"".join(pieces) + reader.read(1000)
    assert b"" == reader.read(1)


@given(st.binary(max_size=200))
def test_any_data_is_read_or_refused(data: bytes) -> None:
    try:
        _all(data)
    except (CorruptError, OversizeError):
        return
    assert data.startswith(b"\x1f\x8b")
