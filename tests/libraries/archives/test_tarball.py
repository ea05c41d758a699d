"""A package's tarball, verified and unpacked."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import stat
import tarfile
from io import BufferedRandom
from pathlib import Path

import pytest

from cdnserve.errors import ConfigurationError
from cdnserve.libraries import Limits, Spec
from cdnserve.libraries.archives.tarball import Unpacked, satisfies, unpack
from cdnserve.libraries.registries.receiving import Measured
from cdnserve.rules.integrity import hash_expression
from tests.libraries.registry import member, packed, sha512, tarball

SPEC = Spec("x", "1.0.0")
SMALL = Limits(unpacked=20_480, members=20, kept=20, path=200)


def _file(tmp_path: Path, data: bytes) -> BufferedRandom:
    file = (tmp_path / "x.tgz").open("w+b")
    file.write(data)
    return file


def _unpack(tmp_path: Path, data: bytes, *, limits: Limits = SMALL) -> Unpacked:
    folder = tmp_path / "folder"
    folder.mkdir()
    with _file(tmp_path, data) as file:
        return unpack(file, folder, SPEC, lambda path: not path.endswith(".map"), limits)


def _refused(tmp_path: Path, data: bytes) -> tuple[str, str]:
    with pytest.raises(ConfigurationError) as raised:
        _unpack(tmp_path, data)
    (problem,) = raised.value.problems
    return problem.reference, problem.message


def test_what_is_kept_is_written(tmp_path: Path) -> None:
    data = packed({"dist/a.js": "let a", "package.json": "{}", "dist/a.js.map": "{}"})
    assert Unpacked(("dist/a.js", "package.json"), 7) == _unpack(tmp_path, data)
    assert b"let a" == (tmp_path / "folder" / "dist" / "a.js").read_bytes()
    assert {"dist", "package.json"} == set(os.listdir(tmp_path / "folder"))
    assert ["a.js"] == os.listdir(tmp_path / "folder" / "dist")


def test_a_file_is_no_program_and_has_the_archives_date(tmp_path: Path) -> None:
    _unpack(tmp_path, tarball(member("package/a.js", "", mode=0o4755, mtime=499162500, uid=1000)))
    status = (tmp_path / "folder" / "a.js").stat()
    assert (0, 499162500) == (stat.S_IMODE(status.st_mode) & 0o7133, int(status.st_mtime))
    assert os.getuid() == status.st_uid


def test_a_date_before_1970_is_1970(tmp_path: Path) -> None:
    _unpack(tmp_path, tarball(member("package/a.js", "", mtime=-86400), style=tarfile.GNU_FORMAT))
    assert 0 == (tmp_path / "folder" / "a.js").stat().st_mtime


@pytest.mark.parametrize(
    ("data", "reference", "message"),
    [
        pytest.param(b"", "tarball-corrupt", "ends too early", id="nothing"),
        pytest.param(packed({"a": "x" * 900})[:-20], "tarball-corrupt", "ends too early", id="cut short"),
        pytest.param(gzip.compress(b"x" * 600), "tarball-corrupt", "header", id="no archive"),
        pytest.param(tarball(member("package/a", bytes(20_000))), "tarball-too-large", "20 KiB", id="a bomb"),
        pytest.param(
            tarball(*(member(f"package/{n}") for n in range(21))), "tarball-too-large", "20 members", id="many members"
        ),
        pytest.param(
            tarball(member("package/l", type=tarfile.SYMTYPE, linkname="/etc")),
            "tarball-member",
            "symbolic",
            id="a link",
        ),
        pytest.param(
            tarball(member("package/l", type=tarfile.LNKTYPE, linkname="a")), "tarball-member", "hard", id="a hard link"
        ),
        pytest.param(tarball(member("package/d", type=tarfile.CHRTYPE)), "tarball-member", "device", id="a device"),
        pytest.param(tarball(member("/etc/passwd")), "tarball-member", "absolute", id="an absolute name"),
        pytest.param(tarball(member("package/../../x")), "tarball-member", "'..'", id="a path upwards"),
        pytest.param(tarball(member("package/A"), member("package/a")), "tarball-member", "case", id="case"),
        pytest.param(tarball(member("package/a\udcff")), "tarball-member", "UTF-8", id="not UTF-8"),
        pytest.param(tarball(member(f"package/{'a' * 210}")), "tarball-member", "too long", id="a long path"),
        pytest.param(tarball(member(f"package/{'a/' * 100}a")), "tarball-member", "32 parts", id="a deep path"),
        pytest.param(
            tarball(*(member(f"package/{n}/{'d/' * 20}a") for n in range(2))),
            "tarball-too-large",
            "more than 20 files and folders",
            id="many folders",
        ),
        pytest.param(tarball(member("package/a\u202e")), "tarball-member", "invisible", id="a change of direction"),
    ],
)
def test_bad_tarballs(tmp_path: Path, data: bytes, reference: str, message: str) -> None:
    said = _refused(tmp_path, data)
    assert reference == said[0]
    assert message in said[1]
    assert "x@1.0.0" in said[1]


@pytest.mark.parametrize(
    "others",
    [
        pytest.param([member("package/../../x.map")], id="a path upwards"),
        pytest.param([member("package/l.map", type=tarfile.SYMTYPE, linkname="/etc")], id="a link"),
        pytest.param([member("package/A.map"), member("package/a.map")], id="case"),
        pytest.param([member("package/A/x.map"), member("package/a/x.map")], id="folders that hold nothing kept"),
        pytest.param([member(f"package/{number}.map") for number in range(19)], id="many"),
        pytest.param([member(f"package/{'d/' * 40}x.map")], id="a deep path"),
    ],
)
def test_a_file_that_is_not_kept_is_not_judged(tmp_path: Path, others: list[tuple[tarfile.TarInfo, bytes]]) -> None:
    assert Unpacked(("a.js",), 5) == _unpack(tmp_path, tarball(*others, member("package/a.js", "let a")))
    assert ["a.js"] == os.listdir(tmp_path / "folder")


def test_a_file_that_comes_twice_is_one_where_its_content_is_the_same(tmp_path: Path) -> None:
    """Some packers write both spellings into one tarball."""
    data = tarball(member("package/./dist/a.js", "let a"), member("package/dist/a.js", "let a"))
    assert Unpacked(("dist/a.js",), 5) == _unpack(tmp_path, data)


@pytest.mark.parametrize("other", ["let b", "let", "let a;", ""])
def test_a_file_that_comes_twice_with_different_content_is_refused(tmp_path: Path, other: str) -> None:
    data = tarball(member("package/./dist/a.js", "let a"), member("package/dist/a.js", other))
    reference, message = _refused(tmp_path, data)
    assert ("tarball-member", True) == (reference, "a file that comes twice, with different content" in message)


def test_two_spellings_of_a_folder_are_one(tmp_path: Path) -> None:
    _unpack(tmp_path, tarball(member("package/./dist/a.js"), member("package/dist/b.js")))
    assert {"a.js", "b.js"} == set(os.listdir(tmp_path / "folder" / "dist"))


def test_nothing_is_written_outside_the_folder(tmp_path: Path) -> None:
    """A link that an archive brings, and a file through it: refused at the link."""
    data = tarball(
        member("package/up", type=tarfile.SYMTYPE, linkname=str(tmp_path)), member("package/up/x", "written through")
    )
    _refused(tmp_path, data)
    assert {"folder", "x.tgz"} == set(os.listdir(tmp_path))
    assert [] == os.listdir(tmp_path / "folder")


def test_a_hundred_thousand_members_stop_at_the_limit(tmp_path: Path) -> None:
    headers = b"".join(tarfile.TarInfo(f"package/{number}.map").tobuf() for number in range(100_000))
    with pytest.raises(ConfigurationError) as raised:
        _unpack(tmp_path, gzip.compress(headers, 1), limits=Limits(members=1000))
    (problem,) = raised.value.problems
    assert ("tarball-too-large", "x@1.0.0: it has more than 1000 members") == (problem.reference, problem.message)
    assert Limits().kept < Limits().members < 1_000_000


@pytest.mark.parametrize(
    ("integrity", "expected"),
    [
        pytest.param(sha512(b"data"), True, id="sha512"),
        pytest.param(hash_expression("sha256", hashlib.sha256(b"data").digest()), True, id="sha256"),
        pytest.param(f"sha1-AAAA {sha512(b'data')}", True, id="a weak one beside it"),
        pytest.param(f"{sha512(b'other')} {sha512(b'data')}", True, id="one of several"),
        pytest.param(sha512(b"other"), False, id="another digest"),
        pytest.param(
            f"{sha512(b'other')} {hash_expression('sha256', hashlib.sha256(b'data').digest())}",
            False,
            id="right only in a weaker algorithm",
        ),
        pytest.param("sha1-oXyqlgtIRdrvLtRGDw9gFCAy2Ls=", False, id="only sha1"),
        pytest.param("", False, id="none"),
    ],
)
def test_integrity(integrity: str, expected: bool) -> None:
    sink = Measured(io.BytesIO(), integrity)
    sink.restart("")
    sink.write(b"data")
    assert expected == satisfies(sink.expression, integrity)
