"""`cdnserve serve`: build, listen, watch; all that a new user needs."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import click
import msgspec
from click.core import ParameterSource

from cdnserve.cli.command import Command, root_argument, setting, state_option
from cdnserve.cli.logs import LogFormat, logging_to_stderr, tell_no_start, tell_problems
from cdnserve.cli.release import build_release, open_release
from cdnserve.cli.serve_options import (
    limit_options,
    listening_options,
    operation_options,
    replica_options,
)
from cdnserve.cli.terminal import Piece, write
from cdnserve.display import plural
from cdnserve.errors import ConfigurationError
from cdnserve.manifest.model import Site
from cdnserve.release.catalog import Catalog
from cdnserve.release.store import Store, read_text, state_folder
from cdnserve.rules.cors import ANY
from cdnserve.rules.media_types import destination
from cdnserve.server.run import run
from cdnserve.server.settings import ReplicaSettings, ServerLimits, ServerSettings, replica_folder
from cdnserve.snippets.subject import Options, of_asset
from cdnserve.snippets.tags import elements

if TYPE_CHECKING:
    from cdnserve.server.access_log import AccessFormat

_ANYWHERE = {"//0.0.0.0:": "//127.0.0.1:", "//[::]:": "//[::1]:"}
_LIBRARIES_TRIED = 8
_TRIED = ("script", "style", "font", "image")


@dataclass(frozen=True, slots=True)
class Welcome:
    """What is known before the server listens; `example` is a catalog of at most one asset, to make a tag of."""

    root: Path
    files: int
    example: Catalog
    source: str

    def lines(self, url: str) -> Iterator[tuple[Piece, ...]]:
        """Yield the lines; the first one is for scripts too."""
        yield ("listening on ", ""), (url, "bold cyan")
        files = plural(self.files, "public file")
        yield ((f"release {self.example.number}: {files}, watching {self.root} for changes", ""),)
        if tag := self._tag(url):
            yield ("to try: ", ""), (tag, "green")
        if self.example.site.pages and not url.startswith("unix:"):
            yield ("pages: ", ""), (f"{_reachable(url)}/-/", "bold cyan")
        if not self.example.rules:  # else the build has said why nothing is public
            yield ((f"nothing is public yet: add a [[publish]] rule to {self.root / 'manifest.toml'}", "yellow"),)

    def _tag(self, url: str) -> str:
        if url.startswith("unix:"):
            return ""
        catalog = msgspec.structs.replace(self.example, site=Site(url=_reachable(url)))
        tags = (elements(of_asset(catalog, path, self.source), Options()) for path in catalog.assets)
        return next((written[-1] for written in tags if written), "")


def _reachable(url: str) -> str:
    """Return an address that a browser opens, which the one that means all interfaces isn't."""
    return next((url.replace(all_, one) for all_, one in _ANYWHERE.items() if all_ in url), url)


def prepare(root: Path, store: Store, catalog: Catalog) -> Welcome:
    """Pick what is worth trying."""
    path = _example(root, store, catalog)
    assets = {path: catalog.assets[path]} if path else {}
    source = read_text(store, catalog.assets[path]) if path and destination(path) == "script" else ""
    return Welcome(root, len(catalog.assets), msgspec.structs.replace(catalog, assets=assets), source)


def _example(root: Path, store: Store, catalog: Catalog) -> str:
    """Return a public path that any origin may load, `""` where there is none.

    An own script near the root, else what stands for a library, else an own stylesheet, font or image, else any.
    """
    folders = tuple(f"{folder}/" for folder in catalog.packages)
    readable = {path for path, asset in catalog.assets.items() if catalog.rules[asset.rule].cors.name == ANY.name}
    ranked = [
        (path.startswith(folders), _TRIED.index(kind), path.count("/"), path)
        for path in readable
        if (kind := destination(path)) in _TRIED
    ]
    best = min(ranked, default=(False, 0, 0, ""))
    if best[:2] == (False, 0) or not folders:
        return best[-1]
    return next((path for path in _of_libraries(root, store, catalog) if path in readable), best[-1])


def _of_libraries(root: Path, store: Store, catalog: Catalog) -> Iterator[str]:
    from cdnserve.snippets.targets import Hosted, main_library_files

    hosted = Hosted(root, store, catalog)
    for folder in islice(catalog.packages, _LIBRARIES_TRIED):
        with suppress(ConfigurationError):
            yield from main_library_files(folder, hosted)


