"""What clients of public CDNs ask for, as each CDN answers: unpkg's `?meta`, jsDelivr's data API, cdnjs's libraries.

They get the fields that they read, of what is listed here, and nothing of what only such a CDN knows (statistics).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from cdnserve.cdns.cdnjs import cdnjs_names, copied_folders, npm_file
from cdnserve.npm.spec import FOLDER
from cdnserve.origin.aliases import LibraryAddress, default_file, read_address, relative_reference
from cdnserve.release.catalog import Asset, Entries
from cdnserve.release.package_entries import library_folder
from cdnserve.rules.integrity import HashExpression, hash_expression
from cdnserve.rules.semver import newest
from cdnserve.web.message import WebContent, WebRequest
from cdnserve.web.packages import library_folder_of
from cdnserve.web.view import CatalogView

Json = dict[str, object]

_JSON = "application/json; charset=utf-8"
_PACKAGES, _HASHES, _LIBRARIES = "v1/packages/npm/", "v1/lookup/hash/", "libraries/"
_SHA256 = re.compile(r"[0-9a-fA-F]{64}", re.ASCII)


def answer_client(request: WebRequest, view: CatalogView) -> WebContent | None:
    """Answer what a client asks by an address of its CDN; `None` for what is none."""
    path = request.path
    if any(key == "meta" for key, _ in request.query):
        return _unpkg(path, view)
    if path.startswith(_PACKAGES):
        return _jsdelivr(path.removeprefix(_PACKAGES), request, view)
    if path.startswith(_HASHES):
        return _jsdelivr_hash(path.removeprefix(_HASHES), view)
    if path.startswith(_LIBRARIES):
        return _cdnjs(path.removeprefix(_LIBRARIES), request, view)
    return None


def _json(value: object, status: int = 200) -> WebContent:
    return WebContent(_JSON, msgspec.json.encode(value), status)


def _version(address: LibraryAddress, view: CatalogView) -> str | None:
    versions = view.listing.libraries.versions(address.name)
    return view.listing.libraries.best(address.name, address.version) if versions else None


def _unpkg(path: str, view: CatalogView) -> WebContent | None:
    """Return what unpkg says of a package, or of a folder or file in it; a range leads to the version that it means."""
    address = read_address(path, "unpkg")
    version = _version(address, view) if address else None
    if address is None or version is None:
        return None
    inner = address.file.rstrip("/")
    if version != address.version:
        place = relative_reference(path.split("/")[:-1], f"{address.name}@{version}/{address.file}")
        return WebContent("text/plain; charset=utf-8", b"", 302, ((b"location", f"{place}?meta".encode("ascii")),))
    home = library_folder_of(address.name, version)
    package: Json = {"package": address.name, "version": version}
    if asset := view.asset(f"{home}/{inner}"):
        return _json(package | _unpkg_file(f"/{inner}", f"{home}/{inner}", asset))
    below = view.listing.below(f"{home}/{inner}" if inner else home)
    if not below:
        return None
    files = [_unpkg_file(one.removeprefix(home), one, view.listing.catalog.assets[one]) for one in below]
    return _json(package | {"prefix": f"/{inner}/" if inner else "/", "files": files})


def _unpkg_file(inner: str, path: str, asset: Asset) -> Json:
    media_type = asset.media_type(path).partition(";")[0]
    integrity = hash_expression("sha256", asset.identity.sha256)
    return {"path": inner, "size": asset.identity.size, "type": media_type, "integrity": integrity}


def _jsdelivr(rest: str, request: WebRequest, view: CatalogView) -> WebContent:
    """Return what jsDelivr says of a package, of one version of it, or of which version a specifier means."""
    address = read_address(rest, "unpkg")
    if address is None or not view.listing.libraries.versions(address.name):
        return _jsdelivr_absent("Couldn't find the requested package.")
    name, version = address.name, address.version
    if version is None and address.file == "resolved":
        wanted = next(iter(request.values("specifier")), None)
        return _json(_linked(name, view.listing.libraries.best(name, wanted or None), view))
    if version is None and not address.file:
        return _json(_jsdelivr_package(name, view))
    if version in view.listing.libraries.versions(name) and version is not None:
        if address.file == "entrypoints":
            return _json({"entrypoints": _entry_points(name, version, view)})
        if not address.file:
            return _json(_jsdelivr_version(name, version, view, is_flat="flat" in request.values("structure")))
    return _jsdelivr_absent(f"Couldn't find version {version} for {name}." if version else "There is no such path.")


def _jsdelivr_absent(message: str) -> WebContent:
    return _json({"status": 404, "message": message}, 404)


def _linked(name: str, version: str | None, view: CatalogView) -> Json:
    links = {} if version is None else _links(name, version, view)
    return {"type": "npm", "name": name, "version": version, "links": links}


def _links(name: str, version: str, view: CatalogView) -> dict[str, str]:
    own = view.listing.url(f"{_PACKAGES}{name}@{version}")
    return {"self": own, "entrypoints": f"{own}/entrypoints"}


def _jsdelivr_package(name: str, view: CatalogView) -> Json:
    versions = tuple(reversed(view.listing.libraries.versions(name)))
    listed = [{"version": one, "links": _links(name, one, view)} for one in versions]
    return {"type": "npm", "name": name, "tags": {"latest": newest(versions)}, "versions": listed, "links": {}}


def _jsdelivr_version(name: str, version: str, view: CatalogView, *, is_flat: bool) -> Json:
    home = library_folder_of(name, version)
    default = _default(home, view)
    files = _flat(home, view) if is_flat else _tree(home, view)
    return _linked(name, version, view) | {"default": f"/{default}" if default else None, "files": files}


def _default(home: str, view: CatalogView) -> str:
    catalog = view.listing.catalog
    return default_file(catalog.packages.get(home, Entries()), "jsdelivr", home, catalog.assets)


def _flat(home: str, view: CatalogView) -> list[Json]:
    assets = view.listing.catalog.assets
    return [_jsdelivr_file(path.removeprefix(home), assets[path]) for path in view.listing.below(home)]


def _jsdelivr_file(name: str, asset: Asset) -> Json:
    digest = base64.b64encode(asset.identity.sha256).decode("ascii")
    return {"name": name, "hash": digest, "size": asset.identity.size}


def _tree(home: str, view: CatalogView) -> list[Json]:
    """Return the files of a folder as a tree, its folders first."""
    top: list[Json] = []
    folders: dict[str, list[Json]] = {home: top}
    for path in view.listing.below(home):
        folder, _, name = path.rpartition("/")
        for inner in _new_folders(folder, folders):
            folders[inner] = []
            parent, _, own = inner.rpartition("/")
            folders[parent].append({"type": "directory", "name": own, "files": folders[inner]})
        folders[folder].append({"type": "file"} | _jsdelivr_file(name, view.listing.catalog.assets[path]))
    return top


def _new_folders(folder: str, known: Mapping[str, object]) -> Iterable[str]:
    """Return the folders around a file that aren't known yet, the outermost first."""
    found = []
    while folder not in known:
        found.append(folder)
        folder = folder.rpartition("/")[0]
    return reversed(found)


