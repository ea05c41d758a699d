"""`cdnserve completion`: what makes a shell complete commands, options and files."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import click
from click.shell_completion import BashComplete, FishComplete, ShellComplete, ZshComplete

from cdnserve.cli.command import Command

_SHELLS: Mapping[str, type[ShellComplete]] = MappingProxyType(
    {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}
)


@click.command(cls=Command, examples=("completion bash", "completion fish"))
@click.argument("shell", type=click.Choice(tuple(_SHELLS)))
def command(shell: str) -> None:
    """Print the completion script of a SHELL.

    \b
    bash: cdnserve completion bash > ~/.local/share/bash-completion/completions/cdnserve
    zsh:  cdnserve completion zsh > ~/.zfunc/_cdnserve    (with ~/.zfunc in fpath, before compinit)
    fish: cdnserve completion fish > ~/.config/fish/completions/cdnserve.fish
    """  # noqa: D301 - click's own mark for lines that it must not fill
    from cdnserve.cli.main import PROGRAM, main

    complete = _SHELLS[shell](main, {}, PROGRAM, f"_{PROGRAM.upper()}_COMPLETE")
    # Not source(): for bash that asks the bash on this machine for its version.
    click.echo(complete.source_template % complete.source_vars())
