"""Registry signatures: npm's, with keys that are made here."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st

from cdnserve.errors import ConfigurationError
from cdnserve.npm.download import RegistryClient
from cdnserve.npm.package import Packument, read_document
from cdnserve.npm.registry import Registry, http_client, parse_address
from cdnserve.npm.signatures import Keys, check, find_keys, read_keys
from tests.npm.registry import Answer, LocalRegistry, listed_key, settings_for, sha512, signature

HOME = Registry(parse_address("https://npm.example/"), {})
MINE, OTHER = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
INTEGRITY = sha512(b"data")
GOOD = signature(MINE, f"x@1.0.0:{INTEGRITY}")
# The object identifier of P-256, and one next to it that is not assigned.
_P256, _NEXT = bytes.fromhex("2a8648ce3d030107"), bytes.fromhex("2a8648ce3d03017f")
UNKNOWN_CURVE = base64.b64encode(base64.b64decode(listed_key(MINE)["key"]).replace(_P256, _NEXT)).decode()


def _keys(*keys: Mapping[str, Any]) -> Keys:
    return read_keys(json.dumps({"keys": keys}).encode(), HOME)


def _package(*signatures: Mapping[str, Any], time: str = "", others: int = 0, integrity: str = INTEGRITY) -> Packument:
    """Make a package with one version, and others that are signed."""

    def entry(version: str, signed: list[Mapping[str, Any]]) -> dict[str, Any]:
        dist = {"tarball": f"https://npm.example/x/-/x-{version}.tgz", "integrity": integrity, "signatures": signed}
        return {"name": "x", "version": version, "dist": dist}

    versions = {"1.0.0": entry("1.0.0", list(signatures))}
    versions |= {f"2.{n}.0": entry(f"2.{n}.0", [GOOD]) for n in range(others)}
    document = {"name": "x", "versions": versions, "time": {"1.0.0": time}}
    return read_document(json.dumps(document).encode(), "x", HOME)


def _wrong(package: Packument, keys: Keys) -> str:
    with pytest.raises(ConfigurationError) as raised:
        check(package, package.published("1.0.0"), keys)
    (problem,) = raised.value.problems
    return f"{problem.reference}: {problem.message}"


@pytest.mark.parametrize(
    ("package", "keys"),
    [
        pytest.param(_package(GOOD), [listed_key(MINE)], id="one signature, one key"),
        pytest.param(_package(GOOD), [listed_key(OTHER, "other"), listed_key(MINE)], id="several keys"),
        pytest.param(
            _package(signature(OTHER, "", "gone"), GOOD), [listed_key(MINE)], id="one of them by a key that is gone"
        ),
        pytest.param(_package(GOOD), [], id="no keys: nothing to check"),
        pytest.param(_package(), [], id="no keys and no signature"),
        pytest.param(
            _package(GOOD, time="2024-12-31T23:59:59.999Z"),
            [listed_key(MINE, expires="2025-01-01T00:00:00.000Z")],
            id="published before the key expired",
        ),
        pytest.param(_package(GOOD), [listed_key(MINE, expires="2025-01-01T00:00:00.000Z")], id="nobody knows when"),
        pytest.param(
            _package(GOOD, time="2024-12-31T23:59:59"), [listed_key(MINE, expires="2025-01-01T00:00:00")], id="no zone"
        ),
    ],
)
def test_what_is_right_passes(package: Packument, keys: list[Mapping[str, Any]]) -> None:
    assert check(package, package.published("1.0.0"), _keys(*keys)) is None


def test_the_signature_is_over_what_the_registry_wrote() -> None:
    """Also where that holds more than the hash that counts."""
    written = f"sha1-oXyqlgtIRdrvLtRGDw9gFCAy2Ls= {INTEGRITY}"
    package = _package(signature(MINE, f"x@1.0.0:{written}"), integrity=written)
    assert check(package, package.published("1.0.0"), _keys(listed_key(MINE))) is None


@pytest.mark.parametrize(
    ("package", "keys", "expected"),
    [
        pytest.param(
            _package(signature(OTHER, f"x@1.0.0:{INTEGRITY}")), [listed_key(MINE)], "does not fit", id="by another key"
        ),
        pytest.param(
            _package(signature(MINE, f"x@1.0.1:{INTEGRITY}")),
            [listed_key(MINE)],
            "does not fit",
            id="of another version",
        ),
        pytest.param(
            _package(signature(MINE, f"y@1.0.0:{INTEGRITY}")),
            [listed_key(MINE)],
            "does not fit",
            id="of another package",
        ),
        pytest.param(
            _package(signature(MINE, f"x@1.0.0:{sha512(b'other')}")),
            [listed_key(MINE)],
            "does not fit",
            id="of another tarball",
        ),
        pytest.param(_package({"keyid": "mine", "sig": "*"}), [listed_key(MINE)], "does not fit", id="no base64"),
        pytest.param(_package({"keyid": "mine", "sig": ""}), [listed_key(MINE)], "does not fit", id="nothing in it"),
        pytest.param(
            _package(GOOD, signature(OTHER, "", "other")),
            [listed_key(MINE), listed_key(OTHER, "other")],
            "does not fit",
            id="only one of two is right",
        ),
        pytest.param(
            _package(GOOD), [listed_key(OTHER, "other")], "by a key that the registry doesn't list", id="an unknown key"
        ),
        pytest.param(
            _package(GOOD, time="2025-01-01T00:00:00.000Z"),
            [listed_key(MINE, expires="2025-01-01T00:00:00.000Z")],
            "had expired",
            id="published after the key expired",
        ),
        pytest.param(
            _package(GOOD, time="yesterday"),
            [listed_key(MINE, expires="2025-01-01T00:00:00.000Z")],
            "had expired",
            id="published at a time that is none",
        ),
    ],
)
def test_what_is_wrong_is_refused(package: Packument, keys: list[Mapping[str, Any]], expected: str) -> None:
    said = _wrong(package, _keys(*keys))
    assert said.startswith("signature-wrong: x@1.0.0")
    assert expected in said


def test_a_signature_that_was_taken_off_is_refused() -> None:
    assert _wrong(_package(others=1), _keys(listed_key(MINE))).startswith("signature-missing: x@1.0.0")


def test_a_package_that_nobody_signs_is_warned_of() -> None:
    """A proxy passes the keys of another registry on, and has packages of its own."""
    package = _package()
    warning = check(package, package.published("1.0.0"), _keys(listed_key(MINE)))
    assert warning
    assert ("signature-missing", True) == (warning.reference, warning.warning)


def test_keys_of_another_kind_are_left_out() -> None:
    keys = _keys(listed_key(MINE), {**listed_key(OTHER, "other"), "scheme": "ed25519"}, {"keyid": "k", "key": "*"})
    assert ["mine"] == list(keys)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"<html>", id="a page"),
        pytest.param(b"[" * 100_000, id="deeply nested"),
        pytest.param(b"\xff", id="not UTF-8"),
        pytest.param(b"{}", id="no keys"),
        pytest.param(b'{"keys": [{"keyid": 1}]}', id="a key without a key"),
        pytest.param(json.dumps({"keys": [{**listed_key(MINE), "key": "*"}]}).encode(), id="no base64"),
        pytest.param(json.dumps({"keys": [{**listed_key(MINE), "key": "AAAA"}]}).encode(), id="no key in it"),
        pytest.param(
            json.dumps({"keys": [listed_key(ec.generate_private_key(ec.SECP384R1()))]}).encode(), id="another curve"
        ),
        pytest.param(
            json.dumps({"keys": [listed_key(rsa.generate_private_key(65537, 2048))]}).encode(), id="another algorithm"
        ),
        pytest.param(
            json.dumps({"keys": [{**listed_key(MINE), "key": UNKNOWN_CURVE}]}).encode(), id="a curve that nobody knows"
        ),
        pytest.param(
            json.dumps({"keys": [{**listed_key(MINE), "expires": "soon"}]}).encode(), id="it expires at no time"
        ),
    ],
)
def test_keys_that_cannot_be_read_are_refused(data: bytes) -> None:
    with pytest.raises(ConfigurationError) as raised:
        read_keys(data, HOME)
    assert ["registry-answer"] == [problem.reference for problem in raised.value.problems]


@given(st.text(), st.text())
def test_any_key_is_read_or_refused(key: str, expires: str) -> None:
    with pytest.raises(ConfigurationError):
        _keys({"keyid": "k", "scheme": "ecdsa-sha2-nistp256", "key": key, "expires": expires})


@given(st.binary(max_size=80))
def test_no_other_signature_fits(sig: bytes) -> None:
    said = _wrong(_package({"keyid": "mine", "sig": base64.b64encode(sig).decode()}), _keys(listed_key(MINE)))
    assert "does not fit" in said


def _found(tmp_path: Path, registry: LocalRegistry) -> Keys:
    settings = settings_for(tmp_path)
    connections = http_client(settings, {})
    try:
        return find_keys(Registry(parse_address(registry.url), {}), RegistryClient(connections, settings))
    finally:
        connections.close()


def test_the_registry_is_asked_for_its_keys(tmp_path: Path, registry: LocalRegistry) -> None:
    registry.answer("/-/npm/v1/keys", Answer(body=json.dumps({"keys": [listed_key(MINE)]}).encode()))
    assert ["mine"] == list(_found(tmp_path, registry))


@pytest.mark.parametrize("status", [400, 404, 405, 410])
def test_a_registry_without_keys(tmp_path: Path, registry: LocalRegistry, status: int) -> None:
    registry.answer("/-/npm/v1/keys", Answer(status))
    assert {} == dict(_found(tmp_path, registry))


@pytest.mark.parametrize(
    ("answer", "reference"),
    [
        pytest.param(Answer(403), "registry-refused", id="refused"),
        pytest.param(Answer(500), "registry-unreachable", id="an error for ever"),
        pytest.param(Answer(body=b"<html>"), "registry-answer", id="a page"),
        pytest.param(Answer(body=b" " * (2**20 + 1)), "registry-too-large", id="more than anybody's keys"),
    ],
)
def test_keys_that_cannot_be_had_are_no_permission(
    tmp_path: Path, registry: LocalRegistry, answer: Answer, reference: str
) -> None:
    """Else whoever can disturb that one answer could turn the check off."""
    registry.answer("/-/npm/v1/keys", answer)
    with pytest.raises(ConfigurationError) as raised:
        _found(tmp_path, registry)
    assert [reference] == [problem.reference for problem in raised.value.problems]
