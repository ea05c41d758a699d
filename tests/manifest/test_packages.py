"""Packages: npm's names and exact versions."""

from __future__ import annotations

import pytest

from cdnserve.manifest.packages import is_exact_version, is_package_name, is_pin


@pytest.mark.parametrize(
    "name",
    ["jquery", "@fontsource/inter", "lodash.merge", "JSONStream", "a_b", "-", "3d-view", "@1/2", "@~a/b~c", "x" * 214],
)
def test_is_a_name(name: str) -> None:
    assert is_package_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "", ".", "..", "../x", ".hidden", "_private", "a/b", "@a", "@a/", "@/b", "@a/b/c", "@A/b", "@a/.b", "@a/../b",
        "a b", "a\n", "a%2fb", "a\\b", "ä", "a@1", "a:b", "a?", "a#", "!a", "node_modules", "Favicon.ico", "x" * 215,
    ],
)  # fmt: skip
def test_is_no_name(name: str) -> None:
    assert not is_package_name(name)


@pytest.mark.parametrize(
    "version",
    [
        "0.0.0",
        "3.7.1",
        "10.20.30",
        "1.0.0-alpha",
        "1.0.0-alpha.1",
        "1.0.0-0.3.7",
        "1.0.0-x-y-z.--",
        "1.0.0-0a",
        "1.0.0-rc.10",
    ],
)
def test_is_an_exact_version(version: str) -> None:
    assert is_exact_version(version)


@pytest.mark.parametrize(
    "version",
    [
        "", "3", "3.7", "3.7.x", "*", "latest", "^3.7.1", "~3.7.1", ">=1.0.0", "=1.0.0", "v1.0.0", "1.0.0 || 2.0.0",
        " 1.0.0", "01.0.0", "1.0.0-", "1.0.0-01", "1.0.0-a..b", "1.0.0-a_b", "1.0.0+build", "1.0.0/..", "1.0.0\n",
        "٣.0.0", "99999999999999999.0.0", "1.0.0-" + "a" * 256,
    ],
)  # fmt: skip
def test_is_no_exact_version(version: str) -> None:
    assert not is_exact_version(version)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("jquery@3.7.1", True),
        ("@a/b@1.0.0-rc.1", True),
        ("jquery", False),
        ("@a/b", False),
        ("@1.0.0", False),
        ("a@b@1.0.0", False),
    ],
)
def test_a_pin(text: str, expected: bool) -> None:
    assert expected is is_pin(text)
