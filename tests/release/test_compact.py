"""Compaction: a blob goes only where a coding of it lies there that is found to decode to it."""

from __future__ import annotations

import errno
import os
from hashlib import sha256
from pathlib import Path

import brotli
import pytest

from cdnserve.release.blobs import (
    LARGEST_CODED,
    Blobs,
    blob_file,
    blob_path,
    is_right,
    read_blob,
    read_coded,
    take_stock,
)
from cdnserve.release.compact import compact
from cdnserve.release.scan import signature

MAP = b'{"version":3,"mappings":"AAAA"}' * 40


def put(state: Path, content: bytes) -> str:
    """Store octets, and return the name of their blob."""
    name = sha256(content).hexdigest()
    (state / "drafts").mkdir(exist_ok=True)
    with Blobs(str(state)) as blobs:
        blobs.put(name, content)
    return name


@pytest.fixture
def pair(tmp_path: Path) -> dict[str, str]:
    """A blob, with the name of its coding."""
    return {put(tmp_path, MAP): put(tmp_path, brotli.compress(MAP))}


def files(state: Path) -> set[str]:
    return {path.name for path in (state / "blobs").glob("*/*")}


def test_the_coding_is_what_is_left(tmp_path: Path, pair: dict[str, str]) -> None:
    """One file under two names; whoever reads the blob gets its octets."""
    ((name, coding),) = pair.items()
    changed = compact(str(tmp_path), pair)
    assert {coding, f"{name}.br"} == files(tmp_path)
    left = os.stat(blob_path(str(tmp_path), coding))
    assert os.path.samefile(blob_path(str(tmp_path), coding), blob_file(str(tmp_path), name))
    assert {name: signature(left), coding: signature(left)} == changed
    assert MAP == read_blob(str(tmp_path), name) == read_coded(str(tmp_path), name)
    assert is_right(str(tmp_path), name)


def test_stock_has_it_under_its_name(tmp_path: Path, pair: dict[str, str]) -> None:
    ((name, coding),) = pair.items()
    changed = compact(str(tmp_path), pair)
    stock = take_stock(str(tmp_path))
    assert ({name}, changed) == (stock.coded, stock.signatures())
    assert {name, coding} == set(stock.names)


def test_what_is_there_is_not_stored_again(tmp_path: Path, pair: dict[str, str]) -> None:
    compact(str(tmp_path), pair)
    before = files(tmp_path)
    put(tmp_path, MAP)
    assert before == files(tmp_path)


def test_again_changes_nothing(tmp_path: Path, pair: dict[str, str]) -> None:
    compact(str(tmp_path), pair)
    before = take_stock(str(tmp_path))
    assert {} == compact(str(tmp_path), pair)
    assert before == take_stock(str(tmp_path))


def test_where_both_are_there_the_blob_itself_is_read(tmp_path: Path, pair: dict[str, str]) -> None:
    """As after a kill between the two; the next compaction ends the work, whatever the other file is."""
    ((name, coding),) = pair.items()
    Path(f"{blob_path(str(tmp_path), name)}.br").write_bytes(b"anything")
    assert (MAP, blob_path(str(tmp_path), name)) == (read_blob(str(tmp_path), name), blob_file(str(tmp_path), name))
    assert set() == take_stock(str(tmp_path)).coded
    compact(str(tmp_path), pair)
    assert ({coding, f"{name}.br"}, MAP) == (files(tmp_path), read_blob(str(tmp_path), name))


@pytest.mark.parametrize(
    "coded",
    [
        pytest.param(brotli.compress(MAP + b" "), id="that of something else"),
        pytest.param(brotli.compress(MAP)[:-1], id="half of it"),
        pytest.param(MAP[:-1], id="no coding"),
    ],
)
def test_a_blob_stays_unless_the_coding_decodes_to_it(tmp_path: Path, coded: bytes) -> None:
    name = put(tmp_path, MAP)
    assert {} == compact(str(tmp_path), {name: put(tmp_path, coded)})
    assert MAP == Path(blob_path(str(tmp_path), name)).read_bytes()


def test_a_blob_stays_where_its_coding_is_gone(tmp_path: Path) -> None:
    name = put(tmp_path, MAP)
    assert {} == compact(str(tmp_path), {name: "ab" * 32})
    assert {name} == files(tmp_path)


def test_a_blob_stays_where_there_are_no_hard_links(
    tmp_path: Path, pair: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    before = files(tmp_path)
    monkeypatch.setattr(os, "link", refuse)
    assert {} == compact(str(tmp_path), pair)
    assert before == files(tmp_path)


def test_a_blob_stays_if_the_coding_is_written_meanwhile(
    tmp_path: Path, pair: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ((name, coding),) = pair.items()

    def touched(state: str, which: str) -> bytes:
        octets = read_coded(state, which)
        os.utime(blob_path(state, coding))
        return octets

    monkeypatch.setattr("cdnserve.release.compact.read_coded", touched)
    assert {} == compact(str(tmp_path), pair)
    assert MAP == Path(blob_path(str(tmp_path), name)).read_bytes()


@pytest.mark.parametrize("size", [LARGEST_CODED + 1, 1 << 30], ids=["too large", "a bomb"])
def test_nothing_decodes_to_more_than_the_largest(tmp_path: Path, size: int) -> None:
    """Whatever its name says; it is not even decoded to its end."""
    compressor, digest = brotli.Compressor(quality=1), sha256()
    piece = bytes(1 << 20)
    coded = b""
    for left in range(size, 0, -len(piece)):
        coded += compressor.process(piece[:left])
        digest.update(piece[:left])
    name = digest.hexdigest()
    path = Path(f"{blob_path(str(tmp_path), name)}.br")
    path.parent.mkdir(parents=True)
    path.write_bytes(coded + compressor.finish())
    with pytest.raises(OSError, match="damaged"):
        read_coded(str(tmp_path), name)
    assert not is_right(str(tmp_path), name)
