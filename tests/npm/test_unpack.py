"""Where a member of a package may lie."""

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
from hypothesis import given
from hypothesis import strategies as st

from cdnserve.decode import OversizeError
from cdnserve.errors import ConfigurationError
from cdnserve.manifest.model import is_always_kept
from cdnserve.npm.download import Measured
from cdnserve.npm.settings import DownloadLimits
from cdnserve.npm.spec import PinnedPackage
from cdnserve.npm.unpack import ForbiddenError, Member, Names, UnpackedTarball, inner_path, unpack
from cdnserve.rules.integrity import hash_expression, satisfies
from tests.npm.registry import member, packed, sha512, tarball


def _file(name: str) -> Member:
    return Member(name, False, 0, 0)


@pytest.mark.parametrize(
    ("member", "expected"),
    [
        pytest.param(_file("package/a.js"), "a.js", id="a file"),
        pytest.param(_file("package/dist/a.js"), "dist/a.js", id="a file in a folder"),
        pytest.param(_file("node/a.js"), "a.js", id="another outermost folder"),
        pytest.param(_file("package/@x/ü (1).js"), "@x/ü (1).js", id="an unusual name"),
        pytest.param(_file("package/.npmignore"), ".npmignore", id="a dot-file"),
        pytest.param(_file("package/...js"), "...js", id="a name of dots and letters"),
        pytest.param(_file("package/./dist/a.js"), "dist/a.js", id="a dot"),
        pytest.param(_file("./a.js"), "a.js", id="a dot for the outermost folder"),
        pytest.param(_file("package/dist/.//./a.js"), "dist/a.js", id="dots and slashes"),
    ],
)
def test_inner_path(member: Member, expected: str) -> None:
    assert expected == inner_path(member.name)
    Names(10, 100).add(expected, member)


def _add(*members: Member, most: int = 1000, longest: int = 1024) -> None:
    names = Names(most, longest)
    for one in members:
        names.add(inner_path(one.name), one)


@pytest.mark.parametrize(
    ("member", "why"),
    [
        pytest.param(_file("a.js"), "outside", id="a file without a folder"),
        pytest.param(_file("/etc/passwd"), "absolute", id="an absolute name"),
        pytest.param(_file("package/../../x"), "'..' part", id="a path upwards"),
        pytest.param(_file("package/./../x"), "'..' part", id="a path upwards behind a dot"),
        pytest.param(_file("../package/x"), "'..' part", id="a path that begins upwards"),
        pytest.param(_file("package/.."), "'..' part", id="a path that ends upwards"),
        pytest.param(_file("package/."), "part", id="a file that is a dot"),
        pytest.param(_file("package/x/."), "part", id="a file with a dot at its end"),
        pytest.param(_file("package/x/"), "empty", id="a file with a slash at its end"),
        pytest.param(_file("package/"), "outside", id="a file without a name"),
        pytest.param(_file(""), "outside", id="nothing"),
        pytest.param(_file("package/a\\..\\b"), "backslash", id="a backslash"),
        pytest.param(_file("package/a\0b"), "control", id="a NUL"),
        pytest.param(_file("package/a\nb"), "control", id="a line end"),
        pytest.param(_file("package/a\x1b[2J"), "control", id="an escape sequence"),
        pytest.param(_file("package/a\x85b"), "control", id="a control character beyond ASCII"),
        pytest.param(_file("package/a\u202esj.exe"), "U\\+202E", id="a change of direction"),
        pytest.param(_file("package/a\u2066b"), "U\\+2066", id="an isolated direction"),
        pytest.param(_file("package/a\u200bb"), "U\\+200B", id="a space without a width"),
        pytest.param(_file("package/a\u200db"), "U\\+200D", id="a joiner without a width"),
        pytest.param(_file("package/\ufeffa"), "U\\+FEFF", id="a byte order mark"),
        pytest.param(_file("package/a\xadb"), "U\\+00AD", id="a soft hyphen"),
        pytest.param(_file("package/a\U000e0041b"), "U\\+E0041", id="a tag"),
        pytest.param(_file("package/a\u2028b"), "U\\+2028", id="a line separator"),
        pytest.param(_file("package/a\u2029b"), "U\\+2029", id="a paragraph separator"),
        pytest.param(_file("pack\u202eage/a"), "U\\+202E", id="one in the outermost folder"),
        pytest.param(_file("package/a\udcffb"), "UTF-8", id="an octet that is not UTF-8"),
        pytest.param(_file(f"package/{'a' * 256}"), "too long", id="a part of 256 octets"),
        pytest.param(_file(f"package/{'ü' * 128}"), "too long", id="a part of 256 octets in 128 characters"),
        pytest.param(_file("package/" + f"{'a' * 99}/" * 11 + "a"), "too long", id="a long path"),
        pytest.param(_file("package/" + "a/" * 32 + "a"), "more than 32 parts", id="a deep path"),
        pytest.param(Member("package/a", False, 0, 0, "a device"), "a device", id="what is no file"),
    ],
)
def test_names_that_are_refused(member: Member, why: str) -> None:
    with pytest.raises(ForbiddenError, match=why) as raised:
        _add(member)
    assert member.name == raised.value.value


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("package/é\u0301.js", id="a combining mark"),
        pytest.param("package/a\xa0b.js", id="a space that keeps together"),
        pytest.param("package/❤\ufe0f.svg", id="a variation selector"),
        pytest.param("package/" + "a/" * 31 + "a", id="as deep as may be"),
    ],
)
def test_names_that_are_unusual_but_one_path(name: str) -> None:
    _add(_file(name))


