"""The README and docs/: what they show is what happens."""

from __future__ import annotations

import re
import shutil
import tomllib
from pathlib import Path

import pytest

from cdnserve.cli.main import COMMANDS
from cdnserve.manifest.reader import parse_manifest
from tests.cli.processes import run_in_pipe
from tests.cli.readme import COMMANDS as REFERENCE
from tests.cli.readme import README, Session, documented, links, refreshed, sessions

TEXT = README.read_text(encoding="utf-8")
HELP = REFERENCE.read_text(encoding="utf-8")
DOCUMENTS = [README, *sorted((README.parent / "docs").rglob("*.md"))]
BROKEN = """\
schema = 1
[cors.partners]
allow-origins = ["https://app.example.com/"]

[[publish]]
path = "partners/**"
cors = "partner"
"""


def test_every_command_has_its_help() -> None:
    assert [""] == documented(TEXT)
    assert list(COMMANDS) == documented(HELP)


def test_every_help_is_that_of_the_program() -> None:
    """Refresh it with `python tests/cli/update_readme.py`."""
    assert refreshed(TEXT) == TEXT
    assert refreshed(HELP) == HELP


def test_every_command_has_a_heading() -> None:
    assert list(COMMANDS) == re.findall(r"^## ([a-z-]+)$", HELP, re.MULTILINE)


def test_the_example_of_a_manifest_is_one() -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)
    manifest = parse_manifest(example)
    assert ["any", "partners", "none"] == [rule.cors.name for rule in manifest.rules]
    assert ["immutable", "weekly", "revalidate"] == [rule.cache.name for rule in manifest.rules]
    assert ["@fontsource/inter", "jquery"] == sorted(library.name for library in manifest.libraries)
    assert {"schema", "site", "publish", "cors", "cache", "libraries"} == set(tomllib.loads(example))


@pytest.mark.parametrize("session", sessions(TEXT), ids=lambda session: session.command)
def test_a_command_writes_what_is_shown(session: Session, tmp_path: Path) -> None:
    """Run beside the demo library and a broken manifest."""
    ignored = shutil.ignore_patterns(".cdnserve", "npm")
    shutil.copytree(README.parent / "public", tmp_path / "public", ignore=ignored)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "manifest.toml").write_text(BROKEN)
    result = run_in_pipe(*session.command.removeprefix("cdnserve ").split(), cwd=tmp_path)
    written = result.stderr + result.stdout
    assert session.matches(written), written


def test_a_session_is_matched_whole() -> None:
    session = Session("x", "a ... c\n")
    assert session.matches("a b\nb c\n")
    assert not session.matches("a b\n")
    assert not session.matches("0 a b c\n")


def test_every_command_of_the_first_steps_exists() -> None:
    shown = re.findall(r"^cdnserve (\w+)", TEXT, re.MULTILINE)
    assert ["init", "add", "serve", "audit", "migrate", "migrate"] == shown
    assert set(shown) <= set(COMMANDS)


def test_make_has_the_targets_that_are_named() -> None:
    targets = re.findall(r"^(\w+):", (README.parent / "Makefile").read_text(), re.MULTILINE)
    named = re.findall(r"`make (\w+)", TEXT)
    assert {"serve", "test", "dist", "docs"} == set(named)
    assert set(named) <= set(targets)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_every_link_leads_somewhere(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    assert [] == [link for link in links(text) if not (document.parent / link).exists()]


def test_the_index_of_decisions_has_each_of_them_with_its_title() -> None:
    folder = README.parent / "docs/decisions"
    index = (folder / "README.md").read_text(encoding="utf-8")
    for page in sorted(folder.glob("0*.md")):
        number, _, title = page.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ").partition(". ")
        assert f"| {number} | [{title}]({page.name}) |" in index
