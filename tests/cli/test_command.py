"""What commands make of what goes wrong."""

from __future__ import annotations

import errno
import io
import json
import sys
from dataclasses import replace
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from cdnserve.cli.command import Command, as_objects, count, json_option, plain, report, system_problem
from cdnserve.errors import ConfigurationError, Problem
from tests.cli.processes import bare, run_in_pipe, run_on_terminal

TWO = ConfigurationError([Problem("first", "one"), Problem("second", "two", "file:2", "value", "do this")])


def run(raised: BaseException | None, *arguments: str) -> Result:
    """Run a command that raises something."""

    @click.command(cls=Command)
    @json_option
    def command(as_json: bool) -> None:
        click.echo("begun", err=True)
        if raised:
            raise raised

    return CliRunner().invoke(command, arguments)


def test_a_command_that_ends_well_has_status_0() -> None:
    assert 0 == run(None).exit_code


def test_every_problem_is_told_and_the_status_is_1() -> None:
    result = run(TWO)
    assert (1, "") == (result.exit_code, result.stdout)
    assert "begun\none [first]\nfile:2: two [second]\n    value: value\n    hint:  do this\n" == result.stderr


def test_with_json_the_problems_are_json() -> None:
    result = run(TWO, "--json")
    assert (1, "begun\n") == (result.exit_code, result.stderr)
    problems = json.loads(result.stdout)["problems"]
    assert ["first", "second"] == [problem["reference"] for problem in problems]
    assert {
        "reference": "second",
        "message": "two",
        "where": "file:2",
        "value": "value",
        "hint": "do this",
        "warning": False,
    } == problems[1]


def test_an_interruption_is_quiet_and_has_the_status_of_its_signal() -> None:
    result = run(KeyboardInterrupt())
    assert (130, "", "begun\n") == (result.exit_code, result.stdout, result.stderr)


def test_a_reader_that_went_away_is_no_problem() -> None:
    result = run(BrokenPipeError(errno.EPIPE, "Broken pipe"))
    assert (1, "", "begun\n") == (result.exit_code, result.stdout, result.stderr)


def test_what_the_system_refuses_is_a_problem() -> None:
    result = run(PermissionError(errno.EACCES, "Permission denied", "public/a\x1b.js"))
    assert 1 == result.exit_code
    assert "public/a\\x1b.js: Permission denied [permission-denied]" in result.stderr


def test_a_fault_of_ours_is_not_hidden() -> None:
    fault = AssertionError("impossible")
    assert fault is run(fault).exception


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        pytest.param(errno.ENOSPC, "disk-full", id="no space"),
        pytest.param(errno.EDQUOT, "disk-full", id="no quota"),
        pytest.param(errno.EACCES, "permission-denied", id="no permission"),
        pytest.param(errno.EROFS, "permission-denied", id="a read-only file system"),
        pytest.param(errno.EIO, "system-refused", id="anything else"),
    ],
)
def test_each_refusal_of_the_system_has_its_id(number: int, expected: str) -> None:
    assert expected == system_problem(OSError(number, "why", "where")).reference


def test_a_refusal_without_file_or_reason_is_told_as_well() -> None:
    assert Problem("system-refused", "something") == system_problem(OSError("something"))


HOSTILE = Problem("an-id", "m\x1b[31m", "w\nx", "v\x07", "h\u202e", warning=True)


def test_plain_text_is_one_fact_a_line_and_begins_with_the_place() -> None:
    problem = Problem("an-id", "what is wrong", "manifest.toml:7", "the value", "do this")
    expected = "manifest.toml:7: what is wrong [an-id]\n    value: the value\n    hint:  do this"
    assert expected == plain(problem)


PASTED = Problem("an-id", "m", hint='# add:\n[[publish]]\r\n\tpath = "a\x1b[2J/**"')


def test_a_hint_of_several_lines_keeps_them() -> None:
    """So that it can be pasted; only what no terminal may get is escaped."""
    expected = 'm [an-id]\n    hint:  # add:\n        [[publish]]\n        \tpath = "a\\x1b[2J/**"'
    assert expected == plain(PASTED)


def test_a_line_break_elsewhere_is_no_line_of_its_own() -> None:
    """A name or a value could forge another problem."""
    assert 1 == len(plain(Problem("an-id", "m\na", "w\nb")).splitlines())
    assert 2 == len(plain(Problem("an-id", "m", value="v\nc")).splitlines())


