"""`cdnserve completion`: the scripts, and what they get."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from cdnserve.cli.main import COMMANDS, main
from tests.cli.processes import COMMAND, environment


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_asks_the_program(shell: str) -> None:
    result = CliRunner().invoke(main, ["completion", shell])
    assert 0 == result.exit_code
    assert f"_CDNSERVE_COMPLETE={shell}_complete" in result.output


def test_another_shell_is_wrong_usage() -> None:
    assert 2 == CliRunner().invoke(main, ["completion", "csh"]).exit_code


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("cdnserve re", [name for name in COMMANDS if name.startswith("re")]),
        ("cdnserve import", ["importmap", "import", "import-cors"]),
        ("cdnserve --ver", ["--version"]),
        ("cdnserve build --l", ["--locked"]),
    ],
)
def test_commands_and_options_are_completed(words: str, expected: list[str], tmp_path: Path) -> None:
    """As bash asks: the words before the cursor, and the number of the last one."""
    asked = {"_CDNSERVE_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    program = "from cdnserve.cli.main import main; main(prog_name='cdnserve')"
    answer = subprocess.run(
        [COMMAND[0], "-c", program],
        cwd=tmp_path,
        env=environment(**asked),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert sorted(expected) == sorted(line.partition(",")[2] for line in answer.stdout.splitlines())
