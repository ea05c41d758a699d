"""Pages of libraries and folders: what to paste, what is known of the package, and the files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote

from cdnserve.display import alike
from cdnserve.npm.spec import FOLDER
from cdnserve.origin.aliases import read_address
from cdnserve.web.home import first_value, page_number
from cdnserve.web.message import WebContent, WebRequest
from cdnserve.web.model import ListedVersion, UsageSnippet
from cdnserve.web.packages import library_folder_of
from cdnserve.web.rendering import PageLink, not_found, quoted_path, redirect, render
from cdnserve.web.search import LONGEST_QUERY
from cdnserve.web.tree import TreeMaker, steps
from cdnserve.web.view import CatalogView

_MOST_NEAR, _MOST_COMPARED = 5, 8
_TITLES = {
    ("tag", "script"): "Script tag",
    ("tag", "module"): "Module",
    ("tag", "style"): "Stylesheet",
    ("tag", "font"): "Font preload",
    ("tag", "image"): "Image",
    ("importmap", "module"): "Import map",
}
_BY_USE = {"tag": "Tag", "importmap": "Import map", "csp": "CSP sources", "url": "URL"}


@dataclass(frozen=True, slots=True)
class TitledSnippet:
    """A text to paste, as a page shows it."""

    title: str
    text: str
    notes: tuple[str, ...]


def titled(snippets: tuple[UsageSnippet, ...], folder: str = "") -> Iterator[TitledSnippet]:
    """Name the snippets of a page; where there are several of one kind, each with its file."""
    titles = [_TITLES.get((one.use, one.kind), _BY_USE[one.use]) for one in snippets]
    for title, one in zip(titles, snippets, strict=True):
        several = titles.count(title) > 1 and one.path
        name = f"{title}: {one.path.removeprefix(f'{folder}/')}" if several else title
        # Those of a tag stand in it, as comments.
        yield TitledSnippet(name, one.text, () if one.use == "tag" else one.notes)


def answer_library(request: WebRequest, view: CatalogView) -> WebContent | None:
    """Answer `/-/npm/NAME[@VERSION]/`; what else lies below it leads to its own page."""
    address = read_address(request.path.removesuffix("/"), "jsdelivr")
    if address is None or not address.name:
        return None
    resolved = view.resolve(address.name, address.version)
    if resolved is None:
        return unknown_library(request, view, address.name)
    folder = library_folder_of(resolved.name, resolved.version)
    if address.file:
        return _inner(request, view, folder, address.file)
    if address.version not in (None, resolved.version):
        return redirect(request, f"{quoted_path(folder)}/")
    library = view.version(resolved.name, resolved.version)
    return _page(request, view, library, folder) if library else None


def _page(request: WebRequest, view: CatalogView, library: ListedVersion, folder: str) -> WebContent:
    others = [version for version in library.versions if version != library.version]
    files = _files(request, view, folder, quoted_path(folder) + "/")
    if files is None:
        return not_found(request, view, "The library has no such folder.")
    values = {
        "library": library,
        "snippets": tuple(titled(library.snippets, folder)),
        "compared": others[:_MOST_COMPARED],
        "needed": (*library.package.dependencies, *library.package.peer_dependencies),
    }
    return render("library.html", request, view, files | values)


def _files(request: WebRequest, view: CatalogView, folder: str, here: str) -> dict[str, object] | None:
    """Return what the list of files shows: a folder, or what a filter finds below it; `None` for no folder."""
    up = "../" * (request.head.raw_path.count(b"/") - 2) or "./"
    text, directory = first_value(request, "filter")[:LONGEST_QUERY].strip(), first_value(request, "dir").strip("/")
    base = "/".join(filter(None, (folder, directory)))
    maker = TreeMaker(view.listing, folder, f"{up}{here}?dir=")
    tree = maker.filtered(base, text) if text else maker.tree(base, page_number(request))
    if not tree.nodes and not text and (directory or tree.page > 1):
        return None
    return {
        "tree": tree,
        "filter": text,
        "directory": directory,
        "inner": steps(directory),
        "folder_name": folder.removeprefix(f"{FOLDER}/"),
        "here_address": f"{up}{here}",
    }


def _inner(request: WebRequest, view: CatalogView, folder: str, file: str) -> WebContent:
    """Lead to the page of a file, or to a folder in the list of files."""
    path = f"{folder}/{file}"
    if view.asset(path):
        return redirect(request, f"file/{quoted_path(path)}")
    if view.listing.below(path):
        return redirect(request, f"{quoted_path(folder)}/?dir={quote(file)}")
    text = f"{folder.removeprefix(f'{FOLDER}/')} has no such file."
    near = alike(path, view.listing.below(folder), _MOST_NEAR)
    return not_found(request, view, text, tuple(PageLink(one, f"file/{quoted_path(one)}") for one in near))


def unknown_library(request: WebRequest, view: CatalogView, name: str) -> WebContent:
    """Return the page that says what is hosted instead."""
    versions = view.listing.libraries.versions(name)
    if versions:
        newest = [library_folder_of(name, version) for version in reversed(versions[-_MOST_NEAR:])]
        near = tuple(PageLink(one.removeprefix(f"{FOLDER}/"), f"{quoted_path(one)}/") for one in newest)
        return not_found(request, view, "This version is not hosted.", near)
    names = alike(name[:LONGEST_QUERY], view.listing.libraries.names, _MOST_NEAR)
    near = tuple(PageLink(one, f"{FOLDER}/{quoted_path(one)}/") for one in names)
    return not_found(request, view, "No library of this name is listed here.", near)


def answer_folder(request: WebRequest, view: CatalogView) -> WebContent | None:
    """Answer `/-/folder/PATH/`, for files that belong to no library; without a path it is all of the root."""
    folder = request.path.removeprefix("folder").strip("/")
    files = _files(request, view, folder, f"folder/{quoted_path(folder)}/" if folder else "folder/")
    if files is None or (folder and not view.listing.below(folder)):
        return not_found(request, view, "No folder of this name is listed here.")
    return render("folder.html", request, view, files | {"folder": folder})
