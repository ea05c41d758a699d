"""Subjects: names on one line, media types without parameters."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.snippets.subjects import subject


@given(st.text())
def test_a_label_is_one_printable_line(name: str) -> None:
    label = replace(subject(), name=name).label
    assert label.isprintable()
    assert not name.isprintable() or name == label


def test_a_label_shows_octets_that_are_no_text() -> None:
    assert "a\\udcff.js" == replace(subject(), name="a\udcff.js").label


def test_essence_has_no_parameters() -> None:
    assert "text/javascript" == subject("script").essence


def test_a_subject_does_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        subject().url = "https://evil.example/"  # type: ignore[misc]
