"""Packages: npm's names and exact versions."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import nodesemver
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdnserve.rules.semver import (
    LONGEST_RANGE,
    REQUIREMENT,
    ascending,
    best,
    is_exact_version,
    is_package_name,
    is_pin,
    is_range,
    is_requirement,
    newest,
    resolve,
)


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


HOSTED = [
    "0.0.1",
    "0.0.2",
    "0.1.0",
    "0.1.5",
    "0.2.0-beta.1",
    "0.2.0",
    "1.0.0-alpha",
    "1.0.0-alpha.1",
    "1.0.0-rc.1",
    "1.0.0",
    "1.2.3-beta.2",
    "1.2.3-beta.4",
    "1.2.3",
    "1.2.4-beta.2",
    "1.2.4",
    "1.3.0",
    "2.0.0-rc.1",
    "2.0.0",
    "2.1.0",
    "3.6.0",
    "3.7.0-rc",
    "3.7.0",
    "3.7.1",
    "4.0.0-beta.2",
    "10.0.0",
]

# Each as npm's semver gives it.
RANGES = [
    pytest.param("3.7.1", "3.7.1", id="an exact version"),
    pytest.param("v3.7.1", "3.7.1", id="a v before it"),
    pytest.param("=3.7.1", "3.7.1", id="an equals sign before it"),
    pytest.param("3", "3.7.1", id="a major version"),
    pytest.param("3.6", "3.6.0", id="a minor version"),
    pytest.param("3.x", "3.7.1", id="an x range"),
    pytest.param("3.x.x", "3.7.1", id="two x"),
    pytest.param("*", "10.0.0", id="a star"),
    pytest.param("", "10.0.0", id="nothing is any version"),
    pytest.param("^3.6", "3.7.1", id="a caret"),
    pytest.param("^0.1", "0.1.5", id="a caret before 1.0 keeps the minor version"),
    pytest.param("^0.0.1", "0.0.1", id="a caret before 0.1 keeps the patch"),
    pytest.param("~1.2", "1.2.4", id="a tilde"),
    pytest.param("~1", "1.3.0", id="a tilde with a major version alone"),
    pytest.param(">=1.2 <2", "1.3.0", id="two comparators"),
    pytest.param(">= 1.2.3", "10.0.0", id="a space behind the operator"),
    pytest.param("1.0 - 2.0", "2.0.0", id="a hyphen range"),
    pytest.param("1 - 1.2", "1.2.4", id="a hyphen range with partial ends"),
    pytest.param("1.2 || 3.6", "3.6.0", id="alternatives"),
    pytest.param("0.1||0.2", "0.2.0", id="alternatives without spaces"),
    pytest.param("* || 4.0.0-beta.2", "10.0.0", id="an alternative beside a star adds nothing"),
    pytest.param("^1.2.4-beta.1", "1.3.0", id="a caret over a prerelease"),
    pytest.param("1.2.3-beta.4", "1.2.3-beta.4", id="an exact prerelease"),
    pytest.param("~4.0.0-beta.1", "4.0.0-beta.2", id="a prerelease of the same three numbers"),
    pytest.param("4", None, id="a prerelease is no member of its major version"),
    pytest.param("5", None, id="nothing satisfies it"),
    pytest.param(">2.1.0 <3", None, id="nothing between"),
    pytest.param("3.7.1+build", "3.7.1", id="build metadata is ignored"),
]
NO_RANGES = [
    pytest.param("latest", id="a tag"),
    pytest.param("1.2.3.4", id="four numbers"),
    pytest.param("1,2", id="a comma"),
    pytest.param(">>1", id="two operators"),
    pytest.param(">==1.0.0", id="an operator and an equals sign"),
    pytest.param("1 || beta", id="a tag among alternatives"),
    pytest.param("01.2.3", id="a leading zero"),
    pytest.param("١.٢.٣", id="digits of another script"),
    pytest.param("1.2.3\n", id="a line's end"),
    pytest.param(f"1.0.0-{'a' * LONGEST_RANGE}", id="too long"),
    pytest.param("1 " * 13, id="too many comparators"),
    pytest.param("1" + f"{' ' * 10}1" * 10 + "!", id="ten gaps, each of ten blanks"),
    pytest.param("*" + " " * (LONGEST_RANGE - 2) + "!", id="blanks up to the longest range"),
    pytest.param("99999999999999999.0.0", id="a number that is no safe integer"),
]


@pytest.mark.parametrize(("text", "expected"), RANGES)
def test_the_best_version_of_a_range(text: str, expected: str | None) -> None:
    assert is_range(text)
    assert expected == best(text, HOSTED)


@pytest.mark.parametrize("text", NO_RANGES)
def test_what_is_no_range_has_no_best_version(text: str) -> None:
    assert not is_range(text)
    assert best(text, HOSTED) is None


def test_npm_says_the_same() -> None:
    """The table is npm's own: asked of the `semver` that npm brings."""
    npm = shutil.which("npm")
    if not npm or not shutil.which("node"):
        pytest.skip("npm is not installed")
    root = subprocess.run([npm, "root", "--global"], capture_output=True, text=True, check=True).stdout.strip()
    semver = Path(root, "npm/node_modules/semver")
    if not semver.is_dir():
        pytest.skip("this npm keeps its semver elsewhere")
    script = (
        "const s = require(process.argv[1]), i = JSON.parse(require('fs').readFileSync(0));"
        "console.log(JSON.stringify(i.ranges.map(r => s.maxSatisfying(i.hosted, r))))"
    )
    ranges = [str(row.values[0]) for row in RANGES]
    said = subprocess.run(
        ["node", "-e", script, str(semver)],
        input=json.dumps({"ranges": ranges, "hosted": HOSTED}),
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(said.stdout) == [best(text, HOSTED) for text in ranges]


_NUMBERS = st.tuples(*[st.sampled_from([0, 0, 1, 2, 10])] * 3).map(lambda three: ".".join(map(str, three)))
_VERSIONS = st.tuples(_NUMBERS, st.sampled_from(["", "", "-rc.1"])).map("".join)


@given(st.sampled_from("~^"), _NUMBERS, st.lists(_VERSIONS, max_size=8))
def test_plain_ranges_are_read_as_all_others(operator: str, least: str, versions: list[str]) -> None:
    wanted: str | None = nodesemver.max_satisfying(list(versions), operator + least, loose=False)
    assert wanted == best(operator + least, versions)


def test_order_is_by_precedence() -> None:
    """Semantic Versioning 2.0.0 §11.4 gives this very row."""
    row = [
        "1.0.0-alpha",
        "1.0.0-alpha.1",
        "1.0.0-alpha.beta",
        "1.0.0-beta",
        "1.0.0-beta.2",
        "1.0.0-beta.11",
        "1.0.0-rc.1",
        "1.0.0",
    ]
    assert row == ascending(reversed(row))


def test_the_newest_is_a_prerelease_only_where_there_is_nothing_else() -> None:
    assert newest(HOSTED) == "10.0.0"
    assert newest(["2.0.0-beta.1", "2.0.0-beta.2"]) == "2.0.0-beta.2"
    assert newest([]) is None


@given(st.text(alphabet="0123xX*.-+^~<>=| vab", max_size=40))
def test_any_text_gives_a_hosted_version_or_none(text: str) -> None:
    assert best(text, HOSTED) in {None, *HOSTED}


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


@pytest.mark.parametrize(
    ("requirement", "expected"),
    [
        pytest.param("^1", "1.10.0", id="a range"),
        pytest.param("1.9.0", "1.9.0", id="an exact version"),
        pytest.param("1.9.1", None, id="an exact version that is not there"),
        pytest.param("^2", None, id="a prerelease is not meant"),
        pytest.param("^2.0.0-rc.0", "2.0.0-rc.1", id="a prerelease is meant"),
        pytest.param("=1.9.0", "1.9.0", id="an exact version as a range"),
    ],
)
def test_what_a_requirement_stands_for(requirement: str, expected: str | None) -> None:
    assert expected == resolve(requirement, ["1.9.0", "1.10.0", "2.0.0-rc.1"])