def _entry_points(name: str, version: str, view: CatalogView) -> Json:
    found = view.version(name, version)
    kinds = {"script": "js", "module": "js", "style": "css"}
    home = library_folder_of(name, version)
    tags = [one for one in found.snippets if one.use == "tag" and one.kind in kinds] if found else []
    return {kinds[one.kind]: {"file": one.path.removeprefix(home), "guessed": False} for one in tags}


def _jsdelivr_hash(text: str, view: CatalogView) -> WebContent:
    """Return the file of a library that has the sha256 which is written in hexadecimal."""
    if not _SHA256.fullmatch(text):
        return _json({"status": 400, "message": "The hash must be a sha256 in hexadecimal."}, 400)
    for path in view.listing.with_digest(HashExpression("sha256", bytes.fromhex(text))):
        if home := library_folder(path):
            name, _, version = home.removeprefix(f"{FOLDER}/").rpartition("@")
            return _json({"type": "npm", "name": name, "version": version, "file": path.removeprefix(home)})
    return _jsdelivr_absent("Couldn't find a file with this hash.")


def _cdnjs(rest: str, request: WebRequest, view: CatalogView) -> WebContent:
    """Return what cdnjs says of a library, or of one version of it; `fields` chooses."""
    name, slash, version = rest.partition("/")
    versions = dict(_cdnjs_versions(name, view))
    wanted = {field for value in request.values("fields") for field in value.split(",") if field}
    if not versions:
        return _json({"error": True, "status": 404, "message": "Library not found"}, 404)
    if not slash:
        found = _cdnjs_library(name, versions, view, with_assets=not wanted or "assets" in wanted)
    elif version in versions:
        found = {"name": name, "version": version} | _cdnjs_asset(name, versions[version], view)
    else:
        return _json({"error": True, "status": 404, "message": "Version not found"}, 404)
    return _json({key: value for key, value in found.items() if not wanted or key in wanted})


