"""The index: whatever is wrong with it means that files are read again, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from zlib import crc32

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cdnserve.manifest.files import Governing
from cdnserve.release.state_files import make_index, read_index, write_index

GOVERNING = Governing(b"schema = 1\n", b"{\n}\n")
CATALOG = "releases/7.cat"
SIGNATURES = {"a.js": (1, 2, 3, 4), "b.js": (5, 6, 7, 8)}


@pytest.fixture
def state(tmp_path: Path) -> str:
    for name in ("drafts", "releases"):
        (tmp_path / name).mkdir()
    (tmp_path / CATALOG).write_bytes(b"catalog")
    return str(tmp_path)


def test_an_index_is_read_as_it_was_written(state: str) -> None:
    index = make_index(7, Path(state, CATALOG), GOVERNING, SIGNATURES, settled=True)
    write_index(state, index)
    assert index == read_index(state)
    assert SIGNATURES == index.signatures()
    assert crc32(b"catalog") == index.catalog


def test_no_index_is_none(state: str) -> None:
    assert read_index(state) is None


def test_an_index_with_any_octet_changed_is_none(state: str) -> None:
    write_index(state, make_index(7, Path(state, CATALOG), GOVERNING, SIGNATURES, settled=True))
    path = Path(state, "index")
    octets = path.read_bytes()
    for at in range(len(octets)):
        path.write_bytes(octets[:at] + bytes([octets[at] ^ 1]) + octets[at + 1 :])
        assert read_index(state) is None
        path.write_bytes(octets[:at])
        assert read_index(state) is None


def test_an_index_of_another_format_is_none(state: str) -> None:
    octets = json.dumps([999, "anything"]).encode() + b"\nxyz"
    Path(state, "index").write_bytes(crc32(octets).to_bytes(4) + octets)
    assert read_index(state) is None


@given(st.binary())
@example(bytes(4))
@example(b"[" * 10_000)
def test_anything_else_is_no_index(tmp_path_factory: pytest.TempPathFactory, octets: bytes) -> None:
    state = tmp_path_factory.mktemp("state")
    (state / "index").write_bytes(octets)
    assert read_index(str(state)) is None
