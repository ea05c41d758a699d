"""The options of a server, each also a `CDNSERVE_*` variable: limits, listening and operation."""

from __future__ import annotations

import os
import re
from functools import wraps
from pathlib import Path
from typing import Any, cast

import click

from cdnserve.cli.command import Decorated, setting
from cdnserve.cli.logs import LOG_FORMATS
from cdnserve.server.proxies import Proxies, trusted
from cdnserve.server.settings import ReplicaSettings, ServerLimits, ServerSettings, read_notices, speaks_http2
from cdnserve.server.sockets import Unix, passed_descriptor
from cdnserve.server.tls import Pair

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


_LIMIT_DEFAULTS = ServerLimits()
_LIMIT_OPTIONS = (
    ("--memory", "memory", "Content that each worker keeps in memory."),
    ("--connections", "connections", "Connections at once, for each worker."),
    ("--head-size", "head", "The largest request head; a larger one gets 431."),
    ("--head-seconds", "head_seconds", "For how long a client may send one request head."),
    ("--idle-seconds", "idle_seconds", "For how long a connection may wait for a request."),
    ("--stall-seconds", "stall_seconds", "For how long a client may take no content."),
)
_IN_OCTETS = ("memory", "head")


def limit_options(command: Decorated) -> Decorated:
    """Return a command an option for each limit; the arguments are the fields of `Limits`."""
    for flag, name, meaning in reversed(_LIMIT_OPTIONS):
        default = getattr(_LIMIT_DEFAULTS, name)
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


PASSWORD = "CDNSERVE_TLS_KEY_PASSWORD"  # noqa: S105 # where one may be, not what it is

_PATH = click.Path(path_type=Path)


