"""NAME@VERSION."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdnserve.errors import ConfigurationError
from cdnserve.npm.spec import PackageSpec, checked_spec, parse_spec, parse_specs


@pytest.mark.parametrize(
    ("text", "name", "version", "scope", "folder"),
    [
        pytest.param("jquery@3.7.1", "jquery", "3.7.1", "", "npm/jquery@3.7.1", id="a plain name"),
        pytest.param("@a/b@1.0.0", "@a/b", "1.0.0", "@a", "npm/@a/b@1.0.0", id="a scoped name"),
        pytest.param(
            "JSONStream@1.3.5", "JSONStream", "1.3.5", "", "npm/JSONStream@1.3.5", id="a legacy upper-case name"
        ),
        pytest.param("htmx.org@2.0.4", "htmx.org", "2.0.4", "", "npm/htmx.org@2.0.4", id="a name with a dot"),
        pytest.param("x@1.0.0-rc.1", "x", "1.0.0-rc.1", "", "npm/x@1.0.0-rc.1", id="a prerelease"),
        pytest.param(f"{'a' * 214}@1.0.0", "a" * 214, "1.0.0", "", f"npm/{'a' * 214}@1.0.0", id="the longest name"),
    ],
)
def test_a_spec_has_a_folder(text: str, name: str, version: str, scope: str, folder: str) -> None:
    spec = checked_spec(name, version)
    assert (name, version, scope, folder, text) == (spec.name, spec.version, spec.scope, spec.folder, str(spec))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("@1.0.0", id="a version alone"),
        pytest.param("../x@1.0.0", id="a path upwards"),
        pytest.param("@../x@1.0.0", id="a scope that is a path upwards"),
        pytest.param("@./x@1.0.0", id="a scope that is a dot"),
        pytest.param("@a/..@1.0.0", id="a scoped path upwards"),
        pytest.param(".x@1.0.0", id="a leading dot"),
        pytest.param("@a/.x@1.0.0", id="a leading dot behind the scope"),
        pytest.param("a/b@1.0.0", id="a slash without a scope"),
        pytest.param("@a/b/c@1.0.0", id="two slashes"),
        pytest.param("/x@1.0.0", id="an absolute path"),
        pytest.param("a\\b@1.0.0", id="a backslash"),
        pytest.param("a%2fb@1.0.0", id="an encoded slash"),
        pytest.param("a b@1.0.0", id="a space"),
        pytest.param("a\n@1.0.0", id="a line end"),
        pytest.param("ä@1.0.0", id="a letter beyond ASCII"),
        pytest.param("a*@1.0.0", id="a sign of globs"),
        pytest.param("_x@1.0.0", id="a leading underscore"),
        pytest.param("node_modules@1.0.0", id="a forbidden name"),
        pytest.param("Favicon.ico@1.0.0", id="a forbidden name in capitals"),
        pytest.param(f"{'a' * 215}@1.0.0", id="215 characters"),
        pytest.param("https://a.example/x.tgz", id="an address"),
        pytest.param("git+ssh://git@a.example/x.git", id="a repository"),
        pytest.param("file:x@1.0.0", id="a file"),
    ],
)
def test_what_is_no_package_name_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        parse_spec(text)
    assert ["package-name"] == [problem.reference for problem in raised.value.problems]


@pytest.mark.parametrize(
    ("text", "name", "wanted"),
    [
        pytest.param("jquery", "jquery", "", id="a name alone"),
        pytest.param("@a/b", "@a/b", "", id="a scoped name alone"),
        pytest.param("jquery@3.7.1", "jquery", "3.7.1", id="an exact version"),
        pytest.param("@a/b@^1.0.0", "@a/b", "^1.0.0", id="a range"),
        pytest.param("jquery@3", "jquery", "3", id="a major version"),
        pytest.param("jquery@>=1.2 <2 || 3.x", "jquery", ">=1.2 <2 || 3.x", id="a range of several words"),
        pytest.param("jquery@ ^3 ", "jquery", "^3", id="spaces around it"),
        pytest.param("jquery@latest", "jquery", "latest", id="a tag"),
        pytest.param("jquery@v3-lts", "jquery", "v3-lts", id="a tag that begins like a version"),
    ],
)
def test_a_spec_is_read(text: str, name: str, wanted: str) -> None:
    assert PackageSpec(name, wanted) == parse_spec(text)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("jquery@", id="an empty version"),
        pytest.param("jquery@ ", id="a space"),
        pytest.param("jquery@||", id="no version at all"),
        pytest.param("jquery@3.7.1/x", id="a path behind it"),
        pytest.param("jquery@../../x", id="a path upwards"),
        pytest.param("jquery@3.7.\u0661", id="a foreign digit"),
        pytest.param("jquery@^3\x1b[31m", id="a control character"),
        pytest.param("x@npm:y@1.0.0", id="npm's alias"),
        pytest.param("x@https://a.example/x.tgz", id="an address"),
        pytest.param("x@file:y", id="a file"),
        pytest.param(f"x@{'a' * 129}", id="129 characters"),
    ],
)
def test_what_is_no_version_range_or_tag_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        parse_spec(text)
    (problem,) = raised.value.problems
    assert "version-malformed" == problem.reference
    assert problem.value.isprintable()


def test_a_folder_name_that_no_disk_takes_is_refused() -> None:
    with pytest.raises(ConfigurationError) as raised:
        checked_spec("a" * 200, f"1.0.0-{'b' * 100}")
    assert ["version-too-long"] == [problem.reference for problem in raised.value.problems]


@pytest.mark.parametrize("version", ["", "3", "^3.7.1", "latest", "v3.7.1", "3.7.1+b", "3.7.\u0661"])
def test_a_spec_takes_no_other_than_an_exact_version(version: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        checked_spec("x", version)
    assert ["version-not-exact"] == [problem.reference for problem in raised.value.problems]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("git+https://a.example/x.git", True, id="a repository"),
        pytest.param("github:a/x", True, id="a repository by its host"),
        pytest.param("a/x", True, id="a repository without its host"),
        pytest.param("./x.tgz", True, id="a file"),
        pytest.param("~/x", True, id="a folder at home"),
        pytest.param("npm:jquery@3", True, id="an alias of npm"),
        pytest.param("@fontsource", False, id="a scope alone"),
        pytest.param("@a/b/c", False, id="a path in a package"),
        pytest.param("_x", False, id="a name that is none"),
    ],
)
def test_what_is_an_address_is_called_one(text: str, expected: bool) -> None:
    with pytest.raises(ConfigurationError, match=r"\[package-name\]") as raised:
        parse_spec(text)
    (problem,) = raised.value.problems
    assert expected == ("an address or a path" in problem.message)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("https://cdn.jsdelivr.net/npm/lodash@4", "on jsDelivr this is lodash@4: say that", id="a package"),
        pytest.param("//unpkg.com/@a/b@1.2.3/x.js", "on unpkg this is @a/b@1.2.3: say that", id="a file, no scheme"),
        pytest.param("https://a.example/x.js", "an own build is added with --as NAME@VERSION", id="no public CDN"),
        pytest.param("lodash@4.17.21/lodash.min.js", "say lodash@4.17.21; to keep this file alone", id="a file of one"),
        pytest.param("lodash@^4/'x y'.js", "say 'lodash@^4'; to keep this file alone, with --files", id="a range"),
        pytest.param("lodash@a/b", "for example lodash@1.2.3", id="no version before the slash"),
    ],
)
def test_who_names_a_file_is_told_its_package(text: str, expected: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        parse_spec(text)
    (problem,) = raised.value.problems
    assert expected in problem.hint


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(ConfigurationError) as raised:
        parse_specs(["../x@1.0.0", "jquery@a/b", "vue@3.5.0", "vue@3.4.0"])
    assert ["package-name", "version-malformed"] == [problem.reference for problem in raised.value.problems]


def test_what_is_asked_for_twice_alike_comes_once() -> None:
    assert (PackageSpec("vue", "3.5.0"), PackageSpec("a"), PackageSpec("vue", "2")) == parse_specs(
        ["vue@3.5.0", "a", "vue@3.5.0", "vue@2"]
    )


@given(st.text(max_size=40) | st.from_regex(r"@?[a-z./~_-]{0,9}/?[a-z.]{0,9}@[0-9a-z.+^-]{0,12}"))
def test_whatever_is_accepted_is_one_folder_below_npm(text: str) -> None:
    try:
        asked = parse_spec(text)
        spec = checked_spec(asked.name, "1.0.0")
    except ConfigurationError:
        return
    parts = spec.folder.split("/")
    assert "npm" == parts[0]
    assert (3 if spec.scope else 2) == len(parts)
    assert not [part for part in parts if part.startswith(".") or not part.isascii()]
