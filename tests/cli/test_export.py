"""`cdnserve export` and `cdnserve import`: from one host to another that has no network."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import FILES, Run
from tests.cli.processes import COMMAND, environment, run_on_terminal
from tests.forked import run as run_process

HIDDEN = ("demo/1.0.0/greet.js.map", "drafts/notes.txt")


@pytest.fixture
def archive(run: Run, root: Path) -> Path:
    """An archive of the root."""
    assert 0 == run("build").exit_code
    assert 0 == run("export", "site.tar.gz").exit_code
    return root.parent / "site.tar.gz"


def test_what_was_exported_can_be_built_elsewhere(run: Run, root: Path, archive: Path) -> None:
    result = run("import", "site.tar.gz", "--root", "other")
    assert (0, "") == (result.exit_code, result.stderr)
    assert f"{len(FILES) - len(HIDDEN) + 1} new, 0 replaced, 0 already here\n" == result.stdout
    assert 0 == run("build", "other", "--locked").exit_code
    assert run("list").stdout == run("list", "other").stdout


def test_export_says_what_it_wrote(run: Run, root: Path) -> None:
    first, second = run("export", "site.tar").stdout.splitlines()
    assert first.startswith("site.tar  ")
    assert second.startswith("sha384-")
    assert 0 == run("import", "site.tar", "--root", "other", "--integrity", second).exit_code
    wrong = run("import", "site.tar", "--root", "more", "--integrity", "sha384-" + "A" * 64)
    assert 1 == wrong.exit_code
    assert "[archive-integrity]" in wrong.stderr


def test_with_json_both_are_objects(run: Run, root: Path) -> None:
    run("build")
    exported = json.loads(run("export", "site.tar", "--json").stdout)
    assert ("site.tar", len(FILES) - len(HIDDEN) + 2, []) == (exported["file"], exported["files"], exported["problems"])
    imported = json.loads(run("import", "site.tar", "--root", "other", "--json").stdout)
    assert {"new": exported["files"] - 1, "replaced": 0, "same": 0, "problems": []} == imported


def test_it_goes_through_pipes(root: Path) -> None:
    wrote = run_process([*COMMAND, "export", "-"], cwd=root.parent, env=environment())
    assert b"sha384-" in wrote.stderr
    command = [*COMMAND, "import", "-", "--root", "other"]
    took = run_process(command, given=wrote.stdout, cwd=root.parent, env=environment())
    assert b"0 already here" in took.stdout
    assert (root.parent / "other" / "manifest.toml").read_bytes() == (root / "manifest.toml").read_bytes()


def test_a_terminal_is_no_place_for_an_archive(root: Path) -> None:
    status, written = run_on_terminal("export", "-", cwd=root.parent)
    assert 2 == status
    assert "stdout can't hold the archive" in written


def test_json_and_an_archive_can_not_share_stdout(run: Run, root: Path) -> None:
    assert 2 == run("export", "-", "--json").exit_code


def test_what_differs_is_told(run: Run, root: Path, archive: Path) -> None:
    run("import", "site.tar.gz", "--root", "other")
    (root.parent / "other" / "own" / "page.txt").write_text("changed")
    result = run("import", "site.tar.gz", "--root", "other")
    assert (1, "") == (result.exit_code, result.stdout)
    assert "own/page.txt: the file here differs from the archive's [import-differs]" in result.stderr
    assert "changed" == (root.parent / "other" / "own" / "page.txt").read_text()
    assert " 1 replaced," in run("import", "site.tar.gz", "--root", "other", "--replace").stdout
    assert FILES["own/page.txt"] == (root.parent / "other" / "own" / "page.txt").read_text()


def test_an_archive_that_can_not_be_written_is_told(run: Run, root: Path) -> None:
    result = run("export", "no/such/folder.tar")
    assert (1, "no/such/folder.tar: No such file or directory [system-refused]\n") == (result.exit_code, result.stderr)


@pytest.mark.parametrize("name", ["site.zip", "site.tar.xz", "site"])
def test_a_name_that_says_what_the_archive_is_not_is_refused(run: Run, root: Path, name: str) -> None:
    result = run("export", name)
    assert 2 == result.exit_code
    assert "FILE must end in one of .tar, .tar.gz" in result.stderr
    assert not (root.parent / name).exists()
