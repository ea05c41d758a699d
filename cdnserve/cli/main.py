"""The program: its commands by name, each imported when it is asked for.

Never imports what a command needs before that command runs, not even for the help.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Mapping
from importlib import import_module
from keyword import iskeyword
from types import MappingProxyType
from typing import Any

import click
from click.shell_completion import CompletionItem

from cdnserve.display import did_you_mean, printable
from cdnserve.version import running_version

PROGRAM = "cdnserve"
COMMANDS: Mapping[str, str] = MappingProxyType(
    {
        "init": "Write a first manifest.",
        "serve": "Build what has changed, serve, and watch.",
        "build": "Make a release and stop.",
        "publish": "Build, and put the release into an object store.",
        "check": "Show every problem in manifest, lock and files.",
        "list": "List what is public.",
        "info": "Show what is hosted of a library.",
        "explain": "Explain what a browser gets, and why.",
        "sri": "Print integrity metadata and ready tags.",
        "audit": "Audit how HTML pages load scripts and styles.",
        "migrate": "Leave public CDNs: host what pages load, and rewrite the pages.",
        "add": "Add npm packages.",
        "remove": "Remove npm packages.",
        "update": "Add the newest versions that the manifest allows.",
        "outdated": "Show which libraries are behind the registry.",
        "sync": "Restore the npm packages that the lock records.",
        "importmap": "Print an import map for hosted ES modules.",
        "export": "Write manifest, lock and files into one archive.",
        "import": "Take what export wrote, verified.",
        "import-cors": "Translate an object store's CORS configuration.",
        "releases": "List the releases, and what each one changed.",
        "rollback": "Make an earlier release the current one again.",
        "gc": "Remove old releases.",
        "forget": "Take back the promise that a file never changes.",
        "verify": "Compare what a live URL answers with the release.",
        "healthcheck": "Ask a running server whether it is well.",
        "schema": "Print the JSON Schema of the manifest.",
        "completion": "Print the completion script of a shell.",
    }
)
"""The commands in the order of the help; each is `command` of the module with its name."""

_CALLED_ELSEWHERE: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("help", "usage"), f"{PROGRAM} --help, or {PROGRAM} COMMAND --help"),
        "version": f"{PROGRAM} --version",
        **dict.fromkeys(("install", "i"), "add"),
        **dict.fromkeys(("uninstall", "rm", "un"), "remove"),
        **dict.fromkeys(("upgrade", "up"), "update"),
        **dict.fromkeys(("start", "run", "dev"), "serve"),
        **dict.fromkeys(("validate", "lint", "test"), "check"),
        **dict.fromkeys(("show", "view"), "info"),
        **dict.fromkeys(("tag", "tags", "hash", "integrity"), "sri"),
        **dict.fromkeys(("deploy", "push"), "publish"),
        **dict.fromkeys(("new", "create"), "init"),
        **dict.fromkeys(("history", "log"), "releases"),
        **dict.fromkeys(("prune", "clean"), "gc"),
        "ls": "list",
        "ci": "sync",
        "why": "explain",
    }
)
"""What people say who know npm and other programs, and what they mean here."""


def module_name(command: str) -> str:
    """Return the name of a command's module, which can be no word of Python's own.

    >>> module_name("serve"), module_name("import-cors"), module_name("import")
    ('serve', 'import_cors', 'import_')
    """
    name = command.replace("-", "_")
    return f"{name}_" if iskeyword(name) else name


class Program(click.Group):
    """The group of all commands."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 # click's signature
        """Return the names in the order in which people need them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import the command with this name."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"cdnserve.cli.{module_name(cmd_name)}").command
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the commands that a word may become, none imported."""
        commands = [CompletionItem(name, help=told) for name, told in COMMANDS.items() if name.startswith(incomplete)]
        return commands if incomplete[:1] != "-" else super().shell_complete(ctx, incomplete)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write what each command is for."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; where there is none of this name, say which is nearly it."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            said = args[0].lower()
            meant = _CALLED_ELSEWHERE.get(said)
            near = f"did you mean {meant}?" if meant else did_you_mean(said, COMMANDS, f"see {PROGRAM} --help.")
            raise click.UsageError(f"{error.format_message()} {near[0].upper()}{near[1:]}", error.ctx) from None

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 # click's signature
        """Run the command; what a usage error quotes is made printable."""
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            said = error.format_message().replace("a valid integer range", "a whole number")
            shown = "\n".join(printable(line, keep_tabs=True) for line in said.split("\n"))
            if shown == error.format_message():
                raise
            raise click.UsageError(shown, error.ctx) from None

    def main(self, *args: Any, **extra: Any) -> Any:  # noqa: ANN401 # click's signature
        """Run the program; a character that the terminal can't show is escaped, never an error."""
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")
        return super().main(*args, **extra)


def _print_version(ctx: click.Context, _: click.Parameter, asked: bool) -> None:
    if asked and not ctx.resilient_parsing:
        click.echo(f"cdnserve {running_version() or '(not installed)'}")
        ctx.exit()


@click.group(cls=Program, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "-V",
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show the version.",
)
def main() -> None:
    """Serve JavaScript, CSS and font libraries to pages of other origins.

    The manifest, ROOT/manifest.toml, decides which files are public. What it does not list is not served.
    ROOT is given as ROOT or --root, or named by CDNSERVE_ROOT. Otherwise it is the current folder if that has a
    manifest.toml, else "public".

    Exit status: 0 fine, 1 problem, 2 wrong usage.
    """