def test_plain_text_tells_warnings_apart() -> None:
    assert "a.js: warning: left out [an-id]" == plain(Problem("an-id", "left out", "a.js", warning=True))


def test_nothing_in_a_problem_reaches_the_terminal_as_a_control_character() -> None:
    assert "w\\nx: warning: m\\x1b[31m [an-id]\n    value: v\\x07\n    hint:  h\\u202e" == plain(HOSTILE)


def test_objects_have_every_field_of_a_problem() -> None:
    expected = {"reference": "an-id", "message": "m", "where": "", "value": "", "hint": "", "warning": False}
    assert [expected] == as_objects([Problem("an-id", "m")])


@pytest.mark.parametrize(
    ("problems", "warnings", "expected"),
    [
        pytest.param(0, 0, "", id="none"),
        pytest.param(1, 0, "1 problem", id="one"),
        pytest.param(0, 1, "1 warning", id="one warning"),
        pytest.param(2, 3, "2 problems, 3 warnings", id="several of both"),
    ],
)
def test_problems_are_counted_in_words(problems: int, warnings: int, expected: str) -> None:
    assert expected == count([Problem("a", "b")] * problems + [Problem("a", "b", warning=True)] * warnings)


def test_no_problem_writes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    report([])
    assert ("", "") == capsys.readouterr()


def test_a_terminal_shows_the_same_facts_aligned_and_in_colour(root: Path) -> None:
    (root / "manifest.toml").write_text('schema = 1\n[[publish]]\npath = "demo/**"\ncors = "anny"\n')
    status, written = run_on_terminal("build", cwd=root.parent)
    assert 1 == status
    assert "\x1b[1;31merror" in written
    for fact in ("manifest.toml:4:", "[name-unknown]", "value", '"anny"', "hint", "did you mean any?"):
        assert fact in written


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_what_is_to_be_pasted_in_lines_that_it_does_not_break(monkeypatch: pytest.MonkeyPatch) -> None:
    """Though it is narrower than each of them."""
    monkeypatch.setenv("COLUMNS", "40")
    terminal = _Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    report([replace(PASTED, where="a place", value="v" * 90), Problem("an-id", "m", hint="x" * 90)])
    assert [
        "error   a place: m [an-id]",
        f"  value {'v' * 90}",
        "  hint  # add:",
        "        [[publish]]",
        '                path = "a\\x1b[2J/**"',
        "error  m [an-id]",
        f"  hint {'x' * 90}",
    ] == bare(terminal.getvalue()).splitlines()


def test_a_fix_can_be_pasted_from_a_terminal(root: Path) -> None:
    """A tag of several lines, with tabs, on a terminal that is narrower than it."""
    url = "https://cdn.example.com/demo/1.0.0/greet.js"
    page = root.parent / "page.html"
    page.write_text(f'<!doctype html>\n<script\r\n\tsrc="{url}"\r\n\tid="{"x" * 60}"></script>\n')
    _, written = run_on_terminal("audit", str(page), cwd=root.parent, columns=40)
    assert "\\n" not in bare(written)
    lines = [line.strip() for line in bare(written).splitlines()]
    fix = lines[lines.index("fix") + 1 :][:3]
    assert [True, True, True] == [part in line for part, line in zip(("<script", url, "x" * 60), fix, strict=True)]


def test_no_color_is_obeyed(root: Path) -> None:
    (root / "manifest.toml").write_text("schema = 2\n")
    _, coloured = run_on_terminal("build", cwd=root.parent)
    _, written = run_on_terminal("build", cwd=root.parent, NO_COLOR="1")
    assert "\x1b[1;31m" in coloured
    assert "\x1b[1;31m" not in written
    assert "manifest.toml" in written


def test_a_hostile_name_is_escaped_on_a_terminal_and_in_a_pipe(root: Path) -> None:
    """The file's name would clear the screen, if the terminal got it as it is."""
    (root / "demo" / "a\x1b[2J.js").symlink_to("/etc/passwd")
    _, written = run_on_terminal("build", cwd=root.parent, columns=200)
    piped = run_in_pipe("check", cwd=root.parent).stderr
    for text in (written, piped):
        assert "\x1b[2J" not in text
        assert "demo/a\\x1b[2J.js" in text
