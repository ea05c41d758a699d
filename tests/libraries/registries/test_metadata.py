"""What the registry says of a package, and of each of its versions."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdnserve.errors import ConfigurationError
from cdnserve.libraries import Spec
from cdnserve.libraries.registries.address import parse_address
from cdnserve.libraries.registries.client import Client
from cdnserve.libraries.registries.connections import http_client
from cdnserve.libraries.registries.documents import refused
from cdnserve.libraries.registries.metadata import Package, Published, Signature, find_package, read_document
from cdnserve.libraries.registries.registry import Registry
from tests.libraries.registry import Answer, LocalRegistry, settings_for, sha512

SPEC = Spec("x", "1.0.0")
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


def _read(data: bytes) -> Package:
    return read_document(data, "x", HOME)


def _published(data: bytes) -> Published:
    return _read(data).published("1.0.0")


def _find(tmp_path: Path, registry: LocalRegistry, answer: Answer, limit: int = 10_000) -> Package:
    registry.answer("/x", answer)
    settings = settings_for(tmp_path)
    connections = http_client(settings, {})
    try:
        client = Client(connections, settings)
        return find_package("x", Registry(parse_address(registry.url), {}), client, limit)
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
