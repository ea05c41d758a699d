"""The ids of problems: each is written out where it is told, and explained in `docs/errors.md`."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
DOCUMENT = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")


def told() -> Iterator[tuple[ast.expr | None, str]]:
    """Yield the first argument of each `Problem(…)` in the package, and where it stands."""
    for path in sorted((ROOT / "cdnserve").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Problem":
                yield (node.args[0] if node.args else None), f"{path.relative_to(ROOT)}:{node.lineno}"


def ids() -> set[str]:
    return {str(argument.value) for argument, _ in told() if isinstance(argument, ast.Constant)}


def test_every_id_is_written_out_where_it_is_told() -> None:
    assert [] == [place for argument, place in told() if not isinstance(argument, ast.Constant)]
    assert {"key-unknown", "immutable-changed", "integrity-mismatch"} <= ids()


def test_every_id_has_a_heading_and_no_heading_is_left_over() -> None:
    assert ids() == set(re.findall(r"^## ([a-z0-9-]+)$", DOCUMENT, re.MULTILINE))


def test_every_id_is_in_kebab_case() -> None:
    assert [] == [name for name in ids() if not re.fullmatch(r"[a-z0-9]+(?:-[a-z0-9]+)*", name)]


def test_every_heading_says_what_to_do() -> None:
    sections = re.split(r"^## ", DOCUMENT, flags=re.MULTILINE)[1:]
    assert [] == [section.partition("\n")[0] for section in sections if "*What to do.*" not in section]


def test_the_index_links_every_heading_in_its_group() -> None:
    index, *groups = re.split(r"^\*\*([^*\n]+)\*\*$", DOCUMENT, flags=re.MULTILINE)
    rows = [row.strip("| ").split(" | ") for row in index.splitlines() if row.startswith("| ") and "](" in row]
    linked = [(name, re.findall(r"\[([a-z0-9-]+)\]\(#\1\)", links)) for name, links in rows]
    headings = [re.findall(r"^## (.+)$", text, re.MULTILINE) for text in groups[1::2]]
    assert list(zip(groups[::2], headings, strict=True)) == linked
