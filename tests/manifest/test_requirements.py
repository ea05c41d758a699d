"""Requirements: exact versions and ranges, and the hosted versions that they stand for."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdnserve.manifest.lock import Lock, LockedLibrary
from cdnserve.manifest.model import Library, Manifest, Site
from cdnserve.manifest.requirements import (
    REQUIREMENT,
    hosted,
    hosted_names,
    is_requirement,
    resolve,
    unresolved,
)

ENTRY = LockedLibrary("sha512-" + "A" * 86 + "==")
PINS = ("x@1.10.0", "x@1.9.0", "@s/x@3.0.0", "x@2.0.0-rc.1", "x-y@1.0.0")
LOCK = Lock(dict.fromkeys(PINS, ENTRY))


@pytest.mark.parametrize(
    "text",
    [
        "3.7.1",
        "1.0.0-rc.1",
        "^3.6",
        "~3.6.0",
        "3",
        "3.x",
        "*",
        "x",
        ">=1.2 <2",
        "1 - 2",
        "1 || 2",
        "|| 1",
        "=1.0.0",
        "v1",
    ],
)
def test_is_a_requirement(text: str) -> None:
    assert is_requirement(text)
    assert re.fullmatch(REQUIREMENT, text)


@pytest.mark.parametrize(
    "text", ["", " ", "||", "latest", "next", "1.0.0/..", "npm:x@1", "^3.6\x1b", "^", "file:x", "9" * 200, "1.٠.0"]
)
def test_is_no_requirement(text: str) -> None:
    assert not is_requirement(text)


@given(st.text(" 0123456789.xX*^~<>=|v-abc+", max_size=20))
def test_editors_refuse_nothing_that_is_one(text: str) -> None:
    assert is_requirement(text) <= bool(re.fullmatch(REQUIREMENT, text))


def test_hosted_versions_are_those_of_the_lock_by_precedence() -> None:
    assert ["1.9.0", "1.10.0", "2.0.0-rc.1"] == hosted(LOCK, "x")
    assert (["3.0.0"], []) == (hosted(LOCK, "@s/x"), hosted(LOCK, "y"))
    assert ["@s/x", "x", "x-y"] == hosted_names(LOCK)


@pytest.mark.parametrize(
    ("requirement", "expected"),
    [
        pytest.param("^1", "1.10.0", id="a range"),
        pytest.param("1.9.0", "1.9.0", id="an exact version"),
        pytest.param("1.9.1", None, id="an exact version that is not hosted"),
        pytest.param("^2", None, id="a prerelease is not meant"),
        pytest.param("^2.0.0-rc.0", "2.0.0-rc.1", id="a prerelease is meant"),
        pytest.param("=1.9.0", "1.9.0", id="an exact version as a range"),
    ],
)
def test_what_a_requirement_stands_for(requirement: str, expected: str | None) -> None:
    assert expected == resolve(requirement, hosted(LOCK, "x"))


def test_what_nothing_hosted_satisfies() -> None:
    x, y = Library("x", ("^1", "^3", "2.0.0")), Library("y", ("1.0.0",))
    manifest = Manifest(Site(), (), (x, y))
    assert [(x, "^3"), (x, "2.0.0"), (y, "1.0.0")] == list(unresolved(manifest, LOCK))


def test_exact_versions_need_nothing_of_npm() -> None:
    """Its ranges take longer to load than all the rest of a manifest."""
    code = (
        "import sys\n"
        "from cdnserve.manifest.reader import parse_manifest\n"
        "parse_manifest('schema = 1\\n[libraries]\\nx = \"1.0.0\"')\n"
        "print('nodesemver' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "False\n" == done.stdout
