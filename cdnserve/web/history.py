"""Pages of what changed: between two versions of a library, and from each release to the next."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from cdnserve.web.home import page_number
from cdnserve.web.library import unknown_library
from cdnserve.web.message import WebContent, WebRequest
from cdnserve.web.rendering import PageLink, not_found, quoted_path, redirect, render
from cdnserve.web.view import CatalogView

_RELEASES_PER_PAGE = 20
_MOST_SHOWN = 30
_MOST_CHANGES = 1000


def answer_compare(request: WebRequest, view: CatalogView) -> WebContent | None:
    """Answer `/-/compare/NAME/A...B`; a range or a tag leads to the versions that it means today."""
    name, _, pair = request.path.removeprefix("compare/").rpartition("/")
    old, dots, new = pair.partition("...")
    if not view.listing.libraries.versions(name):
        return unknown_library(request, view, name or pair)
    wanted = [view.resolve(name, version or None) for version in (old, new)]
    first, second = wanted
    if not dots or first is None or second is None:
        versions = tuple(reversed(view.listing.libraries.versions(name)))
        near = tuple(
            PageLink(f"{older} to {newer}", f"compare/{quoted_path(f'{name}/{older}...{newer}')}")
            for newer, older in pairwise(versions[:_MOST_SHOWN])
        )
        return not_found(request, view, f"Two hosted versions of {name} are compared as OLD...NEW.", near)
    if (first.version, second.version) != (old, new):
        return redirect(request, f"compare/{quoted_path(f'{name}/{first.version}...{second.version}')}")
    compared = view.compare(name, old, new)
    if compared is None:
        return None
    shown = compared.changes[:_MOST_CHANGES]
    kinds = [one.change for one in compared.changes]
    counts = {kind: kinds.count(kind) for kind in ("added", "removed", "changed")}
    return render("compare.html", request, view, {"compared": compared, "changes": shown, "counts": counts})


def answer_releases(request: WebRequest, view: CatalogView) -> WebContent | None:
    """Answer `/-/releases`."""
    if request.path.strip("/") != "releases":
        return None
    found = view.releases(page_number(request), _RELEASES_PER_PAGE)
    if not found.items:
        return not_found(request, view, "There are fewer pages of releases.")
    values = {"releases": found, "most": _MOST_SHOWN, "here": "releases"}
    return replace(render("releases.html", request, view, values), lasting=False)  # others are removed meanwhile
