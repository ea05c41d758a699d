"""Which version a requirement means, picked as npm picks."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.libraries.choosing import choose, deprecation
from cdnserve.libraries.registries.address import parse_address
from cdnserve.libraries.registries.metadata import Package, read_document
from cdnserve.libraries.registries.registry import Registry

HOME = Registry(parse_address("https://npm.example/"), {})


def _package(versions: str, tags: Mapping[str, str] | None = None) -> Package:
    """Make a package; a version with a `!` is deprecated."""
    entries = {one.rstrip("!"): {"deprecated": "use y"} if one.endswith("!") else {} for one in versions.split()}
    document = {"name": "x", "versions": entries, "dist-tags": tags or {}}
    return read_document(json.dumps(document).encode(), "x", HOME)


@pytest.mark.parametrize(
    ("requirement", "versions", "tags", "expected"),
    [
        pytest.param("1.0.0", "1.0.0 1.1.0", {}, "1.0.0", id="an exact version"),
        pytest.param("1.0.0", "1.0.0! 1.1.0", {}, "1.0.0", id="an exact version that is deprecated"),
        pytest.param("1.0.0-rc.1", "1.0.0 1.0.0-rc.1", {}, "1.0.0-rc.1", id="an exact prerelease"),
        pytest.param("", "1.0.0 1.1.0", {"latest": "1.0.0"}, "1.0.0", id="nothing is the latest tag"),
        pytest.param(
            "", "1.0.0! 1.1.0", {"latest": "1.0.0"}, "1.0.0", id="what is latest is latest, deprecated or not"
        ),
        pytest.param("", "1.0.0 1.10.0 1.9.0", {}, "1.10.0", id="without the tag, nothing is the highest"),
        pytest.param("", "1.0.0 1.1.0", {"latest": "9.9.9"}, "1.1.0", id="with a tag that names nothing, the highest"),
        pytest.param("latest", "1.0.0 1.1.0", {"latest": "1.0.0"}, "1.0.0", id="the tag by its name"),
        pytest.param("next", "1.0.0 2.0.0-rc.1", {"next": "2.0.0-rc.1"}, "2.0.0-rc.1", id="a tag for a prerelease"),
        pytest.param("^1.0.0", "1.0.0 1.1.0 2.0.0", {}, "1.1.0", id="a range"),
        pytest.param("^1.0.0", "1.0.0 1.1.0 2.0.0", {"latest": "1.0.0"}, "1.0.0", id="latest before what is higher"),
        pytest.param("^1.0.0", "1.0.0 1.1.0 2.0.0", {"latest": "2.0.0"}, "1.1.0", id="latest, but outside the range"),
        pytest.param("^1.0.0", "1.0.0! 1.1.0", {"latest": "1.0.0"}, "1.1.0", id="latest, but deprecated"),
        pytest.param("^1.0.0", "1.0.0 1.1.0! 1.2.0!", {}, "1.0.0", id="what is not deprecated before what is higher"),
        pytest.param("^1.0.0", "1.0.0! 1.1.0! 2.0.0", {}, "1.1.0", id="deprecated, where there is nothing else"),
        pytest.param("^1.0.0", "1.0.0 1.1.0-rc.1", {}, "1.0.0", id="no prerelease that the range doesn't name"),
        pytest.param("^1.1.0-rc.0", "1.0.0 1.1.0-rc.1", {}, "1.1.0-rc.1", id="a prerelease that the range names"),
        pytest.param(
            ">=1.0.0 || 2.0.0-rc.1", "1.0.0 2.0.0-rc.1", {}, "1.0.0", id="one without a prerelease before one with"
        ),
        pytest.param("^1.1.0-rc.0", "1.1.0! 1.1.0-rc.1", {}, "1.1.0-rc.1", id="a prerelease before what is deprecated"),
        pytest.param(
            "*", "1.0.0 2.0.0-rc.1", {"latest": "2.0.0-rc.1"}, "2.0.0-rc.1", id="any, and latest is no release"
        ),
        pytest.param("*", "1.0.0 2.0.0-rc.1", {}, "1.0.0", id="any is no prerelease"),
        pytest.param("1", "1.0.0 1.1.0 2.0.0", {}, "1.1.0", id="a major version"),
        pytest.param("1 || 2", "1.0.0 2.0.0 3.0.0", {}, "2.0.0", id="two major versions"),
    ],
)
def test_choosing(requirement: str, versions: str, tags: dict[str, str], expected: str) -> None:
    assert expected == choose(requirement, _package(versions, tags))


@pytest.mark.parametrize(
    ("requirement", "versions", "tags", "message", "hint"),
    [
        pytest.param("1.0.1", "1.0.0 2.0.0", {}, "x@1.0.1", "it has 1.0.0", id="an exact version"),
        pytest.param("^3", "1.0.0 2.0.0", {}, "x@^3", "it has 1.0.0, 2.0.0", id="a range"),
        pytest.param("^1", "1.0.0-rc.1", {}, "x@^1", "it has 1.0.0-rc.1", id="only prereleases"),
        pytest.param("^3", "1.0.0 2.0.0 2.1.0-rc.1", {}, "x@^3", "it has 1.0.0, 2.0.0", id="releases are meant"),
        pytest.param(
            "2.1.0-rc.2",
            "2.0.0 2.1.0-rc.1",
            {},
            "x@2.1.0-rc.2",
            "it has 2.0.0, 2.1.0-rc.1",
            id="a prerelease is meant",
        ),
        pytest.param(
            "beta",
            "1.0.0",
            {"latest": "1.0.0", "next": "1.0.0"},
            "x@beta",
            "it has 1.0.0; its tags are latest, next",
            id="a tag",
        ),
        pytest.param(
            "next", "1.0.0", {"next": "9.0.0"}, "x@next", "it has 1.0.0; its tags are next", id="a tag for nothing"
        ),
        pytest.param("", "", {}, "x@latest", "", id="nothing at all"),
        pytest.param("\x1b[31m", "1.0.0", {}, "x@\\x1b[31m", "it has 1.0.0", id="an escape sequence"),
    ],
)
def test_what_is_not_there_is_told(
    requirement: str, versions: str, tags: dict[str, str], message: str, hint: str
) -> None:
    with pytest.raises(ConfigurationError) as raised:
        choose(requirement, _package(versions, tags))
    expected = Problem("version-not-found", f"the registry has no {message}", "https://npm.example/", hint=hint)
    assert (expected,) == raised.value.problems


def test_a_deprecated_version_is_warned_of() -> None:
    package = _package("1.0.0! 1.1.0")
    warning = deprecation("1.0.0", package)
    assert warning
    assert ("version-deprecated", "use y", True) == (warning.reference, warning.value, warning.warning)
    assert deprecation("1.1.0", package) is None


def test_the_words_of_others_are_no_commands_to_the_terminal() -> None:
    document = {"name": "x", "versions": {"1.0.0": {"deprecated": "\x1b]0;x\x07"}}}
    warning = deprecation("1.0.0", read_document(json.dumps(document).encode(), "x", HOME))
    assert warning
    assert warning.value.isprintable()
