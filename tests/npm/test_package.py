"""What the registry says of a package, and of each of its versions."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.npm.download import RegistryClient
from cdnserve.npm.package import (
    Packument,
    Published,
    Signature,
    choose,
    deprecation,
    find_package,
    read_document,
    refused,
)
from cdnserve.npm.registry import Registry, http_client, parse_address
from cdnserve.npm.spec import PinnedPackage
from tests.npm.registry import Answer, LocalRegistry, settings_for, sha512

SPEC = PinnedPackage("x", "1.0.0")
HOME = Registry(parse_address("https://npm.example/"), {})
INTEGRITY = sha512(b"data")
TARBALL = "https://npm.example/x/-/x-1.0.0.tgz"


def _document(**changes: Any) -> bytes:
    dist = {"tarball": TARBALL, "integrity": INTEGRITY}
    dist |= {key: value for key, value in changes.items() if key in dist}
    entry = {"name": "x", "version": "1.0.0", "dist": dist, "dependencies": {"y": "*"}} | changes.get("entry", {})
    return json.dumps(
        {"name": "x", "versions": {"1.0.0": entry}, "dist-tags": {}} | changes.get("document", {})
    ).encode()


def _read(data: bytes) -> Packument:
    return read_document(data, "x", HOME)


def _published(data: bytes) -> Published:
    return _read(data).published("1.0.0")


def _find(tmp_path: Path, registry: LocalRegistry, answer: Answer, limit: int = 10_000, name: str = "x") -> Packument:
    registry.answer(f"/{name.replace('/', '%2F')}", answer)
    settings = settings_for(tmp_path)
    connections = http_client(settings, {})
    try:
        client = RegistryClient(connections, settings)
        asked = Registry(parse_address(registry.url), {})
        return find_package(name, asked, client, limit, known=["@acme/design"])
    finally:
        connections.close()


def _reference(find: Callable[[], object]) -> str:
    with pytest.raises(ConfigurationError) as raised:
        find()
    (problem,) = raised.value.problems
    assert str(problem).isascii() or "…" in str(problem)
    return problem.reference


def test_a_version_is_found() -> None:
    expected = Published(SPEC, HOME, (parse_address(TARBALL),), INTEGRITY, INTEGRITY)
    assert expected == _published(_document())


def test_tags_and_versions_are_found() -> None:
    """What is no exact version is left out: nobody can ask for it."""
    versions: dict[str, object] = {
        "2.0.0-rc.1": {},
        "1.0.0": {},
        "1.0": {},
        "v1.0.1": {},
        "1.0.2+build": {},
        "../1.0.0": {},
    }
    package = _read(_document(document={"versions": versions, "dist-tags": {"latest": "1.0.0", "next": "2.0.0-rc.1"}}))
    assert ("2.0.0-rc.1", "1.0.0") == package.versions
    assert {"latest": "1.0.0", "next": "2.0.0-rc.1"} == package.tags


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        pytest.param({"deprecated": "use y"}, "use y", id="with a reason"),
        pytest.param({"deprecated": True}, "deprecated", id="without a reason"),
        pytest.param({"deprecated": False}, "", id="no longer"),
        pytest.param({"deprecated": ""}, "", id="an empty reason"),
        pytest.param({"deprecated": {"why": 1}}, "", id="something else"),
        pytest.param({}, "", id="not at all"),
    ],
)
def test_deprecated(entry: dict[str, object], expected: str) -> None:
    assert expected == _read(_document(entry=entry)).deprecated("1.0.0")


@pytest.mark.parametrize(
    ("dist", "expected"),
    [
        pytest.param({"unpackedSize": 1234}, 1234, id="a size"),
        pytest.param({"unpackedSize": 0}, 0, id="nothing"),
        pytest.param({"unpackedSize": -1}, None, id="less than nothing"),
        pytest.param({"unpackedSize": 1.5}, None, id="a fraction"),
        pytest.param({"unpackedSize": True}, None, id="no number"),
        pytest.param({}, None, id="not said"),
        pytest.param("nonsense", None, id="nonsense"),
    ],
)
def test_the_unpacked_size(dist: object, expected: int | None) -> None:
    assert expected == _read(_document(entry={"dist": dist})).unpacked_size("1.0.0")


def test_nothing_is_said_of_a_version_that_is_not_there() -> None:
    package = _read(_document())
    assert "version-not-found" == _reference(lambda: package.deprecated("1.0.1"))
    assert "version-not-found" == _reference(lambda: package.unpacked_size("1.0.1"))


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        pytest.param({"1.0.0": "2024-01-01T00:00:00.000Z"}, "2024-01-01T00:00:00.000Z", id="a time"),
        pytest.param({"modified": "2024-01-01T00:00:00.000Z"}, "", id="another time"),
        pytest.param({"1.0.0": 5}, "", id="a number"),
        pytest.param([], "", id="nonsense"),
    ],
)
def test_the_time_of_publication(time: object, expected: str) -> None:
    assert expected == _published(_document(document={"time": time})).time


def test_signatures_are_found() -> None:
    said = {"tarball": TARBALL, "integrity": INTEGRITY, "signatures": [{"keyid": "k", "sig": "c2ln", "more": 1}]}
    package = _read(_document(entry={"dist": said}))
    assert (Signature("k", "c2ln"),) == package.published("1.0.0").signatures
    assert package.is_signed
    assert not _read(_document()).is_signed


@pytest.mark.parametrize(
    ("integrity", "expected"),
    [
        pytest.param(INTEGRITY, INTEGRITY, id="one"),
        pytest.param(f"sha1-oXyqlgtIRdrvLtRGDw9gFCAy2Ls= {INTEGRITY}", INTEGRITY, id="the strongest"),
        pytest.param("sha1-oXyqlgtIRdrvLtRGDw9gFCAy2Ls=", "", id="only one that is too weak"),
        pytest.param("md5-x", "", id="only one that nobody knows"),
        pytest.param("", "", id="an empty one"),
        pytest.param(None, "", id="none"),
    ],
)
def test_only_the_strongest_integrity_counts(integrity: str | None, expected: str) -> None:
    assert expected == _published(_document(integrity=integrity)).integrity


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"<html>Please log in</html>", id="a page"),
        pytest.param(_document()[:-5], id="cut short"),
        pytest.param(b"[" * 100_000, id="deeply nested"),
        pytest.param(b'{"name":"x","versions":' + b'{"a":' * 100_000, id="deeply nested inside"),
        pytest.param(b"\xff\xfe{}", id="not UTF-8"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b"{}", id="nothing in it"),
        pytest.param(_document(document={"name": "y"}), id="another package"),
        pytest.param(_document(document={"versions": []}), id="versions in a list"),
        pytest.param(_document(document={"dist-tags": {"latest": 1}}), id="a tag that is a number"),
        pytest.param(_document(document={"dist-tags": []}), id="tags in a list"),
        pytest.param(_document(document={"versions": {"1.0.0": None}}), id="a version that is null"),
        pytest.param(_document(entry={"name": "y"}), id="a version of another package"),
        pytest.param(_document(entry={"version": "1.0.1"}), id="another version"),
        pytest.param(_document(entry={"dist": {}}), id="no tarball"),
        pytest.param(
            _document(entry={"dist": {"tarball": TARBALL, "signatures": [{"keyid": 1}]}}), id="a signature of nothing"
        ),
        pytest.param(_document(integrity=7), id="an integrity that is a number"),
        pytest.param(_document(tarball=None), id="a tarball that is null"),
        pytest.param(_document(tarball="file:///etc/passwd"), id="a tarball in a file"),
        pytest.param(_document(tarball="gopher://npm.example/x"), id="a tarball by another scheme"),
        pytest.param(_document(tarball="https://u:p@npm.example/x"), id="a tarball with a password"),
        pytest.param(_document(tarball="https://npm.example/\x1b[2J"), id="a tarball with an escape sequence"),
    ],
)
def test_nonsense_is_refused(data: bytes) -> None:
    assert "registry-answer" == _reference(lambda: _published(data))


@pytest.mark.parametrize(
    ("versions", "hint"),
    [
        pytest.param(["1.0.1", "1.2.0", "2.0.0"], "it has 1.0.1, 1.2.0", id="the same major version"),
        pytest.param(["2.0.0", "3.0.0"], "it has 2.0.0, 3.0.0", id="others"),
        pytest.param([f"1.{n}.0" for n in range(1, 9)], "it has 1.4.0, 1.5.0, 1.6.0, 1.7.0, 1.8.0", id="the last few"),
        pytest.param(["1.10.0", "1.9.0"], "it has 1.9.0, 1.10.0", id="in their order"),
        pytest.param(["1.\x1b[31m"], "", id="an escape sequence is none"),
        pytest.param([], "", id="none at all"),
    ],
)
def test_an_absent_version_has_a_hint(versions: list[str], hint: str) -> None:
    data = _document(document={"versions": {version: {} for version in versions}})
    with pytest.raises(ConfigurationError) as raised:
        _published(data)
    (problem,) = raised.value.problems
    assert ("version-not-found", hint) == (problem.reference, problem.hint)


@pytest.mark.parametrize(
    ("url", "status", "reference", "hint"),
    [
        pytest.param("https://npm.example/", 404, "library-not-found", "check the name", id="absent"),
        pytest.param("https://npm.example/", 410, "library-not-found", "check the name", id="gone"),
        pytest.param("https://npm.example/r/", 401, "registry-refused", "//npm.example/r/:_authToken", id="no token"),
        pytest.param("http://npm.example/", 403, "registry-refused", "not reached by https", id="a token withheld"),
        pytest.param("https://npm.example/", 400, "registry-answer", "", id="something else"),
    ],
)
def test_a_refusal_is_explained(url: str, status: int, reference: str, hint: str) -> None:
    registry = Registry(parse_address(url), {"//npm.example/:_authToken": "secret"})
    (problem,) = refused(SPEC, registry, status).problems
    assert reference == problem.reference
    assert hint in problem.hint
    assert "secret" not in str(problem)


@pytest.mark.parametrize(
    ("name", "status", "hint"),
    [
        pytest.param("bootstrp", 404, "did you mean bootstrap?", id="nearly a package for browsers"),
        pytest.param("chartjs", 404, "did you mean chart.js?", id="without its dot"),
        pytest.param(
            "@shoelace-style/sholace", 404, "did you mean @shoelace-style/shoelace?", id="one of cdnjs's none"
        ),
        pytest.param("@acme/desing", 404, "did you mean @acme/design?", id="nearly a hosted one"),
        pytest.param("jquery", 404, "check the name", id="a right name at the wrong registry"),
        pytest.param("something-else", 404, "check the name", id="like nothing"),
        pytest.param("bootstrp", 403, "configure a token", id="a refusal is none of the name"),
        pytest.param("@fontsource/Inter", 403, "did you mean @fontsource/inter?", id="capitals, refused"),
        pytest.param("@fontsource/Inter", 405, "did you mean @fontsource/inter?", id="capitals, not allowed"),
        pytest.param("@fontsource/Inter", 404, "did you mean @fontsource/inter?", id="capitals, absent"),
    ],
)
def test_a_slip_of_a_name_is_told(tmp_path: Path, registry: LocalRegistry, name: str, status: int, hint: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        _find(tmp_path, registry, Answer(status), name=name)
    (problem,) = raised.value.problems
    assert hint in problem.hint


def test_the_registry_is_asked_as_npm_does(tmp_path: Path, registry: LocalRegistry) -> None:
    _find(tmp_path, registry, Answer(body=_document()))
    (asked,) = registry.asked
    assert asked.fields["accept"].startswith("application/vnd.npm.install-v1+json")
    assert "gzip" in asked.fields["accept-encoding"]


def test_a_document_with_the_gzip_content_coding_is_read(tmp_path: Path, registry: LocalRegistry) -> None:
    answer = Answer(body=gzip.compress(_document()), fields={"Content-Encoding": "gzip"})
    assert ("1.0.0",) == _find(tmp_path, registry, answer).versions


@pytest.mark.parametrize(
    ("answer", "reference"),
    [
        pytest.param(Answer(404), "library-not-found", id="absent"),
        pytest.param(Answer(401), "registry-refused", id="no token"),
        pytest.param(Answer(500), "registry-unreachable", id="an error for ever"),
        pytest.param(Answer(body=b" " * 10_001), "registry-too-large", id="a huge document"),
        pytest.param(
            Answer(body=gzip.compress(b" " * 10_001), fields={"Content-Encoding": "gzip"}),
            "registry-too-large",
            id="a huge document in gzip",
        ),
        pytest.param(Answer(body=b"x", fields={"Content-Encoding": "gzip"}), "registry-answer", id="gzip that is none"),
        pytest.param(
            Answer(body=b"x", fields={"Content-Encoding": "br"}), "registry-answer", id="a coding not asked for"
        ),
    ],
)
def test_bad_answers(tmp_path: Path, registry: LocalRegistry, answer: Answer, reference: str) -> None:
    assert reference == _reference(lambda: _find(tmp_path, registry, answer))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "versions", "dist"]), inner),
    max_leaves=8,
)


@given(JSON, JSON)
def test_any_document_is_read_or_refused(document: object, entry: object) -> None:
    for data in (document, {"name": "x", "versions": {"1.0.0": entry}}):
        with pytest.raises(ConfigurationError):
            _published(json.dumps(data).encode())


HOME_CHOOSING = Registry(parse_address("https://npm.example/"), {})


def _package(versions: str, tags: Mapping[str, str] | None = None) -> Packument:
    """Make a package; a version with a `!` is deprecated."""
    entries = {one.rstrip("!"): {"deprecated": "use y"} if one.endswith("!") else {} for one in versions.split()}
    document = {"name": "x", "versions": entries, "dist-tags": tags or {}}
    return read_document(json.dumps(document).encode(), "x", HOME_CHOOSING)


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
    warning = deprecation("1.0.0", read_document(json.dumps(document).encode(), "x", HOME_CHOOSING))
    assert warning
    assert warning.value.isprintable()
