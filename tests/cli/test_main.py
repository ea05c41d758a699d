"""The program: commands, help, usage errors, and what it does not load."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from cdnserve.cli.command import Command
from cdnserve.cli.main import _CALLED_ELSEWHERE, COMMANDS, main, module_name
from tests.cli.conftest import Run
from tests.cli.processes import environment, run_in_pipe
from tests.forked import Forked

CLI = Path(__file__).parents[2] / "cdnserve" / "cli"


def test_every_command_is_a_file_of_its_own() -> None:
    """The table names exactly the modules that define a command."""
    defining = {file.stem for file in CLI.glob("*.py") if "@click.command" in file.read_text()}
    assert {module_name(name) for name in COMMANDS} == defining


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_help(run: Run, name: str) -> None:
    result = run(name, "--help")
    assert (0, "") == (result.exit_code, result.stderr)
    assert result.stdout.startswith(f"Usage: cdnserve {name} ")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_says_what_it_is_for(name: str) -> None:
    command = main.get_command(click.Context(main), name)
    assert command is not None
    options = [parameter for parameter in command.params if isinstance(parameter, click.Option)]
    assert [] == [option.name for option in options if not option.help]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_stands_in_the_help_once_and_in_a_section_that_is_named(run: Run, name: str) -> None:
    command = main.get_command(click.Context(main), name)
    assert isinstance(command, Command)
    options = {option.name: option.opts[0] for option in command.params if isinstance(option, click.Option)}
    sorted_in = [option for names in command.sections.values() for option in names]
    assert set() == set(sorted_in) - set(options)
    assert len(set(sorted_in)) == len(sorted_in)
    text = run(name, "--help").stdout.partition("\nOptions:\n")[2].partition("\nExamples:\n")[0]
    for option in options.values():
        assert 1 == len(re.findall(rf"^  (-\w, )?{option}\b(?!-)", text, re.MULTILINE)), option


def test_the_many_options_of_a_server_have_headings(run: Run) -> None:
    lines = run("serve", "--help").stdout.splitlines()
    assert lines.index("Options:") < lines.index("TLS:") < lines.index("Limits:") < lines.index("Examples:")


def test_the_help_lists_the_commands(run: Run) -> None:
    result = run("--help")
    assert list(COMMANDS) == [line.split()[0] for line in result.stdout.partition("Commands:\n")[2].splitlines()]


def test_the_short_option_gives_the_same_help(run: Run) -> None:
    assert run("--help").stdout == run("-h").stdout


@pytest.mark.parametrize("option", ["--version", "-V"])
def test_the_version_is_one_line(run: Run, option: str) -> None:
    result = run(option)
    assert 0 == result.exit_code
    assert "cdnserve" == result.stdout.split()[0]
    assert 1 == result.stdout.count("\n")


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        pytest.param("ad", "Did you mean add?", id="a slip"),
        pytest.param("BUILD", "Did you mean build?", id="in capitals"),
        pytest.param("install", "Did you mean add?", id="npm's word"),
        pytest.param("start", "Did you mean serve?", id="any program's word"),
        pytest.param("help", "Did you mean cdnserve --help, or cdnserve COMMAND --help?", id="help as a command"),
        pytest.param("version", "Did you mean cdnserve --version?", id="the version as a command"),
        pytest.param("xyzzy", "See cdnserve --help.", id="nothing like it"),
    ],
)
def test_a_command_that_is_none_leads_to_the_one_that_is_meant(run: Run, said: str, meant: str) -> None:
    result = run(said)
    assert 2 == result.exit_code
    assert f"Error: No such command '{said}'. {meant}\n" in result.stderr


def test_no_word_from_elsewhere_hides_a_command_and_each_leads_to_one() -> None:
    assert set() == set(_CALLED_ELSEWHERE) & set(COMMANDS)
    assert set() == {meant for meant in _CALLED_ELSEWHERE.values() if "--" not in meant} - set(COMMANDS)


def test_what_may_be_chosen_is_listed_line_by_line(run: Run) -> None:
    assert "Choose from:\n\tbash,\n\tzsh,\n\tfish\n" in run("completion").stderr


def test_a_shell_can_complete_the_commands(root: Path) -> None:
    """`_CDNSERVE_COMPLETE=bash_source cdnserve` gives the script that asks like this."""
    asked = {"_CDNSERVE_COMPLETE": "bash_complete", "COMP_WORDS": "cdnserve s", "COMP_CWORD": "1"}
    completed = run_in_pipe(cwd=root.parent, **asked).stdout.split()
    assert [f"plain,{name}" for name in COMMANDS if name.startswith("s")] == completed


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(("nothing",), id="no such command"),
        pytest.param(("build", "--nothing"), id="no such option"),
        pytest.param(("build", "a", "b"), id="too many arguments"),
        pytest.param(("explain",), id="too few arguments"),
        pytest.param(("serve", "--port", "65536"), id="a port that is none"),
        pytest.param(("serve", "--port", "http"), id="a port in words"),
        pytest.param(("sri",), id="no target"),
        pytest.param(("add",), id="no library"),
    ],
)
def test_wrong_usage_is_status_2_and_goes_to_stderr(run: Run, arguments: tuple[str, ...]) -> None:
    result = run(*arguments)
    assert (2, "") == (result.exit_code, result.stdout)
    assert "Error: " in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(("\x1b[31mbuild\u202e",), id="a command"),
        pytest.param(("build", "--\x1b[31mbuild\u202e"), id="an option"),
        pytest.param(("build", "a", "\x1b[31mbuild\u202e"), id="an argument"),
        pytest.param(("serve", "--port", "\x1b[31mbuild\u202e"), id="a value"),
    ],
)
def test_a_usage_error_quotes_no_control_character(run: Run, arguments: tuple[str, ...]) -> None:
    result = run(*arguments)
    assert 2 == result.exit_code
    assert "\\x1b[31mbuild\\u202e" in result.stderr
    assert not any(unsafe in result.stderr for unsafe in ("\x1b", "\u202e"))


def test_a_variable_with_a_wrong_value_is_named(run: Run) -> None:
    result = run("serve", CDNSERVE_PORT="http")
    assert 2 == result.exit_code
    assert "CDNSERVE_PORT" in result.stderr


def test_a_character_that_the_stream_can_not_encode_is_escaped(root: Path) -> None:
    """A file's name is shown also where the locale knows a few letters alone."""
    (root / "demo" / "你.txt").write_text("x")
    result = run_in_pipe("list", cwd=root.parent, PYTHONIOENCODING="latin-1")
    assert (0, "") == (result.returncode, result.stderr)
    assert "demo/\\u4f60.txt" in result.stdout


