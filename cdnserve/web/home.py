"""Home: the libraries and folders that a release lists, and the search through them."""

from __future__ import annotations

from cdnserve.display import alike
from cdnserve.web.message import WebContent, WebRequest
from cdnserve.web.rendering import PageLink, not_found, quoted_path, render
from cdnserve.web.search import LONGEST_QUERY
from cdnserve.web.view import CatalogView, paged

_PER_PAGE = 60
_MOST_NEAR = 5


def answer_home(request: WebRequest, view: CatalogView) -> WebContent | None:
    """Answer `/-/`, and with a page that helps whatever nothing else below it answers, but for the API."""
    if request.path:
        return None if request.path.startswith("api/") else _absent(request, view)
    query, page = first_value(request, "q")[:LONGEST_QUERY].strip(), page_number(request)
    values: dict[str, object] = {"query": query, "here": "home"}
    if query:
        hits = view.search(query, page, _PER_PAGE)
        if page > 1 and not hits.items:
            return not_found(request, view, "There are fewer pages of results.")
        values |= {"hits": hits, "empty": False, "near": () if hits.total else _near(query, view)}
        return render("home.html", request, view, values)
    libraries = paged(view.libraries, page, _PER_PAGE, lambda library: library)
    if page > 1 and not libraries.items:
        return not_found(request, view, "There are fewer pages of libraries.")
    folders = view.own_folders
    values |= {"libraries": libraries, "folders": folders, "empty": not libraries.total and not folders}
    return render("home.html", request, view, values)


def first_value(request: WebRequest, name: str) -> str:
    """Return the first value of a parameter, `""` where it isn't there."""
    return next(iter(request.values(name)), "")


def page_number(request: WebRequest) -> int:
    """Return the page that is asked for, from 1; what is no number is the first."""
    text = first_value(request, "page")
    return max(1, int(text)) if text.isascii() and text.isdigit() and len(text) < 8 else 1


def _absent(request: WebRequest, view: CatalogView) -> WebContent:
    return not_found(request, view, "No page has this address.", _near(request.path.strip("/")[:LONGEST_QUERY], view))


def _near(text: str, view: CatalogView) -> tuple[PageLink, ...]:
    near = alike(text.casefold(), view.listing.libraries.names, _MOST_NEAR)
    return tuple(PageLink(name, f"npm/{quoted_path(name)}/") for name in near)
