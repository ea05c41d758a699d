"""Notes: a word of why, for every kind that browsers do not check."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cdnserve.snippets import Kind, notes
from cdnserve.snippets.notes import ALIAS
from tests.snippets.subjects import DEFAULT, KINDS, alias, hashes, subject


@pytest.mark.parametrize("kind", ["script", "module", "style"])
def test_what_every_browser_checks_needs_no_note(kind: Kind) -> None:
    assert () == notes(subject(kind), DEFAULT)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("script", "module", "style")])
def test_everything_else_has_one(kind: Kind) -> None:
    assert 1 == len(notes(subject(kind), DEFAULT))


@pytest.mark.parametrize("kind", ["json", ""])
def test_what_no_element_checks_says_how_a_script_does(kind: Kind) -> None:
    found = subject(kind, "https://cdn.example.com/a.wasm")
    call = f'fetch("https://cdn.example.com/a.wasm", {{ integrity: "{hashes(found)[0]}" }})'
    assert call in notes(found, DEFAULT)[0]


@pytest.mark.parametrize("kind", KINDS)
def test_an_alias_says_why_it_has_no_integrity_and_nothing_of_what_would_check_it(kind: Kind) -> None:
    assert (ALIAS,) == notes(alias(kind), DEFAULT)


def test_remarks_come_last() -> None:
    assert "moved" == notes(replace(subject("image"), remarks=("moved",)), DEFAULT)[-1]
