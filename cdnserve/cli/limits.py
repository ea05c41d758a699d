"""Limits of a server as options, each also a `CDNSERVE_*` variable.

Never knows a default of its own: `server.limits` has them.
"""

from __future__ import annotations

import re

import click

from cdnserve.cli.options import Decorated, setting
from cdnserve.server.limits import Limits

_SIZE = re.compile(r"([0-9]{1,15})\s*(?:([KMG])i?B?)?", re.IGNORECASE | re.ASCII)
_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30}


def size(text: str | int) -> int:
    """Read a number of octets; raise `click.BadParameter` for anything else.

    >>> size("64KiB"), size("1 MB"), size("1000")
    (65536, 1048576, 1000)
    """
    found = _SIZE.fullmatch(str(text).strip())
    if not found:
        raise click.BadParameter(f"{text!r} is no size such as 64KiB")
    return int(found[1]) * _UNITS[(found[2] or "").upper()]


def written(octets: int) -> str:
    """Write a size as short as it can be read.

    >>> written(65536), written(268435456), written(1000)
    ('64KiB', '256MiB', '1000')
    """
    unit = next((unit for unit in "GMK" if octets and octets % _UNITS[unit] == 0), "")
    return f"{octets // _UNITS[unit]}{unit}iB" if unit else str(octets)


_DEFAULTS = Limits()
_OPTIONS = (
    ("--memory", "memory", "Content that each worker keeps in memory."),
    ("--connections", "connections", "Connections at once, for each worker."),
    ("--head-size", "head", "The largest request head; a larger one gets 431."),
    ("--head-seconds", "head_seconds", "For how long a client may send one request head."),
    ("--idle-seconds", "idle_seconds", "For how long a connection may wait for a request."),
    ("--stall-seconds", "stall_seconds", "For how long a client may take no content."),
)
_IN_OCTETS = ("memory", "head")


def limit_options(command: Decorated) -> Decorated:
    """Give a command an option for each limit; the arguments are the fields of `Limits`."""
    for flag, name, meaning in reversed(_OPTIONS):
        default = getattr(_DEFAULTS, name)
        in_octets = name in _IN_OCTETS
        command = setting(
            flag,
            name,
            type=size if in_octets else click.IntRange(1, 1_000_000),
            metavar="SIZE" if in_octets else "NUMBER",
            default=written(default) if in_octets else default,
            help=meaning,
        )(command)
    return command
