"""Applications of other projects, set up as their documentation shows, for the comparison.

Never part of cdnserve.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any


def starlette_app() -> Any:
    """Make StaticFiles behind CORSMiddleware."""
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.middleware.cors import CORSMiddleware
    from starlette.routing import Mount
    from starlette.staticfiles import StaticFiles

    files = StaticFiles(directory=os.environ["BENCH_ROOT"])
    return Starlette(routes=[Mount("/", files)], middleware=[Middleware(CORSMiddleware, allow_origins=["*"])])


def whitenoise_app() -> Any:
    """Make WhiteNoise in front of an application that knows nothing."""
    from whitenoise import WhiteNoise

    def nothing(_: dict[str, object], start: Callable[..., object]) -> Iterable[bytes]:
        start("404 Not Found", [("Content-Length", "0")])
        return []

    return WhiteNoise(nothing, root=os.environ["BENCH_ROOT"], max_age=31_536_000)
