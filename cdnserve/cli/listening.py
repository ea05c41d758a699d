"""Options for how a server is reached: TLS, HTTP/2, proxies in front, and other sockets than a port.

Never opens anything: the server does.
"""

from __future__ import annotations

import os
from functools import wraps
from pathlib import Path
from typing import Any, cast

import click

from cdnserve.cli.options import Decorated, setting
from cdnserve.server.notices import read_notices
from cdnserve.server.pair import Pair
from cdnserve.server.proxies import Proxies, trusted
from cdnserve.server.sockets import Unix, passed_descriptor

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


_OPTIONS = (
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
        default=False,
        help="HTTP/2 over TLS, beside HTTP/1.1. Experimental, as it is in uvicorn.",
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
    """Give a command these options; as `listening` it gets the fields of `Settings` that they make."""

    @wraps(command)
    def gathered(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401 # as click's own
        names = ("uds", "uds_mode", "fd", "tls_cert", "tls_key", "http2", "proxy_headers", "trusted_proxies")
        listening = _settings(**{name: options.pop(name) for name in names})
        return command(*arguments, **options, listening=listening)

    for option in reversed(_OPTIONS):
        gathered = option(gathered)
    return cast(Decorated, gathered)


def _settings(
    *,
    uds: Path | None,
    uds_mode: int,
    fd: int | None,
    tls_cert: Path | None,
    tls_key: Path | None,
    http2: bool,
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
        "http2": http2,
        "proxies": trusted_proxies if proxy_headers else Proxies(),
        "notices": read_notices(os.environ),
    }
