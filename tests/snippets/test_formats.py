"""Formats: what all of them hold to."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdnserve.snippets import DEFAULT_FORMAT, FORMATS, Subject
from tests.snippets.subjects import ALL, KINDS, SITE, alias, subject

SUBJECTS = [subject(kind, f"{SITE}/a/{kind or 'other'}") for kind in KINDS]


def test_the_formats_of_the_command_line() -> None:
    assert ["html", "json", "importmap", "csp", "hash"] == list(FORMATS)
    assert DEFAULT_FORMAT in FORMATS


def test_the_table_does_not_change() -> None:
    with pytest.raises(TypeError):
        FORMATS["html"] = FORMATS["json"]  # type: ignore[index]


@pytest.mark.parametrize("name", FORMATS)
def test_algorithm_names_are_in_lower_case(name: str) -> None:
    """Chromium loads a script unchecked when it reads `SHA384-`."""
    text = FORMATS[name](SUBJECTS, ALL)
    assert "sha384-" in text
    assert "SHA" not in text.replace("a/", "")


@pytest.mark.parametrize("name", FORMATS)
def test_no_format_gives_an_alias_integrity(name: str) -> None:
    aliases = [alias(kind) for kind in KINDS]
    assert "sha384-" not in FORMATS[name](aliases, ALL)
    assert "sha384-" in FORMATS[name](SUBJECTS, ALL)


@pytest.mark.parametrize("name", FORMATS)
def test_no_format_ends_with_a_newline(name: str) -> None:
    assert not FORMATS[name](SUBJECTS, ALL).endswith("\n")


@given(st.lists(st.sampled_from(SUBJECTS), max_size=5), st.sampled_from(list(FORMATS)))
def test_the_same_subjects_give_the_same_text(subjects: list[Subject], name: str) -> None:
    assert FORMATS[name](subjects, ALL) == FORMATS[name](tuple(subjects), ALL)


def test_the_text_does_not_depend_on_hash_seeds() -> None:
    code = (
        "from cdnserve.snippets import FORMATS, Options, of_response as of\n"
        "subjects = [of(f'https://h.example/{n}', b'x') for n in ('a.js', 'b.mjs', 'c.css', 'npm/d@1/e.js')]\n"
        "print([write(subjects, Options(('sha512', 'sha256'))) for write in FORMATS.values()])"
    )
    runs = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, check=True, env={"PYTHONHASHSEED": seed}
        ).stdout
        for seed in ("1", "2")
    }
    assert 1 == len(runs)
