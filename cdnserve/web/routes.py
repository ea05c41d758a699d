"""The routes below `/-/`: which function answers what; a new one is a line in the table.

A route is given a request and the view of the release that was served as it came. It runs in a thread, one at a time
but for those that take long, and returns `None` for what it doesn't know: then the next one whose prefix fits is asked,
and in the end it is a 404.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cdnserve.web.api import PREFIX, answer
from cdnserve.web.cdn_clients import answer_client
from cdnserve.web.file import answer_file, answer_specimen
from cdnserve.web.history import answer_compare, answer_releases
from cdnserve.web.home import answer_home
from cdnserve.web.library import answer_folder, answer_library
from cdnserve.web.message import WebContent, WebRequest
from cdnserve.web.openapi import answer_page, describe
from cdnserve.web.static import answer_own_asset
from cdnserve.web.view import CatalogView

Answer = Callable[[WebRequest, CatalogView], WebContent | None]


@dataclass(frozen=True, slots=True)
class Route:
    """The function that answers paths with a prefix; `api/v1` is that one and all below, `""` is every path.

    With `cors` pages of every origin may read its answers. Where a site has no pages, a route with `is_page` is not
    there; what fails is told as a page there. One that `takes_long` doesn't let the others wait.
    """

    prefix: str
    answer: Answer
    cors: bool = False
    is_page: bool = False
    takes_long: bool = False

    def takes(self, path: str) -> bool:
        """Return whether a path behind `/-/` is for this route."""
        return not self.prefix or path == self.prefix or path.startswith(f"{self.prefix}/")


ROUTES: tuple[Route, ...] = (
    Route(PREFIX, describe, cors=True),
    Route(PREFIX, answer_page),
    Route(PREFIX, answer, cors=True),
    Route("assets", answer_own_asset),
    Route("npm", answer_library, is_page=True),
    Route("folder", answer_folder, is_page=True),
    Route("file", answer_file, is_page=True, takes_long=True),
    Route("specimen", answer_specimen, is_page=True),
    Route("compare", answer_compare, is_page=True),
    Route("releases", answer_releases, is_page=True, takes_long=True),
    Route("", answer_home, is_page=True),
)


CLIENT_ROUTES: tuple[Route, ...] = (Route("", answer_client, cors=True),)
"""What answers at the addresses of other CDNs, where no file of that path is public."""


def first_route(routes: Sequence[Route], path: str) -> Route | None:
    """Return the first route whose prefix fits; the others may answer what it doesn't know.

    >>> first_route([Route("api/v1", lambda _, __: None)], "api/v10")
    """
    return next((route for route in routes if route.takes(path)), None)
