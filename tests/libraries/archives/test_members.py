"""Where a member of a package may lie."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdnserve.libraries.archives.archive import ForbiddenError, Member
from cdnserve.libraries.archives.members import Names, inner_path, is_always_kept


def _file(name: str) -> Member:
    return Member(name, False, 0, 0)


def _folder(name: str) -> Member:
    return Member(name, True, 0, 0)


@pytest.mark.parametrize(
    ("member", "expected"),
    [
        pytest.param(_file("package/a.js"), "a.js", id="a file"),
        pytest.param(_file("package/dist/a.js"), "dist/a.js", id="a file in a folder"),
        pytest.param(_file("node/a.js"), "a.js", id="another outermost folder"),
        pytest.param(_file("package/@x/ü (1).js"), "@x/ü (1).js", id="an unusual name"),
        pytest.param(_file("package/.npmignore"), ".npmignore", id="a dot-file"),
        pytest.param(_file("package/...js"), "...js", id="a name of dots and letters"),
        pytest.param(_folder("package/"), "", id="the outermost folder"),
        pytest.param(_folder("package/dist/"), "dist", id="a folder"),
    ],
)
def test_inner_path(member: Member, expected: str) -> None:
    assert expected == inner_path(member, 100)


@pytest.mark.parametrize(
    ("member", "why"),
    [
        pytest.param(_file("a.js"), "outside", id="a file without a folder"),
        pytest.param(_file("/etc/passwd"), "absolute", id="an absolute name"),
        pytest.param(_file("package/../../x"), "'..' part", id="a path upwards"),
        pytest.param(_file("../package/x"), "'..' part", id="a path that begins upwards"),
        pytest.param(_file("package/.."), "'..' part", id="a path that ends upwards"),
        pytest.param(_file("package/./x"), "part", id="a dot"),
        pytest.param(_file("package//x"), "empty", id="two slashes"),
        pytest.param(_file("package/x/"), "empty", id="a file with a slash at its end"),
        pytest.param(_file("package/"), "empty", id="a file without a name"),
        pytest.param(_folder("package//"), "empty", id="a folder without a name"),
        pytest.param(_file(""), "empty", id="nothing"),
        pytest.param(_folder("/"), "empty", id="the file system's root"),
        pytest.param(_file("package/a\\..\\b"), "backslash", id="a backslash"),
        pytest.param(_file("package/a\0b"), "control", id="a NUL"),
        pytest.param(_file("package/a\nb"), "control", id="a line end"),
        pytest.param(_file("package/a\x1b[2J"), "control", id="an escape sequence"),
        pytest.param(_file("package/a\x85b"), "control", id="a control character beyond ASCII"),
        pytest.param(_file("package/a\udcffb"), "UTF-8", id="an octet that is not UTF-8"),
        pytest.param(_file(f"package/{'a' * 256}"), "too long", id="a part of 256 octets"),
        pytest.param(_file(f"package/{'ü' * 128}"), "too long", id="a part of 256 octets in 128 characters"),
        pytest.param(_file(f"package/{'a/' * 50}a"), "too long", id="a long path"),
    ],
)
def test_names_that_are_refused(member: Member, why: str) -> None:
    with pytest.raises(ForbiddenError, match=why) as raised:
        inner_path(member, 100 if "a/a" in member.name else 1024)
    assert member.name.startswith(raised.value.value)


@given(st.text(st.characters(exclude_categories=()), max_size=40) | st.from_regex(r"[./a\\]{0,12}"), st.booleans())
def test_whatever_is_accepted_stays_inside(name: str, is_folder: bool) -> None:
    try:
        path = inner_path(Member(name, is_folder, 0, 0), 1024)
    except ForbiddenError:
        return
    assert not path.startswith("/")
    assert not path or not {"", ".", ".."} & set(path.split("/"))
    assert is_folder or path
    path.encode()


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


def _add(*members: Member) -> None:
    names = Names()
    for member in members:
        names.add(member.name, member)


@pytest.mark.parametrize(
    "members",
    [
        pytest.param([_file("a"), _file("b"), _file("d/a")], id="different names"),
        pytest.param([_folder("d"), _folder("d"), _file("d/a")], id="a folder that comes twice"),
        pytest.param([_file("d/a"), _folder("d"), _file("d/b")], id="a folder behind its files"),
    ],
)
def test_names_that_go_together(members: list[Member]) -> None:
    _add(*members)


@pytest.mark.parametrize(
    ("members", "why"),
    [
        pytest.param([_file("a"), _file("a")], "comes twice", id="the same file"),
        pytest.param([_file("a"), _file("A")], "only by case", id="case"),
        pytest.param([_file("d/a"), _file("D/b")], "only by case", id="the case of a folder"),
        pytest.param([_folder("d"), _file("D/b")], "only by case", id="the case of an empty folder"),
        pytest.param([_file("é"), _file("e\u0301")], "composition", id="composition"),
        pytest.param([_file("ſ"), _file("s")], "only by case", id="a letter that folds to another"),
        pytest.param([_file("a"), _file("a/b")], "both a file's and a folder's", id="a file, then a folder"),
        pytest.param([_file("a/b"), _file("a")], "both a file's and a folder's", id="a folder, then a file"),
        pytest.param([_file("a"), _folder("a")], "both a file's and a folder's", id="a file, then an empty folder"),
    ],
)
def test_names_that_collide(members: list[Member], why: str) -> None:
    with pytest.raises(ForbiddenError, match=why):
        _add(*members)
