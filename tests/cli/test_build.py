"""`cdnserve build`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cdnserve.release import make
from tests.cli.conftest import Run
from tests.cli.processes import run_in_pipe, run_on_terminal


def test_a_build_says_what_it_made(run: Run) -> None:
    result = run("build")
    assert (0, "release 1: 7 public files\n", "") == (result.exit_code, result.stdout, result.stderr)


def test_a_second_build_says_that_nothing_has_changed(run: Run) -> None:
    run("build")
    assert "release 1: nothing has changed\n" == run("build").stdout


def test_one_file_is_one_file(run: Run, root: Path) -> None:
    (root / "manifest.toml").write_text('schema = 1\n[[publish]]\npath = "own/**"\n')
    assert "release 1: 1 public file\n" == run("build").stdout


def test_with_json_it_is_an_object(run: Run) -> None:
    told = {"release": 1, "changed": True, "complete": True, "problems": []}
    assert told == json.loads(run("build", "--json").stdout)
    assert told | {"changed": False} == json.loads(run("build", "--json").stdout)


def test_a_quick_build_leaves_what_is_dear_to_encode(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(make, "_AT_ONCE", 0)
    assert {"release": 1, "changed": True, "complete": False, "problems": []} == json.loads(
        run("build", "--quick", "--json").stdout
    )
    assert "release 1: nothing has changed; codings are left to make\n" == run("build", "--quick").stdout
    assert "release 2: 7 public files\n" == run("build").stdout
    assert "release 2: nothing has changed\n" == run("build", "--quick").stdout


def test_a_warning_is_told_and_is_no_failure(run: Run, root: Path) -> None:
    (root / "demo" / "gone.js").symlink_to("nowhere")
    result = run("build")
    assert (0, "release 1: 7 public files\n") == (result.exit_code, result.stdout)
    assert result.stderr.startswith("demo/gone.js: warning: ")
    problems = json.loads(run("build", "--json").stdout)["problems"]
    assert [("link-dangles", True)] == [(problem["reference"], problem["warning"]) for problem in problems]


def test_locked_makes_a_warning_a_failure(run: Run, root: Path) -> None:
    run("build")
    assert 0 == run("build", "--locked").exit_code
    (root / "demo" / "gone.js").symlink_to("nowhere")
    result = run("build", "--locked")
    assert (1, "") == (result.exit_code, result.stdout)
    assert "[link-dangles]" in result.stderr


def test_a_broken_manifest_is_told_whole(run: Run, root: Path) -> None:
    (root / "manifest.toml").write_text('schema = 1\nsite = 1\n[[publish]]\npath = "a/"\ncors = "anny"\n')
    result = run("build")
    assert (1, "") == (result.exit_code, result.stdout)
    for place in ("manifest.toml:2", "manifest.toml:4", "manifest.toml:5"):
        assert place in result.stderr


def test_the_state_is_where_the_option_or_the_variable_says(run: Run, root: Path) -> None:
    run("build", "--state", "here")
    assert (root.parent / "here" / "current").is_file()
    run("build", CDNSERVE_STATE="there")
    assert (root.parent / "there" / "current").is_file()
    run("build", "--state", "option", CDNSERVE_STATE="variable")
    assert (root.parent / "option" / "current").is_file()
    assert not (root.parent / "variable").exists()
    assert not (root / ".cdnserve").exists()
    run("build")
    assert (root / ".cdnserve" / "current").is_file()


def test_the_root_is_where_the_argument_or_the_variable_says(run: Run, root: Path) -> None:
    root.rename(root.parent / "files")
    assert "root-missing" in run("build").stderr
    assert 0 == run("build", "files").exit_code
    assert 0 == run("build", CDNSERVE_ROOT="files").exit_code
    assert 0 == run("build", "files", CDNSERVE_ROOT="nowhere").exit_code


def test_a_state_that_can_not_be_written_is_a_problem(run: Run, root: Path) -> None:
    (root.parent / "file").write_text("")
    result = run("build", "--state", "file/state")
    assert (1, "") == (result.exit_code, result.stdout)
    assert "[state-" in result.stderr


def test_a_pipe_sees_no_progress(root: Path) -> None:
    result = run_in_pipe("build", cwd=root.parent)
    assert (0, "release 1: 7 public files\n", "") == (result.returncode, result.stdout, result.stderr)


def test_a_terminal_sees_a_bar(root: Path) -> None:
    (root / "demo" / "large.css").write_text("".join(f".a{number} {{ color: teal }}\n" for number in range(20_000)))
    status, written = run_on_terminal("build", cwd=root.parent)
    assert 0 == status
    assert "reading files: 8" in written
    assert "encoding representations: " in written
    assert "release 1: 8 public files" in written.splitlines()[-1]
