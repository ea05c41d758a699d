"""`cdnserve completion`: the scripts, and what they get."""

from __future__ import annotations

import json
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
    assert sorted(expected) == sorted(_completed(words, tmp_path))


LOCK = {
    "schema": 1,
    "libraries": {
        name: {"integrity": f"sha512-{'A' * 86}=="}
        for name in ("jquery@3.8.0", "jquery@4.0.0", "@scope/lib@1.0.0", "vue@3.5.0")
    },
    "immutable": {},
}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        pytest.param("cdnserve info jq", ["jquery"], id="a name"),
        pytest.param("cdnserve remove vue jquery@", ["jquery@3.8.0", "jquery@4.0.0"], id="versions"),
        pytest.param("cdnserve sri @sc", ["@scope/lib"], id="in a scope"),
        pytest.param("cdnserve importmap --root site v", ["vue"], id="of another root"),
        pytest.param("cdnserve update x", [], id="none"),
        pytest.param("cdnserve sri x", ["x"], id="none, where a file may be meant"),
    ],
)
def test_hosted_libraries_are_completed(words: str, expected: list[str], tmp_path: Path) -> None:
    for root in ("public", "site"):
        (tmp_path / root).mkdir()
        (tmp_path / root / "manifest.lock").write_text(json.dumps(LOCK))
    assert expected == _completed(words, tmp_path)


@pytest.mark.parametrize("lock", ["", "{", "[]"])
def test_a_lock_that_is_broken_completes_nothing(lock: str, tmp_path: Path) -> None:
    (tmp_path / "public").mkdir()
    (tmp_path / "public/manifest.lock").write_text(lock)
    assert [] == _completed("cdnserve info jq", tmp_path)


def _completed(words: str, folder: Path) -> list[str]:
    """As bash asks: the words before the cursor, and the number of the last one."""
    asked = {"_CDNSERVE_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    program = "from cdnserve.cli.main import main; main(prog_name='cdnserve')"
    answer = subprocess.run(
        [COMMAND[0], "-c", program],
        cwd=folder,
        env=environment(**asked),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "" == answer.stderr
    return [line.partition(",")[2] for line in answer.stdout.splitlines() if line]