def _cdnjs_versions(name: str, view: CatalogView) -> Iterator[tuple[str, str]]:
    """Yield the hosted versions of cdnjs's library, each with the folder of its package."""
    # A library's package may have been another one in earlier versions.
    packages = dict.fromkeys(npm_file(name, version, "", cdnjs_names()).package for version in ("0.0.0", "999.0.0"))
    for package in packages:
        for version in view.listing.libraries.versions(package):
            found = npm_file(name, version, "", cdnjs_names())
            if found.is_vouched and found.package == package:
                yield version, library_folder_of(package, version)


def _cdnjs_paths(name: str, home: str, view: CatalogView) -> dict[str, str]:
    """Return the files of a version as cdnjs calls them, each with its path: its address of cdnjs leads there."""
    version, assets = home.rpartition("@")[2], view.listing.catalog.assets
    usual = (folder.rstrip("/") for folder in npm_file(name, version, "", cdnjs_names()).files)
    copied = copied_folders(name, cdnjs_names()) or [
        next((one for one in usual if view.listing.span(f"{home}/{one}".rstrip("/"))), "")
    ]
    befores = [f"{home}/{folder}/" if folder else f"{home}/" for folder in sorted(copied, key=len, reverse=True)]
    found = {}
    for path in view.listing.below(home):
        for before in befores:
            file = path.removeprefix(before)
            places = npm_file(name, version, file, cdnjs_names()).files if path.startswith(before) else ()
            if path == next((one for place in places if (one := f"{home}/{place}") in assets), None):
                found[file] = path
                break
    return found


def _cdnjs_asset(name: str, home: str, view: CatalogView) -> Json:
    assets = {file: view.listing.catalog.assets[path] for file, path in _cdnjs_paths(name, home, view).items()}
    sri = {file: hash_expression("sha512", asset.sha512) for file, asset in assets.items() if not asset.is_coded}
    return {"rawFiles": list(assets), "files": list(assets), "sri": sri}


def _cdnjs_library(name: str, homes: Mapping[str, str], view: CatalogView, *, with_assets: bool) -> Json:
    version = newest(homes) or ""
    home = homes[version]
    default = f"{home}/{_default(home, view)}"
    filename = next((file for file, path in _cdnjs_paths(name, home, view).items() if path == default), None)
    asset = view.asset(default)
    facts = view.package(home)
    shown = homes.items() if with_assets else ()
    return {
        "name": name,
        "latest": view.listing.url(f"ajax/libs/{name}/{version}/{filename}") if filename else None,
        "sri": hash_expression("sha512", asset.sha512) if asset else None,
        "filename": filename,
        "version": version,
        "versions": list(homes),
        "description": facts.description,
        "homepage": facts.homepage,
        "keywords": list(facts.keywords),
        "license": facts.licence,
        "repository": {"type": "git", "url": facts.repository},
        "assets": [{"version": one} | _cdnjs_asset(name, place, view) for one, place in shown],
    }