@given(st.text(st.characters(exclude_categories=()), max_size=40) | st.from_regex(r"[./a\\]{0,12}"))
def test_whatever_is_accepted_stays_inside(name: str) -> None:
    path = inner_path(name)
    try:
        Names(100, 1024).add(path, _file(name))
    except ForbiddenError:
        return
    assert not path.startswith("/")
    assert not {"", ".", ".."} & set(path.split("/"))
    path.encode()


def test_a_file_that_comes_twice_is_not_new() -> None:
    names = Names(10, 100)
    assert [True, False, False] == [names.add(inner_path(name), _file(name)) for name in ("p/d/a", "p/d/a", "p/./d//a")]


def test_files_and_the_folders_they_lie_in_are_counted() -> None:
    members = [_file(f"p/{number}/b/c.js") for number in range(3)]
    _add(*members, most=9)
    with pytest.raises(OversizeError, match="more than 8 files and folders"):
        _add(*members, most=8)


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("package.json", id="package.json"),
        pytest.param("LICENSE", id="a licence"),
        pytest.param("LICENSE.md", id="a licence with an ending"),
        pytest.param("license-mit.txt", id="a licence by name"),
        pytest.param("LICENCE", id="a British licence"),
        pytest.param("UNLICENSE", id="no licence"),
        pytest.param("COPYING", id="GNU's name"),
        pytest.param("NOTICE", id="Apache's name"),
        pytest.param("fonts/OFL.txt", id="a font's licence in a folder"),
        pytest.param("dist/app.js.LICENSE.txt", id="a bundler's licences"),
        pytest.param("MIT-LICENSE", id="a licence with its name first"),
    ],
)
def test_what_is_always_kept(path: str) -> None:
    assert is_always_kept(path)


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("dist/package.json", id="package.json of something else"),
        pytest.param("dist/jquery.js", id="a script"),
        pytest.param("README.md", id="a description"),
        pytest.param("offline.js", id="a name that begins like OFL"),
    ],
)
def test_what_is_not_always_kept(path: str) -> None:
    assert not is_always_kept(path)


@pytest.mark.parametrize(
    "members",
    [
        pytest.param([_file("p/a"), _file("p/b"), _file("p/d/a")], id="different names"),
        pytest.param([_file("p/d/a"), _file("p/d/b")], id="a folder that comes twice"),
    ],
)
def test_names_that_go_together(members: list[Member]) -> None:
    _add(*members)


@pytest.mark.parametrize(
    ("members", "why"),
    [
        pytest.param([_file("p/a"), _file("p/A")], "only by case", id="case"),
        pytest.param([_file("p/d/a"), _file("p/D/b")], "only by case", id="the case of a folder"),
        pytest.param([_file("p/d/./a"), _file("p/D//a")], "only by case", id="case by another spelling"),
        pytest.param([_file("p/é"), _file("p/e\u0301")], "composition", id="composition"),
        pytest.param([_file("p/ſ"), _file("p/s")], "only by case", id="a letter that folds to another"),
        pytest.param([_file("p/a"), _file("p/a/b")], "both a file's and a folder's", id="a file, then a folder"),
        pytest.param([_file("p/a/b"), _file("p/a")], "both a file's and a folder's", id="a folder, then a file"),
    ],
)
def test_names_that_collide(members: list[Member], why: str) -> None:
    with pytest.raises(ForbiddenError, match=why):
        _add(*members)


SPEC = PinnedPackage("x", "1.0.0")
SMALL = DownloadLimits(unpacked=20_480, members=20, kept=20, path=200)


def _file_tarball(tmp_path: Path, data: bytes) -> BufferedRandom:
    file = (tmp_path / "x.tgz").open("w+b")
    file.write(data)
    return file


def _unpack(tmp_path: Path, data: bytes, *, limits: DownloadLimits = SMALL) -> UnpackedTarball:
    folder = tmp_path / "folder"
    folder.mkdir()
    with _file_tarball(tmp_path, data) as file:
        return unpack(file, folder, SPEC, lambda path: not path.endswith(".map"), limits)


def _refused(tmp_path: Path, data: bytes) -> tuple[str, str]:
    with pytest.raises(ConfigurationError) as raised:
        _unpack(tmp_path, data)
    (problem,) = raised.value.problems
    return problem.reference, problem.message


def test_what_is_kept_is_written(tmp_path: Path) -> None:
    data = packed({"dist/a.js": "let a", "package.json": "{}", "dist/a.js.map": "{}"})
    assert UnpackedTarball(("dist/a.js", "package.json"), 7) == _unpack(tmp_path, data)
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
    assert UnpackedTarball(("a.js",), 5) == _unpack(tmp_path, tarball(*others, member("package/a.js", "let a")))
    assert ["a.js"] == os.listdir(tmp_path / "folder")


def test_a_file_that_comes_twice_is_one_where_its_content_is_the_same(tmp_path: Path) -> None:
    """Some packers write both spellings into one tarball."""
    data = tarball(member("package/./dist/a.js", "let a"), member("package/dist/a.js", "let a"))
    assert UnpackedTarball(("dist/a.js",), 5) == _unpack(tmp_path, data)


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


@pytest.mark.unmeasured
def test_a_hundred_thousand_members_stop_at_the_limit(tmp_path: Path) -> None:
    headers = b"".join(tarfile.TarInfo(f"package/{number}.map").tobuf() for number in range(100_000))
    with pytest.raises(ConfigurationError) as raised:
        _unpack(tmp_path, gzip.compress(headers, 1), limits=DownloadLimits(members=1000))
    (problem,) = raised.value.problems
    assert ("tarball-too-large", "x@1.0.0: it has more than 1000 members") == (problem.reference, problem.message)
    assert DownloadLimits().kept < DownloadLimits().members < 1_000_000


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