def _proxies(_: click.Context, __: click.Parameter, text: str) -> Proxies:
    try:
        return trusted(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def _mode(_: click.Context, __: click.Parameter, text: str) -> int:
    if len(text) in (3, 4) and set(text) <= set("01234567") and int(text, 8) <= 0o777:
        return int(text, 8)
    raise click.BadParameter(f"{text!r} is no mode such as 660")


_LISTENING_OPTIONS = (
    setting("--uds", type=_PATH, metavar="PATH", help="A Unix socket to listen on, instead of a port."),
    setting(
        "--uds-mode",
        default="660",
        callback=_mode,
        metavar="MODE",
        help="Who may connect to it, as chmod takes it.",
    ),
    setting(
        "--fd",
        type=click.IntRange(0, 1_000_000),
        metavar="NUMBER",
        show_default="what systemd passes",
        help="A listening socket that is open already.",
    ),
    setting("--tls-cert", type=_PATH, metavar="FILE", help="Serve over TLS, with this certificate chain in PEM."),
    setting(
        "--tls-key",
        type=_PATH,
        metavar="FILE",
        show_default="the file of the certificate",
        help=f"Its private key; {PASSWORD} opens an encrypted one.",
    ),
    setting(
        "--http2/--no-http2",
        default=None,
        show_default="where its parser is installed",
        help="HTTP/2 over TLS, beside HTTP/1.1. Its parser calls itself experimental.",
    ),
    setting(
        "--proxy-headers/--no-proxy-headers",
        default=False,
        help="Take the client's address in the access log from X-Forwarded-For.",
    ),
    setting(
        "--trusted-proxies",
        default="",
        callback=_proxies,
        metavar="LIST",
        show_default="nobody",
        help="Who is believed: addresses, networks, `unix`; commas between.",
    ),
)


def listening_options(command: Decorated) -> Decorated:
    """Return a command these options; as `listening` it gets the fields of `Settings` that they make."""

    @wraps(command)
    def gathered(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401 # as click's own
        names = ("uds", "uds_mode", "fd", "tls_cert", "tls_key", "http2", "proxy_headers", "trusted_proxies")
        listening = _settings(**{name: options.pop(name) for name in names})
        return command(*arguments, **options, listening=listening)

    for option in reversed(_LISTENING_OPTIONS):
        gathered = option(gathered)
    return cast(Decorated, gathered)


def _settings(
    *,
    uds: Path | None,
    uds_mode: int,
    fd: int | None,
    tls_cert: Path | None,
    tls_key: Path | None,
    http2: bool | None,
    proxy_headers: bool,
    trusted_proxies: Proxies,
) -> dict[str, Any]:
    if uds and fd is not None:
        raise click.UsageError("--uds and --fd can't both be listened on")
    if tls_cert is None and (tls_key or http2):
        raise click.UsageError(f"{'--tls-key' if tls_key else '--http2'} needs --tls-cert")
    if proxy_headers and trusted_proxies == Proxies():
        raise click.UsageError("--proxy-headers needs --trusted-proxies: else anybody could write what the log says")
    if fd is None and uds is None:
        fd = passed_descriptor(os.environ, os.getpid())
    return {
        "unix": Unix(uds, uds_mode) if uds else None,
        "descriptor": fd,
        "pair": Pair(tls_cert, tls_key or tls_cert, os.environ.get(PASSWORD, "")) if tls_cert else None,
        "http2": bool(tls_cert) and speaks_http2(http2),
        "proxies": trusted_proxies if proxy_headers else Proxies(),
        "notices": read_notices(os.environ),
    }


_REPLICA_DEFAULTS = ReplicaSettings("")
_REPLICA_OPTIONS = (
    setting(
        "--store",
        metavar="URL",
        show_default="none",
        help="An object store: serve what was published there, without a ROOT. s3://, gs://, az:// or file://.",
    ),
    setting(
        "--cache-size",
        default=written(_REPLICA_DEFAULTS.cache_size),
        type=size,
        metavar="SIZE",
        help="So much of the store is kept on disk, in the state folder; what was used least lately goes first.",
    ),
    setting(
        "--prefetch/--no-prefetch",
        default=_REPLICA_DEFAULTS.prefetch,
        help="Fetch all of a release from the store before it is served.",
    ),
    setting(
        "--look-seconds",
        default=int(_REPLICA_DEFAULTS.look_seconds),
        type=click.IntRange(1, 3600),
        metavar="SECONDS",
        help="How often to look into the store for another release.",
    ),
)


def replica_options(command: Decorated) -> Decorated:
    """Return a command these options; as `replica` it gets what they say, `None` without a store."""

    @wraps(command)
    def gathered(*arguments: Any, store: str | None, **options: Any) -> Any:  # noqa: ANN401 # as click's own
        said = [options.pop(name) for name in ("cache_size", "prefetch", "look_seconds")]
        return command(*arguments, **options, replica=ReplicaSettings(store, *said) if store else None)

    for option in reversed(_REPLICA_OPTIONS):
        gathered = option(gathered)
    return cast(Decorated, gathered)


_OPERATION_DEFAULTS = ServerSettings(Path(), Path())

log_format_option = setting(
    "--log-format",
    default=LOG_FORMATS[0],
    type=click.Choice(LOG_FORMATS),
    help="How events are written to stderr.",
)
shutdown_delay_option = setting(
    "--shutdown-delay",
    default=_OPERATION_DEFAULTS.shutdown_delay,
    type=click.IntRange(0, 3600),
    metavar="SECONDS",
    help="For how long SIGTERM only makes /-/ready fail, before it drains.",
)
admin_host_option = setting(
    "--admin-host",
    default=_OPERATION_DEFAULTS.admin_host,
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
    default=written(_OPERATION_DEFAULTS.scrub_rate),
    type=size,
    metavar="SIZE",
    help="So much of the stored bytes is read again in a second, to find damage; 0 for none.",
)
_OPERATION_OPTIONS = (log_format_option, shutdown_delay_option, admin_host_option, admin_port_option, scrub_rate_option)


def operation_options(command: Decorated) -> Decorated:
    """Return a command these options; all but the log's format are fields of `Settings`."""
    for option in reversed(_OPERATION_OPTIONS):
        command = option(command)
    return command
