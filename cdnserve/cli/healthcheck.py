"""`cdnserve healthcheck`: whether a running server is well, for images that have no other client."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit

import click

from cdnserve.cli.command import Command, setting
from cdnserve.server.healthcheck import RunningServer, ask


@click.command(cls=Command, examples=("healthcheck", "healthcheck http://127.0.0.1:8000 --ready"))
@click.argument("url", default="")
@click.option("--ready", is_flag=True, help="Ask whether it wants requests, not only whether it runs.")
@setting(
    "--host",
    default="127.0.0.1",
    help="The address that it listens on.",
)
@setting(
    "--port",
    default=8000,
    type=click.IntRange(1, 65_535),
    metavar="NUMBER",
    help="Its port.",
)
@setting(
    "--admin-host",
    default="127.0.0.1",
    help="The address of its admin port.",
)
@setting(
    "--admin-port",
    type=click.IntRange(1, 65_535),
    metavar="NUMBER",
    help="Its admin port; where it has one, that is asked.",
)
@setting(
    "--uds",
    "--socket",
    "path",
    default="",
    metavar="PATH",
    help="Ask on a Unix socket.",
)
@setting(
    "--tls-cert",
    default="",
    metavar="FILE",
    help="Its certificate; where it has one, TLS is spoken. On this machine it is not checked.",
)
@click.option(
    "--timeout",
    default=3.0,
    type=click.FloatRange(0.1, 600),
    metavar="SECONDS",
    show_default=True,
    help="Patience with all of it.",
)
def command(
    url: str,
    ready: bool,
    host: str,
    port: int,
    admin_host: str,
    admin_port: int | None,
    path: str,
    tls_cert: str,
    timeout: float,
) -> None:
    """Ask a running server whether it is well; the exit status says it.

    URL is the server's address, as http://127.0.0.1:8000. Without it the server is asked that would run in the same
    environment.
    """
    if url:
        server, target = _named(url)
    elif admin_port is not None and not path:
        server, target = RunningServer(admin_host, admin_port), ""
    else:
        server, target = RunningServer(host, port, bool(tls_cert), path), ""
    click.echo(ask(server, target or ("/-/ready" if ready else "/-/health"), timeout))


def _named(url: str) -> tuple[RunningServer, str]:
    try:
        parts: SplitResult = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise click.BadParameter(f"{url!r} is no URL", param_hint="URL") from error
    secure = parts.scheme == "https"
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise click.BadParameter(f"{url!r} is no URL such as http://127.0.0.1:8000", param_hint="URL")
    return RunningServer(parts.hostname, port or (443 if secure else 80), secure), parts.path.rstrip("/")
