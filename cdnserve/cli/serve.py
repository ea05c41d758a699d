"""`cdnserve serve`: build, listen, watch; all that a new user needs.

Never listens before there is a whole release.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import click

from cdnserve.cli.command import Command
from cdnserve.cli.current import build_release, open_release
from cdnserve.cli.limits import limit_options
from cdnserve.cli.logs import logging_to_stderr
from cdnserve.cli.options import root_argument, state_option
from cdnserve.cli.problems import report
from cdnserve.cli.terminal import write
from cdnserve.cli.welcome import prepare
from cdnserve.server.limits import Limits
from cdnserve.server.run import run
from cdnserve.server.settings import Settings, state_folder

if TYPE_CHECKING:
    from cdnserve.server.access_log import AccessFormat

_DEFAULTS = Settings(Path(), Path())
_ACCESS_LOGS: Mapping[str, AccessFormat | None] = MappingProxyType(
    {"off": None, "combined": "combined", "json": "json"}
)


@click.command(cls=Command)
@root_argument
@state_option
@click.option(
    "--host",
    envvar="CDNSERVE_HOST",
    default=_DEFAULTS.host,
    show_default=True,
    show_envvar=True,
    help="The address to listen on.",
)
@click.option(
    "--port",
    envvar="CDNSERVE_PORT",
    default=_DEFAULTS.port,
    type=click.IntRange(0, 65_535),
    metavar="NUMBER",
    show_default=True,
    show_envvar=True,
    help="The port; 0 takes a free one.",
)
@click.option(
    "--workers",
    envvar="CDNSERVE_WORKERS",
    default=_DEFAULTS.workers,
    type=click.IntRange(1, 1024),
    metavar="NUMBER",
    show_default=True,
    show_envvar=True,
    help="Processes that share the port.",
)
@click.option(
    "--access-log",
    envvar="CDNSERVE_ACCESS_LOG",
    default="off",
    type=click.Choice(list(_ACCESS_LOGS)),
    show_default=True,
    show_envvar=True,
    help="A line on stdout for each response.",
)
@click.option(
    "--fast-lane/--no-fast-lane",
    envvar="CDNSERVE_FAST_LANE",
    default=_DEFAULTS.fast_lane,
    show_default=True,
    show_envvar=True,
    help="Answer without the ASGI application, where both would say the same.",
)
@click.option(
    "--drain-seconds",
    envvar="CDNSERVE_DRAIN_SECONDS",
    default=_DEFAULTS.drain_seconds,
    type=click.IntRange(0, 86_400),
    metavar="NUMBER",
    show_default=True,
    show_envvar=True,
    help="For how long responses may go on when it ends.",
)
@limit_options
@click.pass_context
def command(
    ctx: click.Context,
    /,
    root: Path,
    state: str | None,
    host: str,
    port: int,
    workers: int,
    access_log: str,
    fast_lane: bool,
    drain_seconds: int,
    **limits: int,
) -> None:
    """Serve ROOT: build what has changed, listen, and watch for changes.

    The first line of output is `listening on URL`. A broken manifest is reported, and the last good release is
    served on. SIGTERM and Ctrl-C end it when the requests that are under way are answered.
    """
    built = build_release(root, state)
    report(built.warnings)
    welcome = prepare(root, *open_release(root, state, built))
    settings = Settings(
        root,
        state_folder(root, state),
        host,
        port,
        workers,
        fast_lane,
        drain_seconds,
        _ACCESS_LOGS[access_log],
        Limits(**limits),
    )
    started = run(settings, lambda url: write(welcome.lines(url)), logging_to_stderr)
    ctx.exit(0 if started else 1)
