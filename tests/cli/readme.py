"""The README and docs/ as their tests and `update_readme.py` read them: help texts, console sessions, links.

Never changes a word of prose.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from click.testing import CliRunner

from cdnserve.cli.main import main

README = Path(__file__).parents[2] / "README.md"
COMMANDS = README.parent / "docs" / "commands.md"
_HELP = re.compile(r"```text\nUsage: cdnserve(?P<name> [a-z-]+)? .*?\n```", re.DOTALL)
_CONSOLE = re.compile(r"```console\n(.*?)```", re.DOTALL)
_LINK = re.compile(r"\]\(([^)#]+)[^)]*\)")


@dataclass(frozen=True, slots=True)
class Session:
    """A command and what it writes, `...` standing for anything."""

    command: str
    output: str

    def matches(self, written: str) -> bool:
        """Return whether this is what was written."""
        pattern = "".join(".*?" if part == "..." else re.escape(part) for part in re.split(r"(\.\.\.)", self.output))
        return re.fullmatch(pattern, written, re.DOTALL) is not None


def help_text(name: str) -> str:
    """Return a command's help as a terminal of 80 columns shows it; `""` for that of the program."""
    arguments = [*name.split(), "--help"]
    return CliRunner().invoke(main, arguments, prog_name="cdnserve", terminal_width=80).output


def documented(text: str) -> list[str]:
    """List the commands whose help stands in a text."""
    return [(found["name"] or "").strip() for found in _HELP.finditer(text)]


def refreshed(text: str) -> str:
    """Return a text with every help as it is now."""
    return _HELP.sub(lambda found: f"```text\n{help_text(found['name'] or '')}```", text)


def sessions(text: str) -> list[Session]:
    """List the commands that a text shows with their output."""
    pieces = (piece for block in _CONSOLE.findall(text) for piece in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:])
    return [Session(*piece.split("\n", 1)) for piece in pieces]


def blocks(text: str, example: str) -> list[str]:
    """List the shell blocks of a text that are marked as this example."""
    return re.findall(rf"<!-- example: {re.escape(example)} -->\n```sh\n(.*?)```", text, re.DOTALL)


def links(text: str) -> list[str]:
    """List the relative links of a text."""
    return [target for target in _LINK.findall(text) if "://" not in target]
