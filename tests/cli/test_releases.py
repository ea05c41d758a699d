"""`cdnserve releases`, `cdnserve rollback`, `cdnserve gc`."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.cli.processes import bare, run_on_terminal

DATE = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ"


@pytest.fixture
def three(run: Run, root: Path) -> Run:
    """Three releases: a file changes, then one comes."""
    run("build")
    (root / "own/page.txt").write_text("changed\n")
    run("build")
    (root / "own/new.txt").write_text("new\n")
    run("build")
    return run


def test_releases_are_lines_in_a_pipe(three: Run) -> None:
    result = three("releases")
    assert (0, "") == (result.exit_code, result.stderr)
    rows = [line.split("\t") for line in result.stdout.splitlines()]
    assert all(re.fullmatch(DATE, row.pop(1)) for row in rows)
    assert [
        ["1", "7", rows[0][2], "7", "0", "0", ""],
        ["2", "7", rows[1][2], "0", "0", "1", ""],
        ["3", "8", rows[2][2], "1", "0", "0", "current"],
    ] == rows
    assert int(rows[2][2]) == int(rows[1][2]) + len("new\n")


def test_releases_as_json_name_the_paths(three: Run) -> None:
    three("rollback")
    first, second, third = json.loads(three("releases", "--json").stdout)["releases"]
    assert (True, False, ["own/page.txt"], []) == tuple(
        second[key] for key in ("current", "rolled_back_from", "changed", "added")
    )
    assert (False, True, ["own/new.txt"]) == tuple(third[key] for key in ("current", "rolled_back_from", "added"))
    assert (7, None) == (first["files"], first["unreadable"])
    assert 1_700_000_000 < first["made"] < third["made"] + 60


def test_releases_on_a_terminal_are_a_table(three: Run, root: Path) -> None:
    three("rollback", "1")
    status, written = run_on_terminal("releases", cwd=root.parent, columns=80)
    lines = [line.split() for line in bare(written).splitlines() if line.strip()]
    assert (0, ["release", "made", "files", "octets", "+", "-", "~", "state"]) == (status, lines[0])
    assert ["current", "from"] == [lines[2][-1], lines[4][-1]]


def test_a_release_that_can_not_be_read_is_listed(three: Run, root: Path) -> None:
    (root / ".cdnserve/releases/2.cat").write_bytes(b"half")
    result = three("releases")
    assert 0 == result.exit_code
    assert result.stdout.splitlines()[1].endswith("unreadable: the catalog is damaged")
    listed = json.loads(three("releases", "--json").stdout)["releases"][1]
    assert {"release", "made", "current", "rolled_back_from", "unreadable"} == set(listed)


def test_no_release_is_an_empty_list(run: Run, root: Path) -> None:
    assert (0, "") == ((result := run("releases")).exit_code, result.stdout)
    assert {"releases": [], "problems": []} == json.loads(run("releases", "--json").stdout)
    assert "there is no release yet" in run_on_terminal("releases", cwd=root.parent)[1]
    assert not (root / ".cdnserve").exists()


def test_a_rollback_says_what_it_did(three: Run) -> None:
    assert "release 2 is current, release 3 was\n1 path is answered otherwise: purge it from edges\n" == (
        three("rollback").stdout
    )
    assert {"release": 3, "left": 2, "paths": ["own/new.txt"], "problems": []} == json.loads(
        three("rollback", "3", "--json").stdout
    )
    assert "release 3 is the current one already\n" == three("rollback", "3").stdout
    assert three("rollback", "1").stdout.endswith("2 paths are answered otherwise: purge them from edges\n")


def test_after_a_rollback_commands_warn_and_a_build_goes_on(three: Run) -> None:
    three("rollback")
    result = three("list")
    assert 0 == result.exit_code
    assert "[release-held]" in result.stderr
    assert "own/new.txt" not in result.stdout
    assert "release 4: 8 public files\n" == (built := three("build")).stdout
    assert "" == built.stderr
    assert "" == three("list").stderr


def test_a_rollback_that_can_not_be_is_a_problem(run: Run) -> None:
    result = run("rollback")
    assert (1, "") == (result.exit_code, result.stdout)
    assert "[rollback-nowhere]" in result.stderr
    run("build")
    assert "[release-missing]" in run("rollback", "7").stderr
    assert ["rollback-nowhere"] == [
        problem["reference"] for problem in json.loads(run("rollback", "--json").stdout)["problems"]
    ]
    assert 2 == run("rollback", "0").exit_code


def test_gc_says_what_goes_and_why_others_stay(three: Run) -> None:
    assert three("gc").stdout.startswith("0 releases removed\n0 stored files removed, 0 octets freed\n")
    dry = three("gc", "--keep", "2", "--grace", "0", "--dry-run").stdout.splitlines()
    assert [
        "1 release would be removed: 1",
        "1 stored file would be removed, 11 octets would be freed",
        "release 2 stays: among the newest",
        "release 3 stays: current",
    ] == dry
    wet = three("gc", "--keep", "2", "--grace", "0").stdout.splitlines()
    assert ["1 release removed: 1", "1 stored file removed, 11 octets freed"] == wet[:2]
    assert [2, 3] == [entry["release"] for entry in json.loads(three("releases", "--json").stdout)["releases"]]


def test_gc_as_json(three: Run) -> None:
    three("rollback")
    told = json.loads(three("gc", "--keep", "1", "--grace", "0", "--json").stdout)
    assert {
        "removed": [1],
        "stored_files": 1,
        "octets": 11,
        "kept": [{"release": 2, "reason": "current"}, {"release": 3, "reason": "rolled back from"}],
        "dry_run": False,
        "problems": [],
    } == told
    assert [3] == json.loads(three("gc", "--keep", "1", "--grace", "0", "--forget", "--json").stdout)["removed"]


def test_gc_warns_where_it_can_not_know(three: Run, root: Path) -> None:
    (root / ".cdnserve/releases/2.cat").write_bytes(b"half")
    result = three("gc", "--keep", "2", "--grace", "0")
    assert 0 == result.exit_code
    assert "[release-unreadable]" in result.stderr
    assert "0 stored files removed" in result.stdout


def test_gc_of_nothing_says_so(run: Run, root: Path) -> None:
    assert "0 releases removed\n0 stored files removed, 0 octets freed\n" == run("gc").stdout
    assert not (root / ".cdnserve").exists()


@pytest.mark.parametrize("command", ["releases", "gc"])
def test_a_root_that_is_not_there_is_told(run: Run, command: str) -> None:
    result = run(command, "mistyped")
    assert (1, "") == (result.exit_code, result.stdout)
    assert "[root-missing]" in result.stderr


@pytest.mark.parametrize("command", ["releases", "gc"])
def test_releases_elsewhere_need_no_root(three: Run, root: Path, command: str) -> None:
    result = three(command, "mistyped", "--state", str(root / ".cdnserve"))
    assert (0, "") == (result.exit_code, result.stderr)
    assert "" != result.stdout


@pytest.mark.parametrize("arguments", [("gc", "--keep", "0"), ("gc", "--grace", "-1"), ("rollback", "one")])
def test_wrong_numbers_are_wrong_usage(run: Run, arguments: tuple[str, ...]) -> None:
    assert 2 == run(*arguments).exit_code
