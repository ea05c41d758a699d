"""`cdnserve forget`."""

from __future__ import annotations

import json
import os
import pty
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.cli.processes import COMMAND, SECONDS, environment
from tests.forked import Forked

PATH = "demo/1.0.0/greet.js"


@pytest.fixture
def built(run: Run, root: Path) -> Path:
    assert run("build").exit_code == 0
    return root


def lock(root: Path) -> str:
    return (root / "manifest.lock").read_text()


def test_with_a_yes_it_asks_nothing(run: Run, built: Path) -> None:
    (built / PATH).write_text("whole")
    assert 1 == (refused := run("build")).exit_code
    assert f"cdnserve forget {PATH}" in refused.stderr
    result = run("forget", PATH, "--yes")
    expected = "1 path is forgotten: commit manifest.lock after the next build, and purge edges\n"
    assert (0, expected, "") == (result.exit_code, result.stdout, result.stderr)
    assert PATH not in lock(built)
    assert 0 == run("build").exit_code
    assert PATH in lock(built)


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_without_a_terminal_it_wants_a_yes(run: Run, built: Path, more: list[str]) -> None:
    result = run("forget", PATH, *more)
    assert 2 == result.exit_code
    assert "add --yes" in result.stderr
    assert PATH in lock(built)


def test_with_json_it_lists_the_paths(run: Run, built: Path) -> None:
    result = run("forget", "demo/1.0.0/*.js", "--yes", "--json")
    expected = {"forgotten": ["demo/1.0.0/greet.js", "demo/1.0.0/module.js"], "problems": []}
    assert (0, expected) == (result.exit_code, json.loads(result.stdout))


def test_what_was_never_promised_is_a_problem(run: Run, built: Path) -> None:
    result = run("forget", "demo", "own/none.js", "--yes")
    assert (1, "") == (result.exit_code, result.stdout)
    assert result.stderr.count("[promise-unknown]") == 2
    assert PATH in lock(built)


@pytest.mark.parametrize(("answer", "status"), [("y\n", 0), ("n\n", 1), ("\n", 1)])
def test_on_a_terminal_it_says_what_it_means_and_asks(built: Path, answer: str, status: int) -> None:
    leader, follower = pty.openpty()
    process = Forked(
        [*COMMAND, "forget", "demo/**"],
        cwd=built.parent,
        env=environment(),
        stdin=follower,
        stdout=follower,
        stderr=follower,
    )
    os.close(follower)
    try:
        written = b""
        while b"[y/N]" not in written:
            written += os.read(leader, 4096)
        os.write(leader, answer.encode())
        assert status == process.wait(SECONDS)
    finally:
        process.kill()
        process.wait()
        os.close(leader)
    assert "3 paths are promised never to change:\r\n  demo/1.0.0/greet.js" in written.decode()
    assert "up to a year" in written.decode()
    assert (status == 1) == (PATH in lock(built))


def test_many_paths_are_counted(run: Run, built: Path) -> None:
    for number in range(12):
        (built / f"demo/1.0.0/{number}.js").write_text("a")
    assert run("build").exit_code == 0
    assert run("forget", "demo/**", "--yes").stdout.startswith("15 paths are forgotten")
