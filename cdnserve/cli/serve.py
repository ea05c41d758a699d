"""`cdnserve serve`: build, listen, watch; all that a new user needs.

Never listens before there is a whole release.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import click

from cdnserve.cli.command import Command
from cdnserve.cli.current import build_release, open_release
from cdnserve.cli.limits import limit_options
from cdnserve.cli.listening import listening_options
from cdnserve.cli.logs import LogFormat, logging_to_stderr, tell_no_start, tell_problems
from cdnserve.cli.operation import operation_options
from cdnserve.cli.options import root_argument, setting, state_option
from cdnserve.cli.terminal import write
from cdnserve.cli.welcome import prepare
from cdnserve.errors import ConfigurationError
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
@setting(
    "--host",
    default=_DEFAULTS.host,
    help="The address to listen on.",
)
@setting(
    "--port",
    default=_DEFAULTS.port,
    type=click.IntRange(0, 65_535),
    metavar="NUMBER",
    help="The port; 0 takes a free one.",
)
@setting(
    "--workers",
    default=_DEFAULTS.workers,
    type=click.IntRange(1, 1024),
    metavar="NUMBER",
    help="Processes that share the port.",
)
@setting(
    "--access-log",
    default="off",
    type=click.Choice(list(_ACCESS_LOGS)),
    help="A line on stdout for each response.",
)
@setting(
    "--fast-lane/--no-fast-lane",
    default=_DEFAULTS.fast_lane,
    help="Answer without the ASGI application, where both would say the same.",
)
@setting(
    "--drain-seconds",
    default=_DEFAULTS.drain_seconds,
    type=click.IntRange(0, 86_400),
    metavar="NUMBER",
    help="For how long responses may go on when it ends.",
)
@listening_options
@operation_options
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
    log_format: LogFormat,
    shutdown_delay: int,
    admin_host: str,
    admin_port: int | None,
    scrub_rate: int,
    listening: dict[str, Any],
    **limits: int,
) -> None:
    """Serve ROOT: build what has changed, listen, and watch for changes.

    The first line of output is `listening on URL`. A broken manifest is reported, and the last good release is
    served on. SIGTERM and Ctrl-C end it when the requests that are under way are answered.
    """
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
        shutdown_delay,
        admin_host,
        admin_port,
        scrub_rate=scrub_rate,
        **listening,
    )
    try:
        started = _serve(settings, state, log_format)
    except ConfigurationError as error:
        if log_format == "text":
            raise
        tell_no_start(error.problems)
        started = False
    ctx.exit(0 if started else 1)


def _serve(settings: Settings, state: str | None, log_format: LogFormat) -> bool:
    built = build_release(settings.root, state)
    tell_problems(built.told, log_format)
    welcome = prepare(settings.root, *open_release(settings.root, state, built))

    def on_listening(url: str) -> None:
        # The rest is for people, and the log says it as well.
        write(islice(welcome.lines(url), None if log_format == "text" else 1))

    return run(settings, on_listening, partial(logging_to_stderr, log_format))
