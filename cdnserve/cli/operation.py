"""Options for those who run a server for others: its log, its end, its admin port; each also a `CDNSERVE_*` variable.

Never knows a default of its own: `server.settings` has them.
"""

from __future__ import annotations

from pathlib import Path

import click

from cdnserve.cli.limits import Decorated
from cdnserve.cli.logs import LOG_FORMATS
from cdnserve.server.settings import Settings

_DEFAULTS = Settings(Path(), Path())

log_format_option = click.option(
    "--log-format",
    envvar="CDNSERVE_LOG_FORMAT",
    default=LOG_FORMATS[0],
    type=click.Choice(LOG_FORMATS),
    show_default=True,
    show_envvar=True,
    help="How events are written to stderr.",
)
shutdown_delay_option = click.option(
    "--shutdown-delay",
    envvar="CDNSERVE_SHUTDOWN_DELAY",
    default=_DEFAULTS.shutdown_delay,
    type=click.IntRange(0, 3600),
    metavar="SECONDS",
    show_default=True,
    show_envvar=True,
    help="For how long SIGTERM only makes /-/ready fail, before it drains.",
)
admin_host_option = click.option(
    "--admin-host",
    envvar="CDNSERVE_ADMIN_HOST",
    default=_DEFAULTS.admin_host,
    show_default=True,
    show_envvar=True,
    help="The address of the admin port.",
)
admin_port_option = click.option(
    "--admin-port",
    envvar="CDNSERVE_ADMIN_PORT",
    type=click.IntRange(0, 65_535),
    metavar="NUMBER",
    show_default="none",
    show_envvar=True,
    help="A port of its own for health and metrics; then /-/metrics is nowhere else.",
)
_OPTIONS = (log_format_option, shutdown_delay_option, admin_host_option, admin_port_option)


def operation_options(command: Decorated) -> Decorated:
    """Give a command these options; all but the log's format are fields of `Settings`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
