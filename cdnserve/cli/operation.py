"""Options for those who run a server for others: its log, its end, its admin port; each also a `CDNSERVE_*` variable.

Never knows a default of its own: `server.settings` has them.
"""

from __future__ import annotations

from pathlib import Path

import click

from cdnserve.cli.limits import size, written
from cdnserve.cli.logs import LOG_FORMATS
from cdnserve.cli.options import Decorated, setting
from cdnserve.server.settings import Settings

_DEFAULTS = Settings(Path(), Path())

log_format_option = setting(
    "--log-format",
    default=LOG_FORMATS[0],
    type=click.Choice(LOG_FORMATS),
    help="How events are written to stderr.",
)
shutdown_delay_option = setting(
    "--shutdown-delay",
    default=_DEFAULTS.shutdown_delay,
    type=click.IntRange(0, 3600),
    metavar="SECONDS",
    help="For how long SIGTERM only makes /-/ready fail, before it drains.",
)
admin_host_option = setting(
    "--admin-host",
    default=_DEFAULTS.admin_host,
    help="The address of the admin port.",
)
admin_port_option = setting(
    "--admin-port",
    type=click.IntRange(0, 65_535),
    metavar="NUMBER",
    show_default="none",
    help="A port of its own for health and metrics; then /-/metrics is nowhere else.",
)
scrub_rate_option = setting(
    "--scrub-rate",
    default=written(_DEFAULTS.scrub_rate),
    type=size,
    metavar="SIZE",
    help="So much of the stored bytes is read again in a second, to find damage; 0 for none.",
)
_OPTIONS = (log_format_option, shutdown_delay_option, admin_host_option, admin_port_option, scrub_rate_option)


def operation_options(command: Decorated) -> Decorated:
    """Give a command these options; all but the log's format are fields of `Settings`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
