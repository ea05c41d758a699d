"""The routes below `/-/`: which function answers what; a new one is a line in the table.

A route is given a request and the view of the release that was served as it came. It runs in a thread, one at a time,
and returns `None` for what it doesn't know: then the next one whose prefix fits is asked, and in the end it is a 404.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cdnserve.web.message import WebContent, WebRequest
from cdnserve.web.view import CatalogView

Answer = Callable[[WebRequest, CatalogView], WebContent | None]


@dataclass(frozen=True, slots=True)
class Route:
    """The function that answers paths with a prefix; `api/v1` is that one and all below, `""` is every path.

    With `cors` pages of every origin may read its answers.
    """

    prefix: str
    answer: Answer
    cors: bool = False

    def takes(self, path: str) -> bool:
        """Return whether a path behind `/-/` is for this route."""
        return not self.prefix or path == self.prefix or path.startswith(f"{self.prefix}/")


ROUTES: tuple[Route, ...] = ()


def first_route(routes: Sequence[Route], path: str) -> Route | None:
    """Return the first route whose prefix fits; the others may answer what it doesn't know.

    >>> first_route([Route("api/v1", lambda _, __: None)], "api/v10")
    """
    return next((route for route in routes if route.takes(path)), None)
