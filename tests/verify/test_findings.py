"""Findings: each id has its sentence, its section in the guide, and a sin that leads to it."""

from __future__ import annotations

import re
from pathlib import Path

from cdnserve.verify.findings import SENTENCES, EdgeFinding, Findings

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "verify.md").read_text(encoding="utf-8")


def test_every_id_has_a_section_in_the_guide() -> None:
    assert list(SENTENCES) == re.findall(r"^### ([a-z0-9-]+)$", GUIDE, re.MULTILINE)


def test_every_section_says_what_to_do() -> None:
    sections = re.split(r"^### ", GUIDE, flags=re.MULTILINE)[1:]
    assert [] == [section.partition("\n")[0] for section in sections if "*What to do.*" not in section]


def test_every_id_is_in_kebab_case() -> None:
    assert [] == [name for name in SENTENCES if not re.fullmatch(r"[a-z]+[a-z0-9]*(?:-[a-z0-9]+)*", name)]


def test_every_id_is_tested() -> None:
    tests = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.rglob("test_*.py"))
    assert [] == [name for name in SENTENCES if f'"{name}"' not in tests]


def test_kinds_come_in_the_order_of_gravity_whatever_came_first() -> None:
    findings = Findings()
    findings.add(
        [
            EdgeFinding("cookie-set", "b", "GET"),
            EdgeFinding("no-answer", "a", "GET"),
            EdgeFinding("cookie-set", "b", "HEAD"),
        ]
    )
    findings.add([EdgeFinding("cookie-set", "a", "GET")])
    first, second = findings.groups()
    assert ("no-answer", 1, 1) == (first.reference, first.answers, first.paths)
    assert ("cookie-set", 3, 2, ["b", "a"]) == (
        second.reference,
        second.answers,
        second.paths,
        [example.path for example in second.examples],
    )
    assert SENTENCES["cookie-set"] == second.says == second.examples[0].says


def test_nothing_found_is_no_kind() -> None:
    assert () == Findings().groups()
