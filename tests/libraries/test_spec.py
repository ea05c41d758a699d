"""NAME@VERSION."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdnserve.errors import ConfigurationError
from cdnserve.libraries.spec import Spec, checked_spec, parse_spec, parse_specs


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
def test_a_spec_is_read(text: str, name: str, version: str, scope: str, folder: str) -> None:
    spec = parse_spec(text)
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
    ("text", "reference", "hint"),
    [
        pytest.param("jquery", "version-missing", "for example jquery@1.2.3", id="no version"),
        pytest.param("@a/b", "version-missing", "for example @a/b@1.2.3", id="a scoped name without a version"),
        pytest.param("jquery@", "version-missing", "for example jquery@1.2.3", id="an empty version"),
        pytest.param("jquery@^3.7.1", "version-not-exact", "say jquery@3.7.1", id="a range"),
        pytest.param("jquery@v3.7.1", "version-not-exact", "say jquery@3.7.1", id="a v before the version"),
        pytest.param("jquery@3.7.1+b", "version-not-exact", "say jquery@3.7.1", id="build metadata"),
        pytest.param("jquery@latest", "version-not-exact", "ranges and tags are not resolved", id="a tag"),
        pytest.param("jquery@3", "version-not-exact", "ranges and tags are not resolved", id="a major version"),
        pytest.param("jquery@03.7.1", "version-not-exact", "ranges and tags are not resolved", id="a leading zero"),
        pytest.param("jquery@3.7.1/x", "version-not-exact", "ranges and tags are not resolved", id="a path behind it"),
        pytest.param("jquery@../../x", "version-not-exact", "ranges and tags are not resolved", id="a path upwards"),
        pytest.param("jquery@3.7.١", "version-not-exact", "ranges and tags are not resolved", id="a foreign digit"),
        pytest.param("x@npm:y@1.0.0", "version-not-exact", "ranges and tags are not resolved", id="npm's alias"),
    ],
)
def test_a_version_that_is_not_exact_is_refused(text: str, reference: str, hint: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        parse_spec(text)
    (problem,) = raised.value.problems
    assert reference == problem.reference
    assert hint in problem.hint


def test_a_folder_name_that_no_disk_takes_is_refused() -> None:
    with pytest.raises(ConfigurationError) as raised:
        checked_spec("a" * 200, f"1.0.0-{'b' * 100}")
    assert ["version-too-long"] == [problem.reference for problem in raised.value.problems]


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(ConfigurationError) as raised:
        parse_specs(["../x@1.0.0", "jquery@3", "vue@3.5.0", "vue@3.4.0"])
    assert ["package-name", "version-not-exact", "library-twice"] == [p.reference for p in raised.value.problems]


def test_a_library_that_is_asked_for_twice_alike_comes_once() -> None:
    assert (Spec("vue", "3.5.0"), Spec("a", "1.0.0")) == parse_specs(["vue@3.5.0", "a@1.0.0", "vue@3.5.0"])


@given(st.text(max_size=40) | st.from_regex(r"@?[a-z./~_-]{0,9}/?[a-z.]{0,9}@[0-9a-z.+^-]{0,12}"))
def test_whatever_is_accepted_is_one_folder_below_npm(text: str) -> None:
    try:
        spec = parse_spec(text)
    except ConfigurationError:
        return
    parts = spec.folder.split("/")
    assert text == str(spec)
    assert "npm" == parts[0]
    assert (3 if spec.scope else 2) == len(parts)
    assert not [part for part in parts if part.startswith(".") or not part.isascii()]
