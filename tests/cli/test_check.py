"""`cdnserve check`."""

from __future__ import annotations

import json
from pathlib import Path

from cdnserve.release.store import Store
from tests.cli.conftest import Run
from tests.cli.processes import run_on_terminal


def test_a_good_root_has_no_problems(run: Run, root: Path) -> None:
    before = sorted(root.rglob("*"))
    result = run("check")
    assert (0, "no problems\n", "") == (result.exit_code, result.stdout, result.stderr)
    assert before == sorted(root.rglob("*"))


def test_every_problem_is_shown_and_counted(run: Run, root: Path) -> None:
    (root / "manifest.toml").write_text('schema = 1\nfoo = 1\n[[publish]]\npath = "demo/**"\ncors = "anny"\n')
    (root / "demo" / "gone.js").symlink_to("nowhere")
    result = run("check")
    assert (1, "2 problems, 1 warning\n") == (result.exit_code, result.stdout)
    for said in ("manifest.toml:2: ", "manifest.toml:5: ", "demo/gone.js: warning: "):
        assert said in result.stderr


def test_a_warning_alone_is_a_failure(run: Run, root: Path) -> None:
    (root / "demo" / "gone.js").symlink_to("nowhere")
    assert (1, "1 warning\n") == ((result := run("check")).exit_code, result.stdout)


def test_with_json_problems_are_objects_on_stdout(run: Run, root: Path) -> None:
    assert {"problems": []} == json.loads(run("check", "--json").stdout)
    (root / "manifest.toml").write_text("schema = 2\n")
    result = run("check", "--json")
    assert (1, "") == (result.exit_code, result.stderr)
    problems = json.loads(result.stdout)["problems"]
    assert {"reference", "message", "where", "value", "hint", "warning"} == set(problems[0])


def test_a_root_that_is_not_there_is_a_problem(run: Run) -> None:
    assert (1, "1 problem\n") == ((result := run("check", "nowhere")).exit_code, result.stdout)


def test_the_state_is_not_looked_at(run: Run, root: Path) -> None:
    """Where it lies in the root and is no dot-folder, its files are no part of the check."""
    run("build", "--state", "public/state")
    manifest = root / "manifest.toml"
    manifest.write_text(manifest.read_text() + '[[publish]]\npath = ["state/**", "**"]\n')
    assert 0 == run("check", "--state", "public/state").exit_code


def test_a_terminal_shows_them_too(root: Path) -> None:
    (root / "manifest.toml").write_text("schema = 2\n")
    status, written = run_on_terminal("check", cwd=root.parent)
    assert 1 == status
    assert "error" in written
    assert "problem" in written.splitlines()[-1]


def damaged(root: Path) -> Path:
    """Change an octet of the stored bytes of a file."""
    store = Store(root / ".cdnserve")
    blob = store.blob(store.read().assets["demo/1.0.0/module.js"].identity.sha256)
    blob.write_bytes(b"X" + blob.read_bytes()[1:])
    return blob


def test_a_deep_check_makes_damage_good(run: Run, root: Path) -> None:
    run("build")
    assert (0, "no problems\n", "") == ((found := run("check", "--deep")).exit_code, found.stdout, found.stderr)
    blob = damaged(root)
    assert "no problems\n" == run("check").stdout
    found = run("check", "--deep")
    assert (0, "no problems, 1 made good\n") == (found.exit_code, found.stdout)
    assert found.stderr.startswith(f"{blob}: warning: ")
    assert "[blob-mended]" in found.stderr
    assert "no problems\n" == run("check", "--deep").stdout


def test_a_deep_check_fails_for_what_it_can_not_make_good(run: Run, root: Path) -> None:
    run("build")
    damaged(root)
    (root / "demo/1.0.0/module.js").unlink()
    result = run("check", "--deep", "--json")
    found = json.loads(result.stdout)
    assert (1, []) == (result.exit_code, found["mended"])
    assert ["blob-corrupt"] == [problem["reference"] for problem in found["problems"]]