_DEFAULTS = ServerSettings(Path(), Path())
_ACCESS_LOGS: Mapping[str, AccessFormat | None] = MappingProxyType(
    {"off": None, "combined": "combined", "json": "json"}
)
_SECTIONS: Mapping[str, Sequence[str]] = MappingProxyType(
    {
        "TLS": ("tls_cert", "tls_key", "http2"),
        "Other sockets": ("uds", "uds_mode", "fd", "admin_host", "admin_port"),
        "Behind a proxy": ("proxy_headers", "trusted_proxies"),
        "Logs and operation": (
            "access_log",
            "log_format",
            "drain_seconds",
            "shutdown_delay",
            "scrub_rate",
            "fast_lane",
        ),
        "Replica of an object store": ("store", "cache_size", "prefetch", "look_seconds"),
        "Limits": ("memory", "connections", "head", "head_seconds", "idle_seconds", "stall_seconds"),
    }
)


@click.command(cls=Command, examples=("serve", "serve public -p 9000"), sections=_SECTIONS)
@root_argument
@state_option
@setting(
    "--host",
    default=_DEFAULTS.host,
    help="The address to listen on.",
)
@setting(
    "--port",
    "-p",
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
@replica_options
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
    replica: ReplicaSettings | None,
    **limits: int,
) -> None:
    """Serve ROOT: build what has changed, listen, and watch for changes.

    The first line of output is `listening on URL`. A broken manifest is reported, and the last good release is
    served on. SIGTERM and Ctrl-C end it when the requests that are under way are answered.

    With --store it is a replica: it has no ROOT, builds nothing, and serves the release that was published last.
    """
    if replica and (ctx.params["place"] or ctx.get_parameter_source("root") is ParameterSource.COMMANDLINE):
        raise click.UsageError("--store serves what was published there, so it takes no ROOT")
    settings = ServerSettings(
        root,
        state_folder(root, state or (str(replica_folder(replica.store, os.environ)) if replica else None)),
        host,
        port,
        workers,
        fast_lane,
        drain_seconds,
        _ACCESS_LOGS[access_log],
        ServerLimits(**limits),
        shutdown_delay,
        admin_host,
        admin_port,
        scrub_rate=scrub_rate,
        replica=replica,
        **listening,
    )
    try:
        started = _serve_replica(replica, settings, log_format) if replica else _serve(settings, log_format)
    except ConfigurationError as error:
        if log_format == "text":
            raise
        tell_no_start(error.problems)
        started = False
    _drop_unread()
    ctx.exit(0 if started else 1)


def _serve_replica(replica: ReplicaSettings, settings: ServerSettings, log_format: LogFormat) -> bool:
    from cdnserve.server.replica import acquire

    tell_problems(acquire(replica, settings.state), log_format)
    catalog = Store(settings.state).read()
    text = f"release {catalog.number}: {plural(len(catalog.assets), 'public file')}, from {replica.store}"

    def on_listening(url: str) -> None:
        lines: tuple[tuple[Piece, ...], ...] = ((("listening on ", ""), (url, "bold cyan")), ((text, ""),))
        _write_start(lines, log_format)

    return run(settings, on_listening, partial(logging_to_stderr, log_format))


def _serve(settings: ServerSettings, log_format: LogFormat) -> bool:
    state = str(settings.state)
    built = build_release(settings.root, state, lines=log_format == "text")
    tell_problems(built.told, log_format)
    welcome = prepare(settings.root, *open_release(settings.root, state, built))

    def on_listening(url: str) -> None:
        _write_start(welcome.lines(url), log_format)

    return run(settings, on_listening, partial(logging_to_stderr, log_format))


def _write_start(lines: Iterable[Sequence[Piece]], log_format: LogFormat) -> None:
    # Behind the first line it is for people, and the log says it as well. Nobody need read any of it.
    with suppress(OSError):
        write(islice(lines, None if log_format == "text" else 1))


def _drop_unread() -> None:
    # What nobody took Python would write once more as it ends, and fail with status 120.
    for name in ("stdout", "stderr"):
        try:
            getattr(sys, name).flush()
        except OSError:
            setattr(sys, name, None)
