"""What clients of other CDNs ask for: the fields that they read, as unpkg, jsDelivr and cdnjs name them."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cdnserve.origin.lookup import Origin
from cdnserve.origin.message import Reply, Request
from cdnserve.release.build import build
from cdnserve.release.store import Store
from cdnserve.server.endpoints import is_for_web
from cdnserve.web.answers import WebAnswers
from tests.web.test_view import integrity

MANIFEST = """\
schema = 1
[site]
url = "https://cdn.example.com"
unpkg-addresses = true
cdnjs-addresses = true
[[publish]]
path = "npm/jquery@2.0.0/**"
cors = "none"
[[publish]]
path = ["npm/**", "v1/**"]
cors = "any"
cache = "immutable"
"""
SOURCE, SMALL, OLD = b"var jQuery = 1;\n", b"var jQuery=1;\n", b"var jQuery = 0;\n"
PACKAGE = b'{"name": "jquery", "description": "DOM", "license": "MIT", "main": "dist/jquery.js"}'
FILES = {
    "npm/jquery@3.7.1/package.json": PACKAGE,
    "npm/jquery@3.7.1/dist/jquery.js": SOURCE,
    "npm/jquery@3.7.1/dist/jquery.min.js": SMALL,
    "npm/jquery@3.7.1/src/core/init.js": b"init();\n",
    "npm/jquery@3.6.0/package.json": PACKAGE,
    "npm/jquery@3.6.0/dist/jquery.js": OLD,
    "npm/jquery@2.0.0/dist/jquery.js": b"var hidden;\n",
    "v1/packages/npm/own": b"a file of one's own\n",
}


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> tuple[Origin, Store]:
    root, state = tmp_path_factory.mktemp("root"), tmp_path_factory.mktemp("state")
    for path, content in {**FILES, "manifest.toml": MANIFEST.encode()}.items():
        place: Path = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    build(root, state)
    store = Store(state)
    return Origin(store.load()), store


@pytest.fixture(scope="module")
def ask(origin: tuple[Origin, Store]) -> Callable[[str], Reply | None]:
    """Ask as a server does, which asks `web` only for what may be its."""
    found, store = origin
    answers = WebAnswers(store, lambda asset: store.content(asset.identity))

    def asking(target: str) -> Reply | None:
        path, _, query = (part.encode("ascii") for part in target.partition("?"))
        request = Request("GET", path, ((b"host", b"cdn.example.com"),))
        return asyncio.run(answers.answer(request, query, found)) if is_for_web(path, query, found) else None

    return asking


def told(reply: Reply | None, status: int = 200) -> Any:
    assert reply is not None
    assert (status, b"*") == (reply.status, reply.header(b"access-control-allow-origin"))
    assert isinstance(reply.body, bytes)
    return msgspec.json.decode(reply.body)


def base64_hash(octets: bytes) -> str:
    return base64.b64encode(hashlib.sha256(octets).digest()).decode()


def test_unpkg_lists_a_package_with_integrity(ask: Callable[[str], Reply | None]) -> None:
    found = told(ask("/jquery@3.7.1/?meta"))
    assert ("jquery", "3.7.1", "/") == (found["package"], found["version"], found["prefix"])
    files = {one["path"]: one for one in found["files"]}
    assert ["/dist/jquery.js", "/dist/jquery.min.js", "/package.json", "/src/core/init.js"] == list(files)
    expected = {"size": len(SOURCE), "type": "text/javascript", "integrity": integrity(SOURCE, "sha256")}
    assert expected == {key: files["/dist/jquery.js"][key] for key in expected}


def test_unpkg_lists_a_folder_and_a_file(ask: Callable[[str], Reply | None]) -> None:
    folder = told(ask("/jquery@3.7.1/dist/?meta"))
    assert ("/dist/", 2) == (folder["prefix"], len(folder["files"]))
    file = told(ask("/jquery@3.7.1/dist/jquery.js?meta"))
    assert ("/dist/jquery.js", integrity(SOURCE, "sha256")) == (file["path"], file["integrity"])


@pytest.mark.parametrize(
    ("target", "location"),
    [
        ("/jquery/?meta", b"../jquery@3.7.1/?meta"),
        ("/jquery?meta", b"./jquery@3.7.1/?meta"),
        ("/jquery@3.6/dist/?meta", b"../../jquery@3.6.0/dist/?meta"),
    ],
)
def test_unpkg_leads_from_a_range_to_a_version(
    ask: Callable[[str], Reply | None], target: str, location: bytes
) -> None:
    reply = ask(target)
    assert reply is not None
    assert (302, location) == (reply.status, reply.header(b"location"))


@pytest.mark.parametrize("target", ["/vue/?meta", "/jquery@2.0.0/?meta", "/jquery@3.7.1/lib/?meta", "/jquery@9/?meta"])
def test_unpkg_knows_nothing_else(ask: Callable[[str], Reply | None], target: str) -> None:
    assert ask(target) is None


def test_jsdelivr_lists_versions(ask: Callable[[str], Reply | None]) -> None:
    found = told(ask("/v1/packages/npm/jquery"))
    assert ("npm", "jquery", {"latest": "3.7.1"}) == (found["type"], found["name"], found["tags"])
    assert ["3.7.1", "3.6.0"] == [one["version"] for one in found["versions"]]
    assert "https://cdn.example.com/v1/packages/npm/jquery@3.7.1" == found["versions"][0]["links"]["self"]


def test_jsdelivr_lists_files_as_a_tree_or_flat(ask: Callable[[str], Reply | None]) -> None:
    found = told(ask("/v1/packages/npm/jquery@3.7.1"))
    assert "/dist/jquery.min.js" == found["default"]
    tree = {one["name"]: one for one in found["files"]}
    assert ["directory", "file", "directory"] == [one["type"] for one in tree.values()]
    assert ["dist", "package.json", "src"] == list(tree)
    small = {"type": "file", "name": "jquery.min.js", "hash": base64_hash(SMALL), "size": len(SMALL)}
    assert small == tree["dist"]["files"][1]
    assert "init.js" == tree["src"]["files"][0]["files"][0]["name"]
    flat = told(ask("/v1/packages/npm/jquery@3.7.1?structure=flat"))
    assert {"name": "/dist/jquery.js", "hash": base64_hash(SOURCE), "size": len(SOURCE)} == flat["files"][0]


def test_jsdelivr_resolves_and_names_entry_points(ask: Callable[[str], Reply | None]) -> None:
    assert "3.6.0" == told(ask("/v1/packages/npm/jquery/resolved?specifier=3.6"))["version"]
    assert told(ask("/v1/packages/npm/jquery/resolved?specifier=2"))["version"] is None
    assert "3.7.1" == told(ask("/v1/packages/npm/jquery/resolved"))["version"]
    points = told(ask("/v1/packages/npm/jquery@3.7.1/entrypoints"))["entrypoints"]
    assert {"js": {"file": "/dist/jquery.min.js", "guessed": False}} == points


def test_jsdelivr_looks_up_a_hash(ask: Callable[[str], Reply | None]) -> None:
    found = told(ask(f"/v1/lookup/hash/{hashlib.sha256(SMALL).hexdigest()}"))
    assert {"type": "npm", "name": "jquery", "version": "3.7.1", "file": "/dist/jquery.min.js"} == found


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/v1/packages/npm/vue", 404),
        ("/v1/packages/npm/jquery@2.0.0", 404),
        ("/v1/packages/npm/jquery@3.7.1/x", 404),
        ("/v1/packages/npm/", 404),
        (f"/v1/lookup/hash/{hashlib.sha256(FILES['npm/jquery@2.0.0/dist/jquery.js']).hexdigest()}", 404),
        ("/v1/lookup/hash/xyz", 400),
    ],
)
def test_jsdelivr_says_what_is_not_there(ask: Callable[[str], Reply | None], target: str, status: int) -> None:
    found = told(ask(target), status)
    assert status == found["status"]
    assert found["message"]


def test_a_file_of_ones_own_has_its_address(ask: Callable[[str], Reply | None]) -> None:
    assert ask("/v1/packages/npm/own") is None


def test_cdnjs_has_integrity_of_a_version(ask: Callable[[str], Reply | None]) -> None:
    found = told(ask("/libraries/jquery/3.7.1?fields=sri"))
    assert {"sri": {"jquery.js": integrity(SOURCE, "sha512"), "jquery.min.js": integrity(SMALL, "sha512")}} == found
    whole = told(ask("/libraries/jquery/3.7.1"))
    assert ("jquery", "3.7.1", ["jquery.js", "jquery.min.js"]) == (whole["name"], whole["version"], whole["files"])


def test_cdnjs_has_a_library(ask: Callable[[str], Reply | None]) -> None:
    found = told(ask("/libraries/jquery"))
    assert "https://cdn.example.com/ajax/libs/jquery/3.7.1/jquery.min.js" == found["latest"]
    assert ("3.7.1", ["3.6.0", "3.7.1"], "MIT") == (found["version"], found["versions"], found["license"])
    assert [["jquery.js"], ["jquery.js", "jquery.min.js"]] == [one["files"] for one in found["assets"]]
    few = told(ask("/libraries/jquery?fields=name,versions"))
    assert {"name": "jquery", "versions": ["3.6.0", "3.7.1"]} == few


def test_what_cdnjs_lists_is_where_it_says(ask: Callable[[str], Reply | None], origin: tuple[Origin, Store]) -> None:
    for file in told(ask("/libraries/jquery/3.7.1"))["files"]:
        found = origin[0].locate(f"/ajax/libs/jquery/3.7.1/{file}".encode())
        assert f"npm/jquery@3.7.1/dist/{file}" == found.path


@pytest.mark.parametrize("target", ["/libraries/vue", "/libraries/jquery/2.0.0", "/libraries/@x/y", "/libraries/"])
def test_cdnjs_says_what_is_not_there(ask: Callable[[str], Reply | None], target: str) -> None:
    found = told(ask(target), 404)
    assert (True, 404) == (found["error"], found["status"])


def test_addresses_that_the_manifest_leaves_off_are_none(web_site_off: Origin) -> None:
    for path, query in ((b"/jquery@3.7.1/", b"meta"), (b"/libraries/jquery", b"")):
        assert not is_for_web(path, query, web_site_off)
    assert is_for_web(b"/v1/packages/npm/jquery", b"", web_site_off)


@pytest.fixture
def web_site_off(origin: tuple[Origin, Store]) -> Origin:
    """The same release without the addresses of unpkg and cdnjs."""
    catalog = origin[0].catalog
    off = replace(catalog.site, unpkg_addresses=False, cdnjs_addresses=False)
    return Origin(msgspec.structs.replace(catalog, site=off))
