"""Archives that somebody made to do harm, or that were damaged on the way: each refused, nothing placed."""

from __future__ import annotations

import gzip
import json
import tarfile
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from cdnserve.errors import ConfigurationError
from cdnserve.npm import bundle_import
from tests.npm.bundles.roots import SMALL, archive_of, imported, member

SHA = "0" * 64


def index(**files: dict[str, object]) -> bytes:
    return json.dumps({"schema": 1, "files": files}).encode()


GOOD = archive_of(SMALL)
STRANGE = SMALL | {"c/d.js": b"d"}


@pytest.mark.parametrize(
    ("archive", "expected"),
    [
        pytest.param(b"", "archive-foreign", id="nothing"),
        pytest.param(b"hello", "archive-corrupt", id="no archive"),
        pytest.param(bytes(1024), "archive-foreign", id="an archive of nothing"),
        pytest.param(member("x/a.js", b"x") + bytes(1024), "archive-foreign", id="no index"),
        pytest.param(archive_of(SMALL, index=b"{"), "archive-foreign", id="a broken index"),
        pytest.param(archive_of({}, index=b'{"schema": 2}'), "archive-schema", id="an index of another version"),
        pytest.param(archive_of({"a/b.js": b"x"}), "archive-foreign", id="no manifest"),
        pytest.param(
            archive_of({}, index=index(a={"size": -1, "sha256": SHA})), "archive-foreign", id="a size below zero"
        ),
        pytest.param(
            archive_of({}, index=index(a={"size": 2**60, "sha256": SHA})), "archive-too-large", id="more than fits"
        ),
        pytest.param(archive_of(SMALL, member("cdnserve/root/a/x.js", b"x")), "archive-member", id="not in the index"),
        pytest.param(archive_of(SMALL, member("cdnserve/a.js", b"x")), "archive-member", id="not in the root"),
        pytest.param(
            archive_of(SMALL, member("cdnserve/root/a/b.js", b"b\n")), "archive-member", id="a file that comes twice"
        ),
        pytest.param(archive_of({**SMALL, "a/B.js": b"b\n"}), "archive-member", id="a name that differs by case alone"),
        pytest.param(
            archive_of(SMALL, member("cdnserve/root/../../x", b"x")), "archive-member", id="a name that leads out"
        ),
        pytest.param(archive_of(SMALL, member("/etc/x", b"x")), "archive-member", id="an absolute name"),
        pytest.param(
            archive_of(SMALL, member("cdnserve/root/a/l", b"", tarfile.SYMTYPE, "/etc/passwd")),
            "archive-member",
            id="a symbolic link",
        ),
        pytest.param(
            archive_of(SMALL, member("cdnserve/root/a/l", b"", tarfile.LNKTYPE, "a/b.js")),
            "archive-member",
            id="a hard link",
        ),
        pytest.param(
            archive_of(SMALL, member("cdnserve/root/a/l", b"", tarfile.CHRTYPE)), "archive-member", id="a device"
        ),
        pytest.param(
            archive_of(SMALL, member("cdnserve/root/a/", b"", tarfile.DIRTYPE)), "archive-member", id="a folder"
        ),
        pytest.param(archive_of({**SMALL, "a/b\u202ejs.exe": b"x"}), "archive-member", id="a change of direction"),
        pytest.param(archive_of({**SMALL, "a/b\u200b.js": b"x"}), "archive-member", id="a space without a width"),
        pytest.param(archive_of({**SMALL, f"a/{'d/' * 40}b.js": b"x"}), "archive-member", id="a deep path"),
        pytest.param(archive_of(STRANGE), "archive-member", id="a file that the manifest doesn't publish"),
        pytest.param(archive_of({**SMALL, ".ssh/keys": b"x"}), "archive-member", id="a dot-file"),
        pytest.param(archive_of({**SMALL, "npm/.incoming/journal": b"x"}), "archive-member", id="our own journal"),
        pytest.param(archive_of({**SMALL, "npm/x@1.0.0/i.js": b"x"}), "archive-member", id="of no locked library"),
        pytest.param(GOOD[: 512 * 4], "archive-corrupt", id="cut off"),
        pytest.param(GOOD.replace(b"b\n\0", b"c\n\0"), "archive-corrupt", id="a changed byte"),
        pytest.param(GOOD + b"more", "archive-corrupt", id="something behind its end"),
        pytest.param(gzip.compress(GOOD)[:-9], "archive-corrupt", id="gzip, cut off"),
        pytest.param(b"\x1f\x8b\x08\0" + b"x" * 99, "archive-corrupt", id="gzip, damaged"),
        pytest.param(b"\x28\xb5\x2f\xfd" + b"x" * 99, "archive-corrupt", id="zstd, damaged"),
        pytest.param(zstandard.compress(GOOD)[:-40], "archive-corrupt", id="zstd, cut off"),
    ],
)
def test_what_is_refused(tmp_path: Path, archive: bytes, expected: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        imported(tmp_path / "other", archive, replace=True)
    assert [expected] == [problem.reference for problem in error.value.problems]
    assert not (tmp_path / "other").exists()


@pytest.mark.unmeasured
def test_a_bomb_does_not_unpack(tmp_path: Path) -> None:
    """What follows the files may be padding, but not without end."""
    with pytest.raises(ConfigurationError) as error:
        imported(tmp_path / "other", gzip.compress(GOOD + bytes(2**28)))
    assert ["archive-corrupt"] == [problem.reference for problem in error.value.problems]


def test_an_index_that_is_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle_import, "LARGEST", 20)
    with pytest.raises(ConfigurationError) as error:
        imported(tmp_path / "other", GOOD)
    assert ["archive-corrupt"] == [problem.reference for problem in error.value.problems]


def test_members_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle_import, "MOST_MEMBERS", 2)
    with pytest.raises(ConfigurationError) as error:
        imported(tmp_path / "other", GOOD)
    assert ["archive-corrupt"] == [problem.reference for problem in error.value.problems]


def test_implied_folders_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small archive of deep paths would make folders without number."""
    monkeypatch.setattr(bundle_import, "MOST_NAMES", 40)
    deep = {f"a/{number}/{'d/' * 20}x.js": b"x" for number in range(2)}
    with pytest.raises(ConfigurationError, match="more than 40 files and folders") as error:
        imported(tmp_path / "other", archive_of(SMALL | deep))
    assert ["archive-corrupt"] == [problem.reference for problem in error.value.problems]
    assert not (tmp_path / "other").exists()


def test_a_manifest_with_problems_is_told_by_them(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as error:
        imported(tmp_path / "other", archive_of(SMALL | {"manifest.toml": b"schema = 2\n"}))
    assert "schema-unsupported" in [problem.reference for problem in error.value.problems]


@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255))
def test_no_changed_octet_goes_unnoticed(tmp_path_factory: pytest.TempPathFactory, at: int, change: int) -> None:
    """A changed octet gives the same files, or none: headers have some that mean nothing."""
    archive = bytearray(GOOD)
    archive[at] ^= change
    root = tmp_path_factory.mktemp("import") / "other"
    try:
        imported(root, bytes(archive))
    except ConfigurationError:
        assert not root.exists()
    else:
        assert {path: (root / path).read_bytes() for path in SMALL} == SMALL
