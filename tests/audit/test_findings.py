"""The rules: each is documented, under the id that people write down."""

from __future__ import annotations

import re
from pathlib import Path

from cdnserve.audit.findings import LEVELS, RULES

DOCUMENT = Path(__file__).parents[2] / "docs/audit.md"


def test_each_rule_has_a_section_with_its_level() -> None:
    """In the same order, and none is left over."""
    sections = re.findall(r"^### (.+)\n\n\*(.+?)\.\*", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    assert [(name, rule.level) for name, rule in RULES.items()] == [(name, level.lower()) for name, level in sections]


def test_ids_are_kebab_case() -> None:
    assert [] == [name for name in RULES if not re.fullmatch(r"[a-z]+(-[a-z]+)*", name)]


def test_levels_are_those_of_sarif() -> None:
    assert {"error", "warning", "note"} == set(LEVELS) == {rule.level for rule in RULES.values()}