def test_a_reader_that_has_seen_enough_ends_it_quietly(root: Path) -> None:
    """As in `cdnserve list | head`: no traceback, no message."""
    for number in range(2000):
        (root / "demo" / f"{number}-{'x' * 150}.txt").write_text("x")
    process = Forked(
        [sys.executable, "-m", "cdnserve", "list"],
        cwd=root.parent,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout
        assert process.stderr
        assert process.stdout.readline().startswith("accounts/")
        process.stdout.close()
        assert "" == process.stderr.read()
        assert 1 == process.wait(60)


LOADED = """\
import runpy, sys
sys.argv = ["cdnserve", *sys.argv[1:]]
try:
    runpy.run_module("cdnserve", run_name="__main__")
finally:
    print(" ".join(sorted({name.partition(".")[0] for name in sys.modules})), file=sys.stderr)
"""


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(("--help",), id="the help"),
        pytest.param(("build",), id="a build with nothing to do"),
    ],
)
def test_nothing_heavy_is_loaded_without_need(root: Path, arguments: tuple[str, ...]) -> None:
    assert 0 == run_in_pipe("build", cwd=root.parent).returncode
    process = subprocess.run(
        [sys.executable, "-c", LOADED, *arguments],
        cwd=root.parent,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(process.stderr.split())
    assert "click" in loaded
    assert set() == loaded & {"rich", "uvicorn", "starlette", "urllib3", "msgspec", "tomlkit", "watchfiles"}
