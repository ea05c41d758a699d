"""What commands make of what goes wrong."""

from __future__ import annotations

import errno
import json

import click
import pytest
from click.testing import CliRunner, Result

from cdnserve.cli.command import Command, system_problem
from cdnserve.cli.options import json_option
from cdnserve.errors import ConfigurationError, Problem

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
