"""The document of the manifest: its examples are read, and no key and no refusal is left out."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from cdnserve.manifest import keys
from cdnserve.manifest.keys import CACHE, CORS, LIBRARY, PUBLISH, SITE, KeySpec
from tests.manifest.told import problems_of, told

ROOT = Path(__file__).parents[3]
DOCUMENT = (ROOT / "docs" / "manifest.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"(<!-- refused -->\n)?```toml\n(.*?)```", DOCUMENT, re.DOTALL)


@pytest.mark.parametrize("example", [text for refused, text in EXAMPLES if not refused])
def test_an_example_is_a_good_manifest(example: str) -> None:
    assert () == problems_of(example)


@pytest.mark.parametrize("example", [text for refused, text in EXAMPLES if refused])
def test_a_bad_example_is_refused_line_by_line_as_it_says(example: str) -> None:
    lines = enumerate(example.splitlines(), 1)
    assert [(line.rpartition("# ")[2], number) for number, line in lines if " # " in line] == told(example)


def section(title: str) -> str:
    return DOCUMENT.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


ROWS = [
    pytest.param(title, key, id=f"{title}: {key.name}")
    for title, table in [
        ("Rules", PUBLISH),
        ("CORS policies", CORS),
        ("Cache policies", CACHE),
        ("Libraries", LIBRARY),
        ("The site", SITE),
    ]
    for key in table
]


@pytest.mark.parametrize(("title", "key"), ROWS)
def test_every_key_has_a_row_with_its_default(title: str, key: KeySpec) -> None:
    (row,) = re.findall(rf"^\| `{key.name}` \|(.*)\|$", section(title), re.MULTILINE)
    default = row.rpartition(" | ")[2]
    if key.required:
        assert "must be written" == default.strip()
    if isinstance(key.default, bool):
        assert f"`{str(key.default).lower()}`" == default.strip()
    if isinstance(key.default, tuple) and key.name != "files":
        written = ", ".join(f'"{value}"' for value in key.default)
        assert default.startswith(f"`[{written}]`")
    if isinstance(key.default, str) and key.default:
        assert f'`"{key.default}"`' == default.strip()


def test_no_row_tells_of_a_key_that_is_not_there() -> None:
    known = {key.name for table in (PUBLISH, CORS, CACHE, LIBRARY, SITE) for key in table}
    rows = re.findall(r"^\| `([a-z-]+)` \|", DOCUMENT, re.MULTILINE)
    assert known == set(rows)


def test_the_limits_are_those_of_the_reader() -> None:
    assert f"0 to {keys.LONGEST_AGE}" in section("CORS policies")
    assert f"0 to {keys.LONGEST_AGE}" in section("Cache policies")


def references() -> set[str]:
    """Collect the id of every problem that a manifest or lock can have: not those of an edit or of a store's CORS."""
    found = set()
    package = ROOT / "cdnserve"
    for path in (package / "rules/globs.py", *(package / "manifest").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Problem":
                assert isinstance(node.args[0], ast.Constant)
                assert isinstance(node.args[0].value, str)
                found.add(node.args[0].value)
    # What no file is there for is told by the build, which knows the files.
    found |= {"rule-matches-nothing", "site-logo-absent"}
    return {name for name in found - {"manifest-edit"} if not name.startswith("store-cors-")}


def test_every_refusal_is_listed_once_and_no_other() -> None:
    listed = re.findall(r"\[([a-z0-9-]+)\]\(errors\.md#([a-z0-9-]+)\)", section("What is refused"))
    assert all(name == anchor for name, anchor in listed)
    assert sorted(references()) == sorted(name for name, _ in listed)
