"""Where a member of a package may lie."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdnserve.libraries.archives.archive import ForbiddenError, Member
from cdnserve.libraries.archives.gunzip import OversizeError
from cdnserve.libraries.archives.members import Names, inner_path, is_always_kept


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
    for member in members:
        names.add(inner_path(member.name), member)


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
