"""The exposition of all metrics: Prometheus' text format, or OpenMetrics where it is asked for.

Never makes it more than once a second, however often it is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from time import monotonic
from typing import TYPE_CHECKING

from cdnserve.release.catalog import Catalog
from cdnserve.server.metrics.board import Board

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

_FRESH_SECONDS = 1.0
# What a scraper writes. prometheus_client repeats the version that it was asked for, and trips over what is none.
_PARAMETER = r" ?; ?(?:version=[0-9]\.[0-9]\.[0-9]|(?:q|charset|escaping)=[a-z0-9.-]{1,20})"
_ELEMENT = re.compile(rf" ?(?:text/plain|application/openmetrics-text)(?:{_PARAMETER}){{0,4}} ?", re.ASCII)
_LONGEST = 1000
_FORMATS = 8


class Exposition:
    """The text of all metrics in each format, kept for as long as it is fresh."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._kept: dict[str, tuple[float, bytes]] = {}

    def text(self, accept: str, catalog: Catalog | None) -> tuple[str, bytes]:
        """Give media type and content; the first time is slow, for it loads prometheus_client."""
        # Most servers are never asked, and none shall start later for it.
        from prometheus_client.exposition import choose_encoder  # noqa: PLC0415

        encode, media_type = choose_encoder(acceptable(accept))
        made, content = self._kept.get(media_type, (0.0, b""))
        if not content or monotonic() - made >= _FRESH_SECONDS:
            content = encode(_Collector(self._board, catalog))
            if len(self._kept) >= _FORMATS:
                self._kept.clear()
            self._kept[media_type] = (monotonic(), content)
        return media_type, content


def acceptable(accept: str) -> str:
    """Leave of an Accept field what names a format.

    >>> acceptable("application/openmetrics-text; version=1.0.0; q=0.8, text/*, text/plain;version=x")
    'application/openmetrics-text; version=1.0.0; q=0.8'
    """
    return ",".join(filter(_ELEMENT.fullmatch, accept[:_LONGEST].split(",")))


class _Collector:
    def __init__(self, board: Board, catalog: Catalog | None) -> None:
        self._board = board
        self._catalog = catalog

    def collect(self) -> Iterator[Metric]:
        from cdnserve.server.metrics.families import families  # noqa: PLC0415

        return families(self._board.read(), self._catalog)
