"""The entrance: which protocol a new connection is given, by what the settings say of TLS, HTTP/2 and lanes.

Never decides about a connection that was made.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import cast

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.server.asgilane import AsgiLane
from cdnserve.server.fastlane import FastLane
from cdnserve.server.handshake import Door, Handshake
from cdnserve.server.lane import Lane
from cdnserve.server.settings import Settings
from cdnserve.server.tls import Certificate, keep_renewing
from cdnserve.server.watch import OnBuild, Watcher

# The names of RFC 7301's registry, the best first.
_H1, _H2 = "http/1.1", "h2"

# What uvicorn makes of a class: it is called with its configuration, state and loop.
Entrance = type[asyncio.Protocol]


def open_certificate(settings: Settings) -> Certificate | None:
    """Load the certificate that the settings name; raises ConfigurationError where it or HTTP/2 can't be had."""
    if settings.http2 and find_spec("zttp") is None:
        hint = "install it: python -m pip install 'cdnserve[http2]'"
        raise ConfigurationError([Problem("http2-not-installed", "HTTP/2 is not installed", "--http2", hint=hint)])
    if settings.pair is None:
        return None
    return Certificate(settings.pair, [_H2, _H1] if settings.http2 else [_H1])


def entrance(settings: Settings, lane: Lane, *, tells: bool) -> tuple[Entrance, list[Watcher]]:
    """Give what makes a protocol for each connection, and what must run beside it; `tells` who speaks for all."""
    plain = partial(FastLane if settings.fast_lane else AsgiLane, lane)
    certificate = open_certificate(settings)
    if certificate is None:
        return cast(Entrance, plain), []

    async def renew(_: Settings, stop: asyncio.Event, __: OnBuild) -> None:
        await keep_renewing(certificate, stop, tells=tells)

    protocols: dict[str, Callable[..., asyncio.Protocol]] = {_H1: plain}
    if settings.http2:
        from cdnserve.server.h2lane import H2Lane  # noqa: PLC0415 - its parser may not be installed

        protocols[_H2] = partial(H2Lane, lane)
    return cast(Entrance, partial(Handshake, Door(lane, certificate, protocols))), [renew]
